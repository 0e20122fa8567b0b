//! The reader against hostile and unusual messages: what each must become, no panic, no slow message, and no answer that helps a flood.
//!
//! Our own files stand in `corpus/`. The messages of RFC 4475, RFC 5118 and of the NIST suite are other people's: they are read in place from
//! `../shared/torture/third-party` (or the folder that `TORTURE` names) and never stand in this project; without them their tests say so.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "the bound of 50 ms is on real time; a panic is how a test fails")]

mod endpoint;
mod mutation;
mod own;
mod published;
mod rig;

use std::path::{Path, PathBuf};

use rappel::sip::message::Message;
use rappel::sip::sdp;
use rappel::sip::wire::{self, Framing, Read};

/// One word for what the reader made of a message: the method, `response 200`, `400`, `drop` or `keepalive`.
fn outcome(bytes: &[u8]) -> String {
    match read_all(bytes) {
        Read::Message(message) => match (message.method(), message.status()) {
            (Some(method), _) => method.as_str().to_owned(),
            (None, status) => format!("response {}", status.unwrap_or(0)),
        },
        Read::Reject { status, .. } => status.to_string(),
        Read::Drop(_) => "drop".to_owned(),
        Read::KeepAlive => "keepalive".to_owned(),
    }
}

/// Reads a datagram as the line does and holds the result to what is true of every message.
fn read_all(bytes: &[u8]) -> Read {
    let (read, took) = rig::timed(|| read_once(bytes));
    assert!(took <= rig::SLOWEST, "{took:?} for {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(200)]));
    if let Read::Reject { status, method, reply: Some(reply), .. } = &read {
        assert!(reply.len() <= 2 * bytes.len(), "an answer of {} bytes to {}", reply.len(), bytes.len());
        assert_ne!(*method, Some(rappel::sip::message::Method::Ack), "an ACK is never answered");
        let text = String::from_utf8(reply.clone()).expect("an answer is text");
        let line_ends = text.matches("\r\n").count();
        assert!(text.starts_with(&format!("SIP/2.0 {status} ")) && text.ends_with("\r\n\r\n"), "{text:?}");
        assert!(text.chars().filter(|c| c.is_ascii_control() && *c != '\t').count() == 2 * line_ends, "{text:?}");
        for name in ["Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "] {
            assert!(text.lines().any(|line| line.starts_with(name)), "no {name} in {text:?}");
        }
    }
    read
}

/// Every way in which these bytes can be read.
fn read_once(bytes: &[u8]) -> Read {
    let read = wire::read(bytes, Framing::Datagram);
    if let Read::Message(message) = &read {
        hold(message);
    }
    wire::caller_of(bytes);
    wire::read(bytes, Framing::Stream);
    let mut framer = wire::Framer::default();
    if framer.push(bytes).is_ok() {
        // each frame takes bytes away: as many rounds as bytes are more than enough
        (0..bytes.len()).map_while(|_| framer.next()).take_while(Result::is_ok).for_each(drop);
    }
    read
}

/// An accepted message has what the endpoint counts on, and its wire form is read again as the same message.
fn hold(message: &Message) {
    assert!(!message.via().sent_by.is_empty() && !message.call_id().is_empty());
    for (name, value) in message.lines() {
        assert!(!name.is_empty() && !value.chars().any(|c| c.is_ascii_control() && c != '\t'), "{name}: {value:?}");
    }
    let _ = (message.from(), message.to(), message.contact(), message.cseq());
    let _ = sdp::read(&message.body);
    if message.encode().len() > wire::MAX_DATAGRAM {
        return;
    }
    let Read::Message(again) = wire::read(&message.encode(), Framing::Datagram) else {
        panic!("not read again: {:?}", String::from_utf8_lossy(&message.encode()))
    };
    assert!(again.start == message.start && again.body == message.body && again.lines().eq(message.lines()), "{again:?}\n{message:?}");
}

/// Other people's messages: `None`, with a word about it, where they are not.
fn third_party(set: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let base = std::env::var_os("TORTURE").map_or_else(|| root.join("../shared/torture"), PathBuf::from);
    let folder = base.join("third-party").join(set);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not there (TORTURE names another base folder)", folder.display());
    None
}

/// Every file below a folder, by its path in it, in order.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let (mut found, mut todo) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = todo.pop() {
        for entry in std::fs::read_dir(&next).expect("the corpus is readable").flatten().map(|e| e.path()) {
            if entry.is_dir() {
                todo.push(entry);
            } else {
                let name = entry.strip_prefix(folder).expect("below it").to_string_lossy().into_owned();
                found.push((name, std::fs::read(&entry).expect("a file of the corpus")));
            }
        }
    }
    found.sort();
    found
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture/corpus")
}
