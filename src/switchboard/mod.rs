//! The rules of the line as pure machines: no socket, no clock, no SIP word.
//!
//! [`input`] is all that can happen, [`effect`] all that can be asked for, [`mod@line`] the aggregate between them, [`config`] what it is set to.

mod alerts;
mod attendant;
mod attended;
mod booth;
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
mod lock;
mod names;
mod offers;
mod originate;
pub mod outbound;
mod over;
mod own_waiting;
mod phones;
mod ringing;
mod second_calls;
mod shown;
mod snapshot;
pub mod spoken;
mod switches;
mod talking;
mod timers;
mod transfer;
