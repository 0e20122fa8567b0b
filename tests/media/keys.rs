//! Keys in, out, removed, passed.

use rappel::media::command::{Command, Law, Negotiated, Report};
use rappel::media::inband::InbandReader;
use rappel::media::rtp::Header;
use rappel::media::tone::{Oscillator, Tone};

use crate::rig::*;

/// A key as a phone sends it: four updates, three ENDs.
fn press(rig: &mut Rig, port: u16, sequence: u16, timestamp: u32, event: u8, lost: &[u16]) {
    for n in 0..7u16 {
        let duration = (160 * (n + 1)).min(800).to_be_bytes();
        let payload = [event, if n >= 4 { 0x8a } else { 0x0a }, duration[0], duration[1]];
        let header = Header { marker: n == 0, payload_type: 101, sequence: sequence + n, timestamp, ssrc: 0x1234 };
        if !lost.contains(&n) {
            rig.hear(port, &[header.bytes().as_slice(), &payload].concat());
        }
        rig.pass(20);
    }
}

fn keys(rig: &mut Rig) -> String {
    rig.reports().into_iter().filter_map(|report| if let Report::Key(_, key) = report { Some(key as char) } else { None }).collect()
}

#[test]
fn a_key_is_told_once_and_never_relayed() {
    let mut rig = Rig::joined(Law::A, Law::A);
    rig.speak(0, 0, 5, 0x11);
    rig.take(1);
    press(&mut rig, 0, 5, 800, 2, &[]);
    press(&mut rig, 0, 12, 3200, 2, &[4, 5]);
    press(&mut rig, 0, 19, 6400, 11, &[0, 1, 2, 3, 5, 6]);
    press(&mut rig, 0, 26, 9600, 0, &[4, 5, 6]);
    press(&mut rig, 0, 33, 12_800, 1, &[4, 5, 6]);
    rig.pass(300);
    assert_eq!(keys(&mut rig), "22#01");
    let sent = rig.take(1);
    assert!(sent.iter().all(|s| s.header.payload_type == 8 && s.payload == [0xd5; 160]), "silence in their place");
    assert_continuous(&sent, 40);
}

#[test]
fn a_key_leaves_no_hole_in_what_the_other_side_hears() {
    let mut rig = Rig::joined(Law::A, Law::A);
    rig.speak(0, 0, 5, 0x11);
    press(&mut rig, 0, 5, 800, 2, &[]);
    rig.speak(0, 12, 5, 0x11);
    let sent = rig.take(1);
    assert_cadence(&sent, 30);
    assert_continuous(&sent, 40);
}

#[test]
fn the_voice_band_copy_of_a_key_is_removed_with_it() {
    let mut rig = Rig::joined(Law::A, Law::A);
    let header = Header { marker: true, payload_type: 101, sequence: 1, timestamp: 0, ssrc: 0x1234 };
    rig.hear(0, &[header.bytes().as_slice(), &[5, 10, 0, 160]].concat());
    rig.hear(0, &packet(8, 2, 0, &[0x33; 160]));
    assert!(rig.take(1).is_empty());
}

#[test]
fn a_key_sent_on_goes_under_the_other_legs_type_and_line() {
    let mut rig = Rig::joined(Law::A, Law::A);
    rig.speak(0, 0, 5, 0x11);
    press(&mut rig, 0, 5, 800, 7, &[4]);
    assert_eq!(keys(&mut rig), "7");
    rig.tell(Command::Keys(B, b"7".to_vec()));
    rig.pass(300);
    let sent = rig.take(1);
    assert_continuous(&sent, 60);
    assert_cadence(&sent, 50);
    let events: Vec<_> = sent.iter().filter(|s| s.header.payload_type == 97).collect();
    assert_eq!(events.len(), 7);
    assert!(events.iter().all(|s| s.payload[0] == 7 && s.header.timestamp == events[0].header.timestamp));
    assert_eq!(events.iter().filter(|s| s.payload[1] & 0x80 != 0).count(), 3);
    assert_eq!(events.iter().map(|s| s.header.marker).collect::<Vec<_>>(), [true, false, false, false, false, false, false]);
}

