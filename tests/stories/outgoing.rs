//! Calls that phones make: outgoing rows of section 3, and section 7.

use rappel::domain::status::PhoneState;
use rappel::switchboard::input::{Gone, Input, Progress, Refusal};

use crate::house::*;

const PHONE: LegId = CALLER;
const CALLS_OUT: &[&str] = &["open 1 outgoing", "call out on 1 by trunk 0"];

fn dialled() -> House {
    let mut house = House::new();
    house.dials(PHONE, "11", "00639980001", CALLS_OUT);
    house
}

#[test]
fn an_outside_call_rings_is_answered_and_hung_up() {
    let mut house = dialled();
    house.tell(Input::Progress { leg: FIRST, what: Progress::Ringing }, &[]);
    house.recorded(1, &["ringing in1"]);
    house.tell(Input::Progress { leg: FIRST, what: Progress::Ringing }, &[]);
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by -"]);
    house.gone(FIRST, Gone::HungUp, &["hang up in1", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn sound_before_the_answer_is_heard_once_the_row_is_written() {
    let mut house = dialled();
    house.recorded(1, &[]);
    house.tell(Input::Progress { leg: FIRST, what: Progress::EarlyMedia }, &["early media in1", "join in1 1"]);
    house.tell(Input::Progress { leg: FIRST, what: Progress::Ringing }, &[]);
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by -"]);
}

#[test]
fn the_far_ends_refusal_reaches_the_phone_and_the_row() {
    let cases = [
        (Refusal::Busy, "refuse in1 Busy", "end 1 busy"),
        (Refusal::NoAnswer, "refuse in1 Unavailable", "end 1 no_answer"),
        (Refusal::Silent, "refuse in1 Status(408)", "end 1 no_answer"),
        (Refusal::Other(500), "refuse in1 Status(500)", "end 1 failed"),
        (Refusal::Other(407), "refuse in1 Barred", "end 1 failed"),
        (Refusal::Other(302), "refuse in1 Unavailable", "end 1 failed"),
        (Refusal::Moved("12".into()), "refuse in1 Unavailable", "end 1 failed"),
    ];
    for (why, refuse, end) in cases {
        let mut house = dialled();
        house.refused(FIRST, why, &[refuse, end]);
        house.at_rest();
    }
}

#[test]
fn the_phone_gives_up() {
    let mut house = dialled();
    house.gone(PHONE, Gone::HungUp, &["cancel 1", "end 1 cancelled"]);
    house.answered(FIRST, &["hang up 1"]);
    house.at_rest();
}

#[test]
fn nobody_answers_for_three_minutes() {
    let mut house = dialled();
    house.wait(180_000, &["cancel 1", "refuse in1 Unavailable", "end 1 no_answer"]);
    house.at_rest();
}

#[test]
fn an_extension_rings_the_colleague() {
    let mut house = House::new();
    house.dials(PHONE, "11", "12", &["open 1 internal", "ring 12 on 1"]);
    house.recorded(1, &["ringing in1"]);
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by 12"]);
    house.gone(PHONE, Gone::HungUp, &["hang up 1", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn an_internal_call_ends_as_the_colleagues_phone_says() {
    let cases = [
        (Refusal::Busy, "refuse in1 Busy", "end 1 busy"),
        (Refusal::NoAnswer, "refuse in1 Unavailable", "end 1 no_answer"),
        (Refusal::Silent, "refuse in1 Unavailable", "end 1 no_answer"),
        (Refusal::Moved("0".into()), "refuse in1 Unavailable", "end 1 failed"),
        (Refusal::Other(500), "refuse in1 Status(500)", "end 1 failed"),
    ];
    for (why, refuse, end) in cases {
        let mut house = House::new();
        house.dials(PHONE, "11", "12", &["open 1 internal", "ring 12 on 1"]);
        house.refused(FIRST, why, &[refuse, end]);
        house.at_rest();
    }
    let mut house = House::new();
    house.dials(PHONE, "11", "12", &["open 1 internal", "ring 12 on 1"]);
    house.alive(FIRST);
    house.wait(18_000, &["cancel 1", "refuse in1 Unavailable", "end 1 no_answer"]);
    house.at_rest();
}

#[test]
fn a_busy_colleague_is_486_its_own_or_an_unregistered_extension_480() {
    let mut house = Plans { phones: &["11", "12", "13"], ..Plans::default() }.house();
    house.dials(PHONE, "11", "12", &["open 1 internal", "ring 12 on 1"]);
    house.dials(theirs(2), "13", "12", &["open 2 internal", "refuse in2 Busy", "end 2 busy"]);
    house.dials(theirs(3), "13", "13", &["open 3 internal", "refuse in3 Unavailable", "end 3 no_answer"]);
    house.tell(Input::Phone { extension: ext("12"), registered: false }, &[]);
    house.gone(PHONE, Gone::HungUp, &["cancel 1", "end 1 cancelled"]);
    house.dials(PHONE, "11", "12", &["open 4 internal", "refuse in1 Unavailable", "end 4 no_answer"]);
    house.at_rest();
}

#[test]
fn a_refusal_is_spoken_in_early_media() {
    let cases = [
        ("0899000001", "numero-refuse", "refuse in1 Barred", "end 1 refused"),
        ("999", "numero-inexistant", "refuse in1 NotFound", "end 1 failed"),
        ("61", "composez-61", "refuse in1 NotFound", "end 1 failed"),
    ];
    for (digits, prompt, refuse, end) in cases {
        for played in [true, false] {
            let mut house = House::new();
            let play = format!("play in1 Prompts([\"{prompt}\"])");
            house.dials(PHONE, "11", digits, &["open 1 outgoing", "early media in1", &play]);
            if played {
                house.tell(Input::Played { leg: PHONE }, &[refuse, end]);
            } else {
                house.wait(5000, &[refuse, end]);
            }
            house.at_rest();
        }
    }
}

#[test]
fn at_most_per_hour_outside_calls_a_phone() {
    let mut house = Plans { per_hour: 1, ..Plans::default() }.house();
    house.dials(PHONE, "11", "0639980001", CALLS_OUT);
    house.gone(PHONE, Gone::HungUp, &["cancel 1", "end 1 cancelled"]);
    house.dials(PHONE, "11", "0639980001", &["open 2 outgoing", "early media in1", "play in1 Prompts([\"numero-refuse\"])"]);
    house.tell(Input::Played { leg: PHONE }, &["refuse in1 Barred", "end 2 refused"]);
    let banner = "fraud: Le poste 11 a fait 1 appels sortants en une heure : les suivants sont refusés. Vérifiez qui l'utilise, et son mot de passe.";
    assert_eq!(house.alerts(), [banner]);
    house.dials(PHONE, "12", "0639980001", &["open 3 outgoing", "call out on 2 by trunk 0"]);
    house.gone(PHONE, Gone::HungUp, &["cancel 2", "end 3 cancelled"]);
    house.wait(3_600_000, &[]);
    house.dials(PHONE, "11", "0639980001", &["open 4 outgoing", "call out on 3 by trunk 0"]);
    assert_eq!(house.alerts(), Vec::<String>::new());
}

#[test]
fn with_no_channel_free_an_outside_call_gets_503() {
    let mut house = Plans { channels: 1, ..Plans::default() }.house();
    house.talk();
    house.dials(theirs(2), "12", "0639980001", &["open 2 outgoing", "early media in2", "play in2 Prompts([\"lignes-occupees\"])"]);
    house.tell(Input::Played { leg: theirs(2) }, &["refuse in2 NoChannel", "end 2 failed"]);
}

#[test]
fn a_lost_trunk_is_passed_over() {
    let mut house = Plans { trunks: 2, ..Plans::default() }.house();
    house.tell(Input::Trunk { trunk: 0, usable: false }, &[]);
    house.dials(PHONE, "11", "0639980001", &["open 1 outgoing", "call out on 1 by trunk 1"]);
    house.tell(Input::Trunk { trunk: 1, usable: false }, &[]);
    house.dials(theirs(2), "12", "0639980001", &["open 2 outgoing", "early media in2", "play in2 Prompts([\"ligne-indisponible\"])"]);
}

#[test]
fn an_emergency_call_is_not_counted_and_takes_the_youngest_calls_channel() {
    let mut house = Plans { channels: 1, per_hour: 0, ..Plans::default() }.house();
    house.talk();
    let effects = ["open 2 outgoing", "hang up 1", "hang up in1", "end 1 answered: cut", "call out on 3 by trunk 0"];
    house.dials(theirs(2), "12", "015", &effects);
    // Never another emergency.
    house.dials(theirs(3), "11", "112", &["open 3 outgoing", "call out on 4 by trunk 0"]);
}

#[test]
fn an_emergency_call_takes_a_held_calls_channel_before_the_youngest() {
    let mut house = Plans { phones: &["11", "12", "13"], channels: 2, ..Plans::default() }.house();
    house.rings(CALLER, &["open 1 incoming", "ring 11 on 1", "ring 12 on 2", "ring 13 on 3"]);
    house.answered(FIRST, &["answer in1", "join in1 1", "cancel 2 elsewhere", "cancel 3 elsewhere", "write 1 answered by 11"]);
    house.tell(Input::Held { leg: FIRST, on: true }, &["play in1 Music"]);
    house.dials(CALLER_2, "12", "0639980001", &["open 2 outgoing", "call out on 4 by trunk 0"]);
    let effects = ["open 3 outgoing", "hang up 1", "hang up in1", "end 1 answered: cut", "call out on 5 by trunk 0"];
    house.dials(theirs(3), "13", "112", &effects);
}

#[test]
fn an_emergency_call_tries_each_trunk_in_turn_then_says_what_to_do() {
    let mut house = Plans { trunks: 3, ..Plans::default() }.house();
    house.tell(Input::Trunk { trunk: 0, usable: false }, &[]);
    house.dials(PHONE, "11", "112", CALLS_OUT);
    house.refused(FIRST, Refusal::Busy, &["call out on 2 by trunk 1"]);
    house.wait(4000, &["cancel 2", "call out on 3 by trunk 2"]);
    house.recorded(1, &[]);
    house.tell(Input::Progress { leg: THIRD, what: Progress::Ringing }, &["ringing in1"]);
    house.refused(THIRD, Refusal::Other(503), &["early media in1", "play in1 Prompts([\"urgence-impossible\"])"]);
    house.wait(5000, &["refuse in1 Status(503)", "end 1 failed"]);
}

#[test]
fn for_60_minutes_after_an_emergency_call_every_phone_rings() {
    let mut house = House::new();
    house.tell(Input::Open(false), &[]);
    house.tell(Input::DoNotDisturb { extension: ext("12"), on: true }, &[]);
    house.dials(PHONE, "11", "112", CALLS_OUT);
    assert_eq!(house.alerts().len(), 1);
    house.gone(PHONE, Gone::HungUp, &["cancel 1", "end 1 cancelled"]);
    house.rings(CALLER_2, &["open 2 incoming", "ring 11 on 2", "ring 12 on 3"]);
    house.gone(CALLER_2, Gone::HungUp, &["cancel 2", "cancel 3", "end 2 missed: caller_gave_up short"]);
    house.wait(3_600_000, &[]);
    assert_eq!(house.alerts(), Vec::<String>::new());
    house.rings(CALLER_2, &["open 3 incoming", "refuse in2 Unavailable", "end 3 missed: closed"]);
    house.at_rest();
}

#[test]
fn star_92_turns_do_not_disturb_on_and_off_and_says_so() {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    house.dials(PHONE, "11", "*92", &["answer in1", "play in1 Prompts([\"ne-pas-deranger\"])"]);
    house.wait(5000, &["hang up in1"]);
    assert_eq!(house.line.status().phones[0].state, PhoneState::Dnd);
    house.rings(CALLER_2, &["open 2 incoming", "refuse in2 Busy", "end 2 missed: refused"]);
    house.dials(PHONE, "11", "*92", &["answer in1", "play in1 Prompts([\"ne-pas-deranger-fin\"])"]);
    house.tell(Input::Played { leg: PHONE }, &["hang up in1"]);
    assert_eq!(house.line.status().phones[0].state, PhoneState::Idle);
    house.at_rest();
}

#[test]
fn star_91_opens_or_closes_the_agency_until_the_hours_change() {
    let mut house = House::new();
    house.dials(PHONE, "11", "*91", &["answer in1", "play in1 Prompts([\"agence-fermee\"])"]);
    house.gone(PHONE, Gone::HungUp, &[]);
    house.rings(CALLER_2, &["open 2 incoming", "refuse in2 Unavailable", "end 2 missed: closed"]);
    house.tell(Input::Open(true), &[]);
    assert!(house.line.status().open);
    house.at_rest();
}
