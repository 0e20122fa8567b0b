//! INVITE usages: one session each, from the INVITE to the BYE (RFC 3261 13–15, RFC 3311, RFC 6026).

use crate::domain::now::Instant;

use super::api::{Event, Flow, Peer, SessionId, Transport};
use super::client_tx::{self, Owner};
use super::dialog::Dialog;
use super::endpoint::{Endpoint, SharedCredentials, contact_on};
use super::message::{Message, Method};
use super::timers::{GIVE_UP, PONG_LIMIT, T1, T2, Timer, TxId};
use super::wire;

pub struct Session {
    phase: Phase,
    flow: Flow,
    contact: String,
    credentials: SharedCredentials,
    dialog: Option<Dialog>,
    /// A 2xx of ours that waits for its ACK.
    ok: Option<Unacked>,
    /// The peer's re-INVITE or UPDATE that waits for our answer.
    asked: Option<(TxId, Box<Message>)>,
    /// Our re-INVITE or UPDATE that waits for the peer's.
    asking: Option<Asking>,
    /// A REFER that waits for our answer.
    refer: Option<(TxId, Box<Message>)>,
    ping: Option<TxId>,
    /// The ACK of the last 2xx we got, by CSeq, to be repeated.
    acked: Option<(u32, Vec<u8>)>,
    generation: u32,
    /// We hung up before our 2xx was acknowledged: BYE follows the ACK (15).
    closing: Option<Option<String>>,
}

enum Phase {
    /// The peer called; no final answer yet. Our To tag.
    Incoming { tx: TxId, request: Box<Message>, tag: String },
    /// We call; no final answer yet.
    Calling { tx: TxId, provisional: bool, cancel: Cancel },
    Confirmed,
}

enum Cancel {
    No,
    /// Wanted before any provisional came (9.1).
    Wanted(Option<String>),
    Sent,
}

struct Unacked {
    bytes: Vec<u8>,
    interval: std::time::Duration,
    generation: u32,
    /// The ACK carries the answer to an offer of ours.
    cseq: u32,
}

struct Asking {
    sdp: Vec<u8>,
    headers: Vec<(&'static str, String)>,
    generation: u32,
    tries: u8,
}

/// Forks that were ended, remembered so that each gets one BYE.
const MAX_STRAYS: usize = 256;
/// A re-INVITE that meets glare is tried that often again.
const MAX_GLARE: u8 = 4;

impl Session {
    pub(super) fn calling(tx: TxId, flow: Flow, contact: String, credentials: SharedCredentials) -> Session {
        Session::new(Phase::Calling { tx, provisional: false, cancel: Cancel::No }, flow, contact, credentials)
    }

    fn new(phase: Phase, flow: Flow, contact: String, credentials: SharedCredentials) -> Session {
        Session {
            phase,
            flow,
            contact,
            credentials,
            dialog: None,
            ok: None,
            asked: None,
            asking: None,
            refer: None,
            ping: None,
            acked: None,
            generation: 0,
            closing: None,
        }
    }
}

// --- the calling side
impl Endpoint {
    /// Gives up a call of ours before its answer. `Event::Cancelled` follows.
    pub fn cancel(&mut self, now: Instant, id: SessionId, reason: Option<&str>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match &mut session.phase {
            Phase::Calling { tx, provisional, cancel: cancel @ Cancel::No } => {
                if *provisional {
                    let tx = *tx;
                    *cancel = Cancel::Sent;
                    self.cancel_now(now, tx, reason);
                } else {
                    *cancel = Cancel::Wanted(reason.map(str::to_owned));
                }
            }
            Phase::Calling { .. } => {}
            Phase::Incoming { .. } => self.refuse(now, id, 480, Vec::new()),
            Phase::Confirmed => self.bye(now, id, reason),
        }
    }

