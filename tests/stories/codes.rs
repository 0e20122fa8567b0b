//! Codes that a phone dials to hear itself (RULES 7.2): the audio test, and the agency's own announcements (RULES 5).

use std::time::Duration;

use rappel::domain::clip::Clip;
use rappel::domain::key::Key;
use rappel::switchboard::effect::Refuse;
use rappel::switchboard::input::{Gone, Input};

use crate::house::*;

const PHONE: LegId = CALLER;

fn key(sign: u8) -> Input {
    Input::Key { leg: PHONE, key: Key::new(sign).unwrap() }
}

fn heard(ms: u64) -> Input {
    Input::Heard { leg: PHONE, speech: Duration::from_millis(ms), clip: Clip::new(vec![7; 44]) }
}

const TELLS: &str = "play in1 Prompts([\"enregistrer-annonce\", \"pause\", \"signal\"])";
const READS: &str =
    "play in1 SaidBack { before: [\"annonce-relue\", \"pause\"], clip: Clip(44 bytes), after: [\"pause\", \"annonce-valider\"] }";
const KEEPS: &str = "keep accueil-ferme, Clip(44 bytes)";
const ASKS_AGAIN: [&str; 2] = ["overlay in1 Some(LowTone)", "play in1 Prompts([\"pause\", \"pause\", \"annonce-valider\"])"];
const LISTENS: &str = "listen to in1 60s 2s 5s";

fn kept(kept: bool) -> Input {
    Input::PromptKept { leg: PHONE, kept }
}

/// Phone 11 says an announcement.
fn recording() -> House {
    let mut house = House::new();
    house.dials(PHONE, "11", "*983", &["answer in1", TELLS]);
    house.wait(3_000, &[]);
    house.tell(Input::Played { leg: PHONE }, &[LISTENS]);
    house
}

/// It said one, and hears it.
fn read_back() -> House {
    let mut house = recording();
    house.tell(heard(2_000), &[READS]);
    house
}

#[test]
fn the_audio_test_says_back_what_it_heard_and_hangs_up_without_a_row() {
    let mut house = House::new();
    house.dials(PHONE, "11", "*97", &["answer in1", "play in1 Prompts([\"test-audio\", \"pause\", \"signal\"])"]);
    house.wait(3_000, &[]);
    house.tell(Input::Played { leg: PHONE }, &["listen to in1 5s 2s 5s"]);
    assert!(house.line.status().calls.is_empty(), "it is no call of the agency's");
    house.tell(heard(2_000), &["play in1 SaidBack { before: [], clip: Clip(44 bytes), after: [] }"]);
    house.wait(3_000, &[]);
    house.tell(Input::Played { leg: PHONE }, &["hang up in1"]);
    house.at_rest();
}

#[test]
fn who_says_nothing_is_told_so_and_no_report_at_all_ends_it_too() {
    let mut house = House::new();
    house.dials(PHONE, "11", "*97", &["answer in1", "play in1 Prompts([\"test-audio\", \"pause\", \"signal\"])"]);
    house.wait(3_000, &[]);
    house.tell(Input::Played { leg: PHONE }, &["listen to in1 5s 2s 5s"]);
    house.tell(heard(0), &["play in1 Prompts([\"rien-entendu\"])"]);
    house.wait(90_000, &["hang up in1"]);
    house.at_rest();
    let mut house = House::new();
    house.dials(PHONE, "11", "*983", &["answer in1", TELLS]);
    house.wait(90_000, &[LISTENS]);
    house.wait(62_000, &["stop listening to in1", "play in1 Prompts([\"rien-entendu\"])"]);
    house.wait(90_000, &["hang up in1"]);
    house.at_rest();
}

#[test]
fn an_announcement_is_kept_by_1_and_said_again_by_2() {
    let mut house = read_back();
    house.tell(key(b'2'), &[TELLS]);
    house.wait(3_000, &[]);
    house.tell(Input::Played { leg: PHONE }, &[LISTENS]);
    // a key ends it as silence does; the report follows
    house.tell(key(b'#'), &["stop listening to in1"]);
    house.tell(heard(1_000), &[READS]);
    house.tell(key(b'1'), &[KEEPS]);
    // not said before it is on disk
    house.wait(400, &[]);
    house.tell(kept(true), &["play in1 Prompts([\"annonce-gardee\"])"]);
    house.wait(3_000, &[]);
    house.tell(Input::Played { leg: PHONE }, &["hang up in1"]);
    house.at_rest();
}

#[test]
fn a_disk_that_does_not_take_it_is_no_announcement_kept() {
    let mut house = read_back();
    house.tell(key(b'1'), &[KEEPS]);
    house.tell(kept(false), &ASKS_AGAIN);
    house.tell(key(b'1'), &[KEEPS]);
    // no answer of the disk at all
    house.wait(5_000, &ASKS_AGAIN);
    house.tell(kept(true), &["play in1 Prompts([\"annonce-gardee\"])"]);
    house.wait(3_000, &[]);
    house.tell(Input::Played { leg: PHONE }, &["hang up in1"]);
    house.at_rest();
}

#[test]
fn who_hangs_up_after_speaking_keeps_it_as_the_prompt_says() {
    let mut house = read_back();
    house.gone(PHONE, Gone::HungUp, &[KEEPS]);
    house.tell(kept(true), &[]);
    house.at_rest();
    // while it is taken down: the report of it follows
    let mut house = recording();
    house.gone(PHONE, Gone::HungUp, &[]);
    house.tell(heard(2_000), &[KEEPS]);
    house.at_rest();
    // asked for once, kept once
    let mut house = read_back();
    house.tell(key(b'1'), &[KEEPS]);
    house.gone(PHONE, Gone::HungUp, &[]);
    house.at_rest();
}

#[test]
fn who_hangs_up_before_speaking_or_to_say_it_again_or_is_cut_off_keeps_nothing() {
    let mut house = recording();
    house.gone(PHONE, Gone::HungUp, &[]);
    house.tell(heard(50), &[]);
    house.at_rest();
    let mut house = recording();
    house.gone(PHONE, Gone::HungUp, &[]);
    house.wait(500, &[]);
    house.at_rest();
    let mut house = read_back();
    house.tell(key(b'2'), &[TELLS]);
    house.gone(PHONE, Gone::HungUp, &[]);
    house.at_rest();
    let mut house = read_back();
    house.gone(PHONE, Gone::Lost, &[]);
    house.at_rest();
}

#[test]
fn a_phone_left_off_the_hook_keeps_nothing() {
    let mut house = read_back();
    house.wait(4_000, &[]);
    house.tell(Input::Played { leg: PHONE }, &[]);
    house.wait(6_000, &["play in1 Prompts([\"annonce-valider\"])"]);
    house.wait(3_000, &[]);
    house.tell(Input::Played { leg: PHONE }, &[]);
    house.wait(6_000, &["hang up in1"]);
    house.at_rest();
}

#[test]
fn a_number_that_is_no_announcement_is_no_code() {
    let mut house = House::new();
    let said = house.effects(Input::Dials { leg: PHONE, extension: ext("11"), digits: "*989".to_owned() });
    let said: Vec<String> = said.iter().map(words).collect();
    assert!(said.contains(&"play in1 Prompts([\"numero-inexistant\"])".to_owned()), "{said:?}");
    house.wait(5_000, &[&format!("refuse in1 {:?}", Refuse::NotFound), "end 1 failed"]);
}
