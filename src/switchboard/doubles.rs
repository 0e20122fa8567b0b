//! The double call carried out: events find their phone, the table of `double_call` says what follows, and it is done here (RULES 4).

use std::time::Duration;

use crate::domain::call::{CallId, Direction, Extension, LegId};
use crate::domain::key::Key;
use crate::domain::now::Now;
use crate::domain::outcome::Outcome;

use super::call::{Call, End, Party, State, Talk};
use super::double_call::{self, Act, Double, Event, Step};
use super::effect::{Effect, Refuse, Sound};
use super::held;
use super::input::Gone;
use super::legs::{LegState, Who};
use super::line::Line;
use super::over::{promised, settled};
use super::timers::Owner;
use super::transfer::{ByeEnds, Referred};

/// Keys of a phone are ignored for that long after call 2 was offered to it.
const DEAF: Duration = Duration::from_secs(1);
/// The second `1` that ends call 1 comes within that time of the first.
const TWICE: Duration = Duration::from_secs(3);

impl Line {
    /// What the event leads to on that phone. `false`: nothing to do there. The call that a gone leg belonged to is ended here too.
    pub(super) fn on_double(&mut self, now: Now, extension: &Extension, event: Event, out: &mut Vec<Effect>) -> bool {
        let Some(desk) = self.legs.desk_mut(extension) else { return false };
        let Some(double) = desk.double.clone() else { return false };
        let Some((to, acts)) = double_call::next(double.step, event) else { return false };
        let takes = matches!(event, Event::Take | Event::TakeEndingFirst);
        if takes && !self.may_leave(extension, double.first) {
            return false;
        }
        let takes_back = takes && self.is_with_attendant(double.second);
        if double.attended && !takes_back && !matches!(event, Event::FirstLeft | Event::FirstSentOn) {
            return false;
        }
        if double.step == Step::Waiting && acts.first() == Some(&Act::ToneOff) {
            self.tone_off(extension, out);
        }
        if let Some(desk) = self.legs.desk_mut(extension) {
            desk.double = to.map(|step| match (step, double.step) {
                (Step::Recall, Step::Second) => Double::recall(double.first, now.instant),
                (Step::Recall, _) => Double::recall(double.second, now.instant),
                (step, _) => Double { step, since: now.instant, one_at: None, attended: false, ..double },
            });
        }
        let mut hand = None;
        for act in acts {
            self.act(now, extension, &double, (*act, &mut hand), out);
        }
        self.legs.moved = true;
        true
    }

    /// The phone stands in that call, which can do without it: one that was sent on cannot be held.
    fn may_leave(&self, extension: &Extension, call: CallId) -> bool {
        let stays = matches!(self.calls.get(&call).map(|call| &call.state), Some(State::Talking(_) | State::Calling(_)));
        stays && self.phone_leg(extension, call).is_some()
    }

    fn act(&mut self, now: Now, extension: &Extension, double: &Double, (act, hand): (Act, &mut Option<Party>), out: &mut Vec<Effect>) {
        let (first, second) = (double.first, double.second);
        match act {
            // done before the state changed
            Act::ToneOff => {}
            Act::HoldFirst => *hand = self.park(now, extension, first, out),
            Act::HoldSecond => *hand = self.park(now, extension, second, out),
            Act::ConnectFirst => self.connect(now, extension, first, hand.take(), out),
            Act::ConnectSecond => self.connect(now, extension, second, hand.take(), out),
            Act::EndFirst => self.end_one(now, first, |call| End::new(answered_or_cancelled(call), Refuse::Cancelled), out),
            Act::CutFirst => self.end_one(now, first, Call::cut, out),
            Act::CutSecond => self.end_second(now, extension, second, Call::cut, out),
            Act::PromiseSecond => self.end_second(now, extension, second, promised, out),
            Act::SettleSecond => self.end_second(now, extension, second, settled, out),
            Act::FirstLeftOnHold => self.end_one(now, first, held::left, out),
            Act::SecondLeftOnHold => self.end_second(now, extension, second, held::left, out),
            Act::RecallFirst => self.recall(now, first),
            Act::RecallSecond => self.recall(now, second),
            Act::RestThenRing => self.rest_then_ring(now, extension, second),
            Act::SendSecondAway => self.send_away(now, extension, (first, second), out),
            Act::LowTone => {
                if let Some(leg) = self.phone_leg(extension, second) {
                    out.push(Effect::Overlay(leg, Some(Sound::LowTone)));
                }
            }
        }
    }

    /// A call that ended already on the way here has nothing left to end.
    fn end_one(&mut self, now: Now, id: CallId, end: impl FnOnce(&Call) -> End, out: &mut Vec<Effect>) {
        if let Some(call) = self.take(id) {
            let end = end(&call);
            self.finish(now, call, end, out);
        }
    }

