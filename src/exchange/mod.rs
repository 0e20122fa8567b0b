//! Between SIP and the rules: session events become inputs of the switchboard, its effects become session and relay commands.
//!
//! [`Exchange`] is one aggregate: `handle_*` in, `poll_output` out. It holds no rule of RULES.md: what a call means is decided in
//! `switchboard`, what a message means in `sip`. No socket, no clock.
//!
//! [`legs`] the legs of running calls · `ladder` their messages · [`events`] SIP and media events to inputs · [`effects`] effects to SIP and media ·
//! [`keys`] keys pressed · `party` who a phone hears · `media_peer` whether their addresses may be · [`media_plan`] descriptions and what the relay is told of them · [`lines`] the trunks: registration, destination, presentation

pub mod effects;
pub mod events;
pub mod keys;
mod ladder;
pub mod legs;
pub mod lines;
mod media_peer;
pub mod media_plan;
mod party;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::domain::call::{Extension, LegId, Record};
use crate::domain::callback::Retry;
use crate::domain::clip::Clip;
use crate::domain::entropy::Entropy;
use crate::domain::hours::Hours;
use crate::domain::names::Contacts;
use crate::domain::now::{Instant, Now};
use crate::domain::status::{Health, LineStatus};
use crate::media::command::{Command as MediaCommand, Report};
use crate::sip::api::{Flow, Transmit, Transport};
use crate::sip::endpoint::Endpoint;
use crate::sip::guard::{Admit, Guard};
use crate::sip::registrar::Registrar;
use crate::sip::trace::Trace;
use crate::switchboard::config::{AttendantRules, Router};
use crate::switchboard::effect::{Answer, Effect};
use crate::switchboard::input::{Command, Input, Seq, Ticket};
use crate::switchboard::line::Line;

pub use ladder::LadderOf;
use ladder::Ladders;
use legs::Legs;
use lines::Lines;
use media_plan::Sounds;

/// RULES 2.1: the 18x waits for the disk that long at most.
pub const RECORD_WAIT: Duration = Duration::from_millis(200);
/// Opening hours, registrations shown, alerts: looked at that often.
const SECOND: Duration = Duration::from_secs(1);

/// What the exchange asks of the outside at once. Each answers without blocking.
pub trait Outside: Send {
    /// A port pair for the relay, and our RTP address as `peer` reaches it. `None` when all are taken.
    fn reserve(&mut self, leg: LegId, peer: IpAddr) -> Option<SocketAddr>;
    /// Our SIP address of that transport as `peer` reaches it. `None` when we do not listen on it.
    fn local(&mut self, transport: Transport, peer: IpAddr) -> Option<SocketAddr>;
    /// A socket of ours could be there: our own address, and a port of our signalling or media.
    fn is_ours(&mut self, address: SocketAddr) -> bool;
}

/// What the shell carries out.
#[derive(Debug)]
pub enum Output {
    Transmit(Transmit),
    Media(MediaCommand),
    Record(Seq, Record),
    Reply(Ticket, Answer),
    /// A prompt that was said anew on that leg: to be written, then [`Exchange::handle_prompt_kept`].
    Prompt(LegId, &'static str, Clip),
    /// Nothing runs any more.
    Idle,
}

pub struct Config {
    pub hours: Hours,
    /// After that many seconds without sound a phone is asked whether it lives (row 19).
    pub silence_seconds: u32,
}

/// What a new configuration changes without a restart. Addresses, trunks and phones are not among it.
pub struct Reload {
    pub hours: Hours,
    pub ring: Vec<Extension>,
    pub ring_time: Duration,
    pub per_hour: usize,
    pub promise: Duration,
    pub retry: Vec<Retry>,
    pub router: Box<dyn Router>,
    pub attendant: Option<AttendantRules>,
}

pub struct Exchange {
    config: Config,
    endpoint: Endpoint,
    guard: Guard,
    registrar: Registrar,
    lines: Lines,
    line: Line,
    legs: Legs,
    sounds: Sounds,
    outside: Box<dyn Outside>,
    entropy: Box<dyn Entropy>,
    new_entropy: NewEntropy,
    inputs: VecDeque<Input>,
    effects: Vec<Effect>,
    outputs: VecDeque<Output>,
    unrecorded: VecDeque<(Instant, Seq)>,
    trace: Trace,
    ladders: Ladders,
    /// The leg whose call the record to come opens.
    opening: Option<LegId>,
    open: Option<bool>,
    next_second: Instant,
}

pub struct Parts {
    pub config: Config,
    pub endpoint: Endpoint,
    pub guard: Guard,
    pub registrar: Registrar,
    pub lines: Lines,
    pub line: Line,
    pub outside: Box<dyn Outside>,
    pub entropy: Box<dyn Entropy>,
    pub new_entropy: NewEntropy,
}

/// A further source of entropy, for a machine that keeps its own.
pub type NewEntropy = Box<dyn Fn() -> Box<dyn Entropy> + Send>;

impl Exchange {
    pub fn new(now: Now, parts: Parts) -> Exchange {
        let Parts { config, endpoint, guard, registrar, lines, line, outside, entropy, new_entropy } = parts;
        let mut exchange = Exchange {
            config,
            endpoint,
            guard,
            registrar,
            lines,
            line,
            legs: Legs::default(),
            sounds: Sounds::tones_only(),
            outside,
            entropy,
            new_entropy,
            inputs: VecDeque::new(),
            effects: Vec::new(),
            outputs: VecDeque::new(),
            unrecorded: VecDeque::new(),
            trace: Trace::default(),
            ladders: Ladders::default(),
            opening: None,
            open: None,
            next_second: now.instant,
        };
        exchange.each_second(now);
        exchange.settle(now);
        exchange
    }

