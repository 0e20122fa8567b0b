//! The last messages of the line, for the ladder of a call on its page and a pcap: a ring of bounded size. Keeping one costs a copy; what is secret is masked
//! when it is read, and nothing unmasked leaves this file.
//!
//! Credentials, media keys and every key pressed (INFO bodies) are masked with their length unchanged, so that what is shown stays a SIP message.

use std::collections::{HashSet, VecDeque};
use std::ops::Range;

use crate::domain::now::{Instant, Now};

use super::api::Flow;

/// Messages kept, and their bytes: the oldest make room. A call between an operator and three phones has some forty of 600 bytes.
const MAX_MESSAGES: usize = 16_384;
const MAX_TOTAL: usize = 8 * 1024 * 1024;
/// Longest message kept, in bytes; the rest is cut off.
const MAX_BYTES: usize = 8192;
/// Messages given of one call: the last ones.
const MAX_GIVEN: usize = 256;
const MASK: u8 = b'*';
/// Headers whose values give a password away to a patient guesser.
const SECRET_HEADERS: [&[u8]; 4] = [b"authorization", b"proxy-authorization", b"authentication-info", b"proxy-authentication-info"];
/// Bodies that hold keys, whatever the method (RFC 4730 KPML among them).
const KEY_BODIES: [&[u8]; 2] = [b"dtmf", b"kpml"];

/// One message, masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    pub at: Now,
    pub flow: Flow,
    /// True from us, false to us.
    pub sent: bool,
    pub bytes: Vec<u8>,
}

/// One message as it was, by its place among the bytes; shown to nobody.
struct Kept {
    at: Now,
    flow: Flow,
    sent: bool,
    start: usize,
    len: usize,
}

pub struct Trace {
    ring: VecDeque<Kept>,
    /// The messages one behind the other, and from the start again: no memory is asked for or given back while calls run.
    bytes: Box<[u8]>,
    /// Where the next one goes; what stands behind is the oldest.
    next: usize,
}

impl Default for Trace {
    fn default() -> Trace {
        // untouched pages cost nothing yet
        Trace { ring: VecDeque::new(), bytes: vec![0; MAX_TOTAL].into(), next: 0 }
    }
}

impl Trace {
    /// Keeps one message that was sent or received whole. What is too short for a message (a keep-alive) is not kept.
    pub fn record(&mut self, at: Now, flow: Flow, sent: bool, bytes: &[u8]) {
        if bytes.len() <= b"\r\n\r\n".len() {
            return;
        }
        let bytes = bytes.get(..MAX_BYTES).unwrap_or(bytes);
        let len = bytes.len();
        if self.next + len > MAX_TOTAL {
            self.forget(self.next..MAX_TOTAL);
            self.next = 0;
        }
        let place = self.next..self.next + len;
        self.forget(place.clone());
        if self.ring.len() >= MAX_MESSAGES {
            self.ring.pop_front();
        }
        if let Some(room) = self.bytes.get_mut(place) {
            room.copy_from_slice(bytes);
            self.ring.push_back(Kept { at, flow, sent, start: self.next, len });
            self.next += len;
        }
    }

    /// The oldest make room, as far as they begin there.
    fn forget(&mut self, place: Range<usize>) {
        while self.ring.front().is_some_and(|oldest| place.contains(&oldest.start)) {
            self.ring.pop_front();
        }
    }

    /// Forgets every dialog in one of whose messages these digits stand: a number that is erased.
    pub fn erase(&mut self, digits: &str) {
        let named = |kept: &&Kept| self.text(kept).windows(digits.len().max(1)).any(|part| part == digits.as_bytes());
        let dialog = |kept: &Kept| header(self.text(kept), b"call-id", b"i").map(<[u8]>::to_vec);
        let dialogs: HashSet<Vec<u8>> = self.ring.iter().filter(named).filter_map(dialog).collect();
        let kept: Vec<bool> = self.ring.iter().map(|kept| dialog(kept).is_none_or(|id| !dialogs.contains(&id))).collect();
        let mut kept = kept.into_iter();
        self.ring.retain(|_| kept.next().unwrap_or(false));
    }

    fn text(&self, kept: &Kept) -> &[u8] {
        self.bytes.get(kept.start..kept.start + kept.len).unwrap_or_default()
    }

    /// The messages with one of these Call-IDs, from `since` on, in their order and masked; nothing where the ring has moved on.
    pub fn messages(&self, since: Instant, call_ids: &[String]) -> Vec<Traced> {
        let from = self.ring.partition_point(|kept| kept.at.instant < since);
        let of_it = |kept: &&Kept| {
            header(self.text(kept), b"call-id", b"i").is_some_and(|id| call_ids.iter().any(|wanted| wanted.as_bytes() == id))
        };
        let mut found: Vec<&Kept> = self.ring.range(from..).rev().filter(of_it).take(MAX_GIVEN).collect();
        found.reverse();
        found.into_iter().map(|kept| Traced { at: kept.at, flow: kept.flow, sent: kept.sent, bytes: masked(self.text(kept)) }).collect()
    }
}