    /// The phone and that caller hear each other: one who is held, or one who waited to be taken.
    fn connect(&mut self, now: Now, extension: &Extension, id: CallId, phone: Option<Party>, out: &mut Vec<Effect>) {
        let Some(call) = self.take(id) else { return };
        let Some(phone) = phone else {
            self.put(call);
            return;
        };
        let leg = phone.leg;
        let shown = self.shown_to(&call, extension);
        match &call.state {
            State::Held(_) => self.unpark(now, call, phone, out),
            State::Hunting(_) | State::Attendant(_) => self.taken(now, call, extension, phone, out),
            _ => self.put(call),
        }
        if self.legs.get(leg).is_some() {
            out.push(Effect::Party { leg, number: shown.0, name: shown.1 });
        }
    }

    /// Call 2 is taken by a phone that is in a call: answered, with that phone.
    fn taken(&mut self, now: Now, mut call: Call, extension: &Extension, phone: Party, out: &mut Vec<Effect>) {
        let waited = match &call.state {
            State::Hunting(hunt) => Some((hunt.caller, hunt.attempts().map(|a| a.leg).collect::<Vec<_>>())),
            _ => self.take_from_attendant(&mut call, out).map(|caller| (caller, Vec::new())),
        };
        let Some((caller, others)) = waited else {
            self.put(call);
            return;
        };
        self.withdraw(now, call.id, Some(extension), out);
        // a phone that had only dialled is answered by taking the call
        if self.legs.get(phone.leg).is_some_and(|l| l.state == LegState::Calling) {
            out.push(Effect::Answer(phone.leg));
        }
        self.legs.reassign(phone.leg, call.id);
        if self.legs.get(caller).is_some_and(|l| l.state == LegState::Calling) {
            out.push(Effect::Answer(caller));
        }
        let talk = Talk { caller: Party::new(caller, None), callee: phone };
        talk.heard(out);
        for other in others {
            self.timers.cancel(Owner::Leg(other));
            self.legs.elsewhere(other, out);
        }
        call.extension = Some(extension.clone());
        self.connected(now, call, talk, Some(extension.clone()), out);
    }

    /// While others hear of it or ring, they may take it; once all have withdrawn nobody is waited for (row 16).
    fn send_away(&mut self, now: Now, extension: &Extension, (first, second): (CallId, CallId), out: &mut Vec<Effect>) {
        let Some(mut call) = self.take(second) else { return };
        let Some(hunt) = call.hunt_mut() else { return self.put(call) };
        hunt.spend(extension, super::ringing::Spent::Withdrawn);
        hunt.in_the_way.get_or_insert(first);
        if hunt.is_ringing() || !self.offered(second, false).is_empty() {
            self.seek(now, call, out);
        } else {
            let end = self.busy(&call);
            self.unanswered(now, call, end, out);
        }
    }

    // ------------------------------------------------------------------ events find their phone
    /// The phone whose double call is about that call, beyond `Waiting`.
    pub(super) fn double_of(&self, call: CallId) -> Option<(Extension, Double)> {
        self.legs.desks.iter().find_map(|desk| {
            let double = desk.double.as_ref().filter(|double| double.step != Step::Waiting && double.is_about(call))?;
            Some((desk.extension().clone(), double.clone()))
        })
    }

    /// A leg of an answered or held call is gone. `false`: it is no matter of a double call.
    pub(super) fn gone_in_double(&mut self, now: Now, leg: LegId, who: &Who, (id, why): (CallId, Gone), out: &mut Vec<Effect>) -> bool {
        if let Who::Phone(extension) = who
            && self.has_just_referred(now, extension, id) == Some(ByeEnds::Resumed)
            // a further call may wait on it already
            && self.legs.desk(extension).is_some_and(|desk| desk.double.as_ref().is_none_or(|double| double.step == Step::Waiting))
        {
            return self.recall_referrer(now, extension.clone(), id, out);
        }
        let Some((extension, double)) = self.double_of(id) else { return false };
        let agent = matches!(who, Who::Phone(of) if *of == extension) && double.heard() == Some(id);
        let event = match (agent, why) {
            (true, Gone::Lost) => Event::AgentLost,
            (true, Gone::HungUp | Gone::Elsewhere | Gone::Explained | Gone::NeverAcknowledged) => Event::AgentLeft,
            (false, _) => double.left(id),
        };
        // an unacknowledged leg is still there: it ends with its call
        let _ = leg;
        self.on_double(now, &extension, event, out)
    }

