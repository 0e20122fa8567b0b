//! What one day's figures are made of: its calls, and the callbacks that were open in it or came of it.

use chrono::{DateTime, Utc};
use rusqlite::Connection;

use super::error::StoreError;
use crate::domain::callback::Callback;
use crate::domain::day::{Closing, DayCall, DayCallback, Found};

/// Incoming calls from `from` until before `to`, and every callback that was not closed before `from`.
pub fn read(conn: &Connection, from: DateTime<Utc>, to: DateTime<Utc>) -> Result<Found, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT at, outcome, answered_by FROM calls WHERE at >= ?1 AND at < ?2 AND direction = 'incoming' ORDER BY at, id",
    )?;
    let calls = statement
        .query_map([from.timestamp_millis(), to.timestamp_millis()], |row| {
            let outcome: Option<String> = row.get(1)?;
            Ok(DayCall {
                at: DateTime::from_timestamp_millis(row.get(0)?).unwrap_or_default(),
                answered: outcome.as_deref().map(|outcome| outcome == "answered"),
                by: row.get(2)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    // the call that an entry was last about is the one that closed it
    let mut statement = conn.prepare_cached(
        "SELECT c.data, k.direction, k.extension FROM callbacks c LEFT JOIN calls k ON k.id = json_extract(c.data, '$.call')
         WHERE c.is_open OR c.closed_at >= ?1",
    )?;
    let rows = statement.query_map([from.timestamp_millis()], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?, row.get::<_, Option<String>>(2)?))
    })?;
    let mut callbacks = Vec::new();
    for row in rows {
        let (data, direction, by) = row?;
        // a row that cannot be read was said when the queue was read
        let Ok(callback) = serde_json::from_str::<Callback>(&data) else { continue };
        let closing = match (callback.by_fact, direction.as_deref()) {
            (true, Some("incoming")) => Closing::TheyCalled,
            (true, _) => Closing::WeCalled,
            (false, _) => Closing::Person,
        };
        callbacks.push(DayCallback { callback, closing, by });
    }
    Ok(Found { calls, callbacks })
}
