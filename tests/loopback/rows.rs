//! The truth table of incoming calls (and a few of its neighbours), row by row, against the real process. The attendant is off.

use std::time::{Duration, Instant};

use rappel::demo::service::NUMBER;
use rappel::demo::ua::call::{By, Phase};
use rappel::demo::ua::sdp::Codecs;
use rappel::demo::ua::sound::{A_WHILE, CALLER, FAR_END, Heard, PHONE_11, PHONE_12, SECOND_CALLER};
use rappel::demo::ua::{Dial, Reaction, eventually};
use rappel::sip::message::Method;

use crate::stage::{ONE, SOON, TWO, ended_as, quiet, ringing, scene, talking};

/// Rings two seconds only.
const SHORT: &str = "[line]\nring_seconds = 2";
/// Rings long enough never to matter.
const LONG: &str = "[line]\nring_seconds = 20";
/// A caller that gives up sooner is marked.
const SHORT_CALL: Duration = Duration::from_secs(3);
/// 64·T1 and what comes around it.
const NO_ACK: Duration = Duration::from_secs(45);

#[test]
fn row_1_answered_at_a_phone_then_hung_up_by_the_caller() {
    let mut scene = scene(LONG);
    let (caller, leg) = talking(&scene);
    assert!(caller.hears(PHONE_11, SOON) && leg.hears(CALLER, SOON), "they do not hear each other");
    caller.hang_up();
    assert!(leg.wait_ended(SOON), "the phone was not released");
    let row = ended_as(&mut scene, ONE, "answered", None);
    assert!(row["answered_by"].is_string() && row["direction"] == "incoming", "{row}");
}

#[test]
fn row_1_answered_at_a_phone_then_hung_up_by_the_phone() {
    let mut scene = scene(LONG);
    let (caller, leg) = talking(&scene);
    leg.hang_up();
    assert!(caller.wait_ended(SOON), "the caller was not released");
    assert_eq!(caller.ended_by(), Some(By::Peer));
    ended_as(&mut scene, ONE, "answered", None);
}

#[test]
fn row_2_answered_at_one_phone_while_the_other_rang_is_one_row() {
    let mut scene = scene(LONG);
    let (caller, leg_11, leg_12) = ringing(&scene);
    leg_12.answer();
    assert!(caller.wait_up(SOON) && caller.hears(PHONE_12, SOON));
    assert!(leg_11.wait_ended(SOON), "phone 11 still rings");
    let reason = leg_11.cancel_reason().unwrap_or_default();
    assert!(reason.contains("cause=200") && reason.contains("\"Call completed elsewhere\""), "{reason}");
    caller.hang_up();
    ended_as(&mut scene, ONE, "answered", None);
    assert_eq!(scene.service.calls().unwrap().len(), 1);
}

#[test]
fn row_3_the_caller_hangs_up_while_it_rings() {
    let mut scene = scene(LONG);
    let start = Instant::now();
    let (caller, leg_11, leg_12) = ringing(&scene);
    caller.cancel(None);
    assert_eq!(caller.wait_final(SOON), Some(487));
    let took = start.elapsed();
    assert!(leg_11.wait_ended(SOON) && leg_12.wait_ended(SOON), "a phone still rings");
    let row = ended_as(&mut scene, ONE, "missed", Some("caller_gave_up"));
    assert!(row["short"] == true || took >= SHORT_CALL, "{took:?}: {row}");
}

#[test]
fn row_4_nobody_answers_in_time() {
    let mut scene = scene(SHORT);
    let (caller, leg_11, leg_12) = ringing(&scene);
    assert_eq!(caller.wait_final(SOON), Some(480));
    assert!(leg_11.wait_ended(SOON) && leg_12.wait_ended(SOON), "a phone still rings");
    ended_as(&mut scene, ONE, "missed", Some("no_answer"));
}

