//! The list of calls as it is read: newest first, in pages, with the times when the line was down among them.
//!
//! An outage stands in the list under the negative of its own number, so that each row has one id.

use chrono::{DateTime, SecondsFormat, Utc};
use rusqlite::{Connection, OptionalExtension, Row, ToSql};
use serde::{Serialize, Serializer};

use super::error::StoreError;
use crate::domain::identity::Caller;
use crate::domain::text::ScreenText;

/// Rows of a page when nothing is asked.
pub const LIMIT_DEFAULT: usize = 50;
/// Rows of a page at most.
pub const LIMIT_MAX: usize = 500;
/// `outcome` of a row that is no call.
pub const OUTAGE: &str = "outage";

/// What may be asked of the list. Everything left out asks for all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// At this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Before this time.
    pub to: Option<DateTime<Utc>>,
    pub outcome: Option<String>,
    /// E.164.
    pub number: Option<String>,
    pub before: Option<Cursor>,
    /// Held between 1 and [`LIMIT_MAX`].
    pub limit: usize,
}

/// A place in the list: rows after it are older. As text `milliseconds.id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    at: i64,
    id: i64,
}

impl Cursor {
    /// Before the newest.
    const END: Cursor = Cursor { at: i64::MAX, id: i64::MAX };
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.at, self.id)
    }
}

impl std::str::FromStr for Cursor {
    type Err = ();
    fn from_str(text: &str) -> Result<Cursor, ()> {
        let (at, id) = text.split_once('.').ok_or(())?;
        Ok(Cursor { at: at.parse().map_err(drop)?, id: id.parse().map_err(drop)? })
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// One row, in the shape of `GET /api/calls`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallRow {
    pub id: i64,
    #[serde(serialize_with = "time")]
    pub at: DateTime<Utc>,
    pub number: Option<String>,
    pub display: String,
    pub name: String,
    pub direction: Option<String>,
    /// None while the call runs.
    pub outcome: Option<String>,
    pub reason: Option<String>,
    pub during: Option<i64>,
    /// The extension as it is stored; a screen may put its owner here.
    pub answered_by: Option<String>,
    pub short: bool,
    pub rang_seconds: Option<i64>,
    pub talk_seconds: Option<i64>,
    pub callback: Option<i64>,
    /// Our own extension of an outgoing or internal call.
    pub extension: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_time")]
    pub from: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_time")]
    pub to: Option<DateTime<Utc>>,
    /// What was down, of an outage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    #[serde(skip)]
    pub party: Option<Caller>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Page {
    pub calls: Vec<CallRow>,
    /// The value of `before` for the page after this one; None at the end.
    pub next: Option<Cursor>,
}

const COLUMNS: &str = "id, at, direction, party, raw, name, extension, answered_at, answered_by, ended_at, outcome, reason, during, short, NULL, NULL, callback";
const OUTAGE_COLUMNS: &str =
    "-id AS id, from_at AS at, NULL, NULL, NULL, '', NULL, NULL, NULL, NULL, 'outage', NULL, NULL, 0, to_at, what, NULL";

/// One page of the list. What is asked for is built into the statement, so that each question has an index for its order.
pub fn calls(conn: &Connection, filter: &Filter) -> Result<Page, StoreError> {
    let limit = filter.limit.clamp(1, LIMIT_MAX);
    // one bound from above: of two, the index would follow one and look at every row between
    let to = filter.to.map_or(Cursor::END, |t| Cursor { at: t.timestamp_millis(), id: i64::MIN });
    let last = filter.before.map_or(to, |before| before.min(to));
    let (from, rows_max) = (filter.from.map_or(i64::MIN, |t| t.timestamp_millis()), i64::try_from(limit + 1).unwrap_or(i64::MAX));
    let mut given: Vec<(&str, &dyn ToSql)> = vec![(":at", &last.at), (":id", &last.id), (":from", &from), (":limit", &rows_max)];
    given.extend(filter.number.as_ref().map(|number| (":number", number as &dyn ToSql)));
    given.extend(filter.outcome.as_ref().map(|outcome| (":outcome", outcome as &dyn ToSql)));
    let mut statement = conn.prepare_cached(&statement(filter))?;
    let mut rows: Vec<CallRow> = statement.query_map(given.as_slice(), row)?.collect::<Result<_, _>>()?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|last| Cursor { at: last.at.timestamp_millis(), id: last.id });
    Ok(Page { calls: rows, next })
}

/// The question as SQL. A number has few rows: beside it the outcome only filters them (`+`: without its index).
fn statement(filter: &Filter) -> String {
    let asked = match (&filter.number, &filter.outcome) {
        (Some(_), Some(_)) => " AND number = :number AND +outcome = :outcome",
        (Some(_), None) => " AND number = :number",
        (None, Some(_)) => " AND outcome = :outcome",
        (None, None) => "",
    };
    let calls =
        format!("SELECT {COLUMNS} FROM calls WHERE (at, id) < (:at, :id) AND at >= :from{asked} ORDER BY at DESC, id DESC LIMIT :limit");
    if filter.number.is_some() || filter.outcome.as_deref().is_some_and(|o| o != OUTAGE) {
        return calls;
    }
    format!(
        "SELECT * FROM ({calls}) UNION ALL SELECT * FROM (SELECT {OUTAGE_COLUMNS} FROM outages
         WHERE from_at <= :at AND from_at >= :from AND (from_at, -outages.id) < (:at, :id) ORDER BY from_at DESC, id DESC LIMIT :limit)
         ORDER BY 2 DESC, 1 DESC LIMIT :limit"
    )
}

