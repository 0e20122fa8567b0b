//! `serve`: starts the threads in order, waits for signals, and lets everything end in order.
//!
//! Threads: one for signalling and rules, one or more for RTP, one that writes, tokio's for the page. Nothing here decides anything.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::dialplan::rules::Rules;
use crate::domain::call::Record;
use crate::domain::callback::Retry;
use crate::domain::hours::Hours;
use crate::domain::status::{Health, LineStatus};
use crate::exchange::lines::{LineSettings, Lines};
use crate::exchange::{Config as ExchangeConfig, Exchange, Parts, Reload};
use crate::media::relay;
use crate::sip::api::Transport;
use crate::sip::auth::PhoneAccount;
use crate::sip::endpoint::{Config as EndpointConfig, Endpoint};
use crate::sip::guard::{Guard, GuardConfig, PeerAddress};
use crate::sip::registrar::{Registrar, RegistrarConfig};
use crate::store::{self, Keep, StoreError};
use crate::switchboard::config::{AttendantRules, CallbackRules, KeypadRules, LineConfig, PhoneConfig, TrunkConfig};
use crate::switchboard::input::Seq;
use crate::switchboard::line::Line;

use super::announcements::Announcements;
use super::clock::{self, System};
use super::dns;
use super::faces::Faces;
use super::kept::Kept;
use super::rtp_io::{self, PortRange, RtpIo};
use super::signalling::{Inbox, MAX_INBOX, Records, Signalling, Surroundings, Tickets};
use super::sip_io::{MAX_STREAM_QUEUE, SipIo};
use super::sounds;
use crate::screen::{Plan, SignIn};

/// After SIGTERM running calls may go on that long.
const DRAIN: Duration = Duration::from_secs(30);
/// After everything was told to end, the last BYE and un-REGISTER may take that long to be answered.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Threads of the page.
const WEB_THREADS: usize = 2;

/// Everything the service needs, each layer's own plain data; filled from the configuration by the command line.
pub struct Service {
    pub agency: super::web::Agency,
    pub plan: Plan,
    pub sign_in: SignIn,
    pub listen: Vec<(Transport, SocketAddr)>,
    pub advertise: Option<IpAddr>,
    /// Networks that phones may come from.
    pub phone_nets: Vec<PeerAddress>,
    pub realm: String,
    pub trunks: Vec<(LineSettings, usize)>,
    pub phones: Vec<Phone>,
    pub ring: Vec<crate::domain::call::Extension>,
    pub ring_time: Duration,
    pub attendant: Option<AttendantRules>,
    pub waiting_after: Duration,
    pub offer_time: Duration,
    pub keypad: KeypadRules,
    pub second_by_phone: bool,
    pub hours: Hours,
    pub rules: Rules,
    pub per_hour: usize,
    pub promise: Duration,
    pub retry: Vec<Retry>,
    pub ports: PortRange,
    pub hold_music: Option<PathBuf>,
    /// The agency's own prompts, beside the configuration; it need not be there.
    pub prompts: PathBuf,
    pub silence_seconds: u32,
    pub limits: Limits,
    pub state: PathBuf,
    /// What is older is erased.
    pub keep: Keep,
    pub web_listen: Vec<SocketAddr>,
    pub web_hosts: Vec<String>,
}

pub struct Phone {
    pub extension: crate::domain::call::Extension,
    pub owner: String,
    pub password: String,
    pub calls: usize,
}

pub struct Limits {
    pub calls_per_second: u32,
    pub requests_per_second: u32,
    pub pending: usize,
    pub transactions: usize,
}

/// Why the service did not start, or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("L'adresse {0} ne peut pas être ouverte ({1}). Est-elle prise par un autre programme ?")]
    Bind(String, std::io::Error),
    #[error("Les ports du son ne peuvent pas être ouverts : {0}")]
    Rtp(std::io::Error),
    #[error("Le service ne peut pas démarrer : {0}")]
    Io(#[from] std::io::Error),
}

/// Reads the configuration again; the error is what to tell the owner, in French.
pub type Reloader = Box<dyn Fn() -> Result<(Reload, Plan), String> + Send>;

