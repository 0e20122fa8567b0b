//! The process is killed in a call and started again: the call and its number are still there.

use std::io;

use serde_json::json;

use super::super::facts::{Facts, SOON};
use super::super::scene::{Scene, e164};
use super::super::ua::sound::{CALLER, PHONE_11};
use super::client;

/// From the next start on the attendant answers.
const ATTENDED: &str = "[attendant]\nenabled = true\nname_seconds = 6";

pub(super) fn by_a_kill(scene: &mut Scene, facts: &mut Facts) -> io::Result<()> {
    let number = client::INTERRUPTED;
    let caller = scene.caller(number)?;
    let leg = scene.phone_11.expect_call(SOON).ok_or_else(|| io::Error::other("phone 11 did not ring"))?;
    scene.phone_12.expect_call(SOON);
    leg.ring().answer();
    let both = caller.wait_up(SOON) && caller.hears(PHONE_11, SOON) && leg.hears(CALLER, SOON);
    facts.fact("a client talks with phone 11, and the service is killed (SIGKILL)", both, &format!("{:?}", caller.statuses()));
    scene.service.kill();
    caller.hang_up();
    leg.hang_up();
    scene.service.change(ATTENDED)?;
    scene.service.serve()?;
    facts.fact("it is started again, and the phones register", scene.register(), "");
    let row = scene.row(number);
    facts.shows("the call is there: interrupted", &row, &[("outcome", json!("interrupted"))]);
    let e164 = e164(number);
    let entry = scene.callback_where(|entry| entry["number"] == e164.as_str());
    facts.shows("and its callback is open", &entry, &[("state", json!("open"))]);
    Ok(())
}
