//! What the routes hold: where they read, whom they ask, and time and entropy as closures.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::registry::Registry;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::backoff::Backoff;
use super::refusal::Problem;
use super::second_call::Doers;
use crate::dialplan::explain::TrunkWire;
use crate::dialplan::guides::Guide;
use crate::dialplan::rules::Rules;
use crate::domain::call::CallId;
use crate::domain::entropy::Entropy;
use crate::domain::hours::Hours;
use crate::domain::ladder::Rung;
use crate::domain::now::Now;
use crate::domain::status::LineStatus;
use crate::store::{Readers, StoreError, Writer, secret};
use crate::switchboard::effect::Answer;
use crate::switchboard::input::Command;

/// Passwords checked at a time: each takes a core for tens of milliseconds and 19 MiB.
const HASHES: usize = 2;
/// Pages that follow what happens, at a time.
const FOLLOWERS: usize = 64;
/// Characters of it.
const EPOCH: usize = 12;

/// A command of the page and where its answer goes.
pub type Asked = (Command, oneshot::Sender<Answer>);

/// A call whose messages are wanted, and where they go.
pub type LadderWanted = (CallId, oneshot::Sender<Vec<Rung>>);

/// Who is the person at a request without session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignIn {
    Required,
    /// The demonstration: everyone is this person. On loopback only.
    As(String),
}

/// What the pages read of the agency's files; replaced whole when they are read again.
#[derive(Clone, Debug)]
pub struct Plan {
    /// For local times, and for delays in opening time.
    pub hours: Hours,
    /// `[agency] per_person`: figures by person.
    pub per_person: bool,
    /// Dialling and the directory.
    pub rules: Rules,
    pub trunks: Vec<TrunkWire>,
    pub guides: Vec<Guide>,
}

/// All that the shell gives.
pub struct ScreenParts {
    pub readers: Readers,
    pub writer: Writer,
    pub status: watch::Receiver<Arc<LineStatus>>,
    /// Into the signalling thread; bounded by whoever made it.
    pub commands: mpsc::Sender<Asked>,
    /// Likewise.
    pub ladders: mpsc::Sender<LadderWanted>,
    /// `[web] hosts`: names by which the page may be called, without port.
    pub hosts: Vec<String>,
    /// The addresses that are listened on.
    pub listen: Vec<SocketAddr>,
    pub sign_in: SignIn,
    /// `[agency] name`.
    pub agency: String,
    pub plan: watch::Receiver<Arc<Plan>>,
    /// `[agency] staff` and `places`: what the forms propose.
    pub staff: Vec<String>,
    pub places: Vec<String>,
    pub clock: Box<dyn Fn() -> Now + Send + Sync>,
    pub entropy: Box<dyn Entropy>,
    /// The shell's own counters; the state of the line is added at each reading.
    pub metrics: Arc<Registry>,
}

#[derive(Clone)]
pub struct ScreenState(Arc<Inner>);

/// Seen by the routes only; it is public because [`ScreenState`] dereferences to it.
pub struct Inner {
    pub(super) readers: Readers,
    pub(super) writer: Writer,
    pub(super) status: watch::Receiver<Arc<LineStatus>>,
    pub(super) commands: mpsc::Sender<Asked>,
    pub(super) ladders: mpsc::Sender<LadderWanted>,
    pub(super) hosts: Vec<String>,
    pub(super) listen: Vec<SocketAddr>,
    pub(super) sign_in: SignIn,
    pub(super) agency: String,
    plan: watch::Receiver<Arc<Plan>>,
    pub(super) staff: Vec<String>,
    pub(super) places: Vec<String>,
    pub(super) metrics: Arc<Registry>,
    pub(super) backoff: Mutex<Backoff>,
    pub(super) hashing: Arc<Semaphore>,
    pub(super) followers: Arc<Semaphore>,
    /// Who did what to the last double calls: whoever comes second is told.
    pub(super) doers: Mutex<Doers>,
    /// Names this process in the ids of events: numbers of another one mean nothing here.
    pub(super) epoch: String,
    clock: Box<dyn Fn() -> Now + Send + Sync>,
    entropy: Mutex<Box<dyn Entropy>>,
}

impl ScreenState {
    pub fn new(mut parts: ScreenParts) -> ScreenState {
        let epoch = secret::new_secret(parts.entropy.as_mut()).chars().take(EPOCH).collect();
        ScreenState(Arc::new(Inner {
            readers: parts.readers,
            writer: parts.writer,
            status: parts.status,
            commands: parts.commands,
            ladders: parts.ladders,
            hosts: parts.hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect(),
            listen: parts.listen,
            sign_in: parts.sign_in,
            agency: parts.agency,
            plan: parts.plan,
            staff: parts.staff,
            places: parts.places,
            metrics: parts.metrics,
            backoff: Mutex::default(),
            hashing: Arc::new(Semaphore::new(HASHES)),
            followers: Arc::new(Semaphore::new(FOLLOWERS)),
            doers: Mutex::default(),
            epoch,
            clock: parts.clock,
            entropy: Mutex::new(parts.entropy),
        }))
    }

    /// Reads the database on a thread that may block.
    pub(super) async fn read<T, F>(&self, f: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let readers = self.readers.clone();
        let read = tokio::task::spawn_blocking(move || readers.read(f)).await;
        Ok(read.map_err(|_| StoreError::Stopped)??)
    }

    pub(super) fn now(&self) -> Now {
        (self.clock)()
    }

    pub(super) fn new_secret(&self) -> String {
        secret::new_secret(self.entropy.lock().unwrap_or_else(PoisonError::into_inner).as_mut())
    }

    /// The agency's files as they were last read.
    pub(super) fn plan(&self) -> Arc<Plan> {
        self.plan.borrow().clone()
    }

    /// The line as it was last told.
    pub(super) fn line(&self) -> Arc<LineStatus> {
        self.status.borrow().clone()
    }
}

impl std::ops::Deref for ScreenState {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}
