//! The ledger of promises: what opens, merges, postpones and closes a callback (RULES 6).

use rappel::domain::call::Record;
use rappel::domain::callback::{Answered, CallResult, CallbackId, Fields};
use rappel::domain::identity::Caller;
use rappel::domain::number::E164;
use rappel::domain::text::ScreenText;
use rappel::switchboard::effect::Effect;
use rappel::switchboard::input::{CallbackCommand, Command, Gone, Input, Refusal, SecondCommand, Seq, Ticket};

use crate::house::*;

fn client() -> Caller {
    Caller::Known(E164::from_e164("+33639980001").unwrap())
}

/// What is written of callbacks, and answered to the page.
fn ledger(effects: &[Effect]) -> Vec<String> {
    effects.iter().map(words).filter(|w| w.starts_with("callback") || w.starts_with("reply")).collect()
}

fn miss(house: &mut House, leg: LegId, caller: Caller) -> Vec<String> {
    ledger(&house.effects(Input::Rings { leg, trunk: 0, caller, name: ScreenText::default(), usable: true }))
}

/// A person's command, and its answer once it is written.
fn asks(house: &mut House, what: CallbackCommand) -> Vec<String> {
    let mut effects = house.effects(Input::Page { ticket: Ticket(7), command: Command::Callback { person: "MO".to_owned(), what } });
    let seqs: Vec<Seq> = effects.iter().filter_map(|e| if let Effect::Record(seq, _) = e { Some(*seq) } else { None }).collect();
    for seq in seqs {
        effects.extend(house.effects(Input::Recorded(seq)));
    }
    ledger(&effects)
}

#[test]
fn row_26_a_number_that_calls_three_times_unanswered_has_one_entry() {
    let mut house = Plans { registered: false, ..Plans::default() }.house();
    assert_eq!(miss(&mut house, theirs(1), client()), ["callback 1 Open x1 due 1800"]);
    house.wait(60_000, &[]);
    assert_eq!(miss(&mut house, theirs(2), client()), ["callback 1 Open x2 due 1800"]);
    assert_eq!(miss(&mut house, theirs(3), client()), ["callback 1 Open x3 due 1800"]);
}

#[test]
fn row_24_each_withheld_call_has_its_own_entry() {
    let mut house = Plans { registered: false, ..Plans::default() }.house();
    assert_eq!(miss(&mut house, theirs(1), Caller::Withheld), ["callback 1 Open x1 due 1800"]);
    assert_eq!(miss(&mut house, theirs(2), Caller::Withheld), ["callback 2 Open x1 due 1800"]);
}

#[test]
fn a_first_call_from_an_automated_prefix_is_folded_without_due() {
    let mut house = Plans { registered: false, ..Plans::default() }.house();
    let robot = Caller::Known(E164::parse_national_or_international("0162001234").unwrap());
    assert_eq!(miss(&mut house, theirs(1), robot), ["callback 1 Open x1 due ?, folded"]);
}

#[test]
fn unanswered_tries_are_made_again_later_then_a_person_decides() {
    let mut house = House::new();
    let fields = Fields { party: Some(client()), ..Fields::default() };
    assert_eq!(asks(&mut house, CallbackCommand::Create(fields)), ["callback 1 Open x0 due 1800", "reply 7 Ok(1)"]);
    // midnight in Paris is 23:00 UTC
    for (n, due) in ["900, tried 1", "3600, tried 2", "82800, tried 3", "?, tried 4"].iter().enumerate() {
        let n = u64::try_from(n).unwrap();
        house.effects(Input::Dials { leg: theirs(n + 1), extension: ext("11"), digits: "00639980001".to_owned() });
        let told = ledger(&house.effects(Input::Refused { leg: LegId(n + 1), why: Refusal::NoAnswer }));
        assert_eq!(told, [format!("callback 1 Open x0 due {due}")]);
    }
}

