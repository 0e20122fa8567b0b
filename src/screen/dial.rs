//! Calls that the page starts and holds: `/api/dial`, `/api/callbacks/{id}/call`, `/api/calls/{id}/hold` and `/resume`.
//! The form is judged here; whether the call may be made is the switchboard's to say.

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::callbacks::{self, Body};
use super::calls::ask;
use super::guard::Person;
use super::refusal::Problem;
use super::state::ScreenState;
use crate::domain::call::{self, CallId};
use crate::switchboard::effect::Done;
use crate::switchboard::input::{Command, To};

type Started = Result<(StatusCode, Json<Value>), Problem>;

pub async fn dial(State(state): State<ScreenState>, Extension(person): Extension<Person>, body: Bytes) -> Started {
    let body = callbacks::read(&body)?;
    let to = callbacks::text(&body, "to")?.filter(|to| !to.is_empty());
    let to = to.ok_or_else(|| Problem::field("to", "Donnez le numéro à appeler."))?;
    start(&state, person, To::Number(to), &body).await
}

/// The body may be left out.
pub async fn call_back(State(state): State<ScreenState>, Extension(person): Extension<Person>, id: callbacks::Id, body: Bytes) -> Started {
    let id = callbacks::id_of(id)?;
    let body = if body.is_empty() { Body::new() } else { callbacks::read(&body)? };
    start(&state, person, To::Callback(id), &body).await.map_err(callbacks::gone)
}

async fn start(state: &ScreenState, Person(person): Person, to: To, body: &Body) -> Started {
    let extension = callbacks::text(body, "extension")?.filter(|extension| !extension.is_empty()).map(call::Extension);
    let guide = callbacks::text(body, "guide")?.unwrap_or_default();
    if !guide.is_empty() && state.plan().guides.iter().all(|known| known.id != guide) {
        return Err(Problem::field("guide", "Ce guide n'existe pas."));
    }
    match ask(state, Command::Dial { person, to, extension, guide }).await? {
        Done::Call(CallId(id)) => Ok((StatusCode::ACCEPTED, Json(json!({ "id": id })))),
        Done::Nothing | Done::Callback(_) => Err(Problem::unavailable("L'appel n'a pas pu être lancé.")),
    }
}

type Call = Result<Path<i64>, PathRejection>;

pub async fn hold(State(state): State<ScreenState>, Extension(person): Extension<Person>, id: Call) -> Result<StatusCode, Problem> {
    held(&state, person, id, true).await
}

pub async fn resume(State(state): State<ScreenState>, Extension(person): Extension<Person>, id: Call) -> Result<StatusCode, Problem> {
    held(&state, person, id, false).await
}

async fn held(state: &ScreenState, Person(person): Person, id: Call, on: bool) -> Result<StatusCode, Problem> {
    let Path(id) = id.map_err(|_| Problem::absent())?;
    ask(state, Command::Hold { person, call: CallId(id), on }).await?;
    Ok(StatusCode::NO_CONTENT)
}
