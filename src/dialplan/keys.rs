//! Keys that are played by themselves after the answer (RULES 7, speed-dials): read and described, played elsewhere. They may hold a
//! secret code: `Debug` shows dots, and no sentence tells one.

use std::fmt;

use crate::domain::key::Key;

/// Signs of a macro at most.
pub const MAX_SIGNS: usize = 64;
/// What a screen shows instead of the keys.
pub const MASK: &str = "••••";

/// `keys` of a directory entry.
#[derive(Clone, PartialEq, Eq)]
pub struct Macro(Vec<Step>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Press(Key),
    /// `,` or `p`: two seconds.
    Pause,
    /// `~`: the end of what is said at the far end, 800 ms of silence.
    Silence,
    /// `;`: a key of the agent.
    Agent,
}

impl Macro {
    /// Reads `4970,12#~1;`; `None` for any other sign, for nothing and for too much.
    pub fn read(text: &str) -> Option<Macro> {
        let step = |sign: u8| match sign {
            b'0'..=b'9' | b'*' | b'#' => Key::new(sign).map(Step::Press),
            b',' | b'p' => Some(Step::Pause),
            b'~' => Some(Step::Silence),
            b';' => Some(Step::Agent),
            _ => None,
        };
        let good = !text.is_empty() && text.len() <= MAX_SIGNS;
        good.then(|| text.bytes().map(step).collect::<Option<Vec<Step>>>()).flatten().map(Macro)
    }

    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// What it does, in French, keys of a row in one sentence and none told.
    pub fn french(&self) -> Vec<String> {
        let mut said: Vec<String> = Vec::new();
        for step in &self.0 {
            let sentence = match step {
                Step::Press(_) => format!("Après la réponse, touches {MASK}."),
                Step::Pause => "Pause de 2 secondes.".to_owned(),
                Step::Silence => "Attente de la fin de l'annonce.".to_owned(),
                Step::Agent => "Attente d'une touche de votre part.".to_owned(),
            };
            if !matches!(step, Step::Press(_)) || said.last() != Some(&sentence) {
                said.push(sentence);
            }
        }
        said
    }
}

impl fmt::Debug for Macro {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_macro_is_read_described_and_never_told() {
        let keys = Macro::read("4970,p~;1").unwrap();
        assert_eq!(keys.steps().len(), 9);
        assert_eq!(keys.french().len(), 6);
        let told = format!("{keys:?} {}", keys.french().concat());
        assert!(!told.contains("4970") && !told.contains('1'), "{told}");
        for bad in ["", "1x2", "12 3", "é", &"1".repeat(MAX_SIGNS + 1)] {
            assert_eq!(Macro::read(bad), None, "{bad}");
        }
    }
}
