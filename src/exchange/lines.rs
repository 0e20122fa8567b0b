//! The trunks: where each is, its registration, how a call is presented on it. The machine of one registration is `sip/trunk`.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use crate::dialplan::route::{NumberFormat, OutboundPermit};
use crate::domain::now::{Instant, Now};
use crate::domain::number::E164;
use crate::domain::status::{TrunkState, TrunkStatus};
use crate::sip::api::{Credentials, Flow, Invite, RequestId, Transport};
use crate::sip::guard::PeerAddress;
use crate::sip::identity::IdentitySettings;
use crate::sip::locate::Candidates;
use crate::sip::message::Message;
use crate::sip::trunk::{Action, Trunk, TrunkConfig};
use crate::sip::uri::Uri;
use crate::switchboard::input::Input;

use super::Exchange;
use super::effects::{name_addr, transport_param};

/// How our own number is shown on a call out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Present {
    From,
    Pai,
    Ppi,
    Rpid,
}

pub struct LineSettings {
    pub name: String,
    /// `host[:port]` to resolve (the proxy when one is set).
    pub target: String,
    pub transport: Transport,
    /// Of the Request-URI, From and To.
    pub domain: String,
    /// Addresses taken without resolution, besides the resolved ones.
    pub peers: Vec<PeerAddress>,
    /// Where its sound may be; empty: anywhere that `sip/media_address` allows.
    pub media: Vec<PeerAddress>,
    /// The account at the operator; empty when there is none.
    pub username: String,
    pub credentials: Option<Credentials>,
    /// Our own numbers, E.164 first form; the first one is shown.
    pub shown: Option<crate::domain::number::E164>,
    /// From's user is the account's name, not the number.
    pub from_username: bool,
    pub present: Present,
    pub format: NumberFormat,
    pub outside_prefix: String,
    pub identity: IdentitySettings,
    /// Others can take its calls.
    pub shared: bool,
    /// What a PBX upstream wants before the first key of a call; empty: nothing.
    pub keypad_code: String,
    pub register: bool,
    /// Seconds asked for at registration.
    pub expires: u32,
    /// OPTIONS that often.
    pub keepalive: Option<std::time::Duration>,
}

struct OneLine {
    settings: LineSettings,
    /// Made when it is known where the trunk is, and so which address of ours it reaches us by.
    machine: Option<Trunk>,
    candidates: Candidates,
    state: TrunkState,
    usable: Option<bool>,
    since: Option<chrono::DateTime<chrono::Utc>>,
}

/// All trunks, in the configuration's order.
#[derive(Default)]
pub struct Lines {
    lines: Vec<OneLine>,
    /// REGISTER and OPTIONS under way: whose, and where they went.
    registrations: HashMap<RequestId, (usize, SocketAddr)>,
    dirty: bool,
}

impl Lines {
    pub fn add(&mut self, settings: LineSettings) {
        let state = if settings.register { TrunkState::Unregistered } else { TrunkState::Static };
        self.lines.push(OneLine { settings, machine: None, candidates: Candidates::default(), state, usable: None, since: None });
    }

    pub fn targets(&self) -> Vec<(usize, String)> {
        self.lines.iter().enumerate().map(|(i, l)| (i, l.settings.target.clone())).collect()
    }

    /// Where it is now, best first; nothing when it was not found for so long that the last place is not believed any more.
    pub fn located(&mut self, trunk: usize, addresses: &[SocketAddr]) {
        if let Some(line) = self.lines.get_mut(trunk) {
            line.candidates.renew(addresses.iter().copied());
        }
    }

    /// Whose messages are this trunk's.
    pub fn peers(&self, trunk: usize) -> Vec<PeerAddress> {
        let Some(line) = self.lines.get(trunk) else { return Vec::new() };
        // with `peers` named, where we send to is one more of them, to the port; without, its whole address is the trunk's
        let named = !line.settings.peers.is_empty();
        let of = |a: &SocketAddr| if named { PeerAddress::Socket(*a) } else { PeerAddress::address(a.ip()) };
        let resolved = line.candidates.all().iter().map(of);
        line.settings.peers.iter().cloned().chain(resolved).collect()
    }

    pub fn media(&self, trunk: usize) -> &[PeerAddress] {
        self.lines.get(trunk).map_or(&[], |l| &l.settings.media)
    }

