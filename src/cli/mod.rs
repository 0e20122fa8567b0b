//! cli.
pub mod person;
