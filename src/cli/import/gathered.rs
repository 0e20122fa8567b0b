//! What an import gathers before anything is written: contacts by number, lines that cannot serve, numbers that lack their 0. Bounded.

use std::collections::HashMap;

use crate::domain::names::MAX_CONTACTS;
use crate::domain::number::{E164, NumberError};
use crate::domain::text::ScreenText;
use crate::store::contacts::{Contact, NOTE_MAX};

/// Lines that are named; further ones are counted.
pub const NAMED_MAX: usize = 50;
/// Of a text that is no number, what is said of it, in characters.
const QUOTED_MAX: usize = 30;

/// A line that gave nothing, or not all that stood there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub line: u64,
    pub why: String,
}

#[derive(Debug, Default)]
pub struct Gathered {
    contacts: Vec<Contact>,
    by_number: HashMap<E164, usize>,
    /// The first of the wrong lines, and how many there are.
    pub wrong: Vec<Wrong>,
    pub wrong_count: usize,
    /// Nine digits: proposed with their 0, never taken without a word (RULES 7.6).
    pub lacking: Vec<(u64, Contact)>,
}

/// More contacts than a service keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl Gathered {
    /// One person of the file, with every number that stands beside it.
    pub fn person(&mut self, line: u64, name: &str, numbers: &[String], note: &str) -> Result<(), TooMany> {
        let name = ScreenText::clean(name);
        if numbers.is_empty() {
            self.refuse(
                line,
                if name.is_empty() { "ni nom ni numéro".to_owned() } else { format!("pas de numéro pour « {} »", name.as_str()) },
            );
            return Ok(());
        }
        if name.is_empty() {
            self.refuse(line, "pas de nom".to_owned());
            return Ok(());
        }
        for text in numbers {
            let contact = |number| Contact { number, name: name.clone(), note: clean_note(note) };
            match E164::parse_national_or_international(text) {
                Ok(number) => self.add(contact(number))?,
                Err(NumberError::LacksZero(number)) if self.lacking.len() < MAX_CONTACTS => self.lacking.push((line, contact(number))),
                Err(error) => {
                    let quoted = ScreenText::clean(text).as_str().chars().take(QUOTED_MAX).collect::<String>();
                    self.refuse(line, format!("« {quoted} » : {error}"));
                }
            }
        }
        Ok(())
    }

    pub fn refuse(&mut self, line: u64, why: String) {
        self.wrong_count = self.wrong_count.saturating_add(1);
        if self.wrong.len() < NAMED_MAX {
            self.wrong.push(Wrong { line, why });
        }
    }

    /// A number that stands twice in a file is one contact, with what was said last.
    fn add(&mut self, contact: Contact) -> Result<(), TooMany> {
        if let Some(known) = self.by_number.get(&contact.number).and_then(|at| self.contacts.get_mut(*at)) {
            known.name = contact.name;
            if !contact.note.is_empty() {
                known.note = contact.note;
            }
            return Ok(());
        }
        if self.contacts.len() >= MAX_CONTACTS {
            return Err(TooMany);
        }
        self.by_number.insert(contact.number.clone(), self.contacts.len());
        self.contacts.push(contact);
        Ok(())
    }

    /// The numbers that lack their 0 are taken with it.
    pub fn accept_lacking(&mut self) -> Result<(), TooMany> {
        std::mem::take(&mut self.lacking).into_iter().try_for_each(|(_, contact)| self.add(contact))
    }

    pub fn contacts(&self) -> &[Contact] {
        &self.contacts
    }

    pub fn into_contacts(self) -> Vec<Contact> {
        self.contacts
    }
}

fn clean_note(note: &str) -> String {
    let kept = note.chars().filter(|c| !c.is_control() || *c == '\n').take(NOTE_MAX);
    kept.collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(gathered: &mut Gathered, line: u64, name: &str, number: &str) -> Result<(), TooMany> {
        gathered.person(line, name, &[number.to_owned()], "")
    }

    #[test]
    fn a_number_that_stands_twice_is_one_contact_with_the_last_name() {
        let mut gathered = Gathered::default();
        for (line, name, number) in [(1, "Martin", "0639980001"), (2, "Jeanne Martin", "+33 6 39 98 00 01")] {
            person(&mut gathered, line, name, number).unwrap();
        }
        let names: Vec<_> = gathered.contacts().iter().map(|c| (c.number.as_str(), c.name.as_str())).collect();
        assert_eq!(names, [("+33639980001", "Jeanne Martin")]);
    }

    #[test]
    fn nine_digits_are_proposed_with_their_0_and_taken_when_that_is_accepted() {
        let mut gathered = Gathered::default();
        person(&mut gathered, 7, "Martin", "639980001").unwrap();
        assert_eq!((gathered.contacts().len(), gathered.lacking.len(), gathered.wrong_count), (0, 1, 0));
        gathered.accept_lacking().unwrap();
        assert_eq!((gathered.contacts()[0].number.as_str(), gathered.lacking.len()), ("+33639980001", 0));
    }

    #[test]
    fn wrong_lines_are_counted_and_the_first_are_named() {
        let mut gathered = Gathered::default();
        person(&mut gathered, 3, "Martin", "06 39 98").unwrap();
        person(&mut gathered, 4, "", "0639980001").unwrap();
        gathered.person(5, "Durand", &[], "").unwrap();
        let why: Vec<_> = gathered.wrong.iter().map(|w| (w.line, w.why.as_str())).collect();
        assert_eq!(why, [(3, "« 06 39 98 » : Il manque 4 chiffres"), (4, "pas de nom"), (5, "pas de numéro pour « Durand »")]);
        (0..1_000).for_each(|line| gathered.refuse(line, String::new()));
        assert_eq!((gathered.wrong_count, gathered.wrong.len()), (1_003, NAMED_MAX));
    }

    #[test]
    fn more_contacts_than_are_kept_are_refused() {
        let mut gathered = Gathered::default();
        let end = (0..=MAX_CONTACTS).find_map(|n| person(&mut gathered, 1, "Martin", &format!("+44{n:09}")).err().map(|_| n));
        assert_eq!(end, Some(MAX_CONTACTS));
    }
}
