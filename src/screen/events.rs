//! `GET /api/events`: what happens, as it happens (server-sent events `line`, `call`, `callback`, each in the shape of its route).
//!
//! A connection begins with a snapshot, announced by an event `snapshot` and whole with the next `id`, unless its `Last-Event-ID` is
//! the last thing that happened. Whoever is too slow gets a snapshot again, never a silent loss; whoever takes nothing for a while is let go.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde::Serialize;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::callbacks::shown;
use super::calls::name_the_answerer;
use super::guard;
use super::refusal::Problem;
use super::state::ScreenState;
use crate::domain::call::CallId;
use crate::domain::callback::Callback;
use crate::store::callbacks::{self, View};
use crate::store::calls::{self, Filter};
use crate::store::news::{Change, Changed};

/// Events that may wait for the network.
const QUEUE: usize = 64;
/// A connection that takes nothing for that long is ended; the browser makes another.
const STALLED: Duration = Duration::from_secs(30);
/// A comment keeps proxies from closing a silent connection. The session is looked at again, too.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// A browser that lost the connection makes another after a second.
const AGAIN: &[u8] = b"retry: 1000\n\n";
/// Rows of the list in a snapshot.
const CALLS: usize = 50;
/// Closed callbacks of a snapshot.
const CLOSED: usize = 50;

pub async fn events(State(state): State<ScreenState>, headers: HeaderMap) -> Result<Response, Problem> {
    let full = |_| Problem::unavailable("Trop de pages ouvertes en même temps : fermez-en une.");
    let place = std::sync::Arc::clone(&state.followers).try_acquire_owned().map_err(full)?;
    let (out, queue) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        Follower { state, headers, out, seen: 0 }.run().await;
        drop(place);
    });
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, Body::new(Queue(queue))).into_response())
}

/// The other end is gone, or the service ends.
struct Over;

/// Whether an event says that everything up to the last change was told.
enum Id {
    Seen,
    /// More belongs to it: an id that nothing ends with, so that whoever comes back with it is told everything.
    Partial,
}

struct Follower {
    state: ScreenState,
    headers: HeaderMap,
    out: mpsc::Sender<Bytes>,
    /// The last change that was sent.
    seen: u64,
}

impl Follower {
    async fn run(mut self) {
        // ends by `Over` only
        let _ = self.follow().await;
    }

    async fn follow(&mut self) -> Result<(), Over> {
        let mut status = self.state.status.clone();
        let mut news = self.state.writer.news().follow();
        let mut beat = tokio::time::interval(KEEPALIVE);
        beat.reset();
        status.mark_unchanged();
        self.send(Bytes::from_static(AGAIN)).await?;
        self.seen = self.state.writer.news().last();
        if self.headers.get("last-event-id").is_some_and(|last| last.as_bytes() == self.id().as_bytes()) {
            self.line().await?;
        } else {
            self.snapshot().await?;
        }
        loop {
            tokio::select! {
                changed = status.changed() => {
                    changed.map_err(|_| Over)?;
                    self.line().await?;
                }
                change = news.recv() => match change {
                    Ok(change) => self.change(change).await?,
                    Err(RecvError::Lagged(_)) => {
                        self.seen = self.state.writer.news().last();
                        self.snapshot().await?;
                    }
                    Err(RecvError::Closed) => return Err(Over),
                },
                _ = beat.tick() => {
                    if !guard::still_signed(&self.state, &self.headers).await {
                        return Err(Over);
                    }
                    self.send(Bytes::from_static(b": la ligne est ouverte\n\n")).await?;
                }
                () = self.out.closed() => return Err(Over),
            }
        }
    }

    fn id(&self) -> String {
        format!("{}-{}", self.state.epoch, self.seen)
    }

    async fn change(&mut self, change: Change) -> Result<(), Over> {
        // a snapshot that was read later than this was written
        if change.seq <= self.seen {
            return Ok(());
        }
        self.seen = change.seq;
        match change.what {
            Changed::Call(id) => self.call(id).await,
            Changed::Callback(callback) => self.callback(&callback).await,
            Changed::Much => self.snapshot().await,
        }
    }

    /// All of it: the line, the open callbacks and the last closed ones, the last calls. The last of them alone has the id of the
    /// last change: whoever loses the connection before it is told everything again.
    async fn snapshot(&mut self) -> Result<(), Over> {
        let now = self.state.now().wall;
        let filter = Filter { limit: CALLS, ..Filter::default() };
        let read = self.state.read(move |conn| Ok((callbacks::list(conn, View::All, now)?, calls::calls(conn, &filter)?))).await;
        let line = self.state.line();
        let Ok((mut entries, page)) = read else {
            // without the database the line is still told; whoever comes back has the rest
            self.event(Id::Partial, "line", line.as_ref()).await?;
            return Err(Over);
        };
        // open ones first, in the order of the queue, then the newest closed ones
        let open = entries.iter().take_while(|c| c.is_open()).count();
        entries[open..].sort_by_key(|c| std::cmp::Reverse((c.closed_at, c.id)));
        entries.truncate(open.saturating_add(CLOSED));
        let count = json!({ "callbacks": entries.len(), "calls": page.calls.len() });
        let mut told = vec![("snapshot", count), ("line", json!(*line))];
        told.extend(entries.iter().map(|callback| ("callback", shown(callback, now))));
        told.extend(page.calls.into_iter().rev().map(|mut row| {
            name_the_answerer(&mut row, &line);
            ("call", json!(row))
        }));
        let last = told.len() - 1;
        for (n, (name, data)) in told.iter().enumerate() {
            self.event(if n == last { Id::Seen } else { Id::Partial }, name, data).await?;
        }
        Ok(())
    }

    async fn line(&mut self) -> Result<(), Over> {
        let line = self.state.line();
        self.event(Id::Seen, "line", line.as_ref()).await
    }

    async fn callback(&mut self, callback: &Callback) -> Result<(), Over> {
        self.event(Id::Seen, "callback", &shown(callback, self.state.now().wall)).await
    }

    async fn call(&mut self, CallId(id): CallId) -> Result<(), Over> {
        match self.state.read(move |conn| calls::call(conn, id)).await {
            Ok(Some(mut row)) => {
                name_the_answerer(&mut row, &self.state.line());
                self.event(Id::Seen, "call", &row).await
            }
            // in the journal: it is told when the database has it
            Ok(None) => Ok(()),
            // whoever comes back is told everything
            Err(_) => Err(Over),
        }
    }

    async fn event(&mut self, id: Id, name: &str, data: &impl Serialize) -> Result<(), Over> {
        // JSON has no line break of its own
        let data = serde_json::to_string(data).map_err(|_| Over)?;
        let id = match id {
            Id::Seen => self.id(),
            Id::Partial => format!("{}-partie", self.state.epoch),
        };
        self.send(Bytes::from(format!("id: {id}\nevent: {name}\ndata: {data}\n\n"))).await
    }

    async fn send(&mut self, bytes: Bytes) -> Result<(), Over> {
        match tokio::time::timeout(STALLED, self.out.send(bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Over),
        }
    }
}

/// The answer's body: what the follower puts into its queue.
struct Queue(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Queue {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|next| next.map(|bytes| Ok(Frame::data(bytes))))
    }
}
