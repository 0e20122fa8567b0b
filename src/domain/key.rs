//! One key of a telephone's keypad. It may be a digit of a card number: it has no `Display` and no `Serialize`, and `Debug` shows a dot (RULES 7).

use std::fmt;

/// `0`–`9`, `*`, `#` or `A`–`D` (RFC 4733 3.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u8);

impl Key {
    /// From its ASCII sign; `None` for what is no key.
    pub fn new(sign: u8) -> Option<Key> {
        matches!(sign, b'0'..=b'9' | b'*' | b'#' | b'A'..=b'D').then_some(Key(sign))
    }

    /// Its ASCII sign, for those who must act on it.
    pub fn sign(self) -> u8 {
        self.0
    }

    pub fn is_digit(self) -> bool {
        self.0.is_ascii_digit()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_sixteen_keys_are_keys_and_none_is_shown() {
        let keys: Vec<Key> = (0..=255).filter_map(Key::new).collect();
        assert_eq!(keys.len(), 16);
        assert!(keys.iter().all(|key| format!("{key:?}") == "•"));
        assert_eq!(keys.iter().filter(|key| key.is_digit()).count(), 10);
    }
}