    fn cancel_now(&mut self, now: Instant, invite: TxId, reason: Option<&str>) {
        let Some(tx) = self.client.get(&invite) else { return };
        let flow = tx.flow;
        let mut cancel = client_tx::cancel_of(&tx.request);
        if let Some(reason) = reason {
            cancel.push("Reason", reason);
        }
        self.send_cancel(now, flow, cancel, invite);
        self.timers.set(now + GIVE_UP, Timer::ClientGiveUp(invite));
    }

    pub(super) fn progressed(&mut self, now: Instant, owner: Owner, invite: TxId, response: &Message) {
        let Owner::Invite(id) = owner else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Phase::Calling { provisional, cancel, .. } = &mut session.phase else { return };
        *provisional = true;
        match cancel {
            Cancel::No => {
                let status = response.status().unwrap_or(100);
                if status > 100 {
                    let sdp = sdp_of(response);
                    self.events.push_back(Event::Provisional { session: id, status, sdp });
                }
            }
            Cancel::Wanted(reason) => {
                let reason = reason.take();
                *cancel = Cancel::Sent;
                self.cancel_now(now, invite, reason.as_deref());
            }
            Cancel::Sent => {}
        }
    }

    /// A 2xx of an INVITE of ours, first or repeated, ours or another fork's.
    pub(super) fn invite_accepted(&mut self, now: Instant, owner: Owner, invite: TxId, response: Message) {
        let Some(tx) = self.client.get(&invite) else { return };
        let (flow, request) = (tx.flow, tx.request.clone());
        let id = match owner {
            Owner::Invite(id) | Owner::Reinvite(id) => id,
            Owner::Update(_) | Owner::Ping(_) | Owner::Nobody | Owner::Request(_) => return self.end_stray(now, &request, &response, flow),
        };
        let cseq = request.cseq().0;
        let Some(session) = self.sessions.get_mut(&id) else { return self.end_stray(now, &request, &response, flow) };
        let tag = response.to().tag().unwrap_or("").to_owned();
        match &mut session.phase {
            Phase::Calling { cancel: Cancel::No, .. } => {
                let mut dialog = Dialog::calling(&request, &response, flow, session.contact.clone());
                let ack = dialog.request(Method::Ack, Some(cseq));
                self.by_dialog.insert((dialog.call_id.clone(), dialog.local_tag.clone()), id);
                session.dialog = Some(dialog);
                session.phase = Phase::Confirmed;
                self.pending = self.pending.saturating_sub(1);
                self.send_ack(id, cseq, ack);
                let sdp = sdp_of(&response);
                self.events.push_back(Event::Accepted { session: id, response: Box::new(response), sdp });
            }
            // it crossed our CANCEL: acknowledged, then ended
            Phase::Calling { .. } => {
                self.end_stray(now, &request, &response, flow);
                self.remove(id);
                self.events.push_back(Event::Cancelled { session: id });
            }
            Phase::Confirmed => match &mut session.dialog {
                Some(dialog) if dialog.remote_tag == tag => {
                    if let Some((number, bytes)) = &session.acked
                        && *number == cseq
                    {
                        let bytes = bytes.clone();
                        return self.transmit(flow, bytes);
                    }
                    if let Some(contact) = response.contact() {
                        dialog.target = contact.uri;
                    }
                    let ack = dialog.request(Method::Ack, Some(cseq));
                    session.asking = None;
                    self.send_ack(id, cseq, ack);
                    let sdp = sdp_of(&response);
                    self.events.push_back(Event::Reoffered { session: id, status: response.status().unwrap_or(200), sdp });
                }
                _ => self.end_stray(now, &request, &response, flow),
            },
            Phase::Incoming { .. } => {}
        }
    }

    fn send_ack(&mut self, id: SessionId, cseq: u32, mut ack: Message) {
        let Some(session) = self.sessions.get(&id) else { return };
        let flow = session.flow;
        let via = self.via(&flow);
        ack.push_front("Via", via);
        let bytes = ack.encode();
        if let Some(session) = self.sessions.get_mut(&id) {
            session.acked = Some((cseq, bytes.clone()));
        }
        self.transmit(flow, bytes);
    }

