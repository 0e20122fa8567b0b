//! Which SIP dialogs belong to which call, so that a call's messages can be found in the trace. Kept for the last calls only; nothing is decided by it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::domain::call::{CallId, LegId};
use crate::domain::ladder::Rung;
use crate::domain::now::{Instant, Now};
use crate::sip::api::Transport;
use crate::sip::trace::{Traced, header};

use super::Exchange;

/// Calls whose dialogs are remembered, and dialogs of each: a call that rang every phone twice.
const MAX_CALLS: usize = 4096;
const MAX_DIALOGS: usize = 32;
/// A call's first messages came this long before it was one: a phone is asked for its password first.
const BEFORE: Duration = Duration::from_secs(5);

/// Whose messages are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LadderOf {
    Call(CallId),
    /// One dialog by its Call-ID, a call's or not (a registration).
    Dialog(String),
}

#[derive(Default)]
pub(super) struct Ladders {
    /// Since when, and its Call-IDs.
    calls: HashMap<CallId, (Instant, Vec<String>)>,
    /// The one that began last at the end.
    order: VecDeque<CallId>,
}

impl Ladders {
    fn link(&mut self, now: Now, call: CallId, dialog: String) {
        match self.calls.entry(call) {
            Entry::Occupied(mut known) => {
                let (_, dialogs) = known.get_mut();
                if dialogs.len() < MAX_DIALOGS && !dialogs.contains(&dialog) {
                    dialogs.push(dialog);
                }
            }
            Entry::Vacant(new) => {
                let since = Instant(now.instant.0.saturating_sub(BEFORE.as_nanos() as u64));
                new.insert((since, vec![dialog]));
                self.order.push_back(call);
            }
        }
        if self.order.len() > MAX_CALLS
            && let Some(oldest) = self.order.pop_front()
        {
            self.calls.remove(&oldest);
        }
    }

    fn of(&self, call: CallId) -> Option<(Instant, &[String])> {
        self.calls.get(&call).map(|(since, dialogs)| (*since, dialogs.as_slice()))
    }
}

impl Exchange {
    /// The messages of a call in their order, masked; none where too many came after them.
    pub fn ladder(&self, of: &LadderOf) -> Vec<Rung> {
        let (since, dialogs) = match of {
            LadderOf::Call(call) => match self.ladders.of(*call) {
                Some((since, dialogs)) => (since, dialogs.to_vec()),
                None => return Vec::new(),
            },
            LadderOf::Dialog(dialog) => (Instant::ZERO, vec![dialog.clone()]),
        };
        self.trace.messages(since, &dialogs).iter().map(|message| rung(message, &dialogs)).collect()
    }

    /// The leg's dialogs belong to that call.
    pub(super) fn link_leg(&mut self, now: Now, call: CallId, leg: LegId) {
        let sessions = self.legs.get(leg).map(|l| l.sessions.clone()).unwrap_or_default();
        for session in sessions {
            if let Some(dialog) = self.endpoint.call_id(session).map(str::to_owned) {
                self.ladders.link(now, call, dialog);
            }
        }
    }
}

fn rung(message: &Traced, dialogs: &[String]) -> Rung {
    let bytes = &message.bytes;
    let text = |part: &[u8]| String::from_utf8_lossy(part).into_owned();
    let id = header(bytes, b"call-id", b"i").unwrap_or_default();
    let start = bytes.split(|b| *b == b'\n').map(<[u8]>::trim_ascii_end).find(|line| !line.is_empty());
    Rung {
        at: message.at.wall,
        sent: message.sent,
        transport: match message.flow.transport {
            Transport::Udp => "udp".to_owned(),
            Transport::Tcp => "tcp".to_owned(),
        },
        local: message.flow.local,
        remote: message.flow.remote,
        dialog: dialogs.iter().position(|dialog| dialog.as_bytes() == id).unwrap_or(0),
        start: text(start.unwrap_or_default()),
        cseq: text(header(bytes, b"cseq", b"cseq").unwrap_or_default()),
        bytes: bytes.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_calls_and_their_dialogs_are_known_and_no_more() {
        let (mut ladders, now) = (Ladders::default(), Now { instant: Instant(7) + BEFORE, wall: chrono::DateTime::UNIX_EPOCH });
        for call in 0..MAX_CALLS as i64 + 5 {
            ladders.link(now, CallId(call), format!("a{call}"));
        }
        assert_eq!((ladders.calls.len(), ladders.of(CallId(4))), (MAX_CALLS, None));
        for n in 0..100 {
            ladders.link(now, CallId(9), format!("b{}", n / 2));
        }
        let (since, dialogs) = ladders.of(CallId(9)).unwrap();
        assert_eq!((since, dialogs.len(), dialogs[0].as_str(), dialogs[1].as_str()), (Instant(7), MAX_DIALOGS, "a9", "b0"));
    }
}
