//! SIP events and relay reports, turned into inputs of the switchboard.

use crate::domain::call::LegId;
use crate::domain::clip::Clip;
use crate::domain::identity::Caller;
use crate::domain::now::Now;
use crate::media::command::{Command as MediaCommand, Report};
use crate::media::ear;
use crate::sip::api::{Event, Flow, Peer, RequestId, SessionId};
use crate::sip::auth::Verdict;
use crate::sip::identity;
use crate::sip::message::{Message, Method, Start};
use crate::sip::uri::Uri;
use crate::switchboard::input::{Gone, Input, Progress, Refusal};

use super::keys;
use super::legs::{Leg, Side};
use super::media_plan::{self, Offered};
use super::{Exchange, Output};

/// A phone that is asked whether it lives is asked again after that many more seconds of silence (row 19).
const ASK_AGAIN_SECONDS: u32 = 20;

impl Exchange {
    pub(super) fn on_event(&mut self, now: Now, event: Event) {
        match event {
            Event::Invite { session, peer, flow, request, offer } => match peer {
                Peer::Trunk(trunk) => self.call_in(now, session, trunk, flow, &request, offer.as_deref()),
                Peer::Phone => self.phone_dials(now, session, flow, &request, offer.as_deref()),
            },
            Event::Provisional { session, status, sdp } => self.on_provisional(session, status, sdp.as_deref()),
            Event::Accepted { session, response, sdp } => {
                if let Some(leg) = self.legs.of(session) {
                    self.note_allowed(leg, &response);
                }
                self.on_accepted(now, session, sdp.as_deref());
            }
            Event::Rejected { session, status, response, provisional } => {
                self.on_rejected(session, status, response.as_deref(), provisional);
            }
            Event::Cancelled { session } => self.forget(session),
            Event::Cancel { session, reason } => {
                let why = match reason.as_deref() {
                    None => Gone::HungUp,
                    Some(reason) if says_elsewhere(reason) => Gone::Elsewhere,
                    Some(_) => Gone::Explained,
                };
                self.gone(session, why);
            }
            Event::Acked { session, sdp } => self.on_acked(now, session, sdp.as_deref()),
            Event::NotAcked { session } => self.on_not_acked(now, session),
            Event::Bye { session, .. } => self.gone(session, Gone::HungUp),
            Event::Lost { session } => self.gone(session, Gone::Lost),
            Event::Offer { session, sdp } => self.on_offer(now, session, sdp.as_deref()),
            Event::Reoffered { session, status, sdp } => self.on_reoffered(session, status, sdp.as_deref()),
            Event::Info { session, content_type, body } => {
                if let (Some(leg), Some(key)) = (self.legs.of(session), keys::of_info(&content_type, &body)) {
                    self.key_told(now, leg, key);
                }
            }
            Event::Refer { session, request } => self.on_refer(now, session, &request),
            Event::Pong { session, status } => self.on_pong(session, status),
            Event::Request { id, peer, flow, request } => self.on_request(now, id, peer, flow, &request),
            Event::Malformed { peer: Peer::Trunk(trunk), from } => {
                let caller = self.readable_caller(trunk, from);
                self.inputs.push_back(Input::Malformed { caller });
            }
            Event::Refused { peer: Peer::Trunk(trunk), status, request } => {
                let (caller, name) = identity::caller_of(&request, self.lines.identity(trunk));
                self.inputs.push_back(if status == 500 { Input::Overloaded { caller, name } } else { Input::Malformed { caller } });
            }
            Event::Malformed { peer: Peer::Phone, .. } | Event::Refused { peer: Peer::Phone, .. } => {}
            Event::Response { id, response } => self.lines.on_response(now, id, response.as_deref()),
        }
    }

    /// An INVITE from the trunk.
    fn call_in(&mut self, now: Now, session: SessionId, trunk: usize, flow: Flow, request: &Message, offer: Option<&[u8]>) {
        let (caller, name) = identity::caller_of(request, self.lines.identity(trunk));
        let leg = self.legs.name();
        let Some(media) = self.open_media(leg, flow.remote.ip()) else {
            self.endpoint.refuse(now.instant, session, 500, Vec::new());
            self.inputs.push_back(Input::Overloaded { caller, name });
            return;
        };
        let (mut media, side, source) = (media, Side::Trunk(trunk), flow.remote.ip());
        let offer = offer.map(|sdp| self.read_description(&side, source, sdp)).transpose();
        let usable = offer.is_ok();
        if let Ok(offer) = offer {
            media_plan::take_offer(&mut media, offer);
        }
        self.legs.insert(leg, Leg::new(side, vec![session], source, media));
        self.inputs.push_back(Input::Rings { leg, trunk, caller, name, usable });
    }

