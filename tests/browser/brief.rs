//! What stands on the page for a while only is looked at while the page stands still, and nothing follows: no look is taken in a hurry.

use crate::double_call::{STILL, field, in_state, taken};
use crate::stage::SOON;

#[test]
fn the_form_of_a_call_that_is_over_has_nothing_for_axe_to_say() {
    let Some((double, screen)) = taken() else { return };
    screen.fill(&field("name"), "Mme Exemple");
    double.second.hang_up();
    screen.until("the form stays", "document.querySelector('.appel2-fini .brouillon')?.checkVisibility()");
    screen.js(STILL);
    screen.inspect("call 2 is over, its form is not");
    assert!(screen.shows(".appel2-fini .brouillon"), "{}", screen.words());
}

#[test]
fn a_telephone_that_is_rung_again_has_nothing_for_axe_to_say() {
    let Some((double, screen)) = taken() else { return };
    double.leg.hang_up();
    let again = double.agency.scene.phone_11.expect_call(SOON).expect("phone 11 is not rung again");
    again.ring();
    in_state(&screen, "recall");
    screen.js(STILL);
    screen.inspect("recall");
    assert!(screen.shows(".appel2[data-etat=recall]"), "{}", screen.words());
}
