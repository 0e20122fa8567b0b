//! What a response to a request of ours leads to, or its absence; ACKs of 2xx, and challenges answered (RFC 3261 13.2.2, 14.1, 22).

use std::time::Duration;

use crate::domain::now::Instant;
use crate::sip::api::{Event, Flow, SessionId};
use crate::sip::client_tx::Reply;
use crate::sip::dialog::Dialog;
use crate::sip::digest::{self, Challenge};
use crate::sip::endpoint::io::{Owner, SessionTimer, Timer, TxId};
use crate::sip::endpoint::{Endpoint, text};
use crate::sip::message::{Message, Method};
use crate::sip::session::{MAX_EARLY, Phase};

/// Nonces that one request is tried on, all realms together.
const MAX_NONCES: usize = 4;
/// The glare timer's unit, and its ranges in units (14.1): the owner of the Call-ID waits longer.
const GLARE_UNIT: Duration = Duration::from_millis(10);
const GLARE_CALLER: std::ops::Range<u32> = 210..401;
const GLARE_CALLED: std::ops::Range<u32> = 0..201;

impl Endpoint {
    pub(super) fn on_response(&mut self, now: Instant, flow: Flow, response: Box<Message>) {
        let via = response.via();
        let Some(branch) = via.branch else { return };
        let Some(named) = text::branch_id(branch) else { return };
        let (cseq, method) = response.cseq();
        let invite = self.clients.get(&named).filter(|tx| tx.branch == branch);
        let id = match (method, invite) {
            (Method::Cancel, Some(tx)) => tx.cancel,
            (_, Some(_)) => Some(named),
            (_, None) => None,
        };
        let Some(id) = id else { return };
        let Some(tx) = self.clients.get_mut(&id) else { return };
        if tx.method() != method || tx.cseq != cseq {
            return;
        }
        match tx.on_response(&mut self.io, now, id, &response) {
            Reply::Absorbed => {}
            Reply::Provisional => self.on_provisional(now, id, &response),
            Reply::Success => self.on_success(now, id, response),
            Reply::Final => {
                if !self.answer_challenge(now, id, &flow, &response) {
                    self.on_final(now, id, response);
                }
            }
        }
    }

    fn on_provisional(&mut self, now: Instant, id: TxId, response: &Message) {
        let Some(Owner::Invite(session)) = self.clients.get(&id).map(|tx| tx.owner) else { return };
        let Some(s) = self.sessions.get_mut(&session) else { return };
        let Phase::Outgoing { provisional, cancel, .. } = &mut s.phase else { return };
        *provisional = true;
        if let Some(cancel) = cancel {
            if !cancel.sent {
                self.send_cancel(now, session);
            }
            return;
        }
        let status = response.status().unwrap_or(0);
        let to = response.to();
        // a 100 is a sign of life and opens no dialog (RFC 3261 12.1)
        if let Some(tag) = to.tag().filter(|_| status != 100) {
            if let Some(dialog) = s.early.iter_mut().find(|d| d.remote_tag == tag) {
                dialog.refresh(response);
            } else if s.early.len() < MAX_EARLY {
                s.early.push(Dialog::uac(response));
            }
        }
        self.events.push_back(Event::Provisional { session, status, sdp: text::sdp(response) });
    }

    /// A 2xx to an INVITE of ours, from a fork not heard of: ACK always; BYE where nobody wants it.
    fn on_success(&mut self, now: Instant, id: TxId, response: Box<Message>) {
        let Some(tx) = self.clients.get_mut(&id) else { return };
        let owner = std::mem::replace(&mut tx.owner, Owner::Nobody);
        tx.auth = None;
        match owner {
            Owner::Invite(session) if self.sessions.contains_key(&session) => self.on_accepted(now, id, session, response),
            Owner::Reinvite(session) if self.sessions.contains_key(&session) => self.on_reaccepted(now, id, session, &response),
            _ => {
                let mut dialog = Dialog::uac(&response);
                let Some(flow) = self.acknowledge(id, &dialog) else { return };
                let bye = dialog.next_request(Method::Bye);
                self.start_client(now, flow, Box::new(bye), Owner::Nobody, None);
            }
        }
    }

    fn on_accepted(&mut self, now: Instant, id: TxId, session: SessionId, response: Box<Message>) {
        let mut dialog = Dialog::uac(&response);
        self.acknowledge(id, &dialog);
        let Some(s) = self.sessions.get_mut(&session) else { return };
        if let Some(early) = s.early.drain(..).find(|d| d.remote_tag == dialog.remote_tag) {
            dialog.keep_order_of(&early);
        }
        s.dialog = dialog;
        let cancelled = matches!(s.phase, Phase::Outgoing { cancel: Some(_), .. });
        s.phase = Phase::Confirmed;
        if cancelled {
            self.start_bye(now, session, None);
            self.events.push_back(Event::Cancelled { session });
        } else {
            let sdp = text::sdp(&response);
            self.events.push_back(Event::Accepted { session, response, sdp });
        }
    }

