//! Everything about one number: shown, counted, erased (RGPD). Rows that only stand near it in time are nobody's.

use rusqlite::{Connection, TransactionBehavior};
use serde::Serialize;

use super::callbacks;
use super::calls::{self, CallRow, Filter, LIMIT_MAX};
use super::contacts::{self, Found};
use super::error::StoreError;
use crate::domain::callback::Callback;
use crate::domain::number::E164;

/// What is kept about a number.
#[derive(Debug, Default, PartialEq)]
pub struct About {
    pub contact: Option<Found>,
    pub calls: Vec<CallRow>,
    pub callbacks: Vec<Callback>,
}

/// How many rows there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    pub contacts: usize,
    pub calls: usize,
    pub callbacks: usize,
}

impl Count {
    pub fn total(self) -> usize {
        self.contacts + self.calls + self.callbacks
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let s = |n: usize| if n > 1 { "s" } else { "" };
        let Count { contacts, calls, callbacks } = *self;
        write!(f, "{contacts} contact{}, {calls} appel{} et {callbacks} rappel{}", s(contacts), s(calls), s(callbacks))
    }
}

impl About {
    pub fn count(&self) -> Count {
        Count { contacts: usize::from(self.contact.is_some()), calls: self.calls.len(), callbacks: self.callbacks.len() }
    }
}

/// All that is kept about that number. One consistent reading if the caller holds a transaction.
pub fn about(conn: &Connection, number: &E164) -> Result<About, StoreError> {
    let mut about = About { contact: contacts::of(conn, number)?, ..About::default() };
    let mut filter = Filter { number: Some(number.as_str().to_owned()), limit: LIMIT_MAX, ..Filter::default() };
    loop {
        let page = calls::calls(conn, &filter)?;
        about.calls.extend(page.calls);
        filter.before = page.next;
        if filter.before.is_none() {
            break;
        }
    }
    about.callbacks = callbacks::of(conn, number)?;
    Ok(about)
}

/// Erases all of it, from the disk too: the database overwrites what it deletes, and its log is emptied.
pub fn erase(conn: &mut Connection, number: &E164) -> Result<Count, StoreError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // what was typed during its calls, or of it during another's
    tx.execute("DELETE FROM drafts WHERE call IN (SELECT id FROM calls WHERE number = ?1) OR instr(fields, ?1) > 0", [number.as_str()])?;
    let of = |table: &str| tx.execute(&format!("DELETE FROM {table} WHERE number = ?1"), [number.as_str()]);
    let count = Count { contacts: of("contacts")?, calls: of("calls")?, callbacks: of("callbacks")? };
    tx.commit()?;
    // a reader in the middle of a list puts it off to the next one: nothing to be said to the person
    if let Err(error) = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
        tracing::warn!(%error, "the database's log still holds what was erased");
    }
    Ok(count)
}
