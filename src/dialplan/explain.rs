//! What digits would do, without dialling them: the one answer of the command line and of the page (RULES 7, the dry run).

use serde::Serialize;

use crate::domain::call::Extension;

use super::permit::{NumberFormat, OutboundPermit};
use super::route::{Kind, route};
use super::rules::Rules;

/// How a trunk writes what it is sent, for the last step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkWire {
    pub name: String,
    pub format: NumberFormat,
    pub outside_prefix: String,
}

/// `GET /api/explain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    pub digits: String,
    pub decision: &'static str,
    /// E.164, a short number or an extension.
    pub number: Option<String>,
    pub class: Option<&'static str>,
    /// The first one that is tried.
    pub trunk: Option<String>,
    pub reason: Option<String>,
    pub steps: Vec<String>,
    /// The decision in a word and its object.
    pub summary: String,
}

pub fn explain(digits: &str, from: &Extension, rules: &Rules, trunks: &[TrunkWire]) -> Explained {
    let decision = route(digits, from, rules);
    let number = match &decision.kind {
        Kind::Extension(extension) => Some(extension.0.clone()),
        Kind::Emergency(_) | Kind::Outside(_) | Kind::SpeedDial { .. } | Kind::Code(_) | Kind::Refused(_) => {
            decision.permit().map(|permit| permit.number().to_owned())
        }
    };
    let mut steps = decision.steps.clone();
    if let Some(permit) = decision.permit() {
        steps.extend(on_the_wire(permit, trunks));
        steps.extend(permit.entry().and_then(|entry| entry.keys.as_ref()).map(|keys| keys.french()).unwrap_or_default());
    }
    Explained {
        digits: digits.to_owned(),
        decision: decision.word(),
        number,
        class: decision.class().map(|class| class.word()),
        trunk: decision.permit().and(trunks.first()).map(|trunk| trunk.name.clone()),
        reason: decision.reason(),
        steps,
        summary: summary(&decision.kind),
    }
}

/// What each trunk that may be tried would be sent: an emergency goes on to the next, any other call does not.
fn on_the_wire(permit: &OutboundPermit, trunks: &[TrunkWire]) -> Vec<String> {
    if trunks.is_empty() {
        return vec!["Aucun opérateur n'est configuré.".to_owned()];
    }
    let tried = if permit.is_emergency() { trunks.len() } else { 1 };
    let line =
        |trunk: &TrunkWire| format!("Sur la ligne « {} » : {}", trunk.name, permit.number_on_wire(trunk.format, &trunk.outside_prefix));
    trunks.iter().take(tried).map(line).collect()
}

fn summary(kind: &Kind) -> String {
    match kind {
        Kind::Emergency(permit) => format!("urgence : {}", permit.display()),
        Kind::Code(code) => format!("code : {}", code.french()),
        Kind::SpeedDial { permit, .. } => {
            format!("numéro abrégé : {}, {}", permit.entry().map_or("", |entry| entry.name.as_str()), permit.display())
        }
        Kind::Extension(extension) => format!("poste : {}", extension.0),
        Kind::Outside(permit) => format!("extérieur : {}", permit.display()),
        Kind::Refused(refusal) => format!("refusé ({})", refusal.status()),
    }
}
