//! The hands on the telephones while the page stays up: callers that come and go, phone 11 that answers, clients that are called back.

use std::time::{Duration, Instant};

use super::super::control::Button;
use super::super::scene::Scene;
use super::super::service::NUMBER;
use super::super::ua::call::Phase;
use super::super::ua::sound::{CALLER, SECOND_CALLER};
use super::super::ua::{Call, Dial};

/// How long a telephone rings before it is answered.
const ANSWERS_AFTER: Duration = Duration::from_secs(2);
/// How long one rings who gives up.
const GIVES_UP_AFTER: Duration = Duration::from_secs(2);
/// Nobody talks longer.
const TALK: Duration = Duration::from_secs(180);
/// A call that arrived by itself is short.
const SHORT_TALK: Duration = Duration::from_secs(12);
/// Clients of the day, from the block reserved for fiction; they come again, so that the queue stays short.
const CLIENTS: u16 = 12;
const FIRST_CLIENT: u16 = 30;

enum Act {
    Answer(Call),
    Leave(Call),
}

pub(super) struct Crew<'a> {
    scene: &'a Scene,
    one: Option<Call>,
    two: Option<Call>,
    /// Call 2 comes as soon as call 1 is answered.
    two_is_next: bool,
    /// What is done when.
    due: Vec<(Instant, Act)>,
    /// Whose calls phone 11 lets ring.
    left_alone: Option<String>,
    /// Who gave up last.
    gave_up: Option<String>,
    clients: u16,
}

