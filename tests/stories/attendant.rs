//! The attendant: section 5 of the rules, and the rows of section 3 with it on.

use std::time::Duration;

use rappel::domain::call::Record;
use rappel::domain::callback::{Callback, Fields, Source};
use rappel::domain::clip::Clip;
use rappel::domain::identity::Caller;
use rappel::domain::key::Key;
use rappel::domain::number::E164;
use rappel::domain::status::LiveState;
use rappel::domain::text::ScreenText;
use rappel::switchboard::effect::Effect;
use rappel::switchboard::input::{Command, Gone, Input, Refusal, SecondCommand, SecondTarget, Seq, Ticket};

use crate::house::*;

/// What is said of 06 39 98 00 01, and of what was typed, 06 39 98 00 03.
const ASKED: &str = "votre-numero 06x 39 98 00x 01x numero-confirmer";
const READ_BACK: &str = "numero-relu 06x 39 98 00x 03x numero-valider";
const NAME: &str = "dire-nom confidentialite signal";
const NAME_AND_NUMBER: &str = "dire-nom-numero confidentialite signal";
const LISTENS: &str = "listen to in1 10s 2s 4s";

fn known(number: &str) -> Caller {
    Caller::Known(E164::parse_national_or_international(number).unwrap())
}

fn call(leg: LegId, caller: Caller) -> Input {
    Input::Rings { leg, trunk: 0, caller, name: ScreenText::clean("Durand"), usable: true }
}

/// Prompts with pauses between them, as the effect is told; "06x" and "39" are numbers.
fn says(words: &str) -> String {
    let name = |word: &str| if word.starts_with(|c: char| c.is_ascii_digit()) { format!("nombre-{word}") } else { word.to_owned() };
    let words: Vec<String> = words.split(' ').map(name).collect();
    let mut said = Vec::new();
    for word in &words {
        said.extend([word.as_str(), "pause"]);
    }
    said.pop();
    format!("play in1 Prompts({said:?})")
}

fn house() -> House {
    Plans { registered: false, attendant: true, ..Plans::default() }.house()
}

/// The attendant has greeted a caller whom no phone can take, and asked.
fn greeted(caller: Caller, asked: &str) -> House {
    let mut house = house();
    house.tell(call(CALLER, caller), &["open 1 incoming"]);
    house.recorded(1, &["answer in1", &says(&format!("accueil-absent {asked}"))]);
    house
}

fn asked_known() -> House {
    greeted(known("0639980001"), ASKED)
}

fn asked_withheld() -> House {
    greeted(Caller::Withheld, "numero-masque numero-saisir")
}

impl House {
    #[track_caller]
    fn press(&mut self, sign: u8, effects: &[&str]) {
        self.tell(Input::Key { leg: CALLER, key: Key::new(sign).unwrap() }, effects);
    }

    /// The digits of a number; only the last of them may have effects, the first one hushes what is being said.
    #[track_caller]
    fn types(&mut self, digits: &str, hushes: bool, last: &[&str]) {
        let (most, end) = digits.as_bytes().split_at(digits.len() - 1);
        for (n, sign) in most.iter().enumerate() {
            self.press(*sign, if n == 0 && hushes { &["play in1 Silence"] } else { &[] });
        }
        self.press(end[0], last);
    }

    /// What is being said goes on for two seconds, and ends.
    #[track_caller]
    fn played(&mut self, effects: &[&str]) {
        self.wait(2_000, &[]);
        self.tell(Input::Played { leg: CALLER }, effects);
    }

    #[track_caller]
    fn heard(&mut self, speech_ms: u64, effects: &[&str]) {
        let speech = Duration::from_millis(speech_ms);
        self.tell(Input::Heard { leg: CALLER, speech, clip: Clip::new(vec![7; 100]) }, effects);
    }

    /// The one callback that this input opens, and all its effects in words.
    fn callback(&mut self, input: Input) -> (Callback, Vec<String>) {
        let effects = self.effects(input);
        let said = effects.iter().map(words).filter(|word| !word.starts_with("callback ")).collect();
        let of = |effect: &Effect| match effect {
            Effect::Record(_, Record::Callback(callback)) => Some(callback.as_ref().clone()),
            _ => None,
        };
        (effects.iter().find_map(of).unwrap(), said)
    }

