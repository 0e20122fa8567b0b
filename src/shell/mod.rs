//! shell.
pub mod control;
