//! Session descriptions: one G.711 audio stream, offer and answer (RFC 8866, RFC 3264). Reads on `sdp-types`, writes its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sdp_types::Session;

/// A description longer than this is no telephone's.
pub const MAX_SDP: usize = 4 * 1024;
const PCMU: u8 = 0;
const PCMA: u8 = 8;
/// The payload type that our own offers give telephone-event.
pub const OUR_EVENT: u8 = 101;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    fn word(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// What the other side answers (RFC 3264 6.1).
    pub fn answer(self) -> Direction {
        match self {
            Direction::SendRecv => Direction::SendRecv,
            Direction::SendOnly => Direction::RecvOnly,
            Direction::RecvOnly => Direction::SendOnly,
            Direction::Inactive => Direction::Inactive,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    Pcma,
    Pcmu,
}

/// What of a peer's description concerns us: its first usable audio stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub address: IpAddr,
    /// 0: refused or on hold the oldest way.
    pub port: u16,
    /// Where it wants control packets: the next port, or what `a=rtcp` says (RFC 3605).
    pub control: Option<SocketAddr>,
    /// The first of the two that the peer prefers.
    pub codec: Codec,
    pub telephone_event: Option<u8>,
    pub direction: Direction,
    /// Each `m=` line in order: media word, transport word, formats, and whether it is the one taken.
    lines: Vec<(String, String, String, bool)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// No description can be read.
    Unreadable,
    /// No G.711 audio over plain RTP.
    NoCodec,
    /// Its address cannot be read, can be no peer's (multicast, broadcast), or may not be this one's.
    Address,
}

impl Description {
    /// RTP goes there; `None` on hold by 0.0.0.0 or port 0.
    pub fn remote(&self) -> Option<SocketAddr> {
        (self.port != 0 && !self.address.is_unspecified()).then(|| SocketAddr::new(self.address, self.port))
    }

    /// Any of the three ways to say that it wants to hear nothing of ours (RFC 3264 8.4, RFC 2543).
    pub fn holds(&self) -> bool {
        matches!(self.direction, Direction::SendOnly | Direction::Inactive) || self.address.is_unspecified()
    }
}

pub fn read(bytes: &[u8]) -> Result<Description, Unusable> {
    if bytes.is_empty() || bytes.len() > MAX_SDP {
        return Err(Unusable::Unreadable);
    }
    let session = parse(bytes).ok_or(Unusable::Unreadable)?;
    let mut why = Unusable::NoCodec;
    let mut usable: Vec<(usize, Description)> = Vec::new();
    for (at, media) in session.medias.iter().enumerate() {
        match stream(&session, media) {
            Ok(description) => usable.push((at, description)),
            Err(Unusable::Address) => why = Unusable::Address,
            Err(_) => {}
        }
    }
    // of the same sound offered over both families (RFC 5118 4.8) the older one is sure to have a way
    let taken = usable.iter().position(|(_, d)| d.address.is_ipv4()).unwrap_or(0);
    let (taken, mut description) = usable.into_iter().nth(taken).ok_or(why)?;
    let line = |(at, m): (usize, &sdp_types::Media)| (m.media.clone(), m.proto.clone(), m.fmt.clone(), at == taken);
    description.lines = session.medias.iter().enumerate().map(line).collect();
    Ok(description)
}

/// One `m=` line, when it is G.711 over plain RTP to an address that can be a peer's.
fn stream(session: &Session, media: &sdp_types::Media) -> Result<Description, Unusable> {
    if media.media != "audio" || media.proto != "RTP/AVP" || media.port == 0 {
        return Err(Unusable::NoCodec);
    }
    // its own c= hides the session's, whether it can be read or not
    let connection = media.connections.first().or(session.connection.as_ref());
    let codec = preferred(&media.fmt).ok_or(Unusable::NoCodec)?;
    let address = connection.and_then(|c| address(&c.connection_address)).ok_or(Unusable::Address)?;
    // 0.0.0.0 is the old hold (RFC 2543 B.5); nothing like it was ever said in IPv6
    let nowhere = address.is_unspecified() && address.is_ipv6();
    if nowhere || address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err(Unusable::Address);
    }
    Ok(Description {
        address,
        port: media.port,
        control: control(media, address),
        codec,
        telephone_event: telephone_event(media),
        direction: direction(&media.attributes).or(direction(&session.attributes)).unwrap_or(Direction::SendRecv),
        lines: Vec::new(),
    })
}

/// Tolerates a last line without its end, bare LF, and blank lines at the end.
fn parse(bytes: &[u8]) -> Option<Session> {
    let mut text: Vec<u8> = bytes.to_vec();
    while text.last().is_some_and(|b| matches!(b, b'\r' | b'\n' | b' ' | 0)) {
        text.pop();
    }
    text.extend_from_slice(b"\r\n");
    Session::parse(&text).ok()
}

fn address(text: &str) -> Option<IpAddr> {
    // a multicast address may carry /ttl
    text.split('/').next()?.trim().parse().ok()
}

