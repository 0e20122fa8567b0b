//! `/`: the queue of callbacks in its order, by tab and search, or one card between two clients. State stands in the address.

use std::collections::HashMap;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};

use super::super::assets;
use super::super::guard::{Person, SCRIPT};
use super::super::refusal::Problem;
use super::super::state::ScreenState;
use super::forms::{self, Failed};
use super::row::Row;
use super::{Frame, Part, direct, shown, words};
use crate::domain::callback::{Callback, CallbackId};
use crate::store::callbacks::{self, View};
use crate::store::calls::{self, Filter};

/// Closed callbacks of a tab at most; older ones stand among the calls.
const CLOSED_SHOWN: usize = 200;
/// The longest search.
const SEARCH_MAX: usize = 100;
/// Cards that may be passed before the first one comes again.
const PASSED_MAX: usize = 50;
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    Due,
    Planned,
    Done,
    All,
    /// One card at a time.
    Between,
}

/// Of every tab: the word of the address, the one on the screen, how many stand there.
pub struct TabView {
    pub word: &'static str,
    pub label: &'static str,
    pub count: Option<usize>,
    pub here: bool,
}

/// What the address asks for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub tab: Tab,
    pub search: String,
    passed: Vec<i64>,
    notice: Option<(String, i64)>,
}

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
    let (asked, now) = (Asked::read(query), state.now().wall);
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
        today: now.with_timezone(&state.hours.timezone).format("%Y-%m-%d").to_string(),
        asked,
        failed: failed.filter(|failed| failed.id.is_none_or(|id| all.iter().all(|c| c.id.0 != id)) || failed.what != "edit"),
    };
    Ok((file, toast))
}

/// The button's words: "demain 9 h", or the day of the next opening.
fn tomorrow(state: &ScreenState, now: DateTime<Utc>) -> String {
    let Some(due) = forms::next_morning(now, &state.hours) else { return "demain 9 h".to_owned() };
    let words = words::when(due, now, state.hours.timezone);
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
    let due = callback.due.map_or_else(|| "à décider".to_owned(), |due| words::when(due, now, state.hours.timezone));
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

fn belongs(callback: &Callback, tab: Tab, now: DateTime<Utc>) -> bool {
    match tab {
        Tab::Due => callback.to_confirm || (callback.is_open() && !callback.is_planned(now)),
        Tab::Planned => callback.is_planned(now),
        Tab::Done => !callback.is_open() && !callback.to_confirm,
        Tab::All => true,
        Tab::Between => false,
    }
}

fn tabs(asked: &Asked, due: usize, [planned, done]: [usize; 2]) -> Vec<TabView> {
    let tabs = [(Tab::Due, Some(due)), (Tab::Planned, Some(planned)), (Tab::Done, Some(done)), (Tab::All, None)];
    let view = |(tab, count): (Tab, Option<usize>)| TabView { word: tab.word(), label: tab.label(), count, here: tab == asked.tab };
    tabs.into_iter().map(view).collect()
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
            state.read(move |conn| calls::calls(conn, &filter)).await?.calls
        }
        None => Vec::new(),
    };
    let line = |row: &calls::CallRow| Line {
        id: row.id,
        when: words::when(row.at, now, state.hours.timezone),
        words: format!("{}, {}", words::direction(row), words::outcome(row)),
    };
    Ok(Some(Card {
        row: Row::new(first, person, now, state, None),
        history: history.iter().map(line).collect(),
        pass: asked.passing(first.id.0),
        left: late.len() - 1,
    }))
}

impl Tab {
    fn word(self) -> &'static str {
        match self {
            Tab::Due => "a-faire",
            Tab::Planned => "planifies",
            Tab::Done => "faits",
            Tab::All => "tous",
            Tab::Between => "entre",
        }
    }

    /// Where a search from this tab looks.
    pub fn search_in(&self) -> &'static str {
        if self.is_between() { Tab::Due.word() } else { self.word() }
    }

    pub fn is_between(&self) -> bool {
        *self == Tab::Between
    }

    pub fn is_due(&self) -> bool {
        *self == Tab::Due
    }

    fn label(self) -> &'static str {
        match self {
            Tab::Due => "À faire",
            Tab::Planned => "Planifiés",
            Tab::Done => "Faits",
            Tab::All => "Tous",
            Tab::Between => "Entre deux clients",
        }
    }
}

impl Asked {
    fn read(query: &HashMap<String, String>) -> Asked {
        let word = query.get("vue").map_or("", String::as_str);
        let tabs = [Tab::Due, Tab::Planned, Tab::Done, Tab::All, Tab::Between];
        let notice = query.get("avis").map(|avis| match avis.split_once('.') {
            Some((what, id)) => (what.to_owned(), id.parse().unwrap_or_default()),
            None => (avis.clone(), 0),
        });
        Asked {
            tab: tabs.into_iter().find(|tab| tab.word() == word).unwrap_or(Tab::Due),
            search: query.get("q").map(|q| q.trim().chars().take(SEARCH_MAX).collect()).unwrap_or_default(),
            passed: query
                .get("passe")
                .map(|ids| ids.split('.').filter_map(|id| id.parse().ok()).take(PASSED_MAX).collect())
                .unwrap_or_default(),
            notice,
        }
    }

    /// This view again, without what was just said.
    fn address(&self) -> String {
        let mut pairs = vec![("vue", self.tab.word().to_owned())];
        if !self.search.is_empty() {
            pairs.push(("q", self.search.clone()));
        }
        if !self.passed.is_empty() {
            pairs.push(("passe", self.passed.iter().map(ToString::to_string).collect::<Vec<_>>().join(".")));
        }
        format!("/?{}", serde_urlencoded::to_string(pairs).unwrap_or_default())
    }

    fn passing(&self, id: i64) -> String {
        let mut passed = self.passed.clone();
        passed.push(id);
        Asked { passed, ..self.clone() }.address()
    }

    /// Digits are looked for in the number however they are spaced, words in what was written.
    fn finds(&self, callback: &Callback) -> bool {
        if self.search.is_empty() {
            return true;
        }
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let wanted = digits(&self.search);
        let numeric = !wanted.is_empty() && self.search.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '.' | '+' | '-'));
        if numeric {
            let e164 = callback.party.number().map(|n| digits(n.as_str())).unwrap_or_default();
            return digits(&callback.party.display()).contains(&wanted) || e164.contains(&wanted);
        }
        let low = self.search.to_lowercase();
        let texts = [callback.name.as_str(), &callback.subject, &callback.note, &callback.owner];
        texts.iter().any(|text| text.to_lowercase().contains(&low))
    }
}
