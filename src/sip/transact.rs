//! The transaction layers of the endpoint: sending, repeating, absorbing, giving up (RFC 3261 17, RFC 6026).

use std::time::Duration;

use crate::domain::now::Instant;

use super::api::{Event, Flow, Peer, RequestId, SessionId, Transport};
use super::client_tx::{self, ClientTx, Owner, State as ClientState};
use super::digest::Challenge;
use super::endpoint::{Endpoint, SharedCredentials};
use super::message::{Message, Method};
use super::server_tx::{self, ServerTx, State as ServerState};
use super::timers::{GIVE_UP, RING_LIMIT, T1, T2, T4, Timer, TxId};
use super::wire;

/// Extensions that we understand when a peer requires them (20.32): none yet.
const UNDERSTOOD: [&str; 0] = [];
/// Seconds after which a full table may be tried again.
const RETRY_AFTER: &str = "5";

// --- client side
impl Endpoint {
    /// Sends a request in a new transaction.
    pub(super) fn send_request(&mut self, now: Instant, flow: Flow, mut request: Box<Message>, owner: Owner, credentials: SharedCredentials) -> TxId {
        let id = TxId(self.name());
        let branch = format!("z9hG4bK{}{:x}", self.token(), id.0);
        let transport = match flow.transport {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        };
        let via = format!("SIP/2.0/{transport} {};rport;branch={branch}", flow.local);
        if request.get("Via").is_some() {
            request.replace_first("Via", via);
        } else {
            request.push_front("Via", via);
        }
        if request.get("Max-Forwards").is_none() {
            request.push("Max-Forwards", "70");
        }
        let bytes = request.encode();
        self.transmit(flow, bytes.clone());
        if flow.transport == Transport::Udp {
            self.timers.set(now + T1, Timer::ClientResend(id));
        }
        self.timers.set(now + GIVE_UP, Timer::ClientGiveUp(id));
        self.by_branch.insert(branch.clone(), id);
        let tx = ClientTx { branch, owner, state: ClientState::Calling, flow, request, bytes, interval: T1, answered_nonce: None, ack: None, credentials };
        self.client.insert(id, tx);
        id
    }

    pub(super) fn client_resend(&mut self, now: Instant, id: TxId) {
        let Some(tx) = self.client.get_mut(&id) else { return };
        let invite = tx.is_invite();
        match tx.state {
            ClientState::Calling => {}
            ClientState::Proceeding if !invite => {}
            ClientState::Proceeding | ClientState::Completed | ClientState::Accepted => return,
        }
        tx.interval = if invite { tx.interval * 2 } else { (tx.interval * 2).min(T2) };
        let (flow, bytes, interval) = (tx.flow, tx.bytes.clone(), tx.interval);
        self.timers.set(now + interval, Timer::ClientResend(id));
        self.transmit(flow, bytes);
    }

    /// Timers B, F and the ring limit, or a lost connection.
    pub(super) fn client_gave_up(&mut self, now: Instant, id: TxId) {
        let Some(tx) = self.client.get(&id) else { return };
        let provisional = match tx.state {
            ClientState::Calling => false,
            ClientState::Proceeding => true,
            ClientState::Completed | ClientState::Accepted => return,
        };
        let owner = tx.owner;
        // an INVITE that still rings is taken back; its answer is absorbed for a while
        let ringing = tx.is_invite() && provisional;
        if ringing {
            let (flow, cancel) = (tx.flow, client_tx::cancel_of(&tx.request));
            self.send_cancel(now, flow, cancel, id);
            if let Some(tx) = self.client.get_mut(&id) {
                tx.owner = Owner::Nobody;
                tx.state = ClientState::Completed;
            }
            self.timers.set(now + GIVE_UP, Timer::ClientEnd(id));
        } else {
            self.client_end(id);
        }
        self.failed(now, owner, provisional);
    }

    pub(super) fn client_end(&mut self, id: TxId) {
        if let Some(tx) = self.client.remove(&id) {
            self.by_branch.remove(&tx.branch);
        }
    }

