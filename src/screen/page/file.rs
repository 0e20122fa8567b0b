//! `/`: the queue of callbacks in its order, by tab and search, or one card between two clients. State stands in the address.

use std::collections::HashMap;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};

use super::super::assets;
use super::super::calls::name_the_answerer;
use super::super::guard::{Person, SCRIPT};
use super::super::refusal::Problem;
use super::super::state::ScreenState;
use super::asked::{Asked, Tab, TabView, belongs, tabs};
use super::forms::{self, Failed};
use super::row::Row;
use super::{Frame, Part, direct, shown, words};
use crate::domain::callback::{Callback, CallbackId};
use crate::store::callbacks::{self, View};
use crate::store::calls::{self, Filter};

/// Closed callbacks of a tab at most; older ones stand among the calls.
const CLOSED_SHOWN: usize = 200;
/// Calls of a card's history.
const HISTORY: usize = 5;
/// What is proposed as a subject.
pub const SUBJECTS: [&str; 12] = [
    "sinistre auto",
    "sinistre habitation",
    "sinistre santé",
    "sinistre pro",
    "devis auto",
    "souscription auto",
    "note de couverture",
    "pièces manquantes",
    "opération sur contrat",
    "chèque",
    "rendez-vous",
    "rappel demandé",
];

pub struct Toast {
    pub text: String,
    /// The callback that can be reopened.
    pub undo: Option<i64>,
}

pub struct Card {
    pub row: Row,
    pub history: Vec<Line>,
    /// The address of the next card.
    pub pass: String,
    pub left: usize,
}

pub struct Line {
    pub id: i64,
    pub when: String,
    pub words: String,
}

/// Everything below the frame; also a fragment alone.
pub struct File {
    pub tabs: Vec<TabView>,
    pub asked: Asked,
    pub rows: Vec<Row>,
    pub folded: Vec<Row>,
    /// In the tab of cards: the card, if one is left.
    pub card: Option<Card>,
    pub due: usize,
    pub late: usize,
    /// Nothing was ever noted.
    pub empty: bool,
    /// The address of this very view.
    pub here: String,
    pub tomorrow: String,
    pub today: String,
    /// The day in words, for the list on paper.
    pub day: String,
    pub failed: Option<Failed>,
}

#[derive(Template)]
#[template(path = "file.html")]
struct FilePage {
    frame: Frame,
    file: File,
    toast: Option<Toast>,
}

#[derive(Template)]
#[template(path = "file_part.html")]
struct FilePart {
    file: File,
    toast: Option<Toast>,
}

