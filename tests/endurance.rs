//! The records when something fails under them: what belongs together stays together, what waits in the journal arrives whole and once,
//! a hanging disk holds nobody up, a damaged file is refused untouched, a locked one does not keep the line down.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a panic is how a test fails, and a test has its own clock")]

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rappel::domain::call::{CallId, Direction, Record};
use rappel::domain::callback::{Callback, CallbackId, CallbackState, Source};
use rappel::domain::identity::Caller;
use rappel::domain::now::{Instant, Now};
use rappel::domain::outcome::{Outcome, Reason};
use rappel::domain::text::ScreenText;
use rappel::store::calls::{self, CallRow, Filter};
use rappel::store::{Health, Opened, Readers, StoreError, Writer, WriterThread, journal, open};
use rusqlite::Connection;

const LONG: Duration = Duration::from_secs(20);
/// More than the writer reads of the journal at a time.
const MANY: i64 = 5_000;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_764_000_000 + seconds, 0).unwrap()
}

fn caller(id: i64) -> Caller {
    serde_json::from_value(serde_json::json!({ "Known": format!("+3363998{:04}", id % 10_000) })).unwrap()
}

fn opened(id: i64) -> Record {
    let (party, name) = (caller(id), ScreenText::default());
    Record::Opened { call: CallId(id), at: at(id), direction: Direction::Incoming, party, name, extension: None }
}

fn missed(id: i64) -> Record {
    Record::Ended { call: CallId(id), at: at(id + 2), outcome: Outcome::Missed(Reason::NoAnswer), during: None, short: false }
}

fn promised(id: i64) -> Record {
    Record::Callback(Box::new(Callback {
        id: CallbackId(id),
        version: 1,
        party: caller(id),
        name: ScreenText::default(),
        named: false,
        source: Source::Missed,
        subject: String::new(),
        owner: String::new(),
        claimed_by: None,
        place: String::new(),
        note: String::new(),
        guide: String::new(),
        answers: Default::default(),
        due: Some(at(id + 1800)),
        planned: false,
        left_on_hold: false,
        state: CallbackState::Open,
        attempts: 0,
        missed_count: 1,
        first_at: at(id),
        last_at: at(id),
        call: Some(CallId(id)),
        closed_at: None,
        closed_by: None,
        by_fact: false,
        to_confirm: false,
        folded: false,
        marks: Vec::new(),
        clips: Vec::new(),
    }))
}

fn service(opened: Opened, wall: DateTime<Utc>) -> (Writer, WriterThread, Receiver<u64>) {
    let (done, finished) = channel();
    let start = std::time::Instant::now();
    let clock = move || {
        let passed = start.elapsed();
        Now { instant: Instant(1 + u64::try_from(passed.as_nanos()).unwrap()), wall: wall + TimeDelta::from_std(passed).unwrap() }
    };
    let (writer, thread) = opened.start(Box::new(clock), Box::new(move |seq| done.send(seq).unwrap_or(()))).unwrap();
    (writer, thread, finished)
}

/// Writes what belongs together, and waits until it is said to be safe.
fn write(writer: &Writer, finished: &Receiver<u64>, records: Vec<Record>) {
    let count = u64::try_from(records.len()).unwrap();
    writer.records((0..).zip(records).collect()).unwrap();
    (0..count).for_each(|seq| assert_eq!(finished.recv_timeout(LONG), Ok(seq)));
}

fn health(writer: &Writer, wanted: Health) {
    let end = std::time::Instant::now() + LONG;
    while writer.health() != wanted {
        assert!(std::time::Instant::now() < end, "{:?}, not {wanted:?}", writer.health());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn job<T: Send + 'static>(writer: &Writer, f: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static) -> T {
    writer.job(move |conn| Ok(f(conn)?)).blocking_recv().unwrap().unwrap()
}

fn other_program(dir: &Path) -> Connection {
    let other = Connection::open(dir.join("rappel.db")).unwrap();
    other.busy_timeout(LONG).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    other
}

fn rows(dir: &Path) -> Vec<CallRow> {
    let filter = Filter { limit: calls::LIMIT_MAX, ..Filter::default() };
    Readers::new(dir).read(|conn| calls::calls(conn, &filter)).unwrap().calls
}

fn count(dir: &Path, what: &str) -> i64 {
    Readers::new(dir).read(|conn| Ok(conn.query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0))?)).unwrap()
}

#[test]
fn the_end_of_a_call_and_its_callback_are_never_apart() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, thread, finished) = service(open(dir.path(), at(0)).unwrap(), at(10));
    write(&writer, &finished, vec![opened(1)]);
    job(&writer, |conn| conn.execute_batch("CREATE TRIGGER no BEFORE INSERT ON callbacks BEGIN SELECT RAISE(ABORT, 'no'); END"));
    write(&writer, &finished, vec![missed(1), promised(1)]);
    assert_eq!(rows(dir.path())[0].outcome, None, "the end is there without its callback");
    assert_eq!(writer.health(), Health::Journal);
    job(&writer, |conn| conn.execute_batch("DROP TRIGGER no"));
    health(&writer, Health::Ok);
    let row = rows(dir.path()).remove(0);
    assert_eq!((row.outcome.as_deref(), row.callback), (Some("missed"), Some(1)));
    thread.stop();
}

#[test]
fn a_journal_that_repeats_itself_is_what_it_says_once() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path(), at(0)).unwrap());
    let mut journal = journal::Journal::open(dir.path()).unwrap();
    let once = [opened(1), missed(1), promised(1), opened(2), missed(2), promised(2)];
    (0..3).for_each(|_| journal.append(&once).unwrap());
    let again = open(dir.path(), at(5)).unwrap();
    assert_eq!((again.replayed, again.torn, again.callbacks.len(), again.stranded.len()), (18, 0, 2, 0));
    assert_eq!(rows(dir.path()).iter().filter(|row| row.outcome.as_deref() == Some("missed")).count(), 2);
}

