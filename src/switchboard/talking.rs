//! Two who talk: one side ends it, a phone holds, a phone falls silent (RULES 3, rows 1, 3, 8, 9, 19, 28; section 4, a phone's own hold)
//! or the page does.

use crate::domain::call::{CallId, Direction, LegId};
use crate::domain::now::Now;
use crate::domain::outcome::{Out, Outcome, Reason, Why};

use super::booth::Event;
use super::call::{Call, End, Party, State, Talk};
use super::effect::{Answer, Done, Effect, Refusal as NotCarriedOut, Refuse, Sound};
use super::input::{Gone, Refusal};
use super::legs::{LegState, Who};
use super::line::Line;
use super::offers::in_the_way;
use super::timers::Owner;

/// A silent phone was probed after `media.silence_seconds`; its caller waits for twice that more (row 19: three times in all).
const SILENCE_MORE: u32 = 2;

impl Talk {
    /// One of the two hears music.
    pub(super) fn is_held(&self) -> bool {
        self.caller.is_away() || self.callee.is_away()
    }

    /// What both hear now: each other, music for whom the other holds, a word for whom the other fell silent.
    pub(super) fn heard(&self, out: &mut Vec<Effect>) {
        let (caller, callee) = (&self.caller, &self.callee);
        if !(self.is_held() || caller.silent || callee.silent) {
            out.push(Effect::Join(caller.leg, callee.leg));
            return;
        }
        for (one, other) in [(caller, callee), (callee, caller)] {
            if other.silent {
                out.push(Effect::Play(one.leg, Sound::Prompts(vec!["patienter"])));
            } else if other.is_away() {
                out.push(Effect::Play(one.leg, Sound::Music));
            }
        }
    }
}

impl Line {
    pub(super) fn gone(&mut self, now: Now, leg: LegId, why: Gone, out: &mut Vec<Effect>) {
        let Some((id, state, who)) = self.legs.get(leg).map(|l| (l.call, l.state, l.who.clone())) else { return };
        if state == LegState::Called {
            // Lost while we rang it: it will not answer any more.
            self.legs.gone(leg);
            self.said_no(now, leg, id, Refusal::Silent, out);
            return;
        }
        // Without an ACK the leg is still there: its end below says so to it.
        if why != Gone::NeverAcknowledged {
            self.legs.gone(leg);
        }
        if self.gone_in_double(now, leg, &who, (id, why), out) {
            return;
        }
        let Some(call) = self.take(id) else { return };
        match &call.state {
            State::Held(_) => self.given_up(now, call, out),
            State::Attendant(_) => {
                let before = caller_gone(&call, why);
                self.attendant_gone(now, call, why, before, out);
            }
            State::Speaking(s) if s.booth.is_some() && why == Gone::HungUp => self.booth_hears(now, call, Event::HungUp, out),
            State::Hunting(_) | State::Fetching(_) | State::Calling(_) | State::Speaking(_) => {
                let end = caller_gone(&call, why);
                self.finish(now, call, end, out);
            }
            State::Talking(_) if why == Gone::HungUp && self.ends_transfer(now, &who, id) => self.comes_back(now, call, leg, out),
            State::Talking(_) => {
                let end = self.own_end(&call).filter(|_| why == Gone::HungUp).unwrap_or_else(|| talker_gone(&call, why));
                self.finish(now, call, end, out);
            }
            State::Transferring(_) => {
                let end = talker_gone(&call, why);
                self.transfer_gone(now, call, leg, end, out);
            }
        }
    }

    /// A phone's own hold button, any number of times.
    pub(super) fn held(&mut self, now: Now, leg: LegId, on: bool, out: &mut Vec<Effect>) {
        let Some(call) = self.legs.get(leg).and_then(|l| self.calls.get_mut(&l.call)) else { return };
        match &mut call.state {
            State::Talking(talk) => {
                let party = talk.party_mut(leg);
                if party.hold(now, on, party.parks) {
                    talk.heard(out);
                    self.touch();
                }
                if let Some(Who::Phone(extension)) = self.legs.get(leg).map(|l| l.who.clone()) {
                    self.tone_follows(&extension, out);
                }
            }
            State::Calling(calling) if calling.caller == leg => calling.holds = on,
            State::Transferring(transfer) if transfer.party.leg == leg => {
                transfer.party.hold(now, on, transfer.party.parks);
            }
            State::Transferring(transfer) => transfer.from_holds = on,
            State::Held(held) if held.party.leg == leg => {
                held.party.hold(now, on, held.party.parks);
            }
            State::Hunting(_) | State::Fetching(_) | State::Calling(_) | State::Speaking(_) | State::Held(_) | State::Attendant(_) => {}
        }
    }

