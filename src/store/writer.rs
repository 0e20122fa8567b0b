//! The handle to the one thread that writes (`committer`): records, jobs, health. It never blocks.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::committer::Thread;
use super::error::StoreError;
use super::news::News;
use super::open::Opened;
use crate::domain::call::Record;
use crate::domain::now::{Instant, Now};
pub use crate::domain::status::Health;

/// Batches of records and jobs that may wait for the thread.
pub const QUEUE: usize = 16_384;
/// With work to do, a writer that finishes nothing for so long hangs: a disk that answers nothing (an ordinary fsync takes milliseconds).
const STALL: Duration = Duration::from_secs(2);

/// Both clocks, read by whoever may.
pub type Clock = Box<dyn Fn() -> Now + Send>;
/// Called on the writer's thread when a record is safe, or when nothing more can be done for it (RULES 2.1).
pub type Done = Box<dyn Fn(u64) + Send>;
pub(super) type Job = Box<dyn FnOnce(&mut Connection) + Send>;

pub(super) enum Task {
    /// What belongs together: one transaction has all of it or nothing.
    Records(Vec<(u64, Record)>),
    Job(Job),
    Stop,
}

/// What the thread lets others see.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// A [`Health`].
    pub(super) health: AtomicU8,
    /// Tasks given to it, and tasks it is done with.
    given: AtomicU64,
    pub(super) finished: AtomicU64,
    /// What was finished when that was last seen to change, or to be all, and when.
    progress: Mutex<(u64, Instant)>,
}

/// The handle that everyone who writes holds; cheap to clone, never blocks.
#[derive(Clone, Debug)]
pub struct Writer {
    tasks: SyncSender<Task>,
    seen: Arc<Seen>,
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
            Task::Records(_) => "Records",
            Task::Job(_) => "Job",
            Task::Stop => "Stop",
        })
    }
}

impl Writer {
    /// Queues records that belong together; `done(seq)` follows for each. With the queue full they come back, to be given again.
    pub fn records(&self, records: Vec<(u64, Record)>) -> Result<(), Vec<(u64, Record)>> {
        self.give(Task::Records(records)).map_err(|back| match back {
            Task::Records(records) => records,
            Task::Job(_) | Task::Stop => unreachable!("what was sent comes back"),
        })
    }

    fn give(&self, task: Task) -> Result<(), Task> {
        self.seen.given.fetch_add(1, Ordering::Relaxed);
        self.tasks.try_send(task).map_err(|error| {
            self.seen.given.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(task) => task,
                TrySendError::Disconnected(task) => {
                    // a writer that ended by a panic takes nothing any more
                    self.seen.health.store(Health::Failing as u8, Ordering::Relaxed);
                    task
                }
            }
        })
    }

    /// [`Writer::records`] of one.
    pub fn record(&self, seq: u64, record: Record) -> Result<(), Vec<(u64, Record)>> {
        self.records(vec![(seq, record)])
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
        let _ = self.give(Task::Job(job));
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

    /// As the thread last said; it says nothing while the disk hangs, see [`Writer::health_at`].
    pub fn health(&self) -> Health {
        match self.seen.health.load(Ordering::Relaxed) {
            0 => Health::Ok,
            1 => Health::Journal,
            _ => Health::Failing,
        }
    }

    /// The same, asked again and again by one who knows what time it is.
    pub fn health_at(&self, now: Instant) -> Health {
        let finished = self.seen.finished.load(Ordering::Relaxed);
        let mut progress = self.seen.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if finished == self.seen.given.load(Ordering::Relaxed) || finished != progress.0 {
            *progress = (finished, now);
        }
        if now.since(progress.1) >= STALL { Health::Stalled } else { self.health() }
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
        let seen = Arc::new(Seen::default());
        let (dir, news) = (self.dir.clone(), News::default());
        let thread = Thread::new(self, queue, clock, done, (Arc::clone(&seen), news.clone()));
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || thread.run())
            .map_err(|source| StoreError::Folder { dir, source })?;
        Ok((Writer { tasks: tasks.clone(), seen, news }, WriterThread { tasks, thread }))
    }
}