    /// A call ended whatever the table says (a channel was needed, a time was over): what is left of its double call goes on.
    pub(super) fn double_without(&mut self, now: Now, call: CallId, out: &mut Vec<Effect>) {
        let about = |desk: &super::desk::Desk| desk.double.as_ref().is_some_and(|double| double.is_about(call));
        while let Some(extension) = self.legs.desks.iter().find(|desk| about(desk)).map(|desk| desk.extension().clone()) {
            let Some(double) = self.legs.desk(&extension).and_then(|desk| desk.double.clone()) else { return };
            let event = match double.step {
                Step::Second | Step::Swapped if double.heard() == Some(call) => Event::AgentLost,
                Step::Waiting | Step::Second | Step::Swapped | Step::Recall => double.left(call),
            };
            if !self.on_double(now, &extension, event, out)
                && let Some(desk) = self.legs.desk_mut(&extension)
            {
                desk.double = None;
            }
        }
    }

    // ------------------------------------------------------------------ a transfer out of a double call
    /// The party heard is sent on: the phone goes back to the other one at once.
    pub(super) fn resumes_after_refer(&mut self, now: Now, extension: &Extension, phone: Party, out: &mut Vec<Effect>) {
        let Some(double) = self.legs.desk_mut(extension).and_then(|desk| desk.double.take()) else { return };
        let Some(held) = double.held() else { return };
        if let Some(desk) = self.legs.desk_mut(extension) {
            desk.referred = Some(Referred { at: now.instant, call: held, bye_ends: ByeEnds::Resumed });
        }
        self.connect(now, extension, held, Some(phone), out);
        self.legs.moved = true;
    }

    /// The BYE that ends the transfer took the resumed caller's phone away: it is called back.
    fn recall_referrer(&mut self, now: Now, extension: Extension, id: CallId, out: &mut Vec<Effect>) -> bool {
        let Some(own) = self.park(now, &extension, id, out) else { return false };
        // one that was never acknowledged is still there
        self.legs.close(own.leg, Refuse::Cancelled, out);
        if let Some(desk) = self.legs.desk_mut(&extension) {
            desk.referred = None;
            desk.double = Some(Double::recall(id, now.instant));
        }
        self.recall(now, id);
        true
    }

    // ------------------------------------------------------------------ keys
    /// A key of a phone in a call, with the keypad closed. `false`: it means nothing now (a low tone).
    pub(super) fn command_key(&mut self, now: Now, extension: &Extension, call: CallId, key: Key, out: &mut Vec<Effect>) -> bool {
        let Some(double) = self.legs.desk(extension).and_then(|desk| desk.double.clone()).filter(|d| d.heard() == Some(call)) else {
            return false;
        };
        if double.step == Step::Waiting {
            return self.waiting_key(now, extension, &double, key, out);
        }
        match (double.step, key.sign()) {
            (Step::Second, b'1') => self.nameable(double.second) && self.on_double(now, extension, Event::Save, out),
            (Step::Second | Step::Swapped, b'2') => self.on_double(now, extension, Event::Swap, out),
            (Step::Second, b'0') => self.on_double(now, extension, Event::Settle, out),
            (Step::Swapped, b'1') => self.on_double(now, extension, Event::EndFirst, out),
            _ => false,
        }
    }

    fn waiting_key(&mut self, now: Now, extension: &Extension, double: &Double, key: Key, out: &mut Vec<Effect>) -> bool {
        if now.instant.since(double.since) < DEAF {
            return true;
        }
        let (direction, dialling) = match self.calls.get(&double.first) {
            Some(call) => (call.direction, matches!(call.state, State::Calling(_))),
            None => return false,
        };
        match key.sign() {
            b'2' if !dialling => self.on_double(now, extension, Event::Take, out),
            b'0' => self.on_double(now, extension, Event::SendAway, out),
            // a menu may ask for a 1 on an outgoing call: from its answer on only the page ends that
            b'1' if direction != Direction::Outgoing || dialling => {
                if double.one_at.is_some_and(|at| now.instant.since(at) <= TWICE) {
                    return self.on_double(now, extension, Event::TakeEndingFirst, out);
                }
                if let Some(double) = self.legs.desk_mut(extension).and_then(|desk| desk.double.as_mut()) {
                    double.one_at = Some(now.instant);
                }
                if let Some(leg) = self.phone_leg(extension, double.first) {
                    out.push(Effect::Overlay(leg, Some(Sound::Beep)));
                }
                true
            }
            _ => false,
        }
    }

    /// Its callback would have a number, or a person typed one.
    pub(super) fn nameable(&self, call: CallId) -> bool {
        let Some(call) = self.calls.get(&call) else { return false };
        call.form.party.is_some() || call.party != crate::domain::identity::Caller::Withheld
    }
}

/// Call 1 ends by a person's choice: what it was until then.
fn answered_or_cancelled(call: &Call) -> Outcome {
    match call.connected {
        Some(_) => Outcome::Answered(None),
        None => Outcome::Out(crate::domain::outcome::Out::Cancelled),
    }
}
