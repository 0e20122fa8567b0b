//! Two hundred double calls at once, with real SIP and RTP on loopback against the binary: each phone talks with a client, a second one calls and is
//! taken, keys `2` go to and fro, all phones at the same moment, and key `1` goes back. Then as many phones with two plain calls each, for the same time.
//!
//! `cargo bench --bench double_calls [-- HOW_MANY]`. Reports frames late and lost, the state of every double call, the callback of
//! every call 2, and the service's CPU for a double call beside that for two plain ones (wanted: three times at most).
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a panic is how a bench fails, and a bench has its own clock")]

mod peers;
mod pump;
mod tally;

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rappel::demo::double_call::write_music;
use rappel::demo::service::{Service, Setup, phone_password};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::peers::{PHONES, Peers, Phase, TRUNK};
use self::pump::Pump;
use self::tally::Tally;

const CALLS: usize = 200;
const SWAPS: usize = 4;
/// Between two keys.
const WHILE: Duration = Duration::from_secs(3);
const SOON: Duration = Duration::from_secs(10);
/// The service's CPU is counted in ticks of that many a second (USER_HZ).
const TICKS: f64 = 100.0;

fn main() {
    let mut args = std::env::args().skip(1);
    if args.any(|arg| arg == "--test") {
        return;
    }
    let calls = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(CALLS);
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let music = std::env::temp_dir().join(format!("rappel-load-{}.wav", std::process::id()));
    write_music(&music).unwrap();
    let double = play(calls, true, &music);
    println!("{calls} double calls, {SWAPS} swaps each");
    show(calls, &double);
    let plain = play(calls, false, &music);
    println!("{calls} times two plain calls");
    show(calls, &plain);
    std::fs::remove_file(music).unwrap();
    println!("a double call costs {:.2} times two plain calls", double.cpu / plain.cpu);
}

struct Played {
    tally: Tally,
    /// Seconds of CPU, and of the clock.
    cpu: f64,
    took: f64,
}

fn show(calls: usize, played: &Played) {
    println!("{}", played.tally);
    println!(
        "  CPU of the service     {:.2} s in {:.1} s, {:.1} ms for each\n",
        played.cpu,
        played.took,
        played.cpu * 1000.0 / calls as f64
    );
}

fn start(calls: usize, double: bool, music: &Path) -> (Service, std::net::SocketAddr) {
    let trunk = UdpSocket::bind((TRUNK, 0)).unwrap().local_addr().unwrap();
    let at_once = if double { 1 } else { 2 };
    let phones: String = (0..calls)
        .map(|n| {
            let (extension, password) = (extension(n), phone_password(&extension(n)));
            format!(
                "[[phone]]\nextension = {extension:?}\nname = {extension:?}\nowner = \"MEL\"\npassword = {password:?}\ncalls = {at_once}\n"
            )
        })
        .collect();
    let changes = format!(
        "[trunk]\nchannels = 10000\n{phones}\
         [line]\nring_seconds = 300\nwaiting_after_seconds = 300\noffer_seconds = 300\n\
         [media]\nports = \"10000-18999\"\nhold_music = {music:?}\n\
         [limits]\ncalls_per_second = 10000\nrequests_per_second = 100000\npending = 4096\ntransactions = 65536\n[log]\nlevel = \"warn\"\n"
    );
    let (peers, networks) = (vec![TRUNK.to_string()], vec![format!("{PHONES}/32")]);
    let binary = std::env::var_os("RAPPEL").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_rappel")), PathBuf::from);
    let setup = Setup { binary, trunk, peers, phones: networks, web_port: 0, changes };
    (Service::start(setup).expect("the service starts"), trunk)
}

fn extension(n: usize) -> String {
    (1001 + n).to_string()
}

/// Of the first client of a phone, or of the second.
fn number(n: usize, second: bool) -> String {
    format!("063998{:04}", n * 2 + usize::from(second))
}

fn play(calls: usize, double: bool, music: &Path) -> Played {
    let (mut service, trunk) = start(calls, double, music);
    service.client().expect("a person signs in");
    // the clients' ends first, then those of the phones
    let legs = if double { calls } else { 2 * calls };
    let pump = Pump::open((0..2 * calls).map(|_| TRUNK).chain((0..legs).map(|_| PHONES))).unwrap();
    let mut peers = Peers::open(service.sip, trunk, (2 * calls..2 * calls + legs).rev().collect()).unwrap();
    place(calls, double, &mut service, &mut peers, &pump);
    // how the calls were placed is no matter of their cost
    let (cpu, began) = (cpu(&service), Instant::now());
    if double {
        swap_and_return(calls, &mut service, &mut peers, &pump);
    } else {
        // the phases of the other play, without keys
        peers.turn(&pump, WHILE * u32::try_from(SWAPS + 1).unwrap(), |_| false);
    }
    for n in 0..calls {
        for second in [false, true] {
            peers.hang_up(&pump, &format!("call-{}", number(n, second)));
        }
    }
    assert!(peers.turn(&pump, SOON, |p| p.phones_up() == 0), "{} phones were not released", peers.phones_up());
    let played = (self::cpu(&service) - cpu, began.elapsed().as_secs_f64());
    if double {
        promised(calls, &mut service);
    }
    Played { tally: pump.stop(), cpu: played.0, took: played.1 }
}

