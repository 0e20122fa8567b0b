//! One caller hunting for a phone: which phones ring, which said no, which never spoke. Sends nothing and knows no time.
//!
//! ```text
//!   ring -> Rings -(answered)-> won
//!             |-(said no)------> Refused   (never rung again for this caller)
//!             |-(no reply)-----> Absent    (rung again if it registers)
//!             '-(sent away)----> Withdrawn (by an agent in a call)
//! ```

use crate::domain::call::{CallId, Extension, LegId};
use crate::domain::now::Instant;

use super::input::Seq;

/// Whom the caller can be answered by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Targets {
    /// The phones of `line.ring`: an incoming call.
    Group,
    /// One extension, dialled by a colleague.
    One(Extension),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) leg: LegId,
    pub(super) extension: Extension,
    /// It rings because another phone sent the caller there (302): followed no further.
    pub(super) moved: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spent {
    Refused,
    Absent,
    /// Its agent, in a call, sent the caller away.
    Withdrawn,
}

#[derive(Clone, Debug)]
pub(super) struct Hunt {
    pub(super) caller: LegId,
    pub(super) targets: Targets,
    /// The record that the caller's 18x waits for (RULES 2.1); `None` once it is written.
    pub(super) opened: Option<Seq>,
    /// The first call that was in the way (RULES 3, `during`).
    pub(super) in_the_way: Option<CallId>,
    /// Until when it is offered to phones in a call.
    pub(super) offer_until: Option<Instant>,
    offered: Vec<Extension>,
    ringing: Vec<Attempt>,
    spent: Vec<(Extension, Spent)>,
}

impl Hunt {
    pub(super) fn new(caller: LegId, targets: Targets, opened: Seq) -> Hunt {
        Hunt {
            caller,
            targets,
            opened: Some(opened),
            in_the_way: None,
            offer_until: None,
            offered: Vec::new(),
            ringing: Vec::new(),
            spent: Vec::new(),
        }
    }

    /// This phone neither rings for this caller nor said no to it.
    pub(super) fn may_ring(&self, extension: &Extension) -> bool {
        self.ringing.iter().all(|a| a.extension != *extension) && self.spent.iter().all(|(e, _)| e != extension)
    }

    pub(super) fn rings(&mut self, attempt: Attempt) {
        self.ringing.push(attempt);
    }

    pub(super) fn is_ringing(&self) -> bool {
        !self.ringing.is_empty()
    }

    pub(super) fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.ringing.iter()
    }

    /// The phone on this leg does not ring any more.
    pub(super) fn take(&mut self, leg: LegId) -> Option<Attempt> {
        let at = self.ringing.iter().position(|a| a.leg == leg)?;
        Some(self.ringing.remove(at))
    }

    /// A phone in a call hears of it; `first` is what that phone talks in, if it was answered.
    pub(super) fn offered_to(&mut self, extension: &Extension, first: Option<CallId>) {
        self.in_the_way = self.in_the_way.or(first);
        if !self.offered.contains(extension) {
            self.offered.push(extension.clone());
        }
    }

    #[allow(dead_code, reason = "the attendant gives callers back")]
    /// Every phone that ever heard of it in a call.
    pub(super) fn heard_of_it(&self) -> &[Extension] {
        &self.offered
    }

    pub(super) fn spend(&mut self, extension: &Extension, how: Spent) {
        match self.spent.iter_mut().find(|(e, _)| e == extension) {
            Some(entry) => entry.1 = how,
            None => self.spent.push((extension.clone(), how)),
        }
    }

    /// A phone that never replied has registered anew.
    pub(super) fn back(&mut self, extension: &Extension) {
        self.spent.retain(|(e, how)| e != extension || *how != Spent::Absent);
    }

    /// A phone said no, or wishes not to be disturbed.
    pub(super) fn refused(&self) -> bool {
        self.spent.iter().any(|(_, how)| *how == Spent::Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ext(digits: &str) -> Extension {
        Extension(digits.into())
    }

    #[test]
    fn who_said_no_is_not_rung_again_and_who_was_absent_is_once_it_is_back() {
        let mut hunt = Hunt::new(LegId(9), Targets::Group, Seq(1));
        hunt.rings(Attempt { leg: LegId(1), extension: ext("11"), moved: false });
        hunt.rings(Attempt { leg: LegId(2), extension: ext("12"), moved: false });
        assert!(!hunt.may_ring(&ext("11")) && hunt.may_ring(&ext("13")));
        for (leg, how) in [(1, Spent::Refused), (2, Spent::Absent)] {
            let attempt = hunt.take(LegId(leg)).expect("it rang");
            hunt.spend(&attempt.extension, how);
        }
        assert!(hunt.refused() && !hunt.is_ringing());
        hunt.back(&ext("11"));
        hunt.back(&ext("12"));
        assert!(!hunt.may_ring(&ext("11")) && hunt.may_ring(&ext("12")));
    }
}
