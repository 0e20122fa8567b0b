//! The keys: each does what its button does, none while somebody types, and a switch turns them off.

use serde_json::json;

use crate::agency::{A_MOMENT, agency};
use crate::stage::{ONE, TWO};

const ESCAPE: &str = "\u{e00c}";

#[test]
fn the_queue_is_worked_through_with_keys_alone() {
    let Some(agency) = agency("") else { return };
    let (first, second) = (agency.note(ONE, "Mme Essai"), agency.note(TWO, "M. Exemple"));
    let screen = agency.screen("MEL");
    screen.keys("j");
    screen.until("the first row has the focus", &format!("document.activeElement.id === 'rappel-{first}'"));
    screen.keys("j");
    assert_eq!(screen.focus(), format!("rappel-{second}"));
    screen.keys("k");
    assert_eq!(screen.focus(), format!("rappel-{first}"));
    screen.keys("f");
    screen.until("done", &format!("!document.querySelector('#rappel-{first}')"));
    screen.until("undo is offered", "document.querySelector('#toast button')?.checkVisibility()");
    screen.keys("z");
    screen.until("undone", &format!("document.querySelector('#rappel-{first}')"));
    screen.js(&format!("document.querySelector('#rappel-{second}').focus()"));
    screen.keys("e");
    screen.until("the field has the focus", &format!("document.activeElement.closest('#rappel-{second} .modifier')"));
    screen.keys(ESCAPE);
    screen.keys("r");
    screen.until("the delays", &format!("document.querySelector('#rappel-{second} .reporter').open"));
    screen.keys(ESCAPE);
    screen.keys("/");
    assert_eq!(screen.focus(), "q");
    screen.keys("exemple");
    screen.keys("\u{e007}");
    screen.until("what was looked for", "location.search.includes('q=exemple') && document.querySelectorAll('.rappel').length === 1");
    screen.ready();
    screen.keys("n");
    screen.until("one card at a time", "location.search.includes('vue=entre')");
    assert_eq!(agency.callback(first)["state"], "open");
    assert_eq!(agency.callback(second)["state"], "open");
    screen.quiet();
}

#[test]
fn keys_are_letters_in_a_field_and_nothing_when_they_are_switched_off() {
    let Some(agency) = agency("") else { return };
    let id = agency.note(ONE, "Mme Essai");
    let screen = agency.screen("MEL");
    let row = format!("#rappel-{id}");
    screen.until("the row", &format!("document.querySelector({row:?})"));
    screen.click("#q");
    screen.keys("fanze1");
    assert_eq!(screen.value("document.querySelector('#q').value"), "fanze1");
    screen.click("#aide > summary");
    screen.click("label:has(#touches)");
    screen.js(&format!("document.querySelector({row:?}).focus()"));
    screen.keys("fernj");
    std::thread::sleep(A_MOMENT);
    assert_eq!(screen.focus(), format!("rappel-{id}"));
    assert!(screen.value("location.search") == "" && screen.has(&row), "{}", screen.words());
    assert_eq!(agency.callback(id)["state"], "open");
    // remembered on this computer
    screen.reload();
    screen.ready();
    assert!(!screen.holds("document.querySelector('#touches').checked"));
    screen.js(&format!("document.querySelector({row:?}).focus()"));
    screen.keys("f");
    std::thread::sleep(A_MOMENT);
    assert!(screen.has(&row));
    screen.click("#aide > summary");
    screen.click("label:has(#touches)");
    screen.js(&format!("document.querySelector({row:?}).focus()"));
    screen.keys("f");
    screen.until("they work again", &format!("!document.querySelector({row:?})"));
}

#[test]
fn an_undo_that_comes_too_late_is_said_and_the_list_stays() {
    let Some(agency) = agency("") else { return };
    let (first, second) = (agency.note(ONE, "Mme Essai"), agency.note(TWO, "M. Exemple"));
    let screen = agency.screen("MEL");
    screen.click(&format!("#rappel-{first} .fait"));
    screen.until("the toast", "document.querySelector('#toast button')?.checkVisibility()");
    // another person was faster
    assert_eq!(agency.post(&format!("/api/callbacks/{first}/reopen"), &json!({})).status, 200);
    screen.until("it is back", &format!("document.querySelector('#rappel-{first}')"));
    screen.keys("z");
    screen.until("the reason", "document.querySelector('#refus').innerText.trim() !== ''");
    assert!(screen.holds("document.querySelector('#refus').matches('[role=alert]')"));
    assert!(screen.shows(&format!("#rappel-{first}")) && screen.shows(&format!("#rappel-{second}")), "{}", screen.words());
    // the next thing that is done takes the reason away
    screen.js(&format!("document.querySelector('#rappel-{second}').focus()"));
    screen.keys("f");
    screen.until("done", &format!("!document.querySelector('#rappel-{second}')"));
    assert!(!screen.holds("document.querySelector('#refus').innerText.trim()"));
    screen.quiet();
}

#[test]
fn a_key_that_is_held_does_nothing_twice_and_goes_on_walking() {
    let Some(agency) = agency("") else { return };
    let (first, second) = (agency.note(ONE, "Mme Essai"), agency.note(TWO, "M. Exemple"));
    let screen = agency.screen("MEL");
    screen.until("the rows", "document.querySelectorAll('.rappel').length === 2");
    let down = |key: &str, repeat: bool| {
        screen.devtools("Input.dispatchKeyEvent", json!({ "type": "keyDown", "key": key, "text": key, "autoRepeat": repeat }));
    };
    down("j", false);
    down("j", true);
    assert_eq!(screen.focus(), format!("rappel-{second}"));
    screen.js(&format!("document.querySelector('#rappel-{first}').focus()"));
    down("f", false);
    screen.until("done", &format!("!document.querySelector('#rappel-{first}')"));
    screen.until("the next row has the focus", &format!("document.activeElement.closest('#rappel-{second}')"));
    down("f", true);
    down("e", false);
    screen.until("the field has the focus", &format!("document.activeElement.closest('#rappel-{second} .modifier')"));
    down("e", true);
    down("e", false);
    std::thread::sleep(A_MOMENT);
    assert_eq!(screen.value("document.activeElement.value.length"), "M. Exemple".len() + 1);
    assert_eq!(agency.callback(second)["state"], "open");
    screen.quiet();
}

#[test]
fn every_key_is_said_where_its_button_is() {
    let Some(agency) = agency("") else { return };
    agency.note(ONE, "Mme Essai");
    let screen = agency.screen("MEL");
    screen.until("the row", "document.querySelector('.rappel')");
    for key in ["a", "f", "r", "e", "n", "/", "?", "1", "2", "3", "4"] {
        assert!(screen.has(&format!("[aria-keyshortcuts='{key}']")), "no button says its key {key}");
    }
    screen.keys("?");
    screen.until("the list of keys", "document.querySelector('#aide').open");
    let help = screen.text("#aide").unwrap();
    for words in ["appeler", "fait", "reporter", "modifier", "entre deux clients", "chercher"] {
        assert!(help.to_lowercase().contains(words), "{words} is not in the help: {help}");
    }
}
