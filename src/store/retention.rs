//! What is older than `[retention] calls_days` is erased, once a day, a few rows at a time. A callback that is open keeps its calls. Recordings whose
//! time is over are looked for every ten minutes.
//!
//! A wall clock that is wrong must not erase the records: after a jump of it, or a start that seems to come a month after the last
//! sign of life, a day passes first.

use std::time::Duration;

use chrono::{DateTime, Days, TimeDelta, Utc};
use rusqlite::{Connection, TransactionBehavior, params};

use super::clips;
use super::error::StoreError;
use crate::domain::now::{Instant, Now};

/// Rows of each table erased in one transaction.
const BATCH: i64 = 500;
/// Between two rounds.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Between two looks at the recordings.
const SWEEP: Duration = Duration::from_secs(600);
/// The wall clock may drift from the monotonic one by that much in a day; more was a jump.
const DRIFT: TimeDelta = TimeDelta::minutes(5);
/// A start after a longer silence waits a day before it erases.
const SILENCE: TimeDelta = TimeDelta::days(31);

/// Days that records are kept (`[retention]`).
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    pub calls: u32,
    pub clips: u32,
}

/// When the next round is due, and by which clocks.
#[derive(Debug)]
pub(super) struct Retention {
    keep: Keep,
    alive: Option<DateTime<Utc>>,
    /// Both clocks at the last look, and when the next round of rows and of recordings begins.
    seen: Option<Now>,
    next: Instant,
    next_sweep: Instant,
}

impl Retention {
    /// `alive`: the last sign of life of the process before this one.
    pub(super) fn new(keep: Keep, alive: Option<DateTime<Utc>>) -> Retention {
        Retention { keep, alive, seen: None, next: Instant::ZERO, next_sweep: Instant::ZERO }
    }

    /// A batch, when it is time; called about once a second while nothing else is to be written.
    pub(super) fn turn(&mut self, conn: &mut Connection, now: Now) {
        if self.doubtful(now) {
            self.next = now.instant + DAY;
            self.next_sweep = self.next;
        }
        self.seen = Some(now);
        if now.instant >= self.next_sweep {
            self.next_sweep = now.instant + SWEEP;
            match clips::sweep(conn, now.wall, self.keep.clips) {
                Ok(0) => {}
                Ok(erased) => tracing::info!(erased, "recordings whose time was over are erased"),
                Err(error) => tracing::warn!(%error, "recordings whose time is over cannot be erased yet"),
            }
        }
        if now.instant < self.next {
            return;
        }
        let Some(before) = now.wall.checked_sub_days(Days::new(self.keep.calls.into())) else { return };
        match erase(conn, before) {
            // the rest of it in the turns to come
            Ok(rows) if rows > 0 => tracing::info!(rows, "rows past their time are erased"),
            Ok(_) => self.next = now.instant + DAY,
            Err(error) => tracing::debug!(%error, "nothing is erased for now"),
        }
    }

    /// What the wall clock says cannot be believed without a second look.
    fn doubtful(&self, now: Now) -> bool {
        let Some(seen) = self.seen else {
            return self.alive.is_some_and(|alive| now.wall - alive > SILENCE);
        };
        let passed = TimeDelta::from_std(now.instant.since(seen.instant)).unwrap_or(TimeDelta::MAX);
        ((now.wall - seen.wall) - passed).abs() > DRIFT
    }
}