    /// Some trunk's signalling comes from that host.
    pub fn is_a_trunks(&self, ip: IpAddr) -> bool {
        let holds = |peer: &PeerAddress| match peer {
            PeerAddress::Socket(socket) => socket.ip().to_canonical() == ip.to_canonical(),
            PeerAddress::Net { .. } => peer.holds(SocketAddr::new(ip, 0)),
        };
        let resolved = |line: &OneLine| line.candidates.all().iter().any(|a| a.ip().to_canonical() == ip.to_canonical());
        self.lines.iter().any(|line| resolved(line) || line.settings.peers.iter().any(holds))
    }

    /// Whether a call to that URI means us: our Contact at a trunk, or one of our numbers in any form (RULES 2.7).
    pub fn is_called_by(&self, uri: &str) -> bool {
        let Some(uri) = Uri::parse(uri) else { return false };
        let user = uri.user_unescaped();
        let subscriber = user.split(';').next().unwrap_or_default();
        let number = E164::parse_national_or_international(subscriber).ok();
        self.lines.iter().any(|line| {
            let ours = &line.settings.identity.own_numbers;
            (!user.is_empty() && user == contact_user(&line.settings)) || number.as_ref().is_some_and(|number| ours.contains(number))
        })
    }

    pub fn destination(&self, trunk: usize) -> Option<SocketAddr> {
        self.lines.get(trunk)?.candidates.current()
    }

    /// No reply came from there: the next place is tried from now on (RFC 3263 4.3).
    pub fn failed(&mut self, trunk: usize, at: SocketAddr) {
        if let Some(line) = self.lines.get_mut(trunk)
            && line.candidates.fail(at)
        {
            tracing::warn!(trunk = line.settings.name, %at, next = ?line.candidates.current(), "no reply: the trunk's next address is tried");
        }
    }

    pub fn transport(&self, trunk: usize) -> Transport {
        self.lines.get(trunk).map_or(Transport::Udp, |l| l.settings.transport)
    }

    pub fn identity(&self, trunk: usize) -> &IdentitySettings {
        static NONE: std::sync::OnceLock<IdentitySettings> = std::sync::OnceLock::new();
        self.lines.get(trunk).map_or_else(|| NONE.get_or_init(IdentitySettings::default), |l| &l.settings.identity)
    }

    /// A call out: only our own number is presented (Arcep decision 2025-2215).
    pub fn invite(&self, trunk: usize, remote: SocketAddr, local: SocketAddr, permit: &OutboundPermit, sdp: Vec<u8>) -> Invite {
        let Some(line) = self.lines.get(trunk) else {
            return Invite {
                flow: Flow { transport: Transport::Udp, local, remote, connection: None },
                request_uri: String::new(),
                from: String::new(),
                to: String::new(),
                contact: String::new(),
                headers: Vec::new(),
                sdp,
                credentials: None,
                large: None,
            };
        };
        let settings = &line.settings;
        let number = permit.number_on_wire(settings.format, &settings.outside_prefix);
        let uri = format!("sip:{}@{}", number.replace('#', "%23"), settings.domain);
        let shown = settings.shown.as_ref().map(|n| shown_as(n, settings.format)).unwrap_or_default();
        let username = settings.username.clone();
        let from_user = if settings.from_username && !username.is_empty() { &username } else { &shown };
        let asserted = name_addr("", &shown, &settings.domain);
        let mut headers = Vec::new();
        match settings.present {
            Present::From => {}
            Present::Pai => headers.push(("P-Asserted-Identity", asserted)),
            Present::Ppi => headers.push(("P-Preferred-Identity", asserted)),
            Present::Rpid => headers.push(("Remote-Party-ID", format!("{asserted};party=calling;privacy=off;screen=no"))),
        }
        let user = if username.is_empty() { &shown } else { &username };
        Invite {
            flow: Flow { transport: settings.transport, local, remote, connection: None },
            request_uri: uri.clone(),
            from: name_addr("", from_user, &settings.domain),
            to: format!("<{uri}>"),
            contact: format!("<sip:{user}@{local}{}>", transport_param(settings.transport)),
            headers,
            sdp,
            credentials: settings.credentials.clone(),
            large: None,
        }
    }

    pub fn on_response(&mut self, now: Now, id: RequestId, response: Option<&Message>) {
        let Some((trunk, at)) = self.registrations.remove(&id) else { return };
        if response.is_none() {
            self.failed(trunk, at);
        }
        if let Some(machine) = self.lines.get_mut(trunk).and_then(|l| l.machine.as_mut()) {
            machine.handle_response(now.instant, response);
        }
    }

