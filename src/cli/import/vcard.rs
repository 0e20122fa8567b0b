//! vCards of every version met (2.1, RFC 2426, RFC 6350): folded lines, quoted-printable, a charset a property. Takes names, numbers and notes only.
//!
//! Lines are read one after the other and each property is held up to `PROPERTY_MAX` bytes, so that a photo, or a file made to hurt, costs nothing.

use std::borrow::Cow;

use super::decode;
use super::gathered::{Gathered, TooMany};

/// A longer property is cut: photos are, names are not.
const PROPERTY_MAX: usize = 8 * 1024;
/// Numbers of one card; further ones are said.
const NUMBERS_MAX: usize = 32;
/// Lines between two words of progress.
const STRIDE: u64 = 4096;

/// Reads every card of a file into `out`; `progress` is told the bytes that are behind.
pub fn read(bytes: &[u8], out: &mut Gathered, progress: &mut dyn FnMut(usize)) -> Result<(), TooMany> {
    let mut reader = Reader::default();
    let mut pending: Option<Property> = None;
    let mut rest = bytes;
    let mut line = 0u64;
    while !rest.is_empty() {
        let (raw, after) = split_line(rest);
        rest = after;
        line += 1;
        if line.is_multiple_of(STRIDE) {
            progress(bytes.len() - rest.len());
        }
        if let Some(property) = pending.as_mut().filter(|p| p.goes_on(raw)) {
            property.append(raw, reader.old);
            continue;
        }
        if let Some(property) = pending.replace(Property::new(line, raw)) {
            reader.property(&property, out)?;
        }
    }
    if let Some(property) = pending {
        reader.property(&property, out)?;
    }
    reader.unfinished(out);
    Ok(())
}

/// A line without its end (LF, CR LF, or CR alone), and what follows.
fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(bytes.len());
    let (line, rest) = bytes.split_at(end);
    let rest = rest.strip_prefix(b"\r\n").or_else(|| rest.get(1..)).unwrap_or_default();
    (line, rest)
}

/// One property, unfolded.
struct Property {
    line: u64,
    bytes: Vec<u8>,
    /// Its last line ends in a soft line break of quoted-printable.
    soft: bool,
    quoted: bool,
    /// It was longer than [`PROPERTY_MAX`].
    cut: bool,
}

impl Property {
    fn new(line: u64, raw: &[u8]) -> Property {
        let head = raw.split(|b| *b == b':').next().unwrap_or_default();
        let quoted = head.len() < PROPERTY_MAX && String::from_utf8_lossy(head).to_ascii_uppercase().contains("QUOTED-PRINTABLE");
        let mut property = Property { line, bytes: Vec::new(), soft: false, quoted, cut: false };
        property.push(raw);
        property
    }

    fn goes_on(&self, raw: &[u8]) -> bool {
        self.soft || raw.starts_with(b" ") || raw.starts_with(b"\t")
    }

    /// `old`: vCard 2.1 keeps the space at which a line was folded.
    fn append(&mut self, raw: &[u8], old: bool) {
        let raw = if self.soft || old { raw } else { raw.get(1..).unwrap_or_default() };
        self.push(raw);
    }

    fn push(&mut self, raw: &[u8]) {
        self.soft = self.quoted && raw.ends_with(b"=");
        let raw = if self.soft { raw.strip_suffix(b"=").unwrap_or(raw) } else { raw };
        let room = PROPERTY_MAX.saturating_sub(self.bytes.len());
        self.cut |= room < raw.len();
        self.bytes.extend_from_slice(raw.get(..room.min(raw.len())).unwrap_or_default());
    }
}

/// The card under way, and what stands around it.
#[derive(Default)]
struct Reader {
    card: Option<Card>,
    /// Cards inside the card (AGENT of 2.1), which are nobody's.
    inner: u32,
    agent: bool,
    old: bool,
    /// The line before stood outside of any card, and was said.
    outside: bool,
}

#[derive(Default)]
struct Card {
    line: u64,
    full: String,
    parts: String,
    company: String,
    note: String,
    numbers: Vec<String>,
}

impl Reader {
    fn property(&mut self, property: &Property, out: &mut Gathered) -> Result<(), TooMany> {
        let (name, params, value) = parts(&property.bytes);
        let agent = std::mem::replace(&mut self.agent, name == "AGENT");
        let is_card = value.trim_ascii().eq_ignore_ascii_case(b"VCARD");
        match name.as_str() {
            "BEGIN" if is_card && self.card.is_some() && (agent || self.inner > 0) => self.inner = self.inner.saturating_add(1),
            "BEGIN" if is_card => {
                self.unfinished(out);
                self.card = Some(Card { line: property.line, ..Card::default() });
                (self.old, self.outside) = (false, false);
            }
            "END" if is_card && self.inner > 0 => self.inner -= 1,
            "END" if is_card => match self.card.take() {
                Some(card) => card.give(out)?,
                None => out.refuse(property.line, "END:VCARD sans BEGIN:VCARD".to_owned()),
            },
            _ if self.inner > 0 => {}
            _ => match &mut self.card {
                Some(card) => {
                    self.old |= name == "VERSION" && value.trim_ascii() == b"2.1";
                    card.take(property, &name, &params, value, out);
                }
                None if !property.bytes.trim_ascii().is_empty() && !self.outside => {
                    self.outside = true;
                    out.refuse(property.line, "hors d'une fiche (BEGIN:VCARD)".to_owned());
                }
                None => {}
            },
        }
        Ok(())
    }

