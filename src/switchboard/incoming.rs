//! An incoming call looks for a phone (RULES 2, rows 1 to 10, 20, 21, 28 of RULES 3).

use crate::domain::call::{CallId, Direction, Extension, LegId};
use crate::domain::identity::Caller;
use crate::domain::now::Now;
use crate::domain::outcome::{Outcome, Reason, Why};
use crate::domain::text::ScreenText;

use super::call::{Hunt, Ringing, State, Talk};
use super::effect::{Effect, Refuse};
use super::input::{Gone, Progress, Refusal};
use super::line::{Line, REPLY, Timer};

impl Line {
    #[allow(clippy::too_many_arguments, reason = "what an INVITE says")]
    pub(super) fn rings(&mut self, now: Now, leg: LegId, trunk: usize, caller: Caller, name: ScreenText, usable: bool, out: &mut Vec<Effect>) {
        let full = self.channels_used(trunk) >= self.config.channels.get(trunk).copied().unwrap_or(0);
        let id = self.open_call(now, Direction::Incoming, caller, name, leg, None, Some(trunk), State::Hunting(Hunt::default()), out);
        let refusal = if self.is_draining() {
            Some((Refuse::Unavailable, Reason::NoPhone))
        } else if !usable {
            Some((Refuse::NotAcceptable, Reason::Failed))
        } else if full {
            Some((Refuse::Busy, Reason::Overloaded))
        } else if !self.open {
            Some((Refuse::Unavailable, Reason::Closed))
        } else {
            None
        };
        if let Some((why, reason)) = refusal {
            return self.miss(now, id, why, reason, None, out);
        }
        self.hunt(now, id, out);
    }

    /// A call that was refused before it could become one: its row all the same (rows 20, 21).
    pub(super) fn lost(&mut self, now: Now, trunk: usize, caller: Caller, name: ScreenText, reason: Reason, out: &mut Vec<Effect>) {
        let leg = self.new_leg(CallId(0));
        let id = self.open_call(now, Direction::Incoming, caller, name, leg, None, Some(trunk), State::Hunting(Hunt::default()), out);
        self.end(now, id, Outcome::Missed(reason), None, out);
    }

    /// Idle phones ring together; with none idle the call waits for one that rings or dials, or is busy.
    fn hunt(&mut self, now: Now, id: CallId, out: &mut Vec<Effect>) {
        let of_line = |line: &Line, test: fn(&super::desk::Desk) -> bool| -> Vec<Extension> {
            line.config.ring.iter().filter(|e| line.desks.get(e).is_some_and(test)).cloned().collect()
        };
        let idle = of_line(self, |d| d.is_idle());
        if idle.is_empty() {
            let talking = of_line(self, |d| d.registered && d.is_talking());
            if let Some(first) = talking.first() {
                let during = self.desks.get(first).and_then(|d| d.talking.first().copied());
                return self.miss(now, id, Refuse::Busy, Reason::Busy, during, out);
            }
            let engaged = of_line(self, |d| d.registered && !d.dnd);
            if engaged.is_empty() {
                return self.miss(now, id, Refuse::Unavailable, Reason::NoPhone, None, out);
            }
        }
        self.timer(now.instant + self.config.ring_time, id, Timer::RingEnd);
        for extension in idle {
            self.ring(now, id, extension, out);
        }
    }

    fn ring(&mut self, now: Now, id: CallId, extension: Extension, out: &mut Vec<Effect>) {
        let leg = self.new_leg(id);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let State::Hunting(hunt) = &mut call.state else { return };
        hunt.ringing.push(Ringing { leg, extension: extension.clone(), alive: false });
        let (number, name) = shown(&call.party, &call.name);
        out.push(Effect::RingPhone { leg, extension: extension.clone(), number, name });
        if let Some(desk) = self.desks.get_mut(&extension) {
            desk.rings();
        }
        self.timer(now.instant + REPLY, id, Timer::Reply(leg));
        self.tell_ringing(id, out);
    }

    /// The caller hears that it rings once its row is on disk (RULES 2.1).
    pub(super) fn tell_ringing(&mut self, id: CallId, out: &mut Vec<Effect>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let rings = match &call.state {
            State::Hunting(_) => true,
            State::Calling { ringing, early, .. } => *ringing && !*early,
            State::Announcing(_) | State::Talking(_) | State::Transferring(_) => false,
        };
        if rings && !call.told && call.unrecorded.is_none() {
            call.told = true;
            out.push(Effect::Ringing(call.caller));
        }
    }

