//! The one thread that writes. It commits in groups, falls back to the journal, and decides nothing.
//!
//! A record waits for the database [`PATIENCE`] at most, then it goes to the journal with an fsync, so that the
//! 18x leaves within the 200 ms of RULES 2.1. While anything stands in the journal every further record goes there
//! too (order is kept); the database is tried again each [`RETRY`]. If both fail, records stay in memory, bounded.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::error::StoreError;
use super::journal::Journal;
use super::news::{Changed, News};
use super::open::Opened;
use super::record::{self, ALIVE};
use super::retention::Retention;
use super::writer::{Clock, Done, Health, Seen, Task};
use crate::domain::call::Record;
use crate::domain::now::Instant;

/// Records in one transaction, give or take what belongs together.
const GROUP: usize = 4_096;
/// How long a group waits for another program's lock before it goes to the journal.
const PATIENCE: Duration = Duration::from_millis(100);
/// The same for what nobody waits for: the heartbeat, and the database tried again.
const SHORT_PATIENCE: Duration = Duration::from_millis(20);
/// The same for a person's change.
const JOB_PATIENCE: Duration = Duration::from_millis(50);
/// Between two tries of a database that failed.
const RETRY: Duration = Duration::from_millis(250);
/// Without anything to write, the time of being alive is written this often (row 27's accuracy).
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Records kept in memory when neither the database nor the journal takes them.
const UNSAVED_MAX: usize = 65_536;

/// What the thread owns. The lock of the folder goes with it.
pub(super) struct Thread {
    conn: Connection,
    journal: Journal,
    _lock: File,
    queue: Receiver<Task>,
    clock: Clock,
    done: Done,
    seen: Arc<Seen>,
    news: News,
    retention: Option<Retention>,
    /// What neither the database nor the journal took.
    unsaved: Vec<Record>,
    lost: u64,
    /// When the database was last tried in vain.
    tried: Instant,
    /// How far the journal is in the database already.
    replayed: u64,
}

impl Thread {
    pub(super) fn new(opened: Opened, queue: Receiver<Task>, clock: Clock, done: Done, (seen, news): (Arc<Seen>, News)) -> Thread {
        let Opened { conn, journal, lock, unsaved, keep, alive, .. } = opened;
        let retention = keep.map(|keep| Retention::new(keep, alive));
        let (lost, tried, replayed) = (0, Instant::ZERO, 0);
        Thread { conn, journal, _lock: lock, queue, clock, done, seen, news, retention, unsaved, lost, tried, replayed }
    }

