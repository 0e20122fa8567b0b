//! Times, delays and outcomes in French words, as a person at the desk reads them. Reads no clock.

use chrono::{DateTime, Datelike, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;

use crate::domain::callback::{Callback, Mark, Source};
use crate::store::calls::{CallRow, OUTAGE};

/// Up to here delays are said in minutes.
const MINUTES_MAX: i64 = 120;

/// "08:41" today, "hier 08:41", "demain 09:00", "lun. 23/11 08:41".
pub fn when(at: DateTime<Utc>, now: DateTime<Utc>, timezone: Tz) -> String {
    let (local, today) = (at.with_timezone(&timezone), now.with_timezone(&timezone).date_naive());
    let hour = local.format("%H:%M");
    match local.date_naive().signed_duration_since(today).num_days() {
        0 => hour.to_string(),
        -1 => format!("hier {hour}"),
        1 => format!("demain {hour}"),
        _ => format!("{} {} {hour}", short_day(local.weekday()), local.format("%d/%m")),
    }
}

pub fn day(at: DateTime<Utc>, timezone: Tz) -> String {
    let local = at.with_timezone(&timezone);
    format!("{} {}", long_day(local.weekday()), local.format("%d/%m/%Y"))
}

/// "à l'instant", "il y a 35 min", "il y a 3 h 10", "il y a 2 jours".
pub fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let minutes = (now - at).num_minutes();
    if minutes < 1 { "à l'instant".to_owned() } else { format!("il y a {}", long(minutes)) }
}

/// Minutes in words.
pub fn long(minutes: i64) -> String {
    match (minutes / (24 * 60), minutes / 60, minutes % 60) {
        (0, _, _) if minutes < MINUTES_MAX => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, rest) => format!("{hours} h {rest:02}"),
        (1, _, _) => "1 jour".to_owned(),
        (days, _, _) => format!("{days} jours"),
    }
}

/// Seconds in words: "45 s", "3 min 10", "1 h 05".
pub fn duration(seconds: i64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02}"),
        (hours, minutes, _) => format!("{hours} h {minutes:02}"),
    }
}

/// A running timer: "04:12".
pub fn timer(since: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (now - since).max(TimeDelta::zero()).num_seconds();
    format!("{:02}:{:02}", seconds / 60, seconds % 60)
}

pub fn iso(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

pub fn long_day(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "lundi",
        Weekday::Tue => "mardi",
        Weekday::Wed => "mercredi",
        Weekday::Thu => "jeudi",
        Weekday::Fri => "vendredi",
        Weekday::Sat => "samedi",
        Weekday::Sun => "dimanche",
    }
}

fn short_day(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "lun.",
        Weekday::Tue => "mar.",
        Weekday::Wed => "mer.",
        Weekday::Thu => "jeu.",
        Weekday::Fri => "ven.",
        Weekday::Sat => "sam.",
        Weekday::Sun => "dim.",
    }
}

/// Why somebody is to be called back.
pub fn why(callback: &Callback) -> String {
    let source = match callback.source {
        Source::Missed if callback.left_on_hold => "a raccroché en attente",
        Source::Missed => "appel manqué",
        Source::DoubleCall => "double appel",
        Source::Attendant => "répondeur",
        Source::Manual => "noté à la main",
    };
    if callback.missed_count > 1 { format!("{source} ×{}", callback.missed_count) } else { source.to_owned() }
}

pub fn mark(mark: Mark) -> &'static str {
    match mark {
        Mark::Unconfirmed => "non confirmé",
        Mark::MaybeElsewhere => "peut-être pris sur un autre poste",
        Mark::ToCheck => "à vérifier",
    }
}

/// Outcomes that may be asked of the list, and how they are called.
pub const OUTCOMES: [(&str, &str); 10] = [
    ("answered", "Répondus"),
    ("missed", "Manqués"),
    ("attendant", "Répondeur"),
    ("interrupted", "Interrompus"),
    (OUTAGE, "Pannes de la ligne"),
    ("no_answer", "Sans réponse"),
    ("busy", "Occupés"),
    ("failed", "Échoués"),
    ("refused", "Refusés par le service"),
    ("cancelled", "Abandonnés"),
];