    /// Phones that became idle ring at once for the calls that wait, oldest first (RULES 2.4).
    pub(super) fn phones_became_idle(&mut self, now: Now, out: &mut Vec<Effect>) {
        let waiting: Vec<CallId> = self.calls.values().filter(|c| matches!(c.state, State::Hunting(_))).map(|c| c.id).collect();
        for id in waiting {
            let Some(State::Hunting(hunt)) = self.calls.get(&id).map(|c| &c.state) else { continue };
            let known = |e: &Extension| hunt.refused.contains(e) || hunt.ringing.iter().any(|r| r.extension == *e);
            let free: Vec<Extension> =
                self.config.ring.iter().filter(|e| !known(e) && self.desks.get(e).is_some_and(|d| d.is_idle())).cloned().collect();
            for extension in free {
                self.ring(now, id, extension, out);
            }
        }
    }

    pub(super) fn progress(&mut self, leg: LegId, what: Progress, out: &mut Vec<Effect>) {
        let Some(id) = self.by_leg.get(&leg).copied() else { return };
        let Some(call) = self.calls.get_mut(&id) else { return };
        let caller = call.caller;
        match &mut call.state {
            State::Hunting(hunt) => {
                if let Some(ringing) = hunt.ringing.iter_mut().find(|r| r.leg == leg) {
                    ringing.alive = true;
                }
            }
            State::Calling { ringing, early, .. } => match what {
                Progress::Alive => {}
                Progress::Ringing => *ringing = true,
                Progress::EarlyMedia if !*early => {
                    *early = true;
                    out.push(Effect::EarlyMedia(caller));
                    out.push(Effect::Join(caller, leg));
                }
                Progress::EarlyMedia => {}
            },
            State::Announcing(_) | State::Talking(_) | State::Transferring(_) => {}
        }
        self.tell_ringing(id, out);
    }

    pub(super) fn answered(&mut self, now: Now, leg: LegId, out: &mut Vec<Effect>) {
        let Some(id) = self.by_leg.get(&leg).copied() else { return };
        let Some(call) = self.calls.get(&id) else { return };
        match &call.state {
            State::Hunting(_) => self.phone_answered(now, id, leg, out),
            State::Calling { .. } => self.far_answered(now, id, leg, out),
            State::Transferring(_) => self.target_answered(now, id, leg, out),
            State::Announcing(_) | State::Talking(_) => {}
        }
    }

    fn phone_answered(&mut self, now: Now, id: CallId, leg: LegId, out: &mut Vec<Effect>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let State::Hunting(hunt) = &mut call.state else { return };
        let ringing = std::mem::take(&mut hunt.ringing);
        let Some(extension) = ringing.iter().find(|r| r.leg == leg).map(|r| r.extension.clone()) else { return };
        let caller = call.caller;
        call.state = State::Talking(Talk { far: leg, since: now.wall, held_by: None, held_since: None, lost: false });
        call.extension = Some(extension.clone());
        call.generation += 1;
        out.push(Effect::Answer(caller));
        out.push(Effect::Join(caller, leg));
        for other in &ringing {
            if let Some(desk) = self.desks.get_mut(&other.extension) {
                desk.rings_no_more();
            }
            if other.leg != leg {
                self.by_leg.remove(&other.leg);
                out.push(Effect::Cancel { leg: other.leg, elsewhere: true });
            }
        }
        self.start_talking(now, id, extension, out);
        self.someone_answered();
        self.phones_became_idle(now, out);
    }

    pub(super) fn start_talking(&mut self, now: Now, id: CallId, by: Extension, out: &mut Vec<Effect>) {
        if let Some(desk) = self.desks.get_mut(&by) {
            desk.talks(id);
        }
        self.record(crate::domain::call::Record::Answered { call: id, at: now.wall, by: Some(by) }, out);
        self.touch();
    }

    pub(super) fn refused(&mut self, now: Now, leg: LegId, why: &Refusal, out: &mut Vec<Effect>) {
        let Some(id) = self.by_leg.get(&leg).copied() else { return };
        let Some(call) = self.calls.get(&id) else { return };
        match &call.state {
            State::Hunting(_) => self.phone_refused(now, id, leg, why, out),
            State::Calling { .. } => self.far_refused(now, id, leg, why, out),
            State::Transferring(_) => self.target_refused(now, id, leg, out),
            State::Announcing(_) | State::Talking(_) => {}
        }
    }

