//! `/appels` and `/appels/{id}`: every call in French words, newest first, with the times when the line was down among them.

use std::collections::HashMap;

use askama::Template;
use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

use super::super::assets;
use super::super::calls::name_the_answerer;
use super::super::guard::Person;
use super::super::refusal::Problem;
use super::super::state::ScreenState;
use super::{Frame, Part, direct, shown, words};
use crate::domain::hours::Hours;
use crate::domain::number::E164;
use crate::store::callbacks::{self, View};
use crate::store::calls::{self, CallRow, Filter, LIMIT_DEFAULT, OUTAGE};

pub struct Entry {
    pub id: i64,
    pub iso: String,
    pub when: String,
    pub name: String,
    pub display: String,
    pub way: &'static str,
    pub outcome: String,
    /// `repondu`, `manque`, `panne` or empty: colours what the words say.
    pub kind: &'static str,
    pub lasted: String,
}

pub struct Choice {
    pub word: &'static str,
    pub label: &'static str,
    pub chosen: bool,
}

#[derive(Template)]
#[template(path = "appels.html")]
struct CallsPage {
    frame: Frame,
    entries: Vec<Entry>,
    outcomes: Vec<Choice>,
    number: String,
    from: String,
    to: String,
    wrong: String,
    next: Option<String>,
}

/// A fact of one call: its name, its words.
pub struct Fact {
    pub name: &'static str,
    pub words: String,
}

#[derive(Template)]
#[template(path = "appel.html")]
struct CallPage {
    frame: Frame,
    entry: Entry,
    facts: Vec<Fact>,
    during: Option<i64>,
}

pub async fn calls(
    State(state): State<ScreenState>,
    Extension(person): Extension<Person>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Problem> {
    let given = |field: &str| query.get(field).map(|text| text.trim().to_owned()).unwrap_or_default();
    let plan = state.plan();
    let (filter, wrong) = filter(&query, &plan.hours);
    let page = state.read(move |conn| calls::calls(conn, &filter)).await?;
    let (line, now) = (state.line(), state.now().wall);
    let entries = page.calls.into_iter().map(|mut row| {
        name_the_answerer(&mut row, &line);
        entry(&row, now, &plan.hours)
    });
    let chosen = given("issue");
    let outcomes = words::OUTCOMES.iter().map(|(word, label)| Choice { word, label, chosen: *word == chosen });
    let next = page.next.map(|next| {
        let kept = ["issue", "numero", "du", "au"].into_iter().map(|field| (field, given(field))).filter(|(_, text)| !text.is_empty());
        let pairs: Vec<(&str, String)> = kept.chain([("avant", next.to_string())]).collect();
        format!("/appels?{}", serde_urlencoded::to_string(pairs).unwrap_or_default())
    });
    Ok(shown(&CallsPage {
        entries: entries.collect(),
        outcomes: outcomes.collect(),
        number: given("numero"),
        from: given("du"),
        to: given("au"),
        wrong,
        next,
        frame: frame(&state, &person).await?,
    }))
}

pub async fn call(
    State(state): State<ScreenState>,
    Extension(person): Extension<Person>,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(id) = id.map_err(|_| Problem::absent())?;
    let mut row = state.read(move |conn| calls::call(conn, id)).await?.ok_or_else(Problem::absent)?;
    name_the_answerer(&mut row, &state.line());
    let plan = state.plan();
    let entry = entry(&row, state.now().wall, &plan.hours);
    let facts = facts(&row, &entry, &plan.hours);
    Ok(shown(&CallPage { entry, facts, during: row.during, frame: frame(&state, &person).await? }))
}

async fn frame(state: &ScreenState, Person(person): &Person) -> Result<Frame, Problem> {
    let now = state.now().wall;
    let due = state.read(move |conn| callbacks::list(conn, View::Due, now)).await?;
    Ok(Frame {
        agency: state.agency.clone(),
        person: person.clone(),
        assets: assets::base(),
        part: Part::Calls,
        due: due.iter().filter(|c| !c.folded).count(),
        late: due.iter().filter(|c| c.is_overdue(now) && !c.folded).count(),
        line: direct::view(state),
        second: direct::seconds(state, person).await?,
    })
}

/// What the form asks; of what cannot be read the reason, and the list without it.
fn filter(query: &HashMap<String, String>, hours: &Hours) -> (Filter, String) {
    let mut wrong = String::new();
    let given = |field: &str| query.get(field).map(|text| text.trim()).filter(|text| !text.is_empty());
    let mut day = |field: &str, after: u64| -> Option<DateTime<Utc>> {
        let text = given(field)?;
        let day = text.parse::<NaiveDate>().ok().and_then(|day| day.checked_add_days(Days::new(after)));
        if day.is_none() {
            wrong = format!("Date illisible : {text}. Elle s'écrit 2026-11-24.");
        }
        day.map(|day| hours.moment(day.and_time(NaiveTime::MIN)))
    };
    let (from, to) = (day("du", 0), day("au", 1));
    let number = given("numero").and_then(|text| match E164::parse_national_or_international(text) {
        Ok(number) => Some(number.as_str().to_owned()),
        Err(error) => {
            wrong = format!("{error}.");
            None
        }
    });
    let outcome = given("issue").map(str::to_owned);
    let before = given("avant").and_then(|text| text.parse().ok());
    (Filter { from, to, outcome, number, before, limit: LIMIT_DEFAULT }, wrong)
}

fn entry(row: &CallRow, now: DateTime<Utc>, hours: &Hours) -> Entry {
    let kind = match row.outcome.as_deref() {
        Some("answered") => "repondu",
        Some(OUTAGE) => "panne",
        Some("missed" | "attendant" | "interrupted") => "manque",
        _ => "",
    };
    let lasted = match (row.from, row.to) {
        (Some(from), Some(to)) => words::duration((to - from).num_seconds()),
        _ => row.talk_seconds.map(words::duration).unwrap_or_default(),
    };
    let outage = row.outcome.as_deref() == Some(OUTAGE);
    Entry {
        id: row.id,
        iso: words::iso(row.at),
        when: words::when(row.at, now, hours.timezone),
        name: if outage { "Ligne hors service".to_owned() } else { row.name.clone() },
        display: row.display.clone(),
        way: words::direction(row),
        outcome: words::outcome(row),
        kind,
        lasted,
    }
}

fn facts(row: &CallRow, entry: &Entry, hours: &Hours) -> Vec<Fact> {
    let fact = |name, words: Option<String>| words.filter(|words| !words.is_empty()).map(|words| Fact { name, words });
    let seconds = |seconds: Option<i64>| seconds.map(words::duration);
    let hour = |at: DateTime<Utc>| at.with_timezone(&hours.timezone).format("%H:%M:%S").to_string();
    [
        fact("Jour", Some(words::day(row.at, hours.timezone))),
        fact("Heure", Some(hour(row.at))),
        fact("Fin", row.to.map(hour)),
        fact("Sens", Some(entry.way.to_owned())),
        fact("Nom", Some(row.name.clone())),
        fact("Numéro", Some(row.display.clone())),
        fact("Issue", Some(entry.outcome.clone())),
        fact("Répondu par", row.answered_by.clone()),
        fact("Notre poste", row.extension.clone()),
        fact("A sonné", seconds(row.rang_seconds)),
        fact("Conversation", seconds(row.talk_seconds)),
        fact("Appel très court", row.short.then(|| "moins de 3 secondes".to_owned())),
        fact("Ce qui manquait", row.what.clone()),
    ]
    .into_iter()
    .flatten()
    .collect()
}
