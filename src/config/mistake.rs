//! What is wrong with a file of the agency, where, what was expected and what was perhaps meant. In French.

use std::fmt;

/// One mistake. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub what: String,
    pub expected: String,
    pub suggestion: Option<String>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}, attendu : {}.", self.file, self.line, self.column, self.what, self.expected)?;
        match &self.suggestion {
            Some(word) => write!(f, " Vouliez-vous dire « {word} » ?"),
            None => Ok(()),
        }
    }
}

/// The line and column of a byte of `text`.
pub(super) fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// Below this likeness (Jaro-Winkler, 0 to 1) two words have nothing to do with one another.
const LIKE_ENOUGH: f64 = 0.75;

/// The known word that is most like `wrong`.
pub(super) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let wrong = wrong.to_lowercase();
    // One slip of the hand counts as likeness in short words, which the measure alone finds far apart.
    let likeness = |word: &str| {
        let word = word.to_lowercase();
        if strsim::osa_distance(&wrong, &word) <= 1 { 1.0 } else { strsim::jaro_winkler(&wrong, &word) }
    };
    known
        .into_iter()
        .map(|word| (likeness(word), word))
        .filter(|(like, _)| *like >= LIKE_ENOUGH)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| word.to_owned())
}