/// RFC 3605; the stream's own port there is a wish to have both on it (RFC 5761), which our answers never grant.
fn control(media: &sdp_types::Media, address: IpAddr) -> Option<SocketAddr> {
    let named = media.attributes.iter().find(|a| a.attribute == "rtcp").and_then(|a| a.value.as_deref());
    let mut words = named.unwrap_or_default().split_whitespace();
    match words.next().and_then(|port| port.parse::<u16>().ok()).filter(|port| *port != media.port) {
        Some(port) => Some(SocketAddr::new(words.nth(2).map_or(Some(address), |a| a.parse().ok())?, port)),
        None => media.port.checked_add(1).map(|port| SocketAddr::new(address, port)),
    }
}

fn direction(attributes: &[sdp_types::Attribute]) -> Option<Direction> {
    attributes.iter().find_map(|a| match a.attribute.as_str() {
        "sendrecv" => Some(Direction::SendRecv),
        "sendonly" => Some(Direction::SendOnly),
        "recvonly" => Some(Direction::RecvOnly),
        "inactive" => Some(Direction::Inactive),
        _ => None,
    })
}

/// The first G.711 payload type in the peer's order; both types are static (RFC 3551 6).
fn preferred(formats: &str) -> Option<Codec> {
    formats.split_whitespace().find_map(|f| match f.parse::<u8>() {
        Ok(PCMA) => Some(Codec::Pcma),
        Ok(PCMU) => Some(Codec::Pcmu),
        _ => None,
    })
}

fn telephone_event(media: &sdp_types::Media) -> Option<u8> {
    let types: Vec<&str> = media.fmt.split_whitespace().collect();
    media.attributes.iter().filter(|a| a.attribute == "rtpmap").find_map(|a| {
        let (kind, name) = a.value.as_deref()?.trim().split_once(' ')?;
        let event = name.trim().to_ascii_lowercase().starts_with("telephone-event/8000");
        (event && types.contains(&kind)).then(|| kind.parse::<u8>().ok()).flatten().filter(|k| (96..128).contains(k))
    })
}

/// Our own end of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Ours {
    pub address: SocketAddr,
    /// `o=` identity; the version grows with each description that differs.
    pub id: u64,
    pub version: u64,
}

fn head(ours: &Ours) -> String {
    let (family, ip) = (if ours.address.is_ipv4() { "IP4" } else { "IP6" }, ours.address.ip());
    format!("v=0\r\no=- {} {} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n", ours.id, ours.version)
}

/// Our offer: A-law first, µ-law, telephone-event.
pub fn offer(ours: &Ours, direction: Direction) -> Vec<u8> {
    let event = OUR_EVENT;
    format!(
        "{}m=audio {} RTP/AVP {PCMA} {PCMU} {event}\r\na=rtpmap:{PCMA} PCMA/8000\r\na=rtpmap:{PCMU} PCMU/8000\r\na=rtpmap:{event} telephone-event/8000\r\na=fmtp:{event} 0-16\r\na=ptime:20\r\na={}\r\n",
        head(ours),
        ours.address.port(),
        direction.word()
    )
    .into_bytes()
}

