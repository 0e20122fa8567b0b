//! Keys in the voice band (ITU-T Q.24), for a leg that did not negotiate telephone-event, and for no other: a voice must
//! not press keys. Looks at whole 20 ms, wants two alike in a row that are one steady pair of tones together, then a pause: a key of
//! 50 ms is read wherever it starts.

use super::command::Law;
use super::telephone_event::ascii;
use super::{FRAME, RATE};

const LOWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGHS: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
/// RFC 4733 event of each low × high pair.
const EVENTS: [[u8; 4]; 4] = [[1, 2, 3, 12], [4, 5, 6, 13], [7, 8, 9, 14], [10, 0, 11, 15]];
/// Least mean square of a key: about −30 dBm0.
const QUIET: f32 = 250_000.0;
/// Least share of the sound that the two frequencies make up.
const PURE: f32 = 0.75;
/// The same over two looks, where a voice that glides falls apart; a key that fills seven eighths of them does not.
const STEADY: f32 = 0.83;
/// The next best of each group is weaker by this factor at least.
const APART: f32 = 4.0;
/// One of the two may be stronger by this factor (8 dB).
const TWIST: f32 = 6.3;

/// Place in `LOWS` and in `HIGHS`.
type Pair = (usize, usize);

/// No Debug: it would show keys.
#[derive(Clone)]
pub struct InbandReader {
    /// The last look and the one being filled.
    samples: [i16; 2 * FRAME],
    filled: usize,
    last: Option<Pair>,
    /// The key was reported; it must be released first.
    told: bool,
}

impl Default for InbandReader {
    fn default() -> InbandReader {
        InbandReader { samples: [0; 2 * FRAME], filled: FRAME, last: None, told: false }
    }
}

impl InbandReader {
    /// Takes a payload; gives the ASCII key that it completes.
    pub fn handle(&mut self, law: Law, codes: &[u8]) -> Option<u8> {
        let mut key = None;
        for code in codes {
            if let Some(sample) = self.samples.get_mut(self.filled) {
                *sample = law.decode(*code);
            }
            self.filled += 1;
            if self.filled >= 2 * FRAME {
                self.filled = FRAME;
                key = key.or(self.look());
                self.samples.copy_within(FRAME.., 0);
            }
        }
        key
    }

    /// The key that was told goes on.
    pub fn sounds(&self) -> bool {
        self.told
    }

    fn look(&mut self) -> Option<u8> {
        let found = self.samples.get(FRAME..).and_then(detect);
        let same = found.filter(|pair| Some(*pair) == self.last);
        self.told &= same.is_some();
        self.last = found;
        let (low, high) = same.filter(|pair| !self.told && is_steady(&self.samples, *pair))?;
        self.told = true;
        ascii(*EVENTS.get(low)?.get(high)?)
    }
}

fn mean_square(samples: &[i16]) -> f32 {
    samples.iter().map(|s| f32::from(*s) * f32::from(*s)).sum::<f32>() / samples.len().max(1) as f32
}

fn is_steady(samples: &[i16], (low, high): Pair) -> bool {
    let pair = LOWS.get(low).zip(HIGHS.get(high));
    pair.is_some_and(|(low, high)| goertzel(samples, *low) + goertzel(samples, *high) > STEADY * mean_square(samples))
}

fn detect(samples: &[i16]) -> Option<Pair> {
    let total = mean_square(samples);
    if total < QUIET {
        return None;
    }
    let (low, low_power) = strongest(samples, &LOWS)?;
    let (high, high_power) = strongest(samples, &HIGHS)?;
    let even = low_power < high_power * TWIST && high_power < low_power * TWIST;
    (even && low_power + high_power > PURE * total).then_some((low, high))
}

/// The strongest of four, when it stands well above the other three.
fn strongest(samples: &[i16], group: &[f32; 4]) -> Option<(usize, f32)> {
    let powers = group.map(|hz| goertzel(samples, hz));
    let (best, power) = powers.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    powers.iter().enumerate().all(|(n, other)| n == best || other * APART < power).then_some((best, power))
}

fn goertzel(samples: &[i16], hz: f32) -> f32 {
    let turn = 2.0 * (std::f32::consts::TAU * hz / RATE as f32).cos();
    let (s1, s2) = samples.iter().fold((0.0, 0.0), |(s1, s2), sample| (f32::from(*sample) + turn * s1 - s2, s1));
    (s1 * s1 + s2 * s2 - turn * s1 * s2) * 2.0 / (samples.len() * samples.len()).max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::tone::{Oscillator, Tone};

    fn codes(event: u8, shift: usize) -> Vec<u8> {
        let mut samples = vec![0; 1600];
        Oscillator::new(Tone::key(event).unwrap()).fill(&mut samples[shift..]);
        samples.iter().map(|s| Law::A.encode(*s)).collect()
    }

    #[test]
    fn each_key_is_read_once_wherever_the_packets_cut_it() {
        for event in 0..16 {
            for shift in [0, 37, 101] {
                let mut reader = InbandReader::default();
                let keys: Vec<u8> = codes(event, shift).chunks(160).filter_map(|c| reader.handle(Law::A, c)).collect();
                assert_eq!(keys, vec![ascii(event).unwrap()], "shift {shift}");
            }
        }
    }

    #[test]
    fn single_tones_and_noise_press_no_key() {
        let mut reader = InbandReader::default();
        let mut samples = [0; 8000];
        Oscillator::new(Tone::busy()).fill(&mut samples);
        let mut seed = 1u32;
        let noise = (0..8000).map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 17) as i16 - 16_384
        });
        let sound: Vec<u8> = samples.into_iter().chain(noise).map(|s| Law::Mu.encode(s)).collect();
        assert!(sound.chunks(160).all(|c| reader.handle(Law::Mu, c).is_none()));
    }
}
