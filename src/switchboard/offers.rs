//! Call 2 in the waiting tone: to which phones it is offered, for how long, and who takes it (RULES 2.4, 4 Waiting).

use crate::domain::call::{CallId, Extension, LegId};
use crate::domain::now::Now;
use crate::domain::outcome::Reason;

use super::call::{Call, End, State};
use super::desk::Use;
use super::double_call::{Double, Event, Step};
use super::effect::{Effect, Refuse, Sound};
use super::held::REST;
use super::line::Line;
use super::ringing::Targets;
use super::timers::Owner;

impl Line {
    /// The leg by which that phone stands in that call.
    pub(super) fn phone_leg(&self, extension: &Extension, call: CallId) -> Option<LegId> {
        self.legs.desk(extension)?.legs().find(|(_, of, _)| *of == call).map(|(leg, _, _)| leg)
    }

    /// The phones on which that caller waits; those from which the attendant took it, too, if `attended`.
    pub(super) fn offered(&self, call: CallId, attended: bool) -> Vec<Extension> {
        let waits = |d: &Double| d.step == Step::Waiting && d.second == call && (attended || !d.attended);
        self.legs.desks.iter().filter(|desk| desk.double.as_ref().is_some_and(waits)).map(|desk| desk.extension().clone()).collect()
    }

    /// The call in which that phone may hear of another one: the one that is not on hold there; it has no double call yet.
    fn offerable(&self, extension: &Extension) -> Option<(CallId, bool)> {
        let desk = self.legs.desk(extension)?;
        let free = desk.double.as_ref().is_none_or(|double| double.attended);
        if !free || (desk.do_not_disturb && !self.emergency) || desk.legs().any(|(_, _, what)| what == Use::Ringing) {
            return None;
        }
        let calls: Vec<(CallId, bool, bool)> = desk
            .legs()
            .filter_map(|(leg, call, _)| match &self.calls.get(&call)?.state {
                State::Talking(talk) => Some((call, talk.seen_from(leg).0.holds, false)),
                State::Calling(_) => Some((call, false, true)),
                _ => None,
            })
            .collect();
        if calls.len() < desk.phone.calls.max(1) {
            return None;
        }
        calls.iter().find(|(_, holds, _)| !holds).or(calls.first()).map(|(call, _, dials)| (*call, *dials))
    }

    /// The caller is offered to every phone that is in a plain call; whoever only dials hears the tone too (RULES 4).
    pub(super) fn offer(&mut self, now: Now, call: &mut Call, targets: &[Extension], out: &mut Vec<Effect>) {
        for extension in targets {
            if !call.hunt_mut().is_some_and(|hunt| hunt.may_ring(extension)) {
                continue;
            }
            let Some((first, dials)) = self.offerable(extension) else { continue };
            if let Some(hunt) = call.hunt_mut() {
                hunt.offered_to(extension, (!dials).then_some(first));
            }
            if let Some(desk) = self.legs.desk_mut(extension) {
                desk.double = Some(Double::waiting(first, call.id, now.instant));
            }
            self.hears_of_another(first, out);
            if let Some(leg) = self.phone_leg(extension, first) {
                out.push(Effect::Overlay(leg, Some(Sound::Waiting)));
            }
            self.touch();
        }
    }

    /// When the caller stops waiting for phones that are in a call, or starts to be offered to them.
    pub(super) fn offer_timer(&mut self, now: Now, call: &mut Call) {
        let offered = self.offered(call.id, false);
        let talks = offered.iter().find_map(|extension| self.talks_in(extension));
        let (id, arrived) = (call.id, call.arrived.instant);
        let Some(hunt) = call.hunt_mut() else { return };
        // whom the phone had only dialled may have answered since
        hunt.in_the_way = hunt.in_the_way.or(talks);
        if hunt.is_ringing() {
            let from = arrived + self.config.waiting_after;
            match hunt.targets == Targets::Group && from > now.instant {
                true => self.timers.set(Owner::Offer(id), from),
                false => self.timers.cancel(Owner::Offer(id)),
            }
        } else if !offered.is_empty() && hunt.in_the_way.is_some() {
            let until = *hunt.offer_until.get_or_insert(now.instant + self.config.offer_time);
            self.timers.set(Owner::Offer(id), until.max(now.instant));
        }
    }

    /// Call 1 of that phone's double call, if it was answered.
    fn talks_in(&self, extension: &Extension) -> Option<CallId> {
        let first = self.legs.desk(extension)?.double.as_ref()?.first;
        self.calls.get(&first).filter(|call| call.connected.is_some()).map(|call| call.id)
    }

    /// `ring_seconds` are over while the caller is offered to phones in a call only: the time of the offer rules, also if a phone rings
    /// meanwhile.
    pub(super) fn offer_rules(&mut self, now: Now, call: Call, out: &mut Vec<Effect>) {
        let until = match &call.state {
            State::Hunting(hunt) => hunt.offer_until.filter(|until| *until > now.instant),
            _ => None,
        };
        if let Some(until) = until {
            self.timers.set(Owner::Call(call.id), until);
            self.put(call);
        } else {
            let end = self.busy(&call);
            self.unanswered(now, call, end, out);
        }
    }

