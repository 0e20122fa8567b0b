//! Transfers by a phone (RULES 2.6, row 23).

use std::time::Duration;

use rappel::switchboard::input::{Command, Gone, Input, Refusal, SecondCommand, Ticket};

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
fn a_transfer_to_itself_to_nobody_to_a_barred_or_an_emergency_number_is_refused_and_the_call_goes_on() {
    for digits in ["11", "99", "abc", "0899000000", "0033639980001x", "112", "18"] {
        let mut house = House::new();
        house.talk();
        house.tell(refer(digits), &["transfer of 1 refused"]);
        house.gone(CALLER, Gone::HungUp, &["hang up 1", "end 1 answered"]);
        house.at_rest();
    }
}

fn sent_outside() -> House {
    let mut house = House::new();
    house.talk();
    house.tell(refer("00639980001"), &["transfer of 1 accepted", "play in1 Music", "call out on 3 by trunk 0"]);
    house
}

#[test]
fn a_transfer_outside_is_called_on_the_trunk_with_music_and_joined_when_it_answers() {
    let mut house = sent_outside();
    house.alive(THIRD);
    house.gone(FIRST, Gone::HungUp, &[]);
    house.answered(THIRD, &["join in1 3"]);
    house.wait(3_600_000, &[]);
    house.gone(CALLER, Gone::HungUp, &["hang up 3", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn a_transfer_outside_ends_with_the_target_too_and_tells_the_transferor_that_waited() {
    let mut house = sent_outside();
    house.answered(THIRD, &["join in1 3", "transfer of 1 ends 200", "hang up 1"]);
    house.gone(THIRD, Gone::HungUp, &["hang up in1", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn an_outside_target_that_does_not_answer_gives_the_party_back() {
    let mut house = sent_outside();
    house.alive(THIRD);
    house.wait(60_000, &["cancel 3", "transfer of 1 ends 480", "join in1 1"]);
    house.gone(FIRST, Gone::HungUp, &["hang up in1", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn row_23_an_outside_target_refuses_and_nobody_answers_at_the_transferor() {
    let mut house = sent_outside();
    house.gone(FIRST, Gone::HungUp, &[]);
    house.refused(THIRD, Refusal::Busy, &["ring 11 on 4"]);
    house.alive(LegId(4));
    house.wait(18_000, &["cancel 4", "hang up in1", "end 1 answered: cut"]);
    house.at_rest();
}

#[test]
fn the_party_leaves_while_the_outside_target_rings() {
    let mut house = sent_outside();
    house.gone(CALLER, Gone::HungUp, &["cancel 3", "hang up 1", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn a_transfer_outside_needs_a_channel_and_a_call_left_in_the_hour() {
    for plans in [Plans { channels: 1, ..Plans::default() }, Plans { per_hour: 0, ..Plans::default() }] {
        let mut house = plans.house();
        house.talk();
        house.tell(refer("0639980001"), &["transfer of 1 refused"]);
    }
    let mut house = Plans { per_hour: 1, ..Plans::default() }.house();
    house.talk();
    house.tell(refer("0639980001"), &["transfer of 1 accepted", "play in1 Music", "call out on 3 by trunk 0"]);
    house.refused(THIRD, Refusal::Busy, &["transfer of 1 ends 480", "join in1 1"]);
    house.tell(refer("0639980001"), &["transfer of 1 refused"]);
}

#[test]
fn two_outside_parties_are_not_joined_for_ever() {
    let mut house = sent_outside();
    house.gone(FIRST, Gone::HungUp, &[]);
    house.answered(THIRD, &["join in1 3"]);
    house.wait(4 * 3_600_000, &["hang up 3", "hang up in1", "end 1 answered: cut"]);
    house.at_rest();
}

// ------------------------------------------------------------------ while another caller waits on the transferor's phone
fn take(end_first: bool) -> Input {
    let (target, what) = (Box::default(), SecondCommand::Take { end_first });
    Input::Page { ticket: Ticket(7), command: Command::Second { person: "P11".into(), target, what } }
}

const NOTHING_TO_TAKE: &str = "reply 7 Err(Conflict(\"Aucun double appel n'attend cette action.\"))";

/// Caller 1 is sent outside by phone 11, on which caller 2 waits.
fn sent_outside_in_waiting(attendant: bool) -> House {
    let mut house = Plans { attendant, ..Plans::default() }.house();
    house.talk();
    house.rings(CALLER_2, &["open 2 incoming", "ring 12 on 3"]);
    house.recorded(3, &["ringing in2"]);
    house.refused(THIRD, Refusal::Busy, &["overlay 1 Some(Waiting)"]);
    if attendant {
        house.pass(Duration::from_secs(15));
        assert_eq!(house.line.status().second_call.map(|second| second.state), Some("attendant"));
    }
    house.tell(refer("0639980001"), &["transfer of 1 accepted", "play in1 Music", "call out on 4 by trunk 0"]);
    house
}

#[test]
fn a_caller_who_waited_on_the_transferors_phone_rings_there_once_the_transfer_is_answered() {
    let mut house = sent_outside_in_waiting(false);
    house.answered(LegId(4), &["join in1 4", "transfer of 1 ends 200", "hang up 1"]);
    house.tell(take(false), &[NOTHING_TO_TAKE]);
    house.wait(1_000, &["ring 11 on 5"]);
    house.alive(LegId(5));
    house.wait(17_999, &[]);
    house.answered(LegId(5), &["answer in2", "join in2 5", "write 2 answered by 11"]);
    house.gone(CALLER, Gone::HungUp, &["hang up 4", "end 1 answered"]);
}

#[test]
fn nobody_is_taken_from_a_transfer_that_is_under_way_and_its_bye_drops_nobody() {
    for end_first in [false, true] {
        let mut house = sent_outside_in_waiting(false);
        house.tell(take(end_first), &[NOTHING_TO_TAKE]);
        house.gone(FIRST, Gone::HungUp, &[]);
        house.wait(1_000, &["ring 11 on 5"]);
        house.answered(LegId(4), &["join in1 4"]);
    }
}

#[test]
fn a_caller_with_the_attendant_is_not_taken_back_into_a_call_that_was_sent_on() {
    let mut house = sent_outside_in_waiting(true);
    house.gone(FIRST, Gone::HungUp, &[]);
    assert_eq!(house.line.status().second_call, None);
    house.tell(take(false), &[NOTHING_TO_TAKE]);
    house.answered(LegId(4), &["join in1 4"]);
}

// ------------------------------------------------------------------ the BYE of a transfer that failed at once
#[test]
fn the_bye_of_a_transfer_that_was_refused_before_it_came_rings_the_transferor_again() {
    let mut house = transferred();
    house.refused(THIRD, Refusal::Busy, &["transfer of 1 ends 480", "join in1 1"]);
    house.wait(100, &[]);
    house.gone(FIRST, Gone::HungUp, &["play in1 Ringback", "ring 11 on 4"]);
    house.alive(LegId(4));
    house.answered(LegId(4), &["join in1 4"]);
    // that one is a BYE like any other
    house.gone(LegId(4), Gone::HungUp, &["hang up in1", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn row_23_refused_before_the_bye_of_the_transfer_and_not_answered_at_the_transferor() {
    let mut house = transferred();
    house.refused(THIRD, Refusal::Busy, &["transfer of 1 ends 480", "join in1 1"]);
    house.gone(FIRST, Gone::HungUp, &["play in1 Ringback", "ring 11 on 4"]);
    house.alive(LegId(4));
    house.wait(6_000, &["cancel 4", "hang up in1", "end 1 answered: cut"]);
    house.at_rest();
}

#[test]
fn the_bye_of_a_transfer_is_about_the_call_that_was_sent_on_only() {
    let mut house = Plans { calls: 2, ..Plans::default() }.house();
    house.talk();
    house.tell(refer("12"), &["transfer of 1 accepted", "play in1 Ringback", "ring 12 on 3"]);
    house.refused(THIRD, Refusal::Busy, &["transfer of 1 ends 480", "join in1 1"]);
    house.rings(CALLER_2, &["open 2 incoming", "ring 11 on 4", "ring 12 on 5"]);
    house.answered(LegId(4), &["answer in2", "join in2 4", "cancel 5 elsewhere", "write 2 answered by 11"]);
    house.gone(LegId(4), Gone::HungUp, &["hang up in2", "end 2 answered"]);
}

#[test]
fn a_caller_who_hangs_up_after_a_transfer_that_failed_is_gone() {
    let mut house = transferred();
    house.refused(THIRD, Refusal::Busy, &["transfer of 1 ends 480", "join in1 1"]);
    house.gone(CALLER, Gone::HungUp, &["hang up 1", "end 1 answered"]);
    house.at_rest();
}
