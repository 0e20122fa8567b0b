//! The records from outside: what was said to be written is there after any death, and the list shows it in order.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rappel::domain::call::{CallId, Direction, Extension, Record};
use rappel::domain::entropy::Seeded;
use rappel::domain::identity::Caller;
use rappel::domain::names::MAX_CONTACTS;
use rappel::domain::now::{Instant, Now};
use rappel::domain::number::E164;
use rappel::domain::outcome::{Outcome, Reason};
use rappel::domain::text::ScreenText;
use rappel::store::calls::{self, Filter, Page};
use rappel::store::contacts::{self, Contact, Merged};
use rappel::store::people::{self, PeopleRequest};
use rappel::store::{Health, Opened, StoreError, Writer, WriterThread, journal, open, open_beside, open_for_changes, secret};

const LONG: Duration = Duration::from_secs(20);
/// Of the writer, until it has tried the database again and again.
const TURNS: usize = 1_000;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_764_000_000 + seconds, 0).unwrap()
}

fn number(n: i64) -> E164 {
    serde_json::from_value(serde_json::json!(format!("+3363998{n:04}"))).unwrap()
}

fn opened(id: i64) -> Record {
    let party = Caller::Known(number(id % 10_000));
    Record::Opened {
        call: CallId(id),
        at: at(id),
        direction: Direction::Incoming,
        party,
        name: ScreenText::clean("Dupont"),
        extension: None,
    }
}

fn missed(id: i64) -> Record {
    Record::Ended { call: CallId(id), at: at(id + 2), outcome: Outcome::Missed(Reason::CallerGaveUp), during: None, short: true }
}

/// A service whose clock goes on by a second each time it is read, from `start`.
fn service(opened: Opened, start: i64) -> (Writer, WriterThread, Receiver<u64>) {
    let (done, finished) = channel();
    let ticks = Arc::new(AtomicI64::new(0));
    let clock = move || {
        let n = ticks.fetch_add(1, Ordering::Relaxed);
        Now { instant: Instant(u64::try_from(n).unwrap() * 1_000_000_000), wall: at(start) + TimeDelta::milliseconds(n) }
    };
    let (writer, thread) = opened.start(Box::new(clock), Box::new(move |seq| done.send(seq).unwrap_or(()))).unwrap();
    (writer, thread, finished)
}

/// Writes records and waits until each is said to be safe.
fn write(writer: &Writer, finished: &Receiver<u64>, records: &[Record]) {
    for (seq, record) in (0..).zip(records) {
        writer.record(seq, record.clone()).unwrap();
    }
    for seq in 0..u64::try_from(records.len()).unwrap() {
        assert_eq!(finished.recv_timeout(LONG), Ok(seq));
    }
}

/// What waited in the journal is in the database. A job is what gives the writer a turn.
fn well_again(writer: &Writer) {
    let well = || {
        writer.job(|_| Ok(())).blocking_recv().unwrap().unwrap();
        writer.health() == Health::Ok
    };
    assert!((0..TURNS).any(|_| well()), "{:?}", writer.health());
}

/// What a process that died at this moment would leave.
fn dead_copy(from: &Path, to: &Path) {
    for file in ["rappel.db", "rappel.db-wal", "rappel.journal"] {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
}

fn list(dir: &Path, filter: &Filter) -> Page {
    rappel::store::Readers::new(dir).read(|conn| calls::calls(conn, filter)).unwrap()
}

fn all() -> Filter {
    Filter { limit: calls::LIMIT_MAX, ..Filter::default() }
}

#[test]
fn a_second_process_on_the_folder_is_refused_in_french() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path(), at(0)).unwrap();
    let refused = open(dir.path(), at(0)).unwrap_err();
    assert!(matches!(refused, StoreError::Locked(_)));
    assert_eq!(
        refused.to_string(),
        format!("Un autre processus rappel utilise déjà ce dossier ({}). Arrêtez-le d'abord.", dir.path().display())
    );
    assert!(matches!(open_for_changes(dir.path()), Err(StoreError::Locked(_))));
    drop(first);
    assert!(open(dir.path(), at(0)).is_ok());
}

