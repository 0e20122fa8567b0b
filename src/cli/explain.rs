//! `rappel explain`: what digits would do, step by step. Dials nothing.

use std::process::ExitCode;

use crate::config::Config;
use crate::dialplan::route::{Decision, Kind, route};
use crate::domain::call::Extension;

pub(super) fn run(config: &Config, digits: &str, phone: Option<&str>) -> ExitCode {
    let from = match phone {
        Some(wanted) => config.phones.iter().find(|p| p.extension.0 == wanted).map(|p| p.extension.clone()),
        // Without a phone of the agency the answer is the same: the rules don't differ from one to another.
        None => Some(config.phones.first().map_or_else(|| Extension(String::new()), |p| p.extension.clone())),
    };
    let Some(from) = from else {
        eprintln!("Aucun poste {} dans la configuration.", phone.unwrap_or_default());
        return ExitCode::FAILURE;
    };
    lines(config, &route(digits, &from, &config.rules)).iter().for_each(|line| println!("{line}"));
    ExitCode::SUCCESS
}

/// The decision, its steps, then what each trunk would be sent.
fn lines(config: &Config, decision: &Decision) -> Vec<String> {
    let mut lines = vec![summary(&decision.kind)];
    lines.extend(decision.steps.iter().enumerate().map(|(i, step)| format!("  {}. {step}", i + 1)));
    if let Some(permit) = decision.permit() {
        if config.trunks.is_empty() {
            lines.push("  Aucun opérateur n'est configuré.".to_owned());
        }
        // A call tries the trunks in their order; only an emergency goes on to the next.
        let tried = if permit.is_emergency() { config.trunks.len() } else { 1 };
        for trunk in config.trunks.iter().take(tried) {
            lines.push(format!(
                "  Sur la ligne « {} » : {}",
                trunk.name,
                permit.number_on_wire(trunk.number_format, &trunk.outside_prefix)
            ));
        }
    }
    lines
}

fn summary(kind: &Kind) -> String {
    match kind {
        Kind::Emergency(permit) => format!("urgence : {}", permit.display()),
        Kind::Code(code) => format!("code : {}", code.french()),
        Kind::Extension(extension) => format!("poste : {}", extension.0),
        Kind::Outside(permit) => format!("extérieur : {}", permit.display()),
        Kind::Refused(refusal) => format!("refusé ({})", refusal.status()),
    }
}