/// What became of a call, in one phrase.
pub fn outcome(row: &CallRow) -> String {
    let Some(outcome) = row.outcome.as_deref() else { return "en cours".to_owned() };
    let reason = row.reason.as_deref().and_then(reason);
    let word = match (outcome, row.answered_by.as_deref()) {
        ("answered", Some(by)) if row.direction.as_deref() != Some("outgoing") => format!("répondu par {by}"),
        ("answered", _) if row.direction.as_deref() == Some("outgoing") => "a répondu".to_owned(),
        ("answered", _) => "répondu".to_owned(),
        ("missed", _) => "manqué".to_owned(),
        ("attendant", _) => "répondeur".to_owned(),
        ("interrupted", _) => "interrompu : le service s'est arrêté".to_owned(),
        (OUTAGE, _) => "ligne hors service, appels possiblement perdus".to_owned(),
        ("no_answer", _) => "sans réponse".to_owned(),
        ("busy", _) => "occupé".to_owned(),
        ("failed", _) => "échoué".to_owned(),
        ("refused", _) => "refusé par le service".to_owned(),
        ("cancelled", _) => "abandonné avant la réponse".to_owned(),
        (other, _) => other.to_owned(),
    };
    match reason {
        Some(reason) => format!("{word} : {reason}"),
        None => word,
    }
}

fn reason(word: &str) -> Option<&'static str> {
    Some(match word {
        "elsewhere" => "pris ailleurs",
        "promised" => "rappel promis",
        "left_on_hold" => "a raccroché en attente",
        "cut" => "coupé",
        "caller_gave_up" => "a raccroché avant la réponse",
        "no_answer" => "personne n'a répondu",
        "refused" => "refusé par les postes",
        "no_phone" => "aucun poste joignable",
        "busy" => "postes occupés",
        "closed" => "agence fermée",
        "failed" => "échec technique",
        "left_attendant" => "n'a rien laissé au répondeur",
        "overloaded" => "lignes toutes prises",
        _ => return None,
    })
}

pub fn direction(row: &CallRow) -> &'static str {
    match row.direction.as_deref() {
        Some("incoming") => "reçu",
        Some("outgoing") => "émis",
        Some("internal") => "interne",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_and_times_are_said_as_people_say_them() {
        let now = DateTime::parse_from_rfc3339("2026-03-29T10:00:00Z").unwrap().to_utc();
        let before = |minutes| now - TimeDelta::minutes(minutes);
        for (minutes, words) in
            [(0, "à l'instant"), (1, "il y a 1 min"), (95, "il y a 95 min"), (190, "il y a 3 h 10"), (180, "il y a 3 h")]
        {
            assert_eq!(ago(before(minutes), now), words);
        }
        assert_eq!((ago(before(1440), now), ago(before(4000), now)), ("il y a 1 jour".to_owned(), "il y a 2 jours".to_owned()));
        // the clock went forward that night: 23:30 the day before is 12 h 30 of wall time ago, and still yesterday
        for (at, words) in
            [("2026-03-29T06:41:00Z", "08:41"), ("2026-03-28T22:30:00Z", "hier 23:30"), ("2026-03-30T07:00:00Z", "demain 09:00")]
        {
            let at = DateTime::parse_from_rfc3339(at).unwrap().to_utc();
            assert_eq!(when(at, now, chrono_tz::Europe::Paris), words);
        }
        assert_eq!(when(before(60 * 24 * 6), now, chrono_tz::Europe::Paris), "lun. 23/03 11:00");
        assert_eq!((duration(45), duration(190), duration(3900)), ("45 s".to_owned(), "3 min 10".to_owned(), "1 h 05".to_owned()));
        assert_eq!((timer(before(4), now), timer(now, before(1))), ("04:00".to_owned(), "00:00".to_owned()));
    }
}
