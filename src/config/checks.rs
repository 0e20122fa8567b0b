//! What can be judged only when several tables are known: extensions against the dial plan, trunks and phones against each other (RULES 7).

use crate::dialplan::route::is_known_emergency;

use super::model::Config;
use super::reader::{At, Table};

pub(super) fn all(root: &Table<'_, '_>, config: &mut Config) {
    extensions(root, config);
    trunk_names(root);
    keypad_code(root, config);
}

/// RULES 7.3: no extension may be an emergency number, start with 0 (or the outside digit), or be or start with the keypad code.
fn extensions(root: &Table<'_, '_>, config: &Config) {
    const EXPECTED: &str = "un poste comme \"11\", différent pour chaque téléphone";
    let (outside, keypad) = (&config.dialling.outside, &config.keypad.code);
    let mut seen: Vec<String> = Vec::new();
    for table in root.tables("phone") {
        let Some(At { value: extension, span }) = table.peek("extension") else { continue };
        let problem = if is_known_emergency(&extension) || config.rules.numbering.is_emergency(&extension) {
            Some("est un numéro d'urgence".to_owned())
        } else if extension.starts_with('0') {
            Some("commence par 0".to_owned())
        } else if extension.starts_with(outside.as_str()) {
            Some(format!("commence par {outside}, qui prend la ligne extérieure"))
        } else if extension.starts_with(keypad.as_str()) {
            Some(format!("commence par {keypad}, le code du clavier"))
        } else if seen.contains(&extension) {
            Some("est donné deux fois".to_owned())
        } else {
            None
        };
        if let Some(problem) = problem {
            root.source.wrong(&span, format!("le poste \"{extension}\" {problem}"), EXPECTED);
        }
        seen.push(extension);
    }
}

fn trunk_names(root: &Table<'_, '_>) {
    let mut seen: Vec<String> = Vec::new();
    for table in root.tables("trunk") {
        let Some(At { value: name, span }) = table.peek("name") else { continue };
        if seen.contains(&name) {
            root.source.wrong(&span, format!("deux lignes s'appellent \"{name}\""), "un nom différent pour chaque ligne");
        }
        seen.push(name);
    }
}

/// The keypad code and the outside digit are taken off in either order: neither may begin the other.
fn keypad_code(root: &Table<'_, '_>, config: &Config) {
    let (outside, keypad) = (&config.dialling.outside, &config.keypad.code);
    let table = root.table("keypad");
    if is_known_emergency(keypad) {
        root.source.wrong(
            &table.place("code"),
            format!("le code du clavier \"{keypad}\" est un numéro d'urgence"),
            "un autre code, comme \"61\"",
        );
    }
    if keypad.starts_with(outside.as_str()) || outside.starts_with(keypad.as_str()) {
        root.source.wrong(
            &table.place("code"),
            format!("le code du clavier \"{keypad}\" et le chiffre de sortie \"{outside}\" se confondent"),
            "deux codes dont aucun ne commence l'autre",
        );
    }
}
