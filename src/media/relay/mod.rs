//! The relay between legs. Pure: commands, packets and a tick come in with the time; datagrams go out by a closure,
//! reports are polled. Nothing is allocated, locked or logged for a packet, and no digit is ever logged.
//!
//! ```text
//!   handle(Command)            table of legs, by port        out(Datagram)
//!   handle_packet(bytes)  ──▶  Leg { incoming, outgoing } ──▶
//!   handle_tick()              joined by port                poll_report()
//! ```
//!
//! A packet from a leg's peer passes `incoming` (source rule, duplicates, keys) and goes at once to the `outgoing` of
//! the leg it is joined with. The tick plays sounds, fills silence, sends keys and control reports.

mod incoming;
mod leg;
mod line;
mod outgoing;
mod overlay;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use self::incoming::Incoming;
use self::leg::Leg;
use self::outgoing::{Hears, Outgoing};
use super::command::{Command, Report, Source};
use super::ear::{Heard, Terms};
use super::player::Player;
use super::rtcp;
use crate::domain::call::LegId;
use crate::domain::entropy::Entropy;
use crate::domain::now::Instant;

/// Legs at once, and the bound of a port index.
pub const MAX_LEGS: usize = 16_384;
/// Reports that may wait to be polled; more are dropped (they say again each second what matters).
pub const MAX_REPORTS: usize = 16_384;
/// How often the shell calls [`Relay::handle_tick`].
pub const TICK: std::time::Duration = std::time::Duration::from_millis(10);

#[derive(Clone, Debug)]
pub struct Config {
    /// Seconds without RTP and RTCP after which `Silent` is reported; 0: never.
    pub silence_seconds: u32,
}

impl Default for Config {
    fn default() -> Config {
        Config { silence_seconds: 20 }
    }
}

/// A datagram to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Index of the socket pair.
    pub port: u16,
    /// From the pair's odd socket (RTCP).
    pub control: bool,
    pub to: SocketAddr,
    pub bytes: &'a [u8],
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams that arrived, and those that left (RTP and RTCP).
    pub received: u64,
    pub sent: u64,
    /// Malformed, unexpected, duplicate or out of place.
    pub dropped: u64,
    /// From an address whose packets are not taken.
    pub refused: u64,
}

/// Reports waiting to be polled.
#[derive(Default)]
struct Reports(VecDeque<Report>);

impl Reports {
    fn push(&mut self, report: Report) {
        if self.0.len() < MAX_REPORTS {
            self.0.push_back(report);
        }
    }
}

/// A leg on its way to another relay.
pub struct Moving {
    id: LegId,
    port: u16,
    leg: Box<Leg>,
}

pub struct Relay {
    config: Config,
    entropy: Box<dyn Entropy>,
    /// Of the legs that are opened here.
    cname: [u8; rtcp::CNAME],
    /// By port index.
    legs: Vec<Option<Box<Leg>>>,
    ports: HashMap<LegId, u16>,
    /// The ports with a leg, in no order: a tick looks at no other.
    open: Vec<u16>,
    reports: Reports,
    counters: Counters,
}

impl Relay {
    pub fn new(config: Config, mut entropy: Box<dyn Entropy>) -> Relay {
        let mut cname = [0; rtcp::CNAME];
        entropy.fill(&mut cname);
        cname.iter_mut().for_each(|byte| *byte = b"0123456789abcdef"[usize::from(*byte & 15)]);
        let reports = Reports(VecDeque::with_capacity(1024));
        Relay { config, entropy, cname, legs: Vec::new(), ports: HashMap::new(), open: Vec::new(), reports, counters: Counters::default() }
    }

