//! Keys that a peer presses: from the relay (RFC 4733, in-band) and from INFO in a dialog, each once. Neither is ever logged.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::call::LegId;
use crate::domain::key::Key;
use crate::domain::now::{Instant, Now};
use crate::media::command::Command as MediaCommand;
use crate::switchboard::input::Input;

use super::Exchange;

/// A key that comes again the other way within this time is the same one: an INFO may tell a key at its end, which may be held down, and may come
/// after a retransmission (RFC 3261 17.1.2.2: 500 ms, then another second).
const SAME: Duration = Duration::from_secs(2);
/// Keys whose other copy may be on its way.
const MAX_COPIES: usize = 16;

/// How a key came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// With the sound: RFC 4733, or in-band.
    Media,
    Info,
}

/// The keys that a leg pressed lately. No Debug of what they were.
#[derive(Clone, Default)]
pub struct Keys {
    /// It sends RFC 4733 keys.
    events: bool,
    /// The one that is down in the sound counts.
    down: bool,
    /// Those of which a copy may come the other way.
    single: VecDeque<(Instant, Way, Key)>,
}

impl Keys {
    /// A key goes down: is it one of its own, no copy of one that came the other way? `events`: the leg negotiated telephone-event.
    pub fn counts(&mut self, now: Instant, key: Key, way: Way, events: bool) -> bool {
        let counts = self.is_new(now, key, way, events);
        if way == Way::Media {
            self.down = counts;
        }
        counts
    }

    /// The key in the sound is up: whether it counted, once.
    pub fn is_over(&mut self) -> bool {
        std::mem::take(&mut self.down)
    }

    fn is_new(&mut self, now: Instant, key: Key, way: Way, events: bool) -> bool {
        // a leg that was seen to send them says all its keys so
        self.events |= events && way == Way::Media;
        if self.events && way == Way::Info {
            return false;
        }
        self.single.retain(|(at, ..)| now.since(*at) <= SAME);
        let copy = self.single.iter().position(|(_, other, same)| *other != way && *same == key);
        if let Some(at) = copy {
            self.single.remove(at);
            return false;
        }
        if self.single.len() >= MAX_COPIES {
            self.single.pop_front();
        }
        self.single.push_back((now, way, key));
        true
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

impl Exchange {
    /// An INFO tells a whole key.
    pub(super) fn key_told(&mut self, now: Now, leg: LegId, key: Key) {
        if self.pressed(now, leg, key, Way::Info) {
            self.inputs.push_back(Input::Key { leg, key });
        }
    }

    pub(super) fn key_down(&mut self, now: Now, leg: LegId, sign: u8) {
        if let Some(key) = Key::new(sign) {
            self.pressed(now, leg, key, Way::Media);
        }
    }

    pub(super) fn key_up(&mut self, leg: LegId, sign: u8) {
        if let Some(key) = Key::new(sign)
            && self.legs.get_mut(leg).is_some_and(|leg| leg.keys.is_over())
        {
            self.inputs.push_back(Input::Key { leg, key });
        }
    }

    /// A key counts once, whichever ways it comes, and goes on to the far end at once where the keypad is open: the far end hears it while it is
    /// down, and the voice between two keys.
    fn pressed(&mut self, now: Now, id: LegId, key: Key, way: Way) -> bool {
        let Some(leg) = self.legs.get_mut(id) else { return false };
        let events = leg.media.remote.as_ref().is_some_and(|remote| remote.telephone_event.is_some());
        let counts = leg.keys.counts(now.instant, key, way, events);
        if counts && let Some(to) = leg.passes_keys_to {
            self.media(MediaCommand::Keys(to, vec![key.sign()]));
        }
        counts
    }
}

/// The key of an INFO body: `application/dtmf-relay` ("Signal=5") or `application/dtmf` ("5"), as phones send them (no RFC
/// defines either). `None` for any other body.
pub fn of_info(content_type: &str, body: &[u8]) -> Option<Key> {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let text = std::str::from_utf8(body).ok()?;
    let sign = match kind.as_str() {
        "application/dtmf" => text.trim(),
        "application/dtmf-relay" => text.lines().find_map(|line| {
            let (name, value) = line.split_once(['=', ':'])?;
            name.trim().eq_ignore_ascii_case("signal").then_some(value.trim())
        })?,
        _ => return None,
    };
    match sign.to_ascii_uppercase().as_bytes() {
        [sign] => Key::new(*sign),
        b"10" => Key::new(b'*'),
        b"11" => Key::new(b'#'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `r1` and `i1` are a key 1 by RTP and by INFO, a number passes milliseconds; what counts.
    fn counted(events: bool, told: &str) -> String {
        let (mut keys, mut now, mut counted) = (Keys::default(), Instant(0), String::new());
        for word in told.split(' ') {
            let way = match word.as_bytes()[0] {
                b'r' => Way::Media,
                b'i' => Way::Info,
                _ => {
                    now += Duration::from_millis(word.parse().unwrap());
                    continue;
                }
            };
            let key = Key::new(word.as_bytes()[1]).unwrap();
            if keys.counts(now, key, way, events) {
                counted.push(char::from(key.sign()));
            }
        }
        counted
    }

    #[test]
    fn a_key_that_comes_both_ways_counts_once_in_either_order() {
        assert_eq!(counted(true, "r1 30 i1 200 r1 30 i1"), "11");
        assert_eq!(counted(true, "i1 90 r1 200 i2 90 r2"), "12");
        assert_eq!(counted(true, "i1 1900 r1"), "1", "held down");
        assert_eq!(counted(true, "i1 50 i2 50 r1 100 r2 2500 i2"), "12", "a leg seen to send events says all keys so");
        assert_eq!(counted(false, "r1 300 i1 200 i2 300 r2"), "12", "in-band beside INFO");
    }

    #[test]
    fn keys_that_come_one_way_only_all_count() {
        assert_eq!(counted(true, "i1 10 i1 10 i1 3000 i1"), "1111", "INFO alone, whatever was negotiated");
        assert_eq!(counted(true, "r1 10 r1 10 r2"), "112");
        assert_eq!(counted(false, "r1 2001 i1 5000 i1"), "111", "a voice that was a key once silences no INFO");
    }

    #[test]
    fn both_forms_of_info_are_read_and_nothing_else() {
        let key = |kind: &str, body: &str| of_info(kind, body.as_bytes()).map(Key::sign);
        assert_eq!(key("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"), Some(b'5'));
        assert_eq!(key("Application/DTMF-Relay; x=1", "Duration=160\r\nsignal = #\r\n"), Some(b'#'));
        assert_eq!(key("application/dtmf", "2"), Some(b'2'));
        assert_eq!(key("application/dtmf", "10\r\n"), Some(b'*'));
        assert_eq!(key("application/dtmf-relay", "Duration=160"), None);
        assert_eq!(key("application/dtmf", "55"), None);
        assert_eq!(key("text/plain", "Signal=5"), None);
        assert_eq!(of_info("application/dtmf", &[0xff]), None);
    }
}
