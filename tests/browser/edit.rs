//! A row that is being edited while the line goes on: what is typed, the focus and the look of the row stay; a refusal is said at its place.

use serde_json::json;

use crate::agency::{A_MOMENT, agency};
use crate::screen::Screen;
use crate::stage::{ONE, TWO};

const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";

/// Opens the fold of that row and starts a name anew, without sending it.
fn start_editing(screen: &Screen, id: i64, name: &str) {
    screen.click(&format!("#rappel-{id} .modifier > summary"));
    screen.until("the fields", &format!("document.querySelector('#nom-{id}')?.checkVisibility()"));
    screen.fill(&format!("#nom-{id}"), name);
}

#[test]
fn a_live_update_takes_nothing_from_whoever_is_typing() {
    let Some(agency) = agency("") else { return };
    agency.nobody_answers();
    let id = agency.note(ONE, "Mme Essai");
    let screen = agency.screen("MEL");
    start_editing(&screen, id, "Mme Essai-Nou");
    let class = screen.value(&format!("document.querySelector('#rappel-{id}').className"));
    // a call arrives, then another person changes this very row
    agency.gives_up(TWO);
    screen.until("the other call", "document.querySelectorAll('.rappel').length === 2");
    assert_eq!(agency.patch(&format!("/api/callbacks/{id}"), &json!({ "subject": "devis auto" })).status, 200);
    std::thread::sleep(A_MOMENT);
    screen.keys("velle");
    assert_eq!(screen.focus(), format!("nom-{id}"), "{}", screen.words());
    assert_eq!(screen.value(&format!("document.querySelector('#nom-{id}').value")), "Mme Essai-Nouvelle");
    assert_eq!(screen.value("document.activeElement.selectionStart"), "Mme Essai-Nouvelle".len());
    let after = screen.value(&format!("document.querySelector('#rappel-{id}').className"));
    assert_eq!(after, class);
    // the end of it: what was typed is kept, and so is what the other person wrote
    screen.keys(ENTER);
    screen.reads(&format!("#qui-{id}"), "Mme Essai-Nouvelle");
    screen.quiet();
    let kept = agency.callback(id);
    assert_eq!(kept["name"], "Mme Essai-Nouvelle");
    assert_eq!(kept["subject"], "devis auto");
}

#[test]
fn what_was_changed_meanwhile_is_there_when_the_edit_is_given_up() {
    let Some(agency) = agency("") else { return };
    let id = agency.note(ONE, "Mme Essai");
    let screen = agency.screen("MEL");
    start_editing(&screen, id, "jeté");
    assert_eq!(agency.patch(&format!("/api/callbacks/{id}"), &json!({ "subject": "sinistre auto" })).status, 200);
    std::thread::sleep(A_MOMENT);
    screen.keys(ESCAPE);
    screen.reads(&format!("#rappel-{id} .qui"), "sinistre auto");
    screen.reads(&format!("#qui-{id}"), "Mme Essai");
    assert_eq!(agency.callback(id)["name"], "Mme Essai");
    assert!(!screen.holds(&format!("document.querySelector('#rappel-{id} .modifier').open")));
    screen.quiet();
}

#[test]
fn a_number_that_is_refused_says_why_in_its_row_and_nothing_typed_is_lost() {
    let Some(agency) = agency("") else { return };
    let id = agency.note(ONE, "Mme Essai");
    let screen = agency.screen("MEL");
    start_editing(&screen, id, "Mme Corrigée");
    screen.fill(&format!("#numero-{id}"), "06 39 98 00");
    screen.reads(&format!("#verdict-{id}"), "2 chiffres");
    screen.keys(ENTER);
    screen.until("the reason", &format!("document.querySelector('#erreur-{id}').innerText.trim() !== ''"));
    assert_eq!(screen.focus(), format!("numero-{id}"), "the focus leaves what is to be corrected");
    assert_eq!(screen.value(&format!("document.querySelector('#nom-{id}').value")), "Mme Corrigée");
    assert_eq!(agency.callback(id)["name"], "Mme Essai", "half of it was kept");
    screen.keys("02");
    screen.reads(&format!("#verdict-{id}"), "06 39 98 00 02");
    screen.keys(ENTER);
    screen.reads(&format!("#rappel-{id} .numero"), "06 39 98 00 02");
    screen.until("the reason leaves", &format!("document.querySelector('#erreur-{id}').innerText.trim() === ''"));
    assert_eq!(agency.callback(id)["name"], "Mme Corrigée");
    screen.quiet();
}

#[test]
fn a_new_callback_that_was_noted_leaves_the_form_empty_and_folded() {
    let Some(agency) = agency("") else { return };
    let screen = agency.screen("MEL");
    screen.click("#nouveau > summary");
    screen.fill("#nouveau [name=name]", "Mme Essai");
    screen.fill("#nouveau [name=number]", "0639980");
    screen.keys(ENTER);
    screen.until("the reason", "document.querySelector('#erreur-nouveau').innerText.trim() !== ''");
    assert_eq!(screen.value("document.querySelector('#nouveau [name=name]').value"), "Mme Essai");
    screen.fill("#nouveau [name=number]", ONE);
    screen.keys(ENTER);
    screen.until("the row", "document.querySelector('.rappel')?.checkVisibility()");
    screen.until("the form is folded", "!document.querySelector('#nouveau').open");
    let typed =
        screen.value("[...document.querySelectorAll('#nouveau input:not([type=hidden]), #nouveau textarea')].map((f) => f.value).join('')");
    assert_eq!(typed, "");
    screen.quiet();
}

#[test]
fn the_focus_is_given_back_after_an_edit_and_goes_to_the_next_row_after_fait() {
    let Some(agency) = agency("") else { return };
    let (first, second) = (agency.note(ONE, "Mme Essai"), agency.note(TWO, "M. Exemple"));
    let screen = agency.screen("MEL");
    start_editing(&screen, first, "Mme Autre");
    screen.keys(ENTER);
    screen.reads(&format!("#qui-{first}"), "Mme Autre");
    screen.until("the focus is on the row again", &format!("document.activeElement.closest('#rappel-{first}')"));
    screen.js(&format!("document.querySelector('#rappel-{first}').focus()"));
    screen.keys("f");
    screen.until("it is gone", &format!("!document.querySelector('#rappel-{first}')"));
    screen.until("the next row has the focus", &format!("document.activeElement.closest('#rappel-{second}')"));
}
