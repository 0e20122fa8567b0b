//! `POST /login` and `POST /logout`: a session is 256 bits in a cookie and their hash in the database.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;

use super::guard::peer;
use super::page;
use super::refusal::Problem;
use super::state::ScreenState;
use crate::store::{StoreError, people, secret};

/// The cookie's name.
const COOKIE: &str = "session";
/// How long a sign-in waits for its turn at the hashing.
const TURN: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct Credentials<T = String> {
    person: T,
    password: T,
}

/// The session of a request, as the browser sent it.
pub(super) fn session_of(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(';'));
    let value = |cookie: &'_ str| -> bool { cookie.trim().split_once('=').is_some_and(|(name, _)| name == COOKIE) };
    cookies
        .into_iter()
        .find(|c| value(c))
        .and_then(|c| c.trim().split_once('='))
        .map(|(_, v)| v)
        .filter(|v| v.len() == 2 * secret::SECRET_BYTES)
}

pub async fn login(
    State(state): State<ScreenState>,
    info: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let form = headers.get(header::CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    let address = peer(info.as_deref());
    let signed = match credentials(body, form) {
        Ok(credentials) => sign_in(&state, address, &credentials).await,
        Err(problem) => Err(problem),
    };
    match signed {
        Ok((person, session)) => {
            forget(&state, &headers).await;
            let cookie = cookie(&session, people::SESSION_LIFE.num_seconds());
            let answer = if form { Redirect::to("/").into_response() } else { Json(json!({ "person": person })).into_response() };
            ([(header::SET_COOKIE, cookie)], answer).into_response()
        }
        Err(problem) if form => page::login_again(&state, &problem),
        Err(problem) => problem.into_response(),
    }
}

pub async fn logout(State(state): State<ScreenState>, headers: HeaderMap) -> Response {
    forget(&state, &headers).await;
    ([(header::SET_COOKIE, cookie("", 0))], Redirect::to("/login")).into_response()
}

fn credentials(body: Result<Bytes, BytesRejection>, form: bool) -> Result<Credentials, Problem> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
        _ => Problem::new(StatusCode::BAD_REQUEST, "La demande est arrivée incomplète."),
    })?;
    let wrong = |field| Problem::field(field, "Donnez le nom (person) et le mot de passe (password).");
    let given: Option<Credentials<Option<String>>> =
        if form { serde_urlencoded::from_bytes(&body).ok() } else { serde_json::from_slice(&body).ok() };
    let Credentials { person, password } = given.ok_or_else(|| wrong("person"))?;
    Ok(Credentials { person: person.ok_or_else(|| wrong("person"))?, password: password.ok_or_else(|| wrong("password"))? })
}

/// The person and the new session. A wrong person and a wrong password take the same time and say the same.
async fn sign_in(state: &ScreenState, address: std::net::IpAddr, credentials: &Credentials) -> Result<(String, String), Problem> {
    let code = people::clean_code(&credentials.person).unwrap_or_default();
    let attempt = state.backoff.lock().unwrap_or_else(PoisonError::into_inner).attempt(address, &code, state.now().instant);
    if let Err(wait) = attempt {
        let seconds = wait.as_secs().saturating_add(1);
        let detail = format!("Trop d'essais : réessayez dans {seconds} s.");
        return Err(Problem { retry_after: Some(seconds), ..Problem::new(StatusCode::TOO_MANY_REQUESTS, detail) });
    }
    let turn = tokio::time::timeout(TURN, Arc::clone(&state.hashing).acquire_owned()).await;
    let Ok(Ok(_turn)) = turn else { return Err(Problem::unavailable("Trop de connexions en même temps. Réessayez dans un instant.")) };
    let (readers, person, password) = (state.readers.clone(), code.clone(), credentials.password.clone());
    let checked = tokio::task::spawn_blocking(move || {
        let phc = readers.read(|conn| people::password(conn, &person))?;
        Ok::<bool, StoreError>(secret::verify_password(&password, phc.as_deref()))
    });
    if !checked.await.map_err(|_| StoreError::Stopped)?? {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "Nom ou mot de passe inconnu."));
    }
    state.backoff.lock().unwrap_or_else(PoisonError::into_inner).clear(address, &code);
    let (session, now, owner) = (state.new_secret(), state.now().wall, code.clone());
    let hash = secret::secret_hash(&session);
    state.writer.run(move |conn| people::open_session(conn, &owner, &hash, now)).await?;
    Ok((code, session))
}

/// Ends the session that a request came with, if any.
async fn forget(state: &ScreenState, headers: &HeaderMap) {
    if let Some(old) = session_of(headers) {
        let hash = secret::secret_hash(old);
        if let Err(error) = state.writer.run(move |conn| people::close_session(conn, &hash)).await {
            tracing::warn!(%error, "a session could not be ended");
        }
    }
}

fn cookie(session: &str, seconds: i64) -> HeaderValue {
    let text = format!("{COOKIE}={session}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}
