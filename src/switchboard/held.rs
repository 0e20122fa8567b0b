//! A caller who hears music because the agent's phone is with another one, or because the phone must be got back (RULES 4, Recall).
//!
//! ```text
//!   Parked -(connect)-> Talking
//!   Parked -(the agent hung up)-> Recall: 1 s, then its phone rings 20 s -(no)-> other idle phones 20 s -(no)-> a word, BYE, row 17
//! ```

use std::time::Duration;

use crate::domain::call::{CallId, Direction, Extension, LegId};
use crate::domain::now::Now;
use crate::domain::outcome::{Out, Outcome, Why};

use super::call::{Call, Calling, End, Party, State, Talk};
use super::double_call::{Double, Event};
use super::effect::{Effect, Refuse, Sound};
use super::line::Line;
use super::timers::Owner;

/// Between the phone's BYE and the INVITE of the recall, or of call 2.
pub(super) const REST: Duration = Duration::from_secs(1);
/// How long the phone rings for a recall, and the other ones after it.
const RECALL: Duration = Duration::from_secs(20);
/// The last word is cut after this time where its end is not reported: longer than the prompt.
const LAST_WORD: Duration = Duration::from_secs(10);
/// A short beep reminds the agent of the one who is held.
const REMINDER: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Held {
    /// Who waits.
    pub(super) party: Party,
    /// The phone that it talked with, and whether that had called.
    pub(super) by: Extension,
    pub(super) phone_called: bool,
    pub(super) stage: HeldStage,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum HeldStage {
    /// The phone is with another caller.
    Parked,
    /// The phone has just been hung up.
    Rest,
    /// The phone, then (`others`) the other idle ones ring.
    Ringing {
        others: bool,
        rung: Vec<(LegId, Extension)>,
        asked: Vec<Extension>,
    },
    LastWord,
}

impl Held {
    pub(super) fn rung(&self) -> impl Iterator<Item = LegId> + '_ {
        let rung = match &self.stage {
            HeldStage::Ringing { rung, .. } => rung.as_slice(),
            HeldStage::Parked | HeldStage::Rest | HeldStage::LastWord => &[],
        };
        rung.iter().map(|(leg, _)| *leg)
    }

    /// Looks for a phone as soon as one is idle.
    pub(super) fn searches(&self) -> bool {
        matches!(self.stage, HeldStage::Ringing { .. })
    }
}

/// How a call ends whose party leaves while held, or is given up (row 17); one that was never answered was only dialled.
pub(super) fn left(call: &Call) -> End {
    match call.connected {
        // a colleague needs no callback
        Some(_) => End::new(Outcome::Answered((call.direction != Direction::Internal).then_some(Why::LeftOnHold)), Refuse::Cancelled),
        None => End::out(Out::Cancelled, Refuse::Cancelled),
    }
}

impl Line {
    /// The other one hears music from now on; the phone's side is returned, to be connected with somebody else.
    pub(super) fn park(&mut self, now: Now, by: &Extension, id: CallId, out: &mut Vec<Effect>) -> Option<Party> {
        let mut call = self.take(id)?;
        let (own, other, phone_called) = match &call.state {
            State::Talking(talk) => {
                let called = talk.caller.phone.as_ref() == Some(by);
                let (own, other) = if called { (&talk.caller, &talk.callee) } else { (&talk.callee, &talk.caller) };
                if own.phone.as_ref() != Some(by) {
                    self.put(call);
                    return None;
                }
                // its own button stays with the phone, the page's hold is of this call
                let mut own = own.clone();
                own.hold(now, own.holds, false);
                // whether it lives is found out anew in the next call (row 19)
                own.silent = false;
                (own, other.clone(), called)
            }
            State::Calling(Calling { caller, far, opened, .. }) => {
                if let Some(seq) = opened {
                    self.awaited.remove(seq);
                }
                (Party::new(*caller, Some(by.clone())), Party::new(*far, None), true)
            }
            _ => {
                self.put(call);
                return None;
            }
        };
        if call.connected.is_some() {
            // one that has just left hears nothing any more
            if self.legs.get(other.leg).is_some() {
                out.push(Effect::Play(other.leg, Sound::HoldMusic));
            }
            self.timers.set(Owner::Hold(id), now.instant + REMINDER);
        }
        self.timers.cancel(Owner::Call(id));
        self.timers.cancel(Owner::Keypad(id));
        call.since = now;
        call.state = State::Held(Held { party: other, by: by.clone(), phone_called, stage: HeldStage::Parked });
        self.put(call);
        Some(own)
    }

