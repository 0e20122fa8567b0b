//! The control page of the demonstration: its buttons play, it is within everybody's reach, and it needs no script.

use std::sync::mpsc;

use rappel::demo::control::{Button, Control};
use rappel::demo::double_call::write_wav;
use rappel::demo::recordings::Recording;

use crate::chromium::Chromium;
use crate::look::axe_or_skip;
use crate::stage::SOON;

#[test]
fn the_control_page_plays_calls_and_is_within_everybodys_reach() {
    let Some(chromium) = Chromium::start() else { return };
    if !axe_or_skip() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ecoute.wav");
    write_wav(&file, vec![0; 8000]).unwrap();
    let (orders, inbox) = mpsc::channel();
    let recordings = vec![Recording { party: "Appelant 1", file: file.clone() }, Recording { party: "Poste 11", file }];
    let control = Control::open("http://127.0.0.1:8080/", recordings, Box::new(move |button| orders.send(button).unwrap())).unwrap();
    let screen = chromium.screen(control.url().trim_end_matches('/').to_owned());
    screen.go("/");
    screen.inspect("nothing played");
    control.tell("L'appel 2 arrive.".to_owned());
    screen.click("form[action='/jouer/appel-2'] button");
    assert_eq!(inbox.recv_timeout(SOON), Ok(Button::Second));
    screen.reads("main ol", "L'appel 2 arrive.");
    screen.inspect("one thing played");
    assert!(screen.has("audio[src='/ecoute/1.wav']"));
}
