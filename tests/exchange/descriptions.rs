//! Offers and answers: what the phone's hold button and early media come to.

use rappel::media::command::{Command, Source};
use rappel::sip::message::{Message, Method};

use crate::rig::{PHONE, Site, TRUNK, phone_reply, phone_request, sdp, sdp_with};

fn is_music(command: &Command) -> bool {
    matches!(command, Command::Play(_, Source::Loop(_)))
}

#[test]
fn a_hold_button_that_asks_for_our_offer_and_answers_in_the_ack_plays_the_music_and_ends_it() {
    let mut site = Site::new(&[]);
    site.rings("c", &sdp("203.0.113.9"));
    let ring = site.next(PHONE, |m| m.method() == Some(Method::Invite));
    site.tell(PHONE, &phone_reply(&ring, &sdp("192.168.1.20")));
    for (n, (line, held)) in (2..).zip([("a=sendonly\r\n", true), ("a=sendrecv\r\n", false), ("a=inactive\r\n", true)]) {
        let before = site.media.len();
        let mut again = phone_request("INVITE", &ring, n, "application/sdp", "");
        again.remove("Content-Type");
        site.tell(PHONE, &again);
        site.next(PHONE, |m| m.status() == Some(200) && m.get("CSeq") == Some(&format!("{n} INVITE")));
        site.tell(PHONE, &phone_request("ACK", &ring, n, "application/sdp", &sdp_with("192.168.1.20", line)));
        let told = &site.media[before..];
        assert_eq!(told.iter().any(is_music), held, "{line}: {told:?}");
        assert_eq!(told.iter().any(|command| matches!(command, Command::Join(..))), !held, "{line}: {told:?}");
    }
}

#[test]
fn an_answer_after_early_media_agrees_nothing_new_and_opens_no_source_again() {
    let mut site = Site::new(&[]);
    site.dials("0639980001", &sdp("192.168.1.20"));
    let invite = site.next(TRUNK, |m| m.method() == Some(Method::Invite));
    for status in [183, 200] {
        let mut reply = Message::reply(&invite, status, Some("far"));
        reply.push("Contact", format!("<sip:far@{TRUNK}>"));
        reply.push("Content-Type", "application/sdp");
        reply.body = sdp("203.0.113.9").into_bytes();
        site.tell(TRUNK, &reply);
        site.reply(PHONE, status);
    }
    let mut told: Vec<_> = site
        .media
        .iter()
        .filter_map(|command| match command {
            Command::Negotiated { leg, .. } => Some(leg.0),
            _ => None,
        })
        .collect();
    told.sort_unstable();
    let count = told.len();
    told.dedup();
    assert_eq!((told.len(), count), (2, 2));
}
