//! What an RTP end heard, kept to be listened to: samples on one time line, silence where nothing came. Never a part of the product.

use std::time::{Duration, Instant};

use crate::media::RATE;

/// Ten minutes.
const MAX_SAMPLES: usize = 10 * 60 * RATE as usize;
/// A frame that much later than the one before it left a gap; less is the jitter of a busy machine.
const GAP: usize = RATE as usize / 10;

pub(super) struct Tape {
    start: Instant,
    samples: Vec<i16>,
}

impl Tape {
    pub(super) fn new(start: Instant) -> Tape {
        Tape { start, samples: Vec::new() }
    }

    /// A frame that came in at that time.
    pub(super) fn put(&mut self, at: Instant, frame: &[i16]) {
        let due = samples_in(at.saturating_duration_since(self.start)).min(MAX_SAMPLES);
        if due > self.samples.len() + GAP {
            self.samples.resize(due, 0);
        }
        let room = MAX_SAMPLES - self.samples.len();
        self.samples.extend(frame.iter().take(room));
    }

    pub(super) fn samples(&self) -> &[i16] {
        &self.samples
    }
}

fn samples_in(time: Duration) -> usize {
    usize::try_from(time.as_millis() * u128::from(RATE) / 1000).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_follow_each_other_and_a_gap_is_silence() {
        let start = Instant::now();
        let mut tape = Tape::new(start);
        let at = |ms| start + Duration::from_millis(ms);
        tape.put(at(20), &[1; 160]);
        // jitter: late by less than a gap
        tape.put(at(75), &[2; 160]);
        assert_eq!((tape.samples().len(), tape.samples()[159], tape.samples()[160]), (320, 1, 2));
        tape.put(at(1_000), &[3; 160]);
        assert_eq!((tape.samples().len(), tape.samples()[7_999], tape.samples()[8_000]), (8_160, 0, 3));
        tape.put(at(3_600_000), &[4; 160]);
        assert_eq!(tape.samples().len(), MAX_SAMPLES, "it is bounded");
    }
}
