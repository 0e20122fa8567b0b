//! One request of ours and its responses (RFC 3261 17.1, RFC 6026). Knows no dialog.
//!
//! ```text
//! INVITE      Calling ─1xx→ Proceeding ─2xx→ Accepted ─M→ gone        Calling, Proceeding ─3xx+→ Completed ─D→ gone
//! other       Calling ─1xx→ Proceeding ─final→ Completed ─K→ gone     Calling ─B,F→ gone (timed out)
//! ```

use std::sync::Arc;
use std::time::Duration;

use crate::domain::now::Instant;
use crate::sip::api::{Credentials, Flow};
use crate::sip::endpoint::io::{Io, Owner, Timer, TxId, unreliable};
use crate::sip::message::{Message, Method};
use crate::sip::timers::{D, T1, T1_64, T2, T4, double};

/// Forks of one INVITE whose 2xx are told apart; a further one stays without ACK.
const MAX_FORKS: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Calling,
    Proceeding,
    Completed,
    /// RFC 6026: a 2xx came; each fork's 2xx is let through.
    Accepted,
}

/// What a response means to the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// A retransmission, or one too late.
    Absorbed,
    Provisional,
    /// The final response. Of an INVITE: 300–699, ACK has been sent.
    Final,
    /// A 2xx to INVITE from a fork that has not been heard yet.
    Success,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    TimedOut { provisional: bool },
    Done,
}

/// The credentials of a request, and the nonces it tried them on.
#[derive(Clone, Debug)]
pub(super) struct Auth {
    pub credentials: Arc<Credentials>,
    pub nonces: Vec<String>,
}

/// How a request leaves, and for whom.
pub(super) struct Sending {
    pub flow: Flow,
    /// Of its Via, which it bears already.
    pub branch: String,
    pub owner: Owner,
    pub auth: Option<Box<Auth>>,
}

pub(super) struct ClientTx {
    pub owner: Owner,
    pub flow: Flow,
    pub branch: String,
    pub cseq: u32,
    method: Method,
    state: State,
    interval: Duration,
    /// The request while it may have to be sent again, then its ACK.
    wire: Vec<u8>,
    /// Kept where it is needed again: for ACK, CANCEL and credentials.
    pub request: Option<Box<Message>>,
    pub auth: Option<Box<Auth>>,
    /// The CANCEL of this INVITE, which shares its branch.
    pub cancel: Option<TxId>,
    /// The ACK of each fork's 2xx, by To tag.
    acks: Vec<(String, Flow, Vec<u8>)>,
}

impl ClientTx {
    /// Sends the request and starts A and B, or E and F.
    pub fn start(io: &mut Io, now: Instant, id: TxId, request: Box<Message>, sending: Sending) -> ClientTx {
        let Sending { flow, branch, owner, auth } = sending;
        let (cseq, method) = request.cseq();
        let wire = request.encode();
        io.send(flow, wire.clone());
        io.set(Timer::ClientEnd(id), now + T1_64);
        let udp = unreliable(&flow);
        if udp {
            io.set(Timer::ClientResend(id), now + T1);
        }
        let keep = method == Method::Invite || auth.is_some();
        ClientTx {
            owner,
            flow,
            branch,
            cseq,
            method,
            state: State::Calling,
            interval: T1,
            wire: if udp { wire } else { Vec::new() },
            request: keep.then_some(request),
            auth,
            cancel: None,
            acks: Vec::new(),
        }
    }

    pub fn is_invite(&self) -> bool {
        self.method == Method::Invite
    }

    pub fn method(&self) -> Method {
        self.method
    }

