//! Calls that a phone makes: to a colleague, outside, to an emergency number, or nowhere with a spoken reason (RULES 7).

use std::time::Duration;

use crate::dialplan::route::OutboundPermit;
use crate::domain::call::{CallId, Direction, Extension, LegId};
use crate::domain::callback::Fields;
use crate::domain::identity::Caller;
use crate::domain::now::Now;
use crate::domain::outcome::{Out, Outcome, Reason};
use crate::domain::text::ScreenText;

use super::call::{Call, Calling, End, Party, Speaking, State, Talk};
use super::config::Route;
use super::desk::{Desk, DeskState};
use super::double_call::Step;
use super::effect::{Effect, Refuse, Sound};
use super::input::{Progress, Refusal, Seq};
use super::keypad::Keypad;
use super::legs::Who;
use super::line::{Line, MAX_CALLS, Phase, REPLY_SECONDS};
use super::ringing::{Hunt, Targets};
use super::timers::Owner;

/// An outside call is given up after this time without an answer, in seconds (RFC 3261 16.6 timer C).
pub const DIAL_SECONDS: u64 = 180;
/// A spoken reason is cut after this time where its end is not reported, in seconds: longer than every prompt of a refusal.
pub const SPOKEN_SECONDS: u64 = 5;
/// Legs that one phone may stand on at once; emergency calls aside.
pub const MAX_LINES: usize = 4;
/// For how long after an emergency call every phone rings for incoming calls, in seconds (RULES 7.1).
pub const EMERGENCY_SECONDS: u64 = 3600;
/// The window of `per_hour`, in seconds.
const HOUR_SECONDS: u64 = 3600;

impl Calling {
    /// Passes on what the far end does, once the record is written, each thing once, sound over ringing.
    pub(super) fn tell(&mut self, out: &mut Vec<Effect>) {
        if self.opened.is_some() || self.told >= self.far_end {
            return;
        }
        self.told = self.far_end;
        match (self.far_end, self.hears) {
            (Progress::Alive, _) => {}
            (Progress::Ringing, false) => out.push(Effect::Ringing(self.caller)),
            (Progress::Ringing, true) => out.push(Effect::Play(self.caller, Sound::Ringback)),
            (Progress::EarlyMedia, hears) => {
                out.extend((!hears).then_some(Effect::EarlyMedia(self.caller)));
                self.hears = true;
                out.push(Effect::Join(self.caller, self.far));
            }
        }
    }

    /// A tone must be heard before the answer: ringback comes from us then, not from the phone.
    fn opens_ears(&mut self, out: &mut Vec<Effect>) {
        if self.opened.is_none() && !self.hears {
            self.hears = true;
            out.extend([Effect::EarlyMedia(self.caller), Effect::Play(self.caller, Sound::Ringback)]);
        }
    }
}

impl Line {
    /// A phone that dials hears of a caller who waits on it, once its own row is written (RULES 4).
    pub(super) fn hears_of_another(&mut self, dialled: CallId, out: &mut Vec<Effect>) {
        let waits = |desk: &Desk| desk.double.as_ref().is_some_and(|double| double.step == Step::Waiting && double.first == dialled);
        if self.legs.desks.iter().any(waits)
            && let Some(Call { state: State::Calling(calling), .. }) = self.calls.get_mut(&dialled)
        {
            calling.opens_ears(out);
        }
    }

