//! A short day at the agency: an answered call, a missed one, one made. Each fact is checked where it counts: by the tone the far end
//! hears, by the message it got, by the row the page shows.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::scene::{EXPIRES, Plan, Scene};
use super::service::PHONES;
use super::ua::sound::{CALLER, FAR_END, PHONE_11, PHONE_12};
use super::ua::{Call, Dial, Reaction};

/// How long any one thing may take.
const SOON: Duration = Duration::from_secs(5);
/// A sound that is there is there all the time; the frames around a change are let go by.
const MOST: f64 = 0.9;
const LISTEN: Duration = Duration::from_secs(1);
/// Callers, from the block reserved for fiction.
const ANSWERED: &str = "0639980001";
const GAVE_UP: &str = "0639980002";
const WEB_PORT: u16 = 8080;

/// Plays the day. `once`: ends after it; else the page stays up until Ctrl-C. `json`: one object a line.
pub fn run(once: bool, json: bool) -> ExitCode {
    let mut facts = Facts { json, failed: 0 };
    let played = play(once, &mut facts);
    if let Err(error) = &played {
        facts.fact("the demonstration could be played", false, &error.to_string());
    }
    if facts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn play(once: bool, facts: &mut Facts) -> io::Result<()> {
    let mut scene =
        Scene::set(Plan { binary: std::env::current_exe()?, web_port: if once { 0 } else { WEB_PORT }, changes: String::new() })?;
    facts.fact("phones 11 and 12 register with their passwords", scene.register(), "");
    answered(&mut scene, facts)?;
    gave_up(&mut scene, facts)?;
    dialled(&mut scene, facts)?;
    if !once {
        stay(&scene, facts)?;
    }
    Ok(())
}

/// Keeps everything up until Ctrl-C.
fn stay(scene: &Scene, facts: &Facts) -> io::Result<()> {
    let url = format!("http://{}", scene.service.http);
    facts.say(&json!({ "url": url }), &format!("{url}  (Ctrl-C ends)"));
    scene.phone_11.react(Reaction::Ring);
    scene.phone_12.react(Reaction::Ring);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // registrations are renewed well before they end
        let mut renew = tokio::time::interval(Duration::from_secs(u64::from(EXPIRES / 3)));
        loop {
            tokio::select! {
                stop = tokio::signal::ctrl_c() => return stop,
                _ = renew.tick() => { scene.register(); }
            }
        }
    })
}

/// A client calls, both phones ring, 12 takes it.
fn answered(scene: &mut Scene, facts: &mut Facts) -> io::Result<()> {
    let caller = scene.caller(ANSWERED)?;
    let legs = (scene.phone_11.expect_call(SOON), scene.phone_12.expect_call(SOON));
    facts.fact("a call from outside rings phones 11 and 12", legs.0.is_some() && legs.1.is_some(), "");
    let (Some(leg_11), Some(leg_12)) = legs else { return Ok(()) };
    leg_11.ring();
    leg_12.ring();
    facts.fact("the caller hears that it rings", caller.wait_ringing(SOON), &format!("{:?}", caller.statuses()));
    leg_12.answer();
    facts.fact("phone 12 answers and the caller is connected", caller.wait_up(SOON), &format!("{:?}", caller.statuses()));
    facts.hear("the caller hears phone 12", &caller, PHONE_12);
    facts.hear("phone 12 hears the caller", &leg_12, CALLER);
    let stopped = leg_11.wait_ended(SOON);
    let reason = leg_11.cancel_reason().unwrap_or_default();
    facts.fact("phone 11 stops ringing: call completed elsewhere", stopped && reason.contains("Call completed elsewhere"), &reason);
    caller.hang_up();
    facts.fact("the caller hangs up and phone 12 is released", leg_12.wait_ended(SOON), "");
    let row = scene.row(ANSWERED);
    facts.fact("the page shows the call as answered by 12", row["outcome"] == "answered" && names(&row["answered_by"]), &row.to_string());
    Ok(())
}

