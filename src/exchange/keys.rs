//! Keys that a peer presses: from the relay (RFC 4733, in-band) and from INFO in a dialog. Neither is ever logged.

use crate::domain::key::Key;

/// The key of an INFO body: `application/dtmf-relay` ("Signal=5") or `application/dtmf` ("5"), as phones send them (no RFC
/// defines either). `None` for any other body.
pub fn of_info(content_type: &str, body: &[u8]) -> Option<Key> {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let text = std::str::from_utf8(body).ok()?;
    let sign = match kind.as_str() {
        "application/dtmf" => text.trim(),
        "application/dtmf-relay" => text.lines().find_map(|line| {
            let (name, value) = line.split_once(['=', ':'])?;
            name.trim().eq_ignore_ascii_case("signal").then_some(value.trim())
        })?,
        _ => return None,
    };
    match sign.to_ascii_uppercase().as_bytes() {
        [sign] => Key::new(*sign),
        b"10" => Key::new(b'*'),
        b"11" => Key::new(b'#'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_info_are_read_and_nothing_else() {
        let key = |kind: &str, body: &str| of_info(kind, body.as_bytes()).map(Key::sign);
        assert_eq!(key("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"), Some(b'5'));
        assert_eq!(key("Application/DTMF-Relay; x=1", "Duration=160\r\nsignal = #\r\n"), Some(b'#'));
        assert_eq!(key("application/dtmf", "2"), Some(b'2'));
        assert_eq!(key("application/dtmf", "10\r\n"), Some(b'*'));
        assert_eq!(key("application/dtmf-relay", "Duration=160"), None);
        assert_eq!(key("application/dtmf", "55"), None);
        assert_eq!(key("text/plain", "Signal=5"), None);
        assert_eq!(of_info("application/dtmf", &[0xff]), None);
    }
}
