//! Telephone numbers in any form, to E.164 (RULES 2.2).
//!
//! A French classifier of our own for forms, imports and caller identities. It judges shape alone: short numbers, bars and tariffs are the dial plan's.

use serde::{Deserialize, Serialize};

/// Longest text looked at, in bytes: a number of fifteen digits with the separators people write fits well.
const MAX_TEXT: usize = 64;
/// E.164 6.2.1: at most fifteen digits, country code included.
const MAX_DIGITS: usize = 15;
/// Shortest international number taken for one.
const MIN_DIGITS: usize = 8;
/// A French number without its leading 0 (decision Arcep 2022-1583, format ZABPQMCDU).
const NATIONAL_DIGITS: usize = 9;
/// `0700…` numbers of machines are longer: thirteen digits after the 0.
const MACHINE_DIGITS: usize = 13;
/// Overseas prefixes that are dialled nationally, and the country code that their numbers live under.
const OVERSEAS: [(&str, &str); 9] = [
    ("262", "262"),
    ("692", "262"),
    ("693", "262"),
    ("590", "590"),
    ("690", "590"),
    ("594", "594"),
    ("694", "594"),
    ("596", "596"),
    ("696", "596"),
];
/// Country codes of two digits (ITU-T E.164 annex); 1 and 7 stand alone, all others have three.
const TWO_DIGIT_CODES: [&str; 44] = [
    "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49", "51", "52", "53", "54",
    "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
];

/// An international number: `+` and 8 to 15 digits (ITU-T E.164).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct E164(String);

/// Why a text is no number, in the words of a form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    #[error("Le numéro est vide")]
    Empty,
    #[error("Un numéro ne contient que des chiffres, pas « {0} »")]
    Character(char),
    #[error("Il manque {0} chiffre{s}", s = plural(*.0))]
    Missing(usize),
    #[error("Il y a {0} chiffre{s} de trop", s = plural(*.0))]
    TooMany(usize),
    /// Nine digits that would be a number with their 0: proposed, never assumed (RULES 7.6).
    #[error("Il manque le 0 : {p} ?", p = .0.display())]
    LacksZero(E164),
    #[error("Un numéro français commence par 0, un numéro étranger par + ou 00")]
    Start,
    #[error("Un numéro étranger compte de 8 à 15 chiffres après le +")]
    ForeignLength,
}

fn plural(count: usize) -> &'static str {
    if count > 1 { "s" } else { "" }
}

impl E164 {
    /// Reads `0X…`, `+33…`, `0033…`, `33…`, `+CC…` or `00CC…` with the separators that people write; overseas prefixes get their own country code.
    ///
    /// # Errors
    /// [`NumberError`] says in French what is wrong with the text.
    pub fn parse_national_or_international(text: &str) -> Result<E164, NumberError> {
        let (plus, digits) = digits_of(text)?;
        if plus {
            return international(&digits);
        }
        if let Some(rest) = digits.strip_prefix("00") {
            return international(rest);
        }
        if let Some(rest) = digits.strip_prefix('0') {
            return french(rest);
        }
        match digits.strip_prefix("33") {
            // "33 (0)6…" too. Shorter ones may be a 03 without its 0, which is told below.
            Some(rest) if rest.trim_start_matches('0').len() == NATIONAL_DIGITS && digits.len() <= 12 => {
                french(rest.trim_start_matches('0'))
            }
            _ => Err(bare(&digits)),
        }
    }

    /// The strict form that our own records hold: `+` and 8 to 15 digits, no separator.
    ///
    /// # Errors
    /// [`NumberError`] for anything else.
    pub fn from_e164(text: &str) -> Result<E164, NumberError> {
        let digits = text.strip_prefix('+').ok_or(NumberError::Start)?;
        match digits.chars().find(|c| !c.is_ascii_digit()) {
            Some(c) => Err(NumberError::Character(c)),
            None => foreign(digits),
        }
    }

    /// With its plus sign: `+33639980001`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it is dialled within France, `0639980001`, overseas numbers too; `None` for a foreign number.
    pub fn national(&self) -> Option<String> {
        let digits = self.digits();
        if let Some(rest) = digits.strip_prefix("33") {
            return Some(format!("0{rest}"));
        }
        let (code, rest) = digits.split_at_checked(3)?;
        let dialled = OVERSEAS.iter().any(|(prefix, country)| *country == code && rest.starts_with(prefix));
        (dialled && rest.len() == NATIONAL_DIGITS).then(|| format!("0{rest}"))
    }

