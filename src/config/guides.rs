//! `guides/*.toml` beside the configuration, else the built-in ones: what a kind of call asks and ticks.

use std::path::{Path, PathBuf};

use crate::dialplan::guides::{BUILT_IN, Guide, Kind, Mail, Step};

use super::mistake::Mistake;
use super::reader::{At, Source, Table};
use super::{beside, contents};

const FOLDER: &str = "guides";
/// Files of the folder, and steps of one guide, at most.
const GUIDES_MAX: usize = 100;
const STEPS_MAX: usize = 64;
const KINDS: [(&str, Kind); 3] = [("tick", Kind::Tick), ("text", Kind::Text), ("choice", Kind::Choice)];

/// By file name.
pub(super) fn read(file: Option<&Path>) -> (Vec<Guide>, Vec<Mistake>) {
    let own = beside(file, Path::new(FOLDER));
    let (mut guides, mut mistakes) = (Vec::new(), Vec::new());
    let mut add = |id: &str, name: &str, text: &str| {
        let (guide, wrong) = guide(id, name, text);
        guides.extend(guide);
        mistakes.extend(wrong);
    };
    if file.is_none() || !own.is_dir() {
        BUILT_IN.iter().for_each(|(id, text)| add(id, &format!("{FOLDER}/{id}.toml (intégré)"), text));
        return (guides, mistakes);
    }
    let mut unreadable = Vec::new();
    for path in files(&own) {
        let id = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        match contents(&path) {
            Ok(text) => add(&id, &path.display().to_string(), &text),
            Err(wrong) => unreadable.extend(wrong),
        }
    }
    mistakes.extend(unreadable);
    (guides, mistakes)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    files.sort();
    files.truncate(GUIDES_MAX);
    files
}

fn guide(id: &str, name: &str, text: &str) -> (Option<Guide>, Vec<Mistake>) {
    let source = Source::new(name, text);
    let document = source.parse();
    let guide = document.as_ref().map(|document| {
        let root = Table::root(&source, document);
        if !root.has("name") {
            root.missing("name", "\"Sinistre auto\"");
        }
        let name = root.text_or("name", "");
        let then = root.text_or("then", "");
        let tables = root.tables("step");
        if tables.len() > STEPS_MAX {
            root.wrong(format!("{} étapes", tables.len()), "64 étapes au plus");
        }
        let mut steps: Vec<Step> = Vec::new();
        for table in &tables {
            let step = step(table);
            if steps.iter().any(|other| other.id == step.id) {
                source.wrong(
                    &table.place("id"),
                    format!("l'étape \"{}\" est donnée deux fois", step.id),
                    "un « id » différent pour chaque étape",
                );
            }
            steps.push(step);
        }
        let mail = mail(&root, &steps);
        root.done();
        Guide { id: id.to_owned(), name, steps, then, mail }
    });
    drop(document);
    (guide, source.mistakes())
}

fn step(table: &Table<'_, '_>) -> Step {
    const ID: &str = "des lettres sans accent, des chiffres et des tirets, comme \"sinistre\"";
    for (key, example) in [("id", "\"sinistre\""), ("label", "\"N° de sinistre\"")] {
        if !table.has(key) {
            table.missing(key, example);
        }
    }
    let plain = |t: &str| {
        let good = (1..=32).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        good.then(|| t.to_owned())
    };
    let step = Step {
        id: table.parsed("id", ID, plain).unwrap_or_default(),
        kind: table.word("kind", &KINDS, Kind::Tick),
        label: table.text_or("label", ""),
        options: table.list("options").unwrap_or_default().into_iter().map(|option| option.value).collect(),
        hint: table.text_or("hint", ""),
    };
    if (step.kind == Kind::Choice) == step.options.is_empty() {
        let place = if table.has("options") { table.place("options") } else { table.place("kind") };
        table.source.wrong(&place, "un choix et ses options vont ensemble", "kind = \"choice\" avec options = [\"…\", \"…\"]");
    }
    table.done();
    step
}

fn mail(root: &Table<'_, '_>, steps: &[Step]) -> Option<Mail> {
    let table = root.table("mail");
    if !table.is_present() {
        return None;
    }
    let to = table.parsed("to", "une adresse", |t| (t.contains('@') && !t.contains(char::is_whitespace)).then(|| t.to_owned()));
    let subject = table.text("subject");
    for key in ["to", "subject"] {
        if !table.has(key) {
            table.missing(key, "\"…\"");
        }
    }
    if let Some(At { value, span }) = &subject
        && steps.iter().all(|step| step.id != *value)
    {
        table.source.wrong(span, format!("l'étape \"{value}\" n'existe pas"), "l'« id » d'une étape du guide");
    }
    table.done();
    Some(Mail { to: to?, subject: subject?.value })
}