    /// The caller leaves; the callback of it, and the outcome's words.
    fn leaves(&mut self) -> (Callback, Vec<String>) {
        self.callback(Input::Gone { leg: CALLER, why: Gone::HungUp })
    }

    /// After the key that confirms: the name is said, then thanks.
    #[track_caller]
    fn name_said(&mut self) {
        self.played(&[LISTENS]);
        self.wait(5_000, &[]);
        self.heard(1_500, &[&says("merci-au-revoir")]);
    }
}

fn marks(callback: &Callback) -> String {
    serde_json::to_string(&callback.marks).unwrap()
}

// ---------------------------------------------------------------------- which calls it takes
#[test]
fn row_04_nobody_answers_in_time_and_the_attendant_takes_number_and_name() {
    let mut house = Plans { attendant: true, ..Plans::default() }.house();
    house.tell(call(CALLER, known("0639980001")), &["open 1 incoming", "ring 11 on 1", "ring 12 on 2"]);
    house.recorded(1, &["ringing in1"]);
    house.alive(FIRST);
    house.alive(SECOND);
    house.wait(18_000, &["cancel 1", "cancel 2", "answer in1", &says(&format!("accueil-absent {ASKED}"))]);
    assert_eq!(house.line.status().calls[0].state, LiveState::Attendant);
    house.played(&[]);
    house.press(b'1', &[&says(NAME)]);
    house.name_said();
    house.wait(2_000, &[]);
    let (callback, said) = house.callback(Input::Played { leg: CALLER });
    assert_eq!(said, ["hang up in1", "end 1 attendant: no_answer", "clip of 1, Clip(100 bytes)"]);
    assert_eq!((callback.party.display(), callback.source), ("06 39 98 00 01".to_owned(), Source::Attendant));
    assert_eq!((callback.clips.len(), marks(&callback).as_str()), (1, "[]"));
    house.at_rest();
}

#[test]
fn row_05_refused_by_every_phone_goes_to_the_attendant() {
    let mut house = Plans { attendant: true, phones: &["11"], ..Plans::default() }.house();
    house.tell(call(CALLER, known("0639980001")), &["open 1 incoming", "ring 11 on 1"]);
    house.recorded(1, &["ringing in1"]);
    house.refused(FIRST, Refusal::Busy, &["answer in1", &says(&format!("accueil-absent {ASKED}"))]);
    house.press(b'1', &[&says(NAME)]);
    assert_eq!(house.leaves().1, ["end 1 attendant: refused"]);
    house.at_rest();
}

#[test]
fn row_06_no_phone_registered_goes_to_the_attendant() {
    let mut house = asked_known();
    house.press(b'1', &[&says(NAME)]);
    assert_eq!(house.leaves().1, ["end 1 attendant: no_phone"]);
    house.at_rest();
}

#[test]
fn row_10_outside_opening_hours_the_attendant_answers_once_the_call_is_on_disk() {
    let mut house = Plans { attendant: true, ..Plans::default() }.house();
    house.tell(Input::Open(false), &[]);
    house.tell(call(CALLER, known("0639980001")), &["open 1 incoming"]);
    house.wait(150, &[]);
    house.recorded(1, &["answer in1", &says(&format!("accueil-ferme {ASKED}"))]);
    house.press(b'1', &[&says(NAME)]);
    assert_eq!(house.leaves().1, ["end 1 attendant: closed"]);
    house.at_rest();
}

#[test]
fn row_10_the_caller_who_gives_up_before_the_attendant_answers_is_missed() {
    let mut house = Plans { attendant: true, ..Plans::default() }.house();
    house.tell(Input::Open(false), &[]);
    house.tell(call(CALLER, known("0639980001")), &["open 1 incoming"]);
    house.gone(CALLER, Gone::HungUp, &["end 1 missed: caller_gave_up short"]);
    house.recorded(1, &[]);
    house.at_rest();
}

#[test]
fn row_29_a_third_call_goes_to_the_attendant_and_names_the_call_in_the_way() {
    let mut house = waiting();
    house.tell(call(theirs(3), known("0639980003")), &["open 3 incoming"]);
    let effects = house.effects(Input::Recorded(Seq(4)));
    assert_eq!(words(&effects[0]), "answer in3");
    house.tell(Input::Key { leg: theirs(3), key: Key::new(b'1').unwrap() }, &[&says(NAME).replace("in1", "in3")]);
    let (_, said) = house.callback(Input::Gone { leg: theirs(3), why: Gone::HungUp });
    assert_eq!(said, ["end 3 attendant: busy during 1"]);
}

