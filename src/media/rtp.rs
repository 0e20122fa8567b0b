//! The RTP fixed header (RFC 3550, 5.1), read strictly and written plainly. Must not panic on any bytes.

/// Length of the header that we write: no CSRC, no extension.
pub const HEADER: usize = 12;
/// Static payload types (RFC 3551).
pub const PCMU: u8 = 0;
pub const PCMA: u8 = 8;
/// Comfort noise (RFC 3389).
pub const CN: u8 = 13;

/// The fields of a header that matter to the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
}

/// A whole packet: padding, extension and contributing sources are taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub header: Header,
    /// Never empty.
    pub payload: &'a [u8],
}

/// Reads a datagram; `None` for another version, for lengths that do not fit, and for an empty payload.
pub fn parse(bytes: &[u8]) -> Option<Packet<'_>> {
    let (fixed, mut rest) = bytes.split_first_chunk::<HEADER>()?;
    let [flags, kind, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
    if flags >> 6 != 2 {
        return None;
    }
    rest = rest.get(usize::from(flags & 0x0f) * 4..)?;
    if flags & 0x10 != 0 {
        let ([_, _, high, low], after) = rest.split_first_chunk::<4>()?;
        rest = after.get(usize::from(u16::from_be_bytes([*high, *low])) * 4..)?;
    }
    if flags & 0x20 != 0 {
        // the last byte counts the padding, itself included: zero is not a count
        let padding = usize::from(*rest.last()?);
        rest = rest.get(..rest.len().checked_sub(padding)?).filter(|_| padding > 0)?;
    }
    if rest.is_empty() {
        return None;
    }
    let header = Header {
        marker: kind & 0x80 != 0,
        payload_type: kind & 0x7f,
        sequence: u16::from_be_bytes([s0, s1]),
        timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
        ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
    };
    Some(Packet { header, payload: rest })
}

impl Header {
    pub fn bytes(self) -> [u8; HEADER] {
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [c0, c1, c2, c3] = self.ssrc.to_be_bytes();
        [0x80, u8::from(self.marker) << 7 | (self.payload_type & 0x7f), s0, s1, t0, t1, t2, t3, c0, c1, c2, c3]
    }
}

/// What a sequence number is to those seen before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Later than all before, or late for the first time.
    Fresh,
    Duplicate,
    /// Too far from the others to be of the same run; it counts once a second one follows it (RFC 3550, A.1).
    Stray,
    /// That second one: the sender started anew.
    Restart,
}

/// The last 64 sequence numbers of one source.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    high: u16,
    mask: u64,
    cycles: u16,
    expected_stray: Option<u16>,
}

impl Window {
    /// RFC 3550, A.1: MAX_DROPOUT, packets.
    const MAX_DROPOUT: u16 = 3000;

    pub fn starting(sequence: u16) -> Window {
        Window { high: sequence, mask: 1, cycles: 0, expected_stray: None }
    }

    pub fn see(&mut self, sequence: u16) -> Seen {
        let ahead = sequence.wrapping_sub(self.high);
        let behind = self.high.wrapping_sub(sequence);
        if ahead == 0 {
            return Seen::Duplicate;
        }
        if ahead < Self::MAX_DROPOUT {
            self.mask = self.mask.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
            if sequence < self.high {
                self.cycles = self.cycles.wrapping_add(1);
            }
            self.high = sequence;
            self.expected_stray = None;
            return Seen::Fresh;
        }
        if behind < 64 {
            let bit = 1u64 << behind;
            let known = self.mask & bit != 0;
            self.mask |= bit;
            return if known { Seen::Duplicate } else { Seen::Fresh };
        }
        if self.expected_stray == Some(sequence) {
            *self = Window::starting(sequence);
            return Seen::Restart;
        }
        self.expected_stray = Some(sequence.wrapping_add(1));
        Seen::Stray
    }

    /// Extended highest sequence number (RFC 3550, 6.4.1).
    pub fn highest(&self) -> u32 {
        u32::from(self.cycles) << 16 | u32::from(self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_written_is_the_header_read() {
        let header = Header { marker: true, payload_type: 101, sequence: 0xfffe, timestamp: 0xdead_beef, ssrc: 7 };
        let mut bytes = header.bytes().to_vec();
        bytes.push(0xd5);
        assert_eq!(parse(&bytes), Some(Packet { header, payload: &[0xd5] }));
    }

    #[test]
    fn csrc_extension_and_padding_come_off() {
        let mut bytes = vec![0xb1, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
        bytes.extend([9; 4]);
        bytes.extend([0, 0, 0, 1, 8, 8, 8, 8]);
        bytes.extend([0xd5, 0xd6, 0, 2]);
        assert_eq!(parse(&bytes).unwrap().payload, &[0xd5, 0xd6]);
        bytes.truncate(19);
        assert_eq!(parse(&bytes), None);
    }

    #[test]
    fn other_versions_are_nothing() {
        for flags in [0x00, 0x40, 0xc0] {
            assert_eq!(parse(&[flags, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xd5]), None);
        }
    }

    #[test]
    fn the_window_tells_duplicates_reordering_and_restarts_apart() {
        let mut window = Window::starting(65534);
        assert_eq!(window.see(65534), Seen::Duplicate);
        assert_eq!(window.see(1), Seen::Fresh);
        assert_eq!(window.see(65535), Seen::Fresh);
        assert_eq!(window.see(65535), Seen::Duplicate);
        assert_eq!(window.highest(), 0x1_0001);
        assert_eq!(window.see(30000), Seen::Stray);
        assert_eq!(window.see(2), Seen::Fresh);
        assert_eq!(window.see(30001), Seen::Stray);
        assert_eq!(window.see(30002), Seen::Restart);
        assert_eq!(window.see(30003), Seen::Fresh);
    }
}
