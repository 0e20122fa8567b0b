//! `rappel export calls|callbacks --format csv|xlsx|json [--from D] [--to D] [--out F]`: reads only, a page at a time, of one moment.
//!
//! [`words`] what stands in the cells · [`sheet`] the three forms · [`sink`] the file that appears whole

pub mod sheet;
pub mod sink;
pub mod words;

use std::collections::HashMap;
use std::io::{self, Cursor, IsTerminal};
use std::path::{Path, PathBuf};

use chrono::{DateTime, LocalResult, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use clap::{Args, ValueEnum};
use rusqlite::Connection;

use crate::config::Config;
use crate::domain::callback::Callback;
use crate::screen::callbacks::shown;
use crate::store::calls::{self, CallRow, Filter, LIMIT_MAX};
use crate::store::{Readers, StoreError, callbacks};
use sheet::{Sheet, Target};
use sink::Part;

const CALL_TITLES: [&str; 14] = [
    "date",
    "heure",
    "sens",
    "numéro",
    "nom",
    "issue",
    "motif",
    "répondu par",
    "poste",
    "sonnerie (s)",
    "conversation (s)",
    "rappel",
    "pendant l'appel",
    "appel",
];
const CALLBACK_TITLES: [&str; 17] = [
    "rappel",
    "reçu le",
    "à",
    "numéro",
    "nom",
    "origine",
    "état",
    "échéance",
    "à (échéance)",
    "responsable",
    "lieu",
    "objet",
    "note",
    "appels manqués",
    "essais",
    "clos",
    "à savoir",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum List {
    /// Les appels, du plus récent au plus ancien
    Calls,
    /// Les rappels, du plus ancien au plus récent
    Callbacks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Csv,
    Xlsx,
    Json,
}

#[derive(Args, Clone, Debug)]
pub struct ExportArgs {
    #[arg(value_name = "LISTE")]
    pub list: List,
    #[arg(long)]
    pub format: Format,
    /// Du jour indiqué (2026-11-24 ou 24/11/2026), compris
    #[arg(long, value_name = "JOUR", value_parser = day)]
    pub from: Option<NaiveDate>,
    /// Jusqu'au jour indiqué, compris
    #[arg(long, value_name = "JOUR", value_parser = day)]
    pub to: Option<NaiveDate>,
    /// Le fichier à écrire ; sans cela, la sortie standard
    #[arg(long, value_name = "FICHIER")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("Il n'y a pas encore de données dans {} : lancez d'abord « rappel serve ».", .0.display())]
    Nothing(PathBuf),
    #[error("--from vient après --to : il n'y a aucun jour entre les deux.")]
    Order,
    #[error(
        "Plus d'un million de lignes ne tiennent pas dans un fichier xlsx : choisissez des jours avec --from et --to, ou le format csv."
    )]
    TooLong,
    #[error("Un fichier xlsx ne s'affiche pas à l'écran : donnez son nom avec --out.")]
    Terminal,
    #[error("{} ne peut pas être écrit : {source}. Choisissez un autre dossier, ou libérez de la place.", .file.display())]
    File { file: PathBuf, source: io::Error },
    #[error("Écriture impossible : {0}.")]
    Write(#[from] io::Error),
}

fn day(text: &str) -> Result<NaiveDate, String> {
    let read = NaiveDate::parse_from_str(text, "%Y-%m-%d").or_else(|_| NaiveDate::parse_from_str(text, "%d/%m/%Y"));
    read.map_err(|_| "un jour s'écrit 2026-11-24 ou 24/11/2026".to_owned())
}

/// Whole days of the agency's time, both ends included, as moments: from the first on, before the second.
fn span(args: &ExportArgs, zone: Tz) -> Result<(Option<DateTime<Utc>>, Option<DateTime<Utc>>), ExportError> {
    if args.from.zip(args.to).is_some_and(|(from, to)| from > to) {
        return Err(ExportError::Order);
    }
    let from = args.from.and_then(|from| midnight(from, zone));
    let to = args.to.and_then(|to| to.succ_opt()).and_then(|next| midnight(next, zone));
    Ok((from, to))
}

/// The first moment of a day, where midnight itself may not exist.
fn midnight(day: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    let midnight = day.and_time(NaiveTime::MIN);
    match zone.from_local_datetime(&midnight) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.to_utc()),
        LocalResult::None => zone.from_local_datetime(&(midnight + TimeDelta::hours(1))).earliest().map(|at| at.to_utc()),
    }
}

