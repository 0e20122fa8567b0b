//! The HTTP side as a browser, a program and a stranger meet it: sessions, origins, hosts, sizes, pages of the list.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode};
use chrono::{DateTime, Utc};
use http_body_util::BodyExt;
use rappel::config::Config;
use rappel::domain::call::{CallId, Direction, Extension, Record};
use rappel::domain::callback::{Answered, CallbackId, Fields};
use rappel::domain::entropy::Seeded;
use rappel::domain::hours::{Holidays, Hours, Range};
use rappel::domain::identity::Caller;
use rappel::domain::ladder::Rung;
use rappel::domain::now::{Instant, Now};
use rappel::domain::number::E164;
use rappel::domain::outcome::{Outcome, Reason};
use rappel::domain::status::{LineStatus, PhoneState, PhoneStatus, TrunkState, TrunkStatus};
use rappel::domain::text::ScreenText;
use rappel::screen::openapi::OPERATIONS;
use rappel::screen::{Asked, LadderWanted, Plan, ScreenParts, ScreenState, SignIn, router};
use rappel::store::contacts::{self, Contact};
use rappel::store::people::{self, PeopleRequest};
use rappel::store::{Writer, WriterThread, open, secret};
use rappel::switchboard::effect::{Done, Refusal};
use rappel::switchboard::input::{CallbackCommand, Command, To};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tower::ServiceExt;

#[path = "screen/events.rs"]
mod events;
#[path = "screen/pages.rs"]
mod pages;

const HOST: &str = "127.0.0.1:8080";
const PASSWORD: &str = "mot-de-passe-MEL";

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_764_000_000 + seconds, 0).unwrap()
}

/// Open day and night, in Paris.
fn always() -> Hours {
    let day = vec![Range::parse("00:00-24:00").unwrap()];
    Hours {
        timezone: chrono_tz::Europe::Paris,
        week: std::array::from_fn(|_| day.clone()),
        closed: Default::default(),
        holidays: Holidays::None,
    }
}

/// A service without a line: MEL and MO may sign in; the clock is moved by hand.
struct Site {
    router: axum::Router,
    writer: Writer,
    status: watch::Sender<Arc<LineStatus>>,
    commands: mpsc::Receiver<Asked>,
    ladders: mpsc::Receiver<LadderWanted>,
    plan: watch::Sender<Arc<Plan>>,
    seconds: Arc<Mutex<u64>>,
    thread: Option<WriterThread>,
    _dir: tempfile::TempDir,
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.stop();
        }
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    /// The answer is an RFC 9457 problem of that status.
    fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().is_some_and(|d| !d.is_empty()));
        problem
    }
}

/// The files of an agency that has none of its own; figures by person are wanted.
fn plan() -> Plan {
    let config = Config::parse("[agency]\nper_person = true\n", None).unwrap();
    Plan { hours: always(), per_person: config.agency.per_person, trunks: config.trunk_wires(), rules: config.rules, guides: config.guides }
}

fn line(trunk: TrunkState) -> LineStatus {
    LineStatus {
        trunks: vec![TrunkStatus { name: "operateur".to_owned(), state: trunk, since: None }],
        phones: vec![PhoneStatus { extension: Extension("11".to_owned()), owner: "MEL".to_owned(), state: PhoneState::Idle }],
        ..LineStatus::default()
    }
}

impl Site {
    fn new() -> Site {
        Site::with(SignIn::Required)
    }

