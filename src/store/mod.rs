//! The records: SQLite, the journal beside it, and the one thread that writes. It decides nothing and reads no clock.
//!
//! [`open()`] takes the state folder, replays what a dead process left and starts the [`writer`]; [`calls`] and
//! [`people`] read through the connections of [`readers`]. [`contacts`] are merged beside the writer, so that no record waits;
//! [`erase`] is all about one number, [`backup`] the whole of it.

pub mod backup;
pub mod callbacks;
pub mod calls;
pub mod clips;
mod committer;
pub mod contacts;
mod create;
pub mod day;
pub mod erase;
pub mod error;
pub mod journal;
pub mod news;
pub mod open;
pub mod people;
pub mod readers;
pub mod record;
mod retention;
pub mod secret;
mod takeover;
pub mod writer;

pub use error::StoreError;
pub use open::{Opened, open, open_beside, open_for_changes};
pub use readers::Readers;
pub use retention::Keep;
pub use takeover::STOPPED;
pub use writer::{Health, Writer, WriterThread};
