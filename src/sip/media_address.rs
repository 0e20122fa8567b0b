//! Where a peer's description may send our packets (THREATS 8 and 9): a table of refusals, asked for each address before anything is agreed. Pure: whether an
//! address is one of ours or another peer's is told to it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::guard::PeerAddress;

/// Whose description it is.
#[derive(Clone, Copy, Debug)]
pub enum Side<'a> {
    /// `[[trunk]] media`; empty: any public address, and private ones where its signalling is private.
    Trunk {
        media: &'a [PeerAddress],
    },
    Phone,
}

/// What else is known of an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// A socket of ours is there.
    pub ours: bool,
    /// Another peer's signalling comes from that host.
    pub anothers: bool,
}

/// Why nothing may be sent there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    #[error("no host's address")]
    NotUnicast,
    #[error("a socket of ours")]
    Ours,
    #[error("not among the trunk's media networks")]
    NotListed,
    #[error("loopback, which its signalling is not")]
    Loopback,
    #[error("another peer's address")]
    AnotherPeer,
    #[error("private, which its signalling is not")]
    Private,
}

/// May the peer whose signalling comes from `signalling` name this address? A listed network stands for itself, private or not; the host that the
/// signalling comes from is always the peer's own.
pub fn check(side: Side<'_>, signalling: IpAddr, address: SocketAddr, known: Known) -> Result<(), Forbidden> {
    let (ip, signalling) = (address.ip().to_canonical(), signalling.to_canonical());
    if !is_a_hosts(ip) || address.port() == 0 {
        return Err(Forbidden::NotUnicast);
    }
    if known.ours {
        return Err(Forbidden::Ours);
    }
    let listed = match side {
        Side::Trunk { media } => !media.is_empty(),
        Side::Phone => false,
    };
    if let Side::Trunk { media } = side
        && listed
        && !media.iter().any(|net| net.holds(address))
    {
        return Err(Forbidden::NotListed);
    }
    if ip == signalling {
        return Ok(());
    }
    if ip.is_loopback() && !signalling.is_loopback() {
        return Err(Forbidden::Loopback);
    }
    if known.anothers {
        return Err(Forbidden::AnotherPeer);
    }
    let to_judge = matches!(side, Side::Trunk { .. }) && !listed;
    if to_judge && is_private(ip) && !is_private(signalling) {
        return Err(Forbidden::Private);
    }
    Ok(())
}

/// Neither a group, a broadcast, "this network" nor a block that no host has (RFC 6890).
fn is_a_hosts(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => !(v4.is_multicast() || v4.octets()[0] == 0 || v4.octets()[0] >= 240),
        IpAddr::V6(v6) => !(v6.is_multicast() || v6.is_unspecified()),
    }
}