    fn via(&mut self, flow: &Flow) -> String {
        let transport = match flow.transport {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        };
        format!("SIP/2.0/{transport} {};rport;branch=z9hG4bK{}", flow.local, self.token())
    }

    /// A 2xx that nobody wants: ACK, then BYE.
    fn end_stray(&mut self, now: Instant, request: &Message, response: &Message, flow: Flow) {
        let mut dialog = Dialog::calling(request, response, flow, contact_on(&flow));
        let mut ack = dialog.request(Method::Ack, Some(request.cseq().0));
        let via = self.via(&flow);
        ack.push_front("Via", via);
        self.transmit(flow, ack.encode());
        let key = (dialog.call_id.clone(), dialog.remote_tag.clone());
        // one BYE a stray fork, however often its 2xx comes
        if !self.strays.contains(&key) {
            if self.strays.len() >= MAX_STRAYS {
                self.strays.pop_front();
            }
            self.strays.push_back(key);
            let bye = dialog.request(Method::Bye, None);
            self.send_request(now, flow, Box::new(bye), Owner::Nobody, None);
        }
    }

    /// A final answer that is no 2xx of an INVITE.
    pub(super) fn finished(&mut self, now: Instant, owner: Owner, response: Message) {
        let status = response.status().unwrap_or(500);
        match owner {
            Owner::Invite(id) => {
                let Some(session) = self.sessions.get(&id) else { return };
                let cancelled = matches!(session.phase, Phase::Calling { cancel: Cancel::Wanted(_) | Cancel::Sent, .. });
                self.remove(id);
                self.events.push_back(match cancelled {
                    true => Event::Cancelled { session: id },
                    false => Event::Rejected { session: id, status, response: Some(Box::new(response)), provisional: true },
                });
            }
            Owner::Reinvite(id) | Owner::Update(id) => self.reoffer_refused(now, owner, id, status, response),
            Owner::Ping(id) => {
                if let Some(session) = self.sessions.get_mut(&id)
                    && session.ping.take().is_some()
                {
                    self.events.push_back(Event::Pong { session: id, status: Some(status) });
                }
            }
            Owner::Nobody => {}
            Owner::Request(id) => self.events.push_back(Event::Response { id, response: Some(Box::new(response)) }),
        }
    }

    fn reoffer_refused(&mut self, now: Instant, owner: Owner, id: SessionId, status: u16, response: Message) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match (status, &mut session.asking) {
            (491, Some(asking)) if asking.tries < MAX_GLARE && matches!(owner, Owner::Reinvite(_)) => {
                asking.tries += 1;
                let generation = asking.generation;
                // 14.1: the owner of the Call-ID waits 2.1 to 4 s, the other 0 to 2 s
                let ours = session.acked.is_some();
                let random = self.entropy.u64() % 190;
                let wait = std::time::Duration::from_millis(if ours { 2100 + 10 * random } else { 10 * random });
                self.timers.set(now + wait, Timer::Glare(id, generation));
            }
            (408 | 481, _) => {
                self.hang_up(now, id, None);
                self.events.push_back(Event::Lost { session: id });
            }
            (200..=299, _) => {
                session.asking = None;
                let sdp = sdp_of(&response);
                self.events.push_back(Event::Reoffered { session: id, status, sdp });
            }
            _ => {
                session.asking = None;
                self.events.push_back(Event::Reoffered { session: id, status, sdp: None });
            }
        }
    }

