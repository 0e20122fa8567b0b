//! `rappel serve`: the configuration, turned into each layer's own plain data, and the service started.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use crate::config::Config;
use crate::config::model::{self, LogFormat};
use crate::config::net::{Host, Net, Source};
use crate::domain::number::E164;
use crate::exchange::Reload;
use crate::exchange::lines::{LineSettings, Present};
use crate::screen::{Plan, SignIn};
use crate::shell::rtp_io::PortRange;
use crate::shell::run::{self, Limits, Phone, Service};
use crate::shell::web::Agency;
use crate::sip::api::{Credentials, Transport};
use crate::sip::guard::PeerAddress;
use crate::sip::identity::{CallerIdHeader, IdentitySettings};
use crate::store::Keep;
use crate::switchboard::config::{AttendantRules, KeypadRules};

/// The folder where the records stand: `[store] path`, else what the service manager gives, else `./var`.
pub fn state_folder(config: &Config) -> PathBuf {
    config.store.path.clone().or_else(|| std::env::var_os("STATE_DIRECTORY").map(PathBuf::from)).unwrap_or_else(|| PathBuf::from("var"))
}

/// `open_as`: the page needs no password and everyone there is this person. For the demonstration; on loopback only.
pub fn serve(config: &Config, open_as: Option<String>) -> ExitCode {
    start_log(config);
    if open_as.is_some() && !config.web.listen.iter().all(|address| address.ip().is_loopback()) {
        return failed("sans mot de passe, la page ne s'ouvre qu'à cette machine : [web] listen doit être 127.0.0.1.");
    }
    let sign_in = open_as.map_or(SignIn::Required, SignIn::As);
    if config.trunks.is_empty() || config.phones.is_empty() {
        eprintln!("attention : aucun {} dans la configuration : la page s'ouvre, mais aucun appel ne passe.", missing(config));
    }
    match run::serve(service(config, sign_in), reloader(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error.to_string()),
    }
}

/// What SIGHUP does: a bad file is refused whole.
fn reloader(config: &Config) -> run::Reloader {
    let started = config.clone();
    Box::new(move || match Config::load(started.file.as_deref()) {
        Ok(config) => {
            let tables = waiting(&started, &config);
            if !tables.is_empty() {
                tracing::warn!(tables = tables.join(", "), "what these tables changed counts after a restart only");
            }
            let plan = plan(&config);
            let reload = Reload {
                hours: config.hours.clone(),
                ring: config.line.ring.clone(),
                ring_time: config.line.ring_time,
                per_hour: config.dialling.per_hour as usize,
                promise: config.callbacks.promise,
                retry: config.callbacks.retry.clone(),
                attendant: attendant(&config),
                router: Box::new(config.rules),
            };
            Ok((reload, plan))
        }
        Err(mistakes) => Err(mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")),
    })
}

/// Tables in which the new file changes something that is read at the start only.
fn waiting(started: &Config, new: &Config) -> Vec<&'static str> {
    let agency = |c: &Config| (c.agency.name.clone(), c.agency.staff.clone(), c.agency.places.clone());
    let line = |c: &Config| (c.line.waiting_after, c.line.offer_time, c.line.second_call);
    let tables = [
        ("agency", agency(started) != agency(new)),
        ("sip", started.sip != new.sip),
        ("trunk", started.trunks != new.trunks),
        ("phone", started.phones != new.phones),
        ("line", line(started) != line(new)),
        ("keypad", started.keypad != new.keypad),
        ("media", started.media != new.media),
        ("limits", started.limits != new.limits),
        ("store", started.store != new.store),
        ("web", started.web != new.web),
        ("retention", started.retention != new.retention),
        ("log", started.log != new.log),
    ];
    tables.into_iter().filter_map(|(table, differs)| differs.then_some(table)).collect()
}

/// What the pages read of the files.
fn plan(config: &Config) -> Plan {
    Plan {
        hours: config.hours.clone(),
        per_person: config.agency.per_person,
        rules: config.rules.clone(),
        trunks: config.trunk_wires(),
        guides: config.guides.clone(),
    }
}

fn failed(why: &str) -> ExitCode {
    eprintln!("rappel : {why}");
    ExitCode::FAILURE
}

fn missing(config: &Config) -> &'static str {
    match (config.trunks.is_empty(), config.phones.is_empty()) {
        (true, true) => "opérateur ([[trunk]]) ni poste ([[phone]])",
        (true, false) => "opérateur ([[trunk]])",
        _ => "poste ([[phone]])",
    }
}

fn start_log(config: &Config) {
    let filter = EnvFilter::new(format!("warn,rappel={}", config.log.level));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // a log that cannot be written, its disk being full, is no reason to end
    let log = log.log_internal_errors(false);
    // a second log in one process is refused: the first goes on
    let _ = match config.log.format {
        LogFormat::Json => log.json().try_init(),
        LogFormat::Text => log.with_ansi(false).try_init(),
    };
}