    pub(super) fn dials(&mut self, now: Now, leg: LegId, extension: Extension, digits: &str, out: &mut Vec<Effect>) {
        if self.legs.get(leg).is_some() {
            return;
        }
        let route = self.config.router.route(&extension, digits);
        let (direction, party) = match &route {
            Route::Switch(what) => {
                self.switched(now, leg, extension, *what, out);
                return;
            }
            Route::Extension(target) => (Direction::Internal, Caller::Extension(target.0.clone())),
            Route::Outside(permit) | Route::Emergency(permit) => (Direction::Outgoing, permit.called()),
            Route::Refused { party, .. } => (Direction::Outgoing, party.clone()),
        };
        let refused = self.may_not_dial(&extension, &route);
        let entry = route.permit().and_then(|permit| permit.entry());
        let guide = entry.map(|entry| entry.guide.clone()).unwrap_or_default();
        let name = entry.map_or_else(|| self.names.of(&party, &ScreenText::default()), |entry| ScreenText::clean(&entry.name));
        let (id, seq) = self.opened(now, direction, (party.clone(), name.clone()), Some(extension.clone()), out);
        self.legs.arrived(leg, id, Who::Phone(extension.clone()));
        // Until it is known where the call goes it is one that nobody is rung for.
        let state = State::Hunting(Hunt::new(leg, Targets::One(extension.clone()), seq));
        let emergency = matches!(route, Route::Emergency(_));
        let (extension, arrived) = (Some(extension), now);
        let call = Call {
            id,
            direction,
            party,
            name,
            extension,
            arrived,
            since: now,
            emergency,
            trunk: None,
            connected: None,
            guide,
            recorded: true,
            keypad: Keypad::default(),
            form: Fields::default(),
            state,
        };
        match (refused, route) {
            (Some(end), _) => self.finish(now, call, end, out),
            (None, Route::Extension(target)) => self.ring_colleague(now, call, leg, target, Some(seq), out),
            (None, Route::Outside(permit)) => self.dial_outside(now, call, leg, permit, Some(seq), out),
            (None, Route::Emergency(permit)) => self.dial_emergency(now, call, leg, permit, Some(seq), out),
            // Turned above.
            (None, Route::Switch(_)) => self.finish(now, call, End::out(Out::Failed, Refuse::Unavailable), out),
            (None, Route::Refused { why, prompt, .. }) => {
                let outcome = if why == Refuse::Barred { Out::Refused } else { Out::Failed };
                self.speak(now, call, leg, prompt, (why, outcome), out);
            }
        }
    }

    /// What stands in the way of any call but an emergency one.
    fn may_not_dial(&self, extension: &Extension, route: &Route) -> Option<End> {
        if self.phase == Phase::Stopped || (self.phase == Phase::Draining && !matches!(route, Route::Emergency(_))) {
            return Some(End::out(Out::Failed, Refuse::Unavailable));
        }
        if matches!(route, Route::Emergency(_)) {
            return None;
        }
        let Some(desk) = self.legs.desk(extension) else { return Some(End::out(Out::Refused, Refuse::Barred)) };
        if self.calls.len() >= MAX_CALLS || desk.lines().count() >= MAX_LINES {
            return Some(End::out(Out::Failed, Refuse::Busy));
        }
        None
    }

    // ------------------------------------------------------------------ to a colleague
    /// Without `opened` the call is written already, and the phone was rung first.
    pub(super) fn ring_colleague(
        &mut self,
        now: Now,
        mut call: Call,
        leg: LegId,
        target: Extension,
        opened: Option<Seq>,
        out: &mut Vec<Effect>,
    ) {
        let end = self.colleague_cannot(call.extension.as_ref(), &target);
        call.state = State::Hunting(Hunt::new(leg, Targets::One(target), opened));
        if let Some(end) = end {
            self.let_down(now, call, end, out);
            return;
        }
        if self.legs.is_up(leg) {
            out.push(Effect::Play(leg, Sound::Ringback));
        }
        if let Some(seq) = opened {
            self.awaited.insert(seq, call.id);
        }
        self.timers.set(Owner::Call(call.id), now.instant + self.config.ring_time);
        self.seek(now, call, out);
    }

    /// Why that colleague's phone cannot ring for that phone.
    pub(super) fn colleague_cannot(&self, from: Option<&Extension>, target: &Extension) -> Option<End> {
        match self.legs.desk(target).map(|desk| (desk.state(), desk.do_not_disturb && !self.emergency)) {
            None | Some((DeskState::Unregistered, _)) => Some(End::out(Out::NoAnswer, Refuse::Unavailable)),
            Some(_) if from == Some(target) => Some(End::out(Out::NoAnswer, Refuse::Unavailable)),
            Some((DeskState::Engaged | DeskState::InCall(_), _)) | Some((DeskState::Free, true)) => Some(End::out(Out::Busy, Refuse::Busy)),
            Some((DeskState::Free, false)) => None,
        }
    }

    // ------------------------------------------------------------------ outside
    pub(super) fn dial_outside(
        &mut self,
        now: Now,
        call: Call,
        leg: LegId,
        permit: OutboundPermit,
        opened: Option<Seq>,
        out: &mut Vec<Effect>,
    ) {
        if !self.within_the_hour(now, call.extension.as_ref()) {
            self.speak(now, call, leg, Some("numero-refuse"), (Refuse::Barred, Out::Refused), out);
            return;
        }
        match self.free_trunk() {
            Ok(trunk) => {
                if let Some(extension) = &call.extension {
                    self.counts_outside(now, extension);
                }
                self.call_out(now, call, leg, (trunk, permit), opened, out);
            }
            Err(prompt) => self.speak(now, call, leg, Some(prompt), (Refuse::NoChannel, Out::Failed), out),
        }
    }

