//! Sound: RTP, G.711, keys, tones, prompts and the relay between legs. No socket, no clock.
//!
//! [`command`] is what the relay is told; the shell gives it packets and a tick and sends what it says.

pub mod command;
pub mod tone;
