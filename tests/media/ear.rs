//! What a caller says after the tone: taken down, ended by silence, and never of a conversation. Voices that press no key.

use std::time::Duration;

use rappel::domain::entropy::{Entropy, Seeded};
use rappel::media::command::{Command, Law, Negotiated, Report};
use rappel::media::ear::{Heard, MAX_LISTEN, Terms, wav};
use rappel::media::inband::InbandReader;
use rappel::media::listen::{power, power_at};
use rappel::media::prompt::{self, Prompts};
use rappel::media::rtp::Header;
use rappel::media::tone::{Oscillator, Tone};

use crate::rig::*;

const TERMS: Terms = Terms { max: Duration::from_secs(10), silence: Duration::from_secs(2), patience: Duration::from_secs(4) };

/// The samples of 20 ms of a tone, the `n`th.
fn tone(hz: f64, n: u16) -> Vec<i16> {
    let start = u32::from(n) * 160;
    (start..start + 160).map(|k| ((f64::from(k) * hz / 8000.0 * std::f64::consts::TAU).sin() * 9_000.0) as i16).collect()
}

fn encoded(law: Law, samples: &[i16]) -> Vec<u8> {
    samples.iter().map(|sample| law.encode(*sample)).collect()
}

/// Leg A's peer sends those 20 ms each, from packet `first` on.
fn say(rig: &mut Rig, first: u16, count: u16, sound: impl Fn(u16) -> Vec<i16>) {
    for n in first..first + count {
        rig.hear(0, &packet(8, n, 160 * u32::from(n), &encoded(Law::A, &sound(n))));
        rig.pass(20);
    }
}

fn heard(rig: &mut Rig) -> Vec<Heard> {
    rig.reports().into_iter().filter_map(|report| if let Report::Heard(A, heard) = report { Some(heard) } else { None }).collect()
}

#[test]
fn words_are_taken_down_and_two_seconds_of_silence_end_them() {
    let mut rig = Rig::new(Law::A, Law::A);
    say(&mut rig, 0, 20, |n| tone(400.0, n));
    rig.tell(Command::Listen(A, TERMS));
    say(&mut rig, 20, 50, |_| vec![0; 160]);
    say(&mut rig, 70, 75, |n| tone(1000.0, n));
    say(&mut rig, 145, 98, |_| vec![0; 160]);
    assert!(heard(&mut rig).is_empty(), "not over before two seconds");
    say(&mut rig, 243, 3, |_| vec![0; 160]);
    let [words] = heard(&mut rig).try_into().unwrap();
    assert_eq!(words.speech, Duration::from_millis(1500));
    let samples = prompt::decode(&wav(&words)).unwrap();
    assert_eq!(samples.len(), 8_000 + 12_000 + 4_000, "half a second is kept after the last word");
    let (before, said) = (&samples[..8_000], &samples[8_000..20_000]);
    assert!(power(before) < 100.0 && power_at(said, 1000.0) > 0.98 * power(said));
    say(&mut rig, 300, 200, |n| tone(1000.0, n));
    assert!(heard(&mut rig).is_empty(), "told once");
}

#[test]
fn a_peer_that_sends_nothing_in_its_pauses_is_silent_all_the_same() {
    let mut rig = Rig::new(Law::A, Law::A);
    rig.tell(Command::Listen(A, TERMS));
    rig.pass(3_990);
    assert!(heard(&mut rig).is_empty());
    rig.pass(20);
    assert_eq!(heard(&mut rig), [Heard::nothing()]);
    rig.tell(Command::Listen(A, TERMS));
    say(&mut rig, 0, 50, |n| tone(1000.0, n));
    rig.pass(1_000);
    // the silence was not sent: its packets are numbered on, its time is not
    for n in 50..100u16 {
        rig.hear(0, &packet(8, n, 160 * u32::from(n + 50), &encoded(Law::A, &tone(1000.0, n))));
        rig.pass(20);
    }
    rig.pass(2_000);
    let [words] = heard(&mut rig).try_into().unwrap();
    assert_eq!((words.codes.len(), words.speech), (24_000 + 4_000 - 4_000, Duration::from_secs(2)));
    let samples = prompt::decode(&wav(&words)).unwrap();
    assert!(power(&samples[8_000..16_000]) < 100.0 && power_at(&samples[16_000..24_000], 1000.0) > 10_000.0);
}

