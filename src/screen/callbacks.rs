//! `/api/callbacks…`: the queue as it is read, and what a person does to it. Forms are judged here; the ledger decides the rest.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::calls::ask;
use super::guard::Person;
use super::refusal::Problem;
use super::state::ScreenState;
use crate::domain::callback::{Callback, CallbackId, Fields};
use crate::domain::identity::Caller;
use crate::domain::number::E164;
use crate::domain::text::ScreenText;
use crate::store::callbacks::{self, View};
use crate::switchboard::input::{CallbackCommand, Command};

/// The longest text of a field, in characters.
const TEXT_MAX: usize = 2_000;

type Id = Result<Path<i64>, PathRejection>;
type Body = Map<String, Value>;

pub async fn list(
    State(state): State<ScreenState>,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(query) = query.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "Les paramètres de l'adresse sont illisibles."))?;
    let view = match query.get("view").map(String::as_str) {
        None | Some("due") => View::Due,
        Some("planned") => View::Planned,
        Some("done") => View::Done,
        Some("all") => View::All,
        Some(_) => return Err(Problem::field("view", "Vue inconnue : due, planned, done ou all.")),
    };
    let now = state.now().wall;
    let found = state.read(move |conn| callbacks::list(conn, view, now)).await?;
    Ok(Json(json!({ "callbacks": found.iter().map(|c| shown(c, now)).collect::<Vec<_>>() })))
}

pub async fn one(State(state): State<ScreenState>, id: Id) -> Result<Json<Value>, Problem> {
    let id = id_of(id)?;
    let found = state.read(move |conn| callbacks::one(conn, id)).await?.ok_or_else(Problem::absent)?;
    Ok(Json(shown(&found, state.now().wall)))
}

pub async fn create(
    State(state): State<ScreenState>,
    Extension(person): Extension<Person>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let fields = fields(&read(&body)?)?;
    if fields.party.is_none() {
        return Err(Problem::field("number", "Donnez le numéro à rappeler."));
    }
    Ok((StatusCode::CREATED, carry_out(&state, person, CallbackCommand::Create(fields)).await?))
}

pub async fn patch(
    State(state): State<ScreenState>,
    Extension(person): Extension<Person>,
    id: Id,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let (id, fields) = (id_of(id)?, fields(&read(&body)?)?);
    carry_out(&state, person, CallbackCommand::Patch(id, fields)).await
}

pub async fn close(
    State(state): State<ScreenState>,
    Extension(person): Extension<Person>,
    id: Id,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let (id, body) = (id_of(id)?, read(&body)?);
    let outcome = body.get("outcome").cloned().unwrap_or_default();
    let outcome = serde_json::from_value(outcome)
        .map_err(|_| Problem::field("outcome", "Résultat inconnu : reached, voicemail, busy, wrong_number ou none."))?;
    carry_out(&state, person, CallbackCommand::Close(id, outcome)).await
}

pub async fn reopen(State(state): State<ScreenState>, Extension(person): Extension<Person>, id: Id) -> Result<Json<Value>, Problem> {
    carry_out(&state, person, CallbackCommand::Reopen(id_of(id)?)).await
}

pub async fn claim(State(state): State<ScreenState>, Extension(person): Extension<Person>, id: Id) -> Result<Json<Value>, Problem> {
    carry_out(&state, person, CallbackCommand::Claim(id_of(id)?)).await
}

pub async fn release(State(state): State<ScreenState>, Extension(person): Extension<Person>, id: Id) -> Result<Json<Value>, Problem> {
    carry_out(&state, person, CallbackCommand::Release(id_of(id)?)).await
}

pub async fn postpone(
    State(state): State<ScreenState>,
    Extension(person): Extension<Person>,
    id: Id,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let (id, body) = (id_of(id)?, read(&body)?);
    let due = due(&body)?.flatten().ok_or_else(|| Problem::field("due", "Dites à quand reporter, par exemple 2026-11-24T09:00:00Z."))?;
    carry_out(&state, person, CallbackCommand::Postpone(id, due)).await
}

async fn carry_out(state: &ScreenState, Person(person): Person, what: CallbackCommand) -> Result<Json<Value>, Problem> {
    let answer = ask(state, Command::Callback { person, what }).await.map_err(|problem| match problem.status {
        StatusCode::NOT_FOUND => Problem::new(StatusCode::NOT_FOUND, "Ce rappel n'existe pas, ou n'existe plus."),
        _ => problem,
    })?;
    let callback = answer.ok_or_else(|| Problem::unavailable("Le rappel n'a pas pu être relu."))?;
    Ok(Json(shown(&callback, state.now().wall)))
}

fn id_of(id: Id) -> Result<CallbackId, Problem> {
    id.map(|Path(id)| CallbackId(id)).map_err(|_| Problem::absent())
}

/// The shape of the API.
pub fn shown(c: &Callback, now: DateTime<Utc>) -> Value {
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    json!({
        "id": c.id, "kind": "callback", "number": c.party.number().map(E164::as_str), "display": c.party.display(), "name": c.name.as_str(),
        "source": c.source, "subject": c.subject, "owner": c.owner, "claimed_by": c.claimed_by, "place": c.place, "note": c.note,
        "guide": c.guide, "answers": null, "due": c.due.map(time), "overdue": c.is_overdue(now), "state": c.state, "attempts": c.attempts,
        "missed_count": c.missed_count, "first_at": time(c.first_at), "last_at": time(c.last_at), "clip": null, "closed_by": c.closed_by,
        "to_confirm": c.to_confirm, "fold": c.folded.then_some("démarchage"), "marks": c.marks, "left_on_hold": c.left_on_hold,
    })
}

fn read(body: &[u8]) -> Result<Body, Problem> {
    serde_json::from_slice(body).map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "La demande n'est pas du JSON lisible."))
}

pub(super) fn fields(body: &Body) -> Result<Fields, Problem> {
    let party = text(body, "number")?.map(|number| {
        let number = E164::parse_national_or_international(&number);
        number.map(Caller::Known).map_err(|error| Problem::field("number", format!("{error}.")))
    });
    Ok(Fields {
        party: party.transpose()?,
        name: text(body, "name")?.map(|name| ScreenText::clean(&name)),
        subject: text(body, "subject")?,
        owner: text(body, "owner")?,
        place: text(body, "place")?,
        note: text(body, "note")?,
        guide: text(body, "guide")?,
        due: due(body)?,
    })
}

/// A text of the form; null empties it.
fn text(body: &Body, field: &'static str) -> Result<Option<String>, Problem> {
    match body.get(field) {
        None => Ok(None),
        Some(Value::Null) if field == "number" => Ok(None),
        Some(Value::Null) => Ok(Some(String::new())),
        Some(Value::String(text)) if text.chars().count() <= TEXT_MAX => {
            Ok(Some(text.chars().filter(|c| !c.is_control() || *c == '\n').collect::<String>().trim().to_owned()))
        }
        Some(Value::String(_)) => Err(Problem::field(field, "Ce texte est trop long.")),
        Some(_) => Err(Problem::field(field, "Un texte est attendu.")),
    }
}

fn due(body: &Body) -> Result<Option<Option<DateTime<Utc>>>, Problem> {
    match body.get("due") {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(value) => {
            let at = value.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
            at.map(|at| Some(Some(at.to_utc()))).ok_or_else(|| Problem::field("due", "Date illisible : par exemple 2026-11-24T09:00:00Z."))
        }
    }
}
