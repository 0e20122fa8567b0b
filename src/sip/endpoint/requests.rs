//! What a request of theirs leads to: retransmissions, ACK, CANCEL, INVITE, and all outside a dialog.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::domain::now::Instant;
use crate::sip::api::{Event, Flow, Peer, RequestId, SessionId};
use crate::sip::dialog::Dialog;
use crate::sip::endpoint::io::{SessionTimer, Timer, TxId};
use crate::sip::endpoint::{Endpoint, text};
use crate::sip::message::{Message, Method};
use crate::sip::server_tx::{ServerTx, key, merged_key};
use crate::sip::session::{Phase, Session};

/// How often a provisional is sent again, so that no proxy gives up (RFC 3261 13.3.1.1).
const PROVISIONAL_AGAIN: Duration = Duration::from_secs(60);
/// What an overloaded endpoint asks of a phone, in seconds.
const RETRY_AFTER: &str = "5";

/// A request of theirs, with all that its treatment needs.
pub(super) struct Inbound {
    pub method: Method,
    pub peer: Peer,
    /// Where it came from.
    pub flow: Flow,
    /// Where its responses go.
    pub back: Flow,
    pub key: String,
    pub request: Box<Message>,
}

impl Endpoint {
    /// Room for a request of theirs; those of running calls have a reserve.
    pub(super) fn has_room(&self, in_dialog: bool) -> bool {
        /// The part of the table kept for requests in a dialog.
        const RESERVE: usize = 8;
        let limit = self.config.transactions + if in_dialog { self.config.transactions / RESERVE } else { 0 };
        self.servers.len() < limit
    }

    pub(super) fn is_target_refresh(method: Method) -> bool {
        matches!(method, Method::Invite | Method::Update)
    }

    pub(super) fn on_request(&mut self, now: Instant, peer: Peer, flow: Flow, method: Method, mut request: Box<Message>) {
        let key = key(&request, method, &flow);
        if let Some(&id) = self.keys.get(&key) {
            let Some(tx) = self.servers.get_mut(&id) else { return };
            if method != Method::Ack {
                return tx.resend(&mut self.io);
            }
            if tx.on_ack(&mut self.io, now, id) {
                return;
            }
        }
        if method == Method::Ack {
            return self.on_ack(now, &flow, &request);
        }
        let via = request.via();
        let back = text::response_flow(&via, peer, &flow);
        if let Some(stamped) = text::stamped_via(&request, &via, &flow) {
            request.replace_first("Via", stamped);
        }
        let inbound = Inbound { method, peer, flow, back, key, request };
        if method == Method::Cancel {
            return self.on_cancel(now, inbound);
        }
        if let Some((status, headers)) = objection(&inbound) {
            self.refuse_stateless(&inbound, status, &headers);
            return self.tell_refused(now, inbound, status);
        }
        let in_dialog = method != Method::Register && inbound.request.to().tag().is_some();
        if !self.has_room(in_dialog) {
            return self.refuse_overloaded(now, inbound);
        }
        if in_dialog {
            self.on_in_dialog(now, inbound);
        } else {
            self.on_outside(now, inbound);
        }
    }

    fn on_outside(&mut self, now: Instant, inbound: Inbound) {
        match inbound.method {
            Method::Invite => self.on_invite(now, inbound),
            Method::Register => {
                let id = RequestId(self.new_id());
                let tx = self.new_server(now, &inbound);
                if let Some(tx) = self.servers.get_mut(&tx) {
                    tx.request = Some(id);
                }
                self.requests.insert(id, tx);
                let Inbound { peer, flow, request, .. } = inbound;
                self.events.push_back(Event::Request { id, peer, flow, request });
            }
            Method::Options => {
                let headers = [("Allow", text::ALLOW_OUTSIDE.to_owned()), ("Accept", text::SDP.to_owned())];
                self.refuse_stateless(&inbound, 200, &headers);
            }
            Method::Bye | Method::Info | Method::Update | Method::Notify => self.refuse_stateless(&inbound, 481, &[]),
            Method::Prack | Method::Refer | Method::Subscribe | Method::Message | Method::Publish | Method::Ack | Method::Cancel => {
                self.refuse_stateless(&inbound, 405, &[("Allow", text::ALLOW_OUTSIDE.to_owned())]);
            }
        }
    }

