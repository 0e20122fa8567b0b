//! Cuts a stream into messages (RFC 3261 18.3). Reads nothing of them but Content-Length.

use super::wire::{MAX_STREAM_MESSAGE, decode, field};

/// A stream went wrong: the connection must be closed (RFC 3261 18.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// Cuts a stream into messages by Content-Length.
#[derive(Default)]
pub struct Framer {
    buffer: Vec<u8>,
}

impl Framer {
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        if self.buffer.len() + bytes.len() > 2 * MAX_STREAM_MESSAGE {
            return Err(Broken);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole message, without the keep-alives before it.
    #[allow(clippy::should_implement_trait, reason = "a push may follow a None")]
    pub fn next(&mut self) -> Option<Result<Vec<u8>, Broken>> {
        let start = self.buffer.iter().position(|b| *b != b'\r' && *b != b'\n').unwrap_or(self.buffer.len());
        self.buffer.drain(..start);
        let end = self.buffer.windows(4).position(|w| w == b"\r\n\r\n");
        let Some(end) = end else {
            return (self.buffer.len() > MAX_STREAM_MESSAGE).then_some(Err(Broken));
        };
        let head = decode(&self.buffer[..end]);
        let lengths: Vec<&str> =
            head.split("\r\n").filter_map(field).filter(|(n, _)| n.eq_ignore_ascii_case("Content-Length")).map(|(_, v)| v).collect();
        let length = match lengths.as_slice() {
            [] => 0,
            [one] => match one.parse::<usize>() {
                Ok(length) if length <= MAX_STREAM_MESSAGE => length,
                _ => return Some(Err(Broken)),
            },
            _ => return Some(Err(Broken)),
        };
        let whole = end + 4 + length;
        if self.buffer.len() < whole {
            return None;
        }
        let message = self.buffer.drain(..whole).collect();
        Some(Ok(message))
    }
}
