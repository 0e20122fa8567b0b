//! Where a SIP target is: the pure part of RFC 3263 (A, AAAA, SRV) with failover, and the memory that outlives a failing DNS.
//!
//! Asks no resolver: the shell does, by [`plan`], and hands the answers back. The transport is the configuration's, so NAPTR is not asked.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::domain::entropy::Entropy;
use crate::domain::now::Instant;

use super::api::Transport;

/// RFC 3261 19.1.2, for UDP and TCP.
const DEFAULT_PORT: u16 = 5060;
/// RFC 1035 2.3.4.
const MAX_NAME: usize = 253;
/// Last good addresses are believed this long when the DNS fails.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// Targets remembered, and addresses of each.
const MAX_TARGETS: usize = 64;
const MAX_ADDRESSES: usize = 16;

/// What to do to find a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// An address was written: nothing to ask.
    Literal(SocketAddr),
    /// A name: its SRV records where no port is written, whose answers go through [`order`]; without any, the addresses of the name itself.
    Ask { srv: Option<String>, host: String, port: u16 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("hôte[:port] attendu : un nom ou une adresse")]
pub struct NotATarget;

/// One SRV record (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    pub target: String,
}

/// What to ask for `host[:port]`: SRV only where no port is written (RFC 3263 4.2).
///
/// # Errors
/// [`NotATarget`] when the text is neither a name nor an address.
pub fn plan(target: &str, transport: Transport) -> Result<Plan, NotATarget> {
    let target = target.trim();
    if let Ok(address) = target.parse::<SocketAddr>() {
        return Ok(Plan::Literal(address));
    }
    if let Ok(ip) = target.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(Plan::Literal(SocketAddr::new(ip, DEFAULT_PORT)));
    }
    let (host, port) = match target.split_once(':') {
        Some((host, port)) => (host, Some(port.parse::<u16>().ok().filter(|p| *p > 0).ok_or(NotATarget)?)),
        None => (target, None),
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if !is_name(&host) {
        return Err(NotATarget);
    }
    let service = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
    };
    let srv = port.is_none().then(|| format!("{service}.{host}"));
    Ok(Plan::Ask { srv, host, port: port.unwrap_or(DEFAULT_PORT) })
}

/// The order to try SRV records in: by priority, within one by weighted chance (RFC 2782). A lone target `.` means no service: nothing is left.
pub fn order(mut records: Vec<Srv>, entropy: &mut dyn Entropy) -> Vec<Srv> {
    records.retain(|srv| !srv.target.trim_end_matches('.').is_empty() && srv.port > 0);
    // Weight 0 first, so that it has its small chance.
    records.sort_by_key(|srv| (srv.priority, srv.weight));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(priority) = records.first().map(|srv| srv.priority) {
        let same = records.iter().take_while(|srv| srv.priority == priority);
        let total: u64 = same.clone().map(|srv| u64::from(srv.weight)).sum();
        let mut draw = entropy.u64() % (total + 1);
        let chosen = same.clone().position(|srv| match draw.checked_sub(u64::from(srv.weight)) {
            None | Some(0) => true,
            Some(rest) => {
                draw = rest;
                false
            }
        });
        ordered.push(records.remove(chosen.unwrap_or(0)));
    }
    ordered
}

/// A DNS name of letters, digits, hyphens and underscores.
fn is_name(host: &str) -> bool {
    let label = |l: &str| (1..=63).contains(&l.len()) && l.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    host.len() <= MAX_NAME && host.split('.').all(label)
}

/// Addresses to try in turn: the next one when one fails, the first again after the last (RFC 3263 4.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    addresses: Vec<SocketAddr>,
    at: usize,
}

impl Candidates {
    /// Doubles are dropped, order is kept.
    pub fn new(found: impl IntoIterator<Item = SocketAddr>) -> Candidates {
        let mut addresses = Vec::new();
        for address in found {
            if !addresses.contains(&address) && addresses.len() < MAX_ADDRESSES {
                addresses.push(address);
            }
        }
        Candidates { addresses, at: 0 }
    }

    pub fn current(&self) -> Option<SocketAddr> {
        self.addresses.get(self.at).copied()
    }

    /// That one failed: the next one is current, where it still was. True when there is another to try.
    pub fn fail(&mut self, failed: SocketAddr) -> bool {
        if self.current() == Some(failed) {
            self.at = (self.at + 1) % self.addresses.len();
        }
        self.addresses.len() > 1
    }

    /// A new resolution: what is still there and worked last stays current.
    pub fn renew(&mut self, found: impl IntoIterator<Item = SocketAddr>) {
        let last = self.current();
        *self = Candidates::new(found);
        self.at = self.addresses.iter().position(|address| Some(*address) == last).unwrap_or(0);
    }