    /// A transaction of ours got no final answer.
    pub(super) fn failed(&mut self, now: Instant, owner: Owner, provisional: bool) {
        match owner {
            Owner::Invite(id) => {
                let Some(session) = self.sessions.get(&id) else { return };
                let cancelled = matches!(session.phase, Phase::Calling { cancel: Cancel::Wanted(_) | Cancel::Sent, .. });
                self.remove(id);
                self.events.push_back(match cancelled {
                    true => Event::Cancelled { session: id },
                    false => Event::Rejected { session: id, status: 408, response: None, provisional },
                });
            }
            Owner::Reinvite(id) | Owner::Update(id) => {
                if self.sessions.contains_key(&id) {
                    self.hang_up(now, id, None);
                    self.events.push_back(Event::Lost { session: id });
                }
            }
            Owner::Ping(id) => {
                if let Some(session) = self.sessions.get_mut(&id)
                    && session.ping.take().is_some()
                {
                    self.events.push_back(Event::Pong { session: id, status: None });
                }
            }
            Owner::Nobody => {}
            Owner::Request(id) => self.events.push_back(Event::Response { id, response: None }),
        }
    }

    /// A challenge was answered by a new transaction.
    pub(super) fn retried(&mut self, owner: Owner, again: TxId) {
        if let Owner::Invite(id) = owner
            && let Some(session) = self.sessions.get_mut(&id)
            && let Phase::Calling { tx, .. } = &mut session.phase
        {
            *tx = again;
        }
    }

    pub(super) fn no_pong(&mut self, id: SessionId, tx: TxId) {
        if let Some(session) = self.sessions.get_mut(&id)
            && session.ping == Some(tx)
        {
            session.ping = None;
            self.events.push_back(Event::Pong { session: id, status: None });
        }
    }
}

// --- the called side
impl Endpoint {
    pub(super) fn new_invite(&mut self, now: Instant, tx: TxId, peer: Peer, flow: Flow, request: Box<Message>) {
        if request.get("Max-Forwards").is_some_and(|h| h == "0") {
            return self.answer_plain(now, tx, &request, 483);
        }
        if request.contact().is_none_or(|c| c.uri == "*") {
            return self.answer_plain(now, tx, &request, 400);
        }
        let accept = request.list("Accept");
        if !accept.is_empty() && !accept.iter().any(|a| a.starts_with("application/sdp") || a.starts_with("*/*") || a.starts_with("application/*")) {
            return self.answer_plain(now, tx, &request, 406);
        }
        let session = SessionId(self.name());
        let tag = self.token();
        let offer = sdp_of(&request);
        if let Some(server) = self.server.get_mut(&tx) {
            server.session = Some(session);
        }
        self.server_respond(now, tx, Message::reply(&request, 100, None));
        self.pending += 1;
        let phase = Phase::Incoming { tx, request: request.clone(), tag };
        self.sessions.insert(session, Session::new(phase, flow, contact_on(&flow), None));
        self.events.push_back(Event::Invite { session, peer, flow, request, offer });
    }

    /// 180 or 183.
    pub fn progress(&mut self, now: Instant, id: SessionId, status: u16, sdp: Option<Vec<u8>>) {
        let Some(session) = self.sessions.get(&id) else { return };
        let Phase::Incoming { tx, request, tag } = &session.phase else { return };
        let mut response = Message::reply(request, status, Some(tag));
        response.push("Contact", session.contact.as_str());
        put_sdp(&mut response, sdp);
        let tx = *tx;
        self.server_respond(now, tx, response);
    }

    /// 200, repeated until the ACK.
    pub fn answer(&mut self, now: Instant, id: SessionId, sdp: Vec<u8>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Phase::Incoming { tx, request, tag } = &session.phase else { return };
        let (tx, cseq) = (*tx, request.cseq().0);
        let mut response = Message::reply(request, 200, Some(tag));
        response.push("Contact", session.contact.as_str());
        response.push("Allow", wire::ALLOW);
        put_sdp(&mut response, Some(sdp));
        let dialog = Dialog::called(request, tag, session.flow, session.contact.clone());
        self.by_dialog.insert((dialog.call_id.clone(), dialog.local_tag.clone()), id);
        session.dialog = Some(dialog);
        session.phase = Phase::Confirmed;
        self.pending = self.pending.saturating_sub(1);
        let bytes = response.encode();
        self.server_respond(now, tx, response);
        self.await_ack(now, id, bytes, cseq);
    }

