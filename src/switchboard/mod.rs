//! The rules of the line as pure machines: no socket, no clock, no SIP word.
//!
//! [`input`] is all that can happen, [`effect`] all that can be asked for, [`mod@line`] the aggregate between them, [`config`] what it is set to.

mod alerts;
mod call;
mod callbacks;
mod called;
pub mod config;
mod desk;
pub mod effect;
mod ending;
mod incoming;
pub mod input;
mod ledger;
mod legs;
pub mod line;
mod names;
pub mod outbound;
mod phones;
mod ringing;
mod snapshot;
mod switches;
mod talking;
mod timers;
mod transfer;
