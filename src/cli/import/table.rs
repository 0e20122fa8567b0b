//! Lists of contacts as spreadsheets write them: `;`, `,` or tabs, a first line that names the columns in French or English.

use csv::{ReaderBuilder, StringRecord};

use super::gathered::{Gathered, TooMany};
use crate::domain::text::folded;

/// A longer cell is a quote that was never closed.
const CELL_MAX: usize = 16 * 1024;
/// Of a title, characters.
const TITLE_MAX: usize = 100;
/// Columns looked at.
const COLUMNS_MAX: usize = 256;
/// Rows between two words of progress.
const STRIDE: u64 = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Full,
    First,
    Last,
    Company,
    Number,
    Note,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableError {
    TooMany,
    /// The first line names no column of numbers, or none of names.
    Header,
}

impl From<TooMany> for TableError {
    fn from(_: TooMany) -> TableError {
        TableError::TooMany
    }
}

/// Reads every row of `text` into `out`; `progress` is told the bytes that are behind.
pub fn read(text: &str, out: &mut Gathered, progress: &mut dyn FnMut(usize)) -> Result<(), TableError> {
    let (delimiter, text, skipped) = delimiter(text);
    let mut reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut record = StringRecord::new();
    let mut columns: Option<Vec<Column>> = None;
    let mut rows = 0u64;
    while reader.read_record(&mut record).unwrap_or(false) {
        let (line, byte) = record.position().map_or((0, 0), |position| (position.line() + skipped, position.byte()));
        rows += 1;
        if rows % STRIDE == 0 {
            progress(usize::try_from(byte).unwrap_or_default());
        }
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        match &columns {
            None => columns = Some(header(&record)?),
            Some(columns) => row(line, &record, columns, out)?,
        }
    }
    if columns.is_some() { Ok(()) } else { Err(TableError::Header) }
}

/// What parts the cells: what `sep=` says, else what the first line has most of. Then the text without that line, and lines left behind.
fn delimiter(text: &str) -> (u8, &str, u64) {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if let Some(said) = first.strip_prefix("sep=").and_then(|said| said.bytes().next()).filter(u8::is_ascii) {
        let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
        return (said, rest, 1);
    }
    let count = |wanted: u8| first.bytes().filter(|b| *b == wanted).count();
    // of equals the last wins: the French one
    let most = [b'\t', b',', b';'].into_iter().max_by_key(|wanted| count(*wanted));
    (most.unwrap_or(b';'), text, 0)
}

fn header(record: &StringRecord) -> Result<Vec<Column>, TableError> {
    let columns: Vec<Column> = record.iter().take(COLUMNS_MAX).map(column).collect();
    let named = columns.iter().any(|c| matches!(c, Column::Full | Column::First | Column::Last | Column::Company));
    if named && columns.contains(&Column::Number) { Ok(columns) } else { Err(TableError::Header) }
}

/// What a column's title says it holds.
fn column(title: &str) -> Column {
    let plain: String =
        folded(&title.chars().take(TITLE_MAX).collect::<String>()).chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let says = |wanted: &[&str]| words.iter().any(|word| wanted.contains(word));
    let other = ["type", "label", "fax", "telecopie", "client", "contrat", "police", "voie", "rue", "siret", "adherent"];
    if says(&["numero", "numeros", "number", "telephone", "telephones", "tel", "phone", "mobile", "portable", "gsm", "fixe"]) {
        return if says(&other) { Column::Other } else { Column::Number };
    }
    match words.join(" ").as_str() {
        "name" | "nom complet" | "full name" | "display name" | "nom affiche" | "nom et prenom" | "prenom et nom" | "nom prenom"
        | "prenom nom" | "contact" | "client" => Column::Full,
        "prenom" | "first name" | "firstname" | "given name" => Column::First,
        "nom" | "nom de famille" | "last name" | "lastname" | "family name" | "surname" => Column::Last,
        "societe" | "entreprise" | "raison sociale" | "company" | "organization" | "organization name" | "organisation" => Column::Company,
        "note" | "notes" | "remarque" | "remarques" | "commentaire" | "commentaires" | "comment" | "comments" => Column::Note,
        _ => Column::Other,
    }
}

fn row(line: u64, record: &StringRecord, columns: &[Column], out: &mut Gathered) -> Result<(), TooMany> {
    if record.iter().any(|cell| cell.len() > CELL_MAX) {
        out.refuse(line, "une case est bien trop longue : un guillemet n'est pas fermé ?".to_owned());
        return Ok(());
    }
    let cells = |wanted: Column| record.iter().zip(columns).filter(move |(_, column)| **column == wanted).map(|(cell, _)| plain(cell));
    let first = |wanted: Column| cells(wanted).find(|cell| !cell.is_empty()).unwrap_or_default();
    let both = format!("{} {}", first(Column::First), first(Column::Last));
    let name = [first(Column::Full), both.trim(), first(Column::Company)].into_iter().find(|name| !name.is_empty()).unwrap_or_default();
    let numbers: Vec<String> = cells(Column::Number).filter(|cell| !cell.is_empty()).map(str::to_owned).collect();
    out.person(line, name, &numbers, first(Column::Note))
}

/// A cell without what keeps a spreadsheet from eating a 0: `'0639…`, `="0639…"`.
fn plain(cell: &str) -> &str {
    let cell = cell.trim();
    let cell = cell.strip_prefix("=\"").and_then(|inner| inner.strip_suffix('"')).unwrap_or(cell);
    cell.strip_prefix('\'').unwrap_or(cell).trim()
}
