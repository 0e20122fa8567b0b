//! Names of calls and of their legs, and what a call's record holds.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::callback::{Callback, Fields};
use super::identity::Caller;
use super::outcome::Outcome;
use super::text::ScreenText;

/// One call, as it stands in the records and the API. Never used twice, grows with time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub i64);

/// One party's side of a call: a phone, or the trunk. Lives as long as the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub u64);

/// An extension of the agency ("11").
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Extension(pub String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Incoming,
    Outgoing,
    /// Between two extensions: a row, no callback.
    Internal,
}

/// What is written of a call. Each is complete in itself and idempotent by call id, so that the journal can be replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// The call exists. Written before the first 18x leaves (RULES 2.1).
    Opened { call: CallId, at: DateTime<Utc>, direction: Direction, party: Caller, name: ScreenText, extension: Option<Extension> },
    /// A person's phone and the other party were connected.
    Answered { call: CallId, at: DateTime<Utc>, by: Option<Extension> },
    /// The call's one end.
    Ended { call: CallId, at: DateTime<Utc>, outcome: Outcome, during: Option<CallId>, short: bool },
    /// The line itself was down (row 27).
    Outage { from: DateTime<Utc>, to: DateTime<Utc>, what: String },
    /// What a person typed of a call so far; it becomes the callback's when the call ends, or when the process dies.
    Draft { call: CallId, fields: Box<Fields> },
    /// A callback as it stands from now on; an older version never replaces a newer one.
    Callback(Box<Callback>),
}
