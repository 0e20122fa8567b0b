//! A phone gives its party away (REFER, RULES 2.6 and row 23). The party is never dropped because of it: unanswered at the target, the
//! transferor's phone has it again, or rings again.

use crate::domain::call::{CallId, Direction, Extension, LegId};
use crate::domain::now::Now;
use crate::domain::outcome::{Outcome, Why};

use super::call::{State, Talk, Transfer};
use super::effect::{Effect, Sound};
use super::line::{Line, Route, Timer};

impl Line {
    pub(super) fn transfers(&mut self, now: Now, leg: LegId, digits: &str, out: &mut Vec<Effect>) {
        if !self.start_transfer(now, leg, digits, out) {
            out.push(Effect::Transfer { leg, accepted: false });
        }
    }

    fn start_transfer(&mut self, now: Now, leg: LegId, digits: &str, out: &mut Vec<Effect>) -> bool {
        let Some(id) = self.by_leg.get(&leg).copied() else { return false };
        let Some(call) = self.calls.get(&id) else { return false };
        let State::Talking(talk) = &call.state else { return false };
        let party = if leg == call.caller { talk.far } else { call.caller };
        let (since, direction) = (talk.since, call.direction);
        let Some(from) = call.extension.clone().filter(|_| direction != Direction::Internal) else { return false };
        let target_extension = match self.config.router.route(&from, digits) {
            Route::Extension(to) if to != from && self.desks.get(&to).is_some_and(super::desk::Desk::is_idle) => to,
            Route::Extension(_) | Route::Outside { .. } | Route::Refused { .. } => return false,
        };
        let target = self.new_leg(id);
        let (number, name) = self.shown_of(id);
        out.push(Effect::Transfer { leg, accepted: true });
        out.push(Effect::Play(party, Sound::Ringback));
        out.push(Effect::RingPhone { leg: target, extension: target_extension.clone(), number, name });
        if let Some(desk) = self.desks.get_mut(&target_extension) {
            desk.rings();
        }
        let Some(call) = self.calls.get_mut(&id) else { return false };
        call.state = State::Transferring(Transfer {
            party,
            transferor: Some(leg),
            transferor_extension: from,
            target,
            target_extension: Some(target_extension),
            back: false,
            talking_since: since,
        });
        call.generation += 1;
        self.timer(now.instant + self.config.ring_time, id, Timer::RingEnd);
        self.touch();
        true
    }

    pub(super) fn target_answered(&mut self, now: Now, id: CallId, leg: LegId, out: &mut Vec<Effect>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let State::Transferring(t) = &call.state else { return };
        if leg != t.target {
            return;
        }
        let (party, transferor, from, to, since) = (t.party, t.transferor, t.transferor_extension.clone(), t.target_extension.clone(), t.talking_since);
        call.state = State::Talking(Talk { far: leg, since, held_by: None, held_since: None, lost: false });
        call.caller = party;
        call.extension.clone_from(&to);
        call.generation += 1;
        out.push(Effect::Join(party, leg));
        if let Some(transferor) = transferor {
            out.push(Effect::TransferResult { leg: transferor, status: 200 });
            out.push(Effect::HangUp(transferor));
            self.by_leg.remove(&transferor);
        }
        if let Some(desk) = self.desks.get_mut(&from) {
            desk.talks_no_more(id);
        }
        if let Some(desk) = to.as_ref().and_then(|e| self.desks.get_mut(e)) {
            desk.rings_no_more();
            desk.talks(id);
        }
        self.touch();
        self.phones_became_idle(now, out);
    }

    pub(super) fn target_refused(&mut self, now: Now, id: CallId, leg: LegId, out: &mut Vec<Effect>) {
        if matches!(self.calls.get(&id).map(|c| &c.state), Some(State::Transferring(t)) if t.target == leg) {
            self.by_leg.remove(&leg);
            self.not_taken(now, id, out);
        }
    }

    pub(super) fn target_rang_out(&mut self, now: Now, id: CallId, out: &mut Vec<Effect>) {
        let Some(State::Transferring(t)) = self.calls.get(&id).map(|c| &c.state) else { return };
        let target = t.target;
        out.push(Effect::Cancel { leg: target, elsewhere: false });
        self.by_leg.remove(&target);
        self.not_taken(now, id, out);
    }

    /// The target does not take it: back to the phone that gave it away.
    fn not_taken(&mut self, now: Now, id: CallId, out: &mut Vec<Effect>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.generation += 1;
        let State::Transferring(t) = &mut call.state else { return };
        let (party, back, from) = (t.party, t.back, t.transferor_extension.clone());
        if let Some(desk) = t.target_extension.take().and_then(|e| self.desks.get_mut(&e)) {
            desk.rings_no_more();
        }
        if back {
            out.push(Effect::HangUp(party));
            return self.end(now, id, Outcome::Answered(Some(Why::Cut)), None, out);
        }
        if let Some(transferor) = t.transferor {
            let since = t.talking_since;
            out.push(Effect::TransferResult { leg: transferor, status: 480 });
            out.push(Effect::Join(party, transferor));
            call.caller = party;
            call.state = State::Talking(Talk { far: transferor, since, held_by: None, held_since: None, lost: false });
            return self.touch();
        }
        self.ring_back(now, id, from, out);
    }

    fn ring_back(&mut self, now: Now, id: CallId, extension: Extension, out: &mut Vec<Effect>) {
        let target = self.new_leg(id);
        let (number, name) = self.shown_of(id);
        let Some(State::Transferring(t)) = self.calls.get_mut(&id).map(|c| &mut c.state) else { return };
        t.target = target;
        t.target_extension = Some(extension.clone());
        t.back = true;
        out.push(Effect::RingPhone { leg: target, extension: extension.clone(), number, name });
        if let Some(desk) = self.desks.get_mut(&extension) {
            desk.rings();
        }
        self.timer(now.instant + self.config.ring_time, id, Timer::RingEnd);
    }

    pub(super) fn gone_in_transfer(&mut self, now: Now, id: CallId, leg: LegId, out: &mut Vec<Effect>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let State::Transferring(t) = &mut call.state else { return };
        // the BYE that a phone sends after our 202 never ends its party
        if t.transferor == Some(leg) {
            t.transferor = None;
            let from = t.transferor_extension.clone();
            self.by_leg.remove(&leg);
            if let Some(desk) = self.desks.get_mut(&from) {
                desk.talks_no_more(id);
            }
            return self.touch();
        }
        if leg != t.party {
            return;
        }
        out.push(Effect::Cancel { leg: t.target, elsewhere: false });
        out.extend(t.transferor.map(Effect::HangUp));
        self.end(now, id, Outcome::Answered(None), None, out);
    }
}
