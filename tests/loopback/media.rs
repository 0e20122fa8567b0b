//! Where sound may go, against the real process: a socket stands at each address that may not be named, and hears nothing (THREATS 9).

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use rappel::demo::service::NUMBER;
use rappel::demo::ua::Dial;
use rappel::demo::ua::sound::{CALLER, PHONE_11};
use rappel::sip::message::Method;

use crate::stage::{ONE, PHONES, SOON, ended_as, scene, talking};

/// In which sound would have come: 25 packets.
const A_WHILE: Duration = Duration::from_millis(500);

fn listening(ip: &str) -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.set_read_timeout(Some(A_WHILE)).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[track_caller]
fn hears_nothing(socket: &UdpSocket) {
    let got = socket.recv_from(&mut [0; 2048]);
    assert!(got.is_err(), "{:?} got a packet: {got:?}", socket.local_addr());
}

fn call_from(address: SocketAddr) -> Dial {
    Dial { sound_at: Some(address), ..Dial::from_number(ONE) }
}

#[test]
fn an_offer_that_names_a_phones_address_is_missed_and_the_phone_gets_no_packet() {
    let mut scene = scene("");
    let (victim, address) = listening(&PHONES[1].to_string());
    let caller = scene.trunk.call(NUMBER, call_from(address)).unwrap();
    assert_eq!(caller.wait_final(SOON), Some(488));
    ended_as(&mut scene, ONE, "missed", Some("failed"));
    assert!(scene.phone_11.received(Method::Invite).is_empty(), "a phone rang");
    hears_nothing(&victim);
}

#[test]
fn the_trunks_media_networks_are_kept_to_and_without_them_its_sound_may_be_elsewhere() {
    for (changes, taken) in [("[trunk]\nmedia = [\"127.0.0.2/32\"]", false), ("", true)] {
        let scene = scene(changes);
        let (elsewhere, address) = listening("127.0.0.9");
        let caller = scene.trunk.call(NUMBER, call_from(address)).unwrap();
        if taken {
            scene.phone_11.expect_call(SOON).expect("it rings").ring().answer();
            assert!(caller.wait_up(SOON));
            elsewhere.set_read_timeout(Some(SOON)).unwrap();
            assert!(elsewhere.recv_from(&mut [0; 2048]).is_ok(), "no sound where it may be");
        } else {
            assert_eq!(caller.wait_final(SOON), Some(488));
            hears_nothing(&elsewhere);
        }
    }
}

#[test]
fn a_reinvite_to_an_address_that_may_not_be_is_refused_and_the_old_sound_goes_on() {
    let mut scene = scene("[trunk]\nmedia = [\"127.0.0.2/32\"]");
    let (caller, leg) = talking(&scene);
    let (elsewhere, address) = listening("127.0.0.9");
    assert_eq!(caller.move_sound(address), Some(488));
    hears_nothing(&elsewhere);
    assert!(caller.hears(PHONE_11, SOON) && leg.hears(CALLER, SOON), "the old sound is gone");
    let (trunks, address) = listening("127.0.0.2");
    assert_eq!(leg.move_sound(address), Some(488), "a phone may not send us to the trunk");
    hears_nothing(&trunks);
    assert!(caller.hears(PHONE_11, SOON) && leg.hears(CALLER, SOON));
    caller.hang_up();
    ended_as(&mut scene, ONE, "answered", None);
}

#[test]
fn a_transfer_outside_is_called_and_joined() {
    let mut scene = scene("");
    let (caller, leg) = talking(&scene);
    assert_eq!(leg.refer("00639980002"), Some(202));
    let far = scene.trunk.expect_call(SOON).expect("the target is called");
    assert!(far.invite().unwrap().uri().contains("0639980002"));
    leg.hang_up();
    far.ring().answer();
    assert!(caller.hears(rappel::demo::ua::sound::FAR_END, SOON) && far.hears(CALLER, SOON), "they are not joined");
    far.hang_up();
    assert!(caller.wait_ended(SOON));
    ended_as(&mut scene, ONE, "answered", None);
}
