//! `/clips/{id}.wav`: what a caller said after the tone, for who is signed in, while it is kept. A part of it too: some browsers ask for
//! nothing else.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::refusal::Problem;
use super::state::ScreenState;
use crate::domain::call::CallId;
use crate::store::clips;

/// Where the recording of that call is played.
pub fn path(call: CallId) -> String {
    format!("/clips/{}.wav", call.0)
}

pub async fn clip(State(state): State<ScreenState>, Path(file): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let absent = || Problem::new(StatusCode::NOT_FOUND, "Ce message n'existe pas, ou n'existe plus.");
    let call = file.strip_suffix(".wav").and_then(|id| id.parse().ok()).map(CallId).ok_or_else(absent)?;
    let wav = state.read(move |conn| clips::get(conn, call)).await?.ok_or_else(absent)?;
    let total = wav.len();
    let wanted = headers.get(header::RANGE).and_then(|range| range.to_str().ok()).map(|range| part(range, total));
    let (status, body, range) = match wanted {
        None | Some(Wanted::Whole) => (StatusCode::OK, wav, None),
        Some(Wanted::Nothing) => (StatusCode::RANGE_NOT_SATISFIABLE, Vec::new(), Some(format!("bytes */{total}"))),
        Some(Wanted::Part(first, last)) => {
            let body = wav.get(first..=last).unwrap_or_default().to_vec();
            (StatusCode::PARTIAL_CONTENT, body, Some(format!("bytes {first}-{last}/{total}")))
        }
    };
    let mut response = (status, [(header::CONTENT_TYPE, "audio/wav"), (header::ACCEPT_RANGES, "bytes")], body).into_response();
    if let Some(range) = range.and_then(|range| HeaderValue::from_str(&range).ok()) {
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    Ok(response)
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    /// First and last byte.
    Part(usize, usize),
    Nothing,
}

/// One range of bytes (RFC 9110 14.2); what is not understood asks for the whole.
fn part(range: &str, total: usize) -> Wanted {
    let bounds = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let Some((first, last)) = bounds else { return Wanted::Whole };
    let end = total.saturating_sub(1);
    let (first, last) = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.min(end)),
        (Ok(first), Err(_)) if last.is_empty() => (first, end),
        (Err(_), Ok(count)) if first.is_empty() && count > 0 => (total.saturating_sub(count), end),
        _ => return Wanted::Whole,
    };
    if first < total { Wanted::Part(first, last) } else { Wanted::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_written_and_anything_else_asks_for_the_whole() {
        for (range, wanted) in [
            ("bytes=0-1", Wanted::Part(0, 1)),
            ("bytes=10-", Wanted::Part(10, 99)),
            ("bytes=10-1000", Wanted::Part(10, 99)),
            ("bytes=-20", Wanted::Part(80, 99)),
            ("bytes=-2000", Wanted::Part(0, 99)),
            ("bytes=100-", Wanted::Nothing),
            ("bytes=5-2", Wanted::Whole),
            ("bytes=0-1,5-6", Wanted::Whole),
            ("lines=0-1", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
        ] {
            assert_eq!(part(range, 100), wanted, "{range}");
        }
        assert_eq!(part("bytes=0-", 0), Wanted::Nothing);
    }
}
