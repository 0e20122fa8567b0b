//! Two agents on loopback, without any service between them.

use std::net::{IpAddr, Ipv4Addr};

use super::call::{By, Phase};
use super::sound::{A_WHILE, CALLER, EVENTS, PHONE_11, PHONE_12, Sound, Towards};
use super::*;
use crate::media::command::Law;

const IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SOON: Duration = Duration::from_secs(10);

/// A called agent, and one that calls it.
fn pair() -> (Agent, Agent) {
    let nowhere = SocketAddr::new(IP, 9);
    let called = Agent::open(IP, 0, nowhere, Identity::new("11", None, PHONE_11)).unwrap();
    let caller = Agent::open(IP, 0, called.address(), Identity::new("trunk", None, CALLER)).unwrap();
    (called, caller)
}

#[test]
fn a_call_is_answered_heard_held_resumed_and_ended() {
    let (phone, trunk) = pair();
    let call = trunk.call("11", Dial::from_number("0639980001")).unwrap();
    let leg = phone.expect_call(SOON).unwrap();
    assert!(leg.ring().invite().unwrap().from().uri.contains("0639980001"));
    assert!(call.wait_ringing(SOON));
    leg.answer();
    assert!(call.wait_up(SOON) && leg.wait_acked(SOON));
    assert!(call.hears(PHONE_11, SOON) && leg.hears(CALLER, SOON));
    assert_eq!(leg.hold(true), Some(200));
    let held = Instant::now() + Duration::from_millis(100);
    assert_eq!(leg.hold(false), Some(200));
    assert!(leg.sound().hears(CALLER, held, SOON));
    leg.press("61");
    assert!(eventually(SOON, || call.sound().keys() == "61"));
    leg.hang_up();
    assert!(call.wait_ended(SOON));
    assert_eq!((call.ended_by(), leg.ended_by()), (Some(By::Peer), Some(By::Us)));
}

#[test]
fn a_caller_gives_up_and_says_why() {
    let (phone, trunk) = pair();
    let call = trunk.call("11", Dial::default()).unwrap();
    let leg = phone.expect_call(SOON).unwrap();
    leg.ring();
    assert!(call.wait_ringing(SOON));
    call.cancel(Some("SIP;cause=200"));
    assert_eq!(call.wait_final(SOON), Some(487));
    assert!(leg.wait_ended(SOON));
    assert_eq!(leg.cancel_reason().as_deref(), Some("SIP;cause=200"));
}

#[test]
fn an_answer_that_crosses_the_cancel_is_acknowledged_and_hung_up() {
    let (phone, trunk) = pair();
    let call = trunk.call("11", Dial::default()).unwrap();
    let leg = phone.expect_call(SOON).unwrap();
    leg.answer_on_cancel();
    leg.ring();
    assert!(call.wait_ringing(SOON));
    call.cancel(None);
    assert!(leg.wait_acked(SOON) && leg.wait_ended(SOON));
    assert_eq!((leg.ended_by(), call.phase()), (Some(By::Peer), Phase::Ended));
}

#[test]
fn a_phone_refuses_by_itself() {
    let (phone, trunk) = pair();
    phone.react(Reaction::Refuse(486, None));
    assert_eq!(trunk.call("11", Dial::default()).unwrap().wait_final(SOON), Some(486));
    assert_eq!(phone.received(Method::Invite).len(), 1);
}

/// Two ends that hear each other, each with a law of its own.
fn ends() -> (Sound, Sound) {
    let (a, b) = (Sound::open(IP, Some(PHONE_11)).unwrap(), Sound::open(IP, Some(CALLER)).unwrap());
    let towards = |peer: &Sound, law| Some(Towards { peer: peer.address(), law, events: Some(EVENTS) });
    a.send_to(towards(&b, Law::A));
    b.send_to(towards(&a, Law::Mu));
    (a, b)
}

#[test]
fn a_party_hears_the_pitch_of_the_other_and_its_keys() {
    let (a, b) = ends();
    assert_eq!((a.settles_on(CALLER, A_WHILE), b.settles_on(PHONE_11, A_WHILE)), (Ok(()), Ok(())));
    a.press("12#");
    assert!(eventually(SOON, || b.keys() == "12#"), "{}", b.keys());
}

#[test]
fn what_is_said_for_a_number_of_frames_is_that_many_frames_and_then_silence() {
    let (a, b) = ends();
    let start = Instant::now();
    a.press("1");
    assert!(a.say_for(PHONE_12, 40));
    let heard = || b.heard(start);
    assert!(eventually(SOON, || heard().last().is_some_and(|frame| frame.silent)));
    assert_eq!(heard().iter().filter(|frame| frame.pitch == Some(PHONE_12)).count(), 40);
}
