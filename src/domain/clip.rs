//! What a caller said after the tone: a WAV file in memory, on its way to the records. `Debug` shows its size alone; a journal holds it
//! in hexadecimal.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A whole audio/wav file. Cloning it copies no sound.
#[derive(Clone, PartialEq, Eq)]
pub struct Clip(Arc<[u8]>);

impl Clip {
    pub fn new(wav: Vec<u8>) -> Clip {
        Clip(wav.into())
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clip({} bytes)", self.0.len())
    }
}

impl Serialize for Clip {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |n: u8| char::from(DIGITS.get(usize::from(n)).copied().unwrap_or(b'0'));
        let mut hex = String::with_capacity(self.0.len() * 2);
        for byte in self.0.iter() {
            hex.push(digit(byte >> 4));
            hex.push(digit(byte & 15));
        }
        s.serialize_str(&hex)
    }
}

impl<'de> Deserialize<'de> for Clip {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Clip, D::Error> {
        let hex = String::deserialize(d)?;
        let value = |sign: u8| char::from(sign).to_digit(16).and_then(|n| u8::try_from(n).ok());
        let pair = |pair: &[u8]| match *pair {
            [high, low] => Some(value(high)? << 4 | value(low)?),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = hex.as_bytes().chunks(2).map(pair).collect();
        bytes.map(Clip::new).ok_or_else(|| serde::de::Error::custom("a clip is pairs of hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clip_survives_the_journal_and_shows_nothing_of_itself() {
        let clip = Clip::new((0..=255).collect());
        let json = serde_json::to_string(&clip).unwrap();
        assert_eq!(serde_json::from_str::<Clip>(&json).unwrap(), clip);
        assert_eq!(format!("{clip:?}"), "Clip(256 bytes)");
        for bad in ["\"0\"", "\"0g\"", "\"é\"", "7"] {
            assert!(serde_json::from_str::<Clip>(bad).is_err(), "{bad}");
        }
    }
}
