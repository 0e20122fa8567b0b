//! Each state of the page in light, dark, 360 pixels and zoomed to 200 %: nothing for axe to say, nothing beside the screen, nothing
//! too small for a finger.

use serde_json::json;

use crate::agency::{agency, empty_agency};
use crate::look::axe_or_skip;
use crate::stage::{ONE, TWO};

const ENTER: &str = "\u{e007}";

#[test]
fn signing_in_is_within_everybodys_reach() {
    let Some(agency) = empty_agency("") else { return };
    if !axe_or_skip() {
        return;
    }
    let screen = agency.chromium.screen(agency.base());
    screen.go("/login");
    screen.inspect("/login");
    screen.click("#person");
    screen.keys("MEL");
    screen.click("#password");
    screen.keys("autre chose");
    screen.keys(ENTER);
    screen.until("the refusal", "document.querySelector('.alerte')?.innerText.includes('mot de passe')");
    screen.inspect("/login refused");
}

#[test]
fn the_queue_is_within_everybodys_reach_in_each_of_its_states() {
    let Some(agency) = agency("") else { return };
    if !axe_or_skip() {
        return;
    }
    agency.nobody_answers();
    let screen = agency.screen("MEL");
    screen.until("the empty queue", "document.querySelector('#vide')");
    screen.inspect("empty");
    let id = agency.note(ONE, "Mme Essai");
    agency.gives_up(TWO);
    let withheld = agency.calls_as("anonymous", "Anonymous");
    withheld.cancel(None);
    agency.patch(
        &format!("/api/callbacks/{id}"),
        &json!({ "subject": "sinistre auto", "owner": "MO", "place": "EXT", "note": "rappeler après 14 h" }),
    );
    screen.until("three rows", "document.querySelectorAll('.rappel').length === 3");
    screen.inspect("list");
    screen.click(&format!("#rappel-{id} .modifier > summary"));
    screen.fill(&format!("#numero-{id}"), "06 39");
    screen.keys(ENTER);
    screen.until("the reason", &format!("document.querySelector('#erreur-{id}').innerText.trim() !== ''"));
    screen.inspect("edit with error");
    screen.click(&format!("#rappel-{id} .modifier > summary"));
    screen.click(&format!("#rappel-{id} .reporter > summary"));
    screen.click(&format!("#rappel-{id} .resultat > summary"));
    screen.click("#nouveau > summary");
    screen.click("#aide > summary");
    screen.inspect("everything unfolded");
    screen.reload();
    screen.ready();
    screen.click(&format!("#rappel-{id} .fait"));
    screen.until("the toast", "document.querySelector('#toast button')?.checkVisibility()");
    screen.inspect("undo toast");
    for view in ["planifies", "faits", "tous", "entre"] {
        screen.go(&format!("/?vue={view}"));
        screen.ready();
        screen.inspect(view);
    }
}

#[test]
fn on_paper_there_is_the_list_and_nothing_to_press() {
    let Some(agency) = empty_agency("") else { return };
    let id = agency.note(ONE, "Mme Essai");
    assert_eq!(agency.patch(&format!("/api/callbacks/{id}"), &json!({ "due": "2020-01-01T09:00:00Z" })).status, 200);
    let screen = agency.screen("MEL");
    screen.devtools("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    for path in ["/", "/?vue=entre"] {
        screen.go(path);
        screen.until("the row", "document.querySelector('.rappel .numero')?.checkVisibility()");
        let pressed =
            "[...document.querySelectorAll('summary, button, .bouton')].filter((e) => e.checkVisibility()).map((e) => e.innerText)";
        assert_eq!(screen.value(pressed), json!([]), "{path}");
    }
}

#[test]
fn the_calls_are_within_everybodys_reach() {
    let Some(agency) = agency("") else { return };
    if !axe_or_skip() {
        return;
    }
    agency.nobody_answers();
    agency.gives_up(ONE);
    let screen = agency.screen("MEL");
    screen.go("/appels");
    screen.until("the call", "document.querySelector('.appel a')");
    screen.inspect("/appels");
    screen.click(".appel a");
    screen.until("its facts", "document.querySelector('.faits')");
    screen.inspect("/appels/{id}");
}

#[test]
fn what_is_out_of_order_is_said_within_everybodys_reach() {
    let Some(mut agency) = empty_agency("[trunk]\nregister = true\nusername = \"agence\"\npassword = \"essai\"") else { return };
    if !axe_or_skip() {
        return;
    }
    let screen = agency.screen("MEL");
    screen.until("the red banner", "document.querySelector('.alerte')?.checkVisibility()");
    screen.inspect("red banner");
    agency.scene.service.kill();
    screen.until("the link is lost", "document.querySelector('#coupure')?.checkVisibility()");
    screen.in_every_look("link lost");
}
