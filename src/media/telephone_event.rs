//! Keys as RFC 4733 telephone events: read (one key a timestamp) and sent (END three times). Keys may be a card number:
//! nothing here is Display, and Debug shows no digit.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::now::Instant;

/// Bytes of an event payload; packets of several events are refused.
pub const PAYLOAD: usize = 4;
/// A key whose packets stopped without an END is over after this.
pub const LOST_END: Duration = Duration::from_millis(200);
/// Keys that may wait to be sent on one leg.
pub const MAX_QUEUED: usize = 64;
/// Packets of one key: four of growing duration, END three times.
const UPDATES: u8 = 4;
const ENDS: u8 = 3;
/// Duration announced at the end, timestamp units: 100 ms.
const KEY_UNITS: u16 = 800;
const FRAME_UNITS: u16 = 160;
/// From one key's start to the next one's: 100 ms, its ENDs, and a pause of 60 ms in which the voice is heard.
const PERIOD: Duration = Duration::from_millis(200);
/// A timestamp this far back (2 s) is no late packet of an old key but a new line.
const OLD: u32 = 16_000;
/// Longest duration one timestamp can tell; a longer key goes on under a new one (2.5.1.3).
const FULL: u16 = 0xffff;

/// The ASCII byte of an event code 0–15.
pub fn ascii(event: u8) -> Option<u8> {
    b"0123456789*#ABCD".get(usize::from(event)).copied()
}

/// The event code of an ASCII key.
pub fn event(key: u8) -> Option<u8> {
    let key = key.to_ascii_uppercase();
    b"0123456789*#ABCD".iter().position(|k| *k == key).and_then(|n| u8::try_from(n).ok())
}

/// A valid payload, read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Event {
    event: u8,
    end: bool,
    duration: u16,
}

impl Event {
    /// `None` for another length, for events that are no keys, and for a duration of nothing.
    pub fn parse(payload: &[u8]) -> Option<Event> {
        let [event, flags, high, low] = *<&[u8; PAYLOAD]>::try_from(payload).ok()?;
        let duration = u16::from_be_bytes([high, low]);
        (event < 16 && duration > 0).then_some(Event { event, end: flags & 0x80 != 0, duration })
    }

    /// The key is released.
    pub fn is_end(&self) -> bool {
        self.end
    }
}

#[derive(Clone, Copy)]
struct Pressed {
    event: u8,
    timestamp: u32,
    duration: u16,
    seen: Instant,
}

/// Whole keys out of one source's event packets.
#[derive(Clone, Copy, Default)]
pub struct KeyReader {
    pressed: Option<Pressed>,
    /// Timestamp of the last whole key.
    done: Option<u32>,
    /// One that began and was not asked for yet.
    begun: Option<u8>,
}

impl KeyReader {
    /// Takes a packet; gives the keys it completes: an older one whose ENDs were lost, and its own.
    pub fn handle(&mut self, now: Instant, timestamp: u32, event: Event) -> [Option<u8>; 2] {
        if self.done.is_some_and(|done| done.wrapping_sub(timestamp) < OLD) {
            return [None, None];
        }
        let (mut older, mut begins) = (None, self.pressed.is_none());
        if let Some(pressed) = self.pressed.filter(|pressed| pressed.timestamp != timestamp) {
            let goes_on =
                pressed.event == event.event && pressed.duration == FULL && timestamp == pressed.timestamp.wrapping_add(u32::from(FULL));
            if pressed.timestamp.wrapping_sub(timestamp) < OLD {
                return [None, None];
            }
            if !goes_on {
                older = self.finish();
                begins = true;
            }
        } else if self.pressed.is_some_and(|pressed| pressed.event != event.event) {
            return [None, None];
        }
        if begins {
            self.begun = ascii(event.event);
        }
        self.pressed = Some(Pressed { event: event.event, timestamp, duration: event.duration, seen: now });
        let own = if event.end { self.finish() } else { None };
        [older, own]
    }

    /// The key whose ENDs never came, once its time is out.
    pub fn tick(&mut self, now: Instant) -> Option<u8> {
        self.pressed.filter(|pressed| now.since(pressed.seen) >= LOST_END).and_then(|_| self.finish())
    }

    /// The key that the last packet began, once.
    pub fn begun(&mut self) -> Option<u8> {
        self.begun.take()
    }

    /// A key is down.
    pub fn active(&self) -> bool {
        self.pressed.is_some()
    }

    fn finish(&mut self) -> Option<u8> {
        let pressed = self.pressed.take()?;
        self.done = Some(pressed.timestamp);
        ascii(pressed.event)
    }
}

/// One step of a key on its way out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub event: u8,
    /// First packet of the key.
    pub first: bool,
    pub last: bool,
    /// The key sounds in this step; the further ENDs only repeat.
    pub sounds: bool,
    pub payload: [u8; PAYLOAD],
}

/// Keys waiting and the one being sent: a step each 20 ms.
#[derive(Clone, Default)]
pub struct KeySender {
    queue: VecDeque<u8>,
    current: Option<(u8, u8)>,
    next_key: Instant,
}

