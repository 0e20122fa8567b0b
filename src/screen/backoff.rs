//! Slows down who guesses passwords, for each address and person, so that everyone else still signs in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::domain::now::Instant;

/// Tries before the first wait.
const FREE: u32 = 5;
/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// A guesser who rested this long begins anew.
const FORGET: Duration = Duration::from_secs(15 * 60);
/// Guessers remembered; the one that rested longest gives way.
const ENTRIES_MAX: usize = 1024;

#[derive(Debug, Default)]
pub struct Backoff(HashMap<(IpAddr, String), Tries>);

#[derive(Debug)]
struct Tries {
    count: u32,
    last: Instant,
}

impl Backoff {
    /// Counts a try before its password is looked at, so that many at once count too. `Err`: the time to wait.
    pub fn attempt(&mut self, address: IpAddr, person: &str, now: Instant) -> Result<(), Duration> {
        let key = (address.to_canonical(), person.to_owned());
        if let Some(tries) = self.0.get_mut(&key) {
            let rested = now.since(tries.last);
            if rested >= FORGET {
                tries.count = 0;
            }
            let wait = wait(tries.count);
            if rested < wait {
                return Err(wait - rested);
            }
            tries.count = tries.count.saturating_add(1);
            tries.last = now;
            return Ok(());
        }
        if self.0.len() >= ENTRIES_MAX {
            let oldest = self.0.iter().min_by_key(|(_, tries)| tries.last).map(|(key, _)| key.clone());
            oldest.map(|key| self.0.remove(&key));
        }
        self.0.insert(key, Tries { count: 1, last: now });
        Ok(())
    }

    /// The password was right.
    pub fn clear(&mut self, address: IpAddr, person: &str) {
        self.0.remove(&(address.to_canonical(), person.to_owned()));
    }
}

/// 1, 2, 4 … 60 s after the fifth try.
fn wait(count: u32) -> Duration {
    match count.checked_sub(FREE) {
        None => Duration::ZERO,
        Some(n) => Duration::from_secs(1 << n.min(6)).min(WAIT_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant(seconds * 1_000_000_000)
    }

    #[test]
    fn five_tries_then_waits_that_double_up_to_a_minute() {
        let (mut backoff, here) = (Backoff::default(), IpAddr::from([127, 0, 0, 1]));
        let mut now = 100;
        for _ in 0..FREE {
            assert_eq!(backoff.attempt(here, "MEL", at(now)), Ok(()));
        }
        for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(backoff.attempt(here, "MEL", at(now)), Err(Duration::from_secs(wait)));
            now += wait;
            assert_eq!(backoff.attempt(here, "MEL", at(now)), Ok(()));
        }
        assert_eq!(backoff.attempt(here, "MO", at(now)), Ok(()), "another person");
        assert_eq!(backoff.attempt(IpAddr::from([127, 0, 0, 2]), "MEL", at(now)), Ok(()), "another address");
        assert_eq!(backoff.attempt(here, "MEL", at(now + 900)), Ok(()), "after a rest");
        backoff.clear(here, "MEL");
        assert_eq!(backoff.attempt(here, "MEL", at(now + 900)), Ok(()));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut backoff = Backoff::default();
        for n in 0..3 * ENTRIES_MAX {
            assert_eq!(backoff.attempt(IpAddr::from([127, 0, 0, 1]), &n.to_string(), at(n as u64)), Ok(()));
        }
        assert_eq!(backoff.0.len(), ENTRIES_MAX);
    }
}