#[test]
fn an_offer_that_cannot_be_used_and_a_full_trunk_are_no_matter_for_the_attendant() {
    let mut house = Plans { attendant: true, channels: 0, ..Plans::default() }.house();
    house.rings(CALLER, &["open 1 incoming", "refuse in1 Busy", "end 1 missed: overloaded"]);
    let Input::Rings { leg, trunk, caller, name, .. } = ring(CALLER) else { unreachable!() };
    let unusable = Input::Rings { leg, trunk, caller, name, usable: false };
    house.tell(unusable, &["open 2 incoming", "refuse in1 NotAcceptable", "end 2 missed: failed"]);
    house.at_rest();
}

#[test]
fn in_the_hour_after_an_emergency_call_there_is_no_attendant() {
    let mut house = Plans { attendant: true, phones: &["11"], ..Plans::default() }.house();
    house.effects(Input::Dials { leg: theirs(9), extension: ext("11"), digits: "112".into() });
    house.effects(Input::Gone { leg: theirs(9), why: Gone::HungUp });
    house.rings(CALLER, &["open 2 incoming", "ring 11 on 2"]);
    house.alive(SECOND);
    house.wait(18_000, &["cancel 2", "refuse in1 Unavailable", "end 2 missed: no_answer"]);
}

// ---------------------------------------------------------------------- what is given
#[test]
fn row_11_the_caller_leaves_during_the_greeting() {
    let mut house = asked_known();
    house.gone(CALLER, Gone::HungUp, &["end 1 missed: left_attendant"]);
    house.at_rest();
}

#[test]
fn row_11_a_call_that_hears_the_attendant_out_and_gives_nothing() {
    let mut house = asked_known();
    house.played(&[]);
    house.wait(6_000, &[&says(ASKED)]);
    house.played(&[]);
    house.wait(6_000, &[&says(NAME)]);
    house.played(&[LISTENS]);
    house.heard(300, &[&says("merci-au-revoir")]);
    house.played(&["hang up in1", "end 1 missed: left_attendant"]);
    house.at_rest();
}

#[test]
fn row_12_number_confirmed_and_the_caller_leaves_before_the_name() {
    let mut house = asked_known();
    house.press(b'1', &[&says(NAME)]);
    let (callback, said) = house.leaves();
    assert_eq!(said, ["end 1 attendant: no_phone"]);
    assert_eq!((callback.party.clone(), marks(&callback).as_str(), callback.clips.len()), (known("0639980001"), "[]", 0));
    assert_eq!(callback.name.as_str(), "Durand");
    house.at_rest();
}

#[test]
fn another_number_is_typed_read_back_and_confirmed() {
    let mut house = asked_known();
    house.played(&[]);
    house.press(b'2', &[&says("numero-saisir")]);
    house.types("0639980003", true, &["draft of 1", &says(READ_BACK)]);
    house.press(b'1', &["draft of 1", &says(NAME)]);
    let (callback, _) = house.leaves();
    assert_eq!((callback.party.clone(), marks(&callback).as_str()), (known("0639980003"), "[]"));
    assert_eq!((callback.name.as_str(), callback.note.as_str()), ("", ""), "the name was that of the number the call came from");
}

#[test]
fn row_12b_digits_typed_and_not_confirmed_are_kept_as_such() {
    let mut house = asked_withheld();
    house.types("0639980003", true, &["draft of 1", &says(READ_BACK)]);
    let (callback, said) = house.leaves();
    assert_eq!(said, ["end 1 attendant: no_phone"]);
    assert_eq!((callback.party.clone(), marks(&callback).as_str()), (known("0639980003"), "[\"non confirmé\"]"));
    house.at_rest();
}

#[test]
fn row_12b_the_number_the_call_came_from_is_kept_beside_one_not_confirmed() {
    let mut house = asked_known();
    house.press(b'2', &[&says("numero-saisir")]);
    house.types("0639980003", true, &["draft of 1", &says(READ_BACK)]);
    let (callback, _) = house.leaves();
    assert_eq!((callback.party, callback.note.as_str()), (known("0639980003"), "Appelait du 06 39 98 00 01."));
}

