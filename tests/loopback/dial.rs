//! Calls that the page starts: the person's phone first, then the client; the lock of a callback that is called.

use rappel::demo::ua::eventually;
use rappel::demo::ua::sound::{FAR_END, PHONE_11};
use rappel::sip::message::Method;
use serde_json::{Value, json};

use crate::stage::{ONE, SOON, ended_as, scene};

const LONG: &str = "[line]\nring_seconds = 20";

#[test]
fn the_page_rings_the_phone_then_calls_the_client_and_both_hear_each_other() {
    let mut scene = scene(LONG);
    let client = scene.service.client().unwrap();
    let answer = client.post("/api/dial", &json!({ "to": "06 39 98 00 01" })).unwrap();
    assert_eq!(answer.status, 202, "{}", answer.text());
    let leg = scene.phone_11.expect_call(SOON).expect("the person's phone did not ring");
    leg.ring();
    let shown = leg.invite().unwrap().get("From").unwrap_or_default().to_owned();
    assert!(shown.contains(ONE), "the phone shows {shown}");
    assert!(scene.trunk.received(Method::Invite).is_empty(), "the client was called before the agent was there");
    leg.answer();
    let far = scene.trunk.expect_call(SOON).expect("the client was not called");
    far.ring();
    far.answer();
    assert!(leg.hears(FAR_END, SOON) && far.hears(PHONE_11, SOON), "they do not hear each other");
    let id = answer.json()["id"].clone();
    let live = || client.get("/api/line").unwrap().json()["calls"][0].clone();
    assert!(eventually(SOON, || live()["id"] == id && live()["state"] == "talking"), "{}", live());
    // the page holds: both stop hearing each other, and do again
    assert_eq!(client.post(&format!("/api/calls/{id}/hold"), &Value::Null).unwrap().status, 204);
    assert!(eventually(SOON, || live()["held_since"].is_string()), "{}", live());
    assert_eq!(client.post(&format!("/api/calls/{id}/resume"), &Value::Null).unwrap().status, 204);
    assert!(leg.hears(FAR_END, SOON) && far.hears(PHONE_11, SOON), "they do not hear each other again");
    far.hang_up();
    assert!(leg.wait_ended(SOON), "the phone was not released");
    let row = ended_as(&mut scene, ONE, "answered", None);
    assert_eq!((row["direction"].as_str(), row["extension"].as_str()), (Some("outgoing"), Some("11")), "{row}");
}

#[test]
fn a_callback_is_locked_while_it_is_called_and_counts_a_try_that_reached_nobody() {
    let mut scene = scene(LONG);
    let client = scene.service.client().unwrap();
    let made = client.post("/api/callbacks", &json!({ "number": ONE })).unwrap().json();
    let path = format!("/api/callbacks/{}", made["id"]);
    assert_eq!(client.post(&format!("{path}/call"), &json!({ "guide": "devis-auto" })).unwrap().status, 202);
    let leg = scene.phone_11.expect_call(SOON).expect("the person's phone did not ring");
    leg.ring();
    leg.answer();
    let far = scene.trunk.expect_call(SOON).expect("the client was not called");
    let entry = client.get(&path).unwrap().json();
    assert_eq!(
        (entry["state"].as_str(), entry["claimed_by"].as_str(), entry["guide"].as_str()),
        (Some("calling"), Some("MEL"), Some("devis-auto"))
    );
    assert_eq!(client.post(&format!("{path}/call"), &json!({ "extension": "12" })).unwrap().status, 409);
    far.ring();
    far.refuse(480);
    assert!(leg.wait_ended(SOON), "the phone was not released");
    ended_as(&mut scene, ONE, "no_answer", None);
    let entry = client.get(&path).unwrap().json();
    assert_eq!(
        (entry["state"].as_str(), entry["attempts"].as_i64(), &entry["claimed_by"]),
        (Some("open"), Some(1), &Value::Null),
        "{entry}"
    );
}
