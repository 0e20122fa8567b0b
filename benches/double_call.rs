//! How long the double call takes to change who is heard: from the first END packet of key `2` to the first frame that the caller now
//! connected hears of the agent's side, and that the agent hears of the caller (`cargo bench --bench double_call`). Real SIP and RTP on loopback against the binary; 25
//! double calls of 8 changes each.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rappel::demo::double_call::{DoubleCall, waiting, write_music};
use rappel::demo::scene::{EXPIRES, Plan, Scene};
use rappel::demo::ua::Call;
use rappel::demo::ua::sound::MUSIC;

const CALLS: usize = 25;
const SWAPS: usize = 8;
/// Between two keys: longer than a key with its retransmissions.
const PAUSE: Duration = Duration::from_millis(400);

fn main() {
    let music = std::env::temp_dir().join(format!("rappel-bench-{}.wav", std::process::id()));
    write_music(&music).expect("the music is written");
    let changes = format!("[line]\noffer_seconds = 60\n[media]\nhold_music = {music:?}");
    let plan = Plan { binary: PathBuf::from(env!("CARGO_BIN_EXE_rappel")), web_port: 0, changes };
    let scene = Scene::set(plan).expect("the service starts");
    assert_eq!(scene.phone_11.register(EXPIRES), 200);
    let (mut takes, mut swaps) = (Vec::new(), Vec::new());
    for _ in 0..CALLS {
        let call = waiting(&scene).expect("call 2 waits");
        call.agent.press("2");
        assert!(call.in_second(), "call 2 was not taken");
        let pressed = *call.agent.sound().pressed().last().expect("a key was pressed");
        takes.extend(first_frame(&call.two, pressed, |_| true));
        for n in 0..SWAPS {
            call.agent.press("2");
            std::thread::sleep(PAUSE);
            let pressed = *call.agent.sound().pressed().last().expect("a key was pressed");
            let back = if n % 2 == 0 { &call.one } else { &call.two };
            swaps.extend(first_frame(back, pressed, |music| !music));
        }
        end(&call);
    }
    let _ = std::fs::remove_file(music);
    report("2 -> first frame to caller 2 (take)", takes);
    report("2 -> first frame that is not music (swap)", swaps);
}

/// Time from the key to the first frame that counts.
fn first_frame(call: &Call, from: Instant, counts: impl Fn(bool) -> bool) -> Option<Duration> {
    call.sound().heard(from).iter().find(|frame| counts(frame.has(MUSIC))).map(|frame| frame.at - from)
}

fn end(call: &DoubleCall) {
    call.two.hang_up();
    call.one.hang_up();
    assert!(call.agent.wait_ended(Duration::from_secs(5)), "the phone was not released");
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| times.get(((times.len() - 1) as f64 * share) as usize).map_or(0.0, |t| t.as_secs_f64() * 1000.0);
    println!("{what}: {} times, p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms", times.len(), at(0.5), at(0.99), at(1.0));
}