#[test]
fn row_12b_digits_that_are_no_number_yet_are_kept_too() {
    let mut house = asked_known();
    house.press(b'2', &[&says("numero-saisir")]);
    house.types("06399", true, &[]);
    let (callback, _) = house.leaves();
    assert_eq!((callback.party.clone(), marks(&callback).as_str()), (known("0639980001"), "[\"non confirmé\"]"));
    assert_eq!(callback.note, "Chiffres tapés : 06399.");
    let mut house = asked_withheld();
    house.types("06399", true, &[]);
    let (callback, _) = house.leaves();
    assert_eq!((callback.party.clone(), marks(&callback).as_str()), (Caller::Withheld, "[\"non confirmé\"]"));
    assert_eq!(callback.note, "Chiffres tapés : 06399.");
}

#[test]
fn row_12b_two_withheld_callers_who_type_the_same_few_digits_have_an_entry_each() {
    let mut house = house();
    let mut ids = Vec::new();
    for n in 1..=2 {
        house.tell(call(CALLER, Caller::Withheld), &[&format!("open {n} incoming")]);
        house.effects(Input::Recorded(Seq(if n == 1 { 1 } else { 4 })));
        house.types("06", true, &[]);
        ids.push(house.leaves().0.id.0);
    }
    assert_eq!(ids, [1, 2]);
}

#[test]
fn row_12b_digits_after_a_number_that_was_refused_are_kept_beside_it_and_it_is_not_the_one() {
    let mut house = asked_withheld();
    house.types("0639980003", true, &["draft of 1", &says(READ_BACK)]);
    house.press(b'2', &[&says("numero-saisir")]);
    house.press(b'0', &["draft of 1", "play in1 Silence"]);
    house.types("63998", false, &[]);
    house.press(b'*', &[&says("numero-saisir")]);
    house.types("0537", true, &[]);
    let (callback, _) = house.leaves();
    assert_eq!((callback.party.clone(), marks(&callback).as_str()), (Caller::Withheld, "[\"non confirmé\"]"));
    assert_eq!(callback.note, "Chiffres tapés : 0639980003, 063998, 0537.");
    house.at_rest();
}

#[test]
fn a_number_typed_where_1_or_2_was_asked_for_is_taken_from_its_first_digit_on() {
    let mut house = asked_known();
    house.types("0639980003", true, &["draft of 1", &says(READ_BACK)]);
    // not that one either
    house.press(b'0', &["draft of 1", "play in1 Silence"]);
    house.types("536490001", false, &["draft of 1", &says("numero-relu 05x 36 49 00x 01x numero-valider")]);
    house.press(b'1', &["draft of 1", &says(NAME)]);
    let (callback, _) = house.leaves();
    assert_eq!((callback.party.clone(), marks(&callback).as_str()), (known("0536490001"), "[]"));
    assert_eq!(callback.note, "");
}

#[test]
fn row_12b_three_tries_failed_and_only_the_words_are_sure() {
    let mut house = asked_withheld();
    house.types("0639980003", true, &["draft of 1", &says(READ_BACK)]);
    house.press(b'2', &[&says("numero-saisir")]);
    house.press(b'1', &["draft of 1", "play in1 Silence"]);
    house.types("639980003", false, &[&says("numero-incomplet numero-saisir")]);
    house.types("0639980003", true, &["draft of 1", &says(READ_BACK)]);
    house.press(b'2', &[&says(NAME_AND_NUMBER)]);
    house.name_said();
    house.wait(1_000, &[]);
    let (callback, said) = house.callback(Input::Played { leg: CALLER });
    assert_eq!(said, ["hang up in1", "end 1 attendant: no_phone", "clip of 1, Clip(100 bytes)"]);
    assert_eq!((callback.party.clone(), marks(&callback).as_str()), (known("0639980003"), "[\"non confirmé\"]"));
    assert_eq!(callback.note, "Chiffres tapés : 1639980003.");
    house.at_rest();
}

