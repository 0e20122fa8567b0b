//! Two who talk: a phone's own hold, a phone that falls silent, the page's hang-up.

use rappel::domain::status::LiveState;
use rappel::switchboard::input::{Gone, Input, Progress};

use crate::house::*;

#[test]
fn a_phones_own_hold_plays_the_music_any_number_of_times() {
    let mut house = House::new();
    house.talk();
    for _ in 0..3 {
        house.tell(Input::Held { leg: FIRST, on: true }, &["play in1 Music"]);
        house.tell(Input::Held { leg: FIRST, on: true }, &[]);
        house.tell(Input::Held { leg: FIRST, on: false }, &["join in1 1"]);
    }
    house.tell(Input::Held { leg: FIRST, on: true }, &["play in1 Music"]);
    house.gone(CALLER, Gone::HungUp, &["hang up 1", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn row_19_a_silent_phone_the_caller_hears_a_word_then_is_cut() {
    let mut house = House::new();
    house.talk();
    house.tell(Input::PhoneSilent { leg: FIRST }, &["play in1 Prompts([\"patienter\"])"]);
    house.tell(Input::PhoneSilent { leg: FIRST }, &[]);
    house.wait(39_999, &[]);
    house.wait(1, &["hang up 1", "hang up in1", "end 1 answered: cut"]);
    house.at_rest();
}

#[test]
fn row_19_a_phone_that_speaks_again_goes_on() {
    let mut house = House::new();
    house.talk();
    house.tell(Input::PhoneSilent { leg: FIRST }, &["play in1 Prompts([\"patienter\"])"]);
    house.tell(Input::PhoneSpeaks { leg: FIRST }, &["join in1 1"]);
    house.wait(60_000, &[]);
    house.gone(FIRST, Gone::HungUp, &["hang up in1", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn row_19_a_lost_phone_ends_the_call_cut() {
    let mut house = House::new();
    house.talk();
    house.gone(FIRST, Gone::Lost, &["hang up in1", "end 1 answered: cut"]);
    house.at_rest();
}

#[test]
fn the_page_hangs_up_both_sides() {
    let mut house = House::new();
    house.talk();
    house.hang_up(1, &["hang up 1", "hang up in1", "end 1 answered", "reply 7 Ok(())"]);
    house.at_rest();
}

#[test]
fn a_phone_with_two_calls_rings_for_the_second() {
    let mut house = Plans { phones: &["11"], calls: 2, ..Plans::default() }.house();
    house.rings(CALLER, &["open 1 incoming", "ring 11 on 1"]);
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by 11"]);
    house.rings(CALLER_2, &["open 2 incoming", "ring 11 on 2"]);
    house.answered(SECOND, &["answer in2", "join in2 2", "write 2 answered by 11"]);
    house.rings(theirs(3), &["open 3 incoming", "overlay 1 Some(Waiting)"]);
    // tone and keys go with the one that is not on hold
    house.tell(Input::Held { leg: FIRST, on: true }, &["play in1 Music", "overlay 1 None", "overlay 2 Some(Waiting)"]);
    house.gone(theirs(3), Gone::HungUp, &["end 3 missed: caller_gave_up during 1 short", "overlay 2 None"]);
    house.rings(theirs(4), &["open 4 incoming", "overlay 2 Some(Waiting)"]);
}

#[test]
fn the_page_is_told_of_each_change_once() {
    let mut house = House::new();
    assert!(house.line.take_dirty() && !house.line.take_dirty());
    house.talk();
    assert!(house.line.take_dirty());
    house.tell(Input::Progress { leg: FIRST, what: Progress::Ringing }, &[]);
    assert!(!house.line.take_dirty());
    let status = house.line.status();
    assert_eq!((status.calls.len(), status.calls[0].state, status.calls[0].extension.clone()), (1, LiveState::Talking, Some(ext("11"))));
    house.tell(Input::Held { leg: FIRST, on: true }, &["play in1 Music"]);
    assert!(house.line.take_dirty());
    assert_eq!(house.line.status().calls[0].state, LiveState::Held);
}