    /// CANCEL has the branch of its INVITE, so it stands in the table under a name of its own.
    pub(super) fn send_cancel(&mut self, now: Instant, flow: Flow, cancel: Message, invite: TxId) {
        let Some(branch) = self.client.get(&invite).map(|tx| format!("{}|CANCEL", tx.branch)) else { return };
        let id = TxId(self.name());
        let bytes = cancel.encode();
        self.transmit(flow, bytes.clone());
        if flow.transport == Transport::Udp {
            self.timers.set(now + T1, Timer::ClientResend(id));
        }
        self.timers.set(now + GIVE_UP, Timer::ClientGiveUp(id));
        self.by_branch.insert(branch.clone(), id);
        let tx = ClientTx {
            branch,
            owner: Owner::Nobody,
            state: ClientState::Calling,
            flow,
            request: Box::new(cancel),
            bytes,
            interval: T1,
            answered_nonce: None,
            ack: None,
            credentials: None,
        };
        self.client.insert(id, tx);
    }

    pub(super) fn on_response(&mut self, now: Instant, response: Message) {
        let Some(branch) = response.via().branch else { return };
        let (cseq, method) = response.cseq();
        let name = if method == Method::Cancel { format!("{branch}|CANCEL") } else { branch };
        let Some(id) = self.by_branch.get(&name).copied() else { return };
        let Some(tx) = self.client.get_mut(&id) else { return };
        if tx.method() != method || tx.request.cseq().0 != cseq {
            return;
        }
        let status = response.status().unwrap_or(0);
        let invite = method == Method::Invite;
        match (tx.state, status) {
            (ClientState::Calling | ClientState::Proceeding, 100..=199) => {
                if tx.state == ClientState::Calling && invite {
                    self.timers.set(now + RING_LIMIT, Timer::ClientGiveUp(id));
                }
                tx.state = ClientState::Proceeding;
                let owner = tx.owner;
                self.progressed(now, owner, id, &response);
            }
            (ClientState::Calling | ClientState::Proceeding, 200..=299) if invite => {
                tx.state = ClientState::Accepted;
                let owner = tx.owner;
                self.timers.set(now + GIVE_UP, Timer::ClientEnd(id));
                self.invite_accepted(now, owner, id, response);
            }
            (ClientState::Accepted, 200..=299) => {
                let owner = tx.owner;
                self.invite_accepted(now, owner, id, response);
            }
            (ClientState::Calling | ClientState::Proceeding, _) if invite => {
                tx.state = ClientState::Completed;
                let (flow, ack) = (tx.flow, client_tx::ack_of(&tx.request, &response).encode());
                tx.ack = Some(ack.clone());
                self.transmit(flow, ack);
                let keep = if flow.transport == Transport::Udp { GIVE_UP } else { Duration::ZERO };
                self.timers.set(now + keep, Timer::ClientEnd(id));
                self.final_of(now, id, response);
            }
            // a 2xx after we took the INVITE back for good: it must not stand
            (ClientState::Completed, 200..=299) if invite => {
                let owner = tx.owner;
                self.invite_accepted(now, owner, id, response);
            }
            (ClientState::Completed, 300..=699) if invite => {
                let (flow, ack) = (tx.flow, tx.ack.clone().unwrap_or_else(|| client_tx::ack_of(&tx.request, &response).encode()));
                self.transmit(flow, ack);
            }
            (ClientState::Calling | ClientState::Proceeding, _) => {
                tx.state = ClientState::Completed;
                let keep = if tx.flow.transport == Transport::Udp { T4 } else { Duration::ZERO };
                self.timers.set(now + keep, Timer::ClientEnd(id));
                self.final_of(now, id, response);
            }
            (ClientState::Completed | ClientState::Accepted, _) => {}
        }
    }

    /// A final answer that is no 2xx of an INVITE: a challenge is answered once a nonce, the rest is the owner's.
    fn final_of(&mut self, now: Instant, id: TxId, response: Message) {
        let Some(tx) = self.client.get(&id) else { return };
        let owner = tx.owner;
        if matches!(response.status(), Some(401 | 407))
            && let Some(credentials) = tx.credentials.clone()
            && let Some(retry) = self.authorized(id, &response, &credentials)
        {
            let (flow, nonce, request) = retry;
            let again = self.send_request(now, flow, request, owner, Some(credentials));
            if let Some(tx) = self.client.get_mut(&again) {
                tx.answered_nonce = Some(nonce);
            }
            self.retried(owner, again);
            return;
        }
        self.finished(now, owner, response);
    }

