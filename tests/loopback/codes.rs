//! The agency's own announcements (`*98N`) in the real process: said at a phone, read back, kept on disk, and heard by the next caller.

use std::fs;
use std::path::Path;
use std::time::Instant;

use rappel::demo::double_call::write_music;
use rappel::demo::scene::Scene;
use rappel::demo::ua::sound::{FAR_END, MUSIC, PHONE_11, Pitch};
use rappel::demo::ua::{Call, Dial, eventually};
use rappel::media::{FRAME, listen, prompt};

use crate::attendant::{A_SECOND, SAID, pauses, speech};
use crate::stage::{SOON, ringing, scene};

const ON: &str = "[line]\nring_seconds = 1\n[attendant]\nenabled = true";
/// What `*981` records.
const NAME: &str = "accueil-absent";

/// Frames of the file with that pitch; 0 when there is no such file.
fn frames(file: &Path, pitch: Pitch) -> usize {
    let samples = prompt::read(file).unwrap_or_default();
    samples.chunks_exact(FRAME).filter(|frame| listen::hears(frame, f64::from(pitch))).count()
}

/// About as many as were said.
fn is_said(file: &Path, pitch: Pitch) -> bool {
    (60..=90).contains(&frames(file, pitch))
}

/// Phone 11 dials `*981`, hears what to do and the tone, and has said that.
fn says(scene: &Scene, pitch: Pitch) -> Call {
    let leg = scene.phone_11.call("*981", Dial::default()).unwrap();
    leg.sound().say(None);
    assert!(leg.wait_up(SOON), "*981 is not answered: {:?}", leg.statuses());
    let start = Instant::now();
    assert!(eventually(SOON, || speech(&leg, start) > A_SECOND), "what to do is not said");
    // straight to the tone
    leg.press("1");
    assert!(pauses(&leg), "no tone, or no silence after it");
    assert!(leg.sound().say_for(pitch, SAID), "what it says does not leave");
    leg
}

#[test]
fn an_announcement_said_at_a_phone_is_read_back_kept_and_heard_by_the_next_caller() {
    let scene = scene(ON);
    let folder = scene.service.folder().join("prompts");
    let [file, before] = ["wav", "wav.avant"].map(|end| folder.join(format!("{NAME}.{end}")));
    fs::create_dir_all(&folder).unwrap();
    write_music(&file).unwrap();
    let first = fs::read(&file).unwrap();

    let leg = says(&scene, PHONE_11);
    let start = Instant::now();
    leg.press("#");
    assert!(leg.sound().hears(PHONE_11, start, SOON), "it is not read back");
    assert_eq!(fs::read(&file).unwrap(), first, "kept before it was asked for");
    let start = Instant::now();
    leg.press("1");
    assert!(leg.wait_ended(SOON * 2), "the talk does not end");
    assert!(speech(&leg, start) > A_SECOND, "that it is kept is not said");
    // that it is kept was said: it is there
    assert!(is_said(&file, PHONE_11), "{} frames of it are in the file", frames(&file, PHONE_11));
    assert_eq!(fs::read(&before).unwrap(), first, "the one before is not kept aside");

    let start = Instant::now();
    let (caller, ..) = ringing(&scene);
    caller.sound().say(None);
    assert!(caller.wait_up(SOON), "the attendant did not answer: {:?}", caller.statuses());
    assert!(caller.sound().hears(PHONE_11, start, SOON), "the caller does not hear the agency's own announcement");
    caller.hang_up();

    // the prompt says that hanging up will do
    let leg = says(&scene, FAR_END);
    leg.hang_up();
    assert!(eventually(SOON, || is_said(&file, FAR_END)), "{} frames of it are in the file", frames(&file, FAR_END));
    assert!(is_said(&before, PHONE_11), "the one before is not kept aside");
    assert_eq!(frames(&file, MUSIC), 0);
}
