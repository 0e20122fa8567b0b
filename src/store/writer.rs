//! The one thread that writes. It commits in groups, falls back to the journal, and decides nothing.
//!
//! A record waits for the database [`PATIENCE`] at most, then it goes to the journal with an fsync, so that the
//! 18x leaves within the 200 ms of RULES 2.1. While anything stands in the journal every further record goes there
//! too (order is kept); the database is tried again each [`RETRY`]. If both fail, records stay in memory, bounded.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::error::StoreError;
use super::journal::Journal;
use super::open::Opened;
use super::record::{self, ALIVE};
use crate::domain::call::Record;
use crate::domain::now::{Instant, Now};

/// Records and jobs that may wait for the thread.
pub const QUEUE: usize = 16_384;
/// Records in one transaction.
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

/// Both clocks, read by whoever may.
pub type Clock = Box<dyn Fn() -> Now + Send>;
/// Called on the writer's thread when a record is safe, or when nothing more can be done for it (RULES 2.1).
pub type Done = Box<dyn Fn(u64) + Send>;
type Job = Box<dyn FnOnce(&mut Connection) + Send>;

enum Task {
    Record(u64, Record),
    Job(Job),
    Stop,
}

/// Where records go at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Health {
    Ok = 0,
    /// To the journal: the database is busy or failing.
    Journal = 1,
    /// To memory only: `readyz` 503, red banner.
    Failing = 2,
}

/// The handle that everyone who writes holds; cheap to clone, never blocks.
#[derive(Clone, Debug)]
pub struct Writer {
    tasks: SyncSender<Task>,
    health: Arc<AtomicU8>,
}

/// The thread itself; whoever started it ends it.
#[derive(Debug)]
pub struct WriterThread {
    tasks: SyncSender<Task>,
    thread: JoinHandle<()>,
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Task::Record(..) => "Record",
            Task::Job(_) => "Job",
            Task::Stop => "Stop",
        })
    }
}

impl Writer {
    /// Queues a record; `done(seq)` follows. With the queue full the record comes back, to be given again.
    pub fn record(&self, seq: u64, record: Record) -> Result<(), (u64, Record)> {
        self.tasks.try_send(Task::Record(seq, record)).map_err(|error| match error {
            TrySendError::Full(Task::Record(seq, record)) | TrySendError::Disconnected(Task::Record(seq, record)) => (seq, record),
            TrySendError::Full(_) | TrySendError::Disconnected(_) => unreachable!("what was sent comes back"),
        })
    }

    /// Runs `f` on the writing connection, after what was queued before it. It waits 50 ms for another program's lock.
    /// A dropped receiver does not undo the change; a receiver that fails means that the writer stopped.
    pub fn job<T, F>(&self, f: F) -> oneshot::Receiver<Result<T, StoreError>>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, receiver) = oneshot::channel();
        let job: Job = Box::new(move |conn| {
            let _ = reply.send(f(conn));
        });
        // a job that finds no room is dropped with its reply: the receiver sees it
        let _ = self.tasks.try_send(Task::Job(job));
        receiver
    }

    /// [`Writer::job`], waited for.
    pub async fn run<T, F>(&self, f: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.job(f).await.unwrap_or(Err(StoreError::Stopped))
    }

    pub fn health(&self) -> Health {
        match self.health.load(Ordering::Relaxed) {
            0 => Health::Ok,
            1 => Health::Journal,
            _ => Health::Failing,
        }
    }
}

impl WriterThread {
    /// Writes what is queued, then lets the folder go. Records sent after this are lost.
    pub fn stop(self) {
        // the queue may be full: this waits for its turn
        if self.tasks.send(Task::Stop).is_ok() && self.thread.join().is_err() {
            tracing::error!("the writer ended by a panic");
        }
    }
}

