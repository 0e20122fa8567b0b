//! The relay by its outside: exact packets in and out with a virtual clock, hostile bytes, and the real sockets once.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "real sockets have real time")]

mod corpus;
mod ear;
mod hostile;
mod io;
mod keys;
mod line;
mod rig;
mod source;
mod threads;