    /// One datagram, or one framed message of a stream.
    pub fn handle_message(&mut self, now: Now, flow: Flow, bytes: &[u8]) {
        match self.guard.admit(now.instant, flow.remote, bytes) {
            Admit::Peer(peer) => {
                self.trace.record(now, flow, false, bytes);
                self.endpoint.handle_message(now.instant, peer, flow, bytes);
            }
            Admit::Stranger => self.stranger(flow.remote.ip(), bytes),
            Admit::Limited => {}
        }
        self.settle(now);
    }

    /// Is that address allowed to open a connection at all?
    pub fn welcomes(&mut self, now: Now, remote: SocketAddr) -> bool {
        matches!(self.guard.admit(now.instant, remote, b""), Admit::Peer(_))
    }

    /// A TCP connection to that peer is closed, or could not be opened.
    pub fn handle_connection_lost(&mut self, now: Now, connection: u64, remote: SocketAddr) {
        self.endpoint.handle_connection_lost(now.instant, connection, remote);
        for change in self.registrar.forget_connection(connection) {
            self.inputs.push_back(Input::Phone { extension: change.extension, registered: change.registered });
        }
        self.settle(now);
    }

    pub fn handle_report(&mut self, now: Now, report: Report) {
        self.on_report(now, report);
        self.settle(now);
    }

    pub fn handle_recorded(&mut self, now: Now, seq: Seq) {
        self.inputs.push_back(Input::Recorded(seq));
        self.settle(now);
    }

    /// Where records go from now on.
    pub fn handle_records_health(&mut self, now: Now, health: Health) {
        self.inputs.push_back(Input::Records(health));
        self.settle(now);
    }

    pub fn handle_command(&mut self, now: Now, ticket: Ticket, command: Command) {
        if let Command::Forget(number) = &command {
            // whatever stands before them there: 0, +33, 0033
            let national = number.national();
            self.trace.erase(national.as_deref().map_or(number.as_str(), |n| n.trim_start_matches('0')).trim_start_matches('+'));
        }
        self.inputs.push_back(Input::Page { ticket, command });
        self.settle(now);
    }

    /// The contacts changed.
    pub fn set_contacts(&mut self, now: Now, contacts: Contacts) {
        self.inputs.push_back(Input::Contacts(contacts));
        self.settle(now);
    }

    /// The resolver's answer: where that trunk is now, best first; none when nothing is known (any more).
    pub fn handle_located(&mut self, now: Now, trunk: usize, addresses: Vec<SocketAddr>) {
        self.lines.located(trunk, &addresses);
        self.guard.set_trunk(trunk, self.lines.peers(trunk));
        self.settle(now);
    }

