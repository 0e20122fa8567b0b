//! What an agent knows of one call, and how SIP moves it: INVITE and its answers, re-INVITE, CANCEL and BYE.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sip::message::{Message, Method};

use super::sdp::{self, Codecs, Way};
use super::sound::Sound;
use super::transactions::{ALLOW, Core, T1};
use super::{Reaction, Shared, token};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// From the INVITE to its final answer.
    Ringing,
    Up,
    Ended,
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Us,
    Peer,
}

/// A 2xx of ours that waits for its ACK.
pub(super) struct Unacknowledged {
    pub(super) response: Message,
    pub(super) to: SocketAddr,
    pub(super) next: Instant,
    pub(super) interval: Duration,
}

pub(super) struct Leg {
    pub(super) outgoing: bool,
    /// The INVITE, sent or received.
    pub(super) invite: Message,
    /// Our value of From or To in requests of ours, and the peer's.
    pub(super) local: String,
    pub(super) remote: String,
    /// Our tag.
    pub(super) tag: String,
    pub(super) target: String,
    pub(super) route: Vec<String>,
    /// Where the peer's messages come from, and ours go.
    pub(super) peer: SocketAddr,
    pub(super) cseq: u32,
    pub(super) phase: Phase,
    pub(super) statuses: Vec<u16>,
    pub(super) ended_by: Option<By>,
    pub(super) cancel_reason: Option<String>,
    pub(super) acked: bool,
    /// Answer 200 when the caller's CANCEL arrives: the two cross.
    pub(super) answer_on_cancel: bool,
    pub(super) gave_up: bool,
    pub(super) challenged: bool,
    pub(super) ok: Option<Unacknowledged>,
    /// The ACK of the peer's last 2xx, for its retransmissions.
    pub(super) ack: Option<(u32, Message)>,
    pub(super) sound: Arc<Sound>,
    pub(super) way: Way,
    pub(super) version: u32,
    /// Sends nothing, whatever was agreed.
    pub(super) mute: bool,
}

impl Leg {
    pub(super) fn new(outgoing: bool, invite: Message, peer: SocketAddr, sound: Arc<Sound>) -> Leg {
        let (local, remote) = if outgoing { ("From", "To") } else { ("To", "From") };
        let value = |name: &str| invite.get(name).unwrap_or_default().to_owned();
        let tag = invite.from().tag().filter(|_| outgoing).map_or_else(token, str::to_owned);
        let local = if outgoing { value(local) } else { format!("{};tag={tag}", value(local)) };
        let target = invite.contact().filter(|_| !outgoing).map(|c| c.uri.to_owned()).unwrap_or_default();
        let route = invite.list("Record-Route").into_iter().filter(|_| !outgoing).map(str::to_owned).collect();
        Leg {
            outgoing,
            local,
            remote: value(remote),
            tag,
            target,
            route,
            peer,
            cseq: if outgoing { invite.cseq().0 } else { 0 },
            phase: Phase::Ringing,
            statuses: Vec::new(),
            ended_by: None,
            cancel_reason: None,
            acked: false,
            answer_on_cancel: false,
            gave_up: false,
            challenged: false,
            ok: None,
            ack: None,
            sound,
            way: Way::SendRecv,
            version: 1,
            mute: false,
            invite,
        }
    }

    pub(super) fn end(&mut self, by: By) {
        if self.phase != Phase::Ended {
            self.phase = Phase::Ended;
            self.ended_by = Some(by);
            self.ok = None;
            self.sound.send_to(None);
        }
    }

    pub(super) fn body(&mut self, way: Way) -> Vec<u8> {
        self.version += 1;
        self.way = way;
        sdp::body(self.sound.address(), Codecs::G711, way, self.version)
    }

    /// Takes the peer's offer; the way we answer.
    fn take(&mut self, offer: &[u8]) -> Way {
        self.way = if offer.is_empty() { Way::SendRecv } else { sdp::read(offer).way.mirrored() };
        self.connect(offer);
        self.way
    }

    /// Sends sound where the peer's SDP wants it.
    fn connect(&self, body: &[u8]) {
        let peer = sdp::read(body);
        let heard = !self.mute && matches!(peer.way, Way::SendRecv | Way::RecvOnly) && matches!(self.way, Way::SendRecv | Way::SendOnly);
        self.sound.send_to(peer.towards.filter(|_| heard));
    }
}

impl Shared {
    /// A request inside the dialog.
    pub(super) fn within(&self, leg: &mut Leg, method: Method) -> Message {
        leg.cseq += 1;
        let mut request = self.request(method, &leg.target, (&leg.local, &leg.remote), leg.invite.call_id(), leg.cseq);
        leg.route.iter().for_each(|route| request.push("Route", route.as_str()));
        request
    }

