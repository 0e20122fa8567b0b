//! `rappel demo --once --json`: the whole day holds, one object a line, and what was heard can be listened to.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use rappel::demo::ua::eventually;
use rappel::media::RATE;
use rappel::media::prompt;
use serde_json::Value;

/// Twice what it takes on a busy machine of two cores.
const LIMIT: Duration = Duration::from_secs(180);
/// One act less would be noticed.
const FACTS: usize = 100;

#[test]
fn the_demonstration_holds_and_leaves_what_each_party_heard() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_rappel"))
        .args(["demo", "--once", "--json"])
        .env("TMPDIR", folder.path())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(folder.path().join("facts")).unwrap())
        .spawn()
        .unwrap();
    let mut status = None;
    let ended = eventually(LIMIT, || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    if !ended {
        let _ = child.kill();
        let _ = child.wait();
    }
    let text = std::fs::read_to_string(folder.path().join("facts")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let broken: Vec<&Value> = lines.iter().filter(|line| line["held"] == false).collect();
    assert!(broken.is_empty() && status.is_some_and(|status| status.success()), "{status:?}: {broken:#?}");
    assert!(lines.iter().filter(|line| line["held"] == true).count() >= FACTS, "{text}");
    let files: Vec<PathBuf> = lines.iter().filter_map(|line| line["recording"].as_str()).map(PathBuf::from).collect();
    assert_eq!(files.len(), 3, "{text}");
    for file in &files {
        let wav = std::fs::read(file).unwrap();
        let samples = prompt::decode(&wav).unwrap();
        assert!(samples.len() > 4 * RATE as usize, "{} samples in {}", samples.len(), file.display());
    }
    // its temporary folders are gone, what was heard stays
    let left: Vec<String> =
        std::fs::read_dir(folder.path()).unwrap().flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    assert!(left.iter().all(|name| name == "facts" || name.starts_with("rappel-ecoute-")), "{left:?}");
}