impl KeySender {
    /// Puts ASCII keys in the queue; what is no key, or one too many, is dropped. Returns how many were.
    pub fn push(&mut self, keys: &[u8]) -> usize {
        let room = MAX_QUEUED - self.queue.len();
        let taken = keys.iter().filter_map(|key| event(*key)).take(room);
        let before = self.queue.len();
        self.queue.extend(taken);
        keys.len() - (self.queue.len() - before)
    }

    /// A key is being sent: no other sound goes with it.
    pub fn busy(&self) -> bool {
        self.current.is_some()
    }

    /// There is a step to send now.
    pub fn due(&self, now: Instant) -> bool {
        self.busy() || (!self.queue.is_empty() && now >= self.next_key)
    }

    pub fn step(&mut self, now: Instant) -> Option<Step> {
        let (event, step) = match self.current.take() {
            Some(current) => current,
            None => {
                if now < self.next_key {
                    return None;
                }
                self.next_key = now + PERIOD;
                (self.queue.pop_front()?, 0)
            }
        };
        let end = step >= UPDATES;
        let [high, low] = (FRAME_UNITS * (u16::from(step) + 1)).min(KEY_UNITS).to_be_bytes();
        let last = step + 1 == UPDATES + ENDS;
        self.current = (!last).then_some((event, step + 1));
        // volume −10 dBm0
        let payload = [event, if end { 0x80 } else { 0 } | 10, high, low];
        Some(Step { event, first: step == 0, last, sounds: step <= UPDATES, payload })
    }
}

impl std::fmt::Debug for KeySender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeySender({} waiting)", self.queue.len())
    }
}

impl std::fmt::Debug for KeyReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.active() { "KeyReader(•)" } else { "KeyReader" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant(ms * 1_000_000)
    }

    fn packet(event: u8, end: bool, duration: u16) -> Event {
        Event { event, end, duration }
    }

    #[test]
    fn three_ends_are_one_key() {
        let mut reader = KeyReader::default();
        assert_eq!(reader.handle(at(0), 1000, packet(5, false, 160)), [None, None]);
        assert!(reader.active());
        assert_eq!((reader.begun(), reader.begun()), (Some(b'5'), None));
        let keys: Vec<_> = (0..3).map(|_| reader.handle(at(80), 1000, packet(5, true, 800))).collect();
        assert_eq!(keys, [[None, Some(b'5')], [None, None], [None, None]]);
        assert_eq!(reader.handle(at(90), 1000, packet(5, false, 640)), [None, None], "late update");
        assert_eq!(reader.begun(), None);
        assert_eq!(reader.tick(at(2000)), None);
    }

    #[test]
    fn lost_ends_are_made_up_by_time_or_by_the_next_key() {
        let mut reader = KeyReader::default();
        reader.handle(at(0), 1000, packet(1, false, 160));
        assert_eq!(reader.tick(at(199)), None);
        assert_eq!(reader.tick(at(200)), Some(b'1'));
        assert_eq!(reader.handle(at(210), 1000, packet(1, true, 800)), [None, None]);
        reader.handle(at(300), 3400, packet(2, false, 160));
        assert_eq!(reader.handle(at(400), 4200, packet(11, true, 800)), [Some(b'2'), Some(b'#')]);
        assert_eq!(reader.begun(), Some(b'#'), "of the one before nobody asked in time");
    }

    #[test]
    fn the_same_digit_twice_is_two_keys_and_a_long_one_is_one() {
        let mut reader = KeyReader::default();
        assert_eq!(reader.handle(at(0), 1000, packet(3, true, 800)), [None, Some(b'3')]);
        assert_eq!(reader.handle(at(200), 2600, packet(3, true, 800)), [None, Some(b'3')]);
        assert_eq!(reader.handle(at(220), 1000, packet(3, true, 800)), [None, None], "late END of the first");
        reader.handle(at(300), 9000, packet(4, false, FULL));
        assert_eq!(reader.begun(), Some(b'4'));
        assert_eq!(reader.handle(at(320), 9000 + u32::from(FULL), packet(4, false, 160)), [None, None]);
        assert_eq!(reader.handle(at(340), 9000 + u32::from(FULL), packet(4, true, 320)), [None, Some(b'4')]);
        assert_eq!(reader.begun(), None, "a long key began once");
    }

    #[test]
    fn a_sent_key_grows_ends_three_times_and_is_read_as_one() {
        let mut sender = KeySender::default();
        assert_eq!(sender.push(b"6x1"), 1);
        let (mut reader, mut keys, mut ends) = (KeyReader::default(), Vec::new(), 0);
        let mut timestamp = 0;
        for n in 0..30u64 {
            let Some(step) = sender.step(at(20 * n)) else { continue };
            if step.first {
                timestamp = 160 * n as u32;
            }
            ends += u32::from(step.payload[1] >> 7);
            let read = Event::parse(&step.payload).unwrap();
            keys.extend(reader.handle(at(20 * n), timestamp, read).into_iter().flatten());
        }
        assert_eq!((keys.as_slice(), ends, timestamp), (b"61".as_slice(), 6, 10 * 160));
    }

    #[test]
    fn the_queue_is_bounded_and_shows_no_digit() {
        let mut sender = KeySender::default();
        assert_eq!(sender.push(&[b'7'; 100]), 100 - MAX_QUEUED);
        assert!(!format!("{sender:?}").contains('7'));
    }
}
