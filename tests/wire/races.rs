//! Messages that cross.

use std::time::Duration;

use rappel::sip::api::{Event, Peer};
use rappel::sip::message::Method;

use crate::pair::{A, B, Pair, SDP, flow, reply, request};

const SOON: Duration = Duration::from_millis(20);

#[test]
fn forks_two_2xx_one_call() {
    let mut pair = Pair::manual(30);
    let a = pair.invite(A);
    let invite = pair.got_request(Method::Invite);
    pair.inject(&reply(&invite, 180, "one"));
    pair.inject(&reply(&invite, 180, "two"));
    pair.inject(&reply(&invite, 200, "two"));
    let ack = pair.got_request(Method::Ack);
    assert_eq!(ack.to().tag(), Some("two"));
    pair.inject(&reply(&invite, 200, "one"));
    assert_eq!(pair.got_request(Method::Ack).to().tag(), Some("one"));
    let bye = pair.got_request(Method::Bye);
    assert_eq!(bye.to().tag(), Some("one"), "the fork that lost");
    pair.inject(&reply(&bye, 200, "one"));
    // both 2xx come again: both are acknowledged again, nothing else
    pair.inject(&reply(&invite, 200, "one"));
    pair.inject(&reply(&invite, 200, "two"));
    assert_eq!(pair.got_request(Method::Ack).to().tag(), Some("one"));
    assert_eq!(pair.got_request(Method::Ack).to().tag(), Some("two"));
    assert!(pair.inbox.is_empty());
    let accepted = pair.events.drain(..).filter(|(_, e)| matches!(e, Event::Accepted { .. })).count();
    assert_eq!(accepted, 1);
    let now = pair.now;
    pair.a.bye(now, a, None);
    let bye = pair.got_request(Method::Bye);
    assert_eq!(bye.to().tag(), Some("two"));
    pair.inject(&reply(&bye, 200, "two"));
    pair.finish();
}

#[test]
fn late_2xx_after_the_call_was_given_up() {
    let mut pair = Pair::manual(31);
    let a = pair.invite(A);
    let invite = pair.got_request(Method::Invite);
    pair.inject(&reply(&invite, 180, "late"));
    assert!(matches!(pair.event(A), Event::Provisional { .. }));
    let now = pair.now;
    pair.a.cancel(now, a, None);
    let cancel = pair.got_request(Method::Cancel);
    pair.inject(&reply(&cancel, 200, "late"));
    // no 487 ever comes
    pair.run(Duration::from_secs(33));
    assert!(matches!(pair.event(A), Event::Cancelled { session } if session == a));
    pair.inbox.clear();
    pair.inject(&reply(&invite, 200, "late"));
    assert_eq!(pair.got_request(Method::Ack).to().tag(), Some("late"));
    let bye = pair.got_request(Method::Bye);
    pair.inject(&reply(&bye, 200, "late"));
    pair.no_event();
    pair.finish();
}

#[test]
fn cancel_crosses_200() {
    let mut pair = Pair::new(32);
    let a = pair.invite(A);
    pair.run(SOON);
    let Event::Invite { session: b, .. } = pair.event(B) else { panic!("INVITE") };
    let now = pair.now;
    pair.b.answer(now, b, SDP.to_vec());
    pair.a.cancel(now, a, None);
    pair.run(Duration::from_secs(1));
    let mut events: Vec<Event> = pair.events.drain(..).map(|(_, e)| e).collect();
    events.sort_by_key(|e| format!("{e:?}"));
    assert_eq!(events.len(), 3, "{events:?}");
    assert!(matches!(&events[0], Event::Acked { session, .. } if *session == b));
    assert!(matches!(&events[1], Event::Bye { session, .. } if *session == b));
    assert!(matches!(&events[2], Event::Cancelled { session } if *session == a));
    pair.finish();
}

