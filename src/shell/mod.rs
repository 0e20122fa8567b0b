//! The tokio shell around the pure core: sockets, clocks, entropy, threads.
//!
//! [`signalling`] the one thread of signalling and rules · [`sip_io`] its sockets · [`faces`] which of our addresses a peer sees · [`rtp_io`] the media threads · [`reach`] the network looked at once · [`clock`] time and entropy

mod announcements;
pub mod clock;
pub mod control;
pub mod dns;
pub mod faces;
mod kept;
pub mod reach;
pub mod rtp_io;
pub mod run;
pub mod signalling;
pub mod sip_io;
mod sounds;
pub mod web;
