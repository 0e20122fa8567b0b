//! Commands that make, answer and end sessions, and requests outside a dialog.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::domain::now::Instant;
use crate::sip::api::{Event, Flow, Invite, RequestId, SessionId, Transport};
use crate::sip::client_tx::{Auth, ClientTx, Sending};
use crate::sip::dialog::Dialog;
use crate::sip::endpoint::io::{Owner, SessionTimer, Timer, TxId};
use crate::sip::endpoint::{Endpoint, Full, text};
use crate::sip::message::{Message, Method};
use crate::sip::session::{Bye, Cancel, Phase, Session, Unacked};
use crate::sip::timers::{T1, T1_64, double};

/// A larger request needs a transport with congestion control, the MTU of its way not being known (RFC 3261 18.1.1), in bytes.
const MAX_UDP_REQUEST: usize = 1300;
/// What our Via adds, in bytes.
const VIA: usize = 100;

impl Endpoint {
    /// Calls somebody. Ends in `Accepted`, `Rejected` or, after `cancel`, `Cancelled`.
    pub fn invite(&mut self, now: Instant, invite: Invite) -> Result<SessionId, Full> {
        if self.clients.len() >= self.config.transactions || self.sessions.len() >= self.config.sessions {
            return Err(Full);
        }
        let id = SessionId(self.new_id());
        let tag = self.random_hex();
        let call_id = format!("{}{}", self.random_hex(), self.random_hex());
        let Invite { flow, request_uri, from, to, contact, headers, sdp, credentials, large } = invite;
        let mut request = Message::request(Method::Invite, request_uri);
        request.push("Max-Forwards", "70");
        request.push("From", format!("{from};tag={tag}"));
        request.push("To", to);
        request.push("Call-ID", call_id.as_str());
        request.push("CSeq", "1 INVITE");
        request.push("Contact", contact.as_str());
        request.push("Allow", text::ALLOW);
        for (name, value) in headers {
            request.push(name, value);
        }
        if !sdp.is_empty() {
            text::put_sdp(&mut request, sdp);
        }
        let credentials = credentials.map(Arc::new);
        let auth = credentials.clone().map(|credentials| Box::new(Auth { credentials, nonces: Vec::new() }));
        let tx = self.start_invite(now, flow, large, Box::new(request), (id, auth));
        let phase = Phase::Outgoing { tx, provisional: false, cancel: None };
        self.tags.insert(tag.clone(), id);
        let session = Session::new(phase, Dialog::calling(call_id, tag, 1), flow, contact, credentials, true);
        self.sessions.insert(id, Session { large, ..session });
        Ok(id)
    }

    /// Sends an INVITE, by TCP to `large` where it is too large for one datagram whose way is not known (18.1.1).
    pub(super) fn start_invite(
        &mut self,
        now: Instant,
        flow: Flow,
        large: Option<SocketAddr>,
        request: Box<Message>,
        (id, auth): (SessionId, Option<Box<Auth>>),
    ) -> TxId {
        let flow = match large {
            Some(local) if flow.transport == Transport::Udp && request.encode().len() + VIA > MAX_UDP_REQUEST => {
                Flow { transport: Transport::Tcp, local, connection: None, ..flow }
            }
            Some(_) | None => flow,
        };
        self.start_client(now, flow, request, Owner::Invite(id), auth)
    }

    /// The TCP that a large INVITE was sent by is not to be had: the same by UDP, as to a peer that never heard of TCP (18.1.1). False when it was not that.
    pub(super) fn fall_back_to_udp(&mut self, now: Instant, id: TxId) -> bool {
        let Some(tx) = self.clients.get_mut(&id) else { return false };
        let (Owner::Invite(session), Transport::Tcp, false) = (tx.owner, tx.flow.transport, tx.is_proceeding()) else { return false };
        let Some(s) = self.sessions.get_mut(&session).filter(|s| s.flow.transport == Transport::Udp) else { return false };
        s.large = None;
        let (flow, auth) = (s.flow, tx.auth.take());
        let Some(mut request) = tx.request.take() else { return false };
        request.remove("Via");
        self.drop_client(id);
        let new = self.start_client(now, flow, request, Owner::Invite(session), auth);
        self.moved(Owner::Invite(session), new);
        true
    }

