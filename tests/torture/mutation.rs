//! Damaged copies of every message at hand, by a seeded generator: 20,000, or 200,000 with `RAPPEL_LONG=1`.

use std::collections::BTreeMap;

use rappel::domain::entropy::{Entropy, Seeded};

use crate::{corpus, files, outcome, third_party};

const SAMPLE: usize = 20_000;
const LONG: usize = 200_000;

/// What hostile senders like to put in.
const PIECES: [&[u8]; 16] =
    [b"\r\n", b"\r\n ", b"\n", b"\0", b"\"", b"<", b">", b";", b",", b":", b"%00", b"\xff\xfe", b"4294967296", b"-1", b"SIP/2.0", b"\\"];

pub fn damage(random: &mut Seeded, bytes: &mut Vec<u8>) {
    let mut below = |limit: usize| (random.u64() % limit.max(1) as u64) as usize;
    for _ in 0..1 + below(4) {
        let at = below(bytes.len() + 1);
        let end = (at + below(40)).min(bytes.len());
        match below(5) {
            0 => bytes.iter_mut().skip(at).take(1).for_each(|b| *b ^= 1 << below(8)),
            1 => bytes.drain(at..end).for_each(drop),
            2 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece).for_each(drop);
            }
            3 => {
                bytes.splice(at..at, PIECES[below(PIECES.len())].iter().copied()).for_each(drop);
            }
            _ => bytes.truncate(at.max(1)),
        }
    }
}

/// The messages that are damaged: our own, and other people's where they are.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds = files(&corpus());
    for set in ["rfc4475", "rfc5118", "nist-jsip/messages"] {
        seeds.extend(third_party(set).map(|folder| files(&folder)).unwrap_or_default());
    }
    seeds.retain(|(_, bytes)| bytes.len() < 9000);
    seeds
}

/// How many damaged copies are made.
pub fn count() -> usize {
    if std::env::var_os("RAPPEL_LONG").is_some() { LONG } else { SAMPLE }
}

#[test]
fn damaged_messages_are_read_without_harm() {
    let (seeds, count) = (seeds(), count());
    let mut random = Seeded(4475);
    let mut classes: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..count {
        let mut bytes = seeds[(random.u64() % seeds.len() as u64) as usize].1.clone();
        damage(&mut random, &mut bytes);
        *classes.entry(outcome(&bytes)).or_default() += 1;
    }
    println!("{count} mutations of {} messages: {classes:?}", seeds.len());
    assert!(classes.get("INVITE").is_some_and(|n| *n > count / 100), "the generator only makes rubbish: {classes:?}");
}
