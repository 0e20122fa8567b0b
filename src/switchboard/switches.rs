//! Codes that turn something on or off: do not disturb (`*92`), open or closed (`*91`). The new state is spoken; no row is written.

use std::time::Duration;

use crate::domain::call::{CallId, Direction, Extension, LegId};
use crate::domain::callback::Fields;
use crate::domain::identity::Caller;
use crate::domain::now::Now;
use crate::domain::outcome::Out;
use crate::domain::text::ScreenText;

use super::call::{Call, Speaking, State};
use super::config::Switch;
use super::effect::{Effect, Refuse, Sound};
use super::keypad::Keypad;
use super::legs::Who;
use super::line::{Line, Phase};
use super::outbound::SPOKEN_SECONDS;
use super::timers::Owner;

impl Line {
    /// Answers the phone, turns the switch and says how it stands now.
    pub(super) fn switched(&mut self, now: Now, leg: LegId, extension: Extension, what: Switch, out: &mut Vec<Effect>) {
        if self.phase == Phase::Stopped || self.legs.desk(&extension).is_none() {
            out.push(Effect::Refuse { leg, why: Refuse::Unavailable });
            return;
        }
        let id = CallId(self.next_call);
        self.next_call += 1;
        self.legs.arrived(leg, id, Who::Phone(extension.clone()));
        self.legs.up(leg);
        let prompt = match what {
            Switch::DoNotDisturb => {
                let on = self.legs.desk(&extension).is_some_and(|desk| !desk.do_not_disturb);
                self.do_not_disturb(now, &extension, on, out);
                if on { "ne-pas-deranger" } else { "ne-pas-deranger-fin" }
            }
            Switch::Open => {
                self.open = !self.open;
                if self.open { "agence-ouverte" } else { "agence-fermee" }
            }
        };
        out.push(Effect::Answer(leg));
        out.push(Effect::Play(leg, Sound::Prompts(vec![prompt])));
        self.timers.set(Owner::Call(id), now.instant + Duration::from_secs(SPOKEN_SECONDS));
        self.put(Call {
            id,
            direction: Direction::Internal,
            party: Caller::Extension(extension.0.clone()),
            name: ScreenText::default(),
            extension: Some(extension),
            arrived: now,
            since: now,
            emergency: false,
            trunk: None,
            connected: None,
            recorded: false,
            keypad: Keypad::default(),
            form: Fields::default(),
            state: State::Speaking(Speaking { caller: leg, why: Refuse::Unavailable, outcome: Out::Cancelled }),
        });
    }
}
