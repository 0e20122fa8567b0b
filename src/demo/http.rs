//! As much of an HTTP client as the demonstration and the loopback tests need: one request a connection, a cookie, JSON.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(10);
/// Longest answer read.
const MAX_ANSWER: u64 = 16 << 20;

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON, null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A browser's worth of state: where, and the session cookie.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    cookie: Option<String>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Client {
        Client { address, cookie: None }
    }

    /// Signs in; the cookie is kept.
    pub fn sign_in(&mut self, person: &str, password: &str) -> io::Result<u16> {
        let answer = self.post("/login", &serde_json::json!({"person": person, "password": password}))?;
        let set = answer.headers.iter().find(|(name, _)| name == "set-cookie");
        self.cookie = set.and_then(|(_, value)| value.split(';').next()).map(str::to_owned);
        Ok(answer.status)
    }

    pub fn get(&self, path: &str) -> io::Result<Answer> {
        self.ask("GET", path, None)
    }

    pub fn post(&self, path: &str, body: &Value) -> io::Result<Answer> {
        self.ask("POST", path, Some(body))
    }

    /// One request. HTTP/1.0, so that the answer ends where the connection does.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> io::Result<Answer> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut head = format!("{method} {path} HTTP/1.0\r\nHost: {0}\r\nOrigin: http://{0}\r\nAccept: application/json\r\n", self.address);
        if !body.is_empty() {
            head += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        }
        if let Some(cookie) = &self.cookie {
            head += &format!("Cookie: {cookie}\r\n");
        }
        let mut stream = TcpStream::connect_timeout(&self.address, LIMIT)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
        let mut bytes = Vec::new();
        stream.take(MAX_ANSWER).read_to_end(&mut bytes)?;
        parse(&bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    let (head, body) = (std::str::from_utf8(bytes.get(..end)?).ok()?, bytes.get(end + 4..)?);
    let (first, lines) = head.split_once("\r\n").unwrap_or((head, ""));
    let status = first.split(' ').nth(1)?.parse().ok()?;
    let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    Some(Answer { status, headers: lines.split("\r\n").filter_map(header).collect(), body: body.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read() {
        let answer = parse(b"HTTP/1.0 200 OK\r\nSet-Cookie: a=b; Path=/\r\n\r\n{\"n\": 1}").unwrap();
        assert_eq!((answer.status, answer.headers[0].1.as_str(), answer.json()["n"].as_i64()), (200, "a=b; Path=/", Some(1)));
        assert!(parse(b"HTTP/1.0 200").is_none());
    }
}
