//! The double call on one page: taken, typed, saved and back to the first caller, by keys or by clicks, narrow or wide, through a reload,
//! a crash and a second screen. No key that was typed is lost, and axe finds nothing on the way.

use std::time::Duration;

use rappel::demo::ua::sound::{CALLER, PHONE_11};
use rappel::demo::ua::{Call, Dial, eventually};
use serde_json::{Value, json};

use crate::agency::{A_MOMENT, Agency, CLERK, agency};
use crate::look::NARROW;
use crate::screen::Screen;
use crate::stage::{ONE, SOON, TWO};

const ENTER: &str = "\u{e007}";
/// One telephone, and time to look at each state.
const ONE_PHONE: &str = "[line]\nring = [\"11\"]\nring_seconds = 60\noffer_seconds = 60";
/// Tabs from the top of the page to the banner.
const TABS: usize = 12;
/// Longer than anybody stops in the middle of a word.
const A_WHILE: Duration = Duration::from_millis(2500);
/// Nothing of the page is read again: what is there for a while only can be looked at for longer.
pub const STILL: &str = "window.htmx.ajax = () => new Promise(() => {})";
/// A service that starts again, and a browser that notices.
const AGAIN: Duration = Duration::from_secs(15);

/// Phone 11 talks with the first client, the second one waits.
pub struct Double {
    pub agency: Agency,
    first: Call,
    pub leg: Call,
    pub second: Call,
}

pub fn double() -> Option<Double> {
    double_with(ONE_PHONE)
}

fn double_with(changes: &str) -> Option<Double> {
    let agency = agency(changes)?;
    let first = agency.calls(ONE);
    let leg = agency.scene.phone_11.expect_call(SOON).expect("phone 11 does not ring");
    leg.ring();
    leg.answer();
    assert!(first.wait_up(SOON), "not connected: {:?}", first.statuses());
    let second = agency.calls(TWO);
    Some(Double { agency, first, leg, second })
}

/// Call 2 was taken from the page.
pub fn taken() -> Option<(Double, Screen)> {
    let double = double()?;
    let screen = double.agency.screen("MEL");
    screen.click(".appel2 .prendre");
    in_state(&screen, "second");
    Some((double, screen))
}

impl Double {
    /// The promise that was made to the second client.
    fn promise(&self) -> Value {
        self.promise_when(|_| true)
    }

    /// The same once it is so: the page follows the line, the list what is written.
    fn promise_when(&self, so: impl Fn(&Value) -> bool) -> Value {
        let mut promises = Vec::new();
        eventually(SOON, || {
            promises = self.agency.callbacks_of("+33639980002");
            promises.first().is_some_and(&so)
        });
        assert_eq!(promises.len(), 1, "{promises:?}");
        promises.remove(0)
    }

    /// The first client has nothing more to say.
    pub fn hang_up(&self) {
        self.first.hang_up();
        assert!(self.leg.wait_ended(SOON));
    }

    /// Back with the first client: the second call is over, and nothing of it is on the screen.
    fn back_to_the_first(&self, screen: &Screen) {
        assert!(self.second.wait_ended(SOON), "the second call goes on");
        screen.until("the banner is gone", "!document.querySelector('.appel2')?.checkVisibility()");
        assert!(self.leg.hears(CALLER, SOON), "phone 11 does not hear the first client");
        assert!(self.first.phase() == self.leg.phase(), "{:?} {:?}", self.first.phase(), self.leg.phase());
    }
}

pub fn in_state(screen: &Screen, state: &str) {
    screen
        .until(&format!("the double call is {state}"), &format!("document.querySelector('.appel2[data-etat={state}]')?.checkVisibility()"));
}

pub fn field(name: &str) -> String {
    format!(".brouillon input[name={name}]")
}

fn typed(screen: &Screen, name: &str) -> String {
    screen.value(&format!("document.querySelector({:?}).value", field(name))).as_str().unwrap().to_owned()
}

fn follows(screen: &Screen, name: &str, value: &str) {
    screen.until(&format!("{name} follows"), &format!("document.querySelector({:?}).value === {value:?}", field(name)));
}

#[test]
fn by_keys_alone() {
    let Some(double) = double() else { return };
    let screen = double.agency.screen("MEL");
    in_state(&screen, "waiting");
    screen.tab_to(".appel2 .prendre", TABS);
    screen.keys(ENTER);
    in_state(&screen, "second");
    screen.until("the name has the focus by itself", &format!("document.activeElement.matches({:?})", field("name")));
    screen.keys("Mme Exemple");
    screen.tab_to(&field("subject"), 3);
    screen.keys("sinistre auto");
    screen.keys(ENTER);
    double.back_to_the_first(&screen);
    let promise = double.promise();
    assert_eq!(
        (&promise["name"], &promise["subject"], &promise["source"]),
        (&json!("Mme Exemple"), &json!("sinistre auto"), &json!("double_call"))
    );
    screen.reads(".rappels", "Mme Exemple");
    screen.quiet();
}

