//! One running call: who it is with, and the state it is in. A variant holds only what exists then.
//!
//! ```text
//!   incoming, internal:  Hunting -> Talking <-> Transferring, Held
//!   incoming:            Hunting -> Attendant (nobody answered) -> Talking (taken back)
//!   outgoing:            Calling -> Talking <-> Held;  Speaking (refused, with a spoken reason)
//!   started by the page: Fetching -> Calling (outside), Hunting (a colleague)
//! ```
//! Leaving any of them ends in another or in `Line::finish`, which closes every leg named by [`Call::legs`].

use crate::dialplan::route::OutboundPermit;
use crate::domain::call::{CallId, Direction, Extension, LegId};
use crate::domain::identity::Caller;
use crate::domain::now::Now;
use crate::domain::outcome::{Out, Outcome, Reason, Why};
use crate::domain::text::ScreenText;

use crate::domain::callback::Fields;

use super::attended::Attended;
use super::booth::Booth;
use super::effect::Refuse;
use super::held::{Held, left};
use super::input::{Progress, Seq};
use super::keypad::Keypad;
use super::originate::Fetching;
use super::ringing::Hunt;

#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) direction: Direction,
    pub(super) party: Caller,
    pub(super) name: ScreenText,
    /// The phone that dialled, or the last that answered.
    pub(super) extension: Option<Extension>,
    pub(super) arrived: Now,
    /// Since when it is in its present state, for the page.
    pub(super) since: Now,
    pub(super) emergency: bool,
    /// By which trunk it arrived.
    pub(super) trunk: Option<usize>,
    /// When both sides were up for the first time.
    pub(super) connected: Option<Now>,
    /// The guide that is followed in it; empty for none.
    pub(super) guide: String,
    /// It has a row: all but those that only hear a prompt from us.
    pub(super) recorded: bool,
    pub(super) keypad: Keypad,
    /// What a person typed of it so far, as call 2.
    pub(super) form: Fields,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    Hunting(Hunt),
    Fetching(Fetching),
    Calling(Calling),
    Speaking(Speaking),
    Talking(Talk),
    Transferring(Transfer),
    Attendant(Attended),
    Held(Held),
}

/// A phone calls out and was not answered yet.
#[derive(Debug)]
pub(super) struct Calling {
    pub(super) caller: LegId,
    pub(super) from: Extension,
    pub(super) far: LegId,
    pub(super) trunk: usize,
    pub(super) permit: OutboundPermit,
    /// The record that what the phone is told waits for.
    pub(super) opened: Option<Seq>,
    /// What the far end did last, and what the phone was told of it.
    pub(super) far_end: Progress,
    pub(super) told: Progress,
    /// The phone hears us before the answer (it was rung first, or was given early media): what it is told is sound alone.
    pub(super) hears: bool,
    /// Its hold button is on already.
    pub(super) holds: bool,
}

/// A phone hears why its call is not made.
#[derive(Debug)]
pub(super) struct Speaking {
    pub(super) caller: LegId,
    /// The phone talks with us about a code.
    pub(super) booth: Option<Booth>,
    pub(super) why: Refuse,
    pub(super) outcome: Out,
}

/// One of two who talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Party {
    pub(super) leg: LegId,
    /// `None`: the trunk.
    pub(super) phone: Option<Extension>,
    /// It pressed its own hold button: the other hears music.
    pub(super) holds: bool,
    /// The page holds the other for it: the same.
    pub(super) parks: bool,
    /// Since when the other hears music for either reason.
    pub(super) away_since: Option<Now>,
    /// It does not reply any more (row 19): the other hears "merci de patienter".
    pub(super) silent: bool,
    /// Its keys go on to that leg.
    pub(super) passes_keys: Option<LegId>,
}

impl Party {
    pub(super) fn new(leg: LegId, phone: Option<Extension>) -> Party {
        Party { leg, phone, holds: false, parks: false, away_since: None, silent: false, passes_keys: None }
    }

    /// The other hears music.
    pub(super) fn is_away(&self) -> bool {
        self.holds || self.parks
    }

