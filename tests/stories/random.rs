//! Random stories: whatever happens in whatever order, every call ends once, every leg is closed once, no timer outlives its call.
//!
//! 1,000 stories; `RAPPEL_LONG=1` plays 10,000 from a new seed. The table of what was visited is printed; a zero in it fails.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rappel::domain::call::{CallId, Record};
use rappel::domain::clip::Clip;
use rappel::domain::identity::Caller;
use rappel::domain::key::Key;
use rappel::domain::text::ScreenText;
use rappel::switchboard::effect::Effect;
use rappel::switchboard::input::{Command, Gone, Input, Progress, Refusal, Seq, Ticket};

use crate::house::*;

const PHONES: &[&str] = &["11", "12", "13"];
const DIALLED: &[&str] = &["11", "12", "13", "0639980001", "00639980001", "112", "0899000001", "999", "*92", "*91"];
const STATES: &[&str] = &["hunting", "ringing a colleague", "calling", "speaking", "talking", "transferring", "ringing back", "attendant"];
const ABOUT_A_LEG: &[&str] = &[
    "progress",
    "answered",
    "refused",
    "hung up",
    "elsewhere",
    "unacknowledged",
    "lost",
    "hold",
    "resume",
    "transfers",
    "played",
    "key",
    "heard",
    "silent",
    "speaks",
    "page hangs up",
    "stop",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LegIs {
    Offered,
    Called,
    Up,
}

#[derive(Default)]
struct Model {
    legs: BTreeMap<LegId, LegIs>,
    /// Running calls, and whether they were answered.
    calls: BTreeMap<CallId, bool>,
    ended: BTreeSet<CallId>,
    written: Vec<Seq>,
    next_leg: u64,
    last_ours: u64,
}

type Visits = BTreeMap<(&'static str, &'static str), usize>;

impl Model {
    /// Every effect is about something that exists, and in the state for it.
    fn observe(&mut self, effects: &[Effect], late: Option<LegId>) {
        for effect in effects {
            match effect {
                Effect::RingPhone { leg, .. } | Effect::CallOut { leg, .. } => {
                    assert!(leg.0 > self.last_ours && leg.0 & THEIRS == 0, "{leg:?} is not new");
                    self.last_ours = leg.0;
                    self.legs.insert(*leg, LegIs::Called);
                }
                Effect::Ringing(leg) | Effect::EarlyMedia(leg) => assert_eq!(self.legs.get(leg), Some(&LegIs::Offered), "{effect:?}"),
                Effect::Answer(leg) => assert_eq!(self.legs.insert(*leg, LegIs::Up), Some(LegIs::Offered), "{effect:?}"),
                Effect::Refuse { leg, .. } => assert_eq!(self.legs.remove(leg), Some(LegIs::Offered), "{effect:?}"),
                Effect::Cancel { leg, .. } => assert_eq!(self.legs.remove(leg), Some(LegIs::Called), "{effect:?}"),
                Effect::HangUp(leg) if late == Some(*leg) => {}
                Effect::HangUp(leg) => assert_eq!(self.legs.remove(leg), Some(LegIs::Up), "{effect:?}"),
                Effect::Join(a, b) => assert!(self.legs.contains_key(a) && self.legs.contains_key(b), "{effect:?}"),
                Effect::Listen(leg, _) | Effect::StopListening(leg) => assert_eq!(self.legs.get(leg), Some(&LegIs::Up), "{effect:?}"),
                Effect::Play(leg, _)
                | Effect::Overlay(leg, _)
                | Effect::Party { leg, .. }
                | Effect::PassKeys { leg, .. }
                | Effect::Keys(leg, _) => assert!(self.legs.contains_key(leg), "{effect:?}"),
                Effect::TransferResult { leg, .. } => assert_eq!(self.legs.get(leg), Some(&LegIs::Up), "{effect:?}"),
                Effect::Record(seq, record) => self.write(*seq, record),
                Effect::Transfer { .. } | Effect::Reply(..) | Effect::Idle => {}
            }
        }
    }

    fn write(&mut self, seq: Seq, record: &Record) {
        match record {
            Record::Opened { call, .. } => {
                assert!(self.calls.insert(*call, false).is_none() && !self.ended.contains(call), "{call:?} opened twice");
                self.written.push(seq);
            }
            Record::Answered { call, .. } => assert_eq!(self.calls.insert(*call, true), Some(false), "{call:?} answered"),
            Record::Ended { call, .. } => {
                assert!(self.calls.remove(call).is_some(), "{call:?} ended without running");
                self.ended.insert(*call);
            }
            Record::Callback(_) | Record::Draft { .. } => {}
            Record::Clip { call, .. } => assert!(self.ended.contains(call), "a clip of {call:?}, which goes on"),
            Record::Outage { from, to, .. } => assert!(from < to),
        }
    }

    fn pick(&self, n: usize) -> Option<(LegId, LegIs)> {
        self.legs.iter().nth(n % self.legs.len().max(1)).map(|(leg, is)| (*leg, *is))
    }

    fn new_leg(&mut self) -> LegId {
        self.next_leg += 1;
        let leg = theirs(self.next_leg);
        self.legs.insert(leg, LegIs::Offered);
        leg
    }

    /// Something about a leg; its name for the table.
    fn about(&mut self, leg: LegId, is: LegIs, kind: u8, n: usize) -> (&'static str, Input) {
        let why = match (kind, is) {
            (20..=27, _) => Some(("hung up", Gone::HungUp)),
            (28..=29, _) => Some(("elsewhere", Gone::Elsewhere)),
            (30..=31, LegIs::Up) => Some(("unacknowledged", Gone::NeverAcknowledged)),
            (30..=33, _) => Some(("lost", Gone::Lost)),
            _ => None,
        };
        if let Some((name, why)) = why {
            if why != Gone::NeverAcknowledged {
                self.legs.remove(&leg);
            }
            return (name, Input::Gone { leg, why });
        }
        match kind {
            0..=5 => ("progress", Input::Progress { leg, what: [Progress::Alive, Progress::Ringing, Progress::EarlyMedia][n % 3] }),
            6..=12 => {
                if is == LegIs::Called {
                    self.legs.insert(leg, LegIs::Up);
                }
                ("answered", Input::Answered { leg })
            }
            13..=19 => {
                if is == LegIs::Called {
                    self.legs.remove(&leg);
                }
                let why = [
                    Refusal::Busy,
                    Refusal::NoAnswer,
                    Refusal::Silent,
                    Refusal::Other(503),
                    Refusal::Moved("12".into()),
                    Refusal::Moved("0".into()),
                ];
                ("refused", Input::Refused { leg, why: why[n % why.len()].clone() })
            }
            34..=37 => ("hold", Input::Held { leg, on: true }),
            38..=40 => ("resume", Input::Held { leg, on: false }),
            41..=48 => ("transfers", Input::Transfers { leg, digits: DIALLED[n % DIALLED.len()].into() }),
            49..=50 => ("heard", Input::Heard { leg, speech: Duration::from_millis(n as u64), clip: Clip::new(vec![0; 9]) }),
            51..=52 => ("played", Input::Played { leg }),
            53..=54 => ("key", Input::Key { leg, key: Key::new(b"012#*"[n % 5]).unwrap() }),
            55..=57 => ("silent", Input::PhoneSilent { leg }),
            _ => ("speaks", Input::PhoneSpeaks { leg }),
        }
    }

    fn elsewhere(&mut self, kind: u8, n: usize) -> Input {
        let extension = ext(PHONES[n % PHONES.len()]);
        match kind {
            0..=9 => Input::Rings {
                leg: self.new_leg(),
                trunk: n % 2,
                caller: Caller::Withheld,
                name: ScreenText::default(),
                usable: !n.is_multiple_of(16),
            },
            10..=16 => Input::Dials { leg: self.new_leg(), extension, digits: DIALLED[(n >> 4) % DIALLED.len()].into() },
            17..=22 if !self.written.is_empty() => Input::Recorded(self.written.swap_remove(n % self.written.len())),
            17..=25 => Input::Phone { extension, registered: n & 0x30 != 0 },
            26..=27 => Input::DoNotDisturb { extension, on: n & 0x30 == 0 },
            28..=29 => Input::Trunk { trunk: n % 2, usable: n & 4 != 0 },
            30 => Input::Open(n & 3 != 0),
            31 => Input::UnknownSource { address: [192, 0, 2, u8::try_from(n % 256).unwrap_or(0)].into() },
            _ => Input::Overloaded { caller: Caller::Withheld, name: ScreenText::default() },
        }
    }
}

fn visit(house: &House, leg: LegId, name: &'static str, visits: &mut Visits) {
    if let Some(state) = house.line.doing(leg) {
        *visits.entry((state, name)).or_default() += 1;
    }
}

fn step(house: &mut House, model: &mut Model, (what, kind, n): (u8, u8, u16), visits: &mut Visits) {
    let n = usize::from(n);
    let effects = match (what % 8, model.pick(n >> 3)) {
        (0..=4, Some((leg, is))) => {
            let known: Vec<CallId> = model.calls.keys().copied().collect();
            if kind > 250 && !known.is_empty() {
                visit(house, leg, "page hangs up", visits);
                let call = known[n % known.len()];
                house.effects(Input::Page { ticket: Ticket(1), command: Command::HangUp(call) })
            } else {
                let (name, input) = model.about(leg, is, kind % 60, n);
                visit(house, leg, name, visits);
                house.effects(input)
            }
        }
        (5, _) => house.pass(Duration::from_millis(u64::from(kind) * 30)),
        _ => {
            let input = model.elsewhere(kind % 33, n);
            // A late answer, too: of a leg that was closed long ago.
            if kind == 255 {
                let late = LegId(model.last_ours);
                if !model.legs.contains_key(&late) && model.last_ours > 0 {
                    let effects = house.effects(Input::Answered { leg: late });
                    model.observe(&effects, Some(late));
                }
            }
            house.effects(input)
        }
    };
    model.observe(&effects, None);
    let (calls, legs, timers) = house.line.counts();
    assert_eq!((house.line.status().calls.len(), legs), (model.calls.len(), model.legs.len()), "calls and legs");
    assert!(timers <= 3 * calls + legs + PHONES.len() + 1, "{timers} timers");
}

/// A rare scene to go on from: a caller who was transferred, whose transferor hung up, and (`back`) whom nobody answered there.
fn transferred(house: &mut House, model: &mut Model, back: bool) {
    let leg = model.new_leg();
    let Input::Rings { trunk, caller, name, usable, .. } = ring(leg) else { return };
    let mut give = |model: &mut Model, input: Input| {
        let effects = house.effects(input);
        model.observe(&effects, None);
    };
    give(model, Input::Rings { leg, trunk, caller, name, usable });
    model.legs.insert(FIRST, LegIs::Up);
    give(model, Input::Answered { leg: FIRST });
    give(model, Input::Transfers { leg: FIRST, digits: "12".into() });
    if back {
        model.legs.remove(&FIRST);
        give(model, Input::Gone { leg: FIRST, why: Gone::HungUp });
        let target = LegId(model.last_ours);
        model.legs.remove(&target);
        give(model, Input::Refused { leg: target, why: Refusal::Busy });
    }
}

fn play(steps: &[(u8, u8, u16)], visits: &mut Visits) {
    let mut house = Plans {
        phones: PHONES,
        trunks: 2,
        channels: 2,
        per_hour: 20,
        calls: 1 + steps.len() % 2,
        attendant: steps.len() % 3 > 0,
        ..Plans::default()
    }
    .house();
    let mut model = Model::default();
    match steps.len() % 8 {
        0 => transferred(&mut house, &mut model, true),
        1 => transferred(&mut house, &mut model, false),
        _ => {}
    }
    for s in steps {
        step(&mut house, &mut model, *s, visits);
    }
    for leg in model.legs.keys() {
        visit(&house, *leg, "stop", visits);
    }
    let mut effects = house.effects(Input::Stop);
    // what was being said to the attendant is waited for
    effects.extend(house.pass(Duration::from_secs(1)));
    assert_eq!(effects.last(), Some(&Effect::Idle));
    model.observe(&effects, None);
    assert!(model.calls.is_empty() && model.legs.is_empty(), "left: {:?} {:?}", model.calls, model.legs);
    house.at_rest();
    assert_eq!(house.pass(Duration::from_secs(7200)), []);
}

#[test]
fn random_stories_end_every_call_once_and_close_every_leg() {
    let long = std::env::var_os("RAPPEL_LONG").is_some();
    let config = Config { cases: if long { 10_000 } else { 1_000 }, failure_persistence: None, ..Config::default() };
    let mut runner =
        if long { TestRunner::new(config) } else { TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)) };
    let visits = RefCell::new(Visits::new());
    let stories = vec((any::<u8>(), any::<u8>(), any::<u16>()), 1..150);
    runner
        .run(&stories, |steps| {
            play(&steps, &mut visits.borrow_mut());
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let visits = visits.into_inner();
    print!("{:>16}", "");
    STATES.iter().for_each(|state| print!("{state:>20}"));
    println!();
    for input in ABOUT_A_LEG {
        print!("{input:>16}");
        STATES.iter().for_each(|state| print!("{:>20}", visits.get(&(*state, *input)).unwrap_or(&0)));
        println!();
    }
    let zero: Vec<_> = STATES
        .iter()
        .flat_map(|s| ABOUT_A_LEG.iter().map(move |i| (*s, *i)))
        .filter(|pair| reachable(*pair) && !visits.contains_key(pair))
        .collect();
    assert!(zero.is_empty(), "never visited: {zero:?}");
}

/// Only a leg that is up can lack its ACK: a caller from the answer on, or who hears how a switch stands.
fn reachable((state, input): (&str, &str)) -> bool {
    input != "unacknowledged" || matches!(state, "speaking" | "talking" | "transferring" | "ringing back" | "attendant")
}
