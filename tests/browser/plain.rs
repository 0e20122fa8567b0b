//! Without a script: the list can be read, and every form does what it says and leads back.

use serde_json::json;

use rappel::demo::ua::eventually;

use crate::agency::agency;
use crate::stage::{ONE, SOON, TWO};

#[test]
fn without_a_script_the_queue_is_read_and_worked() {
    let Some(agency) = agency("") else { return };
    let (first, second) = (agency.note(ONE, "Mme Essai"), agency.note(TWO, "M. Exemple"));
    let screen = agency.screen_without_script();
    // the driver does not wait for the page that a click leads to
    let reads = |text: &str| assert!(eventually(SOON, || screen.source().contains(text)), "{text} is not in {}", screen.source());
    screen.go("/login");
    screen.fill_plain("#person", "MO");
    screen.fill_plain("#password", agency.password());
    screen.press_plain(".connexion button");
    reads("Mme Essai");
    assert!(screen.source().contains("06 39 98 00 01"));
    // the script's first deed is to show this button
    assert!(screen.source().contains("id=\"theme\" aria-pressed=\"false\" hidden"), "scripts are on in this profile");
    screen.press_plain(&format!("#rappel-{first} .fait"));
    reads("Rappel de Mme Essai terminé.");
    assert_eq!(agency.callback(first)["state"], "done");
    screen.press_plain("#toast button");
    reads("Rappel de Mme Essai rouvert.");
    assert_eq!(agency.callback(first)["state"], "open");
    // without a script the toast stays where it is; a fold is the browser's own
    screen.go("/");
    screen.press_plain(&format!("#rappel-{second} .modifier > summary"));
    screen.fill_plain(&format!("#numero-{second}"), "06 39 98");
    screen.press_plain(&format!("#rappel-{second} .modifier button"));
    reads("Il manque 4 chiffres");
    assert_eq!(agency.callback(second)["number"], "+33639980002");
    screen.fill_plain(&format!("#numero-{second}"), "06 39 98 00 03");
    screen.press_plain(&format!("#rappel-{second} .modifier button"));
    reads("06 39 98 00 03");
    assert_eq!(agency.callback(second)["number"], "+33639980003");
    screen.go("/");
    screen.press_plain("#nouveau > summary");
    screen.fill_plain("#nouveau input[name=number]", "0639980004");
    screen.fill_plain("#nouveau input[name=name]", "Mme Nouvelle");
    screen.press_plain("#nouveau button");
    reads("Mme Nouvelle");
    assert_eq!(agency.callbacks_of("+33639980004")[0]["name"], json!("Mme Nouvelle"));
    screen.go("/appels");
    reads("<h1>Appels</h1>");
}
