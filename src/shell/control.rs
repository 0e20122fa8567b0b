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
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use crate::domain::call::CallId;
use crate::domain::number::E164;
use crate::exchange::LadderOf;
use crate::store::contacts::{self, Contact};
use crate::store::people::{self, PeopleRequest};
use crate::store::{Health, StoreError, Writer, erase, open_beside};
use crate::switchboard::effect::Refusal;
use crate::switchboard::input::Command;

use super::signalling::Inbox;

/// The socket's name in the state folder.
pub const FILE: &str = "control.sock";
/// The longest request: a hundred thousand contacts with a word each. It is allocated as it comes.
const REQUEST_MAX: u64 = 64 * 1024 * 1024;
/// Read at a time.
const CHUNK: usize = 256 * 1024;
/// The longest answer: the ladder of a call, of the longest messages.
const ANSWER_MAX: u64 = 16 * 1024 * 1024;
/// Commands served at a time.
const CONNECTIONS: usize = 8;
/// How long a command may say nothing before its request is whole.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the service may take to carry it out: contacts by the hundred thousand on a slow disk.
const WORK: Duration = Duration::from_secs(120);
/// The pause after a failed accept (out of descriptors).
const PAUSE: Duration = Duration::from_millis(100);

/// Said of a request or an answer of another version.
pub const NOT_UNDERSTOOD: &str = "Le service n'a pas compris la commande : sa version est-elle la même ?";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    People(PeopleRequest),
    /// The messages of a call by its number, or of a dialog by its Call-ID: a line of JSON each (`domain::ladder::Rung`).
    Trace(String),
    /// Merged by number, all or none.
    Contacts(Vec<Contact>),
    /// Everything about a number goes.
    Erase(E164),
}

/// The lines that the command prints, or the French sentence of its failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Done(Vec<String>),
    Refused(String),
}

pub type WallClock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The bound socket; its file goes when it is dropped.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
}

/// What stands behind the socket.
#[derive(Clone)]
pub struct Behind {
    pub writer: Writer,
    pub clock: WallClock,
    pub line: mpsc::Sender<Inbox>,
    /// The state folder.
    pub dir: PathBuf,
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
    pub async fn serve(self, behind: Behind) {
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
            let behind = behind.clone();
            tokio::spawn(async move {
                if !matches!(timeout(PATIENCE + WORK, one(stream, behind)).await, Ok(Ok(()))) {
                    tracing::debug!("a command left without its answer");
                }
                drop(place);
            });
        }
    }
}

async fn one(mut stream: UnixStream, behind: Behind) -> io::Result<()> {
    let (read, mut write) = stream.split();
    let line = request_line(read).await?;
    let request = serde_json::from_slice(&line);
    drop(line);
    let answer = match request {
        Ok(request) => behind.carry_out(request).await.map_or_else(Answer::Refused, Answer::Done),
        Err(_) => Answer::Refused(NOT_UNDERSTOOD.to_owned()),
    };
    let mut bytes = serde_json::to_vec(&answer)?;
    bytes.push(b'\n');
    write.write_all(&bytes).await?;
    write.shutdown().await
}

/// A whole request, however long it takes to arrive as long as it arrives.
async fn request_line(read: impl AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    let mut reader = BufReader::with_capacity(CHUNK, read.take(REQUEST_MAX));
    let mut line = Vec::new();
    loop {
        let chunk = timeout(PATIENCE, reader.fill_buf()).await??;
        let end = chunk.iter().position(|b| *b == b'\n');
        let taken = end.map_or(chunk.len(), |at| at + 1);
        line.extend(chunk.iter().take(taken));
        reader.consume(taken);
        if end.is_some() || taken == 0 {
            return Ok(line);
        }
    }
}

impl Behind {
    /// The lines to print, or the sentence that says why not.
    async fn carry_out(self, request: Request) -> Result<Vec<String>, String> {
        match request {
            Request::People(request) => {
                let now = (self.clock)();
                self.writer.run(move |conn| people::carry_out(conn, &request, now)).await.map_err(|error| error.to_string())
            }
            Request::Contacts(contacts) => self.import(contacts).await,
            Request::Erase(number) => self.erase(number).await,
            Request::Trace(call) => self.trace(call).await,
        }
    }

