//! All that the rules can ask for. The exchange carries it out in this order and decides nothing.

use std::borrow::Cow;
use std::time::Duration;

use crate::dialplan::route::OutboundPermit;
use crate::domain::call::{CallId, Extension, LegId, Record};
use crate::domain::callback::Callback;
use crate::domain::clip::Clip;
use crate::domain::key::Key;

use super::input::{Seq, Ticket};

/// How a command of the page went.
pub type Answer = Result<Done, Refusal>;

/// What a command that was carried out is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    Nothing,
    /// The callback that it was about, as it is written.
    Callback(Box<Callback>),
    /// The call that it started; its row is written.
    Call(CallId),
}

#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Ring a phone on a new leg. `number` and `name` are for its display.
    RingPhone {
        leg: LegId,
        extension: Extension,
        number: String,
        name: String,
    },
    /// Call out through that trunk on a new leg; only our own number is presented.
    CallOut {
        leg: LegId,
        trunk: usize,
        permit: OutboundPermit,
    },
    /// Tell a caller (trunk or phone) that the other side rings (180).
    Ringing(LegId),
    /// Give a caller sound before the answer (183 with SDP): what follows in `Join` or `Play` is heard.
    EarlyMedia(LegId),
    /// Answer a caller (200).
    Answer(LegId),
    /// Refuse a caller.
    Refuse {
        leg: LegId,
        why: Refuse,
    },
    /// Stop ringing a called leg. `elsewhere`: another phone took it.
    Cancel {
        leg: LegId,
        elsewhere: bool,
    },
    /// End an answered leg.
    HangUp(LegId),
    /// Both hear each other. Replaces whatever either heard.
    Join(LegId, LegId),
    /// The leg hears this and nobody. Replaces whatever it heard; the other side of a former join hears silence.
    Play(LegId, Sound),
    /// Mixed into what the leg hears, without taking its place; `None` stops it.
    Overlay(LegId, Option<Sound>),
    /// Who the phone of this leg hears now: its display shows it.
    Party {
        leg: LegId,
        number: String,
        name: String,
    },
    /// The keys that this leg presses go on to the other one, or are kept from it.
    PassKeys {
        leg: LegId,
        to: Option<LegId>,
    },
    /// Keys to the other side of this leg.
    Keys(LegId, Vec<Key>),
    /// Accept (202) and carry out, or refuse, a transfer that `Input::Transfers` asked for.
    Transfer {
        leg: LegId,
        accepted: bool,
    },
    /// How an accepted transfer ended, for the phone that asked and is still there.
    TransferResult {
        leg: LegId,
        status: u16,
    },
    /// Take down what the leg says until that is over; `Input::Heard` comes back, also when the leg goes. A leg that is joined is not
    /// listened to any more.
    Listen(LegId, Terms),
    StopListening(LegId),
    /// That prompt is this sound once it is on disk; `Input::PromptKept` comes back.
    KeepPrompt {
        /// Who said it.
        leg: LegId,
        name: &'static str,
        wav: Clip,
    },
    /// Write; `Input::Recorded(seq)` comes back.
    Record(Seq, Record),
    /// The answer to a command of the page.
    Reply(Ticket, Answer),
    /// Nothing runs any more after a `Drain` or `Stop`.
    Idle,
}

/// Why a caller is refused; the exchange knows the status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refuse {
    /// 480.
    Unavailable,
    /// 486.
    Busy,
    /// 404 after a spoken reason.
    NotFound,
    /// 403.
    Barred,
    /// 503 to a phone (no channel free).
    NoChannel,
    /// 488.
    NotAcceptable,
    /// 500: to the trunk, never 503.
    Overloaded,
    /// 487.
    Cancelled,
    /// What the far end of an outgoing call said, passed on.
    Status(u16),
}

/// What can be heard that is not a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sound {
    Silence,
    /// 440 Hz 1.5 s / 3.5 s.
    Ringback,
    /// 440 Hz 0.5 s / 0.5 s.
    Busy,
    /// 440 Hz 0.25 s / 0.25 s.
    Congestion,
    /// 440 Hz 0.3 s each 10 s (overlay).
    Waiting,
    /// A short low tone: not now (overlay).
    LowTone,
    /// A short beep.
    Beep,
    Music,
    /// Music for one who is held by us, with a word each 30 s.
    HoldMusic,
    /// Prompts by name, in order, then silence; [`super::spoken`] has the names that are no file.
    Prompts(Vec<&'static str>),
    /// What was taken down, between prompts.
    SaidBack {
        before: Vec<&'static str>,
        clip: Clip,
        after: Vec<&'static str>,
    },
}

/// When `Effect::Listen` is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// In any case.
    pub max: Duration,
    /// Without speech, once something was said.
    pub silence: Duration,
    /// Without speech, when nothing was said yet.
    pub patience: Duration,
}

/// Why a command of the page was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    NotFound,
    Conflict(&'static str),
    /// A field of the form, and what is wrong with it, in French.
    Invalid {
        field: &'static str,
        detail: Cow<'static, str>,
    },
    /// Not allowed from that phone.
    Barred(Cow<'static, str>),
    /// Nothing is wrong with it, and the line cannot take it now.
    Unavailable(&'static str),
}
