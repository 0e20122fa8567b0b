//! Keys pressed in a call (RULES 4, 7): commands of the phone that is in it, or nothing.

use crate::domain::call::LegId;
use crate::domain::key::Key;
use crate::domain::now::Now;

use super::effect::{Effect, Sound};
use super::legs::{LegState, Who};
use super::line::Line;

impl Line {
    pub(super) fn key(&mut self, now: Now, leg: LegId, key: Key, out: &mut Vec<Effect>) {
        if self.attendant_key(now, leg, key, out) {
            return;
        }
        let phone = self.legs.get(leg).is_some_and(|l| l.state == LegState::Up && matches!(l.who, Who::Phone(_)));
        if phone {
            out.push(Effect::Overlay(leg, Some(Sound::LowTone)));
        }
    }
}
