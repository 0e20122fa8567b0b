//! The threads with real sockets on loopback: a packet through, a stranger refused, ports given back. Waits on the sockets
//! themselves, never on a clock.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rappel::domain::call::LegId;
use rappel::domain::entropy::Seeded;
use rappel::domain::now::Instant;
use rappel::media::command::{Command, Law, Negotiated, Report, SourceRule};
use rappel::shell::rtp_io::{Config, NoPort, RtpIo};

use crate::rig::packet;

const DEADLINE: Duration = Duration::from_secs(5);

pub fn start(ports: &str, threads: usize) -> (RtpIo, Receiver<Report>) {
    let (tell, reports) = channel();
    let began = std::time::Instant::now();
    let clock = Arc::new(move || Instant(u64::try_from(began.elapsed().as_nanos()).unwrap() + 1_000_000_000));
    let config = Config { address: "127.0.0.1".parse().unwrap(), ports: ports.parse().unwrap(), threads, relay: Default::default() };
    let reports_out = Arc::new(move |report| {
        let _ = tell.send(report);
    });
    (RtpIo::start(config, clock, || Box::new(Seeded(5)), reports_out).unwrap(), reports)
}

pub fn phone() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

pub fn with(remote: SocketAddr) -> Negotiated {
    Negotiated {
        law: Law::A,
        event_out: Some(101),
        event_in: Some(101),
        remote: Some(remote),
        control: Some(SocketAddr::new(remote.ip(), remote.port() + 1)),
        send: true,
        receive: true,
        source: SourceRule::Address(remote.ip()),
    }
}

pub fn tell(io: &RtpIo, command: Command) {
    let mut commands = VecDeque::from([command]);
    io.commands(&mut commands);
    assert!(commands.is_empty());
}

#[test]
fn a_call_over_real_sockets() {
    let (io, reports) = start("28100-28109", 1);
    let phones = [phone(), phone()];
    let ours: Vec<SocketAddr> = (0..2)
        .map(|n| {
            let address = io.reserve(LegId(n)).unwrap();
            tell(&io, Command::Negotiated { leg: LegId(n), with: with(phones[n as usize].local_addr().unwrap()) });
            address
        })
        .collect();
    tell(&io, Command::Join(LegId(0), LegId(1)));
    phones[0].send_to(&packet(8, 1, 160, &[0x11; 160]), ours[0]).unwrap();
    assert_eq!(reports.recv_timeout(DEADLINE), Ok(Report::FirstPacket(LegId(0))));
    let mut buffer = [0; 2000];
    loop {
        let (length, from) = phones[1].recv_from(&mut buffer).unwrap();
        assert_eq!((length, from), (172, ours[1]));
        if buffer[12] == 0x11 {
            break;
        }
    }
    let free = io.free_pairs();
    tell(&io, Command::Close(LegId(0)));
    // the thread has closed the pair once the port can be bound by another
    let end = std::time::Instant::now() + DEADLINE;
    while let Err(e) = UdpSocket::bind(ours[0]) {
        assert!(std::time::Instant::now() < end, "{e}");
    }
    assert_eq!(io.free_pairs(), free + 1);
    io.stop();
}

#[test]
fn the_range_bounds_the_legs() {
    let (io, _reports) = start("28110-28113", 2);
    let (one, two) = (io.reserve(LegId(1)).unwrap(), io.reserve(LegId(2)).unwrap());
    assert_ne!(one, two);
    assert!(one.port() % 2 == 0 && two.port() % 2 == 0);
    assert!(matches!(io.reserve(LegId(3)), Err(NoPort::Exhausted)));
}

/// Figures, not a judgement: `cargo test --release --test media load -- --ignored --nocapture`.
#[test]
#[ignore = "five seconds of full load; prints what the thread cost"]
fn load_of_750_calls() {
    const LEGS: usize = 1500;
    let (io, _reports) = start("24000-27999", 2);
    let phones: Vec<UdpSocket> = (0..LEGS).map(|_| phone()).collect();
    let ours: Vec<SocketAddr> = (0..LEGS)
        .map(|n| {
            let address = io.reserve(LegId(n as u64)).unwrap();
            tell(&io, Command::Negotiated { leg: LegId(n as u64), with: with(phones[n].local_addr().unwrap()) });
            address
        })
        .collect();
    (0..LEGS as u64).step_by(2).for_each(|n| tell(&io, Command::Join(LegId(n), LegId(n + 1))));
    let cpu = || -> f64 {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
        let rtp = tasks.filter(|task| std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.starts_with("rtp")));
        rtp.map(|task| {
            let stat = std::fs::read_to_string(task.join("schedstat")).unwrap();
            stat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
        })
        .sum()
    };
    let (began, used, counted) = (std::time::Instant::now(), cpu(), io.counters());
    for n in 0..250u16 {
        let bytes = packet(8, n, u32::from(n) * 160, &[0x11; 160]);
        phones.iter().zip(&ours).for_each(|(phone, to)| {
            let _ = phone.send_to(&bytes, to);
        });
        std::thread::sleep((began + Duration::from_millis(20 * (u64::from(n) + 1))).saturating_duration_since(std::time::Instant::now()));
    }
    let (seconds, after) = (began.elapsed().as_secs_f64(), io.counters());
    println!(
        "{LEGS} legs, {seconds:.2} s: {} in, {} out, {} dropped; media thread {:.0} % of a core",
        after.received - counted.received,
        after.sent - counted.sent,
        after.dropped - counted.dropped,
        (cpu() - used) / seconds * 100.0
    );
}
