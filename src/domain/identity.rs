//! Who a call is with.

use serde::{Deserialize, Serialize};

use super::number::E164;
use super::text::ScreenText;

/// The other party of a call, as far as it let itself be known (RULES 2.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Caller {
    Known(E164),
    /// Nothing of the identity is kept.
    Withheld,
    /// One to five digits: an extension of the upstream PBX ("poste 23"), or one of ours on an internal call.
    Extension(String),
    /// Kept as received, marked "à vérifier", never dialled by itself. Short numbers dialled out ("3949") stand here too.
    Unreadable(ScreenText),
}

impl Caller {
    /// `06 39 98 00 01`, `numéro masqué`, `poste 23`, or as received.
    pub fn display(&self) -> String {
        match self {
            Caller::Known(number) => number.display(),
            Caller::Withheld => "numéro masqué".to_owned(),
            Caller::Extension(digits) => format!("poste {digits}"),
            Caller::Unreadable(text) => text.as_str().to_owned(),
        }
    }

    pub fn number(&self) -> Option<&E164> {
        match self {
            Caller::Known(number) => Some(number),
            Caller::Withheld | Caller::Extension(_) | Caller::Unreadable(_) => None,
        }
    }
}
