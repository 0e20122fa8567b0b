//! A phone dials: outside, a colleague, or something that is refused with a spoken reason (RULES 7).

use crate::dialplan::route::OutboundPermit;
use crate::domain::call::{CallId, Direction, Extension, LegId};
use crate::domain::identity::Caller;
use crate::domain::now::Now;
use crate::domain::outcome::{Out, Outcome};
use crate::domain::text::ScreenText;

use super::call::{State, Talk};
use super::effect::{Effect, Refuse, Sound};
use super::incoming::shown;
use super::input::Refusal;
use super::line::{ANNOUNCE, EMERGENCY_REPLY, Line, Route, Timer};

impl Line {
    pub(super) fn dials(&mut self, now: Now, leg: LegId, extension: Extension, digits: &str, out: &mut Vec<Effect>) {
        let route = self.config.router.route(&extension, digits);
        if self.is_draining() && !matches!(route, Route::Outside { emergency: true, .. }) {
            out.push(Effect::Refuse { leg, why: Refuse::Unavailable });
            return;
        }
        match route {
            Route::Extension(to) => self.dials_colleague(now, leg, extension, to, out),
            Route::Outside { permit, party, emergency } => self.dials_outside(now, leg, extension, permit, party, emergency, out),
            Route::Refused { why, prompt } => self.announce(now, leg, extension, Caller::Unreadable(ScreenText::clean(digits)), why, prompt, out),
        }
    }

    fn dials_colleague(&mut self, now: Now, leg: LegId, from: Extension, to: Extension, out: &mut Vec<Effect>) {
        let party = Caller::Extension(to.0.clone());
        let Some(desk) = self.desks.get(&to) else {
            return self.announce(now, leg, from, party, Refuse::NotFound, "numero-inexistant", out);
        };
        let (idle, registered) = (desk.is_idle(), desk.registered);
        let state = State::Calling { far: leg, permit: None, ringing: false, early: false };
        if !idle || to == from {
            let why = if registered { Refuse::Busy } else { Refuse::Unavailable };
            let outcome = if registered { Out::Busy } else { Out::NoAnswer };
            let id = self.open_call(now, Direction::Internal, party, ScreenText::default(), leg, Some(from), None, State::Announcing(why), out);
            out.push(Effect::Refuse { leg, why });
            return self.end(now, id, Outcome::Out(outcome), None, out);
        }
        let id = self.open_call(now, Direction::Internal, party, ScreenText::default(), leg, Some(from.clone()), None, state, out);
        let far = self.new_leg(id);
        self.set_far(id, far);
        if let Some(desk) = self.desks.get_mut(&from) {
            desk.dials();
        }
        if let Some(desk) = self.desks.get_mut(&to) {
            desk.rings();
        }
        let owner = self.desks.get(&from).map(|d| d.owner.clone()).unwrap_or_default();
        out.push(Effect::RingPhone { leg: far, extension: to, number: from.0, name: owner });
        self.timer(now.instant + self.config.ring_time, id, Timer::RingEnd);
    }

    fn set_far(&mut self, id: CallId, leg: LegId) {
        if let Some(call) = self.calls.get_mut(&id)
            && let State::Calling { far, .. } = &mut call.state
        {
            *far = leg;
        }
    }

    #[allow(clippy::too_many_arguments, reason = "what the dial plan says")]
    fn dials_outside(&mut self, now: Now, leg: LegId, from: Extension, permit: OutboundPermit, party: Caller, emergency: bool, out: &mut Vec<Effect>) {
        let within = emergency || self.desks.get_mut(&from).is_some_and(|d| d.may_call_out(now.instant, self.config.per_hour));
        if !within {
            return self.announce(now, leg, from, party, Refuse::Barred, "numero-refuse", out);
        }
        let trunk = match self.channel(emergency) {
            Some(trunk) => trunk,
            None if emergency => self.preempt(now, out),
            None => return self.announce(now, leg, from, party, Refuse::NoChannel, "lignes-occupees", out),
        };
        let state = State::Calling { far: leg, permit: Some(permit.clone()), ringing: false, early: false };
        let id = self.open_call(now, Direction::Outgoing, party, ScreenText::default(), leg, Some(from.clone()), Some(trunk), state, out);
        if let Some(call) = self.calls.get_mut(&id) {
            call.emergency = emergency;
        }
        if let Some(desk) = self.desks.get_mut(&from) {
            desk.dials();
        }
        if emergency {
            self.alert(now, "emergency", format!("Appel d'urgence en cours depuis le poste {}.", from.0));
        }
        self.call_out(now, id, trunk, permit, out);
    }

