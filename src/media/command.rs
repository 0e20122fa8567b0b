//! What the relay is told, by the exchange through a bounded queue, and what it reports.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::ear::{Heard, Terms};
use crate::domain::call::LegId;

/// G.711 as a leg negotiated it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// PCMA, static payload type 8 (RFC 3551).
    A,
    /// PCMU, static payload type 0.
    Mu,
}

/// What a leg negotiated (RFC 3264 answer).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    pub law: Law,
    /// Payload type of telephone-event towards the peer, and the one it uses towards us (RFC 4733).
    pub event_out: Option<u8>,
    pub event_in: Option<u8>,
    /// Where the peer wants RTP; `None` when it asked for none (port 0, 0.0.0.0).
    pub remote: Option<SocketAddr>,
    /// Where it wants RTCP; `None`: nowhere, until its own shows where it comes from.
    pub control: Option<SocketAddr>,
    /// We may send to the peer (its direction is sendrecv or recvonly).
    pub send: bool,
    /// The peer may send to us.
    pub receive: bool,
    /// Whose RTP is taken (THREATS.md head).
    pub source: SourceRule,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceRule {
    /// Trunk: from the SDP's address only, its port learnt once.
    Address(IpAddr),
    /// Phone: the SDP's address or the one its SIP comes from, whichever sends first within 3 s, then locked until its next SDP.
    Either { sdp: SocketAddr, sip: IpAddr },
}

/// Debug shows how many keys, never which.
#[derive(Clone)]
pub enum Command {
    /// A leg exists on this socket pair, of index `port` in the shell's pool.
    Open {
        leg: LegId,
        port: u16,
    },
    Negotiated {
        leg: LegId,
        with: Negotiated,
    },
    /// The two hear each other.
    Join(LegId, LegId),
    /// The leg hears this; whoever was joined with it hears silence from then on, unless told otherwise.
    Play(LegId, Source),
    /// Mixed into what the leg hears; `None` stops it.
    Overlay(LegId, Option<Source>),
    /// Keys to the peer of this leg as RFC 4733.
    Keys(LegId, Vec<u8>),
    /// Take down what the peer of this leg says, until `Report::Heard`. A leg that is joined is not listened to any more.
    Listen(LegId, Terms),
    StopListening(LegId),
    Close(LegId),
}

/// A sound to play, decoded once: 16-bit samples, 8000 Hz.
#[derive(Clone)]
pub enum Source {
    Silence,
    Tone(crate::media::tone::Tone),
    /// Played from the first sample, over and over.
    Loop(Arc<[i16]>),
    /// Played once in order, then silence.
    Once(Vec<Arc<[i16]>>),
}

impl Source {
    /// It falls silent by itself.
    pub fn ends(&self) -> bool {
        match self {
            Source::Silence | Source::Loop(_) => false,
            Source::Tone(tone) => tone.ends(),
            Source::Once(_) => true,
        }
    }
}

/// Debug does not show which key.
#[derive(Clone, PartialEq, Eq)]
pub enum Report {
    /// The first RTP packet that a leg's source rule let in since its last SDP.
    FirstPacket(LegId),
    /// A key begins, from the peer of this leg.
    KeyDown(LegId, u8),
    /// That key is whole (RFC 4733 END, or its time-out).
    Key(LegId, u8),
    /// A `Once` that was played, or a tone that ends by itself, is over. Not told of overlays.
    Played(LegId),
    /// Neither RTP nor RTCP from this leg for that many whole seconds (sent once a second past the configured limit).
    Silent(LegId, u32),
    /// Sound again after `Silent`.
    Speaks(LegId),
    /// What was taken down of a leg, when that is over: once for each `Listen` that no `Join` cut short.
    Heard(LegId, Heard),
}

// Keys may be a card number: a log of commands and reports must not hold them (RULES 7).
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Open { leg, port } => write!(f, "Open({leg:?}, {port})"),
            Command::Negotiated { leg, with } => write!(f, "Negotiated({leg:?}, {with:?})"),
            Command::Join(one, other) => write!(f, "Join({one:?}, {other:?})"),
            Command::Play(leg, source) => write!(f, "Play({leg:?}, {source:?})"),
            Command::Overlay(leg, source) => write!(f, "Overlay({leg:?}, {source:?})"),
            Command::Keys(leg, keys) => write!(f, "Keys({leg:?}, {})", "•".repeat(keys.len())),
            Command::Listen(leg, terms) => write!(f, "Listen({leg:?}, {terms:?})"),
            Command::StopListening(leg) => write!(f, "StopListening({leg:?})"),
            Command::Close(leg) => write!(f, "Close({leg:?})"),
        }
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::FirstPacket(leg) => write!(f, "FirstPacket({leg:?})"),
            Report::KeyDown(leg, _) => write!(f, "KeyDown({leg:?}, •)"),
            Report::Key(leg, _) => write!(f, "Key({leg:?}, •)"),
            Report::Played(leg) => write!(f, "Played({leg:?})"),
            Report::Silent(leg, seconds) => write!(f, "Silent({leg:?}, {seconds})"),
            Report::Speaks(leg) => write!(f, "Speaks({leg:?})"),
            Report::Heard(leg, heard) => write!(f, "Heard({leg:?}, {heard:?})"),
        }
    }
}

/// A sound's length, not its samples; a tone may be a key.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Silence => f.write_str("Silence"),
            Source::Tone(_) => f.write_str("Tone"),
            Source::Loop(samples) => write!(f, "Loop({} samples)", samples.len()),
            Source::Once(parts) => write!(f, "Once({} parts)", parts.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_debug_shows_a_key() {
        let shown = format!("{:?} {:?}", Command::Keys(LegId(1), b"497".to_vec()), Report::Key(LegId(1), b'8'));
        assert_eq!(shown, "Keys(LegId(1), •••) Key(LegId(1), •)");
    }
}
