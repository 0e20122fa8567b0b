//! Digest access authentication (RFC 3261 22, RFC 7616, RFC 8760): reading a challenge, answering it, and the hashes that a registrar checks.
//!
//! MD5 and SHA-256, with qop=auth or without qop; auth-int is never chosen. Holds no nonce table: that is its users' part.

use std::fmt::Write;

use md5::Md5;
use sha2::{Digest, Sha256};

/// Greatest number of parameters read from one challenge or answer.
const MAX_PARAMS: usize = 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    /// As it stands in `algorithm=`. `None` for one that we lack (`-sess` forms included).
    pub fn parse(name: &str) -> Option<Algorithm> {
        if name.eq_ignore_ascii_case("MD5") {
            Some(Algorithm::Md5)
        } else if name.eq_ignore_ascii_case("SHA-256") {
            Some(Algorithm::Sha256)
        } else {
            None
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        }
    }

    /// The hash of `text` in lower-case hexadecimal.
    pub fn hash(self, text: &str) -> String {
        match self {
            Algorithm::Md5 => hex(&Md5::digest(text.as_bytes())),
            Algorithm::Sha256 => hex(&Sha256::digest(text.as_bytes())),
        }
    }
}

/// One `WWW-Authenticate` or `Proxy-Authenticate` value that we can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    pub realm: String,
    pub nonce: String,
    pub opaque: Option<String>,
    pub stale: bool,
    pub algorithm: Algorithm,
    /// qop=auth was offered; without it the answer has RFC 2069's form.
    pub qop_auth: bool,
    /// `algorithm=` was written, and is then repeated.
    named: bool,
}

impl Challenge {
    /// `None` for another scheme, an algorithm we lack, a qop list without `auth`, or no realm or nonce.
    pub fn parse(value: &str) -> Option<Challenge> {
        let params = params(value)?;
        let get = |name: &str| params.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let named = get("algorithm");
        let algorithm = named.map_or(Some(Algorithm::Md5), Algorithm::parse)?;
        let qop_auth = match get("qop") {
            Some(list) => list.split(',').any(|q| q.trim().eq_ignore_ascii_case("auth")).then_some(true)?,
            None => false,
        };
        Some(Challenge {
            realm: get("realm")?.to_owned(),
            nonce: get("nonce").filter(|n| !n.is_empty())?.to_owned(),
            opaque: get("opaque").map(str::to_owned),
            stale: get("stale").is_some_and(|s| s.eq_ignore_ascii_case("true")),
            algorithm,
            qop_auth,
            named: named.is_some(),
        })
    }
}

/// The `nc` and `cnonce` of an answer with qop=auth.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    /// Eight hexadecimal digits, as written.
    pub nc: &'a str,
    pub cnonce: &'a str,
}

/// H(A1): the hash of `user:realm:password` (RFC 7616 3.4.2).
pub fn a1_hash(algorithm: Algorithm, username: &str, realm: &str, password: &str) -> String {
    algorithm.hash(&format!("{username}:{realm}:{password}"))
}

/// H(A2): the hash of `method:uri` (RFC 7616 3.4.3, qop=auth or none).
pub fn a2_hash(algorithm: Algorithm, method: &str, uri: &str) -> String {
    algorithm.hash(&format!("{method}:{uri}"))
}

/// The `response` value (RFC 7616 3.4.1), from H(A1). `counted` is `None` without qop.
pub fn response_hash(algorithm: Algorithm, a1_hash: &str, method: &str, uri: &str, nonce: &str, counted: Option<Counted<'_>>) -> String {
    let a2 = a2_hash(algorithm, method, uri);
    match counted {
        Some(Counted { nc, cnonce }) => algorithm.hash(&format!("{a1_hash}:{nonce}:{nc}:{cnonce}:auth:{a2}")),
        None => algorithm.hash(&format!("{a1_hash}:{nonce}:{a2}")),
    }
}

