//! The line as a whole: incoming and outgoing calls, and the phones they meet at. Inputs in, effects out, one timer table.
//!
//! The aggregate keeps the tables and the records; what moves a call stands in `incoming`, `outbound` and `transfer`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use crate::dialplan::route::OutboundPermit;
use crate::domain::call::{CallId, Direction, Extension, LegId, Record};
use crate::domain::identity::Caller;
use crate::domain::now::{Instant, Now};
use crate::domain::outcome::{Out, Outcome, Reason, Why};
use crate::domain::status::{Alert, LineStatus, LiveCall, LiveState, PhoneState, PhoneStatus};
use crate::domain::text::ScreenText;

use super::call::{Call, State};
use super::desk::Desk;
use super::effect::{Effect, Refusal, Refuse, Sound};
use super::input::{Command, Gone, Input, Seq, Ticket};

/// A phone that gives no reply in that time counts as absent (RULES 2.3).
pub const REPLY: Duration = Duration::from_secs(4);
/// A spoken reason lasts that long at most before the refusal.
pub const ANNOUNCE: Duration = Duration::from_secs(6);
/// An emergency call without reply for that long goes to the next trunk (RULES 7.1).
pub const EMERGENCY_REPLY: Duration = Duration::from_secs(4);
/// Calls given up sooner are `short`.
pub const SHORT: Duration = Duration::from_secs(3);
/// Calls cancelled at delays this close make the operator's voicemail suspect (RULES 2.7).
pub const SAME_DELAY: Duration = Duration::from_millis(500);
/// Banners shown at once.
const MAX_ALERTS: usize = 32;

/// What dialled digits come to; answered by the dial plan.
#[derive(Debug, PartialEq)]
pub enum Route {
    Extension(Extension),
    Outside { permit: OutboundPermit, party: Caller, emergency: bool },
    /// Refused, after a spoken reason.
    Refused { why: Refuse, prompt: &'static str },
}

/// The dial plan, as the line sees it.
pub trait Router: Send {
    fn route(&self, from: &Extension, digits: &str) -> Route;
}

pub struct PhoneConfig {
    pub extension: Extension,
    pub owner: String,
    pub calls: usize,
}

pub struct LineConfig {
    pub phones: Vec<PhoneConfig>,
    /// Phones that ring for incoming calls.
    pub ring: Vec<Extension>,
    pub ring_time: Duration,
    /// Channels of each trunk.
    pub channels: Vec<usize>,
    pub per_hour: usize,
    pub silence: Duration,
    pub router: Box<dyn Router>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    RingEnd,
    Reply(LegId),
    AnnounceEnd,
    EmergencyReply(LegId),
    SilenceEnd,
}

pub struct Line {
    pub(super) config: LineConfig,
    pub(super) calls: BTreeMap<CallId, Call>,
    pub(super) by_leg: HashMap<LegId, CallId>,
    by_seq: HashMap<Seq, CallId>,
    pub(super) desks: BTreeMap<Extension, Desk>,
    timers: BinaryHeap<Reverse<(Instant, CallId, u32, Timer)>>,
    next_call: i64,
    next_leg: u64,
    next_seq: u64,
    pub(super) open: bool,
    pub(super) usable: Vec<bool>,
    /// Channels in use, by trunk.
    used: Vec<usize>,
    down_since: Vec<Option<chrono::DateTime<chrono::Utc>>>,
    draining: bool,
    idle_told: bool,
    alerts: Vec<Alert>,
    given_up: VecDeque<Duration>,
    dirty: bool,
}

impl Line {
    /// `first_call` is one more than the greatest call on record.
    pub fn new(config: LineConfig, first_call: i64) -> Line {
        let desk = |p: &PhoneConfig| (p.extension.clone(), Desk::new(p.extension.clone(), p.owner.clone(), p.calls));
        let desks = config.phones.iter().map(desk).collect();
        let trunks = config.channels.len();
        Line {
            config,
            calls: BTreeMap::new(),
            by_leg: HashMap::new(),
            by_seq: HashMap::new(),
            desks,
            timers: BinaryHeap::new(),
            next_call: first_call,
            next_leg: 0,
            next_seq: 0,
            open: true,
            usable: vec![false; trunks],
            used: vec![0; trunks],
            down_since: vec![None; trunks],
            draining: false,
            idle_told: false,
            alerts: Vec::new(),
            given_up: VecDeque::new(),
            dirty: true,
        }
    }

