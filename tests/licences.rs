//! Licences, sources and bans of everything that is built in, by the lists of `deny.toml`, from what cargo itself says of the lock file. (`cargo deny
//! check` reads the same file and says more; it need not be installed for this.)

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeSet, HashMap};
use std::process::Command;

use serde_json::Value;
use toml::Table;

fn strings(list: &toml::Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// An SPDX expression (annex D) is satisfied by these licences. `AND` binds tighter than `OR`; the old `/` means `OR`.
fn allowed(expression: &str, licences: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ").replace(" WITH ", "+WITH+");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    if words.is_empty() {
        return false;
    }
    let mut at = 0;
    let holds = either(&words, &mut at, licences);
    assert_eq!(at, words.len(), "cannot read the licence {expression:?}");
    holds
}

fn either(words: &[&str], at: &mut usize, licences: &BTreeSet<String>) -> bool {
    let mut holds = both(words, at, licences);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        holds |= both(words, at, licences);
    }
    holds
}

fn both(words: &[&str], at: &mut usize, licences: &BTreeSet<String>) -> bool {
    let mut holds = one(words, at, licences);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        holds &= one(words, at, licences);
    }
    holds
}

fn one(words: &[&str], at: &mut usize, licences: &BTreeSet<String>) -> bool {
    let word = words.get(*at).copied().unwrap_or_default();
    *at += 1;
    if word == "(" {
        let holds = either(words, at, licences);
        assert_eq!(words.get(*at), Some(&")"));
        *at += 1;
        return holds;
    }
    licences.contains(&word.replace("+WITH+", " WITH "))
}

fn rules() -> Table {
    include_str!("../deny.toml").parse().unwrap()
}

/// Every package of the lock file, as cargo describes it.
fn packages() -> Vec<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let said = Command::new(cargo)
        .args(["metadata", "--locked", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let whole: Value = serde_json::from_slice(&said.stdout).unwrap();
    whole["packages"].as_array().unwrap().clone()
}

#[test]
fn every_package_is_licensed_as_allowed_comes_from_the_one_registry_and_is_not_banned() {
    let rules = rules();
    let licences = strings(&rules["licenses"]["allow"]);
    let clarified: HashMap<String, String> = rules["licenses"]["clarify"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["crate"].as_str().unwrap().to_owned(), one["expression"].as_str().unwrap().to_owned()))
        .collect();
    let banned: BTreeSet<String> =
        rules["bans"]["deny"].as_array().unwrap().iter().map(|one| one["crate"].as_str().unwrap().to_owned()).collect();
    let (mut wrong, mut registries) = (Vec::new(), BTreeSet::new());
    let packages = packages();
    assert!(packages.len() > 50, "cargo named {} packages", packages.len());
    for package in &packages {
        let name = package["name"].as_str().unwrap();
        if banned.contains(name) {
            wrong.push(format!("{name} is banned"));
        }
        let Some(source) = package["source"].as_str() else { continue };
        if !source.starts_with("registry+") {
            wrong.push(format!("{name} comes from {source}"));
        }
        registries.insert(source.to_owned());
        let expression = clarified.get(name).map(String::as_str).or(package["license"].as_str()).unwrap_or_default();
        if !allowed(expression, &licences) {
            wrong.push(format!("{name}: {expression:?} is not allowed"));
        }
    }
    assert!(registries.len() == 1, "several registries: {registries:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn expressions_are_read_as_spdx_says() {
    let mit: BTreeSet<String> = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
    for good in ["MIT", "GPL-3.0 OR MIT", "MIT/Apache-2.0", "(GPL-2.0 OR MIT) AND ISC", "Apache-2.0 WITH LLVM-exception OR GPL-2.0"] {
        assert!(allowed(good, &mit), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND GPL-2.0", "Apache-2.0", "GPL-2.0 OR MIT AND GPL-3.0", ""] {
        assert!(!allowed(bad, &mit), "{bad}");
    }
}
