//! One promise to call somebody back, and the order of the queue (RULES 6). Reads no clock.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::call::CallId;
use super::identity::Caller;
use super::text::ScreenText;

/// One callback, as it stands in the records and the API. Never used twice, grows with time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallbackId(pub i64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Missed,
    DoubleCall,
    Attendant,
    Manual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackState {
    Open,
    Calling,
    Done,
    Dropped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mark {
    #[serde(rename = "non confirmé")]
    Unconfirmed,
    #[serde(rename = "peut-être pris sur un autre poste")]
    MaybeElsewhere,
    #[serde(rename = "à vérifier")]
    ToCheck,
}

/// After how long an unanswered try is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Wall time, moved to the next opening.
    After(std::time::Duration),
    /// The next start of a range of the opening hours.
    HalfDay,
}

/// What a person says of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallResult {
    Reached,
    Voicemail,
    Busy,
    WrongNumber,
    /// Closed without calling.
    None,
}

/// What a person may write of a callback; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fields {
    pub party: Option<Caller>,
    pub name: Option<ScreenText>,
    pub subject: Option<String>,
    pub owner: Option<String>,
    pub place: Option<String>,
    pub note: Option<String>,
    pub guide: Option<String>,
    pub due: Option<Option<DateTime<Utc>>>,
}

/// The whole entry. Each change is a new `version`: a record that is played twice changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    pub id: CallbackId,
    pub version: u64,
    pub party: Caller,
    pub name: ScreenText,
    /// A person wrote the name: it outlives this entry.
    #[serde(default)]
    pub named: bool,
    pub source: Source,
    pub subject: String,
    pub owner: String,
    pub claimed_by: Option<String>,
    pub place: String,
    pub note: String,
    pub guide: String,
    /// `None`: to be decided.
    pub due: Option<DateTime<Utc>>,
    /// The due time was set by a person or a retry, not by a promise.
    pub planned: bool,
    /// The caller left while on hold: first in order.
    pub left_on_hold: bool,
    pub state: CallbackState,
    /// Tries that reached nobody.
    pub attempts: u32,
    /// Calls of that number that nobody answered.
    pub missed_count: u32,
    pub first_at: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
    /// The last call that it is about.
    pub call: Option<CallId>,
    pub closed_at: Option<DateTime<Utc>>,
    /// The sentence that says how it was closed.
    pub closed_by: Option<String>,
    /// A call closed it, not a person.
    pub by_fact: bool,
    /// The call that closed it may have been a voicemail.
    pub to_confirm: bool,
    /// Probably an automated call ("démarchage").
    pub folded: bool,
    pub marks: Vec<Mark>,
}

/// A place in the queue: the least is called first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    closed: bool,
    folded: bool,
    group: Group,
    due: Option<DateTime<Utc>>,
    id: CallbackId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    LeftOnHold,
    Overdue,
    Planned,
    New,
    Undecided,
}

impl Callback {
    pub fn is_open(&self) -> bool {
        matches!(self.state, CallbackState::Open | CallbackState::Calling)
    }

    pub fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        self.is_open() && self.due.is_some_and(|due| due <= now)
    }

    /// It waits for a time that was chosen.
    pub fn is_planned(&self, now: DateTime<Utc>) -> bool {
        self.is_open() && self.planned && self.due.is_some_and(|due| due > now)
    }

    /// The one order of the queue: left on hold, overdue by oldest promise, planned, new, undecided; the fold and the closed last.
    pub fn rank(&self, now: DateTime<Utc>) -> Rank {
        let group = if self.left_on_hold {
            Group::LeftOnHold
        } else if self.due.is_none() {
            Group::Undecided
        } else if self.is_overdue(now) {
            Group::Overdue
        } else if self.planned {
            Group::Planned
        } else {
            Group::New
        };
        Rank { closed: !self.is_open(), folded: self.folded, group, due: self.due, id: self.id }
    }

    pub fn mark(&mut self, mark: Mark) {
        if !self.marks.contains(&mark) {
            self.marks.push(mark);
        }
    }
}
