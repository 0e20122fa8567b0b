//! The agency's files as the pages read them: `GET /api/explain`, `GET /api/directory`, `GET /api/guides`. Nothing is dialled here.

use std::collections::HashMap;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::guard::Person;
use super::refusal::Problem;
use super::state::ScreenState;
use crate::dialplan::directory::Entry;
use crate::dialplan::explain::{Explained, explain};
use crate::dialplan::keys::MASK;
use crate::domain::call;

/// Longest question; what is dialled is far shorter.
const DIGITS_MAX: usize = 256;

/// What these digits would do from a phone of the person.
pub async fn explained(
    State(state): State<ScreenState>,
    Extension(Person(person)): Extension<Person>,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
) -> Result<Json<Explained>, Problem> {
    let wrong = |why: &'static str| Problem::field("digits", why);
    let Query(query) = query.map_err(|_| wrong("Les paramètres de l'adresse sont illisibles."))?;
    let digits = query.get("digits").filter(|digits| !digits.is_empty()).ok_or_else(|| wrong("Donnez ce qui serait composé."))?;
    if digits.len() > DIGITS_MAX {
        return Err(wrong("C'est trop long pour être composé."));
    }
    // an unescaped + arrives as a space
    let digits = digits.replace(' ', "+");
    let (plan, line) = (state.plan(), state.line());
    let phone = line.phones.iter().find(|phone| phone.owner == person).or(line.phones.first());
    let from = phone.map_or_else(|| call::Extension(String::new()), |phone| phone.extension.clone());
    Ok(Json(explain(&digits, &from, &plan.rules, &plan.trunks)))
}

pub async fn directory(State(state): State<ScreenState>) -> Json<Value> {
    let plan = state.plan();
    Json(json!({ "entries": plan.rules.directory.entries().iter().map(|entry| shown(entry)).collect::<Vec<_>>() }))
}

fn shown(entry: &Entry) -> Value {
    json!({
        "code": format!("{:02}", entry.code), "name": entry.name, "number": entry.number(), "display": entry.display(),
        "group": entry.group, "note": entry.note, "keys": entry.keys.as_ref().map(|_| MASK), "keypad": entry.keypad,
        "guide": Some(&entry.guide).filter(|guide| !guide.is_empty()), "personal": entry.personal,
    })
}

pub async fn guides(State(state): State<ScreenState>) -> Json<Value> {
    Json(json!({ "guides": state.plan().guides }))
}