    fn on_reaccepted(&mut self, now: Instant, id: TxId, session: SessionId, response: &Message) {
        let Some(s) = self.sessions.get_mut(&session) else { return };
        s.dialog.refresh(response);
        s.ours = None;
        let dialog = s.dialog.clone();
        self.acknowledge(id, &dialog);
        let status = response.status().unwrap_or(200);
        self.events.push_back(Event::Reoffered { session, status, sdp: text::sdp(response) });
        self.next_offer(now, session);
    }

    /// Sends the ACK of a 2xx, and keeps it for the 2xx's retransmissions (13.2.2.4). Gives the flow it took.
    fn acknowledge(&mut self, id: TxId, dialog: &Dialog) -> Option<Flow> {
        let random = self.entropy.u64();
        let branch_id = TxId(self.new_id());
        let tx = self.clients.get_mut(&id)?;
        let flow = dialog.flow(&tx.flow);
        let mut ack = dialog.request(Method::Ack, tx.cseq);
        ack.push_front("Via", text::via(&flow, &text::branch(branch_id, random)));
        if let Some(invite) = &tx.request {
            for name in ["Authorization", "Proxy-Authorization"] {
                for value in invite.all(name) {
                    ack.push(name, value);
                }
            }
        }
        let bytes = ack.encode();
        self.io.send(flow, bytes.clone());
        tx.acked(dialog.remote_tag.clone(), flow, bytes);
        Some(flow)
    }

    /// The final response of any request but a successful INVITE.
    fn on_final(&mut self, now: Instant, id: TxId, response: Box<Message>) {
        let Some(tx) = self.clients.get_mut(&id) else { return };
        let owner = std::mem::replace(&mut tx.owner, Owner::Nobody);
        tx.auth = None;
        let status = response.status().unwrap_or(500);
        match owner {
            Owner::Invite(session) => self.on_rejected(now, session, status, Some(response)),
            Owner::Reinvite(session) | Owner::Update(session) if matches!(status, 408 | 481) => self.lose(now, session, status == 408),
            Owner::Reinvite(session) if status == 491 => self.on_glare(now, session),
            Owner::Reinvite(session) => self.on_reoffer_refused(now, session, status),
            Owner::Update(session) => {
                if let Some(s) = self.sessions.get_mut(&session) {
                    if (200..300).contains(&status) {
                        s.dialog_mut(response.to().tag().unwrap_or("")).refresh(&response);
                    }
                    self.events.push_back(Event::Reoffered { session, status, sdp: text::sdp(&response) });
                }
            }
            Owner::Ping(session) => self.on_pong(session, Some(status)),
            Owner::Bye(session) => self.end_session(now, session),
            Owner::Request(request) => self.events.push_back(Event::Response { id: request, response: Some(response) }),
            Owner::Nobody => {}
        }
    }

    fn on_rejected(&mut self, now: Instant, session: SessionId, status: u16, response: Option<Box<Message>>) {
        let Some(Phase::Outgoing { provisional, cancel, .. }) = self.sessions.get(&session).map(|s| &s.phase) else { return };
        let provisional = *provisional || response.is_some();
        let event = match cancel {
            Some(_) => Event::Cancelled { session },
            None => Event::Rejected { session, status, response, provisional },
        };
        self.end_session(now, session);
        self.events.push_back(event);
    }

    fn on_glare(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(ours) = &mut session.ours else { return };
        ours.tx = None;
        let range = if session.caller { GLARE_CALLER } else { GLARE_CALLED };
        let units = range.start + self.entropy.u32() % (range.end - range.start);
        self.io.set(Timer::Session(id, SessionTimer::Glare), now + GLARE_UNIT * units);
    }

    fn on_reoffer_refused(&mut self, now: Instant, session: SessionId, status: u16) {
        let Some(s) = self.sessions.get_mut(&session) else { return };
        s.ours = None;
        self.events.push_back(Event::Reoffered { session, status, sdp: None });
        self.next_offer(now, session);
    }

    /// The dialog is no more at the other end (12.2.1.2); `bye` where it only stayed silent.
    fn lose(&mut self, now: Instant, id: SessionId, bye: bool) {
        match self.sessions.get(&id) {
            Some(session) if !session.is_closing() => {}
            _ => return,
        }
        if bye {
            self.start_bye(now, id, None);
        } else {
            self.end_session(now, id);
        }
        self.events.push_back(Event::Lost { session: id });
    }

