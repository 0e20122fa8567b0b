//! The two SDP bodies a phone needs: its own offer or answer, and what it reads of the peer's.

use std::net::{IpAddr, SocketAddr};

use crate::media::command::Law;

use super::sound::{EVENTS, Towards};

/// Direction of a stream as its owner sees it (RFC 3264 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Way {
    fn word(self) -> &'static str {
        match self {
            Way::SendRecv => "sendrecv",
            Way::SendOnly => "sendonly",
            Way::RecvOnly => "recvonly",
            Way::Inactive => "inactive",
        }
    }

    /// What answers it.
    pub fn mirrored(self) -> Way {
        match self {
            Way::SendOnly => Way::RecvOnly,
            Way::RecvOnly => Way::SendOnly,
            Way::SendRecv | Way::Inactive => self,
        }
    }
}

/// What a party can speak; the first is what it prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codecs {
    /// A-law, µ-law and keys.
    G711,
    /// G.729 alone: nothing that the agency's line can use.
    G729,
}

pub fn body(address: SocketAddr, codecs: Codecs, way: Way, version: u32) -> Vec<u8> {
    let (ip, port, way) = (address.ip(), address.port(), way.word());
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    let formats = match codecs {
        Codecs::G711 => format!(
            "m=audio {port} RTP/AVP 8 0 {EVENTS}\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
             a=rtpmap:{EVENTS} telephone-event/8000\r\na=fmtp:{EVENTS} 0-15\r\n"
        ),
        Codecs::G729 => format!("m=audio {port} RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n"),
    };
    format!("v=0\r\no=- {port} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n{formats}a=ptime:20\r\na={way}\r\n")
        .into_bytes()
}

/// The peer's side.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    pub towards: Option<Towards>,
    pub way: Way,
}

/// Reads the peer's body; no G.711, no port or no address gives no `towards`.
pub fn read(body: &[u8]) -> Peer {
    let text = String::from_utf8_lossy(body);
    let (mut ip, mut port, mut law, mut events, mut way) = (None::<IpAddr>, 0, None, None, Way::SendRecv);
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match (line.get(..2), words.as_slice()) {
            (Some("c="), [_, _, address]) => ip = address.parse().ok(),
            (Some("m="), ["m=audio", number, _, formats @ ..]) => {
                port = number.parse().unwrap_or(0);
                law = formats.iter().find_map(|format| match *format {
                    "8" => Some(Law::A),
                    "0" => Some(Law::Mu),
                    _ => None,
                });
            }
            (Some("a="), [map, coding]) if coding.starts_with("telephone-event/8000") => {
                events = map.strip_prefix("a=rtpmap:").and_then(|kind| kind.parse().ok());
            }
            (Some("a="), [word]) => {
                let known = [Way::SendRecv, Way::SendOnly, Way::RecvOnly, Way::Inactive];
                way = known.into_iter().find(|known| word.strip_prefix("a=") == Some(known.word())).unwrap_or(way);
            }
            _ => {}
        }
    }
    let peer = ip.filter(|ip| port > 0 && !ip.is_unspecified()).map(|ip| SocketAddr::new(ip, port));
    Peer { towards: peer.zip(law).map(|(peer, law)| Towards { peer, law, events }), way }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_of_ours_is_read_back() {
        let address = SocketAddr::from(([127, 0, 0, 1], 40_000));
        let peer = read(&body(address, Codecs::G711, Way::SendOnly, 1));
        let towards = peer.towards.unwrap();
        assert_eq!((towards.peer, towards.law, towards.events, peer.way), (address, Law::A, Some(EVENTS), Way::SendOnly));
        assert!(read(&body(address, Codecs::G729, Way::SendRecv, 1)).towards.is_none());
        assert!(read(b"").towards.is_none());
    }
}
