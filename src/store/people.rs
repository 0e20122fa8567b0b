//! The people who may sign in, their sessions and their tokens. Only hashes pass through here.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::error::StoreError;

/// The longest code of a person.
const CODE_MAX: usize = 16;
/// Sessions of one person; the oldest gives way.
const SESSIONS_MAX: i64 = 32;
/// A session ends after a day at work.
pub const SESSION_LIFE: chrono::Duration = chrono::Duration::hours(12);

/// A change of the people, as it goes through the control socket: secrets are hashed before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeopleRequest {
    Add {
        code: String,
        password: String,
    },
    List,
    Remove {
        code: String,
    },
    /// Ends the sessions that were opened with the old one.
    Password {
        code: String,
        password: String,
    },
    Token {
        code: String,
        hash: [u8; 32],
    },
}

/// Carries out a request; the answer is the list of codes for `List`, else empty.
pub fn carry_out(conn: &mut Connection, request: &PeopleRequest, now: DateTime<Utc>) -> Result<Vec<String>, StoreError> {
    let millis = now.timestamp_millis();
    match request {
        PeopleRequest::Add { code, password } => {
            let code = clean_code(code)?;
            let added =
                conn.execute("INSERT INTO people (code, password, created_at) VALUES (?1, ?2, ?3)", params![code, password, millis]);
            match added {
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                    return Err(StoreError::PersonExists(code));
                }
                other => other?,
            };
        }
        PeopleRequest::List => return Ok(list(conn)?),
        PeopleRequest::Remove { code } => {
            let code = clean_code(code)?;
            changed(conn.execute("DELETE FROM people WHERE code = ?1", [&code])?, code)?;
        }
        PeopleRequest::Password { code, password } => {
            let code = clean_code(code)?;
            let tx = conn.transaction()?;
            changed(tx.execute("UPDATE people SET password = ?2 WHERE code = ?1", [&code, password])?, code.clone())?;
            tx.execute("DELETE FROM sessions WHERE person = ?1", [&code])?;
            tx.commit()?;
        }
        PeopleRequest::Token { code, hash } => {
            let code = clean_code(code)?;
            let sql = "INSERT INTO tokens (hash, person, created_at) SELECT ?1, code, ?3 FROM people WHERE code = ?2";
            changed(conn.execute(sql, params![hash.as_slice(), code, millis])?, code)?;
        }
    }
    Ok(Vec::new())
}

/// A code as it is kept: capitals, 1 to 16 letters, digits, `-` or `_`.
pub fn clean_code(code: &str) -> Result<String, StoreError> {
    let code = code.trim();
    let fits = (1..=CODE_MAX).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if fits {
        Ok(code.to_ascii_uppercase())
    } else {
        Err(StoreError::BadCode(code.chars().filter(|c| !c.is_control()).take(CODE_MAX).collect()))
    }
}

fn changed(rows: usize, code: String) -> Result<(), StoreError> {
    if rows == 0 { Err(StoreError::UnknownPerson(code)) } else { Ok(()) }
}

fn list(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    conn.prepare("SELECT code FROM people ORDER BY code")?.query_map([], |row| row.get(0))?.collect()
}

/// The PHC string of a person's password.
pub fn password(conn: &Connection, code: &str) -> Result<Option<String>, StoreError> {
    Ok(conn.prepare_cached("SELECT password FROM people WHERE code = ?1")?.query_row([code], |row| row.get(0)).optional()?)
}

/// Opens a session, and forgets those that are over.
pub fn open_session(conn: &mut Connection, code: &str, hash: &[u8; 32], now: DateTime<Utc>) -> Result<(), StoreError> {
    let (from, to) = (now.timestamp_millis(), (now + SESSION_LIFE).timestamp_millis());
    let tx = conn.transaction()?;
    tx.execute("DELETE FROM sessions WHERE expires_at <= ?1", [from])?;
    tx.execute(
        "DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions WHERE person = ?1 ORDER BY created_at DESC LIMIT -1 OFFSET ?2)",
        params![code, SESSIONS_MAX - 1],
    )?;
    let sql = "INSERT INTO sessions (hash, person, created_at, expires_at) SELECT ?1, code, ?3, ?4 FROM people WHERE code = ?2";
    changed(tx.execute(sql, params![hash.as_slice(), code, from, to])?, code.to_owned())?;
    Ok(tx.commit()?)
}

pub fn close_session(conn: &Connection, hash: &[u8; 32]) -> Result<(), StoreError> {
    conn.execute("DELETE FROM sessions WHERE hash = ?1", [hash.as_slice()])?;
    Ok(())
}

/// Whose session it is, if it is not over.
pub fn of_session(conn: &Connection, hash: &[u8; 32], now: DateTime<Utc>) -> Result<Option<String>, StoreError> {
    let sql = "SELECT person FROM sessions WHERE hash = ?1 AND expires_at > ?2";
    Ok(conn.prepare_cached(sql)?.query_row(params![hash.as_slice(), now.timestamp_millis()], |row| row.get(0)).optional()?)
}

/// Whose token it is.
pub fn of_token(conn: &Connection, hash: &[u8; 32]) -> Result<Option<String>, StoreError> {
    Ok(conn.prepare_cached("SELECT person FROM tokens WHERE hash = ?1")?.query_row([hash.as_slice()], |row| row.get(0)).optional()?)
}
