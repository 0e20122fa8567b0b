//! Digest authentication of phones (RFC 3261 22, RFC 7616, RFC 8760): challenges, nonces, replays, and silence for those who guess.
//!
//! A known and an unknown user get the same answer after the same work. Holds HA1 alone, never a password; does no registration.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::domain::call::Extension;
use crate::domain::entropy::Entropy;
use crate::domain::now::Instant;

use super::api::Flow;
use super::digest::{self, Algorithm, Counted};
use super::message::{Message, Method};

/// A nonce is good this long: time for a challenge to be answered, too short for a captured one to be of use.
const NONCE_LIFE: Duration = Duration::from_secs(45);
/// Nonces whose `nc` is remembered. Past it the oldest are declared stale, never forgotten as unused.
const MAX_NONCES: usize = 65_536;
/// Failures in [`FAILURE_WINDOW`] after which a user at an address gets no answer.
const PAIR_FAILURES: usize = 5;
/// Failures in [`FAILURE_WINDOW`] after which an address gets no answer, whoever it says it is.
const ADDRESS_FAILURES: usize = 50;
const FAILURE_WINDOW: Duration = Duration::from_secs(60);
const SILENCE: Duration = Duration::from_secs(600);
/// Pairs, and addresses, whose failures are counted.
const MAX_SUSPECTS: usize = 4096;
/// Longest user name that is looked at, in bytes.
const MAX_USER: usize = 64;
/// Addresses remembered for each phone as its own.
const MAX_HOMES: usize = 8;
/// A phone's own address is spared the silence of its neighbours for as long as this after a success.
const HOME_LIFE: Duration = Duration::from_secs(2 * 3600);
/// `Authorization` lines looked at in one request.
const MAX_LINES: usize = 4;
/// Lock-outs kept for the page until they are taken.
const MAX_LOCKOUTS: usize = 16;

/// A phone as the configuration names it.
#[derive(Clone, PartialEq, Eq)]
pub struct PhoneAccount {
    pub extension: Extension,
    pub password: String,
}

/// What became of a request's credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Ok(Extension),
    /// 401 with these `WWW-Authenticate` values.
    Challenge(Vec<String>),
    /// No answer at all.
    Silent,
}

/// Somebody guessed too often. For the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lockout {
    pub address: IpAddr,
    /// `None`: the address as a whole.
    pub user: Option<String>,
}

/// HA1 in both algorithms.
struct Secrets {
    md5: String,
    sha256: String,
}

struct Account {
    extension: Extension,
    secrets: Secrets,
    /// Where it last authenticated from.
    homes: VecDeque<(IpAddr, Instant)>,
}

/// One realm's phones.
pub struct Authenticator {
    realm: String,
    key: [u8; 32],
    accounts: HashMap<String, Account>,
    /// Hashed against when the user is unknown, so that both cost the same.
    decoy: Secrets,
    issued: u64,
    nonces: Nonces,
    pairs: HashMap<(IpAddr, String), Failures>,
    addresses: HashMap<IpAddr, Failures>,
    lockouts: VecDeque<Lockout>,
}

/// An `Authorization` value of our realm.
struct Answer {
    username: String,
    nonce: String,
    uri: String,
    response: String,
    algorithm: Algorithm,
    /// `nc` and `cnonce` with qop=auth.
    counted: Option<(String, String)>,
}

impl Authenticator {
    /// `entropy` gives the key of the nonces.
    pub fn new(realm: &str, phones: &[PhoneAccount], entropy: &mut dyn Entropy) -> Authenticator {
        let (mut key, mut noise) = ([0; 32], [0; 16]);
        entropy.fill(&mut key);
        entropy.fill(&mut noise);
        let account = |phone: &PhoneAccount| Account {
            extension: phone.extension.clone(),
            secrets: secrets(&phone.extension.0, realm, &phone.password),
            homes: VecDeque::new(),
        };
        Authenticator {
            realm: realm.to_owned(),
            key,
            accounts: phones.iter().map(|phone| (phone.extension.0.clone(), account(phone))).collect(),
            decoy: secrets("", realm, &hex(&noise)),
            issued: 0,
            nonces: Nonces::default(),
            pairs: HashMap::new(),
            addresses: HashMap::new(),
            lockouts: VecDeque::new(),
        }
    }

