//! The attendant's talk with one caller (RULES 5): what it says, what it takes from keys and words, when it lets go. A leaf machine: it
//! knows no call, sends nothing and reads no clock; [`Attendant::handle`] takes an event and gives what is to be done.
//!
//! ```text
//!   number known:  Asking --1--> (confirmed) ----------------------.
//!                    |  '--2--> Typing                             |
//!                    '-(6 s, said again, 6 s)--------------------->|
//!   no number:     Typing -(10th digit | whole and 4 s)-> Confirming --1--> Naming -(tone)-> Recording -> Thanking -> Over
//!                    |  ^------------------2, or no number---'     |   ^
//!                    '-(6 s, said again, 6 s; third try)-----------'---'
//! ```
//! Where `1` or `2` is asked for, `0` is the first digit of another number. A key interrupts what is being said. Every time has an end: no event at all leads to `Over` too.

mod given;

use std::time::Duration;

use crate::domain::clip::Clip;
use crate::domain::identity::Caller;
use crate::domain::key::Key;
use crate::domain::now::Instant;

use super::booth::ANNOUNCEMENT;
use super::spoken::{self, PAUSE, SIGNAL};

pub(super) use given::{Details, Given};

/// Without a key for this time the question is asked once more, then the tone comes.
const NO_KEY: Duration = Duration::from_secs(6);
/// A short or foreign number that could be whole is so after this time without another digit.
const WHOLE: Duration = Duration::from_secs(4);
/// The report of a sound's end is waited for no longer: two announcements of the agency's own (`*98N`), and what is said around them.
const SPOKEN: Duration = Duration::from_secs(2 * ANNOUNCEMENT.as_secs() + 60);
/// A sound that ends sooner is the one before it, whose report crossed a key.
const CROSSED: Duration = Duration::from_millis(80);
/// Past the longest recording its report is waited for that long.
const REPORT: Duration = Duration::from_secs(2);
/// Digits of a French number, and of the longest foreign one with its 00.
const NATIONAL: usize = 10;
const LONGEST: usize = 17;
/// Numbers that may be refused, by us or by the caller.
const TRIES: u8 = 3;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Key(Key),
    /// What was said is over.
    Played,
    /// What was taken down, and how much of it is speech.
    Heard(Duration, Clip),
    /// The deadline has come.
    Time,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Say(Vec<&'static str>),
    Hush,
    Listen,
    StopListening,
    /// It has said goodbye.
    End,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Asking,
    Typing(String),
    /// The number that was read back.
    Confirming(String),
    /// `true`: a key made it short.
    Naming(bool),
    Recording,
    Thanking,
    Over,
}

/// Reads digits as a number to call back at: whole French, foreign or short ones, no emergency number.
pub(super) type Reader<'a> = &'a dyn Fn(&str) -> Option<Caller>;

#[derive(Debug)]
pub(super) struct Attendant {
    step: Step,
    /// Since when something is being said.
    speaking: Option<Instant>,
    deadline: Option<Instant>,
    /// The question was asked a second time.
    again: bool,
    tries: u8,
    presented: Caller,
    name_time: Duration,
    pub(super) given: Given,
}

impl Attendant {
    /// Greets; `greeting` is the prompt for the case.
    pub(super) fn new(now: Instant, greeting: &'static str, presented: Caller, name_time: Duration, acts: &mut Vec<Act>) -> Attendant {
        let known = spoken::digits(&presented).is_some();
        let step = if known { Step::Asking } else { Step::Typing(String::new()) };
        let given = Given::new(presented.clone());
        let mut new = Attendant { step, speaking: None, deadline: None, again: false, tries: 0, presented, name_time, given };
        let mut words = vec![greeting, PAUSE];
        if new.presented == Caller::Withheld {
            words.extend(["numero-masque", PAUSE]);
        }
        words.extend(new.question());
        new.say(now, words, acts);
        new
    }

    /// When it wants [`Event::Time`]; nothing once it is over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// A recording was begun and not reported yet.
    pub(super) fn listens(&self) -> bool {
        matches!(self.step, Step::Recording) || self.given.awaited
    }

