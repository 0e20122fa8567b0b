//! One request of theirs and our responses (RFC 3261 17.2, RFC 6026). Keeps the bytes of the last response and nothing else.
//!
//! ```text
//! INVITE      Proceeding ─2xx→ Accepted ─L→ gone      Proceeding ─3xx+→ Completed ─ACK→ Confirmed ─I→ gone      Completed ─H→ gone
//! other       Proceeding ─final→ Completed ─J→ gone
//! ```

use std::time::Duration;

use crate::domain::now::Instant;
use crate::sip::api::{Flow, RequestId, SessionId};
use crate::sip::endpoint::io::{Io, Timer, TxId, unreliable};
use crate::sip::message::{Message, Method};
use crate::sip::timers::{T1, T1_64, T4, double};

/// The magic cookie of a branch that is unique by itself (8.1.1.7).
const COOKIE: &str = "z9hG4bK";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Proceeding,
    Completed,
    Confirmed,
    Accepted,
}

pub(super) struct ServerTx {
    /// Its names in the endpoint's two indexes.
    pub key: String,
    pub merged: Option<String>,
    /// The session of an INVITE, for CANCEL.
    pub session: Option<SessionId>,
    pub request: Option<RequestId>,
    pub flow: Flow,
    invite: bool,
    state: State,
    interval: Duration,
    last: Vec<u8>,
}

impl ServerTx {
    /// `flow` is where responses go.
    pub fn new(io: &mut Io, now: Instant, id: TxId, key: String, invite: bool, flow: Flow) -> ServerTx {
        if !invite {
            // an answer that comes later finds nobody waiting (timer F of the peer)
            io.set(Timer::ServerEnd(id), now + T1_64);
        }
        ServerTx { key, merged: None, session: None, request: None, flow, invite, state: State::Proceeding, interval: T1, last: Vec::new() }
    }

    pub fn respond(&mut self, io: &mut Io, now: Instant, id: TxId, status: u16, bytes: Vec<u8>) {
        if self.state != State::Proceeding {
            return;
        }
        io.send(self.flow, bytes.clone());
        self.last = bytes;
        let udp = unreliable(&self.flow);
        match (status, self.invite) {
            (..=199, _) => {}
            (200..=299, true) => {
                self.state = State::Accepted;
                io.set(Timer::ServerEnd(id), now + T1_64);
            }
            (_, true) => {
                self.state = State::Completed;
                io.set(Timer::ServerEnd(id), now + T1_64);
                if udp {
                    io.set(Timer::ServerResend(id), now + T1);
                }
            }
            (_, false) => {
                self.state = State::Completed;
                io.set(Timer::ServerEnd(id), if udp { now + T1_64 } else { now });
            }
        }
    }

    /// The request came again, or the session wants its 2xx sent again.
    pub fn resend(&self, io: &mut Io) {
        if self.state != State::Confirmed && !self.last.is_empty() {
            io.send(self.flow, self.last.clone());
        }
    }

    /// The ACK of our 2xx reached its session: nothing is sent again.
    pub fn forget_response(&mut self) {
        self.last = Vec::new();
    }

    /// An ACK with the INVITE's branch. `true` when it was for a failure and is dealt with.
    pub fn on_ack(&mut self, io: &mut Io, now: Instant, id: TxId) -> bool {
        match self.state {
            State::Completed => {
                self.state = State::Confirmed;
                self.last = Vec::new();
                io.stop(Timer::ServerResend(id));
                io.set(Timer::ServerEnd(id), if unreliable(&self.flow) { now + T4 } else { now });
                true
            }
            State::Confirmed => true,
            State::Proceeding | State::Accepted => false,
        }
    }

    pub fn on_resend(&mut self, io: &mut Io, now: Instant, id: TxId) {
        if self.state == State::Completed {
            self.interval = double(self.interval);
            io.send(self.flow, self.last.clone());
            io.set(Timer::ServerResend(id), now + self.interval);
        }
    }
}

/// Matches a request to its transaction (17.2.3): branch, sent-by and method, where ACK counts as its INVITE; the source's address beside it.
pub(super) fn key(request: &Message, method: Method, flow: &Flow) -> String {
    use std::fmt::Write;
    let via = request.via();
    let kind = match method {
        Method::Invite | Method::Ack => 'I',
        Method::Cancel => 'C',
        _ => 'N',
    };
    let mut key = String::with_capacity(96);
    let _ = write!(key, "{kind}{} {}", flow.remote.ip(), via.sent_by);
    match via.branch.filter(|b| b.len() > COOKIE.len() && b.get(..COOKIE.len()).is_some_and(|c| c.eq_ignore_ascii_case(COOKIE))) {
        Some(branch) => {
            let _ = write!(key, " {branch}");
        }
        None => {
            // RFC 2543 peers: what identifies the request itself
            let from = request.from();
            let _ = write!(key, " {} {} {}", request.call_id(), request.cseq().0, from.tag().unwrap_or(""));
        }
    }
    key
}

/// Names a new INVITE whatever way it took, another of the operator's machines included (8.2.2.2).
pub(super) fn merged_key(request: &Message) -> String {
    let from = request.from();
    format!("{} {} {}", request.cseq().0, from.tag().unwrap_or(""), request.call_id())
}
