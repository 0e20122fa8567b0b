//! Numbers as they are read out: pairs of digits by prompt, with a pause between them so that they can be written down.

use crate::domain::identity::Caller;

/// A pause between two prompts, 250 to 300 ms; no file, made where sounds are.
pub const PAUSE: &str = "pause";
/// The tone after which a caller speaks; no file either.
pub const SIGNAL: &str = "signal";

/// `nombre-NN` reads 0 to 99.
const NUMBERS: [[&str; 10]; 10] = numbers();
/// `nombre-0Nx` reads a pair that starts with zero ("zéro six").
const WITH_ZERO: [&str; 10] = [
    "nombre-00x",
    "nombre-01x",
    "nombre-02x",
    "nombre-03x",
    "nombre-04x",
    "nombre-05x",
    "nombre-06x",
    "nombre-07x",
    "nombre-08x",
    "nombre-09x",
];

const fn numbers() -> [[&'static str; 10]; 10] {
    macro_rules! row {
        ($tens:literal) => {
            [
                concat!("nombre-", $tens, "0"),
                concat!("nombre-", $tens, "1"),
                concat!("nombre-", $tens, "2"),
                concat!("nombre-", $tens, "3"),
                concat!("nombre-", $tens, "4"),
                concat!("nombre-", $tens, "5"),
                concat!("nombre-", $tens, "6"),
                concat!("nombre-", $tens, "7"),
                concat!("nombre-", $tens, "8"),
                concat!("nombre-", $tens, "9"),
            ]
        };
    }
    [row!("0"), row!("1"), row!("2"), row!("3"), row!("4"), row!("5"), row!("6"), row!("7"), row!("8"), row!("9")]
}

/// The digits of a party as one dials it within France; `None` when it has none to read.
pub fn digits(party: &Caller) -> Option<String> {
    match party {
        Caller::Known(number) => Some(number.national().unwrap_or_else(|| format!("00{}", number.as_str().trim_start_matches('+')))),
        Caller::Extension(digits) => Some(digits.clone()),
        Caller::Withheld | Caller::Unreadable(_) => None,
    }
}

/// Digits in pairs from the left, a last one alone; what is no digit is passed over.
pub fn pairs(digits: &str) -> Vec<&'static str> {
    let digits: Vec<usize> = digits.bytes().filter(u8::is_ascii_digit).map(|digit| usize::from(digit - b'0')).collect();
    let word = |pair: &[usize]| match *pair {
        [0, units] => WITH_ZERO.get(units),
        [tens, units] => NUMBERS.get(tens).and_then(|row| row.get(units)),
        [units] => NUMBERS.first().and_then(|row| row.get(units)),
        _ => None,
    };
    let mut words = Vec::new();
    for pair in digits.chunks(2) {
        if !words.is_empty() {
            words.push(PAUSE);
        }
        words.extend(word(pair).copied());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::number::E164;

    fn read(number: &str) -> String {
        let party = Caller::Known(E164::parse_national_or_international(number).unwrap());
        pairs(&digits(&party).unwrap()).join(" ").replace("nombre-", "")
    }

    #[test]
    fn a_number_is_read_in_pairs_to_the_end() {
        assert_eq!(read("0639980001"), "06x pause 39 pause 98 pause 00x pause 01x");
        assert_eq!(read("+41221234567"), "00x pause 41 pause 22 pause 12 pause 34 pause 56 pause 7".replace("7", "07"));
        assert_eq!(pairs("3949").join(" "), "nombre-39 pause nombre-49");
        assert_eq!((pairs(""), pairs("9")), (vec![], vec!["nombre-09"]));
        assert_eq!(digits(&Caller::Extension("23".into())).as_deref(), Some("23"));
        assert_eq!(digits(&Caller::Withheld), None);
    }
}
