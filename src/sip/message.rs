//! A typed SIP message. The only module that names `rsip`, and no rsip type stands in a signature of it.
//!
//! Must never be fed network bytes: `wire` reads those and hands over what it accepted.

use std::borrow::Cow;

use rsip::headers::{Header, Headers, UntypedHeader};

pub use super::reason::reason_phrase;
use super::uri;

/// RFC 3261 7.1 and the extensions we know. An unknown one is answered 501 or 405 from `wire` and never becomes a `Message` of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Register,
    Update,
    Info,
    Prack,
    Refer,
    Notify,
    Subscribe,
    Message,
    Publish,
}

const METHODS: [(Method, &str); 14] = [
    (Method::Invite, "INVITE"),
    (Method::Ack, "ACK"),
    (Method::Bye, "BYE"),
    (Method::Cancel, "CANCEL"),
    (Method::Options, "OPTIONS"),
    (Method::Register, "REGISTER"),
    (Method::Update, "UPDATE"),
    (Method::Info, "INFO"),
    (Method::Prack, "PRACK"),
    (Method::Refer, "REFER"),
    (Method::Notify, "NOTIFY"),
    (Method::Subscribe, "SUBSCRIBE"),
    (Method::Message, "MESSAGE"),
    (Method::Publish, "PUBLISH"),
];

impl Method {
    /// Methods are case-sensitive (RFC 3261 7.1).
    pub fn parse(word: &str) -> Option<Method> {
        METHODS.iter().find(|(_, w)| *w == word).map(|(m, _)| *m)
    }

    pub fn as_str(self) -> &'static str {
        METHODS.iter().find(|(m, _)| *m == self).map_or("", |(_, w)| w)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    Request { method: Method, uri: String },
    Response { status: u16, reason: String },
}

/// A message that the reader accepted, or one of ours to be sent.
#[derive(Clone, Debug)]
pub struct Message {
    pub start: Start,
    headers: Headers,
    pub body: Vec<u8>,
}

/// The topmost Via, as read (RFC 3261 20.42).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Via<'a> {
    /// `host[:port]` as written, without white space.
    pub sent_by: Cow<'a, str>,
    pub branch: Option<&'a str>,
    /// `;rport` is there (RFC 3581).
    pub rport: bool,
}

/// Name and value of a header's parameter.
pub type Param<'a> = (&'a str, Option<Cow<'a, str>>);

/// From, To, Contact, P-Asserted-Identity, Refer-To…: `"display" <uri>;params` (RFC 3261 20.10).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// Unquoted and unescaped, not yet cleaned.
    pub display: Cow<'a, str>,
    /// Without brackets, as written (also `tel:`, or `*` for a Contact).
    pub uri: &'a str,
    /// Header parameters after the bracket, names as written.
    pub params: Vec<Param<'a>>,
}

impl NameAddr<'_> {
    /// In any case of its name; a parameter without a value is empty.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_deref().unwrap_or(""))
    }

    pub fn tag(&self) -> Option<&str> {
        self.param("tag").filter(|t| !t.is_empty())
    }
}

/// A control byte that no text of SIP may hold bare; a tab is white space.
pub(super) fn is_control(b: u8) -> bool {
    b < b' ' && b != b'\t' || b == 0x7f
}

pub(super) fn has_control(text: &str) -> bool {
    // every byte is looked at, which a processor does many at a time: nearly no text has one
    text.bytes().fold(false, |any, b| any | is_control(b))
}

