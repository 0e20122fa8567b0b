//! Two endpoints, a virtual clock and a network that loses, doubles, delays and reorders by a seed. Nothing sleeps.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rappel::domain::entropy::{Entropy, Seeded};
use rappel::domain::now::Instant;
use rappel::sip::api::{Event, Flow, Invite, Peer, SessionId, Transport};
use rappel::sip::endpoint::{Config, Counts, Endpoint};
use rappel::sip::message::{Message, Method};
use rappel::sip::wire::{self, Framing, Read};

pub const SDP: &[u8] = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 8\r\n";
/// Messages kept on the tape.
const TAPE: usize = 16;
/// No test runs longer than this, in virtual time.
const END_OF_TIME: Duration = Duration::from_secs(3600);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    A,
    B,
}
pub use Side::{A, B};

impl Side {
    pub fn other(self) -> Side {
        match self {
            A => B,
            B => A,
        }
    }

    pub fn address(self) -> &'static str {
        match self {
            A => "127.0.0.1:5060",
            B => "127.0.0.2:5060",
        }
    }
}

/// In thousandths.
#[derive(Clone, Copy, Default)]
pub struct Net {
    pub loss: u32,
    pub duplicates: u32,
    /// Each copy takes 1 ms up to this; different copies overtake each other.
    pub jitter_ms: u32,
}

type Sieve = Box<dyn FnMut(Side, &Message) -> bool>;

pub struct Pair {
    pub now: Instant,
    pub a: Endpoint,
    pub b: Endpoint,
    pub net: Net,
    /// When set, `B` is no endpoint: what is sent to it lands in `inbox`.
    pub manual: bool,
    pub inbox: VecDeque<Message>,
    /// Told the sender and its message; `false` loses it.
    pub sieve: Option<Sieve>,
    pub events: VecDeque<(Side, Event)>,
    /// A 100 is told each time; no call waits for it, and it comes when it comes.
    pub signs_of_life: usize,
    /// Messages sent, by sender.
    pub sent: [usize; 2],
    /// The last messages sent, by sender.
    pub tape: VecDeque<(Side, Vec<u8>)>,
    /// Sessions ever reported, for `hang_up_all`.
    known: Vec<(Side, SessionId)>,
    random: Seeded,
    wire: BTreeMap<(Instant, u64), (Side, Vec<u8>)>,
    copies: u64,
}

pub fn flow(from: Side) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: from.address().parse().unwrap(),
        remote: from.other().address().parse().unwrap(),
        connection: None,
    }
}

pub fn read(bytes: &[u8]) -> Message {
    match wire::read(bytes, Framing::Datagram) {
        Read::Message(message) => *message,
        other => panic!("not a message: {other:?}\n{}", String::from_utf8_lossy(bytes)),
    }
}

impl Pair {
    pub fn new(seed: u64) -> Pair {
        Pair::with(seed, Config::default())
    }

    pub fn with(seed: u64, config: Config) -> Pair {
        Pair {
            now: Instant::ZERO + Duration::from_secs(1),
            a: Endpoint::new(config, Box::new(Seeded(seed))),
            b: Endpoint::new(config, Box::new(Seeded(seed ^ 0xb0b))),
            net: Net::default(),
            manual: false,
            inbox: VecDeque::new(),
            sieve: None,
            events: VecDeque::new(),
            signs_of_life: 0,
            sent: [0; 2],
            tape: VecDeque::new(),
            known: Vec::new(),
            random: Seeded(seed ^ 0x7e7),
            wire: BTreeMap::new(),
            copies: 0,
        }
    }

    /// `A` against a peer whose every message the test writes.
    pub fn manual(seed: u64) -> Pair {
        Pair { manual: true, ..Pair::new(seed) }
    }

    pub fn end(&mut self, side: Side) -> &mut Endpoint {
        match side {
            A => &mut self.a,
            B => &mut self.b,
        }
    }

    pub fn invite(&mut self, from: Side) -> SessionId {
        let invite = call(from);
        let now = self.now;
        let session = self.end(from).invite(now, invite).expect("room");
        self.known.push((from, session));
        self.flush();
        session
    }

    /// Ends every session there ever was; those that are gone do not mind.
    pub fn hang_up_all(&mut self) {
        for (side, session) in std::mem::take(&mut self.known) {
            let now = self.now;
            self.end(side).bye(now, session, None);
        }
        self.flush();
    }

    /// Keeps the events, and loses what was about to be sent.
    pub fn flush_unheard(&mut self) {
        let sieve = self.sieve.replace(Box::new(|_, _| false));
        self.flush();
        self.sieve = sieve;
        self.tape.clear();
    }

    fn chance(&mut self, thousandths: u32) -> bool {
        thousandths > 0 && self.random.u32() % 1000 < thousandths
    }

    /// Takes what both endpoints have to say.
    pub fn flush(&mut self) {
        for side in [A, B] {
            while let Some(event) = self.end(side).poll_event() {
                if let Event::Invite { session, .. } = &event {
                    self.known.push((side, *session));
                }
                match event {
                    Event::Provisional { status: 100, .. } => self.signs_of_life += 1,
                    event => self.events.push_back((side, event)),
                }
            }
            while let Some(transmit) = self.end(side).poll_transmit() {
                self.sent[side as usize] += 1;
                self.tape.push_back((side, transmit.bytes.clone()));
                if self.tape.len() > TAPE {
                    self.tape.pop_front();
                }
                if let (Some(keep), Read::Message(message)) = (&mut self.sieve, wire::read(&transmit.bytes, Framing::Datagram))
                    && !keep(side, &message)
                {
                    continue;
                }
                let copies = if self.chance(self.net.duplicates) { 2 } else { 1 };
                for _ in 0..copies {
                    if !self.chance(self.net.loss) {
                        self.post(side.other(), transmit.bytes.clone());
                    }
                }
            }
        }
    }

