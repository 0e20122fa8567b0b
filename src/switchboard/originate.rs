//! Calls that the page starts: the person's phone first, then whom it calls (RULES 6, "calling back is agent-first").
//!
//! ```text
//!   Fetching -(written)-> the phone rings -(answered)-> Calling (outside), Hunting (a colleague): the phone hears what comes of it
//!                            '-(refused, not in time)-> cancelled; nobody was called
//! ```
//! The row stands before the phone rings. A phone that was fetched is up: it cannot be refused any more, so that it hears a tone
//! instead and is hung up after it.

use std::borrow::Cow;
use std::time::Duration;

use crate::dialplan::route::OutboundPermit;
use crate::domain::call::{CallId, Direction, Extension, LegId};
use crate::domain::callback::{Callback, CallbackState, Fields, Mark};
use crate::domain::identity::Caller;
use crate::domain::now::Now;
use crate::domain::number::E164;
use crate::domain::outcome::{Out, Outcome};
use crate::domain::text::ScreenText;

use super::call::{Call, End, Speaking, State};
use super::config::Route;
use super::effect::{Done, Effect, Refusal, Refuse, Sound};
use super::input::{Seq, Ticket, To};
use super::keypad::Keypad;
use super::line::{Line, MAX_CALLS, Phase};
use super::timers::Owner;

/// How long a phone that was rung first hears that its call came to nothing, in seconds.
pub(super) const TONE_SECONDS: u64 = 3;

/// A phone fetches its person.
#[derive(Debug)]
pub(super) struct Fetching {
    pub(super) leg: LegId,
    /// The record that the ring waits for.
    pub(super) opened: Option<Seq>,
    then: Then,
}

/// What is done once the phone is answered.
#[derive(Clone, Debug)]
enum Then {
    Outside(OutboundPermit),
    Emergency(OutboundPermit),
    Colleague(Extension),
}

/// The person's phone was not answered: nobody was called, and nobody is the worse for it.
pub(super) fn not_fetched() -> End {
    End::out(Out::Cancelled, Refuse::Cancelled)
}

impl Line {
    /// Starts the call, to be answered once its row is written; or says why not, having changed nothing.
    #[allow(clippy::too_many_arguments, reason = "the command, field by field")]
    pub(super) fn originate(
        &mut self,
        now: Now,
        ticket: Ticket,
        person: &str,
        to: To,
        extension: Option<Extension>,
        guide: String,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let callback = match &to {
            To::Number(_) => None,
            To::Callback(id) => Some(self.open_held_by(*id, person)?),
        };
        let field = if callback.is_some() { "number" } else { "to" };
        let phone = self.phone_of(person, extension);
        // what cannot be called is said first: it is the same from every phone
        let from = phone.clone().unwrap_or_else(|_| Extension(String::new()));
        let then = match (&to, &callback) {
            (To::Number(text), _) => then(self.route_of(&from, text), field)?,
            (To::Callback(_), Some(entry)) => then(self.route_back(&from, entry)?, field)?,
            (To::Callback(_), None) => return Err(Refusal::NotFound),
        };
        let phone = phone?;
        self.may_start(now, &phone, &then, field)?;
        let (direction, party) = match &then {
            Then::Outside(permit) | Then::Emergency(permit) => (Direction::Outgoing, permit.called()),
            Then::Colleague(target) => (Direction::Internal, Caller::Extension(target.0.clone())),
        };
        let entry = then.permit().and_then(|permit| permit.entry());
        let guide = if guide.is_empty() { entry.map(|entry| entry.guide.clone()).unwrap_or_default() } else { guide };
        let known = self.ledger.open_of(&party).map(|open| open.name.clone()).unwrap_or_default();
        let name = entry.map_or_else(|| self.names.of(&party, &known), |entry| ScreenText::clean(&entry.name));
        let (id, seq) = self.opened(now, direction, (party.clone(), name.clone()), Some(phone.clone()), out);
        let written = match callback {
            Some(entry) => self.lock(id, entry, person, &guide, out),
            None => seq,
        };
        self.ledger.waiting.insert(written, (ticket, Done::Call(id)));
        self.reserve(now, (id, direction, party, name, guide), phone, (then, seq));
        Ok(())
    }