    /// From here on a person can no longer take the caller (RULES 4).
    pub(super) fn thanks(&self) -> bool {
        matches!(self.step, Step::Thanking | Step::Over)
    }

    pub(super) fn handle(mut self, now: Instant, event: Event, read: Reader, acts: &mut Vec<Act>) -> Attendant {
        match event {
            Event::Played => {
                if self.speaking.is_some_and(|since| now.since(since) >= CROSSED) {
                    self.said(now, acts);
                }
            }
            Event::Key(key) => {
                self.given.pressed = true;
                self.key(now, key.sign(), read, acts);
            }
            Event::Heard(speech, clip) => {
                self.given.heard(speech, clip);
                if self.step == Step::Recording {
                    self.thank(now, acts);
                }
            }
            Event::Time if self.speaking.is_some() => self.said(now, acts),
            Event::Time => self.waited(now, read, acts),
        }
        self
    }

    fn say(&mut self, now: Instant, words: Vec<&'static str>, acts: &mut Vec<Act>) {
        acts.push(Act::Say(words));
        self.speaking = Some(now);
        self.deadline = Some(now + SPOKEN);
    }

    /// All was said: it listens.
    fn said(&mut self, now: Instant, acts: &mut Vec<Act>) {
        self.speaking = None;
        self.deadline = Some(now + NO_KEY);
        match self.step {
            Step::Asking | Step::Typing(_) | Step::Confirming(_) => {}
            Step::Naming(_) => {
                acts.push(Act::Listen);
                self.step = Step::Recording;
                self.given.awaited = true;
                self.deadline = Some(now + self.name_time + REPORT);
            }
            Step::Recording | Step::Thanking | Step::Over => {
                self.step = Step::Over;
                self.deadline = None;
                acts.push(Act::End);
            }
        }
    }

    /// Nothing came.
    fn waited(&mut self, now: Instant, read: Reader, acts: &mut Vec<Act>) {
        match &self.step {
            Step::Typing(digits) if !digits.is_empty() => {
                let digits = digits.clone();
                self.typed(now, digits, read, acts);
            }
            Step::Asking | Step::Typing(_) | Step::Confirming(_) if self.again => self.name(now, acts),
            Step::Asking | Step::Typing(_) | Step::Confirming(_) => {
                self.again = true;
                let words = self.question();
                self.say(now, words, acts);
            }
            Step::Naming(_) => self.said(now, acts),
            Step::Recording => {
                acts.push(Act::StopListening);
                self.thank(now, acts);
            }
            Step::Thanking | Step::Over => self.said(now, acts),
        }
    }

    fn key(&mut self, now: Instant, sign: u8, read: Reader, acts: &mut Vec<Act>) {
        match (&self.step, sign) {
            (Step::Asking, b'1') => {
                self.given.confirmed = true;
                self.name(now, acts);
            }
            (Step::Asking, b'2') => {
                self.given.rejected = true;
                self.ask_number(now, None, acts);
            }
            (Step::Confirming(_), b'1') => {
                self.given.confirmed = true;
                self.name(now, acts);
            }
            (Step::Confirming(_), b'2') => self.next_try(now, None, acts),
            // no choice: a number begins so
            (Step::Asking | Step::Confirming(_), b'0') => self.begun(now, read, acts),
            // people end a number by it
            (Step::Confirming(_) | Step::Asking | Step::Naming(_), b'#') => {}
            (Step::Asking | Step::Confirming(_), _) if self.again => self.name(now, acts),
            (Step::Asking | Step::Confirming(_), _) => {
                self.again = true;
                let mut words = vec!["touche-inconnue", PAUSE];
                words.extend(self.question());
                self.say(now, words, acts);
            }
            (Step::Typing(digits), b'#') if !digits.is_empty() => {
                let digits = digits.clone();
                self.typed(now, digits, read, acts);
            }
            (Step::Typing(digits), b'0'..=b'9') => {
                let mut digits = digits.clone();
                digits.push(char::from(sign));
                self.digit(now, digits, read, acts);
            }
            // all over again
            (Step::Typing(_), b'*') => self.ask_number(now, None, acts),
            (Step::Naming(false), _) => {
                self.step = Step::Naming(true);
                self.say(now, vec![SIGNAL], acts);
            }
            (Step::Recording, _) => {
                acts.push(Act::StopListening);
                self.thank(now, acts);
            }
            (Step::Typing(_) | Step::Naming(true) | Step::Thanking | Step::Over, _) => {}
        }
    }

