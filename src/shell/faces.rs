//! Which of our own addresses a peer sees, and whether an address is ours. The routing table is asked once for each address at most.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Addresses whose way is remembered.
const MAX_KNOWN: usize = 1024;
/// The port that a route is asked for: discard (RFC 863). Nothing is sent there.
const NO_PORT: u16 = 9;

#[derive(Debug, Default)]
pub struct Faces {
    advertise: Option<IpAddr>,
    known: HashMap<IpAddr, Option<IpAddr>>,
}

impl Faces {
    /// `advertise`: what the configuration says we are seen as, by everybody.
    pub fn new(advertise: Option<IpAddr>) -> Faces {
        Faces { advertise, known: HashMap::new() }
    }

    pub fn advertise(&self) -> Option<IpAddr> {
        self.advertise
    }

    /// Our own address as `peer` reaches it: the advertised one, the bound one, or the one the routing table would use.
    pub fn facing(&mut self, bound: IpAddr, peer: IpAddr) -> IpAddr {
        match self.advertise {
            Some(ip) => ip,
            None if !bound.is_unspecified() => bound,
            None => self.route(peer).unwrap_or(bound),
        }
    }

    /// A socket bound to `bound` gets what is sent to `ip`: the way to an address of our own starts there.
    pub fn is_ours(&mut self, bound: IpAddr, ip: IpAddr) -> bool {
        self.advertise == Some(ip) || if bound.is_unspecified() { self.route(ip) == Some(ip) } else { bound == ip }
    }

    fn route(&mut self, to: IpAddr) -> Option<IpAddr> {
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        *self.known.entry(to).or_insert_with(|| ask(to))
    }
}

/// Connecting a datagram socket sends nothing: it only asks the routing table.
fn ask(to: IpAddr) -> Option<IpAddr> {
    let any: SocketAddr = match to {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = std::net::UdpSocket::bind(any).ok()?;
    socket.connect((to, NO_PORT)).ok()?;
    socket.local_addr().ok().map(|local| local.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_peer_sees_the_advertised_the_bound_or_the_routed_address() {
        assert_eq!(Faces::new(Some(ip("192.0.2.1"))).facing(ANY, ip("127.0.0.9")), ip("192.0.2.1"));
        assert_eq!(Faces::default().facing(ip("127.0.0.5"), ip("127.0.0.9")), ip("127.0.0.5"));
        assert_eq!(Faces::default().facing(ANY, ip("127.0.0.1")), ip("127.0.0.1"));
    }

    #[test]
    fn our_own_addresses_are_known_as_ours() {
        assert!(Faces::default().is_ours(ip("127.0.0.5"), ip("127.0.0.5")) && !Faces::default().is_ours(ip("127.0.0.5"), ip("127.0.0.6")));
        assert!(Faces::default().is_ours(ANY, ip("127.0.0.1")));
        assert!(!Faces::default().is_ours(ANY, ip("192.0.2.77")));
        assert!(Faces::new(Some(ip("192.0.2.1"))).is_ours(ANY, ip("192.0.2.1")));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut faces = Faces::default();
        for n in 0..2000u32 {
            faces.facing(ANY, Ipv4Addr::from(0x7f01_0000 + n).into());
        }
        assert!(faces.known.len() <= MAX_KNOWN);
    }
}
