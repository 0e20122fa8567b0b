//! What kind of number a number is (RULES 7), read from `numbering.fr.toml`. Decides nothing: bars and permits are `route`'s.

use serde::Deserialize;

use crate::domain::number::E164;

/// Never absent, whatever the file says: 15 17 18 112 114 115 116xyz 119 191 196 197 (Arcep, list of emergency numbers).
pub const EMERGENCY: [&str; 13] = ["15", "17", "18", "112", "114", "115", "116000", "116111", "116117", "119", "191", "196", "197"];
/// The file that is built in.
pub const BUILT_IN: &str = include_str!("../../dialplan/numbering.fr.toml");
/// A French number as it is dialled within France.
pub const NATIONAL_DIGITS: usize = 10;
/// Short numbers and emergency numbers have at most six digits.
const SHORT_DIGITS: usize = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    Emergency,
    ShortFree,
    ShortPremium,
    /// 118xyz.
    Directory,
    TollFree,
    /// 0806–0809, 081, 082: paid service, never barred.
    Special,
    /// 089.
    Premium,
    Geographic,
    Mobile,
    Voip,
    /// Overseas departments, dialled nationally.
    Overseas,
    Foreign,
    /// +882, +883.
    Satellite,
}

impl Class {
    /// The word of the API (`class`).
    pub fn word(self) -> &'static str {
        match self {
            Class::Emergency => "emergency",
            Class::ShortFree => "short_free",
            Class::ShortPremium => "short_premium",
            Class::Directory => "directory",
            Class::TollFree => "toll_free",
            Class::Special => "special",
            Class::Premium => "premium",
            Class::Geographic => "geographic",
            Class::Mobile => "mobile",
            Class::Voip => "voip",
            Class::Overseas => "overseas",
            Class::Foreign => "foreign",
            Class::Satellite => "satellite",
        }
    }

    /// As a person reads it.
    pub fn french(self) -> &'static str {
        match self {
            Class::Emergency => "numéro d'urgence",
            Class::ShortFree => "numéro court gratuit ou au prix d'un appel",
            Class::ShortPremium => "numéro court qui peut être surtaxé",
            Class::Directory => "renseignements (118), surtaxé",
            Class::TollFree => "numéro vert",
            Class::Special => "numéro de service (080, 081, 082)",
            Class::Premium => "numéro surtaxé (089)",
            Class::Geographic => "numéro fixe",
            Class::Mobile => "numéro mobile",
            Class::Voip => "numéro en 09",
            Class::Overseas => "numéro d'outre-mer",
            Class::Foreign => "numéro étranger",
            Class::Satellite => "réseau international par satellite (882, 883)",
        }
    }
}

/// What an outside number is to the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Called {
    Number(E164),
    /// A short or emergency number, only meaningful as it stands.
    Short(String),
}

/// The numbering plan. [`Numbering::default`] is the one built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbering {
    emergency: Vec<String>,
    short: Vec<(Block, Class)>,
    /// Longest prefix first.
    national: Vec<(String, Class)>,
    satellite: Vec<String>,
    /// National prefixes of automated calls.
    automated: Vec<String>,
}

/// Whole numbers of the same length, both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Block {
    first: String,
    last: String,
}

impl Block {
    fn read(text: &str) -> Option<Block> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let good = all_digits(first) && all_digits(last) && first.len() == last.len() && first <= last && first.len() <= SHORT_DIGITS;
        good.then(|| Block { first: first.to_owned(), last: last.to_owned() })
    }

    fn contains(&self, number: &str) -> bool {
        number.len() == self.first.len() && (self.first.as_str()..=self.last.as_str()).contains(&number)
    }
}

/// Why a numbering file was refused, and where (bytes of the file) when that is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}, attendu : {expected}")]
pub struct NumberingError {
    pub what: String,
    pub expected: String,
    pub at: Option<std::ops::Range<usize>>,
}

