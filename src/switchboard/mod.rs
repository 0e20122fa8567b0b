//! The rules of the line as pure machines: no socket, no clock, no SIP word.
//!
//! [`input`] is all that can happen, [`effect`] all that can be asked for, [`line`] the aggregate between them, [`config`] what it is set to.

mod alerts;
mod call;
pub mod config;
mod desk;
pub mod effect;
mod incoming;
pub mod input;
mod legs;
pub mod line;
pub mod outbound;
mod ringing;
mod snapshot;
mod talking;
mod timers;
mod transfer;
