//! The truth table's rows that end with the attendant, or with nobody because it is off or the agency is closed, against the real process.

use std::time::Duration;

use rappel::demo::scene::Scene;
use rappel::demo::ua::{Call, Reaction, eventually};
use serde_json::Value;

use crate::stage::{ONE, SOON, ended_as, quiet, ringing, scene};

const ON: &str = "[line]\nring_seconds = 2\n[attendant]\nenabled = true";
const OFF: &str = "[line]\nring_seconds = 2";
/// One minute at midnight, all week.
const CLOSED: &str = "[hours]\nmonday = [\"00:00-00:01\"]\ntuesday = [\"00:00-00:01\"]\nwednesday = [\"00:00-00:01\"]\nthursday = [\"00:00-00:01\"]\n\
                      friday = [\"00:00-00:01\"]\nsaturday = [\"00:00-00:01\"]\nsunday = [\"00:00-00:01\"]\n";

/// The one open callback.
fn callback(scene: &mut Scene) -> Value {
    let client = scene.service.client().unwrap();
    let mut found = Vec::new();
    eventually(SOON, || {
        found = client.get("/api/callbacks?view=all").unwrap().json()["callbacks"].as_array().cloned().unwrap_or_default();
        !found.is_empty()
    });
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// The attendant has answered; the caller says nothing.
fn attended(scene: &Scene) -> Call {
    let caller = scene.caller(ONE).unwrap();
    caller.sound().say(None);
    assert!(caller.wait_up(SOON), "the attendant did not answer: {:?}", caller.statuses());
    caller
}

/// Its keys are heard, one after the other, and it leaves.
pub fn presses_and_leaves(caller: &Call, keys: &str) {
    caller.press(keys);
    assert!(eventually(SOON, || caller.sound().pressed().len() >= keys.len()), "the keys were not sent");
    // what is on its way is read
    std::thread::sleep(Duration::from_millis(300));
    caller.hang_up();
}

#[test]
fn row_5_every_phone_refuses_and_the_attendant_takes_the_call() {
    let mut scene = scene(ON);
    scene.phone_11.react(Reaction::Refuse(486, None));
    scene.phone_12.react(Reaction::Refuse(603, None));
    presses_and_leaves(&attended(&scene), "1");
    ended_as(&mut scene, ONE, "attendant", Some("refused"));
    assert_eq!(callback(&mut scene)["source"], "attendant");
}

#[test]
fn row_6_no_phone_is_registered_and_the_attendant_takes_the_call() {
    let mut scene = quiet(ON);
    presses_and_leaves(&attended(&scene), "1");
    ended_as(&mut scene, ONE, "attendant", Some("no_phone"));
}

#[test]
fn row_10_outside_opening_hours_no_phone_rings_and_the_attendant_takes_the_call() {
    let mut scene = scene(&format!("{CLOSED}{ON}"));
    let caller = attended(&scene);
    assert!(scene.phone_11.expect_call(Duration::from_millis(200)).is_none(), "a phone rings in closed hours");
    presses_and_leaves(&caller, "1");
    ended_as(&mut scene, ONE, "attendant", Some("closed"));
    callback(&mut scene);
}

#[test]
fn row_10_outside_opening_hours_with_the_attendant_off() {
    let mut scene = scene(&format!("{CLOSED}{OFF}"));
    let caller = scene.caller(ONE).unwrap();
    assert_eq!(caller.wait_final(SOON), Some(480));
    assert!(scene.phone_11.expect_call(Duration::from_millis(200)).is_none(), "a phone rings in closed hours");
    ended_as(&mut scene, ONE, "missed", Some("closed"));
    callback(&mut scene);
}

#[test]
fn row_12_number_confirmed_and_the_caller_leaves_before_the_name() {
    let mut scene = quiet(ON);
    presses_and_leaves(&attended(&scene), "1");
    ended_as(&mut scene, ONE, "attendant", Some("no_phone"));
    let kept = callback(&mut scene);
    assert_eq!((kept["number"].as_str(), &kept["marks"], &kept["clip"]), (Some("+33639980001"), &serde_json::json!([]), &Value::Null));
}

#[test]
fn row_12b_digits_typed_but_not_confirmed() {
    let mut scene = quiet(ON);
    presses_and_leaves(&attended(&scene), "20639980003");
    ended_as(&mut scene, ONE, "attendant", Some("no_phone"));
    let kept = callback(&mut scene);
    assert_eq!((kept["number"].as_str(), &kept["marks"]), (Some("+33639980003"), &serde_json::json!(["non confirmé"])), "{kept}");
    assert_eq!(kept["note"], "Appelait du 06 39 98 00 01.");
}

#[test]
fn row_3_with_the_attendant_on_who_gives_up_while_it_rings_is_missed_all_the_same() {
    let mut scene = scene("[line]\nring_seconds = 20\n[attendant]\nenabled = true");
    let (caller, leg_11, leg_12) = ringing(&scene);
    caller.cancel(None);
    assert!(leg_11.wait_ended(SOON) && leg_12.wait_ended(SOON), "a phone still rings");
    ended_as(&mut scene, ONE, "missed", Some("caller_gave_up"));
}

#[test]
fn row_26_a_number_that_calls_three_times_unanswered_has_three_rows_and_one_callback() {
    let mut scene = scene(OFF);
    for n in 1..=3 {
        let (caller, leg_11, leg_12) = ringing(&scene);
        caller.cancel(None);
        assert!(leg_11.wait_ended(SOON) && leg_12.wait_ended(SOON), "a phone still rings");
        assert!(eventually(SOON, || scene.service.calls().is_ok_and(|rows| rows.len() == n && !rows[0]["outcome"].is_null())));
    }
    let kept = callback(&mut scene);
    assert_eq!((kept["missed_count"].as_i64(), kept["number"].as_str()), (Some(3), Some("+33639980001")), "{kept}");
    assert!(kept["first_at"].as_str() < kept["last_at"].as_str(), "{kept}");
}
