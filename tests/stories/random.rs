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
use rappel::domain::outcome::{Outcome, Reason, Why};
use rappel::domain::text::ScreenText;
use rappel::switchboard::effect::Effect;
use rappel::switchboard::input::{Command, Gone, Input, Progress, Refusal, SecondCommand, SecondTarget, Seq, Ticket, To};

use crate::house::*;

const PHONES: &[&str] = &["11", "12", "13"];
const DIALLED: &[&str] = &["11", "12", "13", "0639980001", "00639980001", "112", "0899000001", "999", "*92", "*91", "*97", "*983"];
const STATES: &[&str] = &[
    "hunting",
    "ringing a colleague",
    "fetching",
    "calling",
    "speaking",
    "talking",
    "transferring",
    "ringing back",
    "held",
    "recalled",
    "attendant",
];
const ABOUT_A_LEG: &[&str] = &[
    "progress",
    "answered",
    "refused",
    "hung up",
    "elsewhere",
    "explained",
    "unacknowledged",
    "lost",
    "hold",
    "resume",
    "transfers",
    "played",
    "heard",
    "silent",
    "speaks",
    "key",
    "page hangs up",
    "page holds",
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
    emergencies: BTreeSet<CallId>,
    written: Vec<Seq>,
    hears: BTreeMap<LegId, Hears>,
    next_leg: u64,
    last_ours: u64,
    /// Our legs so far.
    named: BTreeSet<LegId>,
    /// How calls ended.
    ends: Vec<Outcome>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hears {
    Leg(LegId),
    Sound,
    Silence,
}

/// Ends that leave a callback (RULES 3).
fn lost(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Missed(_) | Outcome::Attendant(_) | Outcome::Interrupted => true,
        Outcome::Answered(why) => matches!(why, Some(Why::Promised | Why::LeftOnHold | Why::Cut)),
        Outcome::Out(_) => false,
    }
}

type Visits = BTreeMap<(&'static str, &'static str), usize>;
/// How often calls ended with each pair of an outcome's words.
type Ends = BTreeMap<(&'static str, Option<&'static str>), usize>;

