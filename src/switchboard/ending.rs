//! How calls end: their one end, their time, the page, the drain.

use crate::domain::call::{CallId, Direction, LegId, Record};
use crate::domain::now::Now;
use crate::domain::outcome::{Out, Outcome, Reason, Why};

use super::alerts::SHORT;
use super::booth::Event as Talk;
use super::call::{Call, Calling, End, State};
use super::desk::Desk;
use super::double_call::{Event, Step};
use super::effect::{Answer, Done, Effect, Refusal, Refuse};
use super::held::{self, HeldStage};
use super::input::{Command, Ticket};
use super::line::{Line, Phase};
use super::originate::{Fetching, not_fetched};
use super::ringing::Hunt;
use super::timers::Owner;

const NO_TALK: Refusal = Refusal::Conflict("Cet appel n'est pas en conversation.");

impl Line {
    /// The one end of a call: every leg it still has is closed, its timer cancelled, its outcome written.
    pub(super) fn finish(&mut self, now: Now, call: Call, end: End, out: &mut Vec<Effect>) {
        for leg in call.legs() {
            self.timers.cancel(Owner::Leg(leg));
            self.legs.close(leg, end.refuse, out);
        }
        for owner in [Owner::Call(call.id), Owner::Offer(call.id), Owner::Hold(call.id), Owner::Keypad(call.id)] {
            self.timers.cancel(owner);
        }
        self.searching.remove(&call.id);
        if let State::Hunting(Hunt { opened: Some(seq), .. })
        | State::Fetching(Fetching { opened: Some(seq), .. })
        | State::Calling(Calling { opened: Some(seq), .. }) = &call.state
        {
            self.awaited.remove(seq);
        }
        self.dirty = true;
        if call.recorded {
            self.write_end(now, &call, end, out);
        }
        self.own_second_over(now, &call, end.outcome);
        self.own_over(call.id);
        self.double_without(now, call.id, out);
    }

    fn write_end(&mut self, now: Now, call: &Call, end: End, out: &mut Vec<Effect>) {
        let gave_up = end.outcome == Outcome::Missed(Reason::CallerGaveUp);
        let rang = now.instant.since(call.arrived.instant);
        if call.direction == Direction::Incoming {
            self.alerts.rang(now, rang, gave_up);
        }
        let short = gave_up && rang < SHORT;
        self.record(Record::Ended { call: call.id, at: now.wall, outcome: end.outcome, during: end.during, short }, out);
        self.ledger_of(now, call, end, out);
    }

    pub(super) fn call_time_is_over(&mut self, now: Now, id: CallId, out: &mut Vec<Effect>) {
        let Some(call) = self.take(id) else { return };
        match &call.state {
            State::Hunting(hunt) if !hunt.is_ringing() && hunt.offer_until.is_some() => self.offer_rules(now, call, out),
            State::Hunting(_) => {
                let end = match call.direction {
                    Direction::Incoming => End::missed(Reason::NoAnswer, Refuse::Unavailable),
                    Direction::Outgoing | Direction::Internal => End::out(Out::NoAnswer, Refuse::Unavailable),
                };
                self.unanswered(now, call, end, out);
            }
            State::Fetching(_) => self.finish(now, call, not_fetched(), out),
            State::Calling(_) => self.let_down(now, call, End::out(Out::NoAnswer, Refuse::Unavailable), out),
            State::Speaking(s) if s.booth.is_some() => self.booth_hears(now, call, Talk::Time, out),
            State::Speaking(s) => {
                let end = End::out(s.outcome, s.why);
                self.finish(now, call, end, out);
            }
            // its phone does not answer any more
            State::Talking(_) => {
                if let Some((extension, _)) = self.double_of(id) {
                    self.put(call);
                    self.on_double(now, &extension, Event::AgentLost, out);
                } else {
                    let end = call.cut();
                    self.finish(now, call, end, out);
                }
            }
            State::Held(_) => self.held_time_is_over(now, call, out),
            State::Transferring(_) => self.transfer_time_is_over(now, call, out),
            State::Attendant(_) => self.attendant_time_is_over(now, call, out),
        }
    }

    /// A prompt is over: the refusal it explained follows.
    pub(super) fn played(&mut self, now: Now, leg: LegId, out: &mut Vec<Effect>) {
        if self.attendant_played(now, leg, out) || self.booth_event(now, leg, Talk::Played, out) {
            return;
        }
        let Some(id) = self.legs.get(leg).map(|l| l.call) else { return };
        let last = |call: &Call| match &call.state {
            State::Speaking(_) => true,
            State::Held(held) => held.stage == HeldStage::LastWord,
            State::Hunting(_)
            | State::Fetching(_)
            | State::Calling(_)
            | State::Talking(_)
            | State::Transferring(_)
            | State::Attendant(_) => false,
        };
        if self.calls.get(&id).is_some_and(last) {
            self.call_time_is_over(now, id, out);
        }
    }

