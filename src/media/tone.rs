//! Tones of the French network (FRENCH_TELEPHONY C.3: 440 Hz in several cadences, the special information tone), the
//! beeps of the house, and the keys in the voice band. Only their shape; no clock, no samples kept.

use std::sync::LazyLock;

use super::RATE;
use super::g711::FULL_SCALE_DBM0;

/// A cadence of one or two frequencies: what `Source::Tone` plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tone {
    steps: &'static [Step],
    /// Starts over after its last step; otherwise silence follows.
    repeats: bool,
}

/// One step of a cadence. A frequency of 0 is absent; both absent: a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    hz: [u16; 2],
    ms: u32,
    /// Level of each frequency, tenths of dBm0.
    level: i16,
}

/// Level of the French ringback, tenths of dBm0 (−8 ± 0.5).
const RINGBACK: i16 = -80;
/// Level of all other tones.
const LEVEL: i16 = -100;

const fn on(hz: u16, ms: u32, level: i16) -> Step {
    Step { hz: [hz, 0], ms, level }
}

const fn off(ms: u32) -> Step {
    Step { hz: [0, 0], ms, level: 0 }
}

macro_rules! keys {
    ($($low:literal $high:literal),* $(,)?) => { [$(&[Step { hz: [$low, $high], ms: KEY_MS, level: KEY_LEVEL }]),*] };
}

/// Length of a key in the voice band.
const KEY_MS: u32 = 100;
/// Level of each of a key's two frequencies, tenths of dBm0.
const KEY_LEVEL: i16 = -90;
/// By RFC 4733 event code: 0–9, *, #, A–D (ITU-T Q.23).
static KEYS: [&[Step]; 16] = keys![
    941 1336, 697 1209, 697 1336, 697 1477, 770 1209, 770 1336, 770 1477, 852 1209,
    852 1336, 852 1477, 941 1209, 941 1477, 697 1633, 770 1633, 852 1633, 941 1633,
];

impl Tone {
    const fn cycle(steps: &'static [Step]) -> Tone {
        Tone { steps, repeats: true }
    }

    const fn once(steps: &'static [Step]) -> Tone {
        Tone { steps, repeats: false }
    }

    /// What a caller hears while phones ring: 440 Hz 1.5 s, pause 3.5 s.
    pub const fn ringback() -> Tone {
        Tone::cycle(const { &[on(440, 1500, RINGBACK), off(3500)] })
    }

    /// 440 Hz 0.5/0.5 s.
    pub const fn busy() -> Tone {
        Tone::cycle(const { &[on(440, 500, LEVEL), off(500)] })
    }

    /// 440 Hz 0.25/0.25 s.
    pub const fn congestion() -> Tone {
        Tone::cycle(const { &[on(440, 250, LEVEL), off(250)] })
    }

    /// The waiting tone of a double call, mixed into speech: 440 Hz 0.3 s each 10 s.
    pub const fn waiting() -> Tone {
        Tone::cycle(const { &[on(440, 300, LEVEL), off(9700)] })
    }

    /// Dial tone: 440 Hz without end.
    pub const fn dial() -> Tone {
        Tone::cycle(const { &[on(440, 60_000, LEVEL)] })
    }

    /// "That key does nothing here."
    pub const fn low_tone() -> Tone {
        Tone::once(const { &[on(300, 200, LEVEL)] })
    }

    /// "Speak now", and the reminder of a hold.
    pub const fn beep() -> Tone {
        Tone::once(const { &[on(880, 200, LEVEL)] })
    }

    /// Special information tone: 950, 1400, 1800 Hz of 330 ms each, once.
    pub const fn sit() -> Tone {
        Tone::once(const { &[on(950, 330, LEVEL), on(1400, 330, LEVEL), on(1800, 330, LEVEL)] })
    }

    /// A key in the voice band, by RFC 4733 event code; `None` above 15.
    pub fn key(event: u8) -> Option<Tone> {
        KEYS.get(usize::from(event)).copied().map(Tone::once)
    }

    /// Samples of one turn of the cadence.
    pub fn samples(&self) -> usize {
        self.steps.iter().map(|step| step.samples() as usize).sum()
    }

    /// Whether it falls silent for good after one turn.
    pub fn ends(&self) -> bool {
        !self.repeats
    }
}

impl Step {
    fn samples(self) -> u32 {
        self.ms * (RATE / 1000)
    }
}

/// Samples over which a step swells and fades (4 ms): a click is no tone.
const RAMP: u32 = 32;

/// One turn of a sine in 1024 steps, ±32767.
static SINE: LazyLock<[i16; 1024]> =
    LazyLock::new(|| std::array::from_fn(|n| ((n as f64 / 1024.0 * std::f64::consts::TAU).sin() * 32767.0).round() as i16));

/// A tone being played: phase and place in the cadence.
#[derive(Clone, Debug)]
pub struct Oscillator {
    tone: Tone,
    step: usize,
    /// Samples of the step already played.
    at: u32,
    phase: [u32; 2],
    pace: [u32; 2],
    /// Peak of each frequency.
    amplitude: i32,
}

impl Oscillator {
    pub fn new(tone: Tone) -> Oscillator {
        let mut new = Oscillator { tone, step: 0, at: 0, phase: [0; 2], pace: [0; 2], amplitude: 0 };
        new.enter();
        new
    }

