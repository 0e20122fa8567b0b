//! The ledger of promises (RULES 6): what ends of calls open, merge, postpone and close. Knows no person's command; those stand in `callbacks`.
//!
//! At most one entry is open for a number; a withheld one has its own each time.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::call::{CallId, Direction, Record};
use crate::domain::callback::{Callback, CallbackId, CallbackState, Fields, Mark, Retry, Source};
use crate::domain::hours::Hours;
use crate::domain::identity::Caller;
use crate::domain::now::Now;
use crate::domain::number::E164;
use crate::domain::outcome::{Out, Outcome, Reason, Why};
use crate::domain::text::ScreenText;

use super::call::{Call, End, State};
use super::effect::{Done, Effect};
use super::input::{Progress, Seq, Ticket};
use super::line::Line;
use super::lock::{Lock, Unlocked};

/// Closed entries that stay at hand to be reopened.
pub const MAX_CLOSED: usize = 1_000;
/// An answered outgoing call of this length closes the callback; one shorter than the second may have been a voicemail.
const REACHED: Duration = Duration::from_secs(15);
const SURELY_REACHED: Duration = Duration::from_secs(60);
/// Recordings that one entry keeps, the newest ones: more than anybody leaves before being called back. One that no entry keeps is erased.
const MAX_CLIPS: usize = 64;
/// A busy number is tried again after this time.
pub(super) const BUSY_AGAIN: Duration = Duration::from_secs(600);

#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) entries: BTreeMap<CallbackId, Callback>,
    pub(super) next: i64,
    /// Answers of the page that wait for their record.
    pub(super) waiting: HashMap<Seq, (Ticket, Done)>,
    /// Entries that are being called, by the call.
    pub(super) locks: HashMap<CallId, Lock>,
}

/// How a caller was lost.
#[derive(Clone, Debug)]
pub(super) struct Missed {
    pub(super) source: Source,
    /// It counts among the unanswered calls of that number.
    pub(super) counted: bool,
    pub(super) left_on_hold: bool,
    pub(super) shared: bool,
    /// The recording of this call.
    pub(super) clip: Option<CallId>,
    /// The number was confirmed by keys, or given without.
    pub(super) confirmed: bool,
    pub(super) unconfirmed: bool,
    /// What else is known; empty for nothing.
    pub(super) note: String,
}

impl Missed {
    pub(super) fn unanswered() -> Missed {
        Missed {
            source: Source::Missed,
            counted: true,
            left_on_hold: false,
            shared: false,
            clip: None,
            confirmed: false,
            unconfirmed: false,
            note: String::new(),
        }
    }

    /// Whether such an end leaves somebody to call back, and how: the one rule, for calls that end and for those found at a start.
    pub(super) fn by(outcome: Outcome) -> Option<Missed> {
        let lost = Missed::unanswered();
        match outcome {
            Outcome::Answered(Some(Why::Promised)) => Some(Missed { source: Source::DoubleCall, counted: false, ..lost }),
            Outcome::Answered(Some(Why::LeftOnHold)) => Some(Missed { counted: false, left_on_hold: true, ..lost }),
            Outcome::Answered(Some(Why::Cut)) => Some(Missed { counted: false, ..lost }),
            Outcome::Attendant(_) => Some(Missed { source: Source::Attendant, ..lost }),
            Outcome::Missed(_) | Outcome::Interrupted => Some(lost),
            Outcome::Answered(None | Some(Why::Elsewhere)) | Outcome::Out(_) => None,
        }
    }
}

impl Ledger {
    /// The open entry of that number.
    pub(super) fn open_of(&self, party: &Caller) -> Option<&Callback> {
        if *party == Caller::Withheld {
            return None;
        }
        self.entries.values().find(|c| c.is_open() && c.party == *party)
    }

