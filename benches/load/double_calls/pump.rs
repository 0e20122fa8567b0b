//! RTP ends by the hundred on a few threads: each end sends a frame of its own each 20 ms and looks at what comes, at what distance. A thread
//! turns once a millisecond, sends what is due and reads what came, so times are true to a millisecond.
//!
//! A frame carries who sent it, its number and when. Passed on unchanged it tells the way's delay; mixed or played by the service it tells
//! nothing, and only the distance between frames counts.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rappel::demo::ua::sound::EVENTS;
use rappel::domain::now;
use rappel::media::FRAME;
use rappel::media::rtp::{self, Header, PCMA};
use rappel::media::telephone_event::KeySender;
use rustix::event::{Timespec, epoll};

use super::tally::{Tally, micros};

const THREADS: usize = 2;
pub const PACE: Duration = Duration::from_millis(20);
const TURN: Duration = Duration::from_millis(1);
/// Events taken from one wait: every end of a thread.
const BATCH: usize = 1024;
/// A sender that was away for longer skips frames instead of sending a flood.
const MAX_BEHIND: Duration = Duration::from_millis(200);
const MAGIC: [u8; 4] = *b"\x5arap";
/// Zero in A-law.
const QUIET: u8 = 0xd5;
/// Frames that a source skipped, beyond which it was another's turn in between.
const MAX_SKIPPED: u32 = 25;

/// What a frame says of itself.
#[derive(Clone, Copy)]
struct Stamp {
    source: u32,
    frame: u32,
    sent: u64,
}

/// The frame before.
#[derive(Clone, Copy)]
struct Last {
    at: Instant,
    header: Header,
    stamp: Option<Stamp>,
}

#[derive(Default)]
struct State {
    peer: Option<SocketAddr>,
    keys: KeySender,
    sequence: u16,
    frame: u32,
    key_from: u32,
    last: Option<Last>,
    /// Of the line that is heard: its SSRC, when its first frame came, and that one's timestamp.
    first: Option<(u32, Instant, u32)>,
}

struct End {
    socket: UdpSocket,
    number: u32,
    state: Mutex<State>,
}

impl End {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread of ours panics")
    }
}

pub struct Pump {
    ends: Arc<Vec<End>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Tally>>,
}

impl Pump {
    /// Opens an end on each of these addresses and starts the threads; an end is silent until it has a peer.
    pub fn open(addresses: impl Iterator<Item = IpAddr>) -> std::io::Result<Pump> {
        let mut ends = Vec::new();
        let mut port = 20_000;
        for ip in addresses {
            let socket = loop {
                port += 2;
                match UdpSocket::bind((ip, port)) {
                    Ok(socket) => break socket,
                    Err(e) if e.kind() == std::io::ErrorKind::AddrInUse && port < 60_000 => {}
                    Err(e) => return Err(e),
                }
            };
            socket.set_nonblocking(true)?;
            ends.push(End { socket, number: u32::try_from(ends.len()).unwrap_or(0), state: Mutex::default() });
        }
        let (ends, stop, start) = (Arc::new(ends), Arc::new(AtomicBool::new(false)), Instant::now());
        let mut threads = Vec::new();
        for own in 0..THREADS {
            let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
            for (n, end) in ends.iter().enumerate().filter(|(n, _)| n % THREADS == own) {
                epoll::add(&poll, &end.socket, epoll::EventData::new_u64(n as u64), epoll::EventFlags::IN)?;
            }
            let turner = Turner { ends: Arc::clone(&ends), own, start, round: 0, next: own, tally: Tally::default(), before: start };
            let stop = Arc::clone(&stop);
            threads.push(std::thread::Builder::new().name(format!("pump-{own}")).spawn(move || turner.run(&poll, &stop))?);
        }
        Ok(Pump { ends, stop, threads })
    }

    pub fn address(&self, end: usize) -> SocketAddr {
        self.ends[end].socket.local_addr().expect("it is bound")
    }

    /// From now on it sends there, and what it hears is measured; `None`: neither.
    pub fn connect(&self, end: usize, peer: Option<SocketAddr>) {
        let mut state = self.ends[end].state();
        state.peer = peer;
        state.last = None;
    }

    pub fn press(&self, end: usize, key: char) {
        self.ends[end].state().keys.push(&[key as u8]);
    }

    /// The end whose frame it heard last; `None` for what the service made or mixed, and for nothing.
    pub fn hears(&self, end: usize) -> Option<usize> {
        let last = self.ends[end].state().last.filter(|last| last.at.elapsed() < 4 * PACE)?;
        last.stamp.map(|stamp| stamp.source as usize)
    }

    /// Ends the threads; what all of them saw.
    pub fn stop(self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().map(|thread| thread.join().expect("no thread of ours panics")).fold(Tally::default(), Tally::and)
    }
}

/// One thread.
struct Turner {
    ends: Arc<Vec<End>>,
    own: usize,
    start: Instant,
    /// The frame period, and the end in it whose turn it is.
    round: u32,
    next: usize,
    tally: Tally,
    /// When the turn before this one began to read: what is found now came later.
    before: Instant,
}

impl Turner {
    fn run(mut self, poll: &impl rustix::fd::AsFd, stop: &AtomicBool) -> Tally {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(BATCH);
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(TURN);
            self.send_due();
            let began = Instant::now();
            let _ = epoll::wait(poll, rustix::buffer::spare_capacity(&mut events), Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
            for event in events.drain(..) {
                self.read(event.data.u64() as usize);
            }
            self.before = began;
        }
        self.tally
    }

    /// The ends' turns are spread over the frame period.
    fn due(&self) -> Instant {
        self.start + PACE * self.round + PACE * u32::try_from(self.next).unwrap_or(0) / u32::try_from(self.ends.len()).unwrap_or(1)
    }