    /// No final response in time, or no way to send (17.1.4).
    pub(super) fn on_client_failed(&mut self, now: Instant, id: TxId, provisional: bool) {
        let Some(tx) = self.clients.get_mut(&id) else { return };
        let owner = tx.owner;
        if tx.is_invite() {
            tx.linger(&mut self.io, now, id);
        } else {
            self.drop_client(id);
        }
        match owner {
            Owner::Invite(session) => {
                if let Some(Phase::Outgoing { provisional: heard, .. }) = self.sessions.get_mut(&session).map(|s| &mut s.phase) {
                    *heard |= provisional;
                }
                self.on_rejected(now, session, 408, None);
            }
            Owner::Reinvite(session) | Owner::Update(session) => self.lose(now, session, true),
            Owner::Ping(session) => self.on_pong(session, None),
            Owner::Bye(session) => self.end_session(now, session),
            Owner::Request(request) => self.events.push_back(Event::Response { id: request, response: None }),
            Owner::Nobody => {}
        }
    }

    /// Sends the request again with credentials: once a nonce, to the address that was asked, for the realm they are for (22.2).
    fn answer_challenge(&mut self, now: Instant, id: TxId, flow: &Flow, response: &Message) -> bool {
        let (asked, answered) = match response.status() {
            Some(401) => ("WWW-Authenticate", "Authorization"),
            Some(407) => ("Proxy-Authenticate", "Proxy-Authorization"),
            _ => return false,
        };
        let Some(tx) = self.clients.get_mut(&id) else { return false };
        let given_up = match tx.owner {
            Owner::Invite(session) => {
                matches!(self.sessions.get(&session).map(|s| &s.phase), None | Some(Phase::Outgoing { cancel: Some(_), .. }))
            }
            _ => false,
        };
        if given_up || tx.flow.remote.ip() != flow.remote.ip() {
            return false;
        }
        let Some(mut auth) = tx.auth.take() else { return false };
        let realm = auth.credentials.realm.as_deref();
        let challenge = response.all(asked).filter_map(Challenge::parse).find(|c| realm.is_none_or(|r| r == c.realm));
        let Some(challenge) = challenge else { return false };
        let tried = tx.request.as_ref().is_some_and(|r| r.get(answered).is_some());
        if auth.nonces.contains(&challenge.nonce) || (tried && !challenge.stale) || auth.nonces.len() == MAX_NONCES {
            return false;
        }
        auth.nonces.push(challenge.nonce.clone());
        let Some(mut request) = tx.request.take() else { return false };
        let (owner, method, cseq, flow) = (std::mem::replace(&mut tx.owner, Owner::Nobody), tx.method(), tx.cseq, tx.flow);
        let cseq = self.next_cseq(&request, cseq);
        let cnonce = self.random_hex();
        let credentials = &auth.credentials;
        let value =
            digest::authorization(&challenge, &credentials.username, &credentials.password, method.as_str(), request.uri(), &cnonce, 1);
        request.remove("Via");
        request.set("CSeq", format!("{cseq} {}", method.as_str()));
        request.set(answered, value);
        let new = match owner {
            Owner::Invite(id) => {
                let large = self.sessions.get(&id).and_then(|s| s.large);
                self.start_invite(now, flow, large, request, (id, Some(auth)))
            }
            _ => self.start_client(now, flow, request, owner, Some(auth)),
        };
        self.moved(owner, new);
        true
    }

    /// The CSeq after the last one of that request's dialog.
    fn next_cseq(&mut self, request: &Message, last: u32) -> u32 {
        let from = request.from();
        let session = from.tag().and_then(|tag| self.tags.get(tag)).and_then(|id| self.sessions.get_mut(id));
        match session {
            Some(session) => {
                session.dialog.local_seq = session.dialog.local_seq.max(last) + 1;
                session.dialog.local_seq
            }
            None => last + 1,
        }
    }

    /// The request of that owner goes on in another transaction.
    pub(super) fn moved(&mut self, owner: Owner, new: TxId) {
        match owner {
            Owner::Invite(id) => {
                if let Some(Phase::Outgoing { tx, .. }) = self.sessions.get_mut(&id).map(|s| &mut s.phase) {
                    *tx = new;
                }
            }
            Owner::Reinvite(id) => {
                if let Some(ours) = self.sessions.get_mut(&id).and_then(|s| s.ours.as_mut()) {
                    ours.tx = Some(new);
                }
            }
            Owner::Ping(id) => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.ping = Some(new);
                }
            }
            Owner::Update(_) | Owner::Bye(_) | Owner::Request(_) | Owner::Nobody => {}
        }
    }
}
