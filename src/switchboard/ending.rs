//! How calls end: their one end, their time, the page, the drain.

use crate::domain::call::{CallId, Direction, LegId, Record};
use crate::domain::now::Now;
use crate::domain::outcome::{Out, Outcome, Reason};

use super::alerts::SHORT;
use super::attendant::Event;
use super::call::{Call, Calling, End, State};
use super::effect::{Effect, Refusal, Refuse};
use super::input::{Command, Ticket};
use super::line::{Line, Phase};
use super::ringing::Hunt;
use super::timers::Owner;

impl Line {
    /// The one end of a call: every leg it still has is closed, its timer cancelled, its outcome written.
    pub(super) fn finish(&mut self, now: Now, call: Call, end: End, out: &mut Vec<Effect>) {
        for leg in call.legs() {
            self.timers.cancel(Owner::Leg(leg));
            self.legs.close(leg, end.refuse, out);
        }
        self.timers.cancel(Owner::Call(call.id));
        self.searching.remove(&call.id);
        if let State::Hunting(Hunt { opened: Some(seq), .. }) | State::Calling(Calling { opened: Some(seq), .. }) = &call.state {
            self.awaited.remove(seq);
        }
        self.dirty = true;
        if !call.recorded {
            return;
        }
        let gave_up = end.outcome == Outcome::Missed(Reason::CallerGaveUp);
        let rang = now.instant.since(call.arrived.instant);
        if call.direction == Direction::Incoming {
            self.alerts.rang(now, rang, gave_up);
        }
        let short = gave_up && rang < SHORT;
        self.record(Record::Ended { call: call.id, at: now.wall, outcome: end.outcome, during: end.during, short }, out);
        self.ledger_of(now, &call, end.outcome, out);
    }

    pub(super) fn call_time_is_over(&mut self, now: Now, id: CallId, out: &mut Vec<Effect>) {
        let Some(call) = self.take(id) else { return };
        match &call.state {
            State::Hunting(_) => {
                let end = match call.direction {
                    Direction::Incoming => End::missed(Reason::NoAnswer, Refuse::Unavailable),
                    Direction::Outgoing | Direction::Internal => End::out(Out::NoAnswer, Refuse::Unavailable),
                };
                self.unanswered(now, call, end, out);
            }
            State::Calling(_) => self.finish(now, call, End::out(Out::NoAnswer, Refuse::Unavailable), out),
            State::Speaking(s) => {
                let end = End::out(s.outcome, s.why);
                self.finish(now, call, end, out);
            }
            State::Talking(_) => {
                let end = call.cut();
                self.finish(now, call, end, out);
            }
            State::Transferring(_) => self.transfer_time_is_over(now, call, out),
            State::Attendant(_) => self.attendant_time_is_over(now, call, out),
        }
    }

    /// A prompt is over: the refusal it explained follows.
    pub(super) fn played(&mut self, now: Now, leg: LegId, out: &mut Vec<Effect>) {
        if self.attendant_event(now, leg, Event::Played, out) {
            return;
        }
        let Some(id) = self.legs.get(leg).map(|l| l.call) else { return };
        if self.calls.get(&id).is_some_and(|call| matches!(call.state, State::Speaking(_))) {
            self.call_time_is_over(now, id, out);
        }
    }

    pub(super) fn command(&mut self, now: Now, ticket: Ticket, command: Command, out: &mut Vec<Effect>) {
        match command {
            Command::HangUp(id) => {
                let Some(call) = self.take(id) else {
                    out.push(Effect::Reply(ticket, Err(Refusal::NotFound)));
                    return;
                };
                let end = match (&call.state, call.direction) {
                    (State::Hunting(_), Direction::Incoming) => End::missed(Reason::Refused, Refuse::Busy),
                    (State::Hunting(_) | State::Calling(_), _) => End::out(Out::Cancelled, Refuse::Cancelled),
                    (State::Speaking(s), _) => End::out(s.outcome, s.why),
                    (State::Talking(_) | State::Transferring(_), _) => End::new(Outcome::Answered(None), Refuse::Cancelled),
                    (State::Attendant(attended), _) => attended.ends(),
                };
                self.breaks_off(now, call, end, out);
                out.push(Effect::Reply(ticket, Ok(None)));
            }
            Command::Callback { person, what } => self.callback_command(now, ticket, &person, what, out),
        }
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
        for id in self.calls.keys().copied().collect::<Vec<_>>() {
            if let Some(call) = self.take(id) {
                let end = call.broken_off(Reason::Failed, Refuse::Unavailable);
                self.breaks_off(now, call, end, out);
            }
        }
        self.timers.cancel(Owner::Emergency);
    }
}
