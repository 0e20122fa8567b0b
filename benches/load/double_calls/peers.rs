//! The operator and the phones as two SIP sockets, turned by whoever waits: as much of a user agent as calls on loopback need. What arrives is
//! answered at once; nothing is sent again, for loopback loses nothing that the buffers hold.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rappel::demo::service::{NUMBER, phone_password};
use rappel::demo::ua::sdp::{self, Codecs, Way};
use rappel::sip::digest::{self, Challenge};
use rappel::sip::message::{Message, Method};
use rappel::sip::wire::{self, Framing, Read};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::pump::Pump;

pub const TRUNK: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
pub const PHONES: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
const BUFFER: usize = 8 << 20;
const SLICE: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    Calling,
    Ringing,
    Up,
    Ended,
}

pub struct Leg {
    pub phase: Phase,
    /// Of the pump.
    pub end: usize,
    /// The phone it is on, `None` for a caller's.
    pub phone: Option<String>,
    local: String,
    remote: String,
    target: String,
    cseq: u32,
}

pub struct Peers {
    trunk: UdpSocket,
    phones: UdpSocket,
    server: SocketAddr,
    /// By Call-ID.
    pub legs: HashMap<String, Leg>,
    /// Final statuses of the REGISTERs.
    registered: HashMap<String, (u16, Option<Challenge>)>,
    /// Ends that the next calls to phones take.
    free: Vec<usize>,
    count: u32,
}

impl Peers {
    pub fn open(server: SocketAddr, trunk: SocketAddr, free: Vec<usize>) -> std::io::Result<Peers> {
        let (trunk, phones) = (UdpSocket::bind(trunk)?, UdpSocket::bind((PHONES, 0))?);
        for socket in [&trunk, &phones] {
            socket.set_nonblocking(true)?;
            rustix::net::sockopt::set_socket_recv_buffer_size(socket, BUFFER)?;
        }
        Ok(Peers { trunk, phones, server, legs: HashMap::new(), registered: HashMap::new(), free, count: 0 })
    }

    /// Handles what arrives until `done` or the time is over; whether it was done.
    pub fn turn(&mut self, pump: &Pump, within: Duration, mut done: impl FnMut(&Peers) -> bool) -> bool {
        let end = Instant::now() + within;
        let mut buffer = [0; 65_535];
        while !done(self) {
            if Instant::now() >= end {
                return false;
            }
            let mut ready = [PollFd::new(&self.trunk, PollFlags::IN), PollFd::new(&self.phones, PollFlags::IN)];
            let _ = poll(&mut ready, Some(&SLICE));
            for phones in [false, true] {
                while let Ok((length, _)) = self.socket(phones).recv_from(&mut buffer) {
                    if let Read::Message(message) = wire::read(&buffer[..length], Framing::Datagram) {
                        self.arrived(pump, phones, &message);
                    }
                }
            }
        }
        true
    }

    fn socket(&self, phones: bool) -> &UdpSocket {
        if phones { &self.phones } else { &self.trunk }
    }

    fn address(&self, phones: bool) -> SocketAddr {
        self.socket(phones).local_addr().expect("it is bound")
    }

    fn send(&self, phones: bool, message: &Message) {
        self.socket(phones).send_to(&message.encode(), self.server).expect("loopback takes it");
    }

    fn request(&mut self, phones: bool, method: Method, uri: &str, user: &str, (id, cseq): (&str, u32)) -> Message {
        self.count += 1;
        let own = self.address(phones);
        let mut request = Message::request(method, uri);
        request.push("Via", format!("SIP/2.0/UDP {own};branch=z9hG4bKload{};rport", self.count));
        request.push("Max-Forwards", "70");
        request.push("Call-ID", id);
        request.push("CSeq", format!("{cseq} {}", method.as_str()));
        request.push("Contact", format!("<sip:{user}@{own}>"));
        request.push("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE");
        request
    }

    /// A phone registers; its final status.
    pub fn register(&mut self, pump: &Pump, extension: &str, within: Duration) -> u16 {
        let uri = format!("sip:{}", self.server);
        let own = format!("<sip:{extension}@{}>", self.server.ip());
        let id = format!("register-{extension}");
        let mut challenge: Option<Challenge> = None;
        for cseq in 1..=2 {
            let mut request = self.request(true, Method::Register, &uri, extension, (&id, cseq));
            request.push("From", format!("{own};tag=r{extension}"));
            request.push("To", own.as_str());
            request.push("Expires", "600");
            if let Some(challenge) = &challenge {
                let password = phone_password(extension);
                request.push("Authorization", digest::authorization(challenge, extension, &password, "REGISTER", &uri, "load", 1));
            }
            self.registered.remove(&id);
            self.send(true, &request);
            self.turn(pump, within, |peers| peers.registered.contains_key(&id));
            match self.registered.remove(&id) {
                Some((401, asked)) => challenge = asked,
                Some((status, _)) => return status,
                None => return 0,
            }
        }
        401
    }