#[test]
fn an_outgoing_call_of_15_s_closes_it_to_be_confirmed_and_a_shorter_one_does_not() {
    for (seconds, told) in [
        (14, vec![]),
        (15, vec!["callback 1 Done x0 due 1800, rappelé par P11 01:00, 15 s, to confirm"]),
        (190, vec!["callback 1 Done x0 due 1800, rappelé par P11 01:00, 3 min 10"]),
    ] {
        let mut house = House::new();
        asks(&mut house, CallbackCommand::Create(Fields { party: Some(client()), ..Fields::default() }));
        house.effects(Input::Dials { leg: theirs(1), extension: ext("11"), digits: "00639980001".to_owned() });
        house.effects(Input::Answered { leg: FIRST });
        house.wait(seconds * 1000, &[]);
        let end = Input::Gone { leg: FIRST, why: Gone::HungUp };
        assert_eq!(ledger(&house.effects(end)), told);
    }
}

#[test]
fn closing_by_a_person_has_five_results() {
    let id = CallbackId(1);
    for (result, told) in [
        (CallResult::Reached, "callback 1 Done x0 due 1800, joint, selon MO 01:00"),
        (CallResult::None, "callback 1 Dropped x0 due 1800, clos sans appel par MO 01:00"),
        (CallResult::Voicemail, "callback 1 Open x0 due 3600, tried 1"),
        (CallResult::Busy, "callback 1 Open x0 due 600, tried 1"),
        (CallResult::WrongNumber, "callback 1 Open x0 due ?"),
    ] {
        let mut house = House::new();
        asks(&mut house, CallbackCommand::Create(Fields { party: Some(client()), ..Fields::default() }));
        assert_eq!(asks(&mut house, CallbackCommand::Close(id, result)), [told, "reply 7 Ok(1)"]);
    }
    assert_eq!(asks(&mut House::new(), CallbackCommand::Claim(id)), ["reply 7 Err(NotFound)"]);
}

#[test]
fn a_start_finds_every_lost_caller_without_callback_and_nobody_else() {
    use rappel::domain::call::{CallId, Direction};
    use rappel::domain::outcome::Outcome;

    let (dir, at) = (tempfile::tempdir().unwrap(), chrono::DateTime::UNIX_EPOCH);
    drop(rappel::store::open(dir.path(), at).unwrap());
    let mut records = Vec::new();
    for (n, outcome) in (1..).zip(Outcome::all()) {
        for (id, direction) in [(2 * n, Direction::Incoming), (2 * n + 1, Direction::Outgoing)] {
            let (call, name) = (CallId(id), ScreenText::default());
            records.push(Record::Opened { call, at, direction, party: Caller::Withheld, name, extension: None });
            records.push(Record::Ended { call, at, outcome, during: None, short: false });
        }
    }
    rappel::store::journal::Journal::open(dir.path()).unwrap().append(&records).unwrap();
    let found = rappel::store::open(dir.path(), at).unwrap().stranded;
    // whatever the search gives, the rule opens; whatever the rule opens of incoming calls, the search gives
    let mut house = House::new();
    let mut opens = |outcome| {
        let (call, caller, name, form) = (CallId(1), Caller::Withheld, ScreenText::default(), Box::default());
        !ledger(&house.effects(Input::Stranded { call, at, caller, name, outcome, form })).is_empty()
    };
    let wanted: Vec<i64> = (1..).zip(Outcome::all()).filter(|(_, outcome)| opens(*outcome)).map(|(n, _)| 2 * n).collect();
    assert_eq!(found.iter().map(|s| s.call.0).collect::<Vec<_>>(), wanted);
    assert_eq!(wanted.len(), 3 + 9 + 10 + 1);
}

/// Phone 11 dials client 1, who has an open callback, and is answered.
fn calling_by_hand(house: &mut House) {
    asks(house, CallbackCommand::Create(Fields { party: Some(client()), ..Fields::default() }));
    house.effects(Input::Dials { leg: theirs(1), extension: ext("11"), digits: "00639980001".to_owned() });
}

