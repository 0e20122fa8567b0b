//! Calls that look for a phone: incoming ones, and those between extensions once they ring (RULES 2.3 to 2.6).

use std::time::Duration;

use crate::domain::call::{CallId, Direction, Extension, LegId, Record};
use crate::domain::callback::Fields;
use crate::domain::identity::Caller;
use crate::domain::now::Now;
use crate::domain::outcome::{Out, Outcome, Reason};
use crate::domain::text::ScreenText;

use super::call::{Call, Calling, End, Party, Stage, State, Talk};
use super::config::Route;
use super::desk::DeskState;
use super::effect::{Effect, Refuse};
use super::input::Refusal;
use super::keypad::Keypad;
use super::ledger::Missed;
use super::legs::Who;
use super::line::{Line, MAX_CALLS, Phase, REPLY_SECONDS};
use super::ringing::{Attempt, Hunt, Spent, Targets};
use super::timers::Owner;

impl Call {
    /// It is to be looked at whenever a phone becomes idle or goes into a call.
    pub(super) fn searches(&self) -> bool {
        match &self.state {
            State::Hunting(hunt) => hunt.targets == Targets::Group,
            State::Transferring(transfer) => transfer.stage == Stage::Back(None),
            State::Held(held) => held.searches(),
            State::Fetching(_) | State::Calling(_) | State::Speaking(_) | State::Talking(_) | State::Attendant(_) => false,
        }
    }

    pub(super) fn hunt_mut(&mut self) -> Option<&mut Hunt> {
        match &mut self.state {
            State::Hunting(hunt) => Some(hunt),
            State::Fetching(_)
            | State::Calling(_)
            | State::Speaking(_)
            | State::Talking(_)
            | State::Transferring(_)
            | State::Held(_)
            | State::Attendant(_) => None,
        }
    }
}

/// What a caller for whom no phone rings can hope for.
enum Hope {
    /// Some phone rings or dials for another, or listens to us: it may become idle.
    Wait,
    End(End),
}

impl Line {
    pub(super) fn rings(&mut self, now: Now, leg: LegId, trunk: usize, who: (Caller, ScreenText), usable: bool, out: &mut Vec<Effect>) {
        if self.legs.get(leg).is_some() {
            return;
        }
        let full = self.calls.len() >= MAX_CALLS;
        let who = self.named(who);
        let (party, name) = who.clone();
        let (id, seq) = self.opened(now, Direction::Incoming, who, None, out);
        self.legs.arrived(leg, id, Who::Trunk(trunk));
        let state = State::Hunting(Hunt::new(leg, Targets::Group, seq));
        let call = Call {
            id,
            direction: Direction::Incoming,
            party,
            name,
            extension: None,
            arrived: now,
            since: now,
            emergency: false,
            trunk: Some(trunk),
            connected: None,
            guide: String::new(),
            recorded: true,
            keypad: Keypad::default(),
            form: Fields::default(),
            state,
        };
        if let Some(end) = self.not_taken(trunk, usable, full) {
            self.unanswered(now, call, end, out);
            return;
        }
        self.awaited.insert(seq, id);
        self.timers.set(Owner::Call(id), now.instant + self.config.ring_time);
        self.seek(now, call, out);
    }

    /// Why an incoming call does not even look for a phone.
    fn not_taken(&self, trunk: usize, usable: bool, full: bool) -> Option<End> {
        let channels = self.config.trunks.get(trunk).map_or(usize::MAX, |t| t.channels);
        if !usable {
            Some(End::missed(Reason::Failed, Refuse::NotAcceptable))
        } else if full {
            Some(End::missed(Reason::Overloaded, Refuse::Overloaded))
        } else if self.phase != Phase::Running {
            Some(End::missed(Reason::NoPhone, Refuse::Unavailable))
        } else if self.legs.channels_used(trunk) > channels {
            Some(End::missed(Reason::Overloaded, Refuse::Busy))
        } else if !self.open && !self.emergency {
            Some(End::missed(Reason::Closed, Refuse::Unavailable))
        } else {
            None
        }
    }

    /// The exchange refused it already: its row is all that is left (rows 20, 21).
    pub(super) fn turned_away(&mut self, now: Now, who: (Caller, ScreenText), reason: Reason, out: &mut Vec<Effect>) {
        let who = self.named(who);
        let (party, name) = who.clone();
        let (call, _) = self.opened(now, Direction::Incoming, who, None, out);
        let outcome = Outcome::Missed(reason);
        self.record(Record::Ended { call, at: now.wall, outcome, during: None, short: false }, out);
        self.missed(now, now.wall, call, (party, name), Missed::unanswered(), out);
    }

