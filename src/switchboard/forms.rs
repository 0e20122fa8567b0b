//! What a person does to a double call on the page: take, send away, swap, save, settle, and the draft of the form (RULES 4, CONTRACT `second-call`).

use std::borrow::Cow;

use crate::domain::call::{CallId, Extension, Record};
use crate::domain::callback::Fields;
use crate::domain::identity::Caller;
use crate::domain::now::Now;

use super::call::{Call, End, State};
use super::desk::Desk;
use super::double_call::{Double, Event, Step};
use super::effect::{Done, Effect, Refusal};
use super::input::{SecondCommand, SecondTarget, Ticket};
use super::line::Line;
use super::over::{promised, settled};
use super::own_waiting::Own;

pub(super) const NOTHING: Refusal = Refusal::Conflict("Aucun double appel n'attend cette action.");
const SEVERAL: Refusal = Refusal::Conflict("Plusieurs doubles appels sont en cours : dites lequel.");
pub(super) const NO_NUMBER: Refusal =
    Refusal::Invalid { field: "number", detail: Cow::Borrowed("Le numéro est masqué : demandez-le et notez-le.") };

/// What an action of the page is about.
enum Meant {
    Ours(Double),
    /// The phone's own call waiting.
    Own(Own),
    /// Call 2 is over: the other word about it, or the last of what was typed.
    Over,
}

/// What that action can be about at that phone, of the call that was named if one was.
fn meant(now: Now, desk: &Desk, id: Option<CallId>, what: &SecondCommand) -> Option<Meant> {
    let named = |calls: [CallId; 2]| id.is_none_or(|id| calls.contains(&id));
    if let Some(own) = desk.own.filter(|own| named([own.first, own.second])) {
        return match what {
            SecondCommand::Save(_) | SecondCommand::Resume | SecondCommand::Draft(_) | SecondCommand::Done => Some(Meant::Own(own)),
            SecondCommand::Take { .. } | SecondCommand::SendAway | SecondCommand::Swap => None,
        };
    }
    if let Some(double) = desk.double.as_ref().filter(|double| named([double.first, double.second])) {
        let taken = matches!(double.step, Step::Second | Step::Swapped);
        let fits = match what {
            SecondCommand::Take { .. } => double.step == Step::Waiting,
            SecondCommand::SendAway => double.step == Step::Waiting && !double.attended,
            SecondCommand::Swap | SecondCommand::Save(_) | SecondCommand::Resume | SecondCommand::Done => taken,
            // the last letters may come when the phone was hung up already: of the call that was named only
            SecondCommand::Draft(_) => double.step != Step::Recall || id.is_some(),
        };
        if fits {
            return Some(Meant::Ours(double.clone()));
        }
    }
    let over = desk.over.as_ref().filter(|over| over.can_change(now.instant) && named([over.call; 2]))?;
    let fits = match what {
        // only the form that was open then has more to say
        SecondCommand::Save(_) => over.settled || (over.form_open && id.is_some()),
        SecondCommand::Draft(_) => id.is_some(),
        SecondCommand::Resume => over.settled,
        SecondCommand::Done => !over.settled,
        SecondCommand::Take { .. } | SecondCommand::SendAway | SecondCommand::Swap => false,
    };
    fits.then_some(Meant::Over)
}

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
            Ok(meant) => self.second_done(now, ticket, person, meant, what, out),
            Err(refusal) => match (target.id, what) {
                (Some(call), SecondCommand::Draft(fields)) => self.typed_after(now, ticket, person, call, *fields, out),
                _ => Err(refusal),
            },
        };
        match done {
            Ok(true) => out.push(Effect::Reply(ticket, Ok(Done::Nothing))),
            // answered once it is written
            Ok(false) => {}
            Err(refusal) => out.push(Effect::Reply(ticket, Err(refusal))),
        }
    }

    /// The one double call that is meant: by call, by phone, else on the phones of that person.
    fn second_of(&self, now: Now, person: &str, target: &SecondTarget, what: &SecondCommand) -> Result<(Extension, Meant), Refusal> {
        let meant_by = |asked: &dyn Fn(&&Desk) -> bool| {
            let meant = |desk: &Desk| Some((desk.extension().clone(), meant(now, desk, target.id, what)?));
            self.legs.desks.iter().filter(asked).filter_map(meant).collect::<Vec<_>>()
        };
        let mut found = match &target.extension {
            Some(extension) => meant_by(&|desk| desk.extension() == extension),
            None => meant_by(&|desk| desk.phone.owner == person),
        };
        // a colleague's double call, where it is named
        if found.is_empty() && target.extension.is_none() && target.id.is_some() {
            found = meant_by(&|_| true);
        }
        let mut found = found.into_iter();
        let first = found.next().ok_or(NOTHING)?;
        // one caller offered to two phones of the same person is one double call
        let second = |meant: &Meant| if let Meant::Ours(double) = meant { Some(double.second) } else { None };
        if found.any(|(_, other)| second(&other) != second(&first.1)) {
            return Err(SEVERAL);
        }
        Ok(first)
    }

    /// `true`: done, to be answered now; `false`: it is answered when a record is written.
    fn second_done(
        &mut self,
        now: Now,
        ticket: Ticket,
        person: &str,
        (extension, meant): (Extension, Meant),
        what: SecondCommand,
        out: &mut Vec<Effect>,
    ) -> Result<bool, Refusal> {
        let double = match meant {
            Meant::Own(own) => return self.own_done(now, ticket, (extension, own), what, out),
            Meant::Over => return self.said_late(now, ticket, person, &extension, what, out),
            Meant::Ours(double) => double,
        };
        let ends = matches!(what, SecondCommand::Save(_) | SecondCommand::Resume | SecondCommand::Done);
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
        if !self.on_double(now, &extension, event, out) {
            return Err(NOTHING);
        }
        if ends {
            self.form_done(&extension);
        }
        Ok(true)
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
        // while it only rings, or is with the attendant, there is nothing of it to end
        let talks = self.calls.get(&own.second).is_some_and(|call| matches!(call.state, State::Talking(_)));
        let end: fn(&Call) -> End = match what {
            SecondCommand::Save(_) | SecondCommand::Resume | SecondCommand::Done if !talks => return Err(NOTHING),
            SecondCommand::Draft(fields) => {
                self.draft(own.second, *fields, Some(ticket), out);
                return Ok(false);
            }
            SecondCommand::Save(fields) => {
                if fields.party.is_none() && !self.nameable(own.second) {
                    return Err(NO_NUMBER);
                }
                self.draft(own.second, *fields, None, out);
                promised
            }
            SecondCommand::Resume => promised,
            SecondCommand::Done => settled,
            SecondCommand::Take { .. } | SecondCommand::SendAway | SecondCommand::Swap => return Err(NOTHING),
        };
        self.end_second(now, &extension, own.second, end, out);
        self.form_done(&extension);
        Ok(true)
    }

    /// What is typed is kept with call 2, on disk at once: a crash leaves it in the callback (RULES 4).
    fn draft(&mut self, second: CallId, fields: Fields, ticket: Option<Ticket>, out: &mut Vec<Effect>) {
        let Some(call) = self.calls.get_mut(&second) else { return };
        call.form.merge(fields);
        let record = Record::Draft { call: second, fields: Box::new(call.draft()) };
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