    pub fn handle(&mut self, now: Now, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::Rings { leg, trunk, caller, name, usable } => self.rings(now, leg, trunk, caller, name, usable, out),
            Input::Overloaded { trunk, caller, name } => self.lost(now, trunk, caller, name, Reason::Overloaded, out),
            Input::Malformed { trunk, caller } => self.lost(now, trunk, caller, ScreenText::default(), Reason::Failed, out),
            Input::Dials { leg, extension, digits } => self.dials(now, leg, extension, &digits, out),
            Input::Progress { leg, what } => self.progress(leg, what, out),
            Input::Answered { leg } => self.answered(now, leg, out),
            Input::Refused { leg, why } => self.refused(now, leg, &why, out),
            Input::Gone { leg, why } => self.gone(now, leg, why, out),
            Input::Held { leg, on } => self.held(now, leg, on, out),
            Input::Transfers { leg, digits } => self.transfers(now, leg, &digits, out),
            Input::Recorded(seq) => self.recorded(seq, out),
            Input::Key { leg, .. } => self.key(leg, out),
            Input::Played { leg } => self.played(now, leg, out),
            Input::PhoneSilent { leg } => self.phone_silent(now, leg, out),
            Input::PhoneSpeaks { leg } => self.phone_speaks(leg, out),
            Input::UnknownSource { address } => {
                self.alert(now, "unknown_source", format!("Un appel est arrivé d'une adresse inconnue ({address}) ; l'ajouter à peers ?"));
            }
            Input::Phone { extension, registered } => self.phone(now, &extension, registered, out),
            Input::Trunk { trunk, usable } => self.trunk(now, trunk, usable, out),
            Input::TrunkRefused { name, status } => {
                let text = format!("L'opérateur refuse la ligne {name} (code {status}) : vérifiez l'identifiant et le mot de passe.");
                self.alert(now, "outage", text);
            }
            Input::Open(open) => {
                self.open = open;
                self.dirty = true;
            }
            Input::Page { ticket, command } => self.page(now, ticket, command, out),
            Input::Drain => self.draining = true,
            Input::Stop => self.stop(now, out),
        }
        self.tell_idle(out);
    }

    pub fn handle_timeout(&mut self, now: Now, out: &mut Vec<Effect>) {
        while let Some(Reverse((at, call, generation, timer))) = self.timers.peek().copied() {
            if at > now.instant {
                break;
            }
            self.timers.pop();
            // a timer of a state that is over belongs to nobody
            if self.calls.get(&call).is_some_and(|c| c.generation == generation) {
                match timer {
                    Timer::RingEnd => self.rang_out(now, call, out),
                    Timer::Reply(leg) => self.no_reply(now, call, leg, out),
                    Timer::AnnounceEnd => self.announced(now, call, out),
                    Timer::EmergencyReply(leg) => self.emergency_silent(now, call, leg, out),
                    Timer::SilenceEnd => self.cut(now, call, out),
                }
            }
        }
        self.tell_idle(out);
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.peek().map(|Reverse((at, ..))| *at)
    }

