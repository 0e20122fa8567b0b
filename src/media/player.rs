//! A source being played: the next samples of a tone, a loop or a list of prompts. Allocates nothing while it plays.

use std::sync::Arc;

use super::command::Source;
use super::tone::Oscillator;

#[derive(Clone, Debug)]
pub struct Player(State);

#[derive(Clone, Debug)]
enum State {
    Silence,
    Tone(Oscillator),
    Loop(Arc<[i16]>, usize),
    Once { parts: Vec<Arc<[i16]>>, part: usize, at: usize },
}

/// What was just written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Played {
    More,
    /// The last samples of a `Once` or of a tone that ends; silence from now on.
    Ended,
}

impl Player {
    pub fn new(source: Source) -> Player {
        Player(match source {
            Source::Silence => State::Silence,
            Source::Tone(tone) => State::Tone(Oscillator::new(tone)),
            Source::Loop(samples) if samples.is_empty() => State::Silence,
            Source::Loop(samples) => State::Loop(samples, 0),
            Source::Once(parts) => State::Once { parts, part: 0, at: 0 },
        })
    }

    pub fn is_silence(&self) -> bool {
        matches!(self.0, State::Silence)
    }

    /// Writes the next samples; `Ended` once, with the last of them.
    pub fn fill(&mut self, samples: &mut [i16]) -> Played {
        let more = match &mut self.0 {
            State::Silence => {
                samples.fill(0);
                return Played::More;
            }
            State::Tone(oscillator) => oscillator.fill(samples),
            State::Loop(music, at) => {
                for sample in samples {
                    *sample = music.get(*at).copied().unwrap_or(0);
                    *at = if *at + 1 < music.len() { *at + 1 } else { 0 };
                }
                true
            }
            State::Once { parts, part, at } => once(parts, part, at, samples),
        };
        if more {
            return Played::More;
        }
        self.0 = State::Silence;
        Played::Ended
    }
}

/// Parts in order; `false` when the last sample of the last part was written.
fn once(parts: &[Arc<[i16]>], part: &mut usize, at: &mut usize, samples: &mut [i16]) -> bool {
    let mut rest = samples;
    while let Some(samples) = parts.get(*part) {
        let left = samples.get(*at..).unwrap_or(&[]);
        let count = left.len().min(rest.len());
        let (now, later) = rest.split_at_mut(count);
        now.copy_from_slice(&left[..count]);
        *at += count;
        rest = later;
        if *at < samples.len() {
            return true;
        }
        (*part, *at) = (*part + 1, 0);
    }
    rest.fill(0);
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::tone::Tone;

    #[test]
    fn parts_follow_one_another_without_a_gap_and_the_end_is_told_once() {
        let mut player = Player::new(Source::Once(vec![Arc::from([1i16, 2, 3]), Arc::from([]), Arc::from([4i16, 5])]));
        let mut samples = [9; 4];
        assert_eq!((player.fill(&mut samples), samples), (Played::More, [1, 2, 3, 4]));
        assert_eq!((player.fill(&mut samples), samples), (Played::Ended, [5, 0, 0, 0]));
        assert_eq!((player.fill(&mut samples), samples), (Played::More, [0; 4]));
        assert_eq!(Player::new(Source::Once(vec![])).fill(&mut samples), Played::Ended);
    }

    #[test]
    fn a_loop_has_no_seam() {
        let mut player = Player::new(Source::Loop(Arc::from([1i16, 2, 3])));
        let mut samples = [0; 7];
        assert_eq!((player.fill(&mut samples), samples), (Played::More, [1, 2, 3, 1, 2, 3, 1]));
        assert!(Player::new(Source::Loop(Arc::from([]))).is_silence());
    }

    #[test]
    fn a_beep_ends_and_a_cadence_does_not() {
        let mut samples = [0; 1600];
        assert_eq!(Player::new(Source::Tone(Tone::beep())).fill(&mut samples), Played::Ended);
        assert_eq!(Player::new(Source::Tone(Tone::busy())).fill(&mut samples), Played::More);
    }
}
