//! Call 2 is over: for ten seconds a person may still say that it is settled, or that its callback is to be kept after all (RULES 4).

use std::time::Duration;

use crate::domain::call::{CallId, Extension};
use crate::domain::callback::{CallResult, Fields};
use crate::domain::identity::Caller;
use crate::domain::now::{Instant, Now};
use crate::domain::number::E164;
use crate::domain::outcome::{Outcome, Why};
use crate::domain::status::SecondCallOver;
use crate::domain::text::ScreenText;

use super::call::{Call, End};
use super::desk::Desk;
use super::effect::{Effect, Refusal, Refuse};
use super::forms::{NO_NUMBER, NOTHING};
use super::input::{CallbackCommand, SecondCommand, Ticket};
use super::ledger::Missed;
use super::line::Line;

/// For that long after its end it can be said otherwise.
const REGRET: Duration = Duration::from_secs(10);

/// Call 2 of a phone, after its end; it stands until the next one, and means nothing once its time is over.
#[derive(Debug)]
pub(super) struct Over {
    pub(super) call: CallId,
    party: Caller,
    name: ScreenText,
    form: Fields,
    arrived: Now,
    ended: Now,
    /// It needs no callback.
    settled: bool,
}

impl Over {
    fn until(&self) -> Instant {
        self.ended.instant + REGRET
    }
}

impl Desk {
    /// Its call 2 ended so, and that can still be changed.
    pub(super) fn is_over(&self, now: Instant, settled: bool) -> bool {
        self.over.as_ref().is_some_and(|over| over.settled == settled && now <= over.until())
    }
}

impl Line {
    /// Call 2 ends by the double call: with its callback, or settled. One that ended already has nothing left to end.
    pub(super) fn end_second(&mut self, now: Now, extension: &Extension, second: CallId, why: Option<Why>, out: &mut Vec<Effect>) {
        let Some(call) = self.take(second) else { return };
        self.keep_over(now, extension, &call, why.is_none());
        self.finish(now, call, End::new(Outcome::Answered(why), Refuse::Cancelled), out);
    }

    /// A phone with its own call waiting ended call 2, or that caller did.
    pub(super) fn own_second_over(&mut self, now: Now, call: &Call, outcome: Outcome) {
        let settled = match outcome {
            Outcome::Answered(None) => true,
            Outcome::Answered(Some(Why::Promised)) => false,
            Outcome::Answered(_) | Outcome::Missed(_) | Outcome::Attendant(_) | Outcome::Interrupted | Outcome::Out(_) => return,
        };
        let at = self.legs.desks.iter().find(|desk| desk.own.is_some_and(|own| own.second == call.id));
        if let Some(extension) = at.map(|desk| desk.extension().clone()) {
            self.keep_over(now, &extension, call, settled);
        }
    }

    fn keep_over(&mut self, now: Now, extension: &Extension, call: &Call, settled: bool) {
        let Some(desk) = self.legs.desk_mut(extension) else { return };
        desk.over = Some(Over {
            call: call.id,
            party: call.form.party.clone().unwrap_or_else(|| call.party.clone()),
            name: call.form.name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| call.name.clone()),
            form: call.form.clone(),
            arrived: call.arrived,
            ended: now,
            settled,
        });
        self.touch();
    }

    /// The other word about call 2, up to ten seconds after its end. `false`: answered once it is written.
    pub(super) fn said_late(
        &mut self,
        now: Now,
        ticket: Ticket,
        person: &str,
        extension: &Extension,
        what: SecondCommand,
        out: &mut Vec<Effect>,
    ) -> Result<bool, Refusal> {
        let fields = match what {
            SecondCommand::Done => None,
            SecondCommand::Save(fields) => Some(*fields),
            SecondCommand::Resume => Some(Fields::default()),
            SecondCommand::Take { .. } | SecondCommand::SendAway | SecondCommand::Swap | SecondCommand::Draft(_) => return Err(NOTHING),
        };
        let over = self.legs.desk_mut(extension).and_then(|desk| desk.over.as_mut());
        let Some(over) = over.filter(|over| now.instant <= over.until()) else { return Err(NOTHING) };
        let call = over.call;
        let Some(fields) = fields else {
            let entry = self.ledger.entries.values().find(|entry| entry.is_open() && entry.call == Some(call)).map(|entry| entry.id);
            let Some(id) = entry else { return Err(NOTHING) };
            self.callback_command(now, ticket, person, CallbackCommand::Close(id, CallResult::Reached), out);
            // a colleague who holds it keeps it open
            let closed = self.ledger.entries.get(&id).is_some_and(|entry| !entry.is_open());
            if let Some(over) = self.legs.desk_mut(extension).and_then(|desk| desk.over.as_mut()).filter(|_| closed) {
                (over.settled, over.ended) = (true, now);
            }
            return Ok(false);
        };
        over.form.merge(fields);
        if let Some(party) = over.form.party.clone() {
            over.party = party;
        }
        if over.party == Caller::Withheld {
            return Err(NO_NUMBER);
        }
        (over.settled, over.ended) = (false, now);
        let (who, at) = ((over.party.clone(), over.name.clone(), over.form.clone()), over.arrived.wall);
        // the one that it closed is open again, and adds to
        let closed = self.ledger.entries.values().find(|entry| !entry.is_open() && entry.call == Some(call)).map(|entry| entry.id);
        if let Some(id) = closed.filter(|_| self.ledger.open_of(&who.0).is_none()) {
            self.reopened(id);
        }
        if let Some(how) = Missed::by(Outcome::Answered(Some(Why::Promised))) {
            let owner = self.person(Some(extension));
            self.promised(now, at, (call, owner), who, how, out);
        }
        Ok(true)
    }

    pub(super) fn forget_over(&mut self, number: &E164) {
        for desk in &mut self.legs.desks {
            desk.over = desk.over.take().filter(|over| over.party.number() != Some(number));
        }
    }

    pub(super) fn second_calls_over(&self) -> Vec<SecondCallOver> {
        let shown = |desk: &Desk| {
            let over = desk.over.as_ref()?;
            Some(SecondCallOver {
                id: over.call,
                extension: desk.extension().clone(),
                display: over.party.display(),
                name: over.name.as_str().to_owned(),
                settled: over.settled,
                until: over.ended.wall + REGRET,
            })
        };
        self.legs.desks.iter().filter_map(shown).collect()
    }
}
