//! What the legs that we called say: a sign of life, an answer, a refusal. Hands each to the state its call is in.

use crate::domain::call::{CallId, LegId};
use crate::domain::now::Now;

use super::call::{Call, State};
use super::effect::Effect;
use super::input::{Progress, Refusal};
use super::legs::{LegState, Legs};
use super::line::Line;
use super::timers::Owner;

impl Line {
    pub(super) fn progress(&mut self, leg: LegId, what: Progress, out: &mut Vec<Effect>) {
        let Some(id) = self.legs.get(leg).filter(|l| l.state == LegState::Called).map(|l| l.call) else { return };
        self.timers.cancel(Owner::Leg(leg));
        if let Some(Call { state: State::Calling(calling), .. }) = self.calls.get_mut(&id) {
            calling.far_end = calling.far_end.max(what);
            calling.tell(out);
        }
    }

    /// A leg of ours that is closed already crossed our CANCEL with its answer: it is released (row 8).
    pub(super) fn answered(&mut self, now: Now, leg: LegId, out: &mut Vec<Effect>) {
        let Some((id, state)) = self.legs.get(leg).map(|l| (l.call, l.state)) else {
            if Legs::is_ours(leg) {
                out.push(Effect::HangUp(leg));
            }
            return;
        };
        if state != LegState::Called {
            return;
        }
        self.timers.cancel(Owner::Leg(leg));
        let Some(call) = self.take(id) else { return };
        match call.state {
            State::Hunting(_) => self.phone_answered(now, call, leg, out),
            State::Calling(_) => self.far_answered(now, call, out),
            State::Transferring(_) => self.transfer_answered(now, call, leg, out),
            State::Held(_) => self.recall_answered(now, call, leg, out),
            State::Speaking(_) | State::Talking(_) => self.put(call),
        }
    }

    pub(super) fn refused(&mut self, now: Now, leg: LegId, why: Refusal, out: &mut Vec<Effect>) {
        if self.legs.get(leg).is_none_or(|l| l.state != LegState::Called) {
            return;
        }
        if let Some(was) = self.legs.gone(leg) {
            self.said_no(now, leg, was.call, why, out);
        }
    }

    /// A called leg is gone unanswered.
    pub(super) fn said_no(&mut self, now: Now, leg: LegId, id: CallId, why: Refusal, out: &mut Vec<Effect>) {
        self.timers.cancel(Owner::Leg(leg));
        let Some(call) = self.take(id) else { return };
        match call.state {
            State::Hunting(_) => self.phone_said_no(now, call, leg, why, out),
            State::Calling(_) => self.far_said_no(now, call, why, out),
            State::Transferring(_) => self.transfer_said_no(now, call, leg, out),
            State::Held(_) => self.recall_said_no(now, call, leg, out),
            State::Speaking(_) | State::Talking(_) => self.put(call),
        }
    }
}
