//! shell.
pub mod rtp_io;
