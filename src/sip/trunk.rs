//! One trunk's registration with its operator (RFC 3261 10.2), or the fact that it has none.
//!
//! ```text
//! Static (no registration)      due ──REGISTER──▶ waiting ──200──▶ registered ──at 50–90 % of the grant, or once an OPTIONS stays unanswered──▶ waiting …
//!                                ▲                   │ 401/407 answered, 423 obeyed: at once
//!                                └──back-off for ever┴── silence, 5xx: unregistered · 4xx, 6xx, wrong password: refused
//! ```
//! `registered` is false as soon as it is false: the expiry passed, or a refresh failed. Sends nothing itself: [`Trunk::poll_action`] says what to send.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::entropy::Entropy;
use crate::domain::now::Instant;
use crate::domain::status::TrunkState;

use super::api::Credentials;
use super::digest::{self, Challenge};
use super::message::{Message, Method};
use super::uri::parse_name_addr;

/// Pauses after a failure, without end: the last one repeats. Each is shortened by up to a fifth, so that many trunks don't beat together.
const BACK_OFF: [u64; 6] = [5, 10, 20, 40, 80, 120];
/// Pause after a 403: the operator has decided, asking again soon gets an address barred.
const FORBIDDEN: Duration = Duration::from_secs(600);
/// Retry-After is obeyed up to this.
const MAX_RETRY_AFTER: u64 = 3600;
/// A grant or a Min-Expires beyond a day is taken for a day, in seconds.
const MAX_EXPIRES: u32 = 86_400;
/// No refresh sooner than this after a grant, however short it is.
const MIN_REFRESH: Duration = Duration::from_secs(1);
/// Longer than any transaction lasts (64·T1 is 32 s): a request whose end was not reported is taken for unanswered.
const GIVE_UP: Duration = Duration::from_secs(40);
/// Challenges answered in one attempt, stale ones included.
const MAX_ANSWERS: u8 = 3;

/// What the operator gave the agency.
#[derive(Clone, Debug)]
pub struct TrunkConfig {
    /// False: known by address alone.
    pub register: bool,
    /// The request URI of REGISTER: `sip:operator.example`.
    pub registrar_uri: String,
    /// From and To of REGISTER: `sip:user@operator.example`.
    pub address_of_record: String,
    /// Where the operator reaches us: `sip:user@192.0.2.1:5060`.
    pub contact: String,
    pub credentials: Option<Credentials>,
    /// Seconds asked for.
    pub expires: u32,
    /// OPTIONS this often, so that the way to us stays open in every box between (SIP.md, trunk); `None` for none.
    pub keepalive: Option<Duration>,
}

#[derive(Debug)]
pub enum Action {
    /// A request outside a dialog: Via and Max-Forwards are the endpoint's; its final response goes to [`Trunk::handle_response`].
    Send(Box<Message>),
    /// The operator refuses us (403, another final 4xx or 6xx, a wrong password): for a person to see. Said once until the trunk registers again.
    Alert { status: u16 },
}

/// The request in flight.
struct Waiting {
    what: What,
    cseq: u32,
    answers: u8,
    /// The nonce of this attempt that the request in flight answers.
    answered: Option<String>,
    /// A challenge that was not stale has been answered with our password.
    tried: bool,
    /// A 423 was obeyed.
    lengthened: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Register,
    Unregister,
    Options,
}

/// A challenge that later requests answer without being asked.
struct Known {
    challenge: Challenge,
    proxy: bool,
    count: u32,
}

/// The one thing that happens next by itself.
#[derive(Clone, Copy)]
enum Phase {
    /// Nothing more is to be sent.
    Off,
    /// To be sent at that time.
    Due(Instant),
    /// Sent; given up at that time, should nobody report its end.
    Waiting(Instant),
}

