//! Who a number belongs to, as far as anybody said: contacts, names that a person gave, names that a network showed. Bounded; reads no record.

use std::collections::{HashMap, VecDeque};

use super::identity::Caller;
use super::number::E164;
use super::text::ScreenText;

/// Contacts at most; an agency has some thousands.
pub const MAX_CONTACTS: usize = 100_000;
/// Names remembered of callbacks, and of calls; the oldest goes first.
pub const MAX_REMEMBERED: usize = 20_000;

/// The names of the contacts, by number. Its `Debug` shows none of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Contacts(pub HashMap<E164, ScreenText>);

impl std::fmt::Debug for Contacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Contacts({})", self.0.len())
    }
}

/// What is known of numbers. A contact counts more than a name that a person gave to a callback, that more than what
/// the network shows at this moment, and that more than what it showed some day.
#[derive(Debug, Default)]
pub struct Names {
    contacts: Contacts,
    given: Recent,
    heard: Recent,
}

impl Names {
    pub fn set_contacts(&mut self, contacts: Contacts) {
        self.contacts = contacts;
    }

    /// A person wrote this name beside that number; an empty one takes it back.
    pub fn give(&mut self, party: &Caller, name: &ScreenText) {
        if let Some(number) = party.number() {
            self.given.put(number, name);
        }
    }

    /// The network showed this name with that number.
    pub fn hear(&mut self, party: &Caller, name: &ScreenText) {
        if let Some(number) = party.number().filter(|_| !name.is_empty()) {
            self.heard.put(number, name);
        }
    }

    /// Nothing is known of that number any more.
    pub fn forget(&mut self, number: &E164) {
        self.contacts.0.remove(number);
        self.given.0.remove(number);
        self.heard.0.remove(number);
    }

    pub fn is_contact(&self, party: &Caller) -> bool {
        self.contact(party).is_some()
    }

    pub fn contact(&self, party: &Caller) -> Option<&ScreenText> {
        self.contacts.0.get(party.number()?)
    }

    /// The name of that party; `shown` is what the network shows at this moment.
    pub fn of(&self, party: &Caller, shown: &ScreenText) -> ScreenText {
        let Some(number) = party.number() else { return shown.clone() };
        let known = self.contacts.0.get(number).or_else(|| self.given.get(number));
        let known = known.or(Some(shown).filter(|shown| !shown.is_empty())).or_else(|| self.heard.get(number));
        known.cloned().unwrap_or_default()
    }
}

/// Names by number, and the order in which they came.
#[derive(Debug, Default)]
struct Recent(HashMap<E164, ScreenText>, VecDeque<E164>);

impl Recent {
    fn get(&self, number: &E164) -> Option<&ScreenText> {
        self.0.get(number)
    }

    fn put(&mut self, number: &E164, name: &ScreenText) {
        if name.is_empty() {
            self.0.remove(number);
            return;
        }
        if let Some(known) = self.0.get_mut(number) {
            known.clone_from(name);
            return;
        }
        self.0.insert(number.clone(), name.clone());
        self.1.push_back(number.clone());
        // a number that was taken back may still stand in the order: it makes room, too
        while self.1.len() > MAX_REMEMBERED {
            if let Some(oldest) = self.1.pop_front() {
                self.0.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(n: usize) -> Caller {
        Caller::Known(E164::from_e164(&format!("+3363998{n:04}")).unwrap())
    }

    fn text(name: &str) -> ScreenText {
        ScreenText::clean(name)
    }

    #[test]
    fn a_contact_counts_more_than_a_given_name_and_that_more_than_the_network() {
        let (mut names, one) = (Names::default(), party(1));
        assert_eq!(names.of(&one, &text("")), text(""));
        names.hear(&one, &text("Réseau"));
        assert_eq!(names.of(&one, &text("")), text("Réseau"));
        assert_eq!(names.of(&one, &text("Autre")), text("Autre"));
        names.give(&one, &text("Durand"));
        assert_eq!(names.of(&one, &text("Autre")), text("Durand"));
        let Caller::Known(number) = one.clone() else { return };
        names.set_contacts(Contacts([(number.clone(), text("Jeanne Martin"))].into()));
        assert!(names.is_contact(&one) && !names.is_contact(&party(2)));
        assert_eq!(names.of(&one, &text("Autre")), text("Jeanne Martin"));
        names.forget(&number);
        assert_eq!(names.of(&one, &text("")), text(""));
    }

    #[test]
    fn nobody_is_named_whose_number_is_withheld() {
        let mut names = Names::default();
        names.hear(&Caller::Withheld, &text("Martin"));
        names.give(&Caller::Extension("23".to_owned()), &text("Martin"));
        assert_eq!((names.of(&Caller::Withheld, &text("")), names.is_contact(&Caller::Withheld)), (text(""), false));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut names = Names::default();
        for n in 0..2 * MAX_REMEMBERED {
            let number = E164::from_e164(&format!("+3319900{n:05}")).unwrap();
            names.hear(&Caller::Known(number.clone()), &text("Martin"));
            names.give(&Caller::Known(number.clone()), &text("Martin"));
            names.give(&Caller::Known(number), &text(""));
        }
        assert_eq!((names.heard.0.len(), names.heard.1.len()), (MAX_REMEMBERED, MAX_REMEMBERED));
        assert!(names.given.1.len() <= MAX_REMEMBERED && names.given.0.is_empty());
    }
}
