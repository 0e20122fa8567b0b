//! HTTP digest as SIP uses it (RFC 3261 22, RFC 7616, RFC 8760): challenges read and answered, responses computed for both sides.

use md5::Md5;
use sha2::{Digest, Sha256};

use super::api::Credentials;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    pub fn word(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        }
    }

    fn parse(word: &str) -> Option<Algorithm> {
        [Algorithm::Md5, Algorithm::Sha256].into_iter().find(|a| a.word().eq_ignore_ascii_case(word))
    }

    /// Lower-case hexadecimal hash.
    pub fn hash(self, text: &str) -> String {
        match self {
            Algorithm::Md5 => hex(&Md5::digest(text.as_bytes())),
            Algorithm::Sha256 => hex(&Sha256::digest(text.as_bytes())),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from(if n < 10 { b'0' + n } else { b'a' + n - 10 });
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}

/// A1, hashed: the only form of a phone's password that is kept.
pub fn ha1(algorithm: Algorithm, user: &str, realm: &str, password: &str) -> String {
    algorithm.hash(&format!("{user}:{realm}:{password}"))
}

/// The `response` value. `qop` is `(nc, cnonce)` as written, for `qop=auth`.
pub fn response(algorithm: Algorithm, ha1: &str, nonce: &str, qop: Option<(&str, &str)>, method: &str, uri: &str) -> String {
    let ha2 = algorithm.hash(&format!("{method}:{uri}"));
    match qop {
        Some((nc, cnonce)) => algorithm.hash(&format!("{ha1}:{nonce}:{nc}:{cnonce}:auth:{ha2}")),
        None => algorithm.hash(&format!("{ha1}:{nonce}:{ha2}")),
    }
}

/// `name=value` and `name="value"` after the scheme, names in lower case. `None` for another scheme.
pub fn parameters(value: &str) -> Option<Vec<(String, String)>> {
    let (scheme, rest) = value.trim().split_once([' ', '\t'])?;
    if !scheme.eq_ignore_ascii_case("Digest") {
        return None;
    }
    let mut out = Vec::new();
    for part in split_quoted(rest) {
        let (name, value) = part.split_once('=')?;
        let value = value.trim();
        let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
        out.push((name.trim().to_ascii_lowercase(), value.replace("\\\"", "\"")));
    }
    Some(out)
}

fn split_quoted(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c: char| {
        if c == '"' {
            quoted = !quoted;
        }
        c == ',' && !quoted
    })
    .map(str::trim)
    .filter(|p| !p.is_empty())
}

pub fn parameter<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    parameters.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
}

/// A peer's challenge that we can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    pub realm: String,
    pub nonce: String,
    pub opaque: Option<String>,
    pub algorithm: Algorithm,
    pub qop_auth: bool,
    pub stale: bool,
}

impl Challenge {
    /// `None` for a scheme, an algorithm or a qop that we do not have.
    pub fn parse(value: &str) -> Option<Challenge> {
        let p = parameters(value)?;
        let algorithm = parameter(&p, "algorithm").map_or(Some(Algorithm::Md5), Algorithm::parse)?;
        let qop = parameter(&p, "qop");
        let qop_auth = qop.is_some_and(|q| q.split(',').any(|q| q.trim().eq_ignore_ascii_case("auth")));
        if qop.is_some() && !qop_auth {
            return None;
        }
        Some(Challenge {
            realm: parameter(&p, "realm")?.to_owned(),
            nonce: parameter(&p, "nonce")?.to_owned(),
            opaque: parameter(&p, "opaque").map(str::to_owned),
            algorithm,
            qop_auth,
            stale: parameter(&p, "stale").is_some_and(|s| s.eq_ignore_ascii_case("true")),
        })
    }

    /// The best of several: SHA-256 before MD5 (RFC 8760 2.4).
    pub fn best<'a>(values: impl Iterator<Item = &'a str>) -> Option<Challenge> {
        let all: Vec<Challenge> = values.filter_map(Challenge::parse).collect();
        all.iter().find(|c| c.algorithm == Algorithm::Sha256).or(all.first()).cloned()
    }

    /// Value of the Authorization (or Proxy-Authorization) header. `None` when the realm is not the one the credentials are for.
    pub fn answer(&self, credentials: &Credentials, method: &str, uri: &str, count: u32, cnonce: &str) -> Option<String> {
        if credentials.realm.as_ref().is_some_and(|realm| *realm != self.realm) {
            return None;
        }
        let ha1 = ha1(self.algorithm, &credentials.username, &self.realm, &credentials.password);
        let nc = format!("{count:08x}");
        let qop = self.qop_auth.then_some((nc.as_str(), cnonce));
        let response = response(self.algorithm, &ha1, &self.nonce, qop, method, uri);
        let quote = |text: &str| text.replace('"', "\\\"");
        let mut value = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\", algorithm={}",
            quote(&credentials.username),
            quote(&self.realm),
            quote(&self.nonce),
            self.algorithm.word()
        );
        if self.qop_auth {
            value.push_str(&format!(", qop=auth, nc={nc}, cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque=\"{}\"", quote(opaque)));
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_2617_is_computed() {
        let ha1 = ha1(Algorithm::Md5, "Mufasa", "testrealm@host.com", "Circle Of Life");
        let got = response(Algorithm::Md5, &ha1, "dcd98b7102dd2f0e8b11d0f600bfb0c093", Some(("00000001", "0a4f113b")), "GET", "/dir/index.html");
        assert_eq!(got, "6629fae49393a05397450978507c4ef1");
    }

    #[test]
    fn a_comma_in_quotes_divides_nothing_and_sha_256_comes_first() {
        let md5 = "Digest realm=\"a, b\", nonce=\"n\", qop=\"auth,auth-int\"";
        let sha = "Digest realm=\"a, b\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\"";
        let best = Challenge::best([md5, sha].into_iter()).unwrap();
        assert_eq!((best.algorithm, best.realm.as_str(), best.qop_auth), (Algorithm::Sha256, "a, b", true));
        assert!(Challenge::parse("Basic realm=\"x\"").is_none());
    }
}