    fn call_out(&mut self, now: Now, id: CallId, trunk: usize, permit: OutboundPermit, out: &mut Vec<Effect>) {
        let far = self.new_leg(id);
        self.set_far(id, far);
        out.push(Effect::CallOut { leg: far, trunk, permit });
        if self.calls.get(&id).is_some_and(|c| c.emergency) {
            self.timer(now.instant + EMERGENCY_REPLY, id, Timer::EmergencyReply(far));
        }
    }

    /// The first trunk that can take a call; for an emergency any trunk with a free channel, registered or not.
    fn channel(&self, emergency: bool) -> Option<usize> {
        let free = |t: &usize| self.channels_used(*t) < self.config.channels.get(*t).copied().unwrap_or(0);
        let usable = |t: &usize| self.usable.get(*t).copied().unwrap_or(false);
        let all = 0..self.config.channels.len();
        all.clone().find(|t| free(t) && usable(t)).or_else(|| all.into_iter().find(|t| emergency && free(t)))
    }

    /// All channels are taken: an emergency ends the youngest call that is none (RULES 7.1). A held one goes before.
    fn preempt(&mut self, now: Now, out: &mut Vec<Effect>) -> usize {
        let others = || self.calls.values().filter(|c| c.trunk.is_some() && !c.emergency);
        let held = others().filter(|c| matches!(&c.state, State::Talking(t) if t.held_by.is_some())).max_by_key(|c| c.id);
        let victim = held.or_else(|| others().max_by_key(|c| c.id)).map(|c| (c.id, c.trunk.unwrap_or(0)));
        match victim {
            Some((id, trunk)) => {
                // it is there: it was found a line above
                let _ = self.end_from_our_side(now, id, out);
                trunk
            }
            None => 0,
        }
    }

    /// A refusal that is told first: early media with a prompt, then the status.
    #[allow(clippy::too_many_arguments, reason = "what is refused, to whom, why")]
    fn announce(&mut self, now: Now, leg: LegId, from: Extension, party: Caller, why: Refuse, prompt: &'static str, out: &mut Vec<Effect>) {
        let id = self.open_call(now, Direction::Outgoing, party, ScreenText::default(), leg, Some(from.clone()), None, State::Announcing(why), out);
        if let Some(desk) = self.desks.get_mut(&from) {
            desk.dials();
        }
        out.push(Effect::EarlyMedia(leg));
        out.push(Effect::Play(leg, Sound::Prompts(vec![prompt])));
        self.timer(now.instant + ANNOUNCE, id, Timer::AnnounceEnd);
    }

    pub(super) fn played(&mut self, now: Now, leg: LegId, out: &mut Vec<Effect>) {
        if let Some(id) = self.by_leg.get(&leg).copied() {
            self.announced(now, id, out);
        }
    }

    pub(super) fn announced(&mut self, now: Now, id: CallId, out: &mut Vec<Effect>) {
        let Some(call) = self.calls.get(&id) else { return };
        if let State::Announcing(why) = &call.state {
            out.push(Effect::Refuse { leg: call.caller, why: *why });
            let outcome = if *why == Refuse::NoChannel { Out::Failed } else { Out::Refused };
            self.end(now, id, Outcome::Out(outcome), None, out);
        }
    }

