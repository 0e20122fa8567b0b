//! What a leg's peer hears: packets relayed on arrival, sounds played, silence where its source is late, keys; all on one
//! [`Line`], the marker at each switch.

use std::net::SocketAddr;
use std::time::Duration;

use super::incoming::{MAX_SOUND, Sound};
use super::line::Line;
use super::overlay::Overlay;
use super::{Datagram, Reports};
use crate::domain::call::LegId;
use crate::domain::entropy::Entropy;
use crate::domain::now::Instant;
use crate::media::FRAME;
use crate::media::command::{Law, Report};
use crate::media::player::{Played, Player};
use crate::media::rtp::{self, HEADER, Header};
use crate::media::telephone_event::{KeySender, PAYLOAD};
use crate::media::tone::{Oscillator, Tone};

/// Time of one packet that we make.
pub const PTIME: Duration = Duration::from_millis(20);
/// Timestamp units of it.
const FRAME_UNITS: u32 = FRAME as u32;
/// A relayed source that is later than this past its last packet's end is replaced by silence until it comes back.
const PATIENCE: Duration = Duration::from_millis(20);
/// Frames made at once when a tick came late.
const MAX_CATCH_UP: u32 = 5;
/// Made frames further behind time than this (60 ms) skip to it.
const MAX_BEHIND: i32 = 480;
/// What the peer of a leg is to hear.
pub(super) enum Hears {
    /// The leg on this port.
    Peer(u16),
    Source(Player),
}

enum Last {
    /// Nothing yet, or a switch: the next packet is marked and joins the line at the present.
    Switch,
    Made,
    Key,
    Relayed,
}

pub(super) struct Outgoing {
    leg: LegId,
    port: u16,
    pub line: Line,
    pub packets: u32,
    pub octets: u32,
    pub law: Law,
    /// Payload type of telephone-event.
    pub event: Option<u8>,
    /// `None`: nothing may be sent now.
    pub to: Option<SocketAddr>,
    pub hears: Hears,
    pub overlay: Overlay,
    pub keys: KeySender,
    key_start: u32,
    key_tone: Option<Oscillator>,
    last: Last,
    next_due: Instant,
    sent_at: Instant,
}

type Buffer = [u8; HEADER + MAX_SOUND];
const EMPTY: Buffer = [0; HEADER + MAX_SOUND];

impl Outgoing {
    pub fn new(now: Instant, leg: LegId, port: u16, entropy: &mut dyn Entropy) -> Outgoing {
        Outgoing {
            leg,
            port,
            line: Line::new(now, entropy),
            packets: 0,
            octets: 0,
            law: Law::A,
            event: None,
            to: None,
            hears: Hears::Source(Player::new(crate::media::command::Source::Silence)),
            overlay: Overlay::default(),
            keys: KeySender::default(),
            key_start: 0,
            key_tone: None,
            last: Last::Switch,
            next_due: now,
            sent_at: Instant::ZERO,
        }
    }

    /// The line begins now.
    pub fn start(&mut self, now: Instant) {
        self.line.start(now);
        self.next_due = now;
        self.mark();
    }

    /// Something else is heard from now on: a played sound 20 ms after the last packet, a peer as soon as it speaks. Its next packet may be 20 ms
    /// away, and the last one was up to 20 ms ago: it gets no patience beyond that.
    pub fn switch(&mut self, now: Instant, hears: Hears) {
        self.hears = hears;
        self.mark();
        self.next_due = now.max(self.sent_at + PTIME);
    }

    /// The next packet is marked and joins the line at the present.
    pub fn mark(&mut self) {
        self.last = Last::Switch;
    }

    /// Passes on a packet of the peer it hears, on arrival. `false`: dropped.
    pub fn relay(&mut self, now: Instant, sound: Sound, out: &mut impl FnMut(Datagram)) -> bool {
        if self.to.is_none() || self.keys.busy() || (sound.law.is_none() && self.overlay.is_some()) {
            return false;
        }
        let units = if sound.law.is_some() { sound.payload.len() as u32 } else { FRAME_UNITS };
        let going_on = matches!(self.last, Last::Relayed);
        self.last = Last::Relayed;
        let Some((sequence, timestamp, marker)) = self.line.place(now, going_on, sound.header, units) else { return false };
        let mut buffer = EMPTY;
        let Some(payload) = buffer.get_mut(HEADER..HEADER + sound.payload.len()) else { return false };
        let payload_type = match sound.law {
            Some(law) => {
                if !self.mix(law, sound.payload, payload) {
                    law.convert(self.law, sound.payload, payload);
                }
                self.law.payload_type()
            }
            None => {
                payload.copy_from_slice(sound.payload);
                rtp::CN
            }
        };
        let header = Header { marker, payload_type, sequence, timestamp, ssrc: self.line.ssrc };
        self.emit(now, header, sound.payload.len(), &mut buffer, out);
        self.next_due = now + Duration::from_micros(u64::from(units) * 125) + PATIENCE;
        true
    }

    /// The source sends a key where a frame would be: silence takes its place, without the patience that a late frame gets.
    pub fn without_sound(&mut self, now: Instant, reports: &mut Reports, out: &mut impl FnMut(Datagram)) {
        // a line on which nothing was said yet is not begun by a key
        if self.packets > 0 {
            self.next_due = self.next_due.min(now.max(self.sent_at + PTIME));
            self.tick(now, reports, out);
        }
    }

