//! How calls, people and times are named to people: on a phone's display and in the ledger's sentences. Decides nothing.

use chrono::{DateTime, Utc};

use crate::domain::call::{Direction, Extension};
use crate::domain::identity::Caller;

use super::call::Call;
use super::line::Line;

impl Line {
    /// Number and name that a phone shows of that call's party; of a colleague, the owner of its phone.
    pub(super) fn shown_to(&self, call: &Call, extension: &Extension) -> (String, String) {
        match call.extension.as_ref().filter(|from| call.direction == Direction::Internal && *from != extension) {
            Some(from) => (Caller::Extension(from.0.clone()).display(), self.person(Some(from))),
            None => (call.party.display(), self.shown_name(call)),
        }
    }

    /// What a phone shows of its caller: the open callback, else the name.
    pub(super) fn shown_name(&self, call: &Call) -> String {
        let Some(open) = self.ledger.open_of(&call.party) else { return call.name.as_str().to_owned() };
        let timezone = self.config.callbacks.hours.timezone;
        let due = open.due.map(|due| due.with_timezone(&timezone).format("%Hh%M").to_string());
        let contact = self.names.contact(&call.party).filter(|_| !open.named);
        let name = contact.unwrap_or(if open.name.is_empty() { &call.name } else { &open.name });
        let owner = if open.owner.is_empty() { None } else { Some(format!("({})", open.owner)) };
        let words = [Some("RAPPEL".to_owned()), due, Some(name.as_str().to_owned()), owner];
        words.into_iter().flatten().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// Initials of the owner of a phone, else its number.
    pub(super) fn person(&self, extension: Option<&Extension>) -> String {
        let Some(extension) = extension else { return String::new() };
        let owner = self.legs.desk(extension).map(|desk| desk.phone.owner.clone()).filter(|owner| !owner.is_empty());
        owner.unwrap_or_else(|| extension.0.clone())
    }

    /// Local time, "10:42".
    pub(super) fn hour(&self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.config.callbacks.hours.timezone).format("%H:%M").to_string()
    }
}