    fn on_invite(&mut self, now: Instant, inbound: Inbound) {
        let merged = merged_key(&inbound.request);
        if self.merged.contains_key(&merged) {
            return self.refuse_stateless(&inbound, 482, &[]);
        }
        if inbound.request.contact().is_none() || inbound.request.from().tag().is_none() {
            self.refuse_stateless(&inbound, 400, &[]);
            return self.tell_refused(now, inbound, 400);
        }
        if self.pending >= self.config.pending || self.sessions.len() >= self.config.sessions {
            return self.refuse_invite_overloaded(now, inbound);
        }
        let session = SessionId(self.new_id());
        let tx = self.new_server(now, &inbound);
        if let Some(server) = self.servers.get_mut(&tx) {
            server.session = Some(session);
            server.merged = Some(merged.clone());
        }
        self.merged.insert(merged, tx);
        self.respond_in(now, tx, &Message::reply(&inbound.request, 100, None));
        let tag = self.random_hex();
        self.tags.insert(tag.clone(), session);
        let Inbound { peer, flow, request, .. } = inbound;
        let dialog = Dialog::uas(&request, tag);
        let phase = Phase::Incoming { tx, invite: request.clone() };
        self.sessions.insert(session, Session::new(phase, dialog, flow, text::contact(&flow), None, false));
        self.pending += 1;
        let offer = text::sdp(&request);
        self.events.push_back(Event::Invite { session, peer, flow, request, offer });
    }

    /// CANCEL is answered by itself; only an INVITE without final response is ended by it (9.2).
    fn on_cancel(&mut self, now: Instant, inbound: Inbound) {
        let invite_key = key(&inbound.request, Method::Invite, &inbound.flow);
        let Some(&invite_tx) = self.keys.get(&invite_key) else { return self.refuse_stateless(&inbound, 481, &[]) };
        let session = self.servers.get(&invite_tx).and_then(|tx| tx.session);
        let tag = session.and_then(|s| self.sessions.get(&s)).map(|s| s.dialog.local_tag.clone());
        let id = self.new_server(now, &inbound);
        let reply = self.tagged_reply(&inbound.request, 200, tag.as_deref());
        self.respond_in(now, id, &reply);
        let Some(session) = session else { return };
        if self.cancel_reinvite(now, session, invite_tx) {
            return;
        }
        let is_initial = matches!(self.sessions.get(&session).map(|s| &s.phase), Some(Phase::Incoming { tx, .. }) if *tx == invite_tx);
        if is_initial {
            self.end_session(now, session);
            // there may be one of each protocol (RFC 3326 2)
            let reasons: Vec<&str> = inbound.request.all("Reason").collect();
            let reason = (!reasons.is_empty()).then(|| reasons.join(", "));
            self.events.push_back(Event::Cancel { session, reason });
        }
    }

    /// The caller gave up its re-INVITE: the session goes on.
    fn cancel_reinvite(&mut self, now: Instant, session: SessionId, invite_tx: TxId) -> bool {
        let Some(theirs) = self.sessions.get_mut(&session).and_then(|s| s.theirs.take_if(|t| t.tx == invite_tx)) else { return false };
        self.respond_in(now, invite_tx, &Message::reply(&theirs.request, 487, None));
        self.next_offer(now, session);
        true
    }

    /// An ACK that no transaction wanted: of a 2xx.
    fn on_ack(&mut self, now: Instant, flow: &Flow, request: &Message) {
        let (to, from) = (request.to(), request.from());
        let Some(&id) = to.tag().and_then(|tag| self.tags.get(tag)) else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if !session.is_with(request.call_id(), from.tag().unwrap_or(""), flow) {
            return;
        }
        let cseq = request.cseq().0;
        if session.unacked.as_ref().is_some_and(|u| u.cseq == cseq) {
            self.acknowledged(now, id, text::sdp(request));
        }
    }

    /// Our 2xx arrived there.
    pub(super) fn acknowledged(&mut self, now: Instant, id: SessionId, sdp: Option<Vec<u8>>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(unacked) = session.unacked.take() else { return };
        let closing = session.is_closing();
        self.io.stop(Timer::Session(id, SessionTimer::Resend2xx));
        self.io.stop(Timer::Session(id, SessionTimer::NotAcked));
        if let Some(tx) = self.servers.get_mut(&unacked.tx) {
            tx.forget_response();
        }
        if closing {
            return self.send_held_bye(now, id);
        }
        self.events.push_back(Event::Acked { session: id, sdp });
        self.next_offer(now, id);
    }

