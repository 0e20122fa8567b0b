//! How a call ended: the truth table's last two columns (RULES 3).

use serde::{Deserialize, Serialize};

/// Exactly one for each call. In the database and the API it is the pair `outcome`, `reason` of [`Outcome::words`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// A person's phone was connected to the caller by us (or taken elsewhere).
    Answered(Option<Why>),
    Missed(Reason),
    Attendant(Option<Reason>),
    /// Our process died in the call.
    Interrupted,
    /// Outgoing and internal calls only.
    Out(Out),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Why {
    Elsewhere,
    Promised,
    LeftOnHold,
    Cut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    CallerGaveUp,
    NoAnswer,
    Refused,
    NoPhone,
    Busy,
    Closed,
    Failed,
    LeftAttendant,
    Overloaded,
}

/// What became of a call that did not reach `answered` on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Out {
    /// 408, 480, time-out, 603.
    NoAnswer,
    /// 486, 600.
    Busy,
    Failed,
    /// Barred by us.
    Refused,
    Cancelled,
}

impl Outcome {
    /// The pair of words written in the database and the API.
    pub fn words(self) -> (&'static str, Option<&'static str>) {
        match self {
            Outcome::Answered(why) => ("answered", why.map(Why::word)),
            Outcome::Missed(reason) => ("missed", Some(reason.word())),
            Outcome::Attendant(reason) => ("attendant", reason.map(Reason::word)),
            Outcome::Interrupted => ("interrupted", None),
            Outcome::Out(out) => (out.word(), None),
        }
    }
}

impl Why {
    pub fn word(self) -> &'static str {
        match self {
            Why::Elsewhere => "elsewhere",
            Why::Promised => "promised",
            Why::LeftOnHold => "left_on_hold",
            Why::Cut => "cut",
        }
    }
}

impl Reason {
    pub fn word(self) -> &'static str {
        match self {
            Reason::CallerGaveUp => "caller_gave_up",
            Reason::NoAnswer => "no_answer",
            Reason::Refused => "refused",
            Reason::NoPhone => "no_phone",
            Reason::Busy => "busy",
            Reason::Closed => "closed",
            Reason::Failed => "failed",
            Reason::LeftAttendant => "left_attendant",
            Reason::Overloaded => "overloaded",
        }
    }
}

impl Out {
    pub fn word(self) -> &'static str {
        match self {
            Out::NoAnswer => "no_answer",
            Out::Busy => "busy",
            Out::Failed => "failed",
            Out::Refused => "refused",
            Out::Cancelled => "cancelled",
        }
    }
}
