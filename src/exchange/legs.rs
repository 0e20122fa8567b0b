//! The legs of running calls: which SIP sessions and which relay port stand behind each `LegId`. Holds no rule.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use crate::domain::call::{Extension, LegId};
use crate::sip::api::SessionId;
use crate::sip::sdp::Description;

use super::keys::Keys;

/// Legs that we opened for an incoming INVITE have this bit; those the switchboard names do not.
const OURS: u64 = 1 << 63;

/// Which side of us a leg is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    Trunk(usize),
    Phone(Extension),
}

/// The leg's media: our port, and what was agreed.
#[derive(Clone, Debug)]
pub struct LegMedia {
    /// Our RTP address, as the peer reaches it.
    pub local: SocketAddr,
    /// `o=` session id and the version of our last description (RFC 3264 5).
    pub id: u64,
    pub version: u64,
    /// The peer's last description.
    pub remote: Option<Description>,
    /// An offer of ours waits for its answer in an ACK or a response.
    pub offered: bool,
    /// Sound came in since the last description.
    pub heard: bool,
}

#[derive(Clone, Debug)]
pub struct Leg {
    pub side: Side,
    /// Of a called phone with several contacts there are several until one answers.
    pub sessions: Vec<SessionId>,
    /// Where its SIP comes from.
    pub source: IpAddr,
    pub media: LegMedia,
    pub answered: bool,
    /// The phone's hold button is on.
    pub held: bool,
    /// The final status its forks gave, the one to report when the last is gone.
    pub refused: Option<u16>,
    /// It takes UPDATE in a dialog.
    pub takes_update: bool,
    /// The keys that it pressed lately.
    pub keys: Keys,
    /// Keys that it presses go on to that leg.
    pub passes_keys_to: Option<LegId>,
    /// Seconds of silence at which the phone was last asked whether it lives.
    pub asked: Option<u32>,
}

impl Leg {
    /// A leg that nobody answered yet.
    pub fn new(side: Side, sessions: Vec<SessionId>, source: IpAddr, media: LegMedia) -> Leg {
        Leg {
            side,
            sessions,
            source,
            media,
            answered: false,
            held: false,
            refused: None,
            takes_update: false,
            keys: Keys::default(),
            passes_keys_to: None,
            asked: None,
        }
    }
}

#[derive(Default)]
pub struct Legs {
    legs: HashMap<LegId, Leg>,
    by_session: HashMap<SessionId, LegId>,
    next: u64,
}

impl Legs {
    /// A name for a leg that a peer opened.
    pub fn name(&mut self) -> LegId {
        self.next += 1;
        LegId(OURS | self.next)
    }

    pub fn insert(&mut self, id: LegId, leg: Leg) {
        for session in &leg.sessions {
            self.by_session.insert(*session, id);
        }
        self.legs.insert(id, leg);
    }

    pub fn get(&self, id: LegId) -> Option<&Leg> {
        self.legs.get(&id)
    }

    pub fn get_mut(&mut self, id: LegId) -> Option<&mut Leg> {
        self.legs.get_mut(&id)
    }

    pub fn of(&self, session: SessionId) -> Option<LegId> {
        self.by_session.get(&session).copied()
    }

    /// Adds a fork of a called leg.
    pub fn attach(&mut self, id: LegId, session: SessionId) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.sessions.push(session);
            self.by_session.insert(session, id);
        }
    }

    /// Takes one session off its leg; the leg stays, perhaps without any.
    pub fn detach(&mut self, session: SessionId) {
        if let Some(id) = self.by_session.remove(&session)
            && let Some(leg) = self.legs.get_mut(&id)
        {
            leg.sessions.retain(|s| *s != session);
        }
    }

    pub fn remove(&mut self, id: LegId) -> Option<Leg> {
        let leg = self.legs.remove(&id)?;
        for session in &leg.sessions {
            self.by_session.remove(session);
        }
        Some(leg)
    }

    pub fn len(&self) -> usize {
        self.legs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }
}