#[test]
fn row_12b_only_words_said_keep_the_number_as_it_came_with_the_clip() {
    let mut house = asked_known();
    house.played(&[]);
    house.wait(6_000, &[&says(ASKED)]);
    house.played(&[]);
    house.wait(6_000, &[&says(NAME)]);
    house.played(&[LISTENS]);
    house.heard(301, &[&says("merci-au-revoir")]);
    let (callback, said) = house.leaves();
    assert_eq!(said, ["end 1 attendant: no_phone", "clip of 1, Clip(100 bytes)"]);
    assert_eq!((callback.party.clone(), marks(&callback).as_str(), callback.clips.len()), (known("0639980001"), "[]", 1));
    house.at_rest();
}

#[test]
fn row_24_a_withheld_caller_who_only_speaks_has_an_entry_of_its_own_with_the_clip() {
    let mut house = asked_withheld();
    house.played(&[]);
    house.wait(6_000, &[&says("numero-saisir")]);
    house.played(&[]);
    house.wait(6_000, &[&says(NAME_AND_NUMBER)]);
    house.name_said();
    let (callback, _) = house.leaves();
    assert_eq!((callback.party.display().as_str(), marks(&callback).as_str()), ("numéro masqué", "[]"));
    assert_eq!(callback.clips.len(), 1);
}

#[test]
fn a_short_or_foreign_number_is_whole_after_four_seconds_of_silence() {
    for (digits, read, party) in [("3949", "39 49", "3949"), ("0041221234567", "00x 41 22 12 34 56 07", "+41 221 23 45 67")] {
        let mut house = asked_withheld();
        house.types(digits, true, &[]);
        house.wait(3_999, &[]);
        let said = says(&format!("numero-relu {read} numero-valider"));
        house.wait(1, &["draft of 1", said.as_str()]);
        house.press(b'1', &["draft of 1", &says(NAME)]);
        assert_eq!(house.leaves().0.party.display(), party);
    }
}

#[test]
fn a_number_that_is_not_whole_is_asked_for_again_and_an_emergency_number_is_none() {
    for digits in ["06399", "112", "15"] {
        let mut house = asked_withheld();
        house.types(digits, true, &[]);
        house.wait(6_000, &[&says("numero-incomplet numero-saisir")]);
    }
}

#[test]
fn a_hash_ends_a_number_and_a_star_starts_it_over() {
    let mut house = asked_withheld();
    house.types("123*", true, &[&says("numero-saisir")]);
    house.types("3949#", true, &["draft of 1", &says("numero-relu 39 49 numero-valider")]);
    house.press(b'#', &[]);
    house.press(b'1', &["draft of 1", &says(NAME)]);
}

// ---------------------------------------------------------------------- keys and times
#[test]
fn a_key_that_is_no_choice_is_said_once_then_the_tone_comes() {
    let mut house = asked_known();
    house.press(b'7', &[&says(&format!("touche-inconnue {ASKED}"))]);
    house.press(b'8', &[&says(NAME)]);
    assert_eq!(house.leaves().1, ["end 1 attendant: no_phone"], "something was pressed");
}

#[test]
fn a_key_makes_the_way_to_the_tone_short_and_a_key_ends_the_recording() {
    let mut house = asked_known();
    house.press(b'1', &[&says(NAME)]);
    house.press(b'1', &[&says("signal")]);
    house.played(&[LISTENS]);
    house.press(b'#', &["stop listening to in1", &says("merci-au-revoir")]);
    house.press(b'#', &[]);
    house.heard(900, &[]);
    house.wait(1_000, &[]);
    let (callback, _) = house.callback(Input::Played { leg: CALLER });
    assert_eq!(callback.clips.len(), 1);
    house.at_rest();
}

#[test]
fn the_end_of_a_sound_that_a_key_cut_off_is_not_taken_for_the_next_ones() {
    let mut house = asked_known();
    house.press(b'1', &[&says(NAME)]);
    house.wait(20, &[]);
    house.tell(Input::Played { leg: CALLER }, &[]);
    house.played(&[LISTENS]);
}

#[test]
fn without_any_report_the_talk_ends_all_the_same() {
    let mut house = asked_known();
    house.wait(180_000, &[]);
    house.wait(6_000, &[&says(ASKED)]);
    house.wait(186_000, &[&says(NAME)]);
    house.wait(180_000, &[LISTENS]);
    house.wait(12_000, &["stop listening to in1", &says("merci-au-revoir")]);
    house.wait(180_000, &["hang up in1"]);
    house.wait(500, &["end 1 missed: left_attendant"]);
    house.at_rest();
}

