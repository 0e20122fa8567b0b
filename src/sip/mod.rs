//! SIP without sockets and clocks: bytes and time in, bytes, events and deadlines out.
//!
//! [`api`] is the contract between the endpoint and the exchange.

pub mod api;
mod client_tx;
mod dialog;
pub mod digest;
pub mod endpoint;
pub mod message;
mod server_tx;
mod session;
pub mod timers;
pub mod uri;
pub mod wire;
