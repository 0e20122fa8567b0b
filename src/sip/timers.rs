//! RFC 3261's timers, and the one table they stand in.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::domain::now::Instant;

use super::api::SessionId;

/// Round-trip estimate (RFC 3261 17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);
/// Longest retransmission interval of non-INVITE requests and INVITE responses.
pub const T2: Duration = Duration::from_secs(4);
/// Longest time a message stays in the network.
pub const T4: Duration = Duration::from_secs(5);
/// Timers B, F, H, J, L, M and the UAS core's wait for an ACK.
pub const GIVE_UP: Duration = Duration::from_secs(32);
/// How long an INVITE may ring without a final answer, from our side (RFC 3261 16.6 names three minutes for proxies).
pub const RING_LIMIT: Duration = Duration::from_secs(200);
/// An in-dialog OPTIONS unanswered for that long means that nobody is there (RULES row 19).
pub const PONG_LIMIT: Duration = Duration::from_secs(5);

/// A transaction's name within the endpoint; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TxId(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A, E: send the request again.
    ClientResend(TxId),
    /// B, F: no final answer; or RING_LIMIT after a provisional.
    ClientGiveUp(TxId),
    /// D, K, M: absorb what still comes.
    ClientEnd(TxId),
    /// G: send the non-2xx answer to an INVITE again.
    ServerResend(TxId),
    /// H, I, J, L.
    ServerEnd(TxId),
    /// The 2xx of an INVITE is sent again by the UAS core (13.3.1.4).
    OkResend(SessionId, u32),
    OkGiveUp(SessionId, u32),
    /// After a 491 (14.1).
    Glare(SessionId, u32),
    Pong(SessionId, TxId),
}

/// Deadlines in order; an owner that is gone ignores its timer.
#[derive(Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(Instant, u64, Timer)>>,
    next: u64,
}

impl Timers {
    pub fn set(&mut self, at: Instant, timer: Timer) {
        self.next += 1;
        self.heap.push(Reverse((at, self.next, timer)));
    }

    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }

    pub fn due(&mut self, now: Instant) -> Option<Timer> {
        let at = self.next()?;
        if at > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, _, timer))| timer)
    }

    pub fn len(&self) -> usize {
        self.heap.len()
    }

    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}