#[test]
fn row_5_every_phone_refuses() {
    for status in [486, 603, 404] {
        let mut scene = scene(LONG);
        scene.phone_11.react(Reaction::Refuse(status, None));
        scene.phone_12.react(Reaction::Refuse(status, None));
        assert_eq!(scene.caller(ONE).unwrap().wait_final(SOON), Some(486), "phones say {status}");
        ended_as(&mut scene, ONE, "missed", Some("refused"));
    }
}

#[test]
fn row_6_no_phone_is_registered() {
    let mut scene = quiet(LONG);
    assert_eq!(scene.caller(ONE).unwrap().wait_final(SOON), Some(480));
    ended_as(&mut scene, ONE, "missed", Some("no_phone"));
}

#[test]
fn row_6_no_registered_phone_replies() {
    let mut scene = scene(LONG);
    scene.phone_11.react(Reaction::Silent);
    scene.phone_12.react(Reaction::Silent);
    let start = Instant::now();
    assert_eq!(scene.caller(ONE).unwrap().wait_final(Duration::from_secs(12)), Some(480));
    assert!(start.elapsed() > Duration::from_secs(3), "a phone has four seconds to reply");
    ended_as(&mut scene, ONE, "missed", Some("no_phone"));
}

#[test]
fn row_7_one_phone_refuses_another_answers() {
    let mut scene = scene(LONG);
    scene.phone_11.react(Reaction::Refuse(486, None));
    let caller = scene.caller(ONE).unwrap();
    let leg = scene.phone_12.expect_call(SOON).unwrap();
    leg.ring().answer();
    assert!(caller.wait_up(SOON) && caller.hears(PHONE_12, SOON));
    caller.hang_up();
    ended_as(&mut scene, ONE, "answered", None);
}

#[test]
fn row_8_the_phones_answer_crosses_the_callers_cancel() {
    let mut scene = scene(LONG);
    let (caller, leg_11, _) = ringing(&scene);
    leg_11.answer_on_cancel();
    caller.cancel(None);
    assert_eq!(caller.wait_final(SOON), Some(487));
    assert!(leg_11.wait_acked(SOON), "the late 200 was not acknowledged");
    assert!(leg_11.wait_ended(SOON) && leg_11.ended_by() == Some(By::Peer), "the phone was not released");
    ended_as(&mut scene, ONE, "missed", Some("caller_gave_up"));
}

#[test]
fn row_9_neither_ack_nor_sound_from_the_trunk_ends_both_legs() {
    let mut scene = scene(LONG);
    scene.trunk.withhold_acks();
    let caller = scene.trunk.call(NUMBER, Dial { mute: true, ..Dial::from_number(ONE) }).unwrap();
    let leg = scene.phone_11.expect_call(SOON).unwrap();
    leg.ring().answer();
    assert!(eventually(Duration::from_secs(8), || scene.trunk.responses(200).len() >= 3), "the 200 is not sent again");
    assert!(leg.wait_ended(NO_ACK), "the phone was not released");
    assert!(caller.wait_ended(SOON), "no BYE to the trunk");
    ended_as(&mut scene, ONE, "missed", Some("failed"));
}

#[test]
fn row_9_sound_without_ack_keeps_the_call() {
    let mut scene = scene(LONG);
    scene.trunk.withhold_acks();
    let caller = scene.caller(ONE).unwrap();
    let leg = scene.phone_11.expect_call(SOON).unwrap();
    leg.ring().answer();
    assert!(!leg.wait_ended(Duration::from_secs(36)), "a call with sound was ended");
    assert!(leg.hears(CALLER, SOON) && caller.phase() == Phase::Up);
    leg.hang_up();
    ended_as(&mut scene, ONE, "answered", None);
}

#[test]
fn row_20_all_channels_are_taken() {
    let mut scene = scene("[trunk]\nchannels = 1");
    let (caller, _leg) = talking(&scene);
    assert_eq!(scene.caller(TWO).unwrap().wait_final(SOON), Some(486));
    ended_as(&mut scene, TWO, "missed", Some("overloaded"));
    assert_eq!(caller.phase(), Phase::Up);
}

