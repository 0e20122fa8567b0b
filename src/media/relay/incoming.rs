//! What a leg hears from its peer: the source rule, duplicates, keys, silence. Sends nothing.

use std::net::SocketAddr;

use super::{Counters, Reports};
use crate::domain::call::LegId;
use crate::domain::now::Instant;
use crate::media::command::{Law, Negotiated, Report};
use crate::media::ear::{Ear, Heard, Terms};
use crate::media::inband::InbandReader;
use crate::media::latch::{Admission, Latch};
use crate::media::rtcp::{self, Reception};
use crate::media::rtp::{self, Header, Seen, Window};
use crate::media::telephone_event::{Event, KeyReader};

/// Samples of the shortest and the longest sound packet taken: 5 and 160 ms.
pub const MIN_SOUND: usize = 40;
pub const MAX_SOUND: usize = 1280;
/// The longest comfort noise taken.
const MAX_NOISE: usize = 32;

/// A packet to relay.
#[derive(Clone, Copy)]
pub(super) struct Sound<'a> {
    pub header: Header,
    /// `None`: comfort noise, passed as it is.
    pub law: Option<Law>,
    pub payload: &'a [u8],
}

/// What a packet came to.
#[derive(Default)]
pub(super) struct Taken<'a> {
    pub sound: Option<Sound<'a>>,
    /// A packet of a key, or of its sound: silence takes its place.
    pub silent: bool,
    /// The source is locked from now on.
    pub first: bool,
}

pub(super) struct Incoming {
    leg: LegId,
    latch: Latch,
    receive: bool,
    event: Option<u8>,
    source: Option<(u32, Window)>,
    pub reception: Reception,
    keys: KeyReader,
    inband: Option<Box<InbandReader>>,
    /// What the peer says is taken down.
    ear: Option<Box<Ear>>,
    last_heard: Instant,
    /// Seconds of silence last reported; 0: it speaks.
    told: u32,
}

enum Kind {
    Sound(Option<Law>),
    Event(Event),
}

impl Incoming {
    pub fn new(now: Instant, leg: LegId, with: &Negotiated) -> Incoming {
        let mut new = Incoming {
            leg,
            latch: Latch::new(now, with.source.clone()),
            receive: false,
            event: None,
            source: None,
            reception: Reception::default(),
            keys: KeyReader::default(),
            inband: None,
            ear: None,
            last_heard: now,
            told: 0,
        };
        new.negotiated(now, with);
        new
    }

    /// A new SDP: the source is learnt anew. A silence that lasts through it goes on.
    pub fn negotiated(&mut self, now: Instant, with: &Negotiated) {
        self.latch = Latch::new(now, with.source.clone());
        if !self.receive || !with.receive {
            (self.last_heard, self.told) = (now, 0);
        }
        self.receive = with.receive;
        self.event = with.event_in;
        self.inband = with.event_in.is_none().then(Box::default);
    }

    /// Where the peer's own packets come from, when that is where it wants ours.
    pub fn destination(&self) -> Option<SocketAddr> {
        self.latch.destination()
    }

    pub fn highest(&self) -> Option<u32> {
        self.source.map(|(_, window)| window.highest())
    }

