//! What a person does to the ledger: creates, corrects, closes, reopens, takes, gives back, postpones. Each is answered once it is written.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::call::CallId;
use crate::domain::callback::{CallResult, Callback, CallbackId, CallbackState, Fields, Mark, Retry, Source};
use crate::domain::identity::Caller;
use crate::domain::now::Now;
use crate::domain::text::ScreenText;

use super::effect::{Done, Effect, Refusal};
use super::input::{CallbackCommand, Ticket};
use super::ledger::BUSY_AGAIN;
use super::line::Line;

/// After a voicemail.
const VOICEMAIL_AGAIN: std::time::Duration = std::time::Duration::from_secs(3600);
/// For how long a closing by a fact can be answered by what really happened.
const UNDO: TimeDelta = TimeDelta::minutes(10);

impl Line {
    pub(super) fn callback_command(&mut self, now: Now, ticket: Ticket, person: &str, what: CallbackCommand, out: &mut Vec<Effect>) {
        match self.changed(now.wall, person, what) {
            Ok(callback) => {
                self.remember(&callback);
                let callback = self.merged(now.wall, callback, out);
                let seq = self.keep(callback, out);
                if let Some(kept) = out.iter().rev().find_map(written) {
                    self.ledger.waiting.insert(seq, (ticket, Done::Callback(Box::new(kept))));
                }
            }
            Err(refusal) => out.push(Effect::Reply(ticket, Err(refusal))),
        }
    }

    /// Open again, to be written with what follows.
    pub(super) fn reopened(&mut self, id: CallbackId) {
        if let Some(entry) = self.ledger.entries.get_mut(&id) {
            reopen(entry);
        }
    }

    fn changed(&mut self, now: DateTime<Utc>, person: &str, what: CallbackCommand) -> Result<Callback, Refusal> {
        match what {
            CallbackCommand::Create(fields) => Ok(self.created(now, fields)),
            CallbackCommand::Patch(id, fields) => {
                let mut entry = self.not_called_by_another(id, person)?;
                let numbered = fields.party.is_some() && fields.name.is_none();
                if fields.name.as_ref().is_some_and(ScreenText::is_empty) {
                    self.names.give(&entry.party, &ScreenText::default());
                }
                entry.left_on_hold &= fields.due.is_none();
                write(&mut entry, fields);
                Ok(if numbered { self.with_name(entry) } else { entry })
            }
            CallbackCommand::Close(id, result) => {
                let entry = self.held_by(id, person)?;
                let entry = self.closed(now, person, entry, result)?;
                self.spoken_for(&entry);
                Ok(entry)
            }
            CallbackCommand::Reopen(id) => {
                let mut entry = self.held_by(id, person)?;
                if entry.is_open() {
                    return Err(Refusal::Conflict("Ce rappel est déjà ouvert."));
                }
                reopen(&mut entry);
                Ok(entry)
            }
            CallbackCommand::Claim(id) => {
                let mut entry = self.open_held_by(id, person)?;
                entry.claimed_by = Some(person.to_owned());
                if entry.owner.is_empty() {
                    person.clone_into(&mut entry.owner);
                }
                Ok(entry)
            }
            CallbackCommand::Release(id) => {
                let mut entry = self.held_by(id, person)?;
                if entry.state == CallbackState::Calling {
                    return Err(Refusal::Conflict("Ce rappel est en cours d'appel."));
                }
                entry.claimed_by = None;
                Ok(entry)
            }
            CallbackCommand::Postpone(id, due) => {
                let mut entry = self.open_held_by(id, person)?;
                entry.due = Some(due);
                entry.planned = true;
                entry.left_on_hold = false;
                Ok(entry)
            }
        }
    }

    fn entry(&self, id: CallbackId) -> Result<Callback, Refusal> {
        self.ledger.entries.get(&id).cloned().ok_or(Refusal::NotFound)
    }