    fn await_ack(&mut self, now: Instant, id: SessionId, bytes: Vec<u8>, cseq: u32) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.generation += 1;
        let generation = session.generation;
        session.ok = Some(Unacked { bytes, interval: T1, generation, cseq });
        self.timers.set(now + T1, Timer::OkResend(id, generation));
        self.timers.set(now + GIVE_UP, Timer::OkGiveUp(id, generation));
    }

    pub(super) fn ok_resend(&mut self, now: Instant, id: SessionId, generation: u32) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let flow = session.flow;
        let Some(ok) = session.ok.as_mut().filter(|ok| ok.generation == generation) else { return };
        ok.interval = (ok.interval * 2).min(T2);
        let (bytes, interval) = (ok.bytes.clone(), ok.interval);
        self.timers.set(now + interval, Timer::OkResend(id, generation));
        self.transmit(flow, bytes);
    }

    pub(super) fn ok_gave_up(&mut self, now: Instant, id: SessionId, generation: u32) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.ok.as_ref().is_none_or(|ok| ok.generation != generation) {
            return;
        }
        session.ok = None;
        match session.closing.take() {
            Some(reason) => self.hang_up(now, id, reason.as_deref()),
            None => self.events.push_back(Event::NotAcked { session: id }),
        }
    }

    /// Any final answer but a 2xx.
    pub fn refuse(&mut self, now: Instant, id: SessionId, status: u16, headers: Vec<(&'static str, String)>) {
        let Some(session) = self.sessions.get(&id) else { return };
        let Phase::Incoming { tx, request, tag } = &session.phase else { return };
        let mut response = Message::reply(request, status, Some(tag));
        for (name, value) in headers {
            response.push(name, value);
        }
        let tx = *tx;
        self.server_respond(now, tx, response);
        self.remove(id);
    }

    pub(super) fn cancelled_by_caller(&mut self, now: Instant, id: SessionId, invite: TxId, reason: Option<String>) {
        let Some(session) = self.sessions.get(&id) else { return };
        let Phase::Incoming { request, tag, .. } = &session.phase else { return };
        let response = Message::reply(request, 487, Some(tag));
        self.server_respond(now, invite, response);
        self.remove(id);
        self.events.push_back(Event::Cancel { session: id, reason });
    }

    pub(super) fn session_ack(&mut self, now: Instant, flow: &Flow, request: &Message) {
        let Some(id) = self.find(request, flow) else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(ok) = session.ok.take_if(|ok| ok.cseq == request.cseq().0) else { return };
        drop(ok);
        if let Some(reason) = session.closing.take() {
            return self.hang_up(now, id, reason.as_deref());
        }
        self.events.push_back(Event::Acked { session: id, sdp: sdp_of(request) });
    }
}

// --- in the dialog
impl Endpoint {
    /// A session whose dialog this request belongs to: Call-ID, both tags and the address it came from (THREATS 10).
    fn find(&self, request: &Message, flow: &Flow) -> Option<SessionId> {
        let key = (request.call_id().to_owned(), request.to().tag()?.to_owned());
        let id = self.by_dialog.get(&key)?;
        let session = self.sessions.get(id)?;
        let dialog = session.dialog.as_ref()?;
        (request.from().tag() == Some(dialog.remote_tag.as_str()) && session.flow.remote.ip() == flow.remote.ip()).then_some(*id)
    }