/// The API may name the extension or the person whose phone it is.
fn names(answered_by: &Value) -> bool {
    let (extension, owner) = PHONES[1];
    answered_by == extension || answered_by == owner
}

/// A client gives up while it rings.
fn gave_up(scene: &mut Scene, facts: &mut Facts) -> io::Result<()> {
    let caller = scene.caller(GAVE_UP)?;
    let legs: Vec<Call> = [&scene.phone_11, &scene.phone_12].into_iter().filter_map(|phone| phone.expect_call(SOON)).collect();
    legs.iter().for_each(|leg| {
        leg.ring();
    });
    facts.fact("a second client calls and hears that it rings", caller.wait_ringing(SOON), &format!("{:?}", caller.statuses()));
    caller.cancel(None);
    facts.fact("it gives up while it rings", caller.wait_final(SOON) == Some(487), &format!("{:?}", caller.statuses()));
    facts.fact("both phones stop ringing", legs.len() == 2 && legs.iter().all(|leg| leg.wait_ended(SOON)), "");
    let row = scene.row(GAVE_UP);
    facts.fact(
        "its number is kept: missed, caller_gave_up",
        row["outcome"] == "missed" && row["reason"] == "caller_gave_up",
        &row.to_string(),
    );
    Ok(())
}

/// Phone 11 calls back, with 0 to get out.
fn dialled(scene: &mut Scene, facts: &mut Facts) -> io::Result<()> {
    let call = scene.phone_11.call(&format!("0{ANSWERED}"), Dial::default())?;
    let far = scene.trunk.expect_call(SOON);
    let uri = far.as_ref().and_then(Call::invite).map(|invite| invite.uri().to_owned()).unwrap_or_default();
    facts.fact(
        "phone 11 dials 0 and the number: the far end is called, without the 0",
        uri.contains(ANSWERED) && !uri.contains(&format!("0{ANSWERED}")),
        &uri,
    );
    let Some(far) = far else { return Ok(()) };
    far.ring();
    facts.fact("phone 11 hears that it rings", call.wait_ringing(SOON), &format!("{:?}", call.statuses()));
    far.answer();
    facts.fact("the far end answers", call.wait_up(SOON), &format!("{:?}", call.statuses()));
    facts.hear("phone 11 hears the far end", &call, FAR_END);
    facts.hear("the far end hears phone 11", &far, PHONE_11);
    call.hang_up();
    facts.fact("phone 11 hangs up and the far end is released", far.wait_ended(SOON), "");
    let row = scene.row_where(|row| row["direction"] == "outgoing");
    facts.fact("the page shows the call made", row["number"] == "+33639980001" && row["outcome"] == "answered", &row.to_string());
    Ok(())
}

/// What was checked so far, said as it is.
struct Facts {
    json: bool,
    failed: u32,
}

impl Facts {
    /// `found` is shown when the fact did not hold.
    fn fact(&mut self, what: &str, held: bool, found: &str) {
        let word = if held { "ok  " } else { "FAIL" };
        let found = if held { "" } else { found };
        self.failed += u32::from(!held);
        let tail = if found.is_empty() { String::new() } else { format!(": {found}") };
        self.say(&json!({"fact": what, "held": held, "found": found}), &format!("{word} {what}{tail}"));
    }

    /// One second of sound, most of it of that pitch.
    fn hear(&mut self, what: &str, call: &Call, pitch: u16) {
        call.hears(pitch, SOON);
        let from = Instant::now();
        std::thread::sleep(LISTEN);
        let share = call.sound().share(pitch, from);
        self.fact(what, share >= MOST, &format!("{pitch} Hz in {:.0} % of what it hears", share * 100.0));
    }

    fn say(&self, object: &Value, line: &str) {
        let mut out = io::stdout().lock();
        // a reader that went away is no reason to stop
        let _ = if self.json { writeln!(out, "{object}") } else { writeln!(out, "{line}") };
    }
}