    fn authorized(&mut self, id: TxId, response: &Message, credentials: &super::api::Credentials) -> Option<(Flow, String, Box<Message>)> {
        let cnonce = self.token();
        let tx = self.client.get(&id)?;
        let (challenges, header) = match response.status() {
            Some(401) => ("WWW-Authenticate", "Authorization"),
            _ => ("Proxy-Authenticate", "Proxy-Authorization"),
        };
        let challenge = Challenge::best(response.all(challenges))?;
        // the same nonce twice, or a second refusal that is not only stale: the password is wrong
        if tx.answered_nonce.as_ref().is_some_and(|n| *n == challenge.nonce || !challenge.stale) {
            return None;
        }
        let method = tx.method();
        let value = challenge.answer(credentials, method.as_str(), tx.request.uri(), 1, &cnonce)?;
        let mut request = tx.request.clone();
        request.set("CSeq", format!("{} {}", request.cseq().0 + 1, method.as_str()));
        request.set(header, value);
        Some((tx.flow, challenge.nonce, request))
    }
}

// --- server side
impl Endpoint {
    pub(super) fn on_request(&mut self, now: Instant, peer: Peer, flow: Flow, request: Box<Message>) {
        let Some(method) = request.method() else { return };
        let key = server_tx::key(&request, method);
        if method == Method::Ack {
            return self.on_ack(now, &key, &flow, &request);
        }
        if let Some(id) = self.by_key.get(&key).copied() {
            return self.repeated(id, flow);
        }
        if self.server.len() >= self.config.transactions || method == Method::Invite && self.pending >= self.config.pending {
            return self.overloaded(peer, flow, &request);
        }
        let in_dialog = request.to().tag().is_some();
        let merge = (!in_dialog && method != Method::Cancel).then(|| server_tx::merge_key(&request));
        if merge.as_ref().is_some_and(|m| self.merged.contains_key(m)) {
            return self.stateless(flow, &request, 482, &[]);
        }
        let id = self.open(key, method, flow, merge);
        if method == Method::Cancel {
            return self.on_cancel(now, id, &flow, &request);
        }
        let unknown: Vec<&str> = request.list("Require").into_iter().filter(|r| !UNDERSTOOD.contains(r)).collect();
        if !unknown.is_empty() {
            let mut response = self.reply(&request, 420);
            response.push("Unsupported", unknown.join(", "));
            return self.server_respond(now, id, response);
        }
        match (in_dialog, method) {
            (true, _) => self.in_dialog(now, id, &flow, method, request),
            (false, Method::Invite) => self.new_invite(now, id, peer, flow, request),
            (false, Method::Options) => {
                let mut response = self.reply(&request, 200);
                response.push("Allow", wire::ALLOW);
                response.push("Accept", "application/sdp");
                self.server_respond(now, id, response);
            }
            (false, Method::Register) => {
                let request_id = RequestId(self.name());
                self.requests.insert(request_id, id);
                self.events.push_back(Event::Request { id: request_id, peer, flow, request });
            }
            (false, Method::Bye | Method::Update | Method::Info | Method::Prack | Method::Notify) => self.answer_plain(now, id, &request, 481),
            (false, _) => self.not_allowed(now, id, &request),
        }
    }

    pub(super) fn not_allowed(&mut self, now: Instant, id: TxId, request: &Message) {
        let mut response = self.reply(request, 405);
        response.push("Allow", wire::ALLOW);
        self.server_respond(now, id, response);
    }

    fn open(&mut self, key: String, method: Method, flow: Flow, merge: Option<String>) -> TxId {
        let id = TxId(self.name());
        self.by_key.insert(key.clone(), id);
        if let Some(merge) = &merge {
            self.merged.insert(merge.clone(), id);
        }
        let invite = method == Method::Invite;
        let tx = ServerTx { key, invite, state: ServerState::Proceeding, flow, session: None, last: Vec::new(), interval: T1, merge };
        self.server.insert(id, tx);
        id
    }

    fn repeated(&mut self, id: TxId, flow: Flow) {
        if let Some(tx) = self.server.get(&id)
            && !tx.last.is_empty()
            && matches!(tx.state, ServerState::Proceeding | ServerState::Completed)
        {
            let bytes = tx.last.clone();
            self.transmit(flow, bytes);
        }
    }