#[test]
fn an_announcement_of_the_agencys_own_is_heard_to_its_end() {
    let mut house = asked_known();
    house.press(b'1', &[&says(NAME)]);
    // what to say and the word on confidentiality, a minute each
    house.wait(122_000, &[]);
    house.tell(Input::Played { leg: CALLER }, &[LISTENS]);
}

// ---------------------------------------------------------------------- ends
#[test]
fn who_leaves_while_speaking_leaves_what_was_said() {
    let mut house = asked_known();
    house.press(b'1', &[&says(NAME)]);
    house.played(&[LISTENS]);
    house.gone(CALLER, Gone::HungUp, &[]);
    assert_eq!(house.line.counts(), (1, 0, 1), "the call waits for the recording alone");
    let clip = Clip::new(vec![7; 100]);
    let (callback, said) = house.callback(Input::Heard { leg: CALLER, speech: Duration::from_secs(1), clip });
    assert_eq!(said, ["end 1 attendant: no_phone", "clip of 1, Clip(100 bytes)"]);
    assert_eq!(callback.clips.len(), 1);
    house.at_rest();
}

#[test]
fn the_recording_of_who_left_is_not_waited_for_for_long() {
    let mut house = asked_known();
    house.press(b'1', &[&says(NAME)]);
    house.played(&[LISTENS]);
    house.gone(CALLER, Gone::Lost, &[]);
    house.wait(500, &["end 1 attendant: no_phone"]);
    house.at_rest();
}

#[test]
fn row_09_an_answer_of_the_attendant_that_is_never_acknowledged_is_failed() {
    let mut house = asked_known();
    house.gone(CALLER, Gone::NeverAcknowledged, &["hang up in1", "end 1 missed: failed"]);
    house.at_rest();
}

#[test]
fn the_page_ends_an_attendants_call_and_what_was_given_is_kept() {
    let mut house = asked_known();
    house.press(b'1', &[&says(NAME)]);
    house.hang_up(1, &["hang up in1", "end 1 attendant: no_phone", "reply 7 Ok(())"]);
    house.at_rest();
}

#[test]
fn a_drain_lets_the_attendant_finish_and_takes_no_new_call_to_it() {
    let mut house = asked_known();
    house.tell(Input::Drain, &[]);
    house.rings(CALLER_2, &["open 2 incoming", "refuse in2 Unavailable", "end 2 missed: no_phone"]);
    house.press(b'1', &[&says(NAME)]);
    house.name_said();
    house.played(&["hang up in1", "end 1 attendant: no_phone", "clip of 1, Clip(100 bytes)", "idle"]);
    house.at_rest();
}

#[test]
fn a_stop_keeps_what_was_given_and_waits_for_what_is_being_said() {
    let mut house = asked_known();
    house.press(b'1', &[&says(NAME)]);
    house.played(&[LISTENS]);
    house.tell(Input::Stop, &["hang up in1"]);
    house.heard(900, &["end 1 attendant: no_phone", "clip of 1, Clip(100 bytes)", "idle"]);
    house.at_rest();
}

#[test]
fn an_emergency_call_takes_the_channel_of_an_attendants_call_first() {
    let mut house = Plans { attendant: true, phones: &["11", "12"], ring: Some(&["12"]), channels: 2, ..Plans::default() }.house();
    house.tell(call(CALLER, known("0639980001")), &["open 1 incoming", "ring 12 on 1"]);
    house.recorded(1, &["ringing in1"]);
    house.refused(FIRST, Refusal::Busy, &["answer in1", &says(&format!("accueil-absent {ASKED}"))]);
    house.tell(call(CALLER_2, known("0639980002")), &["open 2 incoming", "ring 12 on 2"]);
    house.answered(SECOND, &["answer in2", "join in2 2", "write 2 answered by 12"]);
    let effects = ["open 3 outgoing", "hang up in1", "end 1 missed: left_attendant", "call out on 3 by trunk 0"];
    house.dials(theirs(9), "11", "112", &effects);
}

