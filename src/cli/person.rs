//! `rappel person add|list|remove|password|token CODE`: who may sign in.
//!
//! With a service running it goes through the control socket, else the command takes the folder's lock and writes
//! itself. A password comes from a terminal without echo, or from standard input (one line, or twice the same).

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::domain::entropy::Entropy;
use crate::shell::control::Request;
use crate::store::people::{self, PeopleRequest, clean_code};
use crate::store::{StoreError, secret};

use super::change::{ChangeError, through};
use super::export::{ExportError, connection};

/// The longest line read for a password.
const LINE_MAX: u64 = 1024;

#[derive(Args, Debug)]
pub struct PersonArgs {
    #[command(subcommand)]
    pub action: Action,
}

#[derive(Subcommand, Clone, Debug)]
pub enum Action {
    /// Ajoute une personne (mot de passe demandé, ou lu sur l'entrée standard)
    Add { code: String },
    /// Donne la liste des personnes
    List,
    /// Retire une personne, ses sessions et ses jetons
    Remove { code: String },
    /// Change le mot de passe d'une personne
    Password { code: String },
    /// Crée un jeton d'accès à l'API, affiché une seule fois
    Token { code: String },
}

#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Read(#[from] ExportError),
    #[error("Les deux mots de passe ne sont pas les mêmes.")]
    Differ,
    #[error("Le mot de passe doit avoir de {} à {} caractères.", secret::PASSWORD_MIN, secret::PASSWORD_MAX)]
    Length,
    #[error("Lecture ou écriture impossible : {0}.")]
    Io(#[from] io::Error),
}

/// Carries out the command on the state folder `dir`; `out` gets what is to be read by a person or a script.
pub fn run(args: &PersonArgs, dir: &Path, entropy: &mut dyn Entropy, now: DateTime<Utc>, out: &mut dyn Write) -> Result<(), PersonError> {
    let (request, token) = request(&args.action, entropy, &mut io::stdin().lock(), io::stdin().is_terminal())?;
    let lines = change(dir, request, now)?;
    match &args.action {
        Action::List => lines.iter().try_for_each(|code| writeln!(out, "{code}"))?,
        Action::Add { code } => writeln!(out, "{} peut se connecter.", code.to_uppercase())?,
        Action::Remove { code } => writeln!(out, "{} ne peut plus se connecter.", code.to_uppercase())?,
        Action::Password { code } => writeln!(out, "Le mot de passe de {} est changé.", code.to_uppercase())?,
        Action::Token { code } => {
            eprintln!("Jeton de {} (il ne sera plus affiché) :", code.to_uppercase());
            writeln!(out, "{}", token.unwrap_or_default())?;
        }
    }
    Ok(())
}

/// The request, and the token to show if one was made. `input` is read for a password only.
fn request(
    action: &Action,
    entropy: &mut dyn Entropy,
    input: &mut dyn BufRead,
    terminal: bool,
) -> Result<(PeopleRequest, Option<String>), PersonError> {
    let mut phc = || -> Result<String, PersonError> { Ok(secret::hash_password(&read_password(input, terminal)?, entropy)?) };
    Ok(match action {
        Action::Add { code } => {
            let code = clean_code(code)?;
            (PeopleRequest::Add { code, password: phc()? }, None)
        }
        Action::List => (PeopleRequest::List, None),
        Action::Remove { code } => (PeopleRequest::Remove { code: clean_code(code)? }, None),
        Action::Password { code } => {
            let code = clean_code(code)?;
            (PeopleRequest::Password { code, password: phc()? }, None)
        }
        Action::Token { code } => {
            let token = secret::new_secret(entropy);
            (PeopleRequest::Token { code: clean_code(code)?, hash: secret::secret_hash(&token) }, Some(token))
        }
    })
}

/// By the running service, else by ourselves. The list is read only: it makes no database and takes no lock.
fn change(dir: &Path, request: PeopleRequest, now: DateTime<Utc>) -> Result<Vec<String>, PersonError> {
    if request == PeopleRequest::List {
        return Ok(people::carry_out(&mut connection(dir)?, &request, now)?);
    }
    Ok(through(dir, &Request::People(request.clone()), |conn| people::carry_out(conn, &request, now))?)
}

