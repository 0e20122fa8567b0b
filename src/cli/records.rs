//! `rappel dump|erase --number N` and `rappel backup|restore FILE`: the records as a whole, and all that they hold of one number.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::change::{ChangeError, through};
use super::export::{ExportError, connection, sink::Part};
use crate::domain::number::{E164, NumberError};
use crate::screen::callbacks::shown;
use crate::screen::contacts::shown as contact;
use crate::shell::control::Request;
use crate::store::{StoreError, backup, erase, journal};

#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    #[error("« {0} » n'est pas un numéro : {1}.")]
    Number(String, NumberError),
    #[error(transparent)]
    Read(#[from] ExportError),
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{} ne peut pas être écrit : {source}. Choisissez un autre dossier, ou libérez de la place.", .file.display())]
    File { file: PathBuf, source: io::Error },
    #[error("Écriture impossible : {0}.")]
    Write(#[from] io::Error),
}

fn number(text: &str) -> Result<E164, RecordsError> {
    E164::parse_national_or_international(text).map_err(|error| RecordsError::Number(text.chars().take(40).collect(), error))
}

/// Everything about a number, as the API shows it, with its count.
pub fn dump(text: &str, dir: &Path, now: DateTime<Utc>, out: &mut dyn Write) -> Result<(), RecordsError> {
    let number = number(text)?;
    let about = erase::about(&connection(dir)?, &number)?;
    let count = about.count();
    let whole = json!({
        "number": number.as_str(),
        "display": number.display(),
        "count": { "contacts": count.contacts, "calls": count.calls, "callbacks": count.callbacks, "total": count.total() },
        "contact": about.contact.as_ref().map(contact),
        "calls": about.calls.iter().map(|row| serde_json::to_value(row).unwrap_or_default()).collect::<Vec<Value>>(),
        "callbacks": about.callbacks.iter().map(|c| shown(c, now)).collect::<Vec<Value>>(),
    });
    Ok(writeln!(out, "{whole:#}")?)
}

pub fn erase(text: &str, dir: &Path, out: &mut dyn Write) -> Result<(), RecordsError> {
    let number = number(text)?;
    let lines = through(dir, &Request::Erase(number.clone()), |conn| {
        if journal_waits(dir) { Err(StoreError::Waiting) } else { Ok(vec![erase::erase(conn, &number)?.to_string()]) }
    })?;
    lines.iter().try_for_each(|line| writeln!(out, "{} : {line} effacés.", number.display()))?;
    Ok(writeln!(out, "Les sauvegardes et les listes déjà exportées gardent ce qu'elles contiennent.")?)
}

pub fn backup(file: &Path, dir: &Path, out: &mut dyn Write) -> Result<(), RecordsError> {
    let failed = |source| RecordsError::File { file: file.to_owned(), source };
    let conn = connection(dir)?;
    let part = Part::new(file).map_err(failed)?;
    backup::copy(&conn, part.part())?;
    part.done().map_err(failed)?;
    if journal_waits(dir) {
        eprintln!("attention : des appels récents attendent encore dans le journal et ne sont pas dans la sauvegarde.");
    }
    Ok(writeln!(out, "Sauvegarde écrite dans {}.", file.display())?)
}

/// Records of a process that died, or whose database failed, are not in the database yet.
fn journal_waits(dir: &Path) -> bool {
    std::fs::metadata(dir.join(journal::FILE)).is_ok_and(|journal| journal.len() > 0)
}

pub fn restore(file: &Path, dir: &Path, out: &mut dyn Write) -> Result<(), RecordsError> {
    backup::restore(dir, file)?;
    writeln!(out, "La base est celle de {}.", file.display())?;
    let before = dir.join(backup::BEFORE);
    if before.exists() {
        writeln!(out, "L'ancienne reste dans {} : effacez-la quand tout va bien.", before.display())?;
    }
    Ok(())
}
