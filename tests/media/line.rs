//! Towards each leg one continuous source: join, music, silence, overlay, late and lost packets.

use std::sync::Arc;

use rappel::media::command::{Command, Law, Report, Source};
use rappel::media::listen::{bursts, hears, power_at};
use rappel::media::rtp::Header;
use rappel::media::tone::Tone;

use crate::rig::*;

#[test]
fn from_the_first_sdp_on_a_packet_leaves_each_20_ms() {
    let mut rig = Rig::new(Law::A, Law::Mu);
    rig.pass(1000);
    for (port, payload_type, silence) in [(0, 8, 0xd5), (1, 0, 0xff)] {
        let sent = rig.take(port);
        assert_eq!(sent.len(), 50);
        assert_continuous(&sent, 10);
        assert_eq!(markers(&sent), vec![0]);
        assert!(sent.iter().all(|s| s.to == peer(port) && s.header.payload_type == payload_type && s.payload == [silence; 160]));
    }
}

#[test]
fn nothing_leaves_before_the_sdp_nor_where_the_peer_wants_nothing() {
    let mut rig = Rig::new(Law::A, Law::A);
    rig.tell(Command::Close(A));
    rig.tell(Command::Open { leg: A, port: 0 });
    rig.pass(100);
    assert!(rig.take(0).is_empty());
    let held = rappel::media::command::Negotiated { send: false, ..negotiated(0, Law::A) };
    rig.tell(Command::Negotiated { leg: A, with: held });
    rig.pass(100);
    assert!(rig.take(0).is_empty());
    for remote in ["0.0.0.0:4000", "224.0.0.1:4000", "255.255.255.255:4000", "192.0.2.1:0"] {
        let with = rappel::media::command::Negotiated { remote: Some(remote.parse().unwrap()), ..negotiated(0, Law::A) };
        rig.tell(Command::Negotiated { leg: A, with });
        rig.pass(100);
        assert!(rig.take(0).is_empty(), "{remote}");
    }
}

#[test]
fn a_packet_is_relayed_on_arrival_under_our_own_header() {
    let mut rig = Rig::joined(Law::A, Law::A);
    let speech: Vec<u8> = (0..160).map(|n| n as u8).collect();
    rig.hear(0, &packet(8, 500, 77_000, &speech));
    rig.pass(20);
    rig.hear(0, &packet(8, 501, 77_160, &speech));
    let sent = rig.take(1);
    assert_eq!(sent.len(), 2);
    assert_continuous(&sent, 1);
    assert_eq!(markers(&sent), vec![0]);
    assert!(sent.iter().all(|s| s.payload == speech && s.header.payload_type == 8 && s.header.ssrc != 0x1234));
    assert_eq!(sent[1].header.timestamp.wrapping_sub(sent[0].header.timestamp), 160);
}

#[test]
fn the_two_laws_are_converted_each_way() {
    let mut rig = Rig::joined(Law::A, Law::Mu);
    rig.hear(0, &packet(8, 1, 160, &[0xd5; 160]));
    rig.hear(1, &packet(0, 1, 160, &[0x80; 160]));
    let (to_b, to_a) = (rig.take(1), rig.take(0));
    assert_eq!((to_b[0].header.payload_type, to_b[0].payload[0]), (0, Law::Mu.encode(Law::A.decode(0xd5))));
    assert_eq!((to_a[0].header.payload_type, to_a[0].payload[0]), (8, Law::A.encode(Law::Mu.decode(0x80))));
    // the peer may use either static type whatever it answered
    rig.hear(0, &packet(0, 2, 320, &[0x80; 160]));
    assert_eq!(rig.take(1)[0].payload, [0x80; 160]);
}

#[test]
fn join_music_join_is_one_line_with_a_mark_at_each_switch() {
    let mut rig = Rig::joined(Law::A, Law::A);
    let music: Arc<[i16]> = (0..4000).map(|n| if n % 16 < 8 { 4000 } else { -4000 }).collect();
    rig.speak(0, 0, 50, 0x11);
    rig.play(B, Source::Loop(music));
    rig.speak(0, 50, 50, 0x11);
    rig.tell(Command::Join(A, B));
    rig.speak(0, 100, 50, 0x11);
    let sent = rig.take(1);
    assert_continuous(&sent, 30);
    assert_cadence(&sent, 30);
    let marks = markers(&sent);
    assert_eq!(marks.len(), 3, "{marks:?}");
    assert!(sent[..50].iter().chain(&sent[marks[2]..]).all(|s| s.payload == [0x11; 160]));
    let code = Law::A.encode(4000);
    assert!(sent[marks[1]..marks[2]].iter().all(|s| s.payload[0] == code));
}

