//! Requests of theirs in a dialog (RFC 3261 12.2.2, 14.2, 15.1.2; RFC 3311; RFC 6086; RFC 3515).

use crate::domain::now::Instant;
use crate::sip::api::{Event, Flow, SessionId};
use crate::sip::endpoint::requests::Inbound;
use crate::sip::endpoint::{Endpoint, text};
use crate::sip::message::{Message, Method};
use crate::sip::session::{Phase, Theirs};

/// Longest Retry-After of an overlapping offer, in seconds (14.2).
const MAX_RETRY_AFTER: u32 = 10;

impl Endpoint {
    pub(super) fn on_in_dialog(&mut self, now: Instant, inbound: Inbound) {
        let Some(id) = self.find_session(&inbound.request, &inbound.flow) else { return self.refuse_stateless(&inbound, 481, &[]) };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let method = inbound.method;
        if session.is_closing() && method != Method::Bye {
            return self.refuse_stateless(&inbound, 481, &[]);
        }
        let from = inbound.request.from();
        let dialog = session.dialog_mut(from.tag().unwrap_or(""));
        if !dialog.takes(inbound.request.cseq().0) {
            return self.refuse_stateless(&inbound, 500, &[]);
        }
        if Self::is_target_refresh(method) {
            dialog.refresh(&inbound.request);
        }
        if session.is_confirmed() && session.flow.transport == inbound.flow.transport {
            // the port of a phone's NAT, or a new connection of it
            session.flow = Flow { local: session.flow.local, ..inbound.flow };
        }
        match method {
            Method::Bye => self.on_bye(now, id, inbound),
            Method::Invite => self.on_reinvite(now, id, inbound),
            Method::Update => self.on_update(now, id, inbound),
            Method::Options => {
                let headers = [("Allow", text::ALLOW.to_owned()), ("Accept", text::SDP.to_owned())];
                self.reply_at_once(now, &inbound, 200, &headers);
            }
            Method::Info => self.on_info(now, id, inbound),
            Method::Refer => self.on_refer(now, id, inbound),
            // no subscription of ours is ever open (RFC 6665 4.1.3); 481 could be taken for the session's end
            Method::Notify => self.reply_at_once(now, &inbound, 489, &[]),
            Method::Ack | Method::Cancel | Method::Register | Method::Prack | Method::Subscribe | Method::Message | Method::Publish => {
                self.reply_at_once(now, &inbound, 405, &[("Allow", text::ALLOW.to_owned())]);
            }
        }
    }

    /// By Call-ID, both tags and the peer's address.
    fn find_session(&self, request: &Message, flow: &Flow) -> Option<SessionId> {
        let (to, from) = (request.to(), request.from());
        let id = *self.tags.get(to.tag()?)?;
        let session = self.sessions.get(&id)?;
        session.is_with(request.call_id(), from.tag().unwrap_or(""), flow).then_some(id)
    }