pub fn run(args: &ExportArgs, config: &Config, dir: &Path, now: DateTime<Utc>) -> Result<(), ExportError> {
    let zone = config.hours.timezone;
    let owners = config.phones.iter().filter(|p| !p.owner.is_empty()).map(|p| (p.extension.0.clone(), p.owner.clone())).collect();
    let job = Job { list: args.list, format: args.format, span: span(args, zone)?, zone, owners, now };
    let conn = connection(dir)?;
    match &args.out {
        Some(file) => {
            let failed = |source| ExportError::File { file: file.clone(), source };
            let mut part = Part::new(file).map_err(failed)?;
            let written = part.writer().map_err(ExportError::Write).and_then(|mut writer| {
                job.write(&conn, &mut writer)?;
                Ok(io::Write::flush(&mut writer)?)
            });
            written.and_then(|()| Ok(part.done()?)).map_err(|error| match error {
                ExportError::Write(source) => failed(source),
                other => other,
            })
        }
        None if args.format == Format::Xlsx => {
            if io::stdout().is_terminal() {
                return Err(ExportError::Terminal);
            }
            // its directory stands at its end: it is made whole first
            let mut whole = Cursor::new(Vec::new());
            job.write(&conn, &mut whole)?;
            Ok(sink::to_stdout(whole.get_ref())?)
        }
        None => {
            let mut out = Unseekable(io::BufWriter::new(io::stdout()));
            job.write(&conn, &mut out)?;
            Ok(io::Write::flush(&mut out)?)
        }
    }
}

/// A reading connection inside one transaction: what is written is of one moment.
pub fn connection(dir: &Path) -> Result<Connection, ExportError> {
    if !dir.join(crate::store::open::FILE).is_file() {
        return Err(ExportError::Nothing(dir.to_owned()));
    }
    let conn = Readers::new(dir).connect()?;
    conn.execute_batch("BEGIN").map_err(StoreError::from)?;
    Ok(conn)
}

/// Standard output, which CSV and JSON never go back in.
struct Unseekable(io::BufWriter<io::Stdout>);

impl io::Write for Unseekable {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl io::Seek for Unseekable {
    fn seek(&mut self, _: io::SeekFrom) -> io::Result<u64> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }
}

struct Job {
    list: List,
    format: Format,
    span: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    zone: Tz,
    /// Whose phone it is, by extension.
    owners: HashMap<String, String>,
    now: DateTime<Utc>,
}

impl Job {
    fn write(&self, conn: &Connection, target: &mut dyn Target) -> Result<(), ExportError> {
        let (from, to) = self.span;
        match self.list {
            List::Calls => {
                let mut sheet = Sheet::begin(self.format, "calls", &CALL_TITLES, target)?;
                let mut filter = Filter { from, to, limit: LIMIT_MAX, ..Filter::default() };
                loop {
                    let page = calls::calls(conn, &filter)?;
                    for row in page.calls {
                        let row = self.answerer_named(row);
                        sheet.add(|| self.call(&row), || serde_json::to_value(&row).unwrap_or_default())?;
                    }
                    filter.before = page.next;
                    if filter.before.is_none() {
                        break sheet.end();
                    }
                }
            }
            List::Callbacks => {
                let mut sheet = Sheet::begin(self.format, "callbacks", &CALLBACK_TITLES, target)?;
                callbacks::each(conn, |callback| {
                    let within = from.is_none_or(|from| callback.first_at >= from) && to.is_none_or(|to| callback.first_at < to);
                    if within { sheet.add(|| self.callback(&callback), || shown(&callback, self.now)) } else { Ok(()) }
                })?;
                sheet.end()
            }
        }
    }

