//! Takes down what one peer says after the tone, and tells when it has said it: no more sound for a while, or no more room. The relay's
//! own thread calls it for each packet: its room is set aside at the start. Whose words may be taken down is not decided here.

use std::fmt;
use std::time::Duration;

use super::FRAME;
use super::RATE;
use super::command::Law;
use crate::domain::now::Instant;

/// The longest that is ever taken down.
pub const MAX_LISTEN: Duration = Duration::from_secs(60);
/// Mean square of 20 ms that is speech, in squared sample units: about −42 dBm0, above the noise of a line, below a soft voice.
const SPEECH: i64 = 16_000;
/// Kept after the last speech, in samples (0.5 s).
const TAIL: usize = 4_000;
/// A timestamp further than this from where it is expected (2 s) is a new line, taken up where the last one ended.
const MAX_STRAY: i32 = 16_000;

/// When it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// In any case.
    pub max: Duration,
    /// Without speech, once something was said.
    pub silence: Duration,
    /// Without speech, when nothing was said yet.
    pub patience: Duration,
}

/// What was heard. `Debug` shows how long it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Heard {
    pub law: Law,
    /// G.711, 8000 a second, from the start to half a second after the last speech.
    pub codes: Vec<u8>,
    /// Of it, speech.
    pub speech: Duration,
}

impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} samples, {:?} of speech", self.codes.len(), self.speech)
    }
}

impl Heard {
    /// Nothing at all.
    pub fn nothing() -> Heard {
        Heard { law: Law::A, codes: Vec::new(), speech: Duration::ZERO }
    }
}

pub struct Ear {
    terms: Terms,
    started: Instant,
    law: Option<Law>,
    /// Timestamp of the first sample.
    origin: Option<u32>,
    codes: Vec<u8>,
    /// Samples of speech, and where the last of it ended.
    speech: usize,
    speech_end: usize,
    last_speech: Option<Instant>,
}

impl Ear {
    pub fn new(now: Instant, terms: Terms) -> Ear {
        let terms = Terms { max: terms.max.min(MAX_LISTEN), ..terms };
        let room = usize::try_from(terms.max.as_millis()).unwrap_or(0) * (RATE as usize / 1000);
        let codes = Vec::with_capacity(room);
        Ear { terms, started: now, law: None, origin: None, codes, speech: 0, speech_end: 0, last_speech: None }
    }

    /// A sound packet of the peer, once.
    pub fn hear(&mut self, now: Instant, timestamp: u32, law: Law, payload: &[u8]) {
        let own = *self.law.get_or_insert(law);
        let Some(at) = self.place(timestamp) else { return };
        let room = self.codes.capacity();
        // packets that never came, and pauses that the peer did not send
        while self.codes.len() < at.min(room) {
            self.codes.push(own.encode(0));
        }
        for (n, code) in payload.iter().enumerate() {
            let code = if law == own { *code } else { own.encode(law.decode(*code)) };
            if let Some(place) = self.codes.get_mut(at + n) {
                *place = code;
            } else if self.codes.len() < room {
                self.codes.push(code);
            }
        }
        for (n, part) in payload.chunks(FRAME).enumerate() {
            let power = part.iter().map(|code| i64::from(law.decode(*code)).pow(2)).sum::<i64>() / part.len().max(1) as i64;
            if power > SPEECH {
                self.speech += part.len();
                self.speech_end = self.speech_end.max(at + n * FRAME + part.len());
                self.last_speech = Some(now);
            }
        }
    }

    /// Where a packet's first sample stands; `None` before the start.
    fn place(&mut self, timestamp: u32) -> Option<usize> {
        let next = self.codes.len() as i32;
        let origin = *self.origin.get_or_insert(timestamp);
        let mut at = timestamp.wrapping_sub(origin) as i32;
        if at.wrapping_sub(next).unsigned_abs() > MAX_STRAY.unsigned_abs() {
            self.origin = Some(timestamp.wrapping_sub(next as u32));
            at = next;
        }
        usize::try_from(at).ok()
    }

    pub fn is_over(&self, now: Instant) -> bool {
        let silent = match self.last_speech {
            Some(last) => now.since(last) >= self.terms.silence,
            None => now.since(self.started) >= self.terms.patience,
        };
        silent || now.since(self.started) >= self.terms.max
    }

    pub fn end(mut self) -> Heard {
        self.codes.truncate(self.speech_end + TAIL);
        let speech = Duration::from_millis(self.speech as u64 * 1000 / u64::from(RATE));
        Heard { law: self.law.unwrap_or(Law::A), codes: self.codes, speech }
    }
}