    pub(super) fn command(&mut self, now: Now, ticket: Ticket, command: Command, out: &mut Vec<Effect>) {
        match command {
            Command::HangUp(id) => {
                let answer = self.hang_up(now, id, out);
                out.push(Effect::Reply(ticket, answer));
            }
            Command::Hold { person, call, on } => {
                let answer = self.page_holds(now, &person, call, on, out);
                out.push(Effect::Reply(ticket, answer));
            }
            Command::Dial { person, to, extension, guide } => {
                if let Err(refusal) = self.originate(now, ticket, &person, to, extension, guide, out) {
                    out.push(Effect::Reply(ticket, Err(refusal)));
                }
            }
            Command::Second { person, target, what } => self.second_command(now, ticket, (&person, &target), what, out),
            Command::Keypad { call, open } => {
                let done = self.set_keypad(now, call, open, out);
                out.push(Effect::Reply(ticket, if done { Ok(Done::Nothing) } else { Err(NO_TALK) }));
            }
            Command::SendKeys { call, keys } => {
                let done = self.send_keys(now, call, &keys, out);
                out.push(Effect::Reply(ticket, if done { Ok(Done::Nothing) } else { Err(NO_TALK) }));
            }
            Command::Callback { person, what } => self.callback_command(now, ticket, &person, what, out),
            Command::Forget(number) => {
                let answer = self.forget(number).map(|()| Done::Nothing);
                out.push(Effect::Reply(ticket, answer));
            }
        }
    }

    /// A person ends a call on the page. In a double call that is call 2, whose callback is kept; one who is held is not dropped.
    fn hang_up(&mut self, now: Now, id: CallId, out: &mut Vec<Effect>) -> Answer {
        if let Some((extension, double)) = self.double_of(id) {
            let event = match double.step {
                Step::Second | Step::Swapped if id == double.second => Event::Save,
                Step::Swapped => Event::EndFirst,
                Step::Waiting | Step::Second | Step::Recall => {
                    return Err(Refusal::Conflict("Cet appelant est en attente : reprenez-le d'abord."));
                }
            };
            self.on_double(now, &extension, event, out);
            return Ok(Done::Nothing);
        }
        let Some(call) = self.take(id) else { return Err(Refusal::NotFound) };
        let end = match (&call.state, call.direction) {
            (State::Talking(_), _) if self.own_end(&call).is_some() => self.own_end(&call).unwrap_or_else(|| call.cut()),
            (State::Hunting(_), Direction::Incoming) => End::missed(Reason::Refused, Refuse::Busy),
            (State::Hunting(_) | State::Fetching(_) | State::Calling(_), _) => End::out(Out::Cancelled, Refuse::Cancelled),
            (State::Speaking(s), _) => End::out(s.outcome, s.why),
            (State::Talking(_) | State::Transferring(_), _) => End::new(Outcome::Answered(None), Refuse::Cancelled),
            (State::Held(_), _) => held::left(&call),
            (State::Attendant(attended), _) => attended.ends(),
        };
        self.breaks_off(now, call, end, out);
        Ok(Done::Nothing)
    }

    /// We end it, whatever it does; what a caller told the attendant is waited for.
    pub(super) fn breaks_off(&mut self, now: Now, call: Call, end: End, out: &mut Vec<Effect>) {
        if matches!(call.state, State::Attendant(_)) {
            self.attendant_leaves(now, call, out);
        } else {
            self.finish(now, call, end, out);
        }
    }

    pub(super) fn drain(&mut self) {
        if self.phase == Phase::Running {
            self.phase = Phase::Draining;
        }
    }

    /// Idle is said again, for whoever asked to stop.
    pub(super) fn stop(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.phase = Phase::Stopped;
        self.said_idle = false;
        // the held ones left on hold, the one who talks as it stands with its callback (RULES 4)
        let second = |desk: &Desk| {
            let ours = desk.double.as_ref().filter(|double| double.step == Step::Second).map(|double| double.second);
            ours.or(desk.own.map(|own| own.second).filter(|second| self.holds(desk.extension(), *second).is_some()))
        };
        let promised: Vec<CallId> = self.legs.desks.iter().filter_map(second).collect();
        for (n, desk) in self.legs.desks.iter_mut().enumerate() {
            desk.double = None;
            desk.resting = false;
            desk.over = None;
            self.timers.cancel(Owner::Rest(n));
        }
        for id in self.calls.keys().copied().collect::<Vec<_>>() {
            let Some(call) = self.take(id) else { continue };
            let end = if promised.contains(&id) {
                End::new(Outcome::Answered(Some(Why::Promised)), Refuse::Cancelled)
            } else {
                self.own_end(&call).unwrap_or_else(|| call.broken_off(Reason::Failed, Refuse::Unavailable))
            };
            self.breaks_off(now, call, end, out);
        }
        self.timers.cancel(Owner::Emergency);
        self.still_lost(now, out);
    }
}