/// One row by its id.
pub fn call(conn: &Connection, id: i64) -> Result<Option<CallRow>, StoreError> {
    let sql = if id < 0 {
        format!("SELECT {OUTAGE_COLUMNS} FROM outages WHERE outages.id = -?1")
    } else {
        format!("SELECT {COLUMNS} FROM calls WHERE id = ?1")
    };
    // the least integer has no opposite; no row bears it
    let id = id.max(-i64::MAX);
    Ok(conn.prepare_cached(&sql)?.query_row([id], row).optional()?)
}

fn row(row: &Row<'_>) -> rusqlite::Result<CallRow> {
    let millis: i64 = row.get(1)?;
    let (answered, ended): (Option<i64>, Option<i64>) = (row.get(7)?, row.get(9)?);
    let to: Option<i64> = row.get(14)?;
    let party = match row.get::<_, Option<String>>(3)? {
        Some(kind) => Some(party(&kind, row.get(4)?)),
        None => None,
    };
    Ok(CallRow {
        id: row.get(0)?,
        at: moment(millis),
        number: party.as_ref().and_then(Caller::number).map(|n| n.as_str().to_owned()),
        display: party.as_ref().map(Caller::display).unwrap_or_default(),
        name: row.get(5)?,
        direction: row.get(2)?,
        outcome: row.get(10)?,
        reason: row.get(11)?,
        during: row.get(12)?,
        answered_by: row.get(8)?,
        short: row.get(13)?,
        rang_seconds: answered.or(ended).map(|t| seconds(millis, t)),
        talk_seconds: answered.zip(ended).map(|(a, e)| seconds(a, e)),
        callback: row.get(16)?,
        extension: row.get(6)?,
        from: to.map(|_| moment(millis)),
        to: to.map(moment),
        what: row.get(15)?,
        party,
    })
}

/// The party as it was recorded. A number that is none any more comes back as unreadable, never as an error.
pub(super) fn party(kind: &str, raw: String) -> Caller {
    match kind {
        "known" => serde_json::from_value(serde_json::Value::String(raw.clone()))
            .map_or_else(|_| Caller::Unreadable(ScreenText::clean(&raw)), Caller::Known),
        "extension" => Caller::Extension(raw),
        "unreadable" => Caller::Unreadable(ScreenText::clean(&raw)),
        _ => Caller::Withheld,
    }
}

/// To the nearest second; a clock that went back gives 0.
fn seconds(from: i64, to: i64) -> i64 {
    to.saturating_sub(from).max(0).saturating_add(500) / 1000
}

fn moment(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

fn time<S: Serializer>(at: &DateTime<Utc>, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

fn maybe_time<S: Serializer>(at: &Option<DateTime<Utc>>, s: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => time(at, s),
        None => s.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_has_an_index_for_its_order() {
        let dir = tempfile::tempdir().unwrap();
        let (conn, _lock) = crate::store::open_for_changes(dir.path()).unwrap();
        let (number, outcome) = (Some("+33639980001".to_owned()), Some("missed".to_owned()));
        for (filter, index) in [
            (Filter::default(), "calls_by_time"),
            (Filter { number: number.clone(), ..Filter::default() }, "calls_by_number"),
            (Filter { outcome: outcome.clone(), ..Filter::default() }, "calls_by_outcome"),
            (Filter { number, outcome, ..Filter::default() }, "calls_by_number"),
        ] {
            let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {}", statement(&filter))).unwrap();
            // what is asked for may stay unbound: it changes no plan
            let steps: Vec<String> = explain.raw_query().mapped(|row| row.get(3)).collect::<Result<_, _>>().unwrap();
            let of_calls: Vec<&String> = steps.iter().filter(|step| step.contains(" calls")).collect();
            let wanted = format!("SEARCH calls USING INDEX {index} (");
            assert!(!of_calls.is_empty() && of_calls.iter().all(|step| step.starts_with(&wanted)), "{filter:?}: {steps:?}");
            assert!(filter == Filter::default() || steps.iter().all(|step| !step.contains("TEMP B-TREE")), "{filter:?}: {steps:?}");
        }
    }
}