/// Runs until SIGTERM or SIGINT and the end of the drain.
pub fn serve(service: Service, reload: Reloader) -> Result<(), RunError> {
    let now = clock::now();
    let mut opened = store::open(&service.state, now.wall)?;
    opened.keep = Some(service.keep);
    let kept = Kept::of(&mut opened);
    let readers = opened.readers();
    if opened.torn > 0 {
        tracing::warn!(lines = opened.torn, "lines of the journal were torn and could not be read");
    }
    let (inbox, inbox_end) = mpsc::channel(MAX_INBOX);
    let recorded = inbox.clone();
    let done = Box::new(move |seq| {
        // when it is full the 200 ms of RULES 2.1 stand in
        let _ = recorded.try_send(Inbox::Recorded(Seq(seq)));
    });
    let (writer, writer_thread) = opened.start(Box::new(clock::now), done)?;
    let rtp = Arc::new(start_rtp(&service, inbox.clone())?);
    let (status, status_end) = watch::channel(Arc::new(LineStatus::default()));
    let (plan, plan_end) = watch::channel(Arc::new(service.plan.clone()));
    let targets = service.trunks.iter().map(|(t, _)| (t.target.clone(), t.transport)).collect();
    let web = super::web::Web {
        listen: service.web_listen.clone(),
        hosts: service.web_hosts.clone(),
        state: service.state.clone(),
        readers,
        writer: writer.clone(),
        status: status_end,
        plan: plan_end,
        inbox: inbox.clone(),
        targets,
        agency: service.agency.clone(),
        sign_in: service.sign_in.clone(),
    };
    let announcements = Announcements::new(service.prompts.clone(), &service.state);
    let (folders, music, sounds_inbox) = (announcements.clone(), service.hold_music.clone(), inbox.clone());
    // decoding 160 prompts takes longer than the whole rest of the start
    let prompts = std::thread::Builder::new().name("prompts".to_owned()).spawn(move || {
        let _ = sounds_inbox.blocking_send(Inbox::Sounds(Box::new(sounds::read(&folders, music))));
    })?;
    let (record_writer, health_writer) = (writer.clone(), writer.clone());
    let (ready, ready_end) = oneshot::channel();
    let (signalling_rtp, own) = (rtp.clone(), inbox.clone());
    let signalling = std::thread::Builder::new().name("signalling".to_owned()).spawn(move || {
        let records = Records {
            write: Box::new(move |records| record_writer.records(records)),
            health: Box::new(move |now| health_writer.health_at(now)),
        };
        signalling_thread(service, kept, (own, inbox_end), signalling_rtp, records, status, ready)
    })?;
    let result = match ready_end.blocking_recv() {
        // calls are taken from here on; "healthy" is said once they would hear everything
        Ok(Ok(())) if prompts.join().is_err() => Err(RunError::Io(std::io::Error::other("the prompts' thread ended by a panic"))),
        Ok(Ok(())) => web_thread(web, inbox, &signalling, (&reload, plan)),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(RunError::Io(std::io::Error::other("the signalling thread ended"))),
    };
    if signalling.join().is_err() {
        tracing::error!("the signalling thread ended by a panic");
    }
    writer_thread.stop();
    drop(rtp);
    result
}

fn start_rtp(service: &Service, inbox: mpsc::Sender<Inbox>) -> Result<RtpIo, RunError> {
    let address = service.listen.first().map_or(IpAddr::from([0, 0, 0, 0]), |(_, a)| a.ip());
    let config = rtp_io::Config {
        address,
        ports: service.ports,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        relay: relay::Config { silence_seconds: service.silence_seconds },
    };
    let reports = Arc::new(move |report| {
        // a report lost in a flood is a tone or a second of silence unseen, never a call
        let _ = inbox.try_send(Inbox::Media(report));
    });
    RtpIo::start(config, Arc::new(clock::instant), || Box::new(System::default()), reports).map_err(RunError::Rtp)
}

fn signalling_thread(
    service: Service,
    kept: Kept,
    (own, inbox): (mpsc::Sender<Inbox>, mpsc::Receiver<Inbox>),
    rtp: Arc<RtpIo>,
    records: Records,
    status: watch::Sender<Arc<LineStatus>>,
    ready: oneshot::Sender<Result<(), RunError>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = ready.send(Err(error.into()));
            return;
        }
    };
    tokio::task::LocalSet::new().block_on(&runtime, async move {
        let (events, streams) = mpsc::channel(MAX_STREAM_QUEUE);
        let sip = match SipIo::bind(&service.listen, service.advertise, events) {
            Ok(sip) => sip,
            Err((transport, address, error)) => {
                let scheme = match transport {
                    Transport::Udp => "udp",
                    Transport::Tcp => "tcp",
                };
                let _ = ready.send(Err(RunError::Bind(format!("{scheme}:{address}"), error)));
                return;
            }
        };
        let announcements = Announcements::new(service.prompts.clone(), &service.state);
        let (exchange, unwritten) = build(service, kept, rtp.clone());
        let _ = ready.send(Ok(()));
        Signalling {
            exchange,
            sip,
            streams,
            inbox,
            own,
            rtp,
            records,
            health: Health::Ok,
            status,
            tickets: Tickets::default(),
            announcements,
            idle: false,
            relay_backlog: Default::default(),
            leaving: Vec::new(),
            unwritten,
        }
        .run()
        .await;
    });
}

