//! Calls that the page starts: the person's phone first, and the lock of the callback that is called (RULES 6); the page's hold.

use std::time::Duration;

use rappel::domain::callback::{CallResult, Callback, CallbackId, CallbackState, Fields};
use rappel::domain::identity::Caller;
use rappel::domain::number::E164;
use rappel::domain::status::{LiveState, PhoneState};
use rappel::domain::text::ScreenText;
use rappel::switchboard::effect::Effect;
use rappel::switchboard::input::{CallbackCommand, Command, Gone, Input, Progress, Refusal, Seq, Ticket, To};

use crate::house::*;

const ONE: &str = "06 39 98 00 01";

fn page(command: Command) -> Input {
    Input::Page { ticket: Ticket(7), command }
}

fn dial_by(person: &str, to: &str, extension: Option<&str>) -> Input {
    let to = To::Number(to.to_owned());
    page(Command::Dial { person: person.to_owned(), to, extension: extension.map(ext), guide: String::new() })
}

fn dial(to: &str) -> Input {
    dial_by("P11", to, None)
}

fn call_back(person: &str) -> Input {
    let to = To::Callback(CallbackId(1));
    page(Command::Dial { person: person.to_owned(), to, extension: None, guide: "devis-auto".to_owned() })
}

/// Phone 11 was rung on leg 1 for an outside call.
fn rung() -> House {
    let mut house = House::new();
    house.tell(dial(ONE), &["open 1 outgoing"]);
    house.recorded(1, &["reply 7 Ok(call 1)", "ring 11 on 1"]);
    house.alive(FIRST);
    house
}

/// It was answered, and the client is called on leg 2.
fn called() -> House {
    let mut house = rung();
    house.answered(FIRST, &["call out on 2 by trunk 0"]);
    house
}

// ------------------------------------------------------------------ agent first
#[test]
fn the_row_is_written_then_the_phone_rings_then_the_client_is_called_and_both_talk() {
    let mut house = called();
    house.tell(Input::Progress { leg: SECOND, what: Progress::Ringing }, &["play 1 Ringback"]);
    house.tell(Input::Progress { leg: SECOND, what: Progress::EarlyMedia }, &["join 1 2"]);
    house.answered(SECOND, &["join 1 2", "write 1 answered by -"]);
    let live = &house.line.status().calls[0];
    assert_eq!((live.state, live.extension.clone()), (LiveState::Talking, Some(ext("11"))));
    house.gone(SECOND, Gone::HungUp, &["hang up 1", "end 1 answered"]);
    house.at_rest();
}

#[test]
fn the_phone_shows_whom_it_will_call() {
    let mut house = House::new();
    house.effects(dial(ONE));
    let effects = house.effects(Input::Recorded(Seq(1)));
    let shown = effects.iter().find_map(|e| match e {
        Effect::RingPhone { number, name, .. } => Some((number.clone(), name.clone())),
        _ => None,
    });
    assert_eq!(shown, Some((ONE.to_owned(), String::new())));
    assert_eq!(house.line.status().calls[0].number.as_deref(), Some("+33639980001"));
}

#[test]
fn a_phone_that_is_not_answered_calls_nobody() {
    let mut house = rung();
    house.wait(18_000, &["cancel 1", "end 1 cancelled"]);
    house.at_rest();
    let mut house = rung();
    house.refused(FIRST, Refusal::Busy, &["end 1 cancelled"]);
    house.at_rest();
    // one that gives no reply counts as absent
    let mut house = House::new();
    house.effects(dial(ONE));
    house.recorded(1, &["reply 7 Ok(call 1)", "ring 11 on 1"]);
    house.wait(4_000, &["cancel 1", "end 1 cancelled"]);
    house.answered(FIRST, &["hang up 1"]);
    house.at_rest();
}

#[test]
fn nothing_rings_before_the_row_is_written_and_the_phone_is_kept_for_it() {
    let mut house = House::new();
    house.tell(dial(ONE), &["open 1 outgoing"]);
    assert_eq!(house.line.status().phones[0].state, PhoneState::Ringing);
    house.rings(CALLER, &["open 2 incoming", "ring 12 on 2"]);
    house.tell(dial(ONE), &["reply 7 Err(Conflict(\"Ce téléphone sonne ou est en communication.\"))"]);
    // the page gives it up: the phone never rang, and is free again
    house.hang_up(1, &["end 1 cancelled", "reply 7 Ok(())", "ring 11 on 3"]);
    house.recorded(1, &["reply 7 Ok(call 1)"]);
}

