//! The signalling thread: sockets, records, page commands and time come in, the exchange decides, its outputs go out. No lock, no disk.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::domain::call::{LegId, Record};
use crate::domain::clip::Clip;
use crate::domain::ladder::Rung;
use crate::domain::names::Contacts;
use crate::domain::now::Instant;
use crate::domain::status::{Health, LineStatus};
use crate::exchange::media_plan::Sounds;
use crate::exchange::{Exchange, LadderOf, Output, Outside, Reload};
use crate::media::command::{Command as MediaCommand, Report};
use crate::sip::api::{Flow, Transmit, Transport};
use crate::switchboard::effect::{Answer, Refusal};
use crate::switchboard::input::{Command, Seq, Ticket};

use super::announcements::Announcements;
use super::clock;
use super::faces::Faces;
use super::rtp_io::{PortRange, RtpIo};
use super::sip_io::{SipIo, StreamEvent};

/// Datagrams read before outputs are sent: keeps answers prompt under a burst.
const BATCH: usize = 64;
/// What may wait for the signalling thread from other threads.
pub const MAX_INBOX: usize = 65_536;
/// A screen sees a change within that time; a thousand calls a second make no thousand snapshots.
const STATUS_PAUSE: Duration = Duration::from_millis(50);
/// A snapshot of thousands of calls takes its time: it comes so much more rarely that it never takes more than a twentieth of this thread.
const STATUS_SHARE: u32 = 20;
/// After the last call, BYEs and un-REGISTERs may take that long to be answered.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// A full relay queue is tried again after that time: it drains in less.
const RELAY_PAUSE: Duration = Duration::from_millis(2);
/// Records that may wait beyond the writer's own queue.
const MAX_UNWRITTEN: usize = 65_536;
/// Page commands whose answer is not there yet.
const MAX_TICKETS: usize = 1024;