    /// Judges the `Authorization` of `request`, which came over `flow`. `claimed` is the user that a request without one speaks for.
    pub fn authenticate(&mut self, now: Instant, flow: Flow, request: &Message, method: Method, claimed: &str) -> Verdict {
        let address = network(flow.remote.ip());
        let answer = request.all("Authorization").take(MAX_LINES).find_map(|value| read_answer(value, &self.realm));
        let user = clip(answer.as_ref().map_or(claimed, |a| a.username.as_str())).to_owned();
        if self.is_silent(now, address, &user) {
            return Verdict::Silent;
        }
        let Some(answer) = answer else {
            return Verdict::Challenge(self.challenge(now, address, false));
        };
        let account = self.accounts.get(&answer.username);
        let known = account.is_some();
        let right = answer.is_right(account.map_or(&self.decoy, |a| &a.secrets), method);
        if !(right & known) {
            self.failed(now, address, user);
            return Verdict::Challenge(self.challenge(now, address, false));
        }
        if !self.spend(now, address, &answer) {
            return Verdict::Challenge(self.challenge(now, address, true));
        }
        self.pairs.remove(&(address, user));
        match self.accounts.get_mut(&answer.username) {
            Some(account) => {
                account.at_home(now, address);
                Verdict::Ok(account.extension.clone())
            }
            None => Verdict::Silent,
        }
    }

    /// The next lock-out that nobody was told of yet.
    pub fn poll_lockout(&mut self) -> Option<Lockout> {
        self.lockouts.pop_front()
    }

    /// MD5 alone: desk phones and softphones in use give up when a second challenge names an algorithm they lack (tried with one of them),
    /// and RFC 8760 2.4 asks for nothing more. An answer in SHA-256 is taken all the same.
    fn challenge(&mut self, now: Instant, address: IpAddr, stale: bool) -> Vec<String> {
        self.issued += 1;
        let head = format!("{:016x}{:016x}", now.0, self.issued);
        let nonce = format!("{head}{}", self.seal(&head, address));
        let stale = if stale { ", stale=true" } else { "" };
        vec![format!("Digest realm=\"{}\", nonce=\"{nonce}\", qop=\"auth\", algorithm={}{stale}", self.realm, Algorithm::Md5.name())]
    }

    fn seal(&self, head: &str, address: IpAddr) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else {
            return String::new();
        };
        mac.update(head.as_bytes());
        mac.update(address.to_string().as_bytes());
        hex(mac.finalize().into_bytes().get(..16).unwrap_or(&[]))
    }

    /// Takes the answer's nonce and count; false when either was used, is too old or was never ours.
    fn spend(&mut self, now: Instant, address: IpAddr, answer: &Answer) -> bool {
        let Some((head, seal)) = answer.nonce.split_at_checked(32) else {
            return false;
        };
        let ours = bool::from(self.seal(head, address).as_bytes().ct_eq(seal.as_bytes()));
        let number = |range| head.get(range).and_then(|text| u64::from_str_radix(text, 16).ok());
        let (true, Some(made), Some(serial)) = (ours, number(0..16), number(16..32)) else {
            return false;
        };
        let count = match &answer.counted {
            Some((nc, _)) => u32::from_str_radix(nc, 16).unwrap_or(0),
            // The old form without qop counts nothing: its nonce is good once.
            None => u32::MAX,
        };
        now.since(Instant(made)) <= NONCE_LIFE && self.nonces.take(now, Instant(made), serial, count)
    }

    fn is_silent(&self, now: Instant, address: IpAddr, user: &str) -> bool {
        let at_home =
            || self.accounts.get(user).is_some_and(|a| a.homes.iter().any(|(home, at)| *home == address && now.since(*at) < HOME_LIFE));
        let silent = |failures: Option<&Failures>| failures.is_some_and(|f| f.silent_until.is_some_and(|until| now < until));
        silent(self.pairs.get(&(address, user.to_owned()))) || (silent(self.addresses.get(&address)) && !at_home())
    }

    fn failed(&mut self, now: Instant, address: IpAddr, user: String) {
        if count_failure(&mut self.addresses, now, address, ADDRESS_FAILURES) {
            self.tell(Lockout { address, user: None });
        }
        if count_failure(&mut self.pairs, now, (address, user.clone()), PAIR_FAILURES) {
            self.tell(Lockout { address, user: Some(user) });
        }
    }

    fn tell(&mut self, lockout: Lockout) {
        if self.lockouts.len() < MAX_LOCKOUTS {
            self.lockouts.push_back(lockout);
        }
    }
}

