//! SIPp on both sides: as the operator that calls, and as a phone that registers with digest and answers. Its scenarios are ours.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::stage::{PHONES, Process, TRUNK, quiet, tool};

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
