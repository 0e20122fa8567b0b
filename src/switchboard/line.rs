//! The aggregate: every call, leg and phone of the line, and the one timer table. Inputs go in, effects come out in order;
//! it reads no clock, sends nothing and keeps no more than what runs.
//!
//! Drain `out` before the next input. `take_dirty` says when `status` looks different.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use crate::domain::call::{CallId, Direction, Extension, Record};
use crate::domain::identity::Caller;
use crate::domain::names::Names;
use crate::domain::now::{Instant, Now};
use crate::domain::outcome::Reason;
use crate::domain::text::ScreenText;

use super::alerts::Alerts;
use super::booth::Event;
use super::call::{Call, State};
use super::config::{AttendantRules, LineConfig, Router};
use super::desk::Desk;
use super::effect::{Done, Effect, Refuse};
use super::input::{Input, Refusal, Seq, Ticket};
use super::ledger::Ledger;
use super::legs::Legs;
use super::timers::{Owner, Timers};

/// Calls at once, whatever the trunks' channels say; more are refused.
pub const MAX_CALLS: usize = 65_536;
/// A called leg that gives no reply in this time counts as absent, in seconds (RULES 2.3, 7.1).
pub const REPLY_SECONDS: u64 = 4;

/// The line may be on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Running,
    Draining,
    Stopped,
}

pub struct Line {
    pub(super) config: LineConfig,
    pub(super) legs: Legs,
    pub(super) calls: BTreeMap<CallId, Call>,
    /// Those of `calls` that look for a phone as soon as one is idle.
    pub(super) searching: BTreeSet<CallId>,
    pub(super) timers: Timers,
    /// Records whose write a call waits for.
    pub(super) awaited: HashMap<Seq, CallId>,
    pub(super) next_call: i64,
    next_seq: u64,
    pub(super) open: bool,
    pub(super) phase: Phase,
    pub(super) said_idle: bool,
    pub(super) alerts: Alerts,
    /// When each phone started its outside calls of the last hour.
    pub(super) started: HashMap<Extension, VecDeque<Instant>>,
    /// Within the hour after an emergency call: every phone rings, whatever it wishes.
    pub(super) emergency: bool,
    pub(super) dirty: bool,
    pub(super) ledger: Ledger,
    pub(super) names: Names,
    /// Drafts of a form that are being written, and who waits for it.
    pub(super) drafts: HashMap<Seq, Ticket>,
}

impl Line {
    /// `first_call_id` is greater than any ever used; `first_leg` starts our own legs (bit 63 is left to the exchange's).
    pub fn new(config: LineConfig, first_call_id: i64, first_leg: u64) -> Line {
        let desks = config.phones.iter().cloned().map(Desk::new).collect();
        let (legs, alerts) = (Legs::new(first_leg, desks, config.trunks.len()), Alerts::new(config.trunks.len()));
        Line {
            config,
            legs,
            calls: BTreeMap::new(),
            searching: BTreeSet::new(),
            timers: Timers::default(),
            awaited: HashMap::new(),
            next_call: first_call_id,
            next_seq: 1,
            open: true,
            phase: Phase::Running,
            said_idle: false,
            alerts,
            started: HashMap::new(),
            emergency: false,
            dirty: true,
            ledger: Ledger::default(),
            names: Names::default(),
            drafts: HashMap::new(),
        }
    }

    /// A new configuration, from the next call on.
    pub fn reload(&mut self, ring: Vec<Extension>, ring_time: Duration, per_hour: usize, router: Box<dyn Router>) {
        self.config.ring = ring;
        self.config.ring_time = ring_time;
        self.config.per_hour = per_hour;
        self.config.router = router;
        self.touch();
    }

    /// The attendant is on or off from the next call on.
    pub fn set_attendant(&mut self, rules: Option<AttendantRules>) {
        self.config.attendant = rules;
    }

