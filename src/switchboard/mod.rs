//! The rules of the line as pure machines: no socket, no clock, no SIP word.
//!
//! [`input`] is all that can happen, [`effect`] all that can be asked for, [`mod@line`] the aggregate between them, [`config`] what it is set to.

mod alerts;
mod call;
mod callbacks;
mod called;
pub mod config;
mod desk;
mod double_call;
mod doubles;
pub mod effect;
mod ending;
mod forms;
mod held;
mod incoming;
pub mod input;
pub mod keypad;
mod ledger;
mod legs;
pub mod line;
mod names;
mod offers;
pub mod outbound;
mod own_waiting;
mod phones;
mod ringing;
mod second_calls;
mod snapshot;
mod switches;
mod talking;
mod timers;
mod transfer;
