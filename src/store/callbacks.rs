//! The ledger as it is kept and read: one row an entry, its newest version.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use super::record::raise;
use crate::domain::call::CallId;
use crate::domain::callback::{Callback, CallbackId, Fields};
use crate::domain::identity::Caller;
use crate::domain::number::E164;
use crate::domain::text::ScreenText;

/// `meta`: the greatest callback id ever given, whatever was erased since.
pub const LAST_CALLBACK: &str = "last_callback";
/// Closed entries of an answer at most; the newest ones.
const CLOSED_MAX: i64 = 1_000;

/// What may be asked of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    Due,
    Planned,
    Done,
    All,
}

/// A call that the last process left without end and that no callback is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Stranded {
    pub call: CallId,
    pub at: DateTime<Utc>,
    pub party: Caller,
    pub name: ScreenText,
    /// What a person had typed of it.
    pub form: Fields,
}

/// Writes an entry into the transaction that the caller holds; an older version changes nothing.
pub fn apply(conn: &Connection, callback: &Callback) -> rusqlite::Result<()> {
    let data = serde_json::to_string(callback).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    conn.prepare_cached(
        "INSERT INTO callbacks (id, version, number, is_open, closed_at, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET version = excluded.version, number = excluded.number, is_open = excluded.is_open,
             closed_at = excluded.closed_at, data = excluded.data WHERE excluded.version > version",
    )?
    .execute(params![
        callback.id.0,
        i64::try_from(callback.version).unwrap_or(i64::MAX),
        callback.party.number().map(|n| n.as_str()),
        callback.is_open(),
        callback.closed_at.map(|at| at.timestamp_millis()),
        data,
    ])?;
    if let Some(call) = callback.call {
        conn.prepare_cached("UPDATE calls SET callback = ?2 WHERE id = ?1")?.execute(params![call.0, callback.id.0])?;
    }
    raise(conn, LAST_CALLBACK, callback.id.0)
}

/// One view of the queue, in its order.
pub fn list(conn: &Connection, view: View, now: DateTime<Utc>) -> Result<Vec<Callback>, StoreError> {
    let mut found = load(conn)?;
    found.retain(|c| match view {
        View::Due => c.is_open() && !c.is_planned(now),
        View::Planned => c.is_planned(now),
        View::Done => !c.is_open(),
        View::All => true,
    });
    if view == View::Done {
        found.sort_by_key(|c| std::cmp::Reverse((c.closed_at, c.id)));
    } else {
        found.sort_by_key(|c| c.rank(now));
    }
    Ok(found)
}

pub fn one(conn: &Connection, id: CallbackId) -> Result<Option<Callback>, StoreError> {
    let data: Option<String> =
        conn.prepare_cached("SELECT data FROM callbacks WHERE id = ?1")?.query_row([id.0], |row| row.get(0)).optional()?;
    Ok(data.and_then(|data| read(&data)))
}

/// Every entry of that number, oldest first.
pub fn of(conn: &Connection, number: &E164) -> Result<Vec<Callback>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT data FROM callbacks WHERE number = ?1 ORDER BY id")?;
    let rows = statement.query_map([number.as_str()], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(rows.iter().filter_map(|data| read(data)).collect())
}

/// Hands every entry to `f`, oldest first, however many there are; `f` ends it by an error.
pub fn each<E: From<StoreError>>(conn: &Connection, mut f: impl FnMut(Callback) -> Result<(), E>) -> Result<(), E> {
    let sqlite = |error: rusqlite::Error| E::from(StoreError::from(error));
    let mut statement = conn.prepare("SELECT data FROM callbacks ORDER BY id").map_err(sqlite)?;
    let mut rows = statement.query([]).map_err(sqlite)?;
    while let Some(row) = rows.next().map_err(sqlite)? {
        if let Some(callback) = read(&row.get::<_, String>(0).map_err(sqlite)?) {
            f(callback)?;
        }
    }
    Ok(())
}

/// Every open entry, and the last closed ones.
pub fn load(conn: &Connection) -> Result<Vec<Callback>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT data FROM callbacks WHERE is_open
         UNION ALL SELECT * FROM (SELECT data FROM callbacks WHERE NOT is_open ORDER BY closed_at DESC LIMIT ?1)",
    )?;
    let rows = statement.query_map([CLOSED_MAX], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(rows.iter().filter_map(|data| read(data)).collect())
}

/// Interrupted incoming calls that opened nothing yet, oldest first.
pub fn stranded(conn: &Connection) -> Result<Vec<Stranded>, StoreError> {
    let mut statement = conn.prepare(
        "SELECT id, at, party, raw, name, fields FROM calls LEFT JOIN drafts ON drafts.call = calls.id
         WHERE outcome = 'interrupted' AND direction = 'incoming' AND callback IS NULL ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| {
        let (kind, name): (String, String) = (row.get(2)?, row.get(4)?);
        Ok(Stranded {
            call: CallId(row.get(0)?),
            at: DateTime::from_timestamp_millis(row.get(1)?).unwrap_or_default(),
            party: super::calls::party(&kind, row.get(3)?),
            name: ScreenText::clean(&name),
            form: row.get::<_, Option<String>>(5)?.and_then(|fields| serde_json::from_str(&fields).ok()).unwrap_or_default(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A row that cannot be read is said, and does not hide the others.
fn read(data: &str) -> Option<Callback> {
    serde_json::from_str(data).inspect_err(|error| tracing::error!(%error, "a callback cannot be read")).ok()
}