pub async fn home(
    State(state): State<ScreenState>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Problem> {
    if !headers.contains_key(SCRIPT) {
        return page(&state, &person, &query, None).await;
    }
    let (file, toast) = file(&state, &person, &query, None).await?;
    Ok(shown(&FilePart { file, toast }))
}

/// The whole page; `failed` is a form that was refused, shown where it stands.
pub(super) async fn page(
    state: &ScreenState,
    person: &Person,
    query: &HashMap<String, String>,
    failed: Option<Failed>,
) -> Result<Response, Problem> {
    let (file, toast) = file(state, person, query, failed).await?;
    let frame = Frame {
        agency: state.agency.clone(),
        person: person.0.clone(),
        assets: assets::base(),
        part: Part::File,
        due: file.due,
        late: file.late,
        line: direct::view(state),
        second: direct::seconds(state, &person.0).await?,
    };
    Ok(shown(&FilePage { frame, file, toast }))
}

async fn file(
    state: &ScreenState,
    Person(person): &Person,
    query: &HashMap<String, String>,
    failed: Option<Failed>,
) -> Result<(File, Option<Toast>), Problem> {
    let (asked, now, timezone) = (Asked::read(query), state.now().wall, state.plan().hours.timezone);
    let all = state.read(move |conn| callbacks::list(conn, View::All, now)).await?;
    let toast = toast(state, &asked, &all, now);
    let of = |tab: Tab| all.iter().filter(move |c| belongs(c, tab, now));
    let due = of(Tab::Due).filter(|c| !c.folded).count();
    let late = all.iter().filter(|c| c.is_overdue(now) && !c.folded).count();
    let row = |c: &Callback| Row::new(c, person, now, state, failed.as_ref());
    let card = match asked.tab {
        Tab::Between => card(state, person, &asked, &all, now).await?,
        Tab::Due | Tab::Planned | Tab::Done | Tab::All => None,
    };
    let mut wanted: Vec<&Callback> = of(asked.tab).filter(|c| asked.finds(c)).collect();
    if asked.tab == Tab::Done {
        wanted.sort_by_key(|c| std::cmp::Reverse((c.closed_at, c.id)));
        wanted.truncate(CLOSED_SHOWN);
    }
    let (folded, plain): (Vec<&Callback>, Vec<&Callback>) = wanted.into_iter().partition(|c| c.folded && c.is_open());
    let file = File {
        tabs: tabs(&asked, due, [Tab::Planned, Tab::Done].map(|tab| of(tab).count())),
        rows: plain.into_iter().map(row).collect(),
        folded: folded.into_iter().map(row).collect(),
        card,
        due,
        late,
        empty: all.is_empty(),
        here: asked.address(),
        tomorrow: tomorrow(state, now),
        day: words::day(now, timezone),
        today: now.with_timezone(&timezone).format("%Y-%m-%d").to_string(),
        asked,
        failed: failed.filter(|failed| failed.id.is_none_or(|id| all.iter().all(|c| c.id.0 != id)) || failed.what != "edit"),
    };
    Ok((file, toast))
}

/// The button's words: "demain 9 h", or the day of the next opening.
fn tomorrow(state: &ScreenState, now: DateTime<Utc>) -> String {
    let hours = &state.plan().hours;
    let Some(due) = forms::next_morning(now, hours) else { return "demain 9 h".to_owned() };
    let words = words::when(due, now, hours.timezone);
    words.replace(" 09:00", " 9 h").replace(" 0", " ")
}

/// What was just done, said with its undo.
fn toast(state: &ScreenState, asked: &Asked, all: &[Callback], now: DateTime<Utc>) -> Option<Toast> {
    let (what, id) = asked.notice.as_ref()?;
    if what == "clos" {
        return Some(Toast { text: "Démarchage clos.".to_owned(), undo: None });
    }
    let callback = all.iter().find(|c| c.id == CallbackId(*id))?;
    let who = if callback.name.is_empty() { callback.party.display() } else { callback.name.as_str().to_owned() };
    let due = callback.due.map_or_else(|| "à décider".to_owned(), |due| words::when(due, now, state.plan().hours.timezone));
    let (text, undo) = match what.as_str() {
        "close" if callback.is_open() => (format!("Rappel de {who} : {due}."), None),
        "close" => (format!("Rappel de {who} terminé."), Some(*id)),
        "postpone" => (format!("Rappel de {who} reporté : {due}."), None),
        "reopen" => (format!("Rappel de {who} rouvert."), None),
        "call" => (format!("Décrochez : votre poste sonne, puis {who} est appelé."), None),
        "edit" | "note" => (format!("Rappel de {who} noté."), None),
        _ => return None,
    };
    Some(Toast { text, undo })
}

/// The next one that is late and that nobody else holds.
async fn card(state: &ScreenState, person: &str, asked: &Asked, all: &[Callback], now: DateTime<Utc>) -> Result<Option<Card>, Problem> {
    let free = |c: &&Callback| c.claimed_by.as_deref().is_none_or(|by| by == person) && !asked.passed.contains(&c.id.0);
    let late: Vec<&Callback> =
        all.iter().filter(|c| !c.folded && (c.is_overdue(now) || (c.left_on_hold && c.is_open()))).filter(free).collect();
    let Some(first) = late.first() else { return Ok(None) };
    let history = match first.party.number() {
        Some(number) => {
            let filter = Filter { number: Some(number.as_str().to_owned()), limit: HISTORY, ..Filter::default() };
            let mut rows = state.read(move |conn| calls::calls(conn, &filter)).await?.calls;
            rows.iter_mut().for_each(|row| name_the_answerer(row, &state.line()));
            rows
        }
        None => Vec::new(),
    };
    let timezone = state.plan().hours.timezone;
    let line = |row: &calls::CallRow| Line {
        id: row.id,
        when: words::when(row.at, now, timezone),
        words: format!("{}, {}", words::direction(row), words::outcome(row)),
    };
    Ok(Some(Card {
        row: Row::new(first, person, now, state, None),
        history: history.iter().map(line).collect(),
        pass: asked.passing(first.id.0),
        left: late.len() - 1,
    }))
}
