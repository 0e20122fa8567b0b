//! What is happening now: the line, the telephones, the banners, the double call. Read from the last status, refreshed by itself.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};

use super::super::guard::Person;
use super::super::line::missing;
use super::super::refusal::Problem;
use super::super::state::ScreenState;
use super::{shown, words};
use crate::domain::callback::Callback;
use crate::domain::number::E164;
use crate::domain::status::{LineStatus, LiveCall, LiveState, PhoneState, TrunkState};
use crate::store::callbacks;

/// Seconds from which the held caller's timer is amber, and red.
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
    pub state: String,
    /// What it is in words, said once when it begins.
    pub said: String,
    pub extension: String,
    /// It can be answered or is held at this person's telephone, or this person has none.
    pub mine: bool,
    pub display: String,
    pub name: String,
    /// Who waits in call 1, since when.
    pub held: Option<Talk>,
    /// The open callback of that number.
    pub known: Option<Known>,
}

#[derive(Clone)]
pub struct Known {
    pub why: String,
    pub subject: String,
    pub note: String,
    pub owner: String,
}

impl Second {
    pub fn waits(&self) -> bool {
        self.state == "waiting"
    }

    pub fn taken(&self) -> bool {
        matches!(self.state.as_str(), "second" | "swapped")
    }

    /// What can be done beside saving: where it is posted, its class, its words.
    pub fn buttons(&self) -> Vec<(String, &'static str, &'static str)> {
        let second = |what: &str| format!("/second-call/{what}");
        match self.state.as_str() {
            "waiting" => vec![(second("take"), "prendre premier", "Prendre"), (second("attendant"), "repondeur", "Répondeur")],
            "attendant" => vec![(second("take"), "prendre premier", "Prendre")],
            "second" | "swapped" => vec![
                (second("done"), "regle", "Réglé"),
                (second("swap"), "echanger", "Échanger"),
                (second("resume"), "reprendre", "Reprendre"),
                (format!("/calls/{}/hangup", self.id), "raccrocher", "Raccrocher"),
            ],
            _ => Vec::new(),
        }
    }

    /// The number as the form shows it; empty when withheld.
    pub fn number(&self) -> &str {
        if self.display == WITHHELD { "" } else { &self.display }
    }

    pub fn subject(&self) -> &str {
        self.known.as_ref().map_or("", |known| known.subject.as_str())
    }

    pub fn note(&self) -> &str {
        self.known.as_ref().map_or("", |known| known.note.as_str())
    }
}

const WITHHELD: &str = "numéro masqué";

#[derive(Template)]
#[template(path = "ligne.html")]
struct LinePart {
    line: LineView,
}

#[derive(Template)]
#[template(path = "appel2.html")]
struct SecondPart {
    second: Vec<Second>,
}

pub async fn line(State(state): State<ScreenState>) -> Response {
    shown(&LinePart { line: view(&state) })
}

pub async fn second(State(state): State<ScreenState>, Extension(person): Extension<Person>) -> Result<Response, Problem> {
    Ok(shown(&SecondPart { second: seconds(&state, &person.0).await? }))
}

pub(super) fn view(state: &ScreenState) -> LineView {
    let (line, now) = (state.line(), state.now().wall);
    let reasons = missing(&line, state.writer.health());
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
        alerts: line.alerts.iter().map(|alert| alert.text.clone()).chain(reasons.iter().map(|reason| (*reason).to_owned())).collect(),
    }
}

fn phone_view(phone: &crate::domain::status::PhoneStatus, line: &LineStatus, now: DateTime<Utc>) -> PhoneView {
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
pub(super) async fn seconds(state: &ScreenState, person: &str) -> Result<Vec<Second>, Problem> {
    let line = state.line();
    if line.second_calls.is_empty() {
        return Ok(Vec::new());
    }
    let open = state.read(callbacks::load).await?;
    let now = state.now().wall;
    let phones: Vec<&str> = line.phones.iter().filter(|p| p.owner == person).map(|p| p.extension.0.as_str()).collect();
    let mut all: Vec<Second> = line.second_calls.iter().map(|call| one(call, &line, &open, &phones, now)).collect();
    all.sort_by_key(|second| !second.mine);
    Ok(all)
}

fn one(call: &crate::domain::status::SecondCall, line: &LineStatus, open: &[Callback], phones: &[&str], now: DateTime<Utc>) -> Second {
    let at = |extension: &crate::domain::call::Extension| phones.contains(&extension.0.as_str());
    let number = call.number.as_deref().and_then(|text| E164::from_e164(text).ok());
    let known = open.iter().filter(|c| c.is_open() && c.party.number().is_some() && c.party.number() == number.as_ref()).map(|c| {
        let name = c.name.as_str().to_owned();
        (name, Known { why: words::why(c), subject: c.subject.clone(), note: c.note.clone(), owner: c.owner.clone() })
    });
    let (known_name, known) = known.last().unzip();
    let name = Some(call.name.clone()).filter(|name| !name.is_empty()).or(known_name).unwrap_or_default();
    let display = number.map_or_else(|| WITHHELD.to_owned(), |number| number.display());
    let held = line.calls.iter().find(|live| call.call_1 == Some(live.id));
    let who = if name.is_empty() { display.clone() } else { format!("{name}, {display}") };
    Second {
        id: call.id.0,
        state: call.state.to_owned(),
        said: said(call.state, &who),
        extension: call.extension.as_ref().map(|e| e.0.clone()).unwrap_or_default(),
        mine: phones.is_empty() || call.extension.iter().chain(&call.offered_to).any(at),
        display,
        name,
        held: held.map(|live| talk(live, live.held_since.unwrap_or(live.since), now)),
        known,
    }
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
