//! What transactions and sessions share: names, timers, and the queue of bytes to send. Decides nothing.

use std::collections::VecDeque;

use crate::domain::entropy::Entropy;
use crate::domain::now::Instant;
use crate::sip::api::{Flow, RequestId, SessionId, Transmit, Transport};
use crate::sip::timers::Timers;

/// A transaction of ours or theirs. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::sip) struct TxId(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::sip) enum Timer {
    /// A, E.
    ClientResend(TxId),
    /// B, D, F, K, M.
    ClientEnd(TxId),
    /// G.
    ServerResend(TxId),
    /// H, I, J, L.
    ServerEnd(TxId),
    Session(SessionId, SessionTimer),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::sip) enum SessionTimer {
    /// Our 2xx again (RFC 3261 13.3.1.4).
    Resend2xx,
    /// 64·T1 without ACK.
    NotAcked,
    /// Our last provisional again, each minute (13.3.1.1).
    Provisional,
    /// No final response to a cancelled INVITE (9.1).
    Cancelled,
    /// Our re-INVITE again after a 491 (14.1).
    Glare,
    Ping,
}

/// Whom the result of a client transaction concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sip) enum Owner {
    Nobody,
    Invite(SessionId),
    Reinvite(SessionId),
    Update(SessionId),
    Ping(SessionId),
    Bye(SessionId),
    Request(RequestId),
}

/// What leaves the endpoint, and when it wants to be woken.
#[derive(Default)]
pub(in crate::sip) struct Io {
    pub timers: Timers<Timer>,
    pub out: VecDeque<Transmit>,
}

impl Io {
    pub fn send(&mut self, flow: Flow, bytes: Vec<u8>) {
        self.out.push_back(Transmit { flow, bytes });
    }

    pub fn set(&mut self, timer: Timer, at: Instant) {
        self.timers.set(timer, at);
    }

    pub fn stop(&mut self, timer: Timer) {
        self.timers.stop(timer);
    }
}

/// UDP loses, doubles and reorders; TCP does not, and its timers A, E, G are off, D, I, J, K zero.
pub(in crate::sip) fn unreliable(flow: &Flow) -> bool {
    flow.transport == Transport::Udp
}

/// 16 hexadecimal digits: 64 unpredictable bits, for tags and branches (RFC 3261 19.3 asks for 32).
pub(in crate::sip) fn random_hex(entropy: &mut dyn Entropy) -> String {
    format!("{:016x}", entropy.u64())
}
