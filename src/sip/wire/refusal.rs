//! The answer to a request that cannot stand, and what can still be known of its caller. Invents no header of the peer's.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::sip::message::{Message, Method, is_control, parse_via, reason_phrase};
use crate::sip::uri;

use super::head::{divide, field, has_bare_control, salvage, strip_crlf};
use super::{ALLOW, Read};

const COPIED: [&str; 5] = ["Via", "From", "To", "Call-ID", "CSeq"];

/// A refusal before the lines could be told apart.
pub(super) fn unreadable(text: &[u8], status: u16, why: &'static str) -> Read {
    match salvage(divide(text).0).split_first() {
        Some((start, _)) if is_status_line(start) => Read::Drop(why),
        Some((start, fields)) => refuse(start, fields, status, why),
        None => Read::Drop(why),
    }
}

/// A response in whatever letters: never answered.
pub(super) fn is_status_line(start: &str) -> bool {
    start.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("SIP/"))
}

/// The answer, from what of the request can be read: none without Via, From, To, Call-ID and CSeq, and none to an ACK.
pub(super) fn refuse(start: &str, fields: &[Cow<'_, str>], status: u16, why: &'static str) -> Read {
    let word = start.split(' ').next().unwrap_or("");
    let mut reply = Message::response(status, reason_phrase(status));
    let mut have = [false; COPIED.len()];
    for (name, value) in fields.iter().filter_map(|line| field(line)) {
        let Some(at) = COPIED.iter().position(|n| n.eq_ignore_ascii_case(name)) else { continue };
        if value.is_empty() || has_bare_control(value) || have[at] && at > 0 {
            continue;
        }
        if at == 0 && parse_via(uri::split_list(value).next().unwrap_or("")).is_none() {
            break;
        }
        have[at] = true;
        reply.push(COPIED[at], value);
    }
    tag(&mut reply);
    match status {
        415 => reply.push("Accept", "application/sdp"),
        501 => reply.push("Allow", ALLOW),
        _ => {}
    }
    let answerable = have.iter().all(|h| *h) && word != "ACK";
    Read::Reject { status, why, method: Method::parse(word), reply: answerable.then(|| reply.encode()) }
}

/// A tag in To where it has none, the same for a retransmission (RFC 3261 8.2.6.2, 8.2.7). It guards nothing, so it need not be unguessable.
fn tag(reply: &mut Message) {
    let Some(to) = reply.get("To").filter(|to| uri::parse_name_addr(to).is_some_and(|to| to.param("tag").is_none())) else { return };
    let mut hash = DefaultHasher::new();
    (reply.call_id(), reply.via().branch, reply.get("CSeq")).hash(&mut hash);
    let tagged = format!("{to};tag=r{:016x}", hash.finish());
    reply.set("To", tagged);
}

/// The caller of a message that was refused, as a From value: its From, or P-Asserted-Identity when From cannot be read; anonymous where Privacy
/// asks for it (RULES 2.2, row 21).
pub fn caller_of(bytes: &[u8]) -> Option<String> {
    let head = divide(strip_crlf(bytes)).0;
    let (mut from, mut asserted) = (None, None);
    for line in head.split(|b| *b == b'\n') {
        let line = super::head::decode(line);
        match field(&line) {
            Some((name, value)) if name.eq_ignore_ascii_case("Privacy") && hides(value) => return Some(ANONYMOUS.to_owned()),
            Some((name, value)) if name.eq_ignore_ascii_case("From") && from.is_none() => from = address(value),
            Some((name, value)) if name.eq_ignore_ascii_case("P-Asserted-Identity") && asserted.is_none() => asserted = address(value),
            _ => {}
        }
    }
    from.or(asserted)
}

/// What tells one refused message from another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    pub call_id: Option<String>,
    /// Its To has a tag: it belongs to a dialog, or says so.
    pub in_dialog: bool,
}

/// The names of a message that was refused, as far as they can be read.
pub fn names_of(bytes: &[u8]) -> Names {
    let mut names = Names::default();
    for line in salvage(divide(strip_crlf(bytes)).0) {
        match field(&line) {
            Some((name, value)) if name.eq_ignore_ascii_case("Call-ID") && names.call_id.is_none() => {
                names.call_id = Some(value.to_owned())
            }
            Some((name, value)) if name.eq_ignore_ascii_case("To") => {
                names.in_dialog |= uri::parse_name_addr(value).is_some_and(|to| to.param("tag").is_some());
            }
            _ => {}
        }
    }
    names
}

/// RFC 3323 4.1.1.3.
const ANONYMOUS: &str = "<sip:anonymous@anonymous.invalid>";

fn hides(privacy: &str) -> bool {
    privacy.split([';', ',']).any(|word| ["id", "user", "header"].iter().any(|w| word.trim().eq_ignore_ascii_case(w)))
}

/// The value when it reads as an address; else the last `<…>` in it, so that a name too long or unclosed loses no number.
fn address(value: &str) -> Option<String> {
    let clean: String = value.chars().map(|c| if u8::try_from(c).is_ok_and(is_control) { ' ' } else { c }).collect();
    if clean.len() <= super::MAX_LINE && uri::parse_name_addr(&clean).is_some() {
        return Some(clean);
    }
    let inside = clean.rsplit_once('<')?.1.split('>').next()?;
    (inside.len() <= super::MAX_LINE).then(|| format!("<{inside}>")).filter(|v| uri::parse_name_addr(v).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_survives_what_is_wrong_around_it() {
        let caller = |from: &str| caller_of(format!("INVITE x\r\n{from}\r\n\r\n").as_bytes());
        assert_eq!(caller("f: <sip:0639980001@h>;tag=1").as_deref(), Some("<sip:0639980001@h>;tag=1"));
        assert_eq!(caller("From: \"unclosed <sip:0639980001@h>;tag=1").as_deref(), Some("<sip:0639980001@h>"));
        assert_eq!(caller(&format!("From: \"{}\" <sip:0639980001@h>", "A".repeat(4000))).as_deref(), Some("<sip:0639980001@h>"));
        assert_eq!(caller("From: \"x\r\nP-Asserted-Identity: <sip:0639980002@h>").as_deref(), Some("<sip:0639980002@h>"));
        assert_eq!(caller("From: <sip:0639980001@h>\r\nPrivacy: critical;id").as_deref(), Some(ANONYMOUS));
        assert_eq!(caller("To: <sip:0639980001@h>"), None);
    }

    #[test]
    fn a_refused_message_is_told_from_another() {
        let names = |head: &str| names_of(format!("INVITE x\r\n{head}\r\n\r\n").as_bytes());
        assert_eq!(names("i: a@b\r\nt: <sip:1@h>"), Names { call_id: Some("a@b".into()), in_dialog: false });
        assert_eq!(names("To: <sip:1@h>;tag=9"), Names { call_id: None, in_dialog: true });
        assert_eq!(names("To: <sip:1@h;tag=9>"), Names::default());
    }
}
