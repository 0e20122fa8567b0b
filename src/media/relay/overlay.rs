//! What is mixed into what a leg hears: a tone that repeats, and what sounds once in its place. Knows no packet and no time.

use crate::media::command::Source;
use crate::media::player::{Played, Player};

#[derive(Default)]
pub(super) struct Overlay {
    repeats: Option<Player>,
    once: Option<Player>,
}

impl Overlay {
    /// What sounds once takes the place of a repeating tone only while it lasts; `None` ends both.
    pub fn set(&mut self, source: Option<Source>) {
        match source {
            Some(source) if source.ends() => self.once = Some(Player::new(source)),
            other => *self = Overlay { repeats: other.map(Player::new), once: None },
        }
    }

    pub fn is_some(&self) -> bool {
        self.repeats.is_some() || self.once.is_some()
    }

    /// Writes the next samples; the cadence below runs on unheard. `false` (nothing written): there is no overlay.
    pub fn fill(&mut self, samples: &mut [i16]) -> bool {
        if !self.is_some() {
            return false;
        }
        if let Some(player) = &mut self.repeats {
            player.fill(samples);
        }
        if self.once.as_mut().is_some_and(|player| player.fill(samples) == Played::Ended) {
            self.once = None;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::tone::Tone;

    fn next(overlay: &mut Overlay) -> [i16; 80] {
        let mut samples = [0; 80];
        overlay.fill(&mut samples);
        samples
    }

    #[test]
    fn what_sounds_once_gives_the_place_back_to_the_tone_that_repeats_in_its_rhythm() {
        let (mut plain, mut broken) = (Overlay::default(), Overlay::default());
        for overlay in [&mut plain, &mut broken] {
            overlay.set(Some(Source::Tone(Tone::busy())));
        }
        broken.set(Some(Source::Tone(Tone::beep())));
        assert_ne!(next(&mut plain), next(&mut broken));
        for _ in 0..25 {
            next(&mut plain);
            next(&mut broken);
        }
        assert!((0..200).all(|_| next(&mut plain) == next(&mut broken)), "the tone goes on");
        broken.set(Some(Source::Tone(Tone::beep())));
        broken.set(None);
        assert!(!broken.is_some() && plain.is_some());
    }

    #[test]
    fn what_sounds_once_over_nothing_leaves_nothing() {
        let mut overlay = Overlay::default();
        overlay.set(Some(Source::Tone(Tone::low_tone())));
        for _ in 0..25 {
            next(&mut overlay);
        }
        assert!(!overlay.is_some());
    }
}
