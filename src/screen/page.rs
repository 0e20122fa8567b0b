//! The pages of this version: signing in, and the state of the line in words. No script, no style of their own.

use std::fmt::Write;

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use super::guard::Person;
use super::line::missing;
use super::refusal::Problem;
use super::state::ScreenState;
use crate::domain::call::Direction;
use crate::domain::status::{LineStatus, LiveState, PhoneState, TrunkState};

pub async fn login(State(state): State<ScreenState>) -> Html<String> {
    Html(login_page(&state, ""))
}

/// The form again, with what was wrong.
pub(super) fn login_again(state: &ScreenState, problem: &Problem) -> Response {
    let status = if problem.status == StatusCode::UNPROCESSABLE_ENTITY { StatusCode::UNAUTHORIZED } else { problem.status };
    (status, Html(login_page(state, &problem.detail))).into_response()
}

fn login_page(state: &ScreenState, wrong: &str) -> String {
    let said = if wrong.is_empty() { String::new() } else { format!("<p role=\"alert\">{}</p>", escape(wrong)) };
    let body = format!(
        "<h1>{agency}</h1>{said}<form method=\"post\" action=\"/login\">\
         <p><label for=\"person\">Votre code</label> <input id=\"person\" name=\"person\" autocomplete=\"username\" autocapitalize=\"characters\" maxlength=\"16\" required autofocus></p>\
         <p><label for=\"password\">Mot de passe</label> <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" maxlength=\"256\" required></p>\
         <p><button>Se connecter</button></p></form>",
        agency = escape(&state.agency)
    );
    shell("Connexion", &body)
}

pub async fn home(State(state): State<ScreenState>, Extension(Person(person)): Extension<Person>) -> Html<String> {
    let line = state.line();
    let mut body = format!("<h1>{}</h1>", escape(&state.agency));
    for alert in &line.alerts {
        let _ = write!(body, "<p role=\"alert\">{}</p>", escape(&alert.text));
    }
    for reason in missing(&line, state.writer.health()) {
        let _ = write!(body, "<p role=\"alert\">{}</p>", escape(reason));
    }
    describe(&mut body, &line);
    let _ = write!(body, "<form method=\"post\" action=\"/logout\"><p>{} <button>Se déconnecter</button></p></form>", escape(&person));
    Html(shell("La ligne", &body))
}

fn describe(body: &mut String, line: &LineStatus) {
    let _ = write!(body, "<p>L'agence est {}.</p><h2>Opérateur</h2><ul>", if line.open { "ouverte" } else { "fermée" });
    for trunk in &line.trunks {
        let state = match trunk.state {
            TrunkState::Registered => "enregistré",
            TrunkState::Unregistered => "non enregistré",
            TrunkState::Refused => "refusé par l'opérateur",
            TrunkState::Static => "sans enregistrement",
        };
        let _ = write!(body, "<li>{} : {state}</li>", escape(&trunk.name));
    }
    body.push_str("</ul><h2>Téléphones</h2><ul>");
    for phone in &line.phones {
        let state = match phone.state {
            PhoneState::Unregistered => "absent",
            PhoneState::Idle => "libre",
            PhoneState::Ringing => "sonne",
            PhoneState::Talking => "en communication",
            PhoneState::Dnd => "ne pas déranger",
        };
        let _ = write!(body, "<li>{} {} : {state}</li>", escape(&phone.extension.0), escape(&phone.owner));
    }
    body.push_str("</ul><h2>Appels en cours</h2><ul>");
    for call in &line.calls {
        let way = match call.direction {
            Direction::Incoming => "de",
            Direction::Outgoing => "vers",
            Direction::Internal => "interne",
        };
        let state = match call.state {
            LiveState::Ringing => "sonne",
            LiveState::Talking => "en communication",
            LiveState::Held => "en attente",
            LiveState::Attendant => "au répondeur",
        };
        let _ = write!(body, "<li>{way} {} {} : {state}</li>", escape(&call.display), escape(&call.name));
    }
    body.push_str("</ul>");
}

fn shell(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"fr\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title></head><body><main>{body}</main></body></html>"
    )
}

/// Text into HTML, in content and in quoted attributes.
fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_comes_out_as_text() {
        assert_eq!(escape("<img src=x onerror='a(\"b\")'>&"), "&lt;img src=x onerror=&#39;a(&quot;b&quot;)&#39;&gt;&amp;");
    }
}
