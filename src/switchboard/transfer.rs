//! A phone sends the party of its call to a colleague or outside (RULES 2.6, row 23). The party is never dropped before both were tried.
//!
//! ```text
//!   Talking -> Target -(answered)-> Talking with the target
//!                |-(no answer, the transferor still there)-> Talking as before
//!                '-(no answer)-> Back -(answered)-> Talking with the transferor
//!                                 '-(no answer)-> answered, cut
//!   Talking as before -(the BYE of the transfer comes after its end)-> Back
//! ```
//! An outside target is called like any number that the phone dials: by its dial plan, counted in its hour, on a free channel.

use std::time::Duration;

use crate::dialplan::route::OutboundPermit;
use crate::domain::call::{CallId, Extension, LegId};
use crate::domain::now::{Instant, Now};

use super::call::{Call, End, Party, Stage, State, Talk, Transfer};
use super::config::Route;
use super::double_call::{Event, Step};
use super::effect::{Effect, Refuse, Sound};
use super::legs::{LegState, Who};
use super::line::{Line, Phase};
use super::timers::Owner;

/// Said of a transfer that was answered, and of one that was not.
const OK: u16 = 200;
const UNAVAILABLE: u16 = 480;
/// How long an outside target may ring, in seconds: it takes some to be reached, and its voicemail some more to answer.
pub const OUTSIDE_SECONDS: u64 = 60;
/// Two outside parties joined by a transfer are parted after this time, in seconds: a side that was lost without a word would hold two channels for ever.
pub const BOTH_OUTSIDE_SECONDS: u64 = 4 * 3600;

/// A BYE that follows a REFER within that time is the end of the transfer, not of the call.
const AFTER_REFER: Duration = Duration::from_secs(5);

/// A phone sent a party on: the BYE that ends the transfer is still to come, on the call that it is in now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Referred {
    pub(super) at: Instant,
    pub(super) call: CallId,
    pub(super) bye_ends: ByeEnds,
}

/// Who is left by that BYE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByeEnds {
    /// The party that was sent on.
    SentOn,
    /// The other one of a double call, who was resumed.
    Resumed,
}

/// Where a party is sent.
enum Target {
    Colleague(Extension),
    /// By that trunk.
    Outside(usize, OutboundPermit),
}

impl Line {
    /// REFER: refused unless it can be carried out at once, and the talk goes on then.
    pub(super) fn transfers(&mut self, now: Now, leg: LegId, digits: &str, out: &mut Vec<Effect>) {
        let Some(id) = self.legs.get(leg).filter(|l| l.state == LegState::Up).map(|l| l.call) else {
            out.push(Effect::Transfer { leg, accepted: false });
            return;
        };
        let Some((party, from, own, target)) = self.transfer_wanted(now, id, leg, digits) else {
            out.push(Effect::Transfer { leg, accepted: false });
            return;
        };
        let Some(mut call) = self.take(id) else { return };
        out.push(Effect::Transfer { leg, accepted: true });
        // in a double call the phone goes back to the other caller at once (RULES 4): for that phone the transfer is over, and its BYE may come
        let other = self.legs.desk(&from).and_then(|d| d.double.as_ref()).is_some_and(|d| d.step != Step::Waiting && d.heard() == Some(id));
        if other {
            out.push(Effect::TransferResult { leg, status: OK });
        }
        let (rung, extension, time) = match target {
            Target::Colleague(extension) => {
                out.push(Effect::Play(party.leg, Sound::Ringback));
                let rung = self.ring_phone(now, &call, party.phone.as_ref(), extension.clone(), out);
                (rung, Some(extension), self.config.ring_time)
            }
            Target::Outside(trunk, permit) => {
                out.push(Effect::Play(party.leg, Sound::Music));
                self.counts_outside(now, &from);
                let far = self.legs.call(id, Who::Trunk(trunk));
                out.push(Effect::CallOut { leg: far, trunk, permit });
                (far, None, Duration::from_secs(OUTSIDE_SECONDS))
            }
        };
        self.timers.set(Owner::Call(id), now.instant + time);
        let stage = Stage::Target { leg: rung, extension };
        // whoever it talks with next gets them, or nobody
        if own.passes_keys.is_some() {
            out.push(Effect::PassKeys { leg, to: None });
        }
        let from_holds = own.holds;
        let from_leg = (!other).then_some(leg);
        let phone = Party { holds: from_holds, ..Party::new(leg, Some(from.clone())) };
        call.state = State::Transferring(Transfer { party, from: from.clone(), from_leg, from_holds, stage });
        self.put(call);
        if other {
            self.resumes_after_refer(now, &from, phone, out);
        } else if let Some(desk) = self.legs.desk_mut(&from) {
            desk.referred = Some(Referred { at: now.instant, call: id, bye_ends: ByeEnds::SentOn });
        }
    }

