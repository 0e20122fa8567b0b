//! The ledger as it is kept and read: one row an entry, its newest version.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use super::record::raise;
use crate::domain::call::CallId;
use crate::domain::callback::{Callback, CallbackId, Fields};
use crate::domain::identity::Caller;
use crate::domain::number::E164;
use crate::domain::outcome::Outcome;
use crate::domain::text::ScreenText;

/// `meta`: the greatest callback id ever given, whatever was erased since.
pub const LAST_CALLBACK: &str = "last_callback";
/// Closed entries that the ledger knows of; the newest ones.
const CLOSED_MAX: i64 = 1_000;
/// Closed entries of a list: as many as a busy agency closes in a week. Older ones are found by their calls.
const LISTED_MAX: i64 = 250;
/// No bound: every open promise is shown.
const OPEN_MAX: i64 = -1;

/// What may be asked of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    Due,
    Planned,
    Done,
    All,
}

/// An incoming call that left somebody to call back, without a callback about it: the last process left it without end, or died
/// between the record of its end and that of its callback.
#[derive(Clone, Debug, PartialEq)]
pub struct Stranded {
    pub call: CallId,
    pub at: DateTime<Utc>,
    pub party: Caller,
    pub name: ScreenText,
    pub outcome: Outcome,
    /// What a person had typed of it.
    pub form: Fields,
}

/// Word for word the condition of the index `calls_stranded`, so that a start looks at no other row. The switchboard's rule has the last word.
const STRANDED: &str =
    "callback IS NULL AND direction = 'incoming' AND (outcome = 'missed' OR outcome = 'attendant' OR outcome = 'interrupted'
    OR (outcome = 'answered' AND (reason = 'promised' OR reason = 'left_on_hold' OR reason = 'cut')))";

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
    let mut found = match view {
        View::Due | View::Planned => open_ones(conn)?,
        View::Done => closed_ones(conn, LISTED_MAX)?,
        View::All => all(conn, LISTED_MAX)?,
    };
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
    super::clips::kept_only(conn, &mut found)?;
    Ok(found)
}

pub fn one(conn: &Connection, id: CallbackId) -> Result<Option<Callback>, StoreError> {
    let data: Option<String> =
        conn.prepare_cached("SELECT data FROM callbacks WHERE id = ?1")?.query_row([id.0], |row| row.get(0)).optional()?;
    let mut found: Vec<Callback> = data.and_then(|data| read(&data)).into_iter().collect();
    super::clips::kept_only(conn, &mut found)?;
    Ok(found.pop())
}

/// Every entry of that number, oldest first.
pub fn of(conn: &Connection, number: &E164) -> Result<Vec<Callback>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT data FROM callbacks WHERE number = ?1 ORDER BY id")?;
    let rows = statement.query_map([number.as_str()], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let mut found: Vec<Callback> = rows.iter().filter_map(|data| read(data)).collect();
    super::clips::kept_only(conn, &mut found)?;
    Ok(found)
}

/// Hands every entry to `f`, oldest first, however many there are; `f` ends it by an error.
pub fn each<E: From<StoreError>>(conn: &Connection, mut f: impl FnMut(Callback) -> Result<(), E>) -> Result<(), E> {
    let sqlite = |error: rusqlite::Error| E::from(StoreError::from(error));
    let mut statement = conn.prepare("SELECT data FROM callbacks ORDER BY id").map_err(sqlite)?;
    let (kept, mut rows) = (super::clips::kept(conn).map_err(sqlite)?, statement.query([]).map_err(sqlite)?);
    while let Some(row) = rows.next().map_err(sqlite)? {
        if let Some(mut callback) = read(&row.get::<_, String>(0).map_err(sqlite)?) {
            callback.clips.retain(|call| kept.contains(call));
            f(callback)?;
        }
    }
    Ok(())
}

/// Every open entry, and the last closed ones.
pub fn load(conn: &Connection) -> Result<Vec<Callback>, StoreError> {
    all(conn, CLOSED_MAX)
}

fn all(conn: &Connection, closed: i64) -> Result<Vec<Callback>, StoreError> {
    let mut all = open_ones(conn)?;
    all.extend(closed_ones(conn, closed)?);
    Ok(all)
}

fn open_ones(conn: &Connection) -> Result<Vec<Callback>, StoreError> {
    read_all(conn, "SELECT data FROM callbacks WHERE is_open = 1 LIMIT ?1", OPEN_MAX)
}

fn closed_ones(conn: &Connection, limit: i64) -> Result<Vec<Callback>, StoreError> {
    read_all(conn, "SELECT data FROM callbacks WHERE is_open = 0 ORDER BY closed_at DESC LIMIT ?1", limit)
}

fn read_all(conn: &Connection, sql: &str, limit: i64) -> Result<Vec<Callback>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map([limit], |row| Ok(row.get_ref(0)?.as_str().map(read)?))?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Calls whose callback is missing, oldest first.
pub fn stranded(conn: &Connection) -> Result<Vec<Stranded>, StoreError> {
    // left to itself, the planner reads every missed call there is
    let mut statement = conn.prepare(&format!(
        "SELECT id, at, party, raw, name, outcome, reason, fields FROM calls INDEXED BY calls_stranded
         LEFT JOIN drafts ON drafts.call = calls.id WHERE {STRANDED} ORDER BY id"
    ))?;
    let rows = statement.query_map([], |row| {
        let (kind, name): (String, String) = (row.get(2)?, row.get(4)?);
        let (outcome, reason): (String, Option<String>) = (row.get(5)?, row.get(6)?);
        let (call, at) = (CallId(row.get(0)?), DateTime::from_timestamp_millis(row.get(1)?).unwrap_or_default());
        let (party, name) = (super::calls::party(&kind, row.get(3)?), ScreenText::clean(&name));
        let form = row.get::<_, Option<String>>(7)?.and_then(|fields| serde_json::from_str(&fields).ok()).unwrap_or_default();
        Ok(Outcome::from_words(&outcome, reason.as_deref()).map(|outcome| Stranded { call, at, party, name, outcome, form }))
    })?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// A row that cannot be read is said, and does not hide the others.
fn read(data: &str) -> Option<Callback> {
    serde_json::from_str(data).inspect_err(|error| tracing::error!(%error, "a callback cannot be read")).ok()
}
