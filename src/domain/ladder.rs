//! One SIP message of a call as a person looks at it: a rung of the call's ladder. It comes here masked.

use std::net::SocketAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    pub at: DateTime<Utc>,
    /// True from us, false to us.
    pub sent: bool,
    /// `udp` or `tcp`.
    pub transport: String,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    /// Which of the call's dialogs, by its Call-ID: 0 is the first of the call.
    pub dialog: usize,
    /// The start line.
    pub start: String,
    /// The value of CSeq: with a response, what it answers.
    pub cseq: String,
    /// The whole message; credentials and keys are `*`.
    #[serde(serialize_with = "as_text", deserialize_with = "as_bytes")]
    pub bytes: Vec<u8>,
}

/// A character a byte (Latin-1): exact both ways, whatever the bytes.
fn as_text<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&bytes.iter().map(|b| char::from(*b)).collect::<String>())
}

fn as_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.chars().map(|c| u8::try_from(c).map_err(|_| serde::de::Error::custom("a character of more than a byte"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_go_through_json_unchanged() {
        let address = SocketAddr::from(([127, 0, 0, 1], 5060));
        let rung = Rung {
            at: DateTime::UNIX_EPOCH,
            sent: true,
            transport: "udp".into(),
            local: address,
            remote: address,
            dialog: 0,
            start: "INVITE sip:a SIP/2.0".into(),
            cseq: "1 INVITE".into(),
            bytes: (0..=255).collect(),
        };
        let text = serde_json::to_string(&rung).unwrap();
        assert_eq!(serde_json::from_str::<Rung>(&text).unwrap(), rung);
        assert!(serde_json::from_str::<Rung>(&text.replace('ÿ', "€")).is_err());
    }
}