#[test]
fn row_20_all_media_ports_are_taken() {
    // one call's worth: a port pair a leg
    let mut scene = scene("[media]\nports = \"19000-19005\"");
    let (caller, _leg) = talking(&scene);
    assert_eq!(scene.caller(TWO).unwrap().wait_final(SOON), Some(500), "never 503 to the trunk");
    ended_as(&mut scene, TWO, "missed", Some("overloaded"));
    assert_eq!(caller.phase(), Phase::Up);
}

#[test]
fn row_21_an_offer_without_g711_is_missed_with_its_number() {
    let mut scene = scene(LONG);
    let caller = scene.trunk.call(NUMBER, Dial { codecs: Codecs::G729, ..Dial::from_number(ONE) }).unwrap();
    assert!(matches!(caller.wait_final(SOON), Some(400 | 488)), "{:?}", caller.statuses());
    ended_as(&mut scene, ONE, "missed", Some("failed"));
    assert!(scene.phone_11.received(Method::Invite).is_empty(), "a phone rang");
}

#[test]
fn row_22_our_process_dies_in_the_call() {
    let mut scene = scene(LONG);
    let _call = talking(&scene);
    scene.service.kill();
    scene.service.serve().unwrap();
    ended_as(&mut scene, ONE, "interrupted", None);
}

#[test]
fn row_25_the_same_invite_on_another_branch_is_merged() {
    let mut scene = scene(LONG);
    let (caller, ..) = ringing(&scene);
    assert_eq!(scene.trunk.fork(&caller.invite().unwrap(), SOON), Some(482));
    caller.cancel(None);
    ended_as(&mut scene, ONE, "missed", Some("caller_gave_up"));
    assert_eq!(scene.service.calls().unwrap().len(), 1);
}

#[test]
fn row_27_a_stopped_process_leaves_an_outage_row() {
    let mut scene = scene(LONG);
    scene.service.client().unwrap();
    scene.service.kill();
    // being down for a while is the very thing that is recorded
    std::thread::sleep(Duration::from_secs(2));
    scene.service.serve().unwrap();
    let row = scene.row_where(|row| row["outcome"] == "outage");
    assert!(row["from"].is_string() && row["to"].is_string(), "{row}");
}

#[test]
fn row_28_taken_on_another_extension_of_the_pbx() {
    let mut scene = scene(LONG);
    let (caller, leg_11, _) = ringing(&scene);
    caller.cancel(Some("SIP;cause=200;text=\"Call completed elsewhere\""));
    assert!(leg_11.wait_ended(SOON));
    ended_as(&mut scene, ONE, "answered", Some("elsewhere"));
}

#[test]
fn a_wrong_password_does_not_register() {
    let scene = quiet(LONG);
    let identity = rappel::demo::ua::Identity::new("11", Some("faux"), PHONE_11);
    let intruder = rappel::demo::ua::Agent::open(crate::stage::PHONES[0], 0, scene.service.sip, identity).unwrap();
    assert!(matches!(intruder.register(300), 401 | 403));
}

#[test]
fn the_phones_hold_button_gives_the_caller_music_and_nothing_else_changes() {
    let scene = scene(LONG);
    let (caller, leg) = talking(&scene);
    assert_eq!(leg.hold(true), Some(200));
    let from = Instant::now();
    let music = |run: &[Heard]| run.iter().any(|frame| !frame.silent) && run.iter().all(|frame| frame.pitch != Some(PHONE_11));
    assert!(eventually(SOON, || caller.sound().heard(from).windows(A_WHILE).any(music)), "no music, or the caller still hears the phone");
    assert_eq!(leg.hold(false), Some(200));
    assert!(caller.hears(PHONE_11, SOON) && leg.hears(CALLER, SOON));
}

