//! A snapshot of the line, as the page and `GET /api/line` show it.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::call::{CallId, Direction, Extension};
use super::callback::CallbackId;

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LineStatus {
    pub open: bool,
    pub trunks: Vec<TrunkStatus>,
    pub phones: Vec<PhoneStatus>,
    pub calls: Vec<LiveCall>,
    pub second_calls: Vec<SecondCall>,
    /// The first of `second_calls`.
    pub second_call: Option<SecondCall>,
    /// Call 2 of a phone for a short while after its end: whether it leaves a callback can still be said.
    pub second_calls_over: Vec<SecondCallOver>,
    pub alerts: Vec<Alert>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrunkStatus {
    pub name: String,
    pub state: TrunkState,
    pub since: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TrunkState {
    Registered,
    Unregistered,
    Refused,
    /// Known by address, without registration.
    Static,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhoneStatus {
    pub extension: Extension,
    pub owner: String,
    pub state: PhoneState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PhoneState {
    Unregistered,
    Idle,
    Ringing,
    Talking,
    Dnd,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LiveCall {
    pub id: CallId,
    pub direction: Direction,
    pub state: LiveState,
    /// E.164, null when withheld or an extension.
    pub number: Option<String>,
    pub display: String,
    pub name: String,
    pub extension: Option<Extension>,
    pub since: DateTime<Utc>,
    pub held_since: Option<DateTime<Utc>>,
    pub keypad: bool,
    /// The guide that is followed in it; empty for none.
    pub guide: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LiveState {
    Ringing,
    Talking,
    Held,
    Attendant,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SecondCall {
    pub id: CallId,
    pub state: &'static str,
    pub extension: Option<Extension>,
    pub offered_to: Vec<Extension>,
    pub number: Option<String>,
    pub display: String,
    /// As typed in the form, else as known.
    pub name: String,
    pub call_1: Option<CallId>,
    /// When the attendant takes it.
    pub until: Option<DateTime<Utc>>,
    /// Since when call 1 hears music.
    pub held_since: Option<DateTime<Utc>>,
    /// The open callback of that number.
    pub callback: Option<CallbackId>,
    pub draft: Draft,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SecondCallOver {
    pub id: CallId,
    pub extension: Extension,
    pub number: Option<String>,
    pub display: String,
    pub name: String,
    /// The rest of the form, while it may still be typed.
    pub draft: Option<Draft>,
    /// It needs no callback; otherwise its callback is kept.
    pub settled: bool,
    /// Until when that can be changed; nothing after.
    pub until: DateTime<Utc>,
}

/// What is typed of the form beside name and number.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Draft {
    pub subject: String,
    pub owner: String,
    pub place: String,
    pub note: String,
}

/// A banner. `kind`: outage, unknown_source, operator_voicemail, emergency, fraud, disk, journal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alert {
    pub kind: &'static str,
    pub text: String,
    pub since: DateTime<Utc>,
}

/// Where records go at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Health {
    /// To the database.
    Ok = 0,
    /// To the journal: the database is busy or failing.
    Journal = 1,
    /// To memory only: `readyz` 503, red banner.
    Failing = 2,
    /// Nowhere for a while: the disk answers nothing, neither well nor badly.
    Stalled = 3,
}