    /// One of the two reasons came or went; whether the other hears something else now.
    pub(super) fn hold(&mut self, now: Now, holds: bool, parks: bool) -> bool {
        let was = self.is_away();
        (self.holds, self.parks) = (holds, parks);
        self.away_since = if self.is_away() { self.away_since.or(Some(now)) } else { None };
        was != self.is_away()
    }
}

#[derive(Debug)]
pub(super) struct Talk {
    /// Who called.
    pub(super) caller: Party,
    /// Who answered.
    pub(super) callee: Party,
}

impl Talk {
    /// This leg's party first.
    pub(super) fn seen_from(&self, leg: LegId) -> (&Party, &Party) {
        if self.caller.leg == leg { (&self.caller, &self.callee) } else { (&self.callee, &self.caller) }
    }

    pub(super) fn party_mut(&mut self, leg: LegId) -> &mut Party {
        if self.caller.leg == leg { &mut self.caller } else { &mut self.callee }
    }
}

/// A party waits while the phone it was sent to, or sent back to, rings.
#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) party: Party,
    /// The phone that asked, and its leg until it hangs up.
    pub(super) from: Extension,
    pub(super) from_leg: Option<LegId>,
    pub(super) from_holds: bool,
    pub(super) stage: Stage,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Target {
        leg: LegId,
        /// `None`: outside.
        extension: Option<Extension>,
    },
    /// Nobody answered there: the transferor's phone rings again, as soon as it can.
    Back(Option<LegId>),
}

impl Call {
    /// Every leg it may have open; called ones first, the caller last.
    pub(super) fn legs(&self) -> Vec<LegId> {
        match &self.state {
            State::Hunting(hunt) => hunt.attempts().map(|a| a.leg).chain([hunt.caller]).collect(),
            State::Fetching(f) => vec![f.leg],
            State::Calling(c) => vec![c.far, c.caller],
            State::Speaking(s) => vec![s.caller],
            State::Attendant(attended) => vec![attended.caller],
            State::Talking(t) => vec![t.callee.leg, t.caller.leg],
            State::Transferring(t) => {
                let rung = match &t.stage {
                    Stage::Target { leg, .. } => Some(*leg),
                    Stage::Back(leg) => *leg,
                };
                rung.into_iter().chain(t.from_leg).chain([t.party.leg]).collect()
            }
            State::Held(held) => held.rung().chain([held.party.leg]).collect(),
        }
    }

    /// How it ends when it was connected and something of ours, or the phone, broke it: a callback is due.
    pub(super) fn cut(&self) -> End {
        let why = (self.direction != Direction::Internal).then_some(Why::Cut);
        End::new(Outcome::Answered(why), Refuse::Unavailable)
    }

    /// How it ends when we end it, whatever it does: for want of a channel, or of time.
    pub(super) fn broken_off(&self, reason: Reason, why: Refuse) -> End {
        match (&self.state, self.direction) {
            (State::Talking(_) | State::Transferring(_), _) => self.cut(),
            (State::Held(_), _) => left(self),
            (State::Speaking(s), _) => End::new(Outcome::Out(s.outcome), s.why),
            (State::Attendant(attended), _) => attended.ends(),
            (State::Hunting(_) | State::Fetching(_) | State::Calling(_), Direction::Incoming) => End::missed(reason, why),
            (State::Hunting(_) | State::Fetching(_) | State::Calling(_), Direction::Outgoing | Direction::Internal) => {
                End::out(Out::Failed, why)
            }
        }
    }
}

/// The one end of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) outcome: Outcome,
    /// What the caller is told where it was not answered.
    pub(super) refuse: Refuse,
    /// The call in the way.
    pub(super) during: Option<CallId>,
    /// The caller's network said why it gave up.
    pub(super) explained: bool,
}

impl End {
    pub(super) fn new(outcome: Outcome, refuse: Refuse) -> End {
        End { outcome, refuse, during: None, explained: false }
    }

    pub(super) fn missed(reason: Reason, refuse: Refuse) -> End {
        End::new(Outcome::Missed(reason), refuse)
    }

    pub(super) fn out(out: Out, refuse: Refuse) -> End {
        End::new(Outcome::Out(out), refuse)
    }
}
