//! The journal beside the database: where records wait while SQLite cannot take them (RULES 2.1).
//!
//! One line a record: 16 hexadecimal digits of the SHA-256 of the JSON, a space, the JSON. A line that does not
//! match its sum (a write cut short by a power failure) is counted and passed over; it never hides the others.
//! It is read in batches: however long it grew, memory holds a batch. Blocks for [`RESERVE`] are set aside on the disk,
//! so that a disk that is full takes records all the same.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};
use sha2::{Digest, Sha256};

use crate::domain::call::Record;

/// The file's name in the state folder.
pub const FILE: &str = "rappel.journal";
/// Past this the journal refuses more: some 200,000 records, hours of a locked database.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Room that nobody else can take: some thousand calls, days of a small agency.
pub const RESERVE: u64 = 1024 * 1024;
/// A longer line is no record: the longest callback takes a tenth of it.
const MAX_LINE: u64 = 1024 * 1024;
/// Hexadecimal digits of the sum.
const SUM: usize = 16;

#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Length of what was appended and synced whole.
    good: u64,
    /// Blocks for [`RESERVE`] are ours.
    reserved: bool,
}

/// Some of what a journal holds, in the order in which it was written.
#[derive(Debug, Default, PartialEq)]
pub struct Batch {
    pub records: Vec<Record>,
    /// Lines that were no record: at most the torn end of a write, unless the disk is failing.
    pub torn: usize,
    /// Where the next batch begins; `None` at the end.
    pub next: Option<u64>,
}

impl Journal {
    /// Opens or creates the journal of a state folder, readable by its owner only.
    pub fn open(dir: &Path) -> io::Result<Journal> {
        let path = dir.join(FILE);
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        let good = file.seek(SeekFrom::End(0))?;
        let mut journal = Journal { file, path, good, reserved: false };
        journal.reserve();
        Ok(journal)
    }

    /// Sets blocks aside beyond the end, without a change of length. A file system that cannot is none the worse.
    pub fn reserve(&mut self) {
        if !self.reserved {
            let done = fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, RESERVE);
            self.reserved = done.inspect_err(|error| tracing::debug!(%error, "no room set aside for the journal")).is_ok();
        }
    }

    /// One that takes nothing, as on a failing disk.
    #[cfg(test)]
    pub(super) fn read_only(dir: &Path) -> io::Result<Journal> {
        let path = dir.join(FILE);
        Ok(Journal { file: File::open(&path)?, path, good: 0, reserved: true })
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
                let _ = self.cut(self.good);
                Err(error)
            }
        }
    }

    /// At most so many records, from 0 or where the batch before said.
    pub fn batch(&mut self, from: u64, records: usize) -> io::Result<Batch> {
        self.file.seek(SeekFrom::Start(from))?;
        let mut reader = BufReader::new(&mut self.file);
        let (mut batch, mut next, mut line) = (Batch::default(), from, Vec::new());
        while batch.records.len() < records {
            line.clear();
            let length = (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line)?;
            if length == 0 {
                return Ok(batch);
            }
            next = next.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
            match line.strip_suffix(b"\n").unwrap_or(&line) {
                [] => {}
                text => match parse(text) {
                    Some(record) => batch.records.push(record),
                    None => batch.torn += 1,
                },
            }
        }
        batch.next = Some(next);
        Ok(batch)
    }

    /// Forgets everything: the records are in the database.
    pub fn clear(&mut self) -> io::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        self.cut(0)?;
        self.good = 0;
        self.file.sync_data()
    }

    /// Shortening gives the blocks behind the end back too.
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.reserved = false;
        self.reserve();
        Ok(())
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

    /// All of it, read three records at a time.
    fn whole(journal: &mut Journal) -> (Vec<Record>, usize) {
        let (mut records, mut torn, mut from) = (Vec::new(), 0, Some(0));
        while let Some(at) = from {
            let batch = journal.batch(at, 3).unwrap();
            assert!(batch.records.len() <= 3);
            records.extend(batch.records);
            torn += batch.torn;
            from = batch.next;
        }
        (records, torn)
    }

    fn answered(id: i64) -> Record {
        Record::Answered { call: CallId(id), at: DateTime::from_timestamp_millis(1_764_000_000_000 + id).unwrap(), by: None }
    }

    #[test]
    fn what_was_appended_is_read_again_in_order_by_another_opening() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        assert!(journal.is_empty());
        journal.append(&[answered(1), answered(2), answered(3)]).unwrap();
        journal.append(&[answered(4)]).unwrap();
        let mut again = Journal::open(dir.path()).unwrap();
        assert!(!again.is_empty());
        assert_eq!(whole(&mut again), ((1..=4).map(answered).collect(), 0));
        again.clear().unwrap();
        assert_eq!(whole(&mut Journal::open(dir.path()).unwrap()), (Vec::new(), 0));
    }

    #[test]
    fn a_line_cut_at_any_byte_costs_that_line_only_and_the_next_append_stands() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        journal.append(&[answered(1)]).unwrap();
        let first = std::fs::metadata(journal.path()).unwrap().len();
        journal.append(&[answered(2)]).unwrap();
        let bytes = std::fs::read(journal.path()).unwrap();
        for cut in usize::try_from(first).unwrap() + 2..bytes.len() - 1 {
            std::fs::write(journal.path(), &bytes[..cut]).unwrap();
            let mut torn = Journal::open(dir.path()).unwrap();
            assert_eq!(whole(&mut torn), (vec![answered(1)], 1), "cut at {cut}");
            torn.append(&[answered(3)]).unwrap();
            assert_eq!(whole(&mut torn), (vec![answered(1), answered(3)], 1), "cut at {cut}");
        }
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        journal.append(&[answered(1), answered(2)]).unwrap();
        let text = std::fs::read_to_string(journal.path()).unwrap();
        std::fs::write(journal.path(), text.replacen("\"call\":1", "\"call\":9", 1)).unwrap();
        assert_eq!(whole(&mut Journal::open(dir.path()).unwrap()), (vec![answered(2)], 1));
    }

    #[test]
    fn a_line_without_end_costs_the_memory_of_one_line_and_hides_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        journal.append(&[answered(1)]).unwrap();
        let mut bytes = std::fs::read(journal.path()).unwrap();
        bytes.resize(bytes.len() + 3 * usize::try_from(MAX_LINE).unwrap(), b'x');
        std::fs::write(journal.path(), bytes).unwrap();
        let mut again = Journal::open(dir.path()).unwrap();
        again.append(&[answered(2)]).unwrap();
        let (records, torn) = whole(&mut again);
        assert_eq!(records, [answered(1), answered(2)]);
        assert!((3..=4).contains(&torn), "{torn}");
    }

    #[test]
    fn the_room_set_aside_is_there_before_during_and_after() {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        if !journal.reserved {
            return eprintln!("skipped: this file system sets no room aside");
        }
        let room = |journal: &Journal| std::fs::metadata(journal.path()).map(|m| (m.len(), m.blocks() * 512 >= RESERVE)).unwrap();
        assert_eq!(room(&journal), (0, true));
        journal.append(&[answered(1)]).unwrap();
        assert!(room(&journal).0 > 0 && room(&journal).1);
        journal.clear().unwrap();
        assert_eq!(room(&journal), (0, true));
    }
}
