//! One datagram against a fresh endpoint: what it answers, what it reports, how long it takes, and that nothing is left behind.

use std::net::SocketAddr;
use std::time::Duration;

use rappel::domain::entropy::Seeded;
use rappel::domain::now::Instant;
use rappel::sip::api::{Event, Flow, Peer, Transport};
use rappel::sip::endpoint::{Config, Counts, Endpoint};
use rappel::sip::guard::{Admit, Guard, GuardConfig, PeerAddress};
use rappel::sip::message::Message;
use rappel::sip::sdp;

/// No datagram may hold up the line longer.
pub const SLOWEST: Duration = Duration::from_millis(50);
/// Readings of the clock before a datagram is called slow: another process may have had the processor.
const READINGS: usize = 20;
const LOCAL: &str = "127.0.0.1:5060";
const TRUNK: &str = "127.0.0.1:5099";
const STRANGER: &str = "203.0.113.9:5060";
const OPTIONS: &[u8] =
    b"OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5099;branch=z9hG4bKafter;rport\r\nMax-Forwards: 70\r\n\
From: <sip:0639980001@127.0.0.1>;tag=after\r\nTo: <sip:127.0.0.1>\r\nCall-ID: after\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

/// What one datagram led to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Final responses, in order.
    pub finals: Vec<u16>,
    pub replies: Vec<Vec<u8>>,
    /// A good INVITE, and its session description.
    pub invite: Option<(Box<Message>, Option<Vec<u8>>)>,
    /// A request that somebody above the endpoint answers.
    pub request: Option<Box<Message>>,
    /// Times that it was told of as a call which was refused.
    pub told: usize,
}

impl Outcome {
    /// The phones would ring: an INVITE that can be answered, with a description that can be, or none.
    pub fn rings(&self) -> bool {
        self.invite.as_ref().is_some_and(|(_, offer)| offer.as_ref().is_none_or(|o| sdp::read(o).is_ok()))
    }

    /// `rings`, `silent`, `asks` (a REGISTER), or the final status; 488 where an INVITE's description is of no use.
    pub fn word(&self) -> String {
        match (self.finals.as_slice(), &self.invite, &self.request) {
            ([status], None, None) => status.to_string(),
            ([], Some(_), None) if self.rings() => "rings".into(),
            ([], Some(_), None) => "488".into(),
            ([], None, Some(_)) => "asks".into(),
            ([], None, None) => "silent".into(),
            _ => format!("{:?} {} {}", self.finals, self.invite.is_some(), self.request.is_some()),
        }
    }
}

pub fn flow() -> Flow {
    Flow { transport: Transport::Udp, local: LOCAL.parse().unwrap(), remote: TRUNK.parse().unwrap(), connection: None }
}

pub fn guard() -> Guard {
    let phones = vec![PeerAddress::parse("192.168.1.0/24").unwrap()];
    let mut guard = Guard::new(GuardConfig { phones, trunks: 1, requests_per_second: 50, calls_per_second: 10 });
    guard.set_trunk(0, vec![PeerAddress::parse("127.0.0.1").unwrap()]);
    guard
}

/// How long `work` takes at best, in a few readings where the first is slow.
pub fn timed<T>(mut work: impl FnMut() -> T) -> (T, Duration) {
    let mut best = Duration::MAX;
    let mut result;
    let mut readings = 0;
    loop {
        let start = std::time::Instant::now();
        result = work();
        best = best.min(start.elapsed());
        readings += 1;
        if best <= SLOWEST || readings == READINGS {
            return (result, best);
        }
    }
}

/// The file as from the trunk, and as from a stranger. Panics with the file's name where the oracle for all files does not hold.
pub fn deliver(name: &str, bytes: &[u8]) -> Outcome {
    let now = Instant::ZERO + Duration::from_secs(1);
    let stranger: SocketAddr = STRANGER.parse().unwrap();
    let trunk: SocketAddr = TRUNK.parse().unwrap();
    let mut guard = guard();
    assert_eq!(guard.admit(now, stranger, bytes), Admit::Stranger, "{name}");
    assert_eq!(guard.admit(now, trunk, bytes), Admit::Peer(Peer::Trunk(0)), "{name}");
    let ((mut endpoint, outcome), took) = timed(|| {
        let mut endpoint = Endpoint::new(Config::default(), Box::new(Seeded(bytes.len() as u64)));
        endpoint.handle_message(now, Peer::Trunk(0), flow(), bytes);
        let outcome = listen(&mut endpoint, now, name);
        (endpoint, outcome)
    });
    assert!(took <= SLOWEST, "{name}: {took:?}");
    endpoint.handle_message(now, Peer::Trunk(0), flow(), OPTIONS);
    assert_eq!(listen(&mut endpoint, now, name).finals, [200], "{name}: the OPTIONS after it");
    drain(&mut endpoint, now);
    let left = endpoint.counts();
    assert_eq!(left, Counts { unreadable: left.unreadable, ..Counts::default() }, "{name}: something is left");
    outcome
}

/// What the endpoint says and reports; calls and requests get the answer that ends them.
fn listen(endpoint: &mut Endpoint, now: Instant, name: &str) -> Outcome {
    let mut outcome = Outcome::default();
    while let Some(transmit) = endpoint.poll_transmit() {
        match status_of(&transmit.bytes) {
            Some(status) if status >= 200 => outcome.finals.push(status),
            Some(_) => {}
            None => panic!("{name}: a request of ours: {:?}", String::from_utf8_lossy(&transmit.bytes)),
        }
        outcome.replies.push(transmit.bytes);
    }
    while let Some(event) = endpoint.poll_event() {
        match event {
            Event::Invite { session, request, offer, .. } => {
                endpoint.refuse(now, session, 486, vec![]);
                outcome.invite = Some((request, offer));
            }
            Event::Request { id, request, .. } => {
                endpoint.respond(now, id, Message::reply(&request, 405, Some("t")));
                outcome.request = Some(request);
            }
            Event::Malformed { .. } | Event::Refused { .. } => outcome.told += 1,
            other => panic!("{name}: {other:?}"),
        }
    }
    while endpoint.poll_transmit().is_some() {}
    outcome
}

/// The status of a response; the reader would refuse one to a method it does not know.
fn status_of(bytes: &[u8]) -> Option<u16> {
    std::str::from_utf8(bytes.strip_prefix(b"SIP/2.0 ")?.get(..3)?).ok()?.parse().ok()
}

/// Lets all timers fire.
pub fn drain(endpoint: &mut Endpoint, mut now: Instant) {
    while let Some(next) = endpoint.poll_timeout() {
        now = now.max(next);
        endpoint.handle_timeout(now);
        while endpoint.poll_transmit().is_some() {}
        while endpoint.poll_event().is_some() {}
    }
}