fn read_password(input: &mut dyn BufRead, terminal: bool) -> Result<String, PersonError> {
    let (first, second) = if terminal {
        let echo = NoEcho::start()?;
        let first = prompt("Mot de passe : ", input)?;
        let second = prompt("Encore une fois : ", input)?;
        drop(echo);
        (first, second)
    } else {
        let first = line(input)?;
        let second = line(input)?;
        let second = if second.is_empty() { first.clone() } else { second };
        (first, second)
    };
    if first != second {
        return Err(PersonError::Differ);
    }
    if first.chars().count() < secret::PASSWORD_MIN || first.len() > secret::PASSWORD_MAX {
        return Err(PersonError::Length);
    }
    Ok(first)
}

fn prompt(words: &str, input: &mut dyn BufRead) -> io::Result<String> {
    eprint!("{words}");
    let line = line(input);
    eprintln!();
    line
}

fn line(mut input: &mut dyn BufRead) -> io::Result<String> {
    let mut text = String::new();
    io::Read::take(&mut input, LINE_MAX).read_line(&mut text)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The terminal without echo, until it is dropped.
struct NoEcho(rustix::termios::Termios);

impl NoEcho {
    fn start() -> io::Result<NoEcho> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(NoEcho(before))
    }
}

impl Drop for NoEcho {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entropy::Seeded;
    use crate::shell::control::{Behind, Control};

    fn read(text: &str) -> Result<String, PersonError> {
        read_password(&mut text.as_bytes(), false)
    }

    #[test]
    fn a_password_is_one_line_or_twice_the_same() {
        assert_eq!(read("mot-de-passe\n").unwrap(), "mot-de-passe");
        assert_eq!(read("mot-de-passe\r\nmot-de-passe\r\n").unwrap(), "mot-de-passe");
        assert!(matches!(read("mot-de-passe\nmot-de-passf\n"), Err(PersonError::Differ)));
        assert!(matches!(read("court\n"), Err(PersonError::Length)));
        assert!(matches!(read(&"x".repeat(5_000)), Err(PersonError::Differ | PersonError::Length)));
    }

    #[test]
    fn a_token_is_shown_once_and_only_its_hash_is_kept() {
        let (made, token) = request(&Action::Token { code: "mel".to_owned() }, &mut Seeded(3), &mut io::empty(), false).unwrap();
        let token = token.unwrap();
        assert_eq!(made, PeopleRequest::Token { code: "MEL".to_owned(), hash: secret::secret_hash(&token) });
    }

    #[test]
    fn without_a_service_the_command_writes_itself_and_through_one_it_asks() {
        let dir = tempfile::tempdir().unwrap();
        let add = |code: &str| PeopleRequest::Add { code: code.to_owned(), password: "phc".to_owned() };
        let now = DateTime::from_timestamp(1_764_000_000, 0).unwrap();
        assert!(matches!(change(dir.path(), PeopleRequest::List, now), Err(PersonError::Read(ExportError::Nothing(_)))));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "a list made something");
        change(dir.path(), add("MEL"), now).unwrap();
        let opened = crate::store::open(dir.path(), now).unwrap();
        let instant = crate::domain::now::Instant::ZERO;
        let clock = move || crate::domain::now::Now { instant, wall: now };
        let (writer, thread) = opened.start(Box::new(clock), Box::new(|_| ())).unwrap();
        assert!(matches!(change(dir.path(), add("MO"), now), Err(PersonError::Change(ChangeError::Store(StoreError::Locked(_))))));
        assert_eq!(change(dir.path(), PeopleRequest::List, now).unwrap(), ["MEL"]);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let serving = runtime.spawn({
            let _inside = runtime.enter();
            let (line, _) = tokio::sync::mpsc::channel(1);
            let behind = Behind { writer, clock: std::sync::Arc::new(move || now), line, dir: dir.path().to_owned() };
            Control::bind(dir.path()).unwrap().serve(behind)
        });
        change(dir.path(), add("MO"), now).unwrap();
        assert_eq!(change(dir.path(), PeopleRequest::List, now).unwrap(), ["MEL", "MO"]);
        let refused = change(dir.path(), add("MO"), now).unwrap_err();
        assert_eq!(refused.to_string(), "« MO » existe déjà.");
        serving.abort();
        drop(runtime);
        thread.stop();
        assert_eq!(change(dir.path(), PeopleRequest::List, now).unwrap(), ["MEL", "MO"]);
    }
}