impl Account {
    fn at_home(&mut self, now: Instant, address: IpAddr) {
        self.homes.retain(|(home, _)| *home != address);
        if self.homes.len() == MAX_HOMES {
            self.homes.pop_front();
        }
        self.homes.push_back((address, now));
    }
}

impl Answer {
    fn is_right(&self, secrets: &Secrets, method: Method) -> bool {
        let ha1 = match self.algorithm {
            Algorithm::Md5 => &secrets.md5,
            Algorithm::Sha256 => &secrets.sha256,
        };
        let counted = self.counted.as_ref().map(|(nc, cnonce)| Counted { nc, cnonce });
        let expected = digest::response_hash(self.algorithm, ha1, method.as_str(), &self.uri, &self.nonce, counted);
        expected.as_bytes().ct_eq(self.response.to_ascii_lowercase().as_bytes()).into()
    }
}

/// `None` for another realm's, another scheme's or an incomplete value: such a request counts as one without credentials.
fn read_answer(value: &str, realm: &str) -> Option<Answer> {
    let mut params = digest::params(value)?;
    let mut take = |name: &str| params.iter_mut().find(|(n, _)| n == name).map(|(_, v)| std::mem::take(v));
    if take("realm")? != realm {
        return None;
    }
    let counted = match take("qop") {
        Some(qop) if qop.eq_ignore_ascii_case("auth") => Some((take("nc")?, take("cnonce")?)),
        Some(_) => return None,
        None => None,
    };
    Some(Answer {
        username: take("username")?,
        nonce: take("nonce")?,
        uri: take("uri")?,
        response: take("response")?,
        algorithm: take("algorithm").map_or(Some(Algorithm::Md5), |name| Algorithm::parse(&name))?,
        counted,
    })
}

/// The last `nc` of each nonce in use, by serial number, so by age.
#[derive(Default)]
struct Nonces {
    used: BTreeMap<u64, (Instant, u32)>,
    /// Nonces up to this one have left the table before their time.
    floor: u64,
}

impl Nonces {
    fn take(&mut self, now: Instant, made: Instant, serial: u64, count: u32) -> bool {
        while let Some(oldest) = self.used.first_entry().filter(|e| now.since(e.get().0) > NONCE_LIFE) {
            oldest.remove();
        }
        match self.used.get_mut(&serial) {
            Some((_, last)) => {
                let higher = count > *last && count != u32::MAX;
                if higher {
                    *last = count;
                }
                higher
            }
            None if serial <= self.floor || count == 0 => false,
            None => {
                if self.used.len() == MAX_NONCES
                    && let Some((evicted, _)) = self.used.pop_first()
                {
                    self.floor = self.floor.max(evicted);
                }
                self.used.insert(serial, (made, count));
                true
            }
        }
    }
}

/// Recent failures of one suspect.
#[derive(Default)]
struct Failures {
    times: VecDeque<Instant>,
    silent_until: Option<Instant>,
}

/// True when this failure is the one that brings the silence.
fn count_failure<K: std::hash::Hash + Eq>(table: &mut HashMap<K, Failures>, now: Instant, suspect: K, limit: usize) -> bool {
    if table.len() >= MAX_SUSPECTS && !table.contains_key(&suspect) {
        table.retain(|_, f| {
            f.silent_until.is_some_and(|until| now < until) || f.times.back().is_some_and(|t| now.since(*t) < FAILURE_WINDOW)
        });
        if table.len() >= MAX_SUSPECTS {
            return false;
        }
    }
    let failures = table.entry(suspect).or_default();
    if failures.silent_until.is_some_and(|until| now >= until) {
        *failures = Failures::default();
    }
    while failures.times.front().is_some_and(|t| now.since(*t) > FAILURE_WINDOW) {
        failures.times.pop_front();
    }
    failures.times.push_back(now);
    let locked = failures.times.len() >= limit && failures.silent_until.is_none();
    if locked {
        failures.silent_until = Some(now + SILENCE);
    }
    failures.times.truncate(limit);
    locked
}

fn secrets(user: &str, realm: &str, password: &str) -> Secrets {
    let ha1 = |algorithm| digest::a1_hash(algorithm, user, realm, password);
    Secrets { md5: ha1(Algorithm::Md5), sha256: ha1(Algorithm::Sha256) }
}

/// One suspect: an IPv4 address, or the /64 of an IPv6 one, which a single host can fill.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

fn clip(user: &str) -> &str {
    user.get(..user.floor_char_boundary(MAX_USER)).unwrap_or("")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).filter_map(|n| char::from_digit(u32::from(n), 16)).collect()
}
