//! A form's way to the API: its fields become the JSON of the route that does the same, and the answer a page again.
//!
//! Nothing is decided here: `POST /callbacks/7/close` is `POST /api/callbacks/7/close`. Without a script a success is a 303 back to
//! the list, a refusal the page with the reason in it; with one, the reason alone.

use std::collections::HashMap;

use askama::Template;
use axum::body::{Body, to_bytes};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Form, Router};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::{Map, Value, json};

use super::super::guard::{Person, SCRIPT};
use super::super::state::ScreenState;
use super::file;
use crate::domain::hours::Hours;
use crate::domain::number::E164;
use crate::store::callbacks::{self, View};

/// The longest answer of a route that is read for its form.
const ANSWER_MAX: usize = 256 * 1024;
/// The longest address that a form may lead back to.
const BACK_MAX: usize = 512;
/// "Demain 9 h".
const MORNING: NaiveTime = NaiveTime::from_hms_opt(9, 0, 0).expect("a time of day");
/// Texts of a form that go on as they are.
const TEXTS: [&str; 7] = ["name", "subject", "owner", "place", "note", "guide", "outcome"];

/// Before the name of a field: what it held when the form was served.
const SERVED: &str = "servi.";

type Fields = HashMap<String, String>;

/// Where wishes are carried out.
#[derive(Clone)]
pub struct Forms(TowerToHyperService<Router>);

/// A wish that was refused, to be shown where it was made.
#[derive(Clone, Debug)]
pub struct Failed {
    pub status: StatusCode,
    pub detail: String,
    /// The callback it was about.
    pub id: Option<i64>,
    /// What was asked ("edit", "close"), and what was typed.
    pub what: String,
    pub fields: Fields,
}

impl Forms {
    pub fn new(api: Router) -> Forms {
        Forms(TowerToHyperService::new(api))
    }

    /// The answer of a route of the API, or why it refused.
    async fn ask(&self, person: &Person, method: Method, path: &str, body: &Map<String, Value>) -> Result<Value, (StatusCode, String)> {
        let failed = || (StatusCode::SERVICE_UNAVAILABLE, "Le service n'a pas pu répondre. Réessayez dans un instant.".to_owned());
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        let body = serde_json::to_vec(body).map_err(|_| failed())?;
        let mut request = request.body(Body::from(body)).map_err(|_| failed())?;
        request.extensions_mut().insert(person.clone());
        let response = self.0.call(request).await.map_err(|_| failed())?;
        let status = response.status();
        let answer = to_bytes(response.into_body(), ANSWER_MAX).await.map_err(|_| failed())?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        if status.is_success() {
            return Ok(answer);
        }
        let detail = answer.get("detail").and_then(Value::as_str).unwrap_or("Cette demande a été refusée.");
        Err((status, detail.to_owned()))
    }
}

/// A new callback.
pub async fn create(
    State(state): State<ScreenState>,
    Extension(person): Extension<Person>,
    Extension(forms): Extension<Forms>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let answer = forms.ask(&person, Method::POST, "/api/callbacks", &json_of(&fields)).await;
    match answer {
        Ok(callback) => back(&fields, &notice("note", &callback)),
        Err(refused) => refuse(&state, &person, &headers, failed(refused, None, "create", fields)).await,
    }
}

/// Anything that is done to one callback.
pub async fn change(
    State(state): State<ScreenState>,
    Extension(person): Extension<Person>,
    Extension(forms): Extension<Forms>,
    Path((id, what)): Path<(i64, String)>,
    headers: HeaderMap,
    Form(mut fields): Form<Fields>,
) -> Response {
    forget_unchanged(&mut fields);
    let mut body = json_of(&fields);
    let (method, path) = match what.as_str() {
        "edit" => (Method::PATCH, format!("/api/callbacks/{id}")),
        what => (Method::POST, format!("/api/callbacks/{id}/{what}")),
    };
    if what == "postpone" {
        match due(&fields, state.now().wall, &state.plan().hours) {
            Some(due) => body.insert("due".to_owned(), json!(super::words::iso(due))),
            None => {
                let refused = (StatusCode::UNPROCESSABLE_ENTITY, "Donnez le jour et l'heure du rappel.".to_owned());
                return refuse(&state, &person, &headers, failed(refused, Some(id), &what, fields)).await;
            }
        };
    }
    match forms.ask(&person, method, &path, &body).await {
        // a call that was made answers with its own id
        Ok(_) if what == "call" => back(&fields, &notice(&what, &json!({ "id": id }))),
        Ok(callback) => back(&fields, &notice(&what, &callback)),
        Err(refused) => refuse(&state, &person, &headers, failed(refused, Some(id), &what, fields)).await,
    }
}