    pub(super) fn in_dialog(&mut self, now: Instant, tx: TxId, flow: &Flow, method: Method, request: Box<Message>) {
        let Some(id) = self.find(&request, flow) else { return self.answer_plain(now, tx, &request, 481) };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(dialog) = session.dialog.as_mut() else { return };
        if !dialog.takes(request.cseq().0) {
            return self.answer_plain(now, tx, &request, 500);
        }
        if session.closing.is_some() && method != Method::Bye {
            return self.answer_plain(now, tx, &request, 481);
        }
        match method {
            Method::Bye => {
                self.answer_plain(now, tx, &request, 200);
                let closing = session_closing(self.sessions.get(&id));
                self.remove(id);
                if !closing {
                    self.events.push_back(Event::Bye { session: id, request });
                }
            }
            Method::Invite | Method::Update => self.offered(now, tx, id, method, request),
            Method::Info => {
                self.answer_plain(now, tx, &request, 200);
                let content_type = request.get("Content-Type").unwrap_or("").to_owned();
                self.events.push_back(Event::Info { session: id, content_type, body: request.body.clone() });
            }
            Method::Refer => {
                session.refer = Some((tx, request.clone()));
                self.events.push_back(Event::Refer { session: id, request });
            }
            Method::Options | Method::Notify => self.answer_plain(now, tx, &request, 200),
            Method::Prack => self.answer_plain(now, tx, &request, 481),
            Method::Ack | Method::Cancel | Method::Register | Method::Subscribe | Method::Message | Method::Publish => {
                self.not_allowed(now, tx, &request);
            }
        }
    }

    fn offered(&mut self, now: Instant, tx: TxId, id: SessionId, method: Method, request: Box<Message>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let has_offer = !request.body.is_empty();
        if method == Method::Invite || has_offer {
            if session.asking.is_some() {
                return self.answer_plain(now, tx, &request, 491);
            }
            if session.asked.is_some() || method == Method::Invite && session.ok.is_some() {
                let mut response = self.reply(&request, 500);
                response.push("Retry-After", "1");
                return self.server_respond(now, tx, response);
            }
        }
        if let (Some(contact), Some(dialog)) = (request.contact(), session.dialog.as_mut()) {
            dialog.target = contact.uri;
        }
        if method == Method::Update && !has_offer {
            return self.answer_plain(now, tx, &request, 200);
        }
        let sdp = sdp_of(&request);
        session.asked = Some((tx, request.clone()));
        if method == Method::Invite {
            self.server_respond(now, tx, Message::reply(&request, 100, None));
        }
        self.events.push_back(Event::Offer { session: id, sdp });
    }

    /// Answers `Event::Offer`; on a re-INVITE without offer this is our offer, the answer comes in `Event::Acked`.
    pub fn accept_offer(&mut self, now: Instant, id: SessionId, sdp: Vec<u8>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some((tx, request)) = session.asked.take() else { return };
        let mut response = Message::reply(&request, 200, None);
        response.push("Contact", session.contact.as_str());
        put_sdp(&mut response, Some(sdp));
        let bytes = response.encode();
        self.server_respond(now, tx, response);
        if request.method() == Some(Method::Invite) {
            self.await_ack(now, id, bytes, request.cseq().0);
        }
    }

