//! The double call of one phone as a table: what each event leads to, and what is to be done on the way (RULES 4). Knows no leg, no time
//! and no other phone.
//!
//! `first` is call 1, `second` is call 2. Leaving a state that holds a caller always connects that caller, rings the phone for it, or writes
//! that it left.
//!
//! ```text
//!                       take                     swap
//!   Talking -> Waiting --------> Second <--------------------> Swapped
//!                 |                |  \                         /   |
//!                 | send away,     |   \ save, settle,         /    | save, settle,
//!                 | either gone    |    \ a caller left       /     | end first, a caller left
//!                 v                |     v                   v      |
//!              Talking             |          Talking               |
//!                                  '----> Recall <------------------'
//!                                agent left |   agent left
//!                                           v
//!                             Talking, or left on hold
//! ```
//!
//! The whole graph is printed by the test below and drawn in docs/double-call.md.

use crate::domain::call::CallId;
use crate::domain::now::Instant;

/// The state of a phone that has two callers, or one that it must get back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Step {
    /// Call 1 talks, call 2 waits to be taken.
    Waiting,
    /// Call 1 is held, call 2 talks.
    Second,
    /// Call 2 is held, call 1 talks.
    Swapped,
    /// The phone is hung up and rings for the held one.
    Recall,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Event {
    Take,
    TakeEndingFirst,
    /// To the attendant.
    SendAway,
    Swap,
    /// The callback of call 2 is kept, call 2 ends, back to call 1.
    Save,
    /// Call 2 needs no callback.
    Settle,
    /// Back to call 2 for good.
    EndFirst,
    FirstLeft,
    /// The phone sent the caller of call 1 on, and is out of that call.
    FirstSentOn,
    SecondLeft,
    /// The phone hung up.
    AgentLeft,
    /// The phone is gone (row 19).
    AgentLost,
    /// Call 2 is no longer to be had: another phone took it, or its time is over.
    Withdrawn,
    /// The recall was answered.
    Answered,
}

/// What is done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    ToneOff,
    HoldFirst,
    HoldSecond,
    ConnectFirst,
    ConnectSecond,
    /// Call 1 ends as a call that was answered.
    EndFirst,
    /// Call 1 ends because its phone is gone.
    CutFirst,
    /// Call 2 ends with its callback.
    PromiseSecond,
    /// Call 2 ends without one.
    SettleSecond,
    /// Call 2 ends because its phone is gone.
    CutSecond,
    /// The held caller left (row 17).
    FirstLeftOnHold,
    SecondLeftOnHold,
    RecallFirst,
    RecallSecond,
    /// The phone rings for call 2, a second later.
    RestThenRing,
    SendSecondAway,
    LowTone,
}

/// `None`: nothing to do in this state; otherwise the next state (`None`: an ordinary call, or an idle phone) and the acts.
pub(super) fn next(step: Step, event: Event) -> Option<(Option<Step>, &'static [Act])> {
    match step {
        Step::Waiting => waiting(event),
        Step::Second => second(event),
        Step::Swapped => swapped(event),
        Step::Recall => recall(event),
    }
}

fn waiting(event: Event) -> Option<(Option<Step>, &'static [Act])> {
    use Act::*;
    match event {
        Event::Take => Some((Some(Step::Second), &[ToneOff, HoldFirst, ConnectSecond])),
        Event::TakeEndingFirst => Some((None, &[ToneOff, HoldFirst, ConnectSecond, EndFirst])),
        Event::SendAway => Some((None, &[ToneOff, SendSecondAway])),
        Event::FirstLeft | Event::AgentLeft => Some((None, &[ToneOff, EndFirst, RestThenRing])),
        Event::FirstSentOn => Some((None, &[ToneOff, RestThenRing])),
        Event::AgentLost => Some((None, &[CutFirst, RestThenRing])),
        Event::SecondLeft | Event::Withdrawn => Some((None, &[ToneOff])),
        Event::Swap | Event::Save | Event::Settle | Event::EndFirst | Event::Answered => None,
    }
}

fn second(event: Event) -> Option<(Option<Step>, &'static [Act])> {
    use Act::*;
    match event {
        Event::Swap => Some((Some(Step::Swapped), &[HoldSecond, ConnectFirst])),
        Event::Save | Event::SecondLeft => Some((None, &[HoldSecond, ConnectFirst, PromiseSecond])),
        Event::Settle => Some((None, &[HoldSecond, ConnectFirst, SettleSecond])),
        Event::FirstLeft => Some((None, &[FirstLeftOnHold])),
        Event::AgentLeft => Some((Some(Step::Recall), &[PromiseSecond, RecallFirst])),
        Event::AgentLost => Some((Some(Step::Recall), &[CutSecond, RecallFirst])),
        Event::Take
        | Event::TakeEndingFirst
        | Event::SendAway
        | Event::EndFirst
        | Event::FirstSentOn
        | Event::Withdrawn
        | Event::Answered => None,
    }
}

fn swapped(event: Event) -> Option<(Option<Step>, &'static [Act])> {
    use Act::*;
    match event {
        Event::Swap => Some((Some(Step::Second), &[HoldFirst, ConnectSecond])),
        Event::EndFirst => Some((None, &[HoldFirst, ConnectSecond, EndFirst])),
        Event::FirstLeft => Some((None, &[HoldFirst, ConnectSecond, EndFirst, LowTone])),
        Event::Save => Some((None, &[PromiseSecond])),
        Event::Settle => Some((None, &[SettleSecond])),
        Event::SecondLeft => Some((None, &[SecondLeftOnHold])),
        Event::AgentLeft => Some((Some(Step::Recall), &[EndFirst, RecallSecond])),
        Event::AgentLost => Some((Some(Step::Recall), &[CutFirst, RecallSecond])),
        Event::Take | Event::TakeEndingFirst | Event::SendAway | Event::FirstSentOn | Event::Withdrawn | Event::Answered => None,
    }
}

