//! The keys of a phone in a call (RULES 7, "In a call, 61"): ours until the keypad code is dialled, the far end's from then on.
//!
//! ```text
//!   Ours -(first digit of the code)-> Code -(the rest, each within 3 s)-> Open: every key goes to the far end
//!                                       '-(another key)-> Ours; that key belonged to the code only
//! ```
//! No key is ever kept beyond what the code needs, written or shown.

use std::time::Duration;

use crate::domain::call::{CallId, Direction, LegId};
use crate::domain::key::Key;
use crate::domain::now::{Instant, Now};

use super::booth::Event;
use super::call::{Call, State};
use super::effect::{Effect, Sound};
use super::legs::Who;
use super::line::Line;
use super::timers::Owner;

/// After a digit of the code the next key belongs to it for that long.
const WINDOW: Duration = Duration::from_secs(3);
/// Keys sent by the page at once.
pub const MAX_SENT: usize = 32;

/// What the keypad is set to (`[keypad]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeypadRules {
    /// The digits that open it ("61").
    pub code: String,
    /// `false`: keys go to the far end always and are never commands.
    pub required: bool,
    /// Without a key for that long it closes, on an incoming call.
    pub idle: Duration,
}

/// The keypad of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Keypad {
    pub(super) open: bool,
    /// Digits of the code pressed so far, and when the last was.
    typed: usize,
    at: Option<Instant>,
    /// The code that an upstream PBX wants was sent.
    introduced: bool,
}

/// What a key means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Press {
    /// A digit of the code: nothing happens yet.
    Code,
    /// It was no digit of the code, but nothing else either.
    Astray,
    Opens,
    FarEnd,
    Ours,
}

impl Keypad {
    fn press(&mut self, now: Instant, key: Key, rules: &KeypadRules) -> Press {
        if self.open {
            return Press::FarEnd;
        }
        let code = rules.code.as_bytes();
        let in_code = self.typed > 0 && self.at.is_some_and(|at| now.since(at) <= WINDOW);
        if !in_code {
            self.typed = 0;
        }
        if code.get(self.typed) != Some(&key.sign()) {
            self.typed = 0;
            return if in_code { Press::Astray } else { Press::Ours };
        }
        self.typed += 1;
        self.at = Some(now);
        if self.typed < code.len() {
            return Press::Code;
        }
        *self = Keypad { open: true, introduced: self.introduced, ..Keypad::default() };
        Press::Opens
    }
}

impl Line {
    /// The other side of a leg pressed a key. Only a phone's keys mean anything in a call, and a caller's to the attendant.
    pub(super) fn key(&mut self, now: Now, leg: LegId, key: Key, out: &mut Vec<Effect>) {
        if self.attendant_key(now, leg, key, out) || self.booth_event(now, leg, Event::Key(key), out) {
            return;
        }
        let Some((id, who)) = self.legs.get(leg).map(|l| (l.call, l.who.clone())) else { return };
        let Who::Phone(extension) = who else { return };
        let press = match self.calls.get_mut(&id).map(|call| (&call.state, &mut call.keypad)) {
            // keys that go to the far end are none of ours before it is there
            Some((State::Calling(_), _)) if !self.config.keypad.required => return,
            Some((State::Talking(_) | State::Calling(_), keypad)) => keypad.press(now.instant, key, &self.config.keypad),
            Some(_) | None => return,
        };
        match press {
            Press::Code => {}
            Press::Astray => out.push(Effect::Overlay(leg, Some(Sound::LowTone))),
            Press::Opens => self.keypad_opened(now, id, out),
            Press::FarEnd => self.key_passes(now, id, leg, key, out),
            Press::Ours if self.command_key(now, &extension, id, key, out) => {}
            Press::Ours => out.push(Effect::Overlay(leg, Some(Sound::LowTone))),
        }
    }

    /// The page opens or closes it. `false`: not in a state for it.
    pub(super) fn set_keypad(&mut self, now: Now, id: CallId, open: bool, out: &mut Vec<Effect>) -> bool {
        let Some(call) = self.calls.get_mut(&id).filter(|call| matches!(call.state, State::Talking(_))) else { return false };
        call.keypad.open = open || !self.config.keypad.required;
        self.keypad_opened(now, id, out);
        true
    }

    /// The page sends keys to the far end. `false`: nobody is there.
    pub(super) fn send_keys(&mut self, now: Now, id: CallId, keys: &[Key], out: &mut Vec<Effect>) -> bool {
        let Some((_, far)) = self.calls.get(&id).and_then(phone_and_far) else { return false };
        let mut sent = self.introduction(id, far);
        sent.extend_from_slice(keys);
        out.push(Effect::Keys(far, sent));
        self.keypad_follows(id, out);
        self.keypad_used(now, id);
        true
    }

