//! The agency closed and opened again from a phone, by `*91`.

use std::io;
use std::time::Instant;

use super::super::facts::{Facts, SOON};
use super::super::scene::Scene;
use super::super::ua::{Dial, eventually};
use super::{client, incoming};

const SWITCH: &str = "*91";
/// Half a second, in frames of 20 ms.
const WORDS: usize = 25;

pub(super) fn closed_and_open_again(scene: &mut Scene, facts: &mut Facts) -> io::Result<()> {
    switch(scene, facts, "phone 11 dials *91 and is told the state", "the page shows the agency closed", false)?;
    let before = scene.phone_11.received(crate::sip::message::Method::Invite).len();
    let caller = scene.caller(client::CLOSED)?;
    facts.fact("a call now ends with 480", caller.wait_final(SOON) == Some(480), &format!("{:?}", caller.statuses()));
    incoming::missed(scene, facts, client::CLOSED, "closed");
    let after = scene.phone_11.received(crate::sip::message::Method::Invite).len();
    facts.fact("no phone rang for it", before == after, "phone 11 was called");
    switch(scene, facts, "phone 11 dials *91 again and is told the state", "the page shows the agency open", true)
}

fn switch(scene: &mut Scene, facts: &mut Facts, told: &str, shown: &str, open: bool) -> io::Result<()> {
    let start = Instant::now();
    let call = scene.phone_11.call(SWITCH, Dial::default())?;
    facts.speech(told, &call, start, WORDS);
    let client = scene.service.client()?;
    let line = || client.get("/api/line").map(|answer| answer.json()).unwrap_or_default();
    facts.fact(shown, eventually(SOON, || line()["open"] == open), &line().to_string());
    call.hang_up();
    call.wait_ended(SOON);
    Ok(())
}