#[test]
fn dialling_0_and_a_number_calls_it_and_shows_only_our_own_number() {
    let mut scene = scene(LONG);
    let call = scene.phone_11.call(&format!("0{ONE}"), Dial::default()).unwrap();
    let far = scene.trunk.expect_call(SOON).unwrap();
    let invite = far.invite().unwrap();
    assert!(invite.uri().contains(ONE) && !invite.uri().contains(&format!("0{ONE}")), "{}", invite.uri());
    let shown = format!("{} {}", invite.from().uri, invite.get("P-Asserted-Identity").unwrap_or_default());
    assert!(shown.contains("199000000") && !shown.contains("sip:11@"), "{shown}");
    far.ring();
    assert!(call.wait_ringing(SOON));
    far.answer();
    assert!(call.wait_up(SOON) && call.hears(FAR_END, SOON) && far.hears(PHONE_11, SOON));
    far.hang_up();
    assert!(call.wait_ended(SOON));
    let row = ended_as(&mut scene, ONE, "answered", None);
    assert_eq!(row["direction"], "outgoing");
}

/// One call a form, given up while it rings; the row's number and how it is shown.
fn read_as(forms: &[(&str, &[(&'static str, &str)])], number: Option<&str>, display: &str) {
    let mut scene = scene(LONG);
    for (from, headers) in forms {
        let before = scene.service.calls().unwrap().len();
        let mut dial = Dial { from: Some((*from).to_owned()), ..Dial::default() }.pitch(SECOND_CALLER);
        dial.headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let caller = scene.trunk.call(NUMBER, dial).unwrap();
        let leg = scene.phone_11.expect_call(SOON).unwrap();
        leg.ring();
        assert!(caller.wait_ringing(SOON), "{from}: {:?}", caller.statuses());
        caller.cancel(None);
        assert!(leg.wait_ended(SOON));
        assert!(eventually(SOON, || scene.service.calls().is_ok_and(|rows| rows.len() > before)), "{from}: no row");
        let row = scene.service.calls().unwrap().into_iter().max_by_key(|row| row["id"].as_i64()).unwrap();
        assert_eq!((row["number"].as_str(), row["display"].as_str()), (number, Some(display)), "{from}: {row}");
    }
}

#[test]
fn any_form_of_the_number_is_one_number() {
    let forms = [
        "<sip:0639980001@op.test>",
        "<sip:+33639980001@op.test;user=phone>",
        "<sip:0033639980001@op.test>",
        "<sip:33639980001@op.test>",
        "<tel:+33639980001>",
        "<tel:0639980001;phone-context=+33>",
        "<sip:+33639980001;npdi@op.test>",
    ];
    let forms: Vec<(&str, &[(&'static str, &str)])> = forms.iter().map(|form| (*form, [].as_slice())).collect();
    read_as(&forms, Some("+33639980001"), "06 39 98 00 01");
}

#[test]
fn the_trunks_asserted_identity_wins_over_from() {
    let asserted: &[(&'static str, &str)] = &[("P-Asserted-Identity", "<sip:+33639980001@op.test>")];
    read_as(&[("<sip:0639980003@op.test>", asserted)], Some("+33639980001"), "06 39 98 00 01");
}

#[test]
fn row_24_a_withheld_identity_is_numero_masque_and_never_shown() {
    let withheld: &[(&'static str, &str)] = &[("Privacy", "id"), ("P-Asserted-Identity", "<sip:+33639980001@op.test>")];
    let forms: [(&str, &[(&'static str, &str)]); 4] = [
        ("\"Anonymous\" <sip:anonymous@anonymous.invalid>", withheld),
        ("<sip:0639980001@op.test>", &[("Privacy", "id")]),
        ("<sip:unknown@op.test>", &[]),
        ("<sip:unavailable@op.test>", &[]),
    ];
    read_as(&forms, None, "numéro masqué");
}

#[test]
fn one_to_five_digits_are_an_extension_of_the_pbx() {
    read_as(&[("<sip:23@op.test>", &[])], None, "poste 23");
}