#[test]
fn further_messages_of_one_number_join_the_first_in_one_callback() {
    let mut house = house();
    for n in 1..=12 {
        house.tell(call(CALLER, known("0639980001")), &[&format!("open {n} incoming")]);
        let opened = house.effects(Input::Recorded(Seq(4 * n as u64 - 3)));
        assert_eq!(opened.len(), 2, "{opened:?}");
        house.press(b'1', &[&says(NAME)]);
        house.name_said();
        let (callback, _) = house.leaves();
        assert_eq!((callback.id.0, callback.clips.len(), callback.missed_count), (1, n, n as u32));
    }
}

// ---------------------------------------------------------------------- with a double call
/// Phone 11 talks with in2 on leg 1; call 2, on leg in1, waits.
fn waiting() -> House {
    let mut house = Plans { attendant: true, phones: &["11"], ..Plans::default() }.house();
    house.tell(call(CALLER_2, known("0639980002")), &["open 1 incoming", "ring 11 on 1"]);
    house.recorded(1, &["ringing in2"]);
    house.answered(FIRST, &["answer in2", "join in2 1", "write 1 answered by 11"]);
    house.tell(call(CALLER, known("0639980001")), &["open 2 incoming", "overlay 1 Some(Waiting)"]);
    house.recorded(3, &["ringing in1"]);
    house.wait(1_000, &[]);
    house
}

fn second(house: &House) -> Option<&'static str> {
    house.line.status().second_call.map(|second| second.state)
}

fn phone_key(house: &mut House, sign: u8, effects: &[&str]) {
    house.tell(Input::Key { leg: FIRST, key: Key::new(sign).unwrap() }, effects);
}

#[test]
fn row_15_second_call_nobody_takes_it_the_attendant_does_and_call_1_never_notices() {
    let mut house = waiting();
    house.wait(14_000, &["overlay 1 None", "answer in1", &says(&format!("accueil-occupe {ASKED}"))]);
    assert_eq!(second(&house), Some("attendant"));
    house.press(b'1', &[&says(NAME)]);
    house.name_said();
    assert_eq!(second(&house), None, "from the thanks on it is let go");
    house.played(&["hang up in1", "end 2 attendant: busy during 1", "clip of 2, Clip(100 bytes)"]);
    house.gone(CALLER_2, Gone::HungUp, &["hang up 1", "end 1 answered"]);
    house.at_rest();
}

/// What is on disk of a call, should the process die now.
fn drafted(effects: &[Effect]) -> Option<Fields> {
    let of = |effect: &Effect| match effect {
        Effect::Record(_, Record::Draft { fields, .. }) => Some(fields.as_ref().clone()),
        _ => None,
    };
    effects.iter().find_map(of)
}

#[test]
fn what_is_typed_on_the_page_and_what_the_attendant_is_told_are_both_on_disk_and_in_the_callback() {
    let mut house = waiting();
    house.wait(14_000, &["overlay 1 None", "answer in1", &says(&format!("accueil-occupe {ASKED}"))]);
    let types = |house: &mut House, fields: Fields| {
        let what = SecondCommand::Draft(Box::new(fields));
        let command = Command::Second { person: "P11".into(), target: Box::new(SecondTarget::default()), what };
        drafted(&house.effects(Input::Page { ticket: Ticket(7), command })).unwrap()
    };
    types(&mut house, Fields { subject: Some("sinistre auto".into()), note: Some("Pressé.".into()), ..Fields::default() });
    house.types("063998000", true, &[]);
    let key = |sign| Input::Key { leg: CALLER, key: Key::new(sign).unwrap() };
    let told = drafted(&house.effects(key(b'3'))).unwrap();
    assert_eq!((told.party, told.subject.as_deref()), (Some(known("0639980003")), Some("sinistre auto")));
    assert_eq!(told.note.as_deref(), Some("Appelait du 06 39 98 00 01.\nNuméro non confirmé.\nPressé."));
    let told = types(&mut house, Fields { name: Some(ScreenText::clean("Durand")), ..Fields::default() });
    assert_eq!((told.party, told.name.is_some()), (Some(known("0639980003")), true));
    let told = drafted(&house.effects(key(b'1'))).unwrap();
    assert_eq!((told.party, told.note.as_deref()), (Some(known("0639980003")), Some("Pressé.")));
    let (callback, _) = house.leaves();
    assert_eq!((callback.party, callback.subject.as_str(), callback.note.as_str()), (known("0639980003"), "sinistre auto", "Pressé."));
}

