//! What a page of the lists costs in a database of a million calls and twenty thousand callbacks, asked as the page asks: by HTTP, without
//! the socket. Prints a table of p50 and p99; a percentile is what a person waits for, so no harness with means.
// a bench has its own clock
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a panic is how a bench fails")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;
use chrono::{DateTime, Utc};
use http_body_util::BodyExt;
use rappel::config::Config;
use rappel::domain::entropy::Seeded;
use rappel::domain::now::{self, Now};
use rappel::domain::status::LineStatus;
use rappel::screen::{Plan, ScreenParts, ScreenState, SignIn, router};
use rappel::store::{open, open_for_changes};
use rusqlite::params;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tower::ServiceExt;

const CALLS: i64 = 1_000_000;
const CALLBACKS: i64 = 20_000;
/// Of the callbacks; the rest is closed.
const OPEN: i64 = 200;
/// A call each 30 seconds.
const STEP_MS: i64 = 30_000;
const FIRST_MS: i64 = 1_764_000_000_000;
/// Numbers that call: each some 333 times.
const NUMBERS: i64 = 3_000;
const ASKED: usize = 300;

fn when(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap()
}

fn number(id: i64) -> String {
    format!("+3363998{:04}", id * 7 % NUMBERS)
}

fn fill(dir: &Path) {
    let (mut conn, _lock) = open_for_changes(dir).unwrap();
    let tx = conn.transaction().unwrap();
    {
        let mut call = tx
            .prepare(
                "INSERT INTO calls (id, at, direction, party, raw, number, name, answered_at, answered_by, ended_at, outcome, reason, callback)
                 VALUES (?1, ?2, ?3, 'known', ?4, ?4, 'Dupont', ?5, ?6, ?7, ?8, ?9, ?10)",
            )
            .unwrap();
        for id in 1..=CALLS {
            let at = FIRST_MS + id * STEP_MS;
            let (direction, outcome, reason) = match id % 100 {
                0 => ("incoming", "interrupted", None),
                1..=20 => ("incoming", "missed", Some("no_answer")),
                21..=60 => ("outgoing", "answered", None),
                _ => ("incoming", "answered", None),
            };
            let answered = (outcome == "answered").then_some(at + 5_000);
            let callback = (outcome != "answered").then_some(id % CALLBACKS + 1);
            call.execute(params![id, at, direction, number(id), answered, answered.map(|_| "11"), at + 65_000, outcome, reason, callback])
                .unwrap();
        }
        let mut entry =
            tx.prepare("INSERT INTO callbacks (id, version, number, is_open, closed_at, data) VALUES (?1, 1, ?2, ?3, ?4, ?5)").unwrap();
        for id in 1..=CALLBACKS {
            let (open, at) = (id > CALLBACKS - OPEN, FIRST_MS + id * STEP_MS * 50);
            let data = callback(id, open, at).to_string();
            entry.execute(params![id, number(id), open, (!open).then_some(at), data]).unwrap();
        }
    }
    tx.commit().unwrap();
}

fn callback(id: i64, open: bool, at: i64) -> Value {
    let closed = (!open).then(|| when(at));
    json!({
        "id": id, "version": 1, "party": { "Known": number(id) }, "name": "Dupont", "named": false, "source": "missed", "subject": "sinistre auto",
        "owner": "MEL", "claimed_by": null, "place": "AGENCE", "note": "a rappelé deux fois, attend le rapport de l'expert", "guide": "",
        "due": when(at), "planned": id % 2 == 0, "left_on_hold": false, "state": if open { "open" } else { "done" }, "attempts": 1,
        "missed_count": 2, "first_at": when(at), "last_at": when(at), "call": id, "closed_at": closed, "closed_by": closed.map(|_| "rappelé"),
        "by_fact": true, "to_confirm": false, "folded": false, "marks": [], "answers": {}, "clips": [],
    })
}

