//! The times of RFC 3261 17 (table 4) and one timer table for the whole endpoint. Reads no clock.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::Hash;
use std::time::Duration;

use crate::domain::now::Instant;

/// Round-trip estimate (RFC 3261 17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);
/// Greatest interval between retransmissions of a non-INVITE request or an INVITE's final response.
pub const T2: Duration = Duration::from_secs(4);
/// How long a message may live in the network.
pub const T4: Duration = Duration::from_secs(5);
/// 64·T1: timers B, F, H, J, L, M, and how long a 2xx is retransmitted (13.3.1.4).
pub const T1_64: Duration = Duration::from_secs(32);
/// Timer D on an unreliable transport: at least 32 s.
pub const D: Duration = Duration::from_secs(32);

/// The next interval of a doubling timer that stops at T2 (timers E and G, and the 2xx of 13.3.1.4).
pub fn double(interval: Duration) -> Duration {
    (interval * 2).min(T2)
}

/// Below this many entries of the heap it is not worth to look for dead ones.
const COMPACT_FROM: usize = 256;

/// Deadlines by owner. Setting a timer again replaces it; a replaced or stopped one never fires, since its generation is no longer the owner's.
#[derive(Debug)]
pub struct Timers<K> {
    heap: BinaryHeap<Reverse<(Instant, u64, K)>>,
    generation: HashMap<K, u64>,
    next: u64,
}

impl<K> Default for Timers<K>
where
    K: Ord,
{
    fn default() -> Self {
        Timers { heap: BinaryHeap::new(), generation: HashMap::new(), next: 0 }
    }
}

impl<K: Copy + Ord + Hash> Timers<K> {
    pub fn set(&mut self, key: K, at: Instant) {
        self.next += 1;
        self.generation.insert(key, self.next);
        self.heap.push(Reverse((at, self.next, key)));
        self.tidy();
    }

    pub fn stop(&mut self, key: K) {
        if self.generation.remove(&key).is_some() {
            self.tidy();
        }
    }

    /// The earliest deadline.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Takes out the earliest timer that is due.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        let Reverse((at, _, key)) = *self.heap.peek()?;
        if at > now {
            return None;
        }
        self.heap.pop();
        self.generation.remove(&key);
        self.tidy();
        Some(key)
    }

    /// Timers that will fire.
    pub fn len(&self) -> usize {
        self.generation.len()
    }

    pub fn is_empty(&self) -> bool {
        self.generation.is_empty()
    }

    /// Keeps a living timer at the top, and the dead ones fewer than the living.
    fn tidy(&mut self) {
        while let Some(Reverse((_, generation, key))) = self.heap.peek() {
            if self.generation.get(key) == Some(generation) {
                break;
            }
            self.heap.pop();
        }
        if self.heap.len() > COMPACT_FROM && self.heap.len() > 2 * self.generation.len() {
            let living = &self.generation;
            self.heap.retain(|Reverse((_, generation, key))| living.get(key) == Some(generation));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn fires_in_order_and_once() {
        let mut timers = Timers::default();
        timers.set('b', at(2));
        timers.set('a', at(1));
        assert_eq!(timers.next_deadline(), Some(at(1)));
        assert_eq!(timers.pop_due(at(0)), None);
        assert_eq!(timers.pop_due(at(9)), Some('a'));
        assert_eq!(timers.pop_due(at(9)), Some('b'));
        assert_eq!(timers.pop_due(at(9)), None);
        assert!(timers.is_empty());
    }

    #[test]
    fn a_replaced_or_stopped_timer_never_fires() {
        let mut timers = Timers::default();
        timers.set('a', at(1));
        timers.set('a', at(5));
        timers.set('b', at(2));
        timers.stop('b');
        assert_eq!(timers.next_deadline(), Some(at(5)));
        assert_eq!(timers.pop_due(at(4)), None);
        assert_eq!(timers.pop_due(at(5)), Some('a'));
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn dead_timers_do_not_pile_up() {
        let mut timers = Timers::default();
        timers.set(0, at(1));
        for second in 0..100_000 {
            timers.set(1, at(2 + second));
        }
        assert!(timers.heap.len() <= COMPACT_FROM + 1, "{}", timers.heap.len());
        assert_eq!(timers.len(), 2);
    }

    #[test]
    fn doubles_to_t2() {
        assert_eq!(double(T1), Duration::from_secs(1));
        assert_eq!(double(Duration::from_secs(3)), T2);
    }
}
