//! The files beside the configuration: the directory, people's own entries, the guides, and every mistake in them at its place.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;

use rappel::config::{Config, Mistake};
use rappel::dialplan::explain::explain;
use rappel::dialplan::route::{Kind, NumberFormat, route};
use rappel::domain::call::Extension;

/// A configuration with these files beside it.
fn load(files: &[(&str, &str)]) -> Result<Config, Vec<Mistake>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agence.toml");
    fs::write(&file, "").unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    Config::load(Some(&file))
}

fn dial(config: &Config, digits: &str) -> Kind {
    route(digits, &Extension("11".into()), &config.rules).kind
}

const CAMILLE: &str = "[[entry]]\ncode = \"08\"\nname = \"Camille\"\nnumber = \"06 39 98 00 02\"\n";

#[test]
fn without_files_the_built_in_ones_serve() {
    let config = load(&[]).unwrap();
    assert_eq!((config.rules.directory.entries().len(), config.guides.len()), (14, 13));
    assert_eq!(Config::parse("", None).unwrap().rules.directory, config.rules.directory);
    for entry in config.rules.directory.entries() {
        assert!(entry.number.is_some() || entry.name == "Imprimante", "{}", entry.name);
    }
}

#[test]
fn an_entry_is_dialled_by_its_code_and_carries_its_keypad_its_keys_and_its_guide() {
    let text = "[[entry]]\nname = \"Plateforme\"\nnumber = \"0639980003\"\nkeys = \"49,1\"\nkeypad = true\nguide = \"sinistre-auto\"\n\
                [[entry]]\nname = \"Vide\"\n[[entry]]\nname = \"Secours\"\nnumber = \"112\"\n[[entry]]\nname = \"Surtaxé\"\nnumber = \"0899000001\"\n";
    let config = load(&[("directory.toml", text)]).unwrap();
    let Kind::SpeedDial { code: 1, permit } = dial(&config, "*01") else { panic!("no speed-dial") };
    assert_eq!(permit.number_on_wire(NumberFormat::National, ""), "0639980003");
    let entry = permit.entry().unwrap();
    assert_eq!((entry.name.as_str(), entry.guide.as_str(), entry.keys.is_some()), ("Plateforme", "sinistre-auto", true));
    assert!(permit.keypad_open());
    // its number opens the keypad however it is dialled
    let Kind::Outside(permit) = dial(&config, "00639980003") else { panic!("no outside call") };
    assert!(permit.keypad_open() && permit.entry().is_none());
    assert!(matches!(dial(&config, "*02"), Kind::Refused(_)) && matches!(dial(&config, "*09"), Kind::Refused(_)));
    assert!(matches!(dial(&config, "*03"), Kind::SpeedDial { permit, .. } if permit.is_emergency()));
    assert!(matches!(dial(&config, "*04"), Kind::Refused(refusal) if refusal.status() == 403));
}

#[test]
fn the_dry_run_tells_what_a_speed_dial_does_and_none_of_its_keys() {
    let text = "[[entry]]\nname = \"Plateforme\"\nnumber = \"0639980003\"\nkeys = \"4970,1234\"\n";
    let config = load(&[("directory.toml", text)]).unwrap();
    let said = explain("*01", &Extension("11".into()), &config.rules, &config.trunk_wires());
    assert_eq!((said.decision, said.number.as_deref(), said.class), ("code", Some("+33639980003"), Some("mobile")));
    let told = format!("{said:?} {config:?}");
    assert!(told.contains("Plateforme") && told.contains("••••") && told.contains("Pause"), "{said:?}");
    assert!(!told.contains("4970") && !told.contains("1234"), "{said:?}");
}