    fn send_due(&mut self) {
        loop {
            let (due, now) = (self.due(), Instant::now());
            if due > now {
                return;
            }
            let ends = Arc::clone(&self.ends);
            if let Some(end) = ends.get(self.next).filter(|_| now - due < MAX_BEHIND)
                && self.send(end, now)
            {
                self.tally.send_late.add(micros(now - due));
            }
            self.next += THREADS;
            if self.next >= self.ends.len() {
                self.next = self.own;
                self.round += 1;
            }
        }
    }

    fn send(&mut self, end: &End, at: Instant) -> bool {
        let clock = now::Instant::ZERO + (at - self.start);
        let mut state = end.state();
        let Some(peer) = state.peer else { return false };
        let timestamp = self.round.wrapping_mul(FRAME as u32);
        let mut header = Header { marker: false, payload_type: PCMA, sequence: state.sequence, timestamp, ssrc: 0x1000_0000 | end.number };
        state.sequence = state.sequence.wrapping_add(1);
        let mut payload = [QUIET; FRAME];
        let mut length = FRAME;
        if let Some(step) = Some(clock).filter(|now| state.keys.due(*now)).and_then(|now| state.keys.step(now)) {
            if step.first {
                state.key_from = timestamp;
            }
            (header.payload_type, header.marker, header.timestamp) = (EVENTS, step.first, state.key_from);
            length = step.payload.len();
            payload[..length].copy_from_slice(&step.payload);
        } else {
            state.frame += 1;
            payload[..4].copy_from_slice(&MAGIC);
            payload[4..8].copy_from_slice(&end.number.to_be_bytes());
            payload[8..12].copy_from_slice(&state.frame.to_be_bytes());
            payload[12..20].copy_from_slice(&micros(at - self.start).to_be_bytes());
        }
        drop(state);
        let mut bytes = [0; rtp::HEADER + FRAME];
        bytes[..rtp::HEADER].copy_from_slice(&header.bytes());
        bytes[rtp::HEADER..].copy_from_slice(&payload);
        if end.socket.send_to(&bytes[..rtp::HEADER + length], peer).is_err() {
            self.tally.unsent += 1;
        }
        true
    }

    fn read(&mut self, number: usize) {
        let ends = Arc::clone(&self.ends);
        let Some(end) = ends.get(number) else { return };
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = end.socket.recv_from(&mut buffer) {
            let at = Instant::now();
            let Some(packet) = rtp::parse(&buffer[..length]) else { continue };
            let mut state = end.state();
            if state.peer != Some(from) || packet.header.payload_type != PCMA {
                continue;
            }
            let next = Last { at, header: packet.header, stamp: stamp(packet.payload) };
            let last = state.last.replace(next);
            let Header { ssrc, timestamp, .. } = next.header;
            let (_, began, start) = *state.first.get_or_insert((ssrc, at, timestamp));
            drop(state);
            // played when its timestamp says, whatever was sent ahead of time
            let played = began + Duration::from_micros(u64::from(timestamp.wrapping_sub(start)) * 125);
            self.heard(&ends, last, next, self.before.saturating_duration_since(played));
        }
    }

    /// `behind`: how long after the moment at which it is played the frame came, at least.
    fn heard(&mut self, ends: &[End], last: Option<Last>, next: Last, behind: Duration) {
        self.tally.heard += 1;
        if let Some(stamp) = next.stamp {
            self.tally.delay.add(micros(next.at - self.start).saturating_sub(stamp.sent));
        }
        let Some(last) = last else { return };
        self.tally.lost += match next.header.sequence.wrapping_sub(last.header.sequence) {
            1..0x8000 if next.header.ssrc != last.header.ssrc => 0,
            step @ 1..0x8000 => u64::from(step - 1),
            _ => 0,
        };
        // what the sender itself was late, or pressed a key, is no matter of the service
        let same = last.stamp.zip(next.stamp).filter(|(a, b)| a.source == b.source);
        let paced = same.map_or(PACE, |(a, b)| Duration::from_micros(b.sent.saturating_sub(a.sent)).max(PACE));
        if let Some((a, b)) = same {
            self.tally.skipped += u64::from(b.frame.saturating_sub(a.frame + 1).min(MAX_SKIPPED));
        }
        let (gap, at_least) = (next.at - last.at, self.before.saturating_duration_since(last.at));
        self.tally.gap.add(micros(gap));
        self.tally.seen_late += u64::from(gap > 2 * PACE);
        // a source that was heard and has sent neither sound nor key since has stopped: silence takes its place after the service's patience, and
        // no frame is late
        let silent = |end: &End, heard: Stamp| {
            let state = end.state();
            state.frame <= heard.frame && !state.keys.busy()
        };
        let stopped =
            next.stamp.is_none() && last.stamp.is_some_and(|heard| ends.get(heard.source as usize).is_some_and(|end| silent(end, heard)));
        if at_least > paced + PACE && !stopped {
            self.tally.gaps += 1;
            // a gap behind what was sent ahead of time is heard by nobody
            self.tally.ours_late += u64::from(behind > PACE);
            self.tally.ours_longest = self.tally.ours_longest.max(at_least);
        }
    }
}

fn stamp(payload: &[u8]) -> Option<Stamp> {
    let rest = payload.strip_prefix(&MAGIC)?;
    let word = |from: usize| rest.get(from..from + 4).and_then(|four| four.try_into().ok()).map(u32::from_be_bytes);
    let sent = rest.get(8..16).and_then(|eight| eight.try_into().ok()).map(u64::from_be_bytes)?;
    Some(Stamp { source: word(0)?, frame: word(4)?, sent })
}