    /// Who called by an INVITE that could not be read, as far as its From can (row 21).
    fn readable_caller(&self, trunk: usize, from: Option<String>) -> Caller {
        let Some(from) = from else { return Caller::Withheld };
        let mut only = Message::request(Method::Invite, "sip:x");
        only.push("From", from);
        identity::caller_of(&only, self.lines.identity(trunk)).0
    }

    /// An INVITE from the networks where phones may be: nothing goes on before the digest is right (THREATS 1).
    fn phone_dials(&mut self, now: Now, session: SessionId, flow: Flow, request: &Message, offer: Option<&[u8]>) {
        let extension = match self.registrar.authenticate(now.instant, flow, request, Method::Invite) {
            Verdict::Ok(extension) => extension,
            Verdict::Challenge(lines) => {
                let headers = lines.into_iter().map(|l| ("WWW-Authenticate", l)).collect();
                return self.endpoint.refuse(now.instant, session, 401, headers);
            }
            Verdict::Silent => return self.endpoint.refuse(now.instant, session, 403, Vec::new()),
        };
        let leg = self.legs.name();
        let Some(mut media) = self.open_media(leg, flow.remote.ip()) else {
            return self.endpoint.refuse(now.instant, session, 503, vec![("Retry-After", "5".to_owned())]);
        };
        let (side, source) = (Side::Phone(extension.clone()), flow.remote.ip());
        let Ok(offer) = offer.map(|sdp| self.read_description(&side, source, sdp)).transpose() else {
            self.outputs.push_back(Output::Media(MediaCommand::Close(leg)));
            return self.endpoint.refuse(now.instant, session, 488, Vec::new());
        };
        media_plan::take_offer(&mut media, offer);
        let digits = dialled(request);
        self.legs.insert(leg, Leg::new(side, vec![session], source, media));
        self.note_allowed(leg, request);
        self.inputs.push_back(Input::Dials { leg, extension, digits });
    }

    fn on_provisional(&mut self, session: SessionId, status: u16, sdp: Option<&[u8]>) {
        let Some(leg) = self.legs.of(session) else { return };
        let early = sdp.is_some_and(|sdp| self.take_answer(leg, sdp).is_ok());
        let what = match (early, status) {
            (true, _) => Progress::EarlyMedia,
            (false, 180) => Progress::Ringing,
            (false, _) => Progress::Alive,
        };
        if early && status == 180 {
            self.inputs.push_back(Input::Progress { leg, what: Progress::Ringing });
        }
        self.inputs.push_back(Input::Progress { leg, what });
    }

    fn on_accepted(&mut self, now: Now, session: SessionId, sdp: Option<&[u8]>) {
        let Some(id) = self.legs.of(session) else {
            return self.endpoint.bye(now.instant, session, None);
        };
        // the other contacts of that phone stop ringing
        let others: Vec<SessionId> =
            self.legs.get(id).map(|l| l.sessions.iter().copied().filter(|s| *s != session).collect()).unwrap_or_default();
        for other in others {
            self.endpoint.cancel(now.instant, other, Some(super::effects::ELSEWHERE));
            self.legs.detach(other);
        }
        if let Some(leg) = self.legs.get_mut(id) {
            leg.answered = true;
        }
        let usable = match sdp {
            Some(sdp) => self.take_answer(id, sdp).is_ok(),
            None => self.legs.get(id).is_some_and(|l| l.media.remote.is_some()),
        };
        if usable {
            self.inputs.push_back(Input::Answered { leg: id });
        } else {
            self.endpoint.bye(now.instant, session, Some("SIP;cause=488;text=\"No usable media\""));
            self.drop_leg(id);
            self.inputs.push_back(Input::Refused { leg: id, why: Refusal::Other(488) });
        }
    }