impl<'a> Crew<'a> {
    pub(super) fn new(scene: &'a Scene) -> Crew<'a> {
        Crew { scene, one: None, two: None, two_is_next: false, due: Vec::new(), left_alone: None, gave_up: None, clients: 0 }
    }

    /// No call is under way.
    pub(super) fn is_quiet(&self) -> bool {
        !lives(self.one.as_ref()) && !lives(self.two.as_ref()) && self.due.is_empty() && !self.two_is_next
    }

    /// Plays it; what happened, in French.
    pub(super) fn play(&mut self, button: Button) -> String {
        self.play_for(button, TALK)
    }

    pub(super) fn play_short(&mut self, button: Button) -> String {
        self.play_for(button, SHORT_TALK)
    }

    fn play_for(&mut self, button: Button, talk: Duration) -> String {
        match button {
            Button::Missed => self.gives_up(),
            Button::First => {
                let number = self.next_client();
                self.calls(&number, talk)
            }
            Button::Second => self.second(),
            Button::TwoLeaves => leaves(self.two.as_ref(), "L'appelant 2"),
            Button::OneLeaves => leaves(self.one.as_ref(), "L'appelant 1"),
            Button::Again => match self.gave_up.take() {
                Some(number) => self.calls(&number, talk),
                None => "Personne n'a raccroché avant la réponse : il n'y a personne à faire rappeler.".to_owned(),
            },
        }
    }

    /// What is due is done, telephones that ring are picked up.
    pub(super) fn turn(&mut self) {
        let now = Instant::now();
        let (ready, later) = std::mem::take(&mut self.due).into_iter().partition(|(at, _)| *at <= now);
        self.due = later;
        for (_, act) in ready {
            match act {
                Act::Answer(call) => {
                    call.answer();
                }
                Act::Leave(call) => leave(&call),
            }
        }
        // who has left is nothing to come back for
        self.due.retain(|(_, act)| matches!(act, Act::Answer(call) | Act::Leave(call) if call.phase() != Phase::Ended));
        self.pick_up(now);
        if self.two_is_next && self.one.as_ref().is_some_and(|call| call.phase() != Phase::Ringing) {
            self.two_is_next = false;
            self.two = self.caller(SECOND_CALLER, TALK);
        }
    }

    fn pick_up(&mut self, now: Instant) {
        while let Some(leg) = self.scene.phone_11.expect_call(Duration::ZERO) {
            leg.ring();
            let from = leg.invite().and_then(|invite| invite.get("From").map(str::to_owned)).unwrap_or_default();
            if !self.left_alone.as_ref().is_some_and(|number| from.contains(number)) {
                self.due.push((now + ANSWERS_AFTER, Act::Answer(leg)));
            }
        }
        while let Some(far) = self.scene.trunk.expect_call(Duration::ZERO) {
            far.ring();
            self.due.push((now + ANSWERS_AFTER, Act::Answer(far.clone())));
            self.due.push((now + TALK, Act::Leave(far)));
        }
    }

    fn gives_up(&mut self) -> String {
        let number = self.next_client();
        let Ok(call) = self.scene.trunk.call(NUMBER, Dial::from_number(&number).pitch(CALLER)) else { return no_call() };
        self.due.push((Instant::now() + GIVES_UP_AFTER, Act::Leave(call)));
        let told = format!("Le {} appelle, et raccroche avant la réponse.", spoken(&number));
        self.left_alone = Some(number.clone());
        self.gave_up = Some(number);
        told
    }

    fn calls(&mut self, number: &str, talk: Duration) -> String {
        if lives(self.one.as_ref()) {
            return "Un appel est déjà en cours : l'appelant 1 doit d'abord raccrocher.".to_owned();
        }
        self.left_alone = None;
        self.one = self.place(number, CALLER, talk);
        if self.one.is_some() { format!("Le {} appelle ; le poste 11 répond.", spoken(number)) } else { no_call() }
    }

    fn second(&mut self) -> String {
        if lives(self.two.as_ref()) || self.two_is_next {
            return "L'appel 2 est déjà là.".to_owned();
        }
        if self.one.as_ref().is_some_and(|call| call.phase() == Phase::Up) {
            self.two = self.caller(SECOND_CALLER, TALK);
            return "L'appel 2 arrive : sur la page de l'agence, « Prendre », puis « Enregistrer et reprendre ».".to_owned();
        }
        self.two_is_next = true;
        if !lives(self.one.as_ref()) {
            self.left_alone = None;
            self.one = self.caller(CALLER, TALK);
        }
        "L'appel 1 arrive ; le poste 11 répond, et l'appel 2 suit : sur la page de l'agence, « Prendre », puis « Enregistrer et reprendre »."
            .to_owned()
    }

    fn caller(&mut self, pitch: u16, talk: Duration) -> Option<Call> {
        let number = self.next_client();
        self.place(&number, pitch, talk)
    }

    fn place(&mut self, number: &str, pitch: u16, talk: Duration) -> Option<Call> {
        let call = self.scene.trunk.call(NUMBER, Dial::from_number(number).pitch(pitch)).ok()?;
        self.due.push((Instant::now() + talk, Act::Leave(call.clone())));
        Some(call)
    }

    fn next_client(&mut self) -> String {
        let number = FIRST_CLIENT + self.clients % CLIENTS;
        self.clients = self.clients.wrapping_add(1);
        format!("063998{number:04}")
    }
}

fn lives(call: Option<&Call>) -> bool {
    call.is_some_and(|call| call.phase() != Phase::Ended)
}

fn leave(call: &Call) {
    match call.phase() {
        Phase::Ringing => call.cancel(None),
        Phase::Up => call.hang_up(),
        Phase::Ended => {}
    }
}

fn leaves(call: Option<&Call>, who: &str) -> String {
    match call.filter(|call| call.phase() != Phase::Ended) {
        Some(call) => {
            leave(call);
            format!("{who} raccroche.")
        }
        None => format!("{who} n'est pas en ligne."),
    }
}

fn no_call() -> String {
    "L'appel n'a pas pu partir.".to_owned()
}

/// In pairs, as it is said.
fn spoken(number: &str) -> String {
    number.as_bytes().chunks(2).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_number_is_said_in_pairs() {
        assert_eq!(super::spoken("0639980001"), "06 39 98 00 01");
    }
}
