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

/// Takes from entries what is not kept any more.
pub(super) fn kept_only(conn: &Connection, entries: &mut [Callback]) -> Result<(), StoreError> {
    if entries.iter().all(|entry| entry.clips.is_empty()) {
        return Ok(());
    }
    let mut statement = conn.prepare_cached("SELECT call FROM clips")?;
    let kept = statement.query_map([], |row| row.get(0).map(CallId))?.collect::<Result<HashSet<_>, _>>()?;
    entries.iter_mut().for_each(|entry| entry.clips.retain(|call| kept.contains(call)));
    Ok(())
}

/// Erases those whose time is over: 24 h after their callback closed, or past `days`. Returns how many.
pub fn sweep(conn: &Connection, now: DateTime<Utc>, days: u32) -> Result<usize, StoreError> {
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
