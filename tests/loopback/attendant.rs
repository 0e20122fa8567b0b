//! The attendant in the real process: what a caller hears, presses and says, and what the page has of it.

use std::time::{Duration, Instant};

use rappel::demo::http::Client;
use rappel::demo::scene::Scene;
use rappel::demo::ua::sound::CALLER;
use rappel::demo::ua::{Call, eventually};
use rappel::media::listen::{power, power_at};
use rappel::media::prompt;
use serde_json::Value;

use crate::stage::{ONE, SOON, ended_as, quiet, ringing, scene};

const ON: &str = "[line]\nring_seconds = 1\n[attendant]\nenabled = true\nname_seconds = 6";
/// Frames of 20 ms.
pub const A_SECOND: usize = 50;
pub const SAID: u32 = 75;

/// Frames of speech since then: sound that is nobody's pitch.
pub fn speech(call: &Call, since: Instant) -> usize {
    call.sound().heard(since).iter().filter(|frame| !frame.silent && frame.pitch.is_none()).count()
}

/// Half a second of silence.
pub fn pauses(call: &Call) -> bool {
    let start = Instant::now();
    eventually(Duration::from_secs(15), || {
        let frames = call.sound().heard(start);
        frames.len() > A_SECOND && frames[frames.len() - A_SECOND / 2..].iter().all(|frame| frame.silent)
    })
}

fn callback(scene: &mut Scene) -> Value {
    let client = scene.service.client().unwrap();
    let mut found = Value::Null;
    eventually(SOON, || {
        found = client.get("/api/callbacks").unwrap().json()["callbacks"][0].clone();
        !found.is_null()
    });
    found
}

#[test]
fn row_4_a_call_nobody_answers_leaves_number_and_words_with_the_attendant() {
    let mut scene = scene(ON);
    let (caller, leg_11, leg_12) = ringing(&scene);
    caller.sound().say(None);
    assert!(caller.wait_up(SOON), "the attendant did not answer: {:?}", caller.statuses());
    assert!(leg_11.wait_ended(SOON) && leg_12.wait_ended(SOON), "a phone still rings");
    let start = Instant::now();
    assert!(eventually(SOON, || speech(&caller, start) > A_SECOND), "no greeting is heard");
    caller.press("1");
    let start = Instant::now();
    assert!(eventually(SOON, || speech(&caller, start) > A_SECOND), "what to say is not said");
    // straight to the tone
    caller.press("1");
    assert!(pauses(&caller), "no tone, or no silence after it");
    assert!(caller.sound().say_for(CALLER, SAID), "what it says does not leave");
    let start = Instant::now();
    assert!(eventually(SOON * 2, || speech(&caller, start) > A_SECOND), "no thanks after two seconds of silence");
    assert!(caller.wait_ended(Duration::from_secs(10)), "the attendant does not hang up");
    let row = ended_as(&mut scene, ONE, "attendant", Some("no_answer"));
    assert!(row["answered_by"].is_null(), "{row}");
    let callback = callback(&mut scene);
    assert_eq!((callback["source"].as_str(), callback["display"].as_str()), (Some("attendant"), Some("06 39 98 00 01")));
    let path = callback["clip"].as_str().expect("no clip").to_owned();
    let clip = scene.service.client().unwrap().get(&path).unwrap();
    assert!(clip.status == 200 && clip.headers.contains(&("content-type".to_owned(), "audio/wav".to_owned())), "{clip:?}");
    let samples = prompt::decode(&clip.body).unwrap();
    let tone =
        samples.chunks_exact(160).filter(|part| power_at(part, f64::from(CALLER)) > 0.9 * power(part) && power(part) > 10_000.0).count();
    assert!((65..=85).contains(&tone), "{tone} frames of the caller's {SAID} are in the clip of {} samples", samples.len());
    assert_eq!(Client::new(scene.service.http).get(&path).unwrap().status, 401, "a clip is for who is signed in");
}

#[test]
fn row_11_the_caller_leaves_the_attendant_without_a_word() {
    let mut scene = quiet(ON);
    let caller = scene.caller(ONE).unwrap();
    caller.sound().say(None);
    assert!(caller.wait_up(SOON), "the attendant did not answer: {:?}", caller.statuses());
    let start = Instant::now();
    assert!(eventually(SOON, || speech(&caller, start) > A_SECOND), "no greeting is heard");
    caller.hang_up();
    ended_as(&mut scene, ONE, "missed", Some("left_attendant"));
    assert_eq!(callback(&mut scene)["clip"], Value::Null);
}

#[test]
fn killed_with_the_attendant_a_number_that_the_caller_typed_is_in_the_callback() {
    let mut scene = quiet(ON);
    let caller = scene.caller(ONE).unwrap();
    caller.sound().say(None);
    assert!(caller.wait_up(SOON), "the attendant did not answer: {:?}", caller.statuses());
    for keys in ["2", "0639980003"] {
        let start = Instant::now();
        assert!(eventually(SOON, || speech(&caller, start) > A_SECOND), "nothing is said before {keys}");
        caller.press(keys);
    }
    let start = Instant::now();
    assert!(eventually(SOON * 2, || speech(&caller, start) > A_SECOND), "the number is not read back");
    scene.service.kill();
    scene.service.serve().unwrap();
    ended_as(&mut scene, ONE, "interrupted", None);
    assert_eq!(callback(&mut scene)["display"], "06 39 98 00 03");
}
