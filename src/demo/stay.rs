//! After the story: the page stays up, calls keep arriving at a bounded pace, and the control page's buttons play more. Phone 11 is played
//! by the program, so that a person has the page's own buttons to try; phone 12 is absent, so that a second call is a double call.

mod crew;

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::json;

use self::crew::Crew;
use super::control::{Button, Control};
use super::facts::Facts;
use super::recordings::Recordings;
use super::scene::{EXPIRES, Scene};

/// How often the crew looks around.
const TURN: Duration = Duration::from_millis(100);
/// Between two calls of the day.
const PACE: Duration = Duration::from_secs(45);
/// Calls of the day, at most: an afternoon.
const MAX_DAY: usize = 300;
/// Registrations are renewed well before they end.
const RENEW: Duration = Duration::from_secs(EXPIRES as u64 / 3);
/// What happens on a quiet day, again and again.
const DAY: [Button; 3] = [Button::Missed, Button::First, Button::Again];

enum Order {
    Play(Button),
    End,
}

/// Keeps everything up until Ctrl-C.
pub(super) fn stay(scene: &Scene, facts: &Facts, recordings: &Recordings) -> io::Result<()> {
    scene.phone_12.register(0);
    let (orders, inbox) = mpsc::channel();
    let buttons = orders.clone();
    let page = format!("http://{}/", scene.service.http);
    let play = move |button| {
        // nobody reads orders any more: it is the end
        let _ = buttons.send(Order::Play(button));
    };
    let control = Control::open(&page, recordings.list.clone(), Box::new(play))?;
    let url = control.url();
    facts.say(&json!({ "control": url }), &format!("{url}  plays more calls, with what was heard in the double call (Ctrl-C ends)"));
    std::thread::Builder::new().name("demo-ctrl-c".to_owned()).spawn(move || {
        // without a signal handler the signal ends the process by itself
        if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
            let _ = runtime.block_on(stopped());
        }
        let _ = orders.send(Order::End);
    })?;
    let mut crew = Crew::new(scene);
    let (mut next, mut played, mut renewed) = (Instant::now() + PACE, 0, Instant::now());
    loop {
        match inbox.recv_timeout(TURN) {
            Ok(Order::Play(button)) => {
                control.tell(crew.play(button));
                next = Instant::now() + PACE;
            }
            Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        crew.turn();
        if Instant::now() >= next && crew.is_quiet() && played < MAX_DAY {
            control.tell(crew.play_short(DAY[played % DAY.len()]));
            (next, played) = (Instant::now() + PACE, played + 1);
        }
        if renewed.elapsed() >= RENEW {
            scene.phone_11.register(EXPIRES);
            renewed = Instant::now();
        }
    }
}

/// Ctrl-C, or SIGTERM.
async fn stopped() -> io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        stop = tokio::signal::ctrl_c() => stop,
        _ = terminate.recv() => Ok(()),
    }
}
