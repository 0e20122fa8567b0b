//! The endpoint: transactions, dialogs and INVITE sessions behind one set of `handle_*` and `poll_*` (see [`super::api`]).
//!
//! This file holds the tables, the transport side and the timers; [`super::transact`] the two transaction layers, [`super::session`] INVITE usages.
//! It knows no agency rule: who may call whom is not its business.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::domain::entropy::Entropy;
use crate::domain::now::Instant;

use super::api::{Credentials, Event, Flow, Invite, Peer, RequestId, SessionId, Transmit, Transport};
use super::client_tx::{ClientTx, Owner};
use super::message::{Message, Method};
use super::server_tx::ServerTx;
use super::session::Session;
use super::timers::{Timer, Timers, TxId};
use super::wire::{self, Framing, Read};

/// Events and datagrams that wait to be polled; the shell polls after each input, so this is never near.
const QUEUE_WARN: usize = 65_536;

#[derive(Clone, Debug)]
pub struct Config {
    /// Transactions of both kinds at once, finished ones included (`limits.transactions`).
    pub transactions: usize,
    /// INVITEs without a final answer (`limits.pending`).
    pub pending: usize,
}

/// A table is full: nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Sizes of the tables, for metrics and for tests of growth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub client: usize,
    pub server: usize,
    pub sessions: usize,
    pub merged: usize,
    pub requests: usize,
    /// Datagrams that were no message, or no acceptable one.
    pub unreadable: u64,
}

pub struct Endpoint {
    pub(super) config: Config,
    pub(super) entropy: Box<dyn Entropy>,
    pub(super) client: HashMap<TxId, ClientTx>,
    pub(super) by_branch: HashMap<String, TxId>,
    pub(super) server: HashMap<TxId, ServerTx>,
    pub(super) by_key: HashMap<String, TxId>,
    pub(super) merged: HashMap<String, TxId>,
    pub(super) sessions: HashMap<SessionId, Session>,
    /// Call-ID and our tag.
    pub(super) by_dialog: HashMap<(String, String), SessionId>,
    /// Requests outside a dialog that wait for our answer.
    pub(super) requests: HashMap<RequestId, TxId>,
    /// Call-ID and peer's tag of forks that nobody wanted and that were ended.
    pub(super) strays: VecDeque<(String, String)>,
    pub(super) timers: Timers,
    pub(super) out: VecDeque<Transmit>,
    pub(super) events: VecDeque<Event>,
    pub(super) next: u64,
    pub(super) pending: usize,
    unreadable: u64,
}

impl Endpoint {
    pub fn new(config: Config, entropy: Box<dyn Entropy>) -> Endpoint {
        Endpoint {
            config,
            entropy,
            client: HashMap::new(),
            by_branch: HashMap::new(),
            server: HashMap::new(),
            by_key: HashMap::new(),
            merged: HashMap::new(),
            sessions: HashMap::new(),
            by_dialog: HashMap::new(),
            requests: HashMap::new(),
            strays: VecDeque::new(),
            timers: Timers::default(),
            out: VecDeque::new(),
            events: VecDeque::new(),
            next: 0,
            pending: 0,
            unreadable: 0,
        }
    }

    /// One datagram, or one framed message of a stream, from a source that the guard admitted.
    pub fn handle_message(&mut self, now: Instant, peer: Peer, flow: Flow, bytes: &[u8]) {
        let framing = match flow.transport {
            Transport::Udp => Framing::Datagram,
            Transport::Tcp => Framing::Stream,
        };
        match wire::read(bytes, framing) {
            Read::Message(mut message) => match message.method() {
                None => self.on_response(now, *message),
                Some(_) => {
                    super::server_tx::note_source(&mut message, &flow);
                    self.on_request(now, peer, flow, message);
                }
            },
            Read::KeepAlive => {}
            Read::Reject { status, why, method, reply } => {
                self.unreadable += 1;
                tracing::debug!(remote = %flow.remote, status, why, "request refused by the reader");
                if let Some(bytes) = reply {
                    self.out.push_back(Transmit { flow, bytes });
                }
                if method == Some(Method::Invite) {
                    self.events.push_back(Event::Malformed { peer, from: wire::caller_of(bytes) });
                }
            }
            Read::Drop(why) => {
                self.unreadable += 1;
                tracing::debug!(remote = %flow.remote, why, "dropped by the reader");
            }
        }
    }

