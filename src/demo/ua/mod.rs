//! A small SIP user agent with its own socket, thread and clock: the trunk and the phones of the demonstration, and the peers of the
//! loopback tests. It knows nothing of the service but SIP and RTP.
//!
//! [`Agent`] is one address that registers, calls and is called; [`Call`] one call of it; [`sound::Sound`] what it says and hears.
//! `transactions` reads what arrives, `leg` is what it knows of a call, `call` what a test or a story does with it.

pub mod call;
mod leg;
pub mod sdp;
pub mod sound;
mod tape;
mod transactions;

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::sip::message::{Message, Method};

pub use self::call::{Call, Dial};
use self::sound::Pitch;
use self::transactions::Core;

/// How often the thread looks at its timers.
const TURN: Duration = Duration::from_millis(10);
/// Longest datagram read.
const MAX_DATAGRAM: usize = 65_535;
/// How long a REGISTER, OPTIONS, REFER… may take.
pub const REQUEST_LIMIT: Duration = Duration::from_secs(5);

/// Who an agent is.
#[derive(Clone, Debug)]
pub struct Identity {
    pub user: String,
    /// Answers a digest challenge; `None`: known by its address alone.
    pub password: Option<String>,
    pub pitch: Pitch,
}

impl Identity {
    pub fn new(user: &str, password: Option<&str>, pitch: Pitch) -> Identity {
        Identity { user: user.to_owned(), password: password.map(str::to_owned), pitch }
    }
}

/// What an agent does with a call by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reaction {
    /// Nothing: whoever drives it decides.
    #[default]
    Wait,
    Ring,
    Answer,
    /// A final status; with a Contact for 3xx.
    Refuse(u16, Option<String>),
    /// As if the phone were off.
    Silent,
}

/// One message that went by.
#[derive(Clone, Debug)]
pub struct Seen {
    pub at: Instant,
    pub sent: bool,
    pub message: Message,
}

/// One SIP address. Dropping it ends its thread and its calls' sound.
pub struct Agent {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the agent, its calls and its thread share.
pub(super) struct Shared {
    socket: UdpSocket,
    address: SocketAddr,
    server: SocketAddr,
    who: Identity,
    core: Mutex<Core>,
    changed: Condvar,
    stop: AtomicBool,
}

impl Agent {
    /// Opens a UDP socket on `ip` (port 0: any) whose requests go to `server`.
    pub fn open(ip: IpAddr, port: u16, server: SocketAddr, who: Identity) -> io::Result<Agent> {
        Agent::on(UdpSocket::bind((ip, port))?, server, who)
    }

    /// The same on a socket that stands already.
    pub fn on(socket: UdpSocket, server: SocketAddr, who: Identity) -> io::Result<Agent> {
        socket.set_read_timeout(Some(TURN))?;
        let address = socket.local_addr()?;
        let (core, changed, stop) = (Mutex::new(Core::default()), Condvar::new(), AtomicBool::new(false));
        let shared = Arc::new(Shared { socket, address, server, who, core, changed, stop });
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("demo-sip".to_owned()).spawn(move || own.run())?;
        Ok(Agent { shared, thread: Some(thread) })
    }

    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// What to do with the calls to come.
    pub fn react(&self, reaction: Reaction) {
        self.shared.core().reaction = reaction;
    }

    /// Leaves a 2xx without ACK from now on.
    pub fn withhold_acks(&self) {
        self.shared.core().withhold_acks = true;
    }

    /// REGISTER, answering one challenge; the final status, 0 for silence.
    pub fn register(&self, seconds: u32) -> u16 {
        let shared = &self.shared;
        let (host, user) = (shared.server, &shared.who.user);
        let uri = format!("sip:{host}");
        let call_id = shared.core().registration.get_or_insert_with(token).clone();
        let own = format!("<sip:{user}@{}>", host.ip());
        let mut cseq = shared.core().next_cseq();
        let mut request = shared.request(Method::Register, &uri, (&format!("{own};tag={}", token()), &own), &call_id, cseq);
        request.push("Expires", seconds.to_string());
        for _ in 0..2 {
            let Some(response) = shared.ask(request.clone(), REQUEST_LIMIT) else { return 0 };
            let status = response.status().unwrap_or(0);
            let credentials = shared.credentials(&mut shared.core(), &response, "REGISTER", &uri);
            let Some((name, value)) = credentials.filter(|_| matches!(status, 401 | 407)) else {
                return status;
            };
            cseq = shared.core().next_cseq();
            request.replace_first("Via", shared.via());
            request.replace_first("CSeq", format!("{cseq} REGISTER"));
            request.set(name, value);
        }
        401
    }

    /// Calls `to` (a user part, or a whole URI). The call is on its way when this returns.
    pub fn call(&self, to: &str, dial: Dial) -> io::Result<Call> {
        Call::place(&self.shared, to, dial)
    }

    /// The next call that came in and that nobody took yet.
    pub fn expect_call(&self, within: Duration) -> Option<Call> {
        let (id, sound) = self.shared.wait(within, |core| {
            let id = core.fresh.pop_front()?;
            let sound = Arc::clone(&core.legs.get(&id)?.sound);
            Some((id, sound))
        })?;
        Some(Call::of(&self.shared, id, sound))
    }

    /// Requests of that method received so far, retransmissions included.
    pub fn received(&self, method: Method) -> Vec<Message> {
        self.messages(|seen| !seen.sent && seen.message.method() == Some(method))
    }

    /// Responses of that status received so far, retransmissions included.
    pub fn responses(&self, status: u16) -> Vec<Message> {
        self.messages(|seen| !seen.sent && seen.message.status() == Some(status))
    }

    fn messages(&self, wanted: impl Fn(&Seen) -> bool) -> Vec<Message> {
        self.shared.core().log.iter().filter(|seen| wanted(seen)).map(|seen| seen.message.clone()).collect()
    }

    /// Everything sent and received.
    pub fn log(&self) -> Vec<Seen> {
        self.shared.core().log.clone()
    }

    /// Sends an INVITE that was sent before once more, under a branch of its own; its final status.
    pub fn fork(&self, invite: &Message, within: Duration) -> Option<u16> {
        let mut twin = invite.clone();
        twin.replace_first("Via", self.shared.via());
        self.shared.ask(twin, within)?.status()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self) {
        let mut datagram = vec![0; MAX_DATAGRAM];
        while !self.stop.load(Ordering::Relaxed) {
            if let Ok((length, from)) = self.socket.recv_from(&mut datagram) {
                self.handle(&datagram[..length], from);
            }
            self.timers();
            self.changed.notify_all();
        }
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `found` gives something, `within` at most.
    fn wait<T>(&self, within: Duration, mut found: impl FnMut(&mut Core) -> Option<T>) -> Option<T> {
        let end = Instant::now() + within;
        let mut core = self.core();
        loop {
            if let Some(value) = found(&mut core) {
                return Some(value);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            core = self.changed.wait_timeout(core, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Sends a request and waits for its final response.
    fn ask(&self, request: Message, within: Duration) -> Option<Message> {
        let branch = request.via().branch?.to_owned();
        self.start(&mut self.core(), request, self.server);
        self.wait(within, |core| core.answer_to(&branch))
    }
}

/// Whether `fact` comes true `within` that time; looked at each 10 ms.
pub fn eventually(within: Duration, mut fact: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + within;
    loop {
        if fact() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(TURN);
    }
}

/// Sixteen hexadecimal digits that nobody else uses.
fn token() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

#[cfg(test)]
mod tests;
