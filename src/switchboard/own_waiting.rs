//! `line.second_call = "phone"`: call 2 rings on the phone that is in call 1 as a second call of its own; what that phone then does is followed, and
//! the form is the same (RULES 4). Nothing is decided for the phone: it holds, answers, ends and resumes by itself.

use crate::domain::call::{CallId, Extension};
use crate::domain::now::Now;
use crate::domain::outcome::{Outcome, Why};

use super::call::{Call, End, State};
use super::desk::Use;
use super::effect::{Effect, Refuse};
use super::held;
use super::line::Line;

/// The two calls of one phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) first: CallId,
    pub(super) second: CallId,
}

impl Line {
    /// Rings every phone that is in one plain call.
    pub(super) fn ring_busy(&mut self, now: Now, call: &mut Call, targets: &[Extension], out: &mut Vec<Effect>) {
        for extension in targets {
            let may = call.hunt_mut().is_some_and(|hunt| hunt.may_ring(extension));
            let Some(first) = self.in_one_call(extension).filter(|_| may) else { continue };
            if let Some(hunt) = call.hunt_mut() {
                hunt.offered_to(extension, Some(first));
            }
            if let Some(desk) = self.legs.desk_mut(extension) {
                desk.own = Some(Own { first, second: call.id });
            }
            self.ring_for(now, call, extension.clone(), false, out);
        }
    }

    fn in_one_call(&self, extension: &Extension) -> Option<CallId> {
        let desk = self.legs.desk(extension)?;
        let mut legs = desk.legs();
        let (_, call, what) = legs.next()?;
        let plain = legs.next().is_none() && what == Use::Talking && desk.own.is_none() && desk.double.is_none();
        let talks = matches!(self.calls.get(&call)?.state, State::Talking(_));
        (plain && talks && desk.registered && (!desk.do_not_disturb || self.emergency)).then_some(call)
    }

    /// The phone that has both calls, and their names, if call 2 was answered there.
    pub(super) fn own_of(&self, call: CallId) -> Option<(Extension, Own)> {
        self.legs.desks.iter().find_map(|desk| {
            let own = desk.own.filter(|own| own.first == call || own.second == call)?;
            let answered = matches!(self.calls.get(&own.second).map(|c| &c.state), Some(State::Talking(_))) || own.second == call;
            answered.then(|| (desk.extension().clone(), own))
        })
    }

    /// How a call ends that one side left while the phone has two: call 2 with its callback, call 1 left on hold when it was.
    pub(super) fn own_end(&self, call: &Call) -> Option<End> {
        let (extension, own) = self.own_of(call.id)?;
        let State::Talking(talk) = &call.state else { return None };
        if own.second == call.id {
            return Some(End::new(Outcome::Answered(Some(Why::Promised)), Refuse::Cancelled));
        }
        let phone = if talk.callee.phone.as_ref() == Some(&extension) { &talk.callee } else { &talk.caller };
        phone.holds.then(|| held::left(call))
    }

    /// One of the two is over, or call 2 is not to be had on that phone.
    pub(super) fn own_over(&mut self, call: CallId) {
        for desk in &mut self.legs.desks {
            if desk.own.is_some_and(|own| own.first == call || own.second == call) {
                desk.own = None;
            }
        }
    }

    /// Call 2 rings on other phones no more.
    pub(super) fn own_answered(&mut self, call: CallId, by: Option<&Extension>) {
        for desk in &mut self.legs.desks {
            if desk.own.is_some_and(|own| own.second == call) && Some(&desk.phone.extension) != by {
                desk.own = None;
            }
        }
    }

    /// What the phone does with its two calls, for the page.
    pub(super) fn own_state(&self, extension: &Extension, own: Own) -> &'static str {
        match (self.holds(extension, own.first), self.holds(extension, own.second)) {
            (_, None) => "waiting",
            (Some(false), Some(true)) => "swapped",
            (_, Some(_)) => "second",
        }
    }

    /// Whether the phone holds the other one of that call by its own button; `None`: they do not talk.
    pub(super) fn holds(&self, extension: &Extension, call: CallId) -> Option<bool> {
        let State::Talking(talk) = &self.calls.get(&call)?.state else { return None };
        let phone = if talk.callee.phone.as_ref() == Some(extension) { &talk.callee } else { &talk.caller };
        Some(phone.holds)
    }
}