    /// What [`Output::Prompt`] asked for is on disk: it is heard from now on. `None`: it is not, and the one before serves.
    pub fn handle_prompt_kept(&mut self, now: Now, leg: LegId, kept: Option<(&'static str, Clip)>) {
        if let Some((name, wav)) = &kept {
            self.sounds.keep(name, wav.as_bytes());
        }
        self.inputs.push_back(Input::PromptKept { leg, kept: kept.is_some() });
        self.settle(now);
    }

    /// The prompts and the music are read; calls did not wait for them.
    pub fn set_sounds(&mut self, sounds: Sounds) {
        self.sounds = sounds;
    }

    /// SIGHUP with a good file: what can change while calls run does, from the next call on.
    pub fn reload(&mut self, now: Now, reload: Reload) {
        self.line.set_hours(reload.hours.clone());
        self.line.set_promises(reload.promise, reload.retry);
        self.config.hours = reload.hours;
        self.line.set_attendant(reload.attendant);
        self.line.reload(reload.ring, reload.ring_time, reload.per_hour, reload.router);
        self.each_second(now);
        self.settle(now);
    }

    /// SIGTERM.
    pub fn drain(&mut self, now: Now) {
        self.inputs.push_back(Input::Drain);
        self.settle(now);
    }

    /// The drain is over: every call ends, the trunks are told that we are gone.
    pub fn stop(&mut self, now: Now) {
        self.inputs.push_back(Input::Stop);
        self.lines.unregister(now);
        self.settle(now);
    }

    pub fn handle_timeout(&mut self, now: Now) {
        self.endpoint.handle_timeout(now.instant);
        self.lines.handle_timeout(now);
        if self.registrar.poll_timeout().is_some_and(|at| at <= now.instant) {
            for change in self.registrar.handle_timeout(now.instant) {
                self.inputs.push_back(Input::Phone { extension: change.extension, registered: change.registered });
            }
        }
        while let Some((at, seq)) = self.unrecorded.front().copied().filter(|(at, _)| *at <= now.instant) {
            let _ = at;
            self.unrecorded.pop_front();
            self.inputs.push_back(Input::Recorded(seq));
        }
        if self.line.poll_timeout().is_some_and(|at| at <= now.instant) {
            let mut effects = std::mem::take(&mut self.effects);
            self.line.handle_timeout(now, &mut effects);
            self.effects = effects;
        }
        if self.next_second <= now.instant {
            self.each_second(now);
        }
        self.settle(now);
    }

    /// When `handle_timeout` is wanted next.
    pub fn poll_timeout(&self) -> Instant {
        let mut next = self.next_second;
        let others = [
            self.endpoint.poll_timeout(),
            self.lines.poll_timeout(),
            self.registrar.poll_timeout(),
            self.line.poll_timeout(),
            self.unrecorded.front().map(|(at, _)| *at),
        ];
        for at in others.into_iter().flatten() {
            next = next.min(at);
        }
        next
    }

    /// After `stop`: nothing is left to be said to anybody.
    pub fn is_over(&self) -> bool {
        self.legs.is_empty() && self.lines.is_over()
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// True once after something visible changed.
    pub fn take_dirty(&mut self) -> bool {
        self.line.take_dirty() | self.lines.take_dirty()
    }

    pub fn status(&self) -> LineStatus {
        let mut status = self.line.status();
        status.trunks = self.lines.status();
        status
    }

    /// Trunks whose name must be resolved: index and target.
    pub fn targets(&self) -> Vec<(usize, String)> {
        self.lines.targets()
    }

    /// Runs until nothing is left to do: events to inputs, inputs to effects, effects to sessions.
    fn settle(&mut self, now: Now) {
        loop {
            if let Some(event) = self.endpoint.poll_event() {
                self.on_event(now, event);
            } else if let Some(input) = self.inputs.pop_front() {
                if let Input::Rings { leg, .. } | Input::Dials { leg, .. } = &input {
                    self.opening = Some(*leg);
                }
                let mut effects = std::mem::take(&mut self.effects);
                self.line.handle(now, input, &mut effects);
                self.effects = effects;
                self.carry_out(now);
                self.opening = None;
            } else if !self.effects.is_empty() {
                self.carry_out(now);
            } else if !self.drive_lines(now) {
                break;
            }
        }
        while let Some(transmit) = self.endpoint.poll_transmit() {
            self.trace.record(now, transmit.flow, true, &transmit.bytes);
            self.outputs.push_back(Output::Transmit(transmit));
        }
    }

    fn carry_out(&mut self, now: Now) {
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            self.effect(now, effect);
        }
        // keep the allocation, and whatever came meanwhile
        effects.append(&mut self.effects);
        self.effects = effects;
    }

    fn each_second(&mut self, now: Now) {
        self.next_second = now.instant + SECOND;
        let open = self.config.hours.is_open(now.wall);
        if self.open != Some(open) {
            self.open = Some(open);
            self.inputs.push_back(Input::Open(open));
        }
    }

    /// RULES 2.7: of the calls that get no reply, those to our Contact or to a number of ours are worth a banner; a scanner's are not.
    fn stranger(&mut self, address: IpAddr, bytes: &[u8]) {
        if Guard::stranger_call(bytes).is_some_and(|uri| self.lines.is_called_by(uri)) {
            self.inputs.push_back(Input::UnknownSource { address });
        }
    }
}
