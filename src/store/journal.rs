//! The journal beside the database: where records wait while SQLite cannot take them (RULES 2.1).
//!
//! One line a record: 16 hexadecimal digits of the SHA-256 of the JSON, a space, the JSON. A line that does not
//! match its sum (a write cut short by a power failure) is counted and passed over; it never hides the others.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::domain::call::Record;

/// The file's name in the state folder.
pub const FILE: &str = "rappel.journal";
/// Past this the journal refuses more: some 200,000 records, hours of a locked database.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Hexadecimal digits of the sum.
const SUM: usize = 16;

#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Length of what was appended and synced whole.
    good: u64,
}

/// What a journal holds, in the order in which it was written.
#[derive(Debug, Default, PartialEq)]
pub struct Replay {
    pub records: Vec<Record>,
    /// Lines that were no record: at most the torn end of a write, unless the disk is failing.
    pub torn: usize,
}

impl Journal {
    /// Opens or creates the journal of a state folder, readable by its owner only.
    pub fn open(dir: &Path) -> io::Result<Journal> {
        let path = dir.join(FILE);
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        let good = file.seek(SeekFrom::End(0))?;
        Ok(Journal { file, path, good })
    }

    /// One that takes nothing, as on a failing disk.
    #[cfg(test)]
    pub(super) fn read_only(dir: &Path) -> io::Result<Journal> {
        let path = dir.join(FILE);
        Ok(Journal { file: File::open(&path)?, path, good: 0 })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn is_empty(&self) -> bool {
        self.good == 0
    }

    /// Appends records and syncs: when it returns `Ok`, they survive a power cut. After an error nothing of them is kept.
    pub fn append<'a>(&mut self, records: impl IntoIterator<Item = &'a Record>) -> io::Result<()> {
        // a first newline ends whatever a crash left unfinished
        let mut bytes = Vec::with_capacity(1024);
        bytes.push(b'\n');
        for record in records {
            let json = serde_json::to_string(record)?;
            bytes.extend_from_slice(sum(&json).as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(json.as_bytes());
            bytes.push(b'\n');
        }
        let after = self.good.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if after > MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "journal full"));
        }
        let written =
            self.file.seek(SeekFrom::Start(self.good)).and_then(|_| self.file.write_all(&bytes)).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.good = after;
                Ok(())
            }
            Err(error) => {
                // the next append starts at `good` again and overwrites the rest in any case
                let _ = self.file.set_len(self.good);
                Err(error)
            }
        }
    }

    /// All records, oldest first.
    pub fn read(&mut self) -> io::Result<Replay> {
        self.file.seek(SeekFrom::Start(0))?;
        let mut bytes = Vec::new();
        (&mut self.file).take(MAX_BYTES).read_to_end(&mut bytes)?;
        let mut replay = Replay::default();
        for line in bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            match parse(line) {
                Some(record) => replay.records.push(record),
                None => replay.torn += 1,
            }
        }
        Ok(replay)
    }

    /// Forgets everything: the records are in the database.
    pub fn clear(&mut self) -> io::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        self.file.set_len(0)?;
        self.good = 0;
        self.file.sync_data()
    }
}

fn parse(line: &[u8]) -> Option<Record> {
    let (wanted, json) = std::str::from_utf8(line).ok()?.split_at_checked(SUM)?;
    let json = json.strip_prefix(' ')?;
    (sum(json) == wanted).then(|| serde_json::from_str(json).ok())?
}

fn sum(json: &str) -> String {
    let mut hex = super::secret::hex(&Sha256::digest(json.as_bytes()));
    hex.truncate(SUM);
    hex
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::call::CallId;
    use chrono::DateTime;

    fn answered(id: i64) -> Record {
        Record::Answered { call: CallId(id), at: DateTime::from_timestamp_millis(1_764_000_000_000 + id).unwrap(), by: None }
    }

    #[test]
    fn what_was_appended_is_read_again_in_order_by_another_opening() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        assert!(journal.is_empty());
        journal.append(&[answered(1), answered(2)]).unwrap();
        journal.append(&[answered(3)]).unwrap();
        let mut again = Journal::open(dir.path()).unwrap();
        assert!(!again.is_empty());
        assert_eq!(again.read().unwrap(), Replay { records: vec![answered(1), answered(2), answered(3)], torn: 0 });
        again.clear().unwrap();
        assert_eq!(Journal::open(dir.path()).unwrap().read().unwrap(), Replay::default());
    }

    #[test]
    fn a_line_cut_at_any_byte_costs_that_line_only_and_the_next_append_stands() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        journal.append(&[answered(1)]).unwrap();
        let first = std::fs::metadata(journal.path()).unwrap().len();
        journal.append(&[answered(2)]).unwrap();
        let whole = std::fs::read(journal.path()).unwrap();
        for cut in usize::try_from(first).unwrap() + 2..whole.len() - 1 {
            std::fs::write(journal.path(), &whole[..cut]).unwrap();
            let mut torn = Journal::open(dir.path()).unwrap();
            assert_eq!(torn.read().unwrap(), Replay { records: vec![answered(1)], torn: 1 }, "cut at {cut}");
            torn.append(&[answered(3)]).unwrap();
            assert_eq!(torn.read().unwrap(), Replay { records: vec![answered(1), answered(3)], torn: 1 }, "cut at {cut}");
        }
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        journal.append(&[answered(1), answered(2)]).unwrap();
        let text = std::fs::read_to_string(journal.path()).unwrap();
        std::fs::write(journal.path(), text.replacen("\"call\":1", "\"call\":9", 1)).unwrap();
        assert_eq!(Journal::open(dir.path()).unwrap().read().unwrap(), Replay { records: vec![answered(2)], torn: 1 });
    }
}
