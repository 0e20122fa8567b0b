//! Call 2 is over: for ten seconds a person may still say that it is settled, or that its callback is to be kept after all (RULES 4), and
//! finish what was being typed when its caller left.

use std::time::Duration;

use chrono::TimeDelta;

use crate::domain::call::{CallId, Direction, Extension};
use crate::domain::callback::{CallResult, CallbackId, Fields};
use crate::domain::identity::Caller;
use crate::domain::now::{Instant, Now};
use crate::domain::number::E164;
use crate::domain::outcome::{Outcome, Why};
use crate::domain::status::{Draft, SecondCallOver};
use crate::domain::text::ScreenText;

use super::call::{Call, End};
use super::desk::Desk;
use super::effect::{Effect, Refusal, Refuse};
use super::forms::{NO_NUMBER, NOTHING};
use super::input::{CallbackCommand, SecondCommand, Ticket};
use super::ledger::Missed;
use super::line::Line;
use super::second_calls;

/// For that long after its end it can be said otherwise.
const REGRET: Duration = Duration::from_secs(10);
/// So old is what a page still has to send, at most, if it is to overwrite what stands in the callback.
const SENT_LATE: TimeDelta = TimeDelta::hours(1);

/// Call 2 of a phone, after its end; it stands until the next one, and means nothing once its time is over.
#[derive(Debug)]
pub(super) struct Over {
    pub(super) call: CallId,
    party: Caller,
    name: ScreenText,
    form: Fields,
    arrived: Now,
    /// Its end, or the last word about it.
    ended: Now,
    /// It needs no callback.
    pub(super) settled: bool,
    /// It did not end by a word on the page: the form may be half typed.
    pub(super) form_open: bool,
}

/// Call 2 leaves its callback.
pub(super) fn promised(_: &Call) -> End {
    End::new(Outcome::Answered(Some(Why::Promised)), Refuse::Cancelled)
}

/// It needs none.
pub(super) fn settled(_: &Call) -> End {
    End::new(Outcome::Answered(None), Refuse::Cancelled)
}

impl Over {
    fn until(&self) -> Instant {
        self.ended.instant + REGRET
    }

    pub(super) fn can_change(&self, now: Instant) -> bool {
        now <= self.until()
    }

    /// More of the form; the later word counts.
    fn typed(&mut self, fields: Fields) {
        self.form.merge(fields);
        if let Some(party) = &self.form.party {
            self.party = party.clone();
        }
        if let Some(name) = &self.form.name {
            self.name = name.clone();
        }
    }
}