#[test]
fn do_not_disturb_does_not_keep_a_persons_own_call_away() {
    let mut house = House::new();
    house.tell(Input::DoNotDisturb { extension: ext("11"), on: true }, &[]);
    house.tell(dial(ONE), &["open 1 outgoing"]);
    house.recorded(1, &["reply 7 Ok(call 1)", "ring 11 on 1"]);
    house.tell(Input::DoNotDisturb { extension: ext("11"), on: true }, &[]);
    house.answered(FIRST, &["call out on 2 by trunk 0"]);
}

#[test]
fn the_far_ends_refusal_is_a_tone_then_the_phone_is_hung_up() {
    for (why, tone, end) in [
        (Refusal::Busy, "play 1 Busy", "end 1 busy"),
        (Refusal::NoAnswer, "play 1 Congestion", "end 1 no_answer"),
        (Refusal::Other(404), "play 1 Congestion", "end 1 failed"),
    ] {
        let mut house = called();
        house.refused(SECOND, why.clone(), &[tone]);
        house.wait(3_000, &["hang up 1", end]);
        house.at_rest();
        let mut house = called();
        house.refused(SECOND, why, &[tone]);
        house.gone(FIRST, Gone::HungUp, &[end]);
        house.at_rest();
    }
    let mut house = called();
    house.wait(180_000, &["cancel 2", "play 1 Congestion"]);
    house.gone(FIRST, Gone::HungUp, &["end 1 no_answer"]);
    house.at_rest();
}

#[test]
fn the_agent_gives_up_before_the_client_answers() {
    let mut house = called();
    house.gone(FIRST, Gone::HungUp, &["cancel 2", "end 1 cancelled"]);
    house.answered(SECOND, &["hang up 2"]);
    house.at_rest();
}

#[test]
fn a_hold_button_pressed_before_the_answer_counts_after_it() {
    let mut house = called();
    house.tell(Input::Held { leg: FIRST, on: true }, &[]);
    house.answered(SECOND, &["play 2 Music", "write 1 answered by -"]);
    house.tell(Input::Held { leg: FIRST, on: false }, &["join 1 2"]);
}

#[test]
fn a_colleague_is_called_the_same_way() {
    let mut house = House::new();
    house.tell(dial("12"), &["open 1 internal"]);
    house.recorded(1, &["reply 7 Ok(call 1)", "ring 11 on 1"]);
    house.answered(FIRST, &["play 1 Ringback", "ring 12 on 2"]);
    house.answered(SECOND, &["join 1 2", "write 1 answered by 12"]);
    house.gone(SECOND, Gone::HungUp, &["hang up 1", "end 1 answered"]);
    house.at_rest();
    house.tell(dial("12"), &["open 2 internal"]);
    house.recorded(4, &["reply 7 Ok(call 2)", "ring 11 on 3"]);
    house.answered(THIRD, &["play 3 Ringback", "ring 12 on 4"]);
    house.refused(LegId(4), Refusal::Busy, &["play 3 Busy"]);
    house.wait(3_000, &["hang up 3", "end 2 busy"]);
    house.at_rest();
}

#[test]
fn an_emergency_goes_out_whatever_stands_in_its_way() {
    let mut house = Plans { phones: &["11", "12"], channels: 1, per_hour: 0, trunks: 2, ..Plans::default() }.house();
    house.tell(Input::Trunk { trunk: 0, usable: false }, &[]);
    house.rings(CALLER, &["open 1 incoming", "ring 11 on 1", "ring 12 on 2"]);
    house.recorded(1, &["ringing in1"]);
    house.answered(SECOND, &["answer in1", "join in1 2", "cancel 1 elsewhere", "write 1 answered by 12"]);
    house.tell(dial("15"), &["open 2 outgoing"]);
    house.recorded(3, &["reply 7 Ok(call 2)", "ring 11 on 3"]);
    house.answered(THIRD, &["hang up 2", "hang up in1", "end 1 answered: cut", "call out on 4 by trunk 0"]);
    house.refused(LegId(4), Refusal::Other(503), &["call out on 5 by trunk 1"]);
    house.refused(LegId(5), Refusal::Other(503), &["play 3 Prompts([\"urgence-impossible\"])"]);
    house.wait(5_000, &["hang up 3", "end 2 failed"]);
}

