//! Makes a new database: whole, under another name, and on disk before it gets its own. Whatever stops that, the next
//! start finds no database or a good one. It holds no record yet, so one sync does for all of it.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::error::StoreError;
use super::open::{FILE, migrate, private_file};

/// The name of a database that is being made.
const UNFINISHED: &str = "rappel.db.new";
/// What SQLite keeps beside a database, by the end of the name.
const BESIDE: [&str; 3] = ["-journal", "-wal", "-shm"];

/// Makes the folder's database where there is none, or an empty file.
pub(super) fn where_missing(dir: &Path) -> Result<(), StoreError> {
    let folder = |source| StoreError::Folder { dir: dir.to_owned(), source };
    match fs::metadata(dir.join(FILE)) {
        Ok(about) if about.len() > 0 => return Ok(()),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(folder(error)),
    }
    let unfinished = dir.join(UNFINISHED);
    clear(dir, &unfinished).map_err(folder)?;
    // made by us first: it is readable by its owner only
    private_file(&unfinished).map_err(folder)?;
    fill(&unfinished)?;
    File::open(&unfinished)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&unfinished, dir.join(FILE)))
        .and_then(|()| File::open(dir)?.sync_all())
        .map_err(folder)
}

/// What an interrupted start left; and a log without its database, which SQLite would play into the new one.
fn clear(dir: &Path, unfinished: &Path) -> io::Result<()> {
    let beside = |name: &'static str| BESIDE.map(|end| dir.join(format!("{name}{end}")));
    for file in beside(UNFINISHED).into_iter().chain(beside(FILE)).chain([PathBuf::from(unfinished)]) {
        match fs::remove_file(file) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn fill(path: &Path) -> Result<(), StoreError> {
    let mut conn = Connection::open(path)?;
    conn.pragma_update(None, "synchronous", "OFF")?;
    conn.pragma_update(None, "journal_mode", "MEMORY")?;
    migrate(&mut conn)?;
    // kept in the file; the log itself is begun by whoever opens it
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.close().map_err(|(_, error)| error)?;
    Ok(())
}
