//! The double call: each row, key and sentence of RULES 4 as a story.
//!
//! In each of them phone 11 talks with the caller of call 1 (legs 1 and in1) when call 2 (leg in2) arrives.

use rappel::domain::call::{CallId, Record};
use rappel::domain::callback::{Callback, CallbackId, Fields};
use rappel::domain::identity::Caller;
use rappel::domain::key::Key;
use rappel::domain::number::E164;
use rappel::domain::outcome::Outcome;
use rappel::domain::text::ScreenText;
use rappel::switchboard::effect::Effect;
use rappel::switchboard::input::{CallbackCommand, Command, Gone, Input, Progress, Refusal, SecondCommand, SecondTarget, Ticket};

use crate::house::*;

const CALLER_3: LegId = theirs(3);

fn known(leg: LegId, n: u8) -> Input {
    let number = E164::parse_national_or_international(&format!("063998000{n}")).unwrap();
    Input::Rings { leg, trunk: 0, caller: Caller::Known(number), name: ScreenText::default(), usable: true }
}

/// One phone in a call; its number is 06 39 98 00 01.
fn talking() -> House {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    house.tell(known(CALLER, 1), &["open 1 incoming", "ring 11 on 1"]);
    house.recorded(1, &["ringing in1"]);
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by 11"]);
    house
}

/// And a second caller, heard of for more than a second.
fn waiting() -> House {
    let mut house = talking();
    house.tell(known(CALLER_2, 2), &["open 2 incoming", "overlay 1 Some(Waiting)"]);
    house.wait(1_000, &[]);
    house
}

const TAKEN: [&str; 6] =
    ["overlay 1 None", "play in1 HoldMusic", "answer in2", "join in2 1", "write 2 answered by 11", "show 06 39 98 00 02 on 1"];

fn taken() -> House {
    let mut house = waiting();
    house.key(FIRST, '2', &TAKEN);
    house
}

fn swapped() -> House {
    let mut house = taken();
    house.key(FIRST, '2', &["play in2 HoldMusic", "join in1 1", "show 06 39 98 00 01 on 1"]);
    house
}

impl House {
    #[track_caller]
    fn key(&mut self, leg: LegId, sign: char, effects: &[&str]) {
        let key = Key::new(u8::try_from(sign).unwrap()).unwrap();
        self.tell(Input::Key { leg, key }, effects);
    }

    #[track_caller]
    fn page(&mut self, what: SecondCommand, effects: &[&str]) {
        let command = Command::Second { person: "P11".into(), target: Box::new(SecondTarget::default()), what };
        self.tell(Input::Page { ticket: Ticket(7), command }, effects);
    }

    /// Call 2 is over: `Some(true)`: settled, `Some(false)`: its callback is kept; while that can still be changed.
    fn over(&self) -> Option<bool> {
        let over = self.line.status().second_calls_over;
        over.first().filter(|over| over.until >= self.now.wall).map(|over| over.settled)
    }

    fn ask(&mut self, what: SecondCommand) -> Vec<Effect> {
        let command = Command::Second { person: "P11".into(), target: Box::new(SecondTarget::default()), what };
        self.effects(Input::Page { ticket: Ticket(7), command })
    }

    /// State of the double call on the page, and who hears whom.
    fn shown(&self) -> Option<&'static str> {
        self.line.status().second_call.map(|s| s.state)
    }
}

fn number(digits: &str) -> Fields {
    Fields { party: Some(Caller::Known(E164::parse_national_or_international(digits).unwrap())), ..Fields::default() }
}

// ------------------------------------------------------------------ Waiting
#[test]
fn call_2_arrives_while_no_phone_is_idle_the_agent_hears_the_waiting_tone_and_the_caller_ringback() {
    let mut house = talking();
    house.tell(known(CALLER_2, 2), &["open 2 incoming", "overlay 1 Some(Waiting)"]);
    house.recorded(3, &["ringing in2"]);
    let second = house.line.status().second_call.unwrap();
    assert_eq!((second.state, second.id, second.call_1), ("waiting", CallId(2), Some(CallId(1))));
    assert_eq!((second.number.as_deref(), second.offered_to), (Some("+33639980002"), vec![ext("11")]));
    assert_eq!(second.until.map(|at| at.timestamp()), Some(15));
}

#[test]
fn key_2_takes_call_2_and_caller_1_hears_music() {
    let house = taken();
    assert_eq!(house.shown(), Some("second"));
}

#[test]
fn keys_in_the_first_second_of_waiting_are_ignored() {
    let mut house = talking();
    house.tell(known(CALLER_2, 2), &["open 2 incoming", "overlay 1 Some(Waiting)"]);
    house.wait(999, &[]);
    for sign in ['2', '1', '1', '0'] {
        house.key(FIRST, sign, &[]);
    }
    assert_eq!(house.shown(), Some("waiting"));
    house.wait(1, &[]);
    house.key(FIRST, '2', &TAKEN);
}

#[test]
fn key_0_sends_call_2_away() {
    let mut house = waiting();
    house.key(FIRST, '0', &["overlay 1 None", "refuse in2 Busy", "end 2 missed: busy during 1"]);
    assert_eq!(house.shown(), None);
}

#[test]
fn one_1_answers_with_a_reminder_tone_and_the_second_within_3_s_ends_call_1_and_takes_call_2() {
    let mut house = waiting();
    house.key(FIRST, '1', &["overlay 1 Some(Beep)"]);
    house.wait(3_001, &[]);
    house.key(FIRST, '1', &["overlay 1 Some(Beep)"]);
    house.wait(2_000, &[]);
    house.key(
        FIRST,
        '1',
        &[
            "overlay 1 None",
            "play in1 HoldMusic",
            "answer in2",
            "join in2 1",
            "write 2 answered by 11",
            "show 06 39 98 00 02 on 1",
            "hang up in1",
            "end 1 answered",
        ],
    );
    house.gone(FIRST, Gone::HungUp, &["hang up in2", "end 2 answered"]);
    house.at_rest();
}

#[test]
fn any_other_key_in_waiting_is_a_low_tone() {
    let mut house = waiting();
    house.key(FIRST, '5', &["overlay 1 Some(LowTone)"]);
    assert_eq!(house.shown(), Some("waiting"));
}

#[test]
fn the_page_takes_call_2_and_the_first_word_counts() {
    let mut house = waiting();
    house.page(SecondCommand::Take { end_first: false }, &[&TAKEN[..], &["reply 7 Ok(())"]].concat());
    house.page(SecondCommand::Take { end_first: false }, &["reply 7 Err(Conflict(\"Aucun double appel n'attend cette action.\"))"]);
}

