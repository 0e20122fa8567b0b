//! Reads TOML tables key by key and collects every mistake with its place, instead of stopping at the first.
//!
//! Knows TOML and French, nothing of the agency: what a key means is `sections`'.

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Mistake, nearest, position};

/// One file while it is read.
pub(super) struct Source<'a> {
    file: &'a str,
    text: &'a str,
    mistakes: RefCell<Vec<Mistake>>,
}

/// A value and its place, for checks that come later.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Source<'a> {
        Source { file, text, mistakes: RefCell::default() }
    }

    pub(super) fn wrong(&self, span: &Range<usize>, what: impl Into<String>, expected: impl Into<String>) {
        self.wrong_word(span, what, expected, None);
    }

    pub(super) fn wrong_word(&self, span: &Range<usize>, what: impl Into<String>, expected: impl Into<String>, suggestion: Option<String>) {
        let (line, column) = position(self.text, span.start);
        let (what, expected) = (what.into(), expected.into());
        self.mistakes.borrow_mut().push(Mistake { file: self.file.to_owned(), line, column, what, expected, suggestion });
    }

    /// In the order of the file, each once however often its place was read.
    pub(super) fn mistakes(self) -> Vec<Mistake> {
        let mut mistakes = self.mistakes.into_inner();
        mistakes.sort_by(|a, b| (a.line, a.column, &a.what).cmp(&(b.line, b.column, &b.what)));
        mistakes.dedup();
        mistakes
    }

    /// The document, or `None` after its syntax errors were noted.
    pub(super) fn parse(&self) -> Option<Spanned<DeTable<'a>>> {
        let (document, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let (what, expected) = match error.message() {
                "duplicate key" => ("cette clé ou cette table est donnée deux fois".to_owned(), "une seule fois"),
                other => (
                    format!("ceci n'est pas du TOML ({})", other.replace('\n', ", ")),
                    "clé = valeur, textes entre guillemets, listes entre [ ]",
                ),
            };
            self.wrong(&error.span().unwrap_or(0..0), what, expected);
        }
        errors.is_empty().then_some(document)
    }
}

/// One table of a file; a missing one reads as an empty one.
pub(super) struct Table<'s, 'a> {
    pub(super) source: &'s Source<'a>,
    name: String,
    /// Where it begins.
    pub(super) span: Range<usize>,
    table: Option<&'s DeTable<'a>>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'s, 'a> Table<'s, 'a> {
    pub(super) fn root(source: &'s Source<'a>, document: &'s Spanned<DeTable<'a>>) -> Table<'s, 'a> {
        Table { source, name: String::new(), span: 0..0, table: Some(document.get_ref()), asked: RefCell::default() }
    }

    pub(super) fn is_present(&self) -> bool {
        self.table.is_some()
    }

    fn entry(&self, key: &'static str) -> Option<(Range<usize>, &'s Spanned<DeValue<'a>>)> {
        if !self.asked.borrow().contains(&key) {
            self.asked.borrow_mut().push(key);
        }
        let (key, value) = self.table?.get_key_value(key)?;
        Some((key.span(), value))
    }

    /// A mistake of the table as a whole.
    pub(super) fn wrong(&self, what: impl Into<String>, expected: &str) {
        self.source.wrong(&self.span, what, expected);
    }

    /// The place of a key, or of its table when the key is missing.
    pub(super) fn place(&self, key: &str) -> Range<usize> {
        self.table.and_then(|t| t.get_key_value(key)).map_or(self.span.clone(), |(key, _)| key.span())
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|t| t.contains_key(key))
    }

    /// A list that is there and not empty, readable or not.
    pub(super) fn has_items(&self, key: &str) -> bool {
        self.table.and_then(|t| t.get(key)).is_some_and(|v| v.get_ref().as_array().is_none_or(|items| !items.is_empty()))
    }

    /// A text that was read before, for a check of its own; other types were noted then.
    pub(super) fn peek(&self, key: &str) -> Option<At<String>> {
        let value = self.table?.get(key)?;
        Some(At { value: value.get_ref().as_str()?.to_owned(), span: value.span() })
    }

    /// A required key that is not there.
    pub(super) fn missing(&self, key: &str, expected: &str) {
        let table = if self.name.is_empty() { String::new() } else { format!(" dans [{}]", self.name) };
        self.source.wrong(&self.span, format!("il manque « {key} »{table}"), format!("{key} = {expected}"));
    }

    fn wrong_type(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) {
        let found = match value.get_ref() {
            DeValue::String(_) => "un texte",
            DeValue::Integer(_) => "un nombre entier",
            DeValue::Float(_) => "un nombre à virgule",
            DeValue::Boolean(_) => "true ou false",
            DeValue::Datetime(_) => "une date",
            DeValue::Array(_) => "une liste",
            DeValue::Table(_) => "une table",
        };
        self.source.wrong(&value.span(), format!("« {key} » est {found}"), expected);
    }

