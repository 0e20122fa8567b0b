//! The double call: call 2 arrives while phone 11 talks with call 1; take, swap, a third call, save and go back. Each party is recorded.

use std::io;
use std::time::Instant;

use serde_json::{Value, json};

use super::super::double_call::{DEAF, DoubleCall, ONE, TWO, becomes, first, second};
use super::super::facts::{Facts, SOON};
use super::super::recordings::Recordings;
use super::super::scene::{Scene, e164};
use super::super::ua::sound::{CALLER, MUSIC, NETWORK, PHONE_11, Pitch, SECOND_CALLER};
use super::super::ua::{Call, eventually};
use super::client;
use crate::media::listen::{power, power_at};
use crate::media::{FRAME, prompt};

/// Frames of 20 ms.
const A_SECOND: usize = 50;
/// Mean square of a tone on a recording, at least.
const LOUD: f64 = 10_000.0;

pub(super) fn played(scene: &mut Scene, facts: &mut Facts, recordings: &mut Recordings) -> io::Result<()> {
    let start = Instant::now();
    let (one, agent) = first(scene)?;
    one.sound().record(start);
    agent.sound().record(start);
    facts.fact("a client talks with phone 11", true, "");
    let arrival = Instant::now();
    let two = second(scene)?;
    let waits = Instant::now();
    two.sound().record(start);
    facts.fact("call 2 arrives: its caller hears that it rings", true, "");
    let tone = |agent: &Call| agent.sound().heard(arrival).iter().any(|frame| frame.has(NETWORK));
    facts.fact("phone 11 hears the waiting tone in its call", eventually(SOON, || tone(&agent)), "no 440 Hz");
    facts.hear("caller 1 hears phone 11 and nothing of it", &one, PHONE_11);
    facts.fact("the page shows call 2 waiting", becomes(scene, Some("waiting")), "");
    std::thread::sleep(DEAF.saturating_sub(waits.elapsed()));
    let call = DoubleCall { one, two, agent };
    taken_and_swapped(scene, facts, &call)?;
    saved(scene, facts, &call);
    apart(facts, &call, start);
    keep(facts, recordings, &call)
}

/// What each party heard, as files, read again.
fn keep(facts: &mut Facts, recordings: &mut Recordings, call: &DoubleCall) -> io::Result<()> {
    for (party, name, ears, pitches) in [
        ("Appelant 1", "appelant-1.wav", &call.one, [PHONE_11, MUSIC]),
        ("Appelant 2", "appelant-2.wav", &call.two, [PHONE_11, MUSIC]),
        ("Poste 11", "poste-11.wav", &call.agent, [CALLER, SECOND_CALLER]),
    ] {
        let path = recordings.keep(party, name, ears.sound().recorded())?;
        let samples = prompt::read(path).map_err(|e| io::Error::other(format!("{}: {e:?}", path.display())))?;
        let frames = pitches.map(|pitch| {
            samples.chunks_exact(FRAME).filter(|part| power_at(part, f64::from(pitch)) > 0.5 * power(part) && power(part) > LOUD).count()
        });
        let file = path.display().to_string();
        facts.fact(&format!("{name} has both that it heard, in turn"), frames.iter().all(|n| *n > A_SECOND), &format!("{frames:?} frames"));
        facts.say(&json!({ "recording": file, "party": party }), &format!("     {file}"));
    }
    Ok(())
}

fn taken_and_swapped(scene: &mut Scene, facts: &mut Facts, call: &DoubleCall) -> io::Result<()> {
    call.agent.press("2");
    facts.hear("key 2 takes call 2: it hears phone 11", &call.two, PHONE_11);
    facts.hear("phone 11 hears caller 2", &call.agent, SECOND_CALLER);
    facts.hear("caller 1 hears the music", &call.one, MUSIC);
    facts.fact("the page shows call 2 taken", becomes(scene, Some("second")), "");
    third(scene, facts)?;
    call.agent.press("2");
    facts.hear("key 2 swaps: caller 1 hears phone 11 again", &call.one, PHONE_11);
    facts.hear("phone 11 hears caller 1", &call.agent, CALLER);
    facts.hear("caller 2 hears the music", &call.two, MUSIC);
    facts.fact("the page shows them swapped", becomes(scene, Some("swapped")), "");
    call.agent.press("2");
    facts.hear("key 2 swaps back: caller 2 hears phone 11", &call.two, PHONE_11);
    facts.fact("the page shows call 2 again", becomes(scene, Some("second")), "");
    Ok(())
}

/// A further call while both are on the phone.
fn third(scene: &mut Scene, facts: &mut Facts) -> io::Result<()> {
    let line = scene.service.client()?.get("/api/line")?.json();
    let live: Vec<Value> = line["calls"].as_array().into_iter().flatten().map(|call| call["id"].clone()).collect();
    let caller = scene.caller(client::THIRD)?;
    facts.fact("a third call is busy (486)", caller.wait_final(SOON) == Some(486), &format!("{:?}", caller.statuses()));
    let row = scene.row(client::THIRD);
    facts.shows("it is missed: busy", &row, &[("outcome", json!("missed")), ("reason", json!("busy"))]);
    let during = &row["during"];
    facts.fact("and its row names the call that was in the way", !during.is_null() && live.contains(during), &format!("{row} {line}"));
    Ok(())
}

fn saved(scene: &mut Scene, facts: &mut Facts, call: &DoubleCall) {
    call.agent.press("1");
    facts.fact("key 1 saves the callback and ends call 2", call.two.wait_ended(SOON), "");
    facts.hear("caller 1 hears phone 11 again", &call.one, PHONE_11);
    facts.hear("phone 11 hears caller 1 again", &call.agent, CALLER);
    facts.fact("the double call is over on the page", becomes(scene, None), "");
    let row = scene.row(TWO);
    facts.shows("call 2 is answered, and promised a callback", &row, &[("outcome", json!("answered")), ("reason", json!("promised"))]);
    let e164 = e164(TWO);
    let entry = scene.callback_where(|entry| entry["number"] == e164.as_str());
    facts.shows("that callback is open", &entry, &[("state", json!("open")), ("source", json!("double_call"))]);
    call.one.hang_up();
    facts.fact("caller 1 hangs up and phone 11 is released", call.agent.wait_ended(SOON), "");
    let row = scene.row(ONE);
    facts.shows("call 1 is answered, and asks for nothing", &row, &[("outcome", json!("answered")), ("reason", Value::Null)]);
}

/// Over all of it, no frame of one caller reached the other, and none of the music the phone.
fn apart(facts: &mut Facts, call: &DoubleCall, start: Instant) {
    let leaks = |ears: &Call, pitch: Pitch| ears.sound().heard(start).iter().filter(|frame| frame.pitch == Some(pitch)).count();
    for (what, ears, pitch) in [
        ("in all that time caller 1 never heard caller 2", &call.one, SECOND_CALLER),
        ("caller 2 never heard caller 1", &call.two, CALLER),
        ("phone 11 never heard the music", &call.agent, MUSIC),
    ] {
        let heard = leaks(ears, pitch);
        facts.fact(what, heard == 0 && ears.sound().packets() > 0, &format!("{heard} frames"));
    }
}