#[test]
fn row_14_caller_2_gives_up_in_the_waiting_tone_and_it_stops_at_once() {
    let mut house = waiting();
    house.gone(CALLER_2, Gone::HungUp, &["end 2 missed: caller_gave_up during 1 short", "overlay 1 None"]);
    house.gone(FIRST, Gone::HungUp, &["hang up in1", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn not_taken_within_offer_seconds_call_2_is_refused_and_call_1_never_notices() {
    let mut house = waiting();
    house.wait(13_999, &[]);
    house.wait(1, &["refuse in2 Busy", "end 2 missed: busy during 1", "overlay 1 None"]);
    assert_eq!(house.shown(), None);
}

#[test]
fn caller_1_hangs_up_in_waiting_and_the_phone_rings_for_call_2_a_second_later_ring_seconds_anew() {
    let mut house = waiting();
    house.gone(CALLER, Gone::HungUp, &["hang up 1", "end 1 answered"]);
    house.wait(999, &[]);
    house.wait(1, &["ring 11 on 2"]);
    house.alive(SECOND);
    house.wait(17_999, &[]);
    house.answered(SECOND, &["answer in2", "join in2 2", "write 2 answered by 11"]);
}

#[test]
fn the_agent_hangs_up_in_waiting_and_nobody_is_connected_before_the_phone_is_answered() {
    let mut house = waiting();
    house.gone(FIRST, Gone::HungUp, &["hang up in1", "end 1 answered"]);
    house.wait(1_000, &["ring 11 on 2"]);
    house.alive(SECOND);
    house.wait(18_000, &["cancel 2", "refuse in2 Unavailable", "end 2 missed: no_answer"]);
    house.at_rest();
}

#[test]
fn another_phone_becomes_idle_in_waiting_and_rings_at_once_while_the_tone_goes_on() {
    let mut house = Plans { phones: &["11", "12"], registered: false, ..Plans::default() }.house();
    house.tell(Input::Phone { extension: ext("11"), registered: true }, &[]);
    house.tell(known(CALLER, 1), &["open 1 incoming", "ring 11 on 1"]);
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by 11"]);
    house.tell(known(CALLER_2, 2), &["open 2 incoming", "overlay 1 Some(Waiting)"]);
    house.tell(Input::Phone { extension: ext("12"), registered: true }, &["ring 12 on 2"]);
    assert_eq!(house.shown(), Some("waiting"));
    house.answered(SECOND, &["answer in2", "join in2 2", "overlay 1 None", "write 2 answered by 12"]);
    assert_eq!(house.shown(), None);
}

#[test]
fn idle_phones_ring_first_and_the_busy_ones_hear_the_tone_after_8_seconds() {
    let mut house = House::new();
    house.talk();
    house.tell(known(CALLER_2, 2), &["open 2 incoming", "ring 12 on 3"]);
    house.alive(THIRD);
    house.wait(7_999, &[]);
    house.wait(1, &["overlay 1 Some(Waiting)"]);
    house.wait(1_000, &[]);
    house.key(
        FIRST,
        '2',
        &[
            "overlay 1 None",
            "play in1 HoldMusic",
            "answer in2",
            "join in2 1",
            "cancel 3 elsewhere",
            "write 2 answered by 11",
            "show 06 39 98 00 02 on 1",
        ],
    );
}

#[test]
fn a_call_waiting_on_two_phones_is_withdrawn_from_one_by_0_and_refused_when_both_have() {
    let mut house = House::new();
    house.talk();
    house.rings(CALLER_2, &["open 2 incoming", "ring 12 on 3"]);
    house.answered(THIRD, &["answer in2", "join in2 3", "write 2 answered by 12"]);
    house.tell(known(CALLER_3, 3), &["open 3 incoming", "overlay 1 Some(Waiting)", "overlay 3 Some(Waiting)"]);
    house.wait(1_000, &[]);
    assert_eq!(house.line.status().second_calls[0].offered_to, [ext("11"), ext("12")]);
    house.key(FIRST, '0', &["overlay 1 None"]);
    house.key(THIRD, '0', &["overlay 3 None", "refuse in3 Busy", "end 3 missed: busy during 1"]);
}

#[test]
fn row_29_a_third_call_is_refused_at_once_when_every_phone_in_a_call_has_its_double_call() {
    for (mut house, talks) in [(waiting(), 1), (taken(), 2), (swapped(), 1)] {
        let end = format!("end 3 missed: busy during {talks}");
        house.tell(known(CALLER_3, 3), &["open 3 incoming", "refuse in3 Busy", &end]);
    }
}

#[test]
fn while_the_agent_only_dials_key_2_is_refused_and_1_1_cancels_and_takes_call_2() {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    house.dials(CALLER, "11", "00639980009", &["open 1 outgoing", "call out on 1 by trunk 0"]);
    house.recorded(1, &[]);
    house.tell(known(CALLER_2, 2), &["open 2 incoming", "early media in1", "play in1 Ringback", "overlay in1 Some(Waiting)"]);
    house.wait(1_000, &[]);
    house.key(CALLER, '2', &["overlay in1 Some(LowTone)"]);
    house.key(CALLER, '1', &["overlay in1 Some(Beep)"]);
    house.key(
        CALLER,
        '1',
        &[
            "overlay in1 None",
            "answer in1",
            "answer in2",
            "join in2 in1",
            "write 2 answered by 11",
            "show 06 39 98 00 02 on in1",
            "cancel 1",
            "end 1 cancelled",
        ],
    );
}

/// Phone 11 dials, and caller 2 waits on it.
fn dialling() -> House {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    house.dials(CALLER, "11", "00639980009", &["open 1 outgoing", "call out on 1 by trunk 0"]);
    house.recorded(1, &[]);
    house.tell(known(CALLER_2, 2), &["open 2 incoming", "early media in1", "play in1 Ringback", "overlay in1 Some(Waiting)"]);
    house.wait(1_000, &[]);
    house
}

#[test]
fn a_phone_that_only_dials_hears_the_tone_once_its_row_is_written_and_the_far_end_as_before() {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    house.dials(CALLER, "11", "00639980009", &["open 1 outgoing", "call out on 1 by trunk 0"]);
    house.tell(Input::Progress { leg: FIRST, what: Progress::Ringing }, &[]);
    house.tell(known(CALLER_2, 2), &["open 2 incoming", "overlay in1 Some(Waiting)"]);
    house.recorded(1, &["ringing in1", "early media in1", "play in1 Ringback"]);
    house.tell(Input::Progress { leg: FIRST, what: Progress::EarlyMedia }, &["join in1 1"]);
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by -"]);
}

#[test]
fn from_the_answer_of_the_call_that_was_dialled_on_call_2_waits_offer_seconds_and_that_call_is_in_its_way() {
    let mut house = dialling();
    house.wait(4_000, &[]);
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by -"]);
    house.wait(14_999, &[]);
    house.wait(1, &["refuse in2 Busy", "end 2 missed: busy during 1", "overlay in1 None"]);
}

#[test]
fn call_2_sent_away_by_a_phone_that_only_dials_is_busy() {
    let mut house = dialling();
    house.key(CALLER, '0', &["overlay in1 None", "refuse in2 Busy", "end 2 missed: busy during 1"]);
}

#[test]
fn a_6_belongs_to_the_code_also_while_the_agent_dials_so_that_61_1_ends_nobody() {
    let mut house = dialling();
    house.key(CALLER, '6', &[]);
    house.key(CALLER, '1', &[]);
    house.key(CALLER, '1', &[]);
    assert_eq!((house.shown(), house.line.counts().0), (Some("waiting"), 2));
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by -", "keys of in1 to 1"]);
}

#[test]
fn with_no_code_required_no_key_is_a_command_before_or_after_the_answer() {
    let mut house = Plans { phones: &["11"], code_required: false, ..Plans::default() }.house();
    house.dials(CALLER, "11", "00639980009", &["open 1 outgoing", "call out on 1 by trunk 0"]);
    house.tell(known(CALLER_2, 2), &["open 2 incoming", "overlay in1 Some(Waiting)"]);
    house.wait(1_000, &[]);
    for sign in ['0', '1', '1', '2'] {
        house.key(CALLER, sign, &[]);
    }
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by -", "keys of in1 to 1"]);
    for sign in ['0', '1', '1', '2'] {
        house.key(CALLER, sign, &[]);
    }
    assert_eq!(house.shown(), Some("waiting"));
}

#[test]
fn row_16_call_2_sent_away_waits_for_no_phone_that_rings_or_dials_for_another() {
    let mut house = Plans { phones: &["11", "12", "13"], ..Plans::default() }.house();
    house.dials(theirs(8), "12", "13", &["open 1 internal", "ring 13 on 1"]);
    house.alive(FIRST);
    house.tell(known(CALLER, 1), &["open 2 incoming", "ring 11 on 2"]);
    house.answered(SECOND, &["answer in1", "join in1 2", "write 2 answered by 11"]);
    house.tell(known(CALLER_2, 2), &["open 3 incoming", "overlay 2 Some(Waiting)"]);
    house.wait(1_000, &[]);
    house.key(SECOND, '0', &["overlay 2 None", "refuse in2 Busy", "end 3 missed: busy during 2"]);
}

#[test]
fn a_phone_that_becomes_idle_after_ring_seconds_does_not_ring_without_end() {
    let mut house = Plans { ring_seconds: 10, registered: false, ..Plans::default() }.house();
    house.tell(Input::Phone { extension: ext("11"), registered: true }, &[]);
    house.tell(known(CALLER, 1), &["open 1 incoming", "ring 11 on 1"]);
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by 11"]);
    house.tell(known(CALLER_2, 2), &["open 2 incoming", "overlay 1 Some(Waiting)"]);
    house.wait(12_000, &[]);
    house.tell(Input::Phone { extension: ext("12"), registered: true }, &["ring 12 on 2"]);
    house.alive(SECOND);
    house.wait(2_999, &[]);
    house.wait(1, &["cancel 2", "refuse in2 Unavailable", "end 2 missed: no_answer", "overlay 1 None"]);
}

#[test]
fn with_two_calls_on_a_phone_tone_and_keys_go_with_the_one_not_on_hold() {
    let mut house = Plans { phones: &["11"], calls: 2, ..Plans::default() }.house();
    house.tell(known(CALLER, 1), &["open 1 incoming", "ring 11 on 1"]);
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by 11"]);
    house.tell(known(CALLER_2, 2), &["open 2 incoming", "ring 11 on 2"]);
    house.tell(Input::Held { leg: FIRST, on: true }, &["play in1 Music"]);
    house.answered(SECOND, &["answer in2", "join in2 2", "write 2 answered by 11"]);
    house.tell(known(CALLER_3, 3), &["open 3 incoming", "overlay 2 Some(Waiting)"]);
    house.wait(1_000, &[]);
    house.tell(Input::Held { leg: SECOND, on: true }, &["play in2 Music"]);
    house.tell(Input::Held { leg: FIRST, on: false }, &["join in1 1", "overlay 2 None", "overlay 1 Some(Waiting)"]);
    house.key(SECOND, '2', &["overlay 2 Some(LowTone)"]);
    house.key(
        FIRST,
        '2',
        &["overlay 1 None", "play in1 HoldMusic", "answer in3", "join in3 1", "write 3 answered by 11", "show 06 39 98 00 03 on 1"],
    );
}

#[test]
fn on_an_answered_outgoing_call_1_1_ends_nobody_but_the_page_may() {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    house.dials(CALLER, "11", "00639980009", &["open 1 outgoing", "call out on 1 by trunk 0"]);
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by -"]);
    house.tell(known(CALLER_2, 2), &["open 2 incoming", "overlay in1 Some(Waiting)"]);
    house.wait(1_000, &[]);
    house.key(CALLER, '1', &["overlay in1 Some(LowTone)"]);
    house.key(CALLER, '1', &["overlay in1 Some(LowTone)"]);
    house.page(
        SecondCommand::Take { end_first: true },
        &[
            "overlay in1 None",
            "play 1 HoldMusic",
            "answer in2",
            "join in2 in1",
            "write 2 answered by 11",
            "show 06 39 98 00 02 on in1",
            "hang up 1",
            "end 1 answered",
            "reply 7 Ok(())",
        ],
    );
}

#[test]
fn in_waiting_the_phones_own_hold_plays_music_to_1_and_the_offer_goes_on() {
    let mut house = waiting();
    house.tell(Input::Held { leg: FIRST, on: true }, &["play in1 Music"]);
    assert_eq!(house.shown(), Some("waiting"));
    house.tell(Input::Held { leg: FIRST, on: false }, &["join in1 1"]);
}

#[test]
fn in_waiting_the_agents_phone_is_lost_call_1_is_cut_and_call_2_goes_on_looking() {
    let mut house = waiting();
    house.gone(FIRST, Gone::Lost, &["hang up in1", "end 1 answered: cut"]);
    house.wait(1_000, &["ring 11 on 2"]);
    house.wait(4_000, &["cancel 2", "refuse in2 Busy", "end 2 missed: busy during 1"]);
    house.at_rest();
}

// ------------------------------------------------------------------ Second
#[test]
fn row_13_key_1_saves_the_callback_ends_call_2_and_goes_back_to_call_1() {
    let mut house = taken();
    house.key(FIRST, '1', &["play in2 HoldMusic", "join in1 1", "show 06 39 98 00 01 on 1", "hang up in2", "end 2 answered: promised"]);
    assert_eq!(house.shown(), None);
    house.gone(FIRST, Gone::HungUp, &["hang up in1", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn row_13b_key_0_settles_call_2_without_a_callback() {
    let mut house = taken();
    house.key(FIRST, '0', &["play in2 HoldMusic", "join in1 1", "show 06 39 98 00 01 on 1", "hang up in2", "end 2 answered"]);
}

#[test]
fn key_2_swaps_ending_nobody_and_swaps_back() {
    let mut house = swapped();
    assert_eq!(house.shown(), Some("swapped"));
    house.key(FIRST, '2', &["play in1 HoldMusic", "join in2 1", "show 06 39 98 00 02 on 1"]);
    assert_eq!(house.shown(), Some("second"));
}

#[test]
fn row_17_caller_1_leaves_while_held_and_call_2_is_an_ordinary_call() {
    let mut house = taken();
    house.gone(CALLER, Gone::HungUp, &["end 1 answered: left_on_hold"]);
    assert_eq!(house.shown(), None);
    house.gone(CALLER_2, Gone::HungUp, &["hang up 1", "end 2 answered"]);
    house.at_rest();
}

#[test]
fn caller_2_hangs_up_the_callback_is_saved_and_call_1_resumes_at_once() {
    let mut house = taken();
    house.gone(CALLER_2, Gone::HungUp, &["join in1 1", "show 06 39 98 00 01 on 1", "end 2 answered: promised"]);
}

#[test]
fn settled_within_10_s_takes_the_callback_back() {
    let mut house = taken();
    house.gone(CALLER_2, Gone::HungUp, &["join in1 1", "show 06 39 98 00 01 on 1", "end 2 answered: promised"]);
    house.wait(10_000, &[]);
    house.page(SecondCommand::Done, &[]);
    assert_eq!(house.page_refusal(SecondCommand::Done), "reply 7 Err(Conflict(\"Aucun double appel n'attend cette action.\"))");
}

/// What is written of callbacks.
fn ledger(effects: Vec<Effect>) -> Vec<String> {
    effects.iter().map(words).filter(|word| word.starts_with("callback ")).collect()
}

#[test]
fn settled_can_be_kept_after_all_within_10_s_and_settled_again() {
    let mut house = taken();
    assert_eq!(ledger(house.ask(SecondCommand::Done)), Vec::<String>::new());
    assert_eq!(house.over(), Some(true));
    house.wait(10_000, &[]);
    assert_eq!(ledger(house.ask(SecondCommand::Resume)), ["callback 1 Open x0 due 1800"]);
    assert_eq!(house.over(), Some(false));
    house.wait(10_000, &[]);
    assert_eq!(ledger(house.ask(SecondCommand::Done)), ["callback 1 Done x0 due 1800, joint, selon P11 01:00"]);
    assert_eq!(house.over(), Some(true));
    house.wait(10_001, &[]);
    assert_eq!(house.over(), None);
    assert_eq!(house.page_refusal(SecondCommand::Resume), "reply 7 Err(Conflict(\"Aucun double appel n'attend cette action.\"))");
}

#[test]
fn settled_by_key_closes_an_open_callback_and_kept_after_all_it_is_the_same_one_that_is_open() {
    let mut house = taken();
    let create = Command::Callback { person: "MO".into(), what: CallbackCommand::Create(number("0639980002")) };
    assert_eq!(ledger(house.effects(Input::Page { ticket: Ticket(8), command: create })), ["callback 1 Open x0 due 1801"]);
    let settled = ledger(house.effects(Input::Key { leg: FIRST, key: Key::new(b'0').unwrap() }));
    assert_eq!(settled, ["callback 1 Done x0 due 1801, a rappelé, répondu par P11 01:00"]);
    assert_eq!(ledger(house.ask(SecondCommand::Resume)), ["callback 1 Open x0 due 1800"]);
}

#[test]
fn what_is_kept_after_all_for_another_number_leaves_the_callback_of_the_first_one_closed() {
    let mut house = taken();
    let create = |house: &mut House| {
        let what = CallbackCommand::Create(number("0639980002"));
        ledger(house.effects(Input::Page { ticket: Ticket(8), command: Command::Callback { person: "MO".into(), what } }))
    };
    assert_eq!(create(&mut house), ["callback 1 Open x0 due 1801"]);
    house.effects(about(2, SecondCommand::Draft(Box::new(number("0639980007")))));
    house.effects(Input::Key { leg: FIRST, key: Key::new(b'0').unwrap() });
    assert_eq!(ledger(house.ask(SecondCommand::Resume)), ["callback 2 Open x0 due 1800"]);
    assert_eq!(create(&mut house), ["callback 3 Open x0 due 1801"]);
}

#[test]
fn the_agent_hung_up_in_second_and_says_settled_within_10_s_while_the_phone_is_recalled() {
    let mut house = taken();
    let kept = ledger(house.effects(Input::Gone { leg: FIRST, why: Gone::HungUp }));
    assert_eq!(kept, ["callback 1 Open x0 due 1800"]);
    assert_eq!(ledger(house.ask(SecondCommand::Done)), ["callback 1 Done x0 due 1800, joint, selon P11 01:00"]);
}

#[test]
fn settled_late_is_refused_while_a_colleague_holds_the_callback_and_is_not_shown_as_settled() {
    let mut house = taken();
    house.effects(Input::Gone { leg: CALLER_2, why: Gone::HungUp });
    let claim = Command::Callback { person: "MO".into(), what: CallbackCommand::Claim(CallbackId(1)) };
    assert_eq!(ledger(house.effects(Input::Page { ticket: Ticket(8), command: claim })).len(), 1);
    assert!(house.page_refusal(SecondCommand::Done).contains("Err(Conflict"));
    assert_eq!(house.over(), Some(false));
}

#[test]
fn a_withheld_call_2_that_was_settled_is_kept_only_with_a_number() {
    let mut house = talking();
    house.effects(ring(CALLER_2));
    house.wait(1_000, &[]);
    house.effects(Input::Key { leg: FIRST, key: Key::new(b'2').unwrap() });
    house.ask(SecondCommand::Done);
    assert!(house.page_refusal(SecondCommand::Resume).contains("masqué"));
    assert_eq!(ledger(house.ask(SecondCommand::Save(Box::new(number("0639980007"))))), ["callback 1 Open x0 due 1800"]);
}

/// What the page sends of the form of the call that it was opened for.
fn about(call: i64, what: SecondCommand) -> Input {
    let target = Box::new(SecondTarget { id: Some(CallId(call)), extension: None });
    Input::Page { ticket: Ticket(7), command: Command::Second { person: "P11".into(), target, what } }
}

/// The callback as it was last written.
fn written(effects: Vec<Effect>) -> Callback {
    let callbacks = effects.into_iter().filter_map(|e| if let Effect::Record(_, Record::Callback(c)) = e { Some(*c) } else { None });
    callbacks.last().expect("no callback is written")
}

fn named(name: &str) -> Box<Fields> {
    Box::new(Fields { name: Some(ScreenText::clean(name)), ..Fields::default() })
}

#[test]
fn caller_2_hangs_up_while_the_name_is_typed_and_the_rest_of_it_goes_into_the_callback() {
    let mut house = taken();
    house.effects(about(2, SecondCommand::Draft(named("Mme Ja"))));
    assert_eq!(ledger(house.effects(Input::Gone { leg: CALLER_2, why: Gone::HungUp })), ["callback 1 Open x0 due 1800"]);
    let over = |house: &House| house.line.status().second_calls_over.remove(0);
    assert!(over(&house).draft.is_some(), "the form left while it was typed");
    house.wait(9_000, &[]);
    assert_eq!(written(house.effects(about(2, SecondCommand::Draft(named("Mme Jaffré"))))).name.as_str(), "Mme Jaffré");
    assert_eq!(over(&house).name, "Mme Jaffré");
    // ten seconds from the last word
    house.wait(10_000, &[]);
    let fields = Fields { note: Some("bris de glace".into()), ..*named("Mme Jaffré") };
    let callback = written(house.effects(about(2, SecondCommand::Save(Box::new(fields)))));
    assert_eq!((callback.name.as_str(), callback.note.as_str()), ("Mme Jaffré", "bris de glace"));
    assert_eq!(over(&house).draft, None);
    // it is sent: a second screen has nothing left to save
    let refused = house.effects(about(2, SecondCommand::Save(named("Mme Autre"))));
    assert_eq!(refused.iter().map(words).collect::<Vec<_>>(), ["reply 7 Err(Conflict(\"Aucun double appel n'attend cette action.\"))"]);
}

#[test]
fn what_the_page_could_not_send_before_the_crash_goes_into_the_callback_within_the_hour() {
    let mut house = House::new();
    let caller = Caller::Known(E164::parse_national_or_international("0639980002").unwrap());
    let (form, name, outcome) = (Box::default(), ScreenText::default(), Outcome::Interrupted);
    house.effects(Input::Stranded { call: CallId(2), at: house.now.wall, caller, name, outcome, form });
    assert_eq!(written(house.effects(about(2, SecondCommand::Draft(named("Mme Jaffré"))))).name.as_str(), "Mme Jaffré");
    let refused = |house: &mut House, call| {
        house.effects(about(call, SecondCommand::Draft(named("Mme Autre")))).iter().map(words).collect::<Vec<_>>()
    };
    let nothing = ["reply 7 Err(Conflict(\"Aucun double appel n'attend cette action.\"))"];
    assert_eq!(refused(&mut house, 3), nothing);
    house.wait(3_600_001, &[]);
    assert_eq!(refused(&mut house, 2), nothing);
}

#[test]
fn caller_2_leaves_the_hold_while_the_note_is_typed_and_the_rest_of_it_goes_into_the_callback() {
    let mut house = swapped();
    let left = ledger(house.effects(Input::Gone { leg: CALLER_2, why: Gone::HungUp }));
    assert_eq!(left, ["callback 1 Open x0 due 1800, left on hold"]);
    let fields = Fields { note: Some("bris de glace".into()), ..Fields::default() };
    let callback = written(house.effects(about(2, SecondCommand::Draft(Box::new(fields)))));
    assert!(callback.note == "bris de glace" && callback.left_on_hold, "{callback:?}");
}

#[test]
fn what_was_being_typed_when_the_call_was_settled_is_in_the_callback_that_is_kept_after_all() {
    let mut house = taken();
    house.effects(Input::Key { leg: FIRST, key: Key::new(b'0').unwrap() });
    assert_eq!(ledger(house.effects(about(2, SecondCommand::Draft(named("Mme Jaffré"))))), Vec::<String>::new());
    assert_eq!(written(house.ask(SecondCommand::Resume)).name.as_str(), "Mme Jaffré");
}

#[test]
fn the_last_word_about_a_call_that_is_over_does_nothing_to_the_next_double_call() {
    let mut house = taken();
    house.ask(SecondCommand::Done);
    house.effects(known(CALLER_3, 3));
    house.wait(1_000, &[]);
    house.effects(Input::Key { leg: FIRST, key: Key::new(b'2').unwrap() });
    assert_eq!(house.shown(), Some("second"));
    house.effects(about(2, SecondCommand::Draft(named("Mme Jaffré"))));
    assert_eq!(house.line.status().second_call.unwrap().name, "");
    assert_eq!(ledger(house.effects(about(2, SecondCommand::Save(named("Mme Jaffré"))))), ["callback 1 Open x0 due 1800"]);
    assert_eq!(house.shown(), Some("second"));
}

#[test]
fn settled_after_10_s_is_too_late() {
    let mut house = taken();
    house.effects(Input::Gone { leg: CALLER_2, why: Gone::HungUp });
    house.wait(10_001, &[]);
    assert_eq!(house.page_refusal(SecondCommand::Done), "reply 7 Err(Conflict(\"Aucun double appel n'attend cette action.\"))");
}

#[test]
fn the_page_saves_a_corrected_number_ends_call_2_and_goes_back() {
    let mut house = taken();
    house.page(
        SecondCommand::Save(Box::new(number("0639980007"))),
        &[
            "draft of 2",
            "play in2 HoldMusic",
            "join in1 1",
            "show 06 39 98 00 01 on 1",
            "hang up in2",
            "end 2 answered: promised",
            "reply 7 Ok(())",
        ],
    );
}

#[test]
fn key_1_with_a_withheld_number_and_nothing_typed_is_a_low_tone_and_nothing_happens() {
    let mut house = talking();
    house.rings(CALLER_2, &["open 2 incoming", "overlay 1 Some(Waiting)"]);
    house.wait(1_000, &[]);
    house.key(
        FIRST,
        '2',
        &["overlay 1 None", "play in1 HoldMusic", "answer in2", "join in2 1", "write 2 answered by 11", "show numéro masqué on 1"],
    );
    house.key(FIRST, '1', &["overlay 1 Some(LowTone)"]);
    assert_eq!(house.shown(), Some("second"));
    let refused = house.page_refusal(SecondCommand::Save(Box::default()));
    assert!(refused.contains("number"), "{refused}");
    house.page(SecondCommand::Draft(Box::new(number("0639980007"))), &["draft of 2"]);
    house.key(FIRST, '1', &["play in2 HoldMusic", "join in1 1", "show 06 39 98 00 01 on 1", "hang up in2", "end 2 answered: promised"]);
}

#[test]
fn resume_ends_call_2_with_what_is_known_even_withheld() {
    let mut house = talking();
    house.rings(CALLER_2, &["open 2 incoming", "overlay 1 Some(Waiting)"]);
    house.wait(1_000, &[]);
    house.effects(Input::Key { leg: FIRST, key: Key::new(b'2').unwrap() });
    house.page(
        SecondCommand::Resume,
        &["play in2 HoldMusic", "join in1 1", "show 06 39 98 00 01 on 1", "hang up in2", "end 2 answered: promised", "reply 7 Ok(())"],
    );
}

#[test]
fn the_page_hangs_up_call_2_with_its_callback_and_never_the_one_who_is_held() {
    let mut house = taken();
    house.hang_up(1, &["reply 7 Err(Conflict(\"Cet appelant est en attente : reprenez-le d'abord.\"))"]);
    house.hang_up(
        2,
        &["play in2 HoldMusic", "join in1 1", "show 06 39 98 00 01 on 1", "hang up in2", "end 2 answered: promised", "reply 7 Ok(())"],
    );
}

#[test]
fn in_second_the_phones_own_hold_plays_music_to_both() {
    let mut house = taken();
    house.tell(Input::Held { leg: FIRST, on: true }, &["play in2 Music"]);
    house.tell(Input::Held { leg: FIRST, on: false }, &["join in2 1"]);
    house.tell(Input::Held { leg: FIRST, on: true }, &["play in2 Music"]);
    house.key(FIRST, '2', &["play in2 HoldMusic", "play in1 Music", "show 06 39 98 00 01 on 1"]);
}

#[test]
fn the_agent_hears_a_short_beep_each_60_s_of_hold() {
    let mut house = taken();
    house.wait(59_999, &[]);
    house.wait(1, &["overlay 1 Some(Beep)"]);
    house.wait(60_000, &["overlay 1 Some(Beep)"]);
}

// ------------------------------------------------------------------ Swapped
#[test]
fn in_swapped_key_1_ends_call_1_and_goes_back_to_call_2() {
    let mut house = swapped();
    house.key(FIRST, '1', &["play in1 HoldMusic", "join in2 1", "show 06 39 98 00 02 on 1", "hang up in1", "end 1 answered"]);
    assert_eq!(house.shown(), None);
}

#[test]
fn in_swapped_caller_1_hangs_up_low_tone_then_talking_with_2() {
    let mut house = swapped();
    house.gone(CALLER, Gone::HungUp, &["join in2 1", "show 06 39 98 00 02 on 1", "end 1 answered", "overlay 1 Some(LowTone)"]);
}

#[test]
fn in_swapped_caller_2_leaves_while_held_row_17() {
    let mut house = swapped();
    house.gone(CALLER_2, Gone::HungUp, &["end 2 answered: left_on_hold"]);
    house.gone(CALLER, Gone::HungUp, &["hang up 1", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn in_swapped_the_page_saves_call_2_and_call_1_goes_on() {
    let mut house = swapped();
    house.page(SecondCommand::Save(Box::default()), &["draft of 2", "hang up in2", "end 2 answered: promised", "reply 7 Ok(())"]);
}

#[test]
fn in_swapped_the_agent_hangs_up_call_1_ends_and_call_2_rings_the_phone() {
    let mut house = swapped();
    house.gone(FIRST, Gone::HungUp, &["hang up in1", "end 1 answered"]);
    assert_eq!(house.shown(), Some("recall"));
    house.wait(1_000, &["ring 11 on 2"]);
}

// ------------------------------------------------------------------ Recall
fn recalled() -> House {
    let mut house = taken();
    house.gone(FIRST, Gone::HungUp, &["hang up in2", "end 2 answered: promised"]);
    house
}

#[test]
fn row_18_the_agent_hangs_up_in_second_and_the_phone_rings_a_second_later_for_call_1() {
    let mut house = recalled();
    house.wait(999, &[]);
    house.wait(1, &["ring 11 on 2"]);
    house.alive(SECOND);
    assert_eq!(house.shown(), Some("recall"));
    house.answered(SECOND, &["join in1 2", "overlay in1 Some(Prompts([\"interrompu-reprise\"]))"]);
    assert_eq!(house.shown(), None);
    house.gone(CALLER, Gone::HungUp, &["hang up 2", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn row_18_a_recall_that_nobody_answers_in_20_s_ends_with_a_word_left_on_hold() {
    let mut house = recalled();
    house.wait(1_000, &["ring 11 on 2"]);
    house.alive(SECOND);
    house.wait(20_000, &["cancel 2", "play in1 Prompts([\"rappel-sans-tarder\"])"]);
    house.tell(Input::Played { leg: CALLER }, &["hang up in1", "end 1 answered: left_on_hold"]);
    house.at_rest();
}

#[test]
fn a_recall_refused_rings_the_other_idle_phones_for_20_s() {
    let mut house = House::new();
    house.talk();
    house.rings(CALLER_2, &["open 2 incoming", "ring 12 on 3"]);
    house.refused(THIRD, Refusal::Busy, &["overlay 1 Some(Waiting)"]);
    house.wait(1_000, &[]);
    house.effects(Input::Key { leg: FIRST, key: Key::new(b'2').unwrap() });
    house.gone(FIRST, Gone::HungUp, &["hang up in2", "end 2 answered: promised"]);
    house.wait(1_000, &["ring 11 on 4"]);
    house.refused(LegId(4), Refusal::Busy, &["ring 12 on 5"]);
    house.alive(LegId(5));
    house.wait(20_000, &["cancel 5", "play in1 Prompts([\"rappel-sans-tarder\"])"]);
    house.wait(10_000, &["hang up in1", "end 1 answered: left_on_hold"]);
    house.at_rest();
}

#[test]
fn the_held_caller_leaves_during_the_recall_and_the_phone_stops_ringing() {
    let mut house = recalled();
    house.wait(1_000, &["ring 11 on 2"]);
    house.gone(CALLER, Gone::HungUp, &["cancel 2", "end 1 answered: left_on_hold"]);
    house.at_rest();
}

#[test]
fn during_a_recall_the_phone_counts_as_in_a_call_and_dnd_or_closing_does_not_stop_it() {
    let mut house = recalled();
    house.tell(known(CALLER_3, 3), &["open 3 incoming", "refuse in3 Busy", "end 3 missed: busy during 1"]);
    house.tell(Input::DoNotDisturb { extension: ext("11"), on: true }, &[]);
    house.tell(Input::Open(false), &[]);
    house.wait(1_000, &["ring 11 on 2"]);
}

#[test]
fn in_second_the_phone_is_lost_call_2_is_cut_and_call_1_rings() {
    let mut house = taken();
    house.gone(FIRST, Gone::Lost, &["hang up in2", "end 2 answered: cut"]);
    house.wait(1_000, &["ring 11 on 2"]);
    house.wait(4_000, &["cancel 2", "play in1 Prompts([\"rappel-sans-tarder\"])"]);
}

// ------------------------------------------------------------------ the rest of section 4
#[test]
fn refer_in_second_sends_the_party_heard_and_the_other_resumes_or_recalls_if_the_phone_hangs_up() {
    let mut house = House::new();
    house.talk();
    house.rings(CALLER_2, &["open 2 incoming", "ring 12 on 3"]);
    house.refused(THIRD, Refusal::Busy, &["overlay 1 Some(Waiting)"]);
    house.wait(1_000, &[]);
    house.effects(Input::Key { leg: FIRST, key: Key::new(b'2').unwrap() });
    house.tell(
        Input::Transfers { leg: FIRST, digits: "12".into() },
        &["transfer of 1 accepted", "transfer of 1 ends 200", "play in2 Ringback", "ring 12 on 4", "join in1 1", "show numéro masqué on 1"],
    );
    house.alive(LegId(4));
    house.answered(LegId(4), &["join in2 4"]);
    house.gone(FIRST, Gone::HungUp, &["play in1 HoldMusic"]);
    house.wait(1_000, &["ring 11 on 5"]);
    house.answered(LegId(5), &["join in1 5", "overlay in1 Some(Prompts([\"interrompu-reprise\"]))"]);
}

#[test]
fn a_further_call_that_waits_on_the_phone_by_then_does_not_keep_the_bye_of_the_transfer_from_recalling_the_resumed_caller() {
    let mut house = Plans { phones: &["11", "12", "13"], ..Plans::default() }.house();
    for extension in ["12", "13"] {
        house.tell(Input::DoNotDisturb { extension: ext(extension), on: true }, &[]);
    }
    house.rings(CALLER, &["open 1 incoming", "ring 11 on 1"]);
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by 11"]);
    house.rings(CALLER_2, &["open 2 incoming", "overlay 1 Some(Waiting)"]);
    house.wait(1_000, &[]);
    house.effects(Input::Key { leg: FIRST, key: Key::new(b'2').unwrap() });
    house.tell(Input::DoNotDisturb { extension: ext("13"), on: false }, &[]);
    house.rings(CALLER_3, &["open 3 incoming", "ring 13 on 2"]);
    house.alive(SECOND);
    house.wait(8_000, &[]);
    house.tell(Input::DoNotDisturb { extension: ext("12"), on: false }, &["ring 12 on 3"]);
    house.refused(THIRD, Refusal::Busy, &[]);
    house.tell(
        Input::Transfers { leg: FIRST, digits: "00639980009".into() },
        &[
            "transfer of 1 accepted",
            "transfer of 1 ends 200",
            "play in2 Music",
            "call out on 4 by trunk 0",
            "join in1 1",
            "show numéro masqué on 1",
            "overlay 1 Some(Waiting)",
        ],
    );
    house.gone(FIRST, Gone::HungUp, &["play in1 HoldMusic"]);
    assert_eq!(house.shown(), Some("recall"));
    house.wait(1_000, &["ring 11 on 5"]);
    house.answered(LegId(5), &["join in1 5", "overlay in1 Some(Prompts([\"interrompu-reprise\"]))", "overlay 5 Some(Waiting)"]);
}

#[test]
fn refer_in_second_and_a_phone_that_never_acknowledged_leaves_no_leg_behind() {
    let mut house = House::new();
    house.talk();
    house.rings(CALLER_2, &["open 2 incoming", "ring 12 on 3"]);
    house.refused(THIRD, Refusal::Busy, &["overlay 1 Some(Waiting)"]);
    house.wait(1_000, &[]);
    house.effects(Input::Key { leg: FIRST, key: Key::new(b'2').unwrap() });
    house.effects(Input::Transfers { leg: FIRST, digits: "12".into() });
    house.gone(FIRST, Gone::NeverAcknowledged, &["play in1 HoldMusic", "hang up 1"]);
    house.wait(1_000, &["ring 11 on 5"]);
}

#[test]
fn typing_61_opens_the_keypad_and_from_then_on_call_2_is_taken_from_the_page_only() {
    let mut house = talking();
    house.key(FIRST, '6', &[]);
    house.key(FIRST, '1', &["keys of 1 to in1"]);
    house.tell(known(CALLER_2, 2), &["open 2 incoming", "overlay 1 Some(Waiting)"]);
    house.wait(1_000, &[]);
    house.key(FIRST, '2', &[]);
    assert!(house.line.status().calls[0].keypad);
    house.page(
        SecondCommand::Take { end_first: false },
        &[
            "overlay 1 None",
            "play in1 HoldMusic",
            "answer in2",
            "join in2 1",
            "write 2 answered by 11",
            "keys of 1 ours",
            "show 06 39 98 00 02 on 1",
            "reply 7 Ok(())",
        ],
    );
    house.key(FIRST, '2', &["play in2 HoldMusic", "join in1 1", "keys of 1 to in1", "show 06 39 98 00 01 on 1"]);
}

#[test]
fn the_keypad_of_an_incoming_call_closes_after_idle_seconds() {
    let mut house = talking();
    house.key(FIRST, '6', &[]);
    house.key(FIRST, '1', &["keys of 1 to in1"]);
    house.wait(59_000, &[]);
    house.key(FIRST, '5', &[]);
    house.wait(59_999, &[]);
    house.wait(1, &["keys of 1 ours"]);
    house.key(FIRST, '5', &["overlay 1 Some(LowTone)"]);
}

#[test]
fn a_keypad_that_was_open_before_the_hold_closes_after_it_too() {
    let mut house = waiting();
    for sign in ['6', '1'] {
        house.effects(Input::Key { leg: FIRST, key: Key::new(u8::try_from(sign).unwrap()).unwrap() });
    }
    house.ask(SecondCommand::Take { end_first: false });
    house.key(FIRST, '2', &["play in2 HoldMusic", "join in1 1", "keys of 1 to in1", "show 06 39 98 00 01 on 1"]);
    house.wait(59_999, &[]);
    house.wait(1, &["overlay 1 Some(Beep)", "keys of 1 ours"]);
}

#[test]
fn with_the_keypad_open_in_both_calls_keys_go_to_the_one_who_is_heard() {
    let mut house = Plans { phones: &["11"], code_required: false, ..Plans::default() }.house();
    house.tell(known(CALLER, 1), &["open 1 incoming", "ring 11 on 1"]);
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by 11", "keys of 1 to in1"]);
    house.tell(known(CALLER_2, 2), &["open 2 incoming", "overlay 1 Some(Waiting)"]);
    house.wait(1_000, &[]);
    let effects = house.ask(SecondCommand::Take { end_first: false });
    assert!(effects.iter().map(words).any(|word| word == "keys of 1 to in2"), "{effects:?}");
    let effects = house.ask(SecondCommand::Swap);
    assert!(effects.iter().map(words).any(|word| word == "keys of 1 to in1"), "{effects:?}");
}

#[test]
fn typing_61_in_any_state_never_ends_a_call() {
    for mut house in [talking(), waiting(), taken(), swapped()] {
        let calls = house.line.counts().0;
        for sign in ['6', '1'] {
            house.effects(Input::Key { leg: FIRST, key: Key::new(u8::try_from(sign).unwrap()).unwrap() });
        }
        assert_eq!(house.line.counts().0, calls);
    }
}

#[test]
fn second_call_phone_leaves_call_2_to_the_phones_own_call_waiting_and_the_page_follows() {
    let mut house = Plans { phones: &["11"], second_by_phone: true, ..Plans::default() }.house();
    house.tell(known(CALLER, 1), &["open 1 incoming", "ring 11 on 1"]);
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by 11"]);
    house.tell(known(CALLER_2, 2), &["open 2 incoming", "ring 11 on 2"]);
    assert_eq!(house.shown(), Some("waiting"));
    house.tell(Input::Held { leg: FIRST, on: true }, &["play in1 Music"]);
    house.answered(SECOND, &["answer in2", "join in2 2", "write 2 answered by 11"]);
    assert_eq!(house.shown(), Some("second"));
    house.tell(known(CALLER_3, 3), &["open 3 incoming", "refuse in3 Busy", "end 3 missed: busy during 1"]);
    house.tell(Input::Held { leg: SECOND, on: true }, &["play in2 Music"]);
    house.tell(Input::Held { leg: FIRST, on: false }, &["join in1 1"]);
    assert_eq!(house.shown(), Some("swapped"));
    house.gone(SECOND, Gone::HungUp, &["hang up in2", "end 2 answered: promised"]);
    assert_eq!(house.shown(), None);
    house.gone(CALLER, Gone::HungUp, &["hang up 1", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn second_call_phone_nothing_is_saved_or_settled_of_a_call_that_only_rings_or_is_with_the_attendant() {
    let mut house = Plans { phones: &["11"], second_by_phone: true, attendant: true, ..Plans::default() }.house();
    house.tell(known(CALLER, 1), &["open 1 incoming", "ring 11 on 1"]);
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by 11"]);
    house.tell(known(CALLER_2, 2), &["open 2 incoming", "ring 11 on 2"]);
    house.recorded(3, &["ringing in2"]);
    house.alive(SECOND);
    let nothing = "reply 7 Err(Conflict(\"Aucun double appel n'attend cette action.\"))";
    let ends = || [SecondCommand::Save(Box::default()), SecondCommand::Resume, SecondCommand::Done];
    ends().into_iter().for_each(|what| house.page(what, &[nothing]));
    house.pass(std::time::Duration::from_secs(18));
    assert_eq!(house.shown(), Some("attendant"));
    ends().into_iter().for_each(|what| house.page(what, &[nothing]));
    assert!(house.ask(SecondCommand::Take { end_first: false }).iter().map(words).any(|word| word == "join in2 1"));
}

#[test]
fn second_call_phone_refused_by_the_phone_is_busy_and_the_page_saves_like_ours() {
    let mut house = Plans { phones: &["11"], second_by_phone: true, ..Plans::default() }.house();
    house.tell(known(CALLER, 1), &["open 1 incoming", "ring 11 on 1"]);
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by 11"]);
    house.tell(known(CALLER_2, 2), &["open 2 incoming", "ring 11 on 2"]);
    house.refused(SECOND, Refusal::Busy, &["refuse in2 Busy", "end 2 missed: busy during 1"]);
    house.tell(known(CALLER_3, 3), &["open 3 incoming", "ring 11 on 3"]);
    house.tell(Input::Held { leg: FIRST, on: true }, &["play in1 Music"]);
    house.answered(THIRD, &["answer in3", "join in3 3", "write 3 answered by 11"]);
    house.page(
        SecondCommand::Save(Box::default()),
        &["draft of 3", "hang up 3", "hang up in3", "end 3 answered: promised", "reply 7 Ok(())"],
    );
    house.tell(Input::Held { leg: FIRST, on: false }, &["join in1 1"]);
    house.gone(CALLER, Gone::HungUp, &["hang up 1", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn a_colleague_who_was_held_and_leaves_needs_no_callback() {
    let mut house = House::new();
    house.dials(CALLER, "12", "11", &["open 1 internal", "ring 11 on 1"]);
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by 11"]);
    house.tell(known(CALLER_2, 2), &["open 2 incoming", "overlay 1 Some(Waiting)", "overlay in1 Some(Waiting)"]);
    house.wait(1_000, &[]);
    house.key(
        FIRST,
        '2',
        &[
            "overlay 1 None",
            "play in1 HoldMusic",
            "overlay in1 None",
            "answer in2",
            "join in2 1",
            "write 2 answered by 11",
            "show 06 39 98 00 02 on 1",
        ],
    );
    house.gone(CALLER, Gone::HungUp, &["end 1 answered"]);
    assert_eq!(house.shown(), None);
}

#[test]
fn a_stop_ends_the_held_one_left_on_hold_and_the_other_with_its_callback() {
    let mut house = taken();
    house.tell(
        Input::Stop,
        &["hang up in1", "end 1 answered: left_on_hold", "hang up 1", "hang up in2", "end 2 answered: promised", "idle"],
    );
    house.at_rest();
}

#[test]
fn second_call_phone_a_stop_ends_the_held_one_left_on_hold_and_the_other_with_its_callback() {
    let mut house = Plans { phones: &["11"], second_by_phone: true, ..Plans::default() }.house();
    house.tell(known(CALLER, 1), &["open 1 incoming", "ring 11 on 1"]);
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by 11"]);
    house.tell(known(CALLER_2, 2), &["open 2 incoming", "ring 11 on 2"]);
    house.tell(Input::Held { leg: FIRST, on: true }, &["play in1 Music"]);
    house.answered(SECOND, &["answer in2", "join in2 2", "write 2 answered by 11"]);
    house.tell(
        Input::Stop,
        &["hang up 1", "hang up in1", "end 1 answered: left_on_hold", "hang up 2", "hang up in2", "end 2 answered: promised", "idle"],
    );
    house.at_rest();
}

impl House {
    fn page_refusal(&mut self, what: SecondCommand) -> String {
        self.ask(what).iter().map(words).collect()
    }
}

#[test]
fn who_acts_on_a_double_call_by_its_id_acts_on_the_own_phone_and_on_a_colleagues_only_if_it_is_not_there() {
    let second = |person: &str, what| {
        let target = Box::new(SecondTarget { id: Some(CallId(3)), extension: None });
        Input::Page { ticket: Ticket(7), command: Command::Second { person: person.into(), target, what } }
    };
    let both_wait = || {
        let mut house = House::new();
        house.talk();
        house.rings(CALLER_2, &["open 2 incoming", "ring 12 on 3"]);
        house.answered(THIRD, &["answer in2", "join in2 3", "write 2 answered by 12"]);
        house.rings(CALLER_3, &["open 3 incoming", "overlay 1 Some(Waiting)", "overlay 3 Some(Waiting)"]);
        house.wait(1_000, &[]);
        house
    };
    let mut house = both_wait();
    house.tell(second("P12", SecondCommand::SendAway), &["overlay 3 None", "reply 7 Ok(())"]);
    // it waits on the colleague's phone alone now
    let taken = house.effects(second("P12", SecondCommand::Take { end_first: false }));
    assert!(taken.iter().any(|effect| words(effect) == "join in3 1"), "{:?}", taken.iter().map(words).collect::<Vec<_>>());

    let mut house = both_wait();
    let taken: Vec<String> = house.effects(second("P12", SecondCommand::Take { end_first: false })).iter().map(words).collect();
    assert!(taken.contains(&"join in3 3".to_owned()), "{taken:?}");
}

#[test]
fn the_last_letters_of_a_form_whose_phone_was_hung_up_in_swapped_are_kept_while_its_caller_is_recalled() {
    let mut house = swapped();
    house.gone(FIRST, Gone::HungUp, &["hang up in1", "end 1 answered"]);
    let note = Fields { note: Some("bris de glace".into()), ..Fields::default() };
    let draft = |id| Input::Page {
        ticket: Ticket(7),
        command: Command::Second {
            person: "P11".into(),
            target: Box::new(SecondTarget { id, extension: None }),
            what: SecondCommand::Draft(Box::new(note.clone())),
        },
    };
    house.tell(draft(None), &["reply 7 Err(Conflict(\"Aucun double appel n'attend cette action.\"))"]);
    house.tell(draft(Some(CallId(2))), &["draft of 2"]);
    let kept = house.effects(Input::Gone { leg: CALLER_2, why: Gone::HungUp });
    let note = kept.iter().find_map(|effect| if let Effect::Record(_, Record::Callback(c)) = effect { Some(c.note.clone()) } else { None });
    assert_eq!(note.as_deref(), Some("bris de glace"));
}
