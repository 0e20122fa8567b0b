//! `GET /api/contacts?q=`: people by a part of their name or number, for forms that complete what is typed.

use std::collections::HashMap;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::refusal::Problem;
use super::state::ScreenState;
use crate::store::contacts::{self, Found};

pub async fn list(
    State(state): State<ScreenState>,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(mut query) = query.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "Les paramètres de l'adresse sont illisibles."))?;
    let wanted = query.remove("q").unwrap_or_default();
    let found = state.read(move |conn| contacts::find(conn, &wanted)).await?;
    Ok(Json(json!({ "contacts": found.iter().map(shown).collect::<Vec<_>>() })))
}

/// The shape of the API.
pub fn shown(Found { id, contact }: &Found) -> Value {
    let (number, name) = (contact.number.as_str(), contact.name.as_str());
    json!({ "id": id, "number": number, "display": contact.number.display(), "name": name, "note": contact.note })
}
