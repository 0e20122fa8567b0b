//! A typed SIP message. The only module that names `rsip`, and no rsip type stands in a signature of it.

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

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    Request { method: Method, uri: String },
    Response { status: u16, reason: String },
}

/// A message that the reader accepted, or one of ours to be sent.
#[derive(Clone, Debug)]
pub struct Message {
    pub start: Start,
    headers: rsip::Headers,
    pub body: Vec<u8>,
}

/// The topmost Via, as read (RFC 3261 20.42).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// "UDP", "TCP", "TLS", or another one, upper case.
    pub transport: String,
    /// host[:port] as written.
    pub sent_by: String,
    pub branch: Option<String>,
    /// `;rport` is there (RFC 3581).
    pub rport: bool,
}

/// From, To, Contact, P-Asserted-Identity, Refer-To…: `"display" <uri>;params` (RFC 3261 20.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAddr {
    /// Unquoted and unescaped, not yet cleaned.
    pub display: String,
    /// Without brackets, as written (also `tel:`, or `*` for a Contact).
    pub uri: String,
    /// Header parameters after the bracket, names in lower case.
    pub params: Vec<(String, Option<String>)>,
}

impl NameAddr {
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_deref().unwrap_or(""))
    }

    pub fn tag(&self) -> Option<&str> {
        self.param("tag").filter(|t| !t.is_empty())
    }
}

impl Message {
    pub fn request(method: Method, uri: impl Into<String>) -> Message {
        Message { start: Start::Request { method, uri: uri.into() }, headers: rsip::Headers::default(), body: Vec::new() }
    }

    pub fn response(status: u16, reason: impl Into<String>) -> Message {
        Message { start: Start::Response { status, reason: reason.into() }, headers: rsip::Headers::default(), body: Vec::new() }
    }

    /// A response to `request` with its Via, From, To, Call-ID, CSeq and (for 1xx/2xx) Record-Route copied (RFC 3261 8.2.6.2).
    /// `to_tag` is added to To where it has none.
    pub fn reply(_request: &Message, _status: u16, _to_tag: Option<&str>) -> Message {
        unimplemented!()
    }

    /// `None` for a response.
    pub fn method(&self) -> Option<Method> {
        match &self.start {
            Start::Request { method, .. } => Some(*method),
            Start::Response { .. } => None,
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
    pub fn get(&self, _name: &str) -> Option<&str> {
        unimplemented!()
    }

    /// Every value under that name in order; a comma list is one value here.
    pub fn all<'a>(&'a self, _name: &'a str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        unimplemented!()
    }

    /// Every element of a comma list header (Via, Route, Record-Route, Contact, P-Asserted-Identity, Allow, Require, Supported…), across its lines.
    pub fn list(&self, _name: &str) -> Vec<&str> {
        unimplemented!()
    }

    /// Appends a header line.
    pub fn push(&mut self, _name: &str, _value: impl Into<String>) {
        unimplemented!()
    }

    /// Puts a header line before all others of that name.
    pub fn push_front(&mut self, _name: &str, _value: impl Into<String>) {
        unimplemented!()
    }

    /// Removes every line of that name.
    pub fn remove(&mut self, _name: &str) {
        unimplemented!()
    }

    /// Replaces every line of that name by one.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.remove(name);
        self.push(name, value);
    }

    /// Topmost Via. The reader guarantees one.
    pub fn via(&self) -> Via {
        unimplemented!()
    }

    pub fn from(&self) -> NameAddr {
        unimplemented!()
    }

    pub fn to(&self) -> NameAddr {
        unimplemented!()
    }

    /// First Contact.
    pub fn contact(&self) -> Option<NameAddr> {
        unimplemented!()
    }

    pub fn call_id(&self) -> &str {
        unimplemented!()
    }

    pub fn cseq(&self) -> (u32, Method) {
        unimplemented!()
    }

    /// The wire form; Content-Length is computed, other headers stand in order.
    pub fn encode(&self) -> Vec<u8> {
        unimplemented!()
    }
}