    fn phone_refused(&mut self, now: Now, id: CallId, leg: LegId, why: &Refusal, out: &mut Vec<Effect>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let State::Hunting(hunt) = &mut call.state else { return };
        let Some(at) = hunt.ringing.iter().position(|r| r.leg == leg) else { return };
        let phone = hunt.ringing.swap_remove(at);
        match why {
            Refusal::Silent => hunt.absent.push(phone.extension.clone()),
            Refusal::Busy | Refusal::NoAnswer(_) | Refusal::Other(_) | Refusal::Moved(_) => hunt.refused.push(phone.extension.clone()),
        }
        self.by_leg.remove(&leg);
        if let Some(desk) = self.desks.get_mut(&phone.extension) {
            desk.rings_no_more();
        }
        // a 302 is followed to an extension only, once (RULES 2.6)
        if let Refusal::Moved(target) = why {
            let target = Extension(target.clone());
            let known = matches!(self.calls.get(&id).map(|c| &c.state), Some(State::Hunting(h)) if h.refused.contains(&target) || h.ringing.iter().any(|r| r.extension == target));
            if !known && self.desks.get(&target).is_some_and(super::desk::Desk::is_idle) {
                self.ring(now, id, target, out);
            }
        }
        self.perhaps_exhausted(now, id, out);
        self.phones_became_idle(now, out);
    }

    /// No sign of life in `REPLY`: the phone counts as absent.
    pub(super) fn no_reply(&mut self, now: Now, id: CallId, leg: LegId, out: &mut Vec<Effect>) {
        let Some(call) = self.calls.get(&id) else { return };
        let State::Hunting(hunt) = &call.state else { return };
        if hunt.ringing.iter().any(|r| r.leg == leg && !r.alive) {
            out.push(Effect::Cancel { leg, elsewhere: false });
            self.phone_refused(now, id, leg, &Refusal::Silent, out);
        }
    }

    fn perhaps_exhausted(&mut self, now: Now, id: CallId, out: &mut Vec<Effect>) {
        let Some(State::Hunting(hunt)) = self.calls.get(&id).map(|c| &c.state) else { return };
        if !hunt.ringing.is_empty() {
            return;
        }
        // another phone of the line rings or dials: it may yet become idle
        let tried = |e: &Extension| hunt.refused.contains(e) || hunt.absent.contains(e);
        if self.config.ring.iter().any(|e| !tried(e) && self.desks.get(e).is_some_and(|d| d.registered && !d.dnd)) {
            return;
        }
        let (why, reason) = if hunt.refused.is_empty() { (Refuse::Unavailable, Reason::NoPhone) } else { (Refuse::Busy, Reason::Refused) };
        self.miss(now, id, why, reason, None, out);
    }

    pub(super) fn rang_out(&mut self, now: Now, id: CallId, out: &mut Vec<Effect>) {
        let Some(call) = self.calls.get(&id) else { return };
        match &call.state {
            State::Hunting(hunt) => {
                out.extend(hunt.ringing.iter().map(|r| Effect::Cancel { leg: r.leg, elsewhere: false }));
                self.miss(now, id, Refuse::Unavailable, Reason::NoAnswer, None, out);
            }
            State::Calling { .. } => self.internal_rang_out(now, id, out),
            State::Transferring(_) => self.target_rang_out(now, id, out),
            State::Announcing(_) | State::Talking(_) => {}
        }
    }

    pub(super) fn caller_gave_up(&mut self, now: Now, id: CallId, why: Gone, out: &mut Vec<Effect>) {
        let Some(State::Hunting(hunt)) = self.calls.get(&id).map(|c| &c.state) else { return };
        let elsewhere = why == Gone::Elsewhere;
        out.extend(hunt.ringing.iter().map(|r| Effect::Cancel { leg: r.leg, elsewhere }));
        let outcome = if elsewhere { Outcome::Answered(Some(Why::Elsewhere)) } else { Outcome::Missed(Reason::CallerGaveUp) };
        self.end(now, id, outcome, None, out);
    }

    fn miss(&mut self, now: Now, id: CallId, why: Refuse, reason: Reason, during: Option<CallId>, out: &mut Vec<Effect>) {
        if let Some(call) = self.calls.get(&id) {
            out.push(Effect::Refuse { leg: call.caller, why });
        }
        self.end(now, id, Outcome::Missed(reason), during, out);
    }
}

/// Number and name for a phone's display; nothing of a withheld identity.
pub(super) fn shown(party: &Caller, name: &ScreenText) -> (String, String) {
    match party {
        Caller::Known(number) => (number.national().unwrap_or_else(|| number.as_str().to_owned()), name.as_str().to_owned()),
        Caller::Withheld => (String::new(), "Numéro masqué".to_owned()),
        Caller::Extension(digits) => (digits.clone(), if name.is_empty() { format!("Poste {digits}") } else { name.as_str().to_owned() }),
        Caller::Unreadable(text) => (String::new(), text.as_str().to_owned()),
    }
}
