//! Text from the wire or from a person, made harmless at the edge.

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