#[test]
fn what_a_person_says_during_a_call_dialled_by_hand_stands_when_it_ends() {
    for (result, told) in [
        (CallResult::Voicemail, "callback 1 Open x0 due 3600, tried 1"),
        (CallResult::WrongNumber, "callback 1 Open x0 due ?"),
        (CallResult::Reached, "callback 1 Done x0 due 1800, joint, selon MO 01:00"),
    ] {
        let mut house = House::new();
        calling_by_hand(&mut house);
        house.effects(Input::Answered { leg: FIRST });
        assert_eq!(asks(&mut house, CallbackCommand::Close(CallbackId(1), result)), [told, "reply 7 Ok(1)"]);
        house.wait(25_000, &[]);
        assert_eq!(ledger(&house.effects(Input::Gone { leg: FIRST, why: Gone::HungUp })), Vec::<String>::new());
    }
    // and the busy tone is one try
    let mut house = House::new();
    calling_by_hand(&mut house);
    assert_eq!(
        asks(&mut house, CallbackCommand::Close(CallbackId(1), CallResult::Busy)),
        ["callback 1 Open x0 due 600, tried 1", "reply 7 Ok(1)"]
    );
    assert_eq!(ledger(&house.effects(Input::Refused { leg: FIRST, why: Refusal::Busy })), Vec::<String>::new());
}

#[test]
fn who_is_lost_at_the_end_of_a_call_that_was_said_to_have_reached_them_is_called_back() {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    calling_by_hand(&mut house);
    house.effects(Input::Answered { leg: FIRST });
    asks(&mut house, CallbackCommand::Close(CallbackId(1), CallResult::Reached));
    house.rings(CALLER_2, &["open 2 incoming", "overlay in1 Some(Waiting)"]);
    let take = SecondCommand::Take { end_first: false };
    house.effects(Input::Page { ticket: Ticket(7), command: Command::Second { person: "P11".into(), target: Box::default(), what: take } });
    let told = ledger(&house.effects(Input::Gone { leg: FIRST, why: Gone::HungUp }));
    assert_eq!(told, ["callback 2 Open x0 due 1800, left on hold"]);
}

fn robot() -> Caller {
    Caller::Known(E164::parse_national_or_international("0162001234").unwrap())
}

#[test]
fn whom_a_person_promised_a_call_or_left_on_hold_is_nobodys_canvassing() {
    let mut house = Plans { registered: false, ..Plans::default() }.house();
    miss(&mut house, theirs(1), robot());
    let promise = Fields { party: Some(robot()), ..Fields::default() };
    assert_eq!(asks(&mut house, CallbackCommand::Create(promise)), ["callback 1 Open x1 due 1800", "reply 7 Ok(1)"]);

    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    miss(&mut house, theirs(9), robot());
    let gave_up = house.effects(Input::Gone { leg: theirs(9), why: Gone::HungUp });
    assert_eq!(ledger(&gave_up), ["callback 1 Open x1 due ?, folded"]);
    house.rings(CALLER, &["open 2 incoming", "ring 11 on 2"]);
    house.effects(Input::Answered { leg: SECOND });
    miss(&mut house, CALLER_2, robot());
    let second = |what| Input::Page { ticket: Ticket(7), command: Command::Second { person: "P11".into(), target: Box::default(), what } };
    house.effects(second(SecondCommand::Take { end_first: false }));
    assert_eq!(ledger(&house.effects(second(SecondCommand::Resume)))[0], "callback 1 Open x1 due 1800");
}

