//! One line with one trunk and one phone, both played by the test.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use chrono::DateTime;
use rappel::dialplan::route::NumberFormat;
use rappel::dialplan::rules::Rules;
use rappel::domain::call::{Extension, LegId, Record};
use rappel::domain::entropy::Seeded;
use rappel::domain::hours::{Holidays, Hours, Range};
use rappel::domain::now::{Instant, Now};
use rappel::domain::number::E164;
use rappel::exchange::lines::{LineSettings, Lines, Present};
use rappel::exchange::{Config, Exchange, Output, Outside, Parts};
use rappel::media::command::{Command, Report};
use rappel::sip::api::{Flow, Transport};
use rappel::sip::auth::PhoneAccount;
use rappel::sip::digest::{Challenge, authorization};
use rappel::sip::endpoint::Endpoint;
use rappel::sip::guard::{Guard, GuardConfig, PeerAddress};
use rappel::sip::identity::IdentitySettings;
use rappel::sip::message::{Message, Method};
use rappel::sip::registrar::{Registrar, RegistrarConfig};
use rappel::sip::wire::{self, Framing, Read};
use rappel::switchboard::config::{CallbackRules, KeypadRules, LineConfig, PhoneConfig, TrunkConfig};
use rappel::switchboard::line::Line;

pub const OURS: &str = "192.168.1.5:5060";
pub const TRUNK: &str = "198.51.100.7:5060";
pub const PHONE: &str = "192.168.1.20:5062";
/// Of our media; the next ones are each leg's.
const FIRST_PORT: u16 = 20_000;
const LAST_PORT: u16 = 20_999;
const PASSWORD: &str = "poste-11-secret";

struct Ports(u16);

impl Outside for Ports {
    fn reserve(&mut self, _leg: LegId, _peer: IpAddr) -> Option<SocketAddr> {
        self.0 += 2;
        Some(SocketAddr::new(OURS.parse::<SocketAddr>().unwrap().ip(), self.0))
    }

    fn local(&mut self, _transport: Transport, _peer: IpAddr) -> Option<SocketAddr> {
        Some(OURS.parse().unwrap())
    }

    fn is_ours(&mut self, address: SocketAddr) -> bool {
        let ours: SocketAddr = OURS.parse().unwrap();
        address.ip() == ours.ip() && (address.port() == ours.port() || (FIRST_PORT..=LAST_PORT).contains(&address.port()))
    }
}

pub struct Site {
    pub exchange: Exchange,
    pub now: Now,
    /// What was sent and not looked at yet: to whom, and what.
    pub sent: VecDeque<(SocketAddr, Message)>,
    pub media: Vec<Command>,
    pub records: Vec<Record>,
}

impl Site {
    /// The phone is registered; the trunk's media may be in those networks (none: anywhere).
    pub fn new(media: &[&str]) -> Site {
        let now = Now { instant: Instant::ZERO + Duration::from_secs(1), wall: DateTime::UNIX_EPOCH };
        let mut lines = Lines::default();
        lines.add(line_settings(media));
        let parts = Parts {
            config: Config { hours: always(), silence_seconds: 20 },
            endpoint: Endpoint::new(Default::default(), Box::new(Seeded(1))),
            guard: Guard::new(GuardConfig {
                phones: vec![PeerAddress::parse("192.168.1.0/24").unwrap()],
                trunks: 1,
                requests_per_second: 200,
                calls_per_second: 20,
            }),
            registrar: Registrar::new(
                RegistrarConfig::new("rappel", vec![PhoneAccount { extension: Extension("11".into()), password: PASSWORD.into() }]),
                &mut Seeded(2),
            ),
            lines,
            line: line(),
            outside: Box::new(Ports(FIRST_PORT)),
            entropy: Box::new(Seeded(3)),
            new_entropy: Box::new(|| Box::new(Seeded(4))),
        };
        let (sent, media, records) = (VecDeque::new(), Vec::new(), Vec::new());
        let mut site = Site { exchange: Exchange::new(now, parts), now, sent, media, records };
        site.exchange.handle_located(now, 0, vec![TRUNK.parse().unwrap()]);
        site.register();
        site
    }

    fn register(&mut self) {
        let mut request = request("REGISTER", "sip:192.168.1.5", PHONE, "reg", 1, "");
        request.set("From", "<sip:11@192.168.1.5>;tag=p");
        request.set("To", "<sip:11@192.168.1.5>");
        self.authorized(request, "REGISTER", "sip:192.168.1.5");
        self.reply(PHONE, 200);
    }

