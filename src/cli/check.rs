//! `rappel check`: the configuration is right, or every mistake at its place. Changes nothing, opens no socket.

use std::path::Path;
use std::process::ExitCode;

use crate::config::Config;

pub(super) fn run(file: Option<&Path>) -> ExitCode {
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
    ExitCode::SUCCESS
}