#[test]
fn peoples_own_entries_are_merged_in() {
    let shared = "[[entry]]\ncode = \"07\"\nname = \"Plateforme\"\nnumber = \"0639980003\"\n";
    let config = load(&[("directory.toml", shared), ("personal.toml", CAMILLE)]).unwrap();
    let found: Vec<_> = config.rules.directory.entries().iter().map(|e| (e.code, e.name.as_str(), e.personal)).collect();
    assert_eq!(found, [(7, "Plateforme", false), (8, "Camille", true)]);
    let wrong = load(&[("directory.toml", CAMILLE), ("personal.toml", CAMILLE)]).unwrap_err();
    assert!(wrong.len() == 1 && wrong[0].file.ends_with("personal.toml") && wrong[0].what.contains("deux fois"), "{wrong:?}");
    let example = include_str!("../dialplan/personal.example.toml");
    assert_eq!(load(&[("personal.toml", example)]).unwrap().rules.directory.get(80).unwrap().name, "Camille");
}

/// A file, its text, where the one mistake stands, and a part of what is said.
const MISTAKES: [(&str, &str, (usize, usize), &str); 14] = [
    ("directory.toml", "[[entry]]\nname = \"X\"\nnumbre = \"0639980001\"\n", (3, 1), "Vouliez-vous dire « number »"),
    ("directory.toml", "[[entry]]\nnumber = \"0639980001\"\n", (1, 1), "il manque « name »"),
    ("directory.toml", "[[entry]]\nname = \"X\"\nkeys = \"1x2\"\n", (3, 8), "signe inconnu"),
    ("directory.toml", "[[entry]]\nname = \"X\"\ncode = \"90\"\n", (3, 8), "de \"01\" à \"89\""),
    ("directory.toml", "[[entry]]\nname = \"X\"\ncode = \"00\"\n", (3, 8), "de \"01\" à \"89\""),
    ("directory.toml", "[[entry]]\nname = \"X\"\ncode = \"7\"\n", (3, 8), "de \"01\" à \"89\""),
    ("directory.toml", "[[entry]]\ncode = \"01\"\nname = \"X\"\n[[entry]]\ncode = \"01\"\nname = \"Y\"\n", (5, 1), "deux fois"),
    ("directory.toml", "[[entry]]\nname = \"X\"\nnumber = \"639980001\"\n", (3, 10), "06 39 98 00 01"),
    ("directory.toml", "[[entry]]\nname = \"X\"\nguide = \"sinistre-auta\"\n", (3, 9), "sinistre-auto"),
    ("directory.toml", "[[entry]\n", (1, 9), "pas du TOML"),
    ("guides/a.toml", "nom = \"X\"\nname = \"X\"\n", (1, 1), "name"),
    ("guides/a.toml", "name = \"X\"\n[[step]]\nid = \"a\"\nlabel = \"A\"\nkind = \"choix\"\n", (5, 8), "\"choice\""),
    ("guides/a.toml", "name = \"X\"\n[[step]]\nid = \"a\"\nlabel = \"A\"\nkind = \"choice\"\n", (5, 1), "options"),
    ("guides/a.toml", "name = \"X\"\n[mail]\nto = \"a@b.fr\"\nsubject = \"b\"\n", (4, 11), "n'existe pas"),
];

#[test]
fn every_mistake_is_at_its_place() {
    for (file, text, at, said) in MISTAKES {
        let found = load(&[(file, text)]).unwrap_err();
        // without the shipped guides the shipped directory has unknown ones
        let found: Vec<_> = found.iter().filter(|m| m.file.ends_with(file)).collect();
        assert!(!found.is_empty() && (found[0].line, found[0].column) == at && found[0].to_string().contains(said), "{text} {found:?}");
        assert!(!found[0].to_string().contains("1x2"), "keys are told: {}", found[0]);
    }
}

#[test]
fn a_folder_of_guides_takes_the_place_of_the_built_in_ones() {
    let guide = "name = \"Le mien\"\n[[step]]\nid = \"a\"\nlabel = \"A\"\n";
    let config = load(&[("guides/mien.toml", guide), ("guides/note.txt", "rien"), ("directory.toml", CAMILLE)]).unwrap();
    assert_eq!(config.guides.iter().map(|g| (g.id.as_str(), g.name.as_str())).collect::<Vec<_>>(), [("mien", "Le mien")]);
}
