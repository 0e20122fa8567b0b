//! A phone sends the party of its call to a colleague or outside (RULES 2.6, row 23). The party is never dropped before both were tried.
//!
//! ```text
//!   Talking -> Target -(answered)-> Talking with the target
//!                |-(no answer, the transferor still there)-> Talking as before
//!                '-(no answer)-> Back -(answered)-> Talking with the transferor
//!                                 '-(no answer)-> answered, cut
//! ```
//! An outside target is called like any number that the phone dials: by its dial plan, counted in its hour, on a free channel.

use std::time::Duration;

use crate::dialplan::route::OutboundPermit;
use crate::domain::call::{CallId, Extension, LegId};
use crate::domain::now::Now;

use super::call::{Call, End, Party, Stage, State, Talk, Transfer};
use super::config::Route;
use super::double_call::Step;
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
        let Some((party, from, from_holds, target)) = self.transfer_wanted(now, id, leg, digits) else {
            out.push(Effect::Transfer { leg, accepted: false });
            return;
        };
        let Some(mut call) = self.take(id) else { return };
        out.push(Effect::Transfer { leg, accepted: true });
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
        // in a double call the phone goes back to the other caller at once (RULES 4)
        let other = self.legs.desk(&from).and_then(|d| d.double.as_ref()).is_some_and(|d| d.step != Step::Waiting && d.heard() == Some(id));
        let from_leg = (!other).then_some(leg);
        let phone = Party { holds: from_holds, ..Party::new(leg, Some(from.clone())) };
        call.state = State::Transferring(Transfer { party, from: from.clone(), from_leg, from_holds, stage });
        self.put(call);
        if other {
            self.resumes_after_refer(now, &from, phone, out);
        }
    }

    /// Who is transferred, by which phone, whether that holds, and to whom; only from a phone in a talk, to an idle colleague or to a number that it may dial
    /// now. Nobody is sent to an emergency number: who needs one calls it, and is called back by it.
    fn transfer_wanted(&mut self, now: Now, call: CallId, leg: LegId, digits: &str) -> Option<(Party, Extension, bool, Target)> {
        let call = self.calls.get(&call)?;
        let State::Talking(talk) = &call.state else { return None };
        let (own, other) = talk.seen_from(leg);
        let from = own.phone.clone()?;
        let (party, holds) = (Party { silent: false, ..other.clone() }, own.holds);
        let target = match self.config.router.route(&from, digits) {
            Route::Extension(target) if target != from && party.phone.as_ref() != Some(&target) && self.is_idle(&target) => {
                Target::Colleague(target)
            }
            Route::Outside(permit) if self.phase == Phase::Running && self.within_the_hour(now, Some(&from)) => {
                Target::Outside(self.free_trunk().ok()?, permit)
            }
            Route::Extension(_) | Route::Switch(_) | Route::Outside(_) | Route::Emergency(_) | Route::Refused { .. } => return None,
        };
        Some((party, from, holds, target))
    }

    pub(super) fn transfer_answered(&mut self, now: Now, mut call: Call, leg: LegId, out: &mut Vec<Effect>) {
        let State::Transferring(transfer) = &call.state else {
            self.put(call);
            return;
        };
        let (party, from_leg) = (transfer.party.clone(), transfer.from_leg);
        let phone = match &transfer.stage {
            Stage::Target { extension, .. } => extension.clone(),
            Stage::Back(_) => Some(transfer.from.clone()),
        };
        self.legs.up(leg);
        self.timers.cancel(Owner::Call(call.id));
        let talk = Talk { caller: party, callee: Party::new(leg, phone.clone()) };
        talk.heard(out);
        if let Some(from) = from_leg {
            out.push(Effect::TransferResult { leg: from, status: OK });
            self.legs.close(from, Refuse::Cancelled, out);
        }
        if talk.caller.phone.is_none() && talk.callee.phone.is_none() {
            // no phone of ours watches over it any more
            self.timers.set(Owner::Call(call.id), now.instant + Duration::from_secs(BOTH_OUTSIDE_SECONDS));
        }
        call.extension = phone.or(call.extension);
        call.since = now;
        call.state = State::Talking(talk);
        self.put(call);
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
            self.timers.cancel(Owner::Call(call.id));
            call.state = State::Talking(talk);
            self.put(call);
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
            self.legs.close(leg, Refuse::Cancelled, out);
            self.put(call);
            return;
        }
        self.finish(now, call, end, out);
    }
}
