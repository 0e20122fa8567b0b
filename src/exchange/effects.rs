//! The switchboard's effects, carried out in order as SIP and relay commands. Decides nothing.

use crate::dialplan::route::OutboundPermit;
use crate::domain::call::{Extension, LegId};
use crate::domain::key::Key;
use crate::domain::now::Now;
use crate::media::command::Command as MediaCommand;
use crate::media::ear::Terms;
use crate::sip::api::{Invite, Transport};
use crate::switchboard::effect::{self, Effect, Refuse};
use crate::switchboard::input::{Input, Refusal};

use super::legs::{Leg, LegMedia, Side};
use super::{Exchange, Output, RECORD_WAIT, media_plan};

/// RFC 3326, RULES 2.3.
pub(super) const ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

impl Exchange {
    pub(super) fn effect(&mut self, now: Now, effect: Effect) {
        match effect {
            Effect::RingPhone { leg, extension, number, name } => self.ring_phone(now, leg, extension, &number, &name),
            Effect::CallOut { leg, trunk, permit } => self.call_out(now, leg, trunk, &permit),
            Effect::Ringing(leg) => self.progress(now, leg, false),
            Effect::EarlyMedia(leg) => self.progress(now, leg, true),
            Effect::Answer(leg) => self.answer(now, leg),
            Effect::Refuse { leg, why } => self.refuse(now, leg, why),
            Effect::Cancel { leg, elsewhere } => self.cancel(now, leg, elsewhere),
            Effect::HangUp(leg) => self.hang_up(now, leg),
            Effect::Join(a, b) => self.media(MediaCommand::Join(a, b)),
            Effect::Play(leg, sound) => {
                let source = self.sounds.source(&sound);
                self.media(MediaCommand::Play(leg, source));
            }
            Effect::Overlay(leg, sound) => {
                let source = sound.map(|s| self.sounds.source(&s));
                self.media(MediaCommand::Overlay(leg, source));
            }
            Effect::Listen(leg, effect::Terms { max, silence, patience }) => {
                self.media(MediaCommand::Listen(leg, Terms { max, silence, patience }));
            }
            Effect::StopListening(leg) => self.media(MediaCommand::StopListening(leg)),
            Effect::KeepPrompt { leg, name, wav } => self.outputs.push_back(Output::Prompt(leg, name, wav)),
            Effect::Party { leg, number, name } => self.tell_party(now, leg, &number, &name),
            Effect::PassKeys { leg, to } => {
                if let Some(leg) = self.legs.get_mut(leg) {
                    leg.passes_keys_to = to;
                }
            }
            Effect::Keys(leg, keys) => self.media(MediaCommand::Keys(leg, keys.into_iter().map(Key::sign).collect())),
            Effect::Transfer { leg, accepted } => {
                if let Some(session) = self.session(leg) {
                    self.endpoint.respond_refer(now.instant, session, if accepted { 202 } else { 403 });
                }
            }
            Effect::TransferResult { leg, status } => {
                if let Some(session) = self.session(leg) {
                    self.endpoint.notify(now.instant, session, sipfrag(status), status >= 200);
                }
            }
            Effect::Record(seq, record) => {
                if let crate::domain::call::Record::Opened { call, .. } = &record {
                    if let Some(leg) = self.opening.take() {
                        self.link_leg(now, *call, leg);
                    }
                    self.unrecorded.push_back((now.instant + RECORD_WAIT, seq));
                }
                self.outputs.push_back(Output::Record(seq, record));
            }
            Effect::Reply(ticket, result) => self.outputs.push_back(Output::Reply(ticket, result)),
            Effect::Idle => self.outputs.push_back(Output::Idle),
        }
    }