    /// True once after something that a screen shows has changed.
    pub fn take_dirty(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    pub(super) fn touch(&mut self) {
        self.dirty = true;
    }

    pub(super) fn timer(&mut self, at: Instant, call: CallId, timer: Timer) {
        if let Some(c) = self.calls.get(&call) {
            self.timers.push(Reverse((at, call, c.generation, timer)));
        }
    }

    pub(super) fn new_leg(&mut self, call: CallId) -> LegId {
        self.next_leg += 1;
        let leg = LegId(self.next_leg);
        self.by_leg.insert(leg, call);
        leg
    }

    pub(super) fn record(&mut self, record: Record, out: &mut Vec<Effect>) -> Seq {
        self.next_seq += 1;
        let seq = Seq(self.next_seq);
        out.push(Effect::Record(seq, record));
        seq
    }

    /// A new call, written down at once.
    #[allow(clippy::too_many_arguments, reason = "the columns of a row")]
    pub(super) fn open_call(
        &mut self,
        now: Now,
        direction: Direction,
        party: Caller,
        name: ScreenText,
        caller: LegId,
        extension: Option<Extension>,
        trunk: Option<usize>,
        state: State,
        out: &mut Vec<Effect>,
    ) -> CallId {
        let id = CallId(self.next_call);
        self.next_call += 1;
        let record = Record::Opened { call: id, at: now.wall, direction, party: party.clone(), name: name.clone(), extension: extension.clone() };
        let seq = self.record(record, out);
        self.by_seq.insert(seq, id);
        self.by_leg.insert(caller, id);
        let call = Call {
            id,
            direction,
            party,
            name,
            caller,
            extension,
            trunk,
            emergency: false,
            since: now.instant,
            at: now.wall,
            unrecorded: Some(seq),
            told: false,
            state,
            generation: 0,
        };
        self.calls.insert(id, call);
        if let Some(used) = trunk.and_then(|t| self.used.get_mut(t)) {
            *used += 1;
        }
        self.dirty = true;
        id
    }

    /// The call's one end: its row, its legs, its phones.
    pub(super) fn end(&mut self, now: Now, id: CallId, outcome: Outcome, during: Option<CallId>, out: &mut Vec<Effect>) {
        let Some(call) = self.calls.remove(&id) else { return };
        if let Some(used) = call.trunk.and_then(|t| self.used.get_mut(t)) {
            *used = used.saturating_sub(1);
        }
        if let Some(seq) = call.unrecorded {
            self.by_seq.remove(&seq);
        }
        for leg in call.legs() {
            self.by_leg.remove(&leg);
        }
        self.release_desks(&call);
        let gave_up = matches!(outcome, Outcome::Missed(Reason::CallerGaveUp));
        let after = now.instant.since(call.since);
        let short = gave_up && after < SHORT;
        self.record(Record::Ended { call: id, at: now.wall, outcome, during, short }, out);
        if gave_up {
            self.watch_operator(now, after);
        }
        self.dirty = true;
        self.phones_became_idle(now, out);
    }

    fn release_desks(&mut self, call: &Call) {
        match &call.state {
            State::Hunting(hunt) => {
                for ringing in &hunt.ringing {
                    if let Some(desk) = self.desks.get_mut(&ringing.extension) {
                        desk.rings_no_more();
                    }
                }
            }
            State::Calling { .. } | State::Announcing(_) => {
                if let Some(desk) = call.extension.as_ref().and_then(|e| self.desks.get_mut(e)) {
                    desk.dials_no_more();
                }
                if let (Direction::Internal, Caller::Extension(to)) = (call.direction, &call.party)
                    && matches!(call.state, State::Calling { .. })
                    && let Some(desk) = self.desks.get_mut(&Extension(to.clone()))
                {
                    desk.rings_no_more();
                }
            }
            State::Talking(_) | State::Transferring(_) => {}
        }
        for desk in self.desks.values_mut() {
            desk.talks_no_more(call.id);
        }
        if let State::Transferring(t) = &call.state
            && let Some(desk) = t.target_extension.as_ref().and_then(|e| self.desks.get_mut(e))
        {
            desk.rings_no_more();
        }
    }

    fn recorded(&mut self, seq: Seq, out: &mut Vec<Effect>) {
        let Some(id) = self.by_seq.remove(&seq) else { return };
        if let Some(call) = self.calls.get_mut(&id) {
            call.unrecorded = None;
        }
        self.tell_ringing(id, out);
    }

    fn gone(&mut self, now: Now, leg: LegId, why: Gone, out: &mut Vec<Effect>) {
        let Some(id) = self.by_leg.get(&leg).copied() else { return };
        let Some(call) = self.calls.get(&id) else { return };
        let by_caller = leg == call.caller;
        match &call.state {
            State::Hunting(_) => self.caller_gave_up(now, id, why, out),
            State::Calling { far, .. } => {
                out.push(Effect::Cancel { leg: *far, elsewhere: false });
                self.end(now, id, Outcome::Out(Out::Cancelled), None, out);
            }
            State::Announcing(_) => self.end(now, id, Outcome::Out(Out::Refused), None, out),
            State::Talking(talk) => {
                let other = if by_caller { talk.far } else { call.caller };
                let incoming = call.direction == Direction::Incoming;
                out.push(Effect::HangUp(other));
                let outcome = match why {
                    Gone::NeverAcknowledged => if incoming { Outcome::Missed(Reason::Failed) } else { Outcome::Out(Out::Failed) },
                    Gone::Lost if incoming && !by_caller => Outcome::Answered(Some(Why::Cut)),
                    Gone::HungUp | Gone::Elsewhere | Gone::Lost => Outcome::Answered(None),
                };
                self.end(now, id, outcome, None, out);
            }
            State::Transferring(_) => self.gone_in_transfer(now, id, leg, out),
        }
    }

    /// The phone's own hold button: the other side hears music, any number of times (RULES 4).
    fn held(&mut self, now: Now, leg: LegId, on: bool, out: &mut Vec<Effect>) {
        let Some(id) = self.by_leg.get(&leg).copied() else { return };
        let Some(call) = self.calls.get_mut(&id) else { return };
        let caller = call.caller;
        let State::Talking(talk) = &mut call.state else { return };
        let other = if leg == caller { talk.far } else { caller };
        if on {
            talk.held_by = Some(leg);
            talk.held_since = Some(now.wall);
            out.push(Effect::Play(other, Sound::Music));
        } else if talk.held_by == Some(leg) {
            talk.held_by = None;
            talk.held_since = None;
            out.push(Effect::Join(caller, talk.far));
        }
        self.dirty = true;
    }

    /// Keys in a call are not relayed: a short low tone says so (RULES 7, "in a call").
    fn key(&mut self, leg: LegId, out: &mut Vec<Effect>) {
        let talking = self.by_leg.get(&leg).and_then(|id| self.calls.get(id)).is_some_and(|c| matches!(c.state, State::Talking(_)));
        if talking && self.is_phone(leg) {
            out.push(Effect::Overlay(leg, Some(Sound::LowTone)));
        }
    }

    fn is_phone(&self, leg: LegId) -> bool {
        let Some(call) = self.by_leg.get(&leg).and_then(|id| self.calls.get(id)) else { return false };
        match call.direction {
            Direction::Incoming => leg != call.caller,
            Direction::Outgoing => leg == call.caller,
            Direction::Internal => true,
        }
    }

    /// Row 19: the callers hear a word, and are let go at three times the silence.
    fn phone_silent(&mut self, now: Now, leg: LegId, out: &mut Vec<Effect>) {
        let Some(id) = self.by_leg.get(&leg).copied() else { return };
        let until = now.instant + self.config.silence * 2;
        let Some(call) = self.calls.get_mut(&id) else { return };
        let caller = call.caller;
        let State::Talking(talk) = &mut call.state else { return };
        if talk.lost {
            return;
        }
        talk.lost = true;
        let other = if leg == caller { talk.far } else { caller };
        out.push(Effect::Play(other, Sound::Prompts(vec!["patienter"])));
        call.generation += 1;
        self.timer(until, id, Timer::SilenceEnd);
    }

    fn phone_speaks(&mut self, leg: LegId, out: &mut Vec<Effect>) {
        let Some(call) = self.by_leg.get(&leg).and_then(|id| self.calls.get_mut(id)) else { return };
        let caller = call.caller;
        if let State::Talking(talk) = &mut call.state
            && talk.lost
        {
            talk.lost = false;
            call.generation += 1;
            out.push(Effect::Join(caller, talk.far));
        }
    }

    fn cut(&mut self, now: Now, id: CallId, out: &mut Vec<Effect>) {
        let Some(call) = self.calls.get(&id) else { return };
        for leg in call.legs() {
            out.push(Effect::HangUp(leg));
        }
        let why = (call.direction == Direction::Incoming).then_some(Why::Cut);
        self.end(now, id, Outcome::Answered(why), None, out);
    }

    fn phone(&mut self, now: Now, extension: &Extension, registered: bool, out: &mut Vec<Effect>) {
        let Some(desk) = self.desks.get_mut(extension) else { return };
        if desk.registered == registered {
            return;
        }
        desk.registered = registered;
        self.dirty = true;
        if registered {
            self.phones_became_idle(now, out);
        }
    }

    fn trunk(&mut self, now: Now, trunk: usize, usable: bool, out: &mut Vec<Effect>) {
        let Some(was) = self.usable.get(trunk).copied() else { return };
        if let Some(slot) = self.usable.get_mut(trunk) {
            *slot = usable;
        }
        self.dirty = true;
        let Some(down) = self.down_since.get_mut(trunk) else { return };
        if was && !usable {
            *down = Some(now.wall);
            self.alert(now, "outage", "La ligne n'est plus enregistrée chez l'opérateur : les appels n'arrivent pas. Vérifiez la connexion Internet.".to_owned());
        } else if usable && let Some(from) = down.take() {
            self.alerts.retain(|a| a.kind != "outage");
            self.record(Record::Outage { from, to: now.wall, what: "registration".to_owned() }, out);
        }
    }

    pub(super) fn alert(&mut self, now: Now, kind: &'static str, text: String) {
        if !self.alerts.iter().any(|a| a.kind == kind && a.text == text) && self.alerts.len() < MAX_ALERTS {
            self.alerts.push(Alert { kind, text, since: now.wall });
            self.dirty = true;
        }
    }

    /// RULES 2.7: three calls in a row given up at the same delay are the operator's voicemail taking them.
    fn watch_operator(&mut self, now: Now, after: Duration) {
        self.given_up.push_back(after);
        if self.given_up.len() > 3 {
            self.given_up.pop_front();
        }
        let (least, most) = (self.given_up.iter().min().copied(), self.given_up.iter().max().copied());
        if let (3, Some(least), Some(most)) = (self.given_up.len(), least, most)
            && most - least <= SAME_DELAY * 2
            && least >= SHORT
        {
            let seconds = (most.as_millis() + 500) / 1000;
            let text = format!("Votre opérateur reprend les appels au bout de {seconds} s : coupez sa messagerie ou baissez ring_seconds.");
            self.alert(now, "operator_voicemail", text);
        }
    }

    pub(super) fn someone_answered(&mut self) {
        self.given_up.clear();
    }

    fn page(&mut self, now: Now, ticket: Ticket, command: Command, out: &mut Vec<Effect>) {
        let result = match command {
            Command::HangUp(id) => self.hang_up(now, id, out),
        };
        out.push(Effect::Reply(ticket, result));
    }

    fn hang_up(&mut self, now: Now, id: CallId, out: &mut Vec<Effect>) -> Result<(), Refusal> {
        let Some(call) = self.calls.get(&id) else { return Err(Refusal::NotFound) };
        let (caller, incoming) = (call.caller, call.direction == Direction::Incoming);
        let outcome = match &call.state {
            State::Hunting(hunt) => {
                out.extend(hunt.ringing.iter().map(|r| Effect::Cancel { leg: r.leg, elsewhere: false }));
                out.push(Effect::Refuse { leg: caller, why: Refuse::Busy });
                Outcome::Missed(Reason::Refused)
            }
            State::Calling { far, .. } => {
                out.push(Effect::Cancel { leg: *far, elsewhere: false });
                out.push(Effect::Refuse { leg: caller, why: Refuse::Unavailable });
                Outcome::Out(Out::Cancelled)
            }
            State::Announcing(why) => {
                out.push(Effect::Refuse { leg: caller, why: *why });
                Outcome::Out(Out::Refused)
            }
            State::Talking(_) | State::Transferring(_) => {
                out.extend(self.ends_of(id));
                Outcome::Answered(if incoming && matches!(call.state, State::Transferring(_)) { Some(Why::Cut) } else { None })
            }
        };
        self.end(now, id, outcome, None, out);
        Ok(())
    }

    pub(super) fn end_from_our_side(&mut self, now: Now, id: CallId, out: &mut Vec<Effect>) -> Result<(), Refusal> {
        self.hang_up(now, id, out)
    }

    /// A call goes on by another trunk.
    pub(super) fn move_channel(&mut self, from: usize, to: usize) {
        if let Some(used) = self.used.get_mut(from) {
            *used = used.saturating_sub(1);
        }
        if let Some(used) = self.used.get_mut(to) {
            *used += 1;
        }
    }

    /// What ends each leg of a call that is answered.
    pub(super) fn ends_of(&self, id: CallId) -> Vec<Effect> {
        let Some(call) = self.calls.get(&id) else { return Vec::new() };
        match &call.state {
            State::Transferring(t) => {
                let mut ends = vec![Effect::Cancel { leg: t.target, elsewhere: false }, Effect::HangUp(t.party)];
                ends.extend(t.transferor.map(Effect::HangUp));
                ends
            }
            State::Hunting(_) | State::Calling { .. } | State::Announcing(_) | State::Talking(_) => call.legs().into_iter().map(Effect::HangUp).collect(),
        }
    }

    fn stop(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.draining = true;
        let ids: Vec<CallId> = self.calls.keys().copied().collect();
        for id in ids {
            // a call that is not there any more is what was wanted
            let _ = self.hang_up(now, id, out);
        }
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining
    }

    fn tell_idle(&mut self, out: &mut Vec<Effect>) {
        if self.draining && self.calls.is_empty() && !self.idle_told {
            self.idle_told = true;
            out.push(Effect::Idle);
        }
    }

    /// Calls of that trunk, in and out.
    pub(super) fn channels_used(&self, trunk: usize) -> usize {
        self.used.get(trunk).copied().unwrap_or(0)
    }

    /// The line as the page shows it; the trunks are filled in by the exchange.
    pub fn status(&self, _now: Now) -> LineStatus {
        let phones = self.desks.values().map(|d| PhoneStatus { extension: d.extension.clone(), owner: d.owner.clone(), state: d.state() }).collect();
        LineStatus {
            open: self.open,
            trunks: Vec::new(),
            phones,
            calls: self.calls.values().map(live).collect(),
            second_calls: Vec::new(),
            second_call: None,
            alerts: self.alerts.clone(),
        }
    }

    /// Phones with something to do; for tests of leaks.
    pub fn busy_phones(&self) -> usize {
        self.desks.values().filter(|d| matches!(d.state(), PhoneState::Ringing | PhoneState::Talking)).count()
    }
}

fn live(call: &Call) -> LiveCall {
    let (state, held_since) = match &call.state {
        State::Hunting(_) | State::Calling { .. } | State::Announcing(_) => (LiveState::Ringing, None),
        State::Talking(talk) if talk.held_by.is_some() => (LiveState::Held, talk.held_since),
        State::Talking(_) => (LiveState::Talking, None),
        State::Transferring(t) => (LiveState::Held, Some(t.talking_since)),
    };
    LiveCall {
        id: call.id,
        direction: call.direction,
        state,
        number: call.party.number().map(|n| n.as_str().to_owned()),
        display: call.party.display(),
        name: call.name.as_str().to_owned(),
        extension: call.extension.clone(),
        since: call.at,
        held_since,
        keypad: false,
    }
}
