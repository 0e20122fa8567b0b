//! A phone that is alone with us and hears its own voice back: the audio test (`*97`) and an announcement of the agency's own (`*98N`).
//! A leaf machine like the attendant: it knows no call, sends nothing and reads no clock.
//!
//! ```text
//!   Telling -(tone)-> Recording -(something was said)-> Playing --------------------------- test --> End
//!     ^                   '-(nothing)-> Leaving -> End     | |'--1--> Keeping -(it is on disk)-> Leaving -> End
//!     '-----------------------------2----------------------' |   ^------'-(it is not: low tone, asked again)
//!                                                            '-(6 s, said again, 6 s)-> End, nothing kept
//! ```
//! Who hangs up once something was said keeps it, as the prompt says: in Playing at once, in Recording when its report is there (Left).
//! Every time has an end, and the whole talk too.

use std::time::Duration;

use crate::domain::clip::Clip;
use crate::domain::key::Key;
use crate::domain::now::Instant;

use super::spoken::{PAUSE, SIGNAL};

/// What the audio test takes down, and an announcement, at most.
pub(super) const TEST: Duration = Duration::from_secs(5);
pub(super) const ANNOUNCEMENT: Duration = Duration::from_secs(60);
/// Less speech than this is nothing.
const WORD: Duration = Duration::from_millis(100);
/// Without a key for this time the question is asked once more, then nothing is kept.
const NO_KEY: Duration = Duration::from_secs(6);
/// The report of a sound's end is waited for no longer: longer than an announcement and what is said around it.
const SPOKEN: Duration = Duration::from_secs(90);
/// A sound that ends sooner is the one before it, whose report crossed a key.
const CROSSED: Duration = Duration::from_millis(80);
/// Past the longest recording its report is waited for that long.
const REPORT: Duration = Duration::from_secs(2);
/// A disk that takes longer than this has not taken it.
const WRITTEN: Duration = Duration::from_secs(5);
/// The report of what is being taken down follows a hang-up within that time.
const LAST_REPORT: Duration = Duration::from_millis(500);
/// The whole talk, whatever keys are pressed.
const WHOLE: Duration = Duration::from_secs(600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Test,
    /// The prompt of that name is said anew.
    Announcement(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Key(Key),
    Played,
    /// What was taken down, and how much of it is speech.
    Heard(Duration, Clip),
    /// Whether what [`Act::Keep`] asked for is on disk.
    Kept(bool),
    /// The phone is gone.
    HungUp,
    Time,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Say(Vec<&'static str>),
    /// What was said is heard between these prompts.
    SayBack(Vec<&'static str>, Clip, Vec<&'static str>),
    Listen(Duration),
    StopListening,
    /// Beside it: that did not work.
    LowTone,
    /// It is that prompt once it is on disk; [`Event::Kept`] follows.
    Keep(&'static str, Clip),
    End,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Telling,
    Recording,
    Playing(Clip),
    Keeping(Clip),
    Leaving,
    /// Hung up while it recorded: the report is all that is waited for.
    Left,
}

#[derive(Debug)]
pub(super) struct Booth {
    purpose: Purpose,
    step: Step,
    /// Since when something is being said.
    speaking: Option<Instant>,
    deadline: Instant,
    ends: Instant,
    /// The question was asked a second time.
    again: bool,
}

impl Booth {
    pub(super) fn new(now: Instant, purpose: Purpose, acts: &mut Vec<Act>) -> Booth {
        let mut new = Booth { purpose, step: Step::Telling, speaking: None, deadline: now, ends: now + WHOLE, again: false };
        new.tell(now, acts);
        new
    }

    /// When it wants [`Event::Time`].
    pub(super) fn deadline(&self) -> Instant {
        self.deadline.min(self.ends)
    }

    pub(super) fn handle(&mut self, now: Instant, event: Event, acts: &mut Vec<Act>) {
        if now >= self.ends {
            acts.push(Act::End);
            return;
        }
        match event {
            Event::Played if self.speaking.is_some_and(|since| now.since(since) >= CROSSED) => self.said(now, acts),
            Event::Played => {}
            Event::Key(key) => self.key(now, key.sign(), acts),
            Event::Heard(speech, clip) if self.step == Step::Recording => self.heard(now, speech, clip, acts),
            Event::Heard(speech, clip) if self.step == Step::Left => {
                self.keep(Some(clip).filter(|_| speech >= WORD), acts);
                acts.push(Act::End);
            }
            Event::Heard(..) => {}
            Event::Kept(kept) => self.kept(now, kept, acts),
            Event::HungUp => self.hung_up(now, acts),
            Event::Time if self.speaking.is_some() => self.said(now, acts),
            Event::Time => self.waited(now, acts),
        }
    }

    fn speaks(&mut self, now: Instant, act: Act, acts: &mut Vec<Act>) {
        acts.push(act);
        self.speaking = Some(now);
        self.deadline = now + SPOKEN;
    }

    fn tell(&mut self, now: Instant, acts: &mut Vec<Act>) {
        let what = match self.purpose {
            Purpose::Test => "test-audio",
            Purpose::Announcement(_) => "enregistrer-annonce",
        };
        (self.step, self.again) = (Step::Telling, false);
        self.speaks(now, Act::Say(vec![what, PAUSE, SIGNAL]), acts);
    }

    fn leave(&mut self, now: Instant, word: &'static str, acts: &mut Vec<Act>) {
        self.step = Step::Leaving;
        self.speaks(now, Act::Say(vec![word]), acts);
    }

    /// All was said: it listens, or waits for a key.
    fn said(&mut self, now: Instant, acts: &mut Vec<Act>) {
        self.speaking = None;
        match (&self.step, self.purpose) {
            (Step::Telling, purpose) => {
                let max = if purpose == Purpose::Test { TEST } else { ANNOUNCEMENT };
                acts.push(Act::Listen(max));
                self.step = Step::Recording;
                self.deadline = now + max + REPORT;
            }
            (Step::Playing(_), Purpose::Announcement(_)) => self.deadline = now + NO_KEY,
            (Step::Recording | Step::Keeping(_) | Step::Left, _) => {}
            (Step::Playing(_), Purpose::Test) | (Step::Leaving, _) => acts.push(Act::End),
        }
    }

    fn waited(&mut self, now: Instant, acts: &mut Vec<Act>) {
        match &self.step {
            Step::Recording => {
                acts.push(Act::StopListening);
                self.leave(now, "rien-entendu", acts);
            }
            Step::Playing(_) if !self.again => {
                self.again = true;
                self.speaks(now, Act::Say(vec!["annonce-valider"]), acts);
            }
            Step::Keeping(_) => self.kept(now, false, acts),
            Step::Playing(_) | Step::Telling | Step::Leaving | Step::Left => acts.push(Act::End),
        }
    }

    fn heard(&mut self, now: Instant, speech: Duration, clip: Clip, acts: &mut Vec<Act>) {
        if speech < WORD {
            self.leave(now, "rien-entendu", acts);
            return;
        }
        let (before, after) = match self.purpose {
            Purpose::Test => (Vec::new(), Vec::new()),
            Purpose::Announcement(_) => (vec!["annonce-relue", PAUSE], vec![PAUSE, "annonce-valider"]),
        };
        self.step = Step::Playing(clip.clone());
        self.speaks(now, Act::SayBack(before, clip, after), acts);
    }

    fn key(&mut self, now: Instant, sign: u8, acts: &mut Vec<Act>) {
        match (&self.step, self.purpose, sign) {
            // its report follows
            (Step::Recording, _, _) => acts.push(Act::StopListening),
            (Step::Telling, _, _) => self.speaks(now, Act::Say(vec![SIGNAL]), acts),
            (Step::Playing(clip), Purpose::Announcement(_), b'1') => {
                let clip = clip.clone();
                self.keep(Some(clip.clone()), acts);
                (self.step, self.speaking, self.deadline) = (Step::Keeping(clip), None, now + WRITTEN);
            }
            (Step::Playing(_), Purpose::Announcement(_), b'2') => self.tell(now, acts),
            (Step::Playing(_) | Step::Keeping(_) | Step::Leaving | Step::Left, _, _) => {}
        }
    }

    fn keep(&self, clip: Option<Clip>, acts: &mut Vec<Act>) {
        if let (Purpose::Announcement(name), Some(clip)) = (self.purpose, clip) {
            acts.push(Act::Keep(name, clip));
        }
    }

    /// Said only now: it would be a lie before. A disk that was late may still say yes when the question is being asked again.
    fn kept(&mut self, now: Instant, kept: bool, acts: &mut Vec<Act>) {
        match (&self.step, kept) {
            (Step::Keeping(_) | Step::Playing(_), true) => self.leave(now, "annonce-gardee", acts),
            (Step::Keeping(clip), false) => {
                (self.step, self.again) = (Step::Playing(clip.clone()), false);
                acts.push(Act::LowTone);
                self.speaks(now, Act::Say(vec![PAUSE, PAUSE, "annonce-valider"]), acts);
            }
            (Step::Playing(_) | Step::Telling | Step::Recording | Step::Leaving | Step::Left, _) => {}
        }
    }

    fn hung_up(&mut self, now: Instant, acts: &mut Vec<Act>) {
        match &self.step {
            Step::Recording if self.purpose != Purpose::Test => {
                (self.step, self.deadline) = (Step::Left, now + LAST_REPORT);
                return;
            }
            Step::Playing(clip) => self.keep(Some(clip.clone()), acts),
            Step::Telling | Step::Recording | Step::Keeping(_) | Step::Leaving | Step::Left => {}
        }
        acts.push(Act::End);
    }
}
