//! `GET /api/openapi.json`: what programs may ask, as OpenAPI 3.1. One line an operation here, the shapes in `openapi.json`; a test holds both to the router.

use axum::Json;
use serde_json::{Map, Value, json};

/// The shapes that operations name.
const SCHEMAS: &str = include_str!("openapi.json");

/// One thing that may be asked.
pub struct Operation {
    pub method: &'static str,
    pub path: &'static str,
    summary: &'static str,
    /// Names of the query, each a text.
    query: &'static [&'static str],
    /// The shape of the request's body.
    body: Option<&'static str>,
    /// Status and shape (or media type) of the good answer.
    answer: (u16, Answer),
}

#[derive(Clone, Copy)]
enum Answer {
    Shape(&'static str),
    Media(&'static str),
    Nothing,
}

const fn get(path: &'static str, summary: &'static str, query: &'static [&'static str], answer: Answer) -> Operation {
    Operation { method: "get", path, summary, query, body: None, answer: (200, answer) }
}

const fn change(
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    body: Option<&'static str>,
    answer: (u16, Answer),
) -> Operation {
    Operation { method, path, summary, query: &[], body, answer }
}

const CALLBACK: (u16, Answer) = (200, Answer::Shape("Callback"));
const STARTED: (u16, Answer) = (202, Answer::Shape("Started"));
const NOTHING: (u16, Answer) = (204, Answer::Nothing);
const HTML: Answer = Answer::Media("text/html");

/// Every route of [`super::router`]; of the pages, which are for people, the first one.
pub const OPERATIONS: &[Operation] = &[
    get("/", "The page", &[], HTML),
    get("/login", "The form to sign in", &[], HTML),
    change("post", "/login", "Signs in: a session cookie", Some("Credentials"), (200, Answer::Shape("Any"))),
    change("post", "/logout", "Ends the session", None, (303, Answer::Nothing)),
    get("/static/{version}/{name}", "Scripts and styles of the page", &[], Answer::Media("application/octet-stream")),
    get("/healthz", "The process answers", &[], Answer::Shape("Any")),
    get("/readyz", "Calls can arrive, ring somewhere and be recorded", &[], Answer::Shape("Any")),
    get("/metrics", "OpenMetrics, to this machine only", &[], Answer::Media("application/openmetrics-text")),
    get("/api/openapi.json", "This description", &[], Answer::Shape("Any")),
    get("/api/events", "Server-sent events line, call and callback; Last-Event-ID goes on", &[], Answer::Media("text/event-stream")),
    get("/api/line", "The line at this moment", &[], Answer::Shape("Line")),
    get("/api/events", "Events line, call and callback, as they happen", &[], Answer::Media("text/event-stream")),
    get("/api/calls", "Calls and outages, newest first", &["from", "to", "outcome", "number", "before", "limit"], Answer::Shape("Calls")),
    get("/api/calls/{id}", "One call", &[], Answer::Shape("Call")),
    get("/api/calls/{id}/ladder", "The SIP messages of a call that are still in memory, masked, oldest first", &[], Answer::Shape("Any")),
    change("post", "/api/calls/{id}/hangup", "Ends a running call", None, NOTHING),
    change("post", "/api/calls/{id}/hold", "The other party hears music", None, NOTHING),
    change("post", "/api/calls/{id}/resume", "Both hear each other again", None, NOTHING),
    change("post", "/api/dial", "Rings the person's phone, then calls", Some("Dial"), STARTED),
    change("post", "/api/calls/{id}/keypad", "Opens or closes the keypad", Some("Keypad"), NOTHING),
    change("post", "/api/calls/{id}/send-keys", "Sends keys to the far end", Some("Keys"), NOTHING),
    change("patch", "/api/second-call", "The form's draft, kept on the server", Some("SecondCallForm"), NOTHING),
    change("post", "/api/second-call/take", "Takes call 2", Some("SecondCallTake"), NOTHING),
    change("post", "/api/second-call/attendant", "Sends call 2 away", Some("SecondCall"), NOTHING),
    change("post", "/api/second-call/swap", "The other caller is heard", Some("SecondCall"), NOTHING),
    change("post", "/api/second-call/save", "Ends call 2 with its callback, back to call 1", Some("SecondCallForm"), NOTHING),
    change("post", "/api/second-call/resume", "The same with what is known", Some("SecondCall"), NOTHING),
    change("post", "/api/second-call/done", "Ends call 2, which is settled", Some("SecondCall"), NOTHING),
    get("/clips/{file}", "What a caller said after the tone, ID.wav", &[], Answer::Media("audio/wav")),
    get("/api/contacts", "Contacts by a part of their name or number", &["q"], Answer::Shape("Contacts")),
    get("/api/callbacks", "The queue, in its order; view: due, planned, done or all", &["view"], Answer::Shape("Callbacks")),
    change(
        "post",
        "/api/callbacks",
        "A new promise, merged with the open one of its number",
        Some("CallbackFields"),
        (201, Answer::Shape("Callback")),
    ),
    get("/api/callbacks/{id}", "One callback", &[], Answer::Shape("Callback")),
    change("patch", "/api/callbacks/{id}", "Corrects it", Some("CallbackFields"), CALLBACK),
    change("post", "/api/callbacks/{id}/call", "Rings the person's phone, then calls; locked meanwhile", Some("CallBack"), STARTED),
    change("post", "/api/callbacks/{id}/close", "Says how it went", Some("CallbackClose"), CALLBACK),
    change("post", "/api/callbacks/{id}/reopen", "Opens it again", None, CALLBACK),
    change("post", "/api/callbacks/{id}/claim", "The person takes it", None, CALLBACK),
    change("post", "/api/callbacks/{id}/release", "The person gives it back", None, CALLBACK),
    change("post", "/api/callbacks/{id}/postpone", "At another time", Some("CallbackPostpone"), CALLBACK),
    get("/api/day", "The figures of a day, local time", &["date"], Answer::Shape("Day")),
    get("/api/directory", "Speed-dials and tiles", &[], Answer::Shape("Directory")),
    get("/api/explain", "What dialling these digits would do", &["digits"], Answer::Shape("Explained")),
    get("/api/guides", "What each kind of call asks and ticks", &[], Answer::Shape("Guides")),
];

/// Paths that answer without a session.
const OPEN: [&str; 6] = ["/login", "/healthz", "/readyz", "/metrics", "/api/openapi.json", "/logout"];

pub async fn openapi() -> Json<Value> {
    Json(document())
}

/// The whole description.
pub fn document() -> Value {
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(operation.method.to_owned(), described(operation));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "rappel", "version": env!("CARGO_PKG_VERSION"), "description": "Times are RFC 3339 UTC, numbers E.164; errors are RFC 9457." },
        "paths": paths,
        "components": {
            "schemas": serde_json::from_str::<Value>(SCHEMAS).unwrap_or_default(),
            "securitySchemes": {
                "session": { "type": "apiKey", "in": "cookie", "name": "session" },
                "token": { "type": "http", "scheme": "bearer" },
            },
        },
        "security": [{ "session": [] }, { "token": [] }],
    })
}

