//! `GET /api/events` as a browser reads it: a snapshot, each change, and nothing lost in a gap.

use axum::body::BodyDataStream;
use futures_core::Stream;
use rappel::domain::callback::CallbackState;

use super::pages::callback;
use super::*;

/// One event as it was sent.
#[derive(Debug)]
struct Event {
    id: String,
    name: String,
    data: Value,
}

struct Events {
    body: BodyDataStream,
    rest: String,
}

impl Events {
    async fn open(site: &Site, cookie: &str, last: Option<&str>) -> Events {
        let mut request = Request::builder().uri("/api/events").header("host", HOST).header("cookie", cookie);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = site.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!((response.status(), &response.headers()["content-type"]), (StatusCode::OK, &"text/event-stream".parse().unwrap()));
        Events { body: response.into_body().into_data_stream(), rest: String::new() }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.rest.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
                let read =
                    Event { id: field("id: "), name: field("event: "), data: serde_json::from_str(&field("data: ")).unwrap_or_default() };
                self.rest = rest.to_owned();
                if !read.name.is_empty() {
                    return Some(read);
                }
                continue;
            }
            let next = std::future::poll_fn(|context| std::pin::Pin::new(&mut self.body).poll_next(context));
            let bytes = tokio::time::timeout(Duration::from_secs(10), next).await.expect("an event in time")?;
            self.rest.push_str(std::str::from_utf8(&bytes.unwrap()).unwrap());
        }
    }

    async fn until(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if event.name == name {
                return event;
            }
        }
    }
}

#[test]
fn without_a_session_there_are_no_events() {
    story(|site| async move {
        site.get("/api/events", &[]).await.problem(401);
    });
}

#[test]
fn a_connection_begins_with_everything_and_goes_on_with_each_change() {
    story(|site| async move {
        let cookie = site.cookie().await;
        site.write([Record::Callback(Box::new(callback(7)))]);
        site.write(call(3));
        site.writer.run(|_| Ok(())).await.unwrap();
        let mut events = Events::open(&site, &cookie, None).await;
        let first = events.next().await.unwrap();
        assert_eq!((first.name.as_str(), &first.data["callbacks"], &first.data["calls"]), ("snapshot", &json!(1), &json!(1)));
        let told = [events.next().await.unwrap(), events.next().await.unwrap(), events.next().await.unwrap()];
        assert_eq!(told.each_ref().map(|e| e.name.as_str()), ["line", "callback", "call"]);
        // cut in the middle of it, whoever comes back begins anew
        assert!(told[2].id != first.id && [&told[0].id, &told[1].id].iter().all(|id| **id == first.id && !id.is_empty()));
        assert_eq!(Events::open(&site, &cookie, Some(&first.id)).await.next().await.unwrap().name, "snapshot");
        assert_eq!(Events::open(&site, &cookie, Some(&told[2].id)).await.next().await.unwrap().name, "line");
        assert_eq!(told[0].data, site.get("/api/line", &[("cookie", &cookie)]).await.json());
        assert_eq!(told[1].data, site.get("/api/callbacks/7", &[("cookie", &cookie)]).await.json());
        assert_eq!(told[2].data, site.get("/api/calls/3", &[("cookie", &cookie)]).await.json());
        site.status.send(Arc::new(line(TrunkState::Refused))).unwrap();
        assert_eq!(events.until("line").await.data["trunks"][0]["state"], "refused");
        let mut closed = callback(7);
        (closed.version, closed.state) = (2, CallbackState::Done);
        site.write([Record::Callback(Box::new(closed))]);
        let told = events.until("callback").await;
        assert_eq!((&told.data["id"], &told.data["state"]), (&json!(7), &json!("done")));
        site.write(call(4));
        assert_eq!(events.until("call").await.data["id"], 4);
    });
}

#[test]
fn after_a_gap_there_is_a_snapshot_and_without_one_there_is_none() {
    story(|site| async move {
        let cookie = site.cookie().await;
        site.write([Record::Callback(Box::new(callback(7)))]);
        site.writer.run(|_| Ok(())).await.unwrap();
        let last = Events::open(&site, &cookie, None).await.until("callback").await.id;
        let mut same = Events::open(&site, &cookie, Some(&last)).await;
        assert_eq!(same.next().await.unwrap().name, "line");
        site.write([Record::Callback(Box::new(callback(8)))]);
        assert_eq!(same.next().await.unwrap().data["id"], 8);
        let mut later = Events::open(&site, &cookie, Some(&last)).await;
        assert_eq!(later.next().await.unwrap().name, "snapshot");
        let ids = [later.until("callback").await.data["id"].clone(), later.until("callback").await.data["id"].clone()];
        assert!(ids.contains(&json!(7)) && ids.contains(&json!(8)), "{ids:?}");
        // numbers of another process mean nothing here
        assert_eq!(Events::open(&site, &cookie, Some("ailleurs-1")).await.next().await.unwrap().name, "snapshot");
    });
}

#[test]
fn who_reads_too_slowly_is_told_everything_again_and_nothing_is_lost() {
    story(|site| async move {
        let cookie = site.cookie().await;
        let mut slow = Events::open(&site, &cookie, None).await;
        assert_eq!(slow.next().await.unwrap().name, "snapshot");
        // far more than the queue and what a follower may be behind
        for id in 1..=600 {
            site.write([Record::Callback(Box::new(callback(id)))]);
        }
        site.writer.run(|_| Ok(())).await.unwrap();
        let mut snapshots = 0;
        let mut known = std::collections::BTreeSet::new();
        while known.len() < 600 {
            let event = slow.next().await.unwrap();
            snapshots += usize::from(event.name == "snapshot");
            known.extend(event.data["id"].as_i64().filter(|_| event.name == "callback"));
        }
        assert!(snapshots >= 1, "a gap was not filled by a snapshot");
    });
}

#[test]
fn a_database_that_cannot_be_read_leaves_the_line_and_no_place_to_go_on_from() {
    story(|site| async move {
        let cookie = site.cookie().await;
        let rename = |from: &'static str, to: &'static str| {
            site.writer.run(move |conn| Ok(conn.execute_batch(&format!("ALTER TABLE {from} RENAME TO {to}"))?))
        };
        rename("callbacks", "away").await.unwrap();
        let mut events = Events::open(&site, &cookie, None).await;
        let line = events.next().await.unwrap();
        assert_eq!(line.name, "line");
        assert!(events.next().await.is_none(), "the connection goes on without the rest");
        rename("away", "callbacks").await.unwrap();
        assert_eq!(Events::open(&site, &cookie, Some(&line.id)).await.next().await.unwrap().name, "snapshot");
    });
}

#[test]
fn events_end_with_the_signalling_thread() {
    story(|mut site| async move {
        let cookie = site.cookie().await;
        let mut events = Events::open(&site, &cookie, None).await;
        assert_eq!(events.until("line").await.name, "line");
        drop(std::mem::replace(&mut site.status, watch::channel(Arc::new(LineStatus::default())).0));
        assert!(events.next().await.is_none());
    });
}