    fn with(sign_in: SignIn) -> Site {
        let dir = tempfile::tempdir().unwrap();
        let opened = open(dir.path(), at(0)).unwrap();
        let readers = opened.readers();
        let (writer, thread) = opened.start(Box::new(|| Now { instant: Instant::ZERO, wall: at(0) }), Box::new(|_| ())).unwrap();
        for (n, code) in [(1, "MEL"), (2, "MO")] {
            let password = secret::hash_password(&PASSWORD.replace("MEL", code), &mut Seeded(n)).unwrap();
            let request = PeopleRequest::Add { code: code.to_owned(), password };
            writer.job(move |conn| people::carry_out(conn, &request, at(0))).blocking_recv().unwrap().unwrap();
        }
        let (status, seen) = watch::channel(Arc::new(line(TrunkState::Static)));
        let (plan, plan_seen) = watch::channel(Arc::new(plan()));
        let (ask, commands) = mpsc::channel(4);
        let (ladders, wanted) = mpsc::channel(4);
        let seconds = Arc::new(Mutex::new(0));
        let clock = Arc::clone(&seconds);
        let state = ScreenState::new(ScreenParts {
            readers,
            writer: writer.clone(),
            status: seen,
            commands: ask,
            ladders,
            hosts: ["rappel.agence", "192.0.2.7"].map(str::to_owned).to_vec(),
            listen: vec![HOST.parse().unwrap()],
            sign_in,
            agency: "Agence <d'essai>".to_owned(),
            plan: plan_seen,
            staff: ["MEL", "MO"].map(str::to_owned).to_vec(),
            places: ["EXT", "AGENCE"].map(str::to_owned).to_vec(),
            clock: Box::new(move || {
                let seconds = *clock.lock().unwrap();
                Now { instant: Instant(seconds * 1_000_000_000), wall: at(i64::try_from(seconds).unwrap()) }
            }),
            entropy: Box::new(Seeded(5)),
            metrics: Arc::default(),
        });
        Site { router: router(state), writer, status, commands, ladders: wanted, plan, seconds, thread: Some(thread), _dir: dir }
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 40_000))));
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", HOST);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", path, headers, Body::empty()).await
    }

    async fn login(&self, person: &str, password: &str) -> Answer {
        let body = json!({ "person": person, "password": password }).to_string();
        self.ask("POST", "/login", &[("content-type", "application/json"), ("origin", "http://127.0.0.1:8080")], body).await
    }

    /// The `Cookie` of MEL's new session.
    async fn cookie(&self) -> String {
        let answer = self.login("MEL", PASSWORD).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let set = answer.headers["set-cookie"].to_str().unwrap();
        set.split(';').next().unwrap().to_owned()
    }

    fn write(&self, records: impl IntoIterator<Item = Record>) {
        records.into_iter().for_each(|record| self.writer.record(0, record).unwrap());
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Runs a story against a new site.
fn story<F: Future<Output = ()>>(f: impl FnOnce(Site) -> F) {
    let site = Site::new();
    runtime().block_on(f(site));
}

fn call(id: i64) -> [Record; 3] {
    let number = serde_json::from_value(json!(format!("+3363998{id:04}"))).unwrap();
    let (call, by) = (CallId(id), Some(Extension("11".to_owned())));
    [
        Record::Opened {
            call,
            at: at(id),
            direction: Direction::Incoming,
            party: Caller::Known(number),
            name: ScreenText::default(),
            extension: None,
        },
        Record::Answered { call, at: at(id + 3), by },
        Record::Ended { call, at: at(id + 63), outcome: Outcome::Answered(None), during: None, short: false },
    ]
}

#[test]
fn without_a_session_the_api_is_401_and_the_open_paths_are_not() {
    story(|site| async move {
        for path in ["/api/line", "/api/calls", "/api/calls/1", "/api/nowhere"] {
            site.get(path, &[]).await.problem(401);
        }
        site.get("/nulle-part", &[]).await.problem(404);
        for path in ["/healthz", "/readyz", "/metrics", "/login"] {
            assert_eq!(site.get(path, &[]).await.status, StatusCode::OK, "{path}");
        }
        let home = site.get("/", &[]).await;
        assert_eq!((home.status, &home.headers["location"]), (StatusCode::SEE_OTHER, &"/login".parse().unwrap()));
        let stale = format!("session={}", "0".repeat(64));
        site.get("/api/line", &[("cookie", &stale)]).await.problem(401);
    });
}

#[test]
fn a_sign_in_gives_a_strict_cookie_that_opens_the_api_until_the_sign_out() {
    story(|site| async move {
        let answer = site.login("mel", PASSWORD).await;
        let set = answer.headers["set-cookie"].to_str().unwrap();
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict") && set.contains("Path=/"), "{set}");
        let cookie = set.split(';').next().unwrap().to_owned();
        let line = site.get("/api/line", &[("cookie", &cookie)]).await.json();
        assert_eq!((&line["open"], &line["second_call"], &line["phones"][0]["owner"]), (&json!(false), &Value::Null, &json!("MEL")));
        let home = site.get("/", &[("cookie", &cookie)]).await;
        assert!(home.body.contains("lang=\"fr\"") && home.body.contains("Agence &#60;d&#39;essai&#62;"), "{}", home.body);
        let ours = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
        assert_eq!(site.ask("POST", "/logout", &ours, "").await.status, StatusCode::SEE_OTHER);
        site.get("/api/line", &[("cookie", &cookie)]).await.problem(401);
        let old = site.cookie().await;
        *site.seconds.lock().unwrap() = u64::try_from(people::SESSION_LIFE.num_seconds()).unwrap();
        site.get("/api/line", &[("cookie", &old)]).await.problem(401);
    });
}

#[test]
fn the_form_signs_in_too_and_says_in_french_what_is_wrong() {
    story(|site| async move {
        let form = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
        let right = site.ask("POST", "/login", &form, format!("person=MEL&password={PASSWORD}")).await;
        assert_eq!((right.status, &right.headers["location"]), (StatusCode::SEE_OTHER, &"/".parse().unwrap()));
        assert!(right.headers.contains_key("set-cookie"));
        let wrong = site.ask("POST", "/login", &form, "person=MEL&password=faux").await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
        assert!(wrong.body.contains("Nom ou mot de passe inconnu.") && !wrong.headers.contains_key("set-cookie"));
    });
}

#[test]
fn guessing_is_401_then_429_and_others_still_sign_in() {
    story(|site| async move {
        site.login("PERSONNE", "faux").await.problem(401);
        site.login("<b>", "faux").await.problem(401);
        for _ in 0..5 {
            site.login("MEL", "faux").await.problem(401);
        }
        let refused = site.login("MEL", PASSWORD).await;
        refused.problem(429);
        assert!(refused.headers.contains_key("retry-after"));
        assert_eq!(site.login("MO", "mot-de-passe-MO").await.status, StatusCode::OK);
        *site.seconds.lock().unwrap() += 2;
        assert_eq!(site.login("MEL", PASSWORD).await.status, StatusCode::OK);
    });
}

#[test]
fn a_token_opens_the_api_without_origin_and_another_does_not() {
    story(|site| async move {
        let token = secret::new_secret(&mut Seeded(9));
        let request = PeopleRequest::Token { code: "MEL".to_owned(), hash: secret::secret_hash(&token) };
        site.writer.run(move |conn| people::carry_out(conn, &request, at(0))).await.unwrap();
        let bearer = format!("Bearer {token}");
        assert_eq!(site.get("/api/line", &[("authorization", &bearer)]).await.status, StatusCode::OK);
        site.ask("POST", "/api/nowhere", &[("authorization", &bearer)], "").await.problem(404);
        site.ask("PUT", "/api/line", &[("authorization", &bearer)], "").await.problem(405);
        site.get("/api/line", &[("authorization", &format!("{bearer}x"))]).await.problem(401);
        site.get("/api/line", &[("authorization", "Basic TUVMOg==")]).await.problem(401);
    });
}

#[test]
fn a_foreign_host_or_origin_is_403() {
    story(|site| async move {
        let cookie = site.cookie().await;
        for host in ["ailleurs.test", "127.0.0.1.ailleurs.test", "192.0.2.1:8080", "", "[::2]"] {
            site.get("/healthz", &[("host", host)]).await.problem(403);
        }
        for host in ["localhost:9", "RAPPEL.agence", "127.0.0.1", "[::1]:8080", "192.0.2.7:8080"] {
            assert_eq!(site.get("/healthz", &[("host", host)]).await.status, StatusCode::OK, "{host}");
        }
        let post = |headers: Vec<(&'static str, &'static str)>| {
            let (site, cookie) = (&site, &cookie);
            async move {
                let headers: Vec<_> = headers.into_iter().chain([("cookie", cookie.as_str())]).collect();
                site.ask("POST", "/api/nowhere", &headers, "").await
            }
        };
        for headers in [
            vec![("origin", "http://ailleurs.test")],
            vec![("origin", "null")],
            vec![("sec-fetch-site", "cross-site")],
            vec![("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:8080")],
            vec![("origin", "http://127.0.0.1:8081")],
            vec![],
        ] {
            post(headers).await.problem(403);
        }
        for path in ["/api/line", "/api/events", "/", "/healthz"] {
            for foreign in ["http://ailleurs.test", "null"] {
                site.get(path, &[("cookie", cookie.as_str()), ("origin", foreign)]).await.problem(403);
            }
        }
        let reads = |headers: Vec<(&'static str, &'static str)>| {
            let (site, cookie) = (&site, &cookie);
            async move {
                let headers: Vec<_> = headers.into_iter().chain([("cookie", cookie.as_str())]).collect();
                site.get("/api/line", &headers).await.status
            }
        };
        // a link that stands on another site leads here and says no origin
        for headers in [vec![("origin", "http://127.0.0.1:8080")], vec![("sec-fetch-site", "cross-site")], vec![]] {
            assert_eq!(reads(headers).await, StatusCode::OK);
        }
        post(vec![("origin", "http://127.0.0.1:8080")]).await.problem(404);
        post(vec![("sec-fetch-site", "same-origin")]).await.problem(404);
        let cross = [("content-type", "application/json"), ("sec-fetch-site", "cross-site")];
        site.ask("POST", "/login", &cross, "{}").await.problem(403);
    });
}

#[test]
fn a_body_over_the_bound_is_413_announced_or_not() {
    story(|site| async move {
        site.ask("POST", "/api/calls/1/hangup", &[("content-length", "50000000")], "").await.problem(413);
        let stream = Body::from_stream(tokio_stream(vec![vec![b'x'; 40_000]; 2]));
        site.ask("POST", "/login", &[("content-type", "application/json")], stream).await.problem(413);
        site.ask("POST", "/login", &[("content-type", "application/json")], "{").await.problem(422);
        let cookie = site.cookie().await;
        let ours = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin"), ("content-type", "application/json")];
        let stream = Body::from_stream(tokio_stream(vec![vec![b'x'; 40_000]; 2]));
        site.ask("POST", "/api/callbacks", &ours, stream).await.problem(413);
    });
}

#[test]
fn what_no_route_can_read_is_refused_in_french_too() {
    story(|site| async move {
        let cookie = site.cookie().await;
        let ours = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin"), ("content-type", "application/x-www-form-urlencoded")];
        site.ask("POST", "/callbacks/x/close", &ours, "outcome=reached").await.problem(400);
        site.ask("POST", "/callbacks/7/close", &ours[..2], "outcome=reached").await.problem(415);
    });
}

#[test]
fn a_sign_in_without_a_field_names_it() {
    story(|site| async move {
        let json = [("content-type", "application/json")];
        assert_eq!(site.ask("POST", "/login", &json, "{\"person\": \"MEL\"}").await.problem(422)["field"], "password");
        assert_eq!(site.ask("POST", "/login", &json, "{\"password\": \"x\"}").await.problem(422)["field"], "person");
    });
}

/// A body whose length is not announced.
fn tokio_stream(chunks: Vec<Vec<u8>>) -> impl futures_core::Stream<Item = Result<Vec<u8>, std::io::Error>> + Send + 'static {
    Chunks(chunks)
}