fn described(operation: &Operation) -> Value {
    let schema = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let mut parameters: Vec<Value> = Vec::new();
    for name in operation.path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
        let kind = if name == "id" { "integer" } else { "string" };
        parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": { "type": kind } }));
    }
    if operation.path.contains("{file}") {
        parameters.push(json!({ "name": "file", "in": "path", "required": true, "schema": { "type": "string" } }));
    }
    parameters.extend(operation.query.iter().map(|name| json!({ "name": name, "in": "query", "schema": { "type": "string" } })));
    let (status, answer) = operation.answer;
    let good = match answer {
        Answer::Shape(name) => json!({ "description": "Done", "content": { "application/json": { "schema": schema(name) } } }),
        Answer::Media(media) => json!({ "description": "Done", "content": { media: { "schema": { "type": "string" } } } }),
        Answer::Nothing => json!({ "description": "Done" }),
    };
    let problem = json!({ "description": "Why not", "content": { "application/problem+json": { "schema": schema("Problem") } } });
    let mut described = json!({
        "summary": operation.summary,
        "parameters": parameters,
        "responses": { status.to_string(): good, "default": problem },
    });
    if let Some(body) = operation.body {
        described["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema(body) } } });
    }
    if OPEN.contains(&operation.path) {
        described["security"] = json!([]);
    }
    described
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_that_is_named_exists_and_every_shape_is_named() {
        let schemas: Value = serde_json::from_str(SCHEMAS).unwrap();
        let text = document().to_string();
        for name in schemas.as_object().unwrap().keys() {
            assert!(text.contains(&format!("#/components/schemas/{name}\"")), "{name} is named by nothing");
        }
        let named = text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap());
        named.for_each(|name| assert!(schemas.get(name).is_some(), "{name} is no shape"));
    }
}