    pub(super) fn new_entry(&mut self, at: DateTime<Utc>, party: Caller, source: Source) -> Callback {
        self.next = self.next.max(1);
        let id = CallbackId(self.next);
        self.next += 1;
        Callback {
            id,
            version: 0,
            marks: if matches!(party, Caller::Unreadable(_)) { vec![Mark::ToCheck] } else { Vec::new() },
            party,
            name: ScreenText::default(),
            named: false,
            source,
            subject: String::new(),
            owner: String::new(),
            claimed_by: None,
            place: String::new(),
            note: String::new(),
            guide: String::new(),
            answers: BTreeMap::new(),
            due: None,
            planned: false,
            left_on_hold: false,
            state: CallbackState::Open,
            attempts: 0,
            missed_count: 0,
            first_at: at,
            last_at: at,
            call: None,
            closed_at: None,
            closed_by: None,
            by_fact: false,
            to_confirm: false,
            folded: false,
            clips: Vec::new(),
        }
    }

    /// A record is safe: whoever waited for it is answered.
    pub(super) fn recorded(&mut self, seq: Seq, out: &mut Vec<Effect>) {
        if let Some((ticket, done)) = self.waiting.remove(&seq) {
            out.push(Effect::Reply(ticket, Ok(done)));
        }
    }

    /// Every entry of that number.
    pub(super) fn erase(&mut self, number: &E164) {
        self.entries.retain(|_, entry| entry.party.number() != Some(number));
        self.waiting.retain(|_, (_, done)| match done {
            Done::Callback(entry) => entry.party.number() != Some(number),
            Done::Nothing | Done::Call(_) => true,
        });
    }

    fn forget(&mut self) {
        while self.entries.values().filter(|c| !c.is_open()).count() > MAX_CLOSED {
            let oldest = self.entries.values().filter(|c| !c.is_open()).min_by_key(|c| c.closed_at).map(|c| c.id);
            let Some(id) = oldest else { return };
            self.entries.remove(&id);
        }
    }
}

impl Line {
    /// What the records hold, before the first input. `next` is greater than any id ever used.
    pub fn load(&mut self, callbacks: Vec<Callback>, next: CallbackId, out: &mut Vec<Effect>) {
        self.ledger.entries = callbacks.into_iter().map(|c| (c.id, c)).collect();
        self.ledger.next = next.0;
        self.break_locks(out);
    }

    /// Due times follow new opening hours from now on.
    pub fn set_hours(&mut self, hours: Hours) {
        self.config.callbacks.hours = hours;
    }

    /// From the next promise on; those made keep their time.
    pub fn set_promises(&mut self, promise: Duration, retry: Vec<Retry>) {
        self.config.callbacks.promise = promise;
        self.config.callbacks.retry = retry;
    }

    /// Keeps and writes the next version.
    pub(super) fn keep(&mut self, mut callback: Callback, out: &mut Vec<Effect>) -> Seq {
        callback.version += 1;
        self.ledger.entries.insert(callback.id, callback.clone());
        self.ledger.forget();
        self.touch();
        self.record(Record::Callback(Box::new(callback)), out)
    }

    /// What the end of a call means for the ledger (RULES 3, last column).
    pub(super) fn ledger_of(&mut self, now: Now, call: &Call, end: End, out: &mut Vec<Effect>) {
        let unlocked = self.unlock(call);
        // what was said of the call does not stand for a caller who is lost at its end
        let lost = Missed::by(end.outcome).is_some() && self.ledger.open_of(&call.party).is_none();
        if unlocked != Unlocked::Settled || lost {
            self.fact(now, call, end, out);
        }
        self.write_unlocked(unlocked, out);
    }