/// Erases at most [`BATCH`] of each kind; how many that were.
fn erase(conn: &mut Connection, before: DateTime<Utc>) -> Result<usize, StoreError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let old = params![before.timestamp_millis(), BATCH];
    let rows = tx.execute(
        "DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE at < ?1 AND outcome IS NOT NULL
             AND (callback IS NULL OR callback NOT IN (SELECT id FROM callbacks WHERE is_open = 1)) ORDER BY at LIMIT ?2)",
        old,
    )? + tx.execute(
        "DELETE FROM callbacks WHERE id IN (SELECT id FROM callbacks WHERE is_open = 0 AND closed_at < ?1 ORDER BY closed_at LIMIT ?2)",
        old,
    )? + tx
        .execute("DELETE FROM outages WHERE id IN (SELECT id FROM outages WHERE to_at < ?1 ORDER BY from_at LIMIT ?2)", old)?;
    tx.commit()?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(days: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_764_000_000 + days * 86_400, 0).unwrap()
    }

    fn keep(calls: u32) -> Keep {
        Keep { calls, clips: 30 }
    }

    fn now(seconds: u64, wall: DateTime<Utc>) -> Now {
        Now { instant: Instant(seconds * 1_000_000_000), wall }
    }

    /// A call a day for 700 days, of which each hundredth has an open callback and each other hundredth a closed one.
    fn agency() -> (tempfile::TempDir, Connection) {
        let dir = tempfile::tempdir().unwrap();
        let (conn, _) = crate::store::open_for_changes(dir.path()).unwrap();
        for day in 0..700 {
            let callback = (day % 50 == 0).then_some(day);
            conn.execute(
                "INSERT INTO calls (id, at, direction, party, raw, name, outcome, callback) VALUES (?1, ?2, 'incoming', 'withheld', '', '', ?3, ?4)",
                params![day, at(day).timestamp_millis(), if day == 7 { None } else { Some("missed") }, callback],
            )
            .unwrap();
            if let Some(id) = callback {
                let open = id % 100 == 0;
                let closed = (!open).then(|| at(day).timestamp_millis());
                conn.execute(
                    "INSERT INTO callbacks (id, version, is_open, closed_at, data) VALUES (?1, 1, ?2, ?3, '')",
                    params![id, open, closed],
                )
                .unwrap();
            }
        }
        conn.execute(
            "INSERT INTO outages (from_at, to_at, what) VALUES (?1, ?1, 'x'), (?2, ?2, 'x')",
            [at(0), at(650)].map(|t| t.timestamp_millis()),
        )
        .unwrap();
        (dir, conn)
    }

    fn count(conn: &Connection, what: &str) -> i64 {
        conn.query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn rows_past_their_time_go_in_batches_but_never_those_of_an_open_callback() {
        let (_dir, mut conn) = agency();
        let mut retention = Retention::new(keep(50), Some(at(700)));
        retention.turn(&mut conn, now(1, at(700)));
        assert_eq!(count(&conn, "calls"), 200, "one batch");
        (2..6).for_each(|second| retention.turn(&mut conn, now(second, at(700))));
        // 650 old ones less 7 of an open callback and one that has no end
        assert_eq!(count(&conn, "calls"), 50 + 7 + 1);
        assert_eq!(count(&conn, "calls WHERE callback % 100 = 0 OR outcome IS NULL"), 8);
        assert_eq!(
            (count(&conn, "callbacks WHERE is_open = 1"), count(&conn, "callbacks WHERE is_open = 0"), count(&conn, "outages")),
            (7, 1, 1)
        );
    }

    #[test]
    fn a_round_is_once_a_day_and_a_clock_that_jumped_erases_nothing() {
        let (_dir, mut conn) = agency();
        let mut retention = Retention::new(keep(2_000), Some(at(700)));
        retention.turn(&mut conn, now(1, at(700)));
        retention.turn(&mut conn, now(2, at(700) + TimeDelta::days(4_000)));
        assert_eq!(count(&conn, "calls"), 700, "a jump");
        let later = |hours: u64| now(2 + hours * 3600, at(700) + TimeDelta::days(4_000) + TimeDelta::hours(i64::try_from(hours).unwrap()));
        retention.turn(&mut conn, later(23));
        assert_eq!(count(&conn, "calls"), 700, "less than a day after it");
        retention.turn(&mut conn, later(25));
        assert!(count(&conn, "calls") < 700, "the clock stayed there: it is right");
        let mut after_a_silence = Retention::new(keep(0), Some(at(0)));
        let before = count(&conn, "calls");
        after_a_silence.turn(&mut conn, now(1, at(700)));
        assert_eq!(count(&conn, "calls"), before);
    }
    #[test]
    fn recordings_go_within_minutes_of_their_time_but_not_by_a_clock_that_jumped() {
        let dir = tempfile::tempdir().unwrap();
        let (mut conn, _) = crate::store::open_for_changes(dir.path()).unwrap();
        let clip = |conn: &Connection, id: i64, closed: DateTime<Utc>| {
            let data = serde_json::json!({ "clips": [id] }).to_string();
            let closed = closed.timestamp_millis();
            conn.execute("INSERT INTO clips (call, at, wav) VALUES (?1, ?2, x'00')", params![id, closed]).unwrap();
            conn.execute(
                "INSERT INTO callbacks (id, version, is_open, closed_at, data) VALUES (?1, 1, 0, ?2, ?3)",
                params![id, closed, data],
            )
            .unwrap();
        };
        let hours = TimeDelta::hours;
        let mut retention = Retention::new(keep(365), Some(at(0)));
        clip(&conn, 1, at(0) - hours(23));
        retention.turn(&mut conn, now(1, at(0)));
        assert_eq!(count(&conn, "clips"), 1);
        retention.turn(&mut conn, now(3_602, at(0) + hours(2)));
        assert_eq!(count(&conn, "clips"), 1, "it jumped by an hour");
        retention.turn(&mut conn, now(3_603 + 24 * 3600, at(1) + hours(2)));
        assert_eq!(count(&conn, "clips"), 0);
        clip(&conn, 2, at(0) + hours(2));
        retention.turn(&mut conn, now(3_603 + 24 * 3600 + 601, at(1) + hours(2) + TimeDelta::seconds(601)));
        assert_eq!(count(&conn, "clips"), 0);
    }
}
