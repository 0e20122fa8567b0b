//! The SIP endpoint: one aggregate of transactions, dialogs and sessions. `handle_*` and commands in, `poll_*` out; no socket, no clock.
//!
//! Drain `poll_transmit` and `poll_event` after each call. It absorbs retransmissions, sends 100 and ACK, and gives the answers that RFC 3261 leaves no
//! choice about; all else is an [`Event`], answered by a command.
//!
//! | file | what |
//! |---|---|
//! | `requests` | what a request of theirs leads to |
//! | `inside` | requests of theirs in a dialog |
//! | `responses` | what a response to ours leads to, time-outs and credentials |
//! | `calls` | commands that make and end sessions |
//! | `offers` | re-INVITE, UPDATE, REFER, NOTIFY, OPTIONS in a session |
//! | `told` | which refused calls were told of |
//! | `io` | names, timers, the queue of bytes |

mod calls;
mod inside;
pub(in crate::sip) mod io;
mod offers;
mod requests;
mod responses;
mod text;
mod told;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use crate::domain::entropy::Entropy;
use crate::domain::now::Instant;
use crate::sip::api::{Event, Flow, Peer, RequestId, SessionId, Transmit, Transport};
use crate::sip::client_tx::{Auth, ClientTx, Ended, Sending};
use crate::sip::endpoint::io::{Io, Owner, SessionTimer, Timer, TxId, random_hex};
use crate::sip::endpoint::told::Told;
use crate::sip::message::{Message, Method};
use crate::sip::server_tx::ServerTx;
use crate::sip::session::{Phase, Session};
use crate::sip::wire::{self, Framing, Read};

/// Bounds of the endpoint's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Transactions of theirs, and as many of ours.
    pub transactions: usize,
    /// Their INVITEs that wait for our final response.
    pub pending: usize,
    pub sessions: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config { transactions: 8192, pending: 512, sessions: 2048 }
    }
}

/// A table is full: the request was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a table of the SIP endpoint is full")]
pub struct Full;

/// What the endpoint holds at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Transactions of theirs; a finished one stays up to 32 s.
    pub server_transactions: usize,
    /// Transactions of ours.
    pub client_transactions: usize,
    pub sessions: usize,
    /// Their INVITEs without a final response of ours.
    pub pending: usize,
    /// Their requests outside a dialog that wait for `respond`.
    pub requests: usize,
    pub timers: usize,
    /// Entries of the indexes by branch, by merged request and by tag.
    pub names: usize,
    /// Messages that the reader refused or dropped since the start.
    pub unreadable: u64,
}

pub struct Endpoint {
    config: Config,
    entropy: Box<dyn Entropy>,
    io: Io,
    events: VecDeque<Event>,
    servers: HashMap<TxId, ServerTx>,
    /// Transactions of theirs by `server_tx::key`.
    keys: HashMap<String, TxId>,
    /// Their INVITEs by `server_tx::merged_key`.
    merged: HashMap<String, TxId>,
    clients: HashMap<TxId, ClientTx>,
    sessions: HashMap<SessionId, Session>,
    /// Sessions by our own tag, which is random and never used twice.
    tags: HashMap<String, SessionId>,
    requests: HashMap<RequestId, TxId>,
    pending: usize,
    /// The last identifier given out.
    last_id: u64,
    /// Makes the To tags of stateless responses (RFC 3261 8.2.7).
    secret: u64,
    unreadable: u64,
    told: Told,
}

impl Endpoint {
    pub fn new(config: Config, mut entropy: Box<dyn Entropy>) -> Endpoint {
        let secret = entropy.u64();
        Endpoint {
            config,
            entropy,
            io: Io::default(),
            events: VecDeque::new(),
            servers: HashMap::new(),
            keys: HashMap::new(),
            merged: HashMap::new(),
            clients: HashMap::new(),
            sessions: HashMap::new(),
            tags: HashMap::new(),
            requests: HashMap::new(),
            pending: 0,
            last_id: 0,
            secret,
            unreadable: 0,
            told: Told::default(),
        }
    }

