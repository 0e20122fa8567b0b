//! `GET /api/calls/{id}/ladder`: the SIP messages of a call, masked, oldest first. They live in the service's memory: an old call has none.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use chrono::SecondsFormat;
use serde::Serialize;
use tokio::sync::oneshot;

use super::refusal::Problem;
use super::state::ScreenState;
use crate::domain::call::CallId;
use crate::domain::ladder::Rung;
use crate::store::calls;

/// How long the signalling thread may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

#[derive(Debug, Serialize)]
pub struct Ladder {
    pub messages: Vec<Message>,
}

/// One message between us and a peer.
#[derive(Debug, Serialize)]
pub struct Message {
    pub at: String,
    pub from: SocketAddr,
    pub to: SocketAddr,
    /// True from us.
    pub sent: bool,
    pub transport: String,
    /// Which of the call's dialogs: the messages of one share a column.
    pub dialog: usize,
    pub start: String,
    pub cseq: String,
    pub text: String,
}

pub async fn ladder(State(state): State<ScreenState>, id: Result<Path<i64>, PathRejection>) -> Result<Json<Ladder>, Problem> {
    let Path(id) = id.map_err(|_| Problem::absent())?;
    state.read(move |conn| calls::call(conn, id)).await?.ok_or_else(Problem::absent)?;
    let messages = rungs(&state, CallId(id)).await?.into_iter().map(message).collect();
    Ok(Json(Ladder { messages }))
}

/// The messages of a call that are still kept.
pub(super) async fn rungs(state: &ScreenState, call: CallId) -> Result<Vec<Rung>, Problem> {
    let busy = || Problem::unavailable("Le service est trop occupé pour répondre. Réessayez dans un instant.");
    let (reply, answer) = oneshot::channel();
    state.ladders.try_send((call, reply)).map_err(|_| busy())?;
    match tokio::time::timeout(ANSWER, answer).await {
        Ok(Ok(rungs)) => Ok(rungs),
        Ok(Err(_)) | Err(_) => Err(busy()),
    }
}

fn message(rung: Rung) -> Message {
    let (from, to) = if rung.sent { (rung.local, rung.remote) } else { (rung.remote, rung.local) };
    Message {
        at: rung.at.to_rfc3339_opts(SecondsFormat::Millis, true),
        from,
        to,
        sent: rung.sent,
        transport: rung.transport,
        dialog: rung.dialog,
        start: rung.start,
        cseq: rung.cseq,
        text: String::from_utf8_lossy(&rung.bytes).into_owned(),
    }
}
