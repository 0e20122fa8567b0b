//! Who a number is said to belong to: on the phone's display, in the rows, on the line and in the ledger.

use rappel::domain::call::Record;
use rappel::domain::callback::{CallbackId, Fields};
use rappel::domain::identity::Caller;
use rappel::domain::names::Contacts;
use rappel::domain::number::E164;
use rappel::domain::text::ScreenText;
use rappel::switchboard::effect::{Effect, Refusal};
use rappel::switchboard::input::{CallbackCommand, Command, Gone, Input, Ticket};

use crate::house::*;

const ONE: &str = "+33639980001";

fn number() -> E164 {
    E164::from_e164(ONE).unwrap()
}

fn text(name: &str) -> ScreenText {
    ScreenText::clean(name)
}

fn contacts(name: &str) -> Input {
    Input::Contacts(Contacts([(number(), text(name))].into()))
}

/// The client calls, the network shows that name: the effects.
fn rings(house: &mut House, leg: LegId, shown: &str) -> Vec<Effect> {
    house.effects(Input::Rings { leg, trunk: 0, caller: Caller::Known(number()), name: text(shown), usable: true })
}

/// The name of the call's row, then of the display of each phone that rings.
fn shown(effects: &[Effect]) -> Vec<&str> {
    let name = |effect| match effect {
        &Effect::Record(_, Record::Opened { ref name, .. }) => Some(name.as_str()),
        Effect::RingPhone { name, .. } => Some(name.as_str()),
        _ => None,
    };
    effects.iter().filter_map(name).collect()
}

fn gives_up(house: &mut House, leg: LegId) {
    house.effects(Input::Gone { leg, why: Gone::HungUp });
}

fn page(house: &mut House, what: CallbackCommand) -> Vec<Effect> {
    house.effects(Input::Page { ticket: Ticket(7), command: Command::Callback { person: "MO".to_owned(), what } })
}

fn callback_name(house: &mut House) -> String {
    let effects = page(house, CallbackCommand::Claim(CallbackId(1)));
    let name =
        effects.iter().find_map(|e| if let Effect::Record(_, Record::Callback(c)) = e { Some(c.name.as_str().to_owned()) } else { None });
    name.unwrap()
}

#[test]
fn the_phones_the_row_the_line_and_the_callback_bear_the_contacts_name() {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    house.tell(contacts("Jeanne Martin"), &[]);
    assert_eq!(shown(&rings(&mut house, CALLER, "RESEAU")), ["Jeanne Martin", "Jeanne Martin"]);
    assert_eq!(house.line.status().calls[0].name, "Jeanne Martin");
    gives_up(&mut house, CALLER);
    assert_eq!(callback_name(&mut house), "Jeanne Martin");
}

#[test]
fn without_a_contact_the_network_names_the_caller_and_its_last_name_serves_when_it_shows_none() {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    assert_eq!(shown(&rings(&mut house, CALLER, "DURAND")), ["DURAND", "DURAND"]);
    house.answered(FIRST, &["answer in1", "join in1 1", "write 1 answered by 11"]);
    gives_up(&mut house, CALLER);
    assert_eq!(shown(&rings(&mut house, CALLER_2, "")), ["DURAND", "DURAND"]);
}

#[test]
fn a_name_written_on_a_callback_is_that_numbers_name_on_the_next_call() {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    rings(&mut house, CALLER, "RESEAU");
    gives_up(&mut house, CALLER);
    let name = |name: &str| Fields { name: Some(text(name)), ..Fields::default() };
    page(&mut house, CallbackCommand::Patch(CallbackId(1), name("Zoé")));
    assert_eq!(shown(&rings(&mut house, CALLER_2, "RESEAU")), ["Zoé", "RAPPEL 01h30 Zoé"]);
    gives_up(&mut house, CALLER_2);
    // what a person wrote stands on its own promise, whatever the address book says
    house.tell(contacts("Jeanne Martin"), &[]);
    assert_eq!(shown(&rings(&mut house, theirs(3), "")), ["Jeanne Martin", "RAPPEL 01h30 Zoé"]);
    gives_up(&mut house, theirs(3));
    // and it is taken back by an empty one
    page(&mut house, CallbackCommand::Patch(CallbackId(1), name("")));
    assert_eq!(shown(&rings(&mut house, theirs(4), "")), ["Jeanne Martin", "RAPPEL 01h30 Jeanne Martin"]);
}

#[test]
fn an_outgoing_call_and_a_callback_made_by_hand_bear_the_name_too() {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    house.tell(contacts("Jeanne Martin"), &[]);
    let dialled = house.effects(Input::Dials { leg: CALLER, extension: ext("11"), digits: "00639980001".to_owned() });
    assert_eq!(shown(&dialled), ["Jeanne Martin"]);
    page(&mut house, CallbackCommand::Create(Fields { party: Some(Caller::Known(number())), ..Fields::default() }));
    assert_eq!(callback_name(&mut house), "Jeanne Martin");
}

#[test]
fn new_contacts_name_the_promises_that_nobody_named() {
    let mut house = Plans { registered: false, ..Plans::default() }.house();
    rings(&mut house, CALLER, "");
    house.tell(contacts("Jeanne Martin"), &[]);
    assert_eq!(callback_name(&mut house), "Jeanne Martin");
}

#[test]
fn a_contact_that_calls_from_an_automated_prefix_is_not_folded() {
    let robot = E164::from_e164("+33162001234").unwrap();
    let miss = |house: &mut House| {
        let call = Input::Rings { leg: CALLER, trunk: 0, caller: Caller::Known(robot.clone()), name: text("PROMO"), usable: true };
        house.effects(call).iter().map(words).find(|w| w.starts_with("callback")).unwrap()
    };
    let mut house = Plans { registered: false, ..Plans::default() }.house();
    assert_eq!(miss(&mut house), "callback 1 Open x1 due ?, folded", "a name that the network shows makes no contact");
    let mut house = Plans { registered: false, ..Plans::default() }.house();
    house.effects(Input::Contacts(Contacts([(robot.clone(), text("Livreur"))].into())));
    assert_eq!(miss(&mut house), "callback 1 Open x1 due 1800");
}

#[test]
fn a_forgotten_number_has_neither_callback_nor_name_once_its_call_is_over() {
    let mut house = Plans { phones: &["11"], ..Plans::default() }.house();
    house.tell(contacts("Jeanne Martin"), &[]);
    let forget = |house: &mut House| house.effects(Input::Page { ticket: Ticket(7), command: Command::Forget(number()) });
    rings(&mut house, CALLER, "RESEAU");
    let during = forget(&mut house);
    assert!(matches!(during.as_slice(), [Effect::Reply(Ticket(7), Err(Refusal::Conflict(_)))]), "{during:?}");
    gives_up(&mut house, CALLER);
    assert_eq!(forget(&mut house), [Effect::Reply(Ticket(7), Ok(None))]);
    let claimed = page(&mut house, CallbackCommand::Claim(CallbackId(1)));
    assert_eq!(claimed, [Effect::Reply(Ticket(7), Err(Refusal::NotFound))]);
    assert_eq!(shown(&rings(&mut house, CALLER_2, "")), ["", ""]);
}