struct Chunks(Vec<Vec<u8>>);

impl futures_core::Stream for Chunks {
    type Item = Result<Vec<u8>, std::io::Error>;
    fn poll_next(mut self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.pop().map(Ok))
    }
}

#[test]
fn every_answer_carries_the_protecting_headers_and_no_product_name() {
    story(|site| async move {
        for path in ["/login", "/api/line", "/nulle-part", "/healthz"] {
            let headers = site.get(path, &[]).await.headers;
            let policy = headers["content-security-policy"].to_str().unwrap();
            assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
            assert_eq!(
                (&headers["x-content-type-options"], &headers["referrer-policy"]),
                (&"nosniff".parse().unwrap(), &"same-origin".parse().unwrap())
            );
            assert_eq!(headers["cache-control"], "no-store");
            assert!(!headers.contains_key("server") && !headers.contains_key("access-control-allow-origin"));
        }
    });
}

#[test]
fn calls_are_listed_filtered_and_paged() {
    story(|site| async move {
        let cookie = site.cookie().await;
        site.write((1..=3).flat_map(call));
        site.write([Record::Outage { from: at(-60), to: at(-30), what: "process stopped".to_owned() }]);
        site.writer.run(|_| Ok(())).await.unwrap();
        let signed = [("cookie", cookie.as_str())];
        let page = site.get("/api/calls?limit=2", &signed).await.json();
        let row = &page["calls"][0];
        let fields = "id at number display name direction outcome reason during answered_by short rang_seconds talk_seconds callback";
        fields.split(' ').for_each(|field| assert!(row.get(field).is_some(), "{field}"));
        assert_eq!((&row["id"], &row["number"], &row["at"]), (&json!(3), &json!("+33639980003"), &json!("2025-11-24T16:00:03.000Z")));
        assert_eq!((&row["answered_by"], &row["rang_seconds"], &row["talk_seconds"]), (&json!("MEL"), &json!(3), &json!(60)));
        let rest = site.get(&format!("/api/calls?limit=2&before={}", page["next"].as_str().unwrap()), &signed).await.json();
        let ids: Vec<_> = rest["calls"].as_array().unwrap().iter().map(|c| c["id"].clone()).collect();
        assert_eq!((ids, &rest["next"]), (vec![json!(1), json!(-1)], &Value::Null));
        let outage = &rest["calls"][1];
        assert_eq!(
            (&outage["outcome"], &outage["number"], &outage["to"]),
            (&json!("outage"), &Value::Null, &json!("2025-11-24T15:59:30.000Z"))
        );
        for (query, count) in [
            ("number=%2B33639980002", 1),
            ("number=+33639980002", 1),
            ("outcome=answered", 3),
            ("outcome=missed", 0),
            ("to=2020-01-01T00:00:00Z", 0),
            ("from=2025-11-24T17:00:02%2B01:00", 2),
        ] {
            let found = site.get(&format!("/api/calls?{query}"), &signed).await.json();
            assert_eq!(found["calls"].as_array().unwrap().len(), count, "{query}");
        }
        for (query, field) in [("from=hier", "from"), ("limit=x", "limit"), ("before=x", "before"), ("number=0", "number")] {
            assert_eq!(site.get(&format!("/api/calls?{query}"), &signed).await.problem(422)["field"], field);
        }
        assert_eq!(site.get("/api/calls/2", &signed).await.json()["number"], "+33639980002");
        site.get("/api/calls/999999", &signed).await.problem(404);
        site.get("/api/calls/x", &signed).await.problem(404);
    });
}