    /// As a French screen shows it: `06 39 98 00 01`; foreign numbers as `+44 …`.
    pub fn display(&self) -> String {
        if let Some(national) = self.national() {
            return in_pairs(&national);
        }
        let digits = self.digits();
        let code = match digits.get(..2) {
            Some(two) if two.starts_with(['1', '7']) => 1,
            Some(two) if TWO_DIGIT_CODES.contains(&two) => 2,
            _ => 3,
        };
        let (code, rest) = digits.split_at_checked(code).unwrap_or((digits, ""));
        format!("+{code} {}", in_pairs(rest))
    }

    fn digits(&self) -> &str {
        self.0.trim_start_matches('+')
    }
}

impl TryFrom<String> for E164 {
    type Error = NumberError;

    fn try_from(text: String) -> Result<E164, NumberError> {
        E164::from_e164(&text)
    }
}

impl From<E164> for String {
    fn from(number: E164) -> String {
        number.0
    }
}

/// The digits of `text`, and whether a plus sign stood before them. `(0)` goes where a country code stands before it.
fn digits_of(text: &str) -> Result<(bool, String), NumberError> {
    let text = text.trim();
    if text.len() > MAX_TEXT {
        return Err(NumberError::TooMany(text.chars().filter(char::is_ascii_digit).count().saturating_sub(MAX_DIGITS).max(1)));
    }
    let (plus, body) = match text.strip_prefix('+') {
        Some(body) => (true, body),
        None => (false, text),
    };
    let body = match body.split_once("(0)") {
        Some((code, rest)) if code.contains(|c: char| c.is_ascii_digit()) => format!("{code}{rest}"),
        _ => body.to_owned(),
    };
    let mut digits = String::with_capacity(body.len());
    for c in body.chars() {
        match c {
            '0'..='9' => digits.push(c),
            c if is_separator(c) => {}
            c => return Err(NumberError::Character(c)),
        }
    }
    if digits.is_empty() { Err(NumberError::Empty) } else { Ok((plus, digits)) }
}

/// Spaces (no-break, thin and narrow ones too), dots, dashes of any length, slashes, parentheses.
fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{a0}' | '\u{2009}' | '\u{202f}' | '.' | '/' | '(' | ')' | '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// Digits after `+` or `00`.
fn international(digits: &str) -> Result<E164, NumberError> {
    match digits.strip_prefix("33") {
        Some(rest) => french(rest.strip_prefix('0').unwrap_or(rest)),
        None => foreign(digits),
    }
}

fn foreign(digits: &str) -> Result<E164, NumberError> {
    if digits.starts_with('0') {
        return Err(NumberError::Start);
    }
    if (MIN_DIGITS..=MAX_DIGITS).contains(&digits.len()) { Ok(E164(format!("+{digits}"))) } else { Err(NumberError::ForeignLength) }
}

/// Digits after the national 0 or the country code 33.
fn french(rest: &str) -> Result<E164, NumberError> {
    if rest.len() == MACHINE_DIGITS && rest.starts_with("700") {
        return Ok(E164(format!("+33{rest}")));
    }
    match rest.len() {
        n if n < NATIONAL_DIGITS => Err(NumberError::Missing(NATIONAL_DIGITS - n)),
        n if n > NATIONAL_DIGITS => Err(NumberError::TooMany(n - NATIONAL_DIGITS)),
        _ if rest.starts_with('0') => Err(NumberError::Start),
        _ => {
            let country = OVERSEAS.iter().find(|(prefix, _)| rest.starts_with(prefix)).map_or("33", |(_, country)| country);
            Ok(E164(format!("+{country}{rest}")))
        }
    }
}

/// Why digits that begin neither by 0 nor by 33 are no number.
fn bare(digits: &str) -> NumberError {
    match digits.len() {
        NATIONAL_DIGITS => french(digits).map_or_else(|e| e, NumberError::LacksZero),
        n if n < NATIONAL_DIGITS => NumberError::Missing(NATIONAL_DIGITS + 1 - n),
        _ => NumberError::Start,
    }
}