impl Model {
    /// Every effect is about something that exists, and in the state for it.
    fn observe(&mut self, effects: &[Effect], late: Option<LegId>) {
        for (n, effect) in effects.iter().enumerate() {
            self.hear(effect);
            if let Effect::Record(_, Record::Ended { call, outcome, .. }) = effect {
                let mut after = effects.iter().skip(n + 1).filter(|effect| !matches!(effect, Effect::Record(_, Record::Clip { .. })));
                let kept = matches!(after.next(), Some(Effect::Record(_, Record::Callback(c))) if c.call == Some(*call) && c.is_open());
                // an outgoing try may move the callback of its number; an emergency is never made one
                let free = matches!(outcome, Outcome::Out(_)) || self.emergencies.contains(call);
                assert!(free || kept == lost(*outcome), "{call:?} {outcome:?} and its callback: {kept}");
            }
            match effect {
                Effect::RingPhone { leg, .. } | Effect::CallOut { leg, .. } => {
                    assert!(leg.0 & THEIRS == 0 && self.named.insert(*leg), "{leg:?} is not new");
                    self.last_ours = self.last_ours.max(leg.0);
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
                Effect::KeepPrompt { .. } | Effect::Transfer { .. } | Effect::Reply(..) | Effect::Idle => {}
            }
        }
    }

    /// Who hears what: each join is of two, and ends what either heard.
    fn hear(&mut self, effect: &Effect) {
        match effect {
            Effect::Join(a, b) => {
                for (one, other) in [(a, b), (b, a)] {
                    self.leave(*one);
                    self.hears.insert(*one, Hears::Leg(*other));
                }
                self.hears.insert(*a, Hears::Leg(*b));
            }
            Effect::Play(leg, _) => {
                self.leave(*leg);
                self.hears.insert(*leg, Hears::Sound);
            }
            Effect::HangUp(leg) | Effect::Cancel { leg, .. } | Effect::Refuse { leg, .. } => {
                self.leave(*leg);
                self.hears.remove(leg);
            }
            _ => {}
        }
    }

    fn leave(&mut self, leg: LegId) {
        if let Some(Hears::Leg(other)) = self.hears.get(&leg).copied()
            && self.hears.get(&other) == Some(&Hears::Leg(leg))
        {
            self.hears.insert(other, Hears::Silence);
        }
    }

    /// Nobody who is held hears another leg or nothing; each has a double call or a recall that will end it.
    fn held_well(&self, house: &House) {
        let status = house.line.status();
        for (leg, is) in &self.legs {
            let doing = house.line.doing(*leg);
            if *is != LegIs::Up || !matches!(doing, Some("held" | "recalled")) || house.line.party_of(*leg) != Some(true) {
                continue;
            }
            assert_eq!(self.hears.get(leg), Some(&Hears::Sound), "{leg:?} is {doing:?} in silence, or hears somebody");
            let call = house.line.call_of(*leg);
            let known = |s: &&rappel::domain::status::SecondCall| Some(s.id) == call || s.call_1 == call;
            assert!(status.second_calls.iter().any(|s| known(&s) && s.state != "waiting"), "{leg:?} is {doing:?} and nobody knows");
        }
    }

    fn write(&mut self, seq: Seq, record: &Record) {
        match record {
            Record::Opened { call, party, .. } => {
                if party.display() == "112" {
                    self.emergencies.insert(*call);
                }
                assert!(self.calls.insert(*call, false).is_none() && !self.ended.contains(call), "{call:?} opened twice");
                self.written.push(seq);
            }
            Record::Answered { call, .. } => assert_eq!(self.calls.insert(*call, true), Some(false), "{call:?} answered"),
            Record::Ended { call, outcome, .. } => {
                self.ends.push(*outcome);
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
            (28, _) => Some(("elsewhere", Gone::Elsewhere)),
            (29, _) => Some(("explained", Gone::Explained)),
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
            49..=51 => ("heard", Input::Heard { leg, speech: Duration::from_millis(n as u64), clip: Clip::new(vec![0; 9]) }),
            52..=54 => ("played", Input::Played { leg }),
            60.. => ("key", Input::Key { leg, key: Key::new(b"2101236190"[n % 10]).unwrap() }),
            58 => ("kept", Input::PromptKept { leg, kept: n.is_multiple_of(2) }),
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
            32 => Input::Overloaded { caller: Caller::Withheld, name: ScreenText::default() },
            _ => {
                let to = To::Number(DIALLED[(n >> 4) % DIALLED.len()].into());
                let command = Command::Dial { person: format!("P{}", extension.0), to, extension: None, guide: String::new() };
                Input::Page { ticket: Ticket(2), command }
            }
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
            } else if kind > 244 && !known.is_empty() {
                visit(house, leg, "page holds", visits);
                let command = Command::Hold { person: "P11".into(), call: known[n % known.len()], on: kind % 2 == 0 };
                house.effects(Input::Page { ticket: Ticket(1), command })
            } else {
                let (name, input) = model.about(leg, is, kind % 80, n);
                visit(house, leg, name, visits);
                house.effects(input)
            }
        }
        (5, _) if kind > 200 => house.effects(second_command(n)),
        (5, _) => house.pass(Duration::from_millis(u64::from(kind) * 30)),
        _ => {
            let input = model.elsewhere(kind % 35, n);
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
    model.held_well(house);
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

/// A rare scene to go on from: every phone rang, and nobody answered in time.
fn unanswered(house: &mut House, model: &mut Model) {
    let leg = model.new_leg();
    let mut effects = house.effects(ring(leg));
    model.observe(&effects, None);
    for rung in model.legs.iter().filter(|(_, is)| **is == LegIs::Called).map(|(leg, _)| *leg).collect::<Vec<_>>() {
        house.alive(rung);
    }
    effects = house.pass(Duration::from_secs(18));
    model.observe(&effects, None);
}

/// What a person may do on the page to a double call, at any moment.
fn second_command(n: usize) -> Input {
    let what = [
        SecondCommand::Take { end_first: n & 0x100 == 0 },
        SecondCommand::SendAway,
        SecondCommand::Swap,
        SecondCommand::Save(Box::default()),
        SecondCommand::Resume,
        SecondCommand::Done,
        SecondCommand::Draft(Box::default()),
    ];
    // the page names the call that its form was opened for, which may be over
    let id = (n & 0x80 != 0).then(|| CallId(i64::try_from(n >> 9).unwrap() % 12 + 1));
    let target = Box::new(SecondTarget { id, extension: Some(ext(PHONES[n % PHONES.len()])) });
    let what = what[(n >> 3) % what.len()].clone();
    Input::Page { ticket: Ticket(1), command: Command::Second { person: "P11".into(), target, what } }
}

/// A rare scene to go on from: the first phone in a double call, brought there by these keys, and hung up if `recalled`.
fn doubled(house: &mut House, model: &mut Model, keys: &str, recalled: bool) {
    for extension in &PHONES[1..] {
        house.effects(Input::Phone { extension: ext(extension), registered: false });
    }
    for n in 0..2 {
        let leg = model.new_leg();
        let effects = house.effects(ring(leg));
        model.observe(&effects, None);
        if n == 0 {
            model.legs.insert(FIRST, LegIs::Up);
            let effects = house.effects(Input::Answered { leg: FIRST });
            model.observe(&effects, None);
        }
    }
    let effects = house.pass(Duration::from_secs(1));
    model.observe(&effects, None);
    for key in keys.bytes() {
        let effects = house.effects(Input::Key { leg: FIRST, key: Key::new(key).unwrap() });
        model.observe(&effects, None);
    }
    if recalled {
        model.legs.remove(&FIRST);
        let effects = house.effects(Input::Gone { leg: FIRST, why: Gone::HungUp });
        model.observe(&effects, None);
        let effects = house.pass(Duration::from_secs(1));
        model.observe(&effects, None);
    }
    model.held_well(house);
    for extension in &PHONES[1..] {
        let effects = house.effects(Input::Phone { extension: ext(extension), registered: true });
        model.observe(&effects, None);
    }
}

fn play(steps: &[(u8, u8, u16)], visits: &mut Visits, ends: &mut Ends) {
    let scene = steps.len() % 16;
    let calls = if scene > 1 && scene < 8 { 1 } else { 1 + steps.len() / 16 % 2 };
    let (second_by_phone, attendant) = (scene > 12, (steps.len() / 2).is_multiple_of(2));
    let plans = Plans { phones: PHONES, trunks: 2, channels: 3, per_hour: 20, calls, second_by_phone, attendant, ..Plans::default() };
    let mut house = plans.house();
    let mut model = Model::default();
    match scene {
        0 | 9 | 11 => transferred(&mut house, &mut model, true),
        1 => transferred(&mut house, &mut model, false),
        2 => doubled(&mut house, &mut model, "", false),
        3 => doubled(&mut house, &mut model, "2", false),
        4 => doubled(&mut house, &mut model, "22", false),
        5 | 6 => doubled(&mut house, &mut model, "2", true),
        7 => doubled(&mut house, &mut model, "22", true),
        8 => unanswered(&mut house, &mut model),
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
    for outcome in model.ends {
        *ends.entry(outcome.words()).or_default() += 1;
    }
}

#[test]
fn random_stories_end_every_call_once_and_close_every_leg() {
    let long = std::env::var_os("RAPPEL_LONG").is_some();
    let config = Config { cases: if long { 100_000 } else { 10_000 }, failure_persistence: None, ..Config::default() };
    let mut runner =
        if long { TestRunner::new(config) } else { TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)) };
    let visits = RefCell::new((Visits::new(), Ends::new()));
    let stories = vec((any::<u8>(), any::<u8>(), any::<u16>()), 1..150);
    runner
        .run(&stories, |steps| {
            let (visits, ends) = &mut *visits.borrow_mut();
            play(&steps, visits, ends);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let (visits, ends) = visits.into_inner();
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
    every_end_was_seen(&ends);
}

/// Every outcome and reason that the line can write (RULES 3); one that it cannot write was not written either.
fn every_end_was_seen(ends: &Ends) {
    let mut wrong = Vec::new();
    for outcome in Outcome::all() {
        let (word, reason) = outcome.words();
        let (seen, why_not) = (ends.get(&outcome.words()).copied().unwrap_or_default(), unreachable(outcome));
        println!("{word:>16} {:<16}{seen:>8}  {}", reason.unwrap_or_default(), why_not.unwrap_or_default());
        if (seen == 0) == why_not.is_none() {
            wrong.push((word, reason, seen));
        }
    }
    assert!(wrong.is_empty(), "never written, or against the rules: {wrong:?}");
}

/// Why the line never writes that outcome.
fn unreachable(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Interrupted => Some("nobody saw the end: found at the next start (tests/stories/ledger.rs)"),
        Outcome::Attendant(None) => Some("the attendant always has a reason"),
        Outcome::Attendant(Some(Reason::CallerGaveUp | Reason::LeftAttendant)) => Some("such a caller gave nothing: missed"),
        Outcome::Attendant(Some(Reason::Failed | Reason::Overloaded)) => Some("the attendant does not take such a call"),
        Outcome::Attendant(Some(Reason::NoAnswer | Reason::Refused | Reason::NoPhone | Reason::Busy | Reason::Closed))
        | Outcome::Answered(_)
        | Outcome::Missed(_)
        | Outcome::Out(_) => None,
    }
}

/// Only a leg that is up can lack its ACK: a caller from the answer on, or who hears how a switch stands.
fn reachable((state, input): (&str, &str)) -> bool {
    input != "unacknowledged"
        || matches!(state, "speaking" | "talking" | "transferring" | "ringing back" | "held" | "recalled" | "attendant")
}