    /// The phone sends that request, and again with its password.
    fn authorized(&mut self, mut request: Message, method: &str, uri: &str) {
        self.tell(PHONE, &request);
        let challenged = self.reply(PHONE, 401);
        let challenge = Challenge::parse(challenged.get("WWW-Authenticate").unwrap()).unwrap();
        request.set("CSeq", format!("2 {method}"));
        request.replace_first("Via", format!("SIP/2.0/UDP {PHONE};branch=z9hG4bK{method}2;rport"));
        request.push("Authorization", authorization(&challenge, "11", PASSWORD, method, uri, "c", 1));
        self.tell(PHONE, &request);
    }

    /// The phone dials.
    pub fn dials(&mut self, digits: &str, sdp: &str) {
        let uri = format!("sip:{digits}@192.168.1.5");
        let mut invite = request("INVITE", &uri, PHONE, "dialled", 1, "");
        invite.set("From", "<sip:11@192.168.1.5>;tag=phone");
        invite.set("To", format!("<{uri}>"));
        invite.push("Content-Type", "application/sdp");
        invite.body = sdp.as_bytes().to_vec();
        self.authorized(invite, "INVITE", &uri);
    }

    pub fn tell(&mut self, from: &str, message: &Message) {
        self.tell_bytes(from, &message.encode());
    }

    pub fn tell_bytes(&mut self, from: &str, bytes: &[u8]) {
        let flow = Flow { transport: Transport::Udp, local: OURS.parse().unwrap(), remote: from.parse().unwrap(), connection: None };
        self.exchange.handle_message(self.now, flow, bytes);
        self.take();
    }

    /// The relay reports something.
    pub fn hear(&mut self, report: Report) {
        self.exchange.handle_report(self.now, report);
        self.take();
    }

    fn take(&mut self) {
        while let Some(output) = self.exchange.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    let Read::Message(message) = wire::read(&transmit.bytes, Framing::Datagram) else { panic!("not a message") };
                    self.sent.push_back((transmit.flow.remote, *message));
                }
                Output::Media(command) => self.media.push(command),
                Output::Record(seq, record) => {
                    self.records.push(record);
                    self.exchange.handle_recorded(self.now, seq);
                }
                Output::Reply(..) | Output::Prompt(..) | Output::Idle => {}
            }
        }
    }

    /// The next message sent there that is as wanted; those before it are lost.
    #[track_caller]
    pub fn next(&mut self, to: &str, wanted: impl Fn(&Message) -> bool) -> Message {
        let to: SocketAddr = to.parse().unwrap();
        let at = self.sent.iter().position(|(remote, message)| *remote == to && wanted(message));
        let at = at.unwrap_or_else(|| panic!("nothing of the kind was sent to {to}: {:?}", self.sent));
        self.sent.remove(at).unwrap().1
    }

    #[track_caller]
    pub fn reply(&mut self, to: &str, status: u16) -> Message {
        self.next(to, |message| message.status() == Some(status))
    }

    /// Calls from the trunk's number with that description.
    pub fn rings(&mut self, call_id: &str, sdp: &str) {
        self.tell(TRUNK, &invite(call_id, sdp));
    }

    /// Where the relay was ever told to send sound and control packets.
    pub fn targets(&self) -> BTreeSet<SocketAddr> {
        let negotiated = self.media.iter().filter_map(|command| match command {
            Command::Negotiated { with, .. } => Some(with),
            _ => None,
        });
        negotiated.flat_map(|with| [with.remote, with.control]).flatten().collect()
    }

    /// Outcome and reason of each ended call, in order.
    pub fn ends(&self) -> Vec<(&'static str, Option<&'static str>)> {
        let ended = self.records.iter().filter_map(|record| match record {
            Record::Ended { outcome, .. } => Some(outcome.words()),
            _ => None,
        });
        ended.collect()
    }
}

/// The phone answers the call that rings on it; the trunk's ACK has come. Gives the tag of our side towards the trunk.
pub fn answered(site: &mut Site, call_id: &str, offer: &str, answer: &str) -> String {
    site.rings(call_id, offer);
    let ring = site.next(PHONE, |m| m.method() == Some(Method::Invite));
    site.tell(PHONE, &phone_reply(&ring, answer));
    let ours = site.reply(TRUNK, 200).to().tag().unwrap().to_owned();
    site.tell(TRUNK, &request("ACK", "sip:192.168.1.5", TRUNK, call_id, 1, &ours));
    ours
}

