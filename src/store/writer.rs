//! The handle to the one thread that writes (`committer`): records, jobs, health. It never blocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::committer::Thread;
use super::error::StoreError;
use super::news::News;
use super::open::Opened;
use crate::domain::call::Record;
use crate::domain::now::Now;

/// Records and jobs that may wait for the thread.
pub const QUEUE: usize = 16_384;

/// Both clocks, read by whoever may.
pub type Clock = Box<dyn Fn() -> Now + Send>;
/// Called on the writer's thread when a record is safe, or when nothing more can be done for it (RULES 2.1).
pub type Done = Box<dyn Fn(u64) + Send>;
pub(super) type Job = Box<dyn FnOnce(&mut Connection) + Send>;

pub(super) enum Task {
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
    news: News,
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

    /// What is written, as it is written.
    pub fn news(&self) -> &News {
        &self.news
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
        let (dir, news) = (self.dir, News::default());
        let thread = Thread::new(self.conn, self.journal, self.lock, queue, clock, done, Arc::clone(&health), news.clone());
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || thread.run())
            .map_err(|source| StoreError::Folder { dir, source })?;
        Ok((Writer { tasks: tasks.clone(), health, news }, WriterThread { tasks, thread }))
    }
}