#[test]
fn a_journal_longer_than_what_is_read_at_a_time_arrives_whole_without_and_with_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, thread, finished) = service(open(dir.path(), at(0)).unwrap(), at(10));
    let other = other_program(dir.path());
    for id in 1..=MANY {
        writer.records(vec![(0, opened(id)), (0, missed(id)), (0, promised(id))]).unwrap();
    }
    (0..3 * MANY).for_each(|_| assert_eq!(finished.recv_timeout(LONG), Ok(0)));
    assert_eq!(writer.health(), Health::Journal);
    let long = std::fs::read(dir.path().join(journal::FILE)).unwrap();
    drop(other);
    health(&writer, Health::Ok);
    assert_eq!((count(dir.path(), "calls WHERE outcome = 'missed'"), count(dir.path(), "callbacks")), (MANY, MANY));
    thread.stop();

    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path(), at(0)).unwrap());
    std::fs::write(dir.path().join(journal::FILE), long).unwrap();
    let again = open(dir.path(), at(20_000)).unwrap();
    assert_eq!((again.replayed, again.torn, again.greatest), (usize::try_from(3 * MANY).unwrap(), 0, CallId(MANY)));
    assert_eq!((count(dir.path(), "calls WHERE outcome = 'missed'"), count(dir.path(), "callbacks")), (MANY, MANY));
}

#[test]
fn a_writer_that_hangs_holds_nobody_up_and_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, thread, finished) = service(open(dir.path(), at(0)).unwrap(), at(10));
    let (release, hung) = channel::<()>();
    let stuck = writer.job(move |_| {
        hung.recv().unwrap_or(());
        Ok(())
    });
    let start = std::time::Instant::now();
    (0..1_000).for_each(|seq| writer.record(seq, opened(i64::try_from(seq).unwrap() + 1)).unwrap());
    assert!(start.elapsed() < LONG, "giving a record waits for the disk: {:?}", start.elapsed());
    assert!(finished.try_recv().is_err(), "said to be safe while the disk hangs");
    let at_second = |seconds: u64| writer.health_at(Instant(seconds * 1_000_000_000));
    assert_eq!([at_second(1), at_second(2), at_second(1_000)], [Health::Ok, Health::Stalled, Health::Stalled]);
    release.send(()).unwrap();
    stuck.blocking_recv().unwrap().unwrap();
    (0..1_000).for_each(|seq| assert_eq!(finished.recv_timeout(LONG), Ok(seq)));
    while at_second(2_000) != Health::Ok {
        assert!(start.elapsed() < LONG, "it goes on and is said to hang");
    }
    assert_eq!(count(dir.path(), "calls"), 1_000);
    thread.stop();
}

#[test]
fn a_database_damaged_at_any_page_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, thread, finished) = service(open(dir.path(), at(0)).unwrap(), at(10));
    (1..=400).for_each(|id| write(&writer, &finished, vec![opened(id), missed(id), promised(id)]));
    thread.stop();
    let file = dir.path().join("rappel.db");
    let whole = std::fs::read(&file).unwrap();
    let pages = whole.len() / 4096;
    assert!(pages > 20);
    for n in 0..20 {
        let from = n * pages / 20 * 4096;
        let mut bad = whole.clone();
        bad[from..from + 4096].fill(0xa5);
        std::fs::write(&file, &bad).unwrap();
        let refused = open(dir.path(), at(500)).unwrap_err();
        assert!(matches!(refused, StoreError::Corrupt { .. }), "page {}: {refused}", from / 4096);
        assert!(refused.to_string().contains("est abîmée"), "{refused}");
        assert!(std::fs::read(&file).unwrap() == bad, "page {}: the bad file was changed", from / 4096);
    }
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(open(dir.path(), at(500)).unwrap().callbacks.len(), 400);
}

#[test]
fn a_database_locked_at_the_start_keeps_nothing_down_and_gets_all_of_it_later() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, thread, finished) = service(open(dir.path(), at(0)).unwrap(), at(1));
    write(&writer, &finished, vec![opened(1), missed(1), promised(1), opened(2)]);
    thread.stop();
    // the process before died with a call of its own in the journal
    journal::Journal::open(dir.path()).unwrap().append(&[opened(3), missed(3), promised(3), opened(4)]).unwrap();
    let other = other_program(dir.path());
    let again = open(dir.path(), at(60)).unwrap();
    assert_eq!((again.greatest, again.next_callback), (CallId(4), CallbackId(4)));
    assert_eq!(again.interrupted, [CallId(2), CallId(4)]);
    assert_eq!(again.stranded.iter().map(|s| s.call.0).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(again.callbacks.len(), 2);
    let (writer, thread, finished) = service(again, at(60));
    write(&writer, &finished, vec![opened(5)]);
    health(&writer, Health::Journal);
    assert_eq!(rows(dir.path()).len(), 2, "reading goes on, without the new ones");
    drop(other);
    health(&writer, Health::Ok);
    let seen: Vec<_> = rows(dir.path()).into_iter().map(|row| (row.id, row.outcome)).collect();
    let word = |text: &str| Some(text.to_owned());
    let wanted = [(5, None), (4, word("interrupted")), (3, word("missed")), (2, word("interrupted")), (1, word("missed"))];
    let (outages, calls): (Vec<_>, Vec<_>) = seen.into_iter().partition(|(id, _)| *id < 0);
    assert_eq!((outages.len(), calls.as_slice()), (1, wanted.as_slice()));
    thread.stop();
    assert_eq!(open(dir.path(), at(61)).unwrap().greatest, CallId(5));
}
