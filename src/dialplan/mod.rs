//! What dialled digits mean.
//!
//! [`route`] reads them and alone makes permits, [`permit`] is the right to call out, [`rules`] the agency's settings, [`numbering`] the
//! French plan, [`directory`] the speed-dials with their [`keys`], [`guides`] the checklists, [`explain`] the dry run.

pub mod directory;
pub mod explain;
pub mod guides;
pub mod keys;
pub mod numbering;
pub mod permit;
pub mod route;
pub mod rules;

#[cfg(test)]
mod tests;
