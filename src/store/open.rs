//! Taking the state folder: the lock, the database, checked and migrated; `takeover` sees to what a dead process left behind.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OptionalExtension};
use rustix::fs::{FlockOperation, flock};

use super::callbacks::Stranded;
use super::create;
use super::error::StoreError;
use super::journal::Journal;
use super::readers::Readers;
use super::retention::Keep;
use super::takeover;
use crate::domain::call::{CallId, Record};
use crate::domain::callback::{Callback, CallbackId};
use crate::domain::names::Names;

/// The database's name in the state folder.
pub const FILE: &str = "rappel.db";
/// The lock's name in the state folder. The kernel lets go of it when the process dies, however it dies.
pub const LOCK: &str = "rappel.lock";
/// How long a command, and the making of the tables, wait for another program that holds the database.
const PATIENCE: Duration = Duration::from_secs(5);
/// Up to this size the whole database is checked at each start: some 0.2 s. A larger one is looked at where it is read.
const CHECKED_MAX: u64 = 64 * 1024 * 1024;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// A state folder that is ours, migrated and replayed. [`Opened::start`] gives it to the writer.
#[derive(Debug)]
pub struct Opened {
    pub(super) conn: Connection,
    pub(super) journal: Journal,
    pub(super) lock: File,
    pub(super) dir: PathBuf,
    /// What a database that takes no writes is still to be told.
    pub(super) unsaved: Vec<Record>,
    /// The greatest call id ever given: the next one is one more.
    pub greatest: CallId,
    /// Calls that ran when the last process died: now `interrupted` (row 22).
    pub interrupted: Vec<CallId>,
    /// The ledger: open entries and the last closed ones, the next id, and calls that no entry is about yet.
    pub callbacks: Vec<Callback>,
    pub next_callback: CallbackId,
    pub stranded: Vec<Stranded>,
    /// What is older is erased day by day; `None`: kept for ever. For whoever starts the writer to set.
    pub keep: Option<Keep>,
    /// When the process before this one last wrote.
    pub alive: Option<DateTime<Utc>>,
    pub names: Names,
    /// The time without a process, when it is worth a row (row 27).
    pub outage: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Records that came out of the journal, and lines of it that were none.
    pub replayed: usize,
    pub torn: usize,
}

impl Opened {
    /// Where screens read. Connections are made when they are needed.
    pub fn readers(&self) -> Readers {
        Readers::new(&self.dir)
    }
}

/// Takes the folder for a service: lock, migrations, replay, interrupted calls, outage row.
pub fn open(dir: &Path, now: DateTime<Utc>) -> Result<Opened, StoreError> {
    let lock = take_lock(dir)?;
    let mut conn = connect(dir)?;
    let unreadable = |source| StoreError::Journal { file: dir.join(super::journal::FILE), source };
    let mut journal = Journal::open(dir).map_err(unreadable)?;
    let taken = takeover::take(&mut conn, &dir.join(FILE), &mut journal, now, migrate)?;
    let unsaved = match taken.unsaved {
        Some(unsaved) => unsaved,
        None => {
            journal.clear().map_err(unreadable)?;
            Vec::new()
        }
    };
    Ok(Opened {
        conn,
        journal,
        lock,
        dir: dir.to_owned(),
        unsaved,
        greatest: taken.greatest,
        callbacks: taken.callbacks,
        next_callback: taken.next_callback,
        stranded: taken.stranded,
        interrupted: taken.interrupted,
        keep: None,
        alive: taken.alive,
        outage: taken.outage,
        replayed: taken.replayed,
        torn: taken.torn,
        names: taken.names,
    })
}

/// Takes the folder for one change by a command while no service runs. It leaves the calls as they are.
/// The lock lasts as long as the file that is returned.
pub fn open_for_changes(dir: &Path) -> Result<(Connection, File), StoreError> {
    let lock = take_lock(dir)?;
    Ok((connect(dir)?, lock))
}

/// A further writing connection of the process that holds the folder, for a change so long that records must not wait behind it:
/// they go to the journal meanwhile.
pub fn open_beside(dir: &Path) -> Result<Connection, StoreError> {
    connect(dir)
}

/// The newest migration that this program knows.
pub(super) fn newest_migration() -> i64 {
    embedded::migrations::runner().get_migrations().iter().map(|m| i64::from(m.version())).max().unwrap_or_default()
}

pub(super) fn take_lock(dir: &Path) -> Result<File, StoreError> {
    let folder = |source| StoreError::Folder { dir: dir.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(folder)?;
    let lock = private_file(&dir.join(LOCK)).map_err(folder)?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::Locked(dir.to_owned())),
        Err(errno) => Err(folder(errno.into())),
    }
}

pub(super) fn private_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// The writing connection: WAL, every commit on disk before it is said to be (synchronous=FULL).
fn connect(dir: &Path) -> Result<Connection, StoreError> {
    create::where_missing(dir)?;
    // SQLite gives -wal and -shm the mode of the database
    let path = dir.join(FILE);
    let mut conn = Connection::open(&path)?;
    conn.busy_timeout(PATIENCE)?;
    whole(&conn, &path)?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    // what is erased is not there any more, on the disk neither
    conn.pragma_update(None, "secure_delete", true)?;
    migrate(&mut conn)?;
    Ok(conn)
}

/// All that is missing in one transaction: a start that is cut off has changed the tables wholly or not at all, and however
/// many versions it comes from it waits for the disk once.
pub(super) fn migrate(conn: &mut Connection) -> Result<(), StoreError> {
    embedded::migrations::runner().set_grouped(true).run(conn).map_err(Box::new)?;
    Ok(())
}

/// Refuses a database that is damaged, and leaves every byte of it as it is.
fn whole(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    // else the log would be written into the bad file when it is let go
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let small = std::fs::metadata(path).is_ok_and(|file| file.len() <= CHECKED_MAX);
    let check = if small { "PRAGMA quick_check(1)" } else { "SELECT 'ok' FROM sqlite_schema LIMIT 1" };
    let said = conn.query_row(check, [], |row| row.get::<_, String>(0)).optional();
    let found = match said {
        Ok(Some(text)) if text != "ok" => text,
        Ok(_) => return Ok(conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map(drop)?),
        Err(error) if matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)) => error.to_string(),
        Err(error) => return Err(error.into()),
    };
    Err(StoreError::Corrupt { file: path.to_owned(), found })
}
