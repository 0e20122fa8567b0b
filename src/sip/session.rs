//! One INVITE usage: its phase, its open offers, its unacknowledged 2xx. The endpoint drives it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::sip::api::{Credentials, Flow};
use crate::sip::dialog::Dialog;
use crate::sip::endpoint::io::TxId;
use crate::sip::message::Message;

/// RFC 3261 19.1.2.
pub(super) const SIP_PORT: u16 = 5060;
/// Early dialogs kept of one INVITE; a further fork's requests get 481.
pub(super) const MAX_EARLY: usize = 8;

pub(super) enum Phase {
    /// Their INVITE waits for our final response.
    Incoming {
        tx: TxId,
        invite: Box<Message>,
    },
    /// Our INVITE waits for theirs.
    Outgoing {
        tx: TxId,
        provisional: bool,
        cancel: Option<Cancel>,
    },
    Confirmed,
    /// Over for the exchange: our BYE waits for the ACK of our 2xx, or for its response. `bye` is `None` when it has been sent.
    Closing {
        bye: Option<Bye>,
    },
}

/// The exchange gave up an INVITE of ours.
pub(super) struct Cancel {
    pub reason: Option<String>,
    /// CANCEL has been sent (only after a provisional, RFC 3261 9.1).
    pub sent: bool,
}

/// A BYE that may not leave yet (RFC 3261 15).
pub(super) struct Bye {
    pub reason: Option<String>,
}

/// A re-INVITE of ours: open, or waiting for its turn.
pub(super) struct Offer {
    pub sdp: Vec<u8>,
    pub headers: Vec<(&'static str, String)>,
}

pub(super) struct Ours {
    /// `None` while the glare timer runs.
    pub tx: Option<TxId>,
    pub offer: Offer,
}

/// An offer of theirs that waits for our answer.
pub(super) struct Theirs {
    pub tx: TxId,
    pub request: Box<Message>,
}

/// A 2xx of ours to an INVITE, not acknowledged yet (RFC 3261 13.3.1.4).
pub(super) struct Unacked {
    pub tx: TxId,
    pub cseq: u32,
    pub interval: Duration,
    /// The 2xx carried our offer: the ACK carries the answer.
    pub offered: bool,
    pub initial: bool,
}

pub(super) struct Session {
    pub phase: Phase,
    pub dialog: Dialog,
    /// Early dialogs of an INVITE of ours, one for each fork.
    pub early: Vec<Dialog>,
    /// The peer, as far as addresses tell.
    pub peer: IpAddr,
    pub flow: Flow,
    /// Our Contact.
    pub contact: String,
    pub credentials: Option<Arc<Credentials>>,
    /// Our TCP address for an INVITE too large for UDP, until TCP fails.
    pub large: Option<SocketAddr>,
    /// We made the Call-ID (RFC 3261 14.1: who waits longer after glare).
    pub caller: bool,
    pub ours: Option<Ours>,
    pub queued: Option<Offer>,
    pub theirs: Option<Theirs>,
    pub unacked: Option<Unacked>,
    pub refer: Option<(TxId, Box<Message>)>,
    pub ping: Option<TxId>,
}

impl Session {
    pub fn new(phase: Phase, dialog: Dialog, flow: Flow, contact: String, credentials: Option<Arc<Credentials>>, caller: bool) -> Session {
        Session {
            phase,
            dialog,
            early: Vec::new(),
            peer: flow.remote.ip(),
            flow,
            contact,
            credentials,
            large: None,
            caller,
            ours: None,
            queued: None,
            theirs: None,
            unacked: None,
            refer: None,
            ping: None,
        }
    }

    /// A request with these names, from this address, belongs here.
    pub fn is_with(&self, call_id: &str, remote_tag: &str, from: &Flow) -> bool {
        let known = match self.phase {
            Phase::Outgoing { .. } => self.early.iter().any(|d| d.remote_tag == remote_tag),
            _ => self.dialog.remote_tag == remote_tag,
        };
        known && self.peer == from.remote.ip() && self.dialog.call_id == call_id
    }

    /// The dialog of that fork.
    pub fn dialog_mut(&mut self, remote_tag: &str) -> &mut Dialog {
        match self.phase {
            Phase::Outgoing { .. } => self.early.iter_mut().find(|d| d.remote_tag == remote_tag).unwrap_or(&mut self.dialog),
            _ => &mut self.dialog,
        }
    }

    /// Nothing of the INVITE usage is open in either direction, so a re-INVITE may leave (RFC 3261 14.1).
    pub fn may_offer(&self) -> bool {
        matches!(self.phase, Phase::Confirmed) && self.ours.is_none() && self.theirs.is_none() && self.unacked.is_none()
    }

    pub fn is_confirmed(&self) -> bool {
        matches!(self.phase, Phase::Confirmed)
    }

    pub fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing { .. })
    }
}
