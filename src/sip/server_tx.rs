//! A request of a peer until its last repetition has been answered (RFC 3261 17.2, RFC 6026).

use std::time::Duration;

use super::api::{Flow, SessionId, Transport};
use super::message::{Message, Method};
use super::uri;

/// RFC 3261 17.2.3: branch and sent-by; ACK matches its INVITE. Without the cookie RFC 2543's headers stand in.
pub fn key(request: &Message, method: Method) -> String {
    let via = request.via();
    let method = if method == Method::Ack { Method::Invite } else { method };
    match via.branch.filter(|b| b.starts_with("z9hG4bK")) {
        Some(branch) => format!("{branch}|{}|{}", via.sent_by, method.as_str()),
        None => {
            let (cseq, _) = request.cseq();
            format!("{}|{}|{cseq}|{}|{}", request.call_id(), request.from().tag().unwrap_or(""), via.sent_by, method.as_str())
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// INVITE: no final response yet. Others: none at all.
    Proceeding,
    /// A final non-2xx (INVITE: until ACK), or any final of others.
    Completed,
    /// ACK came for a non-2xx.
    Confirmed,
    /// A 2xx went out: repetitions of the INVITE are absorbed, the session repeats the 2xx.
    Accepted,
}

/// Finished ones keep only the bytes of their answer.
pub struct ServerTx {
    pub key: String,
    pub invite: bool,
    pub state: State,
    pub flow: Flow,
    pub session: Option<SessionId>,
    /// The last answer; repeated to a repeated request.
    pub last: Vec<u8>,
    pub interval: Duration,
    /// Key of the table of merged requests (8.2.2.2), to be cleared with us.
    pub merge: Option<String>,
}

/// What a merged request shares with the first (8.2.2.2).
pub fn merge_key(request: &Message) -> String {
    let (cseq, method) = request.cseq();
    format!("{}|{}|{cseq}|{}", request.call_id(), request.from().tag().unwrap_or(""), method.as_str())
}

/// Notes in the top Via where the request really came from (18.2.1, RFC 3581 4): responses carry it back.
pub fn note_source(request: &mut Message, flow: &Flow) {
    if flow.transport != Transport::Udp {
        return;
    }
    let via = request.via();
    let host_is_source = uri::split_host_port(&via.sent_by).is_some_and(|(h, _)| h.trim_matches(['[', ']']) == flow.remote.ip().to_string());
    if !via.rport && host_is_source {
        return;
    }
    let Some(line) = request.get("Via").map(str::to_owned) else { return };
    let mut elements = uri::split_list(&line);
    let Some(first) = elements.next() else { return };
    let mut kept: Vec<String> = first
        .split(';')
        .map(str::trim)
        .filter(|p| !starts_with_word(p, "rport") && !starts_with_word(p, "received"))
        .map(str::to_owned)
        .collect();
    kept.push(format!("received={}", flow.remote.ip()));
    if via.rport {
        kept.push(format!("rport={}", flow.remote.port()));
    }
    let mut value = kept.join(";");
    for rest in elements {
        value.push_str(", ");
        value.push_str(rest);
    }
    request.replace_first("Via", value);
}

fn starts_with_word(param: &str, word: &str) -> bool {
    param.split('=').next().is_some_and(|n| n.trim().eq_ignore_ascii_case(word))
}