    /// Rings every phone that may ring for this caller; with none, waits or ends.
    pub(super) fn seek(&mut self, now: Now, mut call: Call, out: &mut Vec<Effect>) {
        if matches!(call.state, State::Transferring(_)) {
            self.seek_back(now, call, out);
            return;
        }
        if matches!(call.state, State::Held(_)) {
            self.seek_recall(now, call, out);
            return;
        }
        let targets = call.hunt_mut().map(|hunt| self.targets(&hunt.targets)).unwrap_or_default();
        for extension in &targets {
            let may = call.hunt_mut().is_some_and(|hunt| hunt.may_ring(extension)) && self.is_idle(extension);
            if may {
                self.ring_for(now, &mut call, extension.clone(), false, out);
            }
        }
        let mut rings = call.hunt_mut().is_some_and(|hunt| hunt.is_ringing());
        if call.direction == Direction::Incoming {
            if !rings || now.instant.since(call.arrived.instant) >= self.config.waiting_after {
                if self.config.second_by_phone {
                    self.ring_busy(now, &mut call, &targets, out);
                } else {
                    self.offer(now, &mut call, &targets, out);
                }
            }
            self.offer_timer(now, &mut call);
            rings = call.hunt_mut().is_some_and(|hunt| hunt.is_ringing());
        }
        if rings || !self.offered(call.id, false).is_empty() {
            self.put(call);
            return;
        }
        match self.hope(call.hunt_mut(), &targets) {
            Hope::Wait => self.put(call),
            Hope::End(end) => self.unanswered(now, call, end, out),
        }
    }

    /// [`Line::seek`] could find something for it: a hunt that rings, and on every phone that it may ring, waits for those alone. In a flood, that is
    /// nearly every call.
    pub(super) fn may_gain(&self, id: CallId) -> bool {
        match self.calls.get(&id).map(|call| &call.state) {
            Some(State::Hunting(hunt)) if hunt.is_ringing() => self.targets(&hunt.targets).iter().any(|extension| hunt.may_ring(extension)),
            _ => true,
        }
    }

    fn targets(&self, targets: &Targets) -> Vec<Extension> {
        match targets {
            Targets::Group if self.emergency => self.config.phones.iter().map(|p| p.extension.clone()).collect(),
            Targets::Group => self.config.ring.clone(),
            Targets::One(extension) => vec![extension.clone()],
        }
    }

    /// The phone is registered, has a call free and may be disturbed.
    pub(super) fn is_idle(&self, extension: &Extension) -> bool {
        self.legs.desk(extension).is_some_and(|desk| desk.state() == DeskState::Free && (self.emergency || !desk.do_not_disturb))
    }

    fn hope(&self, hunt: Option<&mut Hunt>, targets: &[Extension]) -> Hope {
        let mut refused = hunt.as_ref().is_some_and(|hunt| hunt.refused());
        let (mut engaged, mut in_the_way) = (false, hunt.as_ref().and_then(|hunt| hunt.in_the_way));
        for desk in targets.iter().filter_map(|e| self.legs.desk(e)) {
            if desk.do_not_disturb && !self.emergency {
                refused |= desk.registered;
            } else if hunt.as_ref().is_some_and(|hunt| hunt.may_ring(desk.extension())) {
                match desk.state() {
                    DeskState::Engaged => engaged = true,
                    // with us alone (a code, a spoken reason): soon idle, and in nobody's way
                    DeskState::InCall(call) if self.calls.get(&call).is_some_and(|call| matches!(call.state, State::Speaking(_))) => {
                        engaged = true;
                    }
                    DeskState::InCall(call) => in_the_way = in_the_way.or(Some(call)),
                    DeskState::Free | DeskState::Unregistered => {}
                }
            }
        }
        if engaged {
            return Hope::Wait;
        }
        Hope::End(match in_the_way {
            Some(_) => End { during: in_the_way, ..End::missed(Reason::Busy, Refuse::Busy) },
            None if refused => End::missed(Reason::Refused, Refuse::Busy),
            None => End::missed(Reason::NoPhone, Refuse::Unavailable),
        })
    }

    pub(super) fn ring_for(&mut self, now: Now, call: &mut Call, extension: Extension, moved: bool, out: &mut Vec<Effect>) {
        let colleague = call.extension.clone().filter(|_| call.direction == Direction::Internal);
        let leg = self.ring_phone(now, call, colleague.as_ref(), extension.clone(), out);
        if let Some(hunt) = call.hunt_mut() {
            hunt.rings(Attempt { leg, extension, moved });
        }
    }

    /// A new leg to a phone, which shows the colleague who calls it, else the call's party.
    pub(super) fn ring_phone(
        &mut self,
        now: Now,
        call: &Call,
        colleague: Option<&Extension>,
        extension: Extension,
        out: &mut Vec<Effect>,
    ) -> LegId {
        let leg = self.legs.call(call.id, Who::Phone(extension.clone()));
        self.ring_on(now, call, colleague, (leg, extension), out);
        leg
    }

    pub(super) fn ring_on(
        &mut self,
        now: Now,
        call: &Call,
        colleague: Option<&Extension>,
        (leg, extension): (LegId, Extension),
        out: &mut Vec<Effect>,
    ) {
        self.timers.set(Owner::Leg(leg), now.instant + Duration::from_secs(REPLY_SECONDS));
        let (number, name) = match colleague {
            Some(from) => {
                (Caller::Extension(from.0.clone()).display(), self.legs.desk(from).map(|d| d.phone.owner.clone()).unwrap_or_default())
            }
            None => (call.party.display(), self.shown_name(call)),
        };
        out.push(Effect::RingPhone { leg, extension, number, name });
    }