#[test]
fn ten_thousand_records_are_written_in_groups_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, thread, finished) = service(open(dir.path(), at(0)).unwrap(), 20_000);
    let records: Vec<Record> = (1..=5_000).map(opened).chain((1..=5_000).map(missed)).collect();
    write(&writer, &finished, &records);
    assert_eq!(writer.health(), Health::Ok);
    thread.stop();
    let again = open(dir.path(), at(20_010)).unwrap();
    assert_eq!((again.greatest, again.interrupted.len(), again.replayed), (CallId(5_000), 0, 0));
    let page = list(dir.path(), &Filter { outcome: Some("missed".to_owned()), limit: 3, ..Filter::default() });
    assert_eq!(page.calls.iter().map(|c| c.id).collect::<Vec<_>>(), [5_000, 4_999, 4_998]);
}

#[test]
fn a_start_cut_off_while_it_made_the_database_is_made_good_by_the_next() {
    let whole = tempfile::tempdir().unwrap();
    let (writer, thread, finished) = service(open(whole.path(), at(0)).unwrap(), 10);
    write(&writer, &finished, &[opened(7)]);
    let log = std::fs::read(whole.path().join("rappel.db-wal")).unwrap();
    thread.stop();
    let bytes = std::fs::read(whole.path().join("rappel.db")).unwrap();
    for cut in [0, 1, 100, 4096, bytes.len() / 2, bytes.len()] {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
        put("rappel.db.new", &bytes[..cut]);
        put("rappel.db.new-journal", b"cut off");
        put("rappel.db", b"");
        // another database's log is not played into the new one
        put("rappel.db-wal", &log);
        let opened_again = open(dir.path(), at(20)).unwrap();
        assert_eq!(opened_again.greatest, CallId(0), "cut at {cut}");
        let (writer, thread, finished) = service(opened_again, 30);
        write(&writer, &finished, &[opened(1), missed(1)]);
        thread.stop();
        assert_eq!(list(dir.path(), &all()).calls.len(), 1);
        let names = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(names.filter(|name| name.contains("new")).count(), 0, "cut at {cut}");
        let mode = std::fs::metadata(dir.path().join("rappel.db")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_database_that_is_none_is_refused_and_left_as_it_is() {
    let whole = tempfile::tempdir().unwrap();
    let (_, thread, _) = service(open(whole.path(), at(0)).unwrap(), 10);
    thread.stop();
    let bytes = std::fs::read(whole.path().join("rappel.db")).unwrap();
    for wrong in [&b"no database, but somebody's text"[..], &bytes[..bytes.len() / 2]] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("rappel.db"), wrong).unwrap();
        let refused = open(dir.path(), at(0)).unwrap_err();
        assert!(refused.to_string().starts_with("La base de données"), "{refused}");
        assert_eq!(std::fs::read(dir.path().join("rappel.db")).unwrap(), wrong);
    }
}

#[test]
fn a_change_of_the_tables_is_made_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path(), at(0)).unwrap());
    let conn = rusqlite::Connection::open(dir.path().join("rappel.db")).unwrap();
    // as the first version left it, but for a table of the third that is in the way
    conn.execute_batch(
        "DELETE FROM refinery_schema_history WHERE version > 1; DROP TABLE callbacks; DROP INDEX calls_stranded; ALTER TABLE calls DROP COLUMN callback;",
    )
    .unwrap();
    let refused = open(dir.path(), at(1)).map(|opened| opened.greatest);
    assert!(matches!(refused, Err(StoreError::Migration(_))), "{refused:?}");
    let count = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM sqlite_schema WHERE name = 'callbacks'"), 0);
    assert_eq!(count("SELECT count(*) FROM refinery_schema_history"), 1);
}