/// Not reachable from everywhere: RFC 1918, shared (RFC 6598), link-local, unique local, loopback.
fn is_private(ip: IpAddr) -> bool {
    let shared = |v4: Ipv4Addr| v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
    match ip {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || v4.is_loopback() || shared(v4),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: Known = Known { ours: false, anothers: false };
    const OURS: Known = Known { ours: true, anothers: false };
    const ANOTHERS: Known = Known { ours: false, anothers: true };
    const PUBLIC: &str = "198.51.100.7";
    const LAN: &str = "192.168.1.20";
    const HOST: &str = "127.0.0.1";

    fn judge(side: Side<'_>, signalling: &str, ip: &str, known: Known) -> Result<(), Forbidden> {
        check(side, signalling.parse().unwrap(), SocketAddr::new(ip.parse().unwrap(), 4000), known)
    }

    #[test]
    fn what_no_host_has_is_refused_from_anybody() {
        let nowhere = ["224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1", "0.0.0.0", "0.1.2.3", "::", "ff02::1", "::ffff:239.1.1.1"];
        for ip in nowhere {
            for signalling in [PUBLIC, LAN, HOST] {
                assert_eq!(judge(Side::Phone, signalling, ip, NOBODY), Err(Forbidden::NotUnicast), "{ip}");
                assert_eq!(judge(Side::Trunk { media: &[] }, signalling, ip, NOBODY), Err(Forbidden::NotUnicast), "{ip}");
            }
        }
        let no_port = SocketAddr::new(LAN.parse().unwrap(), 0);
        assert_eq!(check(Side::Phone, LAN.parse().unwrap(), no_port, NOBODY), Err(Forbidden::NotUnicast));
    }

    #[test]
    fn a_trunk_names_public_addresses_and_private_ones_where_it_is_private_itself() {
        let table = [
            (PUBLIC, PUBLIC, NOBODY, Ok(())),
            (PUBLIC, "203.0.113.9", NOBODY, Ok(())),
            (PUBLIC, "2001:db8::9", NOBODY, Ok(())),
            (PUBLIC, "10.0.0.9", NOBODY, Err(Forbidden::Private)),
            (PUBLIC, "172.16.0.9", NOBODY, Err(Forbidden::Private)),
            (PUBLIC, "192.168.1.9", NOBODY, Err(Forbidden::Private)),
            (PUBLIC, "169.254.1.9", NOBODY, Err(Forbidden::Private)),
            (PUBLIC, "100.64.0.9", NOBODY, Err(Forbidden::Private)),
            (PUBLIC, "fd00::9", NOBODY, Err(Forbidden::Private)),
            (PUBLIC, "fe80::9", NOBODY, Err(Forbidden::Private)),
            (PUBLIC, "127.0.0.1", NOBODY, Err(Forbidden::Loopback)),
            (PUBLIC, "::1", NOBODY, Err(Forbidden::Loopback)),
            (PUBLIC, "::ffff:127.0.0.1", NOBODY, Err(Forbidden::Loopback)),
            (LAN, "10.0.0.9", NOBODY, Ok(())),
            (LAN, "203.0.113.9", NOBODY, Ok(())),
            (LAN, "127.0.0.1", NOBODY, Err(Forbidden::Loopback)),
            (LAN, "192.168.1.21", ANOTHERS, Err(Forbidden::AnotherPeer)),
            (LAN, LAN, ANOTHERS, Ok(())),
            (LAN, LAN, OURS, Err(Forbidden::Ours)),
            (HOST, "127.0.0.9", NOBODY, Ok(())),
            (HOST, "10.0.0.9", NOBODY, Ok(())),
            (HOST, "127.0.0.9", ANOTHERS, Err(Forbidden::AnotherPeer)),
        ];
        for (signalling, ip, known, expected) in table {
            assert_eq!(judge(Side::Trunk { media: &[] }, signalling, ip, known), expected, "{ip} from {signalling}");
        }
    }

    #[test]
    fn listed_networks_narrow_it_and_stand_for_themselves() {
        let media = [PeerAddress::parse("203.0.113.0/24").unwrap(), PeerAddress::parse("10.9.0.0/16").unwrap()];
        let table = [
            ("203.0.113.9", NOBODY, Ok(())),
            ("203.0.114.9", NOBODY, Err(Forbidden::NotListed)),
            (PUBLIC, NOBODY, Err(Forbidden::NotListed)),
            ("10.9.0.1", NOBODY, Ok(())),
            ("10.8.0.1", NOBODY, Err(Forbidden::NotListed)),
            ("203.0.113.9", ANOTHERS, Err(Forbidden::AnotherPeer)),
            ("203.0.113.9", OURS, Err(Forbidden::Ours)),
        ];
        for (ip, known, expected) in table {
            assert_eq!(judge(Side::Trunk { media: &media }, PUBLIC, ip, known), expected, "{ip}");
        }
        let loopback = [PeerAddress::parse("127.0.0.0/8").unwrap()];
        assert_eq!(judge(Side::Trunk { media: &loopback }, PUBLIC, "127.0.0.1", NOBODY), Err(Forbidden::Loopback));
    }

    #[test]
    fn a_phone_names_any_host_but_ours_another_peers_and_a_loopback_it_is_not_on() {
        let table = [
            (LAN, "192.168.1.77", NOBODY, Ok(())),
            (PUBLIC, "192.168.1.77", NOBODY, Ok(())),
            (LAN, PUBLIC, NOBODY, Ok(())),
            (LAN, PUBLIC, ANOTHERS, Err(Forbidden::AnotherPeer)),
            (LAN, "127.0.0.1", NOBODY, Err(Forbidden::Loopback)),
            (LAN, LAN, OURS, Err(Forbidden::Ours)),
            (HOST, HOST, ANOTHERS, Ok(())),
        ];
        for (signalling, ip, known, expected) in table {
            assert_eq!(judge(Side::Phone, signalling, ip, known), expected, "{ip} from {signalling}");
        }
    }
}
