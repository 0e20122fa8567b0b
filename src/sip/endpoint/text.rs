//! The header values that the endpoint writes and reads by itself.

use std::net::SocketAddr;

use crate::sip::api::{Flow, Peer, Transport};
use crate::sip::endpoint::io::TxId;
use crate::sip::message::{Message, Via};
use crate::sip::session::SIP_PORT;

/// What we take in a dialog, and what makes one.
pub(super) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, REFER, NOTIFY";
/// What we take outside a dialog as well.
pub(super) const ALLOW_OUTSIDE: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, REFER, NOTIFY, REGISTER";
pub(super) const SDP: &str = "application/sdp";
const COOKIE: &str = "z9hG4bK";

/// A branch that names its transaction, and cannot be guessed.
pub(super) fn branch(id: TxId, random: u64) -> String {
    format!("{COOKIE}{:x}.{random:016x}", id.0)
}

/// The transaction that a branch of ours names.
pub(super) fn branch_id(branch: &str) -> Option<TxId> {
    let (id, _) = branch.strip_prefix(COOKIE)?.split_once('.')?;
    u64::from_str_radix(id, 16).ok().map(TxId)
}

/// Our Via, which asks for the response to come back here (RFC 3581).
pub(super) fn via(flow: &Flow, branch: &str) -> String {
    let transport = match flow.transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
    };
    format!("SIP/2.0/{transport} {};branch={branch};rport", flow.local)
}

pub(super) fn contact(flow: &Flow) -> String {
    match flow.transport {
        Transport::Udp => format!("<sip:{}>", flow.local),
        Transport::Tcp => format!("<sip:{};transport=tcp>", flow.local),
    }
}

/// Where responses to this request go (RFC 3261 18.2.2, RFC 3581 4). A phone whose Via names another address than it sends from is behind NAT: it is
/// answered where it sends from, rport or not.
pub(super) fn response_flow(via: &Via, peer: Peer, flow: &Flow) -> Flow {
    if flow.transport == Transport::Tcp || via.rport {
        return *flow;
    }
    let (host, port) = sent_by(&via.sent_by);
    let behind_nat = peer == Peer::Phone && !is_address(host, flow);
    if behind_nat { *flow } else { Flow { remote: SocketAddr::new(flow.remote.ip(), port), ..*flow } }
}

/// The first Via line with `received` and `rport` in its topmost element, where they say more than it does (RFC 3261 18.2.1, RFC 3581 4).
pub(super) fn stamped_via(request: &Message, via: &Via, flow: &Flow) -> Option<String> {
    let foreign = !is_address(sent_by(&via.sent_by).0, flow);
    if !foreign && !via.rport {
        return None;
    }
    let first = request.get("Via")?;
    let end = top_end(first);
    let (top, rest) = first.split_at(end);
    let mut stamped = String::with_capacity(first.len() + 48);
    for (at, part) in top.split(';').enumerate() {
        let name = part.split('=').next().unwrap_or("").trim();
        if at > 0 && (name.eq_ignore_ascii_case("rport") || name.eq_ignore_ascii_case("received")) {
            continue;
        }
        if at > 0 {
            stamped.push(';');
        }
        stamped.push_str(part.trim_end());
    }
    stamped.push_str(&format!(";received={}", flow.remote.ip()));
    if via.rport {
        stamped.push_str(&format!(";rport={}", flow.remote.port()));
    }
    stamped.push_str(rest);
    Some(stamped)
}

/// Where the first element of a comma list ends.
fn top_end(line: &str) -> usize {
    let mut quoted = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => return at,
            _ => {}
        }
    }
    line.len()
}

fn is_address(host: &str, flow: &Flow) -> bool {
    host.trim_matches(['[', ']']).parse() == Ok(flow.remote.ip())
}

/// Host, without brackets' loss, and port (5060 when there is none).
fn sent_by(text: &str) -> (&str, u16) {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.trim().parse().ok()),
        _ => (text, None),
    };
    (host.trim(), port.unwrap_or(SIP_PORT))
}

