//! The one reader of network bytes: framing, unfolding, name expansion, and the refusals that need no transaction.
//!
//! It decides what is a message; what the message means is the endpoint's. It never panics and never allocates more than the message's size
//! a few times over. Our own, because the message model refuses what RFC 4475 calls valid (measured: 15 of 49 files).

mod framer;
mod head;
mod refusal;

use std::borrow::Cow;

use super::message::{Message, Method, parse_cseq, parse_via};
use super::uri::{self, Uri};

pub use framer::{Broken, Framer};
pub use refusal::{Names, caller_of, names_of};

use head::{divide, field, has_bare_control, is_token, strip_crlf, unfold};
use refusal::{is_status_line, refuse, unreadable};

/// RFC 3261 18.1.1 speaks of 65,535; what is larger than this on UDP is no call (513).
pub const MAX_DATAGRAM: usize = 8 * 1024;
/// A message on a stream.
pub const MAX_STREAM_MESSAGE: usize = 64 * 1024;
pub const MAX_HEADERS: usize = 64;
/// Bytes of one header line, after unfolding.
pub const MAX_LINE: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// The body may lack Content-Length: it goes to the end.
    Datagram,
    Stream,
}

#[derive(Debug)]
pub enum Read {
    Message(Box<Message>),
    /// CRLF only (RFC 5626 4.4.1).
    KeepAlive,
    /// A request that cannot stand: `reply` is ready to be sent, `None` when there is nobody to answer or nothing to answer to.
    Reject {
        status: u16,
        why: &'static str,
        method: Option<Method>,
        reply: Option<Vec<u8>>,
    },
    Drop(&'static str),
}

/// What the endpoint understands (RFC 3261 20.5).
pub const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, REFER, NOTIFY";

struct Refused(u16, &'static str);

/// Reads one whole message. Bytes after it are left alone (RFC 4475 3.1.1.8).
pub fn read(bytes: &[u8], framing: Framing) -> Read {
    let text = strip_crlf(bytes);
    if text.is_empty() {
        return Read::KeepAlive;
    }
    if framing == Framing::Datagram && text.len() > MAX_DATAGRAM {
        return unreadable(&text[..MAX_DATAGRAM], 513, "too large for a datagram");
    }
    let (head, body) = divide(text);
    let lines = match unfold(head) {
        Ok(lines) => lines,
        Err(why) => return unreadable(text, 400, why),
    };
    let Some((start, fields)) = lines.split_first() else { return Read::Drop("no start line") };
    if is_status_line(start) {
        return read_response(start, fields, body, framing);
    }
    match read_request(start, fields, body, framing) {
        Ok(message) => Read::Message(message),
        Err(Refused(status, why)) => refuse(start, fields, status, why),
    }
}

/// Headers of which a message has one at most and two would be read differently by two elements (RFC 3261 20, table 2).
const SINGLE: [&str; 16] = [
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Max-Forwards",
    "Content-Length",
    "Content-Type",
    "Content-Encoding",
    "Expires",
    "Min-Expires",
    "Event",
    "Refer-To",
    "Referred-By",
    "Replaces",
    "Session-Expires",
    "Min-SE",
];
/// Headers whose text we compare, copy or send to: a control byte in them is no slip of a name. In others it becomes a space.
const STRUCTURED: [&str; 8] = ["Via", "From", "To", "Call-ID", "CSeq", "Contact", "Route", "Record-Route"];

fn read_fields(message: &mut Message, fields: &[Cow<'_, str>]) -> Result<Option<usize>, Refused> {
    let mut length = None;
    let mut seen = [false; SINGLE.len()];
    for line in fields {
        let Some((name, value)) = field(line) else { return Err(Refused(400, "a line is no header")) };
        if has_bare_control(value) && STRUCTURED.iter().any(|s| s.eq_ignore_ascii_case(name)) {
            return Err(Refused(400, "a control byte in a header"));
        }
        let single = SINGLE.iter().zip(&mut seen).find(|(single, _)| single.eq_ignore_ascii_case(name));
        let single = match single {
            Some((_, true)) => return Err(Refused(400, "a header twice")),
            Some((single, seen)) => {
                *seen = true;
                Some(*single)
            }
            None => None,
        };
        if name.eq_ignore_ascii_case("Content-Length") {
            let digits = !value.is_empty() && value.len() <= 9 && value.bytes().all(|b| b.is_ascii_digit());
            length = Some(value.parse::<usize>().ok().filter(|_| digits).ok_or(Refused(400, "bad Content-Length"))?);
        } else {
            message.push(single.unwrap_or(name), value);
        }
    }
    Ok(length)
}

fn take_body(message: &mut Message, body: &[u8], length: Option<usize>, framing: Framing) -> Result<(), Refused> {
    let length = match (length, framing) {
        (Some(length), _) => length,
        (None, Framing::Datagram) => body.len(),
        (None, Framing::Stream) => 0,
    };
    message.body = body.get(..length).ok_or(Refused(400, "the body is shorter than Content-Length"))?.to_vec();
    Ok(())
}

/// RFC 4475 3.1.1.2 has one of 47.
const MAX_METHOD: usize = 64;

fn read_request(start: &str, fields: &[Cow<'_, str>], body: &[u8], framing: Framing) -> Result<Box<Message>, Refused> {
    let mut words = start.split(' ');
    let (Some(word), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next()) else {
        return Err(Refused(400, "bad start line"));
    };
    if word.len() > MAX_METHOD || !is_token(word) {
        return Err(Refused(400, "bad method"));
    }
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        let sip = version.get(..4).is_some_and(|v| v.eq_ignore_ascii_case("SIP/"));
        return Err(if sip { Refused(505, "version") } else { Refused(400, "bad start line") });
    }
    // an unknown method is told by 501 once the rest can be read
    let method = Method::parse(word);
    let mut message = Box::new(Message::request(method.unwrap_or(Method::Options), target));
    let length = read_fields(&mut message, fields)?;
    check_mandatory(&message, word)?;
    take_body(&mut message, body, length, framing)?;
    if method.is_none() {
        return Err(Refused(501, "unknown method"));
    }
    check_target(target)?;
    check_addresses(&message)?;
    if message.method() == Some(Method::Invite) && !message.body.is_empty() {
        let kind = message.get("Content-Type").unwrap_or("application/sdp");
        let kind = kind.split(';').next().unwrap_or("").trim();
        if !kind.eq_ignore_ascii_case("application/sdp") {
            return Err(Refused(415, "body type"));
        }
    }
    Ok(message)
}

/// Via, From, To, Call-ID, CSeq, and Max-Forwards where it stands (RFC 3261 8.1.1).
fn check_mandatory(message: &Message, word: &str) -> Result<(), Refused> {
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        if message.get(name).is_none_or(str::is_empty) {
            return Err(Refused(400, "a mandatory header is missing"));
        }
    }
    if !vias_are_whole(message) {
        return Err(Refused(400, "bad Via"));
    }
    let via = message.via();
    if via.branch.is_some_and(|b| b == "z9hG4bK" || b.len() > 256)
        || uri::split_host_port(&via.sent_by).is_none() && !via.sent_by.contains(':')
    {
        return Err(Refused(400, "bad Via"));
    }
    let cseq = message.get("CSeq").unwrap_or("");
    let (number, method) = cseq.trim().split_once([' ', '\t']).ok_or(Refused(400, "bad CSeq"))?;
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) || number.parse::<u32>().ok().is_none_or(|n| n >= 1 << 31) {
        return Err(Refused(400, "bad CSeq"));
    }
    if method.trim() != word {
        return Err(Refused(400, "CSeq of another method"));
    }
    if let Some(hops) = message.get("Max-Forwards")
        && (hops.bytes().any(|b| !b.is_ascii_digit()) || hops.parse::<u32>().ok().is_none_or(|n| n > 255))
    {
        return Err(Refused(400, "bad Max-Forwards"));
    }
    if let Some(expires) = message.get("Expires")
        && (expires.is_empty() || !expires.bytes().all(|b| b.is_ascii_digit()) || expires.parse::<u32>().is_err())
    {
        return Err(Refused(400, "bad Expires"));
    }
    if message.call_id().contains([' ', '\t']) {
        return Err(Refused(400, "bad Call-ID"));
    }
    Ok(())
}

/// Each element of each line; an empty one is none (RFC 4475 3.1.2.1).
fn vias_are_whole(message: &Message) -> bool {
    message.all("Via").flat_map(uri::split_list).all(|via| parse_via(via).is_some())
}

/// The Request-URI: another scheme is 416, a broken one 400.
fn check_target(target: &str) -> Result<(), Refused> {
    let Some((scheme, _)) = target.split_once(':') else { return Err(Refused(400, "bad Request-URI")) };
    if !is_scheme(scheme) {
        return Err(Refused(400, "bad Request-URI"));
    }
    if !["sip", "sips", "tel"].iter().any(|s| scheme.eq_ignore_ascii_case(s)) {
        return Err(Refused(416, "scheme"));
    }
    let uri = Uri::parse(target).ok_or(Refused(400, "bad Request-URI"))?;
    if !uri.headers.is_empty() {
        return Err(Refused(400, "headers in the Request-URI"));
    }
    Ok(())
}

/// A URI of any scheme; what calls itself sip must be a whole one.
fn is_address(text: &str) -> bool {
    match text.split_once(':') {
        Some((scheme, _)) if ["sip", "sips", "tel"].iter().any(|s| scheme.eq_ignore_ascii_case(s)) => Uri::parse(text).is_some(),
        Some((scheme, rest)) => is_scheme(scheme) && !rest.is_empty(),
        None => false,
    }
}

/// RFC 3986 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

fn check_addresses(message: &Message) -> Result<(), Refused> {
    for name in ["From", "To"] {
        let whole = message.get(name).and_then(uri::parse_name_addr);
        let Some(address) = whole else { return Err(Refused(400, "bad From or To")) };
        if !is_address(address.uri) {
            return Err(Refused(400, "bad From or To"));
        }
        if name == "From" && address.param("tag").is_some_and(str::is_empty) {
            return Err(Refused(400, "an empty tag"));
        }
    }
    for contact in message.list("Contact") {
        if contact != "*" && uri::parse_name_addr(contact).is_none_or(|c| !is_address(c.uri)) {
            return Err(Refused(400, "bad Contact"));
        }
    }
    Ok(())
}

fn read_response(start: &str, fields: &[Cow<'_, str>], body: &[u8], framing: Framing) -> Read {
    let mut words = start.splitn(3, ' ');
    let (Some("SIP/2.0"), Some(code)) = (words.next(), words.next()) else { return Read::Drop("bad status line") };
    let status = code.parse::<u16>().ok().filter(|s| code.len() == 3 && (100..700).contains(s));
    let Some(status) = status else { return Read::Drop("bad status code") };
    let mut message = Box::new(Message::response(status, words.next().unwrap_or("")));
    let Ok(length) = read_fields(&mut message, fields) else { return Read::Drop("bad header in a response") };
    let whole = ["Via", "From", "To", "Call-ID"].iter().all(|n| message.get(n).is_some_and(|v| !v.is_empty()))
        && message.get("CSeq").and_then(parse_cseq).is_some()
        && vias_are_whole(&message)
        && ["From", "To"].iter().all(|n| message.get(n).and_then(uri::parse_name_addr).is_some());
    if !whole || take_body(&mut message, body, length, framing).is_err() {
        return Read::Drop("an unreadable response");
    }
    Read::Message(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "INVITE sip:0361910001@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5062;rport;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: \"Dupont, Jean; <MEL>\" <sip:0639980001@h>;tag=a\r\nTo: <sip:0361910001@h>\r\nCall-ID: c1\r\nCSeq: 7 INVITE\r\nContact: <sip:a@192.0.2.9>\r\nContent-Type: application/sdp\r\nContent-Length: 4\r\n\r\nv=0\n";

    fn status(text: &str) -> u16 {
        match read(text.as_bytes(), Framing::Datagram) {
            Read::Reject { status, .. } => status,
            Read::Message(_) => 0,
            Read::KeepAlive | Read::Drop(_) => 1,
        }
    }

    /// [`GOOD`] with one piece of it changed.
    fn changed(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "{from}");
        GOOD.replacen(from, to, 1)
    }

    #[test]
    fn a_good_invite_is_read_whole() {
        let Read::Message(m) = read(format!("\r\n\r\n{GOOD}trailing").as_bytes(), Framing::Datagram) else { panic!("refused") };
        assert_eq!((m.method(), m.body.as_slice(), m.cseq()), (Some(Method::Invite), b"v=0\n".as_slice(), (7, Method::Invite)));
        assert_eq!(m.from().display, "Dupont, Jean; <MEL>");
        let Read::Message(m) = read(changed("Content-Length: 4\r\n", "").as_bytes(), Framing::Datagram) else { panic!("refused") };
        assert_eq!(m.body, b"v=0\n");
        assert!(matches!(read(b"\r\n\r\n", Framing::Datagram), Read::KeepAlive));
    }

    #[test]
    fn what_cannot_stand_is_answered_by_its_status() {
        let table = [
            ("Content-Length: 4", "Content-Length: 5", 400),
            ("Content-Length: 4", "Content-Length: -4", 400),
            ("Content-Length: 4", "Content-Length: 4\r\nl: 4", 400),
            ("From:", "f: <sip:x@h>\r\nFrom:", 400),
            ("CSeq: 7", "CSeq: 36893488147419103232", 400),
            ("CSeq: 7 INVITE", "CSeq: 7 OPTIONS", 400),
            ("Max-Forwards: 70", "Max-Forwards: 300", 400),
            ("Max-Forwards: 70", "Max-Forwards: lots", 400),
            ("Max-Forwards: 70", "Expires: 10000000000", 400),
            ("MEL>\"", "MEL>", 400),
            ("branch=z9hG4bK1", "branch=z9hG4bK1;;,;,,", 400),
            ("Via: SIP", "Via: , SIP", 400),
            ("sip:0361910001@192.0.2.1 SIP", "sip:0361910001@192.0.2.1; lr SIP", 400),
            ("INVITE sip", "INVITE  sip", 400),
            ("SIP/2.0\r\n", "SIP/2.0 \r\n", 400),
            ("Contact: <sip:a@192.0.2.9>", "Contact: sip:a@192.0.2.9?Route=%3Csip:x%3E", 400),
            ("Contact: <sip:a@192.0.2.9>", "Contact: somebody", 400),
            ("Call-ID: c1\r\n", "", 400),
            ("SIP/2.0\r\n", "SIP/7.0\r\n", 505),
            ("INVITE sip:0361910001@192.0.2.1", "INVITE nobodyKnowsThisScheme:totallyopaquecontent", 416),
            ("application/sdp", "application/unknownformat", 415),
            ("Call-ID", "X-Long: ", 400),
        ];
        for (from, to, wanted) in table {
            assert_eq!(status(&changed(from, to)), wanted, "{from} → {to}");
        }
        assert_eq!(status(&GOOD.replace("INVITE", "CHAT")), 501);
        assert_eq!(status(&format!("{GOOD}{}", " ".repeat(MAX_DATAGRAM))), 513);
        assert_eq!(status(&changed("MEL", &"x".repeat(MAX_LINE))), 400);
        assert_eq!(status(&changed("Contact", &format!("{}Contact", "X: y\r\n".repeat(MAX_HEADERS)))), 400);
    }

    #[test]
    fn answers_are_whole_and_the_same_each_time() {
        let wrong = changed("CSeq: 7 INVITE", "CSeq: 7 OPTIONS");
        let reply = |text: &str| match read(text.as_bytes(), Framing::Datagram) {
            Read::Reject { reply, .. } => reply.map(|r| String::from_utf8(r).unwrap()),
            Read::Message(_) | Read::KeepAlive | Read::Drop(_) => None,
        };
        let first = reply(&wrong).unwrap();
        assert!(first.starts_with("SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/UDP 192.0.2.9:5062;rport;branch=z9hG4bK1\r\n"), "{first}");
        assert!(first.contains("To: <sip:0361910001@h>;tag=r"), "{first}");
        assert_eq!(reply(&wrong), Some(first));
        assert!(reply(&changed("application/sdp", "text/plain")).unwrap().contains("\r\nAccept: application/sdp\r\n"));
        assert_eq!(reply(&wrong.replace("INVITE", "ACK")), None);
        assert_eq!(reply(&changed("Via: SIP/2.0/UDP", "Via: nothing")), None);
        assert_eq!(reply("sip/2.0 200 OK\r\n\r\n"), None);
    }

    #[test]
    fn broken_responses_are_dropped() {
        let good = GOOD.replace("INVITE sip:0361910001@192.0.2.1 SIP/2.0", "SIP/2.0 200 OK");
        assert!(matches!(read(good.as_bytes(), Framing::Datagram), Read::Message(_)));
        // an empty element before the Via that is ours
        assert!(matches!(read(good.replacen("Via: ", "Via: , ", 1).as_bytes(), Framing::Datagram), Read::Drop(_)));
        for (from, to) in
            [("200", "4294967301"), ("200", "99"), ("CSeq: 7", "CSeq: 9292394834772304023312"), ("SIP/2.0 200", "sip/2.0 200")]
        {
            assert!(matches!(read(good.replacen(from, to, 1).as_bytes(), Framing::Datagram), Read::Drop(_)), "{from} → {to}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            read(&bytes, Framing::Datagram);
            read(&[GOOD.as_bytes(), &bytes].concat(), Framing::Stream);
            caller_of(&bytes);
        }
    }
}