// ------------------------------------------------------------------ refusals
#[test]
fn what_cannot_be_called_is_said_and_changes_nothing() {
    for (to, said) in [
        ("0639", "Invalid { field: \"to\", detail: \"Ce numéro n'est pas complet.\" }"),
        ("abc", "Invalid { field: \"to\", detail: \"On ne compose que des chiffres, * # et +, 32 au plus.\" }"),
        ("639980001", "Invalid { field: \"to\", detail: \"Il manque le 0 : 06 39 98 00 01 ?\" }"),
        ("+33 639", "Invalid { field: \"to\", detail: \"Ce numéro n'existe pas.\" }"),
        ("*92", "Invalid { field: \"to\", detail: \"Ce code se compose sur le téléphone.\" }"),
        ("*07", "Invalid { field: \"to\", detail: \"Ce code n'existe pas.\" }"),
        ("11", "Invalid { field: \"to\", detail: \"C'est le poste qui appelle.\" }"),
        ("0899000001", "Barred(\"Appels non permis : numéro surtaxé (089).\")"),
    ] {
        let mut house = House::new();
        house.tell(dial(to), &[&format!("reply 7 Err({said})")]);
        house.at_rest();
    }
}

#[test]
fn every_form_of_a_number_is_one_number() {
    for form in ["0639980001", "00639980001", "+33639980001", "+33 (0)6 39 98 00 01", "0033639980001", "06.39.98.00.01", "06-39-98-00-01"] {
        let mut house = House::new();
        house.tell(dial(form), &["open 1 outgoing"]);
        assert_eq!(house.line.status().calls[0].number.as_deref(), Some("+33639980001"), "{form}");
    }
}

#[test]
fn the_phone_is_the_one_named_else_an_idle_one_of_the_persons() {
    let refused = |said: &str| format!("reply 7 Err({said})");
    let mut house = House::new();
    house.tell(dial_by("P12", ONE, Some("13")), &[&refused("Invalid { field: \"extension\", detail: \"Ce poste n'existe pas.\" }")]);
    let nobody = "Invalid { field: \"extension\", detail: \"Aucun téléphone n'est à votre nom : choisissez un poste.\" }";
    house.tell(dial_by("FAB", ONE, None), &[&refused(nobody)]);
    house.tell(Input::Phone { extension: ext("12"), registered: false }, &[]);
    house.tell(dial_by("P12", ONE, None), &[&refused("Invalid { field: \"extension\", detail: \"Ce téléphone n'est pas connecté.\" }")]);
    house.tell(dial_by("FAB", ONE, Some("11")), &["open 1 outgoing"]);
    house.tell(dial_by("P11", ONE, None), &[&refused("Conflict(\"Ce téléphone sonne ou est en communication.\")")]);
    house.recorded(1, &["reply 7 Ok(call 1)", "ring 11 on 1"]);
    house.answered(FIRST, &["call out on 2 by trunk 0"]);
    house.tell(dial_by("P11", ONE, None), &[&refused("Conflict(\"Ce téléphone sonne ou est en communication.\")")]);
}

#[test]
fn no_line_no_channel_and_per_hour_are_said_before_anything_rings() {
    let mut house = Plans { channels: 1, ..Plans::default() }.house();
    house.rings(CALLER, &["open 1 incoming", "ring 11 on 1", "ring 12 on 2"]);
    house.answered(SECOND, &["answer in1", "join in1 2", "cancel 1 elsewhere", "write 1 answered by 12"]);
    house.tell(dial(ONE), &["reply 7 Err(Unavailable(\"Toutes les lignes sont occupées.\"))"]);
    house.tell(Input::Trunk { trunk: 0, usable: false }, &[]);
    house.tell(dial(ONE), &["reply 7 Err(Unavailable(\"La ligne est momentanément indisponible.\"))"]);
    let mut house = Plans { per_hour: 1, ..Plans::default() }.house();
    house.dials(CALLER, "11", "0639980001", &["open 1 outgoing", "call out on 1 by trunk 0"]);
    house.gone(CALLER, Gone::HungUp, &["cancel 1", "end 1 cancelled"]);
    house.tell(dial(ONE), &["reply 7 Err(Barred(\"Ce poste a fait tous les appels qu'il peut faire en une heure.\"))"]);
    house.tell(Input::Drain, &["idle"]);
    house.wait(3_600_000, &[]);
    house.tell(dial(ONE), &["reply 7 Err(Unavailable(\"Le service s'arrête : il ne prend plus d'appels.\"))"]);
}

