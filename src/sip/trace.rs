//! The last messages of each call, for the ladder on its page and a pcap: bounded, and masked before anything is kept.
//!
//! Credentials, media keys and every key pressed (INFO bodies) are masked with their length unchanged, so that what is kept stays a SIP message.

use std::collections::{HashMap, VecDeque};

use crate::domain::now::Now;

use super::api::Flow;

/// Calls kept; the one that began first makes room.
const MAX_CALLS: usize = 256;
/// Messages kept of a call: the last ones.
const MAX_MESSAGES: usize = 64;
/// Longest message kept, in bytes; the rest is cut off.
const MAX_BYTES: usize = 8192;
/// All that is kept, in bytes; the oldest calls make room.
const MAX_TOTAL: usize = 16 * 1024 * 1024;
/// Longest Call-ID kept, in bytes; messages of longer ones are not.
const MAX_CALL_ID: usize = 256;
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

#[derive(Default)]
pub struct Trace {
    calls: HashMap<String, VecDeque<Traced>>,
    /// Call-IDs in the order of their first message.
    order: VecDeque<String>,
    total: usize,
}

impl Trace {
    /// Keeps one message that was sent or received whole.
    pub fn record(&mut self, at: Now, flow: Flow, sent: bool, call_id: &str, bytes: &[u8]) {
        if call_id.is_empty() || call_id.len() > MAX_CALL_ID {
            return;
        }
        if !self.calls.contains_key(call_id) {
            if self.order.len() >= MAX_CALLS {
                self.forget_oldest();
            }
            self.order.push_back(call_id.to_owned());
        }
        let mut bytes = masked(bytes);
        bytes.truncate(MAX_BYTES);
        self.total += bytes.len();
        let messages = self.calls.entry(call_id.to_owned()).or_default();
        if messages.len() >= MAX_MESSAGES
            && let Some(oldest) = messages.pop_front()
        {
            self.total -= oldest.bytes.len();
        }
        messages.push_back(Traced { at, flow, sent, bytes });
        while self.total > MAX_TOTAL && self.order.len() > 1 {
            self.forget_oldest();
        }
    }

    /// The messages of a call in their order; nothing for one that is not kept (any more).
    pub fn messages(&self, call_id: &str) -> impl Iterator<Item = &Traced> {
        self.calls.get(call_id).into_iter().flatten()
    }

    /// For an erasure by number: drops a call at once.
    pub fn forget(&mut self, call_id: &str) {
        self.order.retain(|kept| kept != call_id);
        if let Some(messages) = self.calls.remove(call_id) {
            self.total -= messages.iter().map(|m| m.bytes.len()).sum::<usize>();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.order.front().cloned() {
            self.forget(&oldest);
        }
    }
}

/// The same bytes with everything secret replaced by as many `*`.
pub fn masked(message: &[u8]) -> Vec<u8> {
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

    #[test]
    fn the_last_messages_of_the_last_calls_are_kept() {
        let mut trace = Trace::default();
        for i in 0..MAX_MESSAGES + 6 {
            trace.record(now(), flow(), true, "a", format!("OPTIONS {i}\r\n\r\n").as_bytes());
        }
        assert_eq!(trace.messages("a").count(), MAX_MESSAGES);
        assert!(trace.messages("a").next().unwrap().bytes.starts_with(b"OPTIONS 6\r"));
        for i in 0..MAX_CALLS {
            trace.record(now(), flow(), false, &format!("call-{i}"), b"x\r\n\r\n");
        }
        assert_eq!(trace.messages("a").count(), 0);
        assert_eq!(trace.calls.len(), MAX_CALLS);
        trace.record(now(), flow(), false, &"x".repeat(300), b"x");
        assert_eq!(trace.calls.len(), MAX_CALLS);
        trace.forget("call-5");
        assert_eq!(trace.messages("call-5").count(), 0);
        assert_eq!(trace.total, trace.calls.values().flatten().map(|m| m.bytes.len()).sum::<usize>());
    }

    #[test]
    fn what_is_kept_has_a_bound_in_bytes() {
        let mut trace = Trace::default();
        let long = vec![b'x'; 2 * MAX_BYTES];
        for call in 0..100 {
            for _ in 0..MAX_MESSAGES {
                trace.record(now(), flow(), true, &format!("call-{call}"), &long);
            }
        }
        assert!(trace.total <= MAX_TOTAL);
        assert_eq!(trace.messages("call-99").count(), MAX_MESSAGES);
        assert_eq!(trace.messages("call-0").count(), 0);
    }
}
