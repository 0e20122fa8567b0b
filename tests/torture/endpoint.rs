//! The same files as they come to the line: from the trunk through the guard to an endpoint of their own, and from a stranger, who is never heard.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rappel::domain::entropy::{Entropy, Seeded};
use rappel::domain::now::Instant;
use rappel::sip::api::{Event, Peer};
use rappel::sip::endpoint::{Config, Endpoint};
use rappel::sip::identity::{IdentitySettings, caller_of};

use crate::mutation::{count, damage, seeds};
use crate::rig::{Outcome, SLOWEST, deliver, drain, flow, timed};
use crate::{corpus, files, third_party};

/// File, and what the trunk may get for it: a status, `rings`, `asks` (the registrar answers) or `silent`.
type Expected = (&'static str, &'static [&'static str]);

const RFC_4475: [Expected; 49] = [
    // it has a To tag: it belongs to a dialog that we never had
    ("wsinv", &["481"]),
    ("intmeth", &["501", "405"]),
    ("esc01", &["rings"]),
    ("escnull", &["asks"]),
    ("esc02", &["501", "405"]),
    ("lwsdisp", &["200"]),
    ("longreq", &["rings", "400", "513"]),
    ("dblreq", &["asks"]),
    ("semiuri", &["200"]),
    ("transports", &["200"]),
    ("mpart01", &["405", "415", "501"]),
    ("unreason", &["silent"]),
    ("noreason", &["silent"]),
    ("badinv01", &["400"]),
    ("clerr", &["400"]),
    ("ncl", &["400"]),
    ("scalar02", &["400"]),
    ("scalarlg", &["silent"]),
    ("quotbal", &["400"]),
    ("ltgtruri", &["400"]),
    ("lwsruri", &["400"]),
    ("lwsstart", &["400"]),
    ("trws", &["400"]),
    ("escruri", &["400"]),
    ("baddate", &["400", "rings"]),
    ("regbadct", &["400"]),
    ("badaspec", &["400", "200"]),
    ("baddn", &["400", "200"]),
    ("badvers", &["505"]),
    ("mismatch01", &["400"]),
    ("mismatch02", &["400", "501"]),
    ("bigcode", &["silent"]),
    ("badbranch", &["400"]),
    ("insuf", &["400", "silent"]),
    ("unkscm", &["416"]),
    ("novelsc", &["416"]),
    ("unksm2", &["400", "405", "asks"]),
    ("bext01", &["420"]),
    ("invut", &["415"]),
    ("regaut01", &["asks"]),
    ("multi01", &["400"]),
    ("mcl01", &["400"]),
    ("bcast", &["silent"]),
    ("zeromf", &["200"]),
    ("cparam01", &["asks"]),
    ("cparam02", &["asks"]),
    ("regescrt", &["asks", "400"]),
    ("sdp01", &["406"]),
    ("inv2543", &["rings", "400"]),
];

const RFC_5118: [Expected; 12] = [
    ("ipv6-good", &["asks"]),
    ("ipv6-bad", &["400"]),
    ("port-ambiguous", &["asks"]),
    ("port-unambiguous", &["asks"]),
    // a BYE of no dialog of ours
    ("via-received-param-with-delim", &["481"]),
    ("via-received-param-no-delim", &["200"]),
    // a trunk without IPv6 media
    ("ipv6-in-sdp", &["rings", "488"]),
    ("mult-ip-in-header", &["481"]),
    ("mult-ip-in-sdp", &["rings"]),
    ("ipv4-mapped-ipv6", &["rings", "488"]),
    ("ipv6-bug-abnf-3-colons", &["400", "200"]),
    ("ipv6-correct-abnf-2-colons", &["200"]),
];

/// Elements in which some anomaly leaves an INVITE that rings: legal, or in a part that nothing of ours reads.
const MAY_RING: [&str; 14] = [
    "auth",
    "callid",
    "contact",
    "from-display",
    "from-tag",
    "hname",
    "pai",
    "ruri-host",
    "ruri-user",
    "sdp-fmtp",
    "sdp-rtpmap",
    "structure",
    "via-branch",
    "via-host",
];
/// The value of `rport` in a request says nothing (RFC 3581 3 has none there).
const UNREAD: &str = "via-rport";
const REFUSALS: [&str; 13] = ["400", "404", "405", "413", "415", "416", "420", "484", "488", "501", "505", "513", "silent"];

fn hold(set: &str, expected: &[Expected]) {
    let Some(folder) = third_party(set) else { return };
    let mut broken = Vec::new();
    let mut held = 0;
    for (name, bytes) in files(&folder) {
        let Some(stem) = name.strip_suffix(".dat") else { continue };
        let got = deliver(&name, &bytes).word();
        match expected.iter().find(|(file, _)| *file == stem) {
            Some((_, wanted)) if wanted.contains(&got.as_str()) => held += 1,
            Some((_, wanted)) => broken.push(format!("{name}: {got}, not {wanted:?}")),
            None => broken.push(format!("{name}: not in the table")),
        }
    }
    println!("{set} from the trunk: {held} held");
    assert!(broken.is_empty() && held > 0, "\n{}", broken.join("\n"));
}

#[test]
fn rfc_4475_from_the_trunk() {
    hold("rfc4475", &RFC_4475);
}

#[test]
fn rfc_5118_from_the_trunk() {
    hold("rfc5118", &RFC_5118);
}

#[test]
fn a_required_extension_is_named_and_no_other() {
    let Some(folder) = third_party("rfc4475") else { return };
    let Some((name, bytes)) = files(&folder).into_iter().find(|(name, _)| name == "bext01.dat") else { return };
    let outcome = deliver(&name, &bytes);
    let reply = String::from_utf8_lossy(&outcome.replies[0]).into_owned();
    assert!(reply.contains("\r\nUnsupported: nothingSupportsThis, nothingSupportsThisEither\r\n"), "{reply}");
}

#[test]
fn nist_from_the_trunk() {
    let Some(folder) = third_party("nist-jsip") else { return };
    let mut words = BTreeMap::<String, usize>::new();
    for (name, bytes) in files(&folder.join("messages")) {
        *words.entry(deliver(&name, &bytes).word()).or_default() += 1;
    }
    println!("nist from the trunk: {words:?}");
    assert!(
        words.keys().all(|word| ["rings", "asks", "silent", "200"].contains(&word.as_str()) || word.starts_with(['4', '5'])),
        "{words:?}"
    );
}

#[test]
fn an_anomaly_from_the_trunk_is_refused_or_rings() {
    let (mut words, mut broken) = (BTreeMap::<String, usize>::new(), Vec::new());
    for (name, bytes) in files(&corpus().join("protos-style")) {
        let outcome = deliver(&name, &bytes);
        let word = outcome.word();
        let element = name.split('/').next().unwrap_or_default();
        let fine = match word.as_str() {
            "rings" => MAY_RING.contains(&element) || element == UNREAD,
            word => REFUSALS.contains(&word),
        };
        if !fine || outcome.rings() != (word == "rings") {
            broken.push(format!("{name}: {word}"));
        }
        // a call that is not one is told of once, unless what came is no request at all
        if element != "structure" && bytes.starts_with(b"INVITE ") && outcome.told != usize::from(outcome.invite.is_none()) {
            broken.push(format!("{name}: {word}, and it is told {} times", outcome.told));
        }
        *words.entry(word).or_default() += 1;
    }
    println!("anomalies from the trunk: {words:?}");
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn hostile_texts_ring_and_are_harmless() {
    for (name, bytes) in files(&corpus().join("injection")) {
        let outcome: Outcome = deliver(&name, &bytes);
        if name == "from-long-4000.sip" {
            // a line longer than the reader takes (`wire::MAX_LINE`)
            assert_eq!((outcome.word().as_str(), outcome.told), ("400", 1), "{name}");
            continue;
        }
        assert!(outcome.rings(), "{name}: {}", outcome.word());
        let (request, _) = outcome.invite.as_ref().unwrap();
        let (caller, shown) = caller_of(request, &IdentitySettings::default());
        for text in [caller.display(), shown.as_str().to_owned()] {
            assert!(!text.chars().any(char::is_control), "{name}: {text:?}");
        }
    }
}

/// Few places, so that all of them are taken.
const SMALL: Config = Config { transactions: 64, pending: 16, sessions: 32 };

#[test]
fn damaged_messages_fill_no_endpoint() {
    let seeds = seeds();
    let (mut random, mut now) = (Seeded(5118), Instant::ZERO);
    let mut endpoint = Endpoint::new(SMALL, Box::new(Seeded(3261)));
    let (mut calls, mut replies, mut most) = (0, 0, 0);
    let mut ringing = VecDeque::new();
    for _ in 0..count() {
        let mut bytes = seeds[(random.u64() % seeds.len() as u64) as usize].1.clone();
        damage(&mut random, &mut bytes);
        now += Duration::from_millis(20);
        endpoint.handle_timeout(now);
        let start = std::time::Instant::now();
        endpoint.handle_message(now, Peer::Trunk(0), flow(), &bytes);
        if start.elapsed() > SLOWEST {
            let again = timed(|| Endpoint::new(SMALL, Box::new(Seeded(1))).handle_message(now, Peer::Trunk(0), flow(), &bytes)).1;
            assert!(again <= SLOWEST, "{again:?} for {:?}", String::from_utf8_lossy(&bytes));
        }
        while let Some(event) = endpoint.poll_event() {
            if let Event::Invite { session, .. } = event {
                calls += 1;
                ringing.push_back(session);
            }
        }
        // the places are all taken for a while, then freed again
        if ringing.len() == SMALL.pending && random.u32() % 64 == 0 {
            ringing.drain(..).for_each(|session| endpoint.refuse(now, session, 486, vec![]));
        }
        while endpoint.poll_transmit().is_some() {
            replies += 1;
        }
        let counts = endpoint.counts();
        most = most.max(counts.server_transactions);
        assert!(counts.server_transactions <= 2 * SMALL.transactions && counts.client_transactions <= SMALL.transactions, "{counts:?}");
        assert!(counts.pending <= SMALL.pending && counts.sessions <= SMALL.sessions, "{counts:?}");
        assert!(counts.requests <= counts.server_transactions && counts.timers <= 1024 && counts.names <= 1024, "{counts:?}");
    }
    println!(
        "{} mutations at an endpoint: {calls} calls, {replies} messages sent, {most} transactions at most, {:?}",
        count(),
        endpoint.counts()
    );
    assert!(calls > 100, "the generator only makes rubbish: {calls}");
    drain(&mut endpoint, now);
}