    /// The call waits for its row, and the phone belongs to it from now on.
    fn reserve(
        &mut self,
        now: Now,
        (id, direction, party, name, guide): (CallId, Direction, Caller, ScreenText, String),
        phone: Extension,
        (then, opened): (Then, Seq),
    ) {
        let leg = self.legs.reserve(id, phone.clone());
        self.awaited.insert(opened, id);
        self.timers.set(Owner::Call(id), now.instant + self.config.ring_time);
        self.put(Call {
            id,
            direction,
            party,
            name,
            extension: Some(phone),
            arrived: now,
            since: now,
            emergency: matches!(then, Then::Emergency(_)),
            trunk: None,
            connected: None,
            guide,
            recorded: true,
            keypad: Keypad::default(),
            form: Fields::default(),
            state: State::Fetching(Fetching { leg, opened: Some(opened), then }),
        });
    }

    /// The row is written: the phone rings, and shows whom it will call.
    pub(super) fn fetch(&mut self, now: Now, id: CallId, out: &mut Vec<Effect>) {
        let Some(mut call) = self.take(id) else { return };
        if let (State::Fetching(fetching), Some(phone)) = (&mut call.state, call.extension.clone()) {
            fetching.opened = None;
            let (leg, colleague) = (fetching.leg, fetching.then.colleague().cloned());
            self.legs.rung(leg);
            self.ring_on(now, &call, colleague.as_ref(), (leg, phone), out);
        }
        self.put(call);
    }

    /// The person is there.
    pub(super) fn fetched(&mut self, now: Now, mut call: Call, leg: LegId, out: &mut Vec<Effect>) {
        let State::Fetching(Fetching { then, .. }) = &call.state else {
            self.put(call);
            return;
        };
        let then = then.clone();
        self.legs.up(leg);
        self.timers.cancel(Owner::Call(call.id));
        call.since = now;
        match then {
            Then::Outside(permit) => self.dial_outside(now, call, leg, permit, None, out),
            Then::Emergency(permit) => self.dial_emergency(now, call, leg, permit, None, out),
            Then::Colleague(target) => self.ring_colleague(now, call, leg, target, None, out),
        }
    }

    /// Nobody answers a phone that calls: one that was rung first hears a tone before it is hung up, any other is refused at once.
    pub(super) fn let_down(&mut self, now: Now, mut call: Call, end: End, out: &mut Vec<Effect>) {
        let caller = match &call.state {
            State::Calling(calling) => Some(calling.caller),
            State::Hunting(hunt) => Some(hunt.caller),
            State::Fetching(_) | State::Speaking(_) | State::Talking(_) | State::Transferring(_) | State::Held(_) | State::Attendant(_) => {
                None
            }
        };
        // one for whom another caller waits is hung up at once: it rings for that one
        let waited_for = self.legs.desks.iter().any(|desk| desk.double.as_ref().is_some_and(|double| double.is_about(call.id)));
        let caller = caller.filter(|leg| self.legs.is_up(*leg) && !waited_for);
        let (Some(caller), Outcome::Out(outcome)) = (caller, end.outcome) else {
            self.finish(now, call, end, out);
            return;
        };
        for leg in call.legs().into_iter().filter(|leg| *leg != caller) {
            self.timers.cancel(Owner::Leg(leg));
            self.legs.close(leg, end.refuse, out);
        }
        out.push(Effect::Play(caller, if outcome == Out::Busy { Sound::Busy } else { Sound::Congestion }));
        self.timers.set(Owner::Call(call.id), now.instant + Duration::from_secs(TONE_SECONDS));
        call.state = State::Speaking(Speaking { caller, booth: None, why: end.refuse, outcome });
        self.put(call);
    }

