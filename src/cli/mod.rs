//! The commands of `rappel`: what is typed, and whom it is given to. Holds no rule of the line.

mod ask;
pub mod change;
mod check;
mod explain;
pub mod export;
pub mod import;
pub mod person;
mod reason;
pub mod records;
pub mod serve;
mod trace;

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
    Serve {
        /// La page sans mot de passe, au nom de cette personne (démonstration, sur cette machine seulement)
        #[arg(long, hide = true, value_name = "CODE")]
        open_as: Option<String>,
    },
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
    Check {
        /// Cherche aussi les opérateurs par leur nom et essaie les adresses d'écoute ; le service doit être arrêté
        #[arg(long)]
        network: bool,
    },
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
    Person(person::PersonArgs),
    /// Les messages SIP d'un appel, tant que le service s'en souvient ; ni mot de passe ni touche
    Trace {
        /// Le numéro de l'appel, comme sur la page, ou un Call-ID
        #[arg(value_name = "APPEL")]
        call: String,
        /// Les écrit dans ce fichier, que Wireshark et tcpdump lisent ; sans cela, en texte
        #[arg(long, value_name = "FICHIER")]
        pcap: Option<PathBuf>,
    },
    /// Écrit la liste des appels ou des rappels
    Export(export::ExportArgs),
    /// Ajoute ce qui vient d'un autre programme
    #[command(subcommand)]
    Import(import::What),
    /// Montre tout ce qui est gardé d'un numéro, en JSON
    Dump {
        /// Le numéro, sous n'importe quelle forme
        #[arg(long, value_name = "NUMÉRO", allow_hyphen_values = true)]
        number: String,
    },
    /// Efface tout ce qui est gardé d'un numéro
    Erase {
        /// Le numéro, sous n'importe quelle forme
        #[arg(long, value_name = "NUMÉRO", allow_hyphen_values = true)]
        number: String,
    },
    /// Copie la base dans un fichier, même pendant que le service tourne
    Backup {
        #[arg(value_name = "FICHIER")]
        file: PathBuf,
    },
    /// Remet la base telle qu'elle était dans une sauvegarde ; le service doit être arrêté
    Restore {
        #[arg(value_name = "FICHIER")]
        file: PathBuf,
    },
}

/// The whole program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let file = arguments.config.as_deref();
    match arguments.command {
        Command::Serve { open_as } => with_config(file, |config| serve::serve(&config, open_as)),
        Command::Demo { once, json } => crate::demo::run(once, json),
        Command::Check { network } => check::run(file, network),
        Command::Explain { digits, phone } => with_config(file, |config| explain::run(&config, &digits, phone.as_deref())),
        Command::Person(args) => with_config(file, |config| people(&config, &args)),
        Command::Trace { call, pcap } => with_config(file, |config| trace::run(&config, &call, pcap.as_deref())),
        Command::Export(args) => with_folder(file, |config, dir| export::run(&args, config, dir, crate::shell::clock::now().wall)),
        Command::Import(what) => with_folder(file, |_, dir| import::run(&what, dir, &mut std::io::stdout())),
        Command::Dump { number } => {
            with_folder(file, |_, dir| records::dump(&number, dir, crate::shell::clock::now().wall, &mut std::io::stdout()))
        }
        Command::Erase { number } => with_folder(file, |_, dir| records::erase(&number, dir, &mut std::io::stdout())),
        Command::Backup { file: copy } => with_folder(file, |_, dir| records::backup(&copy, dir, &mut std::io::stdout())),
        Command::Restore { file: copy } => with_folder(file, |_, dir| records::restore(&copy, dir, &mut std::io::stdout())),
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

/// Runs `command` with the configuration and its state folder; what goes wrong is said.
fn with_folder<E: std::fmt::Display>(file: Option<&Path>, command: impl FnOnce(&Config, &Path) -> Result<(), E>) -> ExitCode {
    with_config(file, |config| match command(&config, &serve::state_folder(&config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rappel : {error}");
            ExitCode::FAILURE
        }
    })
}

fn refused(mistakes: &[Mistake]) -> ExitCode {
    mistakes.iter().for_each(|mistake| eprintln!("{mistake}"));
    ExitCode::from(EXIT_CONFIG)
}

fn people(config: &Config, args: &person::PersonArgs) -> ExitCode {
    let folder = serve::state_folder(config);
    let now = crate::shell::clock::now().wall;
    match person::run(args, &folder, &mut crate::shell::clock::System::default(), now, &mut std::io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rappel : {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent_and_config_stands_anywhere() {
        Arguments::command().debug_assert();
        for line in [
            "rappel serve --config a.toml",
            "rappel --config a.toml serve",
            "rappel serve --open-as MEL --config a.toml",
            "rappel check --network --config a.toml",
            "rappel explain 015 --config a.toml",
            "rappel person add MEL --config a.toml",
            "rappel trace 12 --pcap f.pcap --config a.toml",
            "rappel demo --once --json --config a.toml",
            "rappel export calls --format csv --from 2026-11-01 --to 30/11/2026 --out a.csv --config a.toml",
            "rappel import contacts a.vcf --zero --config a.toml",
            "rappel dump --number +33639980001 --config a.toml",
        ] {
            let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(arguments.config.as_deref(), Some(Path::new("a.toml")), "{line}");
        }
        for line in [
            "rappel",
            "rappel explain",
            "rappel person",
            "rappel person add",
            "rappel serve x",
            "rappel export calls",
            "rappel export calls --format pdf",
            "rappel erase",
        ] {
            assert!(Arguments::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
