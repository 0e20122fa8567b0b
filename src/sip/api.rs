//! What the endpoint is given, what it reports and what it is asked: the contract with the exchange.
//!
//! The endpoint (`endpoint::Endpoint`) is one aggregate: `handle_*` in, `poll_*` out. It owns transactions, dialogs and sessions, absorbs
//! retransmissions, sends 100, ACK, and the answers that RFC 3261 leaves no choice about.

use std::net::SocketAddr;

use super::message::Message;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    Udp,
    Tcp,
}

/// Where a message came from or goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    pub transport: Transport,
    /// Our own address of that socket, as a peer can reach it (never 0.0.0.0).
    pub local: SocketAddr,
    pub remote: SocketAddr,
    /// A TCP connection the shell knows; `None` on UDP, or to open or reuse one to `remote`.
    pub connection: Option<u64>,
}

/// Who stands behind a source address, as the guard classed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// Index of the trunk in the configuration.
    Trunk(usize),
    /// From a network where phones may be; not authenticated yet.
    Phone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// A request outside a dialog that waits for our response, or one of ours that waits for theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub username: String,
    pub password: String,
    /// A challenge of another realm is not answered, when set.
    pub realm: Option<String>,
}

/// A new INVITE of ours.
#[derive(Clone, Debug)]
pub struct Invite {
    pub flow: Flow,
    pub request_uri: String,
    /// Header values without tag: `"name" <sip:…>`.
    pub from: String,
    pub to: String,
    /// `<sip:…>` that the peer reaches us by.
    pub contact: String,
    /// Further header lines (P-Asserted-Identity, Privacy…).
    pub headers: Vec<(&'static str, String)>,
    pub sdp: Vec<u8>,
    /// Answer a 401/407 with these, once a nonce.
    pub credentials: Option<Credentials>,
    /// Our TCP address, where the peer may be asked by TCP for what is too large for one datagram (RFC 3261 18.1.1).
    pub large: Option<SocketAddr>,
}

#[derive(Debug)]
pub enum Event {
    /// An INVITE outside a dialog; 100 has been sent. `offer` is its SDP body, if any.
    Invite { session: SessionId, peer: Peer, flow: Flow, request: Box<Message>, offer: Option<Vec<u8>> },
    /// A provisional of our INVITE, with the SDP it carried. A 100 is a sign of life alone.
    Provisional { session: SessionId, status: u16, sdp: Option<Vec<u8>> },
    /// Our INVITE was answered; ACK has been sent. Other forks' 2xx are ACKed and BYEd by the endpoint itself.
    Accepted { session: SessionId, response: Box<Message>, sdp: Option<Vec<u8>> },
    /// Our INVITE failed for good (after credentials were tried). `response` is `None` on time-out (timer B: no reply at all when `provisional` is
    /// false) or transport failure. The session is gone.
    Rejected { session: SessionId, status: u16, response: Option<Box<Message>>, provisional: bool },
    /// A session that we ended by `cancel` is gone: 487, another final, a crossing 200 that was ACKed and BYEd, or a time-out.
    Cancelled { session: SessionId },
    /// The caller's CANCEL; 200 and 487 have been sent, the session is gone. `reason` is its Reason header.
    Cancel { session: SessionId, reason: Option<String> },
    /// The ACK of our 2xx, with its SDP when the offer was ours.
    Acked { session: SessionId, sdp: Option<Vec<u8>> },
    /// No ACK for 64·T1. The session goes on until `bye` or the peer's BYE: the exchange decides (RULES row 9).
    NotAcked { session: SessionId },
    /// The peer's BYE; 200 has been sent, the session is gone.
    Bye { session: SessionId, request: Box<Message> },
    /// The session was lost: 481/408 to a request in it, connection gone for good. It is gone.
    Lost { session: SessionId },
    /// re-INVITE or UPDATE with an offer: answer it by `accept_offer` or `reject_offer`. `None` is a re-INVITE without offer.
    Offer { session: SessionId, sdp: Option<Vec<u8>> },
    /// Our re-INVITE or UPDATE was answered (glare 491 was retried by the endpoint).
    Reoffered { session: SessionId, status: u16, sdp: Option<Vec<u8>> },
    /// INFO in a session; 200 has been sent.
    Info { session: SessionId, content_type: String, body: Vec<u8> },
    /// REFER in a session: answer it by `respond_refer`.
    Refer { session: SessionId, request: Box<Message> },
    /// The reply to `ping` (in-dialog OPTIONS): its status, `None` on time-out of 5 s.
    Pong { session: SessionId, status: Option<u16> },
    /// REGISTER, or OPTIONS/SUBSCRIBE/… outside a dialog: answer it by `respond`.
    Request { id: RequestId, peer: Peer, flow: Flow, request: Box<Message> },
    /// An INVITE outside a dialog that the reader refused; `from` is what could be read of its caller (RULES row 21). Once a Call-ID.
    Malformed { peer: Peer, from: Option<String> },
    /// An INVITE outside a dialog that the endpoint refused by itself with this status: 500 or 503 for want of a place, else by RFC 3261 8.2. Of a trunk's
    /// once a Call-ID, and none of those that another branch brought too (482).
    Refused { peer: Peer, status: u16, request: Box<Message> },
    /// The final response to our `request`, `None` on time-out or transport failure.
    Response { id: RequestId, response: Option<Box<Message>> },
}

/// Bytes to send.
#[derive(Clone, Debug)]
pub struct Transmit {
    pub flow: Flow,
    pub bytes: Vec<u8>,
}

// The endpoint's methods (see `endpoint`), all with `now: Instant` first:
//   new(config: Config, entropy: Box<dyn Entropy>) -> Endpoint
//   handle_message(now, peer: Peer, flow: Flow, bytes: &[u8])         one datagram, or one framed message of a stream
//   handle_connection_lost(now, connection: u64, remote: SocketAddr)   closed, or never opened
//   handle_timeout(now) · poll_timeout(&self) -> Option<Instant> · poll_transmit(&mut self) -> Option<Transmit> · poll_event(&mut self) -> Option<Event>
//   invite(now, Invite) -> Result<SessionId, Full>
//   progress(now, session, status: u16, sdp: Option<Vec<u8>>)         180 or 183
//   answer(now, session, sdp: Vec<u8>)                                200, retransmitted until ACK; our Contact is added from the flow
//   refuse(now, session, status: u16, headers: Vec<(&'static str, String)>)
//   cancel(now, session, reason: Option<&str>)                        before an answer: CANCEL (waits for a provisional as 9.1 says)
//   bye(now, session, reason: Option<&str>)
//   reoffer(now, session, sdp: Vec<u8>, headers)                      re-INVITE · update(now, session, headers) UPDATE without SDP
//   accept_offer(now, session, sdp: Vec<u8>) · reject_offer(now, session, status)
//   respond_refer(now, session, status) · notify(now, session, sipfrag: &str, last: bool)
//   ping(now, session)
//   request(now, flow, Message) -> Result<RequestId, Full>            a request outside a dialog: Via, Max-Forwards added by us; the rest stands in it
//   respond(now, id, Message)                                         `Message::reply` of the request
//   counts() -> Counts                                                for metrics and for the tests of growth
