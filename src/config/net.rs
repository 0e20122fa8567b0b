//! Addresses and networks as `agence.toml` writes them.

use std::net::{IpAddr, SocketAddr};

/// A network, or one address (`/32`, `/128`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    pub address: IpAddr,
    pub prefix: u8,
}

impl Net {
    /// Reads `192.168.1.0/24` or an address alone.
    pub fn parse(text: &str) -> Option<Net> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(longest);
        (prefix <= longest).then_some(Net { address, prefix })
    }

    pub fn contains(&self, other: IpAddr) -> bool {
        match (self.address, other.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => same_start(u128::from(net.to_bits()) << 96, u128::from(ip.to_bits()) << 96, self.prefix),
            (IpAddr::V6(net), IpAddr::V6(ip)) => same_start(net.to_bits(), ip.to_bits(), self.prefix),
            _ => false,
        }
    }
}

fn same_start(a: u128, b: u128, bits: u8) -> bool {
    bits == 0 || (a ^ b) >> (128 - u32::from(bits.min(128))) == 0
}

/// The word "private": RFC 1918, ULA (RFC 4193), link-local, loopback.
pub const PRIVATE: [&str; 8] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8", "fc00::/7", "fe80::/10", "::1/128"];

/// Where a trunk's messages may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Net(Net),
    /// One address and port.
    Port(SocketAddr),
}

impl Source {
    pub fn parse(text: &str) -> Option<Source> {
        Net::parse(text).map(Source::Net).or_else(|| text.parse().ok().map(Source::Port))
    }

    pub fn contains(&self, from: SocketAddr) -> bool {
        match self {
            Source::Net(net) => net.contains(from.ip()),
            Source::Port(address) => *address == from,
        }
    }
}

/// `host[:port]`; the port is absent when the name is to be looked up (RFC 3263).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub name: String,
    pub port: Option<u16>,
}

impl Host {
    /// A name, an IPv4 address, or an IPv6 one in brackets when a port follows.
    pub fn parse(text: &str) -> Option<Host> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return (address.port() > 0).then(|| Host { name: address.ip().to_string(), port: Some(address.port()) });
        }
        if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return Some(Host { name: address.to_string(), port: None });
        }
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().ok().filter(|p| *p > 0)?)),
            None => (text, None),
        };
        let label = |l: &str| !l.is_empty() && l.len() <= 63 && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        // Four numbers that are no address (192.168.1.300) are no name either.
        let looks_like_address = name.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        (name.len() <= 253 && name.split('.').all(label) && !looks_like_address).then(|| Host { name: name.to_owned(), port })
    }

    /// The address, when no look-up is needed.
    pub fn address(&self) -> Option<IpAddr> {
        self.name.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        let holds = |net: &str, ip: &str| Net::parse(net).unwrap().contains(ip.parse().unwrap());
        assert!(holds("192.168.1.0/24", "192.168.1.77") && !holds("192.168.1.0/24", "192.168.2.1"));
        assert!(holds("127.0.0.2", "127.0.0.2") && !holds("127.0.0.2", "127.0.0.3") && holds("127.0.0.2", "::ffff:127.0.0.2"));
        assert!(
            holds("0.0.0.0/0", "8.8.8.8")
                && holds("fc00::/7", "fd12::1")
                && !holds("fc00::/7", "2001:db8::1")
                && !holds("::/0", "127.0.0.1")
        );
        for bad in ["", "private", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "::/129", "10.0.0.1:5060"] {
            assert_eq!(Net::parse(bad), None, "{bad}");
        }
        assert!(PRIVATE.iter().all(|net| Net::parse(net).is_some()));
    }

    #[test]
    fn peers_are_networks_or_one_port() {
        let peer = Source::parse("127.0.0.2:5080").unwrap();
        assert!(peer.contains("127.0.0.2:5080".parse().unwrap()) && !peer.contains("127.0.0.2:5081".parse().unwrap()));
        assert!(Source::parse("127.0.0.2").unwrap().contains("127.0.0.2:5081".parse().unwrap()));
        assert_eq!(Source::parse("sip.example.net"), None);
    }

    #[test]
    fn hosts() {
        let host = |text| Host::parse(text).map(|h| (h.name, h.port));
        assert_eq!(host("sip.example.net"), Some(("sip.example.net".to_owned(), None)));
        assert_eq!(host("sip.example.net:5080"), Some(("sip.example.net".to_owned(), Some(5080))));
        assert_eq!(host("127.0.0.2:5060"), Some(("127.0.0.2".to_owned(), Some(5060))));
        assert_eq!(host("[::1]:5060"), Some(("::1".to_owned(), Some(5060))));
        for bad in ["", "sip:example.net", "a b", "example.net:0", "example.net:70000", "192.168.1.300", "example..net", "127.0.0.2:0"] {
            assert_eq!(host(bad), None, "{bad}");
        }
    }
}