    /// A number is typed where none was asked for: what was read back is not the one.
    fn begun(&mut self, now: Instant, read: Reader, acts: &mut Vec<Act>) {
        match self.step {
            Step::Confirming(_) => self.tries += 1,
            Step::Asking | Step::Typing(_) | Step::Naming(_) | Step::Recording | Step::Thanking | Step::Over => self.given.rejected = true,
        }
        if self.tries >= TRIES {
            self.name(now, acts);
        } else {
            self.again = false;
            self.digit(now, "0".to_owned(), read, acts);
        }
    }

    /// One more digit; the last of a French number needs no waiting.
    fn digit(&mut self, now: Instant, digits: String, read: Reader, acts: &mut Vec<Act>) {
        if self.speaking.take().is_some() {
            acts.push(Act::Hush);
        }
        self.given.digits(&digits);
        let foreign = digits.starts_with("00");
        if digits.len() >= LONGEST || (!foreign && digits.len() >= NATIONAL) {
            self.typed(now, digits, read, acts);
            return;
        }
        self.deadline = Some(now + if read(&digits).is_some() { WHOLE } else { NO_KEY });
        self.step = Step::Typing(digits);
    }

    /// A number is typed: it is read back, or asked for once more.
    fn typed(&mut self, now: Instant, digits: String, read: Reader, acts: &mut Vec<Act>) {
        match read(&digits) {
            Some(number) => {
                self.given.typed(&digits, number);
                self.again = false;
                self.step = Step::Confirming(digits);
                let words = self.question();
                self.say(now, words, acts);
            }
            None => self.next_try(now, Some("numero-incomplet"), acts),
        }
    }

    fn next_try(&mut self, now: Instant, why: Option<&'static str>, acts: &mut Vec<Act>) {
        self.tries += 1;
        if self.tries >= TRIES {
            self.name(now, acts);
        } else {
            self.ask_number(now, why, acts);
        }
    }

    fn ask_number(&mut self, now: Instant, why: Option<&'static str>, acts: &mut Vec<Act>) {
        self.again = false;
        self.step = Step::Typing(String::new());
        let mut words: Vec<&str> = why.into_iter().flat_map(|why| [why, PAUSE]).collect();
        words.extend(self.question());
        self.say(now, words, acts);
    }

    fn question(&self) -> Vec<&'static str> {
        let read_back = |before, digits: &str, after| [&[before, PAUSE][..], &spoken::pairs(digits), &[PAUSE, after]].concat();
        match &self.step {
            Step::Asking => read_back("votre-numero", &spoken::digits(&self.presented).unwrap_or_default(), "numero-confirmer"),
            Step::Confirming(digits) => read_back("numero-relu", digits, "numero-valider"),
            Step::Typing(_) | Step::Naming(_) | Step::Recording | Step::Thanking | Step::Over => vec!["numero-saisir"],
        }
    }

    /// What may be said, then the tone; the number too where none is certain.
    fn name(&mut self, now: Instant, acts: &mut Vec<Act>) {
        let what = if self.given.is_certain() { "dire-nom" } else { "dire-nom-numero" };
        self.step = Step::Naming(false);
        self.say(now, vec![what, PAUSE, "confidentialite", PAUSE, SIGNAL], acts);
    }

    fn thank(&mut self, now: Instant, acts: &mut Vec<Act>) {
        self.step = Step::Thanking;
        self.say(now, vec!["merci-au-revoir"], acts);
    }
}
