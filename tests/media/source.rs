//! Whose packets are taken, silence (RULES 3, row 19) and RTCP.

use std::net::SocketAddr;

use rappel::media::command::{Command, Law, Negotiated, Report, SourceRule};
use rappel::media::rtcp;

use crate::rig::*;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn phone() -> Negotiated {
    let source = SourceRule::Either { sdp: address("10.0.0.5:4000"), sip: "192.0.2.1".parse().unwrap() };
    Negotiated { remote: Some(address("10.0.0.5:4000")), source, ..negotiated(0, Law::A) }
}

#[test]
fn nothing_from_another_address_or_port_ever_gets_in() {
    let mut rig = Rig::joined(Law::A, Law::A);
    let speech = packet(8, 1, 160, &[0x11; 160]);
    rig.hear_from(0, address("192.0.2.66:4000"), &speech);
    assert_eq!((rig.reports(), rig.sent.len()), (vec![], 0));
    rig.hear_from(0, address("192.0.2.1:7000"), &speech);
    assert_eq!(rig.reports(), vec![Report::FirstPacket(A)]);
    rig.sent.clear();
    rig.hear_from(0, address("192.0.2.1:4000"), &packet(8, 2, 320, &[0x11; 160]));
    rig.hear_from(0, address("192.0.2.66:7000"), &packet(8, 3, 480, &[0x11; 160]));
    assert!(rig.sent.is_empty());
    assert_eq!(rig.relay.counters().refused, 3);
    rig.tell(Command::Negotiated { leg: A, with: negotiated(0, Law::A) });
    rig.hear_from(0, address("192.0.2.1:4000"), &packet(8, 4, 640, &[0x11; 160]));
    assert_eq!((rig.reports(), rig.sent.len()), (vec![Report::FirstPacket(A)], 1));
    assert_eq!(rig.take(1)[0].to, peer(1));
}

#[test]
fn a_phone_behind_nat_gets_its_sound_where_its_own_comes_from() {
    let mut rig = Rig::joined(Law::A, Law::A);
    rig.tell(Command::Negotiated { leg: A, with: phone() });
    rig.pass(20);
    assert!(rig.take(0).iter().all(|s| s.to == address("10.0.0.5:4000")));
    rig.hear_from(0, address("192.0.2.1:61000"), &packet(8, 1, 160, &[0x11; 160]));
    rig.pass(100);
    let sent = rig.take(0);
    assert!(!sent.is_empty() && sent.iter().all(|s| s.to == address("192.0.2.1:61000")));
    rig.hear_from(0, address("10.0.0.5:4000"), &packet(8, 2, 320, &[0x11; 160]));
    assert_eq!(rig.relay.counters().refused, 1);
    // the same SDP again (a refresh): sound keeps going there while the source is learnt anew
    rig.tell(Command::Negotiated { leg: A, with: phone() });
    rig.pass(20);
    assert!(rig.take(0).iter().all(|s| s.to == address("192.0.2.1:61000")));
}

#[test]
fn a_moved_peer_hears_the_same_source() {
    let mut rig = Rig::new(Law::A, Law::A);
    rig.pass(200);
    let with = Negotiated { remote: Some(address("192.0.2.1:5000")), ..negotiated(0, Law::A) };
    rig.tell(Command::Negotiated { leg: A, with });
    rig.pass(200);
    let sent = rig.take(0);
    assert_continuous(&sent, 20);
    assert_eq!(sent.last().unwrap().to, address("192.0.2.1:5000"));
}

#[test]
fn a_hold_by_the_peer_is_a_pause_of_the_same_line() {
    let mut rig = Rig::new(Law::A, Law::A);
    rig.pass(200);
    rig.tell(Command::Negotiated { leg: A, with: Negotiated { send: false, receive: false, ..negotiated(0, Law::A) } });
    rig.pass(5000);
    assert_eq!(rig.reports(), vec![Report::Silent(B, 3), Report::Silent(B, 4), Report::Silent(B, 5)]);
    rig.tell(Command::Negotiated { leg: A, with: negotiated(0, Law::A) });
    rig.pass(200);
    let sent = rig.take(0);
    assert_eq!((sent.len(), markers(&sent)), (20, vec![0, 10]));
    assert_continuous(&sent, 20);
}

#[test]
fn silence_is_told_each_second_past_the_limit_and_speech_once() {
    let mut rig = Rig::joined(Law::A, Law::A);
    rig.tell(Command::Negotiated { leg: B, with: Negotiated { receive: false, ..negotiated(1, Law::A) } });
    rig.speak(0, 0, 2, 0x11);
    rig.reports();
    rig.pass(2900);
    assert_eq!(rig.reports(), vec![]);
    // an unchanged SDP in between is no sign of life
    rig.tell(Command::Negotiated { leg: A, with: negotiated(0, Law::A) });
    rig.pass(2500);
    assert_eq!(rig.reports(), vec![Report::Silent(A, 3), Report::Silent(A, 4), Report::Silent(A, 5)]);
    rig.hear_from(0, address("192.0.2.66:4000"), &packet(8, 9, 0, &[0x11; 160]));
    rig.hear(0, &packet(99, 9, 0, &[0x11; 160]));
    assert_eq!(rig.reports(), vec![]);
    rig.hear(0, &packet(8, 9, 0, &[0x11; 160]));
    assert_eq!(rig.reports(), vec![Report::FirstPacket(A), Report::Speaks(A)]);
}

#[test]
fn rtcp_is_a_sign_of_life_and_is_answered_each_5_s() {
    let mut rig = Rig::new(Law::A, Law::A);
    let report = [0x80, 201, 0, 1, 0, 0, 0x12, 0x34];
    for _ in 0..60 {
        rig.pass(1000);
        rig.hear_control(0, address("192.0.2.1:4101"), &report);
    }
    assert!(rig.reports().iter().all(|report| matches!(report, Report::Silent(leg, _) if *leg == B)));
    let to_a: Vec<_> = rig.control.iter().filter(|(port, ..)| *port == 0).collect();
    assert!((8..=24).contains(&to_a.len()), "{}", to_a.len());
    assert_eq!(to_a.last().unwrap().1, address("192.0.2.1:4101"));
    assert!(to_a.iter().all(|(_, _, bytes)| rtcp::parse(bytes).is_some_and(|read| read.sent.is_some())));
    let (_, to_b, _) = rig.control.iter().find(|(port, ..)| *port == 1).unwrap();
    assert_eq!(*to_b, address("192.0.2.2:4001"));
}

#[test]
fn rtcp_from_elsewhere_or_half_a_packet_is_none() {
    let mut rig = Rig::new(Law::A, Law::A);
    rig.pass(2000);
    rig.hear_control(0, address("192.0.2.66:4001"), &[0x80, 201, 0, 1, 0, 0, 0x12, 0x34]);
    rig.hear_control(0, address("192.0.2.1:4001"), &[0x81, 203, 0, 1, 0, 0, 0x12, 0x34]);
    rig.pass(1000);
    assert!(rig.reports().contains(&Report::Silent(A, 3)));
    assert_eq!(rig.relay.counters().dropped, 2);
}