#[test]
fn the_line_is_looked_at_again_when_the_phone_is_answered() {
    let mut house = Plans { channels: 1, ..Plans::default() }.house();
    house.tell(dial(ONE), &["open 1 outgoing"]);
    house.recorded(1, &["reply 7 Ok(call 1)", "ring 11 on 1"]);
    house.rings(CALLER, &["open 2 incoming", "ring 12 on 2"]);
    house.answered(FIRST, &["play 1 Prompts([\"lignes-occupees\"])"]);
    // free again, it rings for the caller
    house.tell(Input::Played { leg: FIRST }, &["hang up 1", "end 1 failed", "ring 11 on 3"]);
}

// ------------------------------------------------------------------ calling back
fn client() -> Caller {
    Caller::Known(E164::from_e164("+33639980001").unwrap())
}

/// The effects of an input and of each of its records being safe at once.
fn told(house: &mut House, input: Input) -> Vec<String> {
    let mut effects = house.effects(input);
    let seqs: Vec<Seq> = effects.iter().filter_map(|e| if let Effect::Record(seq, _) = e { Some(*seq) } else { None }).collect();
    for seq in seqs {
        effects.extend(house.effects(Input::Recorded(seq)));
    }
    effects.iter().map(words).collect()
}

fn asks(house: &mut House, person: &str, what: CallbackCommand) -> Vec<String> {
    told(house, page(Command::Callback { person: person.to_owned(), what }))
}

/// One callback that is due at 1800.
fn owed() -> House {
    let mut house = House::new();
    let fields = Fields { party: Some(client()), name: Some(ScreenText::clean("Dupont")), ..Fields::default() };
    assert_eq!(asks(&mut house, "P12", CallbackCommand::Create(fields)), ["callback 1 Open x0 due 1800", "reply 7 Ok(1)"]);
    house
}

/// P11 calls it, and the client is called on leg 2.
fn calling_back() -> House {
    let mut house = owed();
    let effects = told(&mut house, call_back("P11"));
    let locked = "callback 1 Calling x0 due 1800, claimed by P11";
    assert_eq!(effects, ["open 1 outgoing", locked, "ring 11 on 1", "reply 7 Ok(call 1)"]);
    assert_eq!(told(&mut house, Input::Answered { leg: FIRST }), ["call out on 2 by trunk 0"]);
    house
}

#[test]
fn an_entry_that_is_called_is_locked_for_the_others() {
    let mut house = calling_back();
    let other = "reply 7 Err(Conflict(\"Une autre personne s'occupe de ce rappel.\"))";
    assert_eq!(told(&mut house, call_back("P12")), [other]);
    let id = CallbackId(1);
    for what in [
        CallbackCommand::Claim(id),
        CallbackCommand::Release(id),
        CallbackCommand::Close(id, CallResult::None),
        CallbackCommand::Patch(id, Fields { note: Some("x".into()), ..Fields::default() }),
    ] {
        assert_eq!(asks(&mut house, "P12", what.clone()), [other], "{what:?}");
    }
    // nor is it called twice by the same person, or given back while it lasts
    let own = "reply 7 Err(Conflict(\"Ce rappel est déjà en cours d'appel.\"))";
    assert_eq!(told(&mut house, call_back("P11")), [own]);
    assert_eq!(asks(&mut house, "P11", CallbackCommand::Release(id)), ["reply 7 Err(Conflict(\"Ce rappel est en cours d'appel.\"))"]);
    let live = &house.line.status().calls[0];
    assert_eq!((live.name.as_str(), live.guide.as_str()), ("Dupont", "devis-auto"));
}

#[test]
fn a_try_that_reaches_nobody_unlocks_it_counts_and_comes_again() {
    let mut house = calling_back();
    house.refused(SECOND, Refusal::NoAnswer, &["play 1 Congestion"]);
    let effects: Vec<String> = house.pass(Duration::from_secs(3)).iter().map(words).collect();
    assert_eq!(effects, ["hang up 1", "end 1 no_answer", "callback 1 Open x0 due 903, tried 1"]);
    house.at_rest();
    let effects = told(&mut house, call_back("P12"));
    assert!(effects.iter().any(|e| e.starts_with("callback 1 Calling") && e.ends_with("claimed by P12")), "{effects:?}");
}

