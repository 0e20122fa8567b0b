//! The thread with the RTP sockets: waits, reads, hands to the relay, sends. It is blocked by nobody: commands come through
//! a bounded queue, reports leave by a callback that must not wait. No lock, no allocation and no log for a packet.
//!
//! A socket pair is bound by [`RtpIo::reserve`], on the caller's thread, and closed by `Command::Close`: while no call is
//! on, nothing is bound.

mod pool;

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

pub use self::pool::{Pair, PortPool, PortRange};
use crate::domain::call::LegId;
use crate::domain::entropy::Entropy;
use crate::domain::now::Instant;
use crate::media::command::{Command, Report};
use crate::media::relay::{self, Counters, Datagram, Relay};

/// Commands that may wait for the thread; it takes them within a tick.
pub const MAX_COMMANDS: usize = 8192;
/// Events taken from one wait.
const BATCH: usize = 256;
/// A larger datagram is no voice; what is beyond is cut off and then refused by its length.
const MAX_DATAGRAM: usize = 2048;
/// The token of the wake-up among those of the sockets.
const WAKE: u64 = u64::MAX;

pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

#[derive(Clone, Debug)]
pub struct Config {
    /// The local address that media sockets bind, and that SDP gives.
    pub address: IpAddr,
    pub ports: PortRange,
    pub relay: relay::Config,
}

/// Why a leg got no sockets (RULES 3, row 20).
#[derive(Debug, thiserror::Error)]
pub enum NoPort {
    #[error("every RTP port of the range is taken")]
    Exhausted,
    #[error("the media thread does not keep up or has stopped")]
    Busy,
}

/// The media thread does not keep up or has stopped; the command is lost.
#[derive(Debug, thiserror::Error)]
#[error("the media thread does not keep up or has stopped")]
pub struct Busy;

enum Word {
    Opened { leg: LegId, port: u16, pair: Pair },
    Command(Command),
    Stop,
}

/// The handle: cheap calls that never wait.
pub struct RtpIo {
    words: SyncSender<Word>,
    wake: Arc<OwnedFd>,
    /// Never locked by the media thread.
    pool: Mutex<PortPool>,
    clock: Clock,
    counts: Arc<Counts>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Counts([AtomicU64; 4]);

impl RtpIo {
    /// Starts the thread. `entropy` is asked for two sources: the relay's and the port pool's. `reports` runs on the media
    /// thread and must return at once (a `try_send`).
    pub fn start(
        config: Config,
        clock: Clock,
        entropy: impl Fn() -> Box<dyn Entropy>,
        reports: Box<dyn Fn(Report) + Send>,
    ) -> io::Result<RtpIo> {
        raise_file_limit();
        let wake = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&poll, &*wake, epoll::EventData::new_u64(WAKE), epoll::EventFlags::IN)?;
        let pool = PortPool::new(config.address, config.ports, entropy());
        let (words, inbox) = sync_channel(MAX_COMMANDS);
        let counts = Arc::new(Counts::default());
        let mut engine = Engine {
            relay: Relay::new(config.relay, entropy()),
            poll,
            wake: Arc::clone(&wake),
            sockets: Vec::new(),
            ports: std::collections::HashMap::new(),
            returns: pool.returns(),
            clock: Arc::clone(&clock),
            counts: Arc::clone(&counts),
            reports,
        };
        let thread = std::thread::Builder::new().name("rtp".to_owned()).spawn(move || engine.run(&inbox))?;
        Ok(RtpIo { words, wake, pool: Mutex::new(pool), clock, counts, thread: Some(thread) })
    }

    /// Binds a socket pair for a leg and opens it in the relay; gives our RTP address for the SDP. RTCP is the next port.
    /// `Command::Close` gives the pair back (try it again if it was [`Busy`], or the pair stays taken).
    pub fn reserve(&self, leg: LegId) -> Result<SocketAddr, NoPort> {
        let now = (self.clock)();
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let (port, pair, address) = pool.take(now).ok_or(NoPort::Exhausted)?;
        if self.say(Word::Opened { leg, port, pair }).is_err() {
            pool.give_back(now, port);
            return Err(NoPort::Busy);
        }
        Ok(address)
    }

    /// Hands a command to the relay. `Open` is [`RtpIo::reserve`]'s own and is ignored here.
    pub fn command(&self, command: Command) -> Result<(), Busy> {
        self.say(Word::Command(command))
    }

    /// Counts since the start, a tick old at most.
    pub fn counters(&self) -> Counters {
        let [received, sent, dropped, refused] = &self.counts.0;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counters { received: read(received), sent: read(sent), dropped: read(dropped), refused: read(refused) }
    }

    /// Pairs not in use, those at rest included.
    pub fn free_pairs(&self) -> usize {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).free()
    }

    /// Ends the thread and closes every socket.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // a full queue is drained by the thread within a tick; then there is room
        while let Err(TrySendError::Full(_)) = self.words.try_send(Word::Stop) {
            std::thread::yield_now();
        }
        self.ring();
        if let Some(thread) = self.thread.take() {
            // a panic there was reported by its own hook
            let _ = thread.join();
        }
    }

    fn say(&self, word: Word) -> Result<(), Busy> {
        self.words.try_send(word).map_err(|_| Busy)?;
        self.ring();
        Ok(())
    }

    fn ring(&self) {
        // it can only fail when the counter is full: then the thread is awake anyway
        let _ = rustix::io::write(&*self.wake, &1u64.to_ne_bytes());
    }
}

impl Drop for RtpIo {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.end();
        }
    }
}

