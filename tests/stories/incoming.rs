//! Incoming calls: sections 2 and 3 of the rules, up to the answer.

use rappel::domain::identity::Caller;
use rappel::domain::text::ScreenText;
use rappel::switchboard::effect::Effect;
use rappel::switchboard::input::{Gone, Input, Progress, Refusal};

use crate::house::*;

const BOTH_RING: &[&str] = &["open 1 incoming", "ring 11 on 1", "ring 12 on 2"];

#[test]
fn row_01_answered_at_a_phone_then_hung_up_by_the_caller_is_answered() {
    let mut house = House::new();
    house.talk();
    house.gone(CALLER, Gone::HungUp, &["hang up 1", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn row_01_answered_at_a_phone_then_hung_up_by_the_phone_is_answered() {
    let mut house = House::new();
    house.talk();
    house.gone(FIRST, Gone::HungUp, &["hang up in1", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn row_02_answered_at_phone_a_while_b_and_c_rang_is_one_row_one_answerer() {
    let mut house = Plans { phones: &["11", "12", "13"], ..Plans::default() }.house();
    house.rings(CALLER, &["open 1 incoming", "ring 11 on 1", "ring 12 on 2", "ring 13 on 3"]);
    house.recorded(1, &["ringing in1"]);
    house.answered(SECOND, &["answer in1", "join in1 2", "cancel 1 elsewhere", "cancel 3 elsewhere", "write 1 answered by 12"]);
    house.answered(THIRD, &["hang up 3"]);
    house.gone(CALLER, Gone::HungUp, &["hang up 2", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn row_03_caller_hangs_up_while_ringing_after_1_s_is_short() {
    let mut house = House::new();
    house.rings(CALLER, BOTH_RING);
    house.wait(1000, &[]);
    house.gone(CALLER, Gone::HungUp, &["cancel 1", "cancel 2", "end 1 missed: caller_gave_up short"]);
    house.at_rest();
}

#[test]
fn row_03_caller_hangs_up_just_before_the_end() {
    let mut house = House::new();
    house.rings(CALLER, BOTH_RING);
    house.recorded(1, &["ringing in1"]);
    house.alive(FIRST);
    house.alive(SECOND);
    house.wait(17_999, &[]);
    house.gone(CALLER, Gone::HungUp, &["cancel 1", "cancel 2", "end 1 missed: caller_gave_up"]);
    house.at_rest();
}

#[test]
fn row_04_nobody_answers_within_ring_seconds() {
    let mut house = House::new();
    house.rings(CALLER, BOTH_RING);
    house.recorded(1, &["ringing in1"]);
    house.alive(FIRST);
    house.alive(SECOND);
    house.wait(18_000, &["cancel 1", "cancel 2", "refuse in1 Unavailable", "end 1 missed: no_answer"]);
    house.at_rest();
}

#[test]
fn row_05_every_phone_refuses() {
    for why in [Refusal::Busy, Refusal::NoAnswer, Refusal::Other(404), Refusal::Moved("0639980001".into())] {
        let mut house = House::new();
        house.rings(CALLER, BOTH_RING);
        house.recorded(1, &["ringing in1"]);
        house.refused(FIRST, why.clone(), &[]);
        house.refused(SECOND, why, &["refuse in1 Busy", "end 1 missed: refused"]);
        house.at_rest();
    }
}

#[test]
fn row_05_do_not_disturb_while_it_rings_is_a_refusal() {
    let mut house = House::new();
    house.rings(CALLER, BOTH_RING);
    house.refused(FIRST, Refusal::Busy, &[]);
    let dnd = Input::DoNotDisturb { extension: ext("12"), on: true };
    house.tell(dnd, &["cancel 2", "refuse in1 Busy", "end 1 missed: refused"]);
    house.at_rest();
}

#[test]
fn row_05_one_refuses_and_the_other_is_absent() {
    let mut house = House::new();
    house.rings(CALLER, BOTH_RING);
    house.refused(FIRST, Refusal::Busy, &[]);
    house.wait(4000, &["cancel 2", "refuse in1 Busy", "end 1 missed: refused"]);
    house.at_rest();
}

#[test]
fn row_06_no_phone_registered() {
    let mut house = Plans { registered: false, ..Plans::default() }.house();
    house.rings(CALLER, &["open 1 incoming", "refuse in1 Unavailable", "end 1 missed: no_phone"]);
    house.at_rest();
}

#[test]
fn row_06_none_replies() {
    let mut house = House::new();
    house.rings(CALLER, BOTH_RING);
    house.recorded(1, &["ringing in1"]);
    house.refused(FIRST, Refusal::Silent, &[]);
    house.wait(3999, &[]);
    house.wait(1, &["cancel 2", "refuse in1 Unavailable", "end 1 missed: no_phone"]);
    house.at_rest();
}

#[test]
fn row_07_one_phone_refuses_another_answers() {
    let mut house = House::new();
    house.rings(CALLER, BOTH_RING);
    house.refused(FIRST, Refusal::Busy, &[]);
    house.answered(SECOND, &["answer in1", "join in1 2", "write 1 answered by 12"]);
    house.recorded(1, &[]);
    house.gone(SECOND, Gone::HungUp, &["hang up in1", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn row_08_phone_answers_but_the_callers_cancel_crossed_it() {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    house.rings(CALLER, &["open 1 incoming", "ring 11 on 1"]);
    house.wait(5, &[]);
    house.gone(CALLER, Gone::HungUp, &["cancel 1", "end 1 missed: caller_gave_up short"]);
    house.answered(FIRST, &["hang up 1"]);
    house.at_rest();
}

#[test]
fn row_09_the_ack_never_comes_from_the_trunk_and_no_sound_either() {
    let mut house = House::new();
    house.talk();
    house.gone(CALLER, Gone::NeverAcknowledged, &["hang up 1", "hang up in1", "end 1 missed: failed"]);
    house.at_rest();
}

#[test]
fn row_10_outside_opening_hours_no_phone_rings() {
    let mut house = House::new();
    house.tell(Input::Open(false), &[]);
    house.rings(CALLER, &["open 1 incoming", "refuse in1 Unavailable", "end 1 missed: closed"]);
    assert!(!house.line.status().open);
    house.at_rest();
}

#[test]
fn a_call_ringing_at_closing_time_rings_on() {
    let mut house = House::new();
    house.rings(CALLER, BOTH_RING);
    house.tell(Input::Open(false), &[]);
    house.answered(FIRST, &["answer in1", "join in1 1", "cancel 2 elsewhere", "write 1 answered by 11"]);
}

#[test]
fn row_20_all_channels_taken() {
    let mut house = Plans { channels: 1, ..Plans::default() }.house();
    house.talk();
    house.rings(CALLER_2, &["open 2 incoming", "refuse in2 Busy", "end 2 missed: overloaded"]);
    house.gone(CALLER, Gone::HungUp, &["hang up 1", "end 1 answered"]);
    house.rings(CALLER_2, &["open 3 incoming", "ring 11 on 3", "ring 12 on 4"]);
}

#[test]
fn row_20_all_ports_or_tables_taken() {
    let mut house = House::new();
    house.tell(
        Input::Overloaded { caller: Caller::Withheld, name: ScreenText::default() },
        &["open 1 incoming", "end 1 missed: overloaded"],
    );
    house.at_rest();
}

#[test]
fn row_21_malformed_or_codec_less_offer() {
    let mut house = House::new();
    let Input::Rings { leg, trunk, caller, name, .. } = ring(CALLER) else { unreachable!() };
    let unusable = Input::Rings { leg, trunk, caller, name, usable: false };
    house.tell(unusable, &["open 1 incoming", "refuse in1 NotAcceptable", "end 1 missed: failed"]);
    house.at_rest();
}

#[test]
fn row_28_the_trunks_cancel_says_taken_elsewhere() {
    let mut house = House::new();
    house.rings(CALLER, BOTH_RING);
    house.gone(CALLER, Gone::Elsewhere, &["cancel 1", "cancel 2", "end 1 answered: elsewhere"]);
    house.at_rest();
}

#[test]
fn row_29_with_the_attendant_off_a_call_in_the_way_is_named() {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    house.rings(CALLER, &["open 1 incoming", "ring 11 on 1"]);
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by 11"]);
    // one that may not be disturbed does not hear the waiting tone either
    house.tell(Input::DoNotDisturb { extension: ext("11"), on: true }, &[]);
    house.rings(CALLER_2, &["open 2 incoming", "refuse in2 Busy", "end 2 missed: refused"]);
    house.tell(Input::DoNotDisturb { extension: ext("11"), on: false }, &[]);
    house.rings(theirs(3), &["open 3 incoming", "overlay 1 Some(Waiting)"]);
    house.rings(theirs(4), &["open 4 incoming", "refuse in4 Busy", "end 4 missed: busy during 1"]);
}

#[test]
fn while_all_phones_ring_the_caller_waits_and_a_phone_that_becomes_idle_rings_at_once() {
    let mut house = House::new();
    house.rings(CALLER, BOTH_RING);
    house.rings(CALLER_2, &["open 2 incoming"]);
    house.recorded(2, &["ringing in2"]);
    house.answered(FIRST, &["answer in1", "join in1 1", "cancel 2 elsewhere", "write 1 answered by 11", "ring 12 on 3"]);
    house.gone(FIRST, Gone::HungUp, &["hang up in1", "end 1 answered", "ring 11 on 4"]);
    house.alive(LegId(3));
    house.alive(LegId(4));
    house.wait(18_000, &["cancel 3", "cancel 4", "refuse in2 Unavailable", "end 2 missed: no_answer"]);
    house.at_rest();
}

#[test]
fn a_phone_that_dials_is_neither_idle_nor_in_a_call() {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    house.dials(theirs(9), "11", "0639980001", &["open 1 outgoing", "call out on 1 by trunk 0"]);
    house.rings(CALLER, &["open 2 incoming", "overlay in9 Some(Waiting)"]);
    house.gone(theirs(9), Gone::HungUp, &["cancel 1", "end 1 cancelled"]);
    house.wait(1_000, &["ring 11 on 2"]);
    house.gone(CALLER, Gone::HungUp, &["cancel 2", "end 2 missed: caller_gave_up short"]);
    house.at_rest();
}

#[test]
fn a_phone_that_registers_rings_for_a_waiting_caller() {
    let mut house = House::new();
    house.tell(Input::Phone { extension: ext("12"), registered: false }, &[]);
    house.rings(CALLER, &["open 1 incoming", "ring 11 on 1"]);
    house.tell(Input::Phone { extension: ext("12"), registered: true }, &["ring 12 on 2"]);
}

#[test]
fn a_302_is_followed_to_an_extension_once() {
    let mut house = Plans { phones: &["11", "12", "13"], ..Plans::default() }.house();
    for e in ["12", "13"] {
        house.tell(Input::DoNotDisturb { extension: ext(e), on: true }, &[]);
    }
    house.rings(CALLER, &["open 1 incoming", "ring 11 on 1"]);
    // 12 wishes not to be disturbed, 12 is not disturbed.
    house.refused(FIRST, Refusal::Moved("12".into()), &["refuse in1 Busy", "end 1 missed: refused"]);
    let mut house = Plans { phones: &["11", "12", "13"], ..Plans::default() }.house();
    house.rings(CALLER, &["open 1 incoming", "ring 11 on 1", "ring 12 on 2", "ring 13 on 3"]);
    house.refused(SECOND, Refusal::Busy, &[]);
    house.refused(FIRST, Refusal::Moved("12".into()), &[]);
    house.refused(THIRD, Refusal::Moved("11".into()), &["refuse in1 Busy", "end 1 missed: refused"]);
    house.at_rest();
}

#[test]
fn a_302_rings_a_phone_outside_the_group() {
    let mut house = Plans { phones: &["11", "12"], ring: Some(&["11"]), ..Plans::default() }.house();
    house.rings(CALLER, &["open 1 incoming", "ring 11 on 1"]);
    house.refused(FIRST, Refusal::Moved("12".into()), &["ring 12 on 2"]);
    house.answered(SECOND, &["answer in1", "join in1 2", "write 1 answered by 12"]);
}

#[test]
fn a_sign_of_life_keeps_a_phone_ringing_past_4_s() {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    house.rings(CALLER, &["open 1 incoming", "ring 11 on 1"]);
    house.tell(Input::Progress { leg: FIRST, what: Progress::Alive }, &[]);
    house.wait(10_000, &[]);
}

#[test]
fn a_phone_shows_the_number_and_the_name() {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    let Input::Rings { leg, trunk, usable, .. } = ring(CALLER) else { unreachable!() };
    let name = ScreenText::clean("Jeanne Martin");
    let effects = house.effects(Input::Rings { leg, trunk, caller: Caller::Extension("23".into()), name, usable });
    let shown = Effect::RingPhone { leg: FIRST, extension: ext("11"), number: "poste 23".into(), name: "Jeanne Martin".into() };
    assert_eq!(effects[1], shown);
}

#[test]
fn three_calls_cancelled_at_the_same_delay_raise_the_operators_voicemail() {
    let mut house = House::new();
    for n in 0..3 {
        house.effects(ring(theirs(n)));
        house.pass(std::time::Duration::from_millis(3_600));
        house.effects(Input::Gone { leg: theirs(n), why: Gone::HungUp });
    }
    let said = "operator_voicemail: Votre opérateur reprend les appels au bout de 4 s : coupez sa messagerie ou baissez ring_seconds.";
    assert_eq!(house.alerts(), [said]);
}

#[test]
fn an_invite_from_an_unknown_address_raises_a_banner_once() {
    let mut house = House::new();
    for _ in 0..2 {
        house.tell(Input::UnknownSource { address: "192.0.2.9".parse().unwrap() }, &[]);
    }
    assert_eq!(house.alerts(), ["unknown_source: Un appel est arrivé d'une adresse inconnue (192.0.2.9) ; l'ajouter à peers ?"]);
}

#[test]
fn row_27_a_lost_trunk_is_a_banner_then_an_outage_row() {
    let mut house = House::new();
    house.tell(Input::Trunk { trunk: 0, usable: true }, &[]);
    house.tell(Input::Trunk { trunk: 0, usable: false }, &[]);
    assert_eq!(house.alerts(), ["outage: La ligne t0 est hors service : des appels se perdent peut-être."]);
    house.wait(90_000, &[]);
    house.tell(Input::Trunk { trunk: 0, usable: true }, &["outage of t0, 90 s"]);
    assert_eq!(house.alerts(), Vec::<String>::new());
}

#[test]
fn row_27_a_loss_that_lasts_until_the_service_ends_has_its_row_too() {
    let mut house = House::new();
    house.tell(Input::Trunk { trunk: 0, usable: false }, &[]);
    house.wait(1_200_000, &[]);
    house.tell(Input::Stop, &["outage of t0, 1200 s", "idle"]);
}

#[test]
fn the_banner_of_a_refused_registration_goes_when_it_is_accepted() {
    let mut house = House::new();
    house.tell(Input::TrunkRefused { trunk: 0, status: 403 }, &[]);
    house.tell(Input::Trunk { trunk: 0, usable: false }, &[]);
    assert_eq!(house.alerts().len(), 2);
    house.wait(600_000, &[]);
    house.tell(Input::Trunk { trunk: 0, usable: true }, &["outage of t0, 600 s"]);
    assert_eq!(house.alerts(), Vec::<String>::new());
}

#[test]
fn a_phone_that_wants_credentials_of_us_was_not_reached() {
    for (status, end) in [(401, "no_phone"), (407, "no_phone"), (404, "refused"), (500, "refused")] {
        let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
        house.rings(CALLER, &["open 1 incoming", "ring 11 on 1"]);
        let refuse = if end == "refused" { "refuse in1 Busy" } else { "refuse in1 Unavailable" };
        house.refused(FIRST, Refusal::Other(status), &[refuse, &format!("end 1 missed: {end}")]);
    }
}

#[test]
fn while_the_only_phone_listens_to_us_a_caller_waits_for_it() {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    house.effects(Input::Dials { leg: theirs(9), extension: ext("11"), digits: "*97".to_owned() });
    house.rings(CALLER, &["open 2 incoming"]);
    house.gone(theirs(9), Gone::HungUp, &["ring 11 on 1"]);
}

#[test]
fn the_page_hangs_up_a_ringing_call_as_refused() {
    let mut house = House::new();
    house.rings(CALLER, BOTH_RING);
    house.hang_up(1, &["cancel 1", "cancel 2", "refuse in1 Busy", "end 1 missed: refused", "reply 7 Ok(())"]);
    house.hang_up(1, &["reply 7 Err(NotFound)"]);
    house.at_rest();
}

#[test]
fn a_drain_refuses_new_calls_and_is_idle_when_the_last_has_ended() {
    let mut house = House::new();
    house.talk();
    house.tell(Input::Drain, &[]);
    house.rings(CALLER_2, &["open 2 incoming", "refuse in2 Unavailable", "end 2 missed: no_phone"]);
    house.gone(CALLER, Gone::HungUp, &["hang up 1", "end 1 answered", "idle"]);
    house.tell(Input::Stop, &["idle"]);
}

#[test]
fn a_stop_ends_everything() {
    let mut house = Plans { phones: &["11", "12", "13"], ..Plans::default() }.house();
    house.rings(CALLER, &["open 1 incoming", "ring 11 on 1", "ring 12 on 2", "ring 13 on 3"]);
    house.answered(FIRST, &["answer in1", "join in1 1", "cancel 2 elsewhere", "cancel 3 elsewhere", "write 1 answered by 11"]);
    house.rings(CALLER_2, &["open 2 incoming", "ring 12 on 4", "ring 13 on 5"]);
    let cut = ["hang up 1", "hang up in1", "end 1 answered: cut"];
    let failed = ["cancel 4", "cancel 5", "refuse in2 Unavailable", "end 2 missed: failed", "idle"];
    house.tell(Input::Stop, &[&cut[..], &failed[..]].concat());
    house.at_rest();
}
