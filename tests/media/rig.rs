//! A relay, its clock, and what it sent: two legs on ports 0 and 1, peers at 192.0.2.1 and 192.0.2.2.

use std::net::SocketAddr;
use std::time::Duration;

use rappel::domain::call::LegId;
use rappel::domain::entropy::Seeded;
use rappel::domain::now::Instant;
use rappel::media::command::{Command, Law, Negotiated, Report, Source, SourceRule};
use rappel::media::relay::{Config, Relay};
use rappel::media::rtp::{self, Header};

pub const A: LegId = LegId(10);
pub const B: LegId = LegId(11);

#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    pub at: u64,
    pub port: u16,
    pub to: SocketAddr,
    pub header: Header,
    pub payload: Vec<u8>,
}

pub struct Rig {
    pub relay: Relay,
    pub now: Instant,
    pub sent: Vec<Sent>,
    pub control: Vec<(u16, SocketAddr, Vec<u8>)>,
}

pub fn peer(port: u16) -> SocketAddr {
    SocketAddr::new([192, 0, 2, 1 + port as u8].into(), 4000)
}

pub fn negotiated(port: u16, law: Law) -> Negotiated {
    Negotiated {
        law,
        event_out: Some(96 + port as u8),
        event_in: Some(101),
        remote: Some(peer(port)),
        control: Some(SocketAddr::new(peer(port).ip(), peer(port).port() + 1)),
        send: true,
        receive: true,
        source: SourceRule::Address(peer(port).ip()),
    }
}

pub fn packet(payload_type: u8, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Header { marker: false, payload_type, sequence, timestamp, ssrc: 0x1234 }.bytes().to_vec();
    bytes.extend(payload);
    bytes
}

impl Rig {
    /// Both legs open, negotiated with these laws, not joined; it hears nothing yet.
    pub fn new(a: Law, b: Law) -> Rig {
        let relay = Relay::new(Config { silence_seconds: 3 }, Box::new(Seeded(42)));
        let mut rig = Rig { relay, now: Instant(1_000_000_000), sent: Vec::new(), control: Vec::new() };
        for (leg, port, law) in [(A, 0, a), (B, 1, b)] {
            rig.tell(Command::Open { leg, port });
            rig.tell(Command::Negotiated { leg, with: negotiated(port, law) });
        }
        rig
    }

    pub fn joined(a: Law, b: Law) -> Rig {
        let mut rig = Rig::new(a, b);
        rig.tell(Command::Join(A, B));
        rig
    }

    pub fn tell(&mut self, command: Command) {
        self.relay.handle(self.now, command);
    }

    pub fn play(&mut self, leg: LegId, source: Source) {
        self.tell(Command::Play(leg, source));
    }

    /// A datagram on a leg's RTP socket, from its peer.
    pub fn hear(&mut self, port: u16, bytes: &[u8]) {
        self.hear_from(port, peer(port), bytes);
    }

    pub fn hear_from(&mut self, port: u16, from: SocketAddr, bytes: &[u8]) {
        let Rig { relay, now, sent, control } = self;
        relay.handle_packet(*now, port, false, from, bytes, &mut |datagram| keep(*now, sent, control, datagram));
    }

    pub fn hear_control(&mut self, port: u16, from: SocketAddr, bytes: &[u8]) {
        let Rig { relay, now, sent, control } = self;
        relay.handle_packet(*now, port, true, from, bytes, &mut |datagram| keep(*now, sent, control, datagram));
    }

    /// Time passes, with a tick each 10 ms.
    pub fn pass(&mut self, ms: u64) {
        for _ in 0..ms / 10 {
            self.now += Duration::from_millis(10);
            let Rig { relay, now, sent, control } = self;
            relay.handle_tick(*now, &mut |datagram| keep(*now, sent, control, datagram));
        }
    }

    /// Time passes without a tick.
    pub fn skip(&mut self, us: u64) {
        self.now += Duration::from_micros(us);
    }

    /// Twenty milliseconds each: a packet of `code` to a leg, then the ticks.
    pub fn speak(&mut self, port: u16, first: u16, count: u16, code: u8) {
        for n in first..first + count {
            self.hear(port, &packet(8, n, 160 * u32::from(n), &[code; 160]));
            self.pass(20);
        }
    }

    pub fn reports(&mut self) -> Vec<Report> {
        std::iter::from_fn(|| self.relay.poll_report()).collect()
    }

    /// What left on a port since the last call.
    pub fn take(&mut self, port: u16) -> Vec<Sent> {
        let (taken, rest) = std::mem::take(&mut self.sent).into_iter().partition(|sent| sent.port == port);
        self.sent = rest;
        taken
    }
}

fn keep(now: Instant, sent: &mut Vec<Sent>, control: &mut Vec<(u16, SocketAddr, Vec<u8>)>, datagram: rappel::media::relay::Datagram) {
    if datagram.control {
        control.push((datagram.port, datagram.to, datagram.bytes.to_vec()));
        return;
    }
    let packet = rtp::parse(datagram.bytes).expect("we send valid RTP");
    let at = now.0 / 1_000_000;
    sent.push(Sent { at, port: datagram.port, to: datagram.to, header: packet.header, payload: packet.payload.to_vec() });
}

/// One source throughout: SSRC, numbers without a hole, time that never goes back nor off the clock by more than `slack` ms.
pub fn assert_continuous(packets: &[Sent], slack: i64) {
    let Some(first) = packets.first() else { panic!("nothing was sent") };
    let mut end = first.header.timestamp;
    for (n, sent) in packets.iter().enumerate() {
        assert_eq!(sent.header.ssrc, first.header.ssrc);
        assert_eq!(sent.header.sequence, first.header.sequence.wrapping_add(n as u16), "packet {n}");
        let event = sent.payload.len() == 4;
        assert!(event || (sent.header.timestamp.wrapping_sub(end) as i32) >= 0, "packet {n} goes back");
        if !event {
            end = sent.header.timestamp.wrapping_add(sent.payload.len() as u32);
        }
        let units = i64::from(sent.header.timestamp.wrapping_sub(first.header.timestamp) as i32);
        let clock = (sent.at - first.at) as i64 * 8;
        assert!(event || (units - clock).abs() <= slack * 8, "packet {n}: {units} units at {clock}");
    }
}

/// A gap of no more than `ms` between two packets.
pub fn assert_cadence(packets: &[Sent], ms: u64) {
    for pair in packets.windows(2) {
        assert!(pair[1].at - pair[0].at <= ms, "{} ms without a packet", pair[1].at - pair[0].at);
    }
}

pub fn markers(packets: &[Sent]) -> Vec<usize> {
    packets.iter().enumerate().filter(|(_, sent)| sent.header.marker).map(|(n, _)| n).collect()
}

pub fn decoded(packets: &[Sent], law: Law) -> Vec<i16> {
    packets.iter().flat_map(|sent| sent.payload.iter().map(|code| law.decode(*code))).collect()
}