#[test]
fn the_ladder_of_a_call_is_told_as_the_line_kept_it() {
    story(|mut site| async move {
        let cookie = site.cookie().await;
        site.write(call(1));
        site.writer.run(|_| Ok(())).await.unwrap();
        let signed = [("cookie", cookie.as_str())];
        site.get("/api/calls/1/ladder", &[]).await.problem(401);
        site.get("/api/calls/2/ladder", &signed).await.problem(404);
        let mut ladders = std::mem::replace(&mut site.ladders, mpsc::channel(1).1);
        let line = tokio::spawn(async move {
            let (of, answer) = ladders.recv().await.unwrap();
            assert_eq!(of, CallId(1));
            let (local, remote) = ("127.0.0.1:5060".parse().unwrap(), "127.0.0.2:5062".parse().unwrap());
            let rung = |sent, start: &str, bytes: &[u8]| Rung {
                at: at(1),
                sent,
                transport: "udp".to_owned(),
                local,
                remote,
                dialog: 0,
                start: start.to_owned(),
                cseq: "1 INVITE".to_owned(),
                bytes: bytes.to_vec(),
            };
            answer
                .send(vec![rung(false, "INVITE sip:x SIP/2.0", b"INVITE <b>\xe9"), rung(true, "SIP/2.0 200 OK", b"SIP/2.0 200 OK")])
                .unwrap();
        });
        let messages = site.get("/api/calls/1/ladder", &signed).await.json()["messages"].clone();
        assert_eq!(messages[0]["from"], "127.0.0.2:5062");
        assert_eq!(messages[1]["from"], "127.0.0.1:5060");
        assert_eq!((&messages[0]["text"], &messages[1]["start"]), (&json!("INVITE <b>\u{fffd}"), &json!("SIP/2.0 200 OK")));
        assert_eq!((&messages[0]["sent"], &messages[0]["dialog"], &messages[0]["cseq"]), (&json!(false), &json!(0), &json!("1 INVITE")));
        line.await.unwrap();
        site.get("/api/calls/1/ladder", &signed).await.problem(503);
    });
}