    /// The page's hold: in our relay, beside whatever the phone's own button says.
    pub(super) fn page_holds(&mut self, now: Now, person: &str, id: CallId, on: bool, out: &mut Vec<Effect>) -> Answer {
        let owner = |party: &Party| {
            let desk = party.phone.as_ref().and_then(|phone| self.legs.desk(phone));
            desk.is_some_and(|desk| desk.phone.owner == person)
        };
        let call = self.calls.get(&id).filter(|call| call.recorded).ok_or(NotCarriedOut::NotFound)?;
        let State::Talking(talk) = &call.state else { return Err(NotCarriedOut::Conflict("Cet appel n'est pas en communication.")) };
        let parties = [&talk.caller, &talk.callee];
        let whose = parties.iter().find(|p| owner(p)).or(parties.iter().find(|p| p.phone.is_some())).map(|p| (p.leg, p.holds));
        let Some((leg, holds)) = whose else { return Err(NotCarriedOut::Conflict("Aucun poste n'est dans cet appel.")) };
        if holds && !on {
            return Err(NotCarriedOut::Conflict("L'attente a été mise sur le téléphone : reprenez l'appel là-bas."));
        }
        if let Some(Call { state: State::Talking(talk), .. }) = self.calls.get_mut(&id)
            && talk.party_mut(leg).hold(now, holds, on)
        {
            talk.heard(out);
            self.touch();
        }
        Ok(Done::Nothing)
    }

    /// No sound from the phone, and no answer to the probe: the other hears a word, and waits a little more (row 19).
    pub(super) fn phone_silent(&mut self, now: Now, leg: LegId, out: &mut Vec<Effect>) {
        let Some((id, State::Talking(talk))) = self.legs.get(leg).and_then(|l| Some((l.call, &mut self.calls.get_mut(&l.call)?.state)))
        else {
            return;
        };
        let party = talk.party_mut(leg);
        if !party.silent {
            party.silent = true;
            talk.heard(out);
            self.timers.set(Owner::Call(id), now.instant + self.config.silence * SILENCE_MORE);
        }
    }

    pub(super) fn phone_speaks(&mut self, leg: LegId, out: &mut Vec<Effect>) {
        let Some((id, State::Talking(talk))) = self.legs.get(leg).and_then(|l| Some((l.call, &mut self.calls.get_mut(&l.call)?.state)))
        else {
            return;
        };
        let party = talk.party_mut(leg);
        if party.silent {
            party.silent = false;
            talk.heard(out);
            if !(talk.caller.silent || talk.callee.silent) {
                self.timers.cancel(Owner::Call(id));
            }
        }
    }
}

/// Who called gave up before an answer.
fn caller_gone(call: &Call, why: Gone) -> End {
    match (call.direction, why) {
        (Direction::Incoming, Gone::Elsewhere) => End::new(Outcome::Answered(Some(Why::Elsewhere)), Refuse::Cancelled),
        (Direction::Incoming, Gone::HungUp | Gone::Explained | Gone::Lost | Gone::NeverAcknowledged) => {
            let explained = why == Gone::Explained;
            End { during: in_the_way(call), explained, ..End::missed(Reason::CallerGaveUp, Refuse::Cancelled) }
        }
        (Direction::Outgoing | Direction::Internal, _) => call.given_up(),
    }
}

fn talker_gone(call: &Call, why: Gone) -> End {
    match (why, call.direction) {
        (Gone::HungUp | Gone::Elsewhere | Gone::Explained, _) => End::new(Outcome::Answered(None), Refuse::Cancelled),
        (Gone::Lost, _) => call.cut(),
        (Gone::NeverAcknowledged, Direction::Incoming) => End::missed(Reason::Failed, Refuse::Cancelled),
        (Gone::NeverAcknowledged, Direction::Outgoing | Direction::Internal) => End::out(Out::Failed, Refuse::Cancelled),
    }
}
