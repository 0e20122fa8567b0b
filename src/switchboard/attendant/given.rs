//! What a caller gave the attendant, in whatever order and however little of it: all of it is kept.

use std::time::Duration;

use crate::domain::clip::Clip;
use crate::domain::identity::Caller;
use crate::switchboard::spoken;

/// Something was said: more than this of speech (RULES 3).
const SAID: Duration = Duration::from_millis(300);

#[derive(Debug)]
pub struct Given {
    presented: Caller,
    /// The last whole number typed.
    number: Option<Caller>,
    /// Digits that were no number, or not yet.
    pub partial: String,
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
            number: None,
            partial: String::new(),
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

    pub fn typed(&mut self, number: Caller) {
        self.partial.clear();
        self.number = Some(number);
    }

    /// There is a number that the caller wants, or does not object to.
    pub fn is_certain(&self) -> bool {
        self.confirmed || (!self.rejected && self.number.is_none() && spoken::digits(&self.presented).is_some())
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
        let known = spoken::digits(&self.presented).is_some();
        let shown = self.presented.display();
        let kept = Details { party: self.presented.clone(), presented: true, confirmed: false, unconfirmed: false, note: String::new() };
        match &self.number {
            Some(number) => {
                let presented = *number == self.presented;
                let note = if self.confirmed || presented || !known { String::new() } else { format!("Appelait du {shown}.") };
                Details { party: number.clone(), presented, confirmed: self.confirmed, unconfirmed: !self.confirmed, note }
            }
            None if self.confirmed => Details { confirmed: true, ..kept },
            None if !self.partial.is_empty() && known => {
                Details { unconfirmed: true, note: format!("Chiffres tapés : {}.", self.partial), ..kept }
            }
            None if !self.partial.is_empty() => {
                let party = Caller::Unreadable(crate::domain::text::ScreenText::clean(&self.partial));
                Details { party, presented: false, unconfirmed: true, ..kept }
            }
            None => Details { unconfirmed: self.rejected, ..kept },
        }
    }
}
