//! Who calls, from a request of the trunk (RULES 2.2; RFC 3323, 3325, 3966).
//!
//! For requests that came from a trunk only: nothing here may be asked of a phone's or a stranger's headers.

use crate::domain::identity::Caller;
use crate::domain::number::E164;
use crate::domain::text::ScreenText;

use super::message::{Message, NameAddr};
use super::uri::{parse_name_addr, unescape};

/// An extension of the upstream PBX has one to five digits.
const MAX_EXTENSION: usize = 5;
/// User parts by which a network says that the caller asked not to be shown.
const HIDDEN: [&str; 2] = ["anonymous", "restricted"];
/// User parts by which a network says that it knows nothing.
const NOTHING: [&str; 2] = ["unknown", "unavailable"];

/// Which header names the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallerIdHeader {
    /// P-Asserted-Identity, else From.
    #[default]
    Pai,
    /// From, else P-Asserted-Identity: for operators whose asserted identity is a head number.
    From,
}

/// How one trunk writes callers.
#[derive(Clone, Debug, Default)]
pub struct IdentitySettings {
    pub caller_id: CallerIdHeader,
    /// What an upstream PBX puts before the number; empty for none.
    pub caller_prefix: String,
    /// Our own numbers: a call "from" one of them is a call with a withheld number.
    pub own_numbers: Vec<E164>,
}

/// What one header says.
enum Said {
    Somebody(Caller),
    /// The caller asked not to be shown: final, whatever other headers say.
    Hidden,
    /// Empty, unknown, zeros, one of ours.
    Nothing,
    Unreadable(ScreenText),
}

/// The caller and the name to show, empty where there is none or where the identity is withheld.
pub fn caller_of(request: &Message, settings: &IdentitySettings) -> (Caller, ScreenText) {
    let withheld = || (Caller::Withheld, ScreenText::default());
    let from = request.from();
    if asks_privacy(request) || matches!(read(&from, settings), Said::Hidden) {
        return withheld();
    }
    let asserted: Vec<NameAddr> = request.list("P-Asserted-Identity").into_iter().filter_map(parse_name_addr).collect();
    let candidates: Vec<&NameAddr> = match settings.caller_id {
        CallerIdHeader::Pai => asserted.iter().chain([&from]).collect(),
        CallerIdHeader::From if user_of(from.uri).is_some_and(|u| !u.is_empty()) => vec![&from],
        CallerIdHeader::From => [&from].into_iter().chain(&asserted).collect(),
    };
    // The first header rules; a later one counts only for a number that the first one lacks.
    let mut first = None;
    for candidate in candidates {
        match read(candidate, settings) {
            Said::Hidden => return withheld(),
            Said::Somebody(caller @ Caller::Known(_)) => return named(caller, candidate, &from),
            said if first.is_none() => first = Some((said, candidate)),
            Said::Somebody(_) | Said::Nothing | Said::Unreadable(_) => {}
        }
    }
    match first {
        Some((Said::Somebody(caller), candidate)) => named(caller, candidate, &from),
        Some((Said::Unreadable(text), candidate)) => named(Caller::Unreadable(text), candidate, &from),
        Some((Said::Hidden | Said::Nothing, _)) | None => withheld(),
    }
}

/// RFC 3323 4.2: a list of words; `none`, `session` and `critical` hide no identity.
fn asks_privacy(request: &Message) -> bool {
    request
        .all("Privacy")
        .flat_map(|value| value.split([';', ',']))
        .any(|word| ["id", "user", "header"].iter().any(|hiding| word.trim().eq_ignore_ascii_case(hiding)))
}

/// With the display name of the header that gave the number, else of From; a name that repeats the number says nothing.
fn named(caller: Caller, by: &NameAddr, from: &NameAddr) -> (Caller, ScreenText) {
    let name = [by, from].into_iter().map(|header| ScreenText::clean(&header.display)).find(|name| !name.is_empty()).unwrap_or_default();
    let repeats = match &caller {
        Caller::Known(number) => E164::parse_national_or_international(name.as_str()).is_ok_and(|same| same == *number),
        Caller::Extension(digits) => name.as_str() == digits,
        Caller::Unreadable(text) => name == *text,
        Caller::Withheld => true,
    };
    let empty_word = HIDDEN.iter().chain(&NOTHING).any(|word| name.as_str().eq_ignore_ascii_case(word));
    (caller, if repeats || empty_word { ScreenText::default() } else { name })
}