#[test]
fn by_clicks_with_nothing_for_axe_to_say_in_any_state() {
    let Some(double) = double() else { return };
    let screen = double.agency.screen("MEL");
    in_state(&screen, "waiting");
    screen.inspect("waiting");
    screen.click(".appel2 .prendre");
    in_state(&screen, "second");
    screen.fill(&field("name"), "Mme Exemple");
    screen.inspect("second");
    screen.click(".appel2 .echanger");
    in_state(&screen, "swapped");
    assert_eq!(typed(&screen, "name"), "Mme Exemple");
    screen.inspect("swapped");
    screen.reads("#annonce", "Retour au premier appel.");
    screen.click(".appel2 .echanger");
    in_state(&screen, "second");
    // a state that comes back is said again
    screen.reads("#annonce", "Le premier appel est en attente.");
    screen.fill(&field("number"), "06 39 98 00");
    screen.click(".brouillon button");
    screen.until("the reason", "document.querySelector('.appel2 .erreur').innerText.includes('chiffres')");
    screen.inspect("second with error");
    screen.fill(&field("number"), "06 39 98 00 02");
    screen.click(".brouillon button");
    double.back_to_the_first(&screen);
    assert_eq!(double.promise()["name"], "Mme Exemple");
}

#[test]
fn on_a_telephone_of_360_pixels() {
    let Some(double) = double() else { return };
    let screen = double.agency.screen("MEL");
    screen.look(NARROW);
    in_state(&screen, "waiting");
    screen.click(".appel2 .prendre");
    in_state(&screen, "second");
    screen.fill(&field("name"), "Mme Exemple");
    screen.fill(&field("note"), "après 14 h");
    screen.click(".brouillon button");
    double.back_to_the_first(&screen);
    let promise = double.promise();
    assert_eq!((&promise["name"], &promise["note"]), (&json!("Mme Exemple"), &json!("après 14 h")));
}

#[test]
fn settled_leaves_no_callback_and_for_ten_seconds_the_other_word_can_be_said() {
    let Some((double, screen)) = taken() else { return };
    screen.click(".appel2 .regle");
    double.back_to_the_first(&screen);
    assert_eq!(double.agency.callbacks_of("+33639980002"), Vec::<Value>::new());
    screen.click(".appel2-fini .garder");
    assert_eq!(double.promise()["source"], "double_call");
    screen.until("the other word", "document.querySelector('.appel2-fini .regle')");
    screen.click(".appel2-fini .regle");
    screen.until("settled", "document.querySelector('.appel2-fini .garder')");
    assert_eq!(double.promise_when(|promise| promise["state"] != "open")["state"], "done");
    screen.inspect("call 2 is over");
    screen.within(AGAIN, "nothing more can be said", "!document.querySelector('.appel2-fini')");
    screen.quiet();
}

#[test]
fn the_line_goes_on_while_it_is_typed() {
    let Some((double, screen)) = taken() else { return };
    screen.click(&field("name"));
    let name = "Madame Exemple de la Longue Rue";
    for (n, letter) in name.chars().enumerate() {
        screen.keys(&letter.to_string());
        // each of them is a live update of the line and of the queue
        if n % 6 == 0 {
            double.agency.note(&format!("06399801{n:02}"), "M. Autre");
        }
    }
    assert_eq!(typed(&screen, "name"), name);
    screen.until("the others are listed", "document.querySelectorAll('.rappel').length === 6");
    assert_eq!(typed(&screen, "name"), name);
    screen.keys(ENTER);
    double.back_to_the_first(&screen);
    assert_eq!(double.promise()["name"], name);
    screen.quiet();
}

#[test]
fn a_reload_in_the_middle_loses_no_key() {
    let Some((double, screen)) = taken() else { return };
    screen.fill(&field("name"), "Mme Exem");
    screen.reload();
    in_state(&screen, "second");
    screen.until("what was typed", &format!("document.querySelector({:?}).value === 'Mme Exem'", field("name")));
    screen.click(&field("name"));
    screen.keys("\u{e010}ple");
    screen.inspect("second after a reload");
    screen.click(".brouillon button");
    double.back_to_the_first(&screen);
    assert_eq!(double.promise()["name"], "Mme Exemple");
}