    /// Nobody else holds it.
    fn held_by(&self, id: CallbackId, person: &str) -> Result<Callback, Refusal> {
        let entry = self.entry(id)?;
        match &entry.claimed_by {
            Some(other) if other != person => Err(Refusal::Conflict("Une autre personne s'occupe de ce rappel.")),
            _ => Ok(entry),
        }
    }

    fn not_called_by_another(&self, id: CallbackId, person: &str) -> Result<Callback, Refusal> {
        let entry = self.entry(id)?;
        if entry.state == CallbackState::Calling { self.held_by(id, person) } else { Ok(entry) }
    }

    pub(super) fn open_held_by(&self, id: CallbackId, person: &str) -> Result<Callback, Refusal> {
        let entry = self.held_by(id, person)?;
        if entry.is_open() { Ok(entry) } else { Err(Refusal::Conflict("Ce rappel est clos : rouvrez-le d'abord.")) }
    }

    fn created(&mut self, now: DateTime<Utc>, fields: Fields) -> Callback {
        let party = fields.party.clone().unwrap_or(Caller::Withheld);
        let promised = self.config.callbacks.hours.after_open_time(now, self.config.callbacks.promise);
        let mut entry = match self.ledger.open_of(&party) {
            // what a person promises stands in nobody's canvassing
            Some(open) if open.folded => Callback { folded: false, due: promised, ..open.clone() },
            Some(open) => open.clone(),
            None => Callback { due: promised, ..self.ledger.new_entry(now, party, Source::Manual) },
        };
        write(&mut entry, fields);
        self.with_name(entry)
    }

    fn closed(&self, now: DateTime<Utc>, person: &str, mut entry: Callback, result: CallResult) -> Result<Callback, Refusal> {
        let undone = entry.to_confirm || (entry.by_fact && entry.closed_at.is_some_and(|at| now - at <= UNDO));
        if !entry.is_open() && !undone {
            return Err(Refusal::Conflict("Ce rappel est déjà clos."));
        }
        entry.claimed_by = None;
        let when = self.hour(now);
        match result {
            CallResult::Reached if !entry.is_open() => entry.to_confirm = false,
            CallResult::Reached => end(&mut entry, now, CallbackState::Done, format!("joint, selon {person} {when}")),
            CallResult::None => end(&mut entry, now, CallbackState::Dropped, format!("clos sans appel par {person} {when}")),
            CallResult::Voicemail | CallResult::Busy => {
                // a call that closed it by itself was not counted as a try
                reopen(&mut entry);
                entry.attempts = entry.attempts.saturating_add(1);
                let time = if result == CallResult::Busy { BUSY_AGAIN } else { VOICEMAIL_AGAIN };
                entry.due = self.again(now, Retry::After(time));
                entry.planned = entry.due.is_some();
                entry.left_on_hold = false;
            }
            CallResult::WrongNumber => {
                reopen(&mut entry);
                entry.mark(Mark::ToCheck);
                entry.due = None;
                entry.planned = false;
                entry.left_on_hold = false;
            }
        }
        Ok(entry)
    }

