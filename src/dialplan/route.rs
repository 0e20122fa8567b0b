//! From dialled digits to a decision (RULES 7). The only maker of permits; it dials nothing and counts nothing.

use std::sync::Arc;

use crate::domain::call::Extension;
use crate::domain::identity::Caller;
use crate::domain::number::{E164, NumberError};

use super::numbering::{Called, Class, EMERGENCY};
pub use super::permit::{NumberFormat, OutboundPermit};
use super::rules::{Code, Rules};

/// Longest dialled string that is looked at (RULES 7).
pub const MAX_DIALLED: usize = 32;
/// An extension of the upstream PBX has at most five digits (RULES 2.2).
const UPSTREAM_DIGITS: usize = 5;

/// What one dialled string does, with the steps that led there for `explain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub kind: Kind,
    /// French sentences, in the order of the reading.
    pub steps: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// At once, never barred or counted.
    Emergency(OutboundPermit),
    Code(Code),
    /// A code of the directory.
    SpeedDial {
        code: u8,
        permit: OutboundPermit,
    },
    Extension(Extension),
    Outside(OutboundPermit),
    Refused(Refusal),
}

/// Why digits lead nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Empty, too long, or a character outside `[0-9*#+]`.
    Grammar,
    /// The keypad code alone.
    KeypadAlone,
    UnknownCode,
    /// An entry of the directory that has no number yet.
    NoNumberYet,
    /// Withheld, or kept as received: never dialled by itself (RULES 2.2).
    Nobody,
    /// Digits are missing; the number that nine digits would be with their 0, if that is what is missing.
    Incomplete(Option<E164>),
    Unknown,
    Barred(Class),
}

impl Refusal {
    /// The final status to the phone.
    pub fn status(&self) -> u16 {
        match self {
            Refusal::Barred(_) => 403,
            Refusal::Grammar
            | Refusal::KeypadAlone
            | Refusal::UnknownCode
            | Refusal::NoNumberYet
            | Refusal::Nobody
            | Refusal::Incomplete(_)
            | Refusal::Unknown => 404,
        }
    }

    /// The prompt that says it, by name.
    pub fn prompt(&self) -> &'static str {
        match self {
            Refusal::Barred(_) => "numero-refuse",
            Refusal::KeypadAlone => "composez-61",
            Refusal::Incomplete(_) | Refusal::NoNumberYet => "numero-incomplet",
            Refusal::Grammar | Refusal::UnknownCode | Refusal::Nobody | Refusal::Unknown => "numero-inexistant",
        }
    }

    /// A French sentence.
    pub fn french(&self) -> String {
        match self {
            Refusal::Grammar => format!("On ne compose que des chiffres, * # et +, {MAX_DIALLED} au plus."),
            Refusal::KeypadAlone => "Composez le code du clavier, puis le numéro.".to_owned(),
            Refusal::UnknownCode => "Ce code n'existe pas.".to_owned(),
            Refusal::NoNumberYet => "Cette entrée de l'annuaire n'a pas encore de numéro.".to_owned(),
            Refusal::Nobody => "Le numéro est masqué ou à vérifier : écrivez-le d'abord.".to_owned(),
            Refusal::Incomplete(None) => "Ce numéro n'est pas complet.".to_owned(),
            Refusal::Incomplete(Some(number)) => format!("Il manque le 0 : {} ?", number.display()),
            Refusal::Unknown => "Ce numéro n'existe pas.".to_owned(),
            Refusal::Barred(class) => format!("Appels non permis : {}.", class.french()),
        }
    }
}

impl Decision {
    /// The word of the API (`decision`).
    pub fn word(&self) -> &'static str {
        match self.kind {
            Kind::Emergency(_) => "emergency",
            Kind::Code(_) | Kind::SpeedDial { .. } => "code",
            Kind::Extension(_) => "extension",
            Kind::Outside(_) => "outside",
            Kind::Refused(_) => "refused",
        }
    }

    /// The right to call out, when there is one.
    pub fn permit(&self) -> Option<&OutboundPermit> {
        match &self.kind {
            Kind::Emergency(permit) | Kind::Outside(permit) | Kind::SpeedDial { permit, .. } => Some(permit),
            Kind::Code(_) | Kind::Extension(_) | Kind::Refused(_) => None,
        }
    }

    /// The class of an outside number, a barred one included.
    pub fn class(&self) -> Option<Class> {
        match &self.kind {
            Kind::Emergency(permit) | Kind::Outside(permit) | Kind::SpeedDial { permit, .. } => Some(permit.class()),
            Kind::Refused(Refusal::Barred(class)) => Some(*class),
            Kind::Code(_) | Kind::Extension(_) | Kind::Refused(_) => None,
        }
    }

    /// Why it was refused, in French.
    pub fn reason(&self) -> Option<String> {
        match &self.kind {
            Kind::Refused(refusal) => Some(refusal.french()),
            Kind::Emergency(_) | Kind::Code(_) | Kind::SpeedDial { .. } | Kind::Extension(_) | Kind::Outside(_) => None,
        }
    }
}