/// The value of a message's first header of that name, long or compact, as it stands on its line.
pub fn header<'a>(message: &'a [u8], long: &[u8], compact: &[u8]) -> Option<&'a [u8]> {
    let lines = message.split(|b| *b == b'\n').map(<[u8]>::trim_ascii_end);
    for line in lines.skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty()) {
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let name = name.trim_ascii_end();
        if name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(compact) {
            return value.get(1..).map(<[u8]>::trim_ascii);
        }
    }
    None
}

/// The same bytes with everything secret replaced by as many `*`.
fn masked(message: &[u8]) -> Vec<u8> {
    let mut out = message.to_vec();
    let mut keys = starts_with(message, b"info ");
    let mut secret = false;
    let mut at = 0;
    let mut lines = message.split_inclusive(|b| *b == b'\n');
    for line in lines.by_ref() {
        let end = at + line.len();
        if line.iter().all(|b| matches!(b, b'\r' | b'\n')) && at > 0 {
            at = end;
            break;
        }
        let mut from = 0;
        // A folded line goes on with the header above it.
        if !matches!(line.first(), Some(b' ' | b'\t')) {
            let name_end = line.iter().position(|b| *b == b':').unwrap_or(line.len());
            let (name, value) = line.split_at_checked(name_end).unwrap_or((line, &[]));
            let name = name.trim_ascii_end().to_ascii_lowercase();
            secret = SECRET_HEADERS.contains(&name.as_slice());
            keys |= matches!(name.as_slice(), b"content-type" | b"c") && KEY_BODIES.iter().any(|kind| contains(value, kind));
            // An INFO is one by its CSeq too: the answer to one may repeat its body.
            keys |= name == b"cseq" && contains(value, b"info");
            from = (name_end + 1).min(line.len());
        }
        if secret {
            mask(out.get_mut(at + from..end));
        }
        at = end;
    }
    for line in lines {
        let end = at + line.len();
        if keys {
            mask(out.get_mut(at..end));
        } else if starts_with(line, b"a=crypto:") || starts_with(line, b"k=") {
            mask(out.get_mut(at + 2..end));
        }
        at = end;
    }
    out
}

/// Line ends and spaces stay: the message keeps its shape.
fn mask(bytes: Option<&mut [u8]>) {
    for byte in bytes.into_iter().flatten().filter(|b| !matches!(b, b'\r' | b'\n' | b' ' | b'\t')) {
        *byte = MASK;
    }
}

fn starts_with(text: &[u8], lower: &[u8]) -> bool {
    text.get(..lower.len()).is_some_and(|head| head.eq_ignore_ascii_case(lower))
}

fn contains(text: &[u8], lower: &[u8]) -> bool {
    text.windows(lower.len()).any(|window| window.eq_ignore_ascii_case(lower))
}

#[cfg(test)]
mod tests {
    use super::super::api::Transport;
    use super::*;
    use crate::domain::now::Instant;

    fn now() -> Now {
        Now { instant: Instant::ZERO, wall: chrono::DateTime::UNIX_EPOCH }
    }

    fn flow() -> Flow {
        let address = "127.0.0.1:5060".parse().unwrap();
        Flow { transport: Transport::Udp, local: address, remote: address, connection: None }
    }

    fn text(message: &str) -> String {
        String::from_utf8(masked(message.as_bytes())).unwrap()
    }

    #[test]
    fn credentials_are_masked_folded_lines_too_and_lengths_stay() {
        let raw = "REGISTER sip:h SIP/2.0\r\nauthorization : Digest username=\"11\",\r\n response=\"abc\"\r\nProxy-Authorization: Digest x\r\nTo: <sip:11@h>\r\n\r\n";
        let kept = text(raw);
        assert_eq!(kept.len(), raw.len());
        assert!(!kept.contains("abc") && !kept.contains("Digest") && !kept.contains("username"));
        assert!(kept.contains("To: <sip:11@h>") && kept.starts_with("REGISTER sip:h SIP/2.0\r\nauthorization :"));
    }

    #[test]
    fn keys_are_masked_in_every_body_that_holds_them() {
        for head in [
            "INFO sip:h SIP/2.0\r\nContent-Type: application/x",
            "MESSAGE sip:h SIP/2.0\r\nc: application/DTMF-relay",
            "SIP/2.0 200 OK\r\nCSeq: 3 INFO",
            "NOTIFY sip:h SIP/2.0\r\nContent-Type: application/kpml-response+xml",
        ] {
            let kept = text(&format!("{head}\r\n\r\nSignal=7\r\nDuration=160\r\n"));
            assert_eq!(kept, format!("{head}\r\n\r\n********\r\n************\r\n"));
        }
        let sdp = "INVITE sip:h SIP/2.0\r\n\r\nv=0\r\na=crypto:1 AES inline:abcd\r\nm=audio 1 RTP/AVP 8\r\n";
        assert_eq!(text(sdp), "INVITE sip:h SIP/2.0\r\n\r\nv=0\r\na=******** *** ***********\r\nm=audio 1 RTP/AVP 8\r\n");
    }