    pub(super) fn phone_answered(&mut self, now: Now, mut call: Call, leg: LegId, out: &mut Vec<Effect>) {
        let Some((caller, attempt, others)) = call.hunt_mut().and_then(|hunt| {
            let attempt = hunt.take(leg)?;
            Some((hunt.caller, attempt, hunt.attempts().map(|a| a.leg).collect::<Vec<_>>()))
        }) else {
            self.put(call);
            return;
        };
        if !self.legs.is_up(caller) {
            out.push(Effect::Answer(caller));
        }
        out.push(Effect::Join(caller, leg));
        for other in others {
            self.timers.cancel(Owner::Leg(other));
            self.legs.elsewhere(other, out);
        }
        let phone = match self.legs.get(caller).map(|l| l.who.clone()) {
            Some(Who::Phone(extension)) => Some(extension),
            Some(Who::Trunk(_)) | None => None,
        };
        let talk = Talk { caller: Party::new(caller, phone), callee: Party::new(leg, Some(attempt.extension.clone())) };
        if call.direction == Direction::Incoming {
            call.extension = Some(attempt.extension.clone());
        }
        self.connected(now, call, talk, Some(attempt.extension), out);
    }

    /// Both sides are up for the first time: written once a call.
    pub(super) fn connected(&mut self, now: Now, mut call: Call, talk: Talk, by: Option<Extension>, out: &mut Vec<Effect>) {
        if let State::Hunting(Hunt { opened: Some(seq), .. }) | State::Calling(Calling { opened: Some(seq), .. }) = &call.state {
            self.awaited.remove(seq);
        }
        // dialled after the code (RULES 7.5)
        let dialled_open = matches!(&call.state, State::Calling(calling) if calling.permit.keypad_open());
        self.legs.up(talk.caller.leg);
        self.legs.up(talk.callee.leg);
        self.timers.cancel(Owner::Call(call.id));
        self.withdraw(now, call.id, None, out);
        self.own_answered(call.id, by.as_ref());
        self.record(Record::Answered { call: call.id, at: now.wall, by }, out);
        call.since = now;
        call.connected.get_or_insert(now);
        call.keypad.open |= !self.config.keypad.required || dialled_open;
        let id = call.id;
        call.state = State::Talking(talk);
        self.put(call);
        self.keypad_follows(id, out);
    }

    pub(super) fn phone_said_no(&mut self, now: Now, mut call: Call, leg: LegId, why: Refusal, out: &mut Vec<Effect>) {
        let Some(attempt) = call.hunt_mut().and_then(|hunt| hunt.take(leg)) else {
            self.put(call);
            return;
        };
        // one that wants our credentials was not reached either (rows 5, 6)
        let spent = match why {
            Refusal::Silent | Refusal::Other(401 | 407) => Spent::Absent,
            Refusal::Busy | Refusal::NoAnswer | Refusal::Moved(_) | Refusal::Other(_) => Spent::Refused,
        };
        if let Some(hunt) = call.hunt_mut() {
            hunt.spend(&attempt.extension, spent);
        }
        if let Some(desk) = self.legs.desk_mut(&attempt.extension) {
            desk.own = desk.own.filter(|own| own.second != call.id);
        }
        if let Refusal::Moved(digits) = &why
            && let Some(extension) = self.followed(&call, &attempt, digits)
        {
            self.ring_for(now, &mut call, extension, true, out);
            self.put(call);
        } else if call.direction == Direction::Incoming {
            self.seek(now, call, out);
        } else {
            self.unanswered(now, call, internal_end(why), out);
        }
    }

    /// The phone that a 302 sends the caller to: one of ours, idle, not asked yet, and only once.
    fn followed(&self, call: &Call, attempt: &Attempt, digits: &str) -> Option<Extension> {
        let State::Hunting(hunt) = &call.state else { return None };
        if attempt.moved {
            return None;
        }
        match self.config.router.route(&attempt.extension, digits) {
            Route::Extension(extension) if hunt.may_ring(&extension) && self.is_idle(&extension) => Some(extension),
            Route::Extension(_) | Route::Switch(_) | Route::Outside(_) | Route::Emergency(_) | Route::Refused { .. } => None,
        }
    }
}

/// How a call between extensions ends when the colleague's phone says no.
fn internal_end(why: Refusal) -> End {
    match why {
        Refusal::Busy => End::out(Out::Busy, Refuse::Busy),
        Refusal::NoAnswer | Refusal::Silent => End::out(Out::NoAnswer, Refuse::Unavailable),
        Refusal::Moved(_) => End::out(Out::Failed, Refuse::Unavailable),
        Refusal::Other(status) => End::out(Out::Failed, super::outbound::passed_on(status)),
    }
}