    /// A held one and the phone hear each other again.
    pub(super) fn unpark(&mut self, now: Now, mut call: Call, phone: Party, out: &mut Vec<Effect>) {
        let State::Held(held) = call.state else {
            self.put(call);
            return;
        };
        let id = call.id;
        self.timers.cancel(Owner::Hold(id));
        self.timers.cancel(Owner::Call(id));
        self.legs.reassign(phone.leg, id);
        let talk = if held.phone_called { Talk { caller: phone, callee: held.party } } else { Talk { caller: held.party, callee: phone } };
        talk.heard(out);
        call.since = now;
        call.state = State::Talking(talk);
        self.put(call);
        self.keypad_follows(id, out);
        self.keypad_used(now, id);
    }

    /// A minute of hold, again and again: a short beep to the agent.
    pub(super) fn hold_reminder(&mut self, now: Now, id: CallId, out: &mut Vec<Effect>) {
        let Some(State::Held(held)) = self.calls.get(&id).map(|call| &call.state) else { return };
        let double = self.legs.desk(&held.by).and_then(|desk| desk.double.as_ref());
        if let Some(leg) = double.and_then(Double::heard).and_then(|heard| self.phone_leg(&held.by.clone(), heard)) {
            out.push(Effect::Overlay(leg, Some(Sound::Beep)));
        }
        self.timers.set(Owner::Hold(id), now.instant + REMINDER);
    }

    // ------------------------------------------------------------------ recall
    /// The agent hung up while this one was held: its phone rings again in a second.
    pub(super) fn recall(&mut self, now: Now, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if let State::Held(held) = &mut call.state {
            held.stage = HeldStage::Rest;
            self.timers.cancel(Owner::Hold(id));
            self.timers.set(Owner::Call(id), now.instant + REST);
        }
    }

    pub(super) fn held_time_is_over(&mut self, now: Now, mut call: Call, out: &mut Vec<Effect>) {
        let State::Held(held) = &mut call.state else {
            self.put(call);
            return;
        };
        match &held.stage {
            HeldStage::Parked => self.put(call),
            HeldStage::Rest => {
                held.stage = HeldStage::Ringing { others: false, rung: Vec::new(), asked: Vec::new() };
                self.timers.set(Owner::Call(call.id), now.instant + RECALL);
                self.seek_recall(now, call, out);
            }
            HeldStage::Ringing { others: false, .. } => self.recall_widens(now, call, out),
            HeldStage::Ringing { others: true, .. } => self.last_word(now, call, out),
            HeldStage::LastWord => self.given_up(now, call, out),
        }
    }

    /// Rings who may ring for it now.
    pub(super) fn seek_recall(&mut self, now: Now, mut call: Call, out: &mut Vec<Effect>) {
        let State::Held(Held { by, party, stage: HeldStage::Ringing { others, rung, asked }, .. }) = &call.state else {
            self.put(call);
            return;
        };
        // its own phone is rung whatever it wishes, once nothing stands on it; the others must be idle
        let wanted: Vec<Extension> = if *others {
            let may = |e: &&Extension| *e != by && !asked.contains(e) && self.is_idle(e);
            self.config.ring.iter().filter(may).cloned().collect()
        } else {
            let free = self.legs.desk(by).is_some_and(|desk| desk.lines().next().is_none());
            if free && rung.is_empty() && asked.is_empty() { vec![by.clone()] } else { Vec::new() }
        };
        let colleague = party.phone.clone();
        for extension in wanted {
            let leg = self.ring_phone(now, &call, colleague.as_ref(), extension.clone(), out);
            if let State::Held(Held { stage: HeldStage::Ringing { rung, asked, .. }, .. }) = &mut call.state {
                rung.push((leg, extension.clone()));
                asked.push(extension);
            }
        }
        self.put(call);
    }