    fn ring_phone(&mut self, now: Now, id: LegId, extension: Extension, number: &str, name: &str) {
        let bindings = self.registrar.bindings(&extension);
        let Some(first) = bindings.first() else {
            return self.inputs.push_back(Input::Refused { leg: id, why: Refusal::Silent });
        };
        let source = first.flow.remote.ip();
        let Some(mut media) = self.open_media(id, source) else {
            return self.inputs.push_back(Input::Refused { leg: id, why: Refusal::Other(500) });
        };
        let sdp = media_plan::our_offer(&mut media);
        self.legs.insert(id, Leg::new(Side::Phone(extension.clone()), Vec::new(), source, media));
        for binding in bindings {
            let host = binding.flow.local;
            let invite = Invite {
                flow: binding.flow,
                request_uri: binding.contact_uri.clone(),
                from: name_addr(name, number, &host.ip().to_string()),
                to: format!("<sip:{}@{}>", extension.0, host.ip()),
                contact: format!("<sip:rappel@{host}{}>", transport_param(binding.flow.transport)),
                headers: self.asserted(number, name, &host.ip().to_string()),
                sdp: sdp.clone(),
                credentials: None,
                large: None,
            };
            if let Ok(session) = self.endpoint.invite(now.instant, invite) {
                self.legs.attach(id, session);
            }
        }
        self.link(now, id);
        if self.legs.get(id).is_some_and(|l| l.sessions.is_empty()) {
            self.drop_leg(id);
            self.inputs.push_back(Input::Refused { leg: id, why: Refusal::Other(500) });
        }
    }

    /// Towards our own phones the caller is asserted as we know it (RFC 3325), a withheld one not at all.
    pub(super) fn asserted(&self, number: &str, name: &str, host: &str) -> Vec<(&'static str, String)> {
        if number.is_empty() { Vec::new() } else { vec![("P-Asserted-Identity", name_addr(name, number, host))] }
    }

    fn call_out(&mut self, now: Now, id: LegId, trunk: usize, permit: &OutboundPermit) {
        let silent = |exchange: &mut Exchange| exchange.inputs.push_back(Input::Refused { leg: id, why: Refusal::Silent });
        let Some(remote) = self.lines.destination(trunk) else { return silent(self) };
        let Some(local) = self.outside.local(self.lines.transport(trunk), remote.ip()) else { return silent(self) };
        let Some(mut media) = self.open_media(id, remote.ip()) else {
            return self.inputs.push_back(Input::Refused { leg: id, why: Refusal::Other(500) });
        };
        let sdp = media_plan::our_offer(&mut media);
        let large = self.outside.local(Transport::Tcp, remote.ip());
        let invite = Invite { large, ..self.lines.invite(trunk, remote, local, permit, sdp) };
        match self.endpoint.invite(now.instant, invite) {
            Ok(session) => {
                self.legs.insert(id, Leg::new(Side::Trunk(trunk), vec![session], remote.ip(), media));
                self.link(now, id);
            }
            Err(_) => {
                self.media(MediaCommand::Close(id));
                self.inputs.push_back(Input::Refused { leg: id, why: Refusal::Other(500) });
            }
        }
    }

    fn progress(&mut self, now: Now, id: LegId, with_sound: bool) {
        let Some(session) = self.session(id) else { return };
        if with_sound {
            let sdp = self.answer_caller(id);
            self.endpoint.progress(now.instant, session, 183, sdp);
        } else {
            self.endpoint.progress(now.instant, session, 180, None);
        }
    }

    fn answer(&mut self, now: Now, id: LegId) {
        let Some(session) = self.session(id) else { return };
        let sdp = match self.answer_caller(id) {
            Some(sdp) => sdp,
            None => match self.legs.get_mut(id) {
                // the INVITE had no offer: ours goes in the 200, the answer comes in the ACK
                Some(leg) => media_plan::our_offer(&mut leg.media),
                None => return,
            },
        };
        if let Some(leg) = self.legs.get_mut(id) {
            leg.answered = true;
        }
        self.endpoint.answer(now.instant, session, sdp);
    }

    /// Our answer to a caller's offer, and the relay told of it once: what is said again agrees nothing new. `None` without an offer.
    fn answer_caller(&mut self, id: LegId) -> Option<Vec<u8>> {
        let leg = self.legs.get_mut(id)?;
        let phone = matches!(leg.side, Side::Phone(_));
        let first = leg.media.version == 0;
        let (sdp, negotiated) = media_plan::our_answer(&mut leg.media, leg.source, phone, false)?;
        if first {
            self.media(MediaCommand::Negotiated { leg: id, with: negotiated });
        }
        Some(sdp)
    }

