//! `rappel check`: the configuration is right, or every mistake at its place; with `--network` what the network says too. Changes nothing.

use std::path::Path;
use std::process::ExitCode;

use crate::config::Config;
use crate::screen::SignIn;
use crate::shell::reach;

use super::serve;

pub(super) fn run(file: Option<&Path>, network: bool) -> ExitCode {
    let config = match Config::load(file) {
        Ok(config) => config,
        Err(mistakes) => return super::refused(&mistakes),
    };
    let name = config.file.as_ref().map_or_else(|| "configuration intégrée".to_owned(), |f| f.display().to_string());
    println!("{name}: configuration correcte");
    config.warnings.iter().for_each(|warning| println!("attention : {warning}"));
    if config.trunks.is_empty() {
        println!("Il manque l'opérateur : ajoutez un [[trunk]].");
    }
    if config.phones.is_empty() {
        println!("Il manque les téléphones : ajoutez un [[phone]] par poste.");
    }
    let wrong = if network { reach::wrong(&serve::service(&config, SignIn::Required)) } else { Vec::new() };
    wrong.iter().for_each(|sentence| eprintln!("{sentence}"));
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(super::EXIT_CONFIG) }
}
