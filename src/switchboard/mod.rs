//! The rules of the line as pure machines: no socket, no clock, no SIP word.
//!
//! [`input`] is all that can happen, [`effect`] all that can be asked for, [`line`] the aggregate between them.

pub mod effect;
pub mod input;