/// In a recall `first` is the held caller, whichever it was.
fn recall(event: Event) -> Option<(Option<Step>, &'static [Act])> {
    use Act::*;
    match event {
        Event::FirstLeft => Some((None, &[FirstLeftOnHold])),
        Event::Answered => Some((None, &[])),
        Event::Take
        | Event::TakeEndingFirst
        | Event::SendAway
        | Event::Swap
        | Event::Save
        | Event::Settle
        | Event::EndFirst
        | Event::FirstSentOn
        | Event::SecondLeft
        | Event::AgentLeft
        | Event::AgentLost
        | Event::Withdrawn => None,
    }
}

/// The double call of one phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Double {
    pub(super) step: Step,
    pub(super) first: CallId,
    /// In a recall the same as `first`.
    pub(super) second: CallId,
    /// Since when it is in this step.
    pub(super) since: Instant,
    /// `1` was pressed once in `Waiting`.
    pub(super) one_at: Option<Instant>,
    /// The attendant has call 2; it can be had back.
    pub(super) attended: bool,
}

impl Double {
    pub(super) fn waiting(first: CallId, second: CallId, since: Instant) -> Double {
        Double { step: Step::Waiting, first, second, since, one_at: None, attended: false }
    }

    pub(super) fn recall(held: CallId, since: Instant) -> Double {
        Double { step: Step::Recall, first: held, second: held, since, one_at: None, attended: false }
    }

    pub(super) fn is_about(&self, call: CallId) -> bool {
        self.first == call || self.second == call
    }

    /// The caller who hears music.
    pub(super) fn held(&self) -> Option<CallId> {
        match self.step {
            Step::Waiting => None,
            Step::Second | Step::Recall => Some(self.first),
            Step::Swapped => Some(self.second),
        }
    }

    /// The caller whom the agent hears.
    pub(super) fn heard(&self) -> Option<CallId> {
        match self.step {
            Step::Waiting | Step::Swapped => Some(self.first),
            Step::Second => Some(self.second),
            Step::Recall => None,
        }
    }

    /// What it means for this phone that the caller of that call left.
    pub(super) fn left(&self, call: CallId) -> Event {
        if self.first == call { Event::FirstLeft } else { Event::SecondLeft }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [Step; 4] = [Step::Waiting, Step::Second, Step::Swapped, Step::Recall];
    const EVENTS: [Event; 14] = [
        Event::Take,
        Event::TakeEndingFirst,
        Event::SendAway,
        Event::Swap,
        Event::Save,
        Event::Settle,
        Event::EndFirst,
        Event::FirstLeft,
        Event::FirstSentOn,
        Event::SecondLeft,
        Event::AgentLeft,
        Event::AgentLost,
        Event::Withdrawn,
        Event::Answered,
    ];

    fn graph() -> String {
        let mut lines = String::new();
        for step in STEPS {
            for event in EVENTS {
                if let Some((to, acts)) = next(step, event) {
                    let to = to.map_or("Talking".to_owned(), |to| format!("{to:?}"));
                    let acts: Vec<String> = acts.iter().map(|act| format!("{act:?}")).collect();
                    let acts = if acts.is_empty() { "-".to_owned() } else { acts.join(", ") };
                    lines.push_str(&format!("{step:?} | {event:?} | {to} | {acts}\n"));
                }
            }
        }
        lines
    }

    #[test]
    fn the_graph_equals_the_drawing_in_the_docs() {
        let graph = graph();
        println!("{graph}");
        let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/double-call.md")).unwrap();
        let rows = docs.lines().filter(|l| l.starts_with("| `")).map(|l| l.replace('`', ""));
        let drawn: String = rows.map(|l| l.trim_matches(|c| c == '|' || c == ' ').to_owned() + "\n").collect();
        assert_eq!(drawn, graph);
    }

    #[test]
    fn every_state_that_holds_a_caller_is_left_only_for_that_caller_or_with_its_row() {
        for (step, held_first) in [(Step::Second, true), (Step::Swapped, false)] {
            for event in EVENTS {
                let Some((to, acts)) = next(step, event) else { continue };
                let kept = if held_first {
                    [Act::ConnectFirst, Act::FirstLeftOnHold, Act::RecallFirst]
                } else {
                    [Act::ConnectSecond, Act::SecondLeftOnHold, Act::RecallSecond]
                };
                let settled = !held_first && (acts.contains(&Act::PromiseSecond) || acts.contains(&Act::SettleSecond));
                assert!(to == Some(step) || settled || acts.iter().any(|act| kept.contains(act)), "{step:?} {event:?}: {acts:?}");
            }
        }
    }

    #[test]
    fn no_event_but_a_persons_word_ends_call_2_in_second_without_a_callback() {
        for event in EVENTS.into_iter().filter(|e| *e != Event::Settle) {
            let Some((to, acts)) = next(Step::Second, event) else { continue };
            let ends = !matches!(to, Some(Step::Swapped)) && event != Event::FirstLeft;
            let kept = acts.contains(&Act::PromiseSecond) || acts.contains(&Act::CutSecond);
            assert_eq!(ends, kept, "{event:?}");
        }
    }
}