#[test]
fn hanging_up_asks_the_switchboard_and_says_what_it_said() {
    story(|mut site| async move {
        let cookie = site.cookie().await;
        let mut commands = std::mem::replace(&mut site.commands, mpsc::channel(1).1);
        let switchboard = tokio::spawn(async move {
            let answers = [Ok(Done::Nothing), Err(Refusal::NotFound), Err(Refusal::Conflict("Deux appels conviennent."))];
            for answer in answers {
                let (command, reply) = commands.recv().await.unwrap();
                assert_eq!(command, Command::HangUp(CallId(7)));
                reply.send(answer).unwrap();
            }
        });
        let ours = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
        assert_eq!(site.ask("POST", "/api/calls/7/hangup", &ours, "").await.status, StatusCode::NO_CONTENT);
        site.ask("POST", "/api/calls/7/hangup", &ours, "").await.problem(404);
        assert_eq!(site.ask("POST", "/api/calls/7/hangup", &ours, "").await.problem(409)["detail"], "Deux appels conviennent.");
        switchboard.await.unwrap();
        site.ask("POST", "/api/calls/7/hangup", &ours, "").await.problem(503);
    });
}

#[test]
fn readiness_names_what_is_missing_and_metrics_are_for_this_machine() {
    story(|site| async move {
        assert_eq!(site.get("/readyz", &[]).await.status, StatusCode::OK);
        site.status.send(Arc::new(line(TrunkState::Refused))).unwrap();
        site.get("/readyz", &[]).await.problem(503);
        site.status.send(Arc::new(LineStatus::default())).unwrap();
        let detail = site.get("/readyz", &[]).await.problem(503)["detail"].to_string();
        assert!(detail.contains("Aucun opérateur") && detail.contains("Aucun téléphone"), "{detail}");
        let metrics = site.get("/metrics", &[]).await.body;
        assert!(metrics.contains("# TYPE rappel_calls_running gauge") && metrics.ends_with("# EOF\n"), "{metrics}");
        let far = Request::builder()
            .uri("/metrics")
            .header("host", HOST)
            .extension(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 1))))
            .body(Body::empty())
            .unwrap();
        assert_eq!(site.router.clone().oneshot(far).await.unwrap().status(), StatusCode::FORBIDDEN);
    });
}

#[test]
fn the_demonstration_needs_no_session_but_still_an_origin() {
    let site = Site::with(SignIn::As("MEL".to_owned()));
    runtime().block_on(async move {
        assert_eq!(site.get("/api/line", &[]).await.status, StatusCode::OK);
        site.ask("POST", "/api/calls/1/hangup", &[("origin", "http://ailleurs.test")], "").await.problem(403);
    });
}

