//! What a person does to a double call on the page: take, send away, swap, save, settle, and the draft of the form (RULES 4, CONTRACT `second-call`).

use std::borrow::Cow;

use crate::domain::call::{CallId, Extension, Record};
use crate::domain::callback::Fields;
use crate::domain::identity::Caller;
use crate::domain::now::Now;
use crate::domain::outcome::Why;

use super::call::State;
use super::double_call::{Double, Event, Step};
use super::effect::{Done, Effect, Refusal};
use super::input::{SecondCommand, SecondTarget, Ticket};
use super::line::Line;
use super::own_waiting::Own;

pub(super) const NOTHING: Refusal = Refusal::Conflict("Aucun double appel n'attend cette action.");
const SEVERAL: Refusal = Refusal::Conflict("Plusieurs doubles appels sont en cours : dites lequel.");
pub(super) const NO_NUMBER: Refusal =
    Refusal::Invalid { field: "number", detail: Cow::Borrowed("Le numéro est masqué : demandez-le et notez-le.") };

impl Line {
    pub(super) fn second_command(
        &mut self,
        now: Now,
        ticket: Ticket,
        (person, target): (&str, &SecondTarget),
        what: SecondCommand,
        out: &mut Vec<Effect>,
    ) {
        let done = match self.second_of(now, person, target, &what) {
            Ok((extension, double)) => self.second_done(now, ticket, person, (extension, double), what, out),
            Err(refusal) => Err(refusal),
        };
        match done {
            Ok(true) => out.push(Effect::Reply(ticket, Ok(Done::Nothing))),
            // answered once it is written
            Ok(false) => {}
            Err(refusal) => out.push(Effect::Reply(ticket, Err(refusal))),
        }
    }

    /// The one double call that is meant: by call, by phone, else on the phones of that person.
    fn second_of(
        &self,
        now: Now,
        person: &str,
        target: &SecondTarget,
        what: &SecondCommand,
    ) -> Result<(Extension, Option<Double>), Refusal> {
        let mut found = self.legs.desks.iter().filter(|desk| {
            let meant = match (&target.id, &target.extension) {
                (_, Some(extension)) if desk.extension() != extension => false,
                (Some(id), _) => {
                    desk.own.is_some_and(|own| own.first == *id || own.second == *id)
                        || desk.double.as_ref().is_some_and(|double| double.is_about(*id))
                        || desk.over.as_ref().is_some_and(|over| over.call == *id)
                }
                (None, Some(_)) => true,
                (None, None) => desk.phone.owner == person,
            };
            meant && self.fits(now, desk, what)
        });
        let first = found.next().ok_or(NOTHING)?;
        // one caller offered to two phones of the same person is one double call
        let same = |desk: &super::desk::Desk| desk.double.as_ref().map(|d| d.second) == first.double.as_ref().map(|d| d.second);
        if found.any(|other| !same(other)) {
            return Err(SEVERAL);
        }
        Ok((first.extension().clone(), first.double.clone()))
    }

    fn fits(&self, now: Now, desk: &super::desk::Desk, what: &SecondCommand) -> bool {
        if desk.own.is_some_and(|own| self.own_of(own.second).is_some()) {
            return match what {
                SecondCommand::Save(_) | SecondCommand::Resume | SecondCommand::Draft(_) | SecondCommand::Done => true,
                SecondCommand::Take { .. } | SecondCommand::SendAway | SecondCommand::Swap => false,
            };
        }
        let step = desk.double.as_ref().map(|double| (double.step, double.attended));
        let taken = |step| matches!(step, Some((Step::Second | Step::Swapped, _)));
        match what {
            SecondCommand::Take { .. } => matches!(step, Some((Step::Waiting, _))),
            SecondCommand::SendAway => matches!(step, Some((Step::Waiting, false))),
            SecondCommand::Swap => taken(step),
            SecondCommand::Save(_) | SecondCommand::Resume => taken(step) || desk.is_over(now.instant, true),
            SecondCommand::Done => taken(step) || desk.is_over(now.instant, false),
            SecondCommand::Draft(_) => matches!(step, Some((Step::Waiting | Step::Second | Step::Swapped, _))),
        }
    }

