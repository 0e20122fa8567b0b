//! Random bytes and random lives: no panic, and what leaves is always one sound line.

use proptest::prelude::*;
use rappel::media::command::{Command, Law, Report, Source};
use rappel::media::rtp::Header;
use rappel::media::tone::Tone;

use crate::rig::*;

#[derive(Clone, Debug)]
enum Event {
    Pass(u64),
    Speak { port: u16, jump: u16, stretch: u32, length: usize, ssrc: u32 },
    Key { port: u16, event: u8, end: bool },
    Join,
    Play(u16),
    Overlay(bool),
    Keys(u16),
    Renew(u16, bool),
    Bytes(u16, bool, Vec<u8>),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1u64..15).prop_map(|n| Event::Pass(n * 10)),
        8 => (0u16..2, prop_oneof![6 => Just(1u16), 1 => any::<u16>()], prop_oneof![6 => Just(1u32), 1 => any::<u32>()], 30usize..500, 1u32..3)
            .prop_map(|(port, jump, stretch, length, ssrc)| Event::Speak { port, jump, stretch, length, ssrc }),
        2 => (0u16..2, 0u8..17, any::<bool>()).prop_map(|(port, event, end)| Event::Key { port, event, end }),
        1 => Just(Event::Join),
        1 => (0u16..2).prop_map(Event::Play),
        1 => any::<bool>().prop_map(Event::Overlay),
        1 => (0u16..2).prop_map(Event::Keys),
        1 => (0u16..2, any::<bool>()).prop_map(|(port, send)| Event::Renew(port, send)),
        1 => (0u16..4, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..200)).prop_map(|(p, c, b)| Event::Bytes(p, c, b)),
    ]
}

fn live(rig: &mut Rig, event: Event, at: &mut (u16, u32)) {
    let leg = |port| if port == 0 { A } else { B };
    match event {
        Event::Pass(ms) => rig.pass(ms),
        Event::Speak { port, jump, stretch, length, ssrc } => {
            *at = (at.0.wrapping_add(jump), at.1.wrapping_add(stretch.wrapping_mul(160)));
            let header = Header { marker: false, payload_type: 8, sequence: at.0, timestamp: at.1, ssrc };
            rig.hear(port, &[header.bytes().as_slice(), &vec![0x11; length]].concat());
            rig.skip(20_000);
        }
        Event::Key { port, event, end } => {
            at.0 = at.0.wrapping_add(1);
            rig.hear(port, &packet(101, at.0, at.1, &[event, if end { 0x80 } else { 0 }, 0, 160]));
        }
        Event::Join => rig.tell(Command::Join(A, B)),
        Event::Play(port) => rig.play(leg(port), Source::Tone(Tone::ringback())),
        Event::Overlay(on) => rig.tell(Command::Overlay(B, on.then_some(Source::Tone(Tone::busy())))),
        Event::Keys(port) => rig.tell(Command::Keys(leg(port), b"0639980001x".to_vec())),
        Event::Renew(port, send) => {
            let with = rappel::media::command::Negotiated { send, ..negotiated(port, Law::Mu) };
            rig.tell(Command::Negotiated { leg: leg(port), with });
        }
        Event::Bytes(port, true, bytes) => rig.hear_control(port, peer(port), &bytes),
        Event::Bytes(port, false, bytes) => rig.hear(port, &bytes),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..1600), control in any::<bool>()) {
        let mut rig = Rig::joined(Law::A, Law::Mu);
        if control { rig.hear_control(0, peer(0), &bytes) } else { rig.hear(0, &bytes) }
        rig.pass(20);
    }

    #[test]
    fn whatever_happens_each_leg_hears_one_line(events in proptest::collection::vec(event(), 1..120)) {
        let mut rig = Rig::joined(Law::A, Law::Mu);
        let mut at = (0, 0);
        for event in events {
            live(&mut rig, event, &mut at);
            // with the keypad open
            for report in rig.reports() {
                if let Report::Key(A, key) = report {
                    rig.tell(Command::Keys(B, vec![key]));
                }
            }
        }
        for port in [0, 1] {
            let sent = rig.take(port);
            let mut seen = std::collections::HashSet::new();
            for pair in sent.windows(2) {
                let (one, other) = (&pair[0], &pair[1]);
                prop_assert_eq!(one.header.ssrc, other.header.ssrc);
                prop_assert!(seen.insert(one.header.sequence), "a number twice");
                let step = other.header.sequence.wrapping_sub(one.header.sequence) as i16;
                prop_assert!(step.unsigned_abs() <= 64, "a jump of {}", step);
            }
            if let (Some(first), Some(last)) = (sent.first(), sent.last()) {
                let units = i64::from(last.header.timestamp.wrapping_sub(first.header.timestamp) as i32);
                let clock = (last.at - first.at) as i64 * 8;
                prop_assert!((units - clock).abs() <= 8000 + 1600, "{} units at {}", units, clock);
            }
        }
    }
}
