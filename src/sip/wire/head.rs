//! The head of a message as lines: where it ends, what was folded, which header a line is. Judges no value.

use std::borrow::Cow;

use super::{MAX_HEADERS, MAX_LINE};
use crate::sip::message::{has_control, is_control};

/// Without the CRLFs that keep a flow alive or precede a message (RFC 3261 7.5).
pub(super) fn strip_crlf(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|b| *b != b'\r' && *b != b'\n').unwrap_or(bytes.len());
    &bytes[start..]
}

/// Head and body at the first blank line; bare LF is taken as a line end too.
pub(super) fn divide(text: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(next) = text[at..].iter().position(|b| *b == b'\n') {
        let end = at + next + 1;
        match (text.get(end), text.get(end + 1)) {
            (Some(b'\n'), _) => return (&text[..end], &text[end + 1..]),
            (Some(b'\r'), Some(b'\n')) => return (&text[..end], &text[end + 2..]),
            _ => at = end,
        }
    }
    (text, &[])
}

/// The lines of the head, folded ones joined by one space (RFC 3261 7.3.1).
pub(super) fn unfold(head: &[u8]) -> Result<Vec<Cow<'_, str>>, &'static str> {
    let mut lines: Vec<Cow<'_, str>> = Vec::with_capacity(24);
    for line in head.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        if line.len() > MAX_LINE {
            return Err("a header line is too long");
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            let last = lines.last_mut().ok_or("white space before the start line")?;
            if last.len() + line.len() > MAX_LINE {
                return Err("a header line is too long");
            }
            let last = last.to_mut();
            last.push(' ');
            last.push_str(decode(line).trim());
        } else {
            lines.push(decode(line));
        }
        if lines.len() > MAX_HEADERS + 1 {
            return Err("too many header lines");
        }
    }
    Ok(lines)
}

/// What can be read of a head that `unfold` refuses: the first lines, cut to the length that is allowed.
pub(super) fn salvage(head: &[u8]) -> Vec<Cow<'_, str>> {
    fn cut(line: &[u8]) -> Cow<'_, str> {
        decode(line.get(..MAX_LINE).unwrap_or(line.strip_suffix(b"\r").unwrap_or(line)))
    }
    head.split(|b| *b == b'\n').filter(|l| !l.is_empty()).take(MAX_HEADERS).map(cut).collect()
}

/// UTF-8, or else Latin-1: old operators send names so. Line by line, for one message may hold both.
pub(super) fn decode(line: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(line) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => line.iter().map(|b| char::from(*b)).collect(),
    }
}

/// RFC 3261 25.1.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b))
}

/// `Name: value` with the long name (RFC 3261 7.3.3 and the extensions' compact forms).
pub(super) fn field(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let name = name.trim_end();
    if !is_token(name) {
        return None;
    }
    let long = match name.as_bytes() {
        [one] => match one.to_ascii_lowercase() {
            b'v' => "Via",
            b'f' => "From",
            b't' => "To",
            b'i' => "Call-ID",
            b'm' => "Contact",
            b'l' => "Content-Length",
            b'c' => "Content-Type",
            b'e' => "Content-Encoding",
            b's' => "Subject",
            b'k' => "Supported",
            b'o' => "Event",
            b'r' => "Refer-To",
            b'b' => "Referred-By",
            b'u' => "Allow-Events",
            b'x' => "Session-Expires",
            b'y' => "Identity",
            _ => name,
        },
        _ => name,
    };
    Some((long, value.trim()))
}

/// A control byte outside the quoted strings of a value (inside, RFC 4475 3.1.1.2 has them escaped).
pub(super) fn has_bare_control(value: &str) -> bool {
    if !has_control(value) {
        return false;
    }
    let (mut quoted, mut escaped) = (false, false);
    value.bytes().any(|b| {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b if is_control(b) => return !quoted,
            _ => {}
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_are_joined_and_each_line_has_its_own_encoding() {
        let head = b"INVITE sip:a@b SIP/2.0\r\nFrom: \"Ren\xe9e\"\r\n <sip:a@b>\r\nSubject: \xc3\xa9t\xc3\xa9\r\n";
        assert_eq!(unfold(head).unwrap()[1..], ["From: \"Renée\" <sip:a@b>", "Subject: été"]);
        assert!(unfold(b" x\r\n").is_err());
        assert!(unfold(&[b'a'; MAX_LINE + 1]).is_err());
        assert!(unfold("a:b\n".repeat(MAX_HEADERS + 2).as_bytes()).is_err());
    }

    #[test]
    fn controls_may_stand_in_quotes_only() {
        assert!(!has_bare_control("\"BEL:\\\u{7} NUL:\\\0\" <sip:a@b>"));
        assert!(has_bare_control("\"a\" <sip:\0a@b>"));
    }
}
