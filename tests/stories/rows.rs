//! The truth table's last column (RULES 3): for each row what becomes of the callback, beside the effects that the other stories tell.

use chrono::DateTime;
use rappel::domain::call::{CallId, Record};
use rappel::domain::callback::{Callback, CallbackState, Mark, Source};
use rappel::domain::identity::Caller;
use rappel::domain::key::Key;
use rappel::domain::number::E164;
use rappel::domain::outcome::Outcome;
use rappel::domain::text::ScreenText;
use rappel::switchboard::effect::Effect;
use rappel::switchboard::input::{Gone, Input, Refusal};

use crate::house::*;

fn client(n: u8) -> Caller {
    Caller::Known(E164::parse_national_or_international(&format!("063998000{n}")).unwrap())
}

fn calls(leg: LegId, n: u8) -> Input {
    Input::Rings { leg, trunk: 0, caller: client(n), name: ScreenText::default(), usable: true }
}

const fn leaves(leg: LegId) -> Input {
    Input::Gone { leg, why: Gone::HungUp }
}

fn key(sign: u8) -> Input {
    Input::Key { leg: FIRST, key: Key::new(sign).unwrap() }
}

/// All effects, callbacks among them.
#[track_caller]
fn told(house: &mut House, input: Input, effects: &[&str]) {
    let told = format!("{input:?}");
    let said: Vec<String> = house.effects(input).iter().map(words).collect();
    assert_eq!(said, effects, "after {told}");
}

