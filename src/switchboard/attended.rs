//! The line's side of the attendant: which calls it takes, its talk as effects, and what the end of it means (RULES 2.5, rows 10 to 12b).
//! The talk itself is `attendant`'s.
//!
//! ```text
//!   unanswered -> record safe? -> answered, talking -> gone -> (the recording comes in, or half a second) -> finish
//! ```

use std::time::Duration;

use crate::domain::call::{CallId, Direction, LegId, Record};
use crate::domain::callback::{Fields, Source};
use crate::domain::clip::Clip;
use crate::domain::key::Key;
use crate::domain::now::Now;
use crate::domain::outcome::{Outcome, Reason};
use crate::domain::text::ScreenText;

use super::attendant::{Act, Attendant, Details, Event};
use super::booth;
use super::call::{Call, End, State};
use super::effect::{Effect, Refuse, Sound, Terms};
use super::input::{Gone, Seq};
use super::ledger::Missed;
use super::legs::LegState;
use super::line::{Line, Phase};
use super::timers::Owner;

/// A recording ends after that much silence once something was said, and after so much when nothing was (docs/decisions/0016).
const SILENCE: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(4);
/// What a crash leaves of the mark.
const UNCONFIRMED: &str = "Numéro non confirmé.";
/// The recording of a caller who is gone is waited for no longer.
const LAST_REPORT: Duration = Duration::from_millis(500);

/// A caller with the attendant.
#[derive(Debug)]
pub(super) struct Attended {
    pub(super) caller: LegId,
    /// The record that the answer waits for (RULES 2.1).
    pub(super) opened: Option<Seq>,
    /// How the call would have ended without it.
    end: End,
    /// How long the caller may speak after the tone.
    name_time: Duration,
    /// From the answer on.
    talk: Option<Attendant>,
    /// The caller's leg is gone; only the recording is missing.
    leaving: bool,
    /// The reason of row 11, unless the answer was never acknowledged (row 9).
    nothing: Reason,
}

impl Attended {
    /// How the call ends as it stands.
    pub(super) fn ends(&self) -> End {
        let Some(talk) = &self.talk else { return self.end };
        let outcome = match self.end.outcome {
            Outcome::Missed(_) if talk.given.is_nothing() => Outcome::Missed(self.nothing),
            Outcome::Missed(reason) => Outcome::Attendant(Some(reason)),
            other => other,
        };
        End { outcome, ..self.end }
    }
}

