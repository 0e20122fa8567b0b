//! One phone: registered or not, wishing to be disturbed or not, and the legs it stands on.
//!
//! ```text
//!   Unregistered <-> Free -> Ringing -> Talking -> Free
//!                    Free -> Dialling -> Talking
//! ```
//! Registration and do-not-disturb are beside that: a phone whose registration lapses in a call goes on talking.

use crate::domain::call::{CallId, Extension, LegId};

use super::config::PhoneConfig;
use super::double_call::{Double, Step};
use super::over::Over;
use super::own_waiting::Own;
use super::transfer::Referred;

/// What one leg of the phone does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// We ring it.
    Ringing,
    /// It calls, and was not answered yet.
    Dialling,
    Talking,
}

/// What the phone as a whole does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeskState {
    Unregistered,
    /// May ring for one call more.
    Free,
    /// Neither idle nor in a call: some of its calls are not answered yet (RULES 2.4).
    Engaged,
    /// In as many calls as it may have: a new one is a double call with the first of them.
    InCall(CallId),
}

#[derive(Debug)]
pub(super) struct Desk {
    pub(super) phone: PhoneConfig,
    pub(super) registered: bool,
    pub(super) do_not_disturb: bool,
    /// Its double call, from the waiting tone on.
    pub(super) double: Option<Double>,
    /// Its own call waiting has two calls (`line.second_call = "phone"`).
    pub(super) own: Option<Own>,
    /// Call 2 that is over, while a person may still say whether it leaves a callback.
    pub(super) over: Option<Over>,
    /// It sent a party on.
    pub(super) referred: Option<Referred>,
    /// It was hung up less than a second ago while a caller waits for it.
    pub(super) resting: bool,
    lines: Vec<(LegId, CallId, Use)>,
}

impl Desk {
    pub(super) fn new(phone: PhoneConfig) -> Desk {
        Desk {
            phone,
            registered: false,
            do_not_disturb: false,
            double: None,
            own: None,
            over: None,
            referred: None,
            resting: false,
            lines: Vec::new(),
        }
    }

    pub(super) fn extension(&self) -> &Extension {
        &self.phone.extension
    }

    /// Without regard to do-not-disturb.
    pub(super) fn state(&self) -> DeskState {
        // a phone that must be got back counts as in a call (RULES 4, Recall)
        if let Some(Double { step: Step::Recall, first, .. }) = &self.double {
            return DeskState::InCall(*first);
        }
        if self.resting {
            return DeskState::Engaged;
        }
        if self.lines.len() < self.phone.calls.max(1) {
            return if self.registered { DeskState::Free } else { DeskState::Unregistered };
        }
        match self.lines.iter().find(|(_, _, what)| *what == Use::Talking) {
            Some((_, call, _)) if self.lines.iter().all(|(_, _, what)| *what == Use::Talking) => DeskState::InCall(*call),
            Some(_) | None => DeskState::Engaged,
        }
    }

    /// What each of its legs does.
    pub(super) fn lines(&self) -> impl Iterator<Item = Use> + '_ {
        self.lines.iter().map(|(_, _, what)| *what)
    }

    /// Its legs, their calls and what each does.
    pub(super) fn legs(&self) -> impl Iterator<Item = (LegId, CallId, Use)> + '_ {
        self.lines.iter().copied()
    }

    /// That leg is in another call from now on.
    pub(super) fn reassign(&mut self, leg: LegId, call: CallId) {
        if let Some(line) = self.lines.iter_mut().find(|(l, _, _)| *l == leg) {
            line.1 = call;
        }
    }

    pub(super) fn put(&mut self, leg: LegId, call: CallId, what: Use) {
        match self.lines.iter_mut().find(|(l, _, _)| *l == leg) {
            Some(line) => line.2 = what,
            None => self.lines.push((leg, call, what)),
        }
    }

    pub(super) fn free(&mut self, leg: LegId) {
        self.lines.retain(|(l, _, _)| *l != leg);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk(calls: usize) -> Desk {
        let mut desk = Desk::new(PhoneConfig { extension: Extension("11".into()), owner: "MEL".into(), calls });
        desk.registered = true;
        desk
    }

    #[test]
    fn a_phone_that_rings_or_dials_is_neither_idle_nor_in_a_call() {
        for what in [Use::Ringing, Use::Dialling] {
            let mut desk = desk(1);
            assert_eq!(desk.state(), DeskState::Free);
            desk.put(LegId(1), CallId(1), what);
            assert_eq!(desk.state(), DeskState::Engaged);
            desk.put(LegId(1), CallId(1), Use::Talking);
            assert_eq!(desk.state(), DeskState::InCall(CallId(1)));
            desk.free(LegId(1));
            assert_eq!(desk.state(), DeskState::Free);
        }
    }

    #[test]
    fn with_calls_2_the_second_call_rings_like_the_first() {
        let mut desk = desk(2);
        desk.put(LegId(1), CallId(1), Use::Talking);
        assert_eq!(desk.state(), DeskState::Free);
        desk.put(LegId(2), CallId(2), Use::Ringing);
        assert_eq!(desk.state(), DeskState::Engaged);
    }

    #[test]
    fn a_lapsed_registration_does_not_end_a_call() {
        let mut desk = desk(1);
        desk.put(LegId(1), CallId(1), Use::Talking);
        desk.registered = false;
        assert_eq!(desk.state(), DeskState::InCall(CallId(1)));
        desk.free(LegId(1));
        assert_eq!(desk.state(), DeskState::Unregistered);
    }
}