    fn unfinished(&mut self, out: &mut Gathered) {
        self.inner = 0;
        if let Some(card) = self.card.take() {
            out.refuse(card.line, "la fiche n'est pas finie (END:VCARD manque)".to_owned());
        }
    }
}

impl Card {
    fn take(&mut self, property: &Property, name: &str, params: &str, value: &[u8], out: &mut Gathered) {
        if !matches!(name, "FN" | "N" | "ORG" | "NOTE" | "TEL") {
            return;
        }
        let value = if property.cut && property.quoted { whole_escapes(value) } else { value };
        let decoded = if property.quoted { Cow::Owned(quoted_printable(value)) } else { Cow::Borrowed(value) };
        let text = in_charset(if property.cut { whole_letters(&decoded) } else { &decoded }, params);
        let first = |text: &str| split_escaped(text).into_iter().next().unwrap_or_default();
        match name {
            "FN" => self.full = unescaped(&text, ' '),
            "N" => {
                let mut parts = split_escaped(&text).into_iter();
                let (family, given) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                self.parts = format!("{given} {family}").trim().to_owned();
            }
            "ORG" => self.company = first(&text),
            "NOTE" => self.note = unescaped(&text, '\n'),
            _ => {
                let number = number(&text);
                if !number.is_empty() && self.numbers.len() < NUMBERS_MAX {
                    self.numbers.push(number);
                } else if !number.is_empty() {
                    out.refuse(property.line, format!("plus de {NUMBERS_MAX} numéros dans une fiche"));
                }
            }
        }
    }

    fn give(self, out: &mut Gathered) -> Result<(), TooMany> {
        let name = [&self.full, &self.parts, &self.company].into_iter().find(|name| !name.trim().is_empty());
        out.person(self.line, name.map_or("", String::as_str), &self.numbers, &self.note)
    }
}

/// Name without its group, parameters as one text in capitals, value. A colon in quotes is no end of the head.
fn parts(bytes: &[u8]) -> (String, String, &[u8]) {
    let mut quoted = false;
    let colon = bytes.iter().position(|b| {
        quoted ^= *b == b'"';
        *b == b':' && !quoted
    });
    // a quote that is never closed must not swallow the value
    let colon = colon.or_else(|| bytes.iter().position(|b| *b == b':'));
    let (head, value) = bytes.split_at(colon.unwrap_or(bytes.len()));
    let head = String::from_utf8_lossy(head).to_ascii_uppercase();
    let (name, params) = head.split_once(';').unwrap_or((head.as_str(), ""));
    let name = name.rsplit('.').next().unwrap_or(name).trim().to_owned();
    (name, params.to_owned(), value.get(1..).unwrap_or_default())
}

/// `=E9` to its byte; what is no escape stays as it is (RFC 2045 6.7).
fn quoted_printable(value: &[u8]) -> Vec<u8> {
    let hex = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        match (first, after) {
            (b'=', [high, low, after @ ..]) if hex(high).is_some() && hex(low).is_some() => {
                out.push((hex(high).unwrap_or_default() << 4) | hex(low).unwrap_or_default());
                rest = after;
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

/// Without the half of an escape at its end.
fn whole_escapes(value: &[u8]) -> &[u8] {
    let half = value.iter().rev().take(2).position(|b| *b == b'=').map_or(0, |before_end| before_end + 1);
    value.get(..value.len() - half).unwrap_or_default()
}

/// Without the half of a letter at its end, when it is UTF-8 up to there.
fn whole_letters(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => bytes.get(..error.valid_up_to()).unwrap_or_default(),
        Ok(_) | Err(_) => bytes,
    }
}

fn in_charset<'a>(bytes: &'a [u8], params: &str) -> Cow<'a, str> {
    let latin = ["CHARSET=ISO-8859-1", "CHARSET=ISO-8859-15", "CHARSET=WINDOWS-1252", "CHARSET=LATIN1"];
    if params.split(';').any(|param| latin.contains(&param.trim())) { Cow::Owned(decode::latin(bytes)) } else { decode::line(bytes) }
}

/// `\,` `\;` `\\` to themselves, `\n` to `newline`.
fn unescaped(text: &str, newline: char) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next().map(|c| if matches!(c, 'n' | 'N') { newline } else { c })),
            c => out.push(c),
        }
    }
    out.trim().to_owned()
}

/// The components of a value, at each `;` that is not escaped.
fn split_escaped(text: &str) -> Vec<String> {
    let (mut parts, mut escaped, mut start) = (Vec::new(), false, 0);
    for (at, c) in text.char_indices() {
        if c == ';' && !escaped {
            parts.push(unescaped(text.get(start..at).unwrap_or_default(), ' '));
            start = at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(unescaped(text.get(start..).unwrap_or_default(), ' '));
    parts
}

/// A number as it is written, or out of `tel:+33-6-39-98-00-01;ext=5` (RFC 3966).
fn number(text: &str) -> String {
    let text = unescaped(text, ' ');
    match text.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("tel:")) {
        Some(_) => text.get(4..).and_then(|rest| rest.split(';').next()).unwrap_or_default().trim().to_owned(),
        None => text,
    }
}
