//! SIP without sockets and clocks: bytes and time in, bytes, events and deadlines out.
//!
//! [`api`] is the contract between the endpoint and the exchange.

pub mod api;
pub mod client_tx;
pub mod dialog;
pub mod digest;
pub mod endpoint;
pub mod guard;
pub mod message;
pub mod sdp;
pub mod server_tx;
pub mod session;
pub mod timers;
mod transact;
pub mod uri;
pub mod wire;