#[test]
fn a_switch_leaves_no_gap_and_many_of_them_run_ahead_by_four_packets_at_most() {
    let mut rig = Rig::joined(Law::A, Law::A);
    for turn in 0..40 {
        rig.speak(0, turn * 10, 10, 0x11);
        rig.play(B, Source::Silence);
        rig.tell(Command::Join(A, B));
        // whoever is heard next speaks in a beat of its own
        rig.pass(u64::from(turn % 4) * 10);
    }
    let sent = rig.take(1);
    assert_continuous(&sent, 80);
    let sixth = sent.iter().position(|s| s.at > sent[0].at + 6 * 200).unwrap();
    assert_cadence(&sent[..sixth], 30);
    // once the line is ahead, what was sent early is heard first
    assert_cadence(&sent, 50);
}

#[test]
fn who_was_joined_with_a_held_leg_hears_silence() {
    let mut rig = Rig::joined(Law::A, Law::A);
    rig.speak(0, 0, 5, 0x11);
    rig.take(1);
    rig.play(A, Source::Tone(Tone::busy()));
    rig.speak(0, 5, 5, 0x11);
    assert!(rig.take(1).iter().all(|s| s.payload == [0xd5; 160]));
    assert!(hears(&decoded(&rig.take(0)[2..], Law::A), 440.0));
    rig.tell(Command::Join(A, B));
    rig.tell(Command::Close(A));
    rig.pass(100);
    let sent = rig.take(1);
    assert_eq!(sent.len(), 5);
    assert!(sent.iter().all(|s| s.payload == [0xd5; 160]));
}

#[test]
fn when_the_speaker_is_late_silence_keeps_the_cadence_until_it_returns() {
    let mut rig = Rig::joined(Law::A, Law::A);
    rig.speak(0, 0, 10, 0x11);
    rig.pass(1000);
    // a sender that suppressed silence goes on with its numbers, its timestamps moved with time
    rig.hear(0, &packet(8, 10, 160 * 60, &[0x11; 160]));
    let sent = rig.take(1);
    assert_continuous(&sent, 30);
    assert_cadence(&sent, 50);
    assert_eq!(markers(&sent), vec![0, 10, sent.len() - 1]);
    assert!(sent[10..sent.len() - 1].iter().all(|s| s.payload == [0xd5; 160]));
}

#[test]
fn order_and_losses_stay_visible_and_duplicates_go() {
    let mut rig = Rig::joined(Law::A, Law::A);
    for n in [10u16, 11, 13, 12, 13, 16, 10, 15] {
        rig.hear(0, &packet(8, n, 160 * u32::from(n), &[n as u8; 160]));
        rig.skip(5000);
    }
    let sent = rig.take(1);
    let first = &sent[0].header;
    let seen: Vec<(u16, u32, u8)> = sent
        .iter()
        .map(|s| (s.header.sequence.wrapping_sub(first.sequence), s.header.timestamp.wrapping_sub(first.timestamp), s.payload[0]))
        .collect();
    assert_eq!(seen, vec![(0, 0, 10), (1, 160, 11), (3, 480, 13), (2, 320, 12), (6, 960, 16), (5, 800, 15)]);
}

#[test]
fn a_new_ssrc_or_a_restart_joins_the_same_line() {
    let mut rig = Rig::joined(Law::A, Law::A);
    rig.speak(0, 0, 5, 0x11);
    let mut other = packet(8, 40_000, 0xffff_fff0, &[0x22; 160]);
    other[8..12].copy_from_slice(&[9, 9, 9, 9]);
    rig.hear(0, &other);
    rig.pass(20);
    // the same SSRC, numbers from nowhere: taken up with the second one
    for n in [100u16, 101, 102] {
        let header = Header { marker: false, payload_type: 8, sequence: n, timestamp: u32::from(n) * 160, ssrc: 0x0909_0909 };
        rig.hear(0, &[header.bytes().as_slice(), &[0x33; 160]].concat());
        rig.pass(20);
    }
    let sent = rig.take(1);
    assert_continuous(&sent, 40);
    assert_eq!(sent.iter().filter(|s| s.payload == [0x33; 160]).count(), 2);
    assert_eq!(sent.iter().filter(|s| s.payload == [0x22; 160]).count(), 1);
}

#[test]
fn a_burst_after_a_stall_pushes_the_line_no_further_than_its_bound() {
    let mut rig = Rig::joined(Law::A, Law::A);
    rig.speak(0, 0, 50, 0x11);
    for round in 0..20u16 {
        rig.pass(300);
        for n in 0..15 {
            let n = 50 + round * 15 + n;
            rig.hear(0, &packet(8, n, 160 * u32::from(n), &[0x11; 160]));
        }
    }
    let sent = rig.take(1);
    let (first, last) = (&sent[0], &sent[sent.len() - 1]);
    let units = last.header.timestamp.wrapping_sub(first.header.timestamp);
    let clock = (last.at - first.at) as u32 * 8;
    assert!(units.wrapping_sub(clock) as i32 <= 1600 + 160, "{units} {clock}");
}