/// Every phone with its two calls. Only one client at a time is offered to the phones, and keys are ignored for a second of it: it is taken by the page.
fn place(calls: usize, double: bool, service: &mut Service, peers: &mut Peers, pump: &Pump) {
    let up = |peers: &mut Peers, n, second, phase| {
        let id = peers.call(pump, &number(n, second), 2 * n + usize::from(second));
        assert!(peers.turn(pump, SOON, |p| p.phase(&id) == Some(phase)), "phone {n}, second {second}: {:?}", peers.phase(&id));
    };
    for n in 0..calls {
        assert_eq!(peers.register(pump, &extension(n), SOON), 200, "phone {n}");
        up(peers, n, false, Phase::Up);
        if !double {
            up(peers, n, true, Phase::Up);
        }
    }
    let client = service.client().unwrap();
    for n in (0..calls).filter(|_| double) {
        up(peers, n, true, Phase::Ringing);
        let taken = client.post("/api/second-call/take", &serde_json::json!({"extension": extension(n)})).unwrap();
        assert!(taken.status < 300, "phone {n}: {} {}", taken.status, taken.text());
        let id = format!("call-{}", number(n, true));
        assert!(peers.turn(pump, SOON, |p| p.phase(&id) == Some(Phase::Up)), "phone {n} took its call 2");
    }
    peers.turn(pump, WHILE, |_| false);
}

fn swap_and_return(calls: usize, service: &mut Service, peers: &mut Peers, pump: &Pump) {
    all_in(calls, service, peers, pump, "second");
    let ends: Vec<usize> = (0..calls).map(|n| peers.phone_end(&extension(n)).unwrap()).collect();
    for swap in 0..SWAPS {
        let second = swap % 2 == 1;
        ends.iter().for_each(|end| pump.press(*end, '2'));
        peers.turn(pump, WHILE, |_| false);
        all_in(calls, service, peers, pump, if second { "second" } else { "swapped" });
        heard(&ends, pump, second);
    }
    ends.iter().for_each(|end| pump.press(*end, '1'));
    peers.turn(pump, WHILE, |_| false);
    all_in(0, service, peers, pump, "second");
    heard(&ends, pump, false);
    let over = |n: &usize| peers.phase(&format!("call-{}", number(*n, true))) == Some(Phase::Ended);
    assert_eq!((0..calls).filter(over).count(), calls, "calls 2 over");
}

/// That many double calls, all of them in that state, as the page's own question tells.
fn all_in(calls: usize, service: &mut Service, peers: &mut Peers, pump: &Pump, state: &str) {
    let client = service.client().unwrap();
    let mut seen = Vec::new();
    let end = Instant::now() + SOON;
    while Instant::now() < end {
        let line = client.get("/api/line").unwrap().json();
        seen = line["second_calls"].as_array().unwrap().iter().map(|call| call["state"].as_str().unwrap_or_default().to_owned()).collect();
        if seen.len() == calls && seen.iter().all(|s| s == state) {
            return;
        }
        peers.turn(pump, Duration::from_millis(200), |_| false);
    }
    panic!("{} of {calls} {state}, {} in all", seen.iter().filter(|s| *s == state).count(), seen.len());
}

/// Each phone and the client it talks with hear each other, and the other client neither.
fn heard(ends: &[usize], pump: &Pump, second: bool) {
    for (n, end) in ends.iter().enumerate() {
        let (with, other) = if second { (2 * n + 1, 2 * n) } else { (2 * n, 2 * n + 1) };
        assert_eq!((pump.hears(*end), pump.hears(with)), (Some(with), Some(*end)), "phone {n} and its client");
        assert_eq!(pump.hears(other), None, "the other client of phone {n}");
    }
}

/// Every call 2 has its callback.
fn promised(calls: usize, service: &mut Service) {
    let wanted: Vec<String> = (0..calls).map(|n| format!("+33{}", &number(n, true)[1..])).collect();
    let client = service.client().unwrap();
    let list = client.get("/api/callbacks?view=all").unwrap().json();
    let has = |number: &&String| list["callbacks"].as_array().unwrap().iter().any(|row| row["number"] == number.as_str());
    assert_eq!(wanted.iter().filter(has).count(), calls, "callbacks of calls 2");
}

/// User and system time of the service so far, in seconds.
fn cpu(service: &Service) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", service.pid().unwrap())).unwrap();
    // after the name in brackets: state is the first, utime and stime the 12th and 13th
    let fields: Vec<f64> = stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2).map(|f| f.parse().unwrap()).collect();
    fields.iter().sum::<f64>() / TICKS
}
