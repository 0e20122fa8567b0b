//! What a caller gave the attendant, in whatever order and however little of it: all of it is kept.

use std::time::Duration;

use crate::domain::clip::Clip;
use crate::domain::identity::Caller;
use crate::switchboard::spoken;

/// Something was said: more than this of speech (RULES 3).
const SAID: Duration = Duration::from_millis(300);
/// Tries whose digits are kept, the newest ones: a star starts one over any number of times.
const MAX_TRIES: usize = 8;

#[derive(Debug)]
pub struct Given {
    presented: Caller,
    /// What was typed, a number or not, try by try; the last may go on.
    tries: Vec<String>,
    /// The last whole number among them, and its digits.
    number: Option<(String, Caller)>,
    pub confirmed: bool,
    /// The presented number is not the one.
    pub rejected: bool,
    /// Any key.
    pub pressed: bool,
    speech: Duration,
    clip: Option<Clip>,
    /// A recording was begun and not reported yet.
    pub awaited: bool,
}

/// Whom to call back, and what the ledger says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    pub party: Caller,
    /// It is the number that the call showed.
    pub presented: bool,
    pub confirmed: bool,
    pub unconfirmed: bool,
    pub note: String,
}

impl Given {
    pub fn new(presented: Caller) -> Given {
        Given {
            presented,
            tries: Vec::new(),
            number: None,
            confirmed: false,
            rejected: false,
            pressed: false,
            speech: Duration::ZERO,
            clip: None,
            awaited: false,
        }
    }

    pub fn heard(&mut self, speech: Duration, clip: Clip) {
        self.awaited = false;
        self.speech = speech;
        self.clip = Some(clip);
    }

    /// One more digit of this try.
    pub fn digits(&mut self, digits: &str) {
        if digits.len() > 1 {
            self.tries.pop();
        }
        self.tries.retain(|before| before != digits);
        if self.tries.len() >= MAX_TRIES {
            self.tries.remove(0);
        }
        self.tries.push(digits.to_owned());
    }

    /// The digits of this try are a number.
    pub fn typed(&mut self, digits: &str, number: Caller) {
        self.number = Some((digits.to_owned(), number));
    }

    /// There is a number that the caller wants, or does not object to.
    pub fn is_certain(&self) -> bool {
        self.confirmed || (!self.rejected && spoken::digits(&self.presented).is_some())
    }

    /// Row 11: no number confirmed, no key, no word.
    pub fn is_nothing(&self) -> bool {
        !self.confirmed && !self.pressed && self.speech <= SAID
    }

    /// The recording, if anything was said.
    pub fn clip(&self) -> Option<&Clip> {
        self.clip.as_ref().filter(|_| self.speech > SAID)
    }

    /// Rows 12 and 12b.
    pub fn details(&self) -> Details {
        // newer digits take the place of a whole number: the caller wanted another
        let number = self.number.as_ref().filter(|(digits, _)| self.tries.last() == Some(digits));
        let party = number.map_or(&self.presented, |(_, number)| number).clone();
        let presented = party == self.presented;
        let mut note = Vec::new();
        if !self.confirmed {
            let others: Vec<&str> =
                self.tries.iter().filter(|try_| number.is_none_or(|(own, _)| own != *try_)).map(String::as_str).collect();
            if !others.is_empty() {
                note.push(format!("Chiffres tapés : {}.", others.join(", ")));
            }
            if !presented && spoken::digits(&self.presented).is_some() {
                note.push(format!("Appelait du {}.", self.presented.display()));
            }
        }
        let unconfirmed = !self.confirmed && (self.rejected || !self.tries.is_empty());
        Details { party, presented, confirmed: self.confirmed, unconfirmed, note: note.join(" ") }
    }
}