#[test]
fn row_16_second_call_sent_away_by_key_0_goes_to_the_attendant() {
    let mut house = waiting();
    phone_key(&mut house, b'0', &["overlay 1 None", "answer in1", &says(&format!("accueil-occupe {ASKED}"))]);
    house.gone(CALLER, Gone::HungUp, &["end 2 missed: left_attendant during 1"]);
    assert_eq!(second(&house), None);
}

#[test]
fn a_caller_who_gives_up_before_the_attendant_answers_names_the_call_in_the_way() {
    let mut house = Plans { attendant: true, phones: &["11"], ..Plans::default() }.house();
    house.tell(call(CALLER_2, known("0639980002")), &["open 1 incoming", "ring 11 on 1"]);
    house.recorded(1, &["ringing in2"]);
    house.answered(FIRST, &["answer in2", "join in2 1", "write 1 answered by 11"]);
    house.tell(call(CALLER, known("0639980001")), &["open 2 incoming", "overlay 1 Some(Waiting)"]);
    house.wait(1_000, &[]);
    // its row is not on disk yet
    phone_key(&mut house, b'0', &["overlay 1 None"]);
    house.gone(CALLER, Gone::HungUp, &["end 2 missed: caller_gave_up during 1 short"]);
}

#[test]
fn until_the_thanks_key_2_takes_the_caller_back_and_what_was_said_is_forgotten() {
    let mut house = waiting();
    house.wait(14_000, &["overlay 1 None", "answer in1", &says(&format!("accueil-occupe {ASKED}"))]);
    house.wait(1_000, &[]);
    house.press(b'1', &[&says(NAME)]);
    house.played(&[LISTENS]);
    let back = ["play in2 HoldMusic", "stop listening to in1", "join in1 1", "write 2 answered by 11", "show 06 39 98 00 01 on 1"];
    phone_key(&mut house, b'2', &back);
    assert_eq!(second(&house), Some("second"));
    house.heard(2_000, &[]);
    let (_, said) = house.leaves();
    assert_eq!(said, ["join in2 1", "show 06 39 98 00 02 on 1", "end 2 answered: promised"]);
}

#[test]
fn from_the_thanks_on_the_caller_cannot_be_taken_back() {
    let mut house = waiting();
    house.wait(14_000, &["overlay 1 None", "answer in1", &says(&format!("accueil-occupe {ASKED}"))]);
    house.press(b'1', &[&says(NAME)]);
    house.name_said();
    phone_key(&mut house, b'2', &["overlay 1 Some(LowTone)"]);
}

#[test]
fn caller_1_hangs_up_while_the_attendant_has_call_2_which_goes_on() {
    let mut house = waiting();
    house.wait(14_000, &["overlay 1 None", "answer in1", &says(&format!("accueil-occupe {ASKED}"))]);
    house.gone(CALLER_2, Gone::HungUp, &["hang up 1", "end 1 answered"]);
    house.wait(5_000, &[]);
    house.press(b'1', &[&says(NAME)]);
    assert_eq!(house.leaves().1, ["end 2 attendant: busy during 1"]);
    house.at_rest();
}

#[test]
fn until_the_thanks_the_page_takes_the_caller_back_and_call_1_may_be_ended_by_it() {
    for end_first in [false, true] {
        let mut house = waiting();
        house.wait(14_000, &["overlay 1 None", "answer in1", &says(&format!("accueil-occupe {ASKED}"))]);
        let target = Box::new(SecondTarget::default());
        let what = SecondCommand::Take { end_first };
        let effects = house.effects(Input::Page { ticket: Ticket(7), command: Command::Second { person: "P11".into(), target, what } });
        let said: Vec<String> = effects.iter().map(words).filter(|word| !word.starts_with("callback ")).collect();
        let taken = ["play in2 HoldMusic", "join in1 1", "write 2 answered by 11", "show 06 39 98 00 01 on 1"];
        let ended = ["hang up in2", "end 1 answered"];
        let wanted = [&taken[..], if end_first { &ended[..] } else { &[] }, &["reply 7 Ok(())"]].concat();
        assert_eq!(said, wanted);
        house.effects(Input::Stop);
        house.at_rest();
    }
}