/// `0639980001` to `06 39 98 00 01`; of an odd count the first group has three.
fn in_pairs(digits: &str) -> String {
    let odd = digits.len() % 2;
    let mut out = String::with_capacity(digits.len() * 3 / 2);
    for (i, c) in digits.chars().enumerate() {
        if i > odd && i % 2 == odd {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<E164, NumberError> {
        E164::parse_national_or_international(text)
    }

    #[test]
    fn every_french_form_gives_one_number() {
        for text in [
            "0639980001",
            "06 39 98 00 01",
            "06.39.98.00.01",
            "06-39-98-00-01",
            "06/39/98/00/01",
            "06\u{a0}39\u{a0}98\u{a0}00\u{a0}01",
            "06–39–98–00–01",
            "+33639980001",
            "+33 6 39 98 00 01",
            "+33 (0)6 39 98 00 01",
            "+33(0)639980001",
            "+330639980001",
            "0033639980001",
            "0033 (0) 6 39 98 00 01",
            "00330639980001",
            "33639980001",
            "33 (0)6 39 98 00 01",
            "330639980001",
            "(0)6 39 98 00 01",
            "(06) 39 98 00 01",
            "  0639980001\t",
        ] {
            assert_eq!(parse(text).map(|n| n.as_str().to_owned()), Ok("+33639980001".to_owned()), "{text}");
        }
    }

    #[test]
    fn overseas_numbers_have_their_own_country_code_and_go_back_to_the_national_form() {
        for (text, e164, display) in [
            ("0262 00 00 01", "+262262000001", "02 62 00 00 01"),
            ("0692000001", "+262692000001", "06 92 00 00 01"),
            ("0693000001", "+262693000001", "06 93 00 00 01"),
            ("0590000001", "+590590000001", "05 90 00 00 01"),
            ("+590690000001", "+590690000001", "06 90 00 00 01"),
            ("0594000001", "+594594000001", "05 94 00 00 01"),
            ("+33694000001", "+594694000001", "06 94 00 00 01"),
            ("0596000001", "+596596000001", "05 96 00 00 01"),
            ("00596696000001", "+596696000001", "06 96 00 00 01"),
        ] {
            let number = parse(text).unwrap();
            assert_eq!((number.as_str(), number.display().as_str()), (e164, display));
            assert_eq!(parse(&number.national().unwrap()), Ok(number));
        }
    }

    #[test]
    fn foreign_numbers_are_grouped_plainly() {
        for (text, e164, display) in [
            ("+44 20 7946 0000", "+442079460000", "+44 20 79 46 00 00"),
            ("0041 22 123 45 67", "+41221234567", "+41 221 23 45 67"),
            ("+1 (202) 555-0100", "+12025550100", "+1 20 25 55 01 00"),
            ("00376000001", "+376000001", "+376 00 00 01"),
            ("+262269000001", "+262269000001", "+262 269 00 00 01"),
        ] {
            let number = parse(text).unwrap();
            assert_eq!((number.as_str(), number.display().as_str(), number.national()), (e164, display, None));
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_french() {
        for (text, words) in [
            ("", "Le numéro est vide"),
            (" - ", "Le numéro est vide"),
            ("06399800", "Il manque 2 chiffres"),
            ("063998000", "Il manque 1 chiffre"),
            ("15", "Il manque 8 chiffres"),
            ("+33 6 39 98 00", "Il manque 2 chiffres"),
            ("06399800011", "Il y a 1 chiffre de trop"),
            ("063998000112", "Il y a 2 chiffres de trop"),
            ("639980001", "Il manque le 0 : 06 39 98 00 01 ?"),
            ("336498000", "Il manque le 0 : 03 36 49 80 00 ?"),
            ("6399800012", "Un numéro français commence par 0, un numéro étranger par + ou 00"),
            ("442079460000", "Un numéro français commence par 0, un numéro étranger par + ou 00"),
            ("+0639980001", "Un numéro français commence par 0, un numéro étranger par + ou 00"),
            ("+4420", "Un numéro étranger compte de 8 à 15 chiffres après le +"),
            ("001234567890123456", "Un numéro étranger compte de 8 à 15 chiffres après le +"),
            ("0639980001 poste 12", "Un numéro ne contient que des chiffres, pas « p »"),
            ("０６３９９８０００１", "Un numéro ne contient que des chiffres, pas « ０ »"),
            ("06+39980001", "Un numéro ne contient que des chiffres, pas « + »"),
        ] {
            assert_eq!(parse(text).map_err(|e| e.to_string()), Err(words.to_owned()), "{text}");
        }
        assert!(matches!(parse(&"0".repeat(4000)), Err(NumberError::TooMany(_))));
    }

    #[test]
    fn machines_have_fourteen_digits() {
        let number = parse("07001234567890").unwrap();
        assert_eq!((number.as_str(), number.display().as_str()), ("+337001234567890", "07 00 12 34 56 78 90"));
    }

    #[test]
    fn records_hold_the_strict_form_only() {
        assert_eq!(serde_json::from_str::<E164>("\"+33639980001\"").unwrap().national().as_deref(), Some("0639980001"));
        for bad in ["\"0639980001\"", "\"+33 639980001\"", "\"+3363998000112345678\"", "\"\""] {
            assert!(serde_json::from_str::<E164>(bad).is_err(), "{bad}");
        }
        assert_eq!(serde_json::to_string(&parse("0199000001").unwrap()).unwrap(), "\"+33199000001\"");
    }
}