    /// An INVITE outside a dialog arrived.
    pub(super) fn invited(&self, core: &mut Core, invite: Message, from: SocketAddr) {
        let reaction = core.reaction.clone();
        if reaction == Reaction::Silent {
            return;
        }
        let Ok(sound) = Sound::open(self.address.ip(), Some(self.who.pitch)) else { return self.reply(core, &invite, 500, from) };
        let id = invite.call_id().to_owned();
        core.legs.insert(id.clone(), Leg::new(false, invite.clone(), from, Arc::new(sound)));
        self.reply(core, &invite, 100, from);
        match reaction {
            Reaction::Wait | Reaction::Silent => {}
            Reaction::Ring => self.ring(core, &id),
            Reaction::Answer => {
                self.ring(core, &id);
                self.answer(core, &id);
            }
            Reaction::Refuse(status, contact) => {
                let headers: Vec<(&'static str, String)> = contact.map(|c| ("Contact", c)).into_iter().collect();
                self.finish(core, &id, status, &headers, By::Us);
            }
        }
        core.fresh.push_back(id);
    }

    pub(super) fn ring(&self, core: &mut Core, id: &str) {
        let Some(leg) = core.legs.get(id) else { return };
        let mut response = Message::reply(&leg.invite, 180, Some(&leg.tag));
        response.push("Contact", self.contact());
        let (invite, to) = (leg.invite.clone(), leg.peer);
        self.respond(core, &invite, &response, to);
    }

    pub(super) fn answer(&self, core: &mut Core, id: &str) {
        let Some(leg) = core.legs.get_mut(id).filter(|leg| leg.phase == Phase::Ringing) else { return };
        let invite = leg.invite.clone();
        leg.phase = Phase::Up;
        let way = leg.take(&invite.body);
        let response = self.accept(leg, &invite, way);
        let (to, now) = (leg.peer, Instant::now());
        leg.ok = Some(Unacknowledged { response: response.clone(), to, next: now + T1, interval: T1 });
        self.respond(core, &invite, &response, to);
    }

    /// 200 with SDP.
    fn accept(&self, leg: &mut Leg, request: &Message, way: Way) -> Message {
        let mut response = Message::reply(request, 200, Some(&leg.tag));
        response.push("Contact", self.contact());
        response.push("Allow", ALLOW);
        response.push("Content-Type", "application/sdp");
        response.body = leg.body(way);
        response
    }

    /// Refuses a call that rings here.
    pub(super) fn finish(&self, core: &mut Core, id: &str, status: u16, headers: &[(&'static str, String)], by: By) {
        let Some(leg) = core.legs.get_mut(id).filter(|leg| leg.phase == Phase::Ringing) else { return };
        leg.end(by);
        let mut response = Message::reply(&leg.invite, status, Some(&leg.tag));
        headers.iter().for_each(|(name, value)| response.push(name, value.as_str()));
        let (invite, to) = (leg.invite.clone(), leg.peer);
        self.respond(core, &invite, &response, to);
    }

    /// re-INVITE or UPDATE.
    pub(super) fn reoffered(&self, core: &mut Core, request: &Message, from: SocketAddr) {
        let Some(leg) = core.legs.get_mut(request.call_id()).filter(|leg| leg.phase == Phase::Up) else {
            return self.reply(core, request, 481, from);
        };
        if request.body.is_empty() && request.method() == Some(Method::Update) {
            return self.reply(core, request, 200, from);
        }
        let way = leg.take(&request.body);
        let response = self.accept(leg, request, way);
        self.respond(core, request, &response, from);
    }

    /// A response to an INVITE of ours; `request` is `None` for one that was answered before.
    pub(super) fn invite_answered(&self, core: &mut Core, request: Option<Message>, response: Message, status: u16, from: SocketAddr) {
        let withhold = core.withhold_acks;
        let id = response.call_id().to_owned();
        let Some(request) = request else { return self.acknowledge_again(core, &response, status) };
        let Some(leg) = core.legs.get_mut(&id) else { return };
        if request.to().tag().is_none() && request.via().branch != leg.invite.via().branch {
            // a fork's refusal is the fork's alone
            if status >= 300 {
                let ack = self.refusal_ack(&request, &response);
                self.transmit(core, &ack, from);
            }
            return;
        }
        leg.statuses.push(status);
        match status {
            100..=199 => {
                if !response.body.is_empty() {
                    leg.connect(&response.body);
                }
                if leg.gave_up && leg.phase == Phase::Ringing && leg.statuses.len() == 1 {
                    self.give_up(core, &id, None);
                }
            }
            200..=299 => {
                leg.peer = from;
                leg.remote = response.get("To").unwrap_or_default().to_owned();
                leg.target = response.contact().map_or_else(|| leg.target.clone(), |c| c.uri.to_owned());
                leg.route = response.list("Record-Route").into_iter().rev().map(str::to_owned).collect();
                leg.connect(&response.body);
                if withhold {
                    leg.phase = Phase::Up;
                    return;
                }
                let ack = self.ack(leg, response.cseq().0);
                leg.ack = Some((response.cseq().0, ack.clone()));
                let late = leg.gave_up;
                if leg.phase == Phase::Ringing {
                    leg.phase = Phase::Up;
                }
                self.transmit(core, &ack, from);
                if late {
                    self.hang_up(core, &id);
                }
            }
            _ => {
                let refused = self.refusal_ack(&request, &response);
                self.transmit(core, &refused, from);
                self.challenged_or_over(core, &id, request, &response, status);
            }
        }
    }

    fn challenged_or_over(&self, core: &mut Core, id: &str, request: Message, response: &Message, status: u16) {
        let Some(leg) = core.legs.get_mut(id) else { return };
        if matches!(status, 401 | 407) && !leg.challenged && self.who.password.is_some() {
            leg.challenged = true;
            leg.cseq += 1;
            let (cseq, peer, uri) = (leg.cseq, leg.peer, request.uri().to_owned());
            if let Some((name, value)) = self.credentials(core, response, "INVITE", &uri) {
                let mut again = request;
                again.replace_first("Via", self.via());
                again.replace_first("CSeq", format!("{cseq} INVITE"));
                again.set(name, value);
                if let Some(leg) = core.legs.get_mut(id) {
                    leg.invite = again.clone();
                }
                return self.start(core, again, peer);
            }
        }
        if let Some(leg) = core.legs.get_mut(id).filter(|leg| leg.phase == Phase::Ringing) {
            leg.end(By::Peer);
        }
    }

    fn acknowledge_again(&self, core: &mut Core, response: &Message, status: u16) {
        let leg = core.legs.get(response.call_id()).filter(|_| (200..300).contains(&status));
        let known = leg.and_then(|leg| leg.ack.clone().filter(|(cseq, _)| *cseq == response.cseq().0).map(|(_, ack)| (ack, leg.peer)));
        if let Some((ack, to)) = known {
            self.transmit(core, &ack, to);
        }
    }

    /// ACK of a 2xx: a request of its own (RFC 3261 13.2.2.4).
    fn ack(&self, leg: &Leg, cseq: u32) -> Message {
        let mut ack = self.request(Method::Ack, &leg.target, (&leg.local, &leg.remote), leg.invite.call_id(), cseq);
        leg.route.iter().for_each(|route| ack.push("Route", route.as_str()));
        ack
    }

    /// ACK of any other final response: in the INVITE's transaction (17.1.1.3).
    fn refusal_ack(&self, request: &Message, response: &Message) -> Message {
        let mut ack = Message::request(Method::Ack, request.uri());
        for (name, from) in [("Via", request), ("Max-Forwards", request), ("From", request), ("To", response), ("Call-ID", request)] {
            ack.push(name, from.get(name).unwrap_or_default());
        }
        request.all("Route").for_each(|route| ack.push("Route", route));
        ack.push("CSeq", format!("{} {}", request.cseq().0, Method::Ack.as_str()));
        ack
    }

    /// CANCEL, once a provisional came (RFC 3261 9.1).
    pub(super) fn give_up(&self, core: &mut Core, id: &str, reason: Option<&str>) {
        let Some(leg) = core.legs.get_mut(id).filter(|leg| leg.phase == Phase::Ringing) else { return };
        leg.gave_up = true;
        if leg.statuses.is_empty() {
            return;
        }
        let mut cancel = Message::request(Method::Cancel, leg.invite.uri());
        for name in ["Via", "Max-Forwards", "From", "To", "Call-ID"] {
            cancel.push(name, leg.invite.get(name).unwrap_or_default());
        }
        leg.invite.all("Route").for_each(|route| cancel.push("Route", route));
        cancel.push("CSeq", format!("{} {}", leg.invite.cseq().0, Method::Cancel.as_str()));
        if let Some(reason) = reason {
            cancel.push("Reason", reason);
        }
        let to = leg.peer;
        self.start(core, cancel, to);
    }

    pub(super) fn hang_up(&self, core: &mut Core, id: &str) {
        let Some(leg) = core.legs.get_mut(id).filter(|leg| leg.phase == Phase::Up) else { return };
        leg.end(By::Us);
        let (bye, to) = (self.within(leg, Method::Bye), leg.peer);
        self.start(core, bye, to);
    }
}
