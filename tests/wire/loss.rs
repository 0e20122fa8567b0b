//! Bad networks.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rappel::domain::now::Instant;
use rappel::sip::api::{Event, SessionId};

use crate::pair::{A, B, Net, Pair, SDP, Side};

enum Act {
    Call,
    Answer(SessionId),
    HangUp(Side, SessionId),
}

/// 200 calls, or 2,000 with RAPPEL_LONG=1.
fn how_many() -> usize {
    if std::env::var_os("RAPPEL_LONG").is_some() { 2000 } else { 200 }
}

#[test]
fn twenty_per_cent_loss_each_way() {
    let calls = how_many();
    let mut pair = Pair::new(20);
    pair.net = Net { loss: 200, duplicates: 100, jitter_ms: 60 };
    let mut plan: BTreeMap<(Instant, usize), Act> = BTreeMap::new();
    let mut count = 0;
    let mut at = |plan: &mut BTreeMap<_, _>, when: Instant, act: Act| {
        count += 1;
        plan.insert((when, count), act);
    };
    for n in 0..calls {
        at(&mut plan, pair.now + Duration::from_millis(50 * n as u64), Act::Call);
    }
    let mut accepted: HashMap<SessionId, usize> = HashMap::new();
    let mut invites: HashMap<String, usize> = HashMap::new();
    let (mut rejected, mut acked, mut ended) = (0, 0, 0);
    loop {
        let next = plan.first_key_value().map(|((when, _), _)| *when);
        let limit = next.unwrap_or(pair.now + Duration::from_secs(3600));
        let busy = pair.step(limit);
        for (side, event) in std::mem::take(&mut pair.events) {
            let now = pair.now;
            match event {
                Event::Invite { session, request, .. } => {
                    *invites.entry(request.call_id().to_owned()).or_default() += 1;
                    pair.b.progress(now, session, 180, None);
                    at(&mut plan, now + Duration::from_secs(1), Act::Answer(session));
                }
                Event::Accepted { session, .. } => {
                    *accepted.entry(session).or_default() += 1;
                    if session.0.is_multiple_of(2) {
                        at(&mut plan, now + Duration::from_secs(20), Act::HangUp(A, session));
                    }
                }
                Event::Acked { session, .. } => {
                    acked += 1;
                    at(&mut plan, now + Duration::from_secs(25), Act::HangUp(B, session));
                }
                Event::Rejected { .. } => rejected += 1,
                Event::Bye { .. } => ended += 1,
                Event::Provisional { .. } => {}
                other => panic!("{side:?} {other:?}"),
            }
        }
        pair.flush();
        if busy {
            continue;
        }
        let Some(((when, _), act)) = plan.pop_first() else { break };
        pair.now = pair.now.max(when);
        let now = pair.now;
        match act {
            Act::Call => {
                pair.invite(A);
            }
            Act::Answer(session) => pair.b.answer(now, session, SDP.to_vec()),
            Act::HangUp(side, session) => pair.end(side).bye(now, session, None),
        }
    }
    println!("{} set up of {calls}, {} messages sent", accepted.len(), pair.sent[0] + pair.sent[1]);
    assert!(invites.values().all(|n| *n == 1), "two sessions for one INVITE");
    assert!(accepted.values().all(|n| *n == 1), "one call accepted twice");
    assert!(accepted.len() * 1000 >= calls * 999, "{} of {calls} set up, {rejected} rejected", accepted.len());
    assert_eq!(acked, invites.len(), "each 2xx was acknowledged");
    assert!(ended > 0 && ended <= calls);
    pair.finish();
}

#[test]
fn retransmission_storm_leaves_nothing() {
    let mut pair = Pair::new(21);
    // nothing that A sends in answer to a 2xx arrives: it never acknowledges
    pair.sieve = Some(Box::new(|side, message| !(side == A && message.method() == Some(rappel::sip::message::Method::Ack))));
    for _ in 0..500 {
        pair.invite(A);
        pair.run(Duration::from_millis(2));
    }
    let sessions: Vec<SessionId> =
        pair.events.drain(..).filter_map(|(_, e)| if let Event::Invite { session, .. } = e { Some(session) } else { None }).collect();
    assert_eq!(sessions.len(), 500);
    for session in sessions {
        let now = pair.now;
        pair.b.answer(now, session, SDP.to_vec());
    }
    let most = pair.b.counts();
    assert_eq!((most.server_transactions, most.sessions), (500, 500));
    pair.run(Duration::from_secs(31));
    let counts = pair.b.counts();
    assert_eq!((counts.server_transactions, counts.sessions), (500, 500), "flat while it lasts");
    pair.run(Duration::from_secs(2));
    let mut not_acked = 0;
    for (side, event) in std::mem::take(&mut pair.events) {
        match (side, event) {
            (B, Event::NotAcked { session }) => {
                not_acked += 1;
                let now = pair.now;
                pair.b.bye(now, session, None);
            }
            (A, Event::Accepted { .. }) => {}
            (side, other) => panic!("{side:?} {other:?}"),
        }
    }
    assert_eq!(not_acked, 500);
    pair.finish();
}

#[test]
fn everything_lost_is_rejected_after_timer_b() {
    let mut pair = Pair::new(22);
    pair.sieve = Some(Box::new(|_, _| false));
    let a = pair.invite(A);
    pair.run(Duration::from_millis(31_990));
    pair.no_event();
    assert_eq!(pair.sent[0], 7, "INVITE and six retransmissions");
    pair.run(Duration::from_millis(20));
    assert!(matches!(pair.event(A), Event::Rejected { session, status: 408, response: None, provisional: false } if session == a));
    pair.finish();
}