    fn fact(&mut self, now: Now, call: &Call, End { outcome, explained, .. }: End, out: &mut Vec<Effect>) {
        if call.emergency || call.direction == Direction::Internal {
            return;
        }
        // a call 2 is kept as its form says
        let form = call.form.clone();
        let who = (form.party.clone().unwrap_or_else(|| call.party.clone()), call.name.clone(), form.clone());
        let at = call.arrived.wall;
        if matches!(outcome, Outcome::Attendant(_)) {
            return self.attended(now, call, out);
        }
        if let Some(how) = Missed::by(outcome) {
            let answered = matches!(outcome, Outcome::Answered(_));
            if answered && form.party.as_ref().is_some_and(|typed| *typed != call.party) {
                let sentence = format!("promis à un autre numéro par {}", self.person(call.extension.as_ref()));
                self.closed_by_fact(now, call, sentence, false, out);
            }
            let promised = outcome == Outcome::Answered(Some(Why::Promised));
            let owner = if promised { self.person(call.extension.as_ref()) } else { String::new() };
            let shared = outcome == Outcome::Missed(Reason::CallerGaveUp) && !explained && self.is_shared(call);
            return self.promised(now, at, (call.id, owner), who, Missed { shared, ..how }, out);
        }
        match (outcome, call.direction) {
            (Outcome::Answered(why), Direction::Incoming) => {
                let when = self.hour(call.connected.unwrap_or(now).wall);
                let sentence = match why {
                    Some(Why::Elsewhere) => format!("a rappelé, pris ailleurs {when}"),
                    _ => format!("a rappelé, répondu par {} {when}", self.person(call.extension.as_ref())),
                };
                self.closed_by_fact(now, call, sentence, false, out);
            }
            (Outcome::Answered(_), _) => self.called_back(now, call, out),
            (Outcome::Out(out_as), _) => self.tried(now, call, out_as, out),
            // those are lost callers
            (Outcome::Missed(_) | Outcome::Attendant(_) | Outcome::Interrupted, _) => {}
        }
    }

    fn is_shared(&self, call: &Call) -> bool {
        call.trunk.and_then(|t| self.config.trunks.get(t)).is_some_and(|t| t.shared)
    }

    /// A caller of the process before this one.
    pub(super) fn stranded(
        &mut self,
        now: Now,
        (call, at): (CallId, DateTime<Utc>),
        (caller, name, form): (Caller, ScreenText, Fields),
        outcome: Outcome,
        out: &mut Vec<Effect>,
    ) {
        if let Some(how) = Missed::by(outcome) {
            let who = (form.party.clone().unwrap_or(caller), name, form);
            self.promised(now, at, (call, String::new()), who, how, out);
        }
    }

    /// A caller whom nobody answered.
    pub(super) fn missed(
        &mut self,
        now: Now,
        at: DateTime<Utc>,
        call: CallId,
        (party, name): (Caller, ScreenText),
        how: Missed,
        out: &mut Vec<Effect>,
    ) {
        self.promised(now, at, (call, String::new()), (party, name, Fields::default()), how, out);
    }

    /// Opens the one entry of that number, or adds to it; what a person typed of the call stands in it.
    pub(super) fn promised(
        &mut self,
        now: Now,
        at: DateTime<Utc>,
        (call, owner): (CallId, String),
        (party, name, form): (Caller, ScreenText, Fields),
        how: Missed,
        out: &mut Vec<Effect>,
    ) {
        let due = self.config.callbacks.hours.after_open_time(at, self.config.callbacks.promise);
        let mut entry = match self.ledger.open_of(&party) {
            // a person had to do with that caller: it is nobody's canvassing
            Some(open) => Callback { folded: open.folded && how.counted, ..open.clone() },
            None => {
                let first = self.ledger.entries.values().all(|c| c.party != party);
                let automated = party.number().is_some_and(|number| self.config.router.is_automated(number));
                let folded = how.counted && first && automated && !self.names.is_contact(&party);
                Callback { folded, ..self.ledger.new_entry(at, party, how.source) }
            }
        };
        if how.source != Source::Missed {
            entry.source = how.source;
        }
        if entry.name.is_empty() {
            entry.name = name;
        }
        if !entry.folded && entry.due.is_none_or(|was| due.is_some_and(|due| due < was)) {
            entry.due = due;
            entry.planned = false;
        }
        entry.missed_count += u32::from(how.counted);
        entry.left_on_hold |= how.left_on_hold;
        if how.shared {
            entry.mark(Mark::MaybeElsewhere);
        }
        entry.given(&how);
        entry.last_at = entry.last_at.max(now.wall.min(at).max(entry.first_at));
        entry.call = Some(call);
        if entry.owner.is_empty() {
            entry.owner = owner;
        }
        super::callbacks::write(&mut entry, Fields { party: None, ..form });
        self.remember(&entry);
        self.keep(self.with_name(entry), out);
    }

