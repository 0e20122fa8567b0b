//! Records to rows. Each statement may be played any number of times: the journal is replayed after a crash.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use crate::domain::call::{Direction, Record};
use crate::domain::identity::Caller;

/// `meta`: when the process last wrote.
pub const ALIVE: &str = "alive";
/// `meta`: the greatest call id ever given, whatever was erased since.
pub const LAST_CALL: &str = "last_call";

/// The latest moment that a record speaks of.
pub fn latest(record: &Record) -> DateTime<Utc> {
    match record {
        Record::Opened { at, .. } | Record::Answered { at, .. } | Record::Ended { at, .. } => *at,
        Record::Outage { to, .. } => *to,
        Record::Draft { .. } => DateTime::UNIX_EPOCH,
        Record::Callback(callback) => callback.last_at.max(callback.closed_at.unwrap_or(callback.last_at)),
    }
}

/// Raises a value of `meta`; it never goes down.
pub fn raise(conn: &Connection, key: &str, value: i64) -> rusqlite::Result<()> {
    conn.prepare_cached("INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = max(value, excluded.value)")?
        .execute(params![key, value])
        .map(|_| ())
}

/// Writes a record into the transaction that the caller holds. The first end of a call is the one that counts.
pub fn apply(conn: &Connection, record: &Record) -> rusqlite::Result<()> {
    match record {
        Record::Opened { call, at, direction, party, name, extension } => {
            let (kind, raw) = party_columns(party);
            conn.prepare_cached(
                "INSERT INTO calls (id, at, direction, party, raw, number, name, extension) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (id) DO NOTHING",
            )?
            .execute(params![
                call.0,
                at.timestamp_millis(),
                direction_word(*direction),
                kind,
                raw,
                party.number().map(|n| n.as_str()),
                name.as_str(),
                extension.as_ref().map(|e| e.0.as_str()),
            ])?;
            raise(conn, LAST_CALL, call.0)
        }
        Record::Answered { call, at, by } => conn
            .prepare_cached(
                "UPDATE calls SET answered_at = ?2, answered_by = ?3 WHERE id = ?1 AND answered_at IS NULL AND outcome IS NULL",
            )?
            .execute(params![call.0, at.timestamp_millis(), by.as_ref().map(|e| e.0.as_str())])
            .map(|_| ()),
        Record::Ended { call, at, outcome, during, short } => {
            let (word, reason) = outcome.words();
            conn.prepare_cached(
                "UPDATE calls SET ended_at = ?2, outcome = ?3, reason = ?4, during = ?5, short = ?6 WHERE id = ?1 AND outcome IS NULL",
            )?
            .execute(params![call.0, at.timestamp_millis(), word, reason, during.map(|c| c.0), short])?;
            conn.prepare_cached("DELETE FROM drafts WHERE call = ?1")?.execute([call.0]).map(|_| ())
        }
        Record::Draft { call, fields } => {
            let fields = serde_json::to_string(fields).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
            // of a call that has ended already nothing is to be kept
            conn.prepare_cached(
                "INSERT OR REPLACE INTO drafts (call, fields) SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM calls WHERE id = ?1 AND outcome IS NOT NULL)",
            )?
            .execute(params![call.0, fields])
            .map(|_| ())
        }
        Record::Callback(callback) => super::callbacks::apply(conn, callback),
        Record::Outage { from, to, what } => conn
            .prepare_cached(
                "INSERT INTO outages (from_at, to_at, what) VALUES (?1, ?2, ?3)
                 ON CONFLICT (from_at, what) DO UPDATE SET to_at = max(to_at, excluded.to_at)",
            )?
            .execute(params![from.timestamp_millis(), to.timestamp_millis(), what])
            .map(|_| ()),
    }
}

pub fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Incoming => "incoming",
        Direction::Outgoing => "outgoing",
        Direction::Internal => "internal",
    }
}

fn party_columns(party: &Caller) -> (&'static str, &str) {
    match party {
        Caller::Known(number) => ("known", number.as_str()),
        Caller::Withheld => ("withheld", ""),
        Caller::Extension(digits) => ("extension", digits),
        Caller::Unreadable(text) => ("unreadable", text.as_str()),
    }
}
