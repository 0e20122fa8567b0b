//! The one place where a failure becomes a status and a French sentence (RFC 9457, `application/problem+json`).

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::store::StoreError;
use crate::switchboard::effect::Refusal;

#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub status: StatusCode,
    /// What happened and what to do, in French.
    pub detail: Cow<'static, str>,
    /// The field of the request that is wrong.
    pub field: Option<&'static str>,
    /// Whole seconds to wait.
    pub retry_after: Option<u64>,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem { status, detail: detail.into(), field: None, retry_after: None }
    }

    /// 422.
    pub fn field(field: &'static str, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem { field: Some(field), ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail) }
    }

    /// 401.
    pub fn unsigned() -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "Connectez-vous d'abord.")
    }

    /// 404.
    pub fn absent() -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "Il n'y a rien à cette adresse.")
    }

    /// 413.
    pub fn too_large() -> Problem {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "L'envoi est trop gros : 64 Kio au plus.")
    }

    /// 403.
    pub fn foreign(detail: &'static str) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, detail)
    }

    /// 503.
    pub fn unavailable(detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem { retry_after: Some(1), ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let mut body = json!({ "type": "about:blank", "title": title, "status": self.status.as_u16(), "detail": self.detail });
        if let (Some(field), Some(object)) = (self.field, body.as_object_mut()) {
            object.insert("field".to_owned(), json!(field));
        }
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        match &error {
            StoreError::UnknownPerson(_) => Problem::new(StatusCode::NOT_FOUND, error.to_string()),
            StoreError::PersonExists(_) => Problem::new(StatusCode::CONFLICT, error.to_string()),
            StoreError::BadCode(_) => Problem::field("person", error.to_string()),
            StoreError::TooManyContacts => Problem::field("contacts", error.to_string()),
            StoreError::Busy | StoreError::Stopped | StoreError::Waiting => Problem::unavailable(error.to_string()),
            StoreError::Locked(_)
            | StoreError::Folder { .. }
            | StoreError::Journal { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Migration(_)
            | StoreError::Sqlite(_)
            | StoreError::NoBackup { .. }
            | StoreError::NewerBackup(_)
            | StoreError::Hash => {
                tracing::error!(%error, "store");
                Problem::unavailable("La base de données ne répond pas. Les appels continuent d'être notés.")
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        match refusal {
            Refusal::NotFound => Problem::new(StatusCode::NOT_FOUND, "Cet appel n'est plus en cours."),
            Refusal::Conflict(why) => Problem::new(StatusCode::CONFLICT, why),
            Refusal::Invalid { field, detail } => Problem::field(field, detail),
            Refusal::Barred(why) => Problem::new(StatusCode::FORBIDDEN, why),
            Refusal::Unavailable(why) => Problem::unavailable(why),
        }
    }
}

/// What the framework refused by itself (a body that is too long, an address that names no number), said as ours is.
pub fn in_french(response: Response) -> Response {
    let status = response.status();
    let plain = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    match status {
        _ if !plain || !(status.is_client_error() || status.is_server_error()) => response,
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large().into_response(),
        _ => Problem::new(status, "La demande n'est pas lisible.").into_response(),
    }
}

pub async fn not_found() -> Problem {
    Problem::absent()
}

pub async fn not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Cette adresse ne prend pas cette méthode.")
}
