//! A double call with real SIP and RTP: a client talks with phone 11, another calls. What the tests, the bench and the story play it with.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::scene::Scene;
use super::ua::sound::{CALLER, MUSIC, PHONE_11, SECOND_CALLER};
use super::ua::{Call, Dial, eventually};
use crate::media::RATE;

/// How long any one thing may take.
const SOON: Duration = Duration::from_secs(5);
/// Keys of the first second of `Waiting` are ignored (RULES 4).
pub const DEAF: Duration = Duration::from_millis(1_200);
const AMPLITUDE: f64 = 8000.0;
/// Clients, from the block reserved for fiction.
pub const ONE: &str = "0639980001";
pub const TWO: &str = "0639980002";

/// Who takes part; each has a pitch of its own.
pub struct DoubleCall {
    pub one: Call,
    pub two: Call,
    pub agent: Call,
}

/// Call 2 waits on phone 11, where call 1 talks; phone 12 must not be registered.
pub fn waiting(scene: &Scene) -> io::Result<DoubleCall> {
    let (one, agent) = first(scene)?;
    let two = second(scene)?;
    std::thread::sleep(DEAF);
    Ok(DoubleCall { one, two, agent })
}

/// Call 1 talks on phone 11: the caller's end and the phone's.
pub fn first(scene: &Scene) -> io::Result<(Call, Call)> {
    let one = scene.trunk.call(super::service::NUMBER, Dial::from_number(ONE).pitch(CALLER))?;
    let agent = scene.phone_11.expect_call(SOON).ok_or_else(|| absent(scene, "phone 11 did not ring"))?;
    agent.ring();
    agent.answer();
    if !(one.wait_up(SOON) && one.hears(PHONE_11, SOON) && agent.hears(CALLER, SOON)) {
        return Err(absent(scene, "call 1 was not connected"));
    }
    Ok((one, agent))
}

/// Call 2 arrives and hears it ring.
pub fn second(scene: &Scene) -> io::Result<Call> {
    let two = scene.trunk.call(super::service::NUMBER, Dial::from_number(TWO).pitch(SECOND_CALLER))?;
    if !two.wait_ringing(SOON) {
        return Err(absent(scene, "call 2 does not hear it ring"));
    }
    Ok(two)
}

fn absent(scene: &Scene, what: &str) -> io::Error {
    io::Error::other(format!("{what}; {}", scene.service.last_words()))
}

impl DoubleCall {
    /// Call 2 talks, call 1 hears music.
    pub fn in_second(&self) -> bool {
        self.two.wait_up(SOON) && self.two.hears(PHONE_11, SOON) && self.agent.hears(SECOND_CALLER, SOON) && self.one.hears(MUSIC, SOON)
    }

    /// Call 1 talks, call 2 hears music.
    pub fn in_swapped(&self) -> bool {
        self.one.hears(PHONE_11, SOON) && self.agent.hears(CALLER, SOON) && self.two.hears(MUSIC, SOON)
    }

    /// Call 1 talks, call 2 is over.
    pub fn back_to_one(&self) -> bool {
        self.two.wait_ended(SOON) && self.one.hears(PHONE_11, SOON) && self.agent.hears(CALLER, SOON)
    }
}

/// The state of the first double call, as `GET /api/line` tells it.
pub fn state(scene: &mut Scene) -> Option<String> {
    let line = scene.service.client().ok()?.get("/api/line").ok()?.json();
    line["second_call"]["state"].as_str().map(str::to_owned)
}

/// Waits until it is that; `None`: no double call.
pub fn becomes(scene: &mut Scene, wanted: Option<&str>) -> bool {
    eventually(SOON, || state(scene).as_deref() == wanted)
}

/// Ten seconds of one pitch, as hold music that can be told from everything else.
pub fn write_music(path: &Path) -> io::Result<()> {
    write_wav(path, (0..10 * RATE).map(sine))
}

/// A fifth of a second of nothing, in place of a word.
pub fn write_silence(path: &Path) -> io::Result<()> {
    write_wav(path, (0..RATE / 5).map(|_| 0))
}

fn sine(n: u32) -> i16 {
    let turn = f64::from(n * u32::from(MUSIC) % RATE) / f64::from(RATE);
    ((turn * std::f64::consts::TAU).sin() * AMPLITUDE) as i16
}

/// 16-bit PCM, 8 kHz, mono.
pub fn write_wav(path: &Path, samples: impl IntoIterator<Item = i16>) -> io::Result<()> {
    let spec = hound::WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut wav = hound::WavWriter::create(path, spec).map_err(io::Error::other)?;
    for sample in samples {
        wav.write_sample(sample).map_err(io::Error::other)?;
    }
    wav.finalize().map_err(io::Error::other)
}
