//! The pictures of the manual, taken from the page itself. `RAPPEL_SCREENSHOTS=1` puts them into docs/images; without it they are taken and
//! judged all the same.

use std::fs;
use std::path::PathBuf;

use chrono::{TimeDelta, Utc};
use serde_json::json;

use crate::agency::{Agency, empty_agency};
use crate::double_call::{double, field, in_state};
use crate::look::{LIGHT, Look, NARROW};
use crate::screen::Screen;

/// As wide as a page of the manual shows well.
const SHEET: Look = Look { name: "a picture", width: 1040, height: 680, ..LIGHT };
const LOW: Look = Look { height: 420, ..SHEET };
/// Bytes of a picture.
const MOST: usize = 150_000;
/// Fewer are a blank page.
const LEAST: usize = 5_000;

fn take(screen: &Screen, name: &str, look: Look) {
    screen.look(look);
    screen.until("nothing moves", "document.getAnimations().every((a) => a.playState !== 'running')");
    let picture = screen.picture();
    assert!((LEAST..MOST).contains(&picture.len()), "{name}: {} bytes", picture.len());
    if std::env::var("RAPPEL_SCREENSHOTS").as_deref() == Ok("1") {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/images");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }
}

/// A morning's callbacks: one an hour late, one planned, one of another person.
fn a_morning(agency: &Agency) {
    let late = |minutes| json!({ "due": Utc::now() - TimeDelta::minutes(minutes) });
    let first = agency.note("0639980011", "Mme Durand");
    agency.patch(
        &format!("/api/callbacks/{first}"),
        &json!({ "subject": "sinistre auto", "owner": "MEL", "place": "AGENCE", "note": "constat envoyé lundi" }),
    );
    agency.patch(&format!("/api/callbacks/{first}"), &late(75));
    let second = agency.note("0261910012", "M. Petit");
    agency.patch(&format!("/api/callbacks/{second}"), &json!({ "subject": "devis auto", "owner": "MO" }));
    agency.patch(&format!("/api/callbacks/{second}"), &late(22));
    let third = agency.note("0639980013", "Garage Exemple");
    agency.patch(&format!("/api/callbacks/{third}"), &json!({ "subject": "pièces manquantes" }));
}

#[test]
fn of_the_queue_and_of_a_double_call() {
    let Some(double) = double() else { return };
    a_morning(&double.agency);
    let screen = double.agency.screen("MEL");
    screen.until("the morning", "document.querySelectorAll('.rappel').length === 3");
    in_state(&screen, "waiting");
    take(&screen, "double-appel-attend", SHEET);
    screen.click(".appel2 .prendre");
    in_state(&screen, "second");
    screen.fill(&field("name"), "Mme Exemple");
    screen.fill(&field("subject"), "sinistre auto");
    screen.fill(&field("note"), "bris de glace");
    take(&screen, "double-appel-formulaire", SHEET);
    screen.click(".appel2 .echanger");
    in_state(&screen, "swapped");
    take(&screen, "double-appel-echange", SHEET);
    screen.look(LIGHT);
    screen.click(".brouillon button");
    screen.until("the promise", "document.querySelectorAll('.rappel').length === 4");
    double.hang_up();
    screen.until("free again", "document.querySelector('#poste-11').innerText.includes('libre')");
    screen.go("/");
    screen.ready();
    take(&screen, "rappels", Look { height: 900, ..SHEET });
    take(&screen, "rappels-telephone", NARROW);
    screen.look(SHEET);
    screen.click("#file .rappel .modifier > summary");
    take(&screen, "modifier", SHEET);
    screen.go("/?vue=entre");
    screen.ready();
    take(&screen, "entre-deux-clients", Look { height: 560, ..SHEET });
    screen.go("/appels");
    screen.ready();
    take(&screen, "appels", LOW);
}

#[test]
fn of_signing_in_and_of_the_red_banner() {
    let Some(mut agency) = empty_agency("[trunk]\nregister = true\nusername = \"agence\"\npassword = \"essai\"") else { return };
    let stranger = agency.chromium.screen(agency.base());
    stranger.go("/login");
    take(&stranger, "connexion", LOW);
    let screen = agency.screen("MEL");
    screen.until("the red banner", "document.querySelector('.alerte')?.checkVisibility()");
    take(&screen, "bandeau-rouge", LOW);
    agency.scene.service.kill();
    screen.until("the link is lost", "document.querySelector('#coupure')?.checkVisibility()");
    take(&screen, "liaison-perdue", LOW);
}
