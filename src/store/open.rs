//! Taking the state folder: the lock, the database, and what a dead process left behind.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use rustix::fs::{FlockOperation, flock};

use super::callbacks::{self, LAST_CALLBACK, Stranded};
use super::contacts;
use super::error::StoreError;
use super::journal::Journal;
use super::readers::Readers;
use super::record::{self, ALIVE, LAST_CALL};
use crate::domain::call::{CallId, Record};
use crate::domain::callback::{Callback, CallbackId};
use crate::domain::names::Names;

/// The database's name in the state folder.
pub const FILE: &str = "rappel.db";
/// The lock's name in the state folder. The kernel lets go of it when the process dies, however it dies.
pub const LOCK: &str = "rappel.lock";
/// How long the start waits for another program that holds the database.
const PATIENCE: Duration = Duration::from_secs(5);
/// A shorter absence than this lost no call: the operator's own retransmissions cover it (RFC 3261 timer A).
const OUTAGE_MIN: chrono::Duration = chrono::Duration::seconds(1);
/// `what` of the outage row for the time this process was dead.
pub const STOPPED: &str = "process stopped";

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
    /// The greatest call id ever given: the next one is one more.
    pub greatest: CallId,
    /// Calls that ran when the last process died: now `interrupted` (row 22).
    pub interrupted: Vec<CallId>,
    /// The ledger: open entries and the last closed ones, the next id, and calls that no entry is about yet.
    pub callbacks: Vec<Callback>,
    pub next_callback: CallbackId,
    pub stranded: Vec<Stranded>,
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
    let replay = journal.read().map_err(unreadable)?;
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for record in &replay.records {
        record::apply(&tx, record)?;
    }
    let alive = [meta(&tx, ALIVE)?, replay.records.iter().map(|r| record::latest(r).timestamp_millis()).max()].into_iter().flatten().max();
    let interrupted = interrupt(&tx, alive.unwrap_or_default())?;
    let outage = alive.and_then(DateTime::from_timestamp_millis).filter(|from| now - from >= OUTAGE_MIN).map(|from| (from, now));
    if let Some((from, to)) = outage {
        record::apply(&tx, &Record::Outage { from, to, what: STOPPED.to_owned() })?;
    }
    tx.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", params![ALIVE, now.timestamp_millis()])?;
    let greatest = CallId(meta(&tx, LAST_CALL)?.unwrap_or_default());
    let (callbacks, stranded) = (callbacks::load(&tx)?, callbacks::stranded(&tx)?);
    let names = contacts::names(&tx)?;
    let next_callback = CallbackId(meta(&tx, LAST_CALLBACK)?.unwrap_or_default() + 1);
    tx.commit()?;
    journal.clear().map_err(unreadable)?;
    Ok(Opened {
        conn,
        journal,
        lock,
        dir: dir.to_owned(),
        greatest,
        callbacks,
        next_callback,
        stranded,
        names,
        interrupted,
        outage,
        replayed: replay.records.len(),
        torn: replay.torn,
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
    let path = dir.join(FILE);
    // made by us first: SQLite gives -wal and -shm the mode of the database
    private_file(&path).map_err(|source| StoreError::Folder { dir: dir.to_owned(), source })?;
    let mut conn = Connection::open(path)?;
    conn.busy_timeout(PATIENCE)?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    // what is erased is not there any more, on the disk neither
    conn.pragma_update(None, "secure_delete", true)?;
    embedded::migrations::runner().run(&mut conn).map_err(Box::new)?;
    Ok(conn)
}

fn meta(conn: &Connection, key: &str) -> rusqlite::Result<Option<i64>> {
    conn.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional()
}

/// Row 22: what still ran ended when the process was last seen alive, not before its own beginning.
fn interrupt(conn: &Connection, alive: i64) -> rusqlite::Result<Vec<CallId>> {
    conn.prepare(
        "UPDATE calls SET outcome = 'interrupted', ended_at = max(at, coalesce(answered_at, at), ?1) WHERE outcome IS NULL RETURNING id",
    )?
    .query_map([alive], |row| row.get(0).map(CallId))?
    .collect()
}
