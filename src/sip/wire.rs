//! The one reader of network bytes: framing, unfolding, name expansion, and the refusals that need no transaction.
//!
//! It decides what is a message; what the message means is the endpoint's. It never panics and never allocates more than the message's size
//! a few times over. Our own, because the message model refuses what RFC 4475 calls valid (measured: 15 of 49 files).

use super::message::{Message, Method, parse_cseq, parse_via, reason_phrase};
use super::uri::{self, Uri};

/// RFC 3261 18.1.1 speaks of 65,535; what is larger than this on UDP is no call (513).
pub const MAX_DATAGRAM: usize = 8 * 1024;
/// A message on a stream.
pub const MAX_STREAM_MESSAGE: usize = 64 * 1024;
pub const MAX_HEADERS: usize = 64;
/// One header line, after unfolding.
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

struct Refused(u16, &'static str);

/// Reads one whole message.
pub fn read(bytes: &[u8], framing: Framing) -> Read {
    let text = strip_crlf(bytes);
    if text.is_empty() {
        return Read::KeepAlive;
    }
    if framing == Framing::Datagram && text.len() > MAX_DATAGRAM {
        return reject(&text[..MAX_DATAGRAM], 513, "too large for a datagram");
    }
    let (head, body) = divide(text);
    let head = decode(head);
    let lines = match unfold(&head) {
        Ok(lines) => lines,
        Err(why) => return reject(text, 400, why),
    };
    let Some((start, fields)) = lines.split_first() else { return Read::Drop("no start line") };
    if start.starts_with("SIP/") {
        return read_response(start, fields, body, framing);
    }
    match read_request(start, fields, body, framing) {
        Ok(message) => Read::Message(message),
        Err(Refused(status, why)) => refuse(start, fields, status, why),
    }
}

fn strip_crlf(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|b| *b != b'\r' && *b != b'\n').unwrap_or(bytes.len());
    &bytes[start..]
}

/// Head and body at the first blank line; bare LF is taken as a line end too.
fn divide(text: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(next) = text[at..].iter().position(|b| *b == b'\n') {
        let end = at + next + 1;
        match (text.get(end), text.get(end + 1)) {
            (Some(b'\n'), _) => return (&text[..end], &text[end + 1..]),
            (Some(b'\r'), Some(b'\n')) => return (&text[..end], &text[end + 2..]),
            _ => at = end,
        }
    }
    (text, &[])
}

/// UTF-8, or else Latin-1: old operators send names so.
pub(super) fn decode(head: &[u8]) -> String {
    match std::str::from_utf8(head) {
        Ok(text) => text.to_owned(),
        Err(_) => head.iter().map(|b| char::from(*b)).collect(),
    }
}

/// Lines of the head, folded ones joined by one space (RFC 3261 7.3.1).
fn unfold(head: &str) -> Result<Vec<String>, &'static str> {
    let mut lines: Vec<String> = Vec::with_capacity(24);
    for line in head.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        match line.starts_with([' ', '\t']) {
            true => match lines.last_mut() {
                Some(last) if lines_len_ok(last, line) => {
                    last.push(' ');
                    last.push_str(line.trim());
                }
                Some(_) => return Err("a header line is too long"),
                None => return Err("white space before the start line"),
            },
            false => lines.push(line.to_owned()),
        }
        if lines.len() > MAX_HEADERS + 1 {
            return Err("too many header lines");
        }
        if lines.last().is_some_and(|l| l.len() > MAX_LINE) {
            return Err("a header line is too long");
        }
    }
    Ok(lines)
}

fn lines_len_ok(last: &str, more: &str) -> bool {
    last.len() + more.len() < MAX_LINE
}

/// `Name: value` with the long name (RFC 3261 7.3.3 and the extensions' compact forms).
pub(super) fn field(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let name = name.trim_end();
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return None;
    }
    let long = match name.as_bytes() {
        [one] => match one.to_ascii_lowercase() {
            b'v' => "Via",
            b'f' => "From",
            b't' => "To",
            b'i' => "Call-ID",
            b'm' => "Contact",
            b'l' => "Content-Length",
            b'c' => "Content-Type",
            b'e' => "Content-Encoding",
            b's' => "Subject",
            b'k' => "Supported",
            b'o' => "Event",
            b'r' => "Refer-To",
            b'b' => "Referred-By",
            b'u' => "Allow-Events",
            b'x' => "Session-Expires",
            b'y' => "Identity",
            _ => name,
        },
        _ => name,
    };
    Some((long, value.trim()))
}

/// Headers of which a message has one at most (RFC 3261 20, table 2).
const SINGLE: [&str; 9] = ["From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Content-Type", "Expires", "Min-Expires"];