    /// Does what the exchange says. A command about a leg that is not open is nothing.
    pub fn handle(&mut self, now: Instant, command: Command) {
        match command {
            Command::Open { leg, port } => self.open(now, leg, port),
            Command::Negotiated { leg, with } => {
                if let Some(leg) = self.leg(leg) {
                    leg.negotiated(now, with);
                }
            }
            Command::Join(one, other) => self.join(now, one, other),
            Command::Play(leg, source) => self.play(now, leg, source),
            Command::Overlay(leg, source) => {
                if let Some(leg) = self.leg(leg) {
                    leg.outgoing.overlay.set(source);
                }
            }
            Command::Keys(leg, keys) => {
                let dropped = self.leg(leg).map_or(0, |leg| leg.outgoing.keys.push(&keys));
                self.counters.dropped += dropped as u64;
            }
            Command::Listen(leg, terms) => self.listen(now, leg, terms),
            Command::StopListening(leg) => self.heard(leg),
            Command::Close(leg) => {
                self.heard(leg);
                self.release(now, leg);
            }
        }
    }

    /// Takes a leg out, to be [`Relay::put`] into another relay under the same port. Whoever it is joined with hears silence
    /// from then on, and so does it.
    pub fn take(&mut self, now: Instant, id: LegId) -> Option<Moving> {
        let (port, mut leg) = self.release(now, id)?;
        if matches!(leg.outgoing.hears, Hears::Peer(_)) {
            leg.outgoing.switch(now, Hears::Source(Player::new(Source::Silence)));
        }
        Some(Moving { id, port, leg })
    }

    /// Takes a leg in. One whose port or name is taken here is lost.
    pub fn put(&mut self, moving: Moving) {
        let Moving { id, port, leg } = moving;
        if let Some(slot) = self.free_slot(id, port) {
            *slot = Some(leg);
            self.ports.insert(id, port);
            self.open.push(port);
        }
    }

