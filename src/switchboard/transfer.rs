//! A phone sends the party of its call to a colleague (RULES 2.6, row 23). The party is never dropped before both phones were tried.
//!
//! ```text
//!   Talking -> Target -(answered)-> Talking with the target
//!                |-(no answer, the transferor still there)-> Talking as before
//!                '-(no answer)-> Back -(answered)-> Talking with the transferor
//!                                 '-(no answer)-> answered, cut
//! ```

use crate::domain::call::{Extension, LegId};
use crate::domain::now::Now;

use super::call::{Call, End, Party, Stage, State, Talk, Transfer};
use super::config::Route;
use super::double_call::Step;
use super::effect::{Effect, Refuse, Sound};
use super::legs::LegState;
use super::line::Line;
use super::timers::Owner;

/// Said of a transfer that was answered, and of one that was not.
const OK: u16 = 200;
const UNAVAILABLE: u16 = 480;

impl Line {
    pub(super) fn transfers(&mut self, now: Now, leg: LegId, digits: &str, out: &mut Vec<Effect>) {
        let Some(id) = self.legs.get(leg).filter(|l| l.state == LegState::Up).map(|l| l.call) else {
            out.push(Effect::Transfer { leg, accepted: false });
            return;
        };
        let Some((party, from, from_holds, target)) = self.calls.get(&id).and_then(|call| self.transfer_wanted(call, leg, digits)) else {
            out.push(Effect::Transfer { leg, accepted: false });
            return;
        };
        let Some(mut call) = self.take(id) else { return };
        out.push(Effect::Transfer { leg, accepted: true });
        out.push(Effect::Play(party.leg, Sound::Ringback));
        let rung = self.ring_phone(now, &call, party.phone.as_ref(), target.clone(), out);
        self.timers.set(Owner::Call(id), now.instant + self.config.ring_time);
        let stage = Stage::Target { leg: rung, extension: target };
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

    /// Who is transferred, by which phone, whether that holds, and to whom; only from a phone in a talk, only to an idle colleague.
    fn transfer_wanted(&self, call: &Call, leg: LegId, digits: &str) -> Option<(Party, Extension, bool, Extension)> {
        let State::Talking(talk) = &call.state else { return None };
        let (own, other) = talk.seen_from(leg);
        let from = own.phone.clone()?;
        match self.config.router.route(&from, digits) {
            Route::Extension(target) if target != from && other.phone.as_ref() != Some(&target) && self.is_idle(&target) => {
                Some((Party { silent: false, ..other.clone() }, from, own.holds, target))
            }
            Route::Extension(_) | Route::Switch(_) | Route::Outside(_) | Route::Emergency(_) | Route::Refused { .. } => None,
        }
    }

    pub(super) fn transfer_answered(&mut self, now: Now, mut call: Call, leg: LegId, out: &mut Vec<Effect>) {
        let State::Transferring(transfer) = &call.state else {
            self.put(call);
            return;
        };
        let (party, from_leg) = (transfer.party.clone(), transfer.from_leg);
        let phone = match &transfer.stage {
            Stage::Target { extension, .. } => extension.clone(),
            Stage::Back(_) => transfer.from.clone(),
        };
        self.legs.up(leg);
        self.timers.cancel(Owner::Call(call.id));
        let talk = Talk { caller: party, callee: Party::new(leg, Some(phone.clone())) };
        talk.heard(out);
        if let Some(from) = from_leg {
            out.push(Effect::TransferResult { leg: from, status: OK });
            self.legs.close(from, Refuse::Cancelled, out);
        }
        call.extension = Some(phone);
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
            let talk = Talk { caller: party, callee: Party { holds, ..Party::new(from, Some(transfer.from.clone())) } };
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
            State::Transferring(_) | State::Hunting(_) | State::Calling(_) | State::Speaking(_) | State::Talking(_) | State::Held(_) => {
                None
            }
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
            State::Transferring(_) | State::Hunting(_) | State::Calling(_) | State::Speaking(_) | State::Talking(_) | State::Held(_) => {
                None
            }
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
