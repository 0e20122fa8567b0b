//! Whole calls between two endpoints on a good network.

use std::time::Duration;

use rappel::sip::api::{Event, SessionId};

use crate::pair::{A, B, Pair, SDP, Side};

const SOON: Duration = Duration::from_millis(20);

/// A call from `A` that `B` has answered.
fn established(pair: &mut Pair) -> (SessionId, SessionId) {
    let a = pair.invite(A);
    pair.run(SOON);
    let Event::Invite { session: b, offer, .. } = pair.event(B) else { panic!("INVITE") };
    assert_eq!(offer.as_deref(), Some(SDP));
    let now = pair.now;
    pair.b.answer(now, b, SDP.to_vec());
    pair.run(SOON);
    assert!(matches!(pair.event(A), Event::Accepted { session, sdp: Some(_), .. } if session == a));
    assert!(matches!(pair.event(B), Event::Acked { session, sdp: None } if session == b));
    pair.no_event();
    (a, b)
}

#[test]
fn plain_call() {
    let mut pair = Pair::new(1);
    let a = pair.invite(A);
    pair.run(SOON);
    let Event::Invite { session: b, request, .. } = pair.event(B) else { panic!("INVITE") };
    assert_eq!((request.get("User-Agent"), pair.signs_of_life), (None, 1));
    let now = pair.now;
    pair.b.progress(now, b, 180, None);
    pair.run(SOON);
    assert!(matches!(pair.event(A), Event::Provisional { session, status: 180, sdp: None } if session == a));
    assert_eq!(pair.b.counts().pending, 1);
    let now = pair.now;
    pair.b.answer(now, b, SDP.to_vec());
    assert_eq!(pair.b.counts().pending, 0);
    pair.run(SOON);
    assert!(matches!(pair.event(A), Event::Accepted { .. }));
    assert!(matches!(pair.event(B), Event::Acked { .. }));
    pair.run(Duration::from_secs(60));
    let now = pair.now;
    pair.b.bye(now, b, Some("Q.850;cause=16"));
    pair.run(SOON);
    let Event::Bye { session, request } = pair.event(A) else { panic!("BYE") };
    assert_eq!((session, request.get("Reason")), (a, Some("Q.850;cause=16")));
    pair.no_event();
    assert_eq!(pair.sent, [3, 4], "INVITE, ACK, 200 and 100, 180, 200, BYE: nothing is sent twice");
    pair.finish();
}

#[test]
fn refused_call() {
    let mut pair = Pair::new(2);
    let a = pair.invite(A);
    pair.run(SOON);
    let Event::Invite { session: b, .. } = pair.event(B) else { panic!("INVITE") };
    let now = pair.now;
    pair.b.refuse(now, b, 486, vec![("Retry-After", "3".into())]);
    pair.run(SOON);
    let Event::Rejected { session, status: 486, response: Some(response), provisional: true } = pair.event(A) else { panic!("486") };
    assert_eq!((session, response.get("Retry-After")), (a, Some("3")));
    pair.finish();
}

