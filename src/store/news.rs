//! What was written, told to whoever shows it. Bounded: who listens too slowly is told that it missed something.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::broadcast;

use crate::domain::call::{CallId, Record};
use crate::domain::callback::Callback;

/// Changes that a slow listener may be behind.
const BEHIND: usize = 256;

/// One change, in the order of writing; `seq` grows by one.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub seq: u64,
    pub what: Changed,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Changed {
    /// A row of the list, to be read again.
    Call(CallId),
    Callback(Arc<Callback>),
    /// More than can be told one by one (an outage, the journal brought in).
    Much,
}

/// Both ends: the writer tells, screens follow.
#[derive(Clone, Debug)]
pub struct News {
    told: Arc<AtomicU64>,
    sender: broadcast::Sender<Change>,
}

impl Default for News {
    fn default() -> News {
        News { told: Arc::default(), sender: broadcast::Sender::new(BEHIND) }
    }
}

impl News {
    /// What is written from now on. Follow first, then read the database with [`News::last`]: nothing falls between.
    pub fn follow(&self) -> broadcast::Receiver<Change> {
        self.sender.subscribe()
    }

    /// The `seq` of the last change; 0 before the first one.
    pub fn last(&self) -> u64 {
        self.told.load(Ordering::Acquire)
    }

    pub(super) fn tell(&self, what: Changed) {
        let seq = self.told.fetch_add(1, Ordering::AcqRel) + 1;
        // nobody listens: nothing to do
        let _ = self.sender.send(Change { seq, what });
    }
}

impl Changed {
    pub(super) fn of(record: &Record) -> Changed {
        match record {
            Record::Opened { call, .. } | Record::Answered { call, .. } | Record::Ended { call, .. } | Record::Draft { call, .. } => {
                Changed::Call(*call)
            }
            Record::Callback(callback) => Changed::Callback(Arc::new(callback.as_ref().clone())),
            Record::Outage { .. } => Changed::Much,
        }
    }
}
