//! One call as a test or a story handles it: ring, answer, refuse, cancel, hold, transfer, keys, hang up, and waiting for each.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sip::message::{Message, Method};

use super::leg::Leg;
pub use super::leg::{By, Phase};
use super::sdp::{self, Codecs, Way};
use super::sound::{Pitch, Sound};
use super::{REQUEST_LIMIT, Shared, token};

/// Version of a description that names another place: later than any other of a call.
const MOVED: u32 = 1000;

/// How a call is placed.
#[derive(Clone, Debug)]
pub struct Dial {
    /// The whole From value without tag; `None`: the agent's own.
    pub from: Option<String>,
    pub headers: Vec<(&'static str, String)>,
    pub codecs: Codecs,
    /// `None`: the agent's own.
    pub pitch: Option<Pitch>,
    /// Sends no sound at all.
    pub mute: bool,
    /// Where its description says that it wants sound, when that is not where it is.
    pub sound_at: Option<SocketAddr>,
}

impl Default for Dial {
    fn default() -> Dial {
        Dial { from: None, headers: Vec::new(), codecs: Codecs::G711, pitch: None, mute: false, sound_at: None }
    }
}

impl Dial {
    /// From that number, as an operator shows it.
    pub fn from_number(number: &str) -> Dial {
        Dial { from: Some(format!("<sip:{number}@operateur.test>")), ..Dial::default() }
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Dial {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub fn pitch(self, pitch: Pitch) -> Dial {
        Dial { pitch: Some(pitch), ..self }
    }
}

/// A handle; the call itself goes on when it is dropped.
#[derive(Clone)]
pub struct Call {
    agent: Arc<Shared>,
    id: String,
    sound: Arc<Sound>,
}

impl Call {
    pub(super) fn place(agent: &Arc<Shared>, to: &str, dial: Dial) -> io::Result<Call> {
        let uri = if to.contains(':') { to.to_owned() } else { format!("sip:{to}@{}", agent.server) };
        let pitch = dial.pitch.unwrap_or(agent.who.pitch);
        let sound = Arc::new(Sound::open(agent.address.ip(), Some(pitch).filter(|_| !dial.mute))?);
        let from = dial.from.unwrap_or_else(|| format!("<sip:{}@{}>", agent.who.user, agent.server.ip()));
        let id = token();
        let mut core = agent.core();
        let ends = (format!("{from};tag={}", token()), format!("<{uri}>"));
        let mut invite = agent.request(Method::Invite, &uri, (&ends.0, &ends.1), &id, core.next_cseq());
        dial.headers.iter().for_each(|(name, value)| invite.push(name, value.as_str()));
        invite.push("Content-Type", "application/sdp");
        invite.body = sdp::body(dial.sound_at.unwrap_or(sound.address()), dial.codecs, Way::SendRecv, 1);
        let leg = Leg::new(true, invite.clone(), agent.server, Arc::clone(&sound));
        core.legs.insert(id.clone(), Leg { target: uri, mute: dial.mute, ..leg });
        agent.start(&mut core, invite, agent.server);
        drop(core);
        Ok(Call { agent: Arc::clone(agent), id, sound })
    }

    pub(super) fn of(agent: &Arc<Shared>, id: String, sound: Arc<Sound>) -> Call {
        Call { agent: Arc::clone(agent), id, sound }
    }

    pub fn sound(&self) -> &Sound {
        &self.sound
    }

    // -- the called side

    pub fn ring(&self) -> &Call {
        self.agent.ring(&mut self.agent.core(), &self.id);
        self
    }

    pub fn answer(&self) -> &Call {
        self.agent.answer(&mut self.agent.core(), &self.id);
        self
    }

    pub fn refuse(&self, status: u16) {
        self.agent.finish(&mut self.agent.core(), &self.id, status, &[], By::Us);
    }

    /// Answers when the caller's CANCEL arrives, so that the two cross.
    pub fn answer_on_cancel(&self) {
        self.change(|leg| leg.answer_on_cancel = true);
    }

    // -- the calling side

    /// Gives up before the answer; `reason` is the CANCEL's Reason header.
    pub fn cancel(&self, reason: Option<&str>) {
        self.agent.give_up(&mut self.agent.core(), &self.id, reason);
    }

    /// The final status of our INVITE, `None` if none came.
    pub fn wait_final(&self, within: Duration) -> Option<u16> {
        self.wait(within, |leg| leg.statuses.iter().copied().find(|s| *s >= 200 && !(leg.challenged && matches!(s, 401 | 407))))
    }

    /// A provisional above 100 came.
    pub fn wait_ringing(&self, within: Duration) -> bool {
        self.wait(within, |leg| leg.statuses.iter().any(|s| (101..200).contains(s)).then_some(())).is_some()
    }

    // -- both

    pub fn hang_up(&self) {
        self.agent.hang_up(&mut self.agent.core(), &self.id);
    }

    /// The hold button: a re-INVITE; its final status.
    pub fn hold(&self, on: bool) -> Option<u16> {
        let way = if on { Way::SendOnly } else { Way::SendRecv };
        self.ask(Method::Invite, |leg, request| {
            request.push("Content-Type", "application/sdp");
            request.body = leg.body(way);
        })
    }

    /// A re-INVITE that wants the sound there; its final status.
    pub fn move_sound(&self, to: SocketAddr) -> Option<u16> {
        self.ask(Method::Invite, |_, request| {
            request.push("Content-Type", "application/sdp");
            request.body = sdp::body(to, Codecs::G711, Way::SendRecv, MOVED);
        })
    }

    /// REFER to a user part of the service; its final status.
    pub fn refer(&self, to: &str) -> Option<u16> {
        let target = format!("<sip:{to}@{}>", self.agent.server);
        self.ask(Method::Refer, |_, request| request.push("Refer-To", target.as_str()))
    }

    pub fn press(&self, keys: &str) {
        self.sound.press(keys);
    }

    fn ask(&self, method: Method, fill: impl FnOnce(&mut Leg, &mut Message)) -> Option<u16> {
        let mut core = self.agent.core();
        let leg = core.legs.get_mut(&self.id)?;
        let (mut request, to) = (self.agent.within(leg, method), leg.peer);
        fill(leg, &mut request);
        let branch = request.via().branch?.to_owned();
        self.agent.start(&mut core, request, to);
        drop(core);
        self.agent.wait(REQUEST_LIMIT, |core| core.answer_to(&branch))?.status()
    }

    pub fn wait_up(&self, within: Duration) -> bool {
        self.wait(within, |leg| (leg.phase != Phase::Ringing).then_some(leg.phase)) == Some(Phase::Up)
    }

    pub fn wait_ended(&self, within: Duration) -> bool {
        self.wait(within, |leg| (leg.phase == Phase::Ended).then_some(())).is_some()
    }

    /// The peer's ACK of our answer came.
    pub fn wait_acked(&self, within: Duration) -> bool {
        self.wait(within, |leg| leg.acked.then_some(())).is_some()
    }

    /// Both hear that pitch, from now on: five frames in a row.
    pub fn hears(&self, pitch: Pitch, within: Duration) -> bool {
        self.sound.hears(pitch, Instant::now(), within)
    }

    pub fn phase(&self) -> Phase {
        self.look(|leg| leg.phase).unwrap_or(Phase::Ended)
    }

    pub fn ended_by(&self) -> Option<By> {
        self.look(|leg| leg.ended_by).flatten()
    }

    /// The Reason of the CANCEL that ended it ("" without one), `None` without a CANCEL.
    pub fn cancel_reason(&self) -> Option<String> {
        self.look(|leg| leg.cancel_reason.clone()).flatten()
    }

    /// Every status our INVITEs got, in order.
    pub fn statuses(&self) -> Vec<u16> {
        self.look(|leg| leg.statuses.clone()).unwrap_or_default()
    }

    /// The INVITE, sent or received.
    pub fn invite(&self) -> Option<Message> {
        self.look(|leg| leg.invite.clone())
    }

    fn look<T>(&self, read: impl FnOnce(&Leg) -> T) -> Option<T> {
        self.agent.core().legs.get(&self.id).map(read)
    }

    fn change(&self, write: impl FnOnce(&mut Leg)) {
        if let Some(leg) = self.agent.core().legs.get_mut(&self.id) {
            write(leg);
        }
    }

    fn wait<T>(&self, within: Duration, found: impl Fn(&Leg) -> Option<T>) -> Option<T> {
        self.agent.wait(within, |core| core.legs.get(&self.id).and_then(&found))
    }
}