    /// A datagram arrived on a socket pair, on its odd socket if `control`.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        port: u16,
        control: bool,
        from: SocketAddr,
        bytes: &[u8],
        out: &mut impl FnMut(Datagram),
    ) {
        self.counters.received += 1;
        let Some(leg) = self.legs.get_mut(usize::from(port)).and_then(Option::as_mut) else {
            self.counters.dropped += 1;
            return;
        };
        let Some(incoming) = &mut leg.incoming else {
            self.counters.dropped += 1;
            return;
        };
        if control {
            if incoming.control(now, from, bytes, &mut self.reports, &mut self.counters) {
                leg.control = Some(from);
            }
            return;
        }
        let taken = incoming.rtp(now, from, bytes, &mut self.reports, &mut self.counters);
        if taken.first {
            leg.follow = incoming.destination().or(leg.follow);
            leg.aim();
        }
        let Hears::Peer(peer) = leg.outgoing.hears else { return };
        let Some(peer) = self.legs.get_mut(usize::from(peer)).and_then(Option::as_mut) else { return };
        let sent = &mut self.counters.sent;
        let mut out = |datagram: Datagram| {
            *sent += 1;
            out(datagram);
        };
        if let Some(sound) = taken.sound {
            self.counters.dropped += u64::from(!peer.outgoing.relay(now, sound, &mut out));
        } else if taken.silent {
            peer.outgoing.without_sound(now, &mut self.reports, &mut out);
        }
    }

    /// Each [`TICK`]: sounds, silence, keys, control reports, the watch on silence.
    pub fn handle_tick(&mut self, now: Instant, out: &mut impl FnMut(Datagram)) {
        for at in 0..self.open.len() {
            let Some(port) = self.open.get(at).copied() else { return };
            let Some(leg) = self.legs.get_mut(usize::from(port)).and_then(Option::as_mut) else { continue };
            let Some(incoming) = &mut leg.incoming else { continue };
            let sent = &mut self.counters.sent;
            let mut out = |datagram: Datagram| {
                *sent += 1;
                out(datagram);
            };
            incoming.tick(now, self.config.silence_seconds, &mut self.reports);
            leg.outgoing.tick(now, &mut self.reports, &mut out);
            if now >= leg.next_control {
                // half to one and a half of the interval, so that legs do not fall into step (RFC 3550, 6.3.1)
                let spread = rtcp::INTERVAL.as_millis() as u32;
                leg.next_control = now + rtcp::INTERVAL / 2 + std::time::Duration::from_millis(u64::from(self.entropy.u32() % spread));
                leg.report(now, port, &mut out);
            }
        }
    }

    pub fn poll_report(&mut self) -> Option<Report> {
        self.reports.0.pop_front()
    }

    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn leg(&mut self, id: LegId) -> Option<&mut Leg> {
        let port = self.ports.get(&id)?;
        self.legs.get_mut(usize::from(*port))?.as_deref_mut()
    }

    fn open(&mut self, now: Instant, id: LegId, port: u16) {
        if self.free_slot(id, port).is_some() {
            let outgoing = Outgoing::new(now, id, port, self.entropy.as_mut());
            self.put(Moving { id, port, leg: Box::new(Leg::new(now, id, outgoing, self.cname)) });
        }
    }

    /// Where a leg of that name may stand; `None` where either is taken.
    fn free_slot(&mut self, id: LegId, port: u16) -> Option<&mut Option<Box<Leg>>> {
        let index = usize::from(port);
        if index >= MAX_LEGS || self.ports.contains_key(&id) {
            return None;
        }
        if self.legs.len() <= index {
            self.legs.resize_with(index + 1, || None);
        }
        self.legs.get_mut(index).filter(|slot| slot.is_none())
    }

    /// Takes a leg out of the table. Whoever it was joined with hears silence.
    fn release(&mut self, now: Instant, id: LegId) -> Option<(u16, Box<Leg>)> {
        let port = self.ports.remove(&id)?;
        self.part(now, port);
        if let Some(at) = self.open.iter().position(|open| *open == port) {
            self.open.swap_remove(at);
        }
        Some((port, self.legs.get_mut(usize::from(port))?.take()?))
    }

    fn join(&mut self, now: Instant, one: LegId, other: LegId) {
        let (Some(one), Some(other)) = (self.ports.get(&one).copied(), self.ports.get(&other).copied()) else { return };
        if one == other || self.peer(one) == Some(other) {
            return;
        }
        for (port, peer) in [(one, other), (other, one)] {
            self.part(now, port);
            if let Some(leg) = self.legs.get_mut(usize::from(port)).and_then(Option::as_mut) {
                // a conversation is never taken down, whatever was asked before it began
                leg.incoming.as_mut().and_then(Incoming::stop_listening);
                leg.outgoing.switch(now, Hears::Peer(peer));
            }
        }
    }

    fn listen(&mut self, now: Instant, id: LegId, terms: Terms) {
        let joined = self.ports.get(&id).is_some_and(|port| self.peer(*port).is_some());
        match self.leg(id).and_then(|leg| leg.incoming.as_mut()) {
            Some(incoming) if !joined => incoming.listen(now, terms),
            Some(_) | None => self.reports.push(Report::Heard(id, Heard::nothing())),
        }
    }

    /// Tells what was taken down of a leg, if it is being listened to.
    fn heard(&mut self, id: LegId) {
        if let Some(heard) = self.leg(id).and_then(|leg| leg.incoming.as_mut()).and_then(Incoming::stop_listening) {
            self.reports.push(Report::Heard(id, heard));
        }
    }

    fn play(&mut self, now: Instant, leg: LegId, source: Source) {
        let Some(port) = self.ports.get(&leg).copied() else { return };
        self.part(now, port);
        if let Some(leg) = self.leg(leg) {
            leg.outgoing.switch(now, Hears::Source(Player::new(source)));
        }
    }

    /// Whoever was joined with this port hears silence.
    fn part(&mut self, now: Instant, port: u16) {
        if let Some(peer) = self.peer(port).and_then(|peer| self.legs.get_mut(usize::from(peer))).and_then(Option::as_mut) {
            peer.outgoing.switch(now, Hears::Source(Player::new(Source::Silence)));
        }
    }

    fn peer(&self, port: u16) -> Option<u16> {
        match self.legs.get(usize::from(port))?.as_ref()?.outgoing.hears {
            Hears::Peer(peer) => Some(peer),
            Hears::Source(_) => None,
        }
    }
}
