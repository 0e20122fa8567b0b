//! The threads with the RTP sockets. They are blocked by nobody: commands come through bounded queues, reports leave by a
//! callback that must not wait. No lock, no allocation and no log for a packet: each thread has a relay of its own, and
//! legs that hear each other are on the same one (`desk`, `engine`).
//!
//! A socket pair is bound by [`RtpIo::reserve`], on the caller's thread, and closed by `Command::Close`: while no call is
//! on, nothing is bound.

mod desk;
mod engine;
mod pool;

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::desk::Desk;
use self::engine::{Engine, Legs, Neighbour, Word, ring};
pub use self::pool::{Pair, PortPool, PortRange};
use crate::domain::call::LegId;
use crate::domain::entropy::Entropy;
use crate::domain::now::Instant;
use crate::media::command::{Command, Report};
use crate::media::relay::{self, Counters, Relay};

/// Commands that may wait for a thread; it takes them within a tick.
pub const MAX_COMMANDS: usize = 8192;
/// More threads than this were of no use to anyone yet.
pub const MAX_THREADS: usize = 4;

pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

#[derive(Clone, Debug)]
pub struct Config {
    /// The local address that media sockets bind, and that SDP gives.
    pub address: IpAddr,
    pub ports: PortRange,
    /// Media threads, 1 to [`MAX_THREADS`].
    pub threads: usize,
    pub relay: relay::Config,
}

/// Why a leg got no sockets (RULES 3, row 20).
#[derive(Debug, thiserror::Error)]
pub enum NoPort {
    #[error("every RTP port of the range is taken")]
    Exhausted,
    #[error("a media thread does not keep up or has stopped")]
    Busy,
}

/// A media thread does not keep up or has stopped; the command is lost.
#[derive(Debug, thiserror::Error)]
#[error("a media thread does not keep up or has stopped")]
pub struct Busy;

/// The handle: cheap calls that never wait.
pub struct RtpIo {
    threads: Vec<Thread>,
    /// Never locked by a media thread.
    desk: Mutex<Desk>,
    clock: Clock,
}

/// A media thread, as the handle sees it.
struct Thread {
    words: SyncSender<Word>,
    wake: Arc<OwnedFd>,
    counts: Arc<Counts>,
    handle: Option<JoinHandle<()>>,
}

/// Of one thread, a tick old at most.
#[derive(Default)]
struct Counts([AtomicU64; 4]);

impl Counts {
    fn show(&self, counters: Counters) {
        let Counters { received, sent, dropped, refused } = counters;
        for (count, value) in self.0.iter().zip([received, sent, dropped, refused]) {
            count.store(value, Ordering::Relaxed);
        }
    }
}

impl RtpIo {
    /// Starts the threads. `entropy` is asked for a source for each relay and one for the port pool. `reports` runs on the
    /// media threads and must return at once (a `try_send`).
    pub fn start(
        config: Config,
        clock: Clock,
        entropy: impl Fn() -> Box<dyn Entropy>,
        reports: Arc<dyn Fn(Report) + Send + Sync>,
    ) -> io::Result<RtpIo> {
        raise_file_limit();
        let pool = PortPool::new(config.address, config.ports, entropy());
        let (mut neighbours, mut ends) = (Vec::new(), Vec::new());
        for _ in 0..config.threads.clamp(1, MAX_THREADS) {
            let wake = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
            let (arrivals, end) = channel();
            neighbours.push(Neighbour { arrivals, wake });
            ends.push(end);
        }
        let returns = pool.returns();
        let desk = Mutex::new(Desk::new(pool, neighbours.len()));
        // dropped on the way out of a failure: those that run already are ended
        let mut io = RtpIo { threads: Vec::new(), desk, clock };
        for (number, arrivals) in ends.into_iter().enumerate() {
            let Some(wake) = neighbours.get(number).map(|own| Arc::clone(&own.wake)) else { continue };
            let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
            Engine::watch_wake(&poll, &wake)?;
            let (words, inbox) = sync_channel(MAX_COMMANDS);
            let counts = Arc::new(Counts::default());
            let engine = Engine {
                relay: Relay::new(config.relay.clone(), entropy()),
                poll,
                wake: Arc::clone(&wake),
                words: inbox,
                arrivals,
                neighbours: neighbours.clone(),
                returns: returns.clone(),
                clock: Arc::clone(&io.clock),
                counts: Arc::clone(&counts),
                reports: Arc::clone(&reports),
                legs: Legs::default(),
                waiting: None,
            };
            let handle = std::thread::Builder::new().name(format!("rtp-{number}")).spawn(move || engine.run())?;
            io.threads.push(Thread { words, wake, counts, handle: Some(handle) });
        }
        Ok(io)
    }

    /// Binds a socket pair for a leg and opens it in a relay; gives our RTP address for the SDP. RTCP is the next port.
    /// `Command::Close` gives the pair back (try it again if it was [`Busy`], or the pair stays taken).
    pub fn reserve(&self, leg: LegId) -> Result<SocketAddr, NoPort> {
        let now = (self.clock)();
        // nobody is woken for it: until the first command about it nothing is to be done with a leg
        self.desk().reserve(now, leg, |thread, word| self.say(thread, word))
    }

    /// Hands commands to the relays that have their legs, in order, and takes them out of the queue; a thread that does not keep up leaves
    /// the rest there. A thread is woken once for all it is told. `Open` is [`RtpIo::reserve`]'s own and is ignored here.
    pub fn commands(&self, commands: &mut VecDeque<Command>) {
        if commands.is_empty() {
            return;
        }
        let mut told = [false; MAX_THREADS];
        {
            let mut desk = self.desk();
            while let Some(command) = commands.front() {
                let said = desk.command(command, |thread, word| {
                    if let Some(told) = told.get_mut(thread) {
                        *told = true;
                    }
                    self.say(thread, word)
                });
                if said.is_err() {
                    break;
                }
                commands.pop_front();
            }
        }
        for (thread, _) in self.threads.iter().zip(told).filter(|(_, told)| *told) {
            ring(&thread.wake);
        }
    }

    /// Counts since the start, a tick old at most.
    pub fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        for Thread { counts, .. } in &self.threads {
            let [received, sent, dropped, refused] = &counts.0;
            sum.received += received.load(Ordering::Relaxed);
            sum.sent += sent.load(Ordering::Relaxed);
            sum.dropped += dropped.load(Ordering::Relaxed);
            sum.refused += refused.load(Ordering::Relaxed);
        }
        sum
    }

    /// Pairs not in use, those at rest included.
    pub fn free_pairs(&self) -> usize {
        self.desk().pool.free()
    }

    /// Ends the threads and closes every socket.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        for thread in &self.threads {
            // a full queue is drained by the thread within a tick; then there is room
            while let Err(TrySendError::Full(_)) = thread.words.try_send(Word::Stop) {
                std::thread::yield_now();
            }
            ring(&thread.wake);
        }
        for handle in self.threads.drain(..).filter_map(|mut thread| thread.handle.take()) {
            // a panic there was reported by its own hook
            let _ = handle.join();
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, thread: usize, word: Word) -> Result<(), Busy> {
        let thread = self.threads.get(thread).ok_or(Busy)?;
        thread.words.try_send(word).map_err(|_| Busy)
    }
}

impl Drop for RtpIo {
    fn drop(&mut self) {
        self.end();
    }
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
