//! SIP without sockets and clocks: bytes and time in, bytes, events and deadlines out.
//!
//! [`api`] is the contract between the endpoint and the exchange.

pub mod api;
pub mod auth;
pub mod digest;
pub mod identity;
pub mod locate;
pub mod message;
pub mod registrar;
pub mod trunk;