#[test]
fn over_a_socket_two_hundred_slow_connections_and_a_large_body_do_not_stop_the_page() {
    let site = Site::new();
    let runtime = runtime();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = runtime.spawn(rappel::screen::serve::serve(listener, site.router.clone(), async move { stopped.await.unwrap_or(()) }));
    let connect = || {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    };
    let slow: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = connect();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
            stream
        })
        .collect();
    let exchange = |request: String| {
        let (mut stream, mut answer) = (connect(), Vec::new());
        // a refused body may end the connection while it is still sent
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let healthy = exchange(format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"));
    assert!(healthy.starts_with("HTTP/1.1 200"), "{healthy}");
    let large = exchange(format!("POST /login HTTP/1.1\r\nHost: {address}\r\nContent-Length: 50000000\r\n\r\n{}", "x".repeat(3_000_000)));
    assert!(large.starts_with("HTTP/1.1 413"), "{large:.80}");
    drop(slow);
    stop.send(()).unwrap();
    runtime.block_on(serving).unwrap();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn contacts_are_found_by_a_part_of_their_name_or_number() {
    story(|site| async move {
        let contact = |number: &str, name: &str, note: &str| Contact {
            number: E164::from_e164(number).unwrap(),
            name: ScreenText::clean(name),
            note: note.to_owned(),
        };
        let mut all = vec![contact("+33639980001", "Zoé Lefèvre", "3 %"), contact("+33199000001", "Garage Œuvré_1", "")];
        all.extend((0..60).map(|n| contact(&format!("+33261910{n:03}"), "Martin", "")));
        site.writer.run(move |conn| contacts::merge(conn, &all)).await.unwrap();
        let cookie = site.cookie().await;
        let find = |query: &'static str| {
            let (site, cookie) = (&site, &cookie);
            async move {
                site.get(&format!("/api/contacts?q={query}"), &[("cookie", cookie)]).await.json()["contacts"].as_array().unwrap().clone()
            }
        };
        let whole = json!([{ "id": 1, "number": "+33639980001", "display": "06 39 98 00 01", "name": "Zoé Lefèvre", "note": "3 %" }]);
        for query in ["zoe", "LEFEVRE+Zo%C3%89", "0639", "06+39+98", "%2B33639", "0033639", "98.00.01"] {
            assert_eq!(json!(find(query).await), whole, "{query}");
        }
        assert_eq!(find("oeuvre_").await[0]["name"], "Garage Œuvré_1");
        for (query, count) in [("martin", 50), ("", 50), ("%25", 0), ("_", 1), ("personne", 0), ("%27%20OR%201=1", 0), ("%5C", 0)] {
            assert_eq!(find(query).await.len(), count, "{query}");
        }
        site.get("/api/contacts?q=zoe", &[]).await.problem(401);
    });
}

#[test]
fn the_description_of_the_api_names_every_route_and_no_other() {
    let source = include_str!("../src/screen/mod.rs");
    let mut routes: BTreeSet<&str> = source.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    // what pages are made of is theirs; their own routes stand in page/mod.rs
    assert!(routes.remove("/static/{version}/{name}") && routes.insert("/"));
    let described: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.path).collect();
    assert!(routes.len() > 10, "the routes were not read");
    // the pages' own forms, which no program needs, stand in a file of theirs
    assert_eq!(routes.difference(&described).collect::<Vec<_>>(), Vec::<&&str>::new(), "routes that are not described");
    story(|site| async move {
        let open = site.get("/api/openapi.json", &[]).await;
        assert_eq!((open.status, open.json()["openapi"].as_str()), (StatusCode::OK, Some("3.1.0")));
        let token = secret::new_secret(&mut Seeded(9));
        let request = PeopleRequest::Token { code: "MEL".to_owned(), hash: secret::secret_hash(&token) };
        site.writer.run(move |conn| people::carry_out(conn, &request, at(0))).await.unwrap();
        let bearer = format!("Bearer {token}");
        for operation in OPERATIONS {
            assert!(open.json()["paths"][operation.path][operation.method].is_object(), "{} {}", operation.method, operation.path);
            // a method that no route has is told which ones it has
            let path = operation.path.replace("{id}", "1").replace("{version}", "1").replace("{name}", "style.css");
            let answer = site.ask("PUT", &path, &[("authorization", &bearer)], "").await;
            answer.problem(405);
            let allowed = answer.headers["allow"].to_str().unwrap();
            assert!(allowed.contains(&operation.method.to_uppercase()), "{} {path}: {allowed}", operation.method);
        }
    });
}

/// Answers the next commands in order, each of which must be the one that is expected.
fn switchboard(site: &mut Site, expected: Vec<(Command, Result<Done, Refusal>)>) -> tokio::task::JoinHandle<()> {
    let mut commands = std::mem::replace(&mut site.commands, mpsc::channel(1).1);
    tokio::spawn(async move {
        for (wanted, answer) in expected {
            let (command, reply) = commands.recv().await.unwrap();
            assert_eq!(command, wanted);
            reply.send(answer).unwrap();
        }
    })
}

