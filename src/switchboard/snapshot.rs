//! How the line looks, built when the page asks. Trunks are the exchange's to fill in: their state is not known here.

use crate::domain::call::Extension;
use crate::domain::status::{LineStatus, LiveCall, LiveState, PhoneState, PhoneStatus};

use super::call::{Call, State};
use super::desk::{Desk, Use};
use super::line::Line;

impl Line {
    pub fn status(&self) -> LineStatus {
        LineStatus {
            open: self.open,
            trunks: Vec::new(),
            phones: self.legs.desks.iter().map(phone).collect(),
            calls: self.calls.values().map(live).collect(),
            second_calls: Vec::new(),
            second_call: None,
            alerts: self.alerts.shown(),
        }
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
        held_since: None,
        keypad: false,
    }
}