    pub fn all(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

/// The last addresses that each target was found at.
#[derive(Debug, Default)]
pub struct LastGood {
    found: HashMap<String, (Instant, Vec<SocketAddr>)>,
}

impl LastGood {
    /// A resolution that gave something; an empty one changes nothing.
    pub fn remember(&mut self, now: Instant, target: &str, addresses: &[SocketAddr]) {
        if addresses.is_empty() {
            return;
        }
        if self.found.len() >= MAX_TARGETS && !self.found.contains_key(target) {
            let oldest = self.found.iter().min_by_key(|(_, (at, _))| *at).map(|(name, _)| name.clone());
            oldest.and_then(|name| self.found.remove(&name));
        }
        self.found.insert(target.to_owned(), (now, addresses.iter().copied().take(MAX_ADDRESSES).collect()));
    }

    /// What to use when the resolver fails or is silent: empty when nothing was found within 24 h.
    pub fn recall(&self, now: Instant, target: &str) -> &[SocketAddr] {
        match self.found.get(target) {
            Some((at, addresses)) if now.since(*at) <= KEPT => addresses,
            Some(_) | None => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entropy::Seeded;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_written_address_needs_no_query() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1:5060"),
            ("192.0.2.1:5080", "192.0.2.1:5080"),
            ("[2001:db8::1]", "[2001:db8::1]:5060"),
            ("[2001:db8::1]:5070", "[2001:db8::1]:5070"),
            ("2001:db8::1", "[2001:db8::1]:5060"),
        ] {
            assert_eq!(plan(text, Transport::Udp), Ok(Plan::Literal(address(expected))));
        }
    }

    #[test]
    fn a_name_without_port_is_asked_for_srv_first_and_one_with_a_port_never() {
        let ask = |srv: Option<&str>, port| Ok(Plan::Ask { srv: srv.map(str::to_owned), host: "sip.op.example".into(), port });
        assert_eq!(plan("sip.op.example.", Transport::Tcp), ask(Some("_sip._tcp.sip.op.example"), 5060));
        assert_eq!(plan("sip.op.example", Transport::Udp), ask(Some("_sip._udp.sip.op.example"), 5060));
        assert_eq!(plan("SIP.op.example:5080", Transport::Udp), ask(None, 5080));
        for bad in ["", ":5060", "op.example:0", "op.example:70000", "op example", "op..example", &"a".repeat(64)] {
            assert_eq!(plan(bad, Transport::Udp), Err(NotATarget), "{bad}");
        }
    }

    fn srv(priority: u16, weight: u16, target: &str) -> Srv {
        Srv { priority, weight, port: 5060, target: target.into() }
    }

    #[test]
    fn srv_goes_by_priority_then_by_weight() {
        let mut entropy = Seeded(7);
        let mut heavy_first = 0;
        for _ in 0..1000 {
            let ordered = order(vec![srv(20, 0, "c"), srv(10, 90, "a"), srv(10, 10, "b"), srv(30, 5, ".")], &mut entropy);
            assert_eq!(ordered.len(), 3);
            assert_eq!(ordered[2].target, "c");
            heavy_first += usize::from(ordered[0].target == "a");
        }
        assert!((840..=940).contains(&heavy_first), "{heavy_first}");
        assert_eq!(order(vec![srv(0, 0, ".")], &mut entropy), vec![]);
        assert_eq!(order(vec![srv(0, 0, "x"), srv(0, 0, "y")], &mut entropy).len(), 2);
    }

    #[test]
    fn candidates_go_round() {
        let (a, b) = (address("192.0.2.1:5060"), address("192.0.2.2:5060"));
        let mut candidates = Candidates::new([a, b, a]);
        assert_eq!(candidates.all(), [a, b]);
        assert_eq!(candidates.current(), Some(a));
        assert!(candidates.fail(a) && candidates.fail(a), "two requests to one address fail it once");
        assert_eq!(candidates.current(), Some(b));
        candidates.renew([a, b]);
        assert_eq!(candidates.current(), Some(b), "what worked last stays");
        assert!(candidates.fail(b));
        assert_eq!(candidates.current(), Some(a));
        candidates.fail(a);
        candidates.renew([a]);
        assert_eq!((candidates.current(), candidates.fail(a)), (Some(a), false));
        assert_eq!(candidates.current(), Some(a), "a lone one is tried again");
        assert!(!Candidates::default().fail(a));
        assert_eq!(Candidates::default().current(), None);
    }

    #[test]
    fn the_last_good_addresses_live_a_day() {
        let mut memory = LastGood::default();
        let found = [address("192.0.2.1:5060")];
        memory.remember(Instant::ZERO, "op.example", &found);
        memory.remember(Instant::ZERO + Duration::from_secs(60), "op.example", &[]);
        assert_eq!(memory.recall(Instant::ZERO + KEPT, "op.example"), found);
        assert!(memory.recall(Instant::ZERO + KEPT + Duration::from_secs(1), "op.example").is_empty());
        assert!(memory.recall(Instant::ZERO, "other.example").is_empty());
        for i in 0..200 {
            memory.remember(Instant(i), &format!("h{i}"), &found);
        }
        assert_eq!(memory.found.len(), MAX_TARGETS);
    }
}
