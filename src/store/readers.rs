//! Read-only connections, one to each thread that reads at a time. Nothing here can write or wait for the writer.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::StoreError;

/// Connections kept between two reads.
const KEPT: usize = 8;
/// In WAL a reader waits only while a log is being recovered.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone, Debug)]
pub struct Readers {
    path: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    /// Reads the database of a state folder, which must exist by the first [`Readers::read`].
    pub fn new(dir: &Path) -> Readers {
        Readers { path: Arc::new(dir.join(super::open::FILE)), idle: Arc::default() }
    }

    /// Lends a connection. It blocks on the disk: on an async thread, inside `spawn_blocking` only.
    pub fn read<T>(&self, f: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let conn = match idle {
            Some(conn) => conn,
            None => self.connect()?,
        };
        let result = f(&conn);
        // one that failed may be broken: the next read makes another
        if result.is_ok() {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < KEPT {
                idle.push(conn);
            }
        }
        result
    }

    /// A connection of one's own, for a command that reads once.
    pub fn connect(&self) -> Result<Connection, StoreError> {
        let conn = Connection::open_with_flags(self.path.as_path(), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        conn.busy_timeout(PATIENCE)?;
        conn.pragma_update(None, "query_only", true)?;
        Ok(conn)
    }
}