    // ------------------------------------------------------------------ what may be started
    /// The phone that is named, else one of the person's, an idle one first.
    fn phone_of(&self, person: &str, extension: Option<Extension>) -> Result<Extension, Refusal> {
        const FIELD: &str = "extension";
        let desks: Vec<_> = match &extension {
            Some(wanted) => self.legs.desk(wanted).into_iter().collect(),
            None => self.legs.desks.iter().filter(|desk| desk.phone.owner == person).collect(),
        };
        let there = || desks.iter().filter(|desk| desk.registered);
        match there().find(|desk| desk.lines().next().is_none() && desk.double.is_none() && !desk.resting) {
            Some(idle) => Ok(idle.extension().clone()),
            None if there().next().is_some() => Err(Refusal::Conflict("Ce téléphone sonne ou est en communication.")),
            None if desks.is_empty() && extension.is_some() => Err(invalid(FIELD, "Ce poste n'existe pas.".into())),
            None if desks.is_empty() => Err(invalid(FIELD, "Aucun téléphone n'est à votre nom : choisissez un poste.".into())),
            None => Err(invalid(FIELD, "Ce téléphone n'est pas connecté.".into())),
        }
    }

    /// What a person typed: with a `+` it is a number already, anything else is read as if it were dialled.
    fn route_of(&self, from: &Extension, text: &str) -> Route {
        let digits: String = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '.' | '-' | '/' | '(' | ')')).collect();
        match digits.starts_with('+').then(|| E164::parse_national_or_international(text)) {
            Some(Ok(number)) => self.config.router.party(from, &Caller::Known(number)),
            Some(Err(_)) | None => self.config.router.route(from, &digits),
        }
    }

    /// The party of an entry that is not called yet.
    fn route_back(&self, from: &Extension, entry: &Callback) -> Result<Route, Refusal> {
        if entry.state == CallbackState::Calling {
            return Err(Refusal::Conflict("Ce rappel est déjà en cours d'appel."));
        }
        if entry.marks.contains(&Mark::ToCheck) {
            return Err(invalid("number", "Ce numéro est à vérifier : corrigez-le avant d'appeler.".into()));
        }
        Ok(self.config.router.party(from, &entry.party))
    }

    fn may_start(&mut self, now: Now, phone: &Extension, then: &Then, field: &'static str) -> Result<(), Refusal> {
        const STOPS: Refusal = Refusal::Unavailable("Le service s'arrête : il ne prend plus d'appels.");
        if self.phase == Phase::Stopped {
            return Err(STOPS);
        }
        match then {
            Then::Emergency(_) => return Ok(()),
            Then::Colleague(target) if target == phone => return Err(invalid(field, "C'est le poste qui appelle.".into())),
            Then::Colleague(target) if self.colleague_cannot(Some(phone), target).is_some() => {
                return Err(Refusal::Conflict("Ce poste n'est pas libre."));
            }
            Then::Colleague(_) => {}
            Then::Outside(_) if !self.within_the_hour(now, Some(phone)) => {
                return Err(Refusal::Barred("Ce poste a fait tous les appels qu'il peut faire en une heure.".into()));
            }
            Then::Outside(_) => match self.free_trunk() {
                Ok(_) => {}
                Err("lignes-occupees") => return Err(Refusal::Unavailable("Toutes les lignes sont occupées.")),
                Err(_) => return Err(Refusal::Unavailable("La ligne est momentanément indisponible.")),
            },
        }
        if self.phase == Phase::Draining {
            return Err(STOPS);
        }
        if self.calls.len() >= MAX_CALLS { Err(Refusal::Unavailable("Trop d'appels sont en cours.")) } else { Ok(()) }
    }
}

impl Then {
    fn permit(&self) -> Option<&OutboundPermit> {
        match self {
            Then::Outside(permit) | Then::Emergency(permit) => Some(permit),
            Then::Colleague(_) => None,
        }
    }

    fn colleague(&self) -> Option<&Extension> {
        match self {
            Then::Colleague(target) => Some(target),
            Then::Outside(_) | Then::Emergency(_) => None,
        }
    }
}

fn invalid(field: &'static str, detail: Cow<'static, str>) -> Refusal {
    Refusal::Invalid { field, detail }
}

fn then(route: Route, field: &'static str) -> Result<Then, Refusal> {
    match route {
        Route::Outside(permit) => Ok(Then::Outside(permit)),
        Route::Emergency(permit) => Ok(Then::Emergency(permit)),
        Route::Extension(target) => Ok(Then::Colleague(target)),
        Route::Switch(_) => Err(invalid(field, "Ce code se compose sur le téléphone.".into())),
        Route::Refused { why: Refuse::Barred, said, .. } => Err(Refusal::Barred(said.into())),
        Route::Refused { said, .. } => Err(invalid(field, said.into())),
    }
}