#[test]
fn what_is_said_to_be_written_is_there_after_a_death_and_running_calls_become_interrupted() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (writer, thread, finished) = service(open(dir.path(), at(0)).unwrap(), 10);
    let talking = Record::Answered { call: CallId(2), at: at(5), by: Some(Extension("11".to_owned())) };
    write(&writer, &finished, &[opened(1), missed(1), opened(2), talking, opened(3)]);
    dead_copy(dir.path(), copy.path());
    thread.stop();
    let again = open(copy.path(), at(40)).unwrap();
    assert_eq!(again.interrupted, [CallId(2), CallId(3)]);
    assert_eq!(again.greatest, CallId(3));
    let (from, to) = again.outage.unwrap();
    assert!(from >= at(10) && from < at(11) && to == at(40), "{from} {to}");
    let page = list(copy.path(), &all());
    let seen: Vec<_> = page.calls.iter().map(|c| (c.id, c.outcome.as_deref(), c.answered_by.as_deref())).collect();
    assert_eq!(
        seen,
        [(-1, Some("outage"), None), (3, Some("interrupted"), None), (2, Some("interrupted"), Some("11")), (1, Some("missed"), None)]
    );
    drop(again);
    assert_eq!(open(copy.path(), at(40)).unwrap().interrupted, []);
}

#[test]
fn a_locked_database_sends_records_to_the_journal_and_they_arrive_when_it_is_free() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (writer, thread, finished) = service(open(dir.path(), at(0)).unwrap(), 10);
    write(&writer, &finished, &[opened(1)]);
    let other = rusqlite::Connection::open(dir.path().join("rappel.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    write(&writer, &finished, &[opened(2)]);
    write(&writer, &finished, &[missed(1), opened(3)]);
    assert_eq!(writer.health(), Health::Journal);
    assert_eq!(list(dir.path(), &all()).calls.len(), 1, "reading goes on, without the new ones");
    dead_copy(dir.path(), copy.path());
    other.execute_batch("ROLLBACK").unwrap();
    well_again(&writer);
    assert_eq!(std::fs::metadata(dir.path().join(journal::FILE)).unwrap().len(), 0);
    let rows = list(dir.path(), &all()).calls;
    assert_eq!(rows.iter().map(|c| (c.id, c.outcome.as_deref())).collect::<Vec<_>>(), [(3, None), (2, None), (1, Some("missed"))]);
    thread.stop();

    // the same, had the process died before the lock went, in the middle of one more line
    let path = copy.path().join(journal::FILE);
    let mut text = std::fs::read(&path).unwrap();
    text.extend_from_slice(b"\n0123456789abcdef {\"Opened\":{\"call\":4,\"at\":\"20");
    std::fs::write(&path, text).unwrap();
    let again = open(copy.path(), at(12)).unwrap();
    assert_eq!((again.replayed, again.torn, again.greatest), (3, 1, CallId(3)));
    assert_eq!(again.interrupted, [CallId(2), CallId(3)]);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
}

#[test]
fn a_journal_played_twice_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let outage = Record::Outage { from: at(1), to: at(3), what: "registration lost".to_owned() };
    let records = [opened(1), missed(1), outage, opened(2)];
    let mut before = Vec::new();
    for _ in 0..2 {
        drop(open(dir.path(), at(10)).unwrap());
        journal::Journal::open(dir.path()).unwrap().append(&records).unwrap();
        drop(open(dir.path(), at(10)).unwrap());
        let rows = list(dir.path(), &all()).calls;
        assert_eq!(rows.len(), 3);
        assert!(before.is_empty() || before == rows, "{before:?} {rows:?}");
        before = rows;
    }
}

#[test]
fn ids_never_come_back_even_when_rows_are_erased() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, thread, finished) = service(open(dir.path(), at(0)).unwrap(), 10);
    write(&writer, &finished, &[opened(7), missed(7)]);
    writer.job(|conn| Ok(conn.execute("DELETE FROM calls", [])?)).blocking_recv().unwrap().unwrap();
    thread.stop();
    assert_eq!(open(dir.path(), at(10)).unwrap().greatest, CallId(7));
}

