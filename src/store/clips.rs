//! What callers said to the attendant: kept, read, and erased in time.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use crate::domain::call::CallId;
use crate::domain::callback::Callback;
use crate::domain::clip::Clip;
use crate::domain::number::E164;

/// A recording goes that long after the last callback that names it was closed (RULES 5).
const AFTER_CLOSING: TimeDelta = TimeDelta::hours(24);

/// Writes one into the transaction that the caller holds.
pub fn apply(conn: &Connection, call: CallId, at: DateTime<Utc>, wav: &Clip) -> rusqlite::Result<()> {
    conn.prepare_cached("INSERT INTO clips (call, at, wav) VALUES (?1, ?2, ?3) ON CONFLICT (call) DO NOTHING")?
        .execute(params![call.0, at.timestamp_millis(), wav.as_bytes()])
        .map(|_| ())
}

/// The audio/wav of a call, while it is kept.
pub fn get(conn: &Connection, call: CallId) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(conn.prepare_cached("SELECT wav FROM clips WHERE call = ?1")?.query_row([call.0], |row| row.get(0)).optional()?)
}

/// The calls whose recordings are kept.
pub(super) fn kept(conn: &Connection) -> rusqlite::Result<HashSet<CallId>> {
    conn.prepare_cached("SELECT call FROM clips")?.query_map([], |row| row.get(0).map(CallId))?.collect()
}

/// Takes from entries what is not kept any more.
pub(super) fn kept_only(conn: &Connection, entries: &mut [Callback]) -> Result<(), StoreError> {
    if entries.iter().all(|entry| entry.clips.is_empty()) {
        return Ok(());
    }
    let kept = kept(conn)?;
    entries.iter_mut().for_each(|entry| entry.clips.retain(|call| kept.contains(call)));
    Ok(())
}

/// Erases those whose time is over: 24 h after their callback closed, or past `days`. Returns how many.
pub(super) fn sweep(conn: &Connection, now: DateTime<Utc>, days: u32) -> Result<usize, StoreError> {
    let oldest = now - TimeDelta::days(days.into());
    let named = "SELECT 1 FROM callbacks b, json_each(b.data, '$.clips') c WHERE c.value = clips.call";
    let sql = format!(
        "DELETE FROM clips WHERE at < ?1
         OR (at < ?2 AND NOT EXISTS ({named} AND (b.is_open OR b.closed_at IS NULL OR b.closed_at >= ?2)))"
    );
    Ok(conn.execute(&sql, params![oldest.timestamp_millis(), (now - AFTER_CLOSING).timestamp_millis()])?)
}

/// Erases those of calls from that number, and those that a callback of that number names; before either is erased. Returns how many.
pub fn erase(conn: &Connection, number: &E164) -> Result<usize, StoreError> {
    let sql = "DELETE FROM clips WHERE call IN (SELECT id FROM calls WHERE number = ?1)
               OR call IN (SELECT c.value FROM callbacks b, json_each(b.data, '$.clips') c WHERE b.number = ?1)";
    Ok(conn.execute(sql, [number.as_str()])?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::call::Record;
    use crate::store::{open_for_changes, record};

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_764_000_000, 0).unwrap() + TimeDelta::hours(hours)
    }

    fn clip(conn: &Connection, call: i64, hours: i64) {
        record::apply(conn, &Record::Clip { call: CallId(call), at: at(hours), wav: Clip::new(vec![7; 100]) }).unwrap();
    }

    fn callback(conn: &Connection, id: i64, number: &str, closed: Option<i64>, clips: &[i64]) {
        let data = serde_json::json!({ "clips": clips }).to_string();
        let closed = closed.map(|hours| at(hours).timestamp_millis());
        let sql = "INSERT INTO callbacks (id, version, number, is_open, closed_at, data) VALUES (?1, 1, ?2, ?3, ?4, ?5)";
        conn.execute(sql, params![id, number, closed.is_none(), closed, data]).unwrap();
    }

    fn kept(conn: &Connection) -> Vec<i64> {
        (1..=9).filter(|call| get(conn, CallId(*call)).unwrap().is_some()).collect()
    }

    #[test]
    fn words_go_24_hours_after_their_callback_closed_and_after_so_many_days_in_any_case() {
        let dir = tempfile::tempdir().unwrap();
        let (conn, _lock) = open_for_changes(dir.path()).unwrap();
        (1..=5).for_each(|call| clip(&conn, call, 0));
        clip(&conn, 2, 5);
        callback(&conn, 1, "+33639980001", None, &[1]);
        callback(&conn, 2, "+33639980002", Some(10), &[2, 3]);
        // merged: one that is closed and one that is open name it
        callback(&conn, 3, "+33639980003", Some(1), &[4]);
        callback(&conn, 4, "+33639980003", None, &[4]);
        assert_eq!(sweep(&conn, at(23), 30).unwrap(), 0, "nothing is a day old");
        assert_eq!((sweep(&conn, at(33), 30).unwrap(), kept(&conn)), (1, vec![1, 2, 3, 4]), "one that no callback names goes");
        assert_eq!((sweep(&conn, at(35), 30).unwrap(), kept(&conn)), (2, vec![1, 4]));
        assert_eq!((sweep(&conn, at(24 * 30 + 1), 30).unwrap(), kept(&conn)), (2, vec![]));
    }

    #[test]
    fn the_words_of_a_number_are_erased_whether_it_called_or_was_given() {
        let dir = tempfile::tempdir().unwrap();
        let (conn, _lock) = open_for_changes(dir.path()).unwrap();
        (1..=3).for_each(|call| clip(&conn, call, 0));
        callback(&conn, 1, "+33639980001", None, &[1]);
        let number = E164::from_e164("+33639980002").unwrap();
        let opened = Record::Opened {
            call: CallId(2),
            at: at(0),
            direction: crate::domain::call::Direction::Incoming,
            party: crate::domain::identity::Caller::Known(number.clone()),
            name: Default::default(),
            extension: None,
        };
        record::apply(&conn, &opened).unwrap();
        assert_eq!((erase(&conn, &number).unwrap(), kept(&conn)), (1, vec![1, 3]));
        assert_eq!((erase(&conn, &E164::from_e164("+33639980001").unwrap()).unwrap(), kept(&conn)), (1, vec![3]));
    }
}