fn site(dir: &Path) -> (axum::Router, watch::Sender<Arc<LineStatus>>, rappel::store::WriterThread) {
    let at = when(FIRST_MS + CALLS * STEP_MS);
    let opened = open(dir, at).unwrap();
    let readers = opened.readers();
    let clock = move || Now { instant: now::Instant::ZERO, wall: at };
    let (writer, thread) = opened.start(Box::new(clock), Box::new(|_| ())).unwrap();
    let (status, seen) = watch::channel(Arc::new(LineStatus::default()));
    let (commands, _) = mpsc::channel(1);
    let (ladders, _) = mpsc::channel(1);
    let config = Config::parse("", None).unwrap();
    let plan =
        Plan { hours: config.hours.clone(), per_person: false, trunks: config.trunk_wires(), rules: config.rules, guides: config.guides };
    let state = ScreenState::new(ScreenParts {
        readers,
        writer,
        status: seen,
        commands,
        ladders,
        hosts: Vec::new(),
        listen: vec!["127.0.0.1:8080".parse().unwrap()],
        sign_in: SignIn::As("MEL".to_owned()),
        agency: "Agence".to_owned(),
        plan: watch::channel(Arc::new(plan)).1,
        staff: Vec::new(),
        places: Vec::new(),
        clock: Box::new(clock),
        entropy: Box::new(Seeded(1)),
        metrics: Arc::default(),
    });
    (router(state), status, thread)
}

async fn get(router: &axum::Router, path: &str) -> Value {
    let request = Request::get(path).header("host", "127.0.0.1:8080").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    assert!(response.status().is_success(), "{path}: {}", response.status());
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

async fn measure(router: &axum::Router, name: &str, path: impl Fn(i64) -> String) {
    let (mut times, mut rows) = (Vec::new(), 0);
    for n in 0..ASKED {
        let path = path(i64::try_from(n).unwrap());
        let start = Instant::now();
        let answer = get(router, &path).await;
        times.push(start.elapsed());
        let list = answer["calls"].as_array().or(answer["callbacks"].as_array()).unwrap();
        rows = list.len().max(rows);
    }
    times.sort();
    let ms = |d: Duration| d.as_secs_f64() * 1000.0;
    println!("| `{name}` | {rows} | {:.2} | {:.2} |", ms(times[ASKED / 2]), ms(times[ASKED * 99 / 100]));
}

/// Somewhere in the list, another place each time.
fn place(n: i64) -> i64 {
    FIRST_MS + (n * 7_919 * 331 % CALLS) * STEP_MS
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // asked by `cargo test --benches` whether it runs at all
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    let start = Instant::now();
    let (router, _status, thread) = site(dir.path());
    let size = std::fs::metadata(dir.path().join("rappel.db")).unwrap().len() / 1_000_000;
    println!("{CALLS} calls, {CALLBACKS} callbacks ({OPEN} open), {size} MB; opened in {:?}\n", start.elapsed());
    println!("| question | rows | p50 ms | p99 ms |\n|---|---|---|---|");
    measure(&router, "/api/calls", |_| "/api/calls".to_owned()).await;
    measure(&router, "/api/calls?limit=500", |_| "/api/calls?limit=500".to_owned()).await;
    measure(&router, "/api/calls?before=", |n| format!("/api/calls?before={}.0", place(n))).await;
    measure(&router, "/api/calls?number=", |n| format!("/api/calls?number=%2B{}", &number(n)[1..])).await;
    for outcome in ["missed", "answered", "interrupted", "attendant", "outage"] {
        measure(&router, &format!("/api/calls?outcome={outcome}"), |_| format!("/api/calls?outcome={outcome}")).await;
    }
    let time = |millis| when(millis).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let day = 24 * 3600 * 1000;
    measure(&router, "/api/calls?from=&to= (a day)", |n| format!("/api/calls?from={}&to={}", time(place(n)), time(place(n) + day))).await;
    measure(&router, "/api/calls?to=&outcome=missed", |n| format!("/api/calls?to={}&outcome=missed", time(place(n)))).await;
    measure(&router, "/api/calls?number=&outcome=missed&before=", |n| {
        format!("/api/calls?number=%2B{}&outcome=missed&before={}.0", &number(n)[1..], place(n))
    })
    .await;
    for view in ["due", "planned", "done", "all"] {
        measure(&router, &format!("/api/callbacks?view={view}"), |_| format!("/api/callbacks?view={view}")).await;
    }
    drop(router);
    thread.stop();
}
