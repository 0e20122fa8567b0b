//! What dialled digits mean.

pub mod route;
