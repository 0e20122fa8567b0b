//! Where sound may go (THREATS 9): the relay is never told to send to an address that the peer may not name.

use std::net::{IpAddr, SocketAddr};

use rappel::sip::message::Method;

use crate::rig::{OURS, PHONE, Site, TRUNK, answered, phone_reply, request, sdp, sdp_with};

/// Nothing was ever to be sent to that address.
#[track_caller]
fn nothing_goes_to(site: &Site, address: &str) {
    let address: IpAddr = address.parse().unwrap();
    assert!(site.targets().iter().all(|to| to.ip() != address), "{address}: {:?}", site.targets());
}

#[test]
fn an_offer_of_the_trunk_with_a_refused_address_is_missed_with_its_number() {
    let (ours, phone) = (OURS.split(':').next().unwrap(), PHONE.split(':').next().unwrap());
    for (n, address) in
        ["239.1.1.1", "255.255.255.255", "127.0.0.1", "10.1.2.3", "192.168.1.77", phone, ours, "::1", "fd00::1"].into_iter().enumerate()
    {
        let mut site = Site::new(&[]);
        site.rings(&format!("c{n}"), &sdp(address));
        site.reply(TRUNK, 488);
        assert_eq!(site.ends(), [("missed", Some("failed"))], "{address}");
        assert!(site.sent.iter().all(|(to, m)| *to != PHONE.parse::<SocketAddr>().unwrap() || m.method().is_none()), "{address}: it rang");
        nothing_goes_to(&site, address);
    }
}

#[test]
fn the_trunks_media_networks_are_kept_to() {
    for (address, rings) in [("203.0.113.9", true), ("203.0.114.9", false), ("198.51.100.7", false)] {
        let mut site = Site::new(&["203.0.113.0/24"]);
        answered_or_refused(&mut site, address, rings);
    }
    let mut site = Site::new(&[]);
    answered_or_refused(&mut site, "203.0.114.9", true);
}

fn answered_or_refused(site: &mut Site, address: &str, rings: bool) {
    if rings {
        answered(site, "c", &sdp(address), &sdp("192.168.1.20"));
        assert!(site.targets().contains(&SocketAddr::new(address.parse().unwrap(), 4000)), "{:?}", site.targets());
    } else {
        site.rings("c", &sdp(address));
        site.reply(TRUNK, 488);
        nothing_goes_to(site, address);
    }
}

#[test]
fn the_old_hold_is_no_address_and_is_answered() {
    let mut site = Site::new(&[]);
    let ours = answered(&mut site, "c", &sdp("203.0.113.9"), &sdp("192.168.1.20"));
    let mut hold = request("INVITE", "sip:192.168.1.5", TRUNK, "c", 2, &ours);
    hold.push("Content-Type", "application/sdp");
    hold.body = sdp("0.0.0.0").into_bytes();
    site.tell(TRUNK, &hold);
    assert!(String::from_utf8_lossy(&site.reply(TRUNK, 200).body).contains("a=recvonly"));
    nothing_goes_to(&site, "0.0.0.0");
}

#[test]
fn a_reinvite_with_a_refused_address_is_refused_and_the_old_media_goes_on() {
    let mut site = Site::new(&[]);
    let ours = answered(&mut site, "c", &sdp("203.0.113.9"), &sdp("192.168.1.20"));
    let before = site.media.len();
    for (cseq, address) in [(2, "127.0.0.1"), (3, "192.168.1.20"), (4, "224.0.0.1")] {
        let mut again = request("INVITE", "sip:192.168.1.5", TRUNK, "c", cseq, &ours);
        again.push("Content-Type", "application/sdp");
        again.body = sdp(address).into_bytes();
        site.tell(TRUNK, &again);
        site.reply(TRUNK, 488);
        site.tell(TRUNK, &request("ACK", "sip:192.168.1.5", TRUNK, "c", cseq, &ours));
    }
    assert_eq!(site.media.len(), before, "the relay was told something: {:?}", &site.media[before..]);
    site.tell(TRUNK, &request("BYE", "sip:192.168.1.5", TRUNK, "c", 5, &ours));
    site.reply(TRUNK, 200);
    assert_eq!(site.ends(), [("answered", None)]);
}

#[test]
fn a_phone_may_not_send_us_to_the_trunk_to_ourselves_or_to_a_group() {
    let trunk = TRUNK.split(':').next().unwrap();
    for address in [trunk, "192.168.1.5", "127.0.0.1", "239.1.1.1"] {
        let mut site = Site::new(&[]);
        site.rings("c", &sdp("203.0.113.9"));
        let ring = site.next(PHONE, |m| m.method() == Some(Method::Invite));
        let refused = if address == "192.168.1.5" { sdp(address).replace("4000", "20004") } else { sdp(address) };
        site.tell(PHONE, &phone_reply(&ring, &refused));
        site.next(PHONE, |m| m.method() == Some(Method::Bye));
        nothing_goes_to(&site, address);
    }
}

#[test]
fn control_packets_go_where_a_rtcp_says_and_never_where_they_may_not() {
    for (line, control) in [
        ("a=rtcp:4711", Some("203.0.113.9:4711")),
        ("a=rtcp:4711 IN IP4 203.0.113.10", Some("203.0.113.10:4711")),
        ("a=rtcp:9 IN IP4 0.0.0.0", None),
        ("a=rtcp:4711 IN IP4 127.0.0.1", None),
        ("", Some("203.0.113.9:4001")),
    ] {
        let mut site = Site::new(&[]);
        answered(&mut site, "c", &sdp_with("203.0.113.9", line), &sdp("192.168.1.20"));
        let theirs: Vec<String> =
            site.targets().iter().filter(|to| to.port() != 4000).map(ToString::to_string).filter(|to| !to.starts_with("192")).collect();
        assert_eq!(theirs, control.into_iter().collect::<Vec<_>>(), "{line}");
    }
}

#[test]
fn an_answer_in_the_ack_that_cannot_be_used_ends_the_call() {
    let mut site = Site::new(&[]);
    let mut invite = crate::rig::invite("c", "");
    invite.remove("Content-Type");
    site.tell(TRUNK, &invite);
    let ring = site.next(PHONE, |m| m.method() == Some(Method::Invite));
    site.tell(PHONE, &phone_reply(&ring, &sdp("192.168.1.20")));
    let ours = site.reply(TRUNK, 200).to().tag().unwrap().to_owned();
    let mut ack = request("ACK", "sip:192.168.1.5", TRUNK, "c", 1, &ours);
    ack.push("Content-Type", "application/sdp");
    ack.body = sdp("127.0.0.1").into_bytes();
    site.tell(TRUNK, &ack);
    site.next(TRUNK, |m| m.method() == Some(Method::Bye));
    site.next(PHONE, |m| m.method() == Some(Method::Bye));
    assert_eq!(site.ends(), [("missed", Some("failed"))]);
    nothing_goes_to(&site, "127.0.0.1");
}
