//! The right to send one call to a trunk. Made by the grammar of `route` alone, so its maker is visible to this layer only.

use std::sync::Arc;

use crate::domain::call::Extension;
use crate::domain::identity::Caller;
use crate::domain::text::ScreenText;

use super::directory::Entry;
use super::numbering::{Called, Class};

/// How a trunk wants numbers written (`trunk.number_format`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NumberFormat {
    /// `0639980001`, foreign numbers with 00.
    #[default]
    National,
    /// `+33639980001`.
    E164,
    /// `0033639980001`.
    DoubleZero,
}

/// The right to send one call to the trunk. Made only by the grammar of [`super::route`], from an authenticated phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundPermit {
    from: Extension,
    called: Called,
    class: Class,
    keypad_open: bool,
    entry: Option<Arc<Entry>>,
}

impl OutboundPermit {
    pub(super) fn new(from: Extension, called: Called, class: Class, keypad_open: bool) -> OutboundPermit {
        OutboundPermit { from, called, class, keypad_open, entry: None }
    }

    /// The same, by a speed-dial.
    pub(super) fn by_entry(self, entry: Arc<Entry>) -> OutboundPermit {
        OutboundPermit { keypad_open: self.keypad_open || entry.keypad, entry: Some(entry), ..self }
    }

    /// The entry of the directory that was dialled, with its name, its guide and the keys to be played after the answer.
    pub fn entry(&self) -> Option<&Entry> {
        self.entry.as_deref()
    }

    /// The user part of the request to a trunk. Short and emergency numbers are never reformatted; `outside_prefix` is what an upstream PBX
    /// wants before any outside number. A plus sign can only stand first, so behind a prefix it is written 00.
    pub fn number_on_wire(&self, format: NumberFormat, outside_prefix: &str) -> String {
        let number = match &self.called {
            Called::Short(digits) => return format!("{outside_prefix}{digits}"),
            Called::Inside(digits) => return digits.clone(),
            Called::Number(number) => number,
        };
        let double_zero = || format!("00{}", number.as_str().trim_start_matches('+'));
        let written = match format {
            NumberFormat::National => number.national().unwrap_or_else(double_zero),
            NumberFormat::E164 if outside_prefix.is_empty() => number.as_str().to_owned(),
            NumberFormat::E164 | NumberFormat::DoubleZero => double_zero(),
        };
        format!("{outside_prefix}{written}")
    }

    /// Who is called, as records and screens hold it. A short number stands as dialled.
    pub fn called(&self) -> Caller {
        match &self.called {
            Called::Number(number) => Caller::Known(number.clone()),
            Called::Short(digits) => Caller::Unreadable(ScreenText::clean(digits)),
            Called::Inside(digits) => Caller::Extension(digits.clone()),
        }
    }

    /// E.164, or the short number as it stands (`number` of the API).
    pub fn number(&self) -> &str {
        self.called.as_str()
    }

    /// `06 39 98 00 01`, or the short number.
    pub fn display(&self) -> String {
        self.called.display()
    }

    /// Never barred, counted, masked or made a callback (RULES 7.1).
    pub fn is_emergency(&self) -> bool {
        self.class == Class::Emergency
    }

    /// The keypad code was dialled before the number, or the directory opens it: keys go to the far end from the answer on (RULES 7).
    pub fn keypad_open(&self) -> bool {
        self.keypad_open
    }

    pub fn class(&self) -> Class {
        self.class
    }

    /// The authenticated phone it was made for.
    pub fn from(&self) -> &Extension {
        &self.from
    }
}