impl Line {
    /// Call 2 ends while the form of its callback is on the page. One that ended already has nothing left to end.
    pub(super) fn end_second(
        &mut self,
        now: Now,
        extension: &Extension,
        second: CallId,
        end: impl FnOnce(&Call) -> End,
        out: &mut Vec<Effect>,
    ) {
        let Some(call) = self.take(second) else { return };
        let end = end(&call);
        // a colleague needs no callback
        if call.direction == Direction::Incoming {
            self.keep_over(now, extension, &call, end.outcome == Outcome::Answered(None));
        }
        self.finish(now, call, end, out);
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
            form_open: !settled,
        });
        self.touch();
    }

    /// It was sent: nothing of it is waited for.
    pub(super) fn form_done(&mut self, extension: &Extension) {
        if let Ok(over) = self.over_mut(extension) {
            over.form_open = false;
        }
    }

    /// The other word about call 2, or the rest of its form: into its callback, or, when it has none, kept for the one that it may still get.
    /// Each word gives ten seconds more. `false`: answered once it is written.
    pub(super) fn said_late(
        &mut self,
        now: Now,
        ticket: Ticket,
        person: &str,
        extension: &Extension,
        what: SecondCommand,
        out: &mut Vec<Effect>,
    ) -> Result<bool, Refusal> {
        let over = self.over_mut(extension)?;
        let (call, settled) = (over.call, over.settled);
        let (fields, sent) = match what {
            SecondCommand::Save(fields) if settled => return self.kept_late(now, extension, *fields, out),
            SecondCommand::Resume => return self.kept_late(now, extension, Fields::default(), out),
            SecondCommand::Done => {
                let id = self.open_promise(call)?;
                self.callback_command(now, ticket, person, CallbackCommand::Close(id, CallResult::Reached), out);
                // a colleague who holds it keeps it open
                if self.ledger.entries.get(&id).is_some_and(|entry| !entry.is_open()) {
                    let over = self.over_mut(extension)?;
                    (over.settled, over.ended) = (true, now);
                }
                return Ok(false);
            }
            SecondCommand::Save(fields) => (*fields, true),
            SecondCommand::Draft(fields) => (*fields, false),
            SecondCommand::Take { .. } | SecondCommand::SendAway | SecondCommand::Swap => return Err(NOTHING),
        };
        over.typed(fields.clone());
        over.ended = now;
        self.touch();
        if settled {
            return Ok(true);
        }
        let answered = self.typed_after(now, ticket, person, call, fields, out)?;
        if sent {
            self.form_done(extension);
        }
        Ok(answered)
    }

    /// What was settled leaves its callback after all.
    fn kept_late(&mut self, now: Now, extension: &Extension, fields: Fields, out: &mut Vec<Effect>) -> Result<bool, Refusal> {
        let over = self.over_mut(extension)?;
        over.typed(fields);
        if over.party == Caller::Withheld {
            return Err(NO_NUMBER);
        }
        (over.settled, over.ended) = (false, now);
        let call = over.call;
        let (who, at) = ((over.party.clone(), over.name.clone(), over.form.clone()), over.arrived.wall);
        // the one that it closed is open again, and adds to
        let closed = self
            .ledger
            .entries
            .values()
            .find(|entry| !entry.is_open() && entry.call == Some(call) && entry.party == who.0)
            .map(|entry| entry.id);
        if let Some(id) = closed.filter(|_| self.ledger.open_of(&who.0).is_none()) {
            self.reopened(id);
        }
        if let Some(how) = Missed::by(Outcome::Answered(Some(Why::Promised))) {
            let owner = self.person(Some(extension));
            self.promised(now, at, (call, owner), who, how, out);
        }
        Ok(true)
    }

    fn over_mut(&mut self, extension: &Extension) -> Result<&mut Over, Refusal> {
        self.legs.desk_mut(extension).and_then(|desk| desk.over.as_mut()).ok_or(NOTHING)
    }

    /// The last letters of a form, from a page that could not send them before (it had lost the service, or its session): into the callback
    /// that its call left, unless that is of long ago.
    pub(super) fn typed_after(
        &mut self,
        now: Now,
        ticket: Ticket,
        person: &str,
        call: CallId,
        fields: Fields,
        out: &mut Vec<Effect>,
    ) -> Result<bool, Refusal> {
        let id = self.open_promise(call)?;
        if self.ledger.entries.get(&id).is_none_or(|entry| now.wall - entry.last_at > SENT_LATE) {
            return Err(NOTHING);
        }
        self.callback_command(now, ticket, person, CallbackCommand::Patch(id, fields), out);
        Ok(false)
    }

    /// The callback that call 2 left, while nobody closed it.
    fn open_promise(&self, call: CallId) -> Result<CallbackId, Refusal> {
        let entry = self.ledger.entries.values().rev().find(|entry| entry.is_open() && entry.call == Some(call));
        entry.map(|entry| entry.id).ok_or(NOTHING)
    }

    pub(super) fn forget_over(&mut self, number: &E164) {
        for desk in &mut self.legs.desks {
            desk.over = desk.over.take().filter(|over| over.party.number() != Some(number));
        }
    }

    pub(super) fn second_calls_over(&self) -> Vec<SecondCallOver> {
        let shown = |desk: &Desk| {
            let over = desk.over.as_ref()?;
            let promise = self.open_promise(over.call).ok().and_then(|id| self.ledger.entries.get(&id));
            let draft = promise.filter(|_| over.form_open && !over.settled).map(|promise| Draft {
                subject: promise.subject.clone(),
                owner: promise.owner.clone(),
                place: promise.place.clone(),
                note: promise.note.clone(),
            });
            Some(SecondCallOver {
                id: over.call,
                extension: desk.extension().clone(),
                number: second_calls::number(&over.party),
                display: over.party.display(),
                name: over.name.as_str().to_owned(),
                draft,
                settled: over.settled,
                until: over.ended.wall + REGRET,
            })
        };
        self.legs.desks.iter().filter_map(shown).collect()
    }
}
