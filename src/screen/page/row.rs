//! One callback as the queue shows it: every word of it, ready to be printed. It decides no order and no rule.

use chrono::{DateTime, Utc};

use super::super::clips;
use super::super::state::ScreenState;
use super::forms::Failed;
use super::words;
use crate::domain::callback::{Callback, CallbackState};
use crate::domain::hours::Hours;
use crate::domain::identity::Caller;
use crate::domain::number::E164;

/// Minutes of opening time from which a late callback is amber, and red.
const AMBER: i64 = 15;
const RED: i64 = 60;

pub struct Values {
    pub name: String,
    pub number: String,
    pub subject: String,
    pub note: String,
    pub owners: Vec<Pick>,
    pub places: Vec<Pick>,
    /// What is known, field by field: what was left as it was served is not sent back over another person's change.
    pub served: [(&'static str, String); 6],
}

/// A choice of a list.
pub struct Pick {
    pub word: String,
    pub chosen: bool,
}

pub struct Row {
    pub id: i64,
    pub version: u64,
    /// When it called last, for a machine and for a person.
    pub iso: String,
    pub clock: String,
    pub ago: String,
    /// "en retard de 35 min".
    pub late: Option<String>,
    /// `""`, `neutre`, `ambre` or `rouge`: never without the words above.
    pub level: &'static str,
    /// "prévu à 11:00", "à décider".
    pub planned: Option<String>,
    pub name: String,
    pub display: String,
    pub e164: Option<String>,
    /// It has a number, or is an extension of the upstream PBX.
    reachable: bool,
    pub why: String,
    pub marks: Vec<&'static str>,
    /// Whose it is, where, how often it was tried.
    pub facts: Vec<String>,
    pub subject: String,
    pub note: String,
    /// Paths of what the caller said, oldest first.
    pub clips: Vec<String>,
    /// What its fields hold: what was typed and refused, else what is known.
    pub form: Values,
    pub open: bool,
    /// The sentence of its end.
    pub closed_by: String,
    pub to_confirm: bool,
    pub calling: bool,
    /// Another person holds it.
    pub taken_by: Option<String>,
    pub mine: bool,
    pub failed: Option<Failed>,
}

impl Row {
    pub(super) fn new(callback: &Callback, person: &str, now: DateTime<Utc>, state: &ScreenState, failed: Option<&Failed>) -> Row {
        let plan = state.plan();
        let (hours, timezone) = (&plan.hours, plan.hours.timezone);
        let (late, level) = lateness(callback, now, hours);
        let other = callback.claimed_by.clone().filter(|by| by != person);
        let failed = failed.filter(|failed| failed.id == Some(callback.id.0)).cloned();
        let known = callback.name.as_str();
        let form = Values::new(callback, state, failed.as_ref());
        Row {
            id: callback.id.0,
            version: callback.version,
            iso: words::iso(callback.last_at),
            clock: words::when(callback.last_at, now, timezone),
            ago: words::ago(callback.last_at, now),
            late,
            level,
            planned: planned(callback, now, hours),
            name: if known.is_empty() { unnamed(&callback.party).to_owned() } else { known.to_owned() },
            display: callback.party.display(),
            e164: callback.party.number().map(|number| E164::as_str(number).to_owned()),
            reachable: matches!(callback.party, Caller::Known(_) | Caller::Extension(_)),
            why: words::why(callback),
            marks: callback.marks.iter().map(|mark| words::mark(*mark)).collect(),
            facts: facts(callback, now, hours),
            subject: callback.subject.clone(),
            note: callback.note.clone(),
            clips: callback.clips.iter().copied().map(clips::path).collect(),
            form,
            open: callback.is_open(),
            closed_by: callback.closed_by.clone().unwrap_or_default(),
            to_confirm: callback.to_confirm,
            calling: callback.state == CallbackState::Calling,
            mine: callback.claimed_by.as_deref() == Some(person),
            taken_by: other,
            failed,
        }
    }

    /// A call can be made to it by a person who does not lack the right.
    pub fn callable(&self) -> bool {
        self.reachable && self.taken_by.is_none()
    }

    /// The form that was refused stays open.
    pub fn opened(&self, what: &str) -> bool {
        self.failed.as_ref().is_some_and(|failed| failed.what == what)
    }

    pub fn wrong(&self) -> &str {
        self.failed.as_ref().map_or("", |failed| failed.detail.as_str())
    }
}

impl Values {
    fn new(callback: &Callback, state: &ScreenState, failed: Option<&Failed>) -> Values {
        let failed = failed.filter(|failed| failed.what == "edit");
        let value = |field: &str, known: &str| failed.and_then(|failed| failed.typed(field)).unwrap_or(known).to_owned();
        let number = callback.party.number().map(E164::display).unwrap_or_default();
        Values {
            name: value("name", callback.name.as_str()),
            number: value("number", &number),
            subject: value("subject", &callback.subject),
            note: value("note", &callback.note),
            owners: picks(&state.staff, &value("owner", &callback.owner)),
            places: picks(&state.places, &value("place", &callback.place)),
            served: [
                ("name", callback.name.as_str().to_owned()),
                ("number", number),
                ("subject", callback.subject.clone()),
                ("note", callback.note.clone()),
                ("owner", callback.owner.clone()),
                ("place", callback.place.clone()),
            ],
        }
    }
}

/// The list, and the value that stands there already although it is not in it.
fn picks(list: &[String], value: &str) -> Vec<Pick> {
    let foreign = (!value.is_empty() && !list.iter().any(|word| word == value)).then(|| value.to_owned());
    list.iter().cloned().chain(foreign).map(|word| Pick { chosen: word == value, word }).collect()
}

fn unnamed(party: &Caller) -> &'static str {
    match party {
        Caller::Withheld => "Numéro masqué",
        Caller::Known(_) | Caller::Extension(_) | Caller::Unreadable(_) => "Inconnu",
    }
}

/// The delay counts opening time only: a night makes nobody late.
fn lateness(callback: &Callback, now: DateTime<Utc>, hours: &Hours) -> (Option<String>, &'static str) {
    let Some(due) = callback.due.filter(|_| callback.is_overdue(now)) else { return (None, "") };
    match hours.open_time(due, now).num_minutes() {
        0 => (Some("à rappeler maintenant".to_owned()), "neutre"),
        minutes if minutes < AMBER => (Some(format!("en retard de {}", words::long(minutes))), "neutre"),
        minutes if minutes < RED => (Some(format!("en retard de {}", words::long(minutes))), "ambre"),
        minutes => (Some(format!("en retard de {}", words::long(minutes))), "rouge"),
    }
}

fn planned(callback: &Callback, now: DateTime<Utc>, hours: &Hours) -> Option<String> {
    match callback.due {
        _ if !callback.is_open() => None,
        None if callback.folded => None,
        None => Some("à décider".to_owned()),
        Some(due) if due <= now => None,
        Some(due) if callback.planned => Some(format!("prévu {}", words::when(due, now, hours.timezone))),
        Some(due) => Some(format!("promis avant {}", words::when(due, now, hours.timezone))),
    }
}

fn facts(callback: &Callback, now: DateTime<Utc>, hours: &Hours) -> Vec<String> {
    let first = (callback.missed_count > 1).then(|| format!("premier appel {}", words::when(callback.first_at, now, hours.timezone)));
    let owner = (!callback.owner.is_empty()).then(|| format!("pour {}", callback.owner));
    let place = (!callback.place.is_empty()).then(|| callback.place.clone());
    let tries = match callback.attempts {
        0 => None,
        1 => Some("1 essai sans réponse".to_owned()),
        tries => Some(format!("{tries} essais sans réponse")),
    };
    [first, owner, place, tries].into_iter().flatten().collect()
}
