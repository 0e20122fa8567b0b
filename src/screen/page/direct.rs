//! What is happening now: the line, the telephones, the banners, the double call. Read from the last status, refreshed by itself.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};

use super::super::guard::Person;
use super::super::line::{UNREACHED, missing};
use super::super::refusal::Problem;
use super::super::state::ScreenState;
use super::{shown, words};
use crate::domain::call::{CallId, Direction, Extension};
use crate::domain::callback::Callback;
use crate::domain::status::{LineStatus, LiveCall, LiveState, PhoneState, PhoneStatus, SecondCall, TrunkState};
use crate::store::callbacks;

/// Seconds from which the timer of who hears the music is amber, and red.
pub const HOLD_AMBER: u32 = 60;
pub const HOLD_RED: u32 = 120;

#[derive(Default)]
pub struct LineView {
    pub open: bool,
    /// The service's clock, for the timers of the page.
    pub now: String,
    pub trunks: Vec<TrunkView>,
    pub phones: Vec<PhoneView>,
    pub alerts: Vec<String>,
}

/// A word of the strip; `good` is said by its icon too.
pub struct TrunkView {
    pub name: String,
    pub words: &'static str,
    pub good: bool,
}

pub struct PhoneView {
    pub extension: String,
    pub owner: String,
    pub words: &'static str,
    pub good: bool,
    /// Whom it talks with, since when.
    pub with: Option<Talk>,
}

pub struct Talk {
    pub display: String,
    pub name: String,
    pub iso: String,
    pub timer: String,
    pub keypad: bool,
}

/// A double call on the screen.
pub struct Second {
    pub id: i64,
    pub state: &'static str,
    /// What it is in words, said once when it begins.
    pub said: String,
    pub extension: String,
    /// It can be answered or is held at this person's telephone, or this person has none.
    pub mine: bool,
    pub display: String,
    pub name: String,
    /// Who is in call 1.
    pub speaks: String,
    /// This telephone dialled call 1: only here can it be ended for call 2 (RULES 4), since a far end's menu may ask for the keys.
    pub dialled: bool,
    /// Who hears the music, since when.
    pub held: Option<Talk>,
    /// The open callback of that number.
    pub known: Option<String>,
    pub form: Form,
}

impl Second {
    pub fn waits(&self) -> bool {
        self.state == "waiting"
    }

    pub fn taken(&self) -> bool {
        matches!(self.state, "second" | "swapped")
    }

    /// What can be done beside saving.
    pub fn buttons(&self) -> Vec<Button> {
        let button = |path: String, class, words| Button { path, class, words, end_first: false };
        let second = |what: &str, class, words| button(format!("/second-call/{what}"), class, words);
        let take = || second("take", "prendre premier", "Prendre");
        let end_first = self.dialled.then(|| Button { end_first: true, ..second("take", "finir", "Finir l'appel 1 et prendre") });
        match self.state {
            "waiting" => [take()].into_iter().chain(end_first).chain([second("attendant", "repondeur", "Répondeur")]).collect(),
            "attendant" => [take()].into_iter().chain(end_first).collect(),
            "second" | "swapped" => vec![
                second("done", "regle", "Réglé"),
                second("swap", "echanger", "Échanger"),
                second("resume", "reprendre", "Reprendre"),
                button(format!("/calls/{}/hangup", self.id), "raccrocher", "Raccrocher"),
            ],
            _ => Vec::new(),
        }
    }
}

/// A button about a double call.
pub struct Button {
    /// Where it is posted.
    pub path: String,
    pub class: &'static str,
    pub words: &'static str,
    /// Call 1 ends with it.
    pub end_first: bool,
}

/// Call 2 of this person's telephone just ended; it can still be said whether it leaves a callback.
pub struct Over {
    pub id: i64,
    pub who: String,
    pub settled: bool,
    pub until: String,
    /// What was being typed meanwhile is finished here.
    pub form: Option<Form>,
}

impl Over {
    /// The other word.
    pub fn button(&self) -> (&'static str, &'static str, &'static str) {
        if self.settled { ("/second-call/save", "garder", "Garder le rappel") } else { ("/second-call/done", "regle", "Réglé") }
    }
}

/// What is written of call 2, as it is known so far.
pub struct Form {
    pub id: i64,
    pub name: String,
    /// As shown; empty when withheld.
    pub number: String,
    pub subject: String,
    pub note: String,
}

/// The double calls on the screen, and those that are just over.
#[derive(Default)]
pub struct Seconds {
    pub calls: Vec<Second>,
    pub over: Vec<Over>,
}

impl Seconds {
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.over.is_empty()
    }
}

#[derive(Template)]
#[template(path = "ligne.html")]
struct LinePart {
    line: LineView,
}

#[derive(Template)]
#[template(path = "appel2.html")]
struct SecondPart {
    second: Seconds,
}

pub async fn line(State(state): State<ScreenState>) -> Response {
    shown(&LinePart { line: view(&state) })
}

pub async fn second(State(state): State<ScreenState>, axum::Extension(person): axum::Extension<Person>) -> Result<Response, Problem> {
    Ok(shown(&SecondPart { second: seconds(&state, &person.0).await? }))
}

