//! SIP without sockets and clocks: bytes and time in, bytes, events and deadlines out.
//!
//! [`api`] is the contract between the endpoint and the exchange.

pub mod api;
pub mod auth;
mod client_tx;
mod dialog;
pub mod digest;
pub mod endpoint;
pub mod guard;
pub mod identity;
pub mod locate;
pub mod media_address;
pub mod message;
pub mod pcap;
mod reason;
pub mod registrar;
pub mod sdp;
mod server_tx;
mod session;
pub mod timers;
pub mod trace;
pub mod trunk;
pub mod uri;
pub mod wire;