impl Opened {
    /// Starts the thread. `clock` is read for the heartbeat and the retries only.
    pub fn start(self, clock: Clock, done: Done) -> Result<(Writer, WriterThread), StoreError> {
        let (tasks, queue) = sync_channel(QUEUE);
        let health = Arc::new(AtomicU8::new(Health::Ok as u8));
        let dir = self.dir;
        let thread = Thread {
            conn: self.conn,
            journal: self.journal,
            _lock: self.lock,
            queue,
            clock,
            done,
            health: Arc::clone(&health),
            unsaved: Vec::new(),
            lost: 0,
            tried: Instant::ZERO,
        };
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || thread.run())
            .map_err(|source| StoreError::Folder { dir, source })?;
        Ok((Writer { tasks: tasks.clone(), health }, WriterThread { tasks, thread }))
    }
}

struct Thread {
    conn: Connection,
    journal: Journal,
    _lock: File,
    queue: Receiver<Task>,
    clock: Clock,
    done: Done,
    health: Arc<AtomicU8>,
    /// What neither the database nor the journal took.
    unsaved: Vec<Record>,
    lost: u64,
    /// When the database was last tried in vain.
    tried: Instant,
}

impl Thread {
    fn run(mut self) {
        loop {
            let wait = if self.settled() { HEARTBEAT } else { RETRY };
            match self.queue.recv_timeout(wait) {
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
        while let Some(task) = next {
            match task {
                Task::Record(seq, record) => {
                    group.push((seq, record));
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
        true
    }

    fn write(&mut self, group: Vec<(u64, Record)>) {
        if group.is_empty() {
            return;
        }
        let (seqs, records): (Vec<u64>, Vec<Record>) = group.into_iter().unzip();
        let committed = self.settled() && self.commit_or_warn(&records, PATIENCE);
        if !committed {
            self.keep(records);
        }
        for seq in seqs {
            (self.done)(seq);
        }
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
                let excess = self.unsaved.len().saturating_sub(UNSAVED_MAX);
                self.unsaved.drain(..excess);
                self.lost = self.lost.saturating_add(u64::try_from(excess).unwrap_or(u64::MAX));
                tracing::error!(%error, unsaved = self.unsaved.len(), lost = self.lost, "neither the database nor the journal takes records");
                self.set_health(Health::Failing);
            }
        }
    }

    /// Brings the journal and what memory holds into the database, when it is time to try.
    fn retry(&mut self) {
        if self.settled() || (self.clock)().instant.since(self.tried) < RETRY {
            return;
        }
        self.tried = (self.clock)().instant;
        let replay = match self.journal.read() {
            Ok(replay) => replay,
            Err(error) => {
                tracing::error!(%error, "the journal cannot be read");
                return self.set_health(Health::Failing);
            }
        };
        let mut records = replay.records;
        records.extend(self.unsaved.iter().cloned());
        if let Err(error) = self.commit(&records, SHORT_PATIENCE) {
            tracing::debug!(%error, "the database still takes no records");
            return;
        }
        self.unsaved.clear();
        match self.journal.clear() {
            Ok(()) => {
                tracing::info!(records = records.len(), torn = replay.torn, "the journal is in the database");
                self.set_health(Health::Ok);
            }
            // its records are played once more later, which changes nothing
            Err(error) => tracing::error!(%error, "the journal cannot be emptied"),
        }
    }

    /// A moment of life that need not survive a power cut: no fsync for it, so the disk can rest.
    fn beat(&mut self) {
        let beat = |conn: &Connection, alive: i64| -> rusqlite::Result<()> {
            conn.busy_timeout(SHORT_PATIENCE)?;
            conn.pragma_update(None, "synchronous", "NORMAL")?;
            let raised = record::raise(conn, ALIVE, alive);
            conn.pragma_update(None, "synchronous", "FULL")?;
            raised
        };
        if let Err(error) = beat(&self.conn, (self.clock)().wall.timestamp_millis()) {
            tracing::debug!(%error, "no heartbeat");
        }
    }

    fn set_health(&self, health: Health) {
        self.health.store(health as u8, Ordering::Relaxed);
    }

    fn finish(mut self) {
        self.tried = Instant::ZERO;
        self.retry();
        if self.settled() && self.commit_or_warn(&[], PATIENCE) {
            // one file to copy when the service is stopped
            let _ = self.conn.pragma_update(None, "wal_checkpoint", "TRUNCATE");
        }
    }
}
