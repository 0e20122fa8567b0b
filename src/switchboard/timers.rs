//! The one timer table of the line: at most one deadline an owner, found by deadline, replaced and cancelled by owner.
//!
//! A generation distinguishes two timers of one deadline, so that they fire in the order they were set.

use std::collections::{BTreeMap, HashMap};

use crate::domain::call::{CallId, LegId};
use crate::domain::now::Instant;

/// Whose deadline it is. What it means is a matter of the state its owner is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    /// The call's own: ringing, dialling, speaking or silence is over.
    Call(CallId),
    /// A called leg gave no sign of life.
    Leg(LegId),
    /// A caller is offered to phones in a call from then on, or until then.
    Offer(CallId),
    /// A held caller: the agent is reminded.
    Hold(CallId),
    /// An open keypad closes.
    Keypad(CallId),
    /// A phone, by its place in the configuration, may ring again.
    Rest(usize),
    /// The hour after an emergency call is over.
    Emergency,
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeMap<(Instant, u64), Owner>,
    set: HashMap<Owner, (Instant, u64)>,
    generation: u64,
}

impl Timers {
    /// Replaces the owner's deadline.
    pub(super) fn set(&mut self, owner: Owner, at: Instant) {
        self.cancel(owner);
        self.generation += 1;
        let key = (at, self.generation);
        self.due.insert(key, owner);
        self.set.insert(owner, key);
    }

    pub(super) fn cancel(&mut self, owner: Owner) {
        if let Some(key) = self.set.remove(&owner) {
            self.due.remove(&key);
        }
    }

    /// The next deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// Takes one owner whose deadline has come.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Owner> {
        let (key, owner) = self.due.first_key_value().map(|(k, o)| (*k, *o))?;
        if key.0 > now {
            return None;
        }
        self.due.remove(&key);
        self.set.remove(&owner);
        Some(owner)
    }

    pub(super) fn len(&self) -> usize {
        self.due.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_anew_replaces_and_cancelling_leaves_nothing() {
        let mut timers = Timers::default();
        let (a, b) = (Owner::Call(CallId(1)), Owner::Leg(LegId(1)));
        timers.set(a, Instant(5));
        timers.set(a, Instant(9));
        timers.set(b, Instant(9));
        assert_eq!(timers.next(), Some(Instant(9)));
        assert_eq!(timers.pop(Instant(8)), None);
        assert_eq!(timers.pop(Instant(9)), Some(a));
        timers.cancel(b);
        assert_eq!((timers.pop(Instant(9)), timers.next(), timers.len()), (None, None, 0));
    }
}
