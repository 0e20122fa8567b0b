//! The double call by ear: three parties, each with a pitch of its own, and music with another; every frame of every transition is looked at.

use std::time::{Duration, Instant};

use rappel::demo::double_call::{DoubleCall, ONE, TWO, becomes, waiting};
use rappel::demo::scene::{EXPIRES, Scene};
use rappel::demo::ua::Call;
use rappel::demo::ua::sound::{CALLER, MUSIC, PHONE_11, Pitch, SECOND_CALLER};
use rappel::sip::message::Method;
use serde_json::json;

use crate::stage::{SOON, ended_as, only_music};

/// Long enough never to matter.
const LONG: &str = "ring_seconds = 20\noffer_seconds = 60";

/// Phone 11 only, and music that can be told from everybody.
fn stage() -> Scene {
    let scene = only_music(&format!("[line]\n{LONG}\n"));
    assert_eq!(scene.phone_11.register(EXPIRES), 200);
    scene
}

/// No frame since `from` has that pitch in it, alone or mixed.
#[track_caller]
fn never(who: &str, call: &Call, pitch: Pitch, from: Instant) {
    let frames = call.sound().heard(from);
    assert!(frames.len() > 20, "{who} heard {} frames", frames.len());
    let wrong: Vec<Duration> = frames.iter().filter(|f| f.has(pitch)).map(|f| f.at - from).collect();
    assert!(wrong.is_empty(), "{who} heard {pitch} Hz at {wrong:?}");
}

/// No frame since `from` has both in it.
#[track_caller]
fn never_both(who: &str, call: &Call, pitches: (Pitch, Pitch), from: Instant) {
    let frames = call.sound().heard(from);
    let wrong: Vec<Duration> = frames.iter().filter(|f| f.has(pitches.0) && f.has(pitches.1)).map(|f| f.at - from).collect();
    assert!(wrong.is_empty(), "{who} heard {pitches:?} together at {wrong:?}");
}

#[track_caller]
fn nobody_hears_anyone_else(call: &DoubleCall, from: Instant) {
    never("caller 1", &call.one, SECOND_CALLER, from);
    never("caller 2", &call.two, CALLER, from);
    never_both("the agent", &call.agent, (CALLER, SECOND_CALLER), from);
    never("the agent", &call.agent, MUSIC, from);
    never_both("caller 1", &call.one, (PHONE_11, MUSIC), from);
    never_both("caller 2", &call.two, (PHONE_11, MUSIC), from);
}

#[test]
fn nobody_hears_anyone_they_should_not_over_every_transition_and_the_trunk_sees_no_re_invite() {
    let mut scene = stage();
    let call = waiting(&scene).unwrap();
    let from = Instant::now();
    call.agent.press("2");
    assert!(call.in_second(), "2 did not take call 2");
    for _ in 0..3 {
        call.agent.press("2");
        assert!(call.in_swapped(), "2 did not swap");
        call.agent.press("2");
        assert!(call.in_second(), "2 did not swap back");
    }
    call.agent.press("1");
    assert!(call.back_to_one(), "1 did not go back to call 1");
    nobody_hears_anyone_else(&call, from);
    assert!(becomes(&mut scene, None));
    assert!(scene.trunk.received(Method::Invite).is_empty(), "a re-INVITE at the trunk");
    ended_as(&mut scene, TWO, "answered", Some("promised"));
    call.one.hang_up();
    ended_as(&mut scene, ONE, "answered", None);
}

#[test]
fn the_phones_own_hold_in_second_plays_music_to_both_and_nothing_else() {
    let mut scene = stage();
    let call = waiting(&scene).unwrap();
    let from = Instant::now();
    call.agent.press("2");
    assert!(call.in_second());
    assert_eq!(call.agent.hold(true), Some(200));
    assert!(call.two.hears(MUSIC, SOON) && call.one.hears(MUSIC, SOON), "both hear music");
    assert_eq!(call.agent.hold(false), Some(200));
    assert!(call.in_second());
    call.two.hang_up();
    assert!(call.one.hears(PHONE_11, SOON) && call.agent.hears(CALLER, SOON), "call 1 resumes");
    never("caller 1", &call.one, SECOND_CALLER, from);
    never("caller 2", &call.two, CALLER, from);
    never_both("the agent", &call.agent, (CALLER, SECOND_CALLER), from);
    assert!(becomes(&mut scene, None));
}

