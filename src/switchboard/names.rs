//! What the line does with the names it knows: each call and each callback bears one; and how it forgets a number.

use crate::domain::callback::Callback;
use crate::domain::identity::Caller;
use crate::domain::names::{Contacts, Names};
use crate::domain::number::E164;
use crate::domain::text::ScreenText;

use super::effect::{Effect, Refusal};
use super::line::Line;

impl Line {
    /// What the records know of names, before the first input.
    pub fn know(&mut self, names: Names) {
        self.names = names;
    }

    /// A caller under the name it is known by, else the one that the network shows, which is remembered.
    pub(super) fn named(&mut self, (party, shown): (Caller, ScreenText)) -> (Caller, ScreenText) {
        let name = self.names.of(&party, &shown);
        self.names.hear(&party, &shown);
        (party, name)
    }

    /// An entry without a name gets the known one.
    pub(super) fn with_name(&self, mut entry: Callback) -> Callback {
        if entry.name.is_empty() {
            entry.name = self.names.of(&entry.party, &entry.name);
        }
        entry
    }

    /// A name that a person wrote is that number's from the next call on.
    pub(super) fn remember(&mut self, entry: &Callback) {
        if entry.named {
            self.names.give(&entry.party, &entry.name);
        }
    }

    /// New contacts; open entries that nobody named bear theirs at once.
    pub(super) fn contacts(&mut self, contacts: Contacts, out: &mut Vec<Effect>) {
        self.names.set_contacts(contacts);
        let named =
            |entry: &&Callback| entry.is_open() && !entry.named && self.names.contact(&entry.party).is_some_and(|n| *n != entry.name);
        let entries: Vec<Callback> = self.ledger.entries.values().filter(named).cloned().collect();
        for mut entry in entries {
            if let Some(name) = self.names.contact(&entry.party) {
                entry.name.clone_from(name);
                self.keep(entry, out);
            }
        }
    }

    /// Neither its callbacks nor its names are known any more. A call with it must be over, or it would write them anew.
    pub(super) fn forget(&mut self, number: E164) -> Result<(), Refusal> {
        if self.calls.values().any(|call| call.party.number() == Some(&number)) {
            return Err(Refusal::Conflict("Un appel avec ce numéro est en cours : réessayez quand il sera fini."));
        }
        self.ledger.erase(&number);
        self.forget_over(&number);
        self.names.forget(&number);
        self.touch();
        Ok(())
    }
}
