//! The truth table's rows of the double call, of a lost phone and of a transfer that fails, against the real process.

use std::time::Duration;

use rappel::demo::double_call::{DoubleCall, ONE, TWO, becomes, waiting};
use rappel::demo::scene::{EXPIRES, PHONES, Scene};
use rappel::demo::ua::sound::{CALLER, PHONE_11, SECOND_CALLER};
use rappel::demo::ua::{Agent, Dial, Identity, eventually};
use rappel::sip::message::Method;
use serde_json::Value;

use crate::rows_attendant::presses_and_leaves;
use crate::stage::{SOON, ended_as, quiet, scene, talking};

const THREE: &str = "0639980003";
const LONG: &str = "[line]\nring_seconds = 20\noffer_seconds = 60\n";
const SHORT: &str = "[line]\nring_seconds = 20\noffer_seconds = 3\n";
const ATTENDANT: &str = "[attendant]\nenabled = true\n";
/// Row 19 in seconds: silence, then five for an answer to the probe, then twice the silence.
const SILENCE: u64 = 2;
const LOST: Duration = Duration::from_secs(15);

/// Phone 11 alone, in call 1; call 2 waits.
fn second(changes: &str) -> (Scene, DoubleCall) {
    let scene = quiet(changes);
    assert_eq!(scene.phone_11.register(EXPIRES), 200);
    let call = waiting(&scene).unwrap();
    (scene, call)
}

/// Call 2 is taken: caller 2 and the agent hear each other.
fn taken(changes: &str) -> (Scene, DoubleCall) {
    let (scene, call) = second(changes);
    call.agent.press("2");
    assert!(call.two.wait_up(SOON) && call.two.hears(PHONE_11, SOON) && call.agent.hears(SECOND_CALLER, SOON), "2 did not take call 2");
    (scene, call)
}

/// Open callbacks in their order, once there are that many.
fn callbacks(scene: &mut Scene, wanted: usize) -> Vec<Value> {
    let client = scene.service.client().unwrap();
    let mut found = Vec::new();
    eventually(SOON, || {
        found = client.get("/api/callbacks?view=due").unwrap().json()["callbacks"].as_array().cloned().unwrap_or_default();
        found.len() == wanted
    });
    assert_eq!(found.len(), wanted, "{found:?}");
    found
}

/// The id of the row of call 1, which stands in the way.
fn first(scene: &mut Scene) -> Value {
    scene.service.row(SOON, |row| row["number"] == "+33639980001").unwrap()["id"].clone()
}

#[test]
fn row_13_second_call_the_agent_takes_it_and_saves_the_callback() {
    let (mut scene, call) = taken(LONG);
    call.agent.press("1");
    assert!(call.back_to_one(), "1 did not go back to call 1");
    ended_as(&mut scene, TWO, "answered", Some("promised"));
    let kept = callbacks(&mut scene, 1).remove(0);
    assert_eq!(
        (&kept["number"], &kept["source"], &kept["owner"]),
        (&"+33639980002".into(), &"double_call".into(), &"MEL".into()),
        "{kept}"
    );
    call.one.hang_up();
    ended_as(&mut scene, ONE, "answered", None);
}

#[test]
fn row_13b_second_call_settled_closes_an_open_callback() {
    let (mut scene, call) = taken(LONG);
    let client = scene.service.client().unwrap();
    assert_eq!(client.post("/api/callbacks", &serde_json::json!({ "number": TWO })).unwrap().status, 201);
    callbacks(&mut scene, 1);
    call.agent.press("0");
    assert!(call.back_to_one(), "0 did not go back to call 1");
    ended_as(&mut scene, TWO, "answered", None);
    callbacks(&mut scene, 0);
}

#[test]
fn row_14_second_call_the_caller_gives_up_in_the_waiting_tone() {
    let (mut scene, call) = second(LONG);
    call.two.cancel(None);
    assert_eq!(call.two.wait_final(SOON), Some(487));
    let row = ended_as(&mut scene, TWO, "missed", Some("caller_gave_up"));
    assert_eq!(row["during"], first(&mut scene), "{row}");
    callbacks(&mut scene, 1);
}

#[test]
fn row_15_second_call_nobody_takes_it_the_attendant_does() {
    let (mut scene, call) = second(&format!("{SHORT}{ATTENDANT}"));
    assert!(call.two.wait_up(SOON), "the attendant did not answer: {:?}", call.two.statuses());
    assert!(call.one.hears(PHONE_11, SOON) && call.agent.hears(CALLER, SOON), "call 1 noticed");
    presses_and_leaves(&call.two, "1");
    let row = ended_as(&mut scene, TWO, "attendant", Some("busy"));
    assert_eq!(row["during"], first(&mut scene), "{row}");
}

#[test]
fn row_15_second_call_nobody_takes_it_with_the_attendant_off() {
    let (mut scene, call) = second(SHORT);
    assert_eq!(call.two.wait_final(SOON), Some(486));
    let row = ended_as(&mut scene, TWO, "missed", Some("busy"));
    assert_eq!(row["during"], first(&mut scene), "{row}");
}

#[test]
fn row_16_second_call_sent_away_by_key_0() {
    let (mut scene, call) = second(&format!("{LONG}{ATTENDANT}"));
    call.agent.press("0");
    assert!(call.two.wait_up(SOON), "the attendant did not answer: {:?}", call.two.statuses());
    presses_and_leaves(&call.two, "1");
    ended_as(&mut scene, TWO, "attendant", Some("busy"));
}