    /// A fork is over; the leg's refusal is told when the last one is.
    fn on_rejected(&mut self, session: SessionId, status: u16, response: Option<&Message>, provisional: bool) {
        let Some(id) = self.legs.of(session) else { return };
        self.legs.detach(session);
        let silent = response.is_none() && !provisional;
        let moved = response.filter(|_| status == 302 || status == 301).and_then(moved_to);
        let Some(leg) = self.legs.get_mut(id) else { return };
        // a refusal by a person outweighs the silence of another contact
        if !silent {
            leg.refused = Some(status);
        }
        if !leg.sessions.is_empty() {
            return;
        }
        let why = match (moved, leg.refused) {
            (Some(target), _) => Refusal::Moved(target),
            (None, None) => Refusal::Silent,
            (None, Some(486 | 600)) => Refusal::Busy,
            (None, Some(480 | 603)) => Refusal::NoAnswer,
            (None, Some(408)) => Refusal::Silent,
            (None, Some(other)) => Refusal::Other(other),
        };
        self.drop_leg(id);
        self.inputs.push_back(Input::Refused { leg: id, why });
    }

    /// An answer in the ACK of a first 200 that cannot be used ends the call, as it would have in the INVITE (row 21); a later one changes nothing.
    fn on_acked(&mut self, now: Now, session: SessionId, sdp: Option<&[u8]>) {
        let Some(leg) = self.legs.of(session) else { return };
        let Some(sdp) = sdp else { return };
        let refused = self.take_answer(leg, sdp).is_err();
        self.hold_follows(leg);
        if refused && self.legs.get(leg).is_some_and(|l| l.media.remote.is_none()) {
            self.endpoint.bye(now.instant, session, Some("SIP;cause=488;text=\"No usable media\""));
            self.gone(session, Gone::NeverAcknowledged);
        }
    }

    /// Row 9: with sound from the caller the call is kept, without it both legs are released.
    fn on_not_acked(&mut self, now: Now, session: SessionId) {
        let Some(id) = self.legs.of(session) else { return };
        if self.legs.get(id).is_some_and(|l| l.media.heard) {
            return;
        }
        self.endpoint.bye(now.instant, session, None);
        self.gone(session, Gone::NeverAcknowledged);
    }

    fn on_offer(&mut self, now: Now, session: SessionId, sdp: Option<&[u8]>) {
        let Some(id) = self.legs.of(session) else {
            return self.endpoint.reject_offer(now.instant, session, 481);
        };
        let Some((side, source)) = self.legs.get(id).map(|leg| (leg.side.clone(), leg.source)) else { return };
        // what was agreed before goes on (RFC 3261 14.2)
        let Ok(offer) = sdp.map(|sdp| self.read_description(&side, source, sdp)).transpose() else {
            return self.endpoint.reject_offer(now.instant, session, 488);
        };
        let Some(leg) = self.legs.get_mut(id) else { return };
        let phone = matches!(side, Side::Phone(_));
        match media_plan::take_offer(&mut leg.media, offer) {
            Offered::Ours => {
                let offer = media_plan::our_offer(&mut leg.media);
                self.endpoint.accept_offer(now.instant, session, offer);
            }
            Offered::Theirs => {
                let Some((answer, negotiated)) = media_plan::our_answer(&mut leg.media, source, phone, true) else {
                    return self.endpoint.reject_offer(now.instant, session, 488);
                };
                self.endpoint.accept_offer(now.instant, session, answer);
                self.outputs.push_back(Output::Media(MediaCommand::Negotiated { leg: id, with: negotiated }));
                self.hold_follows(id);
            }
        }
    }

    /// The phone's hold button, as its last description says.
    fn hold_follows(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(id).filter(|leg| matches!(leg.side, Side::Phone(_))) else { return };
        let hold = leg.media.remote.as_ref().is_some_and(media_plan::holds);
        if leg.held != hold {
            leg.held = hold;
            leg.asked = None;
            self.inputs.push_back(Input::Held { leg: id, on: hold });
        }
    }

    fn on_reoffered(&mut self, session: SessionId, status: u16, sdp: Option<&[u8]>) {
        if let (Some(leg), 200..=299, Some(sdp)) = (self.legs.of(session), status, sdp) {
            let _ = self.take_answer(leg, sdp);
        }
    }

    /// REFER is taken from the authenticated phone of the call only (RULES 2.6).
    fn on_refer(&mut self, now: Now, session: SessionId, request: &Message) {
        let leg = self.legs.of(session).filter(|id| self.legs.get(*id).is_some_and(|l| matches!(l.side, Side::Phone(_))));
        let target = request.get("Refer-To").and_then(refer_target);
        match (leg, target) {
            (Some(leg), Some(digits)) => self.inputs.push_back(Input::Transfers { leg, digits }),
            (Some(_), None) => self.endpoint.respond_refer(now.instant, session, 400),
            (None, _) => self.endpoint.respond_refer(now.instant, session, 403),
        }
    }

