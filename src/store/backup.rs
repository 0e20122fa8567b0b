//! A copy of the database taken while it is used, and the way back. Whole or not at all.

use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::error::StoreError;
use super::open::{FILE, newest_migration, private_file, take_lock};

/// What stood there before a restore stays under this name, until the next one.
pub const BEFORE: &str = "rappel.db.avant";
/// The copy while it is being made.
const PART: &str = "rappel.db.part";
/// How long a copy waits for a program that holds the database.
const PATIENCE: Duration = Duration::from_secs(5);
/// All pages in one step: one moment of the database; its writer goes on meanwhile.
const ALL_PAGES: i32 = -1;

/// Copies what `from` reads into the empty file `to`: one file, without a log beside it.
pub fn copy(from: &Connection, to: &Path) -> Result<(), StoreError> {
    let mut copy = Connection::open(to)?;
    {
        let backup = Backup::new(from, &mut copy)?;
        match backup.step(ALL_PAGES)? {
            StepResult::Done => {}
            _ => return Err(StoreError::Busy),
        }
    }
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    Ok(())
}

/// Puts the backup `file` in the place of the folder's database. A service on the folder refuses it by its lock.
pub fn restore(dir: &Path, file: &Path) -> Result<(), StoreError> {
    let lock = take_lock(dir)?;
    let source = open_backup(file)?;
    let folder = |source| StoreError::Folder { dir: dir.to_owned(), source };
    let (part, database) = (dir.join(PART), dir.join(FILE));
    let remove = |name: &str| match std::fs::remove_file(dir.join(name)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(folder(error)),
        _ => Ok(()),
    };
    remove(PART)?;
    private_file(&part).map_err(folder)?;
    copy(&source, &part)?;
    private_file(&part).and_then(|file| file.sync_all()).map_err(folder)?;
    if database.exists() {
        // its log goes into it, so that it is one file; of one that is broken the file alone is kept
        let whole = |old: Connection| old.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE");
        let _ = Connection::open(&database).and_then(whole);
        remove(BEFORE)?;
        std::fs::hard_link(&database, dir.join(BEFORE)).map_err(folder)?;
    }
    remove(&format!("{FILE}-wal"))?;
    remove(&format!("{FILE}-shm"))?;
    std::fs::rename(&part, &database).map_err(folder)?;
    std::fs::File::open(dir).and_then(|folder| folder.sync_all()).map_err(folder)?;
    drop(lock);
    Ok(())
}

/// A file that is a whole database of ours, of this version or an older one.
fn open_backup(file: &Path) -> Result<Connection, StoreError> {
    let no_backup = |why: String| StoreError::NoBackup { file: file.to_owned(), why };
    if !file.is_file() {
        return Err(no_backup("fichier introuvable".to_owned()));
    }
    let sqlite = |error: rusqlite::Error| no_backup(error.to_string());
    let conn = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(sqlite)?;
    conn.busy_timeout(PATIENCE).map_err(sqlite)?;
    let sound: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(sqlite)?;
    if sound != "ok" {
        return Err(no_backup(sound));
    }
    let version: i64 =
        conn.query_row("SELECT coalesce(max(version), 0) FROM refinery_schema_history", [], |row| row.get(0)).map_err(sqlite)?;
    conn.query_row("SELECT count(*) FROM calls", [], |_| Ok(())).map_err(sqlite)?;
    if version > newest_migration() { Err(StoreError::NewerBackup(file.to_owned())) } else { Ok(conn) }
}