fn dial(to: To, extension: Option<&str>, guide: &str) -> Command {
    Command::Dial { person: "MEL".into(), to, extension: extension.map(|e| Extension(e.into())), guide: guide.into() }
}

#[test]
fn dialling_asks_the_switchboard_and_each_refusal_has_its_status() {
    story(|mut site| async move {
        let cookie = site.cookie().await;
        let ours = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
        let number = || To::Number("06 39 98 00 01".into());
        let back = || To::Callback(CallbackId(4));
        let board = switchboard(
            &mut site,
            vec![
                (dial(number(), None, ""), Ok(Done::Call(CallId(12)))),
                (dial(number(), Some("11"), "sinistre-auto"), Err(Refusal::Invalid { field: "to", detail: "Trop court.".into() })),
                (dial(number(), None, ""), Err(Refusal::Barred("Non permis.".into()))),
                (dial(number(), None, ""), Err(Refusal::Conflict("Occupé."))),
                (dial(number(), None, ""), Err(Refusal::Unavailable("Pas de ligne."))),
                (dial(back(), None, ""), Ok(Done::Call(CallId(13)))),
                (dial(back(), Some("12"), ""), Err(Refusal::NotFound)),
                (Command::Hold { person: "MEL".into(), call: CallId(12), on: true }, Ok(Done::Nothing)),
                (Command::Hold { person: "MEL".into(), call: CallId(12), on: false }, Err(Refusal::NotFound)),
            ],
        );
        let post = |path: &'static str, body: &'static str| site.ask("POST", path, &ours, body);
        let plain = "{\"to\": \" 06 39 98 00 01 \"}";
        let answer = post("/api/dial", plain).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::ACCEPTED, json!({ "id": 12 })));
        let full = "{\"to\": \"06 39 98 00 01\", \"extension\": \"11\", \"guide\": \"sinistre-auto\"}";
        assert_eq!(post("/api/dial", full).await.problem(422)["field"], "to");
        assert_eq!(post("/api/dial", plain).await.problem(403)["detail"], "Non permis.");
        post("/api/dial", plain).await.problem(409);
        assert_eq!(post("/api/dial", plain).await.problem(503)["detail"], "Pas de ligne.");
        assert_eq!(post("/api/callbacks/4/call", "").await.json(), json!({ "id": 13 }));
        let problem = post("/api/callbacks/4/call", "{\"extension\": \"12\"}").await.problem(404);
        assert!(problem["detail"].as_str().unwrap().contains("rappel"), "{problem}");
        assert_eq!(post("/api/calls/12/hold", "").await.status, StatusCode::NO_CONTENT);
        post("/api/calls/12/resume", "").await.problem(404);
        // these never reach the switchboard
        assert_eq!(post("/api/dial", "{}").await.problem(422)["field"], "to");
        assert_eq!(post("/api/dial", "{\"to\": 5}").await.problem(422)["field"], "to");
        assert_eq!(post("/api/dial", "{\"to\": \"15\", \"extension\": 11}").await.problem(422)["field"], "extension");
        assert_eq!(post("/api/dial", "{\"to\": \"15\", \"guide\": \"x\"}").await.problem(422)["field"], "guide");
        post("/api/dial", "to=15").await.problem(400);
        post("/api/callbacks/x/call", "").await.problem(404);
        board.await.unwrap();
    });
}

#[test]
fn answers_to_a_guide_are_ticks_and_texts_by_step() {
    story(|mut site| async move {
        let cookie = site.cookie().await;
        let ours = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
        let patched = |answers| {
            let fields = Fields { answers, ..Fields::default() };
            let what = CallbackCommand::Patch(CallbackId(4), fields);
            (Command::Callback { person: "MEL".into(), what }, Err(Refusal::NotFound))
        };
        let tick = |on| Some(Answered::Tick(on));
        let text = |text: &str| Some(Answered::Text(text.to_owned()));
        let some = [("garantie".to_owned(), tick(true)), ("sinistre".to_owned(), text("A 1")), ("garage".to_owned(), None)];
        let board = switchboard(&mut site, vec![patched(Some(Some(some.into()))), patched(Some(None)), patched(None)]);
        let patch = |body: &'static str| site.ask("PATCH", "/api/callbacks/4", &ours, body);
        patch("{\"answers\": {\"garantie\": true, \"sinistre\": \" A 1\", \"garage\": null}}").await.problem(404);
        patch("{\"answers\": null}").await.problem(404);
        patch("{}").await.problem(404);
        for bad in ["{\"answers\": []}", "{\"answers\": {\"a\": 1}}", "{\"answers\": {\"a\": {}}}"] {
            assert_eq!(patch(bad).await.problem(422)["field"], "answers");
        }
        board.await.unwrap();
    });
}