    /// As the API says it: the owner of the phone that answered.
    fn answerer_named(&self, mut row: CallRow) -> CallRow {
        if let Some(owner) = row.answered_by.as_ref().and_then(|extension| self.owners.get(extension)) {
            row.answered_by = Some(owner.clone());
        }
        row
    }

    fn date(&self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.zone).format("%d/%m/%Y").to_string()
    }

    fn time(&self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.zone).format("%H:%M:%S").to_string()
    }

    fn call(&self, row: &CallRow) -> Vec<String> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let count = |n: Option<i64>| n.map(|n| n.to_string()).unwrap_or_default();
        let down = row.from.zip(row.to).map(|(from, to)| format!("de {} à {}", self.time(from), self.time(to)));
        vec![
            self.date(row.at),
            self.time(row.at),
            row.direction.as_deref().map(words::direction).unwrap_or_default().to_owned(),
            row.party.as_ref().map(words::party).unwrap_or_default(),
            row.name.clone(),
            row.outcome.as_deref().map_or("en cours", words::outcome).to_owned(),
            down.unwrap_or_else(|| row.reason.as_deref().map(words::reason).unwrap_or_default().to_owned()),
            text(&row.answered_by),
            text(&row.extension),
            count(row.rang_seconds),
            count(row.talk_seconds),
            count(row.callback),
            count(row.during),
            row.id.max(0).to_string(),
        ]
    }

    fn callback(&self, c: &Callback) -> Vec<String> {
        let marks = c.marks.iter().copied().map(words::mark).chain(c.folded.then_some("sans doute du démarchage"));
        let marks = marks.chain(c.to_confirm.then_some("à confirmer")).chain(c.left_on_hold.then_some("parti en attente"));
        vec![
            c.id.0.to_string(),
            self.date(c.first_at),
            self.time(c.first_at),
            words::party(&c.party),
            c.name.as_str().to_owned(),
            words::source(c.source).to_owned(),
            words::state(c.state).to_owned(),
            c.due.map_or_else(|| "à décider".to_owned(), |due| self.date(due)),
            c.due.map(|due| self.time(due)).unwrap_or_default(),
            c.owner.clone(),
            c.place.clone(),
            c.subject.clone(),
            c.note.clone(),
            c.missed_count.to_string(),
            c.attempts.to_string(),
            c.closed_by.clone().unwrap_or_default(),
            marks.collect::<Vec<_>>().join(", "),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(from: &str, to: &str) -> ExportArgs {
        let read = |text: &str| (!text.is_empty()).then(|| day(text).unwrap());
        ExportArgs { list: List::Calls, format: Format::Csv, from: read(from), to: read(to), out: None }
    }

    #[test]
    fn days_are_the_agencys_whole_days_both_included() {
        let paris = chrono_tz::Europe::Paris;
        let text = |at: Option<DateTime<Utc>>| at.map(|at| at.format("%m-%d %H:%M").to_string());
        // the night of 29 March 2026 has an hour less
        let (from, to) = span(&args("2026-03-29", "29/03/2026"), paris).unwrap();
        assert_eq!((text(from).as_deref(), text(to).as_deref()), (Some("03-28 23:00"), Some("03-29 22:00")));
        assert_eq!(span(&args("", ""), paris).unwrap(), (None, None));
        assert!(matches!(span(&args("2026-03-02", "2026-03-01"), paris), Err(ExportError::Order)));
        assert!(day("2026-02-30").is_err() && day("hier").is_err());
        // Beirut has no midnight on that day
        assert_eq!(text(midnight(day("2025-03-30").unwrap(), chrono_tz::Asia::Beirut)).as_deref(), Some("03-29 22:00"));
    }
}
