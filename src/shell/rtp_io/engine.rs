//! One media thread: its legs, their sockets, their relay. It waits, reads, hands to the relay, sends; it shares nothing.
//!
//! Two legs that are joined are always here together, so one thread alone writes to each peer and its packets cannot
//! overtake each other. A leg that is to be joined with one elsewhere is moved first: sockets and state, after everything
//! of it was sent. Until a moved leg is here, the words about it, and all behind them, wait.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::Duration;

use rustix::event::{Timespec, epoll};

use super::desk::legs_of;
use super::{Clock, Counts, Pair};
use crate::domain::call::LegId;
use crate::domain::now::Instant;
use crate::media::command::{Command, Report};
use crate::media::relay::{self, Datagram, Moving, Relay};

/// Events taken from one wait.
const BATCH: usize = 256;
/// A larger datagram is no voice; what is beyond is cut off and then refused by its length.
const MAX_DATAGRAM: usize = 2048;
/// The token of the wake-up among those of the sockets.
const WAKE: u64 = u64::MAX;
/// Full batches in a row after which the thread is behind: each of its sockets has something waiting by then.
const BEHIND: u32 = 4;
/// Datagrams read from one socket in a row when the thread is behind: the second costs less than the first, for all that it
/// touches is at hand.
const IN_A_ROW: usize = 8;
/// A thread that is behind puts off its tick by this: what it would fill with silence is waiting in the sockets.
const MAX_LATE: Duration = Duration::from_millis(30);
/// The threads' nice value, where the system allows one: sound goes before the page and a person's programs, but a flood
/// of it leaves a quarter of a core to signalling.
const NICE: i32 = -5;
/// A moved leg is there within a turn of the other thread; one that never comes must not hold up the others for ever.
const MAX_WAIT: Duration = Duration::from_millis(500);

/// What a thread is told.
pub(super) enum Word {
    Opened {
        leg: LegId,
        port: u16,
        pair: Pair,
    },
    Command(Command),
    /// Gives the leg to the thread of that number.
    Move {
        leg: LegId,
        to: usize,
    },
    Stop,
}

/// A leg on its way from one thread to another.
pub(super) struct Arrival {
    leg: LegId,
    port: u16,
    pair: Pair,
    state: Option<Moving>,
}

/// How one thread reaches another.
#[derive(Clone)]
pub(super) struct Neighbour {
    pub arrivals: Sender<Arrival>,
    pub wake: Arc<OwnedFd>,
}

pub(super) struct Engine {
    pub relay: Relay,
    pub poll: OwnedFd,
    pub wake: Arc<OwnedFd>,
    pub words: Receiver<Word>,
    pub arrivals: Receiver<Arrival>,
    pub neighbours: Vec<Neighbour>,
    pub returns: Sender<(Instant, u16)>,
    pub clock: Clock,
    pub counts: Arc<Counts>,
    pub reports: Arc<dyn Fn(Report) + Send + Sync>,
    pub legs: Legs,
    /// A word about a leg that is not here yet, and since when.
    pub waiting: Option<(Instant, Word)>,
}

/// The legs of a thread and their sockets.
#[derive(Default)]
pub(super) struct Legs {
    ports: HashMap<LegId, u16>,
    /// By port index.
    sockets: Vec<Option<Pair>>,
}

impl Engine {
    /// Makes the thread's wait heed its wake-up.
    pub fn watch_wake(poll: &OwnedFd, wake: &OwnedFd) -> std::io::Result<()> {
        Ok(epoll::add(poll, wake, epoll::EventData::new_u64(WAKE), epoll::EventFlags::IN)?)
    }

    pub fn run(mut self) {
        // refused without the right to it: then the sound takes its turn
        let _ = rustix::process::setpriority_process(None, NICE);
        let mut events: Vec<epoll::Event> = Vec::with_capacity(BATCH);
        let mut buffer = [0; MAX_DATAGRAM];
        let mut next_tick = (self.clock)() + relay::TICK;
        let mut full = 0u32;
        loop {
            let now = (self.clock)();
            self.wait(&mut events, next_tick.since(now));
            let now = (self.clock)();
            if !self.commands(now) {
                return;
            }
            full = if events.len() < BATCH { 0 } else { full.saturating_add(1) };
            let behind = full >= BEHIND;
            for event in events.drain(..) {
                match event.data.u64() {
                    WAKE => drain(&self.wake),
                    token => self.packets(now, token, if behind { IN_A_ROW } else { 1 }, &mut buffer),
                }
            }
            if now >= next_tick && (!behind || now >= next_tick + MAX_LATE) {
                self.tick(now);
                next_tick += relay::TICK;
                if now > next_tick + 10 * relay::TICK {
                    next_tick = now + relay::TICK;
                }
            }
            self.report();
        }
    }

    fn tick(&mut self, now: Instant) {
        let sockets = &self.legs.sockets;
        self.relay.handle_tick(now, &mut |datagram| send(sockets, datagram));
        self.counts.show(self.relay.counters());
    }

