//! SIGKILL at random instants under a stream of calls, on a healthy disk, a locked database and a full disk: every number whose caller
//! was told that it rings is on disk afterwards, as a row and as a promise; the database is whole; the service is back at once.
//!
//! 20 instants, or 200 with `RAPPEL_LONG=1`; `RAPPEL_SEED` plays a run again.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rappel::demo::http::Client;
use rappel::demo::scene::{EXPIRES, Scene};
use rappel::demo::service::NUMBER;
use rappel::demo::ua::sound::FAR_END;
use rappel::demo::ua::{Agent, Call, Dial, Identity, Reaction, eventually};
use rappel::domain::entropy::{Entropy, Seeded};
use rappel::store::Readers;
use rappel::store::callbacks::{self, View};
use rappel::store::calls::{self, Filter};

use crate::stage::{SOON, SmallDisk, TRUNK, limit_files, scene};

/// The kill comes within that time after the first INVITE.
const KILL_WITHIN_MS: u64 = 400;
/// Between two calls at most.
const PAUSE_MS: u64 = 50;
/// What was sent before the kill is read in less.
const ON_ITS_WAY: Duration = Duration::from_millis(40);
/// A noisy machine is no failure; the figure itself is printed.
const READY_AGAIN: Duration = Duration::from_secs(10);
const DISK_MEGABYTES: u32 = 12;
/// Where mounting is not permitted: the size that files may have, more than the tables and less than a log that grows.
const FILE_LIMIT: u64 = 128 * 1024;
const CHANGES: &str = "[line]\nring_seconds = 20\n[trunk]\nchannels = 100\n[log]\nlevel = \"info\"";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Nothing,
    /// Another program holds the database.
    Locked,
    /// Not a byte is free.
    Full,
}

struct Campaign {
    scene: Scene,
    state: PathBuf,
    disk: Option<SmallDisk>,
    random: Seeded,
    callers: u32,
    announced: usize,
    readiness: Vec<Duration>,
}

impl Campaign {
    /// `disk`: the records stand on one that can be filled.
    fn start(disk: Option<SmallDisk>, seed: u64) -> Campaign {
        let path = disk.as_ref().map(|disk| disk.folder.join("var"));
        let store = path.as_ref().map(|path| format!("\n[store]\npath = {path:?}")).unwrap_or_default();
        let scene = scene(&format!("{CHANGES}{store}"));
        scene.phone_11.react(Reaction::Ring);
        let state = path.unwrap_or_else(|| scene.service.folder().join("var"));
        Campaign { scene, state, disk, random: Seeded(seed), callers: 0, announced: 0, readiness: Vec::new() }
    }

    fn up_to(&mut self, most: u64) -> u64 {
        self.random.u64() % (most + 1)
    }

    /// One kill, one restart. `spared`: the fault goes before the restart, else after it.
    fn round(&mut self, fault: Fault, spared: bool) {
        assert_eq!(self.scene.phone_11.register(EXPIRES), 200);
        let trunk = Agent::open(TRUNK, 0, self.scene.service.sip, Identity::new(NUMBER, None, FAR_END)).unwrap();
        let mut lock = None;
        match (fault, &self.disk) {
            (Fault::Nothing, _) => {}
            (Fault::Locked, _) => {
                let other = rusqlite::Connection::open(self.state.join("rappel.db")).unwrap();
                other.busy_timeout(SOON).unwrap();
                other.execute_batch("BEGIN EXCLUSIVE").unwrap();
                lock = Some(other);
            }
            (Fault::Full, Some(disk)) => disk.fill(),
            (Fault::Full, None) => limit_files(&self.scene, Some(FILE_LIMIT)),
        }
        let calls = self.stream(&trunk);
        self.scene.service.kill();
        std::thread::sleep(ON_ITS_WAY);
        let announced: Vec<String> =
            calls.into_iter().filter(|(_, call)| call.statuses().iter().any(|s| (101..200).contains(s))).map(|(n, _)| n).collect();
        drop(trunk);
        let mut mend = || {
            lock.take();
            self.disk.iter().for_each(SmallDisk::free);
        };
        if spared {
            mend();
        }
        let start = Instant::now();
        self.scene.service.serve().unwrap();
        if !spared {
            mend();
        }
        let probe = Client::new(self.scene.service.http);
        assert!(eventually(READY_AGAIN, || probe.get("/readyz").is_ok_and(|a| a.status == 200)), "{}", self.scene.service.last_words());
        if spared {
            self.readiness.push(start.elapsed());
        }
        self.announced += announced.len();
        self.none_is_lost(fault, &announced);
    }

