//! Calls from outside with the phones free: answered, taken elsewhere, given up, unanswered, refused, withheld.

use std::io;

use serde_json::{Value, json};

use super::super::facts::{Facts, PATIENCE, SOON};
use super::super::scene::{Scene, e164};
use super::super::service::{NUMBER, PHONES};
use super::super::ua::sound::{CALLER, PHONE_12};
use super::super::ua::{Call, Dial, Reaction};
use super::client;

/// A call that both phones ring for: the caller, phone 11, phone 12.
fn ringing(scene: &Scene, facts: &mut Facts, what: &str, caller: Call) -> Option<(Call, Call, Call)> {
    let legs = (scene.phone_11.expect_call(SOON), scene.phone_12.expect_call(SOON));
    for leg in [&legs.0, &legs.1].into_iter().flatten() {
        leg.ring();
    }
    let rings = caller.wait_ringing(SOON);
    facts.fact(what, legs.0.is_some() && legs.1.is_some() && rings, &format!("{:?}", caller.statuses()));
    Some((caller, legs.0?, legs.1?))
}

/// A client calls, both phones ring, 12 takes it.
pub(super) fn answered(scene: &mut Scene, facts: &mut Facts) -> io::Result<()> {
    let caller = scene.caller(client::ANSWERED)?;
    let what = "a call from outside rings phones 11 and 12, and the caller hears that it rings";
    let Some((caller, leg_11, leg_12)) = ringing(scene, facts, what, caller) else { return Ok(()) };
    leg_12.answer();
    facts.fact("phone 12 answers and the caller is connected", caller.wait_up(SOON), &format!("{:?}", caller.statuses()));
    facts.hear("the caller hears phone 12", &caller, PHONE_12);
    facts.hear("phone 12 hears the caller", &leg_12, CALLER);
    let stopped = leg_11.wait_ended(SOON);
    let reason = leg_11.cancel_reason().unwrap_or_default();
    facts.fact("phone 11 stops ringing: call completed elsewhere", stopped && reason.contains("Call completed elsewhere"), &reason);
    caller.hang_up();
    facts.fact("the caller hangs up and phone 12 is released", leg_12.wait_ended(SOON), "");
    let row = scene.row(client::ANSWERED);
    facts.fact("the page shows the call as answered by 12", row["outcome"] == "answered" && names(&row["answered_by"]), &row.to_string());
    Ok(())
}

/// The API may name the extension or the person whose phone it is.
fn names(answered_by: &Value) -> bool {
    let (extension, owner) = PHONES[1];
    answered_by == extension || answered_by == owner
}

/// The operator takes the call back: another extension of the PBX has it.
pub(super) fn elsewhere(scene: &mut Scene, facts: &mut Facts) -> io::Result<()> {
    let caller = scene.caller(client::ELSEWHERE)?;
    let Some((caller, leg_11, leg_12)) = ringing(scene, facts, "a call rings that another extension of the PBX takes", caller) else {
        return Ok(());
    };
    caller.cancel(Some("SIP;cause=200;text=\"Call completed elsewhere\""));
    facts.fact("both phones stop ringing at the PBX's CANCEL", leg_11.wait_ended(SOON) && leg_12.wait_ended(SOON), "");
    let row = scene.row(client::ELSEWHERE);
    facts.shows("it counts as answered elsewhere", &row, &[("outcome", json!("answered")), ("reason", json!("elsewhere"))]);
    facts.fact("and asks for no callback", row["callback"].is_null(), &row.to_string());
    Ok(())
}

/// A client gives up while it rings.
pub(super) fn gave_up(scene: &mut Scene, facts: &mut Facts) -> io::Result<()> {
    let caller = scene.caller(client::GAVE_UP)?;
    let Some((caller, leg_11, leg_12)) = ringing(scene, facts, "a second client calls and hears that it rings", caller) else {
        return Ok(());
    };
    caller.cancel(None);
    facts.fact("it gives up while it rings", caller.wait_final(SOON) == Some(487), &format!("{:?}", caller.statuses()));
    facts.fact("both phones stop ringing", leg_11.wait_ended(SOON) && leg_12.wait_ended(SOON), "");
    missed(scene, facts, client::GAVE_UP, "caller_gave_up");
    Ok(())
}

/// Nobody answers in time.
pub(super) fn unanswered(scene: &mut Scene, facts: &mut Facts) -> io::Result<()> {
    let caller = scene.caller(client::UNANSWERED)?;
    let Some((caller, leg_11, leg_12)) = ringing(scene, facts, "a call rings that nobody answers", caller) else { return Ok(()) };
    facts.fact("after ring_seconds it ends with 480", caller.wait_final(PATIENCE) == Some(480), &format!("{:?}", caller.statuses()));
    facts.fact("and both phones are still", leg_11.wait_ended(SOON) && leg_12.wait_ended(SOON), "");
    missed(scene, facts, client::UNANSWERED, "no_answer");
    Ok(())
}

/// Both phones refuse.
pub(super) fn refused(scene: &mut Scene, facts: &mut Facts) -> io::Result<()> {
    let phones = [&scene.phone_11, &scene.phone_12];
    phones.iter().for_each(|phone| phone.react(Reaction::Refuse(486, None)));
    let caller = scene.caller(client::REFUSED)?;
    facts.fact("both phones refuse a call: it ends with 486", caller.wait_final(SOON) == Some(486), &format!("{:?}", caller.statuses()));
    for phone in phones {
        phone.expect_call(SOON);
        phone.react(Reaction::Wait);
    }
    missed(scene, facts, client::REFUSED, "refused");
    Ok(())
}

/// The row of that number, and that its callback is open.
pub(super) fn missed(scene: &mut Scene, facts: &mut Facts, number: &str, reason: &str) {
    let row = scene.row(number);
    let what = format!("its number is kept: missed, {reason}");
    facts.shows(&what, &row, &[("outcome", json!("missed")), ("reason", json!(reason))]);
    let e164 = e164(number);
    let entry = scene.callback_where(|entry| entry["number"] == e164.as_str());
    facts.shows("and a callback is open for it", &entry, &[("state", json!("open")), ("source", json!("missed"))]);
}

/// A caller who hides its number.
pub(super) fn withheld(scene: &mut Scene, facts: &mut Facts) -> io::Result<()> {
    let dial = Dial { from: Some("\"Anonymous\" <sip:anonymous@anonymous.invalid>".to_owned()), ..Dial::default() };
    let asserted = format!("<sip:{}@operateur.test>", e164(client::DIALLED));
    let dial = dial.header("Privacy", "id").header("P-Asserted-Identity", &asserted).pitch(CALLER);
    let caller = scene.trunk.call(NUMBER, dial)?;
    let Some((caller, leg_11, leg_12)) = ringing(scene, facts, "a caller who withholds its number rings both phones", caller) else {
        return Ok(());
    };
    let shown = format!("{:?}", leg_11.invite());
    facts.fact("no phone is shown the number that the operator knows", !shown.contains("639980019"), &shown);
    caller.cancel(None);
    leg_11.wait_ended(SOON);
    leg_12.wait_ended(SOON);
    let row = scene.row_where(|row| row["display"] == "numéro masqué");
    facts.shows("it is a row of its own, without a number", &row, &[("number", Value::Null), ("outcome", json!("missed"))]);
    let entry = scene.callback_where(|entry| entry["display"] == "numéro masqué");
    facts.shows("and a callback of its own", &entry, &[("number", Value::Null), ("state", json!("open"))]);
    Ok(())
}
