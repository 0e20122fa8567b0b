//! One packet through the relay, and a tick of an agency's and of a large house's legs.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rappel::domain::call::LegId;
use rappel::domain::entropy::Seeded;
use rappel::domain::now::Instant;
use rappel::media::command::{Command, Law, Negotiated, Source, SourceRule};
use rappel::media::relay::{Config, Relay};
use rappel::media::rtp::Header;
use rappel::media::tone::Tone;

fn relay(legs: u16, other: Law) -> Relay {
    let mut relay = Relay::new(Config::default(), Box::new(Seeded(1)));
    for port in 0..legs {
        let leg = LegId(u64::from(port));
        relay.handle(Instant(1), Command::Open { leg, port });
        let with = Negotiated {
            law: if port % 2 == 0 { Law::A } else { other },
            event_out: Some(101),
            event_in: Some(101),
            remote: Some(([127, 0, 0, 1], 4000).into()),
            control: Some(([127, 0, 0, 1], 4001).into()),
            send: true,
            receive: true,
            source: SourceRule::Address([127, 0, 0, 1].into()),
        };
        relay.handle(Instant(1), Command::Negotiated { leg, with });
        if port % 2 == 1 {
            relay.handle(Instant(1), Command::Join(LegId(u64::from(port) - 1), leg));
        }
    }
    relay
}

fn packets(criterion: &mut Criterion) {
    let cases = [("same law", Law::A, false), ("A to µ", Law::Mu, false), ("tone mixed in", Law::Mu, true)];
    for (name, law, overlay) in cases {
        let mut relay = relay(2, law);
        if overlay {
            relay.handle(Instant(1), Command::Overlay(LegId(1), Some(Source::Tone(Tone::dial()))));
        }
        let (mut header, mut now) = (Header { marker: false, payload_type: 8, sequence: 0, timestamp: 0, ssrc: 9 }, 1);
        let mut bytes = [0x11; 172];
        criterion.bench_function(&format!("packet, {name}"), |bencher| {
            bencher.iter(|| {
                now += 20_000_000;
                header.sequence = header.sequence.wrapping_add(1);
                header.timestamp = header.timestamp.wrapping_add(160);
                bytes[..12].copy_from_slice(&header.bytes());
                relay.handle_packet(Instant(now), 0, false, ([127, 0, 0, 1], 4000).into(), &bytes, &mut |datagram| {
                    black_box(datagram);
                });
            });
        });
    }
}

fn ticks(criterion: &mut Criterion) {
    for legs in [8, 1500] {
        let mut relay = relay(legs, Law::A);
        let mut now = 1;
        criterion.bench_function(&format!("tick, {legs} legs, silence to all"), |bencher| {
            bencher.iter(|| {
                now += 10_000_000;
                relay.handle_tick(Instant(now), &mut |datagram| {
                    black_box(datagram);
                });
                while relay.poll_report().is_some() {}
            });
        });
    }
}

criterion_group!(benches, packets, ticks);
criterion_main!(benches);
