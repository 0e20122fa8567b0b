//! RFC 4475, RFC 5118 and the NIST suite: what each message must become at the reader. What is the endpoint's to decide is read here as a message.

use crate::{files, outcome, third_party};

/// File, and what it may become.
type Expected = (&'static str, &'static [&'static str]);

const RFC_4475: [Expected; 49] = [
    ("wsinv", &["INVITE"]),
    ("intmeth", &["501"]),
    ("esc01", &["INVITE"]),
    ("escnull", &["REGISTER"]),
    ("esc02", &["501"]),
    ("lwsdisp", &["OPTIONS"]),
    ("longreq", &["INVITE"]),
    ("dblreq", &["REGISTER"]),
    ("semiuri", &["OPTIONS"]),
    ("transports", &["OPTIONS"]),
    ("mpart01", &["MESSAGE"]),
    ("unreason", &["response 200"]),
    ("noreason", &["response 100"]),
    ("badinv01", &["400"]),
    ("clerr", &["400"]),
    ("ncl", &["400"]),
    ("scalar02", &["400"]),
    ("scalarlg", &["drop"]),
    ("quotbal", &["400"]),
    ("ltgtruri", &["400"]),
    ("lwsruri", &["400"]),
    ("lwsstart", &["400"]),
    ("trws", &["400"]),
    ("escruri", &["400"]),
    ("baddate", &["400", "INVITE"]),
    ("regbadct", &["400"]),
    ("badaspec", &["400", "OPTIONS"]),
    ("baddn", &["400", "OPTIONS"]),
    ("badvers", &["505"]),
    ("mismatch01", &["400"]),
    ("mismatch02", &["400", "501"]),
    ("bigcode", &["drop"]),
    ("badbranch", &["400"]),
    ("insuf", &["400", "drop"]),
    ("unkscm", &["416"]),
    ("novelsc", &["416"]),
    ("unksm2", &["400", "REGISTER"]),
    ("bext01", &["OPTIONS"]),
    ("invut", &["415"]),
    ("regaut01", &["REGISTER"]),
    ("multi01", &["400"]),
    ("mcl01", &["400"]),
    ("bcast", &["response 200"]),
    ("zeromf", &["OPTIONS"]),
    ("cparam01", &["REGISTER"]),
    ("cparam02", &["REGISTER"]),
    ("regescrt", &["REGISTER", "400"]),
    ("sdp01", &["INVITE"]),
    ("inv2543", &["INVITE", "400"]),
];

const RFC_5118: [Expected; 12] = [
    ("ipv6-good", &["REGISTER"]),
    ("ipv6-bad", &["400"]),
    ("port-ambiguous", &["REGISTER"]),
    ("port-unambiguous", &["REGISTER"]),
    ("via-received-param-with-delim", &["OPTIONS", "BYE"]),
    ("via-received-param-no-delim", &["OPTIONS", "BYE"]),
    ("ipv6-in-sdp", &["INVITE"]),
    ("mult-ip-in-header", &["BYE", "OPTIONS"]),
    ("mult-ip-in-sdp", &["INVITE"]),
    ("ipv4-mapped-ipv6", &["INVITE"]),
    ("ipv6-bug-abnf-3-colons", &["400", "OPTIONS"]),
    ("ipv6-correct-abnf-2-colons", &["OPTIONS"]),
];

fn hold(set: &str, expected: &[Expected]) {
    let Some(folder) = third_party(set) else { return };
    let (mut held, mut broken) = (0, Vec::new());
    for (name, bytes) in files(&folder) {
        let Some(stem) = name.strip_suffix(".dat") else { continue };
        let got = outcome(&bytes);
        match expected.iter().find(|(file, _)| *file == stem) {
            Some((_, wanted)) if wanted.contains(&got.as_str()) => held += 1,
            Some((_, wanted)) => broken.push(format!("{name}: {got}, not {wanted:?}")),
            None => broken.push(format!("{name}: not in the table")),
        }
    }
    println!(
        "{set}: {held} held, {} broken, {} of the table are not there",
        broken.len(),
        expected.len().saturating_sub(held + broken.len())
    );
    assert!(broken.is_empty() && held > 0, "\n{}", broken.join("\n"));
}

#[test]
fn rfc_4475() {
    hold("rfc4475", &RFC_4475);
}

#[test]
fn rfc_5118() {
    hold("rfc5118", &RFC_5118);
}

/// Messages that the suite reads and we refuse, or refuses and we read, each with its reason.
const NIST_OTHERWISE: [(&str, &str); 12] = [
    ("case019.sip", "416: a scheme we don't know"),
    ("case022.sip", "416: a scheme we don't know"),
    ("case355.sip", "501: a method we don't know"),
    ("case356.sip", "501: a method we don't know"),
    ("case359.sip", "400: the blank line between its two messages is lost, so it has two Content-Length"),
    ("case364.sip", "its status line holds `<hex>20</hex>` in words"),
    ("case376.sip", "Date is nothing to us"),
    ("case379.sip", "a comma in an unquoted display name does no harm: the caller counts more"),
    ("case384.sip", "400: a branch that names no transaction"),
    ("case386.sip", "416: a scheme we don't know"),
    ("case387.sip", "416: a scheme we don't know"),
    ("case392.sip", "400: headers twice of which there is one"),
];

#[test]
fn nist() {
    let Some(folder) = third_party("nist-jsip") else { return };
    let index = std::fs::read_to_string(folder.join("index.tsv")).expect("the index");
    let (mut parsed, mut refused, mut broken) = (0, 0, Vec::new());
    for line in index.lines() {
        let mut cells = line.split('\t');
        let (Some(file), Some("msg"), Some(wanted)) = (cells.next(), cells.next(), cells.next()) else { continue };
        let Ok(bytes) = std::fs::read(folder.join("messages").join(file)) else { continue };
        let got = outcome(&bytes);
        let is_refused = got == "drop" || got.parse::<u16>().is_ok();
        if is_refused {
            refused += 1
        } else {
            parsed += 1
        }
        if is_refused != (wanted == "parse-error") && !NIST_OTHERWISE.iter().any(|(name, _)| *name == file) {
            broken.push(format!("{file}: {got}, wanted {wanted}: {}", cells.next().unwrap_or("")));
        }
    }
    println!("nist: {parsed} read, {refused} refused");
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}
