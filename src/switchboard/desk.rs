//! One phone of the agency: is it there, and what occupies it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::call::{CallId, Extension};
use crate::domain::now::Instant;
use crate::domain::status::PhoneState;

const HOUR: Duration = Duration::from_secs(3600);

#[derive(Debug)]
pub struct Desk {
    pub extension: Extension,
    pub owner: String,
    /// Simultaneous calls before a new one is a double call.
    calls: usize,
    pub registered: bool,
    pub dnd: bool,
    ringing: usize,
    dialling: usize,
    pub talking: Vec<CallId>,
    /// Starts of the outside calls of the last hour.
    outside: VecDeque<Instant>,
}

impl Desk {
    pub fn new(extension: Extension, owner: String, calls: usize) -> Desk {
        Desk { extension, owner, calls: calls.max(1), registered: false, dnd: false, ringing: 0, dialling: 0, talking: Vec::new(), outside: VecDeque::new() }
    }

    /// Neither ringing, dialling nor in a call, as far as its `calls` go (RULES 2.4).
    pub fn is_idle(&self) -> bool {
        self.registered && !self.dnd && self.ringing + self.dialling + self.talking.len() < self.calls
    }

    /// In a call, and nothing else: what a double call is offered to.
    pub fn is_talking(&self) -> bool {
        !self.talking.is_empty()
    }

    pub fn rings(&mut self) {
        self.ringing += 1;
    }

    pub fn rings_no_more(&mut self) {
        self.ringing = self.ringing.saturating_sub(1);
    }

    pub fn dials(&mut self) {
        self.dialling += 1;
    }

    pub fn dials_no_more(&mut self) {
        self.dialling = self.dialling.saturating_sub(1);
    }

    pub fn talks(&mut self, call: CallId) {
        self.talking.push(call);
    }

    pub fn talks_no_more(&mut self, call: CallId) {
        self.talking.retain(|c| *c != call);
    }

    /// Counts one more outside call unless `per_hour` are there already.
    pub fn may_call_out(&mut self, now: Instant, per_hour: usize) -> bool {
        while self.outside.front().is_some_and(|at| now.since(*at) >= HOUR) {
            self.outside.pop_front();
        }
        if self.outside.len() >= per_hour {
            return false;
        }
        self.outside.push_back(now);
        true
    }

    pub fn state(&self) -> PhoneState {
        if !self.registered {
            PhoneState::Unregistered
        } else if !self.talking.is_empty() {
            PhoneState::Talking
        } else if self.ringing + self.dialling > 0 {
            PhoneState::Ringing
        } else if self.dnd {
            PhoneState::Dnd
        } else {
            PhoneState::Idle
        }
    }
}