    /// Who is transferred, by which phone, that one's side, and to whom; only from a phone in a talk, to an idle colleague or to a number that it may dial
    /// now. Nobody is sent to an emergency number: who needs one calls it, and is called back by it.
    fn transfer_wanted(&mut self, now: Now, call: CallId, leg: LegId, digits: &str) -> Option<(Party, Extension, Party, Target)> {
        let call = self.calls.get(&call)?;
        let State::Talking(talk) = &call.state else { return None };
        let (own, other) = talk.seen_from(leg);
        let from = own.phone.clone()?;
        let (party, own) = (Party { silent: false, ..other.clone() }, own.clone());
        let target = match self.config.router.route(&from, digits) {
            Route::Extension(target) if target != from && party.phone.as_ref() != Some(&target) && self.is_idle(&target) => {
                Target::Colleague(target)
            }
            Route::Outside(permit) if self.phase == Phase::Running && self.within_the_hour(now, Some(&from)) => {
                Target::Outside(self.free_trunk().ok()?, permit)
            }
            Route::Extension(_) | Route::Switch(_) | Route::Outside(_) | Route::Emergency(_) | Route::Refused { .. } => return None,
        };
        Some((party, from, own, target))
    }

    pub(super) fn transfer_answered(&mut self, now: Now, mut call: Call, leg: LegId, out: &mut Vec<Effect>) {
        let State::Transferring(transfer) = &call.state else {
            self.put(call);
            return;
        };
        let (party, from, from_leg) = (transfer.party.clone(), transfer.from.clone(), transfer.from_leg);
        let phone = match &transfer.stage {
            Stage::Target { extension, .. } => extension.clone(),
            Stage::Back(_) => Some(from.clone()),
        };
        self.legs.up(leg);
        self.timers.cancel(Owner::Call(call.id));
        let talk = Talk { caller: party, callee: Party::new(leg, phone.clone()) };
        talk.heard(out);
        if let Some(leg) = from_leg {
            out.push(Effect::TransferResult { leg, status: OK });
            self.legs.close(leg, Refuse::Cancelled, out);
            self.transferor_left(now, &from, call.id, out);
        }
        if talk.caller.phone.is_none() && talk.callee.phone.is_none() {
            // no phone of ours watches over it any more
            self.timers.set(Owner::Call(call.id), now.instant + Duration::from_secs(BOTH_OUTSIDE_SECONDS));
        }
        call.extension = phone.or(call.extension);
        call.since = now;
        call.state = State::Talking(talk);
        let id = call.id;
        self.put(call);
        self.keypad_follows(id, out);
    }

    /// The rung phone does not answer: the transferor talks on if it is still there, else its phone rings again.
    pub(super) fn transfer_said_no(&mut self, now: Now, mut call: Call, leg: LegId, out: &mut Vec<Effect>) {
        let State::Transferring(transfer) = &mut call.state else {
            self.put(call);
            return;
        };
        match &transfer.stage {
            Stage::Target { leg: rung, .. } if *rung == leg => {}
            Stage::Back(Some(rung)) if *rung == leg => {
                let end = call.cut();
                self.finish(now, call, end, out);
                return;
            }
            Stage::Target { .. } | Stage::Back(_) => {
                self.put(call);
                return;
            }
        }
        let (party, from_leg, holds) = (transfer.party.clone(), transfer.from_leg, transfer.from_holds);
        if let Some(from) = from_leg {
            out.push(Effect::TransferResult { leg: from, status: UNAVAILABLE });
            let mut transferor = Party::new(from, Some(transfer.from.clone()));
            transferor.hold(now, holds, false);
            let talk = Talk { caller: party, callee: transferor };
            talk.heard(out);
            let id = call.id;
            self.timers.cancel(Owner::Call(id));
            call.state = State::Talking(talk);
            self.put(call);
            self.keypad_follows(id, out);
        } else {
            transfer.stage = Stage::Back(None);
            self.timers.set(Owner::Call(call.id), now.instant + self.config.ring_time);
            self.seek_back(now, call, out);
        }
    }

