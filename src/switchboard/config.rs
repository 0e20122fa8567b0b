//! What the rules of the line are set to. Filled by the shell from the configuration file; names no file and no default of it.

use std::time::Duration;

use crate::dialplan::route::OutboundPermit;
use crate::domain::call::Extension;
use crate::domain::identity::Caller;

use super::effect::Refuse;

/// Everything a [`super::line::Line`] is made of.
pub struct LineConfig {
    pub phones: Vec<PhoneConfig>,
    /// Who rings for an incoming call, in this order (`line.ring`).
    pub ring: Vec<Extension>,
    /// How long a caller, or the target of a transfer, is waited for (`line.ring_seconds`).
    pub ring_time: Duration,
    /// After how long without sound a phone is probed (`media.silence_seconds`); the line ends the call at three times that (row 19).
    pub silence: Duration,
    /// The index in this list is the `trunk` of inputs and effects.
    pub trunks: Vec<TrunkConfig>,
    /// Outside calls a phone may start in any hour (`dialling.per_hour`); emergency calls aside.
    pub per_hour: usize,
    pub router: Box<dyn Router>,
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
}

/// What dialled digits mean (RULES 7), asked of the dial plan.
pub trait Router: Send {
    fn route(&self, extension: &Extension, digits: &str) -> Route;
}

/// The decision on dialled digits. `party` is who the call is with, as its record shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    Extension(Extension),
    Outside { permit: OutboundPermit, party: Caller },
    /// Never barred, counted, or refused for want of a channel.
    Emergency { permit: OutboundPermit, party: Caller },
    /// `prompts` are spoken in early media before `why`.
    Refused { why: Refuse, party: Caller, prompts: Vec<&'static str> },
}
