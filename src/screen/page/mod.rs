//! The pages, rendered here and readable without a script. Each part that changes by itself can be asked for alone.
//!
//! [`mod@file`] is the queue of callbacks, [`asked`] what of it the address asks for, [`row`] one of them, [`direct`] the line and the double call, [`list`] the calls, [`forms`] the way
//! of a form to the API's own routes, [`words`] the French of it. Text of others is escaped by the templates, everywhere.

pub mod asked;
pub mod direct;
pub mod file;
pub mod forms;
pub mod list;
pub mod row;
pub mod words;

use askama::Template;
use axum::Router;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};

use super::assets;
use super::refusal::Problem;
use super::state::ScreenState;

/// The pages and their forms; `api` is where a form's wish is carried out.
pub fn routes(api: Router) -> Router<ScreenState> {
    Router::new()
        .route("/", get(file::home))
        .route("/appels", get(list::calls))
        .route("/appels/{id}", get(list::call))
        .route("/numero", get(forms::number))
        .route("/fragments/ligne", get(direct::line))
        .route("/fragments/appel2", get(direct::second))
        .route("/callbacks", post(forms::create))
        .route("/callbacks/{id}/{what}", post(forms::change))
        .route("/demarchage/close", post(forms::close_folded))
        .route("/calls/{id}/{what}", post(forms::call))
        .route("/second-call/{what}", post(forms::second))
        .route("/login", get(login))
        .layer(Extension(forms::Forms::new(api)))
}

/// What every page shows around its own.
pub struct Frame {
    pub agency: String,
    /// Empty on the sign-in page.
    pub person: String,
    pub assets: &'static str,
    /// The part of the site.
    pub part: Part,
    /// Callbacks to make, and those that are late.
    pub due: usize,
    pub late: usize,
    pub line: direct::LineView,
    pub second: direct::Seconds,
}

impl Frame {
    pub fn signed(&self) -> bool {
        self.part != Part::Login
    }

    pub fn at_file(&self) -> bool {
        self.part == Part::File
    }

    pub fn at_calls(&self) -> bool {
        self.part == Part::Calls
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    File,
    Calls,
    Login,
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    frame: Frame,
    wrong: String,
}

pub async fn login(State(state): State<ScreenState>) -> Response {
    login_page(&state, String::new())
}

/// The form again, with what was wrong.
pub(super) fn login_again(state: &ScreenState, problem: &Problem) -> Response {
    let status = if problem.status == StatusCode::UNPROCESSABLE_ENTITY { StatusCode::UNAUTHORIZED } else { problem.status };
    (status, login_page(state, problem.detail.to_string())).into_response()
}

fn login_page(state: &ScreenState, wrong: String) -> Response {
    let frame = Frame {
        agency: state.agency.clone(),
        person: String::new(),
        assets: assets::base(),
        part: Part::Login,
        due: 0,
        late: 0,
        line: direct::LineView::default(),
        second: direct::Seconds::default(),
    };
    shown(&LoginPage { frame, wrong })
}

/// A template as an answer.
fn shown(template: &impl Template) -> Response {
    match template.render() {
        Ok(page) => Html(page).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page");
            Problem::unavailable("La page ne peut pas être écrite.").into_response()
        }
    }
}