#[test]
fn row_17_call_1_leaves_while_held_for_call_2_and_is_called_back_first() {
    let (mut scene, call) = taken(LONG);
    let client = scene.service.client().unwrap();
    assert_eq!(client.post("/api/callbacks", &serde_json::json!({ "number": THREE })).unwrap().status, 201);
    call.one.hang_up();
    ended_as(&mut scene, ONE, "answered", Some("left_on_hold"));
    assert!(becomes(&mut scene, None) && call.two.hears(PHONE_11, SOON), "call 2 does not go on");
    let queue = callbacks(&mut scene, 2);
    assert_eq!((&queue[0]["number"], &queue[0]["left_on_hold"]), (&"+33639980001".into(), &true.into()), "{queue:?}");
    call.two.hang_up();
    ended_as(&mut scene, TWO, "answered", None);
}

#[test]
fn row_18_the_agent_hangs_up_during_call_2_and_the_recall_is_refused() {
    let (mut scene, call) = taken(LONG);
    call.agent.hang_up();
    let again = scene.phone_11.expect_call(SOON).expect("the phone did not ring again");
    again.refuse(486);
    assert!(call.one.wait_ended(SOON * 3), "the held caller is not let go");
    ended_as(&mut scene, TWO, "answered", Some("promised"));
    ended_as(&mut scene, ONE, "answered", Some("left_on_hold"));
    callbacks(&mut scene, 2);
}

#[test]
fn row_19_a_phone_that_sends_no_sound_and_answers_no_probe_is_lost() {
    let mut scene = scene(&format!("{LONG}[media]\nsilence_seconds = {SILENCE}\n"));
    let (caller, leg) = talking(&scene);
    drop(leg);
    // the phone loses its power: another agent takes its place here
    scene.phone_11 = Agent::open(PHONES[0], 0, scene.service.sip, Identity::new("11", None, PHONE_11)).unwrap();
    assert!(caller.wait_ended(LOST), "the caller stays on a dead line");
    ended_as(&mut scene, ONE, "answered", Some("cut"));
    callbacks(&mut scene, 1);
}

#[test]
fn row_19_a_muted_phone_that_answers_the_probe_is_not_lost() {
    let mut scene = scene(&format!("{LONG}[media]\nsilence_seconds = {SILENCE}\n"));
    let (caller, leg) = talking(&scene);
    leg.sound().send_to(None);
    let probed = || !scene.phone_11.received(Method::Options).is_empty();
    assert!(eventually(LOST, probed), "the phone is not asked whether it lives");
    assert!(!caller.wait_ended(Duration::from_secs(5 + 2 * SILENCE)), "a muted phone was taken for a lost one");
    caller.hang_up();
    ended_as(&mut scene, ONE, "answered", None);
}

#[test]
fn row_23_transferred_and_answered_neither_there_nor_at_the_transferor() {
    let mut scene = scene(LONG);
    let (caller, leg) = talking(&scene);
    assert_eq!(leg.refer("12"), Some(202));
    let there = scene.phone_12.expect_call(SOON).expect("phone 12 did not ring");
    there.ring();
    leg.hang_up();
    assert!(!caller.wait_ended(Duration::from_millis(200)), "the transferor's BYE ended the caller");
    there.refuse(486);
    let back = scene.phone_11.expect_call(SOON).expect("the transferor's phone did not ring again");
    back.refuse(486);
    assert!(caller.wait_ended(SOON), "the caller stays on a dead line");
    ended_as(&mut scene, ONE, "answered", Some("cut"));
    callbacks(&mut scene, 1);
}

#[test]
fn row_28_on_a_shared_trunk_a_cancel_without_reason_is_missed_and_marked() {
    let mut scene = scene(&format!("{LONG}[trunk]\nshared = true\n"));
    let (caller, ..) = crate::stage::ringing(&scene);
    caller.cancel(None);
    ended_as(&mut scene, ONE, "missed", Some("caller_gave_up"));
    let kept = callbacks(&mut scene, 1).remove(0);
    assert_eq!(kept["marks"], serde_json::json!(["peut-être pris sur un autre poste"]), "{kept}");
}

/// The third call is not offered: it is answered, or refused, long before anybody's time is over.
fn third(scene: &Scene) -> rappel::demo::ua::Call {
    let three = scene.trunk.call(rappel::demo::service::NUMBER, Dial::from_number(THREE)).unwrap();
    three.sound().say(None);
    assert!(eventually(SOON, || three.statuses().iter().any(|status| *status >= 200)), "{:?}", three.statuses());
    three
}

#[test]
fn row_29_third_call_goes_to_the_attendant_at_once() {
    let (mut scene, _call) = taken(&format!("{LONG}{ATTENDANT}"));
    let three = third(&scene);
    assert!(three.wait_up(SOON), "{:?}", three.statuses());
    presses_and_leaves(&three, "1");
    let row = ended_as(&mut scene, THREE, "attendant", Some("busy"));
    assert!(row["during"].is_i64(), "{row}");
}

#[test]
fn row_29_third_call_with_the_attendant_off() {
    let (mut scene, call) = taken(LONG);
    assert_eq!(third(&scene).wait_final(SOON), Some(486));
    let row = ended_as(&mut scene, THREE, "missed", Some("busy"));
    let second = scene.service.row(SOON, |row| row["number"] == "+33639980002").unwrap();
    assert_eq!(row["during"], second["id"], "the call that the agent hears");
    assert!(call.two.hears(PHONE_11, SOON), "call 2 noticed");
}
