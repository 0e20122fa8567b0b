//! G.711 (ITU-T): A-law and µ-law, to and from 16-bit samples, and from one law to the other.

use super::command::Law;

/// Sample of each A-law code.
static A_SAMPLES: [i16; 256] = samples(Law::A);
/// Sample of each µ-law code.
static MU_SAMPLES: [i16; 256] = samples(Law::Mu);
static A_TO_MU: [u8; 256] = across(Law::A, Law::Mu);
static MU_TO_A: [u8; 256] = across(Law::Mu, Law::A);

/// Level of a full-scale sine, dBm0 (G.711, table 5).
#[allow(clippy::approx_constant)] // a level, not the number pi
pub const FULL_SCALE_DBM0: f64 = 3.14;

/// Added to a magnitude before its segment is found (µ-law).
const BIAS: u16 = 132;
/// The greatest magnitude of µ-law.
const CLIP: u16 = 32_635;

impl Law {
    /// Static payload type (RFC 3551).
    pub fn payload_type(self) -> u8 {
        match self {
            Law::A => super::rtp::PCMA,
            Law::Mu => super::rtp::PCMU,
        }
    }

    /// The code of silence.
    pub fn silence(self) -> u8 {
        match self {
            Law::A => 0xd5,
            Law::Mu => 0xff,
        }
    }

    pub fn decode(self, code: u8) -> i16 {
        match self {
            Law::A => A_SAMPLES[usize::from(code)],
            Law::Mu => MU_SAMPLES[usize::from(code)],
        }
    }

    pub fn encode(self, sample: i16) -> u8 {
        encode(self, sample)
    }

    /// Copies codes of this law as codes of `to`; as many as both slices hold.
    pub fn convert(self, to: Law, codes: &[u8], into: &mut [u8]) {
        let table = match (self, to) {
            (Law::A, Law::Mu) => &A_TO_MU,
            (Law::Mu, Law::A) => &MU_TO_A,
            (Law::A, Law::A) | (Law::Mu, Law::Mu) => {
                into.iter_mut().zip(codes).for_each(|(to, from)| *to = *from);
                return;
            }
        };
        into.iter_mut().zip(codes).for_each(|(to, from)| *to = table[usize::from(*from)]);
    }
}

const fn encode(law: Law, sample: i16) -> u8 {
    match law {
        Law::A => {
            let (sign, magnitude) = if sample >= 0 { (0x80, sample as u16) } else { (0, !sample as u16) };
            let code = if magnitude < 256 {
                magnitude >> 4
            } else {
                let exponent = magnitude.ilog2() as u16;
                (exponent - 7) << 4 | (magnitude >> (exponent - 4)) & 15
            };
            (code as u8 | sign) ^ 0x55
        }
        Law::Mu => {
            let magnitude = sample.unsigned_abs();
            let magnitude = if magnitude > CLIP { CLIP } else { magnitude } + BIAS;
            let exponent = magnitude.ilog2() as u16;
            let code = (exponent - 7) << 4 | (magnitude >> (exponent - 4)) & 15;
            !(code as u8 | if sample < 0 { 0x80 } else { 0 })
        }
    }
}

const fn decode(law: Law, code: u8) -> i16 {
    match law {
        Law::A => {
            let code = code ^ 0x55;
            let (segment, step) = ((code >> 4) & 7, (code & 15) as i16);
            let magnitude = if segment == 0 { (step << 4) + 8 } else { ((step << 4) + 0x108) << (segment - 1) };
            if code & 0x80 != 0 { magnitude } else { -magnitude }
        }
        Law::Mu => {
            let code = !code;
            let (segment, step) = ((code >> 4) & 7, (code & 15) as i16);
            let magnitude = (((step << 3) + BIAS as i16) << segment) - BIAS as i16;
            if code & 0x80 != 0 { -magnitude } else { magnitude }
        }
    }
}

const fn samples(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = decode(law, code as u8);
        code += 1;
    }
    table
}

const fn across(from: Law, to: Law) -> [u8; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = encode(to, decode(from, code as u8));
        code += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_both_laws_comes_back() {
        for code in 0..=255u8 {
            assert_eq!(Law::A.encode(Law::A.decode(code)), code);
            // µ-law has two zeros; the negative one is read as the positive one
            let expected = if code == 0x7f { 0xff } else { code };
            assert_eq!(Law::Mu.encode(Law::Mu.decode(code)), expected);
        }
    }

    #[test]
    fn known_values() {
        assert_eq!(Law::A.encode(0), Law::A.silence());
        assert_eq!(Law::Mu.encode(0), Law::Mu.silence());
        assert_eq!((Law::A.decode(0xaa), Law::A.decode(0x2a)), (32256, -32256));
        assert_eq!((Law::Mu.decode(0x80), Law::Mu.decode(0x00)), (32124, -32124));
        assert_eq!((Law::A.encode(i16::MAX), Law::A.encode(i16::MIN)), (0xaa, 0x2a));
        assert_eq!((Law::Mu.encode(i16::MAX), Law::Mu.encode(i16::MIN)), (0x80, 0x00));
    }

    #[test]
    fn encoding_keeps_order_and_stays_within_a_step() {
        for law in [Law::A, Law::Mu] {
            let mut before = i16::MIN;
            for sample in i16::MIN..=i16::MAX {
                let read = law.decode(law.encode(sample));
                assert!(read >= before, "{law:?} {sample}");
                before = read;
                let error = (i32::from(read) - i32::from(sample)).abs();
                assert!(error <= (i32::from(sample).abs() / 16).max(16), "{law:?} {sample} {read}");
            }
        }
    }

    #[test]
    fn one_law_to_the_other_keeps_the_sound() {
        let codes: Vec<u8> = (0..=255).collect();
        let (mut there, mut back) = ([0; 256], [0; 256]);
        Law::A.convert(Law::Mu, &codes, &mut there);
        Law::Mu.convert(Law::A, &there, &mut back);
        for (code, back) in codes.iter().zip(back) {
            let (was, is) = (i32::from(Law::A.decode(*code)), i32::from(Law::A.decode(back)));
            assert!((was - is).abs() <= (was.abs() / 12).max(16), "{code:#x}: {was} {is}");
        }
        Law::A.convert(Law::A, &codes, &mut there);
        assert_eq!(there.as_slice(), codes);
    }
}