/// The callbacks that are written, whole.
fn written(effects: &[Effect]) -> Vec<Callback> {
    let of = |effect: &Effect| match effect {
        Effect::Record(_, Record::Callback(callback)) => Some(callback.as_ref().clone()),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

/// Phone 11, the only one, talks with client 1; client 2 waits on it, heard of for more than a second.
fn waiting(attendant: bool) -> House {
    let mut house = Plans { phones: &["11"], attendant, ..Plans::default() }.house();
    told(&mut house, calls(CALLER, 1), &["open 1 incoming", "ring 11 on 1"]);
    told(&mut house, Input::Answered { leg: FIRST }, &["answer in1", "join in1 1", "write 1 answered by 11"]);
    told(&mut house, calls(CALLER_2, 2), &["open 2 incoming", "overlay 1 Some(Waiting)"]);
    house.wait(1_000, &[]);
    house
}

fn taken() -> House {
    let mut house = waiting(false);
    house.effects(key(b'2'));
    house
}

const BACK_TO_1: [&str; 4] = ["play in2 HoldMusic", "join in1 1", "show 06 39 98 00 01 on 1", "hang up in2"];

#[test]
fn the_caller_hears_ringing_only_once_its_row_is_on_disk() {
    let mut house = House::new();
    told(&mut house, calls(CALLER, 1), &["open 1 incoming", "ring 11 on 1", "ring 12 on 2"]);
    house.alive(FIRST);
    house.wait(150, &[]);
    house.recorded(2, &[]);
    house.recorded(1, &["ringing in1"]);
    house.recorded(1, &[]);
}

#[test]
fn row_01_an_answered_call_closes_the_open_callback_of_its_number() {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    told(&mut house, calls(CALLER, 1), &["open 1 incoming", "ring 11 on 1"]);
    told(&mut house, leaves(CALLER), &["cancel 1", "end 1 missed: caller_gave_up short", "callback 1 Open x1 due 1800"]);
    told(&mut house, calls(CALLER_2, 2), &["open 2 incoming", "ring 11 on 2"]);
    told(&mut house, leaves(CALLER_2), &["cancel 2", "end 2 missed: caller_gave_up short", "callback 2 Open x1 due 1800"]);
    told(&mut house, calls(theirs(3), 1), &["open 3 incoming", "ring 11 on 3"]);
    told(&mut house, Input::Answered { leg: THIRD }, &["answer in3", "join in3 3", "write 3 answered by 11"]);
    let closed = "callback 1 Done x1 due 1800, a rappelé, répondu par P11 01:00";
    told(&mut house, leaves(theirs(3)), &["hang up 3", "end 3 answered", closed]);
    house.at_rest();
}

#[test]
fn row_03_with_the_attendant_on_who_gives_up_while_it_rings_is_missed_all_the_same() {
    let mut house = Plans { phones: &["11"], attendant: true, ..Plans::default() }.house();
    told(&mut house, calls(CALLER, 1), &["open 1 incoming", "ring 11 on 1"]);
    house.alive(FIRST);
    house.wait(17_999, &[]);
    told(&mut house, leaves(CALLER), &["cancel 1", "end 1 missed: caller_gave_up", "callback 1 Open x1 due 1800"]);
    house.at_rest();
}

#[test]
fn row_05_a_phone_that_wishes_not_to_be_disturbed_does_not_ring() {
    let mut house = House::new();
    house.tell(Input::DoNotDisturb { extension: ext("11"), on: true }, &[]);
    told(&mut house, calls(CALLER, 1), &["open 1 incoming", "ring 12 on 1"]);
    house.refused(FIRST, Refusal::Busy, &["refuse in1 Busy", "end 1 missed: refused"]);
    house.tell(Input::DoNotDisturb { extension: ext("12"), on: true }, &[]);
    house.tell(calls(CALLER, 1), &["open 2 incoming", "refuse in1 Busy", "end 2 missed: refused"]);
    house.at_rest();
}

#[test]
fn row_13_second_call_saved_is_promised_by_that_person() {
    let mut house = taken();
    let effects = house.effects(key(b'1'));
    let said: Vec<String> = effects.iter().map(words).collect();
    assert_eq!(said, [&BACK_TO_1[..], &["end 2 answered: promised", "callback 1 Open x0 due 1800"]].concat());
    let kept = &written(&effects)[0];
    assert_eq!((&kept.party, kept.owner.as_str(), kept.source, kept.call), (&client(2), "P11", Source::DoubleCall, Some(CallId(2))));
    told(&mut house, leaves(CALLER), &["hang up 1", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn row_13b_second_call_settled_closes_the_open_callback() {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    house.tell(Input::Phone { extension: ext("11"), registered: false }, &[]);
    let missed = ["open 1 incoming", "refuse in9 Unavailable", "end 1 missed: no_phone", "callback 1 Open x1 due 1800"];
    told(&mut house, calls(theirs(9), 2), &missed);
    house.tell(Input::Phone { extension: ext("11"), registered: true }, &[]);
    house.effects(calls(CALLER, 1));
    house.effects(Input::Answered { leg: FIRST });
    house.effects(calls(CALLER_2, 2));
    house.wait(1_000, &[]);
    house.effects(key(b'2'));
    let closed = "callback 1 Done x1 due 1800, a rappelé, répondu par P11 01:00";
    told(&mut house, key(b'0'), &[&BACK_TO_1[..], &["end 3 answered", closed]].concat());
    told(&mut house, leaves(CALLER), &["hang up 1", "end 2 answered"]);
    house.at_rest();
}

#[test]
fn row_14_with_the_attendant_on_who_gives_up_in_the_waiting_tone_is_missed_with_the_call_in_the_way() {
    let mut house = waiting(true);
    let end = ["end 2 missed: caller_gave_up during 1 short", "callback 1 Open x1 due 1800", "overlay 1 None"];
    told(&mut house, leaves(CALLER_2), &end);
}

#[test]
fn row_17_who_leaves_while_held_for_call_2_is_called_back_first() {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    house.tell(Input::Phone { extension: ext("11"), registered: false }, &[]);
    let overdue = written(&house.effects(calls(theirs(9), 9))).remove(0);
    house.tell(Input::Phone { extension: ext("11"), registered: true }, &[]);
    house.wait(3_600_000, &[]);
    house.effects(calls(CALLER, 1));
    house.effects(Input::Answered { leg: FIRST });
    house.effects(calls(CALLER_2, 2));
    house.wait(1_000, &[]);
    house.effects(key(b'2'));
    let effects = house.effects(leaves(CALLER));
    let said: Vec<String> = effects.iter().map(words).collect();
    assert_eq!(said, ["end 2 answered: left_on_hold", "callback 2 Open x0 due 5400, left on hold"]);
    let (first, now) = (written(&effects).remove(0), house.now.wall);
    assert!(overdue.is_overdue(now) && first.rank(now) < overdue.rank(now), "it does not come first");
    told(&mut house, leaves(CALLER_2), &["hang up 1", "end 3 answered"]);
    house.at_rest();
}

#[test]
fn row_18_the_agent_hangs_up_and_the_recall_is_unanswered_each_caller_has_one_callback() {
    let mut house = taken();
    told(&mut house, leaves(FIRST), &["hang up in2", "end 2 answered: promised", "callback 1 Open x0 due 1800"]);
    house.wait(1_000, &["ring 11 on 2"]);
    told(&mut house, Input::Refused { leg: SECOND, why: Refusal::Busy }, &["play in1 Prompts([\"rappel-sans-tarder\"])"]);
    let held = "callback 2 Open x0 due 1800, left on hold";
    told(&mut house, Input::Played { leg: CALLER }, &["hang up in1", "end 1 answered: left_on_hold", held]);
    house.at_rest();
}

#[test]
fn row_19_the_phone_falls_silent_in_second_and_no_caller_is_lost_with_it() {
    let mut house = taken();
    told(&mut house, Input::PhoneSilent { leg: FIRST }, &["play in2 Prompts([\"patienter\"])"]);
    house.wait(39_999, &[]);
    house.wait(1, &["hang up 1", "hang up in2", "end 2 answered: cut"]);
    house.wait(1_000, &["ring 11 on 2"]);
    house.wait(4_000, &["cancel 2", "play in1 Prompts([\"rappel-sans-tarder\"])"]);
    let held = "callback 2 Open x0 due 1800, left on hold";
    told(&mut house, Input::Played { leg: CALLER }, &["hang up in1", "end 1 answered: left_on_hold", held]);
    house.at_rest();
}

#[test]
fn row_22_our_process_died_in_the_call() {
    let mut house = House::new();
    let at = DateTime::UNIX_EPOCH;
    let stranded = |call, outcome| Input::Stranded {
        call: CallId(call),
        at,
        caller: client(1),
        name: ScreenText::default(),
        outcome,
        form: Box::default(),
    };
    told(&mut house, stranded(1, Outcome::Interrupted), &["callback 1 Open x1 due 1800"]);
    told(&mut house, stranded(2, Outcome::Interrupted), &["callback 1 Open x2 due 1800"]);
    told(&mut house, stranded(3, Outcome::Answered(None)), &[]);
}

#[test]
fn row_25_the_same_call_once_more_is_one_row() {
    let mut house = House::new();
    told(&mut house, calls(CALLER, 1), &["open 1 incoming", "ring 11 on 1", "ring 12 on 2"]);
    told(&mut house, calls(CALLER, 1), &[]);
    let end = ["cancel 1", "cancel 2", "end 1 missed: caller_gave_up short", "callback 1 Open x1 due 1800"];
    told(&mut house, leaves(CALLER), &end);
    house.at_rest();
}

#[test]
fn row_28_taken_elsewhere_closes_the_open_callback() {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    house.effects(calls(CALLER, 1));
    told(&mut house, leaves(CALLER), &["cancel 1", "end 1 missed: caller_gave_up short", "callback 1 Open x1 due 1800"]);
    told(&mut house, calls(CALLER_2, 1), &["open 2 incoming", "ring 11 on 2"]);
    let closed = "callback 1 Done x1 due 1800, a rappelé, pris ailleurs 01:00";
    told(&mut house, Input::Gone { leg: CALLER_2, why: Gone::Elsewhere }, &["cancel 2", "end 2 answered: elsewhere", closed]);
    house.at_rest();
}

#[test]
fn row_28_on_a_shared_trunk_a_cancel_without_reason_is_missed_and_marked() {
    for (shared, why) in [(true, Gone::HungUp), (false, Gone::HungUp), (true, Gone::Explained)] {
        let mut house = Plans { phones: &["11"], shared, ..Plans::default() }.house();
        house.effects(calls(CALLER, 1));
        let effects = house.effects(Input::Gone { leg: CALLER, why });
        assert_eq!(words(&effects[1]), "end 1 missed: caller_gave_up short");
        let kept = &written(&effects)[0];
        let marks: &[Mark] = if shared && why == Gone::HungUp { &[Mark::MaybeElsewhere] } else { &[] };
        assert_eq!((kept.state, kept.marks.as_slice()), (CallbackState::Open, marks));
        house.at_rest();
    }
}
