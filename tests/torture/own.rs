//! Our own corpus: one element of a valid INVITE replaced by an anomaly, and INVITEs whose texts attack what shows them.

use std::collections::BTreeMap;

use rappel::sip::wire;

use crate::{corpus, files, outcome};

/// Elements that no anomaly of the corpus leaves legal: no such INVITE may become a call.
const NEVER_LEGAL: [&str; 12] =
    ["clen", "cseq-meth", "cseq-num", "ctype", "from", "maxfwd", "method", "ruri", "ruri-port", "to", "version", "via"];
/// Anomalies of texts that are legal, or that the reader makes harmless: the caller must not be lost for them.
const STILL_CALLS: [&str; 14] = [
    "callid/a127.sip",
    "from-display/a511.sip",
    "from-display/badutf8.sip",
    "from-display/commas.sip",
    "from-display/ctl.sip",
    "from-display/nul.sip",
    "from-display/semis.sip",
    "from-display/pct.sip",
    "from-tag/a511.sip",
    "pai/angle.sip",
    "ruri-user/a511.sip",
    "ruri-user/commas.sip",
    "structure/two-messages-one-datagram.sip",
    "via-rport/empty.sip",
];
/// What the reader itself may answer.
const ANSWERS: [&str; 6] = ["400", "415", "416", "501", "505", "513"];
const CALLER: &str = "0639980001";

#[test]
fn an_anomaly_is_refused_where_it_breaks_the_message_and_only_there() {
    let (mut classes, mut broken) = (BTreeMap::<String, usize>::new(), Vec::new());
    for (name, bytes) in files(&corpus().join("protos-style")) {
        let got = outcome(&bytes);
        let element = name.split('/').next().unwrap_or_default();
        let is_call = got == "INVITE";
        if is_call && NEVER_LEGAL.contains(&element) || !is_call && STILL_CALLS.contains(&name.as_str()) {
            broken.push(format!("{name}: {got}"));
        }
        if !is_call && element != "structure" && !ANSWERS.contains(&got.as_str()) {
            broken.push(format!("{name}: {got} is no answer of the reader"));
        }
        *classes.entry(got).or_default() += 1;
    }
    println!("{classes:?}");
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn the_caller_of_a_refused_call_is_kept() {
    let mut kept = 0;
    for (name, bytes) in files(&corpus().join("protos-style")) {
        // a blank line in the anomaly ends the head before From
        let other = name.ends_with("/crlf.sip") || ["from", "hname", "structure"].iter().any(|other| name.starts_with(other));
        if other || outcome(&bytes) == "INVITE" {
            continue;
        }
        let caller = wire::caller_of(&bytes);
        assert!(caller.as_deref().is_some_and(|from| from.contains(CALLER)), "{name}: {caller:?}");
        kept += 1;
    }
    assert!(kept > 100, "{kept}");
}

#[test]
fn hostile_texts_are_calls() {
    for (name, bytes) in files(&corpus().join("injection")) {
        // one line of it is longer than we read
        let expected = if name == "from-long-4000.sip" { "400" } else { "INVITE" };
        assert_eq!(outcome(&bytes), expected, "{name}");
        assert!(wire::caller_of(&bytes).is_some(), "{name}");
    }
}
