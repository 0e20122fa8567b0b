//! `rappel import contacts FILE`: reads a .vcf or a .csv whole, says which lines cannot serve, then changes the contacts in one step or not at all.
//!
//! [`decode`] bytes to text · [`vcard`] and [`table`] the two kinds of file · [`gathered`] what came out of them

pub mod decode;
pub mod gathered;
pub mod table;
#[cfg(test)]
mod tests;
pub mod vcard;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::ask;
use super::change::{ChangeError, through};
use super::reason::french;
use crate::domain::names::MAX_CONTACTS;
use crate::shell::control::Request;
use crate::store::contacts;
use gathered::{Gathered, TooMany};
use table::TableError;

/// A larger file is no agency's address book.
pub const FILE_MAX: u64 = 64 * 1024 * 1024;
/// Proposals that are named; further ones are counted.
const PROPOSED_MAX: usize = 20;

#[derive(Subcommand, Clone, Debug)]
pub enum What {
    /// Les contacts d'un fichier .vcf (vCard 2.1, 3.0, 4.0) ou .csv (titres : nom, numéro, note)
    Contacts {
        #[arg(value_name = "FICHIER")]
        file: PathBuf,
        /// Prend les numéros à neuf chiffres avec le 0 qui leur manque
        #[arg(long)]
        zero: bool,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{} ne peut pas être lu : {}. Vérifiez son nom et ses droits.", .file.display(), french(.source))]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("{} dépasse {} Mio : découpez-le, ou exportez moins de champs (sans les photos).", .0.display(), FILE_MAX / 1024 / 1024)]
    TooLarge(PathBuf),
    #[error("{} n'est pas un fichier de contacts. Donnez un fichier .vcf ou .csv (d'un tableur : « Enregistrer sous », format CSV).", .0.display())]
    Kind(PathBuf),
    #[error("La première ligne doit nommer les colonnes, par exemple « nom;numéro;note » : il faut au moins un nom et un numéro.")]
    Header,
    #[error("Le fichier compte plus de {MAX_CONTACTS} contacts : rien n'a été changé. Importez un fichier plus petit.")]
    TooMany,
    #[error("Aucun contact à importer dans {} : rien n'a été changé.", .0.display())]
    Nothing(PathBuf),
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error("Écriture impossible : {}.", french(.0))]
    Io(#[from] io::Error),
}

/// Carries out the import into the state folder `dir`; `out` gets what is to be read by a person.
pub fn run(what: &What, dir: &Path, out: &mut dyn Write) -> Result<(), ImportError> {
    let What::Contacts { file, zero } = what;
    let bytes = contents(file)?;
    let bar = bar(bytes.len());
    let gathered = gather(file, &bytes, &mut |behind| bar.set_position(u64::try_from(behind).unwrap_or(u64::MAX)));
    bar.finish_and_clear();
    let mut gathered = gathered?;
    drop(bytes);
    told(&gathered, out)?;
    proposed(&mut gathered, *zero, out)?;
    if gathered.contacts().is_empty() {
        return Err(ImportError::Nothing(file.clone()));
    }
    let request = Request::Contacts(gathered.into_contacts());
    let lines = through(dir, &request, |conn| match &request {
        Request::Contacts(contacts) => Ok(vec![contacts::merge(conn, contacts)?.to_string()]),
        Request::People(_) | Request::Erase(_) | Request::Trace(_) => Ok(Vec::new()),
    })?;
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    Ok(())
}

fn contents(file: &Path) -> Result<Vec<u8>, ImportError> {
    let unreadable = |source| ImportError::Unreadable { file: file.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(file).map_err(unreadable)?.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_MAX { Err(ImportError::TooLarge(file.to_owned())) } else { Ok(bytes) }
}

/// Reads a file's bytes by what they are, else by its name.
pub fn gather(file: &Path, bytes: &[u8], progress: &mut dyn FnMut(usize)) -> Result<Gathered, ImportError> {
    if decode::is_binary(bytes) {
        return Err(ImportError::Kind(file.to_owned()));
    }
    let mut gathered = Gathered::default();
    let ending = file.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let begins = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let card = begins.get(..11).is_some_and(|word| word.eq_ignore_ascii_case(b"BEGIN:VCARD"));
    if card || ending == "vcf" || ending == "vcard" {
        // of UTF-16 no line end could be seen; otherwise each property may have its own charset
        let whole = if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            std::borrow::Cow::Owned(decode::text(bytes).into_owned().into_bytes())
        } else {
            std::borrow::Cow::Borrowed(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
        };
        vcard::read(&whole, &mut gathered, progress).map_err(|TooMany| ImportError::TooMany)?;
    } else if matches!(ending.as_str(), "csv" | "tsv" | "txt") {
        table::read(&decode::text(bytes), &mut gathered, progress).map_err(|error| match error {
            TableError::TooMany => ImportError::TooMany,
            TableError::Header => ImportError::Header,
        })?;
    } else {
        return Err(ImportError::Kind(file.to_owned()));
    }
    Ok(gathered)
}

/// The lines that cannot serve.
fn told(gathered: &Gathered, out: &mut dyn Write) -> io::Result<()> {
    match gathered.wrong_count {
        0 => return Ok(()),
        1 => writeln!(out, "1 ligne laissée de côté :")?,
        n => writeln!(out, "{n} lignes laissées de côté :")?,
    }
    gathered.wrong.iter().try_for_each(|wrong| writeln!(out, "  ligne {} : {}", wrong.line, wrong.why))?;
    let more = gathered.wrong_count.saturating_sub(gathered.wrong.len());
    if more > 0 { writeln!(out, "  … et {more} de plus") } else { Ok(()) }
}

/// Numbers of nine digits: taken with their 0 when that is asked for, or answered at a terminal; else proposed.
fn proposed(gathered: &mut Gathered, zero: bool, out: &mut dyn Write) -> Result<(), ImportError> {
    let count = gathered.lacking.len();
    if count == 0 {
        return Ok(());
    }
    writeln!(out, "{count} numéro{} sans 0 :", if count > 1 { "s" } else { "" })?;
    for (line, contact) in gathered.lacking.iter().take(PROPOSED_MAX) {
        writeln!(out, "  ligne {line} : {}, {} ?", contact.name.as_str(), contact.number.display())?;
    }
    if count > PROPOSED_MAX {
        writeln!(out, "  … et {} de plus", count - PROPOSED_MAX)?;
    }
    if zero || ask::yes("Les prendre avec leur 0 ?") {
        writeln!(out, "Pris avec leur 0.")?;
        return gathered.accept_lacking().map_err(|TooMany| ImportError::TooMany);
    }
    writeln!(out, "Laissés de côté : relancez avec --zero pour les prendre ainsi.")?;
    gathered.lacking.clear();
    Ok(())
}

/// Drawn on a terminal only.
fn bar(bytes: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(u64::try_from(bytes).ok(), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("Lecture {bar:40} {percent} %");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