    /// Sets pace and level of the current step; the phase runs on.
    fn enter(&mut self) {
        let Some(step) = self.tone.steps.get(self.step) else { return };
        self.pace = step.hz.map(|hz| ((u64::from(hz) << 32) / u64::from(RATE)) as u32);
        self.amplitude = (32767.0 * 10f64.powf((f64::from(step.level) / 10.0 - FULL_SCALE_DBM0) / 20.0)) as i32;
    }

    /// Writes the next samples; `false` once nothing but silence will follow.
    pub fn fill(&mut self, samples: &mut [i16]) -> bool {
        let mut rest = samples;
        while !rest.is_empty() {
            let Some(step) = self.tone.steps.get(self.step).copied() else {
                rest.fill(0);
                return false;
            };
            let count = rest.len().min((step.samples() - self.at) as usize);
            let (now, later) = rest.split_at_mut(count);
            if step.hz == [0, 0] {
                now.fill(0)
            } else {
                self.sound(step.samples(), now)
            }
            self.at += count as u32;
            if self.at >= step.samples() {
                self.at = 0;
                self.step += 1;
                if self.step == self.tone.steps.len() && self.tone.repeats {
                    self.step = 0;
                }
                self.enter();
            }
            rest = later;
        }
        self.step < self.tone.steps.len()
    }

    fn sound(&mut self, length: u32, samples: &mut [i16]) {
        let sine = &*SINE;
        for (place, sample) in (self.at..).zip(samples.iter_mut()) {
            let gain = RAMP.min(place + 1).min(length.saturating_sub(place)) as i32;
            let mut sum = 0;
            for (phase, pace) in self.phase.iter_mut().zip(self.pace) {
                sum += if pace == 0 { 0 } else { i32::from(sine[(*phase >> 22) as usize]) };
                *phase = phase.wrapping_add(pace);
            }
            let loud = (i64::from(sum) * i64::from(self.amplitude) * i64::from(gain) / i64::from(RAMP)) >> 15;
            *sample = loud.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::listen::{bursts, dbm0, power_at};

    fn play(tone: Tone, seconds: usize) -> Vec<i16> {
        let mut samples = vec![0; seconds * RATE as usize];
        let mut oscillator = Oscillator::new(tone);
        samples.chunks_mut(160).for_each(|frame| {
            oscillator.fill(frame);
        });
        samples
    }

    /// The strongest frequency, to 1 Hz.
    fn pitch(samples: &[i16]) -> u32 {
        (200..2000).max_by(|a, b| power_at(samples, f64::from(*a)).total_cmp(&power_at(samples, f64::from(*b)))).unwrap()
    }

    #[test]
    fn french_cadences_pitches_and_levels() {
        for (tone, on_ms, off_ms, level) in [
            (Tone::ringback(), 1500.0, 3500.0, -8.0),
            (Tone::busy(), 500.0, 500.0, -10.0),
            (Tone::congestion(), 250.0, 250.0, -10.0),
            (Tone::waiting(), 300.0, 9700.0, -10.0),
        ] {
            let samples = play(tone, 21);
            let heard = bursts(&samples, 440.0);
            assert!(heard.len() >= 2, "{heard:?}");
            let (start, end) = heard[0];
            let lasts = (end - start) as f64 / 8.0;
            let pause = (heard[1].0 - end) as f64 / 8.0;
            assert!((lasts - on_ms).abs() <= on_ms / 10.0, "on {lasts}");
            assert!((pause - off_ms).abs() <= off_ms / 10.0, "off {pause}");
            let sound = &samples[start + 80..start + 1680];
            assert!((f64::from(pitch(sound)) - 440.0).abs() <= 2.0);
            assert!((dbm0(sound) - level).abs() <= 0.5, "{}", dbm0(sound));
        }
    }

    #[test]
    fn special_information_tone_is_three_pitches_of_330_ms_then_nothing() {
        let samples = play(Tone::sit(), 2);
        for (n, hz) in [950.0, 1400.0, 1800.0].into_iter().enumerate() {
            let sound = &samples[n * 2640 + 100..n * 2640 + 2500];
            assert!((f64::from(pitch(sound)) - hz).abs() <= 2.0);
        }
        assert!(samples[3 * 2640..].iter().all(|s| *s == 0));
        assert!(Tone::sit().ends() && !Tone::busy().ends());
        assert_eq!(Tone::sit().samples(), 7920);
    }

    #[test]
    fn no_sample_jumps_where_the_cadence_turns() {
        let samples = play(Tone::congestion(), 2);
        let steepest = samples.windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs()).max().unwrap();
        assert!(steepest < 3000, "{steepest}");
    }

    #[test]
    fn keys_have_both_their_frequencies() {
        let mut samples = [0; 800];
        assert!(!Oscillator::new(Tone::key(5).unwrap()).fill(&mut samples) || samples.len() == 800);
        assert!(power_at(&samples, 770.0) > 20.0 * power_at(&samples, 697.0));
        assert!(power_at(&samples, 1336.0) > 20.0 * power_at(&samples, 1209.0));
        assert_eq!(Tone::key(16), None);
    }
}
