//! Stories of the line, without a socket or a clock: each row of the rules' tables is a test whose name is its sentence.

#![allow(clippy::unwrap_used)]

mod attendant;
mod codes;
mod dial;
mod double_call;
mod house;
mod incoming;
mod ledger;
mod names;
mod outgoing;
mod random;
mod rows;
mod talking;
mod transfer;