/// Our answer to their offer: its codec, its payload types, every other stream refused by port 0 (RFC 3264 6).
pub fn answer(ours: &Ours, theirs: &Description) -> Vec<u8> {
    let mut text = head(ours);
    for (media, proto, formats, taken) in &theirs.lines {
        if !taken {
            text.push_str(&format!("m={media} 0 {proto} {formats}\r\n"));
            continue;
        }
        let (kind, name) = match theirs.codec {
            Codec::Pcma => (PCMA, "PCMA"),
            Codec::Pcmu => (PCMU, "PCMU"),
        };
        let port = ours.address.port();
        text.push_str(&format!("m=audio {port} RTP/AVP {kind}"));
        if let Some(event) = theirs.telephone_event {
            text.push_str(&format!(" {event}"));
        }
        text.push_str(&format!("\r\na=rtpmap:{kind} {name}/8000\r\n"));
        if let Some(event) = theirs.telephone_event {
            text.push_str(&format!("a=rtpmap:{event} telephone-event/8000\r\na=fmtp:{event} 0-16\r\n"));
        }
        let direction = match theirs.direction.answer() {
            // hold by 0.0.0.0 wants none of ours (RFC 3264 8.4)
            Direction::SendRecv if theirs.address.is_unspecified() => Direction::RecvOnly,
            Direction::SendOnly if theirs.address.is_unspecified() => Direction::Inactive,
            direction => direction,
        };
        text.push_str(&format!("a=ptime:20\r\na={}\r\n", direction.word()));
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18 0 8 97\r\na=rtpmap:97 telephone-event/8000\r\na=sendonly\r\nm=video 5000 RTP/AVP 31";

    #[test]
    fn an_offer_is_read_and_answered_in_its_own_terms() {
        let offer = read(OFFER.as_bytes()).unwrap();
        assert_eq!((offer.codec, offer.telephone_event, offer.holds()), (Codec::Pcmu, Some(97), true));
        let ours = Ours { address: "127.0.0.1:20000".parse().unwrap(), id: 7, version: 1 };
        let answer = String::from_utf8(answer(&ours, &offer)).unwrap();
        assert!(
            answer.contains("m=audio 20000 RTP/AVP 0 97\r\n")
                && answer.contains("a=recvonly")
                && answer.contains("m=video 0 RTP/AVP 31\r\n"),
            "{answer}"
        );
        let back = read(answer.as_bytes()).unwrap();
        assert_eq!(back.remote(), Some("127.0.0.1:20000".parse().unwrap()));
    }

    fn answer_to(offer: &str) -> String {
        let ours = Ours { address: "127.0.0.1:20000".parse().unwrap(), id: 7, version: 1 };
        String::from_utf8(answer(&ours, &read(offer.as_bytes()).unwrap())).unwrap()
    }

    #[test]
    fn each_form_of_hold_gets_its_own_answer() {
        let old = OFFER.replace("c=IN IP4 127.0.0.2", "c=IN IP4 0.0.0.0");
        let table = [
            (OFFER.to_owned(), "a=recvonly", true),
            (OFFER.replace("sendonly", "inactive"), "a=inactive", true),
            (OFFER.replace("sendonly", "recvonly"), "a=sendonly", false),
            (OFFER.replace("a=sendonly\r\n", ""), "a=sendrecv", false),
            (old.replace("a=sendonly\r\n", ""), "a=recvonly", true),
            (old.replace("sendonly", "recvonly"), "a=inactive", true),
            (old.replace("sendonly", "inactive"), "a=inactive", true),
        ];
        for (offer, wanted, holds) in table {
            let answer = answer_to(&offer);
            assert!(answer.contains(&format!("{wanted}\r\n")), "{offer}\n{answer}");
            assert_eq!(read(offer.as_bytes()).unwrap().holds(), holds, "{offer}");
        }
    }

    #[test]
    fn of_both_families_the_ipv4_stream_is_taken_and_the_other_refused() {
        let offer = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP6 2001:db8::1\r\nm=audio 4002 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\n";
        assert_eq!(read(offer.as_bytes()).unwrap().remote(), Some("192.0.2.1:4002".parse().unwrap()));
        let answer = answer_to(offer);
        assert!(answer.find("m=audio 0 RTP/AVP 0\r\n") < answer.find("m=audio 20000 RTP/AVP 0\r\n"), "{answer}");
        let only_v6 = offer.replace("m=audio 4002", "m=video 4002");
        assert_eq!(read(only_v6.as_bytes()).unwrap().address, "2001:db8::1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn an_offer_of_ours_is_read_as_it_was_meant() {
        let ours = Ours { address: "[::1]:20000".parse().unwrap(), id: 7, version: 1 };
        let back = read(&offer(&ours, Direction::SendRecv)).unwrap();
        assert_eq!((back.remote(), back.codec, back.telephone_event), (Some(ours.address), Codec::Pcma, Some(OUR_EVENT)));
    }

    #[test]
    fn control_packets_go_where_a_rtcp_says() {
        let control = |line: &str| read(OFFER.replace("a=sendonly", line).as_bytes()).unwrap().control.map(|c| c.to_string());
        for (line, expected) in [
            ("a=sendonly", Some("127.0.0.2:4001")),
            ("a=rtcp:53020", Some("127.0.0.2:53020")),
            ("a=rtcp:53020 IN IP4 127.0.0.9", Some("127.0.0.9:53020")),
            ("a=rtcp:53020 IN IP4 media.example", None),
            ("a=rtcp:4000", Some("127.0.0.2:4001")),
            ("a=rtcp:x", Some("127.0.0.2:4001")),
        ] {
            assert_eq!(control(line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn an_unreadable_address_of_the_stream_is_not_replaced_by_the_session_s() {
        let offer = OFFER.replace("a=sendonly", "c=IN IP4 media.example\r\na=sendonly");
        assert_eq!(read(offer.as_bytes()), Err(Unusable::Address));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_and_answered_without_panic(bytes: Vec<u8>, at in 0..OFFER.len()) {
            let ours = Ours { address: "127.0.0.1:20000".parse().unwrap(), id: 7, version: 1 };
            let mixed = [&OFFER.as_bytes()[..at], &bytes, &OFFER.as_bytes()[at..]].concat();
            for text in [bytes, mixed] {
                if let Ok(theirs) = read(&text) {
                    answer(&ours, &theirs);
                }
            }
        }
    }

    #[test]
    fn without_g711_or_with_a_multicast_address_it_is_unusable() {
        assert_eq!(read(OFFER.replace(" 0 8 ", " ").as_bytes()), Err(Unusable::NoCodec));
        assert_eq!(read(OFFER.replace("c=IN IP4 127.0.0.2", "c=IN IP4 239.1.1.1").as_bytes()), Err(Unusable::Address));
        assert_eq!(read(OFFER.replace("c=IN IP4 127.0.0.2", "c=IN IP6 ::").as_bytes()), Err(Unusable::Address));
        assert_eq!(read(b"not sdp"), Err(Unusable::Unreadable));
    }
}