pub(super) fn service(config: &Config, sign_in: SignIn) -> Service {
    let agency = &config.agency;
    let folder = config.beside(Path::new("prompts"));
    let music = config.beside(&config.media.hold_music);
    let own_numbers: Vec<E164> = config.trunks.iter().flat_map(|trunk| trunk.numbers.iter().cloned()).collect();
    Service {
        plan: plan(config),
        agency: Agency { name: agency.name.clone(), staff: agency.staff.clone(), places: agency.places.clone() },
        sign_in,
        listen: config.sip.listen.iter().map(|l| (transport(l.transport), l.address)).collect(),
        advertise: config.sip.advertise,
        phone_nets: config.sip.phones.iter().map(net).collect(),
        realm: "rappel".to_owned(),
        trunks: config.trunks.iter().map(|t| (trunk(t, &own_numbers), t.channels)).collect(),
        phones: config.phones.iter().map(phone).collect(),
        ring: config.line.ring.clone(),
        ring_time: config.line.ring_time,
        attendant: attendant(config),
        waiting_after: config.line.waiting_after,
        offer_time: config.line.offer_time,
        keypad: KeypadRules { code: config.keypad.code.clone(), required: config.keypad.required, idle: config.keypad.idle },
        second_by_phone: config.line.second_call == model::SecondCall::Phone,
        hours: config.hours.clone(),
        rules: config.rules.clone(),
        promise: config.callbacks.promise,
        retry: config.callbacks.retry.clone(),
        per_hour: config.dialling.per_hour as usize,
        ports: PortRange { first: config.media.ports.first, last: config.media.ports.last },
        hold_music: music.is_file().then_some(music),
        prompts: folder,
        silence_seconds: u32::try_from(config.media.silence.as_secs()).unwrap_or(u32::MAX),
        limits: Limits {
            calls_per_second: config.limits.calls_per_second,
            requests_per_second: config.limits.requests_per_second,
            pending: config.limits.pending,
            transactions: config.limits.transactions,
        },
        state: state_folder(config),
        keep: Keep { calls: config.retention.calls_days, clips: config.retention.clips_days },
        web_listen: config.web.listen.clone(),
        web_hosts: config.web.hosts.clone(),
    }
}

fn attendant(config: &Config) -> Option<AttendantRules> {
    config.attendant.enabled.then_some(AttendantRules { name_time: config.attendant.name_time })
}

fn transport(transport: model::Transport) -> Transport {
    match transport {
        model::Transport::Udp => Transport::Udp,
        model::Transport::Tcp => Transport::Tcp,
    }
}

fn net(net: &Net) -> PeerAddress {
    PeerAddress::Net { base: net.address, prefix: net.prefix }
}

fn source(source: &Source) -> PeerAddress {
    match source {
        Source::Net(of) => net(of),
        Source::Port(address) => PeerAddress::Socket(*address),
    }
}

fn phone(phone: &model::Phone) -> Phone {
    let owner = if phone.owner.is_empty() { phone.name.clone() } else { phone.owner.clone() };
    Phone { extension: phone.extension.clone(), owner, password: phone.password.expose().to_owned(), calls: phone.calls }
}

fn target(host: &Host) -> String {
    let name = if host.name.contains(':') { format!("[{}]", host.name) } else { host.name.clone() };
    host.port.map_or(name.clone(), |port| format!("{name}:{port}"))
}

/// `own_numbers` are the agency's, whichever trunk brings them.
fn trunk(trunk: &model::Trunk, own_numbers: &[E164]) -> LineSettings {
    let password = trunk.password.as_ref().map(|p| p.expose().to_owned());
    let credentials = password.map(|password| Credentials { username: trunk.auth_username.clone(), password, realm: trunk.realm.clone() });
    LineSettings {
        name: trunk.name.clone(),
        target: target(trunk.proxy.as_ref().unwrap_or(&trunk.address)),
        transport: transport(trunk.transport),
        domain: trunk.domain.clone(),
        peers: trunk.peers.iter().map(source).collect(),
        media: trunk.media.iter().flatten().map(net).collect(),
        username: trunk.username.clone(),
        credentials,
        shown: trunk.numbers.first().cloned(),
        from_username: trunk.from_user == model::FromUser::Username,
        present: match trunk.present {
            model::Present::From => Present::From,
            model::Present::Pai => Present::Pai,
            model::Present::Ppi => Present::Ppi,
            model::Present::Rpid => Present::Rpid,
        },
        format: trunk.number_format,
        outside_prefix: trunk.outside_prefix.clone(),
        identity: IdentitySettings {
            caller_id: match trunk.caller_id {
                model::CallerId::Pai => CallerIdHeader::Pai,
                model::CallerId::From => CallerIdHeader::From,
            },
            caller_prefix: trunk.caller_prefix.clone(),
            own_numbers: own_numbers.to_vec(),
        },
        shared: trunk.shared,
        keypad_code: trunk.keypad_code.clone(),
        register: trunk.register,
        expires: trunk.expires,
        keepalive: (!trunk.keepalive.is_zero()).then_some(trunk.keepalive),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_new_file_changes_for_the_next_start_only_is_named() {
        let read = |text: &str| Config::parse(text, None).unwrap();
        let started = read("[line]\nring_seconds = 18\n[[phone]]\nextension = \"11\"\npassword = \"un\"\n");
        // taken at once
        let hours = read("[hours]\nmonday = []\n[line]\nring_seconds = 9\n[[phone]]\nextension = \"11\"\npassword = \"un\"\n");
        assert_eq!(waiting(&started, &hours), [""; 0]);
        let more = read("[line]\noffer_seconds = 9\n[web]\nhosts = [\"a\"]\n[[phone]]\nextension = \"11\"\npassword = \"deux\"\n");
        assert_eq!(waiting(&started, &more), ["phone", "line", "web"]);
    }
}