#[test]
fn the_agent_hangs_up_in_second_and_the_phone_rings_again_for_the_one_who_is_held() {
    let mut scene = stage();
    let call = waiting(&scene).unwrap();
    call.agent.press("2");
    assert!(call.in_second());
    let from = Instant::now();
    call.agent.hang_up();
    assert!(call.two.wait_ended(SOON), "caller 2 stays on a dead line");
    let again = scene.phone_11.expect_call(SOON).expect("the phone did not ring again");
    // one that gives no sign of life counts as absent
    again.ring();
    assert!(again.invite().is_some_and(|invite| invite.get("P-Asserted-Identity").is_some_and(|id| id.contains("639980001"))));
    assert!(becomes(&mut scene, Some("recall")));
    again.answer();
    // under the sentence that the adviser is back the voice is lowered
    assert!(call.one.hears(PHONE_11, SOON * 3) && again.hears(CALLER, SOON), "they talk again");
    never("caller 1", &call.one, SECOND_CALLER, from);
    ended_as(&mut scene, TWO, "answered", Some("promised"));
}

/// The form of call 2 as far as it was typed.
fn types(scene: &mut Scene) {
    let typed = json!({ "name": "Dupont", "subject": "sinistre auto", "number": "06 39 98" });
    let client = scene.service.client().unwrap();
    assert_eq!(client.ask("PATCH", "/api/second-call", Some(&typed)).unwrap().status, 204);
}

/// Killed and started again: how call 2 ended, and what its callback holds of the form. Call 1 was interrupted and is called back too.
#[track_caller]
fn killed(mut scene: Scene, two: (&str, Option<&str>), form: (&str, &str)) {
    scene.service.kill();
    scene.service.serve().unwrap();
    ended_as(&mut scene, ONE, "interrupted", None);
    ended_as(&mut scene, TWO, two.0, two.1);
    let mut of = |number: &str| scene.callback_where(|callback| callback["number"] == number);
    let (one, two) = (of("+33639980001"), of("+33639980002"));
    assert_eq!((&one["name"], &one["state"]), (&json!(""), &json!("open")), "{one}");
    assert_eq!((&two["name"], &two["subject"], &two["state"]), (&json!(form.0), &json!(form.1), &json!("open")), "{two}");
}

#[test]
fn killed_in_waiting_leaves_both_interrupted_with_the_number_of_the_one_who_waited() {
    let scene = stage();
    let _call = waiting(&scene).unwrap();
    killed(scene, ("interrupted", None), ("", ""));
}

#[test]
fn killed_in_second_leaves_call_1_interrupted_and_call_2_a_callback_with_what_was_typed() {
    let mut scene = stage();
    let call = waiting(&scene).unwrap();
    call.agent.press("2");
    assert!(call.in_second());
    types(&mut scene);
    killed(scene, ("interrupted", None), ("Dupont", "sinistre auto"));
}

#[test]
fn killed_in_swapped_leaves_call_1_interrupted_and_call_2_a_callback_with_what_was_typed() {
    let mut scene = stage();
    let call = waiting(&scene).unwrap();
    call.agent.press("2");
    assert!(call.in_second());
    types(&mut scene);
    call.agent.press("2");
    assert!(call.in_swapped());
    killed(scene, ("interrupted", None), ("Dupont", "sinistre auto"));
}

#[test]
fn killed_in_recall_leaves_call_1_interrupted_and_call_2_promised_with_what_was_typed() {
    let mut scene = stage();
    let call = waiting(&scene).unwrap();
    call.agent.press("2");
    assert!(call.in_second());
    types(&mut scene);
    call.agent.hang_up();
    assert!(becomes(&mut scene, Some("recall")));
    ended_as(&mut scene, TWO, "answered", Some("promised"));
    killed(scene, ("answered", Some("promised")), ("Dupont", "sinistre auto"));
}