    /// Time passes: keys, played sounds, and silence where the source is late. Call it each 10 ms or more often.
    pub fn tick(&mut self, now: Instant, reports: &mut Reports, out: &mut impl FnMut(Datagram)) {
        if self.keys.due(now) && !self.keys.busy() {
            self.next_due = self.next_due.min(now);
        } else if self.is_ahead(now) {
            return;
        }
        for _ in 0..MAX_CATCH_UP {
            if now < self.next_due {
                return;
            }
            // the cadence starts where something new starts, not where it was due
            let anew = !matches!(self.last, Last::Made | Last::Key);
            if !self.key(now, out) {
                self.frame(now, reports, out);
            }
            self.next_due = if anew { now } else { self.next_due } + PTIME;
        }
        self.next_due = now + PTIME;
    }

    /// Sound of a peer that was sent ahead of time is still being heard. At a switch three packets of that are let pass: there is no gap, and the line
    /// runs ahead by four at most, after many switches.
    fn is_ahead(&self, now: Instant) -> bool {
        let enough = match self.last {
            Last::Relayed => 0,
            Last::Switch => 3 * FRAME_UNITS as i32,
            Last::Made | Last::Key => return false,
        };
        matches!(self.hears, Hears::Peer(_)) && self.line.lead(now) > enough
    }

    /// A packet of our own: what is played, or silence; the overlay on top.
    fn frame(&mut self, now: Instant, reports: &mut Reports, out: &mut impl FnMut(Datagram)) {
        let mut samples = [0; FRAME];
        if let Hears::Source(player) = &mut self.hears {
            let once = !player.is_silence();
            if player.fill(&mut samples) == Played::Ended && once {
                reports.push(Report::Played(self.leg));
            }
        }
        let mut above = [0; FRAME];
        if self.overlay.fill(&mut above) && above.iter().any(|sample| *sample != 0) {
            samples.iter_mut().zip(above).for_each(|(sample, more)| *sample = under(*sample).saturating_add(more));
        }
        let switched = !matches!(self.last, Last::Made);
        let timestamp = if switched || self.line.lead(now) < -MAX_BEHIND { self.line.present(now) } else { self.line.end() };
        self.made(now, timestamp, switched, &samples, out);
        self.last = if self.to.is_some() { Last::Made } else { Last::Switch };
    }

    /// One step of a key; `false` when there is none to send.
    fn key(&mut self, now: Instant, out: &mut impl FnMut(Datagram)) -> bool {
        let Some(step) = self.keys.due(now).then(|| self.keys.step(now)).flatten() else { return false };
        if step.first {
            self.key_start = self.line.present(now);
            self.key_tone = Tone::key(step.event).map(Oscillator::new);
        }
        let end = self.key_start.wrapping_add(u32::from(u16::from_be_bytes([step.payload[2], step.payload[3]])));
        if let (Some(payload_type), Some(_)) = (self.event, self.to) {
            let mut buffer = EMPTY;
            buffer[HEADER..HEADER + PAYLOAD].copy_from_slice(&step.payload);
            let header =
                Header { marker: step.first, payload_type, sequence: self.line.take(), timestamp: self.key_start, ssrc: self.line.ssrc };
            self.emit(now, header, PAYLOAD, &mut buffer, out);
        } else {
            let mut samples = [0; FRAME];
            if let Some(tone) = self.key_tone.as_mut().filter(|_| step.sounds) {
                tone.fill(&mut samples);
            }
            let timestamp = if step.first { self.key_start } else { self.line.end() };
            self.made(now, timestamp, step.first, &samples, out);
        }
        self.line.advance(end);
        self.last = Last::Key;
        true
    }

    fn made(&mut self, now: Instant, timestamp: u32, marker: bool, samples: &[i16; FRAME], out: &mut impl FnMut(Datagram)) {
        if self.to.is_none() {
            return;
        }
        let mut buffer = EMPTY;
        buffer[HEADER..].iter_mut().zip(samples).for_each(|(code, sample)| *code = self.law.encode(*sample));
        let header = Header { marker, payload_type: self.law.payload_type(), sequence: self.line.take(), timestamp, ssrc: self.line.ssrc };
        self.line.advance(timestamp.wrapping_add(FRAME_UNITS));
        self.emit(now, header, FRAME, &mut buffer, out);
    }

    /// Adds the overlay to relayed codes; `false` (nothing written) while the overlay is silent, so that speech passes untouched.
    fn mix(&mut self, law: Law, codes: &[u8], into: &mut [u8]) -> bool {
        let mut above = [0; MAX_SOUND];
        let Some(above) = above.get_mut(..codes.len()) else { return false };
        if !self.overlay.fill(above) || above.iter().all(|sample| *sample == 0) {
            return false;
        }
        for ((to, code), more) in into.iter_mut().zip(codes).zip(above) {
            *to = self.law.encode(under(law.decode(*code)).saturating_add(*more));
        }
        true
    }

    fn emit(&mut self, now: Instant, header: Header, length: usize, buffer: &mut Buffer, out: &mut impl FnMut(Datagram)) {
        let Some(to) = self.to else { return };
        buffer[..HEADER].copy_from_slice(&header.bytes());
        self.sent_at = now;
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(length as u32);
        if let Some(bytes) = buffer.get(..HEADER + length) {
            out(Datagram { port: self.port, control: false, to, bytes });
        }
    }
}

/// What is heard under an overlay that sounds: 12 dB lower, so that a loud voice does not cover a tone.
fn under(sample: i16) -> i16 {
    sample / 4
}