    /// Transactions on that connection fail at once.
    pub fn handle_connection_lost(&mut self, now: Instant, connection: u64) {
        let mut lost: Vec<TxId> = self.client.iter().filter(|(_, tx)| tx.flow.connection == Some(connection)).map(|(id, _)| *id).collect();
        lost.sort();
        for id in lost {
            self.client_gave_up(now, id);
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.due(now) {
            match timer {
                Timer::ClientResend(id) => self.client_resend(now, id),
                Timer::ClientGiveUp(id) => self.client_gave_up(now, id),
                Timer::ClientEnd(id) => self.client_end(id),
                Timer::ServerResend(id) => self.server_resend(now, id),
                Timer::ServerEnd(id) => self.server_end(id),
                Timer::OkResend(session, generation) => self.ok_resend(now, session, generation),
                Timer::OkGiveUp(session, generation) => self.ok_gave_up(now, session, generation),
                Timer::Glare(session, generation) => self.reoffer_again(now, session, generation),
                Timer::Pong(session, tx) => self.no_pong(session, tx),
            }
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.out.pop_front()
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        debug_assert!(self.events.len() < QUEUE_WARN, "events are not polled");
        self.events.pop_front()
    }

    pub fn counts(&self) -> Counts {
        Counts {
            client: self.client.len(),
            server: self.server.len(),
            sessions: self.sessions.len(),
            merged: self.merged.len(),
            requests: self.requests.len(),
            unreadable: self.unreadable,
        }
    }

    /// A request outside a dialog. Via, and Max-Forwards where it lacks, are added by us; the rest stands in it.
    pub fn request(&mut self, now: Instant, flow: Flow, message: Message) -> Result<RequestId, Full> {
        if self.client.len() >= self.config.transactions {
            return Err(Full);
        }
        let id = RequestId(self.name());
        self.send_request(now, flow, Box::new(message), Owner::Request(id), None);
        Ok(id)
    }

    /// Answers an `Event::Request`.
    pub fn respond(&mut self, now: Instant, id: RequestId, response: Message) {
        if let Some(tx) = self.requests.remove(&id) {
            self.server_respond(now, tx, response);
        }
    }

    /// A new INVITE of ours.
    pub fn invite(&mut self, now: Instant, invite: Invite) -> Result<SessionId, Full> {
        if self.client.len() >= self.config.transactions || self.pending >= self.config.pending {
            return Err(Full);
        }
        let session = SessionId(self.name());
        let tag = self.token();
        let call_id = self.token();
        let mut message = Box::new(Message::request(Method::Invite, invite.request_uri));
        message.push("Max-Forwards", "70");
        message.push("From", format!("{};tag={tag}", invite.from));
        message.push("To", invite.to);
        message.push("Call-ID", format!("{call_id}@{}", invite.flow.local.ip()));
        message.push("CSeq", "1 INVITE");
        message.push("Contact", invite.contact.as_str());
        message.push("Allow", wire::ALLOW);
        for (name, value) in invite.headers {
            message.push(name, value);
        }
        message.push("Content-Type", "application/sdp");
        message.body = invite.sdp;
        let credentials = invite.credentials.map(Arc::new);
        let tx = self.send_request(now, invite.flow, message, Owner::Invite(session), credentials.clone());
        self.pending += 1;
        self.sessions.insert(session, Session::calling(tx, invite.flow, invite.contact, credentials));
        Ok(session)
    }

    pub(super) fn name(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// 64 random bits in hexadecimal: tags, Call-IDs, branches (19.3 asks for 32).
    pub(super) fn token(&mut self) -> String {
        format!("{:016x}", self.entropy.u64())
    }

    pub(super) fn transmit(&mut self, flow: Flow, bytes: Vec<u8>) {
        self.out.push_back(Transmit { flow, bytes });
    }
}

/// Our Contact on a flow.
pub(super) fn contact_on(flow: &Flow) -> String {
    match flow.transport {
        Transport::Udp => format!("<sip:rappel@{}>", flow.local),
        Transport::Tcp => format!("<sip:rappel@{};transport=tcp>", flow.local),
    }
}

pub(super) type SharedCredentials = Option<Arc<Credentials>>;