    fn closed_by_fact(&mut self, now: Now, call: &Call, sentence: String, to_confirm: bool, out: &mut Vec<Effect>) {
        let Some(mut entry) = self.ledger.open_of(&call.party).cloned() else { return };
        entry.state = CallbackState::Done;
        entry.closed_at = Some(now.wall);
        entry.closed_by = Some(sentence);
        entry.by_fact = true;
        entry.to_confirm = to_confirm;
        entry.claimed_by = None;
        entry.call = Some(call.id);
        self.keep(entry, out);
    }

    /// An outgoing call was answered: long enough, it was the callback.
    fn called_back(&mut self, now: Now, call: &Call, out: &mut Vec<Effect>) {
        let Some(since) = call.connected else { return };
        let talked = now.instant.since(since.instant);
        if talked < REACHED {
            return;
        }
        let sentence = format!("rappelé par {} {}, {}", self.person(call.extension.as_ref()), self.hour(since.wall), length(talked));
        self.closed_by_fact(now, call, sentence, talked < SURELY_REACHED, out);
    }

    /// An outgoing call reached nobody: it is tried again later.
    fn tried(&mut self, now: Now, call: &Call, how: Out, out: &mut Vec<Effect>) {
        let rang = matches!(&call.state, State::Calling(calling) if calling.far_end >= Progress::Ringing);
        if !matches!((how, rang), (Out::NoAnswer | Out::Busy, _) | (Out::Cancelled, true)) {
            return;
        }
        let Some(mut entry) = self.ledger.open_of(&call.party).cloned() else { return };
        let retry = usize::try_from(entry.attempts).ok().and_then(|n| self.config.callbacks.retry.get(n).copied());
        entry.attempts = entry.attempts.saturating_add(1);
        let retry = if how == Out::Busy { Some(Retry::After(BUSY_AGAIN)) } else { retry };
        entry.due = retry.and_then(|retry| self.again(now.wall, retry));
        entry.planned = entry.due.is_some();
        entry.left_on_hold = false;
        entry.call = Some(call.id);
        self.keep(entry, out);
    }

    /// Wall time, moved to the next opening.
    pub(super) fn again(&self, now: DateTime<Utc>, retry: Retry) -> Option<DateTime<Utc>> {
        let hours = &self.config.callbacks.hours;
        match retry {
            Retry::After(time) => hours.opening_from(now.checked_add_signed(chrono::TimeDelta::from_std(time).ok()?)?),
            Retry::HalfDay => hours.next_start(now),
        }
    }
}

impl Callback {
    /// What the attendant was told.
    fn given(&mut self, how: &Missed) {
        if how.confirmed {
            self.marks.retain(|mark| *mark != Mark::Unconfirmed);
        }
        if how.unconfirmed {
            self.mark(Mark::Unconfirmed);
        }
        if !how.note.is_empty() && !self.note.contains(how.note.as_str()) {
            let before = if self.note.is_empty() { "" } else { "\n" };
            self.note = format!("{}{before}{}", self.note, how.note);
        }
        self.clips.extend(how.clip);
        let excess = self.clips.len().saturating_sub(MAX_CLIPS);
        self.clips.drain(..excess);
    }
}

/// "45 s", "3 min 10".
fn length(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {:02}", seconds / 60, seconds % 60) }
}
