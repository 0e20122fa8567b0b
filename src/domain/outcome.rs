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
    /// Every outcome there is.
    pub fn all() -> impl Iterator<Item = Outcome> {
        let answered = [None].into_iter().chain(Why::ALL.map(Some)).map(Outcome::Answered);
        let attendant = [None].into_iter().chain(Reason::ALL.map(Some)).map(Outcome::Attendant);
        let rest = [Outcome::Interrupted].into_iter().chain(Out::ALL.map(Outcome::Out));
        answered.chain(Reason::ALL.map(Outcome::Missed)).chain(attendant).chain(rest)
    }

    /// The outcome of which these are the [`Outcome::words`].
    pub fn from_words(outcome: &str, reason: Option<&str>) -> Option<Outcome> {
        Outcome::all().find(|o| o.words() == (outcome, reason))
    }

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
    pub const ALL: [Why; 4] = [Why::Elsewhere, Why::Promised, Why::LeftOnHold, Why::Cut];

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
    pub const ALL: [Reason; 9] = [
        Reason::CallerGaveUp,
        Reason::NoAnswer,
        Reason::Refused,
        Reason::NoPhone,
        Reason::Busy,
        Reason::Closed,
        Reason::Failed,
        Reason::LeftAttendant,
        Reason::Overloaded,
    ];

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
    pub const ALL: [Out; 5] = [Out::NoAnswer, Out::Busy, Out::Failed, Out::Refused, Out::Cancelled];

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_words_is_read_again_as_the_outcome_that_wrote_it() {
        for outcome in Outcome::all() {
            let (word, reason) = outcome.words();
            assert_eq!(Outcome::from_words(word, reason), Some(outcome));
        }
        assert_eq!(Outcome::all().count(), 30);
        assert_eq!((Outcome::from_words("missed", None), Outcome::from_words("gone", None)), (None, None));
    }
}