struct Engine {
    relay: Relay,
    poll: OwnedFd,
    wake: Arc<OwnedFd>,
    /// By port index.
    sockets: Vec<Option<Pair>>,
    ports: std::collections::HashMap<LegId, u16>,
    returns: Sender<(Instant, u16)>,
    clock: Clock,
    counts: Arc<Counts>,
    reports: Box<dyn Fn(Report) + Send>,
}

impl Engine {
    fn run(&mut self, inbox: &Receiver<Word>) {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(BATCH);
        let mut next_tick = (self.clock)() + relay::TICK;
        loop {
            let now = (self.clock)();
            self.wait(&mut events, next_tick.since(now));
            let now = (self.clock)();
            if !self.commands(now, inbox) {
                return;
            }
            for event in events.drain(..) {
                match event.data.u64() {
                    WAKE => drain(&self.wake),
                    token => self.packet(now, token),
                }
            }
            if now >= next_tick {
                self.tick(now);
                next_tick += relay::TICK;
                if now > next_tick + 10 * relay::TICK {
                    next_tick = now + relay::TICK;
                }
            }
            while let Some(report) = self.relay.poll_report() {
                (self.reports)(report);
            }
        }
    }

    fn wait(&self, events: &mut Vec<epoll::Event>, timeout: Duration) {
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(timeout.min(relay::TICK).subsec_nanos()) as _ };
        // interrupted by a signal: the loop comes back
        let _ = epoll::wait(&self.poll, rustix::buffer::spare_capacity(events), Some(&timeout));
    }

    /// All that is waiting, before any packet; `false`: stop.
    fn commands(&mut self, now: Instant, inbox: &Receiver<Word>) -> bool {
        loop {
            match inbox.try_recv() {
                Ok(Word::Opened { leg, port, pair }) => self.opened(now, leg, port, pair),
                Ok(Word::Command(Command::Open { .. })) => {}
                Ok(Word::Command(Command::Close(leg))) => self.close(now, leg),
                Ok(Word::Command(command)) => self.relay.handle(now, command),
                Err(TryRecvError::Empty) => return true,
                Ok(Word::Stop) | Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn opened(&mut self, now: Instant, leg: LegId, port: u16, pair: Pair) {
        let index = usize::from(port);
        for (control, socket) in [(0, &pair.rtp), (1, &pair.rtcp)] {
            let token = epoll::EventData::new_u64(u64::from(port) << 1 | control);
            if let Err(error) = epoll::add(&self.poll, socket, token, epoll::EventFlags::IN) {
                tracing::error!(%error, port, "a media socket cannot be watched");
            }
        }
        if self.sockets.len() <= index {
            self.sockets.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.sockets.get_mut(index) {
            *slot = Some(pair);
        }
        // a leg reserved twice would leak its first pair
        self.close(now, leg);
        self.ports.insert(leg, port);
        self.relay.handle(now, Command::Open { leg, port });
    }

    fn close(&mut self, now: Instant, leg: LegId) {
        self.relay.handle(now, Command::Close(leg));
        let Some(port) = self.ports.remove(&leg) else { return };
        // the handle is gone: nobody draws any more
        let _ = self.returns.send((now, port));
        if let Some(slot) = self.sockets.get_mut(usize::from(port)) {
            // closing takes them out of the poll
            *slot = None;
        }
    }

    /// One datagram a readiness: to ask for a second costs a call that nearly always finds none, and the wait is
    /// level-triggered.
    fn packet(&mut self, now: Instant, token: u64) {
        let (port, control) = ((token >> 1) as u16, token & 1 == 1);
        let mut buffer = [0; MAX_DATAGRAM];
        let Some(Some(pair)) = self.sockets.get(usize::from(port)) else { return };
        let Ok((length, from)) = pair.socket(control).recv_from(&mut buffer) else { return };
        let bytes = buffer.get(..length).unwrap_or(&[]);
        let sockets = &self.sockets;
        self.relay.handle_packet(now, port, control, from, bytes, &mut |datagram| send(sockets, datagram));
    }

    fn tick(&mut self, now: Instant) {
        let sockets = &self.sockets;
        self.relay.handle_tick(now, &mut |datagram| send(sockets, datagram));
        let Counters { received, sent, dropped, refused } = self.relay.counters();
        for (count, value) in self.counts.0.iter().zip([received, sent, dropped, refused]) {
            count.store(value, Ordering::Relaxed);
        }
    }
}

/// A datagram that cannot leave now is lost, as on the wire.
fn send(sockets: &[Option<Pair>], datagram: Datagram) {
    if let Some(Some(pair)) = sockets.get(usize::from(datagram.port)) {
        let _ = pair.socket(datagram.control).send_to(datagram.bytes, datagram.to);
    }
}

fn drain(wake: &OwnedFd) {
    let _ = rustix::io::read(wake, &mut [0u8; 8]);
}

/// Two sockets a leg: the soft limit of open files (often 1024) is raised to the hard one.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
    {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
}

/// Binds one media socket: non-blocking, marked as voice (DSCP EF), with room for half a second.
fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    /// SO_RCVBUF, bytes: 64 packets with the kernel's own cost.
    const ROOM: usize = 64 * 1024;
    /// DSCP EF (RFC 3246) in the upper six bits.
    const VOICE: u8 = 0xb8;
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    rustix::net::sockopt::set_socket_recv_buffer_size(&socket, ROOM)?;
    // a network that forbids marking still carries the call
    let _ = match address {
        SocketAddr::V4(_) => rustix::net::sockopt::set_ip_tos(&socket, VOICE),
        SocketAddr::V6(_) => rustix::net::sockopt::set_ipv6_tclass(&socket, u32::from(VOICE)),
    };
    Ok(socket)
}