/// Everything in the fold is closed without a call.
pub async fn close_folded(
    State(state): State<ScreenState>,
    Extension(person): Extension<Person>,
    Extension(forms): Extension<Forms>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let now = state.now().wall;
    let body = Map::from_iter([("outcome".to_owned(), json!("none"))]);
    let open = match state.read(move |conn| callbacks::list(conn, View::All, now)).await {
        Ok(open) => open,
        Err(problem) => {
            let refused = (problem.status, problem.detail.into_owned());
            return refuse(&state, &person, &headers, failed(refused, None, "close", fields)).await;
        }
    };
    for callback in open.iter().filter(|c| c.is_open() && c.folded) {
        let path = format!("/api/callbacks/{}/close", callback.id.0);
        if let Err(refused) = forms.ask(&person, Method::POST, &path, &body).await {
            return refuse(&state, &person, &headers, failed(refused, None, "close", fields)).await;
        }
    }
    back(&fields, "clos")
}

/// A running call: hang up, keypad and the like.
pub async fn call(
    State(state): State<ScreenState>,
    Extension(person): Extension<Person>,
    Extension(forms): Extension<Forms>,
    Path((id, what)): Path<(i64, String)>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    match forms.ask(&person, Method::POST, &format!("/api/calls/{id}/{what}"), &json_of(&fields)).await {
        Ok(_) => back(&fields, ""),
        Err(refused) => refuse(&state, &person, &headers, failed(refused, None, "call", fields)).await,
    }
}

/// The double call.
pub async fn second(
    State(state): State<ScreenState>,
    Extension(person): Extension<Person>,
    Extension(forms): Extension<Forms>,
    Path(what): Path<String>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let mut body = json_of(&fields);
    let (method, path) = match what.as_str() {
        "draft" => (Method::PATCH, "/api/second-call".to_owned()),
        what => (Method::POST, format!("/api/second-call/{what}")),
    };
    if let Some(id) = fields.get("id").and_then(|id| id.parse::<i64>().ok()) {
        body.insert("id".to_owned(), json!(id));
    }
    if fields.contains_key("end_first") {
        body.insert("end_first".to_owned(), json!(true));
    }
    match forms.ask(&person, method, &path, &body).await {
        Ok(_) => back(&fields, ""),
        Err(refused) => refuse(&state, &person, &headers, failed(refused, None, "second", fields)).await,
    }
}

/// `GET /numero?number=`: what is wrong with a number while it is typed; nothing when it is right or not there yet.
pub async fn number(Query(query): Query<Fields>) -> Html<String> {
    let typed = query.get("number").map_or("", |text| text.trim());
    Html(match E164::parse_national_or_international(typed) {
        _ if typed.is_empty() => String::new(),
        Ok(number) => sentence(&format!("✓ {}", number.display())),
        Err(error) => sentence(&format!("{error}.")),
    })
}

#[derive(Template)]
#[template(source = "{{ text }}", ext = "html")]
struct Sentence<'a> {
    text: &'a str,
}

fn sentence(text: &str) -> String {
    Sentence { text }.render().unwrap_or_default()
}

fn failed((status, detail): (StatusCode, String), id: Option<i64>, what: &str, fields: Fields) -> Failed {
    Failed { status, detail, id, what: what.to_owned(), fields }
}