    /// Digits alone are a call's number; a Call-ID has more in it.
    async fn trace(self, call: String) -> Result<Vec<String>, String> {
        let of = call.parse().map_or_else(|_| LadderOf::Dialog(call), |id| LadderOf::Call(CallId(id)));
        let (answer, ladder) = oneshot::channel();
        let stopped = || StoreError::Stopped.to_string();
        self.line.send(Inbox::Ladder(of, answer)).await.map_err(|_| stopped())?;
        let rungs = ladder.await.map_err(|_| stopped())?;
        rungs.iter().map(|rung| serde_json::to_string(rung).map_err(|error| error.to_string())).collect()
    }

    /// On a connection of its own, so that records never wait behind it; the line knows the names before the command has its answer.
    async fn import(self, contacts: Vec<Contact>) -> Result<Vec<String>, String> {
        let dir = self.dir;
        let merged = tokio::task::spawn_blocking(move || -> Result<_, StoreError> {
            let mut conn = open_beside(&dir)?;
            Ok((contacts::merge(&mut conn, &contacts)?, contacts::all(&conn)?))
        });
        let (merged, all) = merged.await.map_err(|_| StoreError::Stopped.to_string())?.map_err(|error| error.to_string())?;
        self.line.send(Inbox::Contacts(all)).await.map_err(|_| StoreError::Stopped.to_string())?;
        Ok(vec![merged.to_string()])
    }

    /// The line forgets first, so that it writes nothing of that number afterwards; then the rows go.
    async fn erase(self, number: E164) -> Result<Vec<String>, String> {
        if self.writer.health() != Health::Ok {
            return Err(StoreError::Busy.to_string());
        }
        let (reply, answer) = oneshot::channel();
        let stopped = || StoreError::Stopped.to_string();
        self.line.send(Inbox::Command(Box::new(Command::Forget(number.clone())), reply)).await.map_err(|_| stopped())?;
        match timeout(PATIENCE, answer).await {
            Ok(Ok(Ok(_))) => {}
            Ok(Ok(Err(Refusal::Conflict(why)))) => return Err(why.to_owned()),
            Ok(Ok(Err(Refusal::NotFound | Refusal::Invalid { .. } | Refusal::Barred(_) | Refusal::Unavailable(_))) | Err(_)) | Err(_) => {
                return Err(stopped());
            }
        }
        let erased = self.writer.run(move |conn| erase::erase(conn, &number)).await;
        erased.map(|erased| vec![erased.to_string()]).map_err(|error| error.to_string())
    }
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
        stream.set_read_timeout(Some(WORK))?;
        stream.set_write_timeout(Some(WORK))?;
        let mut bytes = serde_json::to_vec(request)?;
        bytes.push(b'\n');
        stream.write_all(&bytes)?;
        let mut line = String::new();
        io::BufReader::new((&stream).take(ANSWER_MAX)).read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    };
    exchange().map(Some).map_err(broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::now::{Instant, Now};
    use crate::domain::text::ScreenText;

    #[test]
    fn many_contacts_arrive_whole_and_the_line_knows_them_before_the_command_has_its_answer() {
        let dir = tempfile::tempdir().unwrap();
        let wall = DateTime::from_timestamp(1_764_000_000, 0).unwrap();
        let opened = crate::store::open(dir.path(), wall).unwrap();
        let (writer, thread) = opened.start(Box::new(move || Now { instant: Instant::ZERO, wall }), Box::new(|_| ())).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (line, mut told) = mpsc::channel(4);
        let behind = Behind { writer, clock: Arc::new(move || wall), line, dir: dir.path().to_owned() };
        let serving = runtime.spawn({
            let _inside = runtime.enter();
            Control::bind(dir.path()).unwrap().serve(behind)
        });
        let contact = |n: u32| Contact {
            number: E164::from_e164(&format!("+4420{n:08}")).unwrap(),
            name: ScreenText::clean("Jeanne Martin"),
            note: "habite au 3".to_owned(),
        };
        // longer than any buffer on the way
        let request = Request::Contacts((0..5_000).map(contact).collect());
        let answer = ask(dir.path(), &request).unwrap();
        assert_eq!(answer, Some(Answer::Done(vec!["5000 contacts ajoutés, 0 modifié, 0 déjà connu.".to_owned()])));
        assert!(matches!(told.try_recv(), Ok(Inbox::Contacts(contacts)) if contacts.0.len() == 5_000));
        serving.abort();
        drop(runtime);
        thread.stop();
    }
}