    fn on_pong(&mut self, session: SessionId, status: Option<u16>) {
        let Some(leg) = self.legs.of(session) else { return };
        self.inputs.push_back(match status {
            None | Some(408 | 481) => Input::PhoneSilent { leg },
            Some(_) => Input::PhoneSpeaks { leg },
        });
    }

    fn on_request(&mut self, now: Now, id: RequestId, peer: Peer, flow: Flow, request: &Message) {
        match (request.method(), peer) {
            (Some(Method::Register), Peer::Phone) => {
                let (response, changes) = self.registrar.handle(now.instant, flow, request, self.entropy.as_mut());
                if let Some(response) = response {
                    self.endpoint.respond(now.instant, id, response);
                }
                for change in changes {
                    self.inputs.push_back(Input::Phone { extension: change.extension, registered: change.registered });
                }
            }
            (method, _) => {
                let status = if method == Some(Method::Register) { 403 } else { 405 };
                let tag = self.tag();
                self.endpoint.respond(now.instant, id, Message::reply(request, status, Some(&tag)));
            }
        }
    }

    pub(super) fn on_report(&mut self, now: Now, report: Report) {
        match report {
            Report::FirstPacket(leg) => {
                if let Some(leg) = self.legs.get_mut(leg) {
                    leg.media.heard = true;
                }
            }
            Report::KeyDown(leg, sign) => self.key_down(now, leg, sign),
            Report::Key(leg, sign) => self.key_up(leg, sign),
            Report::Played(leg) => self.inputs.push_back(Input::Played { leg }),
            Report::Heard(leg, heard) => {
                let clip = Clip::new(ear::wav(&heard));
                self.inputs.push_back(Input::Heard { leg, speech: heard.speech, clip });
            }
            Report::Silent(leg, seconds) => self.on_silence(now, leg, seconds),
            Report::Speaks(leg) => {
                if let Some(l) = self.legs.get_mut(leg)
                    && l.asked.take().is_some()
                {
                    self.inputs.push_back(Input::PhoneSpeaks { leg });
                }
            }
        }
    }

    fn on_silence(&mut self, now: Now, id: LegId, seconds: u32) {
        let limit = self.config.silence_seconds;
        let Some(leg) = self.legs.get_mut(id) else { return };
        if !matches!(leg.side, Side::Phone(_)) || !leg.answered || leg.held || seconds < limit {
            return;
        }
        if leg.asked.is_none_or(|at| seconds >= at + ASK_AGAIN_SECONDS) {
            leg.asked = Some(seconds);
            if let Some(session) = leg.sessions.first() {
                self.endpoint.ping(now.instant, *session);
            }
        }
    }

    /// The session ended by the other side: the leg with it.
    fn gone(&mut self, session: SessionId, why: Gone) {
        if let Some(leg) = self.legs.of(session) {
            self.drop_leg(leg);
            self.inputs.push_back(Input::Gone { leg, why });
        }
    }

    fn forget(&mut self, session: SessionId) {
        self.legs.detach(session);
    }

    pub(super) fn tag(&mut self) -> String {
        format!("{:016x}", self.entropy.u64())
    }
}

/// The user part of the Request-URI, unescaped once (RULES 7).
fn dialled(request: &Message) -> String {
    match &request.start {
        Start::Request { uri, .. } => Uri::parse(uri).map(|u| u.user_unescaped()).unwrap_or_default(),
        Start::Response { .. } => String::new(),
    }
}

/// Row 28: the CANCEL says that the call was taken on another extension of the upstream PBX.
fn says_elsewhere(reason: &str) -> bool {
    reason.split(',').any(|one| {
        let words: Vec<String> = one.split(';').map(|w| w.trim().to_ascii_lowercase().replace(' ', "")).collect();
        let cause = words.iter().find_map(|w| w.strip_prefix("cause="));
        matches!((words.first().map(String::as_str), cause), (Some("sip"), Some("200")) | (Some("q.850"), Some("26")))
    })
}

/// The user part of the first Contact of a 302.
fn moved_to(response: &Message) -> Option<String> {
    Uri::parse(response.contact()?.uri).map(|u| u.user_unescaped())
}

/// The user part of a Refer-To, which may be `<sip:12@host>` or a bare URI. A Replaces is not followed: the target is dialled.
fn refer_target(value: &str) -> Option<String> {
    let uri = value.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(value, |(uri, _)| uri);
    Uri::parse(uri.trim()).map(|u| u.user_unescaped()).filter(|u| !u.is_empty())
}
