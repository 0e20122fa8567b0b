//! The agency's file, `agence.toml`: read whole, checked whole, with every mistake at its place. Names no socket and starts nothing.
//!
//! [`model`] is what comes out, `sections`, `calling` and `parties` read the tables, `checks` looks at them together, `directory` and
//! `guides` read the files beside it, `reader` knows TOML.

mod calling;
mod checks;
mod directory;
mod guides;
pub mod mistake;
pub mod model;
pub mod net;
mod parties;
mod reader;
pub mod secret;
mod sections;

use std::path::{Path, PathBuf};

pub use mistake::Mistake;
pub use model::Config;

use crate::dialplan::numbering::Numbering;
use reader::{Source, Table};

/// The configuration of an agency that has none yet.
pub const BUILT_IN: &str = include_str!("../../dialplan/agence.toml");
/// Where a checkout or an installation keeps its own, below the working folder.
pub const DEFAULT_FILE: &str = "dialplan/agence.toml";
const NUMBERING_FILE: &str = "numbering.fr.toml";
/// A larger file is no configuration.
const MAX_BYTES: u64 = 1 << 20;

impl Config {
    /// The named file, else `dialplan/agence.toml`, else the built-in one.
    ///
    /// # Errors
    /// Every mistake that was found.
    pub fn load(path: Option<&Path>) -> Result<Config, Vec<Mistake>> {
        let default = Path::new(DEFAULT_FILE);
        match path.or_else(|| default.is_file().then_some(default)) {
            Some(file) => Config::parse(&contents(file)?, Some(file)),
            None => Config::parse(BUILT_IN, None),
        }
    }

    /// Reads `text` as the contents of `file`, beside which other files are looked up.
    ///
    /// # Errors
    /// Every mistake that was found.
    pub fn parse(text: &str, file: Option<&Path>) -> Result<Config, Vec<Mistake>> {
        let name = file.map_or_else(|| "agence.toml (intégré)".to_owned(), |f| f.display().to_string());
        let numbering = numbering(file);
        let source = Source::new(&name, text);
        let document = source.parse();
        let config = document.as_ref().map(|document| {
            let root = Table::root(&source, document);
            let mut config = sections::read(&root, file);
            if let Ok(numbering) = &numbering {
                config.rules.numbering = numbering.clone();
            }
            checks::all(&root, &mut config);
            root.done();
            config
        });
        drop(document);
        let mut mistakes = source.mistakes();
        let (guides, wrong) = guides::read(file);
        mistakes.extend(wrong);
        let plan = numbering.as_ref().cloned().unwrap_or_default();
        let (directory, wrong) = directory::read(file, &plan, &guides);
        mistakes.extend(wrong);
        mistakes.extend(numbering.err());
        match config {
            Some(mut config) if mistakes.is_empty() => {
                config.rules.directory = directory;
                config.guides = guides;
                Ok(config)
            }
            _ => Err(mistakes),
        }
    }

    /// The path of `name`: beside the configuration file when relative, or as it stands for the built-in one.
    pub fn beside(&self, name: &Path) -> PathBuf {
        beside(self.file.as_deref(), name)
    }
}

fn beside(file: Option<&Path>, name: &Path) -> PathBuf {
    file.and_then(Path::parent).map_or_else(|| name.to_owned(), |folder| folder.join(name))
}

fn contents(file: &Path) -> Result<String, Vec<Mistake>> {
    let unreadable = |what: String| {
        vec![Mistake {
            file: file.display().to_string(),
            line: 1,
            column: 1,
            what,
            expected: "un fichier lisible, en UTF-8".to_owned(),
            suggestion: None,
        }]
    };
    let size = std::fs::metadata(file).map_err(|e| unreadable(format!("fichier illisible ({e})")))?.len();
    if size > MAX_BYTES {
        return Err(unreadable(format!("fichier de {size} octets, trop grand")));
    }
    std::fs::read_to_string(file).map_err(|e| unreadable(format!("fichier illisible ({e})")))
}

/// The numbering plan beside `file`, else the built-in one.
fn numbering(file: Option<&Path>) -> Result<Numbering, Mistake> {
    let own = beside(file, Path::new(NUMBERING_FILE));
    if file.is_none() || !own.is_file() {
        return Ok(Numbering::default());
    }
    let text = contents(&own).map_err(|mut mistakes| mistakes.remove(0))?;
    Numbering::parse(&text).map_err(|error| {
        let (line, column) = mistake::position(&text, error.at.map_or(0, |span| span.start));
        Mistake { file: own.display().to_string(), line, column, what: error.what, expected: error.expected, suggestion: None }
    })
}