#[test]
fn it_is_over_at_its_longest_and_never_longer_than_thirty_seconds() {
    let mut rig = Rig::new(Law::A, Law::A);
    rig.tell(Command::Listen(A, TERMS));
    say(&mut rig, 0, 500, |n| tone(500.0, n));
    let [words] = heard(&mut rig).try_into().unwrap();
    assert_eq!(words.codes.len(), 80_000);
    rig.tell(Command::Listen(A, Terms { max: Duration::from_secs(3600), ..TERMS }));
    say(&mut rig, 500, 3_100, |n| tone(500.0, n));
    let [words] = heard(&mut rig).try_into().unwrap();
    assert_eq!(words.codes.len() as u64, MAX_LISTEN.as_secs() * 8_000);
}

#[test]
fn who_stops_or_leaves_while_speaking_leaves_what_was_said() {
    for end in [Command::StopListening(A), Command::Close(A)] {
        let mut rig = Rig::new(Law::A, Law::A);
        rig.tell(Command::Listen(A, TERMS));
        say(&mut rig, 0, 25, |n| tone(700.0, n));
        rig.tell(end.clone());
        rig.tell(end);
        let [words] = heard(&mut rig).try_into().unwrap();
        assert_eq!((words.codes.len(), words.speech), (4_000, Duration::from_millis(500)));
    }
}

#[test]
fn no_conversation_is_ever_taken_down() {
    let mut rig = Rig::new(Law::A, Law::A);
    rig.tell(Command::Listen(A, TERMS));
    say(&mut rig, 0, 25, |n| tone(700.0, n));
    rig.tell(Command::Join(A, B));
    say(&mut rig, 25, 600, |n| tone(700.0, n));
    rig.tell(Command::StopListening(A));
    assert!(heard(&mut rig).is_empty(), "what was said before it is forgotten, what is said in it is not heard");
    rig.tell(Command::Listen(A, TERMS));
    assert_eq!(heard(&mut rig), [Heard::nothing()], "nobody listens to legs that are joined");
    say(&mut rig, 625, 50, |n| tone(700.0, n));
    rig.tell(Command::StopListening(A));
    assert!(heard(&mut rig).is_empty());
}

#[test]
fn a_key_among_the_words_leaves_no_trace_in_them() {
    let mut rig = Rig::new(Law::A, Law::A);
    rig.tell(Command::Listen(A, TERMS));
    say(&mut rig, 0, 5, |n| tone(700.0, n));
    let header = Header { marker: true, payload_type: 101, sequence: 5, timestamp: 800, ssrc: 0x1234 };
    rig.hear(0, &[header.bytes().as_slice(), &[5, 10, 0, 160]].concat());
    rig.hear(0, &packet(8, 6, 800, &encoded(Law::A, &tone(1336.0, 0))));
    rig.tell(Command::StopListening(A));
    let [words] = heard(&mut rig).try_into().unwrap();
    assert_eq!(words.speech, Duration::from_millis(100));
}

// ---------------------------------------------------------------------- keys of odd senders
/// A key of so many milliseconds as a phone of that pace sends it, ENDs lost or not, a packet in ten lost.
fn press(rig: &mut Rig, chance: &mut Seeded, at: u32, sequence: &mut u16, event: u8, (ms, pace, ends): (u16, u64, u16)) {
    let updates = (u64::from(ms) / pace).max(1);
    for n in 1..=updates + u64::from(ends) {
        let end = n > updates;
        let duration = (n.min(updates) * pace * 8).min(65_535) as u16;
        let [high, low] = duration.to_be_bytes();
        let header = Header { marker: n == 1, payload_type: 101, sequence: *sequence, timestamp: at, ssrc: 0x1234 };
        *sequence = sequence.wrapping_add(1);
        // the first packet stands for all: a key of which nothing arrives is no key
        if n == 1 || !chance.u32().is_multiple_of(10) {
            rig.hear(0, &[header.bytes().as_slice(), &[event, if end { 0x8a } else { 0x0a }, high, low]].concat());
        }
        if !end {
            rig.pass(pace);
        }
    }
}

#[test]
fn keys_of_40_to_500_ms_at_any_pace_with_lost_ends_and_a_tenth_lost_are_each_told_once() {
    let (mut rig, mut chance) = (Rig::new(Law::A, Law::A), Seeded(9));
    let (mut pressed, mut sequence, mut at) = (String::new(), 0, 0);
    for (ms, pace) in [(40, 20), (60, 30), (100, 10), (120, 40), (200, 20), (500, 50), (500, 100)] {
        for ends in [0, 1, 3] {
            for event in 0..12 {
                press(&mut rig, &mut chance, at, &mut sequence, event, (ms, pace, ends));
                rig.pass(300);
                at += u32::from(ms) * 8 + 2_400;
                pressed.push(char::from(b"0123456789*#"[usize::from(event)]));
            }
        }
    }
    let told: String = rig
        .reports()
        .into_iter()
        .filter_map(|report| if let Report::Key(A, key) = report { Some(char::from(key)) } else { None })
        .collect();
    assert_eq!(told, pressed);
}