    /// Calls that ring, some of them given up, until a random instant; numbers never come twice.
    fn stream(&mut self, trunk: &Agent) -> Vec<(String, Call)> {
        let end = Instant::now() + Duration::from_millis(self.up_to(KILL_WITHIN_MS));
        let mut calls = Vec::new();
        loop {
            let number = format!("063998{:04}", self.callers);
            self.callers += 1;
            let call = trunk.call(NUMBER, Dial { mute: true, ..Dial::from_number(&number) }).unwrap();
            calls.push((number, call));
            let pause = Duration::from_millis(self.up_to(PAUSE_MS));
            std::thread::sleep(pause.min(end.saturating_duration_since(Instant::now())));
            // the end of a call and its callback are where a kill hurts most
            if self.up_to(1) == 0 {
                let chosen = usize::try_from(self.random.u64()).unwrap_or(0) % calls.len();
                calls[chosen].1.cancel(None);
            }
            if Instant::now() >= end {
                return calls;
            }
        }
    }

    fn none_is_lost(&self, fault: Fault, announced: &[String]) {
        let readers = Readers::new(&self.state);
        let mut missing = Vec::new();
        let found = eventually(SOON, || {
            missing = announced.iter().filter_map(|number| missing_of(&readers, number)).collect();
            missing.is_empty()
        });
        assert!(found, "after {fault:?}: {missing:?}; {}", self.scene.service.last_words());
        let reader =
            rusqlite::Connection::open_with_flags(self.state.join("rappel.db"), rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let whole: String = reader.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(whole, "ok", "after {fault:?}");
    }

    fn report(mut self, what: &str, rounds: u32) {
        self.readiness.sort();
        let at = |share: usize| self.readiness.get(self.readiness.len().saturating_sub(1) * share / 100).copied().unwrap_or_default();
        println!(
            "{what}: {rounds} kills, {} numbers announced, none lost; ready again p50 {:?}, worst {:?}",
            self.announced,
            at(50),
            at(100)
        );
        assert!(self.announced >= usize::try_from(rounds).unwrap() / 2, "only {} callers heard it ring", self.announced);
    }
}

/// What is missing of a caller who gave up or was cut off: its row with an end, and its place in the queue.
fn missing_of(readers: &Readers, number: &str) -> Option<String> {
    let e164 = format!("+33{}", number.trim_start_matches('0'));
    let filter = Filter { number: Some(e164.clone()), limit: 10, ..Filter::default() };
    let rows = readers.read(|conn| calls::calls(conn, &filter)).ok()?.calls;
    let open = readers.read(|conn| callbacks::list(conn, View::All, chrono::DateTime::UNIX_EPOCH)).ok()?;
    if rows.is_empty() {
        Some(format!("{number} has no row"))
    } else if let Some(row) = rows.iter().find(|row| row.outcome.is_none()) {
        Some(format!("{number}: call {} has no end", row.id))
    } else if !open.iter().any(|c| c.is_open() && c.party.number().is_some_and(|n| n.as_str() == e164)) {
        Some(format!("{number} ({:?}) is promised nothing", rows[0].outcome))
    } else {
        None
    }
}

/// 20 in all, or 200.
fn rounds(share: u32) -> u32 {
    if std::env::var_os("RAPPEL_LONG").is_some() { share * 10 } else { share }
}

fn seed() -> u64 {
    let seed = std::env::var("RAPPEL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_124);
    println!("RAPPEL_SEED={seed}");
    seed
}

#[test]
fn killed_at_random_instants_no_announced_number_is_lost() {
    let (mut campaign, rounds) = (Campaign::start(None, seed()), rounds(10));
    (0..rounds).for_each(|_| campaign.round(Fault::Nothing, true));
    campaign.report("a healthy disk", rounds);
}

#[test]
fn killed_while_another_program_holds_the_database_no_announced_number_is_lost() {
    let (mut campaign, rounds) = (Campaign::start(None, seed() + 1), rounds(5));
    (0..rounds).for_each(|round| campaign.round(Fault::Locked, round % 2 == 0));
    campaign.report("a locked database", rounds);
}

#[test]
fn killed_on_a_full_disk_no_announced_number_is_lost() {
    let (mut campaign, rounds) = (Campaign::start(SmallDisk::mount(DISK_MEGABYTES), seed() + 2), rounds(5));
    (0..rounds).for_each(|round| campaign.round(Fault::Full, round % 2 == 0));
    campaign.report("a full disk", rounds);
}