/// Bytes of the head of a WAV file of 16-bit samples.
const WAV_HEAD: usize = 44;

/// A WAV file (16 bits, mono, 8000 Hz) that every browser plays.
pub fn wav(heard: &Heard) -> Vec<u8> {
    let size = u32::try_from(heard.codes.len() * 2).unwrap_or(0);
    let mut wav = Vec::with_capacity(WAV_HEAD + heard.codes.len() * 2);
    wav.extend(b"RIFF");
    wav.extend((size + WAV_HEAD as u32 - 8).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16u32.to_le_bytes());
    // PCM, one channel
    wav.extend([1, 0, 1, 0]);
    wav.extend(RATE.to_le_bytes());
    wav.extend((RATE * 2).to_le_bytes());
    wav.extend([2, 0, 16, 0]);
    wav.extend(b"data");
    wav.extend(size.to_le_bytes());
    wav.extend(heard.codes.iter().flat_map(|code| heard.law.decode(*code).to_le_bytes()));
    wav
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::listen::{power, power_at};
    use crate::media::prompt;

    const TERMS: Terms = Terms { max: Duration::from_secs(10), silence: Duration::from_secs(2), patience: Duration::from_secs(4) };

    fn sine(from: u32, count: u32) -> Vec<u8> {
        let sample = |n: u32| ((f64::from(n) * 500.0 / 8000.0 * std::f64::consts::TAU).sin() * 8_000.0) as i16;
        (from..from + count).map(|n| Law::A.encode(sample(n))).collect()
    }

    fn at(ms: u64) -> Instant {
        Instant(ms * 1_000_000)
    }

    #[test]
    fn a_tone_comes_back_whole_as_a_wav_file_with_its_gaps_in_place() {
        let mut ear = Ear::new(at(0), TERMS);
        // one packet late, one lost, one of 60 ms
        for (ms, from, count) in [(20, 0, 160), (60, 320, 160), (61, 160, 160), (120, 640, 480)] {
            ear.hear(at(ms), 7_000 + from, Law::A, &sine(from, count));
        }
        let heard = ear.end();
        assert_eq!((heard.codes.len(), heard.speech), (1120, Duration::from_millis(120)));
        let samples = prompt::decode(&wav(&heard)).unwrap();
        assert!(power_at(&samples[..480], 500.0) > 0.98 * power(&samples[..480]));
        assert!(power(&samples[480..640]) < 100.0);
        assert!(power_at(&samples[640..], 500.0) > 0.98 * power(&samples[640..]));
    }

    #[test]
    fn it_ends_by_silence_by_patience_and_by_its_length_and_never_grows() {
        let ear = Ear::new(at(0), TERMS);
        assert!(!ear.is_over(at(3_999)) && ear.is_over(at(4_000)));
        let mut ear = Ear::new(at(0), TERMS);
        ear.hear(at(3_000), 0, Law::A, &sine(0, 160));
        assert!(!ear.is_over(at(4_999)) && ear.is_over(at(5_000)));
        let mut ear = Ear::new(at(0), TERMS);
        let room = ear.codes.capacity();
        for n in 0..2_000u32 {
            ear.hear(at(20 * u64::from(n)), 160 * n, Law::A, &sine(0, 160));
        }
        assert!(ear.is_over(at(10_000)) && ear.codes.capacity() == room && ear.codes.len() == 80_000);
    }

    #[test]
    fn a_new_line_of_timestamps_goes_on_where_the_last_one_ended() {
        let mut ear = Ear::new(at(0), TERMS);
        ear.hear(at(20), 4_000_000_000, Law::Mu, &[0x11; 160]);
        ear.hear(at(40), 5, Law::Mu, &[0x11; 160]);
        ear.hear(at(60), 165, Law::A, &sine(0, 160));
        assert_eq!(ear.end().codes.len(), 480);
    }

    #[test]
    fn noise_of_a_line_is_no_speech() {
        let mut ear = Ear::new(at(0), TERMS);
        for n in 0..50u32 {
            let noise: Vec<u8> = (0..160).map(|k| Law::A.encode(if (k ^ n) % 3 == 0 { 90 } else { -60 })).collect();
            ear.hear(at(20 * u64::from(n)), 160 * n, Law::A, &noise);
        }
        assert_eq!(ear.end().speech, Duration::ZERO);
    }
}
