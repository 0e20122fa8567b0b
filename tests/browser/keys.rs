//! The keys: each does what its button does, none while somebody types, and a switch turns them off.

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