type Words = Vec<toml::Spanned<String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    emergency: Words,
    short: ShortTable,
    national: NationalTable,
    international: InternationalTable,
    automated: AutomatedTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShortTable {
    free: Words,
    premium: Words,
    directory: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NationalTable {
    geographic: Words,
    mobile: Words,
    voip: Words,
    toll_free: Words,
    special: Words,
    premium: Words,
    overseas: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InternationalTable {
    satellite: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AutomatedTable {
    prefixes: Words,
    overseas: Words,
}

impl Numbering {
    /// Reads a file of the form of `dialplan/numbering.fr.toml`.
    ///
    /// # Errors
    /// The first thing that cannot be read.
    pub fn parse(text: &str) -> Result<Numbering, NumberingError> {
        let file: File = toml::from_str(text).map_err(|e| NumberingError {
            what: format!("ceci n'est pas un plan de numérotation ({})", e.message().replace('\n', ", ")),
            expected: "les tables et les clés du fichier livré".to_owned(),
            at: e.span(),
        })?;
        let mut emergency: Vec<String> = EMERGENCY.iter().map(|&n| n.to_owned()).collect();
        for number in digits(file.emergency, SHORT_DIGITS)? {
            if !emergency.contains(&number) {
                emergency.push(number);
            }
        }
        // Free blocks stand before the premium range that surrounds them.
        let mut short = Vec::new();
        for (words, class) in
            [(file.short.free, Class::ShortFree), (file.short.directory, Class::Directory), (file.short.premium, Class::ShortPremium)]
        {
            for word in words {
                let block = Block::read(word.get_ref()).ok_or_else(|| bad(&word, "une tranche comme \"3000-3007\""))?;
                short.push((block, class));
            }
        }
        let mut national = Vec::new();
        let n = file.national;
        for (words, class) in [
            (n.geographic, Class::Geographic),
            (n.mobile, Class::Mobile),
            (n.voip, Class::Voip),
            (n.toll_free, Class::TollFree),
            (n.special, Class::Special),
            (n.premium, Class::Premium),
            (n.overseas, Class::Overseas),
        ] {
            national.extend(digits(words, NATIONAL_DIGITS)?.into_iter().map(|prefix| (prefix, class)));
        }
        national.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        let mut automated = digits(file.automated.prefixes, NATIONAL_DIGITS)?;
        automated.extend(digits(file.automated.overseas, NATIONAL_DIGITS)?);
        Ok(Numbering { emergency, short, national, satellite: digits(file.international.satellite, NATIONAL_DIGITS)?, automated })
    }

    pub fn is_emergency(&self, number: &str) -> bool {
        self.emergency.iter().any(|n| n == number)
    }

    /// A short number, or ten digits that begin by 0 and a known prefix: whole, as it stands.
    pub fn national(&self, number: &str) -> Option<(Called, Class)> {
        if !all_digits(number) {
            return None;
        }
        if self.is_emergency(number) {
            return Some((Called::Short(number.to_owned()), Class::Emergency));
        }
        if let Some((_, class)) = self.short.iter().find(|(block, _)| block.contains(number)) {
            return Some((Called::Short(number.to_owned()), *class));
        }
        // Machines have fourteen digits (0700…); the number's own reader knows the lengths.
        if number.len() < NATIONAL_DIGITS || number.starts_with("00") || !number.starts_with('0') {
            return None;
        }
        let class = self.class_of_national(number)?;
        let e164 = E164::parse_national_or_international(number).ok()?;
        Some((Called::Number(e164), class))
    }

    /// A number with `+` or `00`, French ones included.
    pub fn international(&self, number: &str) -> Option<(Called, Class)> {
        let digits = number.strip_prefix('+').or_else(|| number.strip_prefix("00"))?;
        // A French number never has its 0 after the country code; the reader of forms is milder than a dial plan may be.
        if !all_digits(digits) || digits.starts_with('0') || digits.starts_with("330") {
            return None;
        }
        let e164 = E164::parse_national_or_international(&format!("+{digits}")).ok()?;
        let class = self.class_of(&e164)?;
        Some((Called::Number(e164), class))
    }

    /// The class of a number that is in E.164 already; `None` for a French one that no prefix knows.
    pub fn class_of(&self, number: &E164) -> Option<Class> {
        match number.national() {
            Some(national) => self.class_of_national(&national),
            None if self.satellite.iter().any(|code| number.as_str().trim_start_matches('+').starts_with(code.as_str())) => {
                Some(Class::Satellite)
            }
            None => Some(Class::Foreign),
        }
    }

    /// From a prefix that only machines and telemarketers may call from (decision Arcep 2022-1583).
    pub fn is_automated(&self, number: &E164) -> bool {
        number.national().is_some_and(|national| self.automated.iter().any(|prefix| national.starts_with(prefix.as_str())))
    }

    fn class_of_national(&self, number: &str) -> Option<Class> {
        self.national.iter().find(|(prefix, _)| number.starts_with(prefix.as_str())).map(|(_, class)| *class)
    }
}

impl Default for Numbering {
    /// The built-in plan. An unreadable one would leave the emergency numbers alone reachable; a test holds it readable.
    fn default() -> Numbering {
        Numbering::parse(BUILT_IN).unwrap_or_else(|_| Numbering {
            emergency: EMERGENCY.iter().map(|&n| n.to_owned()).collect(),
            short: Vec::new(),
            national: Vec::new(),
            satellite: Vec::new(),
            automated: Vec::new(),
        })
    }
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn digits(words: Words, longest: usize) -> Result<Vec<String>, NumberingError> {
    words
        .into_iter()
        .map(|w| {
            if all_digits(w.get_ref()) && w.get_ref().len() <= longest {
                Ok(w.into_inner())
            } else {
                Err(bad(&w, "des chiffres seulement"))
            }
        })
        .collect()
}

fn bad(word: &toml::Spanned<String>, expected: &str) -> NumberingError {
    NumberingError { what: format!("\"{}\" illisible", word.get_ref()), expected: expected.to_owned(), at: Some(word.span()) }
}
