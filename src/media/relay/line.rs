//! One continuous source for the whole dialog, whoever speaks: one SSRC, sequence numbers without a hole of ours, one
//! timestamp line that keeps to the clock.
//!
//! Within a *stretch* relayed from one source, numbers are mapped by an offset, so order and losses stay visible; at each
//! switch the line is taken up where time stands, never back.

use crate::domain::entropy::Entropy;
use crate::domain::now::Instant;
use crate::media::rtp::Header;

/// The line may run ahead of time by this (200 ms, after a burst); what would push it further is dropped.
const MAX_LEAD: i32 = 1600;
/// A source whose timestamps leave the line by more (1 s) is taken up anew; so is one whose numbers jump by more packets.
const MAX_STRAY: i32 = 8000;
const MAX_STEP: u16 = 32;
/// The line follows its source's clock by one unit each so many packets: 195 parts in a million of drift at 20 ms.
const SLEW: u8 = 32;

/// Packets of one source in a row.
struct Stretch {
    ssrc: u32,
    high_in: u16,
    high_out: u16,
    /// Sequence numbers since its start.
    length: u16,
    offset: u32,
}

pub(super) struct Line {
    pub ssrc: u32,
    next_sequence: u16,
    origin: Instant,
    origin_units: u32,
    /// One past the last sample sent.
    end: u32,
    stretch: Option<Stretch>,
    relayed: u8,
}

impl Line {
    /// Random SSRC, first number and first timestamp (RFC 3550, 5.1).
    pub fn new(now: Instant, entropy: &mut dyn Entropy) -> Line {
        let start = entropy.u32();
        let (ssrc, next_sequence) = (entropy.u32(), entropy.u32() as u16);
        Line { ssrc, next_sequence, origin: now, origin_units: start, end: start, stretch: None, relayed: 0 }
    }

    /// It begins now.
    pub fn start(&mut self, now: Instant) {
        (self.origin, self.origin_units) = (now, self.end);
    }

    /// The timestamp of this moment.
    pub fn wall(&self, now: Instant) -> u32 {
        self.origin_units.wrapping_add((now.since(self.origin).as_nanos() / 125_000) as u32)
    }

    pub fn end(&self) -> u32 {
        self.end
    }

    /// The number of a packet of our own.
    pub fn take(&mut self) -> u16 {
        let sequence = self.next_sequence;
        self.next_sequence = sequence.wrapping_add(1);
        sequence
    }

    /// How far the line's end is ahead of time, in units.
    pub fn lead(&self, now: Instant) -> i32 {
        self.end.wrapping_sub(self.wall(now)) as i32
    }

    /// The present, or the line's end where that is later.
    pub fn present(&self, now: Instant) -> u32 {
        if self.lead(now) > 0 { self.end } else { self.wall(now) }
    }

    /// Sequence number, timestamp and marker of a relayed packet; `None` when it has no place on the line. `going_on`: the
    /// packet sent before it was relayed too.
    pub fn place(&mut self, now: Instant, going_on: bool, header: Header, units: u32) -> Option<(u16, u32, bool)> {
        let wall = self.wall(now);
        let lead = self.lead(now);
        if !going_on {
            self.stretch = None;
        }
        if let Some(stretch) = self.stretch.as_mut().filter(|stretch| stretch.ssrc == header.ssrc) {
            let step = header.sequence.wrapping_sub(stretch.high_in) as i16;
            let timestamp = header.timestamp.wrapping_add(stretch.offset);
            let ahead = timestamp.wrapping_sub(wall) as i32;
            if step.unsigned_abs() <= MAX_STEP && ahead.abs() <= MAX_STRAY {
                if step <= 0 {
                    let back = step.unsigned_abs();
                    return (back <= stretch.length).then_some((stretch.high_out.wrapping_sub(back), timestamp, header.marker));
                }
                let step = step.unsigned_abs();
                stretch.high_in = header.sequence;
                stretch.high_out = stretch.high_out.wrapping_add(step);
                stretch.length = stretch.length.saturating_add(step);
                self.next_sequence = stretch.high_out.wrapping_add(1);
                if ahead > MAX_LEAD {
                    stretch.offset = stretch.offset.wrapping_sub(units);
                    return None;
                }
                let sequence = stretch.high_out;
                self.advance(timestamp.wrapping_add(units));
                self.slew(ahead);
                return Some((sequence, timestamp, header.marker));
            }
        }
        if lead > MAX_LEAD {
            return None;
        }
        let (sequence, timestamp) = (self.next_sequence, self.present(now));
        let offset = timestamp.wrapping_sub(header.timestamp);
        self.stretch = Some(Stretch { ssrc: header.ssrc, high_in: header.sequence, high_out: sequence, length: 0, offset });
        self.next_sequence = sequence.wrapping_add(1);
        self.advance(timestamp.wrapping_add(units));
        Some((sequence, timestamp, true))
    }

    /// Sound up to here was sent.
    pub fn advance(&mut self, end: u32) {
        if (end.wrapping_sub(self.end) as i32) > 0 {
            self.end = end;
        }
    }

    /// Lets the line drift with its source, so that no sound is dropped or made up for two clocks' difference.
    fn slew(&mut self, ahead: i32) {
        self.relayed += 1;
        if self.relayed >= SLEW {
            self.relayed = 0;
            self.origin_units = self.origin_units.wrapping_add_signed(ahead.signum());
        }
    }
}
