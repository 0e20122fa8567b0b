//! The release binary as a process of its own on loopback, with real SIP peers around it: agents of ours for the rows of the truth table,
//! and SIPp, baresip and Kamailio, which were written by others.
// a peer has its own clock, and a test that cannot go on stops
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod attendant;
mod baresip;
mod codes;
mod demo;
mod dial;
mod double_call;
mod faults;
mod kamailio;
mod kills;
mod media;
mod names;
mod rows;
mod rows_attendant;
mod rows_second;
mod sipp;
mod stage;
mod trace;