pub fn phone_reply(ring: &Message, answer: &str) -> Message {
    let mut reply = Message::reply(ring, 200, Some("phone"));
    reply.push("Contact", format!("<sip:11@{PHONE}>"));
    reply.push("Content-Type", "application/sdp");
    reply.body = answer.as_bytes().to_vec();
    reply
}

/// A request of the phone in the dialog that an INVITE of ours began.
pub fn phone_request(method: &str, ring: &Message, cseq: u32, kind: &str, body: &str) -> Message {
    let mut message = request(method, "sip:192.168.1.5", PHONE, ring.get("Call-ID").unwrap(), cseq, "");
    message.set("From", format!("{};tag=phone", ring.get("To").unwrap()));
    message.set("To", ring.get("From").unwrap());
    message.push("Content-Type", kind);
    message.body = body.as_bytes().to_vec();
    message
}

pub fn sdp(address: &str) -> String {
    sdp_with(address, "")
}

pub fn sdp_with(address: &str, line: &str) -> String {
    let family = if address.contains(':') { "IP6" } else { "IP4" };
    format!("v=0\r\no=- 1 1 IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n{line}")
}

/// An INVITE of the trunk outside a dialog.
pub fn invite(call_id: &str, sdp: &str) -> Message {
    let mut invite = request("INVITE", "sip:0199000000@192.168.1.5", TRUNK, call_id, 1, "");
    invite.push("Content-Type", "application/sdp");
    invite.body = sdp.as_bytes().to_vec();
    invite
}

/// A request from that address, whose branch is its Call-ID and CSeq.
pub fn request(method: &str, uri: &str, from: &str, call_id: &str, cseq: u32, to_tag: &str) -> Message {
    let to_tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
    let text = format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{call_id}{cseq}{method};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:0639980001@operateur.test>;tag=t\r\nTo: <sip:0199000000@192.168.1.5>{to_tag}\r\nCall-ID: {call_id}\r\n\
         CSeq: {cseq} {method}\r\nContact: <sip:{from}>\r\nContent-Length: 0\r\n\r\n"
    );
    match wire::read(text.as_bytes(), Framing::Datagram) {
        Read::Message(message) => *message,
        other => panic!("{other:?}\n{text}"),
    }
}

fn line_settings(media: &[&str]) -> LineSettings {
    LineSettings {
        name: "operateur".into(),
        target: TRUNK.into(),
        transport: Transport::Udp,
        domain: "operateur.test".into(),
        peers: Vec::new(),
        media: media.iter().map(|net| PeerAddress::parse(net).unwrap()).collect(),
        username: String::new(),
        credentials: None,
        shown: None,
        from_username: false,
        present: Present::From,
        format: NumberFormat::National,
        outside_prefix: String::new(),
        identity: IdentitySettings { own_numbers: vec![E164::from_e164("+33199000000").unwrap()], ..IdentitySettings::default() },
        shared: false,
        keypad_code: String::new(),
        register: false,
        expires: 1800,
        keepalive: None,
    }
}

fn line() -> Line {
    let phones = vec![PhoneConfig { extension: Extension("11".into()), owner: "MEL".into(), calls: 1 }];
    let rules = Rules { extensions: vec![Extension("11".into())], ..Rules::default() };
    let config = LineConfig {
        waiting_after: Duration::from_secs(8),
        offer_time: Duration::from_secs(15),
        keypad: KeypadRules { code: "61".into(), required: true, idle: Duration::from_secs(60) },
        second_by_phone: false,
        attendant: None,
        ring: vec![Extension("11".into())],
        ring_time: Duration::from_secs(18),
        silence: Duration::from_secs(20),
        trunks: vec![TrunkConfig { name: "operateur".into(), channels: 4, shared: false, keypad_code: String::new() }],
        per_hour: 60,
        callbacks: CallbackRules { hours: always(), promise: Duration::from_secs(1800), retry: Vec::new() },
        router: Box::new(rules),
        phones,
    };
    Line::new(config, 1, 1)
}

fn always() -> Hours {
    let day = || vec![Range::parse("00:00-24:00").unwrap()];
    Hours { timezone: chrono_tz::Europe::Paris, week: std::array::from_fn(|_| day()), closed: BTreeSet::new(), holidays: Holidays::None }
}
