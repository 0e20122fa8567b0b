//! Promises kept: a callback closed by the client's own call, and one closed by calling back, with `0` to get out and `6 1` before keys.

use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::facts::{Facts, SOON};
use super::super::scene::{Scene, e164};
use super::super::ua::sound::{CALLER, FAR_END, PHONE_11};
use super::super::ua::{Call, Dial, eventually};
use super::client;

/// A call of that length closes a callback (RULES 6), with room for the clocks of two processes.
const LONG_ENOUGH: Duration = Duration::from_millis(15_500);
/// Keys that would have come have come.
const KEYS: Duration = Duration::from_millis(500);

/// The client that gave up calls again and is answered.
pub(super) fn the_client_calls_again(scene: &mut Scene, facts: &mut Facts) -> io::Result<()> {
    let caller = scene.caller(client::GAVE_UP)?;
    let legs = (scene.phone_11.expect_call(SOON), scene.phone_12.expect_call(SOON));
    let (Some(leg_11), Some(_)) = legs else {
        facts.fact("the client that gave up calls again", false, "a phone did not ring");
        return Ok(());
    };
    let shown = format!("{:?}", leg_11.invite());
    facts.fact("the client that gave up calls again: the phone shows RAPPEL", shown.contains("RAPPEL"), &shown);
    leg_11.ring().answer();
    let both = caller.wait_up(SOON) && caller.hears(PHONE_11, SOON) && leg_11.hears(CALLER, SOON);
    facts.fact("phone 11 answers, and both hear each other", both, &format!("{:?}", caller.statuses()));
    caller.hang_up();
    leg_11.wait_ended(SOON);
    let entry = closed(scene, client::GAVE_UP);
    facts.shows("its callback is closed by that call", &entry, &[("state", json!("done")), ("to_confirm", json!(false))]);
    Ok(())
}

/// Phone 11 calls back one who was not answered: 0 to get out, 15 s of talk, keys.
pub(super) fn called_back(scene: &mut Scene, facts: &mut Facts) -> io::Result<()> {
    let number = client::UNANSWERED;
    let call = scene.phone_11.call(&format!("0{number}"), Dial::default())?;
    let far = scene.trunk.expect_call(SOON);
    let uri = far.as_ref().and_then(Call::invite).map(|invite| invite.uri().to_owned()).unwrap_or_default();
    let cut = uri.contains(number) && !uri.contains(&format!("0{number}"));
    facts.fact("phone 11 dials 0 and the number of a callback: the far end is called, without the 0", cut, &uri);
    let Some(far) = far else { return Ok(()) };
    far.ring();
    facts.fact("phone 11 hears that it rings", call.wait_ringing(SOON), &format!("{:?}", call.statuses()));
    far.answer();
    facts.fact("the far end answers", call.wait_up(SOON), &format!("{:?}", call.statuses()));
    let answered = Instant::now();
    facts.hear("phone 11 hears the far end", &call, FAR_END);
    facts.hear("the far end hears phone 11", &far, PHONE_11);
    call.press("5");
    std::thread::sleep(KEYS);
    facts.fact("a key before 6 1 stays with us", far.sound().keys().is_empty(), &far.sound().keys());
    call.press("6142#");
    let heard = || far.sound().keys();
    facts.fact("after 6 1 the keys reach the far end, and nothing else", eventually(SOON, || heard() == "42#"), &heard());
    std::thread::sleep(LONG_ENOUGH.saturating_sub(answered.elapsed()));
    call.hang_up();
    facts.fact("after 15 s phone 11 hangs up and the far end is released", far.wait_ended(SOON), "");
    let row = scene.row_where(|row| row["direction"] == "outgoing");
    facts.shows("the page shows the call made", &row, &[("number", json!(e164(number))), ("outcome", json!("answered"))]);
    let entry = closed(scene, number);
    let wanted = [("state", json!("done")), ("to_confirm", json!(true))];
    facts.shows("its callback is closed by that call, to be confirmed: it may have been a voicemail", &entry, &wanted);
    Ok(())
}

fn closed(scene: &mut Scene, number: &str) -> Value {
    let e164 = e164(number);
    scene.callback_where(|entry| entry["number"] == e164.as_str() && entry["closed_by"].is_string())
}