    /// The first trunk that works and has a channel, else the prompt that says why there is none.
    pub(super) fn free_trunk(&self) -> Result<usize, &'static str> {
        let usable = || (0..self.config.trunks.len()).filter(|t| self.alerts.trunk_usable(*t));
        let free = usable().find(|t| self.config.trunks.get(*t).is_some_and(|trunk| self.legs.channels_used(*t) < trunk.channels));
        free.ok_or(if usable().next().is_none() { "ligne-indisponible" } else { "lignes-occupees" })
    }

    /// One more outside call of that phone in this hour.
    pub(super) fn counts_outside(&mut self, now: Now, extension: &Extension) {
        self.started.entry(extension.clone()).or_default().push_back(now.instant);
    }

    /// The phone has a call left in this hour; one that has not is told on the page.
    pub(super) fn within_the_hour(&mut self, now: Now, extension: Option<&Extension>) -> bool {
        let limit = self.config.per_hour;
        let Some((extension, started)) = extension.and_then(|e| Some((e, self.started.get_mut(e)?))) else { return limit > 0 };
        while started.front().is_some_and(|at| now.instant.since(*at) >= Duration::from_secs(HOUR_SECONDS)) {
            started.pop_front();
        }
        let within = started.len() < limit;
        self.alerts.counted(now, extension, (!within).then_some(limit));
        within
    }

    /// The first trunk, registered or not; a channel is made free where none is (RULES 7.1).
    pub(super) fn dial_emergency(
        &mut self,
        now: Now,
        call: Call,
        leg: LegId,
        permit: OutboundPermit,
        opened: Option<Seq>,
        out: &mut Vec<Effect>,
    ) {
        self.emergency = true;
        self.timers.set(Owner::Emergency, now.instant + Duration::from_secs(EMERGENCY_SECONDS));
        self.alerts.emergency(now);
        self.legs.moved = true;
        if self.config.trunks.is_empty() {
            self.emergency_impossible(now, call, leg, Refuse::Unavailable, out);
            return;
        }
        self.call_out(now, call, leg, (0, permit), opened, out);
    }

    fn call_out(
        &mut self,
        now: Now,
        mut call: Call,
        caller: LegId,
        (trunk, permit): (usize, OutboundPermit),
        opened: Option<Seq>,
        out: &mut Vec<Effect>,
    ) {
        if call.emergency {
            self.make_room(now, trunk, out);
        }
        let far = self.legs.call(call.id, Who::Trunk(trunk));
        if call.emergency {
            self.timers.set(Owner::Leg(far), now.instant + Duration::from_secs(REPLY_SECONDS));
        }
        self.timers.set(Owner::Call(call.id), now.instant + Duration::from_secs(DIAL_SECONDS));
        if let Some(seq) = opened {
            self.awaited.insert(seq, call.id);
        }
        out.push(Effect::CallOut { leg: far, trunk, permit: permit.clone() });
        let from = call.extension.clone().unwrap_or_else(|| Extension(String::new()));
        let before = |what: fn(&Calling) -> bool| matches!(&call.state, State::Calling(calling) if what(calling));
        let (hears, holds) = (self.legs.is_up(caller) || before(|c| c.hears), before(|c| c.holds));
        let (far_end, told) = (Progress::Alive, Progress::Alive);
        call.state = State::Calling(Calling { caller, from, far, trunk, permit, opened, far_end, told, hears, holds });
        self.put(call);
    }

    /// With all channels of a trunk taken, a call gives way: an attendant's, else a held one, else the youngest, never an emergency.
    fn make_room(&mut self, now: Now, trunk: usize, out: &mut Vec<Effect>) {
        let channels = self.config.trunks.get(trunk).map_or(usize::MAX, |t| t.channels);
        while self.legs.channels_used(trunk) >= channels {
            let on_trunk =
                |call: &&Call| !call.emergency && call.legs().iter().any(|l| self.legs.get(*l).is_some_and(|l| l.who == Who::Trunk(trunk)));
            let held = |call: &&Call| matches!(&call.state, State::Talking(t) if t.is_held()) || matches!(call.state, State::Held(_));
            let attended = |call: &&Call| matches!(call.state, State::Attendant(_));
            let youngest = || self.calls.values().rev().filter(on_trunk);
            let least = youngest().find(attended).or_else(|| youngest().find(held)).or_else(|| youngest().next());
            let Some(call) = least.map(|call| call.id).and_then(|id| self.take(id)) else { return };
            let end = call.broken_off(Reason::Overloaded, Refuse::Busy);
            self.breaks_off(now, call, end, out);
        }
    }

    fn emergency_impossible(&mut self, now: Now, call: Call, caller: LegId, why: Refuse, out: &mut Vec<Effect>) {
        self.speak(now, call, caller, Some("urgence-impossible"), (why, Out::Failed), out);
    }

    // ------------------------------------------------------------------ what the far end says
    pub(super) fn far_answered(&mut self, now: Now, call: Call, out: &mut Vec<Effect>) {
        let State::Calling(Calling { caller, from, far, holds, .. }) = &call.state else {
            self.put(call);
            return;
        };
        out.extend((!self.legs.is_up(*caller)).then_some(Effect::Answer(*caller)));
        let mut agent = Party::new(*caller, Some(from.clone()));
        agent.hold(now, *holds, false);
        let talk = Talk { caller: agent, callee: Party::new(*far, None) };
        talk.heard(out);
        self.connected(now, call, talk, None, out);
    }

    /// An emergency call tries each trunk in turn; any other one hears what the far end said.
    pub(super) fn far_said_no(&mut self, now: Now, call: Call, why: Refusal, out: &mut Vec<Effect>) {
        let State::Calling(Calling { caller, trunk, permit, opened, .. }) = &call.state else {
            self.put(call);
            return;
        };
        let (caller, next, permit, opened) = (*caller, trunk + 1, permit.clone(), *opened);
        if !call.emergency {
            self.let_down(now, call, outside_end(why), out);
        } else if next < self.config.trunks.len() {
            self.call_out(now, call, caller, (next, permit), opened, out);
        } else {
            let refuse = outside_end(why).refuse;
            self.emergency_impossible(now, call, caller, refuse, out);
        }
    }

    // ------------------------------------------------------------------ a spoken reason
    fn speak(
        &mut self,
        now: Now,
        mut call: Call,
        caller: LegId,
        prompt: Option<&'static str>,
        (why, outcome): (Refuse, Out),
        out: &mut Vec<Effect>,
    ) {
        let Some(prompt) = prompt else {
            self.finish(now, call, End::out(outcome, why), out);
            return;
        };
        if !self.legs.is_up(caller) {
            out.push(Effect::EarlyMedia(caller));
        }
        out.push(Effect::Play(caller, Sound::Prompts(vec![prompt])));
        self.timers.set(Owner::Call(call.id), now.instant + Duration::from_secs(SPOKEN_SECONDS));
        call.state = State::Speaking(Speaking { caller, booth: None, why, outcome });
        self.put(call);
    }
}

