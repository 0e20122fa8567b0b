//! Sound: RTP, G.711, keys, tones, prompts and the relay between legs. No socket, no clock.
//!
//! [`command`] is what the relay is told; the shell gives it packets and a tick and sends what it says.

pub mod command;
pub mod ear;
pub mod g711;
pub mod inband;
pub mod latch;
pub mod listen;
pub mod player;
pub mod prompt;
pub mod relay;
pub mod rtcp;
pub mod rtp;
pub mod telephone_event;
pub mod tone;

/// Samples a second: everything here is narrow band.
pub const RATE: u32 = 8000;
/// Samples of one packet that we make: 20 ms.
pub const FRAME: usize = 160;