/// What the caller gave, then what a person typed, each once.
fn beside(given: &str, typed: &str) -> String {
    if typed.contains(given) {
        return typed.to_owned();
    }
    [given, typed].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

impl Call {
    /// What is on disk of it for a crash: what its caller gave the attendant, and over it what a person typed.
    pub(super) fn draft(&self) -> Fields {
        let typed = self.form.clone();
        let State::Attendant(Attended { talk: Some(talk), .. }) = &self.state else { return typed };
        let Details { party, note, unconfirmed, .. } = talk.given.details();
        // no mark stands in a draft
        let note = if unconfirmed { beside(&note, UNCONFIRMED) } else { note };
        let note = beside(&note, typed.note.as_deref().unwrap_or_default());
        let mut fields = Fields { party: Some(party), ..Fields::default() };
        fields.merge(typed);
        Fields { note: Some(note).filter(|note| !note.is_empty()), ..fields }
    }
}

impl Line {
    /// For how long a caller whom nobody answered may leave words: the attendant takes it, unless it is off, an emergency was called within the hour, or we are on our way out.
    fn attends(&self, call: &Call, end: End) -> Option<Duration> {
        let lost =
            matches!(end.outcome, Outcome::Missed(Reason::NoAnswer | Reason::Refused | Reason::NoPhone | Reason::Busy | Reason::Closed));
        let takes = lost && call.direction == Direction::Incoming && self.phase == Phase::Running && !self.emergency;
        self.config.attendant.as_ref().filter(|_| takes).map(|rules| rules.name_time)
    }

    /// No phone takes this caller, or none did in time: the one place where a hunt is given up (RULES 2.5).
    pub(super) fn unanswered(&mut self, now: Now, mut call: Call, end: End, out: &mut Vec<Effect>) {
        let mut legs = call.legs();
        let caller = legs.pop().filter(|leg| self.legs.get(*leg).is_some());
        let (Some(caller), Some(name_time)) = (caller, self.attends(&call, end)) else {
            self.let_down(now, call, end, out);
            return;
        };
        for leg in legs {
            self.timers.cancel(Owner::Leg(leg));
            self.legs.close(leg, end.refuse, out);
        }
        self.timers.cancel(Owner::Call(call.id));
        let (opened, heard_of_it) = match &call.state {
            State::Hunting(hunt) => (hunt.opened, hunt.heard_of_it().to_vec()),
            _ => (None, Vec::new()),
        };
        self.offers_attended(now, call.id, &heard_of_it, out);
        call.since = now;
        call.state =
            State::Attendant(Attended { caller, opened, end, name_time, talk: None, leaving: false, nothing: Reason::LeftAttendant });
        match opened {
            Some(seq) => {
                self.awaited.insert(seq, call.id);
                self.put(call);
            }
            None => self.greets(now, call, out),
        }
    }

    /// Its record is safe.
    pub(super) fn attendant_may_begin(&mut self, now: Now, id: CallId, out: &mut Vec<Effect>) {
        let Some(mut call) = self.take(id) else { return };
        if let State::Attendant(attended) = &mut call.state {
            attended.opened = None;
        }
        self.greets(now, call, out);
    }

    fn greets(&mut self, now: Now, mut call: Call, out: &mut Vec<Effect>) {
        let mut acts = Vec::new();
        if let State::Attendant(attended) = &mut call.state {
            let greeting = match attended.end.outcome {
                Outcome::Missed(Reason::Closed) => "accueil-ferme",
                Outcome::Missed(Reason::Busy) => "accueil-occupe",
                _ => "accueil-absent",
            };
            if self.legs.get(attended.caller).is_some_and(|leg| leg.state == LegState::Calling) {
                out.push(Effect::Answer(attended.caller));
                self.legs.up(attended.caller);
            }
            attended.talk = Some(Attendant::new(now.instant, greeting, call.party.clone(), attended.name_time, &mut acts));
        }
        self.carried_out(now, call, acts, out);
    }

    /// Something happened in the talk.
    fn attendant_hears(&mut self, now: Now, mut call: Call, event: Event, out: &mut Vec<Effect>) {
        let (mut acts, mut typed) = (Vec::new(), false);
        if let State::Attendant(attended) = &mut call.state
            && let Some(talk) = attended.talk.take()
        {
            let (router, before) = (&self.config.router, talk.given.details());
            let talk = talk.handle(now.instant, event, &|digits| router.given(digits), &mut acts);
            let told = talk.given.details();
            typed = told.party != before.party || (told.confirmed != before.confirmed && !told.presented);
            attended.talk = Some(talk);
        }
        // a whole number is on disk at once, and whether it is the one: a crash leaves it in the callback
        if typed {
            self.record(Record::Draft { call: call.id, fields: Box::new(call.draft()) }, out);
        }
        self.carried_out(now, call, acts, out);
    }

    fn carried_out(&mut self, now: Now, call: Call, acts: Vec<Act>, out: &mut Vec<Effect>) {
        let State::Attendant(attended) = &call.state else {
            self.put(call);
            return;
        };
        let (leg, max) = (attended.caller, attended.name_time);
        let mut over = false;
        for act in acts {
            match act {
                Act::Say(words) => out.push(Effect::Play(leg, Sound::Prompts(words))),
                Act::Hush => out.push(Effect::Play(leg, Sound::Silence)),
                Act::Listen => out.push(Effect::Listen(leg, Terms { max, silence: SILENCE, patience: PATIENCE })),
                Act::StopListening => out.push(Effect::StopListening(leg)),
                Act::End => over = true,
            }
        }
        if attended.talk.as_ref().is_some_and(Attendant::thanks) {
            self.withdraw(now, call.id, None, out);
        }
        match attended.talk.as_ref().and_then(Attendant::deadline) {
            _ if over => self.attendant_leaves(now, call, out),
            Some(at) => {
                self.timers.set(Owner::Call(call.id), at);
                self.put(call);
            }
            None => self.put(call),
        }
    }

    /// The caller is gone, or is let go: what was given is kept, the recording too.
    pub(super) fn attendant_leaves(&mut self, now: Now, mut call: Call, out: &mut Vec<Effect>) {
        let State::Attendant(attended) = &mut call.state else {
            self.put(call);
            return;
        };
        self.timers.cancel(Owner::Call(call.id));
        self.withdraw(now, call.id, None, out);
        if let Some(seq) = attended.opened.take() {
            self.awaited.remove(&seq);
        }
        self.legs.close(attended.caller, attended.end.refuse, out);
        if !attended.leaving && attended.talk.as_ref().is_some_and(Attendant::listens) {
            attended.leaving = true;
            self.timers.set(Owner::Call(call.id), now.instant + LAST_REPORT);
            self.put(call);
            return;
        }
        let end = attended.ends();
        self.finish(now, call, end, out);
    }

    pub(super) fn attendant_time_is_over(&mut self, now: Now, call: Call, out: &mut Vec<Effect>) {
        if matches!(&call.state, State::Attendant(Attended { leaving: true, .. })) {
            self.attendant_leaves(now, call, out);
        } else {
            self.attendant_hears(now, call, Event::Time, out);
        }
    }

    /// The caller's leg is over. Before the answer it is an ordinary end of a hunt.
    pub(super) fn attendant_gone(&mut self, now: Now, mut call: Call, why: Gone, before: End, out: &mut Vec<Effect>) {
        if let State::Attendant(attended) = &mut call.state {
            if attended.talk.is_none() {
                attended.end = End { refuse: Refuse::Cancelled, during: before.during.or(attended.end.during), ..before };
            }
            if why == Gone::NeverAcknowledged {
                attended.nothing = Reason::Failed;
            }
        }
        self.attendant_leaves(now, call, out);
    }

    /// `false`: this leg is not with the attendant.
    pub(super) fn attendant_key(&mut self, now: Now, leg: LegId, key: Key, out: &mut Vec<Effect>) -> bool {
        self.attendant_event(now, leg, Event::Key(key), out)
    }

    pub(super) fn attendant_played(&mut self, now: Now, leg: LegId, out: &mut Vec<Effect>) -> bool {
        self.attendant_event(now, leg, Event::Played, out)
    }

    fn attendant_event(&mut self, now: Now, leg: LegId, event: Event, out: &mut Vec<Effect>) -> bool {
        let of = |call: &&Call| matches!(&call.state, State::Attendant(attended) if attended.caller == leg && attended.talk.is_some());
        let id = self.legs.get(leg).and_then(|l| self.calls.get(&l.call)).filter(of).map(|call| call.id);
        let Some(call) = id.and_then(|id| self.take(id)) else { return false };
        self.attendant_hears(now, call, event, out);
        true
    }

    /// What was taken down of a leg, which may be gone by now.
    pub(super) fn heard(&mut self, now: Now, leg: LegId, speech: Duration, clip: Clip, out: &mut Vec<Effect>) {
        if self.booth_event(now, leg, booth::Event::Heard(speech, clip.clone()), out) {
            return;
        }
        let of = |call: &&Call| matches!(&call.state, State::Attendant(attended) if attended.caller == leg);
        let Some(call) = self.calls.values().find(of).map(|call| call.id).and_then(|id| self.take(id)) else { return };
        if matches!(&call.state, State::Attendant(Attended { leaving: true, .. })) {
            self.attendant_got(now, call, speech, clip, out);
        } else {
            self.attendant_hears(now, call, Event::Heard(speech, clip), out);
        }
    }

    fn attendant_got(&mut self, now: Now, mut call: Call, speech: Duration, clip: Clip, out: &mut Vec<Effect>) {
        if let State::Attendant(Attended { talk: Some(talk), .. }) = &mut call.state {
            talk.given.heard(speech, clip);
        }
        self.attendant_leaves(now, call, out);
    }

    // ------------------------------------------------------------------ for a person who takes the caller
    /// The attendant talks with this caller, and a person may still take it (until the thanks).
    pub fn is_with_attendant(&self, call: CallId) -> bool {
        self.calls.get(&call).is_some_and(|call| match &call.state {
            State::Attendant(attended) => !attended.leaving && attended.talk.as_ref().is_some_and(|talk| !talk.thanks()),
            _ => false,
        })
    }

    /// Takes the caller back while it may be: its leg, already answered. What it gave is forgotten, a recording too; the caller of this
    /// must put the call into another state.
    pub(super) fn take_from_attendant(&mut self, call: &mut Call, out: &mut Vec<Effect>) -> Option<LegId> {
        let State::Attendant(Attended { caller, talk: Some(talk), leaving: false, .. }) = &call.state else { return None };
        if talk.thanks() {
            return None;
        }
        if talk.listens() {
            out.push(Effect::StopListening(*caller));
        }
        self.timers.cancel(Owner::Call(call.id));
        Some(*caller)
    }

    // ------------------------------------------------------------------ the ledger
    /// Opens the callback of what was given, with the recording written before it.
    pub(super) fn attended(&mut self, now: Now, call: &Call, out: &mut Vec<Effect>) {
        let State::Attendant(Attended { talk: Some(talk), .. }) = &call.state else { return };
        let details = talk.given.details();
        let clip = talk.given.clip().cloned().map(|wav| {
            self.record(Record::Clip { call: call.id, at: call.arrived.wall, wav }, out);
            call.id
        });
        let name = if details.presented { call.name.clone() } else { ScreenText::default() };
        // what a person typed of it while it waited
        let mut form = call.form.clone();
        form.note = form.note.map(|typed| beside(&details.note, &typed));
        let party = form.party.clone().unwrap_or(details.party);
        let how = Missed {
            source: Source::Attendant,
            clip,
            confirmed: details.confirmed,
            unconfirmed: details.unconfirmed,
            note: details.note,
            ..Missed::unanswered()
        };
        self.promised(now, call.arrived.wall, (call.id, String::new()), (party, name, form), how, out);
    }
}
