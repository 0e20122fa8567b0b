//! One leg: its two halves, where its packets go, and its control reports.

use std::net::{IpAddr, SocketAddr};

use super::Datagram;
use super::incoming::Incoming;
use super::outgoing::Outgoing;
use crate::domain::call::LegId;
use crate::domain::now::Instant;
use crate::media::command::{Negotiated, SourceRule};
use crate::media::rtcp;

pub(super) struct Leg {
    id: LegId,
    /// From the first SDP on.
    pub incoming: Option<Incoming>,
    pub outgoing: Outgoing,
    remote: Option<SocketAddr>,
    rule: Option<SourceRule>,
    send: bool,
    /// Where the peer's packets come from, when it wants ours there; kept through an SDP that changes nothing.
    pub follow: Option<SocketAddr>,
    /// Where its control packets come from.
    pub control: Option<SocketAddr>,
    /// Where its SDP wants them.
    wanted: Option<SocketAddr>,
    pub next_control: Instant,
    /// The name in its control reports, the same for the whole call (RFC 3550, 6.5.1).
    cname: [u8; rtcp::CNAME],
}

impl Leg {
    pub fn new(now: Instant, id: LegId, outgoing: Outgoing, cname: [u8; rtcp::CNAME]) -> Leg {
        let next_control = now + rtcp::INTERVAL / 2;
        Leg {
            id,
            incoming: None,
            outgoing,
            remote: None,
            rule: None,
            send: false,
            follow: None,
            control: None,
            wanted: None,
            next_control,
            cname,
        }
    }

    /// Its SDP, the first or a further one.
    pub fn negotiated(&mut self, now: Instant, with: Negotiated) {
        match &mut self.incoming {
            Some(incoming) => incoming.negotiated(now, &with),
            None => {
                self.incoming = Some(Incoming::new(now, self.id, &with));
                // the wait before the first SDP is no part of the line
                self.outgoing.start(now);
            }
        }
        if self.remote != with.remote || self.rule.as_ref() != Some(&with.source) {
            (self.follow, self.control) = (None, None);
        }
        if self.outgoing.law != with.law {
            self.outgoing.mark();
        }
        self.outgoing.law = with.law;
        self.outgoing.event = with.event_out;
        self.remote = with.remote.filter(|to| sendable(*to));
        self.wanted = with.control.filter(|to| sendable(*to));
        self.rule = Some(with.source);
        self.send = with.send;
        self.aim();
    }

    /// Sets where packets go; a change of address changes nothing in the source that the peer hears.
    pub fn aim(&mut self) {
        let to = self.remote.filter(|_| self.send).map(|remote| self.follow.unwrap_or(remote));
        if to.is_some() != self.outgoing.to.is_some() {
            self.outgoing.mark();
        }
        self.outgoing.to = to;
    }

    /// Writes a control report, where the peer takes packets at all.
    pub fn report(&mut self, now: Instant, port: u16, out: &mut impl FnMut(Datagram)) {
        let Some(to) = self.outgoing.to else { return };
        let learnt = self.control.filter(|control| control.ip() == to.ip());
        // behind NAT the port of the SDP means nothing: the one after its sound's
        let followed = self.follow.filter(|follow| Some(*follow) != self.remote);
        let beside = followed.and_then(|to| to.port().checked_add(1).map(|port| SocketAddr::new(to.ip(), port)));
        let Some(to) = learnt.or(if followed.is_some() { beside } else { self.wanted }) else { return };
        let outgoing = &self.outgoing;
        let sent =
            rtcp::Sent { ssrc: outgoing.line.ssrc, timestamp: outgoing.line.wall(now), packets: outgoing.packets, octets: outgoing.octets };
        let heard = self.incoming.as_mut().and_then(|incoming| incoming.highest().map(|highest| (&mut incoming.reception, highest)));
        let mut buffer = [0; rtcp::MAX_REPORT];
        let bytes = rtcp::write(&mut buffer, now, sent, heard, &self.cname);
        out(Datagram { port, control: true, to, bytes });
    }
}

/// Never to a group, a broadcast or nowhere, whatever an SDP said (THREATS.md row 9).
fn sendable(to: SocketAddr) -> bool {
    let broadcast = matches!(to.ip().to_canonical(), IpAddr::V4(address) if address.is_broadcast());
    to.port() != 0 && !to.ip().to_canonical().is_unspecified() && !to.ip().to_canonical().is_multicast() && !broadcast
}
