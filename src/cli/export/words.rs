//! The words of a list as a person reads them in a spreadsheet. Unknown words stand as they are.

use crate::domain::callback::{CallbackState, Mark, Source};
use crate::domain::identity::Caller;
use crate::domain::number::E164;

/// A number that no spreadsheet takes for a sum: `06.39.98.00.01`, `00.44.20…` abroad. Never begins by `+`.
pub fn number(number: &E164) -> String {
    let display = number.display();
    match display.strip_prefix('+') {
        Some(foreign) => format!("00.{}", foreign.replace(' ', ".")),
        None => display.replace(' ', "."),
    }
}

/// A party: its number, or what it let be known.
pub fn party(party: &Caller) -> String {
    party.number().map_or_else(|| party.display(), number)
}

pub fn direction(word: &str) -> &str {
    match word {
        "incoming" => "entrant",
        "outgoing" => "sortant",
        "internal" => "interne",
        other => other,
    }
}

pub fn outcome(word: &str) -> &str {
    match word {
        "answered" => "répondu",
        "missed" => "manqué",
        "attendant" => "répondeur",
        "interrupted" => "interrompu",
        "outage" => "hors service",
        "no_answer" => "sans réponse",
        "busy" => "occupé",
        "failed" => "échec",
        "refused" => "interdit",
        "cancelled" => "abandonné",
        other => other,
    }
}

pub fn reason(word: &str) -> &str {
    match word {
        "elsewhere" => "pris ailleurs",
        "promised" => "rappel promis",
        "left_on_hold" => "parti en attente",
        "cut" => "coupé",
        "caller_gave_up" => "l'appelant a raccroché",
        "no_answer" => "pas de réponse",
        "refused" => "refusé",
        "no_phone" => "aucun téléphone",
        "busy" => "occupé",
        "closed" => "agence fermée",
        "failed" => "échec",
        "left_attendant" => "rien laissé au répondeur",
        "overloaded" => "lignes saturées",
        other => other,
    }
}

pub fn source(source: Source) -> &'static str {
    match source {
        Source::Missed => "appel manqué",
        Source::DoubleCall => "double appel",
        Source::Attendant => "répondeur",
        Source::Manual => "saisi",
    }
}

pub fn state(state: CallbackState) -> &'static str {
    match state {
        CallbackState::Open => "à faire",
        CallbackState::Calling => "en cours",
        CallbackState::Done => "fait",
        CallbackState::Dropped => "abandonné",
    }
}

pub fn mark(mark: Mark) -> &'static str {
    match mark {
        Mark::Unconfirmed => "non confirmé",
        Mark::MaybeElsewhere => "peut-être pris sur un autre poste",
        Mark::ToCheck => "à vérifier",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_never_begins_by_a_plus_and_a_withheld_one_stays_withheld() {
        for (e164, shown) in
            [("+33639980001", "06.39.98.00.01"), ("+442079460000", "00.44.20.79.46.00.00"), ("+262692000001", "06.92.00.00.01")]
        {
            assert_eq!(party(&Caller::Known(E164::from_e164(e164).unwrap())), shown);
        }
        assert_eq!(party(&Caller::Withheld), "numéro masqué");
        assert_eq!(party(&Caller::Extension("23".to_owned())), "poste 23");
    }
}
