//! What was checked so far, said as it is: one line, or one JSON object, a fact.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::ua::Call;
use super::ua::sound::A_WHILE;

/// How long any one thing may take.
pub(super) const SOON: Duration = Duration::from_secs(5);
/// The longest prompt.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

pub(super) struct Facts {
    json: bool,
    failed: u32,
}

impl Facts {
    pub(super) fn new(json: bool) -> Facts {
        Facts { json, failed: 0 }
    }

    pub(super) fn all_held(&self) -> bool {
        self.failed == 0
    }

    /// `found` is shown when the fact did not hold.
    pub(super) fn fact(&mut self, what: &str, held: bool, found: &str) {
        let word = if held { "ok  " } else { "FAIL" };
        let found = if held { "" } else { found };
        self.failed += u32::from(!held);
        let tail = if found.is_empty() { String::new() } else { format!(": {found}") };
        self.say(&json!({"fact": what, "held": held, "found": found}), &format!("{word} {what}{tail}"));
    }

    /// A row, or a callback, that has all of those values.
    pub(super) fn shows(&mut self, what: &str, object: &Value, wanted: &[(&str, Value)]) {
        let held = wanted.iter().all(|(key, value)| object[*key] == *value);
        self.fact(what, held, &object.to_string());
    }

    /// Sound, most of it of that pitch.
    pub(super) fn hear(&mut self, what: &str, call: &Call, pitch: u16) {
        let heard = call.sound().settles_on(pitch, A_WHILE);
        self.fact(what, heard.is_ok(), &heard.err().unwrap_or_default());
    }

    /// That number of frames of speech since then: sound that is nobody's pitch.
    pub(super) fn speech(&mut self, what: &str, call: &Call, since: Instant, frames: usize) {
        let spoken = || call.sound().heard(since).iter().filter(|frame| !frame.silent && frame.pitch.is_none()).count();
        let held = super::ua::eventually(PATIENCE, || spoken() >= frames);
        self.fact(what, held, &format!("{} frames of speech", spoken()));
    }

    pub(super) fn say(&self, object: &Value, line: &str) {
        let mut out = io::stdout().lock();
        // a reader that went away is no reason to stop
        let _ = if self.json { writeln!(out, "{object}") } else { writeln!(out, "{line}") };
        let _ = out.flush();
    }
}