fn read(header: &NameAddr, settings: &IdentitySettings) -> Said {
    if host_of(header.uri).is_some_and(|host| host == "invalid" || host.ends_with(".invalid")) {
        return Said::Hidden;
    }
    let Some(user) = user_of(header.uri) else {
        return unreadable(header.uri);
    };
    let (subscriber, params) = user.split_once(';').unwrap_or((&user, ""));
    let subscriber = subscriber.trim();
    if HIDDEN.iter().any(|word| subscriber.eq_ignore_ascii_case(word)) {
        return Said::Hidden;
    }
    let digits: String = subscriber.chars().filter(char::is_ascii_digit).collect();
    let bare = subscriber.chars().all(|c| c.is_ascii_digit());
    let zeros = !digits.is_empty() && digits.bytes().all(|b| b == b'0') && !subscriber.contains(char::is_alphabetic);
    if subscriber.is_empty() || zeros || NOTHING.iter().any(|word| subscriber.eq_ignore_ascii_case(word)) {
        return Said::Nothing;
    }
    match number_of(subscriber, phone_context(params), &settings.caller_prefix) {
        Some(number) if settings.own_numbers.contains(&number) => Said::Nothing,
        Some(number) => Said::Somebody(Caller::Known(number)),
        None if bare && digits.len() <= MAX_EXTENSION => Said::Somebody(Caller::Extension(digits)),
        None => unreadable(subscriber),
    }
}

fn unreadable(text: &str) -> Said {
    let text = ScreenText::clean(text);
    if text.is_empty() { Said::Nothing } else { Said::Unreadable(text) }
}

fn number_of(subscriber: &str, context: Option<&str>, prefix: &str) -> Option<E164> {
    let parse = |text: &str| E164::parse_national_or_international(text).ok();
    if let Some(number) = subscriber.strip_prefix(prefix).filter(|_| !prefix.is_empty()).and_then(parse) {
        return Some(number);
    }
    let global = subscriber.starts_with('+') || subscriber.starts_with("00");
    let short = subscriber.chars().filter(char::is_ascii_digit).count() <= MAX_EXTENSION;
    match context.filter(|_| !global && !short) {
        // A local number of another country must not be read as a French one.
        Some(context) if !is_french(context) => parse(&format!("{context}{}", subscriber.trim_start_matches('0'))),
        Some(context) => parse(subscriber).or_else(|| parse(&format!("{context}{subscriber}"))),
        None => parse(subscriber),
    }
}

/// A country code of the national numbering plan.
fn is_french(context: &str) -> bool {
    ["+33", "+262", "+590", "+594", "+596"].iter().any(|code| context.starts_with(code))
}

/// The global form of `phone-context` (RFC 3966 5.1.5), if it is one; a domain says nothing of the number.
fn phone_context(params: &str) -> Option<&str> {
    params.split(';').find_map(|param| {
        let (name, value) = param.split_once('=')?;
        (name.trim().eq_ignore_ascii_case("phone-context") && value.starts_with('+')).then_some(value)
    })
}

/// What stands after the scheme of a `sip:`, `sips:` or `tel:` URI, and whether it is a `tel:`. `None` for another scheme.
fn after_scheme(uri: &str) -> Option<(&str, bool)> {
    let (scheme, rest) = uri.split_once(':')?;
    match scheme.trim().to_ascii_lowercase().as_str() {
        "sip" | "sips" => Some((rest, false)),
        "tel" => Some((rest, true)),
        _ => None,
    }
}

/// The user part with its parameters, %-escapes undone once; empty where the URI has a host alone. `None` for another scheme than sip, sips, tel.
fn user_of(uri: &str) -> Option<String> {
    let (rest, tel) = after_scheme(uri)?;
    if tel {
        return Some(unescape(rest));
    }
    let user = rest.rsplit_once('@').map_or("", |(user, _)| user);
    Some(unescape(user.split_once(':').map_or(user, |(user, _password)| user)))
}

