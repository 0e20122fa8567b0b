//! Guides: what a kind of call asks and ticks, step by step (RULES 7). Plain data, read by the configuration and shown by the pages.

use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Guide {
    /// The name of its file.
    pub id: String,
    pub name: String,
    pub steps: Vec<Step>,
    /// What follows, in a sentence; may be empty.
    pub then: String,
    pub mail: Option<Mail>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Under this name the answer is kept.
    pub id: String,
    pub kind: Kind,
    pub label: String,
    /// Of a choice.
    pub options: Vec<String>,
    pub hint: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Done or not.
    Tick,
    Text,
    /// One of the options.
    Choice,
}

/// A draft for the person's own mail program; off until the step that gives its subject is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mail {
    pub to: String,
    /// The id of a step.
    pub subject: String,
}

/// The guides that are built in: file name and text.
pub const BUILT_IN: [(&str, &str); 13] = [
    ("cheque", include_str!("../../dialplan/guides/cheque.toml")),
    ("devis-auto", include_str!("../../dialplan/guides/devis-auto.toml")),
    ("entre-deux-clients", include_str!("../../dialplan/guides/entre-deux-clients.toml")),
    ("fermeture", include_str!("../../dialplan/guides/fermeture.toml")),
    ("note-de-couverture", include_str!("../../dialplan/guides/note-de-couverture.toml")),
    ("operation-contrat", include_str!("../../dialplan/guides/operation-contrat.toml")),
    ("ouverture", include_str!("../../dialplan/guides/ouverture.toml")),
    ("pieces-manquantes", include_str!("../../dialplan/guides/pieces-manquantes.toml")),
    ("sinistre-auto", include_str!("../../dialplan/guides/sinistre-auto.toml")),
    ("sinistre-habitation", include_str!("../../dialplan/guides/sinistre-habitation.toml")),
    ("sinistre-pro", include_str!("../../dialplan/guides/sinistre-pro.toml")),
    ("sinistre-sante", include_str!("../../dialplan/guides/sinistre-sante.toml")),
    ("souscription-auto", include_str!("../../dialplan/guides/souscription-auto.toml")),
];
