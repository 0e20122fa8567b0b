//! Time as an argument: one reading of both clocks, made by the shell and handed in with each input.

use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use chrono::{DateTime, Utc};

/// Monotonic time in nanoseconds since an origin that the shell chose. For timers and durations only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub u64);

impl Instant {
    pub const ZERO: Instant = Instant(0);

    /// Time since `earlier`, zero when `earlier` is later.
    pub fn since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    fn add(self, d: Duration) -> Instant {
        Instant(self.0.saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, d: Duration) {
        *self = *self + d;
    }
}

impl Sub for Instant {
    type Output = Duration;
    fn sub(self, earlier: Instant) -> Duration {
        self.since(earlier)
    }
}

/// Both clocks, read once when an input arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    pub instant: Instant,
    /// For records and due times; it may jump.
    pub wall: DateTime<Utc>,
}

impl Now {
    /// The same reading, `d` later on both clocks (virtual clocks of tests).
    pub fn later(self, d: Duration) -> Now {
        let wall = chrono::Duration::from_std(d).ok().and_then(|d| self.wall.checked_add_signed(d)).unwrap_or(self.wall);
        Now { instant: self.instant + d, wall }
    }
}