#[test]
fn two_clocks_that_drift_cost_no_packet() {
    // 100 parts in a million, ten minutes: 60 ms
    for period in [19_998u64, 20_002] {
        let mut rig = Rig::joined(Law::A, Law::A);
        let mut due = rig.now.0 / 1000;
        let mut tick = due;
        for n in 0..30_000u32 {
            due += period;
            while tick + 10_000 <= due {
                let wait = tick + 10_000 - rig.now.0 / 1000;
                rig.skip(wait);
                tick += 10_000;
                rig.now.0 -= 10_000_000;
                rig.pass(10);
            }
            let wait = due - rig.now.0 / 1000;
            rig.skip(wait);
            rig.hear(0, &packet(8, n as u16, n * 160, &[0x11; 160]));
        }
        let sent = rig.take(1);
        assert!(sent.iter().skip(1).all(|s| s.payload == [0x11; 160]));
        assert_eq!(rig.relay.counters().dropped, 0);
        assert!(sent.len() >= 30_000 && markers(&sent).len() <= 2, "{:?}", markers(&sent));
    }
}

#[test]
fn a_tone_is_mixed_into_speech_and_never_put_in_its_place() {
    let mut rig = Rig::joined(Law::A, Law::Mu);
    let mut voice = rappel::media::tone::Oscillator::new(Tone::beep());
    let mut speech = [0; 1600];
    voice.fill(&mut speech);
    let codes: Vec<u8> = speech.iter().map(|s| Law::A.encode(*s)).collect();
    rig.tell(Command::Overlay(B, Some(Source::Tone(Tone::waiting()))));
    for n in 0..50u16 {
        let part = usize::from(n % 10) * 160;
        rig.hear(0, &packet(8, n, 160 * u32::from(n), &codes[part..part + 160]));
        rig.pass(20);
    }
    let sent = rig.take(1);
    assert_continuous(&sent, 1);
    let heard = decoded(&sent, Law::Mu);
    let both = &heard[320..1280];
    assert!(power_at(both, 440.0) > 1e6 && power_at(both, 880.0) > 1e5);
    assert!(power_at(both, 440.0) > 2.0 * power_at(both, 880.0), "the voice is lowered under the tone");
    let plain: Vec<u8> = codes[480..640].iter().map(|c| Law::Mu.encode(Law::A.decode(*c))).collect();
    assert_eq!(sent[23].payload, plain, "between two tones speech passes untouched");
    rig.tell(Command::Overlay(B, None));
    rig.pass(100);
    assert!(rig.take(1).iter().skip(1).all(|s| s.payload == [0xff; 160]));
}

#[test]
fn a_tone_over_a_silent_or_playing_leg_keeps_its_cadence() {
    let mut rig = Rig::joined(Law::A, Law::A);
    rig.tell(Command::Overlay(B, Some(Source::Tone(Tone::waiting()))));
    rig.pass(11_000);
    let heard = decoded(&rig.take(1), Law::A);
    let tones = bursts(&heard, 440.0);
    assert_eq!(tones.len(), 2, "{tones:?}");
    assert!((tones[1].0 - tones[0].0).abs_diff(80_000) <= 800);
}

#[test]
fn prompts_play_in_order_and_their_end_is_told_once() {
    let mut rig = Rig::new(Law::A, Law::A);
    let part = |level: i16, count: usize| -> Arc<[i16]> { vec![level; count].into() };
    rig.play(A, Source::Once(vec![part(1000, 200), part(-1000, 280)]));
    rig.pass(200);
    let heard = decoded(&rig.take(0), Law::A);
    assert!(heard[..200].iter().all(|s| *s > 900) && heard[200..480].iter().all(|s| *s < -900));
    assert!(heard[480..].iter().all(|s| s.abs() <= 8));
    assert_eq!(rig.reports(), vec![Report::Played(A)]);
}

#[test]
fn comfort_noise_is_passed_and_longer_packets_keep_their_length() {
    let mut rig = Rig::joined(Law::A, Law::A);
    rig.hear(0, &packet(13, 1, 0, &[0x40]));
    assert_eq!(rig.take(1)[0].header.payload_type, 13);
    let mut rig = Rig::joined(Law::A, Law::A);
    for n in 0..10u16 {
        rig.hear(0, &packet(8, n, 480 * u32::from(n), &[0x11; 480]));
        rig.pass(60);
    }
    let sent = rig.take(1);
    assert!(sent.iter().all(|s| s.payload.len() == 480), "no silence between packets of 60 ms");
    assert_continuous(&sent, 1);
}