    pub(super) fn far_answered(&mut self, now: Now, id: CallId, leg: LegId, out: &mut Vec<Effect>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let caller = call.caller;
        call.state = State::Talking(Talk { far: leg, since: now.wall, held_by: None, held_since: None, lost: false });
        call.generation += 1;
        let (direction, party, extension) = (call.direction, call.party.clone(), call.extension.clone());
        out.push(Effect::Answer(caller));
        out.push(Effect::Join(caller, leg));
        if let Some(desk) = extension.as_ref().and_then(|e| self.desks.get_mut(e)) {
            desk.dials_no_more();
        }
        if let (Direction::Internal, Caller::Extension(to)) = (direction, &party)
            && let Some(desk) = self.desks.get_mut(&Extension(to.clone()))
        {
            desk.rings_no_more();
            desk.talks(id);
        }
        if let Some(extension) = extension {
            self.start_talking(now, id, extension, out);
        }
        self.phones_became_idle(now, out);
    }

    pub(super) fn far_refused(&mut self, now: Now, id: CallId, leg: LegId, why: &Refusal, out: &mut Vec<Effect>) {
        let Some(call) = self.calls.get(&id) else { return };
        let caller = call.caller;
        if call.emergency && self.next_trunk(now, id, leg, out) {
            return;
        }
        let (refuse, outcome) = match why {
            Refusal::Busy => (Refuse::Busy, Out::Busy),
            Refusal::NoAnswer(status) => (Refuse::Status(*status), Out::NoAnswer),
            Refusal::Silent => (Refuse::Status(408), Out::NoAnswer),
            Refusal::Moved(_) => (Refuse::Unavailable, Out::Failed),
            Refusal::Other(status) => (Refuse::Status(*status), Out::Failed),
        };
        out.push(Effect::Refuse { leg: caller, why: refuse });
        self.end(now, id, Outcome::Out(outcome), None, out);
    }

    pub(super) fn emergency_silent(&mut self, now: Now, id: CallId, leg: LegId, out: &mut Vec<Effect>) {
        let waits = self.calls.get(&id).is_some_and(|c| matches!(c.state, State::Calling { far, ringing: false, early: false, .. } if far == leg));
        if waits && self.has_next_trunk(id) {
            out.push(Effect::Cancel { leg, elsewhere: false });
            self.next_trunk(now, id, leg, out);
        }
    }

    fn has_next_trunk(&self, id: CallId) -> bool {
        self.calls.get(&id).and_then(|c| c.trunk).is_some_and(|t| t + 1 < self.config.channels.len())
    }

    /// An emergency tries each trunk in turn (RULES 7.1); false when the last one was it.
    fn next_trunk(&mut self, now: Now, id: CallId, leg: LegId, out: &mut Vec<Effect>) -> bool {
        if !self.has_next_trunk(id) {
            return false;
        }
        self.by_leg.remove(&leg);
        let Some(call) = self.calls.get_mut(&id) else { return false };
        let from = call.trunk.unwrap_or(0);
        call.trunk = Some(from + 1);
        call.generation += 1;
        let State::Calling { permit, ringing, early, .. } = &mut call.state else { return false };
        (*ringing, *early) = (false, false);
        let Some(permit) = permit.clone() else { return false };
        self.move_channel(from, from + 1);
        self.call_out(now, id, from + 1, permit, out);
        true
    }

    pub(super) fn internal_rang_out(&mut self, now: Now, id: CallId, out: &mut Vec<Effect>) {
        let Some(call) = self.calls.get(&id) else { return };
        let State::Calling { far, .. } = &call.state else { return };
        out.push(Effect::Cancel { leg: *far, elsewhere: false });
        out.push(Effect::Refuse { leg: call.caller, why: Refuse::Unavailable });
        self.end(now, id, Outcome::Out(Out::NoAnswer), None, out);
    }

    /// What a new phone shows of a party that is handed over.
    pub(super) fn shown_of(&self, id: CallId) -> (String, String) {
        self.calls.get(&id).map(|c| shown(&c.party, &c.name)).unwrap_or_default()
    }
}
