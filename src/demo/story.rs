//! A day at the agency, act by act. Each fact is checked where it counts: by the tone the far end hears, by the message it got, by the row
//! or the callback that the page shows; never from inside.

mod attendant;
mod callbacks;
mod double;
mod hours;
mod incoming;
mod interrupted;
mod outgoing;

use std::fs;
use std::io;
use std::process::ExitCode;

use serde_json::json;

use super::double_call::write_music;
use super::facts::Facts;
use super::recordings::Recordings;
use super::scene::{EXPIRES, Plan, Scene};

/// Clients, from the block reserved for fiction. One number is one person: a row of it is looked for by the number.
mod client {
    pub const ANSWERED: &str = "0639980010";
    pub const ELSEWHERE: &str = "0639980011";
    pub const GAVE_UP: &str = "0639980012";
    pub const UNANSWERED: &str = "0639980013";
    pub const REFUSED: &str = "0639980014";
    pub const CLOSED: &str = "0639980015";
    pub const THIRD: &str = "0639980016";
    pub const INTERRUPTED: &str = "0639980017";
    pub const ATTENDANT: &str = "0639980018";
    pub const DIALLED: &str = "0639980019";
}

const WEB_PORT: u16 = 8080;
/// Short, so that the story is; the attendant comes later.
const CHANGES: &str = "[line]\nring_seconds = 3\n[attendant]\nenabled = false";

/// Plays the day. `once`: ends after it; else the page stays up until Ctrl-C. `json`: one object a line.
pub fn run(once: bool, json: bool) -> ExitCode {
    let mut facts = Facts::new(json);
    let played = play(once, &mut facts);
    if let Err(error) = &played {
        facts.fact("the demonstration could be played", false, &error.to_string());
    }
    if facts.all_held() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn play(once: bool, facts: &mut Facts) -> io::Result<()> {
    let mut recordings = Recordings::open()?;
    let music = recordings.folder().join("musique.wav");
    write_music(&music)?;
    let changes = format!("{CHANGES}\n[media]\nhold_music = {music:?}");
    let mut scene = Scene::set(Plan { binary: std::env::current_exe()?, web_port: if once { 0 } else { WEB_PORT }, changes })?;
    if !once {
        let url = format!("http://{}", scene.service.http);
        facts.say(&json!({ "url": url }), &format!("{url}  fills while the story is played, in about a minute (Ctrl-C ends)"));
    }
    let told = tell(&mut scene, facts, &mut recordings);
    if !once && told.is_ok() {
        super::stay::stay(&scene, facts, &recordings)?;
    }
    // the service is gone before its music is
    drop(scene);
    let _ = fs::remove_file(&music);
    told
}

fn tell(scene: &mut Scene, facts: &mut Facts, recordings: &mut Recordings) -> io::Result<()> {
    facts.fact("phones 11 and 12 register with their passwords", scene.register(), "");
    incoming::answered(scene, facts)?;
    incoming::elsewhere(scene, facts)?;
    incoming::gave_up(scene, facts)?;
    incoming::unanswered(scene, facts)?;
    incoming::refused(scene, facts)?;
    incoming::withheld(scene, facts)?;
    hours::closed_and_open_again(scene, facts)?;
    callbacks::the_client_calls_again(scene, facts)?;
    callbacks::called_back(scene, facts)?;
    outgoing::keypad_from_the_answer(scene, facts)?;
    facts.fact("phone 12 goes home: it registers no more", scene.phone_12.register(0) == 200, "");
    double::played(scene, facts, recordings)?;
    facts.fact("phone 12 is back", scene.phone_12.register(EXPIRES) == 200, "");
    interrupted::by_a_kill(scene, facts)?;
    attendant::takes_a_message(scene, facts)
}