fn read_fields(message: &mut Message, fields: &[String]) -> Result<Option<usize>, Refused> {
    let mut length = None;
    for line in fields {
        let Some((name, value)) = field(line) else { return Err(Refused(400, "a line is no header")) };
        if value.bytes().any(|b| b < b' ' && b != b'\t' || b == 0x7f) {
            return Err(Refused(400, "a control byte in a header"));
        }
        let single = SINGLE.iter().find(|s| s.eq_ignore_ascii_case(name));
        if let Some(single) = single
            && (message.get(single).is_some() || *single == "Content-Length" && length.is_some())
        {
            return Err(Refused(400, "a header twice"));
        }
        if name.eq_ignore_ascii_case("Content-Length") {
            let digits = !value.is_empty() && value.len() <= 9 && value.bytes().all(|b| b.is_ascii_digit());
            length = Some(value.parse::<usize>().ok().filter(|_| digits).ok_or(Refused(400, "bad Content-Length"))?);
        } else {
            message.push(single.copied().unwrap_or(name), value);
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

fn read_request(start: &str, fields: &[String], body: &[u8], framing: Framing) -> Result<Box<Message>, Refused> {
    let mut words = start.split(' ');
    let (Some(word), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next()) else {
        return Err(Refused(400, "bad start line"));
    };
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
    if word.is_empty() || word.len() > 32 || !word.bytes().all(token) {
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
    for via in message.list("Via") {
        if parse_via(via).is_none() {
            return Err(Refused(400, "bad Via"));
        }
    }
    let via = message.via();
    if via.branch.as_deref().is_some_and(|b| b == "z9hG4bK" || b.len() > 256)
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
        && (hops.is_empty() || hops.len() > 3 || hops.parse::<u16>().ok().is_none_or(|n| n > 255))
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

/// The Request-URI: another scheme is 416, a broken one 400.
fn check_target(target: &str) -> Result<(), Refused> {
    let Some((scheme, _)) = target.split_once(':') else { return Err(Refused(400, "bad Request-URI")) };
    let legal =
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if !legal {
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

fn check_addresses(message: &Message) -> Result<(), Refused> {
    for name in ["From", "To"] {
        let whole = message.get(name).and_then(uri::parse_name_addr);
        let Some(address) = whole else { return Err(Refused(400, "bad From or To")) };
        // a foreign scheme is legal here; what calls itself sip must be
        if address.uri.get(..3).is_some_and(|s| s.eq_ignore_ascii_case("sip")) && Uri::parse(&address.uri).is_none() {
            return Err(Refused(400, "bad From or To"));
        }
        if name == "From" && address.param("tag").is_some_and(str::is_empty) {
            return Err(Refused(400, "an empty tag"));
        }
    }
    for contact in message.list("Contact") {
        if contact != "*" && uri::parse_name_addr(contact).is_none() {
            return Err(Refused(400, "bad Contact"));
        }
    }
    Ok(())
}

fn read_response(start: &str, fields: &[String], body: &[u8], framing: Framing) -> Read {
    let mut words = start.splitn(3, ' ');
    let (Some("SIP/2.0"), Some(code)) = (words.next(), words.next()) else { return Read::Drop("bad status line") };
    let status = code.parse::<u16>().ok().filter(|s| code.len() == 3 && (100..700).contains(s));
    let Some(status) = status else { return Read::Drop("bad status code") };
    let mut message = Box::new(Message::response(status, words.next().unwrap_or("")));
    let Ok(length) = read_fields(&mut message, fields) else { return Read::Drop("bad header in a response") };
    let whole = ["Via", "From", "To", "Call-ID"].iter().all(|n| message.get(n).is_some_and(|v| !v.is_empty()))
        && message.get("CSeq").and_then(parse_cseq).is_some()
        && message.list("Via").first().is_some_and(|v| parse_via(v).is_some())
        && ["From", "To"].iter().all(|n| message.get(n).and_then(uri::parse_name_addr).is_some());
    if !whole || take_body(&mut message, body, length, framing).is_err() {
        return Read::Drop("an unreadable response");
    }
    Read::Message(message)
}

fn reject(text: &[u8], status: u16, why: &'static str) -> Read {
    let head = decode(divide(text).0);
    let lines: Vec<String> = head.lines().take(MAX_HEADERS).map(|l| l.chars().take(MAX_LINE).collect()).collect();
    match lines.split_first() {
        Some((start, _)) if start.starts_with("SIP/") => Read::Drop(why),
        Some((start, fields)) => refuse(start, fields, status, why),
        None => Read::Drop(why),
    }
}

/// The answer to a request that cannot stand, from what of it can be read; no header is invented.
fn refuse(start: &str, fields: &[String], status: u16, why: &'static str) -> Read {
    let word = start.split(' ').next().unwrap_or("");
    let method = Method::parse(word);
    let mut reply = Message::response(status, reason_phrase(status));
    let mut have = [false; 5];
    for line in fields {
        let Some((name, value)) = field(line) else { continue };
        let names = ["Via", "From", "To", "Call-ID", "CSeq"];
        let Some(at) = names.iter().position(|n| n.eq_ignore_ascii_case(name)) else { continue };
        if value.is_empty() || value.bytes().any(|b| b < b' ' && b != b'\t' || b == 0x7f) || have[at] && at > 0 {
            continue;
        }
        if at == 0 && parse_via(uri::split_list(value).next().unwrap_or("")).is_none() {
            break;
        }
        have[at] = true;
        reply.push(names[at], value);
    }
    match status {
        416 | 400 | 513 | 505 => {}
        415 => reply.push("Accept", "application/sdp"),
        501 | 405 => reply.push("Allow", ALLOW),
        _ => {}
    }
    let answerable = have.iter().all(|h| *h) && word != "ACK";
    Read::Reject { status, why, method, reply: answerable.then(|| reply.encode()) }
}

/// The From value of a message that was refused, as far as it can be read.
pub fn caller_of(bytes: &[u8]) -> Option<String> {
    let text = strip_crlf(bytes);
    let head = decode(divide(&text[..text.len().min(MAX_DATAGRAM)]).0);
    head.lines()
        .take(MAX_HEADERS)
        .filter_map(field)
        .find(|(n, _)| n.eq_ignore_ascii_case("From"))
        .map(|(_, v)| v.chars().take(MAX_LINE).collect())
}

/// What the endpoint understands (RFC 3261 20.5).
pub const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, REFER, NOTIFY";
