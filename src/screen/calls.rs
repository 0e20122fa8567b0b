//! `GET /api/calls`, `GET /api/calls/{id}`, `POST /api/calls/{id}/hangup`.

use std::collections::HashMap;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use super::refusal::Problem;
use super::state::ScreenState;
use crate::domain::call::CallId;
use crate::domain::callback::Callback;
use crate::domain::status::LineStatus;
use crate::store::calls::{self, CallRow, Filter, LIMIT_DEFAULT, Page};
use crate::switchboard::input::Command;

/// How long the signalling thread may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

pub async fn list(
    State(state): State<ScreenState>,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Query(query) = query.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "Les paramètres de l'adresse sont illisibles."))?;
    let filter = filter(&query)?;
    let mut page = state.read(move |conn| calls::calls(conn, &filter)).await?;
    let line = state.line();
    page.calls.iter_mut().for_each(|row| name_the_answerer(row, &line));
    Ok(Json(page))
}

pub async fn one(State(state): State<ScreenState>, id: Result<Path<i64>, PathRejection>) -> Result<Json<CallRow>, Problem> {
    let Path(id) = id.map_err(|_| Problem::absent())?;
    let mut row = state.read(move |conn| calls::call(conn, id)).await?.ok_or_else(Problem::absent)?;
    name_the_answerer(&mut row, &state.line());
    Ok(Json(row))
}

pub async fn hangup(State(state): State<ScreenState>, id: Result<Path<i64>, PathRejection>) -> Result<StatusCode, Problem> {
    let Path(id) = id.map_err(|_| Problem::absent())?;
    ask(&state, Command::HangUp(CallId(id))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Hands a command to the switchboard and waits for its answer.
pub(super) async fn ask(state: &ScreenState, command: Command) -> Result<Option<Box<Callback>>, Problem> {
    let busy = || Problem::unavailable("Le service est trop occupé pour répondre. Réessayez dans un instant.");
    let (reply, answer) = oneshot::channel();
    state.commands.try_send((command, reply)).map_err(|_| busy())?;
    match tokio::time::timeout(ANSWER, answer).await {
        Ok(Ok(result)) => Ok(result?),
        Ok(Err(_)) | Err(_) => Err(busy()),
    }
}

/// The owner of the phone that answered; its extension when nobody owns it (any more).
pub(super) fn name_the_answerer(row: &mut CallRow, line: &LineStatus) {
    let Some(extension) = row.answered_by.as_mut() else { return };
    let owner = line.phones.iter().find(|phone| phone.extension.0 == *extension).map(|phone| &phone.owner);
    if let Some(owner) = owner.filter(|owner| !owner.is_empty()) {
        extension.clone_from(owner);
    }
}

fn filter(query: &HashMap<String, String>) -> Result<Filter, Problem> {
    let given = |field: &str| query.get(field).map(|text| text.trim()).filter(|text| !text.is_empty());
    let time = |field: &'static str| -> Result<Option<DateTime<Utc>>, Problem> {
        let wrong = |_| Problem::field(field, "Date illisible : par exemple 2026-11-24T09:00:00Z.");
        // an unescaped + of the offset arrives as a space
        given(field).map(|text| DateTime::parse_from_rfc3339(&text.replace(' ', "+")).map(|t| t.to_utc()).map_err(wrong)).transpose()
    };
    let limit = given("limit").map_or(Ok(LIMIT_DEFAULT), str::parse);
    let before = given("before").map(str::parse).transpose();
    Ok(Filter {
        from: time("from")?,
        to: time("to")?,
        outcome: given("outcome").map(str::to_owned),
        number: given("number").map(number).transpose()?,
        before: before.map_err(|()| Problem::field("before", "Reprenez la valeur de « next » de la page précédente."))?,
        limit: limit.map_err(|_| Problem::field("limit", "Nombre de lignes illisible."))?,
    })
}

/// E.164; an unescaped `+` in an address arrives as a space, which the trim took off.
fn number(text: &str) -> Result<String, Problem> {
    let digits: String = text.strip_prefix('+').unwrap_or(text).chars().filter(|c| !matches!(c, ' ' | '.' | '-')).collect();
    let right = (8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    if right { Ok(format!("+{digits}")) } else { Err(Problem::field("number", "Numéro illisible : par exemple +33199000000.")) }
}
