//! How the line looks, built when the page asks. Trunks are the exchange's to fill in: their state is not known here.

use chrono::{DateTime, Utc};

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
            second_calls_over: self.second_calls_over(),
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
            (State::Fetching(_), _) => "fetching",
            (State::Calling(_), _) => "calling",
            (State::Speaking(_), _) => "speaking",
            (State::Talking(_), _) => "talking",
            (State::Held(Held { stage: HeldStage::Parked, .. }), _) => "held",
            (State::Held(_), _) => "recalled",
            (State::Attendant(_), _) => "attendant",
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
        State::Hunting(_) | State::Fetching(_) | State::Calling(_) | State::Speaking(_) => (LiveState::Ringing, call.extension.clone()),
        State::Held(held) => (LiveState::Held, Some(held.by.clone())),
        State::Talking(t) if t.is_held() => (LiveState::Held, call.extension.clone()),
        State::Talking(_) => (LiveState::Talking, call.extension.clone()),
        State::Transferring(t) => (LiveState::Held, Some(t.from.clone())),
        State::Attendant(_) => (LiveState::Attendant, None),
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
        held_since: held_since(call),
        keypad: call.keypad.open,
        guide: call.guide.clone(),
    }
}

/// Since when one of the two hears music.
fn held_since(call: &Call) -> Option<DateTime<Utc>> {
    match &call.state {
        State::Talking(t) => [&t.caller, &t.callee].into_iter().filter_map(|p| p.away_since).map(|since| since.wall).min(),
        State::Held(_) => Some(call.since.wall),
        State::Hunting(_) | State::Fetching(_) | State::Calling(_) | State::Speaking(_) | State::Transferring(_) | State::Attendant(_) => {
            None
        }
    }
}
