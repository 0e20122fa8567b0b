//! `rappel explain`: what digits would do, step by step. Dials nothing.

use std::process::ExitCode;

use crate::config::Config;
use crate::dialplan::explain::explain;
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
    let explained = explain(digits, &from, &config.rules, &config.trunk_wires());
    println!("{}", explained.summary);
    explained.steps.iter().enumerate().for_each(|(i, step)| println!("  {}. {step}", i + 1));
    ExitCode::SUCCESS
}
