//! Codes that a phone dials for itself: do not disturb (`*92`), open or closed (`*91`), whose new state is spoken; the audio test (`*97`) and
//! announcements (`*98N`), whose talk is `booth`'s. No row is written.

use std::time::Duration;

use crate::domain::call::{CallId, Direction, Extension, LegId};
use crate::domain::callback::Fields;
use crate::domain::identity::Caller;
use crate::domain::now::Now;
use crate::domain::outcome::Out;
use crate::domain::text::ScreenText;

use super::booth::{Act, Booth, Event, Purpose};
use super::call::{Call, End, Speaking, State};
use super::config::Switch;
use super::effect::{Effect, Refuse, Sound, Terms};
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
        out.push(Effect::Answer(leg));
        let mut acts = Vec::new();
        let booth = self.turned(now, &extension, what, (leg, &mut acts), out);
        let deadline = booth.as_ref().map_or(now.instant + Duration::from_secs(SPOKEN_SECONDS), Booth::deadline);
        self.timers.set(Owner::Call(id), deadline);
        booth_acts(leg, acts, out);
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
            guide: String::new(),
            recorded: false,
            keypad: Keypad::default(),
            form: Fields::default(),
            state: State::Speaking(Speaking { caller: leg, booth, why: Refuse::Unavailable, outcome: Out::Cancelled }),
        });
    }

    /// Turns the switch and says so, or begins the talk that the code is for.
    fn turned(
        &mut self,
        now: Now,
        extension: &Extension,
        what: Switch,
        (leg, acts): (LegId, &mut Vec<Act>),
        out: &mut Vec<Effect>,
    ) -> Option<Booth> {
        let prompt = match what {
            Switch::AudioTest => return Some(Booth::new(now.instant, Purpose::Test, acts)),
            Switch::Announcement(name) => return Some(Booth::new(now.instant, Purpose::Announcement(name), acts)),
            Switch::DoNotDisturb => {
                let on = self.legs.desk(extension).is_some_and(|desk| !desk.do_not_disturb);
                self.do_not_disturb(now, extension, on, out);
                if on { "ne-pas-deranger" } else { "ne-pas-deranger-fin" }
            }
            Switch::Open => {
                self.open = !self.open;
                if self.open { "agence-ouverte" } else { "agence-fermee" }
            }
        };
        out.push(Effect::Play(leg, Sound::Prompts(vec![prompt])));
        None
    }

    /// `false`: this leg, which may be gone by now, is in no such talk.
    pub(super) fn booth_event(&mut self, now: Now, leg: LegId, event: Event, out: &mut Vec<Effect>) -> bool {
        let of = |call: &&Call| matches!(&call.state, State::Speaking(Speaking { booth: Some(_), caller, .. }) if *caller == leg);
        let id = self.calls.values().find(of).map(|call| call.id);
        let Some(call) = id.and_then(|id| self.take(id)) else { return false };
        self.booth_hears(now, call, event, out);
        true
    }

    pub(super) fn booth_hears(&mut self, now: Now, mut call: Call, event: Event, out: &mut Vec<Effect>) {
        let State::Speaking(Speaking { caller, booth: Some(booth), why, outcome }) = &mut call.state else {
            self.put(call);
            return;
        };
        let mut acts = Vec::new();
        booth.handle(now.instant, event, &mut acts);
        let (deadline, end) = (booth.deadline(), End::out(*outcome, *why));
        if booth_acts(*caller, acts, out) {
            self.finish(now, call, end, out);
        } else {
            self.timers.set(Owner::Call(call.id), deadline);
            self.put(call);
        }
    }
}

/// Without sound for that long an announcement is over; the same before anything was said.
const SILENCE: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(5);

/// `true`: it is over.
fn booth_acts(leg: LegId, acts: Vec<Act>, out: &mut Vec<Effect>) -> bool {
    let mut over = false;
    for act in acts {
        match act {
            Act::Say(words) => out.push(Effect::Play(leg, Sound::Prompts(words))),
            Act::SayBack(before, clip, after) => out.push(Effect::Play(leg, Sound::SaidBack { before, clip, after })),
            Act::Listen(max) => out.push(Effect::Listen(leg, Terms { max, silence: SILENCE, patience: PATIENCE })),
            Act::StopListening => out.push(Effect::StopListening(leg)),
            Act::LowTone => out.push(Effect::Overlay(leg, Some(Sound::LowTone))),
            Act::Keep(name, wav) => out.push(Effect::KeepPrompt { leg, name, wav }),
            Act::End => over = true,
        }
    }
    over
}