#[test]
fn the_list_is_paged_newest_first_with_the_outages_among_the_calls() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, thread, finished) = service(open(dir.path(), at(0)).unwrap(), 100);
    let outage = Record::Outage { from: at(3), to: at(4), what: "registration lost".to_owned() };
    let mut records: Vec<Record> = (1..=6).flat_map(|id| [opened(id), missed(id)]).collect();
    records.push(outage);
    // two calls in one millisecond
    records.push(Record::Opened {
        call: CallId(9),
        at: at(6),
        direction: Direction::Incoming,
        party: Caller::Withheld,
        name: ScreenText::default(),
        extension: None,
    });
    write(&writer, &finished, &records);
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = list(dir.path(), &Filter { before, limit: 2, ..Filter::default() });
        assert!(page.calls.len() <= 2);
        seen.extend(page.calls);
        before = page.next.map(|cursor| cursor.to_string().parse().unwrap());
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen.iter().map(|c| c.id).collect::<Vec<_>>(), [9, 6, 5, 4, 3, -1, 2, 1]);
    assert_eq!((seen[0].number.as_deref(), seen[0].display.as_str(), seen[0].outcome.as_deref()), (None, "numéro masqué", None));
    assert_eq!((seen[5].from, seen[5].to, seen[5].what.as_deref()), (Some(at(3)), Some(at(4)), Some("registration lost")));
    let of = |filter: Filter| list(dir.path(), &Filter { limit: 10, ..filter }).calls.iter().map(|c| c.id).collect::<Vec<_>>();
    assert_eq!(of(Filter { number: Some("+33639980002".to_owned()), ..Filter::default() }), [2]);
    assert_eq!(of(Filter { outcome: Some("outage".to_owned()), ..Filter::default() }), [-1]);
    assert!(of(Filter { outcome: Some("answered".to_owned()), ..Filter::default() }).is_empty());
    assert_eq!(of(Filter { from: Some(at(2)), to: Some(at(4)), ..Filter::default() }), [3, -1, 2]);
    let one = |id| rappel::store::Readers::new(dir.path()).read(|conn| calls::call(conn, id)).unwrap();
    assert_eq!(one(3).unwrap().party, Some(Caller::Known(number(3))));
    assert_eq!(one(-1).unwrap().outcome.as_deref(), Some("outage"));
    assert_eq!((one(77), one(i64::MIN), one(0)), (None, None, None));
    thread.stop();
}

#[test]
fn ringing_and_talking_are_counted_to_the_nearest_second() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, thread, finished) = service(open(dir.path(), at(0)).unwrap(), 100);
    let later = |millis| at(1) + TimeDelta::milliseconds(millis);
    let answered = Record::Answered { call: CallId(1), at: later(4_400), by: Some(Extension("12".to_owned())) };
    let ended =
        Record::Ended { call: CallId(1), at: later(5_395), outcome: Outcome::Answered(None), during: Some(CallId(9)), short: false };
    write(&writer, &finished, &[opened(1), answered, ended.clone(), missed(1)]);
    thread.stop();
    let row = list(dir.path(), &all()).calls.remove(0);
    assert_eq!((row.rang_seconds, row.talk_seconds, row.during), (Some(4), Some(1), Some(9)));
    assert_eq!((row.outcome.as_deref(), row.reason, row.short), (Some("answered"), None, false), "the first end counts");
}

