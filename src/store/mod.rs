//! The records: SQLite, the journal beside it, and the one thread that writes. It decides nothing and reads no clock.
//!
//! [`open()`] takes the state folder, replays what a dead process left and starts the [`writer`]; [`calls`] and
//! [`people`] read through the connections of [`readers`].

pub mod backup;
pub mod callbacks;
pub mod calls;
mod committer;
pub mod contacts;
pub mod erase;
pub mod error;
pub mod journal;
pub mod open;
pub mod people;
pub mod readers;
pub mod record;
pub mod secret;
pub mod writer;

pub use error::StoreError;
pub use open::{Opened, open, open_beside, open_for_changes};
pub use readers::Readers;
pub use writer::{Health, Writer, WriterThread};
