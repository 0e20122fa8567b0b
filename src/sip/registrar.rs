//! The registrar of our phones (RFC 3261 10.3): who is reachable, and over which flow.
//!
//! A phone is reached over the flow that its REGISTER came from, whatever its Contact says (a phone behind a NAT writes an address that leads nowhere).
//! Decides nothing about calls; touches no socket: the caller gives the response to the endpoint.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::call::Extension;
use crate::domain::entropy::Entropy;
use crate::domain::now::Instant;

use super::api::Flow;
use super::auth::{Authenticator, Lockout, PhoneAccount, Verdict};
use super::message::{Message, Method};
use super::uri::{self, Scheme, Uri};

/// Granted when the phone asks for none, in seconds (RFC 3261 10.2.1.1).
const DEFAULT_EXPIRES: u32 = 3600;
/// Longest Contact URI kept, in bytes.
const MAX_URI: usize = 512;

#[derive(Clone)]
pub struct RegistrarConfig {
    pub realm: String,
    pub phones: Vec<PhoneAccount>,
    /// Contacts of one extension; the one that expires first makes room for a new one.
    pub max_contacts: usize,
    /// A shorter wish is answered 423, in seconds.
    pub min_expires: u32,
    /// A longer wish is granted this much, in seconds.
    pub max_expires: u32,
}

impl RegistrarConfig {
    pub fn new(realm: impl Into<String>, phones: Vec<PhoneAccount>) -> RegistrarConfig {
        RegistrarConfig { realm: realm.into(), phones, max_contacts: 5, min_expires: 60, max_expires: 3600 }
    }
}

/// An extension became reachable, or ceased to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub extension: Extension,
    pub registered: bool,
}

/// Where an extension is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The request URI of what is sent to it, as the phone wrote it.
    pub contact_uri: String,
    /// Where what is sent to it goes.
    pub flow: Flow,
    pub expires: Instant,
}

struct Stored {
    binding: Binding,
    call_id: String,
    cseq: u32,
}

/// One Contact of a REGISTER.
struct Wish {
    uri: String,
    /// Seconds granted; 0 removes.
    expires: u32,
}

/// Why a REGISTER changes nothing.
enum Refusal {
    Malformed,
    TooBrief,
    /// Not higher than the CSeq already seen in that Call-ID (10.3, step 7).
    OutOfOrder,
}

pub struct Registrar {
    config: RegistrarConfig,
    auth: Authenticator,
    bindings: BTreeMap<Extension, Vec<Stored>>,
    /// No binding expires before this; one may later.
    next: Option<Instant>,
}

impl Registrar {
    pub fn new(config: RegistrarConfig, entropy: &mut dyn Entropy) -> Registrar {
        let auth = Authenticator::new(&config.realm, &config.phones, entropy);
        Registrar { config, auth, bindings: BTreeMap::new(), next: None }
    }

    /// Answers a REGISTER that came over `flow`; no response where silence is due. `entropy` gives the To tag.
    pub fn handle(&mut self, now: Instant, flow: Flow, request: &Message, entropy: &mut dyn Entropy) -> (Option<Message>, Vec<Change>) {
        let tag = format!("{:016x}", entropy.u64());
        let reply = |status| Message::reply(request, status, Some(&tag));
        let extension = match self.authenticate(now, flow, request, Method::Register) {
            Verdict::Silent => return (None, Vec::new()),
            Verdict::Challenge(lines) => {
                let mut response = reply(401);
                for line in lines {
                    response.push("WWW-Authenticate", line);
                }
                return (Some(response), Vec::new());
            }
            Verdict::Ok(extension) => extension,
        };
        if user_of(request.to().uri) != extension.0 {
            return (Some(reply(403)), Vec::new());
        }
        let mut changes = self.handle_timeout(now);
        let before = self.is_registered(&extension);
        let outcome = self.wishes(request).and_then(|wishes| self.apply(now, flow, request, &extension, wishes));
        let response = match outcome {
            Ok(()) => self.accepted(now, &extension, reply(200)),
            Err(Refusal::Malformed) => reply(400),
            Err(Refusal::OutOfOrder) => reply(500),
            Err(Refusal::TooBrief) => {
                let mut response = reply(423);
                response.push("Min-Expires", self.config.min_expires.to_string());
                response
            }
        };
        if self.bindings.get(&extension).is_some_and(Vec::is_empty) {
            self.bindings.remove(&extension);
        }
        let registered = self.is_registered(&extension);
        if registered != before {
            changes.push(Change { extension, registered });
        }
        (Some(response), changes)
    }

    /// Judges the credentials of any request of a phone: REGISTER by its To, all others by their From.
    pub fn authenticate(&mut self, now: Instant, flow: Flow, request: &Message, method: Method) -> Verdict {
        let claimed = if method == Method::Register { request.to() } else { request.from() };
        self.auth.authenticate(now, flow, request, method, &user_of(claimed.uri))
    }

    /// Where `extension` is reached; empty when it is not registered.
    pub fn bindings(&self, extension: &Extension) -> Vec<Binding> {
        self.bindings.get(extension).into_iter().flatten().map(|stored| stored.binding.clone()).collect()
    }

    /// Is a phone but `own` registered from that host?
    pub fn is_anothers(&self, own: Option<&Extension>, ip: std::net::IpAddr) -> bool {
        let there = |stored: &Stored| stored.binding.flow.remote.ip().to_canonical() == ip.to_canonical();
        self.bindings.iter().any(|(extension, contacts)| Some(extension) != own && contacts.iter().any(there))
    }

