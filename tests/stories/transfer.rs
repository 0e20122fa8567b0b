//! Transfers by a phone (RULES 2.6, row 23).

use rappel::switchboard::input::{Gone, Input, Refusal};

use crate::house::*;

fn transferred() -> House {
    let mut house = Plans { ring_seconds: 6, ..Plans::default() }.house();
    house.talk();
    house.tell(refer("12"), &["transfer of 1 accepted", "play in1 Ringback", "ring 12 on 3"]);
    house.alive(THIRD);
    house
}

fn refer(digits: &str) -> Input {
    Input::Transfers { leg: FIRST, digits: digits.into() }
}

#[test]
fn a_transfer_answered_by_the_colleague_joins_and_releases_the_transferor() {
    let mut house = transferred();
    house.answered(THIRD, &["join in1 3", "transfer of 1 ends 200", "hang up 1"]);
    house.gone(CALLER, Gone::HungUp, &["hang up 3", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn the_bye_a_phone_sends_after_our_202_never_ends_the_caller() {
    let mut house = transferred();
    house.gone(FIRST, Gone::HungUp, &[]);
    house.answered(THIRD, &["join in1 3"]);
    house.gone(THIRD, Gone::HungUp, &["hang up in1", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn row_23_not_answered_there_nor_by_the_transferors_phone_ringing_again() {
    let mut house = transferred();
    house.gone(FIRST, Gone::HungUp, &[]);
    house.wait(6000, &["cancel 3", "ring 11 on 4"]);
    house.alive(LegId(4));
    house.wait(6000, &["cancel 4", "hang up in1", "end 1 answered: cut"]);
    house.at_rest();
}

#[test]
fn row_23_refused_there_and_by_the_transferors_phone() {
    let mut house = transferred();
    house.gone(FIRST, Gone::HungUp, &[]);
    house.refused(THIRD, Refusal::Busy, &["ring 11 on 4"]);
    house.refused(LegId(4), Refusal::Busy, &["hang up in1", "end 1 answered: cut"]);
    house.at_rest();
}

#[test]
fn unanswered_the_transferor_rings_again_and_talks_on() {
    let mut house = transferred();
    house.gone(FIRST, Gone::HungUp, &[]);
    house.refused(THIRD, Refusal::Busy, &["ring 11 on 4"]);
    house.answered(LegId(4), &["join in1 4"]);
    house.gone(CALLER, Gone::HungUp, &["hang up 4", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn unanswered_while_the_transferor_is_still_there_it_talks_on() {
    let mut house = transferred();
    house.refused(THIRD, Refusal::Busy, &["transfer of 1 ends 480", "join in1 1"]);
    house.wait(60_000, &[]);
    house.gone(FIRST, Gone::HungUp, &["hang up in1", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn a_busy_transferor_is_rung_as_soon_as_it_is_idle() {
    let mut house = transferred();
    house.gone(FIRST, Gone::HungUp, &[]);
    house.dials(theirs(9), "11", "0639980001", &["open 2 outgoing", "call out on 4 by trunk 0"]);
    house.refused(THIRD, Refusal::Busy, &[]);
    house.gone(theirs(9), Gone::HungUp, &["cancel 4", "end 2 cancelled", "ring 11 on 5"]);
    house.answered(LegId(5), &["join in1 5"]);
}

#[test]
fn the_caller_leaves_during_a_transfer() {
    let mut house = transferred();
    house.gone(CALLER, Gone::HungUp, &["cancel 3", "hang up 1", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn a_transfer_to_itself_to_nobody_or_outside_is_refused_and_the_call_goes_on() {
    for digits in ["11", "99", "0639980001", "abc"] {
        let mut house = House::new();
        house.talk();
        house.tell(refer(digits), &["transfer of 1 refused"]);
        house.gone(CALLER, Gone::HungUp, &["hang up 1", "end 1 answered"]);
        house.at_rest();
    }
}
