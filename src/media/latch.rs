//! Whose packets a leg takes (THREATS.md head, rows 8 and 9). The port is learnt once for each SDP and never again
//! before the next: nothing from any other address gets in, whatever it sends first.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::command::SourceRule;
use crate::domain::now::Instant;

/// How long a phone may show itself at the address of its SIP instead of its SDP's.
pub const LEARNING: Duration = Duration::from_secs(3);

#[derive(Clone, Debug)]
pub struct Latch {
    rule: SourceRule,
    since: Instant,
    learnt: Option<SocketAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Refused,
    /// The first one since the SDP; the source is now locked.
    First,
    Known,
}

impl Latch {
    pub fn new(now: Instant, rule: SourceRule) -> Latch {
        Latch { rule, since: now, learnt: None }
    }

    /// Judges a sound packet, and locks on the first one.
    pub fn admit(&mut self, now: Instant, from: SocketAddr) -> Admission {
        let from = canonical(from);
        match self.learnt {
            Some(learnt) if learnt == from => Admission::Known,
            None if self.expects(now, from.ip()) => {
                self.learnt = Some(from);
                Admission::First
            }
            Some(_) | None => Admission::Refused,
        }
    }

    /// Whether a control packet (RTCP: another port) is the peer's. Teaches nothing.
    pub fn admits_control(&self, now: Instant, from: IpAddr) -> bool {
        let from = from.to_canonical();
        match self.learnt {
            Some(learnt) => learnt.ip() == from,
            None => self.expects(now, from),
        }
    }

    /// Where to send instead of the SDP's address: a phone behind NAT gets its sound where its own comes from.
    pub fn destination(&self) -> Option<SocketAddr> {
        match self.rule {
            SourceRule::Address(_) => None,
            SourceRule::Either { .. } => self.learnt,
        }
    }

    fn expects(&self, now: Instant, from: IpAddr) -> bool {
        match self.rule {
            SourceRule::Address(address) => address.to_canonical() == from,
            SourceRule::Either { sdp, sip } => {
                sdp.ip().to_canonical() == from || (sip.to_canonical() == from && now.since(self.since) <= LEARNING)
            }
        }
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn at(ms: u64) -> Instant {
        Instant(ms * 1_000_000)
    }

    #[test]
    fn a_trunk_is_its_sdp_address_and_its_first_port() {
        let mut latch = Latch::new(at(0), SourceRule::Address("192.0.2.1".parse().unwrap()));
        assert_eq!(latch.admit(at(1), address("192.0.2.9:4000")), Admission::Refused);
        assert_eq!(latch.admit(at(9000), address("192.0.2.1:4002")), Admission::First);
        assert_eq!(latch.admit(at(9001), address("192.0.2.1:4002")), Admission::Known);
        assert_eq!(latch.admit(at(9002), address("192.0.2.1:4004")), Admission::Refused);
        assert_eq!(latch.admit(at(9003), address("[::ffff:192.0.2.1]:4002")), Admission::Known);
        assert_eq!(latch.destination(), None);
        assert!(latch.admits_control(at(9), "192.0.2.1".parse().unwrap()));
        assert!(!latch.admits_control(at(9), "192.0.2.9".parse().unwrap()));
    }

    #[test]
    fn a_phone_is_its_sdp_or_its_sip_address_whichever_comes_first_in_3_s() {
        let rule = SourceRule::Either { sdp: address("10.0.0.5:4000"), sip: "192.0.2.7".parse().unwrap() };
        let mut latch = Latch::new(at(0), rule.clone());
        assert_eq!(latch.admit(at(10), address("192.0.2.7:61000")), Admission::First);
        assert_eq!(latch.admit(at(20), address("10.0.0.5:4000")), Admission::Refused);
        assert_eq!(latch.destination(), Some(address("192.0.2.7:61000")));
        let mut late = Latch::new(at(0), rule);
        assert_eq!(late.admit(at(3001), address("192.0.2.7:61000")), Admission::Refused);
        assert_eq!(late.admit(at(3002), address("10.0.0.5:4000")), Admission::First);
    }
}