pub struct Trunk {
    config: TrunkConfig,
    entropy: Box<dyn Entropy>,
    call_id: String,
    tag: String,
    cseq: u32,
    /// Seconds asked for; grows by 423.
    expires: u32,
    phase: Phase,
    waiting: Option<Waiting>,
    known: Option<Known>,
    registered_until: Option<Instant>,
    /// When a registration is renewed.
    refresh: Instant,
    state: TrunkState,
    since: Instant,
    failures: usize,
    alerted: bool,
    reachable: Option<bool>,
    actions: VecDeque<Action>,
}

impl Trunk {
    /// The first request is due at once.
    pub fn new(now: Instant, config: TrunkConfig, mut entropy: Box<dyn Entropy>) -> Trunk {
        let call_id = format!("{:016x}{:016x}", entropy.u64(), entropy.u64());
        let tag = format!("{:016x}", entropy.u64());
        let active = config.register || config.keepalive.is_some();
        Trunk {
            call_id,
            tag,
            cseq: 0,
            expires: config.expires.clamp(1, MAX_EXPIRES),
            phase: if active { Phase::Due(now) } else { Phase::Off },
            waiting: None,
            known: None,
            registered_until: None,
            refresh: now,
            state: if config.register { TrunkState::Unregistered } else { TrunkState::Static },
            since: now,
            failures: 0,
            alerted: false,
            reachable: None,
            actions: VecDeque::new(),
            config,
            entropy,
        }
    }

    pub fn state(&self) -> TrunkState {
        self.state
    }

