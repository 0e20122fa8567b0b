//! URIs and the `name <uri>;params` of address headers, read without rsip. Never panics, never guesses: what is not legal is `None`.

use std::borrow::Cow;

use super::message::{NameAddr, Param};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheme {
    Sip,
    Sips,
    Tel,
}

/// RFC 3261 19.1, RFC 3966.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    pub scheme: Scheme,
    /// As written, escapes and all; for `tel:` the number.
    pub user: String,
    /// As written, IPv6 in brackets; empty for `tel:`.
    pub host: String,
    pub port: Option<u16>,
    /// Names in lower case.
    pub params: Vec<(String, String)>,
    /// What stands after `?`.
    pub headers: String,
}

impl Uri {
    pub fn parse(text: &str) -> Option<Uri> {
        let (scheme, rest) = text.split_once(':')?;
        let scheme = match scheme {
            s if s.eq_ignore_ascii_case("sip") => Scheme::Sip,
            s if s.eq_ignore_ascii_case("sips") => Scheme::Sips,
            s if s.eq_ignore_ascii_case("tel") => Scheme::Tel,
            _ => return None,
        };
        if rest.bytes().any(|b| b <= b' ' || b == 0x7f || matches!(b, b'<' | b'>' | b'"')) {
            return None;
        }
        if scheme == Scheme::Tel {
            let (number, params) = rest.split_once(';').unwrap_or((rest, ""));
            return (!number.is_empty()).then(|| Uri {
                scheme,
                user: number.to_owned(),
                host: String::new(),
                port: None,
                params: read_params(params),
                headers: String::new(),
            });
        }
        // the user part may hold `;` and `?`, so the last `@` before any header part divides
        let (user, rest) = match rest.rfind('@') {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => ("", rest),
        };
        let (rest, headers) = rest.split_once('?').unwrap_or((rest, ""));
        let (host_port, params) = rest.split_once(';').unwrap_or((rest, ""));
        let (host, port) = split_host_port(host_port)?;
        let user = user.split_once(':').map_or(user, |(user, _password)| user);
        Some(Uri { scheme, user: user.to_owned(), host: host.to_owned(), port, params: read_params(params), headers: headers.to_owned() })
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The user part with `%XX` unescaped once; `%00` and bytes that are no UTF-8 become U+FFFD.
    pub fn user_unescaped(&self) -> String {
        unescape(&self.user)
    }
}

impl std::fmt::Display for Uri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = match self.scheme {
            Scheme::Sip => "sip",
            Scheme::Sips => "sips",
            Scheme::Tel => "tel",
        };
        write!(f, "{scheme}:{}", self.user)?;
        if !self.host.is_empty() {
            write!(f, "{}{}", if self.user.is_empty() { "" } else { "@" }, self.host)?;
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        for (name, value) in &self.params {
            write!(f, ";{name}")?;
            if !value.is_empty() {
                write!(f, "={value}")?;
            }
        }
        if !self.headers.is_empty() {
            write!(f, "?{}", self.headers)?;
        }
        Ok(())
    }
}

