//! SIPp on both sides: as the operator that calls, and as a phone that registers with digest and answers. Its scenarios are ours.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rappel::demo::double_call::{DEAF, becomes};
use rappel::demo::scene::{EXPIRES, Scene};
use rappel::demo::ua::Call;
use rappel::demo::ua::sound::{A_WHILE, CALLER, Pitch, SECOND_CALLER};
use rappel::media::RATE;
use rappel::media::command::Law;

use crate::stage::{ONE, PHONES, Process, SOON, TRUNK, TWO, ended_as, quiet, tool};

const CALLS: usize = 50;
/// One call takes about 0.8 s; a loaded machine gets three times that.
const ALL: Duration = Duration::from_secs(120);
const PACKAGE: &str = "sip-tester";

fn sipp(program: &Path, scenario: &str, from: (IpAddr, u16), to: Option<&str>, folder: &Path, more: &[&str]) -> Process {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/loopback/sipp").join(scenario);
    let mut command = Command::new(program);
    command.current_dir(folder).arg("-sf").arg(file).args(["-i", &from.0.to_string(), "-p", &from.1.to_string()]);
    command.args(["-nostdin", "-nd", "-trace_err", "-timeout_error", "-timeout", &format!("{}s", ALL.as_secs())]);
    command.args(more).args(to);
    Process::start(&mut command, &folder.join(format!("{scenario}.log")))
}

fn free_port(ip: IpAddr) -> u16 {
    std::net::UdpSocket::bind((ip, 0)).unwrap().local_addr().unwrap().port()
}

#[test]
fn sipp_calls_fifty_times_and_a_sipp_phone_answers_each() {
    let Some(program) = tool("sipp", PACKAGE) else { return };
    let mut scene = quiet("[line]\nring = [\"11\"]\n[trunk]\nchannels = 8");
    let (service, folder) = (scene.service.sip.to_string(), scene.service.folder().to_owned());
    let phone = (PHONES[0], free_port(PHONES[0]));
    let mut registers = sipp(&program, "register.xml", phone, Some(&service), &folder, &["-m", "1"]);
    assert!(registers.succeeds(Duration::from_secs(10)), "SIPp could not register: {}", registers.output());
    let count = CALLS.to_string();
    let mut answers = sipp(&program, "phone.xml", phone, None, &folder, &["-m", &count, "-mp", "36000"]);
    let operator = (TRUNK, free_port(TRUNK));
    let mut calls = sipp(&program, "trunk.xml", operator, Some(&service), &folder, &["-m", &count, "-l", "1", "-r", "10", "-mp", "37000"]);
    assert!(calls.succeeds(ALL), "SIPp's calls failed: {} {}", calls.output(), scene.service.last_words());
    assert!(answers.succeeds(Duration::from_secs(10)), "SIPp's phone missed calls: {}", answers.output());
    let client = scene.service.client().unwrap();
    let mut answered = 0;
    rappel::demo::ua::eventually(Duration::from_secs(5), || {
        let rows = client.get("/api/calls?limit=200&outcome=answered").map(|answer| answer.json()).unwrap_or_default();
        answered = rows["calls"].as_array().map_or(0, Vec::len);
        answered >= CALLS
    });
    assert_eq!(answered, CALLS, "each call has its row");
}

/// One call of an operator that answers nothing within a call.
struct DeafTrunk {
    process: Process,
    folder: PathBuf,
}

impl DeafTrunk {
    /// Calls with that voice; `ports`: first of its media ports.
    fn calls(program: &Path, scene: &Scene, (number, voice, ports): (&str, Pitch, u16)) -> DeafTrunk {
        let folder = scene.service.folder().join(number);
        fs::create_dir(&folder).unwrap();
        let sine = |n: u32| (f64::from(n) * f64::from(voice) / f64::from(RATE) * std::f64::consts::TAU).sin() * 8000.0;
        let codes: Vec<u8> = (0..RATE).map(|n| Law::A.encode(sine(n) as i16)).collect();
        fs::write(folder.join("voice.alaw"), codes).unwrap();
        let (ip, ports) = (TRUNK.to_string(), ports.to_string());
        let more = ["-m", "1", "-trace_logs", "-mi", &ip, "-mp", &ports, "-key", "number", number];
        let service = scene.service.sip.to_string();
        let process = sipp(program, "deaf_trunk.xml", (TRUNK, free_port(TRUNK)), Some(&service), &folder, &more);
        DeafTrunk { process, folder }
    }

    /// It ended as its scenario says, and saw nothing but that.
    fn ends_content(mut self) {
        assert!(self.process.succeeds(SOON), "SIPp's call failed: {}", self.process.output());
        let files = fs::read_dir(&self.folder).unwrap().flatten().map(|entry| entry.path());
        let logs: Vec<PathBuf> = files.filter(|path| path.to_string_lossy().ends_with("_logs.log")).collect();
        assert_eq!(logs.len(), 1, "SIPp kept no log: {logs:?}");
        assert_eq!(fs::read_to_string(&logs[0]).unwrap(), "", "the trunk was asked for something within the call");
    }
}

/// Most of what the agent hears, for a while, is that.
#[track_caller]
fn hears(agent: &Call, pitch: Pitch) {
    assert_eq!(agent.sound().settles_on(pitch, A_WHILE), Ok(()), "what the agent hears");
}

#[test]
fn a_whole_double_call_on_a_trunk_that_answers_no_re_invite() {
    let Some(program) = tool("sipp", PACKAGE) else { return };
    let mut scene = quiet("[line]\nring = [\"11\"]\nring_seconds = 20\noffer_seconds = 60");
    assert_eq!(scene.phone_11.register(EXPIRES), 200);
    let one = DeafTrunk::calls(&program, &scene, (ONE, CALLER, 38_000));
    let agent = scene.phone_11.expect_call(SOON).unwrap_or_else(|| panic!("phone 11 did not ring: {}", one.process.output()));
    agent.ring();
    agent.answer();
    hears(&agent, CALLER);
    let two = DeafTrunk::calls(&program, &scene, (TWO, SECOND_CALLER, 38_100));
    assert!(becomes(&mut scene, Some("waiting")));
    std::thread::sleep(DEAF);
    for (state, voice) in [("second", SECOND_CALLER), ("swapped", CALLER), ("second", SECOND_CALLER)] {
        agent.press("2");
        hears(&agent, voice);
        assert!(becomes(&mut scene, Some(state)));
    }
    agent.press("1");
    hears(&agent, CALLER);
    assert!(becomes(&mut scene, None));
    two.ends_content();
    ended_as(&mut scene, TWO, "answered", Some("promised"));
    let saved = scene.callback_where(|entry| entry["number"] == "+33639980002");
    assert_eq!((&saved["source"], &saved["state"]), (&"double_call".into(), &"open".into()), "{saved}");
    agent.hang_up();
    one.ends_content();
    ended_as(&mut scene, ONE, "answered", None);
}