    pub(super) fn new_server(&mut self, now: Instant, inbound: &Inbound) -> TxId {
        let id = TxId(self.new_id());
        let invite = inbound.method == Method::Invite;
        self.servers.insert(id, ServerTx::new(&mut self.io, now, id, inbound.key.clone(), invite, inbound.back));
        self.keys.insert(inbound.key.clone(), id);
        id
    }

    pub(super) fn resend_provisional(&mut self, now: Instant, id: SessionId) {
        let Some(Phase::Incoming { tx, .. }) = self.sessions.get(&id).map(|s| &s.phase) else { return };
        if let Some(tx) = self.servers.get(tx) {
            tx.resend(&mut self.io);
            self.keep_provisional(now, id);
        }
    }

    pub(super) fn keep_provisional(&mut self, now: Instant, id: SessionId) {
        self.io.set(Timer::Session(id, SessionTimer::Provisional), now + PROVISIONAL_AGAIN);
    }

    /// A call that finds no place is told of, once (RULES row 20): its transaction absorbs the retransmissions.
    fn refuse_invite_overloaded(&mut self, now: Instant, inbound: Inbound) {
        let tx = self.new_server(now, &inbound);
        let reply = self.overload_reply(&inbound);
        self.respond_in(now, tx, &reply);
        let status = Self::overloaded(inbound.peer);
        self.tell_refused(now, inbound, status);
    }

    /// No transaction can be held: none is.
    fn refuse_overloaded(&mut self, now: Instant, inbound: Inbound) {
        let reply = self.overload_reply(&inbound);
        self.io.send(inbound.back, reply.encode());
        let status = Self::overloaded(inbound.peer);
        self.tell_refused(now, inbound, status);
    }

    /// A call of the trunk's that nobody will hear of otherwise.
    fn tell_refused(&mut self, now: Instant, inbound: Inbound, status: u16) {
        let Inbound { method, peer, request, .. } = inbound;
        let call = method == Method::Invite && request.to().tag().is_none();
        if call && matches!(peer, Peer::Trunk(_)) && self.told.is_news(now, request.call_id()) {
            self.events.push_back(Event::Refused { peer, status, request });
        }
    }

    fn overload_reply(&self, inbound: &Inbound) -> Message {
        let status = Self::overloaded(inbound.peer);
        let mut reply = self.tagged_reply(&inbound.request, status, None);
        if status == 503 {
            reply.push("Retry-After", RETRY_AFTER);
        }
        reply
    }

    /// A response without transaction: the same request gets the same one again, To tag included (8.2.7).
    pub(super) fn refuse_stateless(&mut self, inbound: &Inbound, status: u16, headers: &[(&'static str, String)]) {
        let mut reply = self.tagged_reply(&inbound.request, status, None);
        for (name, value) in headers {
            reply.push(name, value.as_str());
        }
        self.io.send(inbound.back, reply.encode());
    }

    /// A reply whose To tag is `tag`, or one computed from the request.
    fn tagged_reply(&self, request: &Message, status: u16, tag: Option<&str>) -> Message {
        let made = tag.is_none().then(|| {
            let mut hasher = DefaultHasher::new();
            (self.secret, request.call_id(), request.via().branch, request.cseq().0).hash(&mut hasher);
            format!("{:016x}", hasher.finish())
        });
        Message::reply(request, status, tag.or(made.as_deref()))
    }
}

/// What RFC 3261 8.2 refuses before anybody is asked.
fn objection(inbound: &Inbound) -> Option<(u16, Vec<(&'static str, String)>)> {
    let request = &inbound.request;
    let spent = request.get("Max-Forwards").is_some_and(|hops| hops.trim() == "0");
    if spent && inbound.method == Method::Invite {
        return Some((483, Vec::new()));
    }
    if inbound.method == Method::Invite && !text::accepts_sdp(request) {
        return Some((406, vec![("Accept", text::SDP.to_owned())]));
    }
    // none of the extensions that a request may require is ours: 100rel and timer are refused by their own RFCs' means (3262 3, 4028 6)
    let required = request.list("Require");
    let required: Vec<&str> = required.into_iter().map(str::trim).filter(|o| !o.is_empty()).collect();
    (!required.is_empty()).then(|| (420, vec![("Unsupported", required.join(", "))]))
}
