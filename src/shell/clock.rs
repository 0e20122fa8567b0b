//! The only readings of the clocks and of the system's entropy.

use std::sync::OnceLock;
use std::time::Duration;

use crate::domain::entropy::Entropy;
use crate::domain::now::{Instant, Now};

static ORIGIN: OnceLock<std::time::Instant> = OnceLock::new();

fn origin() -> std::time::Instant {
    // one second back, so that no reading is ever zero
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    *ORIGIN.get_or_init(|| std::time::Instant::now().checked_sub(Duration::from_secs(1)).unwrap_or_else(std::time::Instant::now))
}

/// Monotonic time since the process started.
#[allow(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn instant() -> Instant {
    let since = std::time::Instant::now().saturating_duration_since(origin());
    Instant(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Both clocks.
#[allow(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn now() -> Now {
    Now { instant: instant(), wall: chrono::Utc::now() }
}

/// The instant as tokio's timers want it.
pub fn tokio_instant(at: Instant) -> tokio::time::Instant {
    tokio::time::Instant::from_std(origin() + Duration::from_nanos(at.0))
}

/// The system's entropy, read in blocks: a tag costs no system call of its own.
pub struct System {
    block: [u8; 4096],
    used: usize,
}

impl Default for System {
    fn default() -> System {
        System { block: [0; 4096], used: 4096 }
    }
}

impl Entropy for System {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.used == self.block.len() {
                #[allow(clippy::expect_used, reason = "without entropy nothing may be signed or named: the process must not go on")]
                getrandom::fill(&mut self.block).expect("the system gives no entropy");
                self.used = 0;
            }
            *byte = self.block[self.used];
            // never given twice
            self.block[self.used] = 0;
            self.used += 1;
        }
    }
}
