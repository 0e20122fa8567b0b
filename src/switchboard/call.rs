//! One call of the line: who, since when, and the one state it is in.
//!
//! ```text
//! incoming:  Hunting ──answered──▶ Talking ──REFER──▶ Transferring ──answered──▶ Talking
//!               │ gave up, refused,    │ hung up          │ answered nowhere
//!               ▼ rang out             ▼                  ▼
//!             (ended: missed)        (ended: answered)  (ended: answered, cut)
//! outgoing:  Calling ──answered──▶ Talking …      Announcing (a spoken reason) ──▶ (ended: refused)
//! ```

use chrono::{DateTime, Utc};

use crate::dialplan::route::OutboundPermit;
use crate::domain::call::{CallId, Direction, Extension, LegId};
use crate::domain::identity::Caller;
use crate::domain::now::Instant;
use crate::domain::text::ScreenText;

use super::effect::Refuse;
use super::input::Seq;

#[derive(Debug)]
pub struct Call {
    pub id: CallId,
    pub direction: Direction,
    pub party: Caller,
    pub name: ScreenText,
    /// The leg that called: the trunk's on an incoming call, the phone's on the others.
    pub caller: LegId,
    /// The phone that takes part: who dials, or who answered.
    pub extension: Option<Extension>,
    pub trunk: Option<usize>,
    pub emergency: bool,
    pub since: Instant,
    pub at: DateTime<Utc>,
    /// The `Opened` record, until it is on disk.
    pub unrecorded: Option<Seq>,
    /// The caller was told that it rings.
    pub told: bool,
    pub state: State,
    /// Outdates the timers of a state that is over.
    pub generation: u32,
}

#[derive(Debug)]
pub enum State {
    /// An incoming call looks for a phone.
    Hunting(Hunt),
    /// One called leg: the trunk, or a colleague's phone.
    Calling { far: LegId, permit: Option<OutboundPermit>, ringing: bool, early: bool },
    /// A spoken reason before the refusal.
    Announcing(Refuse),
    Talking(Talk),
    Transferring(Transfer),
}

#[derive(Debug, Default)]
pub struct Hunt {
    pub ringing: Vec<Ringing>,
    pub refused: Vec<Extension>,
    pub absent: Vec<Extension>,
}

#[derive(Debug)]
pub struct Ringing {
    pub leg: LegId,
    pub extension: Extension,
    /// It gave a sign of life.
    pub alive: bool,
}

#[derive(Debug)]
pub struct Talk {
    /// The leg that was called.
    pub far: LegId,
    pub since: DateTime<Utc>,
    /// Which side's hold button is on.
    pub held_by: Option<LegId>,
    pub held_since: Option<DateTime<Utc>>,
    /// A phone that gives no sign: when its callers are let go (row 19).
    pub lost: bool,
}

/// A phone gave its party away (REFER).
#[derive(Debug)]
pub struct Transfer {
    /// Who is being transferred.
    pub party: LegId,
    /// The phone's leg while it has not hung up.
    pub transferor: Option<LegId>,
    pub transferor_extension: Extension,
    /// The leg that rings now, and its extension when it is ours.
    pub target: LegId,
    pub target_extension: Option<Extension>,
    /// The target did not answer: the transferor's own phone rings again.
    pub back: bool,
    pub talking_since: DateTime<Utc>,
}

impl Call {
    /// Every leg that lives now.
    pub fn legs(&self) -> Vec<LegId> {
        match &self.state {
            State::Hunting(hunt) => std::iter::once(self.caller).chain(hunt.ringing.iter().map(|r| r.leg)).collect(),
            State::Calling { far, .. } => vec![self.caller, *far],
            State::Announcing(_) => vec![self.caller],
            State::Talking(talk) => vec![self.caller, talk.far],
            State::Transferring(t) => [Some(t.party), t.transferor, Some(t.target)].into_iter().flatten().collect(),
        }
    }
}