fn read_params(text: &str) -> Vec<(String, String)> {
    let pair = |p: &str| {
        let (name, value) = p.split_once('=').unwrap_or((p, ""));
        (name.to_ascii_lowercase(), value.to_owned())
    };
    text.split(';').filter(|p| !p.is_empty()).map(pair).collect()
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`; an IPv6 address without brackets is refused (RFC 5118 4.2).
pub fn split_host_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, rest) = if text.starts_with('[') {
        let end = text.find(']')?;
        let inside = text.get(1..end)?;
        if !inside.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.' | b'%')) {
            return None;
        }
        (&text[..=end], &text[end + 1..])
    } else {
        text.find(':').map_or((text, ""), |at| (&text[..at], &text[at..]))
    };
    if host.is_empty() || !host.starts_with('[') && !host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')) {
        return None;
    }
    match rest.strip_prefix(':') {
        None => rest.is_empty().then_some((host, None)),
        Some(port) => {
            let digits = !port.is_empty() && port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
            let port = port.parse::<u16>().ok().filter(|p| digits && *p > 0)?;
            Some((host, Some(port)))
        }
    }
}

/// `%XX` once.
pub fn unescape(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).and_then(|h| std::str::from_utf8(h).ok()).and_then(|h| u8::from_str_radix(h, 16).ok());
        match (byte, hex) {
            (b'%', Some(0)) => {
                out.extend_from_slice("\u{fffd}".as_bytes());
                at += 3;
            }
            (b'%', Some(value)) => {
                out.push(value);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The elements of a comma list; commas in quotes and in angle brackets divide nothing.
pub fn split_list(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let (mut quoted, mut escaped, mut bracket) = (false, false, false);
        for (at, byte) in text.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' if !bracket => quoted = !quoted,
                b'<' if !quoted => bracket = true,
                b'>' if !quoted => bracket = false,
                b',' if !quoted && !bracket => {
                    rest = text.get(at + 1..);
                    return Some(text[..at].trim());
                }
                _ => {}
            }
        }
        rest = None;
        Some(text.trim())
    })
}

/// `"display" <uri>;params`, `display <uri>`, `<uri>`, or a bare URI whose parameters are the header's (RFC 3261 20.10).
pub fn parse_name_addr(text: &str) -> Option<NameAddr<'_>> {
    let text = text.trim();
    let (display, rest) = read_display(text)?;
    if let Some(inside) = rest.strip_prefix('<') {
        let end = inside.find('>')?;
        let uri = inside[..end].trim();
        let params = inside[end + 1..].trim_start();
        if uri.is_empty() || !params.is_empty() && !params.starts_with(';') {
            return None;
        }
        return Some(NameAddr { display, uri, params: header_params(params)? });
    }
    if !display.is_empty() {
        return None;
    }
    let (uri, params) = rest.find(';').map_or((rest, ""), |at| (&rest[..at], &rest[at..]));
    let uri = uri.trim();
    // a bare URI with a `?` part is forbidden: whose part is it?
    if uri.is_empty() || uri.contains(['?', ' ', '<', '>', '"']) {
        return None;
    }
    Some(NameAddr { display, uri, params: header_params(params)? })
}

/// The display name and what follows it.
fn read_display(text: &str) -> Option<(Cow<'_, str>, &str)> {
    if let Some(inside) = text.strip_prefix('"') {
        let end = inside.find(['"', '\\'])?;
        let (plain, rest) = inside.split_at(end);
        if let Some(after) = rest.strip_prefix('"') {
            return Some((Cow::Borrowed(plain), after.trim_start()));
        }
        let mut name = plain.to_owned();
        let mut chars = rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => name.push(chars.next()?.1),
                '"' => return Some((Cow::Owned(name), rest[at + 1..].trim_start())),
                c => name.push(c),
            }
        }
        return None;
    }
    match text.find('<') {
        Some(at) if !text[..at].contains(';') => {
            let name = text[..at].trim();
            (!name.contains(['"', '>'])).then(|| (Cow::Borrowed(name), &text[at..]))
        }
        Some(_) | None => Some((Cow::Borrowed(""), text)),
    }
}

/// `;name=value;name="quoted"`, names as written.
fn header_params(text: &str) -> Option<Vec<Param<'_>>> {
    let mut params = Vec::new();
    let mut rest = text.trim();
    while let Some(after) = rest.strip_prefix(';') {
        let mut quoted = false;
        let mut escaped = false;
        let mut end = after.len();
        for (at, byte) in after.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b';' if !quoted => {
                    end = at;
                    break;
                }
                _ => {}
            }
        }
        if quoted {
            return None;
        }
        let one = after[..end].trim();
        let (name, value) = one.split_once('=').map_or((one, None), |(n, v)| (n.trim(), Some(v.trim())));
        if !name.is_empty() {
            let value = value.map(|v| match v.strip_prefix('"').and_then(|v| v.strip_suffix('"')) {
                Some(quoted) if quoted.contains('\\') => quoted.replace("\\\"", "\"").into(),
                plain => plain.unwrap_or(v).into(),
            });
            params.push((name, value));
        }
        rest = after[end..].trim_start();
    }
    rest.is_empty().then_some(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_semicolon_in_the_user_part_belongs_to_it() {
        let uri = Uri::parse("sip:user;par=u%40example.net@example.com").unwrap();
        assert_eq!((uri.user.as_str(), uri.host.as_str()), ("user;par=u%40example.net", "example.com"));
        assert_eq!(uri.user_unescaped(), "user;par=u@example.net");
    }

    #[test]
    fn ipv6_hosts_want_brackets() {
        assert_eq!(Uri::parse("sip:[2001:db8::10]:5070").unwrap().port, Some(5070));
        assert!(Uri::parse("sip:2001:db8::10").is_none());
    }

    #[test]
    fn names_with_commas_semicolons_and_quotes_are_whole() {
        let text = "\"Dupont, Jean; <MEL> \\\"x\\\"\" <sip:a@b>;tag=1, <sip:c@d>";
        let elements: Vec<&str> = split_list(text).collect();
        assert_eq!(elements.len(), 2);
        let first = parse_name_addr(elements[0]).unwrap();
        assert_eq!((first.display.as_ref(), first.uri, first.tag()), ("Dupont, Jean; <MEL> \"x\"", "sip:a@b", Some("1")));
    }

    #[test]
    fn parameters_of_a_bare_uri_are_the_headers() {
        let bare = parse_name_addr("sip:a@b;tag=9").unwrap();
        assert_eq!((bare.uri, bare.tag()), ("sip:a@b", Some("9")));
        let bracketed = parse_name_addr("<sip:a@b;lr>;tag=9").unwrap();
        assert_eq!((bracketed.uri, bracketed.tag()), ("sip:a@b;lr", Some("9")));
    }
}
