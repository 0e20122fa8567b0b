//! The rules of the line as pure machines: no socket, no clock, no SIP word.
//!
//! [`input`] is all that can happen, [`effect`] all that can be asked for, [`line`] the aggregate between them. [`desk`] is one phone,
//! [`call`] one call, [`incoming`], [`outbound`] and [`transfer`] what moves it.

pub mod call;
pub mod desk;
pub mod effect;
mod incoming;
pub mod input;
pub mod line;
mod outbound;
pub mod plan;
mod transfer;
