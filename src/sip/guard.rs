//! Before any parsing: who may speak to us at all, and how fast (THREATS 3, 19, 20). Pure; the addresses of a trunk may change at run time.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::domain::now::Instant;

use super::api::Peer;
use super::wire::MAX_LINE;

/// Source addresses whose rate is remembered. When full, the ones long quiet are forgotten first, then newcomers share one bucket.
const MAX_SOURCES: usize = 4096;
/// A source may send that many seconds' worth of requests at once.
const BURST_SECONDS: u32 = 2;

/// An address, a network, or one port of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerAddress {
    Net { base: IpAddr, prefix: u8 },
    Socket(SocketAddr),
}

impl PeerAddress {
    pub fn address(ip: IpAddr) -> PeerAddress {
        PeerAddress::Net { base: ip, prefix: if ip.is_ipv4() { 32 } else { 128 } }
    }

    /// `ip`, `ip/prefix` or `ip:port`.
    pub fn parse(text: &str) -> Option<PeerAddress> {
        if let Ok(socket) = text.parse::<SocketAddr>() {
            return Some(PeerAddress::Socket(socket));
        }
        match text.split_once('/') {
            None => text.parse().ok().map(PeerAddress::address),
            Some((ip, prefix)) => {
                let base: IpAddr = ip.parse().ok()?;
                let prefix: u8 = prefix.parse().ok().filter(|p| *p <= if base.is_ipv4() { 32 } else { 128 })?;
                Some(PeerAddress::Net { base, prefix })
            }
        }
    }

    /// RFC 1918, unique local, link-local and loopback: `"private"` in the configuration.
    pub fn private() -> Vec<PeerAddress> {
        let nets = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8", "fc00::/7", "fe80::/10", "::1/128"];
        nets.iter().filter_map(|n| PeerAddress::parse(n)).collect()
    }

    pub fn holds(&self, source: SocketAddr) -> bool {
        match self {
            PeerAddress::Socket(socket) => socket.port() == source.port() && socket.ip().to_canonical() == source.ip().to_canonical(),
            PeerAddress::Net { base, prefix } => same_net(*base, source.ip(), *prefix),
        }
    }
}

fn same_net(base: IpAddr, ip: IpAddr, prefix: u8) -> bool {
    match (base, ip.to_canonical()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => prefix == 0 || (u32::from(a) ^ u32::from(b)) >> (32 - u32::from(prefix.min(32))) == 0,
        (IpAddr::V6(a), IpAddr::V6(b)) => prefix == 0 || (u128::from(a) ^ u128::from(b)) >> (128 - u32::from(prefix.min(128))) == 0,
        _ => false,
    }
}

pub struct GuardConfig {
    pub phones: Vec<PeerAddress>,
    pub trunks: usize,
    /// Requests of one phone address a second.
    pub requests_per_second: u32,
    /// INVITEs among them.
    pub calls_per_second: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admit {
    Peer(Peer),
    Stranger,
    /// A peer, but too fast.
    Limited,
}

pub struct Guard {
    config: GuardConfig,
    trunks: Vec<Vec<PeerAddress>>,
    sources: HashMap<IpAddr, Rates>,
    /// What all share that found no place in `sources`.
    overflow: Rates,
    limited: u64,
}

/// GCRA: the theoretical arrival time of the next conforming request, for requests and for INVITEs.
#[derive(Clone, Copy, Default)]
struct Rates {
    requests: Instant,
    calls: Instant,
}

impl Guard {
    pub fn new(config: GuardConfig) -> Guard {
        let trunks = vec![Vec::new(); config.trunks];
        Guard { config, trunks, sources: HashMap::new(), overflow: Rates::default(), limited: 0 }
    }

    pub fn set_trunk(&mut self, trunk: usize, addresses: Vec<PeerAddress>) {
        if let Some(slot) = self.trunks.get_mut(trunk) {
            *slot = addresses;
        }
    }

    /// A trunk's own limit is its channels (CONTRACT.md, `[limits]`); phones are limited by address, responses never are.
    pub fn admit(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) -> Admit {
        if let Some(trunk) = self.trunks.iter().position(|t| t.iter().any(|a| a.holds(source))) {
            return Admit::Peer(Peer::Trunk(trunk));
        }
        if !self.config.phones.iter().any(|a| a.holds(source)) {
            return Admit::Stranger;
        }
        if bytes.starts_with(b"SIP/2.0") || self.within(now, source.ip().to_canonical(), is_invite(bytes)) {
            Admit::Peer(Peer::Phone)
        } else {
            self.limited += 1;
            Admit::Limited
        }
    }

    /// Messages that were dropped for their rate.
    pub fn limited(&self) -> u64 {
        self.limited
    }

    fn within(&mut self, now: Instant, ip: IpAddr, invite: bool) -> bool {
        if self.sources.len() >= MAX_SOURCES && !self.sources.contains_key(&ip) {
            self.sources.retain(|_, r| r.requests.max(r.calls) > now);
        }
        let full = self.sources.len() >= MAX_SOURCES && !self.sources.contains_key(&ip);
        let rates = if full { &mut self.overflow } else { self.sources.entry(ip).or_default() };
        let (requests, calls) = (self.config.requests_per_second, self.config.calls_per_second);
        conforms(&mut rates.requests, now, requests) && (!invite || conforms(&mut rates.calls, now, calls))
    }

