//! The control page of a demonstration that stays up: buttons that play calls, and what each party heard in the double call. A server of
//! its own on loopback, so that the product knows nothing of it. It answers one short request a connection and nobody but this machine.

mod page;

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::recordings::Recording;

/// Longest request read, and how long it may take.
const MAX_REQUEST: usize = 16 * 1024;
const LIMIT: Duration = Duration::from_secs(2);
/// How often the thread looks whether it is to end.
const TURN: Duration = Duration::from_millis(20);
/// Things that happened, remembered for the page.
const MAX_TOLD: usize = 12;

/// What can be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Button {
    Missed,
    First,
    Second,
    TwoLeaves,
    OneLeaves,
    Again,
}

impl Button {
    pub const ALL: [Button; 6] = [Button::Missed, Button::First, Button::Second, Button::TwoLeaves, Button::OneLeaves, Button::Again];

    /// Its name in the address.
    pub fn name(self) -> &'static str {
        match self {
            Button::Missed => "raccroche",
            Button::First => "appel-1",
            Button::Second => "appel-2",
            Button::TwoLeaves => "fin-2",
            Button::OneLeaves => "fin-1",
            Button::Again => "rappelle",
        }
    }

    /// What is written on it.
    pub fn label(self) -> &'static str {
        match self {
            Button::Missed => "Un client appelle et raccroche",
            Button::First => "Un client appelle",
            Button::Second => "L'appel 2 arrive",
            Button::TwoLeaves => "L'appelant 2 raccroche",
            Button::OneLeaves => "L'appelant 1 raccroche",
            Button::Again => "Un client rappelle",
        }
    }
}

/// What a button does.
pub type Play = Box<dyn Fn(Button) + Send>;

/// The server. Dropping it ends it.
pub struct Control {
    address: SocketAddr,
    told: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

struct Server {
    /// Of the agency's page.
    page: String,
    address: SocketAddr,
    recordings: Vec<Recording>,
    told: Arc<Mutex<Vec<String>>>,
    play: Play,
}

impl Control {
    /// On any free port of 127.0.0.1.
    pub fn open(page: &str, recordings: Vec<Recording>, play: Play) -> io::Result<Control> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (told, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let server = Server { page: page.to_owned(), address, recordings, told: Arc::clone(&told), play };
        let ends = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("demo-control".to_owned()).spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                match listener.accept() {
                    // who sends nonsense or leaves is nobody's concern
                    Ok((stream, _)) => drop(server.serve(stream)),
                    Err(_) => std::thread::sleep(TURN),
                }
            }
        })?;
        Ok(Control { address, told, stop, thread: Some(thread) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Something happened: the page shows the last ones, newest first.
    pub fn tell(&self, what: String) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert(0, what);
        told.truncate(MAX_TOLD);
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Server {
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(LIMIT))?;
        let head = read_head(&mut stream)?;
        let (status, headers, body) = self.answer(&head);
        let length = body.len();
        let rest = "Connection: close\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src \
                    'none'; style-src 'unsafe-inline'; media-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
        stream.write_all(format!("HTTP/1.1 {status}\r\n{headers}\r\nContent-Length: {length}\r\n{rest}\r\n\r\n").as_bytes())?;
        stream.write_all(&body)
    }

    /// Status, one line of headers, body.
    fn answer(&self, head: &str) -> (&'static str, String, Vec<u8>) {
        let plain = |status, text: &str| (status, "Content-Type: text/plain; charset=utf-8".to_owned(), text.as_bytes().to_vec());
        let mut first = head.lines().next().unwrap_or_default().split(' ');
        let (method, path) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
        if !self.is_own(head) {
            return plain("403 Forbidden", "Cette page ne répond qu'à elle-même.");
        }
        let button = path.strip_prefix("/jouer/").and_then(|name| Button::ALL.into_iter().find(|button| button.name() == name));
        match (method, path, button) {
            ("GET", "/", _) => {
                let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let html = page::html(&self.page, &self.recordings, &told);
                ("200 OK", "Content-Type: text/html; charset=utf-8".to_owned(), html.into_bytes())
            }
            ("POST", _, Some(button)) => {
                (self.play)(button);
                // the crew looks around ten times a second: what it says is on the page that comes
                std::thread::sleep(TURN * 10);
                ("303 See Other", "Location: /".to_owned(), Vec::new())
            }
            ("GET", path, None) => match self.recording(path) {
                Some(wav) => ("200 OK", "Content-Type: audio/wav".to_owned(), wav),
                None => plain("404 Not Found", "Il n'y a rien à cette adresse."),
            },
            _ => plain("404 Not Found", "Il n'y a rien à cette adresse."),
        }
    }

    fn recording(&self, path: &str) -> Option<Vec<u8>> {
        let number: usize = path.strip_prefix("/ecoute/")?.strip_suffix(".wav")?.parse().ok()?;
        fs::read(&self.recordings.get(number)?.file).ok()
    }

    /// By its own name (no other site's, whatever its name resolves to), and not sent by another site's page.
    fn is_own(&self, head: &str) -> bool {
        let header = |wanted: &str| {
            let mut lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
            lines.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
        };
        let hosts = [self.address.to_string(), format!("localhost:{}", self.address.port())];
        let host = header("Host").is_some_and(|host| hosts.iter().any(|own| own == host));
        let origin = header("Origin").is_none_or(|origin| hosts.iter().any(|own| origin.strip_prefix("http://") == Some(own)));
        let site = header("Sec-Fetch-Site").is_none_or(|site| matches!(site, "same-origin" | "none"));
        let link = head.starts_with("GET / ");
        host && (link || (origin && site))
    }
}

fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let end = Instant::now() + LIMIT;
    let (mut bytes, mut part) = (Vec::new(), [0; 1024]);
    while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || bytes.len() > MAX_REQUEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut part)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend(part.iter().take(read)),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use serde_json::Value;

    use super::super::http::Client;
    use super::*;

    fn open() -> (Control, mpsc::Receiver<Button>) {
        let (orders, inbox) = mpsc::channel();
        let control = Control::open("http://127.0.0.1:8080/", Vec::new(), Box::new(move |button| orders.send(button).unwrap())).unwrap();
        (control, inbox)
    }

    #[test]
    fn every_button_is_on_the_page_and_plays() {
        let (control, inbox) = open();
        control.tell("Un <essai>.".to_owned());
        let client = Client::new(control.address());
        let page = client.get("/").unwrap().text();
        assert!(page.contains("Un &lt;essai&gt;.") && page.contains("http://127.0.0.1:8080/"), "{page}");
        for button in Button::ALL {
            assert!(page.contains(&format!("/jouer/{}", button.name())) && page.contains(&page::escaped(button.label())), "{button:?}");
            let answer = client.post(&format!("/jouer/{}", button.name()), &Value::Null).unwrap();
            assert_eq!((answer.status, inbox.try_recv()), (303, Ok(button)));
        }
        assert_eq!(client.post("/jouer/rien", &Value::Null).unwrap().status, 404);
        assert_eq!(client.get("/ecoute/0.wav").unwrap().status, 404);
    }

    #[test]
    fn another_sites_page_presses_no_button() {
        let (control, inbox) = open();
        let own = control.address();
        for foreign in [
            "Host: exemple.test".to_owned(),
            format!("Host: {own}\r\nOrigin: http://exemple.test"),
            format!("Host: {own}\r\nSec-Fetch-Site: cross-site"),
        ] {
            let mut stream = TcpStream::connect(own).unwrap();
            stream.write_all(format!("POST /jouer/raccroche HTTP/1.1\r\n{foreign}\r\n\r\n").as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 403 "), "{foreign}: {answer}");
        }
        assert!(inbox.try_recv().is_err());
    }
}