/// The `Authorization` or `Proxy-Authorization` value that answers `challenge`. `nc` is 1 at the first use of a nonce; `cnonce` is random.
pub fn authorization(challenge: &Challenge, username: &str, password: &str, method: &str, uri: &str, cnonce: &str, nc: u32) -> String {
    let Challenge { realm, nonce, algorithm, .. } = challenge;
    let nc = format!("{nc:08x}");
    let counted = challenge.qop_auth.then_some(Counted { nc: &nc, cnonce });
    let a1 = a1_hash(*algorithm, username, realm, password);
    let response = response_hash(*algorithm, &a1, method, uri, nonce, counted);
    let mut value = format!(
        "Digest username={}, realm={}, nonce={}, uri=\"{uri}\", response=\"{response}\"",
        quoted(username),
        quoted(realm),
        quoted(nonce)
    );
    if challenge.named {
        let _ = write!(value, ", algorithm={}", algorithm.name());
    }
    if challenge.qop_auth {
        let _ = write!(value, ", qop=auth, nc={nc}, cnonce=\"{cnonce}\"");
    }
    if let Some(opaque) = &challenge.opaque {
        let _ = write!(value, ", opaque={}", quoted(opaque));
    }
    value
}

/// The parameters of a `Digest` challenge or answer: names in lower case, values unquoted. `None` for another scheme or a broken list.
pub fn params(value: &str) -> Option<Vec<(String, String)>> {
    let (scheme, mut rest) = value.trim().split_once([' ', '\t'])?;
    if !scheme.eq_ignore_ascii_case("Digest") {
        return None;
    }
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        if rest.is_empty() || found.len() == MAX_PARAMS {
            return Some(found);
        }
        let (name, after) = rest.split_once('=')?;
        let (text, after) = param_value(after.trim_start())?;
        found.push((name.trim().to_ascii_lowercase(), text));
        rest = after;
    }
}

/// A token or a quoted string at the head of `text`, and what follows it.
fn param_value(text: &str) -> Option<(String, &str)> {
    let Some(inner) = text.strip_prefix('"') else {
        let (token, rest) = text.split_at(text.find(',').unwrap_or(text.len()));
        return Some((token.trim().to_owned(), rest));
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return inner.get(at + 1..).map(|rest| (value, rest)),
            _ => value.push(c),
        }
    }
    None
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_7616_example_sha_256_and_md5() {
        for (algorithm, expected) in [
            (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
        ] {
            let a1 = a1_hash(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life");
            let counted = Counted { nc: "00000001", cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ" };
            let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
            assert_eq!(response_hash(algorithm, &a1, "GET", "/dir/index.html", nonce, Some(counted)), expected);
        }
    }

    #[test]
    fn rfc_2617_example_without_qop_has_the_old_form() {
        let challenge = Challenge::parse("Digest realm=\"r\", nonce=\"n\"").unwrap();
        assert!(!challenge.qop_auth);
        let value = authorization(&challenge, "u", "p", "REGISTER", "sip:h", "c", 1);
        let a1 = Algorithm::Md5.hash("u:r:p");
        let a2 = Algorithm::Md5.hash("REGISTER:sip:h");
        let response = Algorithm::Md5.hash(&format!("{a1}:n:{a2}"));
        assert_eq!(value, format!("Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:h\", response=\"{response}\""));
    }

    #[test]
    fn reads_a_challenge() {
        let text = "digest  Realm=\"a, \\\"b\\\"\" ,nonce=\"x=\",qop=\"auth-int, auth\", algorithm=sha-256,stale=TRUE,opaque=\"\"";
        let challenge = Challenge::parse(text).unwrap();
        assert_eq!(challenge.realm, "a, \"b\"");
        assert_eq!(challenge.nonce, "x=");
        assert_eq!(challenge.algorithm, Algorithm::Sha256);
        assert!(challenge.qop_auth && challenge.stale);
        assert_eq!(challenge.opaque.as_deref(), Some(""));
    }

    #[test]
    fn what_cannot_be_answered_is_no_challenge() {
        for text in [
            "Basic realm=\"r\"",
            "Digest",
            "Digest realm=\"r\"",
            "Digest realm=\"r\", nonce=\"open",
            "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256",
            "Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"",
        ] {
            assert_eq!(Challenge::parse(text), None, "{text}");
        }
    }

    #[test]
    fn nc_is_hexadecimal_past_ten_uses() {
        let challenge = Challenge::parse("Digest realm=\"r\", nonce=\"n\", qop=\"auth\"").unwrap();
        assert!(authorization(&challenge, "u", "p", "BYE", "sip:h", "c", 10).contains("nc=0000000a"));
    }
}
