//! Text from the wire or from a person, made harmless at the edge.

use icu_normalizer::DecomposingNormalizerBorrowed;
use serde::{Deserialize, Serialize};

/// Text fit for a screen, a log and a display: no control character (C0, C1), no bidirectional override, bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ScreenText(String);

impl ScreenText {
    /// The greatest length kept, in characters.
    pub const MAX: usize = 64;

    pub fn clean(raw: &str) -> ScreenText {
        let kept = raw.chars().filter(|c| !c.is_control() && !is_invisible(*c)).take(Self::MAX);
        ScreenText(kept.collect::<String>().trim().to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Bidirectional controls, zero-width characters, line and paragraph separators.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{61c}')
}

/// Text as it is looked for: small letters without accents, ligatures as two letters. `Zoé LŒW` gives `zoe loew`.
pub fn folded(text: &str) -> String {
    let apart = DecomposingNormalizerBorrowed::new_nfkd().normalize(text);
    let mut out = String::with_capacity(apart.len());
    for c in apart.chars().flat_map(char::to_lowercase) {
        match c {
            '\u{300}'..='\u{36f}' => {}
            'œ' => out.push_str("oe"),
            'æ' => out.push_str("ae"),
            'ß' => out.push_str("ss"),
            'ø' => out.push('o'),
            'ł' => out.push('l'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_has_no_accent_and_no_capital() {
        for (text, plain) in
            [("Éléonore NOËL", "eleonore noel"), ("Zoe\u{301} Lœw", "zoe loew"), ("ŒUVRÉ Ça", "oeuvre ca"), ("ﬁn", "fin"), ("", "")]
        {
            assert_eq!(folded(text), plain);
        }
    }
}