    pub(super) fn offer_time_is_over(&mut self, now: Now, id: CallId, out: &mut Vec<Effect>) {
        let Some(mut call) = self.take(id) else { return };
        let ringing = call.hunt_mut().map(|hunt| hunt.is_ringing());
        match ringing {
            Some(true) => self.seek(now, call, out),
            Some(false) => {
                let end = self.busy(&call);
                self.unanswered(now, call, end, out);
            }
            None => self.put(call),
        }
    }

    /// The end of a caller for whom the agents were busy.
    pub(super) fn busy(&self, call: &Call) -> End {
        End { during: in_the_way(call), ..End::missed(Reason::Busy, Refuse::Busy) }
    }

    /// The caller waits no more on any phone: taken, gone, or refused.
    pub(super) fn withdraw(&mut self, now: Now, call: CallId, but: Option<&Extension>, out: &mut Vec<Effect>) {
        self.timers.cancel(Owner::Offer(call));
        for extension in self.offered(call, true).iter().filter(|extension| Some(*extension) != but) {
            if !self.on_double(now, extension, Event::Withdrawn, out)
                && let Some(desk) = self.legs.desk_mut(extension)
            {
                desk.double = None;
            }
        }
    }

    /// The attendant has the caller: no tone any more, but every phone that heard of it may still take it back.
    pub(super) fn offers_attended(&mut self, now: Now, call: CallId, heard_of_it: &[Extension], out: &mut Vec<Effect>) {
        self.timers.cancel(Owner::Offer(call));
        self.own_answered(call, None);
        for extension in self.offered(call, false) {
            self.tone_off(&extension, out);
            if let Some(double) = self.legs.desk_mut(&extension).and_then(|desk| desk.double.as_mut()) {
                double.attended = true;
            }
        }
        for extension in heard_of_it {
            if let Some((first, false)) = self.offerable(extension)
                && let Some(desk) = self.legs.desk_mut(extension)
                && desk.double.is_none()
            {
                desk.double = Some(Double { attended: true, ..Double::waiting(first, call, now.instant) });
            }
        }
        self.legs.moved = true;
    }

    pub(super) fn tone_off(&mut self, extension: &Extension, out: &mut Vec<Effect>) {
        let first = self.legs.desk(extension).and_then(|d| d.double.as_ref()).filter(|d| d.step == Step::Waiting && !d.attended);
        if let Some(leg) = first.map(|d| d.first).and_then(|first| self.phone_leg(extension, first)) {
            out.push(Effect::Overlay(leg, None));
        }
    }

    /// The phone changed to another of its calls while a caller waits on it: tone and keys go with the one that is not on hold (RULES 4).
    pub(super) fn tone_follows(&mut self, extension: &Extension, out: &mut Vec<Effect>) {
        let Some(desk) = self.legs.desk(extension) else { return };
        let Some(double) = desk.double.as_ref().filter(|double| double.step == Step::Waiting) else { return };
        let attended = double.attended;
        let heard = desk.legs().map(|(_, call, _)| call).find(|call| self.holds(extension, *call) == Some(false));
        let Some(heard) = heard.filter(|_| self.holds(extension, double.first) == Some(true)) else { return };
        self.tone_off(extension, out);
        if let Some(double) = self.legs.desk_mut(extension).and_then(|desk| desk.double.as_mut()) {
            (double.first, double.one_at) = (heard, None);
        }
        if let Some(leg) = self.phone_leg(extension, heard).filter(|_| !attended) {
            out.push(Effect::Overlay(leg, Some(Sound::Waiting)));
        }
    }

    /// The phone was hung up while a caller waits for it: it rings for that one a second later, `ring_seconds` anew.
    pub(super) fn rest_then_ring(&mut self, now: Now, extension: &Extension, second: CallId) {
        let Some(n) = self.legs.desks.iter().position(|desk| desk.extension() == extension) else { return };
        if let Some(desk) = self.legs.desks.get_mut(n) {
            desk.resting = true;
        }
        self.timers.set(Owner::Rest(n), now.instant + REST);
        let waits = self.calls.get_mut(&second).and_then(Call::hunt_mut).map(|hunt| hunt.offer_until = None).is_some();
        if waits {
            self.timers.cancel(Owner::Offer(second));
            self.timers.set(Owner::Call(second), now.instant + REST + self.config.ring_time);
        }
        self.legs.moved = true;
    }

    pub(super) fn rested(&mut self, desk: usize) {
        if let Some(desk) = self.legs.desks.get_mut(desk) {
            desk.resting = false;
            self.legs.moved = true;
        }
    }
}

/// The call for which this one had to wait.
pub(super) fn in_the_way(call: &Call) -> Option<CallId> {
    match &call.state {
        State::Hunting(hunt) => hunt.in_the_way,
        _ => None,
    }
}