/// No value can break the wire form or smuggle a line into it: a control character becomes a space.
fn clean(value: String) -> String {
    if !has_control(&value) {
        return value;
    }
    value.chars().map(|c| if c.is_ascii_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// The headers that have a variant of their own in the model; every other one is kept by its name.
macro_rules! known {
    ($($variant:ident = $name:literal),* $(,)?) => {
        fn build(name: &str, value: String) -> Header {
            let value = clean(value);
            $(if name.eq_ignore_ascii_case($name) { return Header::$variant(rsip::headers::$variant::new(value)); })*
            Header::Other(name.to_owned(), value)
        }

        /// Name and value of a line.
        fn split(header: &Header) -> (&str, &str) {
            match header {
                $(Header::$variant(h) => ($name, h.value()),)*
                Header::Other(name, value) => (name, value),
                // never built: see `build`
                _ => ("", ""),
            }
        }
    };
}

known! {
    Via = "Via", From = "From", To = "To", CallId = "Call-ID", CSeq = "CSeq", Contact = "Contact", MaxForwards = "Max-Forwards",
    Route = "Route", RecordRoute = "Record-Route", ContentType = "Content-Type", Expires = "Expires", Allow = "Allow",
    Supported = "Supported", Require = "Require", Unsupported = "Unsupported", Authorization = "Authorization",
    ProxyAuthorization = "Proxy-Authorization", WwwAuthenticate = "WWW-Authenticate", ProxyAuthenticate = "Proxy-Authenticate",
    RetryAfter = "Retry-After", MinExpires = "Min-Expires", Accept = "Accept", Event = "Event", SubscriptionState = "Subscription-State",
}

impl Message {
    pub fn request(method: Method, uri: impl Into<String>) -> Message {
        Message { start: Start::Request { method, uri: clean(uri.into()) }, headers: Headers::default(), body: Vec::new() }
    }

    pub fn response(status: u16, reason: impl Into<String>) -> Message {
        Message { start: Start::Response { status, reason: clean(reason.into()) }, headers: Headers::default(), body: Vec::new() }
    }

    /// A response to `request` with its Via, From, To, Call-ID, CSeq and (for 1xx/2xx) Record-Route copied (RFC 3261 8.2.6.2).
    /// `to_tag` is added to To where it has none.
    pub fn reply(request: &Message, status: u16, to_tag: Option<&str>) -> Message {
        let mut response = Message::response(status, reason_phrase(status));
        for header in request.headers.iter() {
            let (name, value) = split(header);
            match name {
                "Via" | "From" | "Call-ID" | "CSeq" => response.headers.push(header.clone()),
                "Record-Route" if status < 300 => response.headers.push(header.clone()),
                "To" => match to_tag {
                    Some(tag) if request.to().tag().is_none() => response.push("To", format!("{value};tag={tag}")),
                    Some(_) | None => response.headers.push(header.clone()),
                },
                _ => {}
            }
        }
        response
    }

    /// `None` for a response.
    pub fn method(&self) -> Option<Method> {
        match &self.start {
            Start::Request { method, .. } => Some(*method),
            Start::Response { .. } => None,
        }
    }

    /// The Request-URI; empty for a response.
    pub fn uri(&self) -> &str {
        match &self.start {
            Start::Request { uri, .. } => uri,
            Start::Response { .. } => "",
        }
    }

    /// `None` for a request.
    pub fn status(&self) -> Option<u16> {
        match &self.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(*status),
        }
    }

    /// The first value under that name (canonical long name, any case).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().map(split).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    /// Every value under that name in order; a comma list is one value here.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.headers.iter().map(split).filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    /// Every header line, name and value.
    pub fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(split)
    }

    /// Every element of a comma list header (Via, Route, Record-Route, Contact, P-Asserted-Identity, Allow, Require, Supported…), across its lines.
    pub fn list(&self, name: &str) -> Vec<&str> {
        let values = self.lines().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v);
        values.flat_map(uri::split_list).filter(|v| !v.is_empty()).collect()
    }

    /// Appends a header line.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push(build(name, value.into()));
    }

    /// Puts a header line before all others.
    pub fn push_front(&mut self, name: &str, value: impl Into<String>) {
        let mut all: Vec<Header> = std::mem::take(&mut self.headers).into();
        all.insert(0, build(name, value.into()));
        self.headers = all.into();
    }

    /// Removes every line of that name.
    pub fn remove(&mut self, name: &str) {
        self.headers.retain(|h| !split(h).0.eq_ignore_ascii_case(name));
    }

    /// Replaces every line of that name by one, where the first stood.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let mut new = Some(build(name, value.into()));
        let mut lines = Vec::from(std::mem::take(&mut self.headers));
        lines.retain_mut(|line| !split(line).0.eq_ignore_ascii_case(name) || new.take().map(|new| *line = new).is_some());
        lines.extend(new);
        self.headers = lines.into();
    }

    /// Replaces the first line of that name and leaves the others.
    pub fn replace_first(&mut self, name: &str, value: impl Into<String>) {
        if let Some(header) = self.headers.iter_mut().find(|h| split(h).0.eq_ignore_ascii_case(name)) {
            *header = build(name, value.into());
        }
    }

    /// Topmost Via. The reader guarantees one.
    pub fn via(&self) -> Via<'_> {
        self.get("Via").and_then(|v| uri::split_list(v).next()).and_then(parse_via).unwrap_or_default()
    }

    pub fn from(&self) -> NameAddr<'_> {
        self.get("From").and_then(uri::parse_name_addr).unwrap_or_default()
    }

    pub fn to(&self) -> NameAddr<'_> {
        self.get("To").and_then(uri::parse_name_addr).unwrap_or_default()
    }

    /// First Contact.
    pub fn contact(&self) -> Option<NameAddr<'_>> {
        self.list("Contact").first().and_then(|c| uri::parse_name_addr(c))
    }

    pub fn call_id(&self) -> &str {
        self.get("Call-ID").unwrap_or("")
    }

    /// Number and method of CSeq. The reader guarantees that both are there.
    pub fn cseq(&self) -> (u32, Method) {
        self.get("CSeq").and_then(parse_cseq).unwrap_or((0, Method::Options))
    }

    /// The wire form; Content-Length is computed, other headers stand in order.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024 + self.body.len());
        match &self.start {
            Start::Request { method, uri } => {
                out.extend_from_slice(method.as_str().as_bytes());
                out.push(b' ');
                out.extend_from_slice(uri.as_bytes());
                out.extend_from_slice(b" SIP/2.0\r\n");
            }
            Start::Response { status, reason } => {
                out.extend_from_slice(format!("SIP/2.0 {status} {reason}\r\n").as_bytes());
            }
        }
        for (name, value) in self.lines() {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", self.body.len()).as_bytes());
        out.extend_from_slice(&self.body);
        out
    }
}

