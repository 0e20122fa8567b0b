//! `GET /api/day?date=`: the figures of one day of the agency, local time.

use std::collections::HashMap;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use chrono::NaiveDate;

use super::refusal::Problem;
use super::state::ScreenState;
use crate::domain::day::{Bounds, Day, figures};
use crate::store;

pub async fn day(
    State(state): State<ScreenState>,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
) -> Result<Json<Day>, Problem> {
    let Query(query) = query.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "Les paramètres de l'adresse sont illisibles."))?;
    let (plan, now) = (state.plan(), state.now().wall);
    let wrong = || Problem::field("date", "Date illisible : par exemple 2026-11-24.");
    let date = match query.get("date").map(|text| text.trim()).filter(|text| !text.is_empty()) {
        Some(text) => text.parse::<NaiveDate>().map_err(|_| wrong())?,
        None => now.with_timezone(&plan.hours.timezone).date_naive(),
    };
    let bounds = Bounds::of(date, &plan.hours).ok_or_else(wrong)?;
    let mut found = state.read(move |conn| store::day::read(conn, bounds.from, bounds.to)).await?;
    let line = state.line();
    let owner = |extension: &mut Option<String>| {
        let phone = line.phones.iter().find(|phone| Some(&phone.extension.0) == extension.as_ref());
        *extension = phone.map(|phone| phone.owner.clone()).filter(|owner| !owner.is_empty()).or(extension.take());
    };
    found.calls.iter_mut().for_each(|call| owner(&mut call.by));
    found.callbacks.iter_mut().for_each(|callback| owner(&mut callback.by));
    Ok(Json(figures(date, bounds, &plan.hours, &found, now, plan.per_person)))
}