    /// For a packet, a word or the next tick; without a leg there is none.
    fn wait(&self, events: &mut Vec<epoll::Event>, timeout: Duration) {
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(timeout.min(relay::TICK).subsec_nanos()) as _ };
        let idle = self.legs.ports.is_empty() && self.waiting.is_none();
        if idle {
            self.counts.show(self.relay.counters());
        }
        // interrupted by a signal: the loop comes back
        let _ = epoll::wait(&self.poll, rustix::buffer::spare_capacity(events), (!idle).then_some(&timeout));
    }

    /// All that can be done now, before any packet; `false`: stop.
    fn commands(&mut self, now: Instant) -> bool {
        loop {
            while let Ok(arrival) = self.arrivals.try_recv() {
                self.arrived(arrival);
            }
            let (since, word) = match self.waiting.take() {
                Some(waiting) => waiting,
                None => match self.words.try_recv() {
                    Ok(word) => (now, word),
                    Err(TryRecvError::Empty) => return true,
                    Err(TryRecvError::Disconnected) => return false,
                },
            };
            if !self.legs.has_those_of(&word) {
                if now.since(since) < MAX_WAIT {
                    self.waiting = Some((since, word));
                    return true;
                }
                tracing::error!("a leg did not come over from another media thread");
                continue;
            }
            match word {
                Word::Opened { leg, port, pair } => self.opened(now, leg, port, pair),
                Word::Command(Command::Open { .. }) => {}
                Word::Command(Command::Close(leg)) => self.close(now, leg),
                Word::Command(command) => self.relay.handle(now, command),
                Word::Move { leg, to } => self.give(now, leg, to),
                Word::Stop => return false,
            }
        }
    }

    fn opened(&mut self, now: Instant, leg: LegId, port: u16, pair: Pair) {
        // a leg reserved twice would leak its first pair
        self.close(now, leg);
        self.watch(leg, port, pair);
        self.relay.handle(now, Command::Open { leg, port });
    }

    fn watch(&mut self, leg: LegId, port: u16, pair: Pair) {
        for (control, socket) in [(0, &pair.rtp), (1, &pair.rtcp)] {
            let token = epoll::EventData::new_u64(u64::from(port) << 1 | control);
            if let Err(error) = epoll::add(&self.poll, socket, token, epoll::EventFlags::IN) {
                tracing::error!(%error, port, "a media socket cannot be watched");
            }
        }
        self.legs.insert(leg, port, pair);
    }

    fn close(&mut self, now: Instant, leg: LegId) {
        self.relay.handle(now, Command::Close(leg));
        // closing takes the sockets out of the poll
        if let Some((port, _)) = self.legs.remove(leg) {
            // the handle is gone: nobody draws any more
            let _ = self.returns.send((now, port));
        }
    }

    /// What it had to say is said here first, so that nothing of it comes out of order.
    fn give(&mut self, now: Instant, leg: LegId, to: usize) {
        let (Some((port, pair)), Some(neighbour)) = (self.legs.remove(leg), self.neighbours.get(to)) else { return };
        for socket in [&pair.rtp, &pair.rtcp] {
            // one that could not be watched is not there
            let _ = epoll::delete(&self.poll, socket);
        }
        let state = self.relay.take(now, leg);
        let arrival = Arrival { leg, port, pair, state };
        let neighbour = neighbour.clone();
        self.report();
        // a thread that has stopped needs no more legs
        if neighbour.arrivals.send(arrival).is_ok() {
            ring(&neighbour.wake);
        }
    }

    fn arrived(&mut self, arrival: Arrival) {
        let Arrival { leg, port, pair, state } = arrival;
        self.watch(leg, port, pair);
        if let Some(state) = state {
            self.relay.put(state);
        }
    }

    /// One datagram a readiness as a rule: to ask for a second costs a call that nearly always finds none, and the wait is
    /// level-triggered.
    fn packets(&mut self, now: Instant, token: u64, most: usize, buffer: &mut [u8; MAX_DATAGRAM]) {
        let (port, control) = ((token >> 1) as u16, token & 1 == 1);
        let sockets = &self.legs.sockets;
        let Some(Some(pair)) = sockets.get(usize::from(port)) else { return };
        for _ in 0..most {
            let Ok((length, from)) = pair.socket(control).recv_from(buffer) else { return };
            let bytes = buffer.get(..length).unwrap_or(&[]);
            self.relay.handle_packet(now, port, control, from, bytes, &mut |datagram| send(sockets, datagram));
        }
    }

    fn report(&mut self) {
        while let Some(report) = self.relay.poll_report() {
            (self.reports)(report);
        }
    }
}

impl Legs {
    fn insert(&mut self, leg: LegId, port: u16, pair: Pair) {
        let index = usize::from(port);
        if self.sockets.len() <= index {
            self.sockets.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.sockets.get_mut(index) {
            *slot = Some(pair);
        }
        self.ports.insert(leg, port);
    }

    fn remove(&mut self, leg: LegId) -> Option<(u16, Pair)> {
        let port = self.ports.remove(&leg)?;
        let pair = self.sockets.get_mut(usize::from(port))?.take()?;
        Some((port, pair))
    }

    /// The handle speaks of open legs only: one that is not here is on its way.
    fn has_those_of(&self, word: &Word) -> bool {
        let has = |leg: &LegId| self.ports.contains_key(leg);
        match word {
            Word::Command(command) => legs_of(command).iter().flatten().all(has),
            Word::Move { leg, .. } => has(leg),
            Word::Opened { .. } | Word::Stop => true,
        }
    }
}

/// A datagram that cannot leave now is lost, as on the wire.
fn send(sockets: &[Option<Pair>], datagram: Datagram) {
    if let Some(Some(pair)) = sockets.get(usize::from(datagram.port)) {
        let _ = pair.socket(datagram.control).send_to(datagram.bytes, datagram.to);
    }
}

/// Wakes the thread that waits for it.
pub(super) fn ring(wake: &OwnedFd) {
    // it can only fail when the counter is full: then the thread is awake anyway
    let _ = rustix::io::write(wake, &1u64.to_ne_bytes());
}

fn drain(wake: &OwnedFd) {
    let _ = rustix::io::read(wake, &mut [0u8; 8]);
}