#[test]
fn keys_in_the_voice_band_of_50_to_500_ms_are_told_where_no_event_was_agreed_and_nowhere_else() {
    for ms in [50, 70, 100, 200, 500] {
        for agreed in [false, true] {
            let mut rig = Rig::new(Law::A, Law::A);
            if !agreed {
                rig.tell(Command::Negotiated { leg: A, with: Negotiated { event_in: None, event_out: None, ..negotiated(0, Law::A) } });
            }
            let mut samples = Vec::new();
            for (low, high) in PITCHES {
                samples.extend((0..ms * 8).map(|n| {
                    let part = |hz: f64| (f64::from(n) * hz / 8000.0 * std::f64::consts::TAU).sin() * 5_000.0;
                    (part(low) + part(high)) as i16
                }));
                samples.extend(vec![0; 70 * 8]);
            }
            for (n, frame) in samples.chunks_exact(160).enumerate() {
                rig.hear(0, &packet(8, n as u16, 160 * n as u32, &encoded(Law::A, frame)));
                rig.pass(20);
            }
            let told: String = rig
                .reports()
                .into_iter()
                .filter_map(|report| if let Report::Key(A, key) = report { Some(char::from(key)) } else { None })
                .collect();
            assert_eq!(told, if agreed { "" } else { "0123456789*#" }, "{ms} ms");
        }
    }
}

const PITCHES: [(f64, f64); 12] = [
    (941.0, 1336.0),
    (697.0, 1209.0),
    (697.0, 1336.0),
    (697.0, 1477.0),
    (770.0, 1209.0),
    (770.0, 1336.0),
    (770.0, 1477.0),
    (852.0, 1209.0),
    (852.0, 1336.0),
    (852.0, 1477.0),
    (941.0, 1209.0),
    (941.0, 1477.0),
];

// ---------------------------------------------------------------------- voices
fn keys_in(law: Law, samples: &[i16]) -> String {
    let mut reader = InbandReader::default();
    samples.chunks(160).filter_map(|frame| reader.handle(law, &encoded(law, frame))).map(char::from).collect()
}

#[test]
fn no_voice_of_our_prompts_presses_a_key_at_any_level_or_cut() {
    let (prompts, _) = Prompts::built_in();
    for name in prompts.names() {
        let voice = prompts.get(name).unwrap();
        for (law, shift, gain) in [(Law::A, 0, 1.0), (Law::A, 53, 2.5), (Law::Mu, 107, 0.4)] {
            let voice: Vec<i16> = voice.iter().skip(shift).map(|s| (f64::from(*s) * gain).clamp(-32_000.0, 32_000.0) as i16).collect();
            assert_eq!(keys_in(law, &voice), "", "{name}, gain {gain}");
        }
    }
}

#[test]
fn two_minutes_of_speech_like_sound_press_no_key() {
    let mut chance = Seeded(77);
    let mut samples = Vec::with_capacity(120 * 8000);
    while samples.len() < 120 * 8000 {
        // a vowel: harmonics of a pitch that glides, falling off, louder at three formants; then a breath of noise
        let (pitch, glide) = (90.0 + f64::from(chance.u32() % 220), f64::from(chance.u32() % 40) - 20.0);
        let formants = [300.0 + f64::from(chance.u32() % 600), 900.0 + f64::from(chance.u32() % 1300), 2500.0];
        let length = 800 + (chance.u32() % 1600) as usize;
        let loud: Vec<f64> = (1..=(3400.0 / pitch) as u32)
            .map(|k| {
                let hz = pitch * f64::from(k);
                0.3 / f64::from(k) + formants.iter().map(|f| 1.0 / (1.0 + ((hz - f) / 60.0).powi(2))).sum::<f64>()
            })
            .collect();
        let mut phase = 0.0;
        for n in 0..length {
            phase += (pitch + glide * n as f64 / length as f64) / 8000.0;
            let sum: f64 = loud.iter().zip(1..).map(|(loud, k)| loud * (phase * f64::from(k) * std::f64::consts::TAU).sin()).sum();
            samples.push((sum * 5_000.0).clamp(-30_000.0, 30_000.0) as i16);
        }
        samples.extend((0..400).map(|_| (chance.u32() >> 20) as i16 - 2048));
    }
    assert_eq!(keys_in(Law::A, &samples), "");
    let mut beep = vec![0; 4_000];
    Oscillator::new(Tone::beep()).fill(&mut beep);
    assert_eq!(keys_in(Law::A, &beep), "");
}
