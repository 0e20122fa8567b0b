//! What the address of the queue asks for: a tab, a search, cards that were passed. It reads nothing but the address.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::domain::callback::Callback;

/// The longest search.
const SEARCH_MAX: usize = 100;
/// Cards that may be passed before the first one comes again.
const PASSED_MAX: usize = 50;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    Due,
    Planned,
    Done,
    All,
    /// One card at a time.
    Between,
}

/// Of every tab: the word of the address, the one on the screen, how many stand there.
pub struct TabView {
    pub word: &'static str,
    pub label: &'static str,
    pub count: Option<usize>,
    pub here: bool,
}

/// What the address asks for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub tab: Tab,
    pub search: String,
    pub(super) passed: Vec<i64>,
    /// What was just done, to which callback.
    pub(super) notice: Option<(String, i64)>,
}

/// Whether it stands in that tab.
pub(super) fn belongs(callback: &Callback, tab: Tab, now: DateTime<Utc>) -> bool {
    match tab {
        Tab::Due => callback.to_confirm || (callback.is_open() && !callback.is_planned(now)),
        Tab::Planned => callback.is_planned(now),
        Tab::Done => !callback.is_open() && !callback.to_confirm,
        Tab::All => true,
        Tab::Between => false,
    }
}

pub(super) fn tabs(asked: &Asked, due: usize, [planned, done]: [usize; 2]) -> Vec<TabView> {
    let tabs = [(Tab::Due, Some(due)), (Tab::Planned, Some(planned)), (Tab::Done, Some(done)), (Tab::All, None)];
    let view = |(tab, count): (Tab, Option<usize>)| TabView { word: tab.word(), label: tab.label(), count, here: tab == asked.tab };
    tabs.into_iter().map(view).collect()
}

impl Tab {
    pub(super) fn word(self) -> &'static str {
        match self {
            Tab::Due => "a-faire",
            Tab::Planned => "planifies",
            Tab::Done => "faits",
            Tab::All => "tous",
            Tab::Between => "entre",
        }
    }

    /// Where a search from this tab looks.
    pub fn search_in(&self) -> &'static str {
        if self.is_between() { Tab::Due.word() } else { self.word() }
    }

    pub fn is_between(&self) -> bool {
        *self == Tab::Between
    }

    pub fn is_due(&self) -> bool {
        *self == Tab::Due
    }

    fn label(self) -> &'static str {
        match self {
            Tab::Due => "À faire",
            Tab::Planned => "Planifiés",
            Tab::Done => "Faits",
            Tab::All => "Tous",
            Tab::Between => "Entre deux clients",
        }
    }
}

impl Asked {
    pub(super) fn read(query: &HashMap<String, String>) -> Asked {
        let word = query.get("vue").map_or("", String::as_str);
        let tabs = [Tab::Due, Tab::Planned, Tab::Done, Tab::All, Tab::Between];
        let notice = query.get("avis").map(|avis| match avis.split_once('.') {
            Some((what, id)) => (what.to_owned(), id.parse().unwrap_or_default()),
            None => (avis.clone(), 0),
        });
        Asked {
            tab: tabs.into_iter().find(|tab| tab.word() == word).unwrap_or(Tab::Due),
            search: query.get("q").map(|q| q.trim().chars().take(SEARCH_MAX).collect()).unwrap_or_default(),
            passed: query
                .get("passe")
                .map(|ids| ids.split('.').filter_map(|id| id.parse().ok()).take(PASSED_MAX).collect())
                .unwrap_or_default(),
            notice,
        }
    }

    /// This view again, without what was just said.
    pub(super) fn address(&self) -> String {
        let mut pairs = vec![("vue", self.tab.word().to_owned())];
        if !self.search.is_empty() {
            pairs.push(("q", self.search.clone()));
        }
        if !self.passed.is_empty() {
            pairs.push(("passe", self.passed.iter().map(ToString::to_string).collect::<Vec<_>>().join(".")));
        }
        format!("/?{}", serde_urlencoded::to_string(pairs).unwrap_or_default())
    }

    /// This view without that card.
    pub(super) fn passing(&self, id: i64) -> String {
        let mut passed = self.passed.clone();
        passed.push(id);
        Asked { passed, ..self.clone() }.address()
    }

    /// Digits are looked for in the number however they are spaced, words in what was written.
    pub(super) fn finds(&self, callback: &Callback) -> bool {
        if self.search.is_empty() {
            return true;
        }
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let wanted = digits(&self.search);
        let numeric = !wanted.is_empty() && self.search.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '.' | '+' | '-'));
        if numeric {
            let e164 = callback.party.number().map(|n| digits(n.as_str())).unwrap_or_default();
            return digits(&callback.party.display()).contains(&wanted) || e164.contains(&wanted);
        }
        let low = self.search.to_lowercase();
        let texts = [callback.name.as_str(), &callback.subject, &callback.note, &callback.owner];
        texts.iter().any(|text| text.to_lowercase().contains(&low))
    }
}
