//! An agent's transactions: what it sends again until it is answered, and what it makes of each message that arrives.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::sip::digest::{self, Challenge};
use crate::sip::message::{Message, Method};
use crate::sip::wire::{self, Framing, Read};

use super::leg::{By, Leg, Phase};
use super::{Reaction, Seen, Shared, token};

/// RFC 3261 17.1.1.1.
pub(super) const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
/// 64·T1.
const GIVE_UP: Duration = Duration::from_secs(32);
/// Messages and answers remembered.
const MAX_LOG: usize = 20_000;
const MAX_ANSWERED: usize = 1_000;
pub(super) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, REFER, NOTIFY";

#[derive(Default)]
pub(super) struct Core {
    pub(super) reaction: Reaction,
    pub(super) withhold_acks: bool,
    pub(super) registration: Option<String>,
    /// By Call-ID.
    pub(super) legs: HashMap<String, Leg>,
    /// Calls in that nobody took yet.
    pub(super) fresh: VecDeque<String>,
    pub(super) log: Vec<Seen>,
    pending: Vec<Pending>,
    /// The last response to each request, for its retransmissions.
    answered: VecDeque<(String, Vec<u8>)>,
    challenge: Option<(Challenge, u32)>,
    cseq: u32,
}

/// A request of ours (RFC 3261 17.1).
struct Pending {
    request: Message,
    to: SocketAddr,
    started: Instant,
    next: Instant,
    interval: Duration,
    provisional: bool,
    answer: Option<Message>,
}

impl Core {
    pub(super) fn next_cseq(&mut self) -> u32 {
        self.cseq += 1;
        self.cseq
    }

    /// The final response to the request of that branch, handed out once.
    pub(super) fn answer_to(&mut self, branch: &str) -> Option<Message> {
        let at = self.pending.iter().position(|p| p.answer.is_some() && p.request.via().branch == Some(branch))?;
        self.pending.swap_remove(at).answer
    }

    fn record(&mut self, sent: bool, message: &Message) {
        if self.log.len() < MAX_LOG {
            self.log.push(Seen { at: Instant::now(), sent, message: message.clone() });
        }
    }
}

impl Shared {
    pub(super) fn via(&self) -> String {
        format!("SIP/2.0/UDP {};branch=z9hG4bK{};rport", self.address, token())
    }

    pub(super) fn contact(&self) -> String {
        format!("<sip:{}@{}>", self.who.user, self.address)
    }

    /// A request with what every request needs. `ends` are the values of From and To.
    pub(super) fn request(&self, method: Method, uri: &str, ends: (&str, &str), call_id: &str, cseq: u32) -> Message {
        let mut request = Message::request(method, uri);
        request.push("Via", self.via());
        request.push("Max-Forwards", "70");
        request.push("From", ends.0);
        request.push("To", ends.1);
        request.push("Call-ID", call_id);
        request.push("CSeq", format!("{cseq} {}", method.as_str()));
        request.push("Contact", self.contact());
        request.push("Allow", ALLOW);
        request
    }

    /// The header that answers a 401 or 407, if we have a password.
    pub(super) fn credentials(&self, core: &mut Core, response: &Message, method: &str, uri: &str) -> Option<(&'static str, String)> {
        let password = self.who.password.as_deref()?;
        let (asked, name) = match response.status()? {
            401 => ("WWW-Authenticate", "Authorization"),
            407 => ("Proxy-Authenticate", "Proxy-Authorization"),
            _ => return None,
        };
        let challenge = response.all(asked).find_map(Challenge::parse)?;
        let nc = match &core.challenge {
            Some((known, nc)) if known.nonce == challenge.nonce => nc + 1,
            _ => 1,
        };
        core.challenge = Some((challenge.clone(), nc));
        Some((name, digest::authorization(&challenge, &self.who.user, password, method, uri, &token(), nc)))
    }

    /// Sends a request of ours, and again until it is answered.
    pub(super) fn start(&self, core: &mut Core, request: Message, to: SocketAddr) {
        self.transmit(core, &request, to);
        let now = Instant::now();
        core.pending.push(Pending { request, to, started: now, next: now + T1, interval: T1, provisional: false, answer: None });
    }

    pub(super) fn transmit(&self, core: &mut Core, message: &Message, to: SocketAddr) {
        core.record(true, message);
        let _ = self.socket.send_to(&message.encode(), to);
    }

    /// Sends a response and remembers it.
    pub(super) fn respond(&self, core: &mut Core, request: &Message, response: &Message, to: SocketAddr) {
        self.transmit(core, response, to);
        let key = key(request);
        core.answered.retain(|(known, _)| *known != key);
        if core.answered.len() == MAX_ANSWERED {
            core.answered.pop_front();
        }
        core.answered.push_back((key, response.encode()));
    }

