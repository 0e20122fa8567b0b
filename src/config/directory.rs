//! `directory.toml` and `personal.toml`: the agency's speed-dials and people's own, merged (CONTRACT: a directory entry).

use std::path::Path;

use crate::dialplan::directory::{CODES, Directory, Entry};
use crate::dialplan::guides::Guide;
use crate::dialplan::keys::Macro;
use crate::dialplan::numbering::{Called, Class, Numbering};
use crate::domain::number::{E164, NumberError};

use super::mistake::{Mistake, nearest};
use super::reader::{At, Source, Table};
use super::{beside, contents};

const BUILT_IN: &str = include_str!("../../dialplan/directory.toml");
const FILE: &str = "directory.toml";
const PERSONAL: &str = "personal.toml";
/// Longest text of an entry, in characters.
const TEXT_MAX: usize = 200;

/// The entries beside `file`, else the built-in ones, with the personal ones.
pub(super) fn read(file: Option<&Path>, plan: &Numbering, guides: &[Guide]) -> (Directory, Vec<Mistake>) {
    let (mut entries, mut mistakes) = (Vec::new(), Vec::new());
    let own = |name: &str| Some(beside(file, Path::new(name))).filter(|path| file.is_some() && path.is_file());
    let shared = own(FILE).map_or(Ok((format!("{FILE} (intégré)"), BUILT_IN.to_owned())), |path| text(&path));
    let personal = own(PERSONAL).map(|path| text(&path));
    for (read, personal) in [(Some(shared), false), (personal, true)] {
        match read {
            Some(Ok((name, text))) => mistakes.extend(entries_of(&name, &text, personal, (plan, guides), &mut entries)),
            Some(Err(wrong)) => mistakes.extend(wrong),
            None => {}
        }
    }
    (Directory::new(entries), mistakes)
}

fn text(path: &Path) -> Result<(String, String), Vec<Mistake>> {
    Ok((path.display().to_string(), contents(path)?))
}

fn entries_of(name: &str, text: &str, personal: bool, (plan, guides): (&Numbering, &[Guide]), entries: &mut Vec<Entry>) -> Vec<Mistake> {
    let source = Source::new(name, text);
    let document = source.parse();
    if let Some(document) = &document {
        let root = Table::root(&source, document);
        for table in root.tables("entry") {
            let order = entries.len() + 1;
            let entry = entry(&table, order, personal, (plan, guides));
            if entries.iter().any(|other| other.code == entry.code) {
                let place = table.place("code");
                source.wrong(&place, format!("le code {:02} est donné deux fois", entry.code), "un code différent pour chaque entrée");
            }
            entries.push(entry);
        }
        root.done();
    }
    drop(document);
    source.mistakes()
}

fn entry(table: &Table<'_, '_>, order: usize, personal: bool, (plan, guides): (&Numbering, &[Guide])) -> Entry {
    const NAME: &str = "un nom, comme \"Sinistres auto\"";
    const MACRO: &str = "des chiffres, * #, « , » ou « p » (2 s), « ~ » (fin de l'annonce), « ; » (une touche de votre part), 64 au plus";
    if !table.has("name") {
        table.missing("name", "\"…\"");
    }
    let short = |t: &str| (!t.trim().is_empty() && t.chars().count() <= TEXT_MAX).then(|| t.trim().to_owned());
    let entry = Entry {
        code: code(table, order),
        name: table.parsed("name", NAME, short).unwrap_or_default(),
        number: number(table, plan),
        group: table.text_or("group", ""),
        note: table.text_or("note", ""),
        keys: keys(table, MACRO),
        keypad: table.flag("keypad", false),
        guide: guide(table, guides),
        personal,
    };
    table.done();
    entry
}

/// Two digits, else the entry's place in the list.
fn code(table: &Table<'_, '_>, order: usize) -> u8 {
    let two = |t: &str| t.parse::<u8>().ok().filter(|n| CODES.contains(n) && t.len() == 2 && !t.starts_with('+'));
    if table.has("code") {
        return table.parsed("code", "deux chiffres de \"01\" à \"89\"", two).unwrap_or_default();
    }
    let placed = u8::try_from(order).ok().filter(|n| CODES.contains(n));
    if placed.is_none() {
        table.wrong(format!("l'entrée {order} n'a pas de code"), "89 entrées au plus, ou un « code » de \"01\" à \"89\"");
    }
    placed.unwrap_or_default()
}

/// A macro is not shown in a mistake: it may hold a secret.
fn keys(table: &Table<'_, '_>, expected: &str) -> Option<Macro> {
    let At { value, span } = table.text("keys")?;
    let keys = Macro::read(&value);
    if keys.is_none() && !value.is_empty() {
        table.source.wrong(&span, "« keys » a un signe inconnu, ou trop de signes", expected);
    }
    keys
}

/// Empty or left out: to be completed.
fn number(table: &Table<'_, '_>, plan: &Numbering) -> Option<(Called, Class)> {
    let At { value, span } = table.text("number")?;
    let digits: String = value.chars().filter(|c| !c.is_whitespace() && !matches!(c, '.' | '-' | '/')).collect();
    if digits.is_empty() {
        return None;
    }
    let found = plan.national(&digits).or_else(|| plan.international(&digits));
    if found.is_none() {
        let lacking = match E164::parse_national_or_international(&value) {
            Err(NumberError::LacksZero(number)) => Some(number.display()),
            _ => None,
        };
        table.source.wrong_word(&span, format!("numéro \"{value}\" illisible"), "un numéro entier, comme \"02 43 41 72 72\"", lacking);
    }
    found
}

fn guide(table: &Table<'_, '_>, guides: &[Guide]) -> String {
    let Some(At { value, span }) = table.text("guide") else { return String::new() };
    if !value.is_empty() && guides.iter().all(|guide| guide.id != value) {
        let known = || guides.iter().map(|guide| guide.id.as_str());
        let expected = format!("un fichier de guides/ : {}", known().collect::<Vec<_>>().join(", "));
        table.source.wrong_word(&span, format!("guide inconnu \"{value}\""), expected, nearest(&value, known()));
    }
    value
}