    #[test]
    fn broken_bytes_harm_nothing() {
        for raw in [&b""[..], b"\r\n\r\n", b"\xff\xfe:\n", b"INFO ", b"Authorization", b"x\nAuthorization:"] {
            assert_eq!(masked(raw).len(), raw.len());
        }
    }

    fn message(call: usize, n: usize) -> Vec<u8> {
        format!("OPTIONS sip:{n} SIP/2.0\r\nCall-ID : call-{call}\r\nAuthorization: Digest x\r\n\r\n").into_bytes()
    }

    #[test]
    fn the_messages_of_a_call_come_masked_and_in_order() {
        let mut trace = Trace::default();
        for n in 0..6 {
            trace.record(now(), flow(), n % 2 == 0, &message(n % 3, n));
        }
        trace.record(now(), flow(), false, b"\r\n\r\n");
        assert_eq!(trace.ring.len(), 6);
        let of = |ids: &[&str]| trace.messages(Instant::ZERO, &ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
        let found = of(&["call-1", "call-2", "x"]);
        let starts: Vec<&[u8]> = found.iter().map(|m| &m.bytes[..13]).collect();
        assert_eq!(starts, [b"OPTIONS sip:1", b"OPTIONS sip:2", b"OPTIONS sip:4", b"OPTIONS sip:5"]);
        assert!(found.iter().all(|m| !contains(&m.bytes, b"digest")));
        assert!(of(&[]).is_empty() && of(&["call-"]).is_empty());
        assert!(trace.messages(Instant(1), &["call-1".to_owned()]).is_empty(), "before the call began");
    }

    #[test]
    fn of_an_erased_number_no_dialog_is_left_and_the_others_stay() {
        let mut trace = Trace::default();
        for n in 0..6 {
            trace.record(now(), flow(), true, &message(n % 3, if n == 1 { 639_980_001 } else { n }));
        }
        trace.erase("639980001");
        assert!(trace.messages(Instant::ZERO, &["call-1".to_owned()]).is_empty());
        assert_eq!(trace.messages(Instant::ZERO, &["call-0".to_owned(), "call-2".to_owned()]).len(), 4);
        trace.record(now(), flow(), true, &message(1, 7));
        assert_eq!(trace.messages(Instant::ZERO, &["call-1".to_owned()]).len(), 1);
    }

    #[test]
    fn a_header_is_found_by_both_names_and_not_in_the_body() {
        let find = |text: &str| header(text.as_bytes(), b"call-id", b"i").map(|v| String::from_utf8(v.to_vec()).unwrap());
        assert_eq!(find("\r\nINVITE x\r\nCALL-ID:  a@b \r\n\r\n").as_deref(), Some("a@b"));
        assert_eq!(find("INVITE x\ni:c\n\n").as_deref(), Some("c"));
        assert_eq!(find("INVITE sip:i:x\r\nTo: y\r\n\r\nCall-ID: z\r\n"), None);
    }

    #[test]
    fn what_makes_room_is_the_oldest_and_the_others_stay_whole() {
        let mut trace = Trace::default();
        let long = |n: usize| [message(n, n), vec![b'a' + (n % 26) as u8; 1000 + n % 5000]].concat();
        for n in 0..6000 {
            trace.record(now(), flow(), true, &long(n));
            if n % 97 == 0 {
                let first = n + 1 - trace.ring.len();
                assert!(trace.ring.iter().enumerate().all(|(at, kept)| trace.text(kept) == long(first + at)), "{n}");
            }
        }
        assert!(trace.ring.len() > MAX_TOTAL / 7000 && trace.ring.len() < 6000);
    }

    #[test]
    fn what_is_kept_and_what_is_given_have_bounds() {
        let mut trace = Trace::default();
        let long = [message(1, 1), vec![b'x'; 2 * MAX_BYTES]].concat();
        for _ in 0..3000 {
            trace.record(now(), flow(), true, &long);
        }
        let total = |trace: &Trace| trace.ring.iter().map(|kept| kept.len).sum::<usize>();
        assert!(total(&trace) <= MAX_TOTAL && total(&trace) > MAX_TOTAL - 2 * MAX_BYTES);
        for n in 0..2 * MAX_MESSAGES {
            trace.record(now(), flow(), true, &message(1, n));
        }
        assert_eq!(trace.ring.len(), MAX_MESSAGES);
        assert_eq!(trace.messages(Instant::ZERO, &["call-1".to_owned()]).len(), MAX_GIVEN);
    }
}