    /// The earliest moment at which `handle_timeout` has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.io.timers.next_deadline()
    }

    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.io.out.pop_front()
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The Call-ID of a session, while it is one.
    pub fn call_id(&self, id: SessionId) -> Option<&str> {
        self.sessions.get(&id).map(|session| session.dialog.call_id.as_str())
    }

    pub fn counts(&self) -> Counts {
        Counts {
            server_transactions: self.servers.len(),
            client_transactions: self.clients.len(),
            sessions: self.sessions.len(),
            pending: self.pending,
            requests: self.requests.len(),
            timers: self.io.timers.len(),
            names: self.keys.len() + self.merged.len() + self.tags.len(),
            unreadable: self.unreadable,
        }
    }

    /// One datagram, or one framed message of a stream, from a peer that the guard let in.
    pub fn handle_message(&mut self, now: Instant, peer: Peer, flow: Flow, bytes: &[u8]) {
        let framing = match flow.transport {
            Transport::Udp => Framing::Datagram,
            Transport::Tcp => Framing::Stream,
        };
        match wire::read(bytes, framing) {
            Read::Message(message) => match message.method() {
                Some(method) => self.on_request(now, peer, flow, method, message),
                None => self.on_response(now, flow, message),
            },
            Read::KeepAlive => {}
            Read::Reject { status, why, method, reply } => {
                self.unreadable += 1;
                tracing::debug!(remote = %flow.remote, status, why, "request refused by the reader");
                if let Some(reply) = reply {
                    self.io.send(flow, reply);
                }
                if method == Some(Method::Invite) {
                    self.tell_malformed(now, peer, bytes);
                }
            }
            Read::Drop(why) => {
                self.unreadable += 1;
                tracing::debug!(remote = %flow.remote, why, "dropped by the reader");
            }
        }
    }

    /// A call that nobody will hear of otherwise (row 21); a re-INVITE is none.
    fn tell_malformed(&mut self, now: Instant, peer: Peer, bytes: &[u8]) {
        let names = wire::names_of(bytes);
        let news = match &names.call_id {
            Some(call_id) => self.told.is_news(now, call_id),
            None => self.told.is_news(now, bytes),
        };
        if news && !names.in_dialog {
            self.events.push_back(Event::Malformed { peer, from: wire::caller_of(bytes) });
        }
    }

    /// Fires every timer that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.io.timers.pop_due(now) {
            match timer {
                Timer::ClientResend(id) => {
                    if let Some(tx) = self.clients.get_mut(&id) {
                        tx.on_resend(&mut self.io, now, id);
                    }
                }
                Timer::ClientEnd(id) => self.on_client_end(now, id),
                Timer::ServerResend(id) => {
                    if let Some(tx) = self.servers.get_mut(&id) {
                        tx.on_resend(&mut self.io, now, id);
                    }
                }
                Timer::ServerEnd(id) => self.drop_server(id),
                Timer::Session(session, timer) => self.on_session_timer(now, session, timer),
            }
        }
    }

    /// A stream to `remote` is closed, or was never opened: our open requests on it have failed, INVITEs of theirs on it are lost. Confirmed sessions go on:
    /// their next request opens or reuses another connection.
    pub fn handle_connection_lost(&mut self, now: Instant, connection: u64, remote: SocketAddr) {
        let opened_for = |flow: &Flow| flow.transport == Transport::Tcp && flow.connection.is_none() && flow.remote == remote;
        let on_it = |flow: &Flow| flow.connection == Some(connection);
        let failed: Vec<TxId> =
            self.clients.iter().filter(|(_, tx)| tx.is_open() && (on_it(&tx.flow) || opened_for(&tx.flow))).map(|(id, _)| *id).collect();
        for tx in self.servers.values_mut().filter(|tx| on_it(&tx.flow)) {
            tx.flow.connection = None;
        }
        let mut lost = Vec::new();
        for (id, session) in self.sessions.iter_mut().filter(|(_, s)| on_it(&s.flow)) {
            session.flow.connection = None;
            if matches!(session.phase, Phase::Incoming { .. }) {
                lost.push(*id);
            }
        }
        for id in failed {
            if self.fall_back_to_udp(now, id) {
                continue;
            }
            let provisional = self.clients.get(&id).is_some_and(ClientTx::is_proceeding);
            self.on_client_failed(now, id, provisional);
        }
        for session in lost {
            if let Some((tx, _)) = self.take_incoming(session) {
                self.drop_server(tx);
                self.end_session(now, session);
                self.events.push_back(Event::Lost { session });
            }
        }
    }

    fn on_client_end(&mut self, now: Instant, id: TxId) {
        match self.clients.get(&id).map(ClientTx::on_end) {
            Some(Ended::TimedOut { provisional }) => self.on_client_failed(now, id, provisional),
            Some(Ended::Done) => self.drop_client(id),
            None => {}
        }
    }

    fn on_session_timer(&mut self, now: Instant, id: SessionId, timer: SessionTimer) {
        match timer {
            SessionTimer::Resend2xx => self.resend_2xx(now, id),
            SessionTimer::NotAcked => self.on_not_acked(now, id),
            SessionTimer::Provisional => self.resend_provisional(now, id),
            SessionTimer::Cancelled => self.on_cancel_unanswered(now, id),
            SessionTimer::Glare => self.on_glare_over(now, id),
            SessionTimer::Ping => self.on_ping_unanswered(id),
        }
    }

    fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn random_hex(&mut self) -> String {
        random_hex(&mut *self.entropy)
    }

    /// Adds our Via and sends the request in a transaction of its own.
    fn start_client(&mut self, now: Instant, flow: Flow, mut request: Box<Message>, owner: Owner, auth: Option<Box<Auth>>) -> TxId {
        let id = TxId(self.new_id());
        let branch = text::branch(id, self.entropy.u64());
        request.push_front("Via", text::via(&flow, &branch));
        let tx = ClientTx::start(&mut self.io, now, id, request, Sending { flow, branch, owner, auth });
        self.clients.insert(id, tx);
        id
    }

    /// Sends a request of the session, Contact and credentials included.
    fn start_in_session(&mut self, now: Instant, id: SessionId, request: Message, owner: Owner) -> Option<TxId> {
        let session = self.sessions.get(&id)?;
        let flow = session.dialog.flow(&session.flow);
        let auth = session.credentials.clone().map(|credentials| Box::new(Auth { credentials, nonces: Vec::new() }));
        Some(self.start_client(now, flow, Box::new(request), owner, auth))
    }

    fn drop_client(&mut self, id: TxId) {
        self.clients.remove(&id);
        self.io.stop(Timer::ClientResend(id));
        self.io.stop(Timer::ClientEnd(id));
    }

    fn drop_server(&mut self, id: TxId) {
        self.io.stop(Timer::ServerResend(id));
        self.io.stop(Timer::ServerEnd(id));
        let Some(tx) = self.servers.remove(&id) else { return };
        self.keys.remove(&tx.key);
        if let Some(merged) = tx.merged {
            self.merged.remove(&merged);
        }
        if let Some(request) = tx.request {
            self.requests.remove(&request);
        }
    }

    /// Sends a response of ours in their transaction.
    fn respond_in(&mut self, now: Instant, id: TxId, response: &Message) {
        if let (Some(tx), Some(status)) = (self.servers.get_mut(&id), response.status()) {
            tx.respond(&mut self.io, now, id, status, response.encode());
        }
    }

    /// Takes the session out of `Phase::Incoming`; its INVITE wants a final response then.
    fn take_incoming(&mut self, id: SessionId) -> Option<(TxId, Box<Message>)> {
        let session = self.sessions.get_mut(&id)?;
        match std::mem::replace(&mut session.phase, Phase::Confirmed) {
            Phase::Incoming { tx, invite } => {
                self.pending -= 1;
                self.io.stop(Timer::Session(id, SessionTimer::Provisional));
                Some((tx, invite))
            }
            other => {
                session.phase = other;
                None
            }
        }
    }

    /// Forgets the session: what it still owed gets 487 (RFC 3261 15.1.2), what it waited for is nobody's.
    fn end_session(&mut self, now: Instant, id: SessionId) {
        self.settle(now, id);
        if let Some((tx, invite)) = self.take_incoming(id) {
            let tag = self.sessions.get(&id).map(|s| s.dialog.local_tag.clone());
            self.respond_in(now, tx, &Message::reply(&invite, 487, tag.as_deref()));
        }
        if let Some(session) = self.sessions.remove(&id) {
            self.tags.remove(&session.dialog.local_tag);
            if let Phase::Outgoing { tx, .. } = session.phase {
                self.orphan(now, tx);
            }
        }
    }

    /// Ends all that runs inside a session but the session itself.
    fn settle(&mut self, now: Instant, id: SessionId) {
        for timer in [SessionTimer::Resend2xx, SessionTimer::NotAcked, SessionTimer::Cancelled, SessionTimer::Glare, SessionTimer::Ping] {
            self.io.stop(Timer::Session(id, timer));
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.queued = None;
        let owed = [session.theirs.take().map(|t| (t.tx, t.request)), session.refer.take()];
        let ours = [session.ours.take().and_then(|o| o.tx), session.ping.take()];
        let unacked = session.unacked.take();
        for (tx, request) in owed.into_iter().flatten() {
            self.respond_in(now, tx, &Message::reply(&request, 487, None));
        }
        for tx in ours.into_iter().flatten() {
            self.orphan(now, tx);
        }
        if let Some(tx) = unacked.and_then(|u| self.servers.get_mut(&u.tx)) {
            tx.forget_response();
        }
    }

    /// Nobody waits for that request any more.
    fn orphan(&mut self, now: Instant, id: TxId) {
        if let Some(tx) = self.clients.get_mut(&id) {
            if tx.is_invite() {
                tx.linger(&mut self.io, now, id);
            } else {
                tx.owner = Owner::Nobody;
            }
        }
    }

    /// Who may be told 503 (never a trunk: operators stop sending calls after one).
    fn overloaded(peer: Peer) -> u16 {
        match peer {
            Peer::Trunk(_) => 500,
            Peer::Phone => 503,
        }
    }
}