/// What other threads tell the signalling thread.
pub enum Inbox {
    Media(Report),
    Recorded(Seq),
    Command(Box<Command>, oneshot::Sender<Answer>),
    Located(usize, Vec<SocketAddr>),
    /// The messages of a call, for whoever looks at it.
    Ladder(LadderOf, oneshot::Sender<Vec<Rung>>),
    Sounds(Box<Sounds>),
    /// What was said on that leg is that prompt, on disk; `None`: it cannot be.
    PromptKept(LegId, Option<(&'static str, Clip)>),
    Contacts(Contacts),
    Reload(Box<Reload>),
    Drain,
    Stop,
}

pub struct Signalling {
    pub exchange: Exchange,
    pub sip: SipIo,
    pub streams: mpsc::Receiver<StreamEvent>,
    pub inbox: mpsc::Receiver<Inbox>,
    /// The way in, for what this thread has done elsewhere.
    pub own: mpsc::Sender<Inbox>,
    pub rtp: Arc<RtpIo>,
    pub records: Records,
    /// As the line was last told.
    pub health: Health,
    /// Records that were not given to the writer yet, in order.
    pub unwritten: VecDeque<(u64, Record)>,
    pub status: watch::Sender<Arc<LineStatus>>,
    pub tickets: Tickets,
    pub announcements: Announcements,
    /// Nothing runs any more after a drain.
    pub idle: bool,
    /// Commands for the relay: those of this turn, and those that its queue had no room for.
    pub relay_backlog: VecDeque<MediaCommand>,
    /// Messages of this turn.
    pub leaving: Vec<Transmit>,
}

type Together = Vec<(u64, Record)>;
type Write = Box<dyn Fn(Together) -> Result<(), Together> + Send>;

/// The writer, as this thread knows it: neither may wait.
pub struct Records {
    /// Takes records that belong together; they come back when the queue is full.
    pub write: Write,
    pub health: Box<dyn Fn(Instant) -> Health + Send>,
}

/// The page's questions under way.
#[derive(Default)]
pub struct Tickets {
    next: u64,
    waiting: std::collections::HashMap<Ticket, oneshot::Sender<Answer>>,
}

impl Signalling {
    /// Until nothing runs any more after a drain or a stop.
    pub async fn run(mut self) {
        let mut datagram = vec![0u8; 65_536];
        let mut publish_from = Instant::ZERO;
        let mut dirty = true;
        let mut idle_since: Option<Instant> = None;
        loop {
            self.drive_relay();
            self.drive_writer();
            self.watch_records();
            dirty |= self.exchange.take_dirty();
            let mut wake = self.exchange.poll_timeout();
            if !self.relay_backlog.is_empty() || !self.unwritten.is_empty() {
                wake = wake.min(clock::instant() + RELAY_PAUSE);
            }
            if dirty {
                let now = clock::instant();
                if now >= publish_from {
                    self.status.send_replace(Arc::new(self.exchange.status()));
                    let took = clock::instant().since(now);
                    publish_from = now + STATUS_PAUSE.max(took * STATUS_SHARE);
                    dirty = false;
                } else {
                    wake = wake.min(publish_from);
                }
            }
            tokio::select! {
                biased;
                Some(inbox) = self.inbox.recv() => {
                    self.on_inbox(inbox);
                    for _ in 0..BATCH {
                        match self.inbox.try_recv() {
                            Ok(inbox) => self.on_inbox(inbox),
                            Err(_) => break,
                        }
                    }
                }
                Some(event) = self.streams.recv() => self.on_stream(event),
                ready = readable(&self.sip) => self.on_datagrams(ready, &mut datagram),
                () = tokio::time::sleep_until(clock::tokio_instant(wake)) => {}
            }
            let now = clock::now();
            if self.exchange.poll_timeout() <= now.instant {
                self.exchange.handle_timeout(now);
            }
            self.send_all();
            if self.idle && idle_since.is_none() {
                idle_since = Some(now.instant);
                self.exchange.stop(now);
                self.send_all();
            }
            if idle_since.is_some_and(|since| self.exchange.is_over() || now.instant.since(since) >= LAST_WORDS) {
                break;
            }
        }
        self.status.send_replace(Arc::new(self.exchange.status()));
    }

    fn on_inbox(&mut self, inbox: Inbox) {
        let now = clock::now();
        match inbox {
            Inbox::Media(report) => self.exchange.handle_report(now, report),
            Inbox::Recorded(seq) => self.exchange.handle_recorded(now, seq),
            Inbox::Command(command, answer) => {
                if self.tickets.waiting.len() >= MAX_TICKETS {
                    let _ = answer.send(Err(Refusal::Conflict("trop de demandes en cours")));
                    return;
                }
                self.tickets.next += 1;
                let ticket = Ticket(self.tickets.next);
                self.tickets.waiting.insert(ticket, answer);
                self.exchange.handle_command(now, ticket, *command);
            }
            Inbox::Located(trunk, addresses) => self.exchange.handle_located(now, trunk, addresses),
            Inbox::Ladder(of, answer) => {
                let _ = answer.send(self.exchange.ladder(&of));
            }
            Inbox::Contacts(contacts) => self.exchange.set_contacts(now, contacts),
            Inbox::PromptKept(leg, kept) => self.exchange.handle_prompt_kept(now, leg, kept),
            Inbox::Sounds(sounds) => self.exchange.set_sounds(*sounds),
            Inbox::Reload(reload) => self.exchange.reload(now, *reload),
            Inbox::Drain => self.exchange.drain(now),
            Inbox::Stop => self.exchange.stop(now),
        }
    }

    fn on_stream(&mut self, event: StreamEvent) {
        let now = clock::now();
        match event {
            StreamEvent::Opened { connection, flow, writer } => {
                if self.exchange.welcomes(now, flow.remote) {
                    self.sip.opened(connection, flow, writer);
                }
            }
            StreamEvent::Message { flow, bytes } => self.exchange.handle_message(now, flow, &bytes),
            StreamEvent::Closed { connection } => {
                if let Some(remote) = self.sip.closed(connection) {
                    self.exchange.handle_connection_lost(now, connection, remote);
                }
            }
        }
    }

    fn on_datagrams(&mut self, socket: usize, buffer: &mut [u8]) {
        for _ in 0..BATCH {
            let Some((udp, bound)) = self.sip.udp.get(socket) else { return };
            let bound = *bound;
            let Ok((n, remote)) = udp.try_recv_from(buffer) else { return };
            let now = clock::now();
            let ip = self.sip.facing(bound, remote.ip());
            let flow = Flow { transport: Transport::Udp, local: SocketAddr::new(ip, bound.port()), remote, connection: None };
            self.exchange.handle_message(now, flow, &buffer[..n]);
            self.send_all();
        }
    }

    /// Hands on what one turn of the exchange wrote as one: the end of a call and its callback are never apart on the disk.
    fn drive_writer(&mut self) {
        if self.unwritten.is_empty() {
            return;
        }
        if let Err(records) = (self.records.write)(std::mem::take(&mut self.unwritten).into()) {
            self.unwritten = records.into();
        }
        while self.unwritten.len() > MAX_UNWRITTEN {
            tracing::error!("the writer takes no record any more: the oldest is lost");
            self.unwritten.pop_front();
        }
    }

    /// A change of where records go is for the line to show.
    fn watch_records(&mut self) {
        let now = clock::now();
        let health = (self.records.health)(now.instant);
        if health != self.health {
            self.health = health;
            self.exchange.handle_records_health(now, health);
            self.send_all();
        }
    }

    /// The relay's queue is bounded; what does not fit waits here in order, for the relay drains its queue at each packet.
    fn drive_relay(&mut self) {
        self.rtp.commands(&mut self.relay_backlog);
    }

    /// Carries out what the exchange asked for: what is heard and what is written first, then what is said, so that sound which comes at once
    /// finds its leg ready.
    fn send_all(&mut self) {
        loop {
            while let Some(output) = self.exchange.poll_output() {
                self.carry_out(output);
            }
            self.drive_relay();
            self.drive_writer();
            if self.leaving.is_empty() {
                return;
            }
            let mut leaving = std::mem::take(&mut self.leaving);
            for transmit in leaving.drain(..) {
                if let Some(connection) = self.sip.send(transmit)
                    && let Some(remote) = self.sip.closed(connection)
                {
                    self.exchange.handle_connection_lost(clock::now(), connection, remote);
                }
            }
            self.leaving = leaving;
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Transmit(transmit) => self.leaving.push(transmit),
            Output::Media(command) => self.relay_backlog.push_back(command),
            Output::Record(seq, record) => self.unwritten.push_back((seq.0, record)),
            Output::Reply(ticket, result) => {
                if let Some(answer) = self.tickets.waiting.remove(&ticket) {
                    let _ = answer.send(result);
                }
            }
            Output::Prompt(leg, name, wav) => {
                let (kept, own) = (wav.clone(), self.own.clone());
                self.announcements.keep(name, wav, move |on_disk| {
                    // nobody is there any more to hear it when the service has ended
                    let _ = own.blocking_send(Inbox::PromptKept(leg, Some((name, kept)).filter(|_| on_disk)));
                });
            }
            Output::Idle => self.idle = true,
        }
    }
}

/// The first datagram socket with something to read.
async fn readable(sip: &SipIo) -> usize {
    match sip.udp.as_slice() {
        [] => std::future::pending().await,
        [(only, _)] => {
            let _ = only.readable().await;
            0
        }
        many => {
            std::future::poll_fn(|context| {
                for (index, (socket, _)) in many.iter().enumerate() {
                    if socket.poll_recv_ready(context).is_ready() {
                        return std::task::Poll::Ready(index);
                    }
                }
                std::task::Poll::Pending
            })
            .await
        }
    }
}

/// The exchange's view of ports and addresses.
pub struct Surroundings {
    pub rtp: Arc<RtpIo>,
    pub udp: Option<SocketAddr>,
    pub tcp: Option<SocketAddr>,
    pub faces: Faces,
    pub ports: PortRange,
}

impl Outside for Surroundings {
    fn reserve(&mut self, leg: LegId, peer: IpAddr) -> Option<SocketAddr> {
        let bound = self.udp.or(self.tcp)?;
        let ip = self.faces.facing(bound.ip(), peer);
        self.rtp.reserve(leg).ok().map(|address| SocketAddr::new(ip, address.port()))
    }

    fn local(&mut self, transport: Transport, peer: IpAddr) -> Option<SocketAddr> {
        let bound = match transport {
            Transport::Udp => self.udp,
            Transport::Tcp => self.tcp,
        }?;
        Some(SocketAddr::new(self.faces.facing(bound.ip(), peer), bound.port()))
    }

    fn is_ours(&mut self, address: SocketAddr) -> bool {
        let (ip, port) = (address.ip().to_canonical(), address.port());
        let media = (self.ports.first..=self.ports.last).contains(&port);
        let bound = [self.udp, self.tcp].into_iter().flatten();
        let mut there = bound.filter(|bound| media || bound.port() == port);
        there.any(|bound| self.faces.is_ours(bound.ip(), ip))
    }
}