#[test]
fn a_phone_that_is_not_answered_leaves_the_entry_and_its_claim_as_they_were() {
    for claimed in [None, Some("P11")] {
        let mut house = owed();
        if claimed.is_some() {
            asks(&mut house, "P11", CallbackCommand::Claim(CallbackId(1)));
        }
        told(&mut house, call_back("P11"));
        let as_before = match claimed {
            Some(person) => format!("callback 1 Open x0 due 1800, claimed by {person}"),
            None => "callback 1 Open x0 due 1800".to_owned(),
        };
        assert_eq!(told(&mut house, Input::Refused { leg: FIRST, why: Refusal::Busy }), ["end 1 cancelled", &as_before]);
        house.at_rest();
    }
}

#[test]
fn the_end_of_the_call_closes_it_as_any_outgoing_call_does() {
    for (seconds, end) in [
        (5, "callback 1 Open x0 due 1800"),
        (70, "callback 1 Done x0 due 1800, rappelé par P11 01:00, 1 min 10"),
        (20, "callback 1 Done x0 due 1800, rappelé par P11 01:00, 20 s, to confirm"),
    ] {
        let mut house = calling_back();
        told(&mut house, Input::Answered { leg: SECOND });
        house.pass(Duration::from_secs(seconds));
        let effects = told(&mut house, Input::Gone { leg: SECOND, why: Gone::HungUp });
        assert_eq!(effects, ["hang up 1", "end 1 answered", end]);
    }
}

#[test]
fn what_a_person_says_during_the_call_is_the_last_word() {
    for (result, state) in [
        (CallResult::Voicemail, "callback 1 Open x0 due 3600, tried 1"),
        (CallResult::Reached, "callback 1 Done x0 due 1800, joint, selon P11 01:00"),
    ] {
        let mut house = calling_back();
        told(&mut house, Input::Answered { leg: SECOND });
        assert_eq!(asks(&mut house, "P11", CallbackCommand::Close(CallbackId(1), result)), [state, "reply 7 Ok(1)"]);
        house.pass(Duration::from_secs(70));
        assert_eq!(told(&mut house, Input::Gone { leg: SECOND, why: Gone::HungUp }), ["hang up 1", "end 1 answered"]);
        house.at_rest();
    }
}

#[test]
fn a_merge_during_the_call_keeps_the_lock_and_the_end_of_the_call_finds_the_entry() {
    let mut house = owed();
    let masked = Fields { party: Some(Caller::Withheld), ..Fields::default() };
    asks(&mut house, "P12", CallbackCommand::Create(masked));
    told(&mut house, call_back("P11"));
    let same = Fields { party: Some(client()), ..Fields::default() };
    let effects = asks(&mut house, "P12", CallbackCommand::Patch(CallbackId(2), same));
    assert!(effects.iter().any(|e| e.starts_with("callback 1 Calling")), "{effects:?}");
    let effects = told(&mut house, Input::Refused { leg: FIRST, why: Refusal::Busy });
    assert_eq!(effects, ["end 1 cancelled", "callback 1 Open x0 due 1800"]);
}

#[test]
fn who_cannot_be_called_back_is_said() {
    let masked = "reply 7 Err(Invalid { field: \"number\", detail: \"Le numéro est masqué ou à vérifier : écrivez-le d'abord.\" })";
    for (party, said) in [
        (Caller::Withheld, masked),
        (Caller::Unreadable(ScreenText::clean("12ab")), masked),
        // an extension of the PBX that reads as an emergency number
        (Caller::Extension("15".into()), masked),
    ] {
        let mut house = House::new();
        asks(&mut house, "P11", CallbackCommand::Create(Fields { party: Some(party), ..Fields::default() }));
        assert_eq!(told(&mut house, call_back("P11")), [said]);
    }
    let mut house = owed();
    asks(&mut house, "P11", CallbackCommand::Close(CallbackId(1), CallResult::WrongNumber));
    let wrong = "reply 7 Err(Invalid { field: \"number\", detail: \"Ce numéro est à vérifier : corrigez-le avant d'appeler.\" })";
    assert_eq!(told(&mut house, call_back("P11")), [wrong]);
    asks(&mut house, "P11", CallbackCommand::Patch(CallbackId(1), Fields { party: Some(client()), ..Fields::default() }));
    assert!(told(&mut house, call_back("P11")).contains(&"ring 11 on 1".to_owned()));
    let mut house = House::new();
    assert_eq!(told(&mut house, call_back("P11")), ["reply 7 Err(NotFound)"]);
    let mut house = owed();
    asks(&mut house, "P11", CallbackCommand::Close(CallbackId(1), CallResult::None));
    assert_eq!(told(&mut house, call_back("P11")), ["reply 7 Err(Conflict(\"Ce rappel est clos : rouvrez-le d'abord.\"))"]);
}

