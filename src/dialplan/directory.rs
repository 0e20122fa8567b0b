//! The agency's directory: speed-dials and tiles. Plain data, read by the configuration; dialled by `route` alone.

use std::sync::Arc;

use super::keys::Macro;
use super::numbering::{Called, Class};

/// The first and the last speed-dial.
pub const CODES: std::ops::RangeInclusive<u8> = 1..=89;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub code: u8,
    pub name: String,
    /// `None`: to be completed.
    pub number: Option<(Called, Class)>,
    pub group: String,
    pub note: String,
    /// Played after the answer.
    pub keys: Option<Macro>,
    /// The keypad is open from the answer on.
    pub keypad: bool,
    /// The guide shown while it dials; empty for none.
    pub guide: String,
    /// From `personal.toml`: somebody's own number.
    pub personal: bool,
}

/// Entries by code, each code once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory(Vec<Arc<Entry>>);

impl Directory {
    pub fn new(mut entries: Vec<Entry>) -> Directory {
        entries.sort_by_key(|entry| entry.code);
        entries.dedup_by_key(|entry| entry.code);
        Directory(entries.into_iter().map(Arc::new).collect())
    }

    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.0
    }

    pub fn get(&self, code: u8) -> Option<&Arc<Entry>> {
        self.0.iter().find(|entry| entry.code == code)
    }

    /// Some entry of that number opens the keypad by itself, however it is dialled (RULES 7).
    pub(super) fn opens_keypad(&self, called: &Called) -> bool {
        self.0.iter().any(|entry| entry.keypad && entry.number.as_ref().is_some_and(|(number, _)| number == called))
    }
}

impl Entry {
    /// E.164, or the short number as it stands.
    pub fn number(&self) -> Option<&str> {
        self.number.as_ref().map(|(called, _)| called.as_str())
    }

    /// As a person reads it.
    pub fn display(&self) -> String {
        self.number.as_ref().map_or_else(|| "à compléter".to_owned(), |(called, _)| called.display())
    }
}
