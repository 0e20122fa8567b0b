//! Commands inside a session: re-INVITE, UPDATE, answers to theirs, REFER and its NOTIFY, OPTIONS as a sign of life.

use std::time::Duration;

use crate::domain::now::Instant;
use crate::sip::api::{Event, SessionId};
use crate::sip::endpoint::io::{Owner, SessionTimer, Timer};
use crate::sip::endpoint::{Endpoint, text};
use crate::sip::message::{Message, Method};
use crate::sip::session::{Offer, Ours, Phase};

/// How long a phone has to answer a `ping` (RULES row 19).
const PING: Duration = Duration::from_secs(5);
/// How long the implicit subscription of a REFER lives without news, in seconds (RFC 3515 2.4.4).
const REFER_EXPIRES: u32 = 180;

impl Endpoint {
    /// A re-INVITE. Where another offer or an ACK is open it waits for its turn; a further one then takes its place. `Reoffered` tells the result.
    pub fn reoffer(&mut self, now: Instant, id: SessionId, sdp: Vec<u8>, headers: Vec<(&'static str, String)>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if !session.is_closing() {
            session.queued = Some(Offer { sdp, headers });
            self.next_offer(now, id);
        }
    }

    /// Sends the re-INVITE that waits, when nothing is in its way.
    pub(super) fn next_offer(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if !session.may_offer() {
            return;
        }
        let Some(offer) = session.queued.take() else { return };
        let mut request = session.dialog.next_request(Method::Invite);
        request.push("Contact", session.contact.as_str());
        request.push("Allow", text::ALLOW);
        for (name, value) in &offer.headers {
            request.push(name, value.as_str());
        }
        text::put_sdp(&mut request, offer.sdp.clone());
        let tx = self.start_in_session(now, id, request, Owner::Reinvite(id));
        if let Some(session) = self.sessions.get_mut(&id) {
            session.ours = Some(Ours { tx, offer });
        }
    }

    /// The glare timer is over: the same offer again, unless a newer one waits.
    pub(super) fn on_glare_over(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if let Some(ours) = session.ours.take() {
            session.queued.get_or_insert(ours.offer);
            self.next_offer(now, id);
        }
    }

    /// UPDATE without session description (RFC 3311): who is heard. `Reoffered` tells its status.
    pub fn update(&mut self, now: Instant, id: SessionId, headers: Vec<(&'static str, String)>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let confirmed = session.is_confirmed();
        let dialog = match session.phase {
            Phase::Outgoing { .. } => match session.early.first_mut() {
                Some(dialog) => dialog,
                None => return,
            },
            Phase::Closing { .. } => return,
            Phase::Incoming { .. } | Phase::Confirmed => &mut session.dialog,
        };
        let mut request = dialog.next_request(Method::Update);
        request.push("Contact", session.contact.as_str());
        for (name, value) in headers {
            request.push(name, value);
        }
        if confirmed {
            self.start_in_session(now, id, request, Owner::Update(id));
        } else {
            let flow = dialog.flow(&session.flow);
            self.start_client(now, flow, Box::new(request), Owner::Update(id), None);
        }
    }

    /// Answers an `Offer` with 200.
    pub fn accept_offer(&mut self, now: Instant, id: SessionId, sdp: Vec<u8>) {
        let Some(theirs) = self.sessions.get_mut(&id).and_then(|s| s.theirs.take()) else { return };
        if theirs.request.method() == Some(Method::Invite) {
            return self.accept(now, id, theirs.tx, &theirs.request, sdp);
        }
        let mut reply = Message::reply(&theirs.request, 200, None);
        if let Some(session) = self.sessions.get(&id) {
            reply.push("Contact", session.contact.as_str());
        }
        text::put_sdp(&mut reply, sdp);
        self.respond_in(now, theirs.tx, &reply);
        self.next_offer(now, id);
    }

    /// Refuses an `Offer`: what was agreed before stands (RFC 3261 14.2).
    pub fn reject_offer(&mut self, now: Instant, id: SessionId, status: u16) {
        let Some(theirs) = self.sessions.get_mut(&id).and_then(|s| s.theirs.take()) else { return };
        self.respond_in(now, theirs.tx, &Message::reply(&theirs.request, status, None));
        self.next_offer(now, id);
    }

    /// Answers a `Refer`: 202, or a refusal.
    pub fn respond_refer(&mut self, now: Instant, id: SessionId, status: u16) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some((tx, request)) = session.refer.take() else { return };
        let mut reply = Message::reply(&request, status, None);
        if (200..300).contains(&status) {
            reply.push("Contact", session.contact.as_str());
        }
        self.respond_in(now, tx, &reply);
    }

    /// Tells the transferor how its transfer stands: `sipfrag` is a status line ("SIP/2.0 200 OK"), `last` ends the subscription (RFC 3515 2.4.4).
    pub fn notify(&mut self, now: Instant, id: SessionId, sipfrag: &str, last: bool) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if !session.is_confirmed() {
            return;
        }
        let mut request = session.dialog.next_request(Method::Notify);
        request.push("Contact", session.contact.as_str());
        request.push("Event", "refer");
        let state = if last { "terminated;reason=noresource".to_owned() } else { format!("active;expires={REFER_EXPIRES}") };
        request.push("Subscription-State", state);
        request.push("Content-Type", "message/sipfrag;version=2.0");
        request.body = format!("{sipfrag}\r\n").into_bytes();
        self.start_in_session(now, id, request, Owner::Nobody);
    }

    /// Asks whether the other end still knows the dialog; `Pong` tells.
    pub fn ping(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if !session.is_confirmed() || session.ping.is_some() {
            return;
        }
        let mut request = session.dialog.next_request(Method::Options);
        request.push("Accept", text::SDP);
        let tx = self.start_in_session(now, id, request, Owner::Ping(id));
        if let Some(session) = self.sessions.get_mut(&id) {
            session.ping = tx;
        }
        self.io.set(Timer::Session(id, SessionTimer::Ping), now + PING);
    }

    pub(super) fn on_pong(&mut self, id: SessionId, status: Option<u16>) {
        if let Some(session) = self.sessions.get_mut(&id)
            && session.ping.take().is_some()
        {
            self.io.stop(Timer::Session(id, SessionTimer::Ping));
            self.events.push_back(Event::Pong { session: id, status });
        }
    }

    /// Too late: the reply, if it comes, is nobody's.
    pub(super) fn on_ping_unanswered(&mut self, id: SessionId) {
        if let Some(tx) = self.sessions.get(&id).and_then(|s| s.ping)
            && let Some(tx) = self.clients.get_mut(&tx)
        {
            tx.owner = Owner::Nobody;
        }
        self.on_pong(id, None);
    }
}
