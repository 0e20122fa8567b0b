//! RTCP as far as a relay of voice needs it (RFC 3550, 6): a compound packet is checked, and a small SR or RR with a
//! CNAME is written. A BYE ends nothing: only signalling ends a call.

use std::time::Duration;

use crate::domain::now::Instant;

/// Mean time between our reports on a leg; each is drawn between half and one and a half of it (6.3.1).
pub const INTERVAL: Duration = Duration::from_secs(5);
/// The longest report that we write: SR, one block, SDES with a CNAME of 16 bytes.
pub const MAX_REPORT: usize = 28 + 24 + 8 + 2 + CNAME + 2;
/// Bytes of our CNAME: random for each process, tells nothing (RFC 7022).
pub const CNAME: usize = 16;

/// What a peer's compound packet told us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compound {
    /// Middle 32 bits of its NTP time, if it was a sender report.
    pub sent: Option<u32>,
}

/// Checks a compound packet (A.2): version 2, SR or RR first, lengths that end exactly where the datagram does.
pub fn parse(bytes: &[u8]) -> Option<Compound> {
    let first = bytes.first_chunk::<20>().map(|head| (head[1], u32::from_be_bytes([head[10], head[11], head[12], head[13]])));
    let (flags, kind) = (*bytes.first()?, *bytes.get(1)?);
    if flags & 0x20 != 0 || !matches!(kind, 200 | 201) {
        return None;
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        let [flags, kind, high, low] = *rest.first_chunk::<4>()?;
        let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        let blocks = usize::from(flags & 0x1f);
        let least = match kind {
            200 => 28 + 24 * blocks,
            201 => 8 + 24 * blocks,
            _ => 4,
        };
        if flags >> 6 != 2 || length < least {
            return None;
        }
        rest = rest.get(length..)?;
    }
    Some(Compound { sent: first.filter(|(kind, _)| *kind == 200).map(|(_, ntp)| ntp) })
}

/// What was heard of one source (6.4.1, A.3, A.8).
#[derive(Clone, Copy, Debug, Default)]
pub struct Reception {
    pub ssrc: u32,
    first: u32,
    received: u32,
    before: (u32, u32),
    /// Sixteenths of a timestamp unit.
    jitter: u32,
    transit: u32,
    last_report: Option<(u32, Instant)>,
}

impl Reception {
    pub fn starting(ssrc: u32, sequence: u16) -> Reception {
        Reception { ssrc, first: u32::from(sequence), ..Reception::default() }
    }

    /// A sender that started anew keeps the time of its last report.
    pub fn after(self, last: Reception) -> Reception {
        Reception { last_report: last.last_report.filter(|_| last.ssrc == self.ssrc || last.received == 0), ..self }
    }

    /// Counts a packet; `arrival` in timestamp units of our own clock.
    pub fn count(&mut self, arrival: u32, timestamp: u32) {
        let transit = arrival.wrapping_sub(timestamp);
        if self.received > 0 {
            let change = (transit.wrapping_sub(self.transit) as i32).unsigned_abs().min(80_000);
            self.jitter = self.jitter + change - ((self.jitter + 8) >> 4);
        }
        self.transit = transit;
        self.received = self.received.wrapping_add(1);
    }

    pub fn reported(&mut self, now: Instant, compound: Compound) {
        if let Some(sent) = compound.sent {
            self.last_report = Some((sent, now));
        }
    }

    /// A report block; keeps the counts that the next one starts from.
    fn block(&mut self, now: Instant, highest: u32) -> [u8; 24] {
        let expected = highest.wrapping_sub(self.first).wrapping_add(1);
        let lost = expected.wrapping_sub(self.received) as i32;
        let (due, came) = (expected.wrapping_sub(self.before.0), self.received.wrapping_sub(self.before.1));
        self.before = (expected, self.received);
        let missing = due.saturating_sub(came);
        let fraction = if due == 0 { 0 } else { (u64::from(missing) * 256 / u64::from(due)).min(255) as u32 };
        let (sent, delay) = self.last_report.map_or((0, 0), |(sent, at)| (sent, (now.since(at).as_millis() as u64 * 65_536 / 1000) as u32));
        let words =
            [self.ssrc, fraction << 24 | (lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff), highest, self.jitter >> 4, sent, delay];
        let mut block = [0; 24];
        block.chunks_exact_mut(4).zip(words).for_each(|(to, word)| to.copy_from_slice(&word.to_be_bytes()));
        block
    }
}

/// What we have sent, for a sender report; times since the relay's own origin (6.4.1 allows an elapsed time).
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    pub ssrc: u32,
    pub timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// Writes SR (or RR when `sent` nothing) and SDES; returns the bytes written.
pub fn write<'a>(
    into: &'a mut [u8; MAX_REPORT],
    now: Instant,
    sent: Sent,
    heard: Option<(&mut Reception, u32)>,
    cname: &[u8; CNAME],
) -> &'a [u8] {
    let mut out = Writer { into, at: 0 };
    let blocks = u8::from(heard.is_some());
    let length = if sent.packets > 0 { 6 } else { 1 } + 6 * u8::from(heard.is_some());
    out.put(&[0x80 | blocks, if sent.packets > 0 { 200 } else { 201 }, 0, length]);
    out.put(&sent.ssrc.to_be_bytes());
    if sent.packets > 0 {
        let fraction = ((now.0 % 1_000_000_000) << 32) / 1_000_000_000;
        for word in [(now.0 / 1_000_000_000) as u32, fraction as u32, sent.timestamp, sent.packets, sent.octets] {
            out.put(&word.to_be_bytes());
        }
    }
    if let Some((reception, highest)) = heard {
        out.put(&reception.block(now, highest));
    }
    // one chunk: SSRC, CNAME item, end and padding to a word
    out.put(&[0x81, 202, 0, (4 + 2 + CNAME + 2) as u8 / 4]);
    out.put(&sent.ssrc.to_be_bytes());
    out.put(&[1, CNAME as u8]);
    out.put(cname);
    out.put(&[0, 0]);
    let Writer { into, at } = out;
    &into[..at]
}

struct Writer<'a> {
    into: &'a mut [u8; MAX_REPORT],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        if let Some(to) = self.into.get_mut(self.at..self.at + bytes.len()) {
            to.copy_from_slice(bytes);
            self.at += bytes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_write_we_read() {
        let mut buffer = [0; MAX_REPORT];
        let sent = Sent { ssrc: 1, timestamp: 160, packets: 2, octets: 320 };
        let mut reception = Reception::starting(9, 10);
        (0..4).for_each(|n| reception.count(160 * n, 160 * n));
        let now = Instant(0x1234_5678_0000);
        let report = write(&mut buffer, now, sent, Some((&mut reception, 14)), b"0123456789abcdef").to_vec();
        assert_eq!((report.len(), report.len() % 4), (MAX_REPORT, 0));
        assert_eq!(report[28 + 4], 51, "one of five lost, in 256ths");
        assert!(parse(&report).unwrap().sent.is_some());
        let none = Sent { packets: 0, ..sent };
        let report = write(&mut buffer, now, none, None, b"0123456789abcdef");
        assert_eq!(parse(report), Some(Compound { sent: None }));
        assert_eq!(parse(&report[..report.len() - 1]), None);
    }

    #[test]
    fn a_lone_bye_and_a_short_sender_report_are_nothing() {
        assert_eq!(parse(&[0x81, 203, 0, 1, 0, 0, 0x12, 0x34]), None);
        assert_eq!(parse(&[0x80, 200, 0, 6, 0, 0, 0, 1]), None);
        assert_eq!(parse(&[]), None);
    }
}