#[test]
fn cancelled_call_tells_the_reason() {
    let mut pair = Pair::new(3);
    let a = pair.invite(A);
    pair.run(SOON);
    let Event::Invite { session: b, .. } = pair.event(B) else { panic!("INVITE") };
    let now = pair.now;
    pair.a.cancel(now, a, Some("SIP;cause=200;text=\"Call completed elsewhere\""));
    pair.run(SOON);
    let (mut cancel, mut cancelled) = (0, 0);
    for (_, event) in pair.events.drain(..) {
        match event {
            Event::Cancel { session, reason } => {
                assert_eq!((session, reason.as_deref()), (b, Some("SIP;cause=200;text=\"Call completed elsewhere\"")));
                cancel += 1;
            }
            Event::Cancelled { session } => {
                assert_eq!(session, a);
                cancelled += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((cancel, cancelled), (1, 1));
    pair.finish();
}

#[test]
fn offers_both_ways_then_refused() {
    let mut pair = Pair::new(4);
    let (a, b) = established(&mut pair);
    for (side, mine, theirs) in [(A, a, b), (B, b, a)] {
        let now = pair.now;
        pair.end(side).reoffer(now, mine, b"v=0 hold\r\n".to_vec(), vec![]);
        pair.run(SOON);
        let Event::Offer { session, sdp: Some(sdp) } = pair.event(side.other()) else { panic!("offer") };
        assert_eq!((session, sdp.as_slice()), (theirs, &b"v=0 hold\r\n"[..]));
        let now = pair.now;
        pair.end(side.other()).accept_offer(now, theirs, SDP.to_vec());
        pair.run(SOON);
        assert!(matches!(pair.event(side), Event::Reoffered { session, status: 200, sdp: Some(_) } if session == mine));
        assert!(matches!(pair.event(side.other()), Event::Acked { session, .. } if session == theirs));
    }
    let now = pair.now;
    pair.a.reoffer(now, a, SDP.to_vec(), vec![]);
    pair.run(SOON);
    assert!(matches!(pair.event(B), Event::Offer { .. }));
    let now = pair.now;
    pair.b.reject_offer(now, b, 488);
    pair.run(SOON);
    assert!(matches!(pair.event(A), Event::Reoffered { status: 488, sdp: None, .. }));
    hang_up(pair, A, a);
}

#[test]
fn a_second_offer_waits_for_the_first() {
    let mut pair = Pair::new(5);
    let (a, b) = established(&mut pair);
    let now = pair.now;
    pair.a.reoffer(now, a, b"v=0 one\r\n".to_vec(), vec![]);
    pair.a.reoffer(now, a, b"v=0 two\r\n".to_vec(), vec![]);
    for text in ["v=0 one\r\n", "v=0 two\r\n"] {
        pair.run(SOON);
        let offer = pair.events.iter().find_map(|(_, e)| match e {
            Event::Offer { sdp, .. } => sdp.clone(),
            _ => None,
        });
        assert_eq!(offer.as_deref(), Some(text.as_bytes()));
        pair.events.clear();
        let now = pair.now;
        pair.b.accept_offer(now, b, SDP.to_vec());
    }
    pair.run(SOON);
    pair.events.clear();
    hang_up(pair, B, b);
}

#[test]
fn update_info_refer_ping_inside_a_call() {
    let mut pair = Pair::new(6);
    let (a, b) = established(&mut pair);
    let now = pair.now;
    pair.a.update(now, a, vec![("P-Asserted-Identity", "<sip:0639980002@127.0.0.1>".into())]);
    pair.run(SOON);
    assert!(matches!(pair.event(A), Event::Reoffered { session, status: 200, sdp: None } if session == a));
    pair.no_event();

    let now = pair.now;
    pair.a.ping(now, a);
    pair.run(SOON);
    assert!(matches!(pair.event(A), Event::Pong { session, status: Some(200) } if session == a));

    let now = pair.now;
    pair.b.notify(now, b, "SIP/2.0 200 OK", true);
    pair.run(SOON);
    pair.no_event();
    hang_up(pair, B, b);
}

#[test]
fn a_silent_phone_gives_no_pong() {
    let mut pair = Pair::new(7);
    let (a, _) = established(&mut pair);
    pair.sieve = Some(Box::new(|side, _| side == A));
    let now = pair.now;
    pair.a.ping(now, a);
    pair.run(Duration::from_millis(4990));
    pair.no_event();
    pair.run(SOON);
    assert!(matches!(pair.event(A), Event::Pong { session, status: None } if session == a));
    pair.sieve = None;
    hang_up(pair, A, a);
}

fn hang_up(mut pair: Pair, side: Side, session: SessionId) {
    let now = pair.now;
    pair.end(side).bye(now, session, None);
    pair.run(SOON);
    assert!(matches!(pair.event(side.other()), Event::Bye { .. }));
    pair.no_event();
    pair.finish();
}
