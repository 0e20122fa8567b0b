//! The service with two people who may sign in, a client of its API, and clients who call: one scene, as many screens as wanted.

use std::time::Duration;

use rappel::demo::http::{Answer, Client};
use rappel::demo::scene::Scene;
use rappel::demo::ua::{Call, Dial, Reaction, sound};
use serde_json::{Value, json};

use crate::chromium::Chromium;
use crate::screen::Screen;
use crate::stage::{SOON, quiet, scene};

/// Both sit at a telephone of their own: 11 and 12.
pub const PEOPLE: [&str; 2] = ["MEL", "MO"];
/// Speaks to the API only.
pub const CLERK: &str = "FAB";
const PASSWORD: &str = "essai-seulement-ici";

pub struct Agency {
    pub chromium: Chromium,
    pub scene: Scene,
    pub api: Client,
}

/// The agency with both telephones registered; `None` without Chromium.
pub fn agency(changes: &str) -> Option<Agency> {
    let chromium = Chromium::start()?;
    Some(Agency::of(chromium, scene(changes)))
}

/// The same with nobody at the telephones.
pub fn empty_agency(changes: &str) -> Option<Agency> {
    let chromium = Chromium::start()?;
    Some(Agency::of(chromium, quiet(changes)))
}

impl Agency {
    fn of(chromium: Chromium, scene: Scene) -> Agency {
        for person in PEOPLE.into_iter().chain([CLERK]) {
            let added = scene.service.run(&["person", "add", person], &format!("{PASSWORD}\n{PASSWORD}\n")).unwrap();
            assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        }
        let mut api = Client::new(scene.service.http);
        assert!((200..400).contains(&api.sign_in(CLERK, PASSWORD).unwrap()));
        Agency { chromium, scene, api }
    }

    pub fn base(&self) -> String {
        format!("http://{}", self.scene.service.http)
    }

    /// That person's screen, signed in, with the queue on it.
    pub fn screen(&self, person: &str) -> Screen {
        let screen = self.chromium.screen(self.base());
        screen.sign_in(person, PASSWORD);
        screen
    }

    pub fn screen_without_script(&self) -> Screen {
        self.chromium.screen_without_script(self.base())
    }

    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// A callback noted by hand; its id.
    pub fn note(&self, number: &str, name: &str) -> i64 {
        let answer = self.post("/api/callbacks", &json!({ "number": number, "name": name }));
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["id"].as_i64().unwrap()
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.api.post(path, body).unwrap()
    }

    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        self.api.ask("PATCH", path, Some(body)).unwrap()
    }

    pub fn callback(&self, id: i64) -> Value {
        self.api.get(&format!("/api/callbacks/{id}")).unwrap().json()
    }

    /// Every callback of that number (E.164), closed ones too.
    pub fn callbacks_of(&self, number: &str) -> Vec<Value> {
        let all = self.api.get("/api/callbacks?view=all").unwrap().json();
        all["callbacks"].as_array().unwrap().iter().filter(|c| c["number"] == number).cloned().collect()
    }

    /// The telephones ring by themselves and nobody answers.
    pub fn nobody_answers(&self) {
        for phone in [&self.scene.phone_11, &self.scene.phone_12] {
            phone.react(Reaction::Ring);
        }
    }

    /// Calls, hears it ring.
    pub fn calls(&self, number: &str) -> Call {
        let caller = self.scene.caller(number).unwrap();
        assert!(caller.wait_ringing(SOON), "{number} does not hear it ring: {:?}", caller.statuses());
        caller
    }

    /// The same with that name on the display of whoever is called.
    pub fn calls_as(&self, number: &str, name: &str) -> Call {
        let from = format!("\"{name}\" <sip:{number}@operateur.test>");
        let dial = Dial { from: Some(from), ..Dial::default() }.pitch(sound::CALLER);
        let caller = self.scene.trunk.call(rappel::demo::service::NUMBER, dial).unwrap();
        assert!(caller.wait_ringing(SOON), "{number} does not hear it ring: {:?}", caller.statuses());
        caller
    }

    /// Calls and gives up: the row is on its way when this returns.
    pub fn gives_up(&self, number: &str) {
        let caller = self.calls(number);
        caller.cancel(None);
        assert!(caller.wait_ended(SOON), "the cancelled call of {number} goes on");
    }
}

/// As a person would take to do two things one after the other; for what must not happen meanwhile.
pub const A_MOMENT: Duration = Duration::from_millis(700);