pub(super) fn parse_cseq(value: &str) -> Option<(u32, Method)> {
    let (number, method) = value.trim().split_once([' ', '\t'])?;
    // RFC 3261 8.1.1.5: less than 2^31
    let number = number.parse::<u32>().ok().filter(|n| *n < 1 << 31)?;
    Some((number, Method::parse(method.trim())?))
}

/// One Via: `SIP/2.0/UDP host:port;params`, with white space where the grammar allows it.
pub(super) fn parse_via(value: &str) -> Option<Via<'_>> {
    let mut parts = value.splitn(3, '/');
    let (name, version, rest) = (parts.next()?.trim(), parts.next()?.trim(), parts.next()?.trim_start());
    if !name.eq_ignore_ascii_case("SIP") || version != "2.0" {
        return None;
    }
    let (_transport, rest) = rest.split_once([' ', '\t'])?;
    let mut params = rest.split(';');
    let sent_by = params.next()?.trim();
    if sent_by.is_empty() {
        return None;
    }
    let sent_by = if sent_by.contains(char::is_whitespace) { sent_by.split_whitespace().collect() } else { Cow::Borrowed(sent_by) };
    let mut via = Via { sent_by, branch: None, rport: false };
    for param in params {
        let (name, value) = param.split_once('=').unwrap_or((param, ""));
        match name.trim() {
            n if n.eq_ignore_ascii_case("branch") => via.branch = Some(value.trim()).filter(|b| !b.is_empty()),
            n if n.eq_ignore_ascii_case("rport") => via.rport = true,
            _ => {}
        }
    }
    Some(via)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_breaks_the_wire_form_and_set_keeps_the_place() {
        let mut m = Message::request(Method::Invite, "sip:a@b\r\nX: y");
        for (name, value) in [("Via", "SIP/2.0/UDP h"), ("Via", "SIP/2.0/UDP i"), ("X-Own", "one\r\nTwo: \0")] {
            m.push(name, value);
        }
        m.set("via", "SIP/2.0/UDP j");
        let text = String::from_utf8(m.encode()).unwrap();
        assert_eq!(text, "INVITE sip:a@b  X: y SIP/2.0\r\nVia: SIP/2.0/UDP j\r\nX-Own: one  Two:\r\nContent-Length: 0\r\n\r\n");
    }
}