fn build(service: Service, kept: Kept, rtp: Arc<RtpIo>) -> (Exchange, VecDeque<(u64, Record)>) {
    let now = clock::now();
    let first = |wanted: Transport| service.listen.iter().find(|(t, _)| *t == wanted).map(|(_, a)| *a);
    let outside = Surroundings {
        rtp,
        udp: first(Transport::Udp),
        tcp: first(Transport::Tcp),
        faces: Faces::new(service.advertise),
        ports: service.ports,
    };
    let limits = &service.limits;
    let guard = Guard::new(GuardConfig {
        phones: service.phone_nets,
        trunks: service.trunks.len(),
        requests_per_second: limits.requests_per_second,
        calls_per_second: limits.calls_per_second,
    });
    let endpoint = Endpoint::new(
        EndpointConfig { transactions: limits.transactions, pending: limits.pending, sessions: limits.transactions },
        Box::new(System::default()),
    );
    let accounts = service.phones.iter().map(|p| PhoneAccount { extension: p.extension.clone(), password: p.password.clone() }).collect();
    let registrar = Registrar::new(RegistrarConfig::new(service.realm, accounts), &mut System::default());
    let mut line = Line::new(
        LineConfig {
            phones: service
                .phones
                .iter()
                .map(|p| PhoneConfig { extension: p.extension.clone(), owner: p.owner.clone(), calls: p.calls })
                .collect(),
            ring: service.ring,
            ring_time: service.ring_time,
            waiting_after: service.waiting_after,
            offer_time: service.offer_time,
            keypad: service.keypad,
            second_by_phone: service.second_by_phone,
            trunks: service
                .trunks
                .iter()
                .map(|(t, channels)| TrunkConfig {
                    name: t.name.clone(),
                    channels: *channels,
                    shared: t.shared,
                    keypad_code: t.keypad_code.clone(),
                })
                .collect(),
            per_hour: service.per_hour,
            silence: Duration::from_secs(u64::from(service.silence_seconds)),
            router: Box::new(service.rules),
            attendant: service.attendant,
            callbacks: CallbackRules { hours: service.hours.clone(), promise: service.promise, retry: service.retry },
        },
        kept.first_call,
        1,
    );
    let unwritten = kept.load(now, &mut line);
    let (mut lines, mut located) = (Lines::default(), Vec::new());
    for (trunk, (settings, _)) in service.trunks.into_iter().enumerate() {
        located.extend(dns::literal(&settings.target, settings.transport).map(|address| (trunk, address)));
        lines.add(settings);
    }
    let parts = Parts {
        config: ExchangeConfig { hours: service.hours, silence_seconds: service.silence_seconds },
        endpoint,
        guard,
        registrar,
        lines,
        line,
        outside: Box::new(outside),
        entropy: Box::new(System::default()),
        new_entropy: Box::new(|| Box::new(System::default())),
    };
    let mut exchange = Exchange::new(now, parts);
    // a trunk by address is heard from the first moment on; by name, as soon as it is resolved
    for (trunk, address) in located {
        exchange.handle_located(now, trunk, vec![address]);
    }
    (exchange, unwritten)
}

/// The page, the resolver, the control socket and the signals, until all is over.
fn web_thread(
    web: super::web::Web,
    inbox: mpsc::Sender<Inbox>,
    signalling: &std::thread::JoinHandle<()>,
    reload: (&Reloader, watch::Sender<Arc<Plan>>),
) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WEB_THREADS).enable_all().build()?;
    let result = runtime.block_on(async {
        web.start().await?;
        // a missing supervisor is no error
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        signals(inbox, signalling, reload).await
    });
    runtime.shutdown_timeout(LAST_WORDS);
    result
}

async fn signals(
    inbox: mpsc::Sender<Inbox>,
    signalling: &std::thread::JoinHandle<()>,
    (reload, plans): (&Reloader, watch::Sender<Arc<Plan>>),
) -> Result<(), RunError> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hangup = signal(SignalKind::hangup())?;
    // a limit on the size of files is an error like a full disk's, not an end
    let _sizes = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = ended(signalling) => return Ok(()),
            _ = hangup.recv() => match reload() {
                Ok((reload, plan)) => {
                    tracing::info!("configuration read again");
                    plans.send_replace(Arc::new(plan));
                    let _ = inbox.send(Inbox::Reload(Box::new(reload))).await;
                }
                Err(why) => tracing::error!(why, "the new configuration is refused, the old one stays"),
            },
        }
    }
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    let _ = inbox.send(Inbox::Drain).await;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = tokio::time::sleep(DRAIN) => {}
        () = ended(signalling) => return Ok(()),
    }
    let _ = inbox.send(Inbox::Stop).await;
    let _ = tokio::time::timeout(LAST_WORDS * 2, ended(signalling)).await;
    Ok(())
}

/// Until the signalling thread is over.
async fn ended(signalling: &std::thread::JoinHandle<()>) {
    while !signalling.is_finished() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