#[test]
fn two_entries_of_a_number_become_one_that_knows_what_either_knew() {
    let mut house = Plans { registered: false, ..Plans::default() }.house();
    let answers = |step: &str, answer: &str| Some(Some([(step.to_owned(), Some(Answered::Text(answer.to_owned())))].into()));
    let first = Fields {
        party: Some(client()),
        note: Some("constat reçu".into()),
        guide: Some("sinistre-auto".into()),
        answers: answers("constat", "oui"),
        ..Fields::default()
    };
    asks(&mut house, CallbackCommand::Create(first));
    miss(&mut house, theirs(1), Caller::Withheld);
    let due = chrono::DateTime::from_timestamp(600, 0);
    let more = Fields { note: Some("urgent".into()), answers: answers("garage", "du Centre"), due: Some(due), ..Fields::default() };
    asks(&mut house, CallbackCommand::Patch(CallbackId(2), more));
    let what = CallbackCommand::Patch(CallbackId(2), Fields { party: Some(client()), ..Fields::default() });
    let effects = house.effects(Input::Page { ticket: Ticket(7), command: Command::Callback { person: "MO".into(), what } });
    let kept = effects.iter().find_map(|effect| match effect {
        Effect::Record(_, Record::Callback(kept)) if kept.is_open() => Some(kept.clone()),
        _ => None,
    });
    let kept = kept.expect("one that is open");
    assert_eq!((kept.id, kept.missed_count, kept.due, kept.planned), (CallbackId(1), 1, due, true));
    assert_eq!((kept.note.as_str(), kept.guide.as_str()), ("constat reçu\nurgent", "sinistre-auto"));
    assert_eq!(kept.answers.keys().collect::<Vec<_>>(), ["constat", "garage"]);
}

#[test]
fn a_due_time_that_a_person_gives_takes_the_place_of_left_on_hold() {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    calling_by_hand(&mut house);
    house.effects(Input::Answered { leg: FIRST });
    house.rings(CALLER_2, &["open 2 incoming", "overlay in1 Some(Waiting)"]);
    let take = SecondCommand::Take { end_first: false };
    house.effects(Input::Page { ticket: Ticket(7), command: Command::Second { person: "P11".into(), target: Box::default(), what: take } });
    let told = ledger(&house.effects(Input::Gone { leg: FIRST, why: Gone::HungUp }));
    assert_eq!(told, ["callback 1 Open x0 due 1800, left on hold"]);
    let later = Fields { due: Some(chrono::DateTime::from_timestamp(9_000, 0)), ..Fields::default() };
    assert_eq!(asks(&mut house, CallbackCommand::Patch(CallbackId(1), later)), ["callback 1 Open x0 due 9000", "reply 7 Ok(1)"]);
}

#[test]
fn a_closing_by_a_fact_is_answered_by_what_really_happened_for_ten_minutes_and_reopened_at_any_time() {
    let closed_by_a_call = || {
        let mut house = House::new();
        calling_by_hand(&mut house);
        house.effects(Input::Answered { leg: FIRST });
        house.wait(100_000, &[]);
        let told = ledger(&house.effects(Input::Gone { leg: FIRST, why: Gone::HungUp }));
        assert_eq!(told, ["callback 1 Done x0 due 1800, rappelé par P11 01:00, 1 min 40"]);
        house
    };
    let voicemail = || CallbackCommand::Close(CallbackId(1), CallResult::Voicemail);
    let mut house = closed_by_a_call();
    house.wait(600_000, &[]);
    assert_eq!(asks(&mut house, voicemail()), ["callback 1 Open x0 due 4300, tried 1", "reply 7 Ok(1)"]);
    let mut house = closed_by_a_call();
    house.wait(601_000, &[]);
    assert_eq!(asks(&mut house, voicemail()), ["reply 7 Err(Conflict(\"Ce rappel est déjà clos.\"))"]);
    assert_eq!(asks(&mut house, CallbackCommand::Reopen(CallbackId(1))), ["callback 1 Open x0 due 1800", "reply 7 Ok(1)"]);
    assert_eq!(asks(&mut house, CallbackCommand::Reopen(CallbackId(1))), ["reply 7 Err(Conflict(\"Ce rappel est déjà ouvert.\"))"]);
}