    pub fn handle(&mut self, now: Now, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::Rings { leg, trunk, caller, name, usable } => self.rings(now, leg, trunk, (caller, name), usable, out),
            Input::Overloaded { caller, name } => self.turned_away(now, (caller, name), Reason::Overloaded, out),
            Input::Malformed { caller } => self.turned_away(now, (caller, ScreenText::default()), Reason::Failed, out),
            Input::Dials { leg, extension, digits } => self.dials(now, leg, extension, &digits, out),
            Input::Progress { leg, what } => self.progress(leg, what, out),
            Input::Answered { leg } => self.answered(now, leg, out),
            Input::Refused { leg, why } => self.refused(now, leg, why, out),
            Input::Gone { leg, why } => self.gone(now, leg, why, out),
            Input::Held { leg, on } => self.held(now, leg, on, out),
            Input::PhoneSilent { leg } => self.phone_silent(now, leg, out),
            Input::PhoneSpeaks { leg } => self.phone_speaks(leg, out),
            Input::Transfers { leg, digits } => self.transfers(now, leg, &digits, out),
            Input::Key { leg, key } => self.key(now, leg, key, out),
            Input::Heard { leg, speech, clip } => self.heard(now, leg, speech, clip, out),
            Input::PromptKept { leg, kept } => {
                self.booth_event(now, leg, Event::Kept(kept), out);
            }
            Input::Played { leg } => self.played(now, leg, out),
            Input::Recorded(seq) => self.recorded(now, seq, out),
            Input::Phone { extension, registered } => self.phone(&extension, registered),
            Input::DoNotDisturb { extension, on } => self.do_not_disturb(now, &extension, on, out),
            Input::Trunk { trunk, usable } => self.trunk(now, trunk, usable, out),
            Input::TrunkRefused { trunk, status } => self.trunk_refused(now, trunk, status),
            Input::Open(open) => {
                self.dirty |= self.open != open;
                self.open = open;
            }
            Input::UnknownSource { address } => self.dirty |= self.alerts.unknown_source(now, address),
            Input::Contacts(contacts) => self.contacts(contacts, out),
            Input::Page { ticket, command } => self.command(now, ticket, command, out),
            Input::Stranded { call, at, caller, name, outcome, form } => {
                self.stranded(now, (call, at), (caller, name, *form), outcome, out);
            }
            Input::Records(health) => self.dirty |= self.alerts.records(now, health),
            Input::Drain => self.drain(),
            Input::Stop => self.stop(now, out),
        }
        self.settle(now, out);
    }

    /// Fires every timer that is due.
    pub fn handle_timeout(&mut self, now: Now, out: &mut Vec<Effect>) {
        while let Some(owner) = self.timers.pop(now.instant) {
            match owner {
                Owner::Call(call) => self.call_time_is_over(now, call, out),
                Owner::Leg(leg) => {
                    let gone = self.legs.get(leg).cloned();
                    self.legs.close(leg, Refuse::Unavailable, out);
                    if let Some(leg_was) = gone {
                        self.said_no(now, leg, leg_was.call, Refusal::Silent, out);
                    }
                }
                Owner::Offer(call) => self.offer_time_is_over(now, call, out),
                Owner::Hold(call) => self.hold_reminder(now, call, out),
                Owner::Keypad(call) => self.keypad_time_is_over(call, out),
                Owner::Rest(desk) => self.rested(desk),
                Owner::Emergency => {
                    self.emergency = false;
                    self.alerts.clear("emergency");
                    self.touch();
                }
            }
        }
        self.settle(now, out);
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Something visible changed since this was last asked.
    pub fn take_dirty(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    /// Running calls, open legs, set timers: for metrics and for the tests of growth.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.calls.len(), self.legs.len(), self.timers.len())
    }

    pub(super) fn touch(&mut self) {
        self.dirty = true;
    }

    /// Those who wait for a phone are served, then the end of a drain is said.
    fn settle(&mut self, now: Now, out: &mut Vec<Effect>) {
        while std::mem::take(&mut self.legs.moved) {
            self.dirty = true;
            for id in self.searching.iter().copied().filter(|id| self.may_gain(*id)).collect::<Vec<_>>() {
                if let Some(call) = self.take(id) {
                    self.seek(now, call, out);
                }
            }
        }
        if self.phase != Phase::Running && self.calls.is_empty() && !self.said_idle {
            self.said_idle = true;
            out.push(Effect::Idle);
        }
    }

    // ------------------------------------------------------------------ records
    pub(super) fn record(&mut self, record: Record, out: &mut Vec<Effect>) -> Seq {
        let seq = Seq(self.next_seq);
        self.next_seq += 1;
        out.push(Effect::Record(seq, record));
        seq
    }

    /// A new call, first of all on disk.
    pub(super) fn opened(
        &mut self,
        now: Now,
        direction: Direction,
        (party, name): (Caller, ScreenText),
        extension: Option<Extension>,
        out: &mut Vec<Effect>,
    ) -> (CallId, Seq) {
        let call = CallId(self.next_call);
        self.next_call += 1;
        let seq = self.record(Record::Opened { call, at: now.wall, direction, party, name, extension }, out);
        self.dirty = true;
        (call, seq)
    }

    pub(super) fn recorded(&mut self, now: Now, seq: Seq, out: &mut Vec<Effect>) {
        self.ledger.recorded(seq, out);
        if let Some(ticket) = self.drafts.remove(&seq) {
            out.push(Effect::Reply(ticket, Ok(Done::Nothing)));
        }
        let Some(id) = self.awaited.remove(&seq) else { return };
        let Some(call) = self.calls.get_mut(&id) else { return };
        match &mut call.state {
            State::Hunting(hunt) => {
                hunt.opened = None;
                out.push(Effect::Ringing(hunt.caller));
            }
            State::Fetching(_) => self.fetch(now, id, out),
            State::Calling(calling) => {
                calling.opened = None;
                calling.tell(out);
                self.hears_of_another(id, out);
            }
            State::Attendant(_) => self.attendant_may_begin(now, id, out),
            State::Speaking(_) | State::Talking(_) | State::Transferring(_) | State::Held(_) => {}
        }
    }

    // ------------------------------------------------------------------ calls
    pub(super) fn take(&mut self, id: CallId) -> Option<Call> {
        self.calls.remove(&id)
    }

    pub(super) fn put(&mut self, call: Call) {
        if call.searches() {
            self.searching.insert(call.id);
        } else {
            self.searching.remove(&call.id);
        }
        self.dirty = true;
        self.calls.insert(call.id, call);
    }
}
