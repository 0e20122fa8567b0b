//! `rappel trace APPEL [--pcap FICHIER]`: the messages of a call, asked of the running service. They live in its memory only.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use crate::config::Config;
use crate::domain::ladder::Rung;
use crate::shell::control::{self, Answer, Request};
use crate::sip::pcap;

use super::serve::state_folder;

pub fn run(config: &Config, call: &str, file: Option<&Path>) -> ExitCode {
    let rungs = match asked(config, call) {
        Ok(rungs) => rungs,
        Err(why) => return failed(&why),
    };
    let written = match file {
        Some(file) => std::fs::write(file, pcap::write(&rungs)).map_err(|error| format!("{} : {error}", file.display())),
        None => print(&rungs).map_err(|error| error.to_string()),
    };
    match (written, file) {
        (Err(why), _) => failed(&why),
        (Ok(()), Some(file)) => {
            println!("{} messages écrits dans {}", rungs.len(), file.display());
            ExitCode::SUCCESS
        }
        (Ok(()), None) => ExitCode::SUCCESS,
    }
}

fn asked(config: &Config, call: &str) -> Result<Vec<Rung>, String> {
    let none = || format!("Le service n'a pas (ou plus) de message de l'appel {call} : il garde les derniers, en mémoire.");
    let lines = match control::ask(&state_folder(config), &Request::Trace(call.to_owned())) {
        Ok(Some(Answer::Done(lines))) => lines,
        Ok(Some(Answer::Refused(why))) => return Err(why),
        Ok(None) => return Err("Aucun service ne tourne ici : les messages ne sont que dans sa mémoire.".to_owned()),
        Err(error) => return Err(error.to_string()),
    };
    let rungs: Option<Vec<Rung>> = lines.iter().map(|line| serde_json::from_str(line).ok()).collect();
    match rungs {
        Some(rungs) if rungs.is_empty() => Err(none()),
        Some(rungs) => Ok(rungs),
        None => Err(control::NOT_UNDERSTOOD.to_owned()),
    }
}

fn print(rungs: &[Rung]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for rung in rungs {
        let arrow = if rung.sent { "->" } else { "<-" };
        writeln!(out, "{} {} {arrow} {} ({})", rung.at.format("%H:%M:%S%.3f"), rung.local, rung.remote, rung.transport)?;
        writeln!(out, "{}\n", String::from_utf8_lossy(&rung.bytes).trim_end())?;
    }
    Ok(())
}

fn failed(why: &str) -> ExitCode {
    eprintln!("rappel : {why}");
    ExitCode::FAILURE
}
