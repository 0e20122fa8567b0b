//! One RTP end of a party: it sends its own pitch each 20 ms and remembers what each frame it heard was made of.
//!
//! Pitches lie on the 50 Hz grid of a 20 ms frame, so that two of them in one frame are told apart exactly.

use std::collections::VecDeque;
use std::f64::consts::TAU;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::domain::now;
use crate::media::command::Law;
use crate::media::rtp::{self, Header};
use crate::media::telephone_event::{Event, KeyReader, KeySender};
use crate::media::{FRAME, RATE, listen};

use super::tape::Tape;

/// A party's voice, in Hz.
pub type Pitch = u16;

pub const CALLER: Pitch = 500;
pub const SECOND_CALLER: Pitch = 650;
pub const MUSIC: Pitch = 700;
pub const PHONE_11: Pitch = 1000;
pub const PHONE_12: Pitch = 1150;
pub const FAR_END: Pitch = 1550;
/// What a call progress tone of the French network is made of.
pub const NETWORK: Pitch = 440;
/// Every pitch that a frame is searched for.
pub const PITCHES: [Pitch; 7] = [NETWORK, CALLER, SECOND_CALLER, MUSIC, PHONE_11, PHONE_12, FAR_END];

/// A pitch that makes up at least this share of a frame's power dominates it.
const DOMINANT: f64 = 0.5;
/// One that makes up this share is heard beside another.
const AUDIBLE: f64 = 0.05;
/// Mean square below which a frame counts as silence.
const SILENCE: f64 = 3600.0;
const AMPLITUDE: f64 = 8000.0;
const PACE: Duration = Duration::from_millis(20);
/// Frames remembered: ten minutes.
const MAX_FRAMES: usize = 30_000;
/// A sound that is there is there all the time: that many percent of the frames of a while; the ones around a change are let go by.
const MOST: usize = 90;
/// Such a while, in frames.
pub const A_WHILE: usize = 30;
/// How late a busy machine may have it, or have sent what is to be said.
const LATE: Duration = Duration::from_secs(10);
/// Payload type of our telephone-events.
pub const EVENTS: u8 = 101;
/// First of the ports tried for RTP, and how many.
const PORTS: std::ops::Range<u16> = 40_000..60_000;

/// One frame that came in.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    pub at: Instant,
    /// The pitch that dominates it; `None` for silence and for anything else.
    pub pitch: Option<Pitch>,
    pub silent: bool,
    /// One bit for each of [`PITCHES`] that is audible in it, alone or mixed.
    audible: u8,
}

impl Heard {
    pub fn has(&self, pitch: Pitch) -> bool {
        PITCHES.iter().position(|p| *p == pitch).is_some_and(|n| self.audible & (1 << n) != 0)
    }
}

/// Where sound goes, as the peer's SDP said.
#[derive(Clone, Copy, Debug)]
pub struct Towards {
    pub peer: SocketAddr,
    pub law: Law,
    pub events: Option<u8>,
}

struct State {
    towards: Option<Towards>,
    pitch: Option<Pitch>,
    /// Frames of it that are still to be said; `None`: it goes on.
    left: Option<u32>,
    heard: VecDeque<Heard>,
    packets: u64,
    keys: Vec<(Instant, char)>,
    to_press: KeySender,
    /// When the first END packet of each key left.
    pressed: Vec<Instant>,
    tape: Option<Tape>,
}

impl State {
    fn say(&mut self, pitch: Option<Pitch>, left: Option<u32>) {
        (self.pitch, self.left) = (pitch, left);
    }

    /// What one more frame of sound is made of.
    fn next_pitch(&mut self) -> Option<Pitch> {
        match self.left {
            Some(0) => self.say(None, None),
            Some(left) => self.left = Some(left - 1),
            None => {}
        }
        self.pitch
    }
}