    pub(super) fn table(&self, key: &'static str) -> Table<'s, 'a> {
        let name = if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) };
        let (span, table) = match self.entry(key) {
            Some((span, value)) => match value.get_ref() {
                DeValue::Table(table) => (span, Some(table)),
                _ => {
                    self.wrong_type(key, value, &format!("une table [{name}]"));
                    (span, None)
                }
            },
            None => (self.span.clone(), None),
        };
        Table { source: self.source, name, span, table, asked: RefCell::default() }
    }

    /// The tables of `[[key]]`.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Table<'s, 'a>> {
        let Some((_, value)) = self.entry(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(key, value, &format!("[[{key}]], avec deux crochets"));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(table) => tables.push(Table {
                    source: self.source,
                    name: format!("[{key}]"),
                    span: item.span(),
                    table: Some(table),
                    asked: RefCell::default(),
                }),
                _ => self.wrong_type(key, item, &format!("[[{key}]], avec deux crochets")),
            }
        }
        tables
    }

    pub(super) fn text(&self, key: &'static str) -> Option<At<String>> {
        let (_, value) = self.entry(key)?;
        let text = self.as_text(key, value, "un texte entre guillemets")?;
        Some(At { value: text, span: value.span() })
    }

    /// A date may stand without quotes.
    fn as_text(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) -> Option<String> {
        match value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Datetime(date) => Some(date.to_string()),
            _ => {
                self.wrong_type(key, value, expected);
                None
            }
        }
    }

    pub(super) fn text_or(&self, key: &'static str, default: &str) -> String {
        self.text(key).map_or_else(|| default.to_owned(), |t| t.value)
    }

    pub(super) fn flag(&self, key: &'static str, default: bool) -> bool {
        let Some((_, value)) = self.entry(key) else { return default };
        match value.get_ref() {
            DeValue::Boolean(flag) => *flag,
            _ => {
                self.wrong_type(key, value, "true ou false");
                default
            }
        }
    }

    pub(super) fn number(&self, key: &'static str, range: RangeInclusive<u32>, default: u32) -> u32 {
        let Some((_, value)) = self.entry(key) else { return default };
        let expected = format!("un nombre entier de {} à {}", range.start(), range.end());
        match value.get_ref() {
            DeValue::Integer(n) => match u32::from_str_radix(n.as_str(), n.radix()) {
                Ok(n) if range.contains(&n) => return n,
                _ => self.source.wrong(&value.span(), format!("« {key} » vaut {n}"), expected),
            },
            _ => self.wrong_type(key, value, &expected),
        }
        default
    }

    /// The texts of a list; `None` when the key is not there.
    pub(super) fn list(&self, key: &'static str) -> Option<Vec<At<String>>> {
        let (_, value) = self.entry(key)?;
        const EXPECTED: &str = "une liste de textes, [\"…\", \"…\"]";
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(key, value, EXPECTED);
            return None;
        };
        let read = |item: &Spanned<DeValue<'_>>| Some(At { value: self.as_text(key, item, EXPECTED)?, span: item.span() });
        Some(items.iter().filter_map(read).collect())
    }

    /// A text that `read` understands.
    pub(super) fn parsed<T>(&self, key: &'static str, expected: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text(key)?;
        let value = read(&text.value);
        if value.is_none() {
            self.source.wrong(&text.span, format!("« {key} » vaut \"{}\"", text.value), expected);
        }
        value
    }

    /// A list whose texts `read` understands; those it does not are noted and left out.
    pub(super) fn parsed_list<T>(&self, key: &'static str, expected: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
        let list = self.list(key)?;
        let one = |item: At<String>| {
            let value = read(&item.value);
            if value.is_none() {
                self.source.wrong(&item.span, format!("« {key} » contient \"{}\"", item.value), expected);
            }
            value
        };
        Some(list.into_iter().filter_map(one).collect())
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, key: &'static str, words: &[(&'static str, T)], default: T) -> T {
        let Some(text) = self.text(key) else { return default };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) {
            return *value;
        }
        let known = words.iter().map(|(word, _)| *word);
        let expected = known.clone().map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(" ou ");
        self.source.wrong_word(&text.span, format!("« {key} » vaut \"{}\"", text.value), expected, nearest(&text.value, known));
        default
    }

    /// Call it last: every key that was not asked for is a mistake.
    pub(super) fn done(&self) {
        let Some(table) = self.table else { return };
        let asked = self.asked.borrow();
        for key in table.keys() {
            let wrong: &str = key.get_ref();
            if asked.contains(&wrong) {
                continue;
            }
            let what = if self.name.is_empty() {
                format!("table inconnue « {wrong} »")
            } else {
                format!("clé inconnue « {wrong} » dans [{}]", self.name)
            };
            self.source.wrong_word(&key.span(), what, asked.join(", "), nearest(wrong, asked.iter().copied()));
        }
    }
}