    /// Its own phone does not answer.
    fn recall_widens(&mut self, now: Now, mut call: Call, out: &mut Vec<Effect>) {
        self.stop_recall_rings(&call, out);
        let hope = match &call.state {
            State::Held(held) => {
                let other = |e: &&Extension| **e != held.by && self.legs.desk(e).is_some_and(|d| d.registered && !d.do_not_disturb);
                self.config.ring.iter().any(|e| other(&e))
            }
            _ => false,
        };
        if !hope {
            self.last_word(now, call, out);
            return;
        }
        if let State::Held(held) = &mut call.state {
            held.stage = HeldStage::Ringing { others: true, rung: Vec::new(), asked: Vec::new() };
        }
        self.timers.set(Owner::Call(call.id), now.instant + RECALL);
        self.seek_recall(now, call, out);
    }

    fn stop_recall_rings(&mut self, call: &Call, out: &mut Vec<Effect>) {
        let State::Held(held) = &call.state else { return };
        for leg in held.rung() {
            self.timers.cancel(Owner::Leg(leg));
            self.legs.close(leg, Refuse::Cancelled, out);
        }
    }

    fn last_word(&mut self, now: Now, mut call: Call, out: &mut Vec<Effect>) {
        self.stop_recall_rings(&call, out);
        if let State::Held(held) = &mut call.state {
            held.stage = HeldStage::LastWord;
            out.push(Effect::Play(held.party.leg, Sound::Prompts(vec!["rappel-sans-tarder"])));
            self.timers.set(Owner::Call(call.id), now.instant + LAST_WORD);
        }
        self.put(call);
    }

    /// The last word was said, or its time is over.
    pub(super) fn given_up(&mut self, now: Now, call: Call, out: &mut Vec<Effect>) {
        let end = left(&call);
        self.finish(now, call, end, out);
    }

    pub(super) fn recall_said_no(&mut self, now: Now, mut call: Call, leg: LegId, out: &mut Vec<Effect>) {
        let State::Held(Held { stage: HeldStage::Ringing { others, rung, .. }, .. }) = &mut call.state else {
            self.put(call);
            return;
        };
        rung.retain(|(l, _)| *l != leg);
        match (*others, rung.is_empty()) {
            (false, _) => self.recall_widens(now, call, out),
            (true, true) => {
                let more = self.config.ring.iter().any(|e| self.legs.desk(e).is_some_and(|d| d.registered && d.lines().next().is_some()));
                if more { self.put(call) } else { self.last_word(now, call, out) }
            }
            (true, false) => self.put(call),
        }
    }

    pub(super) fn recall_answered(&mut self, now: Now, mut call: Call, leg: LegId, out: &mut Vec<Effect>) {
        let answered = match &mut call.state {
            State::Held(Held { by, stage: HeldStage::Ringing { rung, .. }, .. }) => {
                let at = rung.iter().position(|(l, _)| *l == leg);
                at.map(|at| (rung.remove(at).1, std::mem::take(rung), by.clone()))
            }
            _ => None,
        };
        let Some((extension, others, by)) = answered else {
            self.put(call);
            return;
        };
        for (other, _) in others {
            self.timers.cancel(Owner::Leg(other));
            self.legs.elsewhere(other, out);
        }
        self.legs.up(leg);
        self.end_double(&by, Event::Answered);
        let waiting = match &call.state {
            State::Held(held) => held.party.leg,
            _ => leg,
        };
        if call.direction != Direction::Outgoing {
            call.extension = Some(extension.clone());
        }
        self.unpark(now, call, Party::new(leg, Some(extension)), out);
        out.push(Effect::Overlay(waiting, Some(Sound::Prompts(vec!["interrompu-reprise"]))));
    }

    /// The double call of that phone is over by an event that asks for nothing.
    fn end_double(&mut self, extension: &Extension, event: Event) {
        if let Some(desk) = self.legs.desk_mut(extension)
            && desk.double.as_ref().is_some_and(|double| super::double_call::next(double.step, event).is_some_and(|(to, _)| to.is_none()))
        {
            desk.double = None;
            self.legs.moved = true;
        }
    }
}