    /// Tells the caller 180 or 183, with a session description where there is sound before the answer.
    pub fn progress(&mut self, now: Instant, id: SessionId, status: u16, sdp: Option<Vec<u8>>) {
        let Some(session) = self.sessions.get(&id) else { return };
        let Phase::Incoming { tx, invite } = &session.phase else { return };
        let tx = *tx;
        let mut reply = Message::reply(invite, status, Some(&session.dialog.local_tag));
        reply.push("Contact", session.contact.as_str());
        reply.push("Allow", text::ALLOW);
        if let Some(sdp) = sdp {
            text::put_sdp(&mut reply, sdp);
        }
        self.respond_in(now, tx, &reply);
        self.keep_provisional(now, id);
    }

    /// Answers the caller: 200, sent again until its ACK comes.
    pub fn answer(&mut self, now: Instant, id: SessionId, sdp: Vec<u8>) {
        let Some((tx, invite)) = self.take_incoming(id) else { return };
        self.accept(now, id, tx, &invite, sdp);
    }

    /// Sends a 200 to an INVITE, first or later, and waits for its ACK (13.3.1.4).
    pub(super) fn accept(&mut self, now: Instant, id: SessionId, tx: TxId, invite: &Message, sdp: Vec<u8>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let offered = text::sdp(invite).is_none();
        let initial = invite.to().tag().is_none();
        let mut reply = Message::reply(invite, 200, Some(&session.dialog.local_tag));
        reply.push("Contact", session.contact.as_str());
        reply.push("Allow", text::ALLOW);
        text::put_sdp(&mut reply, sdp);
        session.unacked = Some(Unacked { tx, cseq: invite.cseq().0, interval: T1, offered, initial });
        self.respond_in(now, tx, &reply);
        self.io.set(Timer::Session(id, SessionTimer::Resend2xx), now + T1);
        self.io.set(Timer::Session(id, SessionTimer::NotAcked), now + T1_64);
    }

    pub(super) fn resend_2xx(&mut self, now: Instant, id: SessionId) {
        let Some(unacked) = self.sessions.get_mut(&id).and_then(|s| s.unacked.as_mut()) else { return };
        unacked.interval = double(unacked.interval);
        let (tx, interval) = (unacked.tx, unacked.interval);
        if let Some(tx) = self.servers.get(&tx) {
            tx.resend(&mut self.io);
            self.io.set(Timer::Session(id, SessionTimer::Resend2xx), now + interval);
        }
    }

    pub(super) fn on_not_acked(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.unacked = None;
        self.io.stop(Timer::Session(id, SessionTimer::Resend2xx));
        if session.is_closing() {
            return self.send_held_bye(now, id);
        }
        self.events.push_back(Event::NotAcked { session: id });
        self.next_offer(now, id);
    }

