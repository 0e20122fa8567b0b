//! The whole of `agence.toml` as typed values. Plain data: each layer is given its own part by the shell.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::dialplan::explain::TrunkWire;
use crate::dialplan::guides::Guide;
use crate::dialplan::route::NumberFormat;
use crate::dialplan::rules::{Codes, Rules};
use crate::domain::call::Extension;
use crate::domain::hours::Hours;
use crate::domain::number::E164;

use super::net::{Host, Net, Source};
use super::secret::Secret;

#[derive(Clone, Debug)]
pub struct Config {
    /// The file it came from; `None` for the built-in one.
    pub file: Option<PathBuf>,
    /// Things that work and that the owner should know, in French.
    pub warnings: Vec<String>,
    pub agency: Agency,
    /// With the agency's time zone.
    pub hours: Hours,
    pub sip: Sip,
    pub trunks: Vec<Trunk>,
    pub phones: Vec<Phone>,
    pub line: Line,
    pub attendant: Attendant,
    pub callbacks: Callbacks,
    pub keypad: Keypad,
    pub codes: Codes,
    pub dialling: DiallingTable,
    pub media: Media,
    pub limits: Limits,
    pub store: Store,
    pub web: Web,
    pub retention: Retention,
    pub planning: Planning,
    pub mail: Option<Mail>,
    pub log: Log,
    /// What `dialplan::route` reads: numbering, bars, codes and extensions together.
    pub rules: Rules,
    /// By file name.
    pub guides: Vec<Guide>,
}

impl Config {
    /// How each trunk writes a number, for the dry run.
    pub fn trunk_wires(&self) -> Vec<TrunkWire> {
        let wire = |trunk: &Trunk| TrunkWire {
            name: trunk.name.clone(),
            format: trunk.number_format,
            outside_prefix: trunk.outside_prefix.clone(),
        };
        self.trunks.iter().map(wire).collect()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Agency {
    pub name: String,
    pub staff: Vec<String>,
    pub places: Vec<String>,
    /// Figures by person on the day sheet.
    pub per_person: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Sip {
    pub listen: Vec<Listen>,
    /// Our address as peers see it; `None` finds it from the route to each ("auto").
    pub advertise: Option<IpAddr>,
    /// Where phones may be.
    pub phones: Vec<Net>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    pub transport: Transport,
    pub address: SocketAddr,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Trunk {
    pub name: String,
    pub address: Host,
    /// Empty: only what `address` resolves to.
    pub peers: Vec<Source>,
    pub transport: Transport,
    pub register: bool,
    pub username: String,
    pub auth_username: String,
    pub password: Option<Secret>,
    pub realm: Option<String>,
    pub domain: String,
    pub proxy: Option<Host>,
    /// Seconds.
    pub expires: u32,
    pub keepalive: Duration,
    /// The agency's own numbers; the first is the one presented.
    pub numbers: Vec<E164>,
    pub channels: usize,
    /// Where its media may come from; `None` is anywhere.
    pub media: Option<Vec<Net>>,
    pub outside_prefix: String,
    pub caller_prefix: String,
    pub keypad_code: String,
    pub number_format: NumberFormat,
    pub from_user: FromUser,
    pub present: Present,
    pub caller_id: CallerId,
    /// Others can take its calls.
    pub shared: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromUser {
    Number,
    Username,
}

/// The header that carries our number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Present {
    From,
    Pai,
    Ppi,
    Rpid,
}

/// The header that is believed first of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerId {
    Pai,
    From,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Phone {
    pub extension: Extension,
    pub name: String,
    pub owner: String,
    pub password: Secret,
    /// Simultaneous calls before a new one is a double call.
    pub calls: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub ring: Vec<Extension>,
    pub ring_time: Duration,
    pub waiting_after: Duration,
    pub offer_time: Duration,
    pub second_call: SecondCall,
}

/// Who handles a double call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondCall {
    Service,
    Phone,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Attendant {
    pub enabled: bool,
    pub name_time: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Callbacks {
    /// Of opening time.
    pub promise: Duration,
    pub retry: Vec<crate::domain::callback::Retry>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Keypad {
    pub code: String,
    pub required: bool,
    pub idle: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DiallingTable {
    pub outside: String,
    pub premium: bool,
    pub foreign: bool,
    pub allow: Vec<String>,
    pub per_hour: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Media {
    pub ports: Ports,
    /// As written: beside the configuration file when relative.
    pub hold_music: PathBuf,
    pub silence: Duration,
}

/// RTP on the even ones, RTCP on the odd ones; both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    pub first: u16,
    pub last: u16,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Per source address.
    pub calls_per_second: u32,
    pub requests_per_second: u32,
    pub pending: usize,
    pub transactions: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Store {
    /// The state folder; `None`: the service manager's, else `./var`.
    pub path: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Web {
    pub listen: Vec<SocketAddr>,
    pub hosts: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Retention {
    pub calls_days: u32,
    pub clips_days: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Planning {
    pub feed_secret_file: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Mail {
    pub smtp: String,
    pub from: String,
    pub to: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    pub format: LogFormat,
    /// error, warn, info, debug or trace.
    pub level: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}