#[test]
fn a_session_that_ends_in_the_middle_loses_no_key() {
    let Some((double, screen)) = taken() else { return };
    screen.fill(&field("name"), "Mme Exem");
    // what is typed is the only thing that is asked for
    screen.js(STILL);
    screen.js("window.answers = []; const ask = fetch; window.fetch = async (...all) => { const answer = await ask(...all); window.answers.push(answer.status); return answer; }");
    screen.sign_out();
    screen.keys("ple");
    screen.until("it is refused", "window.answers.includes(401)");
    screen.sign_in("MEL", double.agency.password());
    in_state(&screen, "second");
    screen.until("what was typed", &format!("document.querySelector({:?}).value === 'Mme Exemple'", field("name")));
    screen.click(".brouillon button");
    double.back_to_the_first(&screen);
    assert_eq!(double.promise()["name"], "Mme Exemple");
}

#[test]
fn a_crash_in_the_middle_leaves_what_was_typed_as_a_callback() {
    let Some((mut double, screen)) = taken() else { return };
    screen.fill(&field("name"), "Mme Exemple");
    screen.fill(&field("note"), "bris de glace");
    // what was not sent yet, or not written, is sent when the service is back
    double.agency.scene.service.kill();
    double.agency.scene.service.serve().unwrap();
    screen.within(AGAIN, "the promise, without a reload", "document.querySelector('.rappels')?.innerText.includes('Mme Exemple')");
    screen.within(AGAIN, "no banner of a call that is no more", "!document.querySelector('.appel2')?.checkVisibility()");
    let promise = double.promise_when(|promise| promise["note"] == "bris de glace");
    assert_eq!((&promise["name"], &promise["note"]), (&json!("Mme Exemple"), &json!("bris de glace")));
    screen.forget();
    screen.inspect("after the crash");
}

#[test]
fn of_two_screens_one_saves_and_the_other_follows() {
    let Some(double) = double() else { return };
    let (mine, theirs) = (double.agency.screen("MEL"), double.agency.screen(CLERK));
    for screen in [&mine, &theirs] {
        in_state(screen, "waiting");
    }
    mine.click(".appel2 .prendre");
    for screen in [&mine, &theirs] {
        in_state(screen, "second");
    }
    mine.fill(&field("name"), "Mme Exemple");
    follows(&theirs, "name", "Mme Exemple");
    // and back: each keeps what it typed itself
    theirs.fill(&field("note"), "après 14 h");
    follows(&mine, "note", "après 14 h");
    mine.fill(&field("subject"), "devis auto");
    follows(&theirs, "subject", "devis auto");
    assert_eq!((typed(&mine, "name"), typed(&theirs, "note")), ("Mme Exemple".to_owned(), "après 14 h".to_owned()));
    // the second save is on its way when the first one is done
    theirs.js(STILL);
    mine.click(".brouillon button");
    double.back_to_the_first(&mine);
    theirs.click(".brouillon button");
    theirs.until("why not", "document.querySelector('.appel2 .erreur').innerText.trim() !== ''");
    let why = theirs.text(".appel2 .erreur").unwrap();
    assert!(why.contains("MEL"), "it does not say who did: {why}");
    let promise = double.promise();
    let kept = (&promise["name"], &promise["note"], &promise["subject"]);
    assert_eq!(kept, (&json!("Mme Exemple"), &json!("après 14 h"), &json!("devis auto")));
    theirs.reload();
    theirs.until("it follows", "!document.querySelector('.appel2')?.checkVisibility()");
}

#[test]
fn the_page_follows_the_keys_of_the_telephone_and_they_take_what_was_typed() {
    let Some(double) = double() else { return };
    let screen = double.agency.screen("MEL");
    in_state(&screen, "waiting");
    double.leg.press("2");
    in_state(&screen, "second");
    screen.keys("Mme Exem");
    double.leg.press("2");
    in_state(&screen, "swapped");
    double.leg.press("2");
    in_state(&screen, "second");
    screen.keys("ple");
    assert_eq!(typed(&screen, "name"), "Mme Exemple");
    // before the last letters were sent
    double.leg.press("1");
    double.back_to_the_first(&screen);
    assert_eq!(double.promise_when(|promise| promise["name"] == "Mme Exemple")["name"], "Mme Exemple");
}

#[test]
fn the_attendant_takes_it_and_gives_it_back() {
    let Some(double) = double_with(&format!("{ONE_PHONE}\n[attendant]\nenabled = true")) else { return };
    let screen = double.agency.screen("MEL");
    screen.click(".appel2 .repondeur");
    in_state(&screen, "attendant");
    screen.inspect("attendant");
    screen.click(".appel2 .prendre");
    in_state(&screen, "second");
    screen.fill(&field("name"), "Mme Exemple");
    screen.click(".brouillon button");
    double.back_to_the_first(&screen);
    assert_eq!(double.promise()["name"], "Mme Exemple");
}