/// The reason alone for a script; else the page, with the reason at its place.
async fn refuse(state: &ScreenState, person: &Person, headers: &HeaderMap, failed: Failed) -> Response {
    let status = failed.status;
    if headers.contains_key(SCRIPT) {
        return (status, Html(sentence(&failed.detail))).into_response();
    }
    let address = back_of(&failed.fields);
    let query = address.split_once('?').map_or("", |(_, query)| query);
    let query = serde_urlencoded::from_str::<Fields>(query).unwrap_or_default();
    match file::page(state, person, &query, Some(failed)).await {
        Ok(page) => (status, page).into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// 303 to where the form stood, with what is to be said there.
fn back(fields: &Fields, notice: &str) -> Response {
    let address = back_of(fields);
    if notice.is_empty() {
        return Redirect::to(&address).into_response();
    }
    let joint = if address.contains('?') { '&' } else { '?' };
    Redirect::to(&format!("{address}{joint}avis={notice}")).into_response()
}

/// A path of ours, whatever the form says.
fn back_of(fields: &Fields) -> String {
    let wanted = fields.get("retour").map_or("/", String::as_str);
    let ours = wanted.starts_with('/') && !wanted.starts_with("//") && wanted.len() <= BACK_MAX;
    let plain = wanted.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if ours && plain { wanted.to_owned() } else { "/".to_owned() }
}

/// `fait.7`: what was done, to which callback (a merged one answers with another id).
fn notice(what: &str, callback: &Value) -> String {
    let id = callback.get("id").and_then(Value::as_i64).unwrap_or_default();
    format!("{what}.{id}")
}

/// Takes out what was sent back as it was served (`servi.name` beside `name`): another person may have changed it meanwhile.
fn forget_unchanged(fields: &mut Fields) {
    // a field of several lines comes with the line ends of the network
    let same = |served: &str, sent: &str| served.replace('\r', "") == sent.replace('\r', "");
    let unchanged = |(name, served): (&String, &String)| {
        let field = name.strip_prefix(SERVED)?;
        fields.get(field).is_some_and(|sent| same(served, sent)).then(|| field.to_owned())
    };
    for field in fields.iter().filter_map(unchanged).collect::<Vec<_>>() {
        fields.remove(&field);
    }
}

/// The fields that a route knows. An empty number is none: it was never known.
fn json_of(fields: &Fields) -> Map<String, Value> {
    let texts = TEXTS.iter().filter_map(|name| fields.get(*name).map(|text| ((*name).to_owned(), json!(text))));
    let filled = ["number", "extension", "due"].into_iter();
    let filled =
        filled.filter_map(|name| fields.get(name).filter(|text| !text.trim().is_empty()).map(|text| (name.to_owned(), json!(text))));
    texts.chain(filled).collect()
}

/// The time that a form chose: a delay, tomorrow, or a day and an hour.
fn due(fields: &Fields, now: DateTime<Utc>, hours: &Hours) -> Option<DateTime<Utc>> {
    match fields.get("dans").map(String::as_str) {
        Some("10m") => now.checked_add_signed(TimeDelta::minutes(10)),
        Some("1h") => now.checked_add_signed(TimeDelta::hours(1)),
        Some("demain") => next_morning(now, hours),
        Some(_) | None => {
            let day: NaiveDate = fields.get("jour")?.parse().ok()?;
            let time: NaiveTime = fields.get("heure")?.parse().ok().or_else(|| format!("{}:00", fields["heure"]).parse().ok())?;
            Some(hours.moment(day.and_time(time)))
        }
    }
}

/// Tomorrow at nine; when the agency is closed then, its next opening.
pub(super) fn next_morning(now: DateTime<Utc>, hours: &Hours) -> Option<DateTime<Utc>> {
    let tomorrow = now.with_timezone(&hours.timezone).date_naive().checked_add_days(Days::new(1))?;
    let nine = hours.moment(tomorrow.and_time(MORNING));
    Some(hours.opening_from(nine).unwrap_or(nine))
}

impl Failed {
    /// What was typed into a field of that callback's form.
    pub fn typed(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_back_to_a_path_of_ours_only() {
        let back = |to: &str| back_of(&Fields::from([("retour".to_owned(), to.to_owned())]));
        for fine in ["/", "/?vue=faits&q=dupont%20a", "/appels/3"] {
            assert_eq!(back(fine), fine);
        }
        for foreign in ["//ailleurs.test", "https://ailleurs.test", "/\\ailleurs.test", "/\r\nSet-Cookie: a", "", "javascript:0"] {
            assert_eq!(back(foreign), "/", "{foreign}");
        }
    }
}