    /// To the trunk never 503: operators stop sending after it (RULES row 20).
    fn overloaded(&mut self, peer: Peer, flow: Flow, request: &Message) {
        match peer {
            Peer::Trunk(_) => self.stateless(flow, request, 500, &[]),
            Peer::Phone => self.stateless(flow, request, 503, &[("Retry-After", RETRY_AFTER)]),
        }
        if request.method() == Some(Method::Invite) {
            self.events.push_back(Event::Refused { peer, request: Box::new(request.clone()) });
        }
    }

    fn stateless(&mut self, flow: Flow, request: &Message, status: u16, headers: &[(&str, &str)]) {
        let mut response = self.reply(request, status);
        for (name, value) in headers {
            response.push(name, *value);
        }
        self.transmit(flow, response.encode());
    }

    /// An answer outside any session: with a To tag of its own.
    pub(super) fn reply(&mut self, request: &Message, status: u16) -> Message {
        let tag = self.token();
        Message::reply(request, status, (status > 100).then_some(tag.as_str()))
    }

    pub(super) fn answer_plain(&mut self, now: Instant, id: TxId, request: &Message, status: u16) {
        let response = self.reply(request, status);
        self.server_respond(now, id, response);
    }

    /// Sends an answer in its transaction and moves it on.
    pub(super) fn server_respond(&mut self, now: Instant, id: TxId, response: Message) {
        let Some(tx) = self.server.get_mut(&id) else { return };
        if tx.state != ServerState::Proceeding {
            return;
        }
        let status = response.status().unwrap_or(500);
        let bytes = response.encode();
        tx.last.clone_from(&bytes);
        let (flow, invite) = (tx.flow, tx.invite);
        let udp = flow.transport == Transport::Udp;
        match status {
            100..=199 => {}
            200..=299 if invite => {
                tx.state = ServerState::Accepted;
                self.timers.set(now + GIVE_UP, Timer::ServerEnd(id));
            }
            _ => {
                tx.state = ServerState::Completed;
                if invite && udp {
                    self.timers.set(now + T1, Timer::ServerResend(id));
                }
                let keep = if invite || udp { GIVE_UP } else { Duration::ZERO };
                self.timers.set(now + keep, Timer::ServerEnd(id));
            }
        }
        self.transmit(flow, bytes);
    }

    pub(super) fn server_resend(&mut self, now: Instant, id: TxId) {
        let Some(tx) = self.server.get_mut(&id) else { return };
        if tx.state != ServerState::Completed {
            return;
        }
        tx.interval = (tx.interval * 2).min(T2);
        let (flow, bytes, interval) = (tx.flow, tx.last.clone(), tx.interval);
        self.timers.set(now + interval, Timer::ServerResend(id));
        self.transmit(flow, bytes);
    }

    pub(super) fn server_end(&mut self, id: TxId) {
        if let Some(tx) = self.server.remove(&id) {
            self.by_key.remove(&tx.key);
            if let Some(merge) = tx.merge {
                self.merged.remove(&merge);
            }
        }
    }

    fn on_ack(&mut self, now: Instant, key: &str, flow: &Flow, request: &Message) {
        if let Some(id) = self.by_key.get(key).copied()
            && let Some(tx) = self.server.get_mut(&id)
        {
            match tx.state {
                ServerState::Completed => {
                    tx.state = ServerState::Confirmed;
                    let keep = if flow.transport == Transport::Udp { T4 } else { Duration::ZERO };
                    self.timers.set(now + keep, Timer::ServerEnd(id));
                    return;
                }
                ServerState::Proceeding | ServerState::Confirmed => return,
                ServerState::Accepted => {}
            }
        }
        self.session_ack(now, flow, request);
    }

    fn on_cancel(&mut self, now: Instant, id: TxId, flow: &Flow, request: &Message) {
        let invite = server_tx::key(request, Method::Invite);
        let found = self.by_key.get(&invite).copied().filter(|tx| self.server.get(tx).is_some_and(|t| t.flow.remote.ip() == flow.remote.ip()));
        let Some(invite) = found else { return self.answer_plain(now, id, request, 481) };
        self.answer_plain(now, id, request, 200);
        let session: Option<SessionId> = self.server.get(&invite).and_then(|tx| tx.session);
        if let Some(session) = session {
            self.cancelled_by_caller(now, session, invite, request.get("Reason").map(str::to_owned));
        }
    }
}