    /// `true`: done, to be answered now; `false`: it is answered when a record is written.
    fn second_done(
        &mut self,
        now: Now,
        ticket: Ticket,
        person: &str,
        (extension, double): (Extension, Option<Double>),
        what: SecondCommand,
        out: &mut Vec<Effect>,
    ) -> Result<bool, Refusal> {
        if let Some(own) = self.legs.desk(&extension).and_then(|desk| desk.own) {
            return self.own_done(now, ticket, (extension, own), what, out);
        }
        let late = matches!(what, SecondCommand::Done | SecondCommand::Save(_) | SecondCommand::Resume);
        let Some(double) = double.filter(|double| !late || matches!(double.step, Step::Second | Step::Swapped)) else {
            return self.said_late(now, ticket, person, &extension, what, out);
        };
        let event = match what {
            SecondCommand::Draft(fields) => {
                self.draft(double.second, *fields, Some(ticket), out);
                return Ok(false);
            }
            SecondCommand::Save(fields) => {
                let typed = fields.party.is_some();
                if !typed && !self.nameable(double.second) {
                    return Err(NO_NUMBER);
                }
                self.draft(double.second, *fields, None, out);
                Event::Save
            }
            SecondCommand::Take { end_first: true } => Event::TakeEndingFirst,
            SecondCommand::Take { end_first: false } => {
                if self.calls.get(&double.first).is_some_and(|call| matches!(call.state, State::Calling(_))) {
                    return Err(Refusal::Conflict(
                        "Votre appel n'a pas encore répondu : raccrochez-le d'abord, ou terminez-le en prenant l'autre.",
                    ));
                }
                Event::Take
            }
            SecondCommand::SendAway => Event::SendAway,
            SecondCommand::Swap => Event::Swap,
            SecondCommand::Resume => Event::Save,
            SecondCommand::Done => Event::Settle,
        };
        if self.on_double(now, &extension, event, out) { Ok(true) } else { Err(NOTHING) }
    }

    /// The phone's own call waiting: the form is ours, the calls are the phone's but for the end of call 2.
    fn own_done(
        &mut self,
        now: Now,
        ticket: Ticket,
        (extension, own): (Extension, Own),
        what: SecondCommand,
        out: &mut Vec<Effect>,
    ) -> Result<bool, Refusal> {
        let why = match what {
            SecondCommand::Draft(fields) => {
                self.draft(own.second, *fields, Some(ticket), out);
                return Ok(false);
            }
            SecondCommand::Save(fields) => {
                if fields.party.is_none() && !self.nameable(own.second) {
                    return Err(NO_NUMBER);
                }
                self.draft(own.second, *fields, None, out);
                Some(Why::Promised)
            }
            SecondCommand::Resume => Some(Why::Promised),
            SecondCommand::Done => None,
            SecondCommand::Take { .. } | SecondCommand::SendAway | SecondCommand::Swap => return Err(NOTHING),
        };
        self.end_second(now, &extension, own.second, why, out);
        Ok(true)
    }

    /// What is typed is kept with call 2, on disk at once: a crash leaves it in the callback (RULES 4).
    fn draft(&mut self, second: CallId, fields: Fields, ticket: Option<Ticket>, out: &mut Vec<Effect>) {
        let Some(call) = self.calls.get_mut(&second) else { return };
        call.form.merge(fields);
        let record = Record::Draft { call: second, fields: Box::new(call.form.clone()) };
        let seq = self.record(record, out);
        if let Some(ticket) = ticket {
            self.drafts.insert(seq, ticket);
        }
        self.touch();
    }
}

impl Fields {
    /// The later word counts.
    pub(super) fn merge(&mut self, later: Fields) {
        let Fields { party, name, subject, owner, place, note, guide, answers, due } = later;
        self.party = party.or(self.party.take()).filter(|party| *party != Caller::Withheld);
        self.name = name.or(self.name.take());
        self.due = due.or(self.due.take());
        self.answers = match (answers, self.answers.take()) {
            (Some(Some(later)), Some(Some(mut mine))) => {
                mine.extend(later);
                Some(Some(mine))
            }
            (later, mine) => later.or(mine),
        };
        let texts = [
            (&mut self.subject, subject),
            (&mut self.owner, owner),
            (&mut self.place, place),
            (&mut self.note, note),
            (&mut self.guide, guide),
        ];
        for (mine, later) in texts {
            if later.is_some() {
                *mine = later;
            }
        }
    }
}