    pub fn is_registered(&self, extension: &Extension) -> bool {
        self.bindings.contains_key(extension)
    }

    pub fn poll_lockout(&mut self) -> Option<Lockout> {
        self.auth.poll_lockout()
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    /// Drops what has expired.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<Change> {
        if self.next.is_none_or(|next| now < next) {
            return Vec::new();
        }
        self.drop_where(|stored| stored.binding.expires <= now)
    }

    /// Drops what was registered over a TCP connection that is gone.
    pub fn forget_connection(&mut self, connection: u64) -> Vec<Change> {
        self.drop_where(|stored| stored.binding.flow.connection == Some(connection))
    }

    fn drop_where(&mut self, gone: impl Fn(&Stored) -> bool) -> Vec<Change> {
        let mut changes = Vec::new();
        self.bindings.retain(|extension, contacts| {
            contacts.retain(|stored| !gone(stored));
            if contacts.is_empty() {
                changes.push(Change { extension: extension.clone(), registered: false });
            }
            !contacts.is_empty()
        });
        self.next = self.bindings.values().flatten().map(|stored| stored.binding.expires).min();
        changes
    }

    /// What the request's Contacts ask for; `None` for `Contact: *`.
    fn wishes(&self, request: &Message) -> Result<Option<Vec<Wish>>, Refusal> {
        let header = request.get("Expires").and_then(|value| value.trim().parse().ok());
        let contacts = request.list("Contact");
        if contacts.iter().any(|contact| contact.trim() == "*") {
            return if contacts.len() == 1 && header == Some(0) { Ok(None) } else { Err(Refusal::Malformed) };
        }
        if contacts.len() > self.config.max_contacts {
            return Err(Refusal::Malformed);
        }
        contacts.into_iter().map(|contact| self.wish(contact, header)).collect::<Result<_, _>>().map(Some)
    }

    fn wish(&self, contact: &str, header: Option<u32>) -> Result<Wish, Refusal> {
        let contact = uri::parse_name_addr(contact).ok_or(Refusal::Malformed)?;
        let sip = Uri::parse(contact.uri).is_some_and(|uri| uri.scheme != Scheme::Tel);
        if !sip || contact.uri.len() > MAX_URI {
            return Err(Refusal::Malformed);
        }
        match contact.param("expires").and_then(|value| value.parse().ok()).or(header).unwrap_or(DEFAULT_EXPIRES) {
            0 => Ok(Wish { uri: contact.uri.to_owned(), expires: 0 }),
            brief if brief < self.config.min_expires => Err(Refusal::TooBrief),
            expires => Ok(Wish { uri: contact.uri.to_owned(), expires: expires.min(self.config.max_expires) }),
        }
    }

    /// All of the request's Contacts, or none of them.
    fn apply(
        &mut self,
        now: Instant,
        flow: Flow,
        request: &Message,
        extension: &Extension,
        wishes: Option<Vec<Wish>>,
    ) -> Result<(), Refusal> {
        let (call_id, (cseq, _)) = (request.call_id(), request.cseq());
        let contacts = self.bindings.entry(extension.clone()).or_default();
        let touched = |stored: &Stored| wishes.as_ref().is_none_or(|wishes| wishes.iter().any(|w| w.uri == stored.binding.contact_uri));
        if contacts.iter().any(|stored| touched(stored) && stored.call_id == call_id && cseq <= stored.cseq) {
            return Err(Refusal::OutOfOrder);
        }
        contacts.retain(|stored| !touched(stored));
        for wish in wishes.into_iter().flatten().filter(|wish| wish.expires > 0) {
            // The same socket in another Call-ID is the same device after a restart: its former contact is dead.
            contacts.retain(|s| {
                s.call_id == call_id || s.binding.flow.remote != flow.remote || hostport(&s.binding.contact_uri) != hostport(&wish.uri)
            });
            if contacts.len() >= self.config.max_contacts
                && let Some(oldest) = (0..contacts.len()).min_by_key(|i| contacts.get(*i).map(|s| s.binding.expires))
            {
                contacts.remove(oldest);
            }
            let expires = now + Duration::from_secs(u64::from(wish.expires));
            self.next = Some(self.next.map_or(expires, |next| next.min(expires)));
            contacts.push(Stored { binding: Binding { contact_uri: wish.uri, flow, expires }, call_id: call_id.to_owned(), cseq });
        }
        Ok(())
    }

    /// Lists every binding with what is left of it (10.3, step 8).
    fn accepted(&mut self, now: Instant, extension: &Extension, mut response: Message) -> Message {
        for stored in self.bindings.get(extension).into_iter().flatten() {
            let left = stored.binding.expires.since(now).as_secs();
            response.push("Contact", format!("<{}>;expires={left}", stored.binding.contact_uri));
        }
        response
    }
}

/// The user part of a SIP URI, empty where there is none.
fn user_of(uri: &str) -> String {
    Uri::parse(uri).map(|uri| uri.user_unescaped()).unwrap_or_default()
}

fn hostport(uri: &str) -> &str {
    let rest = uri.split_once('@').map_or(uri, |(_, rest)| rest);
    rest.split([';', '?']).next().unwrap_or("")
}

#[cfg(test)]
mod tests;
