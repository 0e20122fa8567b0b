//! Nobody answers and the attendant takes a message: the number confirmed with 1, words, and the clip on the page.

use std::io;
use std::time::Instant;

use serde_json::json;

use super::super::facts::{Facts, PATIENCE, SOON};
use super::super::scene::{Scene, e164};
use super::super::ua::sound::CALLER;
use super::super::ua::{Call, eventually};
use super::client;
use crate::media::listen::{power, power_at};
use crate::media::{FRAME, prompt};

/// Frames of 20 ms.
const A_SECOND: usize = 50;
const SAID: u32 = 75;
/// Half of what the caller says: the ends of a clip are cut a little.
const KEPT: usize = 37;
/// Mean square of a caller's tone on a clip, at least.
const LOUD: f64 = 10_000.0;

pub(super) fn takes_a_message(scene: &mut Scene, facts: &mut Facts) -> io::Result<()> {
    let caller = scene.caller(client::ATTENDANT)?;
    caller.sound().say(None);
    for phone in [&scene.phone_11, &scene.phone_12] {
        if let Some(leg) = phone.expect_call(SOON) {
            leg.ring();
        }
    }
    facts.fact("nobody answers: the attendant does", caller.wait_up(PATIENCE), &format!("{:?}", caller.statuses()));
    facts.speech("the caller hears its words", &caller, Instant::now(), A_SECOND);
    caller.press("1");
    facts.speech("key 1 confirms the number, and it is told what to say", &caller, Instant::now(), A_SECOND);
    // straight to the tone
    caller.press("1");
    facts.fact("the tone, then silence: it may speak", pauses(&caller), "");
    facts.fact("it says what it wants", caller.sound().say_for(CALLER, SAID), "");
    facts.speech("two seconds of silence end it, and it is thanked", &caller, Instant::now(), A_SECOND);
    facts.fact("the attendant hangs up", caller.wait_ended(PATIENCE), "");
    let row = scene.row(client::ATTENDANT);
    facts.shows("the page shows the call with the attendant", &row, &[("outcome", json!("attendant")), ("reason", json!("no_answer"))]);
    clip(scene, facts)
}

/// Half a second of silence.
fn pauses(call: &Call) -> bool {
    let start = Instant::now();
    eventually(PATIENCE, || {
        let frames = call.sound().heard(start);
        frames.len() > A_SECOND && frames[frames.len() - A_SECOND / 2..].iter().all(|frame| frame.silent)
    })
}

fn clip(scene: &mut Scene, facts: &mut Facts) -> io::Result<()> {
    let e164 = e164(client::ATTENDANT);
    let entry = scene.callback_where(|entry| entry["number"] == e164.as_str() && entry["clip"].is_string());
    facts.shows("its callback is open, with what was said", &entry, &[("state", json!("open")), ("source", json!("attendant"))]);
    let answer = scene.service.client()?.get(entry["clip"].as_str().unwrap_or_default())?;
    let samples = prompt::decode(&answer.body).unwrap_or_default();
    let spoken = |part: &&[i16]| power(part) > LOUD && power_at(part, f64::from(CALLER)) > 0.9 * power(part);
    let frames = samples.chunks_exact(FRAME).filter(spoken).count();
    facts.fact(
        "the page plays the clip: the caller's own tone",
        answer.status == 200 && frames > KEPT,
        &format!("{} {frames}", answer.status),
    );
    Ok(())
}