    fn refuse(&mut self, now: Now, id: LegId, why: Refuse) {
        if let Some(session) = self.session(id) {
            let (status, headers) = refusal(why);
            self.endpoint.refuse(now.instant, session, status, headers);
        }
        self.drop_leg(id);
    }

    fn cancel(&mut self, now: Now, id: LegId, elsewhere: bool) {
        let sessions = self.legs.get(id).map(|l| l.sessions.clone()).unwrap_or_default();
        for session in sessions {
            self.endpoint.cancel(now.instant, session, elsewhere.then_some(ELSEWHERE));
        }
        self.drop_leg(id);
    }

    fn hang_up(&mut self, now: Now, id: LegId) {
        let sessions = self.legs.get(id).map(|l| l.sessions.clone()).unwrap_or_default();
        for session in sessions {
            self.endpoint.bye(now.instant, session, None);
        }
        self.drop_leg(id);
    }

    /// A leg that we called belongs to the call that the switchboard opened it for.
    fn link(&mut self, now: Now, id: LegId) {
        if let Some(call) = self.line.call_of(id) {
            self.link_leg(now, call, id);
        }
    }

    /// A port for the leg, and the relay told of it.
    pub(super) fn open_media(&mut self, id: LegId, peer: std::net::IpAddr) -> Option<LegMedia> {
        let local = self.outside.reserve(id, peer)?;
        Some(LegMedia {
            local,
            // RFC 8866 5.2: numeric, unique; kept under 2^62 for readers with signed integers
            id: self.entropy.u64() >> 2,
            version: 0,
            remote: None,
            offered: false,
            heard: false,
        })
    }

    pub(super) fn drop_leg(&mut self, id: LegId) {
        if self.legs.remove(id).is_some() {
            self.media(MediaCommand::Close(id));
        }
    }

    pub(super) fn session(&self, id: LegId) -> Option<crate::sip::api::SessionId> {
        self.legs.get(id).and_then(|l| l.sessions.first().copied())
    }

    pub(super) fn media(&mut self, command: MediaCommand) {
        self.outputs.push_back(Output::Media(command));
    }
}

/// The status each refusal is told by. To the trunk never 503: operators stop sending after it (row 20).
fn refusal(why: Refuse) -> (u16, Vec<(&'static str, String)>) {
    match why {
        Refuse::Unavailable => (480, Vec::new()),
        Refuse::Busy => (486, Vec::new()),
        Refuse::NotFound => (404, Vec::new()),
        Refuse::Barred => (403, Vec::new()),
        Refuse::NoChannel => (503, vec![("Retry-After", "10".to_owned())]),
        Refuse::NotAcceptable => (488, Vec::new()),
        Refuse::Overloaded => (500, Vec::new()),
        Refuse::Cancelled => (487, Vec::new()),
        Refuse::Status(status) => (status, Vec::new()),
    }
}

/// RFC 3515 2.4.5: the status line that a NOTIFY of a transfer carries.
fn sipfrag(status: u16) -> &'static str {
    match status {
        100..=179 => "SIP/2.0 100 Trying",
        180..=199 => "SIP/2.0 180 Ringing",
        200..=299 => "SIP/2.0 200 OK",
        486 => "SIP/2.0 486 Busy Here",
        _ => "SIP/2.0 480 Temporarily Unavailable",
    }
}

/// `"name" <sip:number@host>` from a number as screens show it; an unknown caller is anonymous (RFC 3323 4.1.1.3).
pub(super) fn name_addr(name: &str, number: &str, host: &str) -> String {
    let user: String = number.chars().filter(|c| c.is_ascii_digit() || "+*#".contains(*c)).collect();
    let (user, host) = if user.is_empty() { ("anonymous".to_owned(), "anonymous.invalid") } else { (user.replace('#', "%23"), host) };
    if name.is_empty() {
        format!("<sip:{user}@{host}>")
    } else {
        format!("\"{}\" <sip:{user}@{host}>", name.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

pub(super) fn transport_param(transport: crate::sip::api::Transport) -> &'static str {
    match transport {
        crate::sip::api::Transport::Udp => "",
        crate::sip::api::Transport::Tcp => ";transport=tcp",
    }
}
