//! What the rules of the line are set to. Filled by the shell from the configuration file; names no file and no default of it.

use std::time::Duration;

use crate::dialplan::numbering::{Called, Class};
use crate::dialplan::route::{self, Kind, OutboundPermit};
use crate::dialplan::rules::{self, Code, Rules};
use crate::domain::call::Extension;
use crate::domain::callback::Retry;
use crate::domain::hours::Hours;
use crate::domain::identity::Caller;
use crate::domain::number::E164;
use crate::domain::text::ScreenText;

use super::effect::Refuse;
pub use super::keypad::KeypadRules;

/// The status by which the dial plan bars a number.
const BARRED: u16 = 403;

/// Everything a [`super::line::Line`] is made of.
pub struct LineConfig {
    pub phones: Vec<PhoneConfig>,
    /// Who rings for an incoming call, in this order (`line.ring`).
    pub ring: Vec<Extension>,
    /// How long a caller, or the target of a transfer, is waited for (`line.ring_seconds`).
    pub ring_time: Duration,
    /// After that long an unanswered caller is offered to the phones in a call too (`line.waiting_after_seconds`).
    pub waiting_after: Duration,
    /// How long a caller is offered to phones in a call while no other rings (`line.offer_seconds`).
    pub offer_time: Duration,
    pub keypad: KeypadRules,
    /// Call 2 is left to the phone's own call waiting (`line.second_call`).
    pub second_by_phone: bool,
    /// After how long without sound a phone is probed (`media.silence_seconds`); the line ends the call at three times that (row 19).
    pub silence: Duration,
    /// The index in this list is the `trunk` of inputs and effects.
    pub trunks: Vec<TrunkConfig>,
    /// Outside calls a phone may start in any hour (`dialling.per_hour`); emergency calls aside.
    pub per_hour: usize,
    pub router: Box<dyn Router>,
    pub callbacks: CallbackRules,
    /// `None`: what nobody answers is refused (`attendant.enabled`).
    pub attendant: Option<AttendantRules>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttendantRules {
    /// How long a caller may speak after the tone (`attendant.name_seconds`).
    pub name_time: Duration,
}

/// When callbacks are due (`[callbacks]`, `[hours]`).
#[derive(Clone, Debug)]
pub struct CallbackRules {
    pub hours: Hours,
    /// Of opening time, since the call arrived.
    pub promise: Duration,
    /// After each try in turn; past the last one a person decides.
    pub retry: Vec<Retry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneConfig {
    pub extension: Extension,
    /// Initials of the person it belongs to.
    pub owner: String,
    /// Simultaneous calls before a new one is a double call; at least 1.
    pub calls: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkConfig {
    pub name: String,
    /// Calls at once, both directions together.
    pub channels: usize,
    /// Others can take its calls.
    pub shared: bool,
    /// What its PBX wants before the first key of a call; empty: nothing.
    pub keypad_code: String,
}

/// What dialled digits mean (RULES 7), asked of the dial plan.
pub trait Router: Send {
    fn route(&self, extension: &Extension, digits: &str) -> Route;
    /// Somebody of the records: what is a number already never goes through the grammar of dialling again (RULES 7.4).
    fn party(&self, extension: &Extension, party: &Caller) -> Route;
    /// A number that only machines and telemarketers call from (RULES 6).
    fn is_automated(&self, number: &E164) -> bool;

    /// The number that a caller typed to be called back at, when it is whole: French, foreign or short, no emergency number.
    fn given(&self, digits: &str) -> Option<Caller>;
}

/// The decision on dialled digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    Extension(Extension),
    /// A code that turns something on or off and says so.
    Switch(Switch),
    Outside(OutboundPermit),
    /// Never barred, counted, or refused for want of a channel.
    Emergency(OutboundPermit),
    /// `prompt` is spoken in early media before `why`; `party` is what the record shows, `said` what a page does.
    Refused {
        why: Refuse,
        party: Caller,
        prompt: Option<&'static str>,
        said: String,
    },
}

impl Route {
    /// The right to call out, when there is one.
    pub fn permit(&self) -> Option<&OutboundPermit> {
        match self {
            Route::Outside(permit) | Route::Emergency(permit) => Some(permit),
            Route::Extension(_) | Route::Switch(_) | Route::Refused { .. } => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// `*92`: the phone that dials it does not ring.
    DoNotDisturb,
    /// `*91`: the agency is open or closed until the next change in the hours.
    Open,
    /// `*97`: it hears itself.
    AudioTest,
    /// `*98N`: the prompt of that name is said anew.
    Announcement(&'static str),
}

impl Router for Rules {
    fn is_automated(&self, number: &E164) -> bool {
        self.numbering.is_automated(number)
    }

    fn route(&self, extension: &Extension, digits: &str) -> Route {
        match route::route(digits, extension, self).kind {
            Kind::Emergency(permit) => Route::Emergency(permit),
            Kind::Outside(permit) => Route::Outside(permit),
            Kind::Extension(target) => Route::Extension(target),
            Kind::SpeedDial { permit, .. } if permit.is_emergency() => Route::Emergency(permit),
            Kind::SpeedDial { permit, .. } => Route::Outside(permit),
            Kind::Code(Code::DoNotDisturb) => Route::Switch(Switch::DoNotDisturb),
            Kind::Code(Code::OpenClose) => Route::Switch(Switch::Open),
            Kind::Code(Code::AudioTest) => Route::Switch(Switch::AudioTest),
            Kind::Code(Code::RecordPrompt(n)) => match rules::announcement(n) {
                Some((name, _)) => Route::Switch(Switch::Announcement(name)),
                None => refused(dialled(digits), &route::Refusal::UnknownCode),
            },
            Kind::Code(Code::NextCallback | Code::SpeedDial(_)) => refused(dialled(digits), &route::Refusal::UnknownCode),
            Kind::Refused(refusal) => refused(dialled(digits), &refusal),
        }
    }

    fn party(&self, extension: &Extension, party: &Caller) -> Route {
        match route::permit_for_party(party, extension, self) {
            Ok(permit) => Route::Outside(permit),
            Err(refusal) => refused(party.clone(), &refusal),
        }
    }

    fn given(&self, digits: &str) -> Option<Caller> {
        match self.numbering.national(digits).or_else(|| self.numbering.international(digits))? {
            (_, Class::Emergency) => None,
            (Called::Number(number), _) => Some(Caller::Known(number)),
            (Called::Short(short), _) => Some(Caller::Unreadable(ScreenText::clean(&short))),
            (Called::Inside(_), _) => None,
        }
    }
}

fn refused(party: Caller, refusal: &route::Refusal) -> Route {
    let why = if refusal.status() == BARRED { Refuse::Barred } else { Refuse::NotFound };
    Route::Refused { why, party, prompt: Some(refusal.prompt()), said: refusal.french() }
}

/// What the record of a call that went nowhere shows: the number if it is one, else what was dialled.
fn dialled(digits: &str) -> Caller {
    E164::parse_national_or_international(digits).map_or_else(|_| Caller::Unreadable(ScreenText::clean(digits)), Caller::Known)
}
