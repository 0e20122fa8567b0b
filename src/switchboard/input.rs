//! All that can happen to the line.

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::call::{CallId, Extension, LegId};
use crate::domain::callback::{CallResult, CallbackId, Fields};
use crate::domain::clip::Clip;
use crate::domain::identity::Caller;
use crate::domain::key::Key;
use crate::domain::names::Contacts;
use crate::domain::number::E164;
use crate::domain::outcome::Outcome;
use crate::domain::status::Health;
use crate::domain::text::ScreenText;

/// A ticket of the page or of a command line: the answer goes back to whoever holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// The number of a record, so that its write can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A call from the trunk. `usable` is false when nothing of its media offer can be used (row 21).
    Rings { leg: LegId, trunk: usize, caller: Caller, name: ScreenText, usable: bool },
    /// A call from the trunk that found no media port, or a full table (row 20); it was refused already.
    Overloaded { caller: Caller, name: ScreenText },
    /// A call from the trunk that could not be read (row 21); it was refused already.
    Malformed { caller: Caller },
    /// An authenticated phone dials. `digits` is the user part, unescaped once.
    Dials { leg: LegId, extension: Extension, digits: String },
    /// A called leg gave a sign of life short of ringing, or rings.
    Progress { leg: LegId, what: Progress },
    /// A called leg answered.
    Answered { leg: LegId },
    /// A called leg said no, or could not be reached.
    Refused { leg: LegId, why: Refusal },
    /// The other side ended this leg: hung up, or gave up while ringing.
    Gone { leg: LegId, why: Gone },
    /// The phone's own hold button (RULES 4).
    Held { leg: LegId, on: bool },
    /// A phone sent no sound for `media.silence_seconds`, is not on hold and did not answer the probe, or said that it knows no such call (row 19).
    PhoneSilent { leg: LegId },
    /// Sound, or an answer to a later probe, from such a phone.
    PhoneSpeaks { leg: LegId },
    /// The other side of this leg pressed a key (RFC 4733, in-band where allowed, or INFO).
    Key { leg: LegId, key: Key },
    /// A sound that is played once is over.
    Played { leg: LegId },
    /// What was taken down of a leg after `Effect::Listen`, and how much of it is speech. The leg may be gone.
    Heard { leg: LegId, speech: Duration, clip: Clip },
    /// Whether what `Effect::KeepPrompt` asked for is on disk. The leg may be gone.
    PromptKept { leg: LegId, kept: bool },
    /// An authenticated phone asks to transfer the party of its call (REFER). `digits` as in `Dials`.
    Transfers { leg: LegId, digits: String },
    /// The write of that record is on disk, or its time is over (the shell's 200 ms, journal included).
    Recorded(Seq),
    /// A phone registered or its registration ended.
    Phone { extension: Extension, registered: bool },
    /// A phone wishes not to be disturbed, or does again (`*92`).
    DoNotDisturb { extension: Extension, on: bool },
    /// A call came from an address that is no trunk's; it got no reply (RULES 2.7).
    UnknownSource { address: IpAddr },
    /// `true` when the trunk can take calls.
    Trunk { trunk: usize, usable: bool },
    /// The operator refuses that trunk's registration for good (403, wrong password): for a person to see.
    TrunkRefused { trunk: usize, status: u16 },
    /// The opening hours say so now (`[hours]`, evaluated by the shell at each change and once at start).
    Open(bool),
    /// All contacts, as they are from now on.
    Contacts(Contacts),
    /// A command of the page.
    Page { ticket: Ticket, command: Command },
    /// A call of the process before this one that no callback is about: nobody saw its end (row 22), or its end alone was written.
    Stranded { call: CallId, at: DateTime<Utc>, caller: Caller, name: ScreenText, outcome: Outcome, form: Box<Fields> },
    /// Where records go from now on.
    Records(Health),
    /// SIGTERM: new calls are refused, the running ones go on.
    Drain,
    /// The drain is over: everything ends.
    Stop,
}

/// In this order: a later one says more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// A reply, not ringing yet.
    Alive,
    Ringing,
    /// The far end sends sound before the answer (outgoing calls).
    EarlyMedia,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 486, 600.
    Busy,
    /// 480, 603, or rang out.
    NoAnswer,
    /// No reply at all in time, or 408 without a reply.
    Silent,
    /// Sent elsewhere by the phone (302): followed to an extension only.
    Moved(String),
    /// Any other final status, as received.
    Other(u16),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// BYE, or CANCEL before the answer.
    HungUp,
    /// CANCEL whose Reason says that another phone of the upstream PBX took it (row 28).
    Elsewhere,
    /// CANCEL with another Reason: the caller hung up, also where a trunk is shared (row 28).
    Explained,
    /// 2xx never acknowledged and no sound either (row 9).
    NeverAcknowledged,
    /// No sound and no reply from the phone (row 19), connection lost, session expired.
    Lost,
}

#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "one at a time, handed on at once")]
pub enum Command {
    HangUp(CallId),
    /// Puts the other party of a call on hold, or takes it back; `person` says whose side it is of a call between two phones.
    Hold {
        person: String,
        call: CallId,
        on: bool,
    },
    /// Rings a phone of the person, then calls. `extension` names another phone than the person's own.
    Dial {
        person: String,
        to: To,
        extension: Option<Extension>,
        /// The guide that is followed in it; empty for none.
        guide: String,
    },
    /// A person acts on a double call.
    Second {
        person: String,
        target: Box<SecondTarget>,
        what: SecondCommand,
    },
    /// Opens or closes the keypad of a call.
    Keypad {
        call: CallId,
        open: bool,
    },
    /// Keys to the far end of a call.
    SendKeys {
        call: CallId,
        keys: Vec<Key>,
    },
    /// A person changes the ledger.
    Callback {
        person: String,
        what: CallbackCommand,
    },
    /// Nothing is to be known of that number any more (RGPD); its rows are the store's.
    Forget(E164),
}

/// Whom the page calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// As a person writes or dials it.
    Number(String),
    /// The party of a callback, which is locked for the others while the call lasts.
    Callback(CallbackId),
}

/// Which double call is meant; with neither, the one on that person's phone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecondTarget {
    /// Either of its calls.
    pub id: Option<CallId>,
    pub extension: Option<Extension>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecondCommand {
    Take {
        /// Call 1 ends.
        end_first: bool,
    },
    /// To the attendant.
    SendAway,
    Swap,
    /// Call 2 ends with this callback, back to call 1.
    Save(Box<Fields>),
    /// The same with what is known.
    Resume,
    /// Call 2 needs no callback.
    Done,
    /// The form as typed so far.
    Draft(Box<Fields>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallbackCommand {
    /// Merged with the open one of the same number, if there is one.
    Create(Fields),
    Patch(CallbackId, Fields),
    Close(CallbackId, CallResult),
    Reopen(CallbackId),
    Claim(CallbackId),
    Release(CallbackId),
    Postpone(CallbackId, DateTime<Utc>),
}