pub(super) fn view(state: &ScreenState) -> LineView {
    let (line, now) = (state.line(), state.now().wall);
    let told = line.alerts.iter().any(|alert| alert.kind == "outage");
    let reasons = missing(&line, state.writer.health()).into_iter().filter(|reason| !told || *reason != UNREACHED);
    let trunks = line.trunks.iter().map(|trunk| {
        let (words, good) = match trunk.state {
            TrunkState::Registered => ("enregistrée", true),
            TrunkState::Static => ("prête", true),
            TrunkState::Unregistered => ("non enregistrée", false),
            TrunkState::Refused => ("refusée par l'opérateur", false),
        };
        TrunkView { name: trunk.name.clone(), words, good }
    });
    LineView {
        open: line.open,
        now: now.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        trunks: trunks.collect(),
        phones: line.phones.iter().map(|phone| phone_view(phone, &line, now)).collect(),
        alerts: line.alerts.iter().map(|alert| alert.text.clone()).chain(reasons.map(str::to_owned)).collect(),
    }
}

fn phone_view(phone: &PhoneStatus, line: &LineStatus, now: DateTime<Utc>) -> PhoneView {
    let (words, good) = match phone.state {
        PhoneState::Unregistered => ("absent", false),
        PhoneState::Idle => ("libre", true),
        PhoneState::Ringing => ("sonne", true),
        PhoneState::Talking => ("en appel", true),
        PhoneState::Dnd => ("ne pas déranger", false),
    };
    let on = |call: &&LiveCall| call.extension.as_ref() == Some(&phone.extension) && call.state == LiveState::Talking;
    PhoneView {
        extension: phone.extension.0.clone(),
        owner: phone.owner.clone(),
        words,
        good,
        with: line.calls.iter().find(on).map(|call| talk(call, call.since, now)),
    }
}

fn talk(call: &LiveCall, since: DateTime<Utc>, now: DateTime<Utc>) -> Talk {
    Talk {
        display: call.display.clone(),
        name: call.name.clone(),
        iso: words::iso(since),
        timer: words::timer(since, now),
        keypad: call.keypad,
    }
}

/// The double calls under way, this person's first.
pub(super) async fn seconds(state: &ScreenState, person: &str) -> Result<Seconds, Problem> {
    let line = state.line();
    let now = state.now().wall;
    let phones: Vec<&str> = line.phones.iter().filter(|p| p.owner == person).map(|p| p.extension.0.as_str()).collect();
    let over =
        line.second_calls_over.iter().filter(|over| over.until > now && (phones.is_empty() || phones.contains(&over.extension.0.as_str())));
    let over = over
        .map(|over| Over {
            id: over.id.0,
            who: format!("{} {}", over.display, over.name).trim().to_owned(),
            settled: over.settled,
            until: words::iso(over.until),
            form: over.draft.as_ref().map(|draft| Form {
                id: over.id.0,
                name: over.name.clone(),
                number: over.number.as_ref().map(|_| over.display.clone()).unwrap_or_default(),
                subject: draft.subject.clone(),
                note: draft.note.clone(),
            }),
        })
        .collect();
    if line.second_calls.is_empty() {
        return Ok(Seconds { calls: Vec::new(), over });
    }
    let open = state.read(callbacks::load).await?;
    let mut all: Vec<Second> = line.second_calls.iter().map(|call| one(call, &line, &open, &phones, now)).collect();
    all.sort_by_key(|second| !second.mine);
    Ok(Seconds { calls: all, over })
}

fn one(call: &SecondCall, line: &LineStatus, open: &[Callback], phones: &[&str], now: DateTime<Utc>) -> Second {
    let at = |extension: &Extension| phones.contains(&extension.0.as_str());
    let known = open.iter().find(|c| Some(c.id) == call.callback);
    // whoever does not speak hears the music
    let waits = if call.state == "swapped" { Some(call.id) } else { call.call_1 };
    let live = |id: Option<CallId>| line.calls.iter().find(|live| Some(live.id) == id);
    let held = live(waits).map(|live| talk(live, call.held_since.or(live.held_since).unwrap_or(live.since), now));
    let who = if call.name.is_empty() { call.display.clone() } else { format!("{}, {}", call.name, call.display) };
    let typed = |typed: &str, known: Option<&str>| if typed.is_empty() { known.unwrap_or_default().to_owned() } else { typed.to_owned() };
    Second {
        id: call.id.0,
        state: call.state,
        said: said(call.state, &who),
        extension: call.extension.as_ref().map(|e| e.0.clone()).unwrap_or_default(),
        mine: phones.is_empty() || call.extension.iter().chain(&call.offered_to).any(at),
        display: call.display.clone(),
        name: call.name.clone(),
        speaks: live(call.call_1).map(|live| format!("{} {}", live.display, live.name).trim().to_owned()).unwrap_or_default(),
        dialled: live(call.call_1).is_some_and(|live| live.direction == Direction::Outgoing),
        held,
        known: known.map(open_words),
        form: Form {
            id: call.id.0,
            name: call.name.clone(),
            number: call.number.as_ref().map(|_| call.display.clone()).unwrap_or_default(),
            subject: typed(&call.draft.subject, known.map(|c| c.subject.as_str())),
            note: typed(&call.draft.note, known.map(|c| c.note.as_str())),
        },
    }
}

/// "appel manqué ×2, sinistre auto, pour MEL".
fn open_words(callback: &Callback) -> String {
    let owner = if callback.owner.is_empty() { String::new() } else { format!("pour {}", callback.owner) };
    let words = [words::why(callback), callback.subject.clone(), owner];
    words.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join(", ")
}

fn said(state: &str, who: &str) -> String {
    match state {
        "waiting" => format!("Second appel de {who}."),
        "second" => format!("Vous parlez avec {who}. Le premier appel est en attente."),
        "swapped" => format!("Retour au premier appel. {who} est en attente."),
        "recall" => format!("Le poste sonne de nouveau : {who} attend."),
        "attendant" => format!("{who} est au répondeur."),
        _ => String::new(),
    }
}
