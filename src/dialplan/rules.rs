//! The agency's own settings of dialling: codes, bars, extensions. Plain data, filled by the configuration.

use crate::domain::call::Extension;
use crate::domain::number::E164;

use super::directory::{CODES, Directory};
use super::numbering::{Called, Class, Numbering};

/// All that [`super::route`] needs to know.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub numbering: Numbering,
    pub dialling: Dialling,
    pub codes: Codes,
    pub extensions: Vec<Extension>,
    pub directory: Directory,
}

/// `[dialling]` and the keypad code. `per_hour` is the switchboard's.
#[derive(Clone, Debug)]
pub struct Dialling {
    /// The digits that get an outside line.
    pub outside: String,
    /// `keypad.code`.
    pub keypad: String,
    pub premium: bool,
    pub foreign: bool,
    pub allow: Allow,
}

/// Exceptions to the bars: whole numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    short: Vec<String>,
    numbers: Vec<E164>,
}

/// `[codes]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codes {
    pub next_callback: String,
    pub open_close: String,
    pub dnd: String,
    pub audio_test: String,
    pub record_prompt: String,
    pub speed_dial: String,
}

/// What a `*` code asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    NextCallback,
    OpenClose,
    DoNotDisturb,
    AudioTest,
    /// From 1.
    RecordPrompt(u8),
    /// 1 to 89; whom the directory has there is `route`'s to say.
    SpeedDial(u8),
}

/// What the agency may say in its own voice, from 1: the prompt's name, and what it is.
pub const ANNOUNCEMENTS: [(&str, &str); 8] = [
    ("accueil-absent", "accueil, personne ne répond"),
    ("accueil-occupe", "accueil, tous les postes sont occupés"),
    ("accueil-ferme", "accueil, agence fermée"),
    ("dire-nom", "ce que l'appelant doit dire"),
    ("dire-nom-numero", "ce que l'appelant doit dire, numéro compris"),
    ("confidentialite", "rappel de confidentialité"),
    ("merci-au-revoir", "au revoir du répondeur"),
    ("patienter", "mot pendant l'attente"),
];

/// The announcement of that number.
pub fn announcement(n: u8) -> Option<(&'static str, &'static str)> {
    usize::from(n).checked_sub(1).and_then(|n| ANNOUNCEMENTS.get(n)).copied()
}

/// A prompt's number has at most two digits.
const PROMPT_DIGITS: usize = 2;

impl Allow {
    /// Numbers as a person writes them; one that is neither short nor a number is `Err`, as it stands.
    ///
    /// # Errors
    /// The first entry that cannot be read.
    pub fn read<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Allow, &'a str> {
        let mut allow = Allow::default();
        for entry in entries {
            let digits: String = entry.chars().filter(|c| !c.is_whitespace()).collect();
            match E164::parse_national_or_international(entry) {
                Ok(number) => allow.numbers.push(number),
                Err(_) if (3..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) => allow.short.push(digits),
                Err(_) => return Err(entry),
            }
        }
        Ok(allow)
    }

    fn has(&self, called: &Called) -> bool {
        match called {
            Called::Number(number) => self.numbers.contains(number),
            Called::Short(digits) => self.short.contains(digits),
            Called::Inside(_) => false,
        }
    }
}

impl Dialling {
    /// RULES 7: premium, foreign and satellite numbers are barred unless allowed; `foreign` alone never opens the satellite networks.
    pub(super) fn bars(&self, called: &Called, class: Class) -> bool {
        let barred = match class {
            Class::ShortPremium | Class::Directory | Class::Premium => !self.premium,
            Class::Foreign => !self.foreign,
            Class::Satellite => true,
            Class::Emergency
            | Class::ShortFree
            | Class::TollFree
            | Class::Special
            | Class::Geographic
            | Class::Mobile
            | Class::Voip
            | Class::Overseas
            | Class::Upstream => false,
        };
        barred && !self.allow.has(called)
    }
}

impl Default for Dialling {
    fn default() -> Dialling {
        let allow = Allow::read(SHIPPED_ALLOW).unwrap_or_default();
        Dialling { outside: "0".to_owned(), keypad: "61".to_owned(), premium: false, foreign: false, allow }
    }
}

/// Short numbers that an agency needs and that the bars would stop.
pub const SHIPPED_ALLOW: [&str; 6] = ["3631", "3646", "3919", "3939", "3949", "3977"];

impl Default for Codes {
    fn default() -> Codes {
        let code = str::to_owned;
        Codes {
            next_callback: code("*90"),
            open_close: code("*91"),
            dnd: code("*92"),
            audio_test: code("*97"),
            record_prompt: code("*98"),
            speed_dial: code("*"),
        }
    }
}

impl Codes {
    /// The code that this whole string is. Exact codes win over a speed-dial of the same digits.
    pub fn read(&self, dialled: &str) -> Option<Code> {
        let exact = [
            (&self.next_callback, Code::NextCallback),
            (&self.open_close, Code::OpenClose),
            (&self.dnd, Code::DoNotDisturb),
            (&self.audio_test, Code::AudioTest),
        ];
        if let Some((_, code)) = exact.into_iter().find(|(text, _)| *text == dialled) {
            return Some(code);
        }
        if let Some(number) = dialled
            .strip_prefix(self.record_prompt.as_str())
            .and_then(|n| small(n, 1, PROMPT_DIGITS))
            .filter(|n| announcement(*n).is_some())
        {
            return Some(Code::RecordPrompt(number));
        }
        dialled.strip_prefix(self.speed_dial.as_str()).and_then(|n| small(n, 2, 2)).filter(|n| CODES.contains(n)).map(Code::SpeedDial)
    }
}

/// A number from 1, of `shortest` to `longest` digits.
fn small(text: &str, shortest: usize, longest: usize) -> Option<u8> {
    let good = (shortest..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    good.then(|| text.parse().ok()).flatten().filter(|n| *n > 0)
}

impl Code {
    /// As a person reads it.
    pub fn french(self) -> String {
        match self {
            Code::NextCallback => "rappel suivant".to_owned(),
            Code::OpenClose => "ouvrir ou fermer l'agence".to_owned(),
            Code::DoNotDisturb => "ne pas déranger".to_owned(),
            Code::AudioTest => "test audio".to_owned(),
            Code::RecordPrompt(n) => {
                let what = announcement(n).map_or(String::new(), |(_, what)| format!(" : {what}"));
                format!("enregistrer l'annonce {n}{what}")
            }
            Code::SpeedDial(n) => format!("numéro abrégé {n:02}"),
        }
    }
}
