//! An INVITE of the trunk that is refused before anything is asked leaves its row and its callback, once (row 21).

use rappel::domain::call::Record;
use rappel::sip::message::Message;

use crate::rig::{Site, TRUNK, invite, request, sdp};

fn rows(site: &Site) -> Vec<(String, (&'static str, Option<&'static str>))> {
    let parties = site.records.iter().filter_map(|record| match record {
        Record::Opened { party, .. } => Some(party.display()),
        _ => None,
    });
    parties.zip(site.ends()).collect()
}

fn callbacks(site: &Site) -> usize {
    site.records.iter().filter(|record| matches!(record, Record::Callback(_))).count()
}

#[test]
fn whatever_it_is_refused_for_the_caller_is_kept_once() {
    type Spoil = fn(&mut Message);
    let table: [(u16, Spoil); 7] = [
        (483, |m| m.set("Max-Forwards", "0")),
        (420, |m| m.set("Require", "nothing")),
        (406, |m| m.set("Accept", "text/plain")),
        (400, |m| m.remove("Contact")),
        (415, |m| m.set("Content-Type", "text/plain")),
        (416, |m| m.start = Message::request(rappel::sip::message::Method::Invite, "http://a.test/").start),
        (513, |m| m.body = vec![b'x'; 9000]),
    ];
    for (status, spoil) in table {
        let mut site = Site::new(&[]);
        let mut call = invite("spoilt", &sdp("203.0.113.9"));
        spoil(&mut call);
        for _ in 0..3 {
            site.tell(TRUNK, &call);
        }
        let answers: Vec<Option<u16>> = site.sent.iter().map(|(_, m)| m.status()).filter(|s| *s != Some(100)).collect();
        assert!(!answers.is_empty() && answers.iter().all(|s| *s == Some(status)), "{status}: {answers:?}");
        assert_eq!(rows(&site), [("06 39 98 00 01".to_owned(), ("missed", Some("failed")))], "{status}");
        assert_eq!(callbacks(&site), 1, "{status}");
    }
}

#[test]
fn a_flood_of_them_is_bounded_and_the_line_goes_on() {
    let mut site = Site::new(&[]);
    for n in 0..3000 {
        let mut call = invite(&format!("flood{n}"), &sdp("203.0.113.9"));
        call.set("Max-Forwards", "0");
        site.tell(TRUNK, &call);
        site.sent.clear();
    }
    assert_eq!(site.ends().len(), 256);
    site.rings("good", &sdp("203.0.113.9"));
    site.reply(TRUNK, 180);
}

#[test]
fn a_broken_request_in_a_call_is_no_new_call() {
    let mut site = Site::new(&[]);
    let mut again = invite("c", &sdp("203.0.113.9"));
    again.set("To", "<sip:0199000000@192.168.1.5>;tag=ours");
    again.set("Max-Forwards", "0");
    site.tell(TRUNK, &again);
    again.set("Max-Forwards", "70");
    let broken = String::from_utf8(again.encode()).unwrap().replace("Content-Length: ", "Content-Length: -");
    site.tell_bytes(TRUNK, broken.as_bytes());
    site.reply(TRUNK, 400);
    assert!(site.records.is_empty(), "{:?}", site.records);
}

#[test]
fn a_strangers_call_to_us_is_told_and_a_scanners_is_not() {
    let told = |uri: &str| {
        let mut site = Site::new(&[]);
        site.tell("203.0.113.9:5060", &request("INVITE", uri, "203.0.113.9:5060", "stranger", 1, ""));
        assert!(site.sent.is_empty(), "a stranger gets no reply");
        site.exchange.status().alerts.iter().filter(|alert| alert.kind == "unknown_source").count()
    };
    for ours in ["sip:0199000000@192.168.1.5", "sip:+33199000000@a.test;user=phone", "tel:+33199000000", "sip:rappel@192.168.1.5:5060"] {
        assert_eq!(told(ours), 1, "{ours}");
    }
    for other in ["sip:0097259000@192.168.1.5", "sip:100@192.168.1.5", "sip:192.168.1.5", "sip:0199000001@192.168.1.5"] {
        assert_eq!(told(other), 0, "{other}");
    }
}
