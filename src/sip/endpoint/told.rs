//! Calls refused before they were calls (RULES rows 20 and 21): each is told of once, whatever is sent again, and a flood of them is told of by its first.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::domain::now::Instant;
use crate::sip::timers::T1_64;

/// Calls told of within [`WINDOW`], all trunks together: many more than any line of an agency is offered, and no more rows than a disk takes.
const MAX_TOLD: usize = 256;
/// No INVITE is sent again after that (RFC 3261 17.1.1.2, timer B).
const WINDOW: Duration = T1_64;

#[derive(Default)]
pub(super) struct Told {
    calls: VecDeque<(Instant, u64)>,
}

impl Told {
    /// True for a Call-ID (or whatever stands for an unreadable one) not heard within the window, while there is room.
    pub fn is_news(&mut self, now: Instant, call: impl Hash) -> bool {
        while self.calls.front().is_some_and(|(at, _)| now.since(*at) > WINDOW) {
            self.calls.pop_front();
        }
        let mut hasher = DefaultHasher::new();
        call.hash(&mut hasher);
        let call = hasher.finish();
        let news = self.calls.len() < MAX_TOLD && !self.calls.iter().any(|(_, known)| *known == call);
        if news {
            self.calls.push_back((now, call));
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_is_news_once_and_a_flood_by_its_first() {
        let (mut told, at) = (Told::default(), |s| Instant(0) + Duration::from_secs(s));
        assert!(told.is_news(at(0), "a") && !told.is_news(at(1), "a") && !told.is_news(at(32), "a"));
        assert!(told.is_news(at(33), "a"), "another call by then");
        let flood = (0..10_000).filter(|n| told.is_news(at(40), n)).count();
        assert_eq!((flood, told.calls.len()), (MAX_TOLD - 1, MAX_TOLD));
        assert!(told.is_news(at(73), "b"));
    }
}
