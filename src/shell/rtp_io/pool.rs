//! The pool of RTP/RTCP port pairs: drawn at random (nobody outside may guess the next), bound when drawn, at rest for
//! 5 s when given back, so that late packets of one call never reach the next.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::str::FromStr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::domain::entropy::Entropy;
use crate::domain::now::Instant;
use crate::media::relay::MAX_LEGS;

/// How long a pair rests.
pub const REST: Duration = Duration::from_secs(5);
/// The same when no other pair is left: late packets of the last call are kept out by the source rule.
const SHORT_REST: Duration = Duration::from_millis(200);
/// Pairs tried when others hold the ports.
const MAX_TRIES: usize = 32;

/// Inclusive, as the configuration writes it: `20000-20999`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    pub first: u16,
    pub last: u16,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a port range is two ports of 1024 to 65535 like 20000-20999, with room for an even and an odd one")]
pub struct BadRange;

impl FromStr for PortRange {
    type Err = BadRange;

    fn from_str(text: &str) -> Result<PortRange, BadRange> {
        let (first, last) = text.split_once('-').ok_or(BadRange)?;
        let read = |port: &str| port.trim().parse::<u16>().map_err(|_| BadRange);
        let range = PortRange { first: read(first)?, last: read(last)? };
        if range.first >= 1024 && range.pairs() > 0 { Ok(range) } else { Err(BadRange) }
    }
}

impl PortRange {
    /// Even ports whose odd neighbour is in the range too, at most [`MAX_LEGS`].
    pub fn pairs(self) -> usize {
        let first = u32::from(self.first).next_multiple_of(2);
        ((u32::from(self.last) + 1).saturating_sub(first) as usize / 2).min(MAX_LEGS)
    }

    fn port(self, index: u16) -> u16 {
        self.first.next_multiple_of(2).saturating_add(index.saturating_mul(2))
    }
}

/// The two sockets of a leg.
#[derive(Debug)]
pub struct Pair {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
}

impl Pair {
    pub fn socket(&self, control: bool) -> &UdpSocket {
        if control { &self.rtcp } else { &self.rtp }
    }
}

pub struct PortPool {
    address: IpAddr,
    range: PortRange,
    entropy: Box<dyn Entropy>,
    free: Vec<u16>,
    resting: VecDeque<(Instant, u16)>,
    returns: Receiver<(Instant, u16)>,
    back: Sender<(Instant, u16)>,
}

impl PortPool {
    pub fn new(address: IpAddr, range: PortRange, entropy: Box<dyn Entropy>) -> PortPool {
        let free = (0..range.pairs()).filter_map(|n| u16::try_from(n).ok()).collect();
        let (back, returns) = channel();
        PortPool { address, range, entropy, free, resting: VecDeque::new(), returns, back }
    }

    /// By which the media thread gives pairs back without waiting for anyone; never more than there are pairs.
    pub fn returns(&self) -> Sender<(Instant, u16)> {
        self.back.clone()
    }

    /// Draws and binds a pair: its index, its sockets, its RTP address. `None`: all taken.
    pub fn take(&mut self, now: Instant) -> Option<(u16, Pair, SocketAddr)> {
        self.collect();
        while self.resting.front().is_some_and(|(since, _)| now.since(*since) >= REST) {
            self.free.extend(self.resting.pop_front().map(|(_, index)| index));
        }
        // a call that finds a port too soon is better than one that finds none
        if self.free.is_empty() && self.resting.front().is_some_and(|(since, _)| now.since(*since) >= SHORT_REST) {
            self.free.extend(self.resting.pop_front().map(|(_, index)| index));
        }
        let (mut taken, mut elsewhere) = (None, Vec::new());
        for _ in 0..MAX_TRIES.min(self.free.len()) {
            let place = self.entropy.u64() as usize % self.free.len().max(1);
            if place >= self.free.len() {
                break;
            }
            let index = self.free.swap_remove(place);
            let port = self.range.port(index);
            let address = SocketAddr::new(self.address, port);
            let bound = super::bind(address).and_then(|rtp| {
                let rtcp = super::bind(SocketAddr::new(self.address, port.saturating_add(1)))?;
                Ok(Pair { rtp, rtcp })
            });
            match bound {
                Ok(pair) => {
                    taken = Some((index, pair, address));
                    break;
                }
                Err(_) => elsewhere.push(index),
            }
        }
        self.free.append(&mut elsewhere);
        taken
    }

    /// Its sockets are closed, or will be at once: from now on it rests.
    pub fn give_back(&mut self, now: Instant, index: u16) {
        self.resting.push_back((now, index));
    }

    /// Pairs not in use, those at rest included.
    pub fn free(&mut self) -> usize {
        self.collect();
        self.free.len() + self.resting.len()
    }

    fn collect(&mut self) {
        self.resting.extend(self.returns.try_iter());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entropy::Seeded;

    #[test]
    fn a_range_is_read_strictly() {
        assert_eq!("20000-20999".parse::<PortRange>().map(PortRange::pairs), Ok(500));
        assert_eq!("20001-20999".parse::<PortRange>().map(PortRange::pairs), Ok(499));
        assert_eq!("65534-65535".parse::<PortRange>().map(PortRange::pairs), Ok(1));
        for bad in ["", "20000", "20999-20000", "20001-20002", "80-90", "1-70000", "a-b"] {
            assert_eq!(bad.parse::<PortRange>(), Err(BadRange), "{bad}");
        }
    }

    #[test]
    fn pairs_are_even_odd_bounded_and_rest_before_they_come_again_shortly_when_none_is_left() {
        let range = PortRange { first: 28_001, last: 28_006 };
        let mut pool = PortPool::new("127.0.0.1".parse().unwrap(), range, Box::new(Seeded(7)));
        let start = Instant(1);
        let one = pool.take(start).unwrap();
        let two = pool.take(start).unwrap();
        assert!(pool.take(start).is_none());
        assert_ne!(one.0, two.0);
        assert!([28_002, 28_004].contains(&one.2.port()));
        assert_eq!(one.1.rtcp.local_addr().unwrap().port(), one.2.port() + 1);
        let (index, pair, _) = one;
        drop(pair);
        pool.give_back(start, index);
        assert!(pool.take(start + (SHORT_REST - Duration::from_millis(1))).is_none());
        assert_eq!(pool.take(start + SHORT_REST).unwrap().0, index);
    }

    #[test]
    fn ports_that_others_hold_are_passed_over() {
        let range = PortRange { first: 28_010, last: 28_013 };
        let _other = UdpSocket::bind("127.0.0.1:28011").unwrap();
        let mut pool = PortPool::new("127.0.0.1".parse().unwrap(), range, Box::new(Seeded(1)));
        assert_eq!(pool.take(Instant(1)).unwrap().2.port(), 28_012);
        assert!(pool.take(Instant(1)).is_none());
        assert_eq!(pool.free(), 1);
    }
}