    /// Whom a stranger's datagram calls: the second word of an INVITE, no longer than a line of ours may be. Reads nothing else.
    pub fn stranger_call(bytes: &[u8]) -> Option<&str> {
        let line = after_crlf(bytes).strip_prefix(INVITE)?;
        let uri = line.iter().take(MAX_LINE).position(|b| *b == b' ').and_then(|end| line.get(..end))?;
        std::str::from_utf8(uri).ok()
    }
}

const INVITE: &[u8] = b"INVITE ";

/// Line ends may precede a message (RFC 3261 7.5).
fn after_crlf(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|b| *b != b'\r' && *b != b'\n').unwrap_or(bytes.len());
    &bytes[start..]
}

fn is_invite(bytes: &[u8]) -> bool {
    after_crlf(bytes).starts_with(INVITE)
}

fn conforms(arrival: &mut Instant, now: Instant, per_second: u32) -> bool {
    let step = Duration::from_secs(1) / per_second.max(1);
    let burst = step * (per_second.max(1) * BURST_SECONDS);
    let expected = (*arrival).max(now);
    if expected.since(now) > burst {
        return false;
    }
    *arrival = expected + step;
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        let phones = vec![PeerAddress::parse("192.168.1.0/24").unwrap()];
        let mut guard = Guard::new(GuardConfig { phones, trunks: 1, requests_per_second: 10, calls_per_second: 2 });
        guard.set_trunk(0, vec![PeerAddress::parse("198.51.100.7").unwrap()]);
        guard
    }

    #[test]
    fn only_the_trunk_and_the_phones_networks_are_heard() {
        let mut g = guard();
        let admit = |g: &mut Guard, from: &str| g.admit(Instant(1), from.parse().unwrap(), b"INVITE sip:a@b SIP/2.0");
        assert_eq!(admit(&mut g, "198.51.100.7:5060"), Admit::Peer(Peer::Trunk(0)));
        assert_eq!(admit(&mut g, "192.168.1.20:5062"), Admit::Peer(Peer::Phone));
        assert_eq!(admit(&mut g, "203.0.113.9:5060"), Admit::Stranger);
    }

    #[test]
    fn a_phone_that_floods_is_limited_and_recovers_and_the_trunk_never_is() {
        let mut g = guard();
        let phone: SocketAddr = "192.168.1.20:5062".parse().unwrap();
        let admitted = (0..100).filter(|_| g.admit(Instant(1), phone, b"OPTIONS ") == Admit::Peer(Peer::Phone)).count();
        assert_eq!(admitted, 21);
        assert_eq!(g.admit(Instant(1) + Duration::from_secs(3), phone, b"OPTIONS "), Admit::Peer(Peer::Phone));
        let trunk: SocketAddr = "198.51.100.7:5060".parse().unwrap();
        assert!((0..1000).all(|_| g.admit(Instant(1), trunk, b"INVITE ") == Admit::Peer(Peer::Trunk(0))));
    }

    #[test]
    fn calls_have_a_limit_of_their_own_whatever_precedes_them() {
        let mut g = guard();
        let phone: SocketAddr = "192.168.1.20:5062".parse().unwrap();
        let admitted = (0..15).filter(|_| g.admit(Instant(1), phone, b"\r\n\r\nINVITE sip:a@b") == Admit::Peer(Peer::Phone)).count();
        assert_eq!(admitted, 5);
        assert_eq!(Guard::stranger_call(b"\r\nINVITE sip:a@b SIP/2.0"), Some("sip:a@b"));
        for no_call in [&b"OPTIONS sip:a@b SIP/2.0"[..], b"INVITE sip:a@b", b"INVITE \xff SIP/2.0", b"\r\n", b""] {
            assert_eq!(Guard::stranger_call(no_call), None);
        }
    }

    #[test]
    fn the_table_of_sources_is_bounded_and_newcomers_share_a_bucket() {
        let phones = vec![PeerAddress::parse("10.0.0.0/8").unwrap()];
        let mut g = Guard::new(GuardConfig { phones, trunks: 0, requests_per_second: 10, calls_per_second: 2 });
        let source = |n: u32| SocketAddr::new(std::net::Ipv4Addr::from(0x0a00_0000 + n).into(), 5060);
        let admitted = |g: &mut Guard, now, range: std::ops::Range<u32>| {
            range.filter(|n| g.admit(now, source(*n), b"OPTIONS ") != Admit::Limited).count()
        };
        assert_eq!(admitted(&mut g, Instant(1), 0..5000), MAX_SOURCES + 21);
        assert_eq!(g.sources.len(), MAX_SOURCES);
        assert_eq!(admitted(&mut g, Instant(1) + Duration::from_secs(1), 5000..6000), 1000);
    }

    #[test]
    fn a_port_of_an_address_and_mapped_addresses_are_told_apart_rightly() {
        let one = PeerAddress::parse("198.51.100.7:5080").unwrap();
        assert!(one.holds("198.51.100.7:5080".parse().unwrap()) && one.holds("[::ffff:198.51.100.7]:5080".parse().unwrap()));
        assert!(!one.holds("198.51.100.7:5060".parse().unwrap()));
        assert!(PeerAddress::parse("10.0.0.0/33").is_none() && PeerAddress::parse("host").is_none());
    }

    #[test]
    fn private_is_rfc_1918_and_its_like() {
        let nets = PeerAddress::private();
        let inside = |ip: &str| nets.iter().any(|n| n.holds(SocketAddr::new(ip.parse().unwrap(), 5060)));
        assert!(inside("10.1.2.3") && inside("172.31.0.1") && inside("127.0.0.1") && inside("fe80::1"));
        assert!(!inside("172.32.0.1") && !inside("8.8.8.8") && !inside("2001:db8::1"));
    }
}