    /// Until [`Task::Stop`], or until nobody holds a handle any more.
    pub(super) fn run(mut self) {
        if !self.settled() {
            self.set_health(Health::Journal);
        }
        loop {
            let wait = if self.settled() { HEARTBEAT } else { RETRY };
            let task = self.queue.recv_timeout(if self.replayed > 0 { Duration::ZERO } else { wait });
            match task {
                Ok(task) => {
                    if !self.take(task) {
                        break;
                    }
                }
                Err(RecvTimeoutError::Timeout) if self.settled() => self.beat(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.retry();
        }
        self.finish();
    }

    /// Nothing waits outside the database.
    fn settled(&self) -> bool {
        self.journal.is_empty() && self.unsaved.is_empty()
    }

    /// Takes a task and all that is queued behind it. `false` when it is time to stop.
    fn take(&mut self, first: Task) -> bool {
        let mut group = Vec::new();
        let mut next = Some(first);
        let mut tasks = 0;
        while let Some(task) = next {
            tasks += 1;
            match task {
                Task::Records(records) => {
                    group.extend(records);
                    if group.len() >= GROUP {
                        break;
                    }
                }
                Task::Job(job) => {
                    self.write(std::mem::take(&mut group));
                    let _ = self.conn.busy_timeout(JOB_PATIENCE);
                    job(&mut self.conn);
                }
                Task::Stop => {
                    self.write(group);
                    return false;
                }
            }
            next = self.queue.try_recv().ok();
        }
        self.write(group);
        self.seen.finished.fetch_add(tasks, Ordering::Relaxed);
        true
    }

    fn write(&mut self, group: Vec<(u64, Record)>) {
        if group.is_empty() {
            return;
        }
        let (seqs, records): (Vec<u64>, Vec<Record>) = group.into_iter().unzip();
        let changes: Vec<Changed> = records.iter().filter_map(Changed::of).collect();
        let committed = self.settled() && self.commit_or_warn(&records, PATIENCE);
        if committed {
            self.set_health(Health::Ok);
        } else {
            self.keep(records);
        }
        for seq in seqs {
            (self.done)(seq);
        }
        changes.into_iter().for_each(|what| self.news.tell(what));
    }

    fn commit_or_warn(&mut self, records: &[Record], patience: Duration) -> bool {
        match self.commit(records, patience) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, records = records.len(), "the database takes no records: they go to the journal");
                self.tried = (self.clock)().instant;
                false
            }
        }
    }

    fn commit(&mut self, records: &[Record], patience: Duration) -> rusqlite::Result<()> {
        let alive = (self.clock)().wall.timestamp_millis();
        self.conn.busy_timeout(patience)?;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for record in records {
            record::apply(&tx, record)?;
        }
        record::raise(&tx, ALIVE, alive)?;
        tx.commit()
    }

    /// To the journal, else to memory; what memory holds goes first, so that the order stays.
    fn keep(&mut self, records: Vec<Record>) {
        self.unsaved.extend(records);
        match self.journal.append(&self.unsaved) {
            Ok(()) => {
                self.unsaved.clear();
                self.set_health(Health::Journal);
            }
            Err(error) => {
                let known = self.seen.health.load(Ordering::Relaxed) == Health::Failing as u8;
                let excess = self.unsaved.len().saturating_sub(UNSAVED_MAX);
                self.unsaved.drain(..excess);
                self.lost = self.lost.saturating_add(u64::try_from(excess).unwrap_or(u64::MAX));
                if !known || excess > 0 {
                    tracing::error!(%error, unsaved = self.unsaved.len(), lost = self.lost, "neither the database nor the journal takes records");
                }
                self.set_health(Health::Failing);
            }
        }
    }

    /// Brings what waits outside the database into it, a group at a time, when it is time to try.
    fn retry(&mut self) {
        let now = (self.clock)().instant;
        if self.settled() || (self.replayed == 0 && now.since(self.tried) < RETRY) {
            return;
        }
        self.tried = now;
        match self.replay() {
            Ok(Some(next)) => self.replayed = next,
            Ok(None) => {
                self.unsaved.clear();
                self.news.tell(Changed::Much);
                match self.journal.clear() {
                    Ok(()) => {
                        tracing::info!("the journal is in the database");
                        self.replayed = 0;
                        self.set_health(Health::Ok);
                    }
                    // its records are played once more later, which changes nothing
                    Err(error) => tracing::error!(%error, "the journal cannot be emptied"),
                }
            }
            Err(error) => {
                tracing::debug!(%error, "the database still takes no records");
                self.replayed = 0;
                // memory may have gone on to a journal that has room again
                if !self.unsaved.is_empty() {
                    self.keep(Vec::new());
                }
            }
        }
    }

    /// One group of the journal, at its end with what memory holds; where the next one begins.
    fn replay(&mut self) -> Result<Option<u64>, StoreError> {
        let alive = (self.clock)().wall.timestamp_millis();
        self.conn.busy_timeout(SHORT_PATIENCE)?;
        // the lock first: a journal is not read to be kept waiting
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let path = self.journal.path().to_owned();
        let batch = self.journal.batch(self.replayed, GROUP).map_err(|source| StoreError::Journal { file: path, source })?;
        let unsaved = if batch.next.is_none() { self.unsaved.as_slice() } else { &[] };
        for record in batch.records.iter().chain(unsaved) {
            record::apply(&tx, record)?;
        }
        record::raise(&tx, ALIVE, alive)?;
        tx.commit()?;
        Ok(batch.next)
    }

    /// A moment of life that need not survive a power cut: no fsync for it, so the disk can rest.
    fn beat(&mut self) {
        let now = (self.clock)();
        let beat = |conn: &Connection, alive: i64| -> rusqlite::Result<()> {
            conn.busy_timeout(SHORT_PATIENCE)?;
            conn.pragma_update(None, "synchronous", "NORMAL")?;
            let raised = record::raise(conn, ALIVE, alive);
            conn.pragma_update(None, "synchronous", "FULL")?;
            raised
        };
        match beat(&self.conn, now.wall.timestamp_millis()) {
            Ok(()) => {
                self.set_health(Health::Ok);
                self.journal.reserve();
                if let Some(retention) = &mut self.retention {
                    retention.turn(&mut self.conn, now);
                }
            }
            // another program at it for a moment is nothing to tell; the next record sees for itself
            Err(error) if matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) => {}
            Err(error) => {
                tracing::warn!(%error, "the database takes no heartbeat");
                self.set_health(Health::Journal);
            }
        }
    }

    fn set_health(&self, health: Health) {
        self.seen.health.store(health as u8, Ordering::Relaxed);
    }

    fn finish(mut self) {
        self.tried = Instant::ZERO;
        self.replayed = 0;
        loop {
            self.retry();
            if self.replayed == 0 {
                break;
            }
        }
        if self.settled() && self.commit_or_warn(&[], PATIENCE) {
            // one file to copy when the service is stopped
            let _ = self.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::call::CallId;
    use crate::domain::now::Now;
    use chrono::DateTime;
    use std::sync::atomic::AtomicU64;
    use std::sync::mpsc::channel;

    #[test]
    fn when_database_and_journal_both_fail_the_call_goes_on_and_its_record_waits_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        let now = DateTime::from_timestamp(1_764_000_000, 0).unwrap();
        let mut opened = crate::store::open(dir.path(), now).unwrap();
        opened.journal = Journal::read_only(dir.path()).unwrap();
        let (done, finished) = channel();
        let ticks = AtomicU64::new(0);
        let clock = move || Now { instant: Instant(ticks.fetch_add(1, Ordering::Relaxed) * 1_000_000_000), wall: now };
        let (writer, thread) = opened.start(Box::new(clock), Box::new(move |seq| done.send(seq).unwrap_or(()))).unwrap();
        let other = Connection::open(dir.path().join(super::super::open::FILE)).unwrap();
        other.execute_batch("BEGIN EXCLUSIVE").unwrap();
        let outage = Record::Outage { from: now, to: now, what: "registration lost".to_owned() };
        writer.record(1, outage).unwrap();
        let answered = Record::Answered { call: CallId(1), at: now, by: None };
        writer.record(2, answered).unwrap();
        assert_eq!((finished.recv(), finished.recv()), (Ok(1), Ok(2)));
        assert_eq!(writer.health(), Health::Failing);
        other.execute_batch("ROLLBACK").unwrap();
        writer.job(|_| Ok(())).blocking_recv().unwrap().unwrap();
        let count = writer.job(|conn| Ok(conn.query_row("SELECT count(*) FROM outages", [], |row| row.get::<_, i64>(0))?));
        assert_eq!(count.blocking_recv().unwrap().unwrap(), 1);
        assert_eq!(writer.health(), Health::Ok);
        thread.stop();
    }
}