    fn reply_at_once(&mut self, now: Instant, inbound: &Inbound, status: u16, headers: &[(&'static str, String)]) {
        let tx = self.new_server(now, inbound);
        let mut reply = Message::reply(&inbound.request, status, None);
        for (name, value) in headers {
            reply.push(name, value.as_str());
        }
        self.respond_in(now, tx, &reply);
    }

    fn on_bye(&mut self, now: Instant, id: SessionId, inbound: Inbound) {
        self.reply_at_once(now, &inbound, 200, &[]);
        match self.sessions.get(&id).map(|s| &s.phase) {
            // it crossed ours, whose response ends the session; one that still waited for an ACK need not be sent any more
            Some(Phase::Closing { bye: None }) | None => {}
            Some(Phase::Closing { bye: Some(_) }) => self.end_session(now, id),
            Some(Phase::Outgoing { .. }) => self.on_early_bye(now, id),
            Some(Phase::Incoming { .. } | Phase::Confirmed) => {
                self.end_session(now, id);
                self.events.push_back(Event::Bye { session: id, request: inbound.request });
            }
        }
    }

    /// The called side ended a dialog whose 2xx never reached us.
    fn on_early_bye(&mut self, now: Instant, id: SessionId) {
        let cancelled = matches!(self.sessions.get(&id).map(|s| &s.phase), Some(Phase::Outgoing { cancel: Some(_), .. }));
        self.end_session(now, id);
        self.events.push_back(if cancelled {
            Event::Cancelled { session: id }
        } else {
            Event::Rejected { session: id, status: 487, response: None, provisional: true }
        });
    }

    fn on_info(&mut self, now: Instant, id: SessionId, inbound: Inbound) {
        self.reply_at_once(now, &inbound, 200, &[]);
        let request = *inbound.request;
        let content_type = request.get("Content-Type").unwrap_or_default().to_owned();
        self.events.push_back(Event::Info { session: id, content_type, body: request.body });
    }

    fn on_refer(&mut self, now: Instant, id: SessionId, inbound: Inbound) {
        let Some(session) = self.sessions.get(&id) else { return };
        if session.refer.is_some() || !session.is_confirmed() {
            let headers = self.retry_after();
            return self.reply_at_once(now, &inbound, 500, &headers);
        }
        let tx = self.new_server(now, &inbound);
        let request = inbound.request;
        if let Some(session) = self.sessions.get_mut(&id) {
            session.refer = Some((tx, request.clone()));
        }
        self.events.push_back(Event::Refer { session: id, request });
    }

    fn on_reinvite(&mut self, now: Instant, id: SessionId, inbound: Inbound) {
        let Some(session) = self.sessions.get(&id) else { return };
        let glare = session.ours.as_ref().is_some_and(|o| o.tx.is_some()) || matches!(session.phase, Phase::Outgoing { .. });
        let overlaps = session.theirs.is_some() || matches!(session.phase, Phase::Incoming { .. });
        let unacked = session.unacked.as_ref().map(|u| u.offered);
        if glare || unacked == Some(true) {
            return self.reply_at_once(now, &inbound, 491, &[]);
        }
        if overlaps {
            let headers = self.retry_after();
            return self.reply_at_once(now, &inbound, 500, &headers);
        }
        if unacked.is_some() {
            // it goes on from our 2xx, so that has arrived; its ACK is lost or late
            self.acknowledged(now, id, None);
        }
        self.take_offer(now, id, inbound);
    }

    fn on_update(&mut self, now: Instant, id: SessionId, inbound: Inbound) {
        let Some(session) = self.sessions.get(&id) else { return };
        if inbound.request.body.is_empty() {
            let contact = [("Contact", session.contact.clone())];
            return self.reply_at_once(now, &inbound, 200, &contact);
        }
        let glare = session.ours.as_ref().is_some_and(|o| o.tx.is_some()) || matches!(session.phase, Phase::Outgoing { .. });
        let overlaps = session.theirs.is_some() || matches!(session.phase, Phase::Incoming { .. });
        if glare || session.unacked.as_ref().is_some_and(|u| u.offered) {
            return self.reply_at_once(now, &inbound, 491, &[]);
        }
        if overlaps {
            let headers = self.retry_after();
            return self.reply_at_once(now, &inbound, 500, &headers);
        }
        self.take_offer(now, id, inbound);
    }

    fn take_offer(&mut self, now: Instant, id: SessionId, inbound: Inbound) {
        let tx = self.new_server(now, &inbound);
        if let Some(server) = self.servers.get_mut(&tx) {
            server.session = Some(id);
        }
        if inbound.method == Method::Invite {
            self.respond_in(now, tx, &Message::reply(&inbound.request, 100, None));
        }
        let sdp = text::sdp(&inbound.request);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.theirs = Some(Theirs { tx, request: inbound.request });
        }
        self.events.push_back(Event::Offer { session: id, sdp });
    }

    fn retry_after(&mut self) -> [(&'static str, String); 1] {
        [("Retry-After", (self.entropy.u32() % (MAX_RETRY_AFTER + 1)).to_string())]
    }
}
