//! What every request passes before its route: host, size, session, origin; and the headers of every answer.
//!
//! DNS rebinding is stopped by the host, other sites' forms by the origin and `SameSite=Strict`. A bearer token needs
//! neither origin nor cookie: no browser sends it by itself.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::refusal::{Problem, in_french};
use super::state::{ScreenState, SignIn};
use super::{BODY_MAX, assets, login};
use crate::store::{people, secret};

/// A request, body included, is answered in this time.
const REQUEST_MAX: Duration = Duration::from_secs(30);
/// Paths that need no session, beside [`assets::FOLDER`].
const OPEN: [&str; 5] = ["/login", "/healthz", "/readyz", "/metrics", "/api/openapi.json"];
/// First words of the paths of pages and of their forms: without a session they lead to the sign-in.
const PAGES: [&str; 8] = ["", "appels", "callbacks", "calls", "demarchage", "fragments", "numero", "second-call"];
/// `'self'` alone: no inline script or style, no frame, no foreign form.
const POLICY: &str =
    "default-src 'self'; script-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // to us the whole address: with "no-referrer" a browser posts our own forms with `Origin: null`
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// htmx asks: a part of the page is enough, and it goes where [`GO`] says.
pub(super) const SCRIPT: HeaderName = HeaderName::from_static("hx-request");
const GO: HeaderName = HeaderName::from_static("hx-redirect");

/// The person of a request, for its route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person(pub String);

/// How a request said who it is.
enum Proof {
    Bearer,
    Cookie,
    /// Nothing was asked (demonstration), or nothing was needed.
    None,
}

pub async fn guard(State(state): State<ScreenState>, request: Request, next: Next) -> Response {
    let checked = tokio::time::timeout(REQUEST_MAX, check(&state, request, next)).await;
    let late = || Problem::new(StatusCode::REQUEST_TIMEOUT, "La demande a mis trop de temps à arriver.").into_response();
    let mut response = in_french(checked.unwrap_or_else(|_| late()));
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

async fn check(state: &ScreenState, mut request: Request, next: Next) -> Response {
    if let Err(problem) = host(state, &request).and_then(|()| size(request.headers())) {
        return problem.into_response();
    }
    let path = request.uri().path();
    let needed = !OPEN.contains(&path) && !path.starts_with(assets::FOLDER);
    let (person, proof) = match who(state, request.headers()).await {
        Ok(found) => found,
        Err(problem) if needed => return problem.into_response(),
        Err(_) => (None, Proof::None),
    };
    if person.is_none() && needed {
        let page = PAGES.contains(&path.split('/').nth(1).unwrap_or_default());
        if page && request.headers().contains_key(SCRIPT) {
            return ([(GO, "/login")], Problem::unsigned()).into_response();
        }
        if page || path == "/logout" {
            return Redirect::to("/login").into_response();
        }
        if path.starts_with("/api") || path.starts_with("/clips/") {
            return Problem::unsigned().into_response();
        }
    }
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if let Err(problem) = origin(request.headers(), &proof, safe) {
        return problem.into_response();
    }
    if let Some(person) = person {
        request.extensions_mut().insert(Person(person));
    }
    next.run(request).await
}

/// Loopback, an address we listen on, or a configured name; the port is left aside (a tunnel may change it).
fn host(state: &ScreenState, request: &Request) -> Result<(), Problem> {
    let foreign = || Problem::foreign("Cette adresse n'est pas celle du service : ajoutez-la à [web] hosts.");
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let named = hosts.next().and_then(|host| host.to_str().ok()).ok_or_else(foreign)?;
    let absolute = request.uri().authority().is_none_or(|authority| known(state, authority.as_str()));
    if hosts.next().is_none() && absolute && known(state, named) { Ok(()) } else { Err(foreign()) }
}

fn known(state: &ScreenState, host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    if let Ok(ip) = name.parse::<IpAddr>() {
        // rebinding needs a name: with an unspecified address any literal may be ours
        return ip.is_loopback()
            || state.hosts.iter().any(|host| host == name)
            || state.listen.iter().any(|listen| listen.ip() == ip || listen.ip().is_unspecified());
    }
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || state.hosts.contains(&name)
}

/// Refuses by the announced length, before anything of the body is read. Others are counted as they come.
fn size(headers: &HeaderMap) -> Result<(), Problem> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    if length.is_some_and(|n| n > BODY_MAX as u64) { Err(Problem::too_large()) } else { Ok(()) }
}

async fn who(state: &ScreenState, headers: &HeaderMap) -> Result<(Option<String>, Proof), Problem> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|v| v.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = token else { return Err(Problem::unsigned()) };
        let hash = secret::secret_hash(token.trim());
        let person = state.read(move |conn| people::of_token(conn, &hash)).await?;
        return person.map(|p| (Some(p), Proof::Bearer)).ok_or_else(Problem::unsigned);
    }
    if let Some(session) = login::session_of(headers) {
        let (hash, now) = (secret::secret_hash(session), state.now().wall);
        let person = state.read(move |conn| people::of_session(conn, &hash, now)).await?;
        if person.is_some() {
            return Ok((person, Proof::Cookie));
        }
    }
    Ok(match &state.sign_in {
        SignIn::As(person) => (Some(person.clone()), Proof::None),
        SignIn::Required => (None, Proof::None),
    })
}

/// Whether who opened a long answer may still read it.
pub(super) async fn still_signed(state: &ScreenState, headers: &HeaderMap) -> bool {
    // a database that is busy for a moment is no sign-out
    !matches!(who(state, headers).await, Ok((None, _)) | Err(Problem { status: StatusCode::UNAUTHORIZED, .. }))
}

/// Nothing is told to another site's script, and a change must come from our own page. Programs (no cookie, no `Origin`) may sign in; a
/// token needs none of it. `safe`: it changes nothing; a link of another site may lead here, and says no `Origin`.
fn origin(headers: &HeaderMap, proof: &Proof, safe: bool) -> Result<(), Problem> {
    let foreign = || Problem::foreign("La demande vient d'un autre site.");
    let text = |name: HeaderName| headers.get(name).map(|v| v.to_str().unwrap_or("null"));
    let site = text(HeaderName::from_static("sec-fetch-site"));
    let origin = text(header::ORIGIN);
    match proof {
        Proof::Bearer => return Ok(()),
        Proof::Cookie if !safe && site.is_none() && origin.is_none() => return Err(foreign()),
        Proof::Cookie | Proof::None => {}
    }
    let ours = |origin: &str| {
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        authority.zip(text(header::HOST)).is_some_and(|(a, host)| a.eq_ignore_ascii_case(host))
    };
    let elsewhere = !safe && site.is_some_and(|s| s != "same-origin" && s != "none");
    if elsewhere || origin.is_some_and(|o| !ours(o)) { Err(foreign()) } else { Ok(()) }
}

/// The address of the other end; unspecified when the server did not tell (which is then nobody's).
pub(super) fn peer(info: Option<&ConnectInfo<SocketAddr>>) -> IpAddr {
    info.map_or(IpAddr::from([0, 0, 0, 0]), |ConnectInfo(address)| address.ip().to_canonical())
}
