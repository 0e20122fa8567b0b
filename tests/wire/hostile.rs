//! Broken and hostile messages: no panic, no growth.

use std::time::Duration;

use rappel::domain::entropy::{Entropy, Seeded};
use rappel::sip::api::{Event, Peer};

use crate::pair::{A, B, Pair, SDP, Side, flow};

/// Damaged copies delivered, each of a message that fits the moment.
const COPIES: usize = 20_000;

/// One to four bytes changed, a piece cut out, or a piece doubled.
fn damage(random: &mut Seeded, bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut place = |len: usize| random.u32() as usize % len.max(1);
    match place(3) {
        0 => {
            for _ in 0..=place(4) {
                let at = place(out.len());
                out[at] = place(256) as u8;
            }
        }
        1 => {
            let (at, len) = (place(out.len()), place(40));
            out.drain(at..(at + len).min(bytes.len()));
        }
        _ => {
            let (at, len) = (place(out.len()), place(40));
            let piece = out[at..(at + len).min(bytes.len())].to_vec();
            out.splice(at..at, piece);
        }
    }
    out
}

#[test]
fn damaged_messages_do_no_harm() {
    let mut random = Seeded(60);
    let mut pair = Pair::new(61);
    let mut seen: Vec<(Side, Vec<u8>)> = Vec::new();
    let mut copies = 0;
    while copies < COPIES {
        pair.invite(A);
        for round in 0..12 {
            pair.run(Duration::from_millis(30));
            seen.extend(pair.tape.drain(..).map(|(side, bytes)| (side.other(), bytes)));
            for (to, bytes) in seen.split_off(seen.len().saturating_sub(6)) {
                for _ in 0..60 {
                    let now = pair.now;
                    pair.end(to).handle_message(now, Peer::Trunk(0), flow(to), &damage(&mut random, &bytes));
                    copies += 1;
                }
            }
            pair.flush_unheard();
            react(&mut pair, round);
        }
    }
    pair.tape.clear();
    for _ in 0..300 {
        react(&mut pair, 11);
        pair.run(Duration::from_secs(1));
    }
    pair.finish();
}

/// Does something with whatever was reported, and ends it all in the last rounds.
fn react(pair: &mut Pair, round: usize) {
    for (side, event) in std::mem::take(&mut pair.events) {
        let now = pair.now;
        let end = pair.end(side);
        match event {
            Event::Invite { session, .. } if round > 8 => end.refuse(now, session, 486, vec![]),
            Event::Invite { session, .. } => {
                end.progress(now, session, 180, None);
                end.answer(now, session, SDP.to_vec());
            }
            Event::Acked { session, .. } if side == B && round < 6 => end.reoffer(now, session, SDP.to_vec(), vec![]),
            Event::Accepted { session, .. } if round < 6 => {
                end.update(now, session, vec![]);
                end.ping(now, session);
            }
            Event::Offer { session, .. } => end.accept_offer(now, session, SDP.to_vec()),
            Event::Refer { session, .. } => end.respond_refer(now, session, 603),
            Event::Request { id, request, .. } => end.respond(now, id, rappel::sip::message::Message::reply(&request, 403, Some("x"))),
            Event::Accepted { session, .. }
            | Event::Acked { session, .. }
            | Event::NotAcked { session }
            | Event::Reoffered { session, .. }
            | Event::Pong { session, .. }
            | Event::Provisional { session, .. }
                if round > 6 =>
            {
                end.bye(now, session, None);
            }
            _ => {}
        }
    }
    pair.flush();
    if round == 11 {
        pair.hang_up_all();
    }
}
