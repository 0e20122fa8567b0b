//! `/api/second-call…`: what a person does to a double call; and the keypad of a call. Forms are judged here, the switchboard decides.

use std::collections::HashMap;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};

use super::callbacks::fields;
use super::calls::ask;
use super::guard::Person;
use super::refusal::Problem;
use super::state::ScreenState;
use crate::domain::call::{self, CallId};
use crate::domain::key::Key;
use crate::switchboard::input::{Command, SecondCommand, SecondTarget};
use crate::switchboard::keypad::MAX_SENT;

type Answered = Result<StatusCode, Problem>;
type Id = Result<Path<i64>, PathRejection>;

pub async fn draft(State(state): State<ScreenState>, Extension(person): Extension<Person>, headers: HeaderMap, body: Bytes) -> Answered {
    let form = read(&headers, &body)?;
    // a number that is not whole yet is no number, and no reason to lose the rest
    let mut typed = form.clone();
    if fields(&typed).is_err_and(|problem| problem.field == Some("number")) {
        typed.remove("number");
    }
    carry_out(&state, person, &form, SecondCommand::Draft(Box::new(fields(&typed)?))).await
}

pub async fn take(State(state): State<ScreenState>, Extension(person): Extension<Person>, headers: HeaderMap, body: Bytes) -> Answered {
    let form = read(&headers, &body)?;
    let end_first = matches!(form.get("end_first"), Some(Value::Bool(true)))
        || form.get("end_first").and_then(Value::as_str).is_some_and(|word| matches!(word, "1" | "on" | "true"));
    carry_out(&state, person, &form, SecondCommand::Take { end_first }).await
}

pub async fn save(State(state): State<ScreenState>, Extension(person): Extension<Person>, headers: HeaderMap, body: Bytes) -> Answered {
    let form = read(&headers, &body)?;
    carry_out(&state, person, &form, SecondCommand::Save(Box::new(fields(&form)?))).await
}

pub async fn attendant(
    State(state): State<ScreenState>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    body: Bytes,
) -> Answered {
    carry_out(&state, person, &read(&headers, &body)?, SecondCommand::SendAway).await
}

pub async fn swap(State(state): State<ScreenState>, Extension(person): Extension<Person>, headers: HeaderMap, body: Bytes) -> Answered {
    carry_out(&state, person, &read(&headers, &body)?, SecondCommand::Swap).await
}

pub async fn resume(State(state): State<ScreenState>, Extension(person): Extension<Person>, headers: HeaderMap, body: Bytes) -> Answered {
    carry_out(&state, person, &read(&headers, &body)?, SecondCommand::Resume).await
}

pub async fn done(State(state): State<ScreenState>, Extension(person): Extension<Person>, headers: HeaderMap, body: Bytes) -> Answered {
    carry_out(&state, person, &read(&headers, &body)?, SecondCommand::Done).await
}

pub async fn keypad(State(state): State<ScreenState>, id: Id, headers: HeaderMap, body: Bytes) -> Answered {
    let Path(id) = id.map_err(|_| Problem::absent())?;
    let open = match read(&headers, &body)?.get("open") {
        None => true,
        Some(Value::Bool(open)) => *open,
        Some(Value::String(word)) => matches!(word.as_str(), "1" | "on" | "true"),
        Some(_) => return Err(Problem::field("open", "Vrai ou faux est attendu.")),
    };
    ask(&state, Command::Keypad { call: CallId(id), open }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn send_keys(State(state): State<ScreenState>, id: Id, headers: HeaderMap, body: Bytes) -> Answered {
    let Path(id) = id.map_err(|_| Problem::absent())?;
    let form = read(&headers, &body)?;
    let wrong = || Problem::field("keys", format!("De 1 à {MAX_SENT} touches : chiffres, * ou #."));
    let text = form.get("keys").and_then(Value::as_str).ok_or_else(wrong)?;
    let keys: Option<Vec<Key>> = text.bytes().filter(|sign| *sign != b' ').map(Key::new).collect();
    let keys = keys.filter(|keys| (1..=MAX_SENT).contains(&keys.len())).ok_or_else(wrong)?;
    ask(&state, Command::SendKeys { call: CallId(id), keys }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn carry_out(state: &ScreenState, Person(person): Person, form: &Map<String, Value>, what: SecondCommand) -> Answered {
    let target = Box::new(SecondTarget { id: id_of(form)?, extension: extension_of(form)? });
    ask(state, Command::Second { person, target, what }).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn id_of(form: &Map<String, Value>) -> Result<Option<CallId>, Problem> {
    let wrong = || Problem::field("id", "Le numéro d'un appel est attendu.");
    match form.get("id") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => text.parse().map(|id| Some(CallId(id))).map_err(|_| wrong()),
        Some(value) => value.as_i64().map(|id| Some(CallId(id))).ok_or_else(wrong),
    }
}

fn extension_of(form: &Map<String, Value>) -> Result<Option<call::Extension>, Problem> {
    match form.get("extension") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(call::Extension(text.clone()))),
        Some(_) => Err(Problem::field("extension", "Un numéro de poste est attendu.")),
    }
}

/// JSON, a form, or nothing at all.
fn read(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Problem> {
    let wrong = || Problem::new(StatusCode::BAD_REQUEST, "La demande n'est pas lisible : JSON ou formulaire attendu.");
    if body.is_empty() {
        return Ok(Map::new());
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") {
        let form: HashMap<String, String> = serde_urlencoded::from_bytes(body).map_err(|_| wrong())?;
        return Ok(form.into_iter().map(|(name, value)| (name, Value::String(value))).collect());
    }
    serde_json::from_slice(body).map_err(|_| wrong())
}