    /// A client calls; its Call-ID.
    pub fn call(&mut self, pump: &Pump, number: &str, end: usize) -> String {
        let id = format!("call-{number}");
        let uri = format!("sip:{NUMBER}@{}", self.server);
        let (local, remote) = (format!("<sip:{number}@operateur.test>;tag=c{number}"), format!("<{uri}>"));
        let mut invite = self.request(false, Method::Invite, &uri, NUMBER, (&id, 1));
        invite.push("From", local.as_str());
        invite.push("To", remote.as_str());
        invite.push("Content-Type", "application/sdp");
        invite.body = sdp::body(pump.address(end), Codecs::G711, Way::SendRecv, 1);
        self.send(false, &invite);
        self.legs.insert(id.clone(), Leg { phase: Phase::Calling, end, phone: None, local, remote, target: uri, cseq: 1 });
        id
    }

    pub fn hang_up(&mut self, pump: &Pump, id: &str) {
        let Some(leg) = self.legs.get_mut(id).filter(|leg| leg.phase == Phase::Up) else { return };
        leg.phase = Phase::Ended;
        leg.cseq += 1;
        pump.connect(leg.end, None);
        let (target, local, remote, cseq) = (leg.target.clone(), leg.local.clone(), leg.remote.clone(), leg.cseq);
        let mut bye = self.request(false, Method::Bye, &target, NUMBER, (id, cseq));
        bye.push("From", local);
        bye.push("To", remote);
        self.send(false, &bye);
    }

    pub fn phase(&self, id: &str) -> Option<Phase> {
        self.legs.get(id).map(|leg| leg.phase)
    }

    /// The end of the phone's only call.
    pub fn phone_end(&self, extension: &str) -> Option<usize> {
        let on = |leg: &&Leg| leg.phone.as_deref() == Some(extension) && leg.phase == Phase::Up;
        self.legs.values().find(on).map(|leg| leg.end)
    }

    pub fn phones_up(&self) -> usize {
        self.legs.values().filter(|leg| leg.phone.is_some() && leg.phase == Phase::Up).count()
    }

    fn arrived(&mut self, pump: &Pump, phones: bool, message: &Message) {
        match (message.status(), message.method()) {
            (Some(status), _) => self.answered(pump, message, status),
            (None, Some(Method::Invite | Method::Update)) => self.invited(pump, phones, message),
            (None, Some(Method::Ack)) => {}
            (None, Some(method)) => {
                if let Some(leg) = self.legs.get_mut(message.call_id()).filter(|_| matches!(method, Method::Bye | Method::Cancel)) {
                    leg.phase = Phase::Ended;
                    pump.connect(leg.end, None);
                }
                self.send(phones, &Message::reply(message, 200, Some("load")));
            }
            (None, None) => {}
        }
    }

    fn answered(&mut self, pump: &Pump, response: &Message, status: u16) {
        let (cseq, method) = response.cseq();
        if method == Method::Register {
            let asked = response.all("WWW-Authenticate").find_map(Challenge::parse);
            self.registered.insert(response.call_id().to_owned(), (status, asked));
            return;
        }
        let Some(leg) = self.legs.get_mut(response.call_id()).filter(|_| method == Method::Invite) else { return };
        match status {
            101..200 if leg.phase == Phase::Calling => leg.phase = Phase::Ringing,
            0..200 => {}
            200..300 => {
                if matches!(leg.phase, Phase::Calling | Phase::Ringing) {
                    leg.phase = Phase::Up;
                    leg.remote = response.get("To").unwrap_or_default().to_owned();
                    leg.target = response.contact().map_or_else(|| leg.target.clone(), |contact| contact.uri.to_owned());
                    pump.connect(leg.end, sdp::read(&response.body).towards.map(|towards| towards.peer));
                }
                let (target, local, remote) = (leg.target.clone(), leg.local.clone(), leg.remote.clone());
                let mut ack = self.request(false, Method::Ack, &target, NUMBER, (response.call_id(), cseq));
                ack.push("From", local);
                ack.push("To", remote);
                self.send(false, &ack);
            }
            // refused: its ACK would only spare the service a few lines
            _ => leg.phase = Phase::Ended,
        }
    }

    /// A call for a phone is answered at once; inside a call everything is taken.
    fn invited(&mut self, pump: &Pump, phones: bool, request: &Message) {
        let id = request.call_id().to_owned();
        let peer = sdp::read(&request.body).towards.map(|towards| towards.peer);
        let user = request.uri().trim_start_matches("sip:").split('@').next().unwrap_or_default().to_owned();
        if !self.legs.contains_key(&id) {
            let Some(end) = self.free.pop() else { return self.send(phones, &Message::reply(request, 486, Some("load"))) };
            pump.connect(end, peer);
            let side = |name: &str| request.get(name).unwrap_or_default().to_owned();
            let leg = Leg {
                phase: Phase::Up,
                end,
                phone: Some(user.clone()),
                local: side("To"),
                remote: side("From"),
                target: String::new(),
                cseq: 0,
            };
            self.legs.insert(id.clone(), leg);
        }
        let Some(leg) = self.legs.get(&id) else { return };
        let mut response = Message::reply(request, 200, Some("load"));
        response.push("Contact", format!("<sip:{user}@{}>", self.address(phones)));
        response.push("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE");
        if !request.body.is_empty() {
            response.push("Content-Type", "application/sdp");
            response.body = sdp::body(pump.address(leg.end), Codecs::G711, Way::SendRecv, 1);
        }
        self.send(phones, &response);
    }
}