#[test]
fn digits_are_explained_without_dialling() {
    story(|site| async move {
        let cookie = site.cookie().await;
        let signed = [("cookie", cookie.as_str())];
        for (digits, decision, number) in [
            ("015", "emergency", json!("15")),
            ("00639980001", "outside", json!("+33639980001")),
            ("%2B33639980001", "outside", json!("+33639980001")),
            ("*90", "code", Value::Null),
            ("*01", "code", json!("+33243417272")),
            ("0899000001", "refused", Value::Null),
            ("06abc", "refused", Value::Null),
        ] {
            let said = site.get(&format!("/api/explain?digits={digits}"), &signed).await.json();
            assert_eq!((&said["decision"], &said["number"]), (&json!(decision), &number), "{said}");
            assert!(said["steps"].as_array().is_some_and(|steps| !steps.is_empty()), "{said}");
            assert_eq!(said["reason"].is_string(), decision == "refused", "{said}");
        }
        for wrong in ["/api/explain", "/api/explain?digits="] {
            assert_eq!(site.get(wrong, &signed).await.problem(422)["field"], "digits");
        }
        let long = format!("/api/explain?digits={}", "1".repeat(300));
        assert_eq!(site.get(&long, &signed).await.problem(422)["field"], "digits");
    });
}

#[test]
fn the_directory_and_the_guides_are_served() {
    story(|site| async move {
        let cookie = site.cookie().await;
        let signed = [("cookie", cookie.as_str())];
        let entries = site.get("/api/directory", &signed).await.json()["entries"].clone();
        let named = |name: &str| entries.as_array().unwrap().iter().find(|e| e["name"] == name).unwrap().clone();
        let auto = named("Sinistres auto");
        assert_eq!((&auto["code"], &auto["number"], &auto["guide"]), (&json!("11"), &json!("+33980980911"), &json!("sinistre-auto")));
        assert_eq!((&auto["display"], &auto["keys"], &auto["keypad"]), (&json!("09 80 98 09 11"), &Value::Null, &json!(false)));
        let printer = named("Imprimante");
        assert_eq!((&printer["number"], &printer["display"], &printer["guide"]), (&Value::Null, &json!("à compléter"), &Value::Null));
        let guides = site.get("/api/guides", &signed).await.json()["guides"].clone();
        let auto = guides.as_array().unwrap().iter().find(|g| g["id"] == "sinistre-auto").unwrap().clone();
        assert_eq!(auto["mail"], json!({ "to": "autosolutions@groupe-mma.fr", "subject": "sinistre" }));
        assert_eq!((&auto["steps"][0]["id"], &auto["steps"][0]["kind"]), (&json!("garantie"), &json!("tick")));
        for path in ["/api/directory", "/api/guides", "/api/day", "/api/explain?digits=15"] {
            site.get(path, &[]).await.problem(401);
        }
    });
}

#[test]
fn a_day_is_summed_from_its_calls_and_callbacks() {
    story(|site| async move {
        let hours = Config::parse("", None).unwrap().hours;
        site.plan.send(Arc::new(Plan { hours, ..plan() })).unwrap();
        let cookie = site.cookie().await;
        let signed = [("cookie", cookie.as_str())];
        // 17:00 in Paris, on a day that closes at 18:00
        *site.seconds.lock().unwrap() = 3600;
        site.write((1..=3).flat_map(call));
        let [opened, ..] = call(4);
        let lost = Outcome::Missed(Reason::NoAnswer);
        site.write([opened, Record::Ended { call: CallId(4), at: at(22), outcome: lost, during: None, short: false }]);
        site.writer.run(|_| Ok(())).await.unwrap();
        let day = site.get("/api/day?date=2025-11-24", &signed).await.json();
        for (field, value) in
            [("calls", 4), ("answered", 3), ("missed", 1), ("answered_percent", 75), ("called_back", 0), ("open_at_closing", 0)]
        {
            assert_eq!(day[field], value, "{field} of {day}");
        }
        assert_eq!(day["owners"], json!([{ "owner": "MEL", "answered": 3, "called_back": 0 }]));
        let hours = day["hours"].as_array().unwrap();
        assert_eq!((&hours[0]["hour"], hours.len()), (&json!(9), 9));
        assert_eq!(hours[8], json!({ "hour": 17, "calls": 4, "missed": 1 }));
        assert_eq!(site.get("/api/day", &signed).await.json(), day);
        assert_eq!(site.get("/api/day?date=2025-11-23", &signed).await.json()["calls"], 0);
        for bad in ["hier", "2025-13-01", "20251124x"] {
            assert_eq!(site.get(&format!("/api/day?date={bad}"), &signed).await.problem(422)["field"], "date");
        }
    });
}
