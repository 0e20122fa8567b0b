//! Tones of the French network.
/// A cadence of one or more frequencies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tone;