    /// One open entry for a number: the older id lives on with what either knew, the other is dropped.
    fn merged(&mut self, now: DateTime<Utc>, entry: Callback, out: &mut Vec<Effect>) -> Callback {
        let other = self.ledger.entries.values().find(|c| c.id != entry.id && c.is_open() && c.party == entry.party);
        let Some(other) = other.filter(|_| entry.is_open() && entry.party != Caller::Withheld).cloned() else { return entry };
        let fresh = |mine: &String, theirs: &String| if mine.is_empty() { theirs.clone() } else { mine.clone() };
        let (older, mut younger) = if other.id < entry.id { (&other, entry.clone()) } else { (&entry, other.clone()) };
        let sooner = [&entry, &other].into_iter().filter(|c| c.due.is_some()).min_by_key(|c| c.due);
        let whole = Callback {
            id: older.id,
            version: older.version,
            marks: marks(&entry, &other),
            name: if entry.name.is_empty() { other.name.clone() } else { entry.name.clone() },
            named: if entry.name.is_empty() { other.named } else { entry.named },
            subject: fresh(&entry.subject, &other.subject),
            owner: fresh(&entry.owner, &other.owner),
            place: fresh(&entry.place, &other.place),
            note: notes(&older.note, &younger.note),
            guide: fresh(&entry.guide, &other.guide),
            answers: other.answers.iter().chain(&entry.answers).map(|(step, answer)| (step.clone(), answer.clone())).collect(),
            claimed_by: entry.claimed_by.clone().or(other.claimed_by.clone()),
            due: sooner.and_then(|c| c.due),
            planned: sooner.is_some_and(|c| c.planned),
            folded: entry.folded && other.folded,
            left_on_hold: entry.left_on_hold || other.left_on_hold,
            // a call for either goes on
            state: if other.state == CallbackState::Calling { other.state } else { entry.state },
            attempts: entry.attempts.max(other.attempts),
            missed_count: entry.missed_count.saturating_add(other.missed_count),
            first_at: entry.first_at.min(other.first_at),
            last_at: entry.last_at.max(other.last_at),
            call: entry.call.max(other.call),
            clips: both(&older.clips, &younger.clips),
            ..entry.clone()
        };
        end(&mut younger, now, CallbackState::Dropped, "réuni avec un autre rappel du même numéro".to_owned());
        self.keep(younger, out);
        whole
    }
}

/// What either was doubted for; a number that was just given is not one to check.
fn marks(entry: &Callback, other: &Callback) -> Vec<Mark> {
    let mut whole = entry.clone();
    let doubts = other.marks.iter().filter(|mark| **mark != Mark::ToCheck || matches!(entry.party, Caller::Unreadable(_)));
    doubts.for_each(|mark| whole.mark(*mark));
    whole.marks
}

/// One after the other; what both say, once.
fn notes(older: &str, younger: &str) -> String {
    match (older.contains(younger), younger.contains(older)) {
        (true, _) => older.to_owned(),
        (false, true) => younger.to_owned(),
        (false, false) => format!("{older}\n{younger}"),
    }
}

fn both(older: &[CallId], younger: &[CallId]) -> Vec<CallId> {
    let mut clips = [older, younger].concat();
    clips.sort_unstable();
    clips
}

/// The callback of a record.
fn written(effect: &Effect) -> Option<Callback> {
    match effect {
        Effect::Record(_, crate::domain::call::Record::Callback(callback)) => Some(callback.as_ref().clone()),
        _ => None,
    }
}

fn end(entry: &mut Callback, now: DateTime<Utc>, state: CallbackState, sentence: String) {
    entry.state = state;
    entry.closed_at = Some(now);
    entry.closed_by = Some(sentence);
    entry.by_fact = false;
    entry.to_confirm = false;
    entry.claimed_by = None;
}

fn reopen(entry: &mut Callback) {
    entry.state = CallbackState::Open;
    entry.closed_at = None;
    entry.closed_by = None;
    entry.by_fact = false;
    entry.to_confirm = false;
}

/// What is given replaces what stood there.
pub(super) fn write(entry: &mut Callback, fields: Fields) {
    if let Some(party) = fields.party {
        entry.marks.retain(|mark| *mark != Mark::ToCheck);
        entry.party = party;
    }
    if let Some(name) = fields.name {
        entry.named = !name.is_empty();
        entry.name = name;
    }
    if let Some(due) = fields.due {
        entry.due = due;
        entry.planned = due.is_some();
    }
    match fields.answers {
        None => {}
        Some(None) => entry.answers.clear(),
        Some(Some(answers)) => {
            for (step, answer) in answers {
                match answer {
                    Some(answer) => entry.answers.insert(step, answer),
                    None => entry.answers.remove(&step),
                };
            }
        }
    }
    let texts = [
        (&mut entry.subject, fields.subject),
        (&mut entry.owner, fields.owner),
        (&mut entry.place, fields.place),
        (&mut entry.note, fields.note),
        (&mut entry.guide, fields.guide),
    ];
    for (field, text) in texts {
        if let Some(text) = text {
            *field = text;
        }
    }
}
