//! HTTP: the API, signing in, and the pages. It reads the store and asks the switchboard; it decides nothing of a call.
//!
//! [`guard`] stands before every route (hosts, origins, sessions, sizes); [`refusal`] is the one place where a
//! failure becomes a status and a French sentence; [`serve`] holds the connections.

pub mod assets;
pub mod backoff;
pub mod callbacks;
pub mod calls;
pub mod clips;
pub mod contacts;
pub mod day;
pub mod dial;
pub mod events;
pub mod guard;
pub mod ladder;
pub mod line;
pub mod login;
pub mod openapi;
pub mod page;
pub mod plan;
pub mod refusal;
pub mod second_call;
pub mod serve;
pub mod state;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, patch, post};

pub use state::{Asked, LadderWanted, Plan, ScreenParts, ScreenState, SignIn};

/// The longest body of a request.
pub const BODY_MAX: usize = 64 * 1024;

/// Every route of this version. Requests must carry `ConnectInfo<SocketAddr>`, as [`serve::serve`] gives them.
pub fn router(state: ScreenState) -> Router {
    api()
        .merge(page::routes(api().with_state(state.clone())))
        .route("/login", post(login::login))
        .route("/logout", post(login::logout))
        .route("/static/{version}/{name}", get(assets::file))
        .route("/healthz", get(line::healthz))
        .route("/readyz", get(line::readyz))
        .route("/metrics", get(line::metrics))
        .route("/api/openapi.json", get(openapi::openapi))
        .fallback(refusal::not_found)
        .method_not_allowed_fallback(refusal::not_allowed)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn_with_state(state.clone(), guard::guard))
        .with_state(state)
}

/// What programs speak with; the forms of the pages come here too.
fn api() -> Router<ScreenState> {
    Router::new()
        .route("/api/line", get(line::line))
        .route("/api/events", get(events::events))
        .route("/api/calls", get(calls::list))
        .route("/api/calls/{id}", get(calls::one))
        .route("/api/calls/{id}/ladder", get(ladder::ladder))
        .route("/api/calls/{id}/hangup", post(calls::hangup))
        .route("/api/calls/{id}/hold", post(dial::hold))
        .route("/api/calls/{id}/resume", post(dial::resume))
        .route("/api/dial", post(dial::dial))
        .route("/api/contacts", get(contacts::list))
        .route("/api/calls/{id}/keypad", post(second_call::keypad))
        .route("/api/calls/{id}/send-keys", post(second_call::send_keys))
        .route("/api/second-call", patch(second_call::draft))
        .route("/api/second-call/take", post(second_call::take))
        .route("/api/second-call/attendant", post(second_call::attendant))
        .route("/api/second-call/swap", post(second_call::swap))
        .route("/api/second-call/save", post(second_call::save))
        .route("/api/second-call/resume", post(second_call::resume))
        .route("/api/second-call/done", post(second_call::done))
        .route("/api/callbacks", get(callbacks::list).post(callbacks::create))
        .route("/api/callbacks/{id}", get(callbacks::one).patch(callbacks::patch))
        .route("/api/callbacks/{id}/call", post(dial::call_back))
        .route("/api/callbacks/{id}/close", post(callbacks::close))
        .route("/api/callbacks/{id}/reopen", post(callbacks::reopen))
        .route("/api/callbacks/{id}/claim", post(callbacks::claim))
        .route("/api/callbacks/{id}/release", post(callbacks::release))
        .route("/api/callbacks/{id}/postpone", post(callbacks::postpone))
        .route("/api/day", get(day::day))
        .route("/api/directory", get(plan::directory))
        .route("/api/explain", get(plan::explained))
        .route("/api/guides", get(plan::guides))
        .route("/clips/{file}", get(clips::clip))
}
