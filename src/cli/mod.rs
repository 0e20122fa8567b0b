//! The commands of `rappel`: what is typed, and whom it is given to. Holds no rule of the line.

mod check;
mod explain;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, Mistake};

/// `EX_CONFIG` of sysexits.h: something was found in an unconfigured or misconfigured state.
const EXIT_CONFIG: u8 = 78;

#[derive(Parser)]
#[command(name = "rappel", version, about = "Le service d'appels de l'agence : aucun appelant, aucun numéro, aucune promesse ne se perd.")]
struct Arguments {
    /// Le fichier de l'agence ; sans cela dialplan/agence.toml, sinon la configuration intégrée
    #[arg(long, global = true, value_name = "FICHIER")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Le service
    Serve,
    /// Une journée d'appels jouée sur cette machine, sans opérateur ni téléphone
    Demo {
        /// Joue l'histoire, dit chaque fait et s'arrête ; 0 si tous sont vrais
        #[arg(long)]
        once: bool,
        /// Les faits en JSON
        #[arg(long)]
        json: bool,
    },
    /// Relit la configuration et dit ce qui ne va pas
    Check,
    /// Dit ce que ferait ce numéro, pas à pas, sans le composer
    Explain {
        /// Ce qui serait composé
        #[arg(value_name = "CHIFFRES", allow_hyphen_values = true)]
        digits: String,
        /// Le poste qui le composerait ; sans cela, le premier
        #[arg(long, value_name = "POSTE")]
        phone: Option<String>,
    },
    /// Les personnes qui peuvent ouvrir la page
    Person {
        #[command(subcommand)]
        action: PersonAction,
    },
}

/// What is done with the people who may sign in.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum PersonAction {
    /// Ajoute une personne ; son mot de passe est lu sur l'entrée
    Add { code: String },
    /// Les personnes connues
    List,
    /// Retire une personne
    Remove { code: String },
    /// Change un mot de passe, lu sur l'entrée
    Password { code: String },
    /// Crée un jeton et le montre une seule fois
    Token { code: String },
}

/// The whole program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let file = arguments.config.as_deref();
    match arguments.command {
        Command::Serve => with_config(file, serve),
        Command::Demo { once, json } => demo(once, json),
        Command::Check => check::run(file),
        Command::Explain { digits, phone } => with_config(file, |config| explain::run(&config, &digits, phone.as_deref())),
        Command::Person { action } => with_config(file, |config| person(config, action)),
    }
}

/// Runs `command` with the configuration, or says what is wrong with it.
fn with_config(file: Option<&Path>, command: impl FnOnce(Config) -> ExitCode) -> ExitCode {
    match Config::load(file) {
        Ok(config) => {
            config.warnings.iter().for_each(|warning| eprintln!("attention : {warning}"));
            command(config)
        }
        Err(mistakes) => refused(&mistakes),
    }
}

fn refused(mistakes: &[Mistake]) -> ExitCode {
    mistakes.iter().for_each(|mistake| eprintln!("{mistake}"));
    ExitCode::from(EXIT_CONFIG)
}

fn serve(_config: Config) -> ExitCode {
    unlinked()
}

fn demo(_once: bool, _json: bool) -> ExitCode {
    unlinked()
}

fn person(_config: Config, _action: PersonAction) -> ExitCode {
    unlinked()
}

fn unlinked() -> ExitCode {
    eprintln!("pas encore relié");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent_and_config_stands_anywhere() {
        Arguments::command().debug_assert();
        for line in ["rappel serve --config a.toml", "rappel --config a.toml serve", "rappel explain 015 --config a.toml", "rappel person add MEL --config a.toml", "rappel demo --once --json --config a.toml"] {
            let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(arguments.config.as_deref(), Some(Path::new("a.toml")), "{line}");
        }
        for line in ["rappel", "rappel explain", "rappel person", "rappel person add", "rappel serve x"] {
            assert!(Arguments::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
