//! How a command changes data: by the service's control socket when one runs, else by taking the folder's lock itself.

use std::path::Path;

use rusqlite::Connection;

use crate::shell::control::{self, Answer, Request};
use crate::store::{StoreError, open_for_changes};

#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the running service said.
    #[error("{0}")]
    Refused(String),
}

/// The lines that the running service answered, else what `own` gave.
pub fn through(
    dir: &Path,
    request: &Request,
    own: impl FnOnce(&mut Connection) -> Result<Vec<String>, StoreError>,
) -> Result<Vec<String>, ChangeError> {
    let answer = match control::ask(dir, request)? {
        Some(answer) => answer,
        None => match open_for_changes(dir) {
            Ok((mut conn, lock)) => {
                let lines = own(&mut conn)?;
                drop(conn);
                drop(lock);
                return Ok(lines);
            }
            // a service that has just started listens by now, or it is another command's turn
            Err(error @ StoreError::Locked(_)) => control::ask(dir, request)?.ok_or(error)?,
            Err(error) => return Err(error.into()),
        },
    };
    match answer {
        Answer::Done(lines) => Ok(lines),
        Answer::Refused(sentence) => Err(ChangeError::Refused(sentence)),
    }
}
