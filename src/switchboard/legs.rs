//! Every open leg of the line, the phones they stand on and the channels they take: the one place where legs open and close.
//!
//! Closing says to the other side what its state asks for, so that no leg can be forgotten half open.

use std::collections::HashMap;

use crate::domain::call::{CallId, Extension, LegId};

use super::desk::{Desk, Use};
use super::effect::{Effect, Refuse};

/// Legs that the exchange opened bear this bit, ours never do.
const THEIRS: u64 = 1 << 63;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Trunk(usize),
    Phone(Extension),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LegState {
    /// It called us and was not answered.
    Calling,
    /// We called it and it did not answer.
    Called,
    Up,
}

#[derive(Clone, Debug)]
pub(super) struct Leg {
    pub(super) call: CallId,
    pub(super) who: Who,
    pub(super) state: LegState,
}

#[derive(Debug)]
pub(super) struct Legs {
    table: HashMap<LegId, Leg>,
    next: u64,
    pub(super) desks: Vec<Desk>,
    /// Calls on each trunk.
    used: Vec<usize>,
    /// A phone may have become idle, or gone into a call: those who wait for one are to be looked at.
    pub(super) moved: bool,
}

impl Legs {
    pub(super) fn new(first: u64, desks: Vec<Desk>, trunks: usize) -> Legs {
        Legs { table: HashMap::new(), next: first & !THEIRS, desks, used: vec![0; trunks], moved: false }
    }

    pub(super) fn get(&self, leg: LegId) -> Option<&Leg> {
        self.table.get(&leg)
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn desk(&self, extension: &Extension) -> Option<&Desk> {
        self.desks.iter().find(|d| d.extension() == extension)
    }

    pub(super) fn desk_mut(&mut self, extension: &Extension) -> Option<&mut Desk> {
        self.desks.iter_mut().find(|d| d.extension() == extension)
    }

    pub(super) fn channels_used(&self, trunk: usize) -> usize {
        self.used.get(trunk).copied().unwrap_or(0)
    }

    /// The leg is one that we opened.
    pub(super) fn is_ours(leg: LegId) -> bool {
        leg.0 & THEIRS == 0
    }

    /// A leg that called us.
    pub(super) fn arrived(&mut self, leg: LegId, call: CallId, who: Who) {
        self.insert(leg, Leg { call, who, state: LegState::Calling });
    }

    /// A leg that we call.
    pub(super) fn call(&mut self, call: CallId, who: Who) -> LegId {
        let leg = LegId(self.next);
        self.next = (self.next + 1) & !THEIRS;
        self.insert(leg, Leg { call, who, state: LegState::Called });
        leg
    }

    fn insert(&mut self, id: LegId, leg: Leg) {
        match &leg.who {
            Who::Trunk(trunk) => {
                if let Some(used) = self.used.get_mut(*trunk) {
                    *used += 1;
                }
            }
            Who::Phone(extension) => {
                let what = if leg.state == LegState::Calling { Use::Dialling } else { Use::Ringing };
                let call = leg.call;
                if let Some(desk) = self.desk_mut(&extension.clone()) {
                    desk.put(id, call, what);
                }
            }
        }
        self.table.insert(id, leg);
    }

    /// A phone's leg goes over to another call of that phone.
    pub(super) fn reassign(&mut self, id: LegId, call: CallId) {
        let Some(leg) = self.table.get_mut(&id) else { return };
        leg.call = call;
        if let Who::Phone(extension) = leg.who.clone()
            && let Some(desk) = self.desk_mut(&extension)
        {
            desk.reassign(id, call);
            self.moved = true;
        }
    }

    /// Answered, by us or by it.
    pub(super) fn up(&mut self, id: LegId) {
        let Some(leg) = self.table.get_mut(&id) else { return };
        leg.state = LegState::Up;
        let call = leg.call;
        if let Who::Phone(extension) = leg.who.clone()
            && let Some(desk) = self.desk_mut(&extension)
        {
            desk.put(id, call, Use::Talking);
            self.moved = true;
        }
    }

    /// The other side ended it.
    pub(super) fn gone(&mut self, id: LegId) -> Option<Leg> {
        let leg = self.table.remove(&id)?;
        match &leg.who {
            Who::Trunk(trunk) => {
                if let Some(used) = self.used.get_mut(*trunk) {
                    *used = used.saturating_sub(1);
                }
            }
            Who::Phone(extension) => {
                if let Some(desk) = self.desk_mut(extension) {
                    desk.free(id);
                    self.moved = true;
                }
            }
        }
        Some(leg)
    }

    /// Ends it from our side, as its state asks: refused with `why`, cancelled, or hung up. Nothing when it is gone already.
    pub(super) fn close(&mut self, id: LegId, why: Refuse, out: &mut Vec<Effect>) {
        let Some(leg) = self.gone(id) else { return };
        out.push(match leg.state {
            LegState::Calling => Effect::Refuse { leg: id, why },
            LegState::Called => Effect::Cancel { leg: id, elsewhere: false },
            LegState::Up => Effect::HangUp(id),
        });
    }

    /// Stops ringing a phone because another one took the call.
    pub(super) fn elsewhere(&mut self, id: LegId, out: &mut Vec<Effect>) {
        if self.gone(id).is_some() {
            out.push(Effect::Cancel { leg: id, elsewhere: true });
        }
    }
}
