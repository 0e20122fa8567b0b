//! The command socket in the state folder: how a command changes data while a service runs.
//!
//! One connection, one request: a line of JSON each way, bounded, over a Unix socket of mode 0600. Whoever may open
//! the file may already read the database; nothing here asks for more. Secrets arrive hashed.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::signalling::Inbox;
use crate::domain::call::CallId;
use crate::domain::ladder::Rung;
use crate::exchange::LadderOf;
use crate::store::people::{self, PeopleRequest};
use crate::store::{StoreError, Writer};

/// The socket's name in the state folder.
pub const FILE: &str = "control.sock";
/// The longest request.
const LINE_MAX: u64 = 64 * 1024;
/// The longest answer: the ladder of a call, of the longest messages.
const ANSWER_MAX: u64 = 16 * 1024 * 1024;
/// Commands served at a time.
const CONNECTIONS: usize = 8;
/// How long a command may take to say what it wants, and the service to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause after a failed accept (out of descriptors).
const PAUSE: Duration = Duration::from_millis(100);

/// Said of a request or an answer of another version.
pub const NOT_UNDERSTOOD: &str = "Le service n'a pas compris la commande : sa version est-elle la même ?";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    People(PeopleRequest),
    /// The messages of a call by its number, or of a dialog by its Call-ID.
    Trace(String),
}

/// The lines that the command prints, or the French sentence of its failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Done(Vec<String>),
    Ladder(Vec<Rung>),
    Refused(String),
}

pub type WallClock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The bound socket; its file goes when it is dropped.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Control {
    /// Binds the socket in a state folder whose lock we hold: a socket file found there is a dead one's.
    pub fn bind(dir: &Path) -> io::Result<Control> {
        let path = dir.join(FILE);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Control { listener, path })
    }

    /// Serves for ever; drop the future to end it.
    pub async fn serve(self, writer: Writer, clock: WallClock, inbox: mpsc::Sender<Inbox>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "control socket");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let (writer, clock, inbox) = (writer.clone(), Arc::clone(&clock), inbox.clone());
            tokio::spawn(async move {
                if !matches!(timeout(PATIENCE, one(stream, &writer, &clock, &inbox)).await, Ok(Ok(()))) {
                    tracing::debug!("a command left without its answer");
                }
                drop(place);
            });
        }
    }
}

async fn one(mut stream: UnixStream, writer: &Writer, clock: &WallClock, inbox: &mpsc::Sender<Inbox>) -> io::Result<()> {
    let (read, mut write) = stream.split();
    let mut line = String::new();
    BufReader::new(read.take(LINE_MAX)).read_line(&mut line).await?;
    let answer = match serde_json::from_str(&line) {
        Ok(Request::People(request)) => {
            let now = clock();
            match writer.run(move |conn| people::carry_out(conn, &request, now)).await {
                Ok(lines) => Answer::Done(lines),
                Err(error) => Answer::Refused(error.to_string()),
            }
        }
        Ok(Request::Trace(call)) => trace(inbox, call).await,
        Err(_) => Answer::Refused(NOT_UNDERSTOOD.to_owned()),
    };
    let mut bytes = serde_json::to_vec(&answer)?;
    bytes.push(b'\n');
    write.write_all(&bytes).await?;
    write.shutdown().await
}

/// Digits alone are a call's number; a Call-ID has more in it.
async fn trace(inbox: &mpsc::Sender<Inbox>, call: String) -> Answer {
    let of = call.parse().map_or_else(|_| LadderOf::Dialog(call), |id| LadderOf::Call(CallId(id)));
    let (answer, ladder) = oneshot::channel();
    if inbox.send(Inbox::Ladder(of, answer)).await.is_err() {
        return Answer::Refused("Le service s'arrête.".to_owned());
    }
    ladder.await.map_or_else(|_| Answer::Refused("Le service s'arrête.".to_owned()), Answer::Ladder)
}

/// Asks the service of a state folder, if one listens there: `None` when none does.
pub fn ask(dir: &Path, request: &Request) -> Result<Option<Answer>, StoreError> {
    use std::io::{BufRead, Read, Write};
    let broken = |source| StoreError::Folder { dir: dir.to_owned(), source };
    let mut stream = match std::os::unix::net::UnixStream::connect(dir.join(FILE)) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) => return Err(broken(error)),
    };
    let mut exchange = move || -> io::Result<Answer> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut bytes = serde_json::to_vec(request)?;
        bytes.push(b'\n');
        stream.write_all(&bytes)?;
        let mut line = String::new();
        io::BufReader::new((&stream).take(ANSWER_MAX)).read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    };
    exchange().map(Some).map_err(broken)
}