/// What `dialled` (the user part, unescaped once) does when the authenticated phone `from` dials it.
pub fn route(dialled: &str, from: &Extension, rules: &Rules) -> Decision {
    let mut steps = Vec::new();
    let kind = decide(dialled, from, rules, &mut steps).unwrap_or_else(|refusal| {
        steps.push(format!("Refusé : {}", refusal.french()));
        Kind::Refused(refusal)
    });
    Decision { kind, steps }
}

/// A number that is in E.164 already (a callback, a contact): the bars hold, the grammar of dialling does not apply (RULES 7.4).
///
/// # Errors
/// Barred, or no number of the French plan.
pub fn permit_for_number(number: &E164, from: &Extension, rules: &Rules) -> Result<OutboundPermit, Refusal> {
    let class = rules.numbering.class_of(number).ok_or(Refusal::Unknown)?;
    grant(Called::Number(number.clone()), class, false, from, rules)
}

/// Somebody of the records, who is called as the number stands there.
///
/// # Errors
/// Withheld or unreadable, barred, or no number.
pub fn permit_for_party(party: &Caller, from: &Extension, rules: &Rules) -> Result<OutboundPermit, Refusal> {
    match party {
        Caller::Known(number) => permit_for_number(number, from, rules),
        Caller::Extension(digits) => permit_for_upstream(digits, from, rules),
        Caller::Withheld | Caller::Unreadable(_) => Err(Refusal::Nobody),
    }
}

/// An extension of the upstream PBX that called us (RULES 2.2). One that reads as an emergency number is not called back.
fn permit_for_upstream(digits: &str, from: &Extension, rules: &Rules) -> Result<OutboundPermit, Refusal> {
    let right = (1..=UPSTREAM_DIGITS).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if !right || rules.numbering.is_emergency(digits) {
        return Err(Refusal::Nobody);
    }
    grant(Called::Inside(digits.to_owned()), Class::Upstream, false, from, rules)
}

fn grant(called: Called, class: Class, keypad: bool, from: &Extension, rules: &Rules) -> Result<OutboundPermit, Refusal> {
    if class != Class::Emergency && rules.dialling.bars(&called, class) {
        return Err(Refusal::Barred(class));
    }
    let keypad = keypad || rules.directory.opens_keypad(&called);
    Ok(OutboundPermit::new(from.clone(), called, class, keypad))
}

/// Whom the directory has under that code.
fn speed_dial(code: u8, from: &Extension, rules: &Rules, steps: &mut Vec<String>) -> Result<Kind, Refusal> {
    let entry = rules.directory.get(code).ok_or(Refusal::UnknownCode)?;
    steps.push(format!("L'annuaire y a « {} ».", entry.name));
    let (called, class) = entry.number.clone().ok_or(Refusal::NoNumberYet)?;
    steps.push(format!("{} : {}.", called.display(), class.french()));
    let permit = grant(called, class, false, from, rules)?.by_entry(Arc::clone(entry));
    if permit.keypad_open() {
        steps.push("Le clavier sera ouvert dès la réponse.".to_owned());
    }
    Ok(Kind::SpeedDial { code, permit })
}

fn decide(dialled: &str, from: &Extension, rules: &Rules, steps: &mut Vec<String>) -> Result<Kind, Refusal> {
    let digits = cleaned(dialled, steps)?;
    if let Some(permit) = emergency(digits, from, rules, steps) {
        return Ok(Kind::Emergency(permit));
    }
    if digits.starts_with('*') {
        let code = rules.codes.read(digits).ok_or(Refusal::UnknownCode)?;
        steps.push(format!("{digits} est un code : {}.", code.french()));
        return match code {
            Code::SpeedDial(n) => speed_dial(n, from, rules, steps),
            Code::NextCallback | Code::OpenClose | Code::DoNotDisturb | Code::AudioTest | Code::RecordPrompt(_) => Ok(Kind::Code(code)),
        };
    }
    if let Some(extension) = rules.extensions.iter().find(|e| e.0 == digits) {
        steps.push(format!("{digits} est un poste de l'agence."));
        return Ok(Kind::Extension(extension.clone()));
    }
    let readings = readings(digits, &[&rules.dialling.outside], &rules.dialling.keypad);
    let (reading, called, class) = outside(&readings, rules).ok_or_else(|| no_number(&readings))?;
    reading.say(steps);
    steps.push(format!("{} : {}.", called.display(), class.french()));
    let permit = grant(called, class, reading.keypad, from, rules)?;
    steps.push("Permis : l'appel part vers l'opérateur.".to_owned());
    Ok(Kind::Outside(permit))
}

