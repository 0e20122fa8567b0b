//! What the pages are made of beside their text: style, scripts, icons; in the binary, under an address that changes with them.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::refusal::Problem;

/// Where they stand; no session is needed below it.
pub const FOLDER: &str = "/static/";
/// A year: another version has another address.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// Bytes of the hash that the address bears.
const VERSION: usize = 6;

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const ICON: &str = "image/svg+xml";

const FILES: [(&str, &str, &[u8]); 6] = [
    ("style.css", STYLE, include_bytes!("../../web/style.css")),
    ("app.js", SCRIPT, include_bytes!("../../web/app.js")),
    ("events.js", SCRIPT, include_bytes!("../../web/events.js")),
    ("htmx.min.js", SCRIPT, include_bytes!("../../web/vendor/htmx.min.js")),
    ("favicon.svg", ICON, include_bytes!("../../web/favicon.svg")),
    ("favicon-retard.svg", ICON, include_bytes!("../../web/favicon-retard.svg")),
];

static BASE: LazyLock<String> = LazyLock::new(|| {
    let all = FILES.iter().fold(Sha256::new(), |hash, (_, _, bytes)| hash.chain_update(bytes));
    all.finalize().iter().take(VERSION).fold(FOLDER.to_owned(), |address, byte| format!("{address}{byte:02x}"))
});

/// `/static/…`, without the last slash: before a file's name.
pub fn base() -> &'static str {
    &BASE
}

/// A file under any version: a page of before an update finds what is there now.
pub async fn file(Path((_, name)): Path<(String, String)>) -> Result<Response, Problem> {
    let (_, kind, bytes) = FILES.iter().find(|(file, _, _)| *file == name).ok_or_else(Problem::absent)?;
    Ok(([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, FOREVER)], *bytes).into_response())
}