#[test]
fn an_extension_of_the_pbx_is_called_back_as_such() {
    let mut house = House::new();
    asks(&mut house, "P11", CallbackCommand::Create(Fields { party: Some(Caller::Extension("23".into())), ..Fields::default() }));
    told(&mut house, call_back("P11"));
    let effects = house.effects(Input::Answered { leg: FIRST });
    let permit = effects.iter().find_map(|e| if let Effect::CallOut { permit, .. } = e { Some(permit) } else { None }).unwrap();
    assert_eq!(permit.number_on_wire(rappel::dialplan::route::NumberFormat::National, "9"), "23");
}

#[test]
fn the_service_stops_in_the_middle_or_dies_in_it() {
    let mut house = calling_back();
    let effects: Vec<String> = house.effects(Input::Stop).iter().map(words).collect();
    assert_eq!(effects, ["cancel 2", "hang up 1", "end 1 failed", "callback 1 Open x0 due 1800", "idle"]);
    let mut house = calling_back();
    let taken = house.effects(Input::Page {
        ticket: Ticket(8),
        command: Command::Callback {
            person: "P11".into(),
            what: CallbackCommand::Patch(CallbackId(1), Fields { note: Some("x".into()), ..Fields::default() }),
        },
    });
    let left: Callback = taken
        .iter()
        .find_map(|e| match e {
            Effect::Record(_, rappel::domain::call::Record::Callback(c)) => Some(c.as_ref().clone()),
            _ => None,
        })
        .unwrap();
    assert_eq!(left.state, CallbackState::Calling);
    let mut next = House::new();
    let mut out = Vec::new();
    next.line.load(vec![left], CallbackId(2), &mut out);
    assert_eq!(out.iter().map(words).collect::<Vec<_>>(), ["callback 1 Open x0 due 1800"]);
}

// ------------------------------------------------------------------ the page's hold
fn hold(person: &str, on: bool) -> Input {
    page(Command::Hold { person: person.to_owned(), call: rappel::domain::call::CallId(1), on })
}

#[test]
fn the_page_holds_and_takes_back_and_the_phones_own_button_stands_beside_it() {
    let mut house = House::new();
    house.talk();
    house.wait(10_000, &[]);
    house.tell(hold("P11", true), &["play in1 Music", "reply 7 Ok(())"]);
    let live = |house: &House| (house.line.status().calls[0].state, house.line.status().calls[0].held_since.map(|at| at.timestamp()));
    assert_eq!(live(&house), (LiveState::Held, Some(10)));
    house.wait(5_000, &[]);
    house.tell(hold("P11", true), &["reply 7 Ok(())"]);
    house.tell(Input::Held { leg: FIRST, on: true }, &[]);
    assert_eq!(live(&house), (LiveState::Held, Some(10)));
    let own = "reply 7 Err(Conflict(\"L'attente a été mise sur le téléphone : reprenez l'appel là-bas.\"))";
    house.tell(hold("P11", false), &[own]);
    house.tell(Input::Held { leg: FIRST, on: false }, &[]);
    house.tell(hold("P11", false), &["join in1 1", "reply 7 Ok(())"]);
    assert_eq!(live(&house), (LiveState::Talking, None));
    house.tell(Input::Held { leg: FIRST, on: true }, &["play in1 Music"]);
    assert_eq!(live(&house), (LiveState::Held, Some(15)));
}

#[test]
fn of_a_call_between_two_phones_each_person_holds_the_other() {
    for (person, heard) in [("P11", "play 1 Music"), ("P12", "play in1 Music")] {
        let mut house = House::new();
        house.dials(CALLER, "11", "12", &["open 1 internal", "ring 12 on 1"]);
        house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by 12"]);
        house.tell(hold(person, true), &[heard, "reply 7 Ok(())"]);
    }
}

#[test]
fn only_a_call_that_is_talking_is_held() {
    let mut house = House::new();
    house.tell(hold("P11", true), &["reply 7 Err(NotFound)"]);
    house.rings(CALLER, &["open 1 incoming", "ring 11 on 1", "ring 12 on 2"]);
    house.tell(hold("P11", true), &["reply 7 Err(Conflict(\"Cet appel n'est pas en communication.\"))"]);
}
