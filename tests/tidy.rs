//! The house rules that a compiler does not hold: who may name whom, headers, lengths, clocks, people's numbers, notices.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// A longer file does more than one thing.
const MAX_LINES: usize = 400;

/// What each layer may name: the table of `src/lib.rs`, read from there.
fn layers() -> Vec<(String, Vec<String>)> {
    let map = read("src/lib.rs");
    let mut layers: Vec<(String, Vec<String>)> = Vec::new();
    for row in map.lines().filter_map(|line| line.strip_prefix("//! | [`")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [names, .., may, _] = cells.as_slice() else { panic!("a row of the map in src/lib.rs has lost a column: {row}") };
        let names: Vec<String> = names.split(',').map(|name| name.replace(['[', ']', '`'], "").trim().to_owned()).collect();
        let above: Vec<String> = layers.iter().map(|(name, _)| name.clone()).collect();
        for name in &names {
            let mut may: Vec<String> = match *may {
                "nothing" => Vec::new(),
                "all above" | "everything above" => above.clone(),
                "everything" => sources("src").iter().map(|file| layer_of(file)).chain(names.clone()).collect(),
                list => list.split(',').map(|word| word.trim().to_owned()).collect(),
            };
            may.push(name.clone());
            layers.push((name.clone(), may));
        }
    }
    layers
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Files below a folder of the project, by their path in it; empty when there is no such folder.
fn files(folder: &str) -> Vec<String> {
    let (mut found, mut todo) = (Vec::new(), vec![root().join(folder)]);
    while let Some(next) = todo.pop() {
        let Ok(entries) = fs::read_dir(&next) else { continue };
        for entry in entries.flatten().map(|entry| entry.path()) {
            if entry.is_dir() {
                todo.push(entry);
            } else if let Ok(path) = entry.strip_prefix(root()) {
                found.push(path.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

fn sources(folder: &str) -> Vec<String> {
    files(folder).into_iter().filter(|file| file.ends_with(".rs")).collect()
}

/// `src/sip/wire.rs` and `src/sip.rs` are of layer `sip`.
fn layer_of(file: &str) -> String {
    let inside = file.strip_prefix("src/").unwrap_or(file);
    inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs").to_owned()
}

/// A file's code without its comments, and without the tests at its end.
fn code(text: &str) -> String {
    let own = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    own.lines().map(|line| line.split("//").next().unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

fn report(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn a_layer_names_only_the_layers_on_its_line_of_the_map() {
    let layers = layers();
    assert!(layers.len() >= 11, "the map in src/lib.rs was not read: {layers:?}");
    let mut broken = Vec::new();
    for file in sources("src") {
        let layer = layer_of(&file);
        let Some((_, may)) = layers.iter().find(|(name, _)| *name == layer) else {
            if !matches!(layer.as_str(), "lib" | "main") {
                broken.push(format!("{file}: layer {layer} is not on the map in src/lib.rs"));
            }
            continue;
        };
        let code = code(&read(&file));
        for (named, _) in layers.iter().filter(|(name, _)| !may.contains(name)) {
            let direct = [format!("crate::{named}::"), format!("crate::{named};")];
            let grouped = code.match_indices("crate::{").any(|(at, _)| {
                let group = code[at..].split(';').next().unwrap_or_default();
                group.split(['{', ',', '}']).any(|word| word.trim().split("::").next() == Some(named))
            });
            if direct.iter().any(|path| code.contains(path.as_str())) || grouped {
                broken.push(format!("{file}: {layer} names {named}"));
            }
        }
    }
    report(broken);
}

#[test]
fn no_path_climbs_out_of_its_layer() {
    // `super::super` in a layer's own subfolder stays inside; one level deeper than the file lies, it leaves
    let depth = |file: &str| file.matches('/').count() - usize::from(file.ends_with("/mod.rs"));
    let climbs = |file: &str, text: &str| {
        let up = (1..6).rev().find(|n| text.contains(&"super::".repeat(*n))).unwrap_or(0);
        up > 0 && up >= depth(file).max(1)
    };
    report(sources("src").into_iter().filter(|file| climbs(file, &code(&read(file)))).collect());
}

#[test]
fn every_source_file_opens_with_what_it_is() {
    let broken = sources("src").into_iter().chain(sources("tests")).filter(|file| !read(file).starts_with("//!"));
    report(broken.map(|file| format!("{file}: no //! at the top")).collect());
}

#[test]
fn no_source_file_is_too_long() {
    let lines = |file: &String| read(file).lines().count();
    let broken = sources("src").into_iter().filter(|file| lines(file) > MAX_LINES);
    report(broken.map(|file| format!("{file}: {} lines, {MAX_LINES} at most", lines(&file))).collect());
}

#[test]
fn only_the_shell_reads_clocks_and_entropy_and_opens_sockets() {
    let names = [
        "Instant::now",
        "SystemTime",
        "Utc::now",
        "Local::now",
        "getrandom",
        "thread_rng",
        "UdpSocket",
        "TcpStream",
        "TcpListener",
        "tokio::net",
        "socket2",
        "thread::sleep",
    ];
    // demo is a peer of the line, not a part of it; the page's own connections are tokio's
    let allowed = |file: &str, name: &str| match layer_of(file).as_str() {
        "shell" | "demo" => true,
        "screen" => ["TcpStream", "TcpListener", "tokio::net"].contains(&name),
        _ => false,
    };
    let mut broken = Vec::new();
    for file in sources("src") {
        let code = code(&read(&file));
        broken.extend(names.iter().filter(|name| code.contains(**name) && !allowed(&file, name)).map(|name| format!("{file}: {name}")));
    }
    report(broken);
}

#[test]
fn nothing_is_left_open_in_the_code() {
    let words = ["todo!(", "unimplemented!(", "dbg!("];
    let mut broken = Vec::new();
    for file in sources("src") {
        let code = code(&read(&file));
        broken.extend(words.iter().filter(|word| code.contains(**word)).map(|word| format!("{file}: {word}")));
    }
    report(broken);
}

#[test]
fn only_sip_message_names_rsip() {
    let broken = sources("src").into_iter().filter(|file| file != "src/sip/message.rs" && code(&read(file)).contains("rsip::"));
    report(broken.collect());
}

#[test]
fn phone_numbers_of_people_come_from_the_blocks_reserved_for_fiction() {
    let texts = ["tests", "docs", "src/demo", "web", "dialplan"].into_iter().flat_map(files).chain(["README.md".to_owned()]);
    let mut broken = Vec::new();
    for file in texts.filter(|file| [".rs", ".md", ".toml", ".xml", ".html", ".js", ".cfg"].iter().any(|end| file.ends_with(end))) {
        for (n, line) in read(&file).lines().enumerate() {
            broken.extend(mobiles(line).into_iter().map(|number| format!("{file}:{}: {number}", n + 1)));
        }
    }
    report(broken);
}

/// French mobile numbers of a line, in one piece or in pairs, national (0…) or international (33…), that could be somebody's.
fn mobiles(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in line.split(|c: char| !c.is_ascii_digit() && !matches!(c, ' ' | '.' | '-')) {
        let groups: Vec<&str> = part.split(|c: char| !c.is_ascii_digit()).collect();
        found.extend(groups.iter().filter_map(|group| {
            let national = group.strip_prefix("0033").or(group.strip_prefix("33")).map_or((*group).to_owned(), |rest| format!("0{rest}"));
            // ten digits, or eleven with the 0 that gets a line out
            let number = if national.len() == 11 { national.strip_prefix('0').unwrap_or(&national) } else { &national };
            (number.len() == 10).then(|| number.to_owned())
        }));
        found.extend(groups.windows(5).filter(|pairs| pairs.iter().all(|pair| pair.len() == 2)).map(|pairs| pairs.concat()));
    }
    found.retain(|number| (number.starts_with("06") || number.starts_with("07")) && !number.starts_with("063998"));
    found
}

#[test]
fn a_number_that_could_be_somebodys_is_seen_in_any_form() {
    // put together here, so that this file holds none
    let somebody = format!("06{}", "12345678");
    for form in [somebody.clone(), format!("0{somebody}"), format!("+33{}", &somebody[1..]), "06 12 34".to_owned() + " 56 78"] {
        assert_eq!(mobiles(&form).concat(), somebody, "{form}");
    }
    for fine in ["0639980001", "+33639980001", "06 39 98 00 01", "00639980001", "0199000000", "1700000000000"] {
        assert!(mobiles(fine).is_empty(), "{fine}");
    }
}

#[test]
fn what_others_made_stands_in_notice() {
    let notice = read("NOTICE");
    let mut broken = Vec::new();
    for file in files("web/vendor") {
        let name = file.rsplit('/').next().unwrap_or(&file);
        if !notice.contains(name) {
            broken.push(format!("{file} is not in NOTICE"));
        }
    }
    let prompts = files("dialplan/prompts").into_iter().filter(|file| file.ends_with(".wav")).count();
    if prompts > 0 && !(notice.contains("Kokoro-82M") && notice.contains("SIWIS")) {
        broken.push(format!("the voice of {prompts} prompts is not in NOTICE"));
    }
    report(broken);
}
