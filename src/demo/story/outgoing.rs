//! `61` before the number: the keypad is open from the answer on.

use std::io;

use serde_json::json;

use super::super::facts::{Facts, SOON};
use super::super::scene::{Scene, e164};
use super::super::ua::{Call, Dial, eventually};
use super::client;

pub(super) fn keypad_from_the_answer(scene: &mut Scene, facts: &mut Facts) -> io::Result<()> {
    let number = client::DIALLED;
    let call = scene.phone_12.call(&format!("610{number}"), Dial::default())?;
    let far = scene.trunk.expect_call(SOON);
    let uri = far.as_ref().and_then(Call::invite).map(|invite| invite.uri().to_owned()).unwrap_or_default();
    let cut = uri.contains(number) && !uri.contains(&format!("0{number}"));
    facts.fact("phone 12 dials 61, 0 and a number: the far end is called, without either", cut, &uri);
    let Some(far) = far else { return Ok(()) };
    far.ring().answer();
    facts.fact("it answers", call.wait_up(SOON), &format!("{:?}", call.statuses()));
    call.press("13");
    let heard = || far.sound().keys();
    facts.fact("keys reach it at once", eventually(SOON, || heard() == "13"), &heard());
    far.hang_up();
    facts.fact("it hangs up and phone 12 is released", call.wait_ended(SOON), "");
    let row = scene.row(number);
    facts.shows("the page shows the call", &row, &[("number", json!(e164(number))), ("direction", json!("outgoing"))]);
    Ok(())
}
