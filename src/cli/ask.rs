//! A question to the person at the terminal. Without one nothing is asked and the answer is no.

use std::io::{self, BufRead, IsTerminal, Read};

/// The longest answer read, in bytes.
const ANSWER_MAX: u64 = 64;

/// `true` only if somebody typed `o` or `oui`.
pub fn yes(question: &str) -> bool {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return false;
    }
    eprint!("{question} [o/N] ");
    let mut answer = String::new();
    let read = io::stdin().lock().take(ANSWER_MAX).read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "o" | "oui")
}