#[test]
fn a_key_in_the_voice_band_is_told_and_its_sound_goes_no_further() {
    let mut rig = Rig::new(Law::A, Law::A);
    let plain = Negotiated { event_out: None, event_in: None, ..negotiated(0, Law::A) };
    rig.tell(Command::Negotiated { leg: A, with: plain });
    rig.tell(Command::Join(A, B));
    rig.speak(0, 0, 5, 0x11);
    rig.take(1);
    let mut tone = Oscillator::new(Tone::key(5).unwrap());
    for n in 5..55 {
        let mut samples = [0; 160];
        tone.fill(&mut samples);
        let codes: Vec<u8> = samples.iter().map(|sample| Law::A.encode(*sample)).collect();
        rig.hear(0, &packet(8, n, 160 * u32::from(n), &codes));
        rig.pass(20);
    }
    rig.speak(0, 55, 5, 0x11);
    assert_eq!(keys(&mut rig), "5");
    let sent = rig.take(1);
    let sounds = sent.iter().filter(|s| s.payload != [0x11; 160] && s.payload != [0xd5; 160]).count();
    assert!(sounds <= 1, "{sounds} packets of a key of one second: less than what is read as one");
    assert!(sent.last().unwrap().payload == [0x11; 160]);
    assert_continuous(&sent, 40);
    assert_cadence(&sent, 30);
}

#[test]
fn sent_keys_are_100_ms_with_a_pause_and_speech_waits() {
    let mut rig = Rig::joined(Law::A, Law::A);
    rig.tell(Command::Keys(B, b"12".to_vec()));
    rig.speak(0, 0, 30, 0x11);
    let sent = rig.take(1);
    assert_continuous(&sent, 60);
    let starts: Vec<u64> = sent.iter().filter(|s| s.header.payload_type == 97 && s.header.marker).map(|s| s.at).collect();
    assert_eq!(starts.len(), 2);
    assert_eq!(starts[1] - starts[0], 200);
    assert!(sent.last().unwrap().payload == [0x11; 160]);
}

#[test]
fn without_telephone_event_keys_go_and_come_in_the_voice_band() {
    let mut rig = Rig::new(Law::A, Law::Mu);
    let plain = |port, law| Negotiated { event_out: None, event_in: None, ..negotiated(port, law) };
    rig.tell(Command::Negotiated { leg: B, with: plain(1, Law::Mu) });
    rig.tell(Command::Negotiated { leg: A, with: plain(0, Law::A) });
    rig.tell(Command::Keys(B, b"0619#".to_vec()));
    rig.pass(1200);
    let sent = rig.take(1);
    assert_continuous(&sent, 30);
    let mut reader = InbandReader::default();
    let heard: String = sent.iter().filter_map(|s| reader.handle(Law::Mu, &s.payload)).map(char::from).collect();
    assert_eq!(heard, "0619#");
    // what went out to B comes in at A, which negotiated no event either
    for (n, packet_sent) in sent.iter().enumerate() {
        rig.hear(0, &packet(0, n as u16, 160 * n as u32, &packet_sent.payload));
        rig.pass(20);
    }
    assert_eq!(keys(&mut rig), "0619#");
}

#[test]
fn with_a_tenth_of_the_packets_lost_and_some_twice_no_key_doubles_and_hardly_one_is_missed() {
    use rappel::domain::entropy::{Entropy, Seeded};
    let (mut rig, mut chance) = (Rig::joined(Law::A, Law::A), Seeded(2026));
    let mut pressed = String::new();
    for key in 0..1000u32 {
        let event = (chance.u32() % 10) as u8;
        pressed.push(char::from(b'0' + event));
        for n in 0..7u16 {
            let duration = (160 * (n + 1)).min(800).to_be_bytes();
            let payload = [event, if n >= 4 { 0x8a } else { 0x0a }, duration[0], duration[1]];
            let header = Header {
                marker: n == 0,
                payload_type: 101,
                sequence: (key as u16).wrapping_mul(7).wrapping_add(n),
                timestamp: key * 1600,
                ssrc: 1,
            };
            let bytes = [header.bytes().as_slice(), &payload].concat();
            let times = match chance.u32() % 10 {
                0 => 0,
                1 => 2,
                _ => 1,
            };
            (0..times).for_each(|_| rig.hear(0, &bytes));
            rig.pass(20);
        }
        rig.pass(60);
    }
    assert_eq!(keys(&mut rig), pressed);
}