/// The session description in a body: alone, or a part of a multipart one (RFC 5621).
pub(super) fn sdp(message: &Message) -> Option<Vec<u8>> {
    if message.body.is_empty() {
        return None;
    }
    let Some(kind) = message.get("Content-Type") else { return Some(message.body.clone()) };
    if starts_with(kind, SDP) {
        return Some(message.body.clone());
    }
    if !starts_with(kind, "multipart/") {
        return None;
    }
    let boundary = kind.split(';').skip(1).find_map(|p| p.trim().strip_prefix("boundary="))?;
    sdp_part(&message.body, boundary.trim_matches('"'))
}

fn sdp_part(body: &[u8], boundary: &str) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?;
    let delimiter = format!("--{boundary}");
    for part in text.split(delimiter.as_str()).skip(1) {
        let Some((head, content)) = part.split_once("\r\n\r\n") else { continue };
        let is_sdp = head.lines().any(|line| {
            line.split_once(':')
                .is_some_and(|(name, value)| name.trim().eq_ignore_ascii_case("content-type") && starts_with(value.trim(), SDP))
        });
        if is_sdp {
            return Some(content.strip_suffix("\r\n").unwrap_or(content).as_bytes().to_vec());
        }
    }
    None
}

/// Our answer to an INVITE is a session description: can its sender read one (RFC 3261 20.1, 21.4.7)? Without Accept it can; an empty one, which forbids
/// everything by the letter, is a fault that costs no caller.
pub(super) fn accepts_sdp(request: &Message) -> bool {
    let kinds = request.list("Accept");
    let mut kinds = kinds.iter().map(|kind| kind.split(';').next().unwrap_or("").trim()).filter(|kind| !kind.is_empty()).peekable();
    kinds.peek().is_none() || kinds.any(|kind| [SDP, "application/*", "*/*"].iter().any(|ours| kind.eq_ignore_ascii_case(ours)))
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

/// Puts a session description into a message of ours.
pub(super) fn put_sdp(message: &mut Message, sdp: Vec<u8>) {
    message.push("Content-Type", SDP);
    message.body = sdp;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow() -> Flow {
        Flow {
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: "192.0.2.7:6000".parse().unwrap(),
            connection: None,
        }
    }

    fn of(sent_by: &str, rport: bool) -> Via<'_> {
        Via { sent_by: sent_by.into(), branch: None, rport }
    }

    #[test]
    fn responses_find_their_way() {
        let to = |via: &Via, peer| response_flow(via, peer, &flow()).remote.to_string();
        assert_eq!(to(&of("192.0.2.7:5070", true), Peer::Trunk(0)), "192.0.2.7:6000");
        assert_eq!(to(&of("192.0.2.7:5070", false), Peer::Phone), "192.0.2.7:5070");
        assert_eq!(to(&of("sbc.example.fr", false), Peer::Trunk(0)), "192.0.2.7:5060");
        assert_eq!(to(&of("10.0.0.4:5070", false), Peer::Phone), "192.0.2.7:6000");
        assert_eq!(sent_by("[2001:db8::1]:5062"), ("[2001:db8::1]", 5062));
        assert_eq!(sent_by("2001:db8::1"), ("2001:db8::1", 5060));
    }

    #[test]
    fn only_who_lists_other_kinds_alone_cannot_read_our_answer() {
        let accepts = |lines: &[&str]| {
            let mut request = Message::request(crate::sip::message::Method::Invite, "sip:x");
            lines.iter().for_each(|line| request.push("Accept", *line));
            accepts_sdp(&request)
        };
        assert!(accepts(&[]) && accepts(&[""]) && accepts(&["text/html, Application/SDP;level=1"]) && accepts(&["text/html", "*/*"]));
        assert!(accepts(&["application/*;q=0.5"]));
        assert!(!accepts(&["text/nobodyKnowsThis"]) && !accepts(&["application/sdpx, text/plain"]));
    }

    #[test]
    fn a_branch_names_its_transaction() {
        assert_eq!(branch_id(&branch(TxId(4711), 9)), Some(TxId(4711)));
        assert_eq!(branch_id("z9hG4bKnonsense"), None);
        assert_eq!(branch_id("z9hG4bK.."), None);
    }

    #[test]
    fn finds_the_description_in_a_multipart_body() {
        let body = b"--x\r\nContent-Type: application/isup\r\n\r\nabc\r\n--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--x--\r\n";
        assert_eq!(sdp_part(body, "x").as_deref(), Some(&b"v=0\r\n"[..]));
    }
}