    /// Refuses the caller with a final status of 300 or more. The session is gone.
    pub fn refuse(&mut self, now: Instant, id: SessionId, status: u16, headers: Vec<(&'static str, String)>) {
        let Some((tx, invite)) = self.take_incoming(id) else { return };
        let tag = self.sessions.get(&id).map(|s| s.dialog.local_tag.clone());
        let mut reply = Message::reply(&invite, status, tag.as_deref());
        for (name, value) in headers {
            reply.push(name, value);
        }
        self.respond_in(now, tx, &reply);
        self.end_session(now, id);
    }

    /// Gives up an INVITE of ours; `Cancelled` says when it is over. CANCEL leaves after a provisional only (9.1). An answered one gets BYE.
    pub fn cancel(&mut self, now: Instant, id: SessionId, reason: Option<&str>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match &mut session.phase {
            Phase::Outgoing { cancel: Some(_), .. } | Phase::Incoming { .. } | Phase::Closing { .. } => {}
            Phase::Outgoing { provisional, cancel, .. } => {
                *cancel = Some(Cancel { reason: reason.map(str::to_owned), sent: false });
                if *provisional {
                    self.send_cancel(now, id);
                }
            }
            Phase::Confirmed => {
                self.bye(now, id, reason);
                self.events.push_back(Event::Cancelled { session: id });
            }
        }
    }

    pub(super) fn send_cancel(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Phase::Outgoing { tx, cancel: Some(cancel), .. } = &mut session.phase else { return };
        cancel.sent = true;
        let invite = *tx;
        let reason = cancel.reason.clone();
        let cancel_id = TxId(self.new_id());
        let Some(tx) = self.clients.get_mut(&invite) else { return };
        let Some(mut request) = tx.twin(Method::Cancel) else { return };
        if let Some(reason) = reason {
            request.push("Reason", reason);
        }
        tx.cancel = Some(cancel_id);
        let (flow, branch) = (tx.flow, tx.branch.clone());
        let sending = Sending { flow, branch, owner: Owner::Nobody, auth: None };
        let cancel_tx = ClientTx::start(&mut self.io, now, cancel_id, Box::new(request), sending);
        self.clients.insert(cancel_id, cancel_tx);
        self.io.set(Timer::Session(id, SessionTimer::Cancelled), now + T1_64);
    }

    /// No final response in 64·T1 after CANCEL: the INVITE counts as cancelled (9.1).
    pub(super) fn on_cancel_unanswered(&mut self, now: Instant, id: SessionId) {
        if matches!(self.sessions.get(&id).map(|s| &s.phase), Some(Phase::Outgoing { .. })) {
            self.end_session(now, id);
            self.events.push_back(Event::Cancelled { session: id });
        }
    }

    /// Ends the session, which is gone for the caller of this. Before an answer it refuses (480) or cancels.
    pub fn bye(&mut self, now: Instant, id: SessionId, reason: Option<&str>) {
        match self.sessions.get(&id).map(|s| &s.phase) {
            Some(Phase::Incoming { .. }) => self.refuse(now, id, 480, Vec::new()),
            Some(Phase::Outgoing { .. }) => self.cancel(now, id, reason),
            Some(Phase::Confirmed) => self.start_bye(now, id, reason),
            Some(Phase::Closing { .. }) | None => {}
        }
    }

    /// BYE now, or when the ACK of our first 2xx has come (RFC 3261 15).
    pub(super) fn start_bye(&mut self, now: Instant, id: SessionId, reason: Option<&str>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.phase = Phase::Closing { bye: Some(Bye { reason: reason.map(str::to_owned) }) };
        if !session.unacked.as_ref().is_some_and(|u| u.initial) {
            self.send_held_bye(now, id);
        }
    }

    pub(super) fn send_held_bye(&mut self, now: Instant, id: SessionId) {
        self.settle(now, id);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Phase::Closing { bye } = &mut session.phase else { return };
        let Some(Bye { reason }) = bye.take() else { return };
        let mut request = session.dialog.next_request(Method::Bye);
        if let Some(reason) = reason {
            request.push("Reason", reason);
        }
        self.start_in_session(now, id, request, Owner::Bye(id));
    }

    /// Sends a request outside a dialog. Via and Max-Forwards are ours, all else stands in it.
    pub fn request(&mut self, now: Instant, flow: Flow, mut message: Message) -> Result<RequestId, Full> {
        if self.clients.len() >= self.config.transactions {
            return Err(Full);
        }
        let id = RequestId(self.new_id());
        if message.get("Max-Forwards").is_none() {
            message.push("Max-Forwards", "70");
        }
        self.start_client(now, flow, Box::new(message), Owner::Request(id), None);
        Ok(id)
    }

    /// Answers an `Event::Request`; a final status closes it.
    pub fn respond(&mut self, now: Instant, id: RequestId, response: Message) {
        let Some(&tx) = self.requests.get(&id) else { return };
        if response.status().is_some_and(|s| s >= 200) {
            self.requests.remove(&id);
            if let Some(tx) = self.servers.get_mut(&tx) {
                tx.request = None;
            }
        }
        self.respond_in(now, tx, &response);
    }
}