    pub(super) fn handle(&self, bytes: &[u8], from: SocketAddr) {
        let Some(message) = read(bytes) else { return };
        let mut core = self.core();
        core.record(false, &message);
        match message.status() {
            Some(status) => self.handle_response(&mut core, message, status, from),
            None => self.handle_request(&mut core, message, from),
        }
    }

    fn handle_response(&self, core: &mut Core, response: Message, status: u16, from: SocketAddr) {
        let (branch, method) = (response.via().branch, response.cseq().1);
        let known = core.pending.iter_mut().find(|p| p.request.via().branch == branch && p.request.method() == Some(method));
        let mut request = None;
        if let Some(pending) = known.filter(|p| p.answer.is_none()) {
            pending.provisional = true;
            if status >= 200 {
                pending.answer = Some(response.clone());
            }
            request = Some(pending.request.clone());
        }
        if method == Method::Invite {
            self.invite_answered(core, request, response, status, from);
        }
    }

    fn handle_request(&self, core: &mut Core, request: Message, from: SocketAddr) {
        let (key, call_id) = (key(&request), request.call_id().to_owned());
        if let Some((_, bytes)) = core.answered.iter().find(|(known, _)| *known == key) {
            let _ = self.socket.send_to(bytes, from);
            return;
        }
        match request.method() {
            Some(Method::Invite) if request.to().tag().is_none() => self.invited(core, request, from),
            Some(Method::Invite | Method::Update) => self.reoffered(core, &request, from),
            Some(Method::Ack) => {
                if let Some(leg) = core.legs.get_mut(&call_id) {
                    leg.acked = true;
                    leg.ok = None;
                }
            }
            Some(Method::Cancel) => self.cancelled(core, &request, from),
            Some(Method::Bye) => {
                let known = core.legs.get_mut(&call_id).map(|leg| leg.end(By::Peer));
                self.reply(core, &request, if known.is_some() { 200 } else { 481 }, from);
            }
            Some(Method::Options | Method::Notify | Method::Info) => self.reply(core, &request, 200, from),
            _ => self.reply(core, &request, 405, from),
        }
    }

    pub(super) fn reply(&self, core: &mut Core, request: &Message, status: u16, from: SocketAddr) {
        let tag = core.legs.get(request.call_id()).map_or_else(token, |leg| leg.tag.clone());
        let mut response = Message::reply(request, status, Some(&tag));
        response.push("Allow", ALLOW);
        self.respond(core, request, &response, from);
    }

    fn cancelled(&self, core: &mut Core, cancel: &Message, from: SocketAddr) {
        let call_id = cancel.call_id().to_owned();
        let Some(leg) = core.legs.get_mut(&call_id).filter(|leg| !leg.outgoing) else {
            return self.reply(core, cancel, 481, from);
        };
        leg.cancel_reason = Some(cancel.get("Reason").unwrap_or_default().to_owned());
        let (ringing, crosses) = (leg.phase == Phase::Ringing, leg.answer_on_cancel);
        self.reply(core, cancel, 200, from);
        if ringing && crosses {
            self.answer(core, &call_id);
        } else if ringing {
            self.finish(core, &call_id, 487, &[], By::Peer);
        }
    }

    /// Retransmissions and the answers that never came.
    pub(super) fn timers(&self) {
        let now = Instant::now();
        let mut core = self.core();
        let mut due = Vec::new();
        for pending in &mut core.pending {
            let invite = pending.request.method() == Some(Method::Invite);
            if pending.answer.is_none() && now >= pending.next && !(invite && pending.provisional) {
                pending.interval = if invite { pending.interval * 2 } else { (pending.interval * 2).min(T2) };
                pending.next = now + pending.interval;
                due.push((pending.request.clone(), pending.to));
            }
        }
        core.pending.retain(|p| now.duration_since(p.started) < GIVE_UP || (p.provisional && p.answer.is_none()));
        for leg in core.legs.values_mut() {
            if let Some(ok) = leg.ok.as_mut().filter(|ok| now >= ok.next) {
                ok.interval = (ok.interval * 2).min(T2);
                ok.next = now + ok.interval;
                due.push((ok.response.clone(), ok.to));
            }
        }
        for (message, to) in due {
            self.transmit(&mut core, &message, to);
        }
    }
}

fn key(request: &Message) -> String {
    format!("{} {}", request.via().branch.unwrap_or_default(), request.method().map(Method::as_str).unwrap_or_default())
}

/// The one place that reads bytes.
fn read(bytes: &[u8]) -> Option<Message> {
    match wire::read(bytes, Framing::Datagram) {
        Read::Message(message) => Some(*message),
        Read::KeepAlive | Read::Reject { .. } | Read::Drop(_) => None,
    }
}
