//! The exchange by its bytes: a trunk and a phone write SIP, the relay's commands and the records come out. Virtual time, no socket.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod addresses;
mod descriptions;
mod keys;
mod refused;
mod rig;
