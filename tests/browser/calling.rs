//! Calling back from the page: my telephone, then the client; the others see it; the result is one key.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rappel::demo::ua::eventually;

use crate::agency::agency;
use crate::stage::{ONE, SOON, TWO};

/// A call to the page's person goes through two telephones.
const BOTH: Duration = Duration::from_secs(10);

#[test]
fn a_callback_is_called_from_the_page_and_its_result_is_one_key() {
    // time to look at each state
    let Some(agency) = agency("[line]\nring_seconds = 60") else { return };
    let id = agency.note(ONE, "Mme Essai");
    agency.note(TWO, "M. Exemple");
    let (mine, theirs) = (agency.screen("MEL"), agency.screen("MO"));
    let row = format!("#rappel-{id}");
    for screen in [&mine, &theirs] {
        screen.until("both rows", "document.querySelectorAll('.rappel').length === 2");
    }
    mine.click(&format!("{row} .appeler"));
    let leg = agency.scene.phone_11.expect_call(SOON).expect("phone 11 does not ring");
    leg.ring();
    // nobody else can call the same client now
    theirs.reads(&format!("{row} .suivi"), "MEL");
    theirs.until("no button to call", &format!("!document.querySelector('{row} .appeler')"));
    leg.answer();
    let client = agency.scene.trunk.expect_call(BOTH).expect("the client is not called");
    client.ring();
    client.answer();
    assert!(client.wait_up(SOON) && leg.wait_up(SOON));
    mine.until("in a call", "document.querySelector('#poste-11').innerText.includes('en appel')");
    mine.until("the result is asked", &format!("document.querySelector('{row} .confirmer')?.checkVisibility()"));
    mine.inspect("calling");
    mine.js(&format!("document.querySelector('{row}').focus()"));
    mine.keys("2");
    assert!(eventually(SOON, || agency.callback(id)["attempts"] == 1), "{}", agency.callback(id));
    leg.hang_up();
    assert!(client.wait_ended(SOON));
    for screen in [&mine, &theirs] {
        screen.until("it is planned", &format!("!document.querySelector('{row}')"));
    }
    let callback = agency.callback(id);
    let due: DateTime<Utc> = callback["due"].as_str().unwrap().parse().unwrap();
    let later = due - Utc::now();
    assert!(callback["state"] == "open" && later > TimeDelta::minutes(50) && later < TimeDelta::minutes(70), "{callback}");
    mine.quiet();
    theirs.quiet();
}