    /// When the state became what it is.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Whether the last request got any answer; `None` before the first one ended.
    pub fn reachable(&self) -> Option<bool> {
        self.reachable
    }

    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = match self.phase {
            Phase::Due(at) | Phase::Waiting(at) => Some(at),
            Phase::Off => None,
        };
        due.into_iter().chain(self.registered_until).min()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.registered_until.is_some_and(|until| until <= now) {
            self.lost(now, TrunkState::Unregistered);
        }
        match self.phase {
            Phase::Due(at) if at <= now => {
                let registers = self.config.register && (self.registered_until.is_none() || self.refresh <= now);
                self.begin(now, if registers { What::Register } else { What::Options });
            }
            Phase::Waiting(at) if at <= now => self.handle_response(now, None),
            Phase::Due(_) | Phase::Waiting(_) | Phase::Off => {}
        }
    }

    /// The final response of the last request sent, `None` on silence or transport failure.
    pub fn handle_response(&mut self, now: Instant, response: Option<&Message>) {
        // A late response to a request that another one replaced says nothing.
        let Some(waiting) = self.waiting.take_if(|w| response.is_none_or(|r| r.cseq().0 == w.cseq)) else {
            return;
        };
        self.reachable = Some(response.is_some());
        match waiting.what {
            What::Options => {
                if response.is_none() {
                    // nobody is there, or the way to us is closed: a registration is tried at once
                    self.refresh = now;
                }
                self.rest(now);
            }
            What::Register | What::Unregister => self.registration(now, waiting, response),
        }
    }

    /// Until the next keep-alive, or the renewal where that comes before the keep-alive could be answered.
    fn rest(&mut self, now: Instant) {
        let renewal = self.config.register.then_some(self.refresh);
        let beat = self.config.keepalive.map(|pause| now + pause).filter(|beat| renewal.is_none_or(|at| *beat + GIVE_UP < at));
        self.phase = beat.or(renewal).map_or(Phase::Off, Phase::Due);
    }

    /// At shutdown: asks the operator to forget us, once. Nothing is sent by itself afterwards.
    pub fn unregister(&mut self, now: Instant) {
        let worth_it = self.config.register && (self.registered_until.is_some() || self.waiting.is_some());
        self.phase = Phase::Off;
        self.waiting = None;
        if self.config.register {
            self.lost(now, TrunkState::Unregistered);
        }
        if worth_it {
            self.begin(now, What::Unregister);
        }
    }

    /// True once the request of [`Trunk::unregister`] has been answered, or none was needed.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Off) && self.waiting.is_none()
    }

    fn registration(&mut self, now: Instant, waiting: Waiting, response: Option<&Message>) {
        let Some((response, status)) = response.and_then(|r| Some((r, r.status()?))) else {
            return self.failed(now, &waiting, TrunkState::Unregistered, None);
        };
        match status {
            200..=299 => self.accepted(now, &waiting, response),
            401 | 407 => self.challenged(now, waiting, response, status),
            423 if !waiting.lengthened && waiting.what == What::Register => match min_expires(response) {
                Some(seconds) if seconds > self.expires => {
                    self.expires = seconds;
                    self.send(now, Waiting { lengthened: true, ..waiting });
                }
                Some(_) | None => self.refused(now, &waiting, status, None),
            },
            403 => self.refused(now, &waiting, status, Some(FORBIDDEN)),
            // Of these a pause may come right; the others say that the account or the request is wrong.
            408 | 480 | 491 | 500..=599 => self.failed(now, &waiting, TrunkState::Unregistered, retry_after(response)),
            _ => self.refused(now, &waiting, status, retry_after(response)),
        }
    }

    fn accepted(&mut self, now: Instant, waiting: &Waiting, response: &Message) {
        if waiting.what == What::Unregister {
            return;
        }
        let granted = self.granted(response);
        if granted == 0 {
            return self.failed(now, waiting, TrunkState::Unregistered, None);
        }
        let until = now + Duration::from_secs(u64::from(granted));
        let percent = 50 + u64::from(self.entropy.u32() % 41);
        self.refresh = now + Duration::from_millis(u64::from(granted) * 10 * percent).max(MIN_REFRESH);
        self.registered_until = Some(until);
        self.rest(now);
        self.failures = 0;
        self.alerted = false;
        self.become_state(now, TrunkState::Registered);
    }

    /// Seconds granted: our Contact's `expires`, else the Expires header, else what was asked (10.2.4).
    fn granted(&self, response: &Message) -> u32 {
        let contacts: Vec<_> = response.list("Contact").into_iter().filter_map(parse_name_addr).collect();
        let ours = contacts.iter().find(|c| same_address(c.uri, &self.config.contact)).or(match contacts.as_slice() {
            // Rewritten by a NAT helper on the way: still the only one.
            [only] => Some(only),
            _ => None,
        });
        let own = ours.and_then(|c| c.param("expires")).and_then(|v| v.parse().ok());
        let header = || response.get("Expires").and_then(|v| v.trim().parse().ok());
        own.or_else(header).unwrap_or(self.expires).min(MAX_EXPIRES)
    }

    fn challenged(&mut self, now: Instant, waiting: Waiting, response: &Message, status: u16) {
        let proxy = status == 407;
        let name = if proxy { "Proxy-Authenticate" } else { "WWW-Authenticate" };
        let realm = self.config.credentials.as_ref().map(|c| c.realm.as_deref());
        // The first one that we can answer: their order is the operator's (RFC 8760 2.4).
        let fits = |c: &Challenge| realm.is_some_and(|realm| realm.is_none_or(|realm| realm == c.realm));
        let Some(challenge) = response.all(name).filter_map(Challenge::parse).find(fits) else {
            self.known = None;
            return self.refused(now, &waiting, status, None);
        };
        let again = waiting.answered.as_ref() == Some(&challenge.nonce);
        let wrong = !challenge.stale && waiting.tried;
        if again || wrong || waiting.answers >= MAX_ANSWERS {
            self.known = None;
            return self.refused(now, &waiting, status, None);
        }
        let tried = waiting.tried || !challenge.stale;
        self.known = Some(Known { challenge, proxy, count: 0 });
        self.send(now, Waiting { answers: waiting.answers + 1, tried, ..waiting });
    }

    /// The operator says no: a person should know, and the next try may wait.
    fn refused(&mut self, now: Instant, waiting: &Waiting, status: u16, pause: Option<Duration>) {
        if waiting.what == What::Register && !std::mem::replace(&mut self.alerted, true) {
            self.actions.push_back(Action::Alert { status });
        }
        self.failed(now, waiting, TrunkState::Refused, pause);
    }

    fn failed(&mut self, now: Instant, waiting: &Waiting, state: TrunkState, pause: Option<Duration>) {
        if waiting.what == What::Unregister {
            return;
        }
        let pause = pause.unwrap_or_else(|| self.back_off());
        self.failures += 1;
        self.lost(now, state);
        self.phase = Phase::Due(now + pause);
    }

    fn back_off(&mut self) -> Duration {
        let seconds = BACK_OFF.get(self.failures).or(BACK_OFF.last()).copied().unwrap_or(120);
        Duration::from_millis(seconds * (800 + u64::from(self.entropy.u32() % 201)))
    }

    fn lost(&mut self, now: Instant, state: TrunkState) {
        self.registered_until = None;
        self.become_state(now, state);
    }

    fn become_state(&mut self, now: Instant, state: TrunkState) {
        if self.state != state {
            self.state = state;
            self.since = now;
        }
    }

    fn begin(&mut self, now: Instant, what: What) {
        self.send(now, Waiting { what, cseq: 0, answers: 0, answered: None, tried: false, lengthened: false });
    }

    /// Sends what `waiting` is about, under the next CSeq and the same Call-ID (10.2).
    fn send(&mut self, now: Instant, mut waiting: Waiting) {
        self.cseq = self.cseq.wrapping_add(1) & 0x7fff_ffff;
        waiting.cseq = self.cseq;
        let method = if waiting.what == What::Options { Method::Options } else { Method::Register };
        let uri = self.config.registrar_uri.clone();
        let mut request = Message::request(method, uri.clone());
        request.push("From", format!("<{}>;tag={}", self.config.address_of_record, self.tag));
        request.push("To", format!("<{}>", self.config.address_of_record));
        request.push("Call-ID", self.call_id.clone());
        request.push("CSeq", format!("{} {}", self.cseq, method.as_str()));
        request.push("Contact", format!("<{}>", self.config.contact));
        match waiting.what {
            What::Register => request.push("Expires", self.expires.to_string()),
            What::Unregister => request.push("Expires", "0"),
            What::Options => {}
        }
        if waiting.what != What::Options
            && let (Some(known), Some(credentials)) = (&mut self.known, &self.config.credentials)
        {
            known.count += 1;
            let cnonce = format!("{:016x}", self.entropy.u64());
            let Credentials { username, password, .. } = credentials;
            let value = digest::authorization(&known.challenge, username, password, method.as_str(), &uri, &cnonce, known.count);
            waiting.answered = (waiting.answers > 0).then(|| known.challenge.nonce.clone());
            request.push(if known.proxy { "Proxy-Authorization" } else { "Authorization" }, value);
        }
        self.waiting = Some(waiting);
        if !matches!(self.phase, Phase::Off) {
            self.phase = Phase::Waiting(now + GIVE_UP);
        }
        self.actions.push_back(Action::Send(Box::new(request)));
    }
}

fn min_expires(response: &Message) -> Option<u32> {
    response.get("Min-Expires")?.trim().parse::<u32>().ok().map(|seconds| seconds.min(MAX_EXPIRES))
}

/// RFC 3261 20.33: seconds, then perhaps a comment and parameters.
fn retry_after(response: &Message) -> Option<Duration> {
    let value = response.get("Retry-After")?.trim();
    let digits = value.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse::<u64>().ok().map(|seconds| Duration::from_secs(seconds.clamp(1, MAX_RETRY_AFTER)))
}

/// The same user, host and port, whatever the parameters.
fn same_address(a: &str, b: &str) -> bool {
    let core = |uri: &str| uri.split([';', '?']).next().unwrap_or("").trim_end_matches(":5060").to_ascii_lowercase();
    core(a) == core(b)
}

#[cfg(test)]
mod tests;
