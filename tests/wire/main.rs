//! The endpoint on a virtual wire: every race of RFC 3261 that an operator or a phone can cause, and nothing left behind after each.

#![allow(clippy::unwrap_used)]

mod calls;
mod hostile;
mod loss;
mod pair;
mod peers;
mod races;
