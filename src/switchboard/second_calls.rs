//! The double calls as the page shows them.

use crate::domain::call::{CallId, Extension};
use crate::domain::callback::Fields;
use crate::domain::identity::Caller;
use crate::domain::status::{Draft, SecondCall};

use super::call::{Call, State};
use super::double_call::Step;
use super::line::Line;

impl Line {
    /// One entry a caller: one who waits on several phones is shown once.
    pub(super) fn second_calls(&self) -> Vec<SecondCall> {
        let mut shown: Vec<SecondCall> = Vec::new();
        for desk in &self.legs.desks {
            if let Some((own, call)) = desk.own.and_then(|own| Some((own, self.calls.get(&own.second)?))) {
                let state = self.own_state(desk.extension(), own);
                shown.push(self.second_call(call, state, desk.extension(), state == "waiting", Some(own.first)));
            }
            let Some(double) = &desk.double else { continue };
            if let Some(known) = shown.iter_mut().find(|s| s.id == double.second) {
                known.offered_to.push(desk.extension().clone());
                continue;
            }
            let Some(call) = self.calls.get(&double.second) else { continue };
            let state = match (double.step, double.attended) {
                (Step::Waiting, true) => "attendant",
                (Step::Waiting, false) => "waiting",
                (Step::Second, _) => "second",
                (Step::Swapped, _) => "swapped",
                (Step::Recall, _) => "recall",
            };
            let waits = double.step == Step::Waiting;
            shown.push(self.second_call(
                call,
                state,
                desk.extension(),
                waits,
                (!waits || double.first != double.second).then_some(double.first),
            ));
        }
        shown
    }

    fn second_call(&self, call: &Call, state: &'static str, extension: &Extension, waits: bool, first: Option<CallId>) -> SecondCall {
        let party = call.form.party.as_ref().unwrap_or(&call.party);
        let open = self.ledger.open_of(&call.party);
        let name = call.form.name.as_ref().map(|name| name.as_str()).filter(|name| !name.is_empty());
        let known = open.map(|callback| callback.name.as_str()).filter(|name| !name.is_empty()).unwrap_or(call.name.as_str());
        let held = first.and_then(|id| self.calls.get(&id)).filter(|call| matches!(call.state, State::Held(_)));
        SecondCall {
            id: call.id,
            state,
            extension: Some(extension.clone()),
            offered_to: if waits { vec![extension.clone()] } else { Vec::new() },
            number: number(party),
            display: party.display(),
            name: name.unwrap_or(known).to_owned(),
            call_1: first,
            until: self.until(call),
            held_since: held.map(|call| call.since.wall),
            callback: open.map(|callback| callback.id),
            draft: draft(&call.form),
        }
    }

    fn until(&self, call: &Call) -> Option<chrono::DateTime<chrono::Utc>> {
        let State::Hunting(hunt) = &call.state else { return None };
        let until = hunt.offer_until?;
        Some(call.arrived.wall + chrono::TimeDelta::from_std(until.since(call.arrived.instant)).ok()?)
    }
}

pub(super) fn number(party: &Caller) -> Option<String> {
    party.number().map(|number| number.as_str().to_owned())
}

fn draft(form: &Fields) -> Draft {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    Draft { subject: text(&form.subject), owner: text(&form.owner), place: text(&form.place), note: text(&form.note) }
}
