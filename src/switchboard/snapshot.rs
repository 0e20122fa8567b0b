//! How the line looks, built when the page asks. Trunks are the exchange's to fill in: their state is not known here.

use crate::domain::call::{CallId, Direction, Extension, LegId};
use crate::domain::status::{LineStatus, LiveCall, LiveState, PhoneState, PhoneStatus};

use super::call::{Call, Stage, State, Transfer};
use super::desk::{Desk, Use};
use super::held::{Held, HeldStage};
use super::line::Line;

impl Line {
    pub fn status(&self) -> LineStatus {
        let second_calls = self.second_calls();
        LineStatus {
            open: self.open,
            trunks: Vec::new(),
            phones: self.legs.desks.iter().map(phone).collect(),
            calls: self.calls.values().filter(|call| call.recorded).map(live).collect(),
            second_call: second_calls.first().cloned(),
            second_calls,
            alerts: self.alerts.shown(),
        }
    }

    /// The call of this leg.
    pub fn call_of(&self, leg: LegId) -> Option<CallId> {
        self.legs.get(leg).map(|leg| leg.call)
    }

    /// This leg is the one who waits in a held call; `None` in any other state.
    pub fn party_of(&self, leg: LegId) -> Option<bool> {
        match &self.calls.get(&self.call_of(leg)?)?.state {
            State::Held(held) => Some(held.party.leg == leg),
            _ => None,
        }
    }

    /// What the call of this leg does, in a word: for logs and for the stories' table of what was visited.
    pub fn doing(&self, leg: LegId) -> Option<&'static str> {
        let call = self.calls.get(&self.legs.get(leg)?.call)?;
        Some(match (&call.state, call.direction) {
            (State::Hunting(_), Direction::Incoming) => "hunting",
            (State::Hunting(_), Direction::Internal | Direction::Outgoing) => "ringing a colleague",
            (State::Calling(_), _) => "calling",
            (State::Speaking(_), _) => "speaking",
            (State::Talking(_), _) => "talking",
            (State::Held(Held { stage: HeldStage::Parked, .. }), _) => "held",
            (State::Held(_), _) => "recalled",
            (State::Transferring(Transfer { stage: Stage::Target { .. }, .. }), _) => "transferring",
            (State::Transferring(Transfer { stage: Stage::Back(_), .. }), _) => "ringing back",
        })
    }
}

fn phone(desk: &Desk) -> PhoneStatus {
    let state = if desk.lines().any(|what| what == Use::Talking) {
        PhoneState::Talking
    } else if desk.lines().next().is_some() {
        PhoneState::Ringing
    } else if !desk.registered {
        PhoneState::Unregistered
    } else if desk.do_not_disturb {
        PhoneState::Dnd
    } else {
        PhoneState::Idle
    };
    PhoneStatus { extension: desk.extension().clone(), owner: desk.phone.owner.clone(), state }
}

fn live(call: &Call) -> LiveCall {
    let (state, extension): (LiveState, Option<Extension>) = match &call.state {
        State::Hunting(_) | State::Calling(_) | State::Speaking(_) => (LiveState::Ringing, call.extension.clone()),
        State::Held(held) => (LiveState::Held, Some(held.by.clone())),
        State::Talking(t) if t.caller.holds || t.callee.holds => (LiveState::Held, call.extension.clone()),
        State::Talking(_) => (LiveState::Talking, call.extension.clone()),
        State::Transferring(t) => (LiveState::Held, Some(t.from.clone())),
    };
    LiveCall {
        id: call.id,
        direction: call.direction,
        state,
        number: call.party.number().map(|n| n.as_str().to_owned()),
        display: call.party.display(),
        name: call.name.as_str().to_owned(),
        extension,
        since: call.since.wall,
        held_since: (state == LiveState::Held).then_some(call.since.wall),
        keypad: call.keypad.open,
    }
}
