//! The state of the line and of the service: `/api/line`, `/healthz`, `/readyz`, `/metrics`.

use std::net::SocketAddr;
use std::sync::atomic::AtomicI64;

use axum::Json;
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use super::guard::peer;
use super::refusal::Problem;
use super::state::ScreenState;
use crate::domain::status::{LineStatus, PhoneState, TrunkState};
use crate::store::Health;

/// Said by `readyz`; on the page a banner of an outage says more.
pub(super) const UNREACHED: &str = "L'opérateur n'est pas joint : le poste n'y est pas enregistré.";
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub async fn line(State(state): State<ScreenState>) -> Response {
    Json(state.line().as_ref()).into_response()
}

/// The process answers.
pub async fn healthz() -> Json<Value> {
    Json(json!({ "healthy": true }))
}

/// Calls can arrive, ring somewhere and be recorded.
pub async fn readyz(State(state): State<ScreenState>) -> Result<Json<Value>, Problem> {
    let line = state.line();
    let mut reasons = missing(&line, state.writer.health_at(state.now().instant));
    reasons.extend(line.alerts.iter().filter(|a| matches!(a.kind, "disk" | "journal")).map(|a| a.text.as_str()));
    if reasons.is_empty() { Ok(Json(json!({ "ready": true }))) } else { Err(Problem::unavailable(reasons.join(" "))) }
}

/// What keeps the line from working, in French.
pub(super) fn missing(line: &LineStatus, health: Health) -> Vec<&'static str> {
    let usable = line.trunks.iter().any(|trunk| matches!(trunk.state, TrunkState::Registered | TrunkState::Static));
    let mut reasons = Vec::new();
    if line.trunks.is_empty() {
        reasons.push("Aucun opérateur n'est configuré : ajoutez [[trunk]] à agence.toml.");
    } else if !usable {
        reasons.push(UNREACHED);
    }
    if line.phones.is_empty() {
        reasons.push("Aucun téléphone n'est configuré : ajoutez [[phone]] à agence.toml.");
    }
    // a banner of the line says more; it comes a moment later
    if matches!(health, Health::Failing | Health::Stalled) && line.alerts.iter().all(|alert| alert.kind != "disk") {
        reasons.push("Les appels ne peuvent plus être notés : le disque ou la base de données est en panne.");
    }
    reasons
}

/// OpenMetrics text, to this machine only.
pub async fn metrics(State(state): State<ScreenState>, info: Option<Extension<ConnectInfo<SocketAddr>>>) -> Result<Response, Problem> {
    if !peer(info.as_deref()).is_loopback() {
        return Err(Problem::foreign("Les mesures ne se lisent que depuis la machine du service."));
    }
    let mut text = String::new();
    let encoded = encode_registry(&mut text, &state.metrics)
        .and_then(|()| encode_registry(&mut text, &gauges(&state.line(), state.writer.health_at(state.now().instant))))
        .and_then(|()| encode_eof(&mut text));
    encoded.map_err(|_| Problem::unavailable("Les mesures ne peuvent pas être écrites."))?;
    Ok(([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response())
}

/// The line at this moment, as gauges.
fn gauges(line: &LineStatus, health: Health) -> Registry {
    let mut registry = Registry::with_prefix("rappel");
    let mut gauge = |name: &str, help: &str, value: usize| {
        let gauge = Gauge::<i64, AtomicI64>::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    };
    let usable = line.trunks.iter().filter(|t| matches!(t.state, TrunkState::Registered | TrunkState::Static)).count();
    gauge("trunks_usable", "Trunks that can take calls", usable);
    gauge("phones_registered", "Phones that are registered", line.phones.iter().filter(|p| p.state != PhoneState::Unregistered).count());
    gauge("calls_running", "Calls at this moment", line.calls.len());
    gauge("second_calls_running", "Double calls at this moment", line.second_calls.len());
    gauge("alerts_raised", "Banners shown", line.alerts.len());
    gauge("store_health", "0 database, 1 journal, 2 memory only, 3 no answer from the disk", health as usize);
    registry
}