    /// The transferor's phone rings again, as soon as it is idle.
    pub(super) fn seek_back(&mut self, now: Now, mut call: Call, out: &mut Vec<Effect>) {
        let wanted = match &call.state {
            State::Transferring(Transfer { stage: Stage::Back(None), from, party, .. }) if self.is_idle(from) => {
                Some((from.clone(), party.phone.clone()))
            }
            State::Transferring(_)
            | State::Hunting(_)
            | State::Fetching(_)
            | State::Calling(_)
            | State::Speaking(_)
            | State::Talking(_)
            | State::Held(_)
            | State::Attendant(_) => None,
        };
        if let Some((from, colleague)) = wanted {
            let rung = self.ring_phone(now, &call, colleague.as_ref(), from, out);
            if let State::Transferring(transfer) = &mut call.state {
                transfer.stage = Stage::Back(Some(rung));
            }
        }
        self.put(call);
    }

    pub(super) fn transfer_time_is_over(&mut self, now: Now, call: Call, out: &mut Vec<Effect>) {
        let rung = match &call.state {
            State::Transferring(Transfer { stage: Stage::Target { leg, .. }, .. }) => Some(*leg),
            State::Transferring(_)
            | State::Hunting(_)
            | State::Fetching(_)
            | State::Calling(_)
            | State::Speaking(_)
            | State::Talking(_)
            | State::Held(_)
            | State::Attendant(_) => None,
        };
        let Some(leg) = rung else {
            let end = call.cut();
            self.finish(now, call, end, out);
            return;
        };
        self.timers.cancel(Owner::Leg(leg));
        self.legs.close(leg, Refuse::Unavailable, out);
        self.transfer_said_no(now, call, leg, out);
    }

    /// The transferor may hang up (it does after our 202); the party ends the call with `end`.
    pub(super) fn transfer_gone(&mut self, now: Now, mut call: Call, leg: LegId, end: End, out: &mut Vec<Effect>) {
        if let State::Transferring(transfer) = &mut call.state
            && transfer.from_leg == Some(leg)
        {
            transfer.from_leg = None;
            let (id, from) = (call.id, transfer.from.clone());
            self.legs.close(leg, Refuse::Cancelled, out);
            self.put(call);
            self.transferor_left(now, &from, id, out);
            return;
        }
        self.finish(now, call, end, out);
    }

    /// The phone is out of the call that it sent on: it rings for a caller who waits on it (RULES 4, Waiting).
    fn transferor_left(&mut self, now: Now, from: &Extension, call: CallId, out: &mut Vec<Effect>) {
        let Some(desk) = self.legs.desk_mut(from) else { return };
        desk.referred = None;
        if desk.double.as_ref().is_some_and(|double| double.first == call) {
            self.on_double(now, from, Event::FirstSentOn, out);
        }
    }

    /// A BYE of that phone on that call, now, is the end of a transfer: who is left by it.
    pub(super) fn has_just_referred(&self, now: Now, extension: &Extension, call: CallId) -> Option<ByeEnds> {
        let referred = self.legs.desk(extension)?.referred?;
        (referred.call == call && now.instant.since(referred.at) <= AFTER_REFER).then_some(referred.bye_ends)
    }

    /// The target refused so fast that the transferor's BYE crossed it.
    pub(super) fn ends_transfer(&self, now: Now, who: &Who, call: CallId) -> bool {
        match who {
            Who::Phone(extension) => self.has_just_referred(now, extension, call) == Some(ByeEnds::SentOn),
            Who::Trunk(_) => false,
        }
    }

    /// The transferor, who was given the party back, is gone: its phone rings again.
    pub(super) fn comes_back(&mut self, now: Now, mut call: Call, leg: LegId, out: &mut Vec<Effect>) {
        let id = call.id;
        if let State::Talking(talk) = &call.state
            && let (Party { phone: Some(from), .. }, party) = talk.seen_from(leg)
        {
            let (from, party) = (from.clone(), party.clone());
            out.push(Effect::Play(party.leg, Sound::Ringback));
            self.timers.set(Owner::Call(id), now.instant + self.config.ring_time);
            let (from_leg, from_holds, stage) = (None, false, Stage::Back(None));
            call.state = State::Transferring(Transfer { party, from: from.clone(), from_leg, from_holds, stage });
            self.transferor_left(now, &from, id, out);
        }
        self.put(call);
    }
}