fn host_of(uri: &str) -> Option<String> {
    let (rest, tel) = after_scheme(uri)?;
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split([';', '?', ':', '>']).next().unwrap_or("");
    (!tel).then(|| host.trim().trim_end_matches('.').to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::super::message::Method;
    use super::*;

    fn invite(from: &str, headers: &[(&str, &str)]) -> Message {
        let mut request = Message::request(Method::Invite, "sip:0199000000@192.0.2.1");
        request.push("From", format!("{from};tag=a"));
        for (name, value) in headers {
            request.push(name, *value);
        }
        request
    }

    fn settings() -> IdentitySettings {
        IdentitySettings { own_numbers: vec![E164::parse_national_or_international("0199000000").unwrap()], ..IdentitySettings::default() }
    }

    fn known(national: &str) -> Caller {
        Caller::Known(E164::parse_national_or_international(national).unwrap())
    }

    fn of_from(uri: &str) -> Caller {
        caller_of(&invite(&format!("<{uri}>"), &[]), &settings()).0
    }

    #[test]
    fn every_written_form_is_one_number() {
        for uri in [
            "sip:0639980001@192.0.2.9",
            "sip:+33639980001@192.0.2.9;user=phone",
            "sip:0033639980001@op.example",
            "sip:33639980001@op.example:5060;transport=udp",
            "SIP:0639980001@op.example",
            "sips:+33639980001@op.example",
            "sip:%2B33639980001@op.example",
            "sip:06%2039%2098%2000%2001@op.example",
            "sip:06.39.98.00.01@op.example",
            "sip:+33-6-39-98-00-01@op.example",
            "sip:+33(0)639980001@op.example",
            "sip:+33639980001;npdi@op.example;user=phone",
            "sip:+33639980001;npdi;rn=+33199001234@op.example;user=phone",
            "sip:0639980001;rn=33199001234;npdi@op.example",
            "sip:0639980001:secret@op.example",
            "sip:0639980001;phone-context=+33@op.example;user=phone",
            "sip:%2B33639980001%3Bnpdi@op.example",
            "sip:+33639980001@[2001:db8::1]:5060",
            "tel:+33639980001",
            "tel:+33-6-39-98-00-01;npdi",
            "tel:0639980001;phone-context=+33",
            "tel:639980001;phone-context=+33",
            "tel:980001;phone-context=+33639",
            "tel:0639980001;phone-context=op.example",
            "TEL:0033639980001",
        ] {
            assert_eq!(of_from(uri), known("0639980001"), "{uri}");
        }
        assert_eq!(of_from("tel:02079460000;phone-context=+44"), known("+442079460000"));
        assert_eq!(of_from("tel:0221234567;phone-context=+41"), known("+41221234567"));
        assert_eq!(of_from("sip:0692000001@op.example"), known("+262692000001"));
        assert_eq!(of_from("sip:00442079460000@op.example"), known("+442079460000"));
    }

    #[test]
    fn a_withheld_number_is_withheld_whatever_else_is_there() {
        for uri in [
            "sip:anonymous@anonymous.invalid",
            "sip:Anonymous@op.example",
            "sip:unknown@op.example",
            "sip:unavailable@op.example",
            "sip:restricted@op.example",
            "sip:0639980001@anonymous.invalid",
            "sip:0639980001@withheld.invalid:5060",
            "sip:@op.example",
            "sip:op.example",
            "sip:0000000000@op.example",
            "sip:0@op.example",
            "sip:+000@op.example",
            "tel:",
            "sip:0199000000@op.example",
            "sip:+33199000000@op.example;user=phone",
        ] {
            assert_eq!(of_from(uri), Caller::Withheld, "{uri}");
        }
        for privacy in ["id", "user", "header", "user;id", "ID ; critical", "none;header"] {
            let request = invite(
                "\"M. Durand\" <sip:0639980001@op.example>",
                &[("P-Asserted-Identity", "<sip:+33639980001@op.example>"), ("Privacy", privacy)],
            );
            assert_eq!(caller_of(&request, &settings()), (Caller::Withheld, ScreenText::default()), "{privacy}");
        }
        let hidden = invite("\"Anonymous\" <sip:anonymous@anonymous.invalid>", &[("P-Asserted-Identity", "\"DURAND\" <tel:+33639980001>")]);
        assert_eq!(caller_of(&hidden, &settings()), (Caller::Withheld, ScreenText::default()));
        for harmless in ["none", "session", "critical"] {
            assert_eq!(caller_of(&invite("<sip:0639980001@h>", &[("Privacy", harmless)]), &settings()).0, known("0639980001"));
        }
    }

    #[test]
    fn short_digits_are_an_extension_and_the_rest_is_kept_as_received() {
        assert_eq!(of_from("sip:23@pbx.example"), Caller::Extension("23".into()));
        assert_eq!(of_from("sip:12345@pbx.example"), Caller::Extension("12345".into()));
        assert_eq!(of_from("tel:23;phone-context=+33199001"), Caller::Extension("23".into()));
        for (uri, kept) in [
            ("sip:123456@op.example", "123456"),
            ("sip:accueil@op.example", "accueil"),
            ("sip:639980001@op.example", "639980001"),
            ("sip:+3363998@op.example", "+3363998"),
            ("sip:0639980001poste12@op.example", "0639980001poste12"),
            ("sip:abc%0d%0a%1b[31m@op.example", "abc[31m"),
            ("sip:*67@op.example", "*67"),
            ("urn:service:sos", "urn:service:sos"),
        ] {
            assert_eq!(of_from(uri), Caller::Unreadable(ScreenText::clean(kept)), "{uri}");
        }
    }

    #[test]
    fn the_prefix_of_an_upstream_pbx_comes_off_when_the_rest_is_valid() {
        let prefixed = |prefix: &str| IdentitySettings { caller_prefix: prefix.into(), ..settings() };
        for (prefix, user, expected) in [
            ("0", "00639980001", known("0639980001")),
            ("0", "0639980001", known("0639980001")),
            ("0", "0033639980001", known("0639980001")),
            ("0", "000442079460000", known("+442079460000")),
            ("9", "9+33639980001", known("0639980001")),
            ("0", "00199000000", Caller::Withheld),
            ("0", "23", Caller::Extension("23".into())),
            ("9", "90639", Caller::Extension("90639".into())),
        ] {
            assert_eq!(caller_of(&invite(&format!("<sip:{user}@pbx>"), &[]), &prefixed(prefix)).0, expected, "{user}");
        }
    }

    #[test]
    fn the_asserted_identity_rules_unless_the_trunk_says_from() {
        let mixed = invite("\"Accueil\" <sip:0639980001@h>", &[("P-Asserted-Identity", "<sip:+33199001234@h>, <tel:+33199001234>")]);
        assert_eq!(caller_of(&mixed, &settings()), (known("0199001234"), ScreenText::clean("Accueil")));
        let from_first = IdentitySettings { caller_id: CallerIdHeader::From, ..settings() };
        assert_eq!(caller_of(&mixed, &from_first).0, known("0639980001"));
        let no_from = invite("<sip:op.example>", &[("P-Asserted-Identity", "<tel:+33639980001>")]);
        assert_eq!(caller_of(&no_from, &from_first).0, known("0639980001"));
        // An asserted identity that is a word or one of ours leaves the number that From gives.
        for asserted in ["<sip:accueil@h>", "<sip:0199000000@h>", "<sip:unknown@h>"] {
            assert_eq!(caller_of(&invite("<sip:0639980001@h>", &[("P-Asserted-Identity", asserted)]), &settings()).0, known("0639980001"));
        }
        // And From's word never stands in for a withheld one.
        assert_eq!(caller_of(&invite("<sip:sipp@h>", &[("P-Asserted-Identity", "<sip:0199000000@h>")]), &settings()).0, Caller::Withheld);
    }

    #[test]
    fn names_are_cleaned_and_a_name_that_repeats_the_number_is_none() {
        let name = |display: &str| {
            caller_of(&invite("<sip:0639980001@h>", &[("P-Asserted-Identity", &format!("{display} <tel:+33639980001>"))]), &settings()).1
        };
        assert_eq!(name("\"Dupont, \\\"Jean\\\" <MEL>\"").as_str(), "Dupont, \"Jean\" <MEL>");
        assert_eq!(name("Jean Dupont").as_str(), "Jean Dupont");
        assert_eq!(name("\"\u{202e}Durand\u{7}\"").as_str(), "Durand");
        assert_eq!(name("\"06 39 98 00 01\"").as_str(), "");
        assert_eq!(name("\"Unknown\"").as_str(), "");
    }
}