#[test]
fn people_their_sessions_and_their_tokens() {
    let dir = tempfile::tempdir().unwrap();
    let (mut conn, lock) = open_for_changes(dir.path()).unwrap();
    let mut ask = |request| people::carry_out(&mut conn, &request, at(0));
    let add = |code: &str| PeopleRequest::Add { code: code.to_owned(), password: "phc".to_owned() };
    ask(add("mel")).unwrap();
    assert!(matches!(ask(add("MEL")), Err(StoreError::PersonExists(_))));
    assert!(matches!(ask(add("M L")), Err(StoreError::BadCode(_))));
    ask(add("MO")).unwrap();
    assert_eq!(ask(PeopleRequest::List).unwrap(), ["MEL", "MO"]);
    let token = secret::secret_hash(&secret::new_secret(&mut Seeded(1)));
    ask(PeopleRequest::Token { code: "MEL".to_owned(), hash: token }).unwrap();
    assert!(matches!(ask(PeopleRequest::Token { code: "FAB".to_owned(), hash: token }), Err(StoreError::UnknownPerson(_))));
    let session = [7; 32];
    people::open_session(&mut conn, "MEL", &session, at(0)).unwrap();
    assert_eq!(people::of_session(&conn, &session, at(60)).unwrap().as_deref(), Some("MEL"));
    assert_eq!(people::of_session(&conn, &session, at(0) + people::SESSION_LIFE).unwrap(), None);
    assert_eq!(people::of_token(&conn, &token).unwrap().as_deref(), Some("MEL"));
    people::carry_out(&mut conn, &PeopleRequest::Password { code: "MEL".to_owned(), password: "other".to_owned() }, at(1)).unwrap();
    assert_eq!(people::of_session(&conn, &session, at(60)).unwrap(), None, "a new password ends the sessions");
    assert_eq!(people::password(&conn, "MEL").unwrap().as_deref(), Some("other"));
    people::carry_out(&mut conn, &PeopleRequest::Remove { code: "MEL".to_owned() }, at(2)).unwrap();
    assert_eq!((people::of_token(&conn, &token).unwrap(), people::password(&conn, "MEL").unwrap()), (None, None));
    drop(lock);
}

fn contact(n: i64, name: &str, note: &str) -> Contact {
    Contact { number: number(n), name: ScreenText::clean(name), note: note.to_owned() }
}

#[test]
fn contacts_are_merged_by_number_all_or_none_and_a_second_time_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut conn, _lock) = open_for_changes(dir.path()).unwrap();
    let two = [contact(1, "Martin", "habite au 3"), contact(2, "Durand", "")];
    assert_eq!(contacts::merge(&mut conn, &two).unwrap(), Merged { added: 2, changed: 0, same: 0 });
    assert_eq!(contacts::merge(&mut conn, &two).unwrap(), Merged { added: 0, changed: 0, same: 2 });
    let more = [contact(1, "Jeanne Martin", ""), contact(2, "Durand", ""), contact(3, "Petit", "")];
    assert_eq!(contacts::merge(&mut conn, &more).unwrap(), Merged { added: 1, changed: 1, same: 1 });
    let found = contacts::of(&conn, &number(1)).unwrap().unwrap().contact;
    assert_eq!((found.name.as_str(), found.note.as_str()), ("Jeanne Martin", "habite au 3"), "an empty note takes nothing away");
    let flood: Vec<Contact> =
        (0..MAX_CONTACTS).map(|n| Contact { number: E164::from_e164(&format!("+44{n:09}")).unwrap(), ..contact(1, "x", "") }).collect();
    assert!(matches!(contacts::merge(&mut conn, &flood), Err(StoreError::TooManyContacts)));
    assert_eq!(contacts::all(&conn).unwrap().0.len(), 3);
}

#[test]
fn a_long_import_keeps_no_record_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, thread, finished) = service(open(dir.path(), at(0)).unwrap(), 10);
    let mut conn = open_beside(dir.path()).unwrap();
    let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    write(&writer, &finished, &[opened(1), missed(1)]);
    assert_eq!(writer.health(), Health::Journal, "the record is safe in the journal while the import holds the database");
    drop(tx);
    well_again(&writer);
    assert_eq!(list(dir.path(), &all()).calls.len(), 1);
    thread.stop();
}

#[test]
fn names_are_known_again_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, thread, finished) = service(open(dir.path(), at(0)).unwrap(), 10);
    write(&writer, &finished, &[opened(1), missed(1), opened(2), missed(2)]);
    writer.job(|conn| contacts::merge(conn, &[contact(2, "Jeanne Martin", "")])).blocking_recv().unwrap().unwrap();
    thread.stop();
    let names = open(dir.path(), at(20)).unwrap().names;
    let of = |n| names.of(&Caller::Known(number(n)), &ScreenText::default());
    assert_eq!((of(1).as_str(), of(2).as_str(), of(3).as_str()), ("Dupont", "Jeanne Martin", ""));
}