    /// No final response yet.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Calling | State::Proceeding)
    }

    pub fn is_proceeding(&self) -> bool {
        self.state == State::Proceeding
    }

    pub fn on_response(&mut self, io: &mut Io, now: Instant, id: TxId, response: &Message) -> Reply {
        let status = response.status().unwrap_or(0);
        if self.is_invite() { self.on_invite_response(io, now, id, status, response) } else { self.on_other_response(io, now, id, status) }
    }

    fn on_invite_response(&mut self, io: &mut Io, now: Instant, id: TxId, status: u16, response: &Message) -> Reply {
        match (self.state, status) {
            (State::Calling | State::Proceeding, 100..=199) => {
                self.state = State::Proceeding;
                io.stop(Timer::ClientResend(id));
                io.stop(Timer::ClientEnd(id));
                Reply::Provisional
            }
            (State::Calling | State::Proceeding, 300..) => {
                self.state = State::Completed;
                self.wire = self.failure_ack(response);
                io.send(self.flow, self.wire.clone());
                io.stop(Timer::ClientResend(id));
                io.set(Timer::ClientEnd(id), if unreliable(&self.flow) { now + D } else { now });
                Reply::Final
            }
            (State::Calling | State::Proceeding, 200..=299) => {
                self.accept(io, now, id);
                Reply::Success
            }
            (State::Completed, 300..) => {
                io.send(self.flow, self.wire.clone());
                Reply::Absorbed
            }
            (State::Accepted | State::Completed, 200..=299) => self.again(io, response),
            (State::Accepted | State::Completed, _) | (State::Calling | State::Proceeding, _) => Reply::Absorbed,
        }
    }

    /// A 2xx after the first: its ACK again, or a fork not heard of.
    fn again(&self, io: &mut Io, response: &Message) -> Reply {
        let to = response.to();
        let tag = to.tag().unwrap_or("");
        match self.acks.iter().find(|(t, _, _)| t == tag) {
            Some((_, flow, ack)) => {
                io.send(*flow, ack.clone());
                Reply::Absorbed
            }
            None if self.acks.len() < MAX_FORKS => Reply::Success,
            None => Reply::Absorbed,
        }
    }

    fn on_other_response(&mut self, io: &mut Io, now: Instant, id: TxId, status: u16) -> Reply {
        match (self.state, status) {
            (State::Calling | State::Proceeding, 100..=199) => {
                self.state = State::Proceeding;
                Reply::Provisional
            }
            (State::Calling | State::Proceeding, 200..) => {
                self.state = State::Completed;
                self.wire = Vec::new();
                io.stop(Timer::ClientResend(id));
                io.set(Timer::ClientEnd(id), if unreliable(&self.flow) { now + T4 } else { now });
                Reply::Final
            }
            _ => Reply::Absorbed,
        }
    }

    fn accept(&mut self, io: &mut Io, now: Instant, id: TxId) {
        self.state = State::Accepted;
        self.wire = Vec::new();
        io.stop(Timer::ClientResend(id));
        io.set(Timer::ClientEnd(id), now + T1_64);
    }

    /// An INVITE that nobody waits for any more: a late 2xx still finds its transaction, and gets ACK and BYE.
    pub fn linger(&mut self, io: &mut Io, now: Instant, id: TxId) {
        self.owner = Owner::Nobody;
        self.auth = None;
        if self.is_open() {
            self.accept(io, now, id);
        }
    }

    /// Keeps the ACK of a fork's 2xx for its retransmissions.
    pub fn acked(&mut self, tag: String, flow: Flow, ack: Vec<u8>) {
        self.acks.push((tag, flow, ack));
        self.request = None;
    }

    pub fn on_resend(&mut self, io: &mut Io, now: Instant, id: TxId) {
        self.interval = match (self.is_invite(), self.state) {
            (true, State::Calling) => self.interval * 2,
            (false, State::Calling) => double(self.interval),
            (false, State::Proceeding) => T2,
            _ => return,
        };
        io.send(self.flow, self.wire.clone());
        io.set(Timer::ClientResend(id), now + self.interval);
    }

    pub fn on_end(&self) -> Ended {
        match self.state {
            State::Calling => Ended::TimedOut { provisional: false },
            State::Proceeding => Ended::TimedOut { provisional: true },
            State::Completed | State::Accepted => Ended::Done,
        }
    }

    /// The ACK of a failure: the INVITE's own Request-URI, Via, Route; To from the response (17.1.1.3).
    fn failure_ack(&self, response: &Message) -> Vec<u8> {
        let Some(mut ack) = self.twin(Method::Ack) else { return Vec::new() };
        ack.set("To", response.get("To").unwrap_or_default());
        ack.encode()
    }

    /// A request that belongs to this INVITE hop by hop: its ACK of a failure, or its CANCEL (9.1).
    pub fn twin(&self, method: Method) -> Option<Message> {
        let invite = self.request.as_deref()?;
        let mut twin = Message::request(method, invite.uri());
        twin.push("Via", invite.all("Via").next()?);
        for route in invite.all("Route") {
            twin.push("Route", route);
        }
        twin.push("Max-Forwards", "70");
        for name in ["From", "To", "Call-ID"] {
            twin.push(name, invite.get(name)?);
        }
        twin.push("CSeq", format!("{} {}", self.cseq, method.as_str()));
        Some(twin)
    }
}
