//! What a service does first with the records of the process before it: replays the journal, ends what ran, notes the time between.
//!
//! A database that takes no writes (a full disk, another program's lock) does not keep the line down: the same is done on a copy in
//! memory of what matters, and what is to be written of it waits with the journal.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, params};

use super::callbacks::{self, LAST_CALLBACK, Stranded};
use super::contacts;
use super::error::StoreError;
use super::journal::Journal;
use super::record::{self, ALIVE, LAST_CALL};
use crate::domain::call::{CallId, Record};
use crate::domain::callback::{Callback, CallbackId};
use crate::domain::names::Names;
use crate::domain::outcome::Outcome;

/// How long the start waits for another program that holds the database.
const PATIENCE: Duration = Duration::from_millis(500);
/// Records of the journal in memory at a time.
const REPLAY: usize = 4_096;
/// The copy holds the newest calls: the journal speaks of no older one.
const COPIED: i64 = 100_000;
/// A shorter absence than this lost no call: the operator's own retransmissions cover it (RFC 3261 timer A).
const OUTAGE_MIN: chrono::Duration = chrono::Duration::seconds(1);
/// `what` of the outage row for the time this process was dead.
pub const STOPPED: &str = "process stopped";

/// What was found.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) greatest: CallId,
    pub(super) interrupted: Vec<CallId>,
    pub(super) callbacks: Vec<Callback>,
    pub(super) next_callback: CallbackId,
    pub(super) stranded: Vec<Stranded>,
    pub(super) names: Names,
    pub(super) alive: Option<DateTime<Utc>>,
    pub(super) outage: Option<(DateTime<Utc>, DateTime<Utc>)>,
    pub(super) replayed: usize,
    pub(super) torn: usize,
    /// What the database did not take yet, to follow the journal; it then stays as it is.
    pub(super) unsaved: Option<Vec<Record>>,
}

/// On the database itself, else on a copy of it. `path` is the database's, `migrated` makes a new one in memory.
pub(super) fn take(
    conn: &mut Connection,
    path: &Path,
    journal: &mut Journal,
    now: DateTime<Utc>,
    migrated: impl FnOnce(&mut Connection) -> Result<(), StoreError>,
) -> Result<Taken, StoreError> {
    conn.busy_timeout(PATIENCE)?;
    match take_over(conn, journal, now) {
        Err(error) if passes(&error) => {
            tracing::error!(%error, "the database takes no writes: calls are taken all the same, and written when it does");
            let mut copy = Connection::open_in_memory()?;
            migrated(&mut copy)?;
            copy_from(&copy, path)?;
            let taken = take_over(&mut copy, journal, now)?;
            Ok(Taken { unsaved: Some(unsaved(&taken, now)), ..taken })
        }
        result => result,
    }
}

/// It may take writes again without anybody mending its contents.
fn passes(error: &StoreError) -> bool {
    use ErrorCode::{CannotOpen, DiskFull, ReadOnly, SystemIoFailure};
    match error {
        StoreError::Busy => true,
        StoreError::Sqlite(error) => matches!(error.sqlite_error_code(), Some(CannotOpen | DiskFull | ReadOnly | SystemIoFailure)),
        _ => false,
    }
}

fn copy_from(copy: &Connection, path: &Path) -> Result<(), StoreError> {
    copy.execute("ATTACH DATABASE ?1 AS disk", [path.to_string_lossy()])?;
    copy.execute_batch(&format!(
        "BEGIN;
         INSERT OR REPLACE INTO main.meta SELECT * FROM disk.meta;
         INSERT INTO main.contacts SELECT * FROM disk.contacts;
         INSERT INTO main.drafts SELECT * FROM disk.drafts;
         INSERT INTO main.callbacks SELECT * FROM disk.callbacks;
         INSERT INTO main.calls SELECT * FROM disk.calls WHERE outcome IS NULL
             OR id > (SELECT coalesce(max(id), 0) FROM disk.calls) - {COPIED};
         COMMIT;
         DETACH DATABASE disk"
    ))?;
    Ok(())
}

/// What the take-over wrote into the copy alone.
fn unsaved(taken: &Taken, now: DateTime<Utc>) -> Vec<Record> {
    let at = taken.alive.unwrap_or(now);
    let ended = |call: &CallId| Record::Ended { call: *call, at, outcome: Outcome::Interrupted, during: None, short: false };
    let outage = taken.outage.map(|(from, to)| Record::Outage { from, to, what: STOPPED.to_owned() });
    taken.interrupted.iter().map(ended).chain(outage).collect()
}

/// All of it or nothing, in one transaction.
fn take_over(conn: &mut Connection, journal: &mut Journal, now: DateTime<Utc>) -> Result<Taken, StoreError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (mut replayed, mut torn, mut latest, mut from) = (0, 0, None, Some(0));
    while let Some(at) = from {
        let file = journal.path().to_owned();
        let batch = journal.batch(at, REPLAY).map_err(|source| StoreError::Journal { file, source })?;
        for record in &batch.records {
            record::apply(&tx, record)?;
        }
        latest = batch.records.iter().map(|r| record::latest(r).timestamp_millis()).max().max(latest);
        (replayed, torn, from) = (replayed + batch.records.len(), torn + batch.torn, batch.next);
    }
    let alive = meta(&tx, ALIVE)?.max(latest);
    let interrupted = interrupt(&tx, alive.unwrap_or_default())?;
    let alive = alive.and_then(DateTime::from_timestamp_millis);
    let outage = alive.filter(|from| now - from >= OUTAGE_MIN).map(|from| (from, now));
    if let Some((from, to)) = outage {
        record::apply(&tx, &Record::Outage { from, to, what: STOPPED.to_owned() })?;
    }
    tx.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", params![ALIVE, now.timestamp_millis()])?;
    let greatest = CallId(meta(&tx, LAST_CALL)?.unwrap_or_default());
    let (callbacks, stranded) = (callbacks::load(&tx)?, callbacks::stranded(&tx)?);
    let next_callback = CallbackId(meta(&tx, LAST_CALLBACK)?.unwrap_or_default() + 1);
    let names = contacts::names(&tx)?;
    tx.commit()?;
    Ok(Taken { greatest, interrupted, callbacks, next_callback, stranded, names, alive, outage, replayed, torn, unsaved: None })
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