    fn keypad_opened(&mut self, now: Now, id: CallId, out: &mut Vec<Effect>) {
        self.keypad_follows(id, out);
        self.keypad_used(now, id);
        self.touch();
    }

    /// Keys are passed on exactly while the keypad of the call that the phone is in is open.
    pub(super) fn keypad_follows(&mut self, id: CallId, out: &mut Vec<Effect>) {
        let waits = self.calls.get(&id).and_then(phone_and_far).is_some_and(|(_, far)| self.wants_code(id, far).is_some());
        let Some(call) = self.calls.get_mut(&id) else { return };
        // with a code for the upstream PBX still to send, the first key is not passed but follows it
        let pass = call.keypad.open && !waits;
        let State::Talking(talk) = &mut call.state else { return };
        let far = [talk.callee.leg, talk.caller.leg];
        for (party, far) in [&mut talk.caller, &mut talk.callee].into_iter().zip(far) {
            let to = pass.then_some(far);
            if party.phone.is_some() && party.passes_keys != to {
                party.passes_keys = to;
                out.push(Effect::PassKeys { leg: party.leg, to });
            }
        }
    }

    fn key_passes(&mut self, now: Now, id: CallId, leg: LegId, key: Key, out: &mut Vec<Effect>) {
        let far = self.calls.get(&id).and_then(|call| match &call.state {
            State::Talking(talk) => Some(talk.seen_from(leg).1.leg),
            _ => None,
        });
        let Some(far) = far else { return };
        if self.wants_code(id, far).is_some() {
            let mut keys = self.introduction(id, far);
            keys.push(key);
            out.push(Effect::Keys(far, keys));
            self.keypad_follows(id, out);
        }
        self.keypad_used(now, id);
    }

    /// It closes by itself after a while, on an incoming call.
    pub(super) fn keypad_used(&mut self, now: Now, id: CallId) {
        let Some(call) = self.calls.get(&id) else { return };
        if call.keypad.open && self.config.keypad.required && call.direction == Direction::Incoming {
            self.timers.set(Owner::Keypad(id), now.instant + self.config.keypad.idle);
        } else {
            self.timers.cancel(Owner::Keypad(id));
        }
    }

    pub(super) fn keypad_time_is_over(&mut self, id: CallId, out: &mut Vec<Effect>) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.keypad.open = false;
            self.keypad_follows(id, out);
            self.touch();
        }
    }

    /// The code that the PBX behind that leg wants before the first key of a call, if it was not sent yet.
    fn wants_code(&self, id: CallId, far: LegId) -> Option<&str> {
        let Some(Who::Trunk(trunk)) = self.legs.get(far).map(|l| &l.who) else { return None };
        let code = self.config.trunks.get(*trunk)?.keypad_code.as_str();
        let sent = self.calls.get(&id).is_some_and(|call| call.keypad.introduced);
        (!code.is_empty() && !sent).then_some(code)
    }

    fn introduction(&mut self, id: CallId, far: LegId) -> Vec<Key> {
        let code = self.wants_code(id, far).map(|code| code.bytes().filter_map(Key::new).collect()).unwrap_or_default();
        if let Some(call) = self.calls.get_mut(&id) {
            call.keypad.introduced = true;
        }
        code
    }
}

/// The phone's leg and the other one of a call that talks.
fn phone_and_far(call: &Call) -> Option<(LegId, LegId)> {
    let State::Talking(talk) = &call.state else { return None };
    let own = if talk.callee.phone.is_some() { &talk.callee } else { &talk.caller };
    own.phone.is_some().then(|| (own.leg, talk.seen_from(own.leg).1.leg))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> KeypadRules {
        KeypadRules { code: "61".to_owned(), required: true, idle: Duration::from_secs(60) }
    }

    fn press(keypad: &mut Keypad, at: u64, sign: u8) -> Press {
        keypad.press(Instant(at * 1_000_000_000), Key::new(sign).unwrap(), &rules())
    }

    #[test]
    fn the_key_after_a_6_belongs_to_the_code_only_for_3_seconds() {
        let mut keypad = Keypad::default();
        assert!(press(&mut keypad, 0, b'6') == Press::Code);
        assert!(press(&mut keypad, 3, b'2') == Press::Astray);
        assert!(press(&mut keypad, 3, b'2') == Press::Ours);
        assert!(press(&mut keypad, 4, b'6') == Press::Code);
        assert!(press(&mut keypad, 8, b'1') == Press::Ours);
        assert!(press(&mut keypad, 9, b'6') == Press::Code);
        assert!(press(&mut keypad, 12, b'1') == Press::Opens);
        assert!(press(&mut keypad, 99, b'1') == Press::FarEnd && keypad.open);
    }
}