/// The closed grammar, and the trailing `#` with which some phones end a number.
fn cleaned<'a>(dialled: &'a str, steps: &mut Vec<String>) -> Result<&'a str, Refusal> {
    let digits = match dialled.strip_suffix('#').or_else(|| dialled.strip_suffix("%23")) {
        Some(shorter) if !dialled.starts_with('*') => {
            steps.push("Le # final est retiré.".to_owned());
            shorter
        }
        _ => dialled,
    };
    let in_grammar = digits.len() <= MAX_DIALLED && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'*' | b'#' | b'+'));
    if in_grammar { Ok(digits) } else { Err(Refusal::Grammar) }
}

/// One way to read a dialled string: what is left when the outside digit and the keypad code are taken off, each at most once.
#[derive(Clone, Copy, Debug)]
struct Reading<'a> {
    rest: &'a str,
    outside: bool,
    keypad: bool,
}

impl Reading<'_> {
    fn say(&self, steps: &mut Vec<String>) {
        if self.outside {
            steps.push("Le préfixe de sortie est retiré : il ne fait pas partie du numéro.".to_owned());
        }
        if self.keypad {
            steps.push("Le code du clavier est retiré : le clavier sera ouvert dès la réponse.".to_owned());
        }
    }
}

/// As it stands first: a string that is whole as it stands is never cut.
fn readings<'a>(digits: &'a str, outside: &[&str], keypad: &str) -> Vec<Reading<'a>> {
    let mut found = vec![Reading { rest: digits, outside: false, keypad: false }];
    let cut_keypad = |rest: &'a str| rest.strip_prefix(keypad).filter(|_| !keypad.is_empty());
    for code in outside {
        let cut_outside = |rest: &'a str| rest.strip_prefix(*code).filter(|_| !code.is_empty() && !is_andorra(rest));
        found.extend(cut_outside(digits).map(|rest| Reading { rest, outside: true, keypad: false }));
        found.extend(cut_keypad(digits).map(|rest| Reading { rest, outside: false, keypad: true }));
        found.extend(cut_outside(digits).and_then(cut_keypad).map(|rest| Reading { rest, outside: true, keypad: true }));
        found.extend(cut_keypad(digits).and_then(cut_outside).map(|rest| Reading { rest, outside: true, keypad: true }));
    }
    found
}

/// `00376` and six digits: Andorra, not `0` and a number of the east of France (RULES 7.4).
fn is_andorra(digits: &str) -> bool {
    digits.strip_prefix("00376").is_some_and(|rest| rest.len() == 6)
}

/// RULES 7.1: the whole string, with or without 0 and the keypad code. The 0 counts whatever digit the agency dials for an outside line.
fn emergency(digits: &str, from: &Extension, rules: &Rules, steps: &mut Vec<String>) -> Option<OutboundPermit> {
    let found = readings(digits, &["0", &rules.dialling.outside], &rules.dialling.keypad)
        .into_iter()
        .find(|r| rules.numbering.is_emergency(r.rest))?;
    found.say(steps);
    steps.push(format!("{} est un numéro d'urgence : l'appel part tout de suite, jamais barré ni compté.", found.rest));
    Some(OutboundPermit::new(from.clone(), Called::Short(found.rest.to_owned()), Class::Emergency, found.keypad))
}

/// Ten digits and short numbers of any reading win over `00` and `+`.
fn outside<'a, 'b>(readings: &'b [Reading<'a>], rules: &Rules) -> Option<(&'b Reading<'a>, Called, Class)> {
    let plan = &rules.numbering;
    let national = readings.iter().find_map(|r| plan.national(r.rest).map(|(called, class)| (r, called, class)));
    national.or_else(|| readings.iter().find_map(|r| plan.international(r.rest).map(|(called, class)| (r, called, class))))
}

/// Why no reading is a number.
fn no_number(readings: &[Reading<'_>]) -> Refusal {
    if let Some(empty) = readings.iter().find(|r| r.rest.is_empty()) {
        return if empty.keypad { Refusal::KeypadAlone } else { Refusal::Incomplete(None) };
    }
    let Some(whole) = readings.first().map(|r| r.rest) else { return Refusal::Unknown };
    if !whole.bytes().all(|b| b.is_ascii_digit()) {
        return Refusal::Unknown;
    }
    match E164::parse_national_or_international(whole) {
        Err(NumberError::LacksZero(number)) => Refusal::Incomplete(Some(number)),
        Err(NumberError::Missing(_)) if whole.starts_with('0') => Refusal::Incomplete(None),
        _ => Refusal::Unknown,
    }
}

/// True for the emergency numbers that no setting can take away: what `check` refuses as an extension.
pub fn is_known_emergency(digits: &str) -> bool {
    EMERGENCY.contains(&digits)
}