/// What the far end of an outside call said, to the phone and to the record (RULES 3, outgoing rows).
fn outside_end(why: Refusal) -> End {
    match why {
        Refusal::Busy => End::out(Out::Busy, Refuse::Busy),
        Refusal::NoAnswer => End::out(Out::NoAnswer, Refuse::Unavailable),
        Refusal::Silent => End::out(Out::NoAnswer, Refuse::Status(408)),
        Refusal::Moved(_) => End::out(Out::Failed, Refuse::Unavailable),
        Refusal::Other(status) => End::out(Out::Failed, passed_on(status)),
    }
}

/// A status that may be passed on: a phone must not be asked for credentials that are the trunk's, nor told what is no refusal.
pub(super) fn passed_on(status: u16) -> Refuse {
    match status {
        401 | 407 => Refuse::Barred,
        400..=699 => Refuse::Status(status),
        _ => Refuse::Unavailable,
    }
}

impl Call {
    /// A phone that had dialled gave up.
    pub(super) fn given_up(&self) -> End {
        match &self.state {
            State::Speaking(s) => End::out(s.outcome, s.why),
            State::Hunting(_)
            | State::Fetching(_)
            | State::Calling(_)
            | State::Talking(_)
            | State::Transferring(_)
            | State::Held(_)
            | State::Attendant(_) => End::new(Outcome::Out(Out::Cancelled), Refuse::Cancelled),
        }
    }
}
