//! Each file of `corpus/` sent to a leg in a call, on both its sockets: legal ones are relayed or read, all others are
//! dropped, counted, and neither hold off the silence watch nor teach the source.

use std::path::Path;

use rappel::media::command::{Law, Report};

use crate::rig::*;

/// Legal: sound to relay, or the start of a key.
const LEGAL: [&str; 2] = ["seq-wrap.bin", "dtmf-5-start.bin"];

fn files() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media/corpus");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn every_file_gets_its_treatment() {
    let files = files();
    assert!(files.len() >= 17);
    for (name, bytes) in files {
        let mut rig = Rig::joined(Law::A, Law::A);
        rig.hear(0, &bytes);
        let legal = LEGAL.contains(&name.as_str());
        let begins = (name == "dtmf-5-start.bin").then_some(Report::KeyDown(A, b'5'));
        let wanted: Vec<Report> = legal.then_some(Report::FirstPacket(A)).into_iter().chain(begins).collect();
        assert_eq!(rig.reports(), wanted, "{name}");
        assert_eq!(rig.sent.len(), usize::from(name == "seq-wrap.bin"), "{name}");
        assert_eq!(rig.relay.counters().dropped, u64::from(!legal), "{name}");
        rig.hear_control(0, peer(0), &bytes);
        assert_eq!(rig.relay.counters().dropped, u64::from(!legal) + 1, "{name} as RTCP");
    }
}

#[test]
fn thirty_seconds_of_all_the_bad_ones_change_nothing() {
    let bad: Vec<_> = files().into_iter().filter(|(name, _)| !LEGAL.contains(&name.as_str())).collect();
    let mut rig = Rig::joined(Law::A, Law::A);
    let mut silent = Vec::new();
    for second in 0..30 {
        for (_, bytes) in &bad {
            rig.hear(0, bytes);
            rig.hear_from(0, "192.0.2.1:9999".parse().unwrap(), bytes);
            rig.hear_control(0, peer(0), bytes);
        }
        rig.pass(1000);
        silent.extend(rig.reports().into_iter().filter(|report| matches!(report, Report::Silent(leg, _) if *leg == A)));
        assert_eq!(silent.len(), usize::max(second + 1, 2) - 2);
    }
    let sent = rig.take(1);
    assert_eq!(sent.len(), 30 * 50);
    assert_continuous(&sent, 20);
    // the source was not learnt from any of them
    rig.hear(0, &packet(8, 1, 160, &[0x11; 160]));
    assert!(rig.reports().contains(&Report::FirstPacket(A)));
}
