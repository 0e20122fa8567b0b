//! The messages of a call, as the page and `rappel trace` give them: both sides of it, without a password.

use std::collections::HashSet;

use crate::stage::{ONE, SOON, ended_as, scene, talking};

#[test]
fn a_call_s_ladder_and_pcap_hold_both_sides_and_no_secret() {
    let mut scene = scene("");
    let (caller, leg) = talking(&scene);
    caller.hang_up();
    assert!(leg.wait_ended(SOON));
    let call = ended_as(&mut scene, ONE, "answered", None)["id"].as_i64().unwrap().to_string();
    let ladder = scene.service.client().unwrap().get(&format!("/api/calls/{call}/ladder")).unwrap().json();
    let messages = ladder["messages"].as_array().unwrap();
    // one that was sent again is the same to the last byte
    let said = |start: &str, sent: bool| {
        let these = messages.iter().filter(|m| m["start"].as_str().unwrap().starts_with(start) && m["sent"] == sent);
        these.map(|m| m["text"].as_str().unwrap()).collect::<HashSet<_>>().len()
    };
    assert_eq!((said("INVITE ", false), said("INVITE ", true), said("BYE ", false), said("BYE ", true)), (1, 2, 1, 1), "{ladder}");
    assert!(said("SIP/2.0 200", true) >= 2 && said("CANCEL ", true) == 1, "{ladder}");
    let file = scene.service.folder().join("appel.pcap");
    let written = scene.service.run(&["trace", &call, "--pcap", file.to_str().unwrap()], "").unwrap();
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    assert_eq!(packets(&std::fs::read(&file).unwrap()).len(), messages.len());
    let id = caller.invite().unwrap().call_id().to_owned();
    let text = scene.service.run(&["trace", &id], "").unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains(&id) && text.contains(ONE), "{text}");
    let unknown = scene.service.run(&["trace", "999"], "").unwrap();
    assert!(!unknown.status.success() && String::from_utf8_lossy(&unknown.stderr).contains("999"));
}

#[test]
fn a_phones_password_stays_out_of_it() {
    let scene = scene("");
    let id = scene.phone_11.log().iter().find(|seen| seen.sent).unwrap().message.call_id().to_owned();
    let text = String::from_utf8(scene.service.run(&["trace", &id], "").unwrap().stdout).unwrap();
    assert!(text.contains("REGISTER") && text.contains("Authorization: ***"), "{text}");
    assert!(!text.contains("response="), "{text}");
}

/// The packets of a capture file, each as long as its header says.
fn packets(file: &[u8]) -> Vec<&[u8]> {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    assert_eq!((word(0), word(20)), (0xa1b2_3c4d, 101));
    let (mut at, mut found) = (24, Vec::new());
    while at < file.len() {
        let length = word(at + 8);
        let packet = &file[at + 16..at + 16 + length];
        assert_eq!((packet[0], usize::from(u16::from_be_bytes([packet[2], packet[3]]))), (0x45, length));
        found.push(packet);
        at += 16 + length;
    }
    found
}
