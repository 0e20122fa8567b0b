//! A request of ours until its final response has been absorbed (RFC 3261 17.1, RFC 6026).

use std::time::Duration;

use super::api::{Flow, RequestId, SessionId};
use super::endpoint::SharedCredentials;
use super::message::{Message, Method};

/// Who is told of the responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The session's first INVITE.
    Invite(SessionId),
    Reinvite(SessionId),
    Update(SessionId),
    Ping(SessionId),
    /// BYE, CANCEL, NOTIFY, and what ends a stray fork: nobody waits for the answer.
    Nobody,
    /// A request outside a dialog.
    Request(RequestId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Calling or Trying: nothing came yet.
    Calling,
    Proceeding,
    /// A final non-2xx came: its repetitions are absorbed (and acknowledged).
    Completed,
    /// A 2xx came: further ones are other forks' (RFC 6026).
    Accepted,
}

pub struct ClientTx {
    pub branch: String,
    pub owner: Owner,
    pub state: State,
    pub flow: Flow,
    /// Kept whole: ACK and CANCEL are made from it, a challenge is answered with it.
    pub request: Box<Message>,
    pub bytes: Vec<u8>,
    pub interval: Duration,
    /// The nonce that was answered already: the same one again is a refusal.
    pub answered_nonce: Option<String>,
    /// The ACK of a non-2xx final, to be repeated.
    pub ack: Option<Vec<u8>>,
    /// What a challenge is answered with.
    pub credentials: SharedCredentials,
}

impl ClientTx {
    pub fn method(&self) -> Method {
        self.request.method().unwrap_or(Method::Options)
    }

    pub fn is_invite(&self) -> bool {
        self.method() == Method::Invite
    }
}

/// CANCEL of an INVITE: same branch, same top Via, same CSeq number (9.1).
pub fn cancel_of(invite: &Message) -> Message {
    let mut cancel = Message::request(Method::Cancel, invite.uri());
    copy_for_hop(invite, &mut cancel);
    cancel.push("To", invite.get("To").unwrap_or(""));
    cancel.push("CSeq", format!("{} CANCEL", invite.cseq().0));
    cancel
}

/// ACK of a non-2xx final response: of the same hop and branch (17.1.1.3).
pub fn ack_of(invite: &Message, response: &Message) -> Message {
    let mut ack = Message::request(Method::Ack, invite.uri());
    copy_for_hop(invite, &mut ack);
    ack.push("To", response.get("To").unwrap_or(""));
    ack.push("CSeq", format!("{} ACK", invite.cseq().0));
    ack
}

fn copy_for_hop(from: &Message, to: &mut Message) {
    to.push("Via", from.get("Via").unwrap_or(""));
    for route in from.all("Route") {
        to.push("Route", route);
    }
    to.push("Max-Forwards", "70");
    to.push("From", from.get("From").unwrap_or(""));
    to.push("Call-ID", from.call_id());
}