#[test]
fn who_hangs_up_by_mistake_is_rung_again_and_the_page_says_for_whom() {
    let Some((double, screen)) = taken() else { return };
    screen.fill(&field("name"), "Mme Exemple");
    double.leg.hang_up();
    let again = double.agency.scene.phone_11.expect_call(SOON).expect("phone 11 is not rung again");
    // one that gives no sign of life counts as absent
    again.ring();
    in_state(&screen, "recall");
    assert!(screen.text(".appel2").unwrap().contains("06 39 98 00 01"), "{}", screen.words());
    again.answer();
    screen.until("talking again", "!document.querySelector('.appel2')?.checkVisibility()");
    assert!(again.hears(CALLER, SOON), "phone 11 does not hear the first client");
    assert_eq!(double.promise_when(|promise| promise["name"] == "Mme Exemple")["name"], "Mme Exemple");
    screen.quiet();
}

#[test]
fn the_second_client_hangs_up_while_the_name_is_typed_and_no_letter_is_lost_or_taken_for_a_command() {
    let Some(double) = double() else { return };
    let others = [double.agency.note("0639980011", "M. Autre"), double.agency.note("0639980012", "M. Suivant")];
    let screen = double.agency.screen("MEL");
    screen.until("the queue", "document.querySelectorAll('.rappel').length === 2");
    screen.click(".appel2 .prendre");
    in_state(&screen, "second");
    screen.click(&field("name"));
    screen.keys("Mme Ja");
    double.second.hang_up();
    screen.keys("ff");
    double.back_to_the_first(&screen);
    screen.until("the form stays", "document.querySelector('.appel2-fini .brouillon')?.checkVisibility()");
    screen.keys("aré");
    assert_eq!(typed(&screen, "name"), "Mme Jaffaré");
    assert_eq!(double.promise_when(|promise| promise["name"] == "Mme Jaffaré")["name"], "Mme Jaffaré");
    screen.tab_to(&field("note"), 3);
    screen.keys("bris de glace");
    screen.keys(ENTER);
    screen.until("it is sent", "!document.querySelector('.appel2-fini .brouillon')");
    let promise = double.promise_when(|promise| promise["note"] == "bris de glace");
    assert_eq!((&promise["name"], &promise["note"]), (&json!("Mme Jaffaré"), &json!("bris de glace")));
    screen.within(AGAIN, "nothing more can be said", "!document.querySelector('.appel2-fini')");
    for id in others {
        let other = double.agency.callback(id);
        assert_eq!((&other["state"], &other["attempts"]), (&json!("open"), &json!(0)), "a letter was taken for a command: {other}");
    }
    screen.quiet();
}

#[test]
fn a_form_that_leaves_under_the_hand_takes_the_rest_of_the_word_with_it() {
    let Some(double) = double() else { return };
    let other = double.agency.note("0639980011", "M. Autre");
    let screen = double.agency.screen("MEL");
    screen.until("the queue", "document.querySelectorAll('.rappel').length === 1");
    screen.click(".appel2 .prendre");
    in_state(&screen, "second");
    screen.click(&field("name"));
    // however long the driver takes, the letters follow each other
    screen.js("window.now = Date.now(); Date.now = () => window.now");
    screen.keys("Mme Ja");
    // the second client is an ordinary call now, with no form
    double.first.hang_up();
    screen.until("no form", "!document.querySelector('.brouillon')");
    screen.keys("ffff");
    std::thread::sleep(A_MOMENT);
    let row = double.agency.callback(other);
    assert_eq!((&row["state"], &row["attempts"]), (&json!("open"), &json!(0)), "a letter was taken for a command: {row}");
    // after a while they are commands again
    screen.js(&format!("window.now += {}", A_WHILE.as_millis()));
    screen.keys("f");
    screen.until("a row has the focus", "document.activeElement.closest('.rappel')");
    screen.quiet();
}

#[test]
fn a_call_that_was_dialled_is_ended_for_the_second_one_from_the_page() {
    let Some(agency) = agency(ONE_PHONE) else { return };
    let dialled = agency.scene.phone_11.call(&format!("0{ONE}"), Dial::default()).unwrap();
    let far = agency.scene.trunk.expect_call(SOON).expect("nobody is called");
    far.answer();
    assert!(dialled.wait_up(SOON), "not connected: {:?}", dialled.statuses());
    let second = agency.calls(TWO);
    let screen = agency.screen("MEL");
    in_state(&screen, "waiting");
    screen.inspect("waiting beside a call that was dialled");
    screen.click(".appel2 .finir");
    assert!(far.wait_ended(SOON), "the call that was dialled goes on");
    screen.until("no banner", "!document.querySelector('.appel2')?.checkVisibility()");
    assert!(dialled.hears(CALLER, SOON), "phone 11 does not hear the second client");
    assert!(second.hears(PHONE_11, SOON), "the second client does not hear phone 11");
    second.hang_up();
    assert!(dialled.wait_ended(SOON));
    assert_eq!(agency.callbacks_of("+33639980002"), Vec::<Value>::new());
    screen.quiet();
}