/// A socket, its thread and what it heard. Dropping it ends both.
pub struct Sound {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sound {
    /// Opens an even port on `ip` and starts the clock; nothing is sent until [`Sound::send_to`].
    pub fn open(ip: IpAddr, pitch: Option<Pitch>) -> io::Result<Sound> {
        let socket = even_port(ip)?;
        let address = socket.local_addr()?;
        let state = State {
            towards: None,
            pitch,
            left: None,
            heard: VecDeque::new(),
            packets: 0,
            keys: Vec::new(),
            to_press: KeySender::default(),
            pressed: Vec::new(),
            tape: None,
        };
        let state = Arc::new(Mutex::new(state));
        let stop = Arc::new(AtomicBool::new(false));
        let mut line = Line::new(socket, Arc::clone(&state), address);
        let ends = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("demo-rtp".to_owned()).spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                line.turn();
            }
        })?;
        Ok(Sound { address, state, stop, thread: Some(thread) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on sound goes there; `None`: nowhere.
    pub fn send_to(&self, towards: Option<Towards>) {
        self.state().towards = towards;
    }

    /// That pitch is said from now on; `None`: silence.
    pub fn say(&self, pitch: Option<Pitch>) {
        self.state().say(pitch, None);
    }

    /// That pitch is said for exactly so many frames, then silence, however late they leave; whether they left.
    pub fn say_for(&self, pitch: Pitch, frames: u32) -> bool {
        self.state().say(Some(pitch), Some(frames));
        super::eventually(PACE * frames + LATE, || self.state().left.is_none())
    }

    /// Keys, sent as RFC 4733 events.
    pub fn press(&self, keys: &str) {
        self.state().to_press.push(keys.as_bytes());
    }

    /// When the first END packet of each key pressed so far left.
    pub fn pressed(&self) -> Vec<Instant> {
        self.state().pressed.clone()
    }

    /// Whole keys heard so far.
    pub fn keys(&self) -> String {
        self.state().keys.iter().map(|(_, key)| *key).collect()
    }

    /// Keeps what is heard from now on, on a recording that began at `start`.
    pub fn record(&self, start: Instant) {
        self.state().tape = Some(Tape::new(start));
    }

    /// What was kept so far; nothing without [`Sound::record`].
    pub fn recorded(&self) -> Vec<i16> {
        self.state().tape.as_ref().map(|tape| tape.samples().to_vec()).unwrap_or_default()
    }

    /// RTP packets received so far, of any kind.
    pub fn packets(&self) -> u64 {
        self.state().packets
    }

    /// Frames heard since `from`.
    pub fn heard(&self, from: Instant) -> Vec<Heard> {
        self.state().heard.iter().filter(|h| h.at >= from).copied().collect()
    }

    /// Waits until five frames in a row since `from` are dominated by `pitch`.
    pub fn hears(&self, pitch: Pitch, from: Instant, within: Duration) -> bool {
        super::eventually(within, || self.heard(from).windows(5).any(|run| run.iter().all(|h| h.pitch == Some(pitch))))
    }

    /// Waits until most of that many frames in a row, from now on, are dominated by `pitch`; how many at best, when they never are.
    pub fn settles_on(&self, pitch: Pitch, frames: usize) -> Result<(), String> {
        let (from, mut best) = (Instant::now(), 0);
        let settled = super::eventually(LATE, || {
            let of_it = |run: &[Heard]| run.iter().filter(|h| h.pitch == Some(pitch)).count();
            best = self.heard(from).windows(frames).map(of_it).max().unwrap_or(0);
            best * 100 >= frames * MOST
        });
        if settled { Ok(()) } else { Err(format!("{pitch} Hz in {best} of {frames} frames")) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread's own side.
struct Line {
    socket: UdpSocket,
    state: Arc<Mutex<State>>,
    started: Instant,
    next: Instant,
    frame: u32,
    sequence: u16,
    ssrc: u32,
    /// Timestamp of the key being sent, and whether its END was.
    key_from: u32,
    ended: bool,
    reader: KeyReader,
}

impl Line {
    fn new(socket: UdpSocket, state: Arc<Mutex<State>>, address: SocketAddr) -> Line {
        let started = Instant::now();
        // unique on this host, which is all that an RTP end on loopback needs
        let ssrc = (u32::from(address.port()) << 16) ^ started.elapsed().subsec_nanos() ^ std::process::id();
        Line { socket, state, started, next: started, frame: 0, sequence: 1, ssrc, key_from: 0, ended: false, reader: KeyReader::default() }
    }

    /// Receives until the next frame is due, then sends it.
    fn turn(&mut self) {
        let mut packet = [0; 1500];
        loop {
            let left = self.next.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let _ = self.socket.set_read_timeout(Some(left.max(Duration::from_millis(1))));
            match self.socket.recv(&mut packet) {
                Ok(length) => self.receive(&packet[..length]),
                Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => break,
            }
        }
        // a late thread makes up for lost frames, but not for more than a tenth of a second
        self.next = (self.next + PACE).max(Instant::now() - Duration::from_millis(100));
        self.send();
        self.frame = self.frame.wrapping_add(1);
    }

    fn now(&self) -> now::Instant {
        now::Instant::ZERO + self.started.elapsed()
    }

    fn send(&mut self) {
        let now = self.now();
        let timestamp = self.frame.wrapping_mul(FRAME as u32);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(to) = state.towards else { return };
        let mut header = Header { marker: false, payload_type: to.law.payload_type(), sequence: self.sequence, timestamp, ssrc: self.ssrc };
        let step = to.events.filter(|_| state.to_press.due(now)).and_then(|kind| state.to_press.step(now).map(|step| (kind, step)));
        let pitch = if step.is_none() { state.next_pitch() } else { None };
        drop(state);
        let payload = match step {
            Some((kind, step)) => {
                if step.first {
                    self.key_from = timestamp;
                    self.ended = false;
                }
                if !self.ended && Event::parse(&step.payload).is_some_and(|event| event.is_end()) {
                    self.ended = true;
                    self.state.lock().unwrap_or_else(PoisonError::into_inner).pressed.push(Instant::now());
                }
                (header.payload_type, header.marker, header.timestamp) = (kind, step.first, self.key_from);
                step.payload.to_vec()
            }
            None => sine(pitch, self.frame).map(|sample| to.law.encode(sample)).collect(),
        };
        self.sequence = self.sequence.wrapping_add(1);
        let mut bytes = header.bytes().to_vec();
        bytes.extend(payload);
        let _ = self.socket.send_to(&bytes, to.peer);
    }

    fn receive(&mut self, bytes: &[u8]) {
        let (at, now) = (Instant::now(), self.now());
        let Some(packet) = rtp::parse(bytes) else { return };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.packets += 1;
        let law = match packet.header.payload_type {
            rtp::PCMA => Law::A,
            rtp::PCMU => Law::Mu,
            EVENTS => {
                let keys = Event::parse(packet.payload).map(|event| self.reader.handle(now, packet.header.timestamp, event));
                state.keys.extend(keys.into_iter().flatten().flatten().map(|key| (at, char::from(key))));
                return;
            }
            _ => return,
        };
        let samples: Vec<i16> = packet.payload.iter().map(|code| law.decode(*code)).collect();
        if let Some(tape) = &mut state.tape {
            tape.put(at, &samples);
        }
        if state.heard.len() == MAX_FRAMES {
            state.heard.pop_front();
        }
        state.heard.push_back(hear(at, &samples));
    }
}

fn hear(at: Instant, samples: &[i16]) -> Heard {
    let power = listen::power(samples);
    if power < SILENCE {
        return Heard { at, pitch: None, silent: true, audible: 0 };
    }
    let pitch = PITCHES.into_iter().find(|pitch| listen::power_at(samples, f64::from(*pitch)) > DOMINANT * power);
    let audible = |pitch: &Pitch| listen::power_at(samples, f64::from(*pitch)) > AUDIBLE * power;
    let audible = PITCHES.iter().enumerate().filter(|(_, pitch)| audible(pitch)).fold(0, |bits, (n, _)| bits | 1 << n);
    Heard { at, pitch, silent: false, audible }
}

/// The samples of one frame of that pitch, in phase with the frames before it.
fn sine(pitch: Option<Pitch>, frame: u32) -> impl Iterator<Item = i16> {
    let hz = f64::from(pitch.unwrap_or(0));
    // a pitch is a whole number of Hz: its phase comes round each second
    let start = u64::from(frame) * FRAME as u64 % u64::from(RATE);
    (start..start + FRAME as u64).map(move |n| ((n as f64 * hz / f64::from(RATE) * TAU).sin() * AMPLITUDE) as i16)
}

/// A free even port: RTP's, with the odd one above left for RTCP.
fn even_port(ip: IpAddr) -> io::Result<UdpSocket> {
    let span = u32::from(PORTS.end - PORTS.start);
    let start = std::process::id().wrapping_mul(7919);
    for n in 0..2000 {
        let port = PORTS.start + u16::try_from((start.wrapping_add(n * 2)) % span).unwrap_or(0);
        match UdpSocket::bind((ip, port & !1)) {
            Ok(socket) => return Ok(socket),
            Err(e) if e.kind() == io::ErrorKind::AddrInUse => {}
            Err(e) => return Err(e),
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pitch_is_told_from_every_other_and_from_silence() {
        for pitch in PITCHES {
            let samples: Vec<i16> = sine(Some(pitch), 7).collect();
            assert_eq!(hear(Instant::now(), &samples).pitch, Some(pitch));
        }
        assert!(hear(Instant::now(), &[0; FRAME]).silent);
    }
}
