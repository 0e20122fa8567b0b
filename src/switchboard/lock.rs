//! An entry of the ledger that is being called: locked for everyone but its caller while that call lasts (RULES 6).
//!
//! ```text
//!   Open -(call)-> Calling -(a fact closes it, a person says how it went)-> as they say
//!                     '-(the call ends otherwise)-> Open, claimed as it was before
//! ```

use crate::domain::call::{CallId, Direction};
use crate::domain::callback::{Callback, CallbackId, CallbackState};

use super::call::Call;
use super::effect::Effect;
use super::input::Seq;
use super::line::Line;

/// What a call gives back when it ends.
#[derive(Debug)]
pub(super) struct Lock {
    entry: CallbackId,
    claimed_before: Option<String>,
}

/// How an entry stands when the call that was made for it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unlocked {
    /// No entry was locked by that call.
    Nothing,
    /// Open again, and not written yet: its id and its written version.
    Open(CallbackId, u64),
    /// Somebody, or another call, said how it went while it lasted: the end of the call says nothing more.
    Settled,
}

impl Line {
    /// The call is made for that entry; the number of the record that says so.
    pub(super) fn lock(&mut self, call: CallId, mut entry: Callback, person: &str, guide: &str, out: &mut Vec<Effect>) -> Seq {
        let claimed_before = entry.claimed_by.replace(person.to_owned());
        self.ledger.locks.insert(call, Lock { entry: entry.id, claimed_before });
        entry.state = CallbackState::Calling;
        entry.call = Some(call);
        if !guide.is_empty() {
            guide.clone_into(&mut entry.guide);
        }
        self.keep(entry, out)
    }

    /// A person said how a callback went: a call to that number that a phone dialled by itself and that still runs says nothing more at its end.
    pub(super) fn spoken_for(&mut self, entry: &Callback) {
        let to_it = |call: &&Call| call.direction == Direction::Outgoing && call.party == entry.party;
        let running: Vec<CallId> = self.calls.values().filter(to_it).map(|call| call.id).collect();
        for call in running {
            self.ledger.locks.entry(call).or_insert(Lock { entry: entry.id, claimed_before: None });
        }
    }

    /// The call is over. The entry may have been merged with another one of its number meanwhile.
    pub(super) fn unlock(&mut self, call: &Call) -> Unlocked {
        let Some(lock) = self.ledger.locks.remove(&call.id) else { return Unlocked::Nothing };
        let is_it = |c: &&mut Callback| c.state == CallbackState::Calling && (c.id == lock.entry || c.party == call.party);
        let Some(entry) = self.ledger.entries.values_mut().find(is_it) else { return Unlocked::Settled };
        entry.state = CallbackState::Open;
        entry.claimed_by = lock.claimed_before;
        Unlocked::Open(entry.id, entry.version)
    }

    /// Writes an entry that was unlocked, unless the end of its call wrote it already.
    pub(super) fn write_unlocked(&mut self, unlocked: Unlocked, out: &mut Vec<Effect>) {
        let Unlocked::Open(id, version) = unlocked else { return };
        if let Some(entry) = self.ledger.entries.get(&id).filter(|entry| entry.version == version).cloned() {
            self.keep(entry, out);
        }
    }

    /// Entries that the process before this one was calling when it died.
    pub(super) fn break_locks(&mut self, out: &mut Vec<Effect>) {
        let locked: Vec<Callback> = self.ledger.entries.values().filter(|c| c.state == CallbackState::Calling).cloned().collect();
        for entry in locked {
            self.keep(Callback { state: CallbackState::Open, claimed_by: None, ..entry }, out);
        }
    }
}
