//! Cuts a stream into messages by Content-Length (RFC 3261 18.3). Reads nothing else of them.

use super::MAX_STREAM_MESSAGE;
use super::head::{decode, field};

/// A stream went wrong: the connection must be closed (RFC 3261 18.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// One stream's bytes that are no whole message yet.
#[derive(Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// No end of a head begins before this: a sender of single bytes must not have the whole looked through for each.
    searched: usize,
    /// The length of the message at the start of `buffer`, once its head is there.
    whole: Option<usize>,
}

impl Framer {
    /// `Broken` when more waits than two whole messages.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        if self.buffer.len() + bytes.len() > 2 * MAX_STREAM_MESSAGE {
            return Err(Broken);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole message, without the keep-alives before it. `None` until more is pushed.
    #[allow(clippy::should_implement_trait, reason = "a push may follow a None")]
    pub fn next(&mut self) -> Option<Result<Vec<u8>, Broken>> {
        let whole = match self.whole {
            Some(whole) => whole,
            None => match self.measure()? {
                Ok(whole) => whole,
                Err(broken) => return Some(Err(broken)),
            },
        };
        self.whole = Some(whole);
        if self.buffer.len() < whole {
            return None;
        }
        (self.whole, self.searched) = (None, 0);
        Some(Ok(self.buffer.drain(..whole).collect()))
    }

    /// The length of the first message, `None` while its head is not whole.
    fn measure(&mut self) -> Option<Result<usize, Broken>> {
        if self.searched == 0 {
            let start = self.buffer.iter().position(|b| *b != b'\r' && *b != b'\n').unwrap_or(self.buffer.len());
            self.buffer.drain(..start);
        }
        let found = self.buffer[self.searched..].windows(4).position(|w| w == b"\r\n\r\n");
        let Some(end) = found.map(|at| self.searched + at) else {
            self.searched = self.buffer.len().saturating_sub(3);
            return (self.buffer.len() > MAX_STREAM_MESSAGE).then_some(Err(Broken));
        };
        let length = content_length(&self.buffer[..end]).filter(|length| end + 4 + length <= MAX_STREAM_MESSAGE);
        Some(length.map(|length| end + 4 + length).ok_or(Broken))
    }
}

/// Exactly one Content-Length, digits only.
fn content_length(head: &[u8]) -> Option<usize> {
    let mut length = None;
    // its name may be followed by a fold (RFC 4475 3.1.1.1 does so with others)
    let head = decode(head).replace("\r\n ", " ").replace("\r\n\t", " ");
    for (name, value) in head.split("\r\n").filter_map(field) {
        if name.eq_ignore_ascii_case("Content-Length") {
            let digits = value.bytes().all(|b| b.is_ascii_digit());
            let one = value.parse().ok().filter(|_| digits)?;
            if length.replace(one).is_some() {
                return None;
            }
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nl: 3\r\n\r\nabc";

    #[test]
    fn messages_come_whole_however_the_bytes_arrive() {
        let stream = [b"\r\n\r\n".as_slice(), ONE, b"\r\n", ONE].concat();
        for size in [1, 2, 7, stream.len()] {
            let (mut framer, mut got) = (Framer::default(), Vec::new());
            for part in stream.chunks(size) {
                framer.push(part).unwrap();
                while let Some(message) = framer.next() {
                    got.push(message.unwrap());
                }
            }
            assert_eq!(got, [ONE, ONE], "in pieces of {size}");
        }
    }

    #[test]
    fn a_stream_without_one_good_length_is_broken() {
        for lengths in ["", "l: 1\r\nContent-Length: 1\r\n", "l: -1\r\n", "l: +1\r\n", "l: 65536\r\n", "l: x\r\n", "l:\r\n"] {
            let mut framer = Framer::default();
            framer.push(format!("OPTIONS sip:a@b SIP/2.0\r\n{lengths}\r\n").as_bytes()).unwrap();
            assert_eq!(framer.next(), Some(Err(Broken)), "{lengths}");
        }
    }

    #[test]
    fn an_endless_head_is_broken() {
        let mut framer = Framer::default();
        framer.push(&vec![b'a'; MAX_STREAM_MESSAGE + 1]).unwrap();
        assert_eq!(framer.next(), Some(Err(Broken)));
        assert_eq!(framer.push(&vec![b'a'; MAX_STREAM_MESSAGE]), Err(Broken));
    }
}