    /// Judges an RTP datagram. What is not sound in every respect is counted and forgotten.
    pub fn rtp<'a>(
        &mut self,
        now: Instant,
        from: SocketAddr,
        bytes: &'a [u8],
        reports: &mut Reports,
        counters: &mut Counters,
    ) -> Taken<'a> {
        let read = rtp::parse(bytes).and_then(|packet| self.kind(packet).map(|kind| (packet, kind)));
        let Some((packet, kind)) = read.filter(|_| self.receive) else {
            counters.dropped += 1;
            return Taken::default();
        };
        let mut taken = Taken::default();
        match self.latch.admit(now, from) {
            Admission::Refused => {
                counters.refused += 1;
                return taken;
            }
            Admission::First => {
                taken.first = true;
                reports.push(Report::FirstPacket(self.leg));
            }
            Admission::Known => {}
        }
        self.alive(now, reports);
        if !self.fresh(now, packet.header) {
            counters.dropped += 1;
            return taken;
        }
        let [older, begun, own] = match kind {
            Kind::Event(event) => {
                taken.silent = true;
                let [older, own] = self.keys.handle(now, packet.header.timestamp, event);
                [older, self.keys.begun(), own]
            }
            Kind::Sound(law) => {
                let key = self.inband.as_mut().zip(law).and_then(|(reader, law)| reader.handle(law, packet.payload));
                // a key is no sound: neither one in the voice band nor the copy of one that slips through beside its event
                taken.silent = self.keys.active() || self.inband.as_ref().is_some_and(|reader| reader.sounds());
                if let (Some(ear), Some(law), false) = (self.ear.as_mut(), law, taken.silent) {
                    ear.hear(now, packet.header.timestamp, law, packet.payload);
                }
                taken.sound = (!taken.silent).then_some(Sound { header: packet.header, law, payload: packet.payload });
                [None, key, key]
            }
        };
        let whole = |key| Report::Key(self.leg, key);
        let told = [older.map(whole), begun.map(|key| Report::KeyDown(self.leg, key)), own.map(whole)];
        told.into_iter().flatten().for_each(|report| reports.push(report));
        taken
    }

    /// A control packet is a sign of life, no more; `true` when it was the peer's.
    pub fn control(&mut self, now: Instant, from: SocketAddr, bytes: &[u8], reports: &mut Reports, counters: &mut Counters) -> bool {
        let Some(compound) = rtcp::parse(bytes).filter(|_| self.latch.admits_control(now, from.ip())) else {
            counters.dropped += 1;
            return false;
        };
        if self.receive {
            self.alive(now, reports);
        }
        self.reception.reported(now, compound);
        true
    }

    /// Time passes: a key whose END was lost, and silence (RULES 3, row 19).
    pub fn tick(&mut self, now: Instant, silence_seconds: u32, reports: &mut Reports) {
        let seconds = u32::try_from(now.since(self.last_heard).as_secs()).unwrap_or(u32::MAX);
        if self.receive && silence_seconds > 0 && seconds >= silence_seconds && seconds > self.told {
            self.told = seconds;
            reports.push(Report::Silent(self.leg, seconds));
        }
        if self.ear.as_ref().is_some_and(|ear| ear.is_over(now)) {
            self.stop_listening().into_iter().for_each(|heard| reports.push(Report::Heard(self.leg, heard)));
        }
        self.keys.tick(now).into_iter().for_each(|key| reports.push(Report::Key(self.leg, key)));
    }

    /// Takes down what the peer says from now on.
    pub fn listen(&mut self, now: Instant, terms: Terms) {
        self.ear = Some(Box::new(Ear::new(now, terms)));
    }

    pub fn stop_listening(&mut self) -> Option<Heard> {
        self.ear.take().map(|ear| ear.end())
    }

    fn kind(&self, packet: rtp::Packet) -> Option<Kind> {
        let length = packet.payload.len();
        let sound = (MIN_SOUND..=MAX_SOUND).contains(&length);
        match packet.header.payload_type {
            event if Some(event) == self.event => Event::parse(packet.payload).map(Kind::Event),
            rtp::PCMA if sound => Some(Kind::Sound(Some(Law::A))),
            rtp::PCMU if sound => Some(Kind::Sound(Some(Law::Mu))),
            rtp::CN if length <= MAX_NOISE => Some(Kind::Sound(None)),
            _ => None,
        }
    }

    fn alive(&mut self, now: Instant, reports: &mut Reports) {
        self.last_heard = now;
        if std::mem::take(&mut self.told) > 0 {
            reports.push(Report::Speaks(self.leg));
        }
    }

    /// Not a duplicate, not a stray.
    fn fresh(&mut self, now: Instant, header: Header) -> bool {
        let seen = match &mut self.source {
            Some((ssrc, window)) if *ssrc == header.ssrc => window.see(header.sequence),
            _ => {
                self.source = Some((header.ssrc, Window::starting(header.sequence)));
                Seen::Restart
            }
        };
        if seen == Seen::Restart {
            let last = self.reception;
            self.reception = Reception::starting(header.ssrc, header.sequence).after(last);
        }
        let fresh = matches!(seen, Seen::Fresh | Seen::Restart);
        if fresh {
            // 8000 units a second
            self.reception.count((now.0 / 125_000) as u32, header.timestamp);
        }
        fresh
    }
}