    fn post(&mut self, to: Side, bytes: Vec<u8>) {
        let delay = 1 + if self.net.jitter_ms > 1 { self.random.u32() % self.net.jitter_ms } else { 0 };
        self.copies += 1;
        self.wire.insert((self.now + Duration::from_millis(delay.into()), self.copies), (to, bytes));
    }

    /// A message of the test's own to `A`, from `B`'s address.
    pub fn inject(&mut self, message: &Message) {
        let bytes = message.encode();
        self.a.handle_message(self.now, Peer::Trunk(0), flow(A), &bytes);
        self.flush();
    }

    /// The next moment at which something happens.
    fn next(&self) -> Option<Instant> {
        let letter = self.wire.first_key_value().map(|((at, _), _)| *at);
        let b = if self.manual { None } else { self.b.poll_timeout() };
        [letter, self.a.poll_timeout(), b].into_iter().flatten().min()
    }

    /// Goes to the next thing that happens; `false` when nothing will any more, or not by `limit`.
    pub fn step(&mut self, limit: Instant) -> bool {
        self.flush();
        let Some(at) = self.next().filter(|at| *at <= limit) else { return false };
        self.now = self.now.max(at);
        while let Some(entry) = self.wire.first_entry().filter(|e| e.key().0 <= self.now) {
            let (to, bytes) = entry.remove();
            if to == B && self.manual {
                self.inbox.push_back(read(&bytes));
                continue;
            }
            let now = self.now;
            self.end(to).handle_message(now, Peer::Trunk(0), flow(to), &bytes);
        }
        let now = self.now;
        self.a.handle_timeout(now);
        if !self.manual {
            self.b.handle_timeout(now);
        }
        self.flush();
        true
    }

    /// Lets that much time pass.
    pub fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
        self.now = until;
    }

    /// Until nothing is under way and no timer is left.
    pub fn drain(&mut self) {
        let limit = self.now + END_OF_TIME;
        while self.step(limit) {}
    }

    /// Everything ends by itself, and nothing is left in any table.
    pub fn finish(mut self) {
        self.drain();
        let expected = |c: Counts| Counts { unreadable: c.unreadable, ..Counts::default() };
        assert_eq!(self.a.counts(), expected(self.a.counts()), "A");
        assert_eq!(self.b.counts(), expected(self.b.counts()), "B");
    }

    /// The oldest event, which must be on that side.
    #[track_caller]
    pub fn event(&mut self, side: Side) -> Event {
        let (at, event) = self.events.pop_front().expect("an event");
        assert_eq!(at, side, "{event:?}");
        event
    }

    #[track_caller]
    pub fn no_event(&self) {
        assert!(self.events.is_empty(), "{:?}", self.events);
    }

    /// The oldest message to `B`, in a manual test.
    #[track_caller]
    pub fn got(&mut self) -> Message {
        self.run(Duration::from_millis(2));
        self.inbox.pop_front().expect("a message")
    }

    #[track_caller]
    pub fn got_request(&mut self, method: Method) -> Message {
        let message = self.got();
        assert_eq!(message.method(), Some(method), "{message:?}");
        message
    }

    #[track_caller]
    pub fn got_status(&mut self, status: u16) -> Message {
        let message = self.got();
        assert_eq!(message.status(), Some(status), "{message:?}");
        message
    }
}

pub fn call(from: Side) -> Invite {
    Invite {
        flow: flow(from),
        request_uri: format!("sip:0639980001@{}", from.other().address()),
        from: "\"Agence\" <sip:0199000000@127.0.0.1>".into(),
        to: format!("<sip:0639980001@{}>", from.other().address()),
        contact: format!("<sip:{}>", from.address()),
        headers: vec![],
        sdp: SDP.to_vec(),
        credentials: None,
        large: None,
    }
}

/// A response of the manual `B` to a request of `A`.
pub fn reply(request: &Message, status: u16, tag: &str) -> Message {
    let mut response = Message::reply(request, status, Some(tag));
    if request.method() == Some(Method::Invite) {
        response.push("Contact", "<sip:127.0.0.2:5060>");
        if (200..300).contains(&status) {
            response.push("Content-Type", "application/sdp");
            response.body = SDP.to_vec();
        }
    }
    response
}

/// A request of the manual `B`.
pub fn request(method: &str, uri: &str, branch: &str, cseq: u32, to_tag: Option<&str>, more: &str) -> Message {
    let to = to_tag.map_or(String::new(), |t| format!(";tag={t}"));
    let text = format!(
        "{method} {uri} SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bK{branch};rport\nMax-Forwards: 70\nFrom: <sip:0639980001@127.0.0.2>;tag=peer\n\
         To: <sip:0199000000@127.0.0.1>{to}\nCall-ID: manual\nCSeq: {cseq} {method}\nContact: <sip:127.0.0.2:5060>\n{more}Content-Length: 0\n\n"
    );
    read(text.replace('\n', "\r\n").as_bytes())
}