    pub fn handle_timeout(&mut self, now: Now) {
        for machine in self.lines.iter_mut().filter_map(|l| l.machine.as_mut()) {
            if machine.poll_timeout().is_some_and(|at| at <= now.instant) {
                machine.handle_timeout(now.instant);
            }
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.lines.iter().filter_map(|l| l.machine.as_ref()?.poll_timeout()).min()
    }

    /// At shutdown: the trunks are told that we are gone.
    pub fn unregister(&mut self, now: Now) {
        for machine in self.lines.iter_mut().filter_map(|l| l.machine.as_mut()) {
            machine.unregister(now.instant);
        }
    }

    /// True once no trunk waits for a last word of ours.
    pub fn is_over(&self) -> bool {
        self.lines.iter().all(|l| l.machine.as_ref().is_none_or(Trunk::is_over))
    }

    pub fn take_dirty(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    pub fn status(&self) -> Vec<TrunkStatus> {
        self.lines.iter().map(|l| TrunkStatus { name: l.settings.name.clone(), state: l.state, since: l.since }).collect()
    }
}

/// Our own number, in the form that the operator wants numbers in.
fn shown_as(number: &crate::domain::number::E164, format: NumberFormat) -> String {
    let e164 = number.as_str();
    match format {
        NumberFormat::National => number.national().unwrap_or_else(|| e164.to_owned()),
        NumberFormat::E164 => e164.to_owned(),
        NumberFormat::DoubleZero => format!("00{}", e164.trim_start_matches('+')),
    }
}

impl Exchange {
    /// Sends what the registrations want to send and tells the switchboard what changed; true when something did.
    pub(super) fn drive_lines(&mut self, now: Now) -> bool {
        let mut moved = false;
        for trunk in 0..self.lines.lines.len() {
            moved |= self.drive_line(now, trunk);
        }
        moved
    }

    fn drive_line(&mut self, now: Now, trunk: usize) -> bool {
        let mut moved = false;
        let Some(line) = self.lines.lines.get_mut(trunk) else { return false };
        let transport = line.settings.transport;
        if let Some(remote) = line.candidates.current()
            && let Some(local) = self.outside.local(transport, remote.ip())
        {
            let machine =
                line.machine.get_or_insert_with(|| Trunk::new(now.instant, registration(&line.settings, local), (self.new_entropy)()));
            if machine.poll_timeout().is_some_and(|at| at <= now.instant) {
                machine.handle_timeout(now.instant);
            }
            while let Some(action) = machine.poll_action() {
                moved = true;
                match action {
                    Action::Send(message) => {
                        let flow = Flow { transport, local, remote, connection: None };
                        match self.endpoint.request(now.instant, flow, *message) {
                            Ok(id) => {
                                self.lines.registrations.insert(id, (trunk, remote));
                            }
                            Err(_) => machine.handle_response(now.instant, None),
                        }
                    }
                    Action::Alert { status } => {
                        self.inputs.push_back(Input::TrunkRefused { trunk, status });
                    }
                }
            }
            let state = machine.state();
            if state != line.state || line.since.is_none() {
                line.state = state;
                line.since = Some(now.wall);
                self.lines.dirty = true;
            }
        }
        let usable = !line.candidates.all().is_empty() && matches!(line.state, TrunkState::Registered | TrunkState::Static);
        // a first registration under way (a challenge answered) is no outage; silence, a refusal, or a loss is
        let silent = line.machine.as_ref().is_some_and(|m| m.reachable() == Some(false));
        let known = usable || line.usable.is_some() || silent || line.state == TrunkState::Refused;
        if known && line.usable != Some(usable) {
            line.usable = Some(usable);
            self.inputs.push_back(Input::Trunk { trunk, usable });
            moved = true;
        }
        moved
    }
}

/// The user part by which a trunk reaches us.
fn contact_user(settings: &LineSettings) -> &str {
    if settings.username.is_empty() { "rappel" } else { &settings.username }
}

fn registration(settings: &LineSettings, local: SocketAddr) -> TrunkConfig {
    let user = contact_user(settings);
    TrunkConfig {
        register: settings.register,
        registrar_uri: format!("sip:{}", settings.domain),
        address_of_record: format!("sip:{user}@{}", settings.domain),
        contact: format!("sip:{user}@{local}{}", transport_param(settings.transport)),
        credentials: settings.credentials.clone(),
        expires: settings.expires,
        keepalive: settings.keepalive,
    }
}
