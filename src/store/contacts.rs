//! The people whose numbers are known: imported, looked for, and what the line is told of names at its start.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params, params_from_iter};
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use crate::domain::identity::Caller;
use crate::domain::names::{Contacts, MAX_CONTACTS, MAX_REMEMBERED, Names};
use crate::domain::number::E164;
use crate::domain::text::{ScreenText, folded};

/// The longest note, in characters.
pub const NOTE_MAX: usize = 500;
/// Contacts of an answer at most.
pub const FOUND_MAX: usize = 50;
/// What is looked for: characters, and words of them.
const QUERY_MAX: usize = 64;
const WORDS_MAX: usize = 8;
/// Calls looked through at the start for names that the network showed.
const CALLS_LOOKED_AT: i64 = 100_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub number: E164,
    pub name: ScreenText,
    pub note: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub id: i64,
    pub contact: Contact,
}

/// What an import changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    pub added: usize,
    pub changed: usize,
    pub same: usize,
}

impl std::fmt::Display for Merged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let s = |n: usize| if n > 1 { "s" } else { "" };
        let Merged { added, changed, same } = *self;
        write!(f, "{added} contact{} ajouté{}, {changed} modifié{}, {same} déjà connu{}.", s(added), s(added), s(changed), s(same))
    }
}

/// Adds contacts, one a number: a name replaces the one that was known, a note too unless it is empty. All of them or none.
pub fn merge(conn: &mut Connection, contacts: &[Contact]) -> Result<Merged, StoreError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = count(&tx)?;
    let mut touched = 0;
    {
        let mut statement = tx.prepare(
            "INSERT INTO contacts (number, name, note, folded, digits) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (number) DO UPDATE SET name = excluded.name, folded = excluded.folded,
                 note = CASE WHEN excluded.note = '' THEN note ELSE excluded.note END
             WHERE name <> excluded.name OR (excluded.note <> '' AND note <> excluded.note)",
        )?;
        for contact in contacts {
            let name = contact.name.as_str();
            touched += statement.execute(params![contact.number.as_str(), name, contact.note, folded(name), digits(&contact.number)])?;
        }
    }
    let after = count(&tx)?;
    if after > MAX_CONTACTS {
        return Err(StoreError::TooManyContacts);
    }
    tx.commit()?;
    let added = after.saturating_sub(before);
    Ok(Merged { added, changed: touched.saturating_sub(added), same: contacts.len().saturating_sub(touched) })
}

fn count(conn: &Connection) -> rusqlite::Result<usize> {
    conn.query_row("SELECT count(*) FROM contacts", [], |row| row.get::<_, i64>(0)).map(|n| usize::try_from(n).unwrap_or(0))
}

/// As it is dialled in France, else the international digits.
fn digits(number: &E164) -> String {
    number.national().unwrap_or_else(|| number.as_str().trim_start_matches('+').to_owned())
}

/// By any part of the name (each word of `query`) or of the number, in the order of the names. An empty query finds the first ones.
pub fn find(conn: &Connection, query: &str) -> Result<Vec<Found>, StoreError> {
    let query = folded(&query.chars().take(QUERY_MAX).collect::<String>());
    let mut wheres = vec!["TRUE".to_owned()];
    let mut values: Vec<String> = Vec::new();
    if !query.is_empty() && query.chars().all(|c| !c.is_alphabetic()) && query.contains(|c: char| c.is_ascii_digit()) {
        let typed: String = query.chars().filter(char::is_ascii_digit).collect();
        let typed = typed.strip_prefix("00").map_or(typed.clone(), str::to_owned);
        values.push(format!("%{typed}%"));
        wheres.push("(digits LIKE ?1 OR number LIKE ?1)".to_owned());
    } else {
        for word in query.split_whitespace().take(WORDS_MAX) {
            values.push(format!("%{}%", word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")));
            wheres.push(format!("folded LIKE ?{} ESCAPE '\\'", values.len()));
        }
    }
    let sql =
        format!("SELECT id, number, name, note FROM contacts WHERE {} ORDER BY folded, number LIMIT {FOUND_MAX}", wheres.join(" AND "));
    let mut statement = conn.prepare_cached(&sql)?;
    let rows =
        statement.query_map(params_from_iter(values), |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?)))?;
    let mut found = Vec::new();
    for row in rows {
        let (id, number, name, note): (i64, String, String, String) = row?;
        if let Ok(number) = E164::from_e164(&number) {
            found.push(Found { id, contact: Contact { number, name: ScreenText::clean(&name), note } });
        }
    }
    Ok(found)
}

/// The contact of that number.
pub fn of(conn: &Connection, number: &E164) -> Result<Option<Found>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT id, name, note FROM contacts WHERE number = ?1")?;
    let row = statement.query_row([number.as_str()], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?))).optional()?;
    Ok(row.map(|(id, name, note)| Found { id, contact: Contact { number: number.clone(), name: ScreenText::clean(&name), note } }))
}

/// Every contact's name, for the line.
pub fn all(conn: &Connection) -> Result<Contacts, StoreError> {
    let mut statement = conn.prepare("SELECT number, name FROM contacts LIMIT ?1")?;
    let rows = named(&mut statement, i64::try_from(MAX_CONTACTS).unwrap_or(i64::MAX))?;
    Ok(Contacts(rows.into_iter().collect::<HashMap<_, _>>()))
}

/// What the records know of names: contacts, names that a person wrote beside a callback, names that the network showed.
pub fn names(conn: &Connection) -> Result<Names, StoreError> {
    let mut names = Names::default();
    names.set_contacts(all(conn)?);
    let most = i64::try_from(MAX_REMEMBERED).unwrap_or(i64::MAX);
    let mut given = conn.prepare(
        "SELECT number, json_extract(data, '$.name') FROM callbacks
         WHERE number IS NOT NULL AND json_extract(data, '$.named') ORDER BY id DESC LIMIT ?1",
    )?;
    for (number, name) in named(&mut given, most)?.into_iter().rev() {
        names.give(&Caller::Known(number), &name);
    }
    let mut heard = conn.prepare(&format!(
        "SELECT number, name FROM calls WHERE id > (SELECT coalesce(max(id), 0) - {CALLS_LOOKED_AT} FROM calls)
         AND number IS NOT NULL AND name <> '' ORDER BY id DESC LIMIT ?1"
    ))?;
    for (number, name) in named(&mut heard, most)?.into_iter().rev() {
        names.hear(&Caller::Known(number), &name);
    }
    Ok(names)
}

/// Numbers and names of a statement; rows whose number is none are left out.
fn named(statement: &mut rusqlite::Statement<'_>, limit: i64) -> Result<Vec<(E164, ScreenText)>, StoreError> {
    let rows = statement.query_map([limit], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let mut named = Vec::new();
    for row in rows {
        let (number, name) = row?;
        named.extend(E164::from_e164(&number).ok().map(|number| (number, ScreenText::clean(&name))));
    }
    Ok(named)
}