#[test]
fn cancel_waits_for_a_provisional() {
    let mut pair = Pair::manual(33);
    let a = pair.invite(A);
    let invite = pair.got_request(Method::Invite);
    let now = pair.now;
    pair.a.cancel(now, a, None);
    pair.run(SOON);
    assert!(pair.inbox.is_empty(), "no CANCEL before a provisional");
    pair.inject(&reply(&invite, 100, "x"));
    let cancel = pair.got_request(Method::Cancel);
    assert_eq!((cancel.via().branch, cancel.cseq().0), (invite.via().branch, invite.cseq().0));
    pair.inject(&reply(&cancel, 200, "x"));
    pair.inject(&reply(&invite, 487, "x"));
    pair.got_request(Method::Ack);
    assert!(matches!(pair.event(A), Event::Cancelled { session } if session == a));
    pair.finish();
}

#[test]
fn reinvite_glare() {
    for seed in 0..20 {
        let mut pair = Pair::new(340 + seed);
        let a = pair.invite(A);
        pair.run(SOON);
        let Event::Invite { session: b, .. } = pair.event(B) else { panic!("INVITE") };
        let now = pair.now;
        pair.b.answer(now, b, SDP.to_vec());
        pair.run(SOON);
        pair.events.clear();
        let now = pair.now;
        pair.a.reoffer(now, a, SDP.to_vec(), vec![]);
        pair.b.reoffer(now, b, SDP.to_vec(), vec![]);
        let mut done = [0, 0];
        let mut acked = 0;
        for _ in 0..600 {
            pair.run(Duration::from_millis(10));
            for (side, event) in std::mem::take(&mut pair.events) {
                match event {
                    Event::Offer { session, .. } => {
                        let now = pair.now;
                        pair.end(side).accept_offer(now, session, SDP.to_vec());
                    }
                    Event::Reoffered { status: 200, .. } => done[side as usize] += 1,
                    Event::Acked { .. } => acked += 1,
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!((done, acked), ([1, 1], 2), "seed {seed}");
        let now = pair.now;
        pair.a.bye(now, a, None);
        pair.finish();
    }
}

#[test]
fn missing_ack() {
    let mut pair = Pair::manual(35);
    pair.inject(&request("INVITE", "sip:0199000000@127.0.0.1", "i", 7, None, ""));
    pair.got_status(100);
    let Event::Invite { session, .. } = pair.event(A) else { panic!("INVITE") };
    let now = pair.now;
    pair.a.answer(now, session, SDP.to_vec());
    pair.run(Duration::from_millis(31_900));
    let copies = pair.inbox.len();
    assert_eq!(copies, 11, "at 0, 0.5, 1.5, 3.5 s, then every 4 s");
    pair.no_event();
    pair.run(Duration::from_millis(200));
    assert!(matches!(pair.event(A), Event::NotAcked { session: s } if s == session));
    pair.inbox.clear();
    let now = pair.now;
    pair.a.bye(now, session, None);
    let bye = pair.got_request(Method::Bye);
    pair.inject(&reply(&bye, 200, "peer"));
    pair.no_event();
    pair.finish();
}

#[test]
fn bye_waits_for_the_ack_of_our_2xx() {
    let mut pair = Pair::manual(36);
    pair.inject(&request("INVITE", "sip:0199000000@127.0.0.1", "i", 7, None, ""));
    pair.got_status(100);
    let Event::Invite { session, .. } = pair.event(A) else { panic!("INVITE") };
    let now = pair.now;
    pair.a.answer(now, session, SDP.to_vec());
    let ok = pair.got_status(200);
    let now = pair.now;
    pair.a.bye(now, session, None);
    pair.run(SOON);
    assert!(pair.inbox.is_empty(), "RFC 3261 15");
    let tag = ok.to().tag().map(str::to_owned);
    pair.inject(&request("ACK", "sip:127.0.0.1:5060", "k", 7, tag.as_deref(), ""));
    let bye = pair.got_request(Method::Bye);
    pair.inject(&reply(&bye, 200, "peer"));
    pair.no_event();
    pair.finish();
}

#[test]
fn merged_request_gets_482() {
    let mut pair = Pair::manual(37);
    let first = request("INVITE", "sip:0199000000@127.0.0.1", "one", 7, None, "");
    pair.inject(&first);
    pair.got_status(100);
    let Event::Invite { session, .. } = pair.event(A) else { panic!("INVITE") };
    pair.inject(&request("INVITE", "sip:0199000000@127.0.0.1", "two", 7, None, ""));
    assert_eq!(pair.got_status(482).via().branch, Some("z9hG4bKtwo"));
    pair.no_event();
    let now = pair.now;
    pair.a.progress(now, session, 180, None);
    let ringing = pair.got_status(180);
    pair.inject(&first);
    assert_eq!(pair.got_status(180).to(), ringing.to(), "a retransmission gets the last response");
    let now = pair.now;
    pair.a.refuse(now, session, 486, vec![]);
    let refused = pair.got_status(486);
    pair.inject(&first);
    assert_eq!(pair.got_status(486).to(), refused.to());
    pair.inject(&request("ACK", "sip:0199000000@127.0.0.1", "one", 7, refused.to().tag(), ""));
    pair.no_event();
    pair.finish();
}

#[test]
fn bye_crossing() {
    let mut pair = Pair::new(38);
    let a = pair.invite(A);
    pair.run(SOON);
    let Event::Invite { session: b, .. } = pair.event(B) else { panic!("INVITE") };
    let now = pair.now;
    pair.b.answer(now, b, SDP.to_vec());
    pair.run(SOON);
    pair.events.clear();
    let now = pair.now;
    pair.a.bye(now, a, None);
    pair.b.bye(now, b, None);
    pair.run(Duration::from_secs(1));
    pair.no_event();
    assert_eq!((pair.a.counts().sessions, pair.b.counts().sessions), (0, 0), "both got 200");
    pair.finish();
}

#[test]
fn an_overlapping_reinvite_gets_500_with_retry_after() {
    let mut pair = Pair::manual(39);
    pair.inject(&request("INVITE", "sip:0199000000@127.0.0.1", "i", 7, None, ""));
    pair.got_status(100);
    let Event::Invite { session, .. } = pair.event(A) else { panic!("INVITE") };
    let now = pair.now;
    pair.a.answer(now, session, SDP.to_vec());
    let ok = pair.got_status(200);
    let tag = ok.to().tag().map(str::to_owned);
    let inside = |method: &str, branch: &str, cseq: u32| request(method, "sip:127.0.0.1:5060", branch, cseq, tag.as_deref(), "");
    pair.inject(&inside("ACK", "k", 7));
    pair.inject(&inside("INVITE", "r1", 20));
    pair.got_status(100);
    pair.inject(&inside("INVITE", "r2", 21));
    assert!(pair.got_status(500).get("Retry-After").is_some());
    pair.inject(&inside("OPTIONS", "o1", 19));
    assert_eq!(pair.got_status(500).get("Retry-After"), None, "an old CSeq");
    pair.inject(&inside("OPTIONS", "o2", 30));
    assert!(pair.got_status(200).get("Allow").is_some(), "a gap is fine");
    let now = pair.now;
    pair.a.accept_offer(now, session, SDP.to_vec());
    pair.got_status(200);
    pair.inject(&inside("ACK", "k2", 20));
    // the very same names from another address are no request of this dialog
    let mut stranger = flow(A);
    stranger.remote = "127.0.0.3:5060".parse().unwrap();
    let bye = inside("BYE", "s", 40).encode();
    pair.events.clear();
    pair.a.handle_message(pair.now, Peer::Phone, stranger, &bye);
    pair.flush();
    pair.got_status(481);
    pair.no_event();
    pair.inject(&inside("BYE", "b", 41));
    pair.got_status(200);
    assert!(matches!(pair.event(A), Event::Bye { .. }));
    pair.finish();
}