    pub fn reject_offer(&mut self, now: Instant, id: SessionId, status: u16) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some((tx, request)) = session.asked.take() else { return };
        self.server_respond(now, tx, Message::reply(&request, status, None));
    }

    pub fn respond_refer(&mut self, now: Instant, id: SessionId, status: u16) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some((tx, request)) = session.refer.take() else { return };
        let mut response = Message::reply(&request, status, None);
        response.push("Contact", session.contact.as_str());
        self.server_respond(now, tx, response);
    }

    /// The state of a transfer (RFC 3515 2.4.4).
    pub fn notify(&mut self, now: Instant, id: SessionId, sipfrag: &str, last: bool) {
        let headers = vec![
            ("Event", "refer".to_owned()),
            ("Subscription-State", if last { "terminated;reason=noresource".to_owned() } else { "active;expires=60".to_owned() }),
            ("Content-Type", "message/sipfrag;version=2.0".to_owned()),
        ];
        self.in_session(now, id, Method::Notify, headers, format!("{sipfrag}\r\n").into_bytes(), Owner::Nobody);
    }

    /// In-dialog OPTIONS; `Event::Pong` follows within 5 s.
    pub fn ping(&mut self, now: Instant, id: SessionId) {
        let tx = self.in_session(now, id, Method::Options, Vec::new(), Vec::new(), Owner::Ping(id));
        if let (Some(tx), Some(session)) = (tx, self.sessions.get_mut(&id)) {
            session.ping = Some(tx);
            self.timers.set(now + PONG_LIMIT, Timer::Pong(id, tx));
        }
    }

    /// re-INVITE with an offer.
    pub fn reoffer(&mut self, now: Instant, id: SessionId, sdp: Vec<u8>, headers: Vec<(&'static str, String)>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.generation += 1;
        session.asking = Some(Asking { sdp, headers, generation: session.generation, tries: 0 });
        self.send_reoffer(now, id);
    }

    fn send_reoffer(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get(&id) else { return };
        let Some(asking) = &session.asking else { return };
        let mut headers = asking.headers.clone();
        headers.push(("Content-Type", "application/sdp".to_owned()));
        let sdp = asking.sdp.clone();
        self.in_session(now, id, Method::Invite, headers, sdp, Owner::Reinvite(id));
    }

    pub(super) fn reoffer_again(&mut self, now: Instant, id: SessionId, generation: u32) {
        if self.sessions.get(&id).is_some_and(|s| s.asking.as_ref().is_some_and(|a| a.generation == generation)) {
            self.send_reoffer(now, id);
        }
    }

    /// UPDATE without an offer: tells who is heard now.
    pub fn update(&mut self, now: Instant, id: SessionId, headers: Vec<(&'static str, String)>) {
        self.in_session(now, id, Method::Update, headers, Vec::new(), Owner::Nobody);
    }

    fn in_session(&mut self, now: Instant, id: SessionId, method: Method, headers: Vec<(&'static str, String)>, body: Vec<u8>, owner: Owner) -> Option<TxId> {
        let session = self.sessions.get_mut(&id)?;
        let (flow, credentials) = (session.flow, session.credentials.clone());
        let mut request = Box::new(session.dialog.as_mut()?.request(method, None));
        for (name, value) in headers {
            request.push(name, value);
        }
        request.body = body;
        Some(self.send_request(now, flow, request, owner, credentials))
    }

    /// Ends an answered session (or an unanswered one, as it can be ended).
    pub fn bye(&mut self, now: Instant, id: SessionId, reason: Option<&str>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match session.phase {
            Phase::Incoming { .. } => self.refuse(now, id, 480, Vec::new()),
            Phase::Calling { .. } => self.cancel(now, id, reason),
            Phase::Confirmed if session.ok.is_some() && session.acked.is_none() => {
                if session.closing.is_none() {
                    session.closing = Some(reason.map(str::to_owned));
                }
            }
            Phase::Confirmed => self.hang_up(now, id, reason),
        }
    }

    fn hang_up(&mut self, now: Instant, id: SessionId, reason: Option<&str>) {
        let headers = reason.map(|r| ("Reason", r.to_owned())).into_iter().collect();
        self.in_session(now, id, Method::Bye, headers, Vec::new(), Owner::Nobody);
        self.remove(id);
    }

    fn remove(&mut self, id: SessionId) {
        let Some(session) = self.sessions.remove(&id) else { return };
        if !matches!(session.phase, Phase::Confirmed) {
            self.pending = self.pending.saturating_sub(1);
        }
        if let Some(dialog) = session.dialog {
            self.by_dialog.remove(&(dialog.call_id, dialog.local_tag));
        }
    }
}

fn session_closing(session: Option<&Session>) -> bool {
    session.is_some_and(|s| s.closing.is_some())
}

fn sdp_of(message: &Message) -> Option<Vec<u8>> {
    let kind = message.get("Content-Type").unwrap_or("application/sdp");
    let sdp = kind.split(';').next().is_some_and(|k| k.trim().eq_ignore_ascii_case("application/sdp"));
    (sdp && !message.body.is_empty()).then(|| message.body.clone())
}

fn put_sdp(message: &mut Message, sdp: Option<Vec<u8>>) {
    if let Some(sdp) = sdp {
        message.push("Content-Type", "application/sdp");
        message.body = sdp;
    }
}
