//! A dialog's state (RFC 3261 12): names, order of requests, route set, remote target. Sends nothing.

use std::net::{IpAddr, SocketAddr};

use crate::sip::api::{Flow, Transport};
use crate::sip::message::{Message, Method};

/// Routes kept of a Record-Route; further ones are a loop or an attack.
const MAX_ROUTES: usize = 16;

#[derive(Clone, Debug)]
pub(super) struct Dialog {
    pub call_id: String,
    pub local_tag: String,
    pub remote_tag: String,
    /// From and To of our requests, tags included.
    local: String,
    remote: String,
    /// Of our last request.
    pub local_seq: u32,
    /// Of their last request.
    remote_seq: Option<u32>,
    target: String,
    routes: Vec<String>,
}

impl Dialog {
    /// The dialog that our responses to `invite` make (12.1.1).
    pub fn uas(invite: &Message, local_tag: String) -> Dialog {
        let from = invite.from();
        Dialog {
            call_id: invite.call_id().to_owned(),
            remote_tag: from.tag().unwrap_or("").to_owned(),
            local: format!("{};tag={local_tag}", invite.get("To").unwrap_or_default()),
            local_tag,
            remote: invite.get("From").unwrap_or_default().to_owned(),
            local_seq: 0,
            remote_seq: Some(invite.cseq().0),
            target: invite.contact().map(|c| c.uri.to_owned()).unwrap_or_default(),
            routes: invite.list("Record-Route").into_iter().take(MAX_ROUTES).map(str::to_owned).collect(),
        }
    }

    /// The dialog that a response to our INVITE makes (12.1.2).
    pub fn uac(response: &Message) -> Dialog {
        let (from, to) = (response.from(), response.to());
        let mut routes: Vec<String> = response.list("Record-Route").into_iter().take(MAX_ROUTES).map(str::to_owned).collect();
        routes.reverse();
        Dialog {
            call_id: response.call_id().to_owned(),
            local_tag: from.tag().unwrap_or("").to_owned(),
            remote_tag: to.tag().unwrap_or("").to_owned(),
            local: response.get("From").unwrap_or_default().to_owned(),
            remote: response.get("To").unwrap_or_default().to_owned(),
            local_seq: response.cseq().0,
            remote_seq: None,
            target: response.contact().map_or(to.uri, |c| c.uri).to_owned(),
            routes,
        }
    }

    /// What stands before any response: only our own side of it.
    pub fn calling(call_id: String, local_tag: String, local_seq: u32) -> Dialog {
        Dialog {
            call_id,
            local_tag,
            remote_tag: String::new(),
            local: String::new(),
            remote: String::new(),
            local_seq,
            remote_seq: None,
            target: String::new(),
            routes: Vec::new(),
        }
    }

    /// The confirmed form of an early dialog goes on counting where that one stood.
    pub fn keep_order_of(&mut self, early: &Dialog) {
        self.remote_seq = early.remote_seq;
        self.local_seq = self.local_seq.max(early.local_seq);
    }

    /// The next request of ours in it; CSeq grows.
    pub fn next_request(&mut self, method: Method) -> Message {
        self.local_seq = self.local_seq.wrapping_add(1) & 0x7fff_ffff;
        self.request(method, self.local_seq)
    }

    /// A request with that CSeq: also the ACK of a 2xx (12.2.1.1, 13.2.2.4).
    pub fn request(&self, method: Method, cseq: u32) -> Message {
        let strict = self.routes.first().filter(|first| !is_loose(first));
        let uri = match strict {
            Some(first) => bare_uri(first).to_owned(),
            None => self.target.clone(),
        };
        let mut request = Message::request(method, uri);
        let (skip, last) = if strict.is_some() { (1, Some(format!("<{}>", self.target))) } else { (0, None) };
        for route in self.routes.iter().skip(skip).chain(last.as_ref()) {
            request.push("Route", route.as_str());
        }
        request.push("Max-Forwards", "70");
        request.push("From", self.local.as_str());
        request.push("To", self.remote.as_str());
        request.push("Call-ID", self.call_id.as_str());
        request.push("CSeq", format!("{cseq} {}", method.as_str()));
        request
    }

    /// Takes note of their request. `false` when it is not newer than the last (12.2.2; gaps are fine).
    pub fn takes(&mut self, cseq: u32) -> bool {
        let newer = self.remote_seq.is_none_or(|last| cseq > last);
        if newer {
            self.remote_seq = Some(cseq);
        }
        newer
    }

    /// A target refresh request or its 2xx (12.2.1.2, RFC 3311).
    pub fn refresh(&mut self, message: &Message) {
        if let Some(contact) = message.contact() {
            contact.uri.clone_into(&mut self.target);
        }
    }

    /// Where a request goes: the peer's own address. Its port is the route's or the target's where they name that very address, else the one it sends
    /// from (a phone behind NAT).
    pub fn flow(&self, flow: &Flow) -> Flow {
        let next = self.routes.first().map_or(self.target.as_str(), |route| bare_uri(route));
        match literal(next) {
            Some((ip, port)) if flow.transport == Transport::Udp && ip == flow.remote.ip() => {
                Flow { remote: SocketAddr::new(ip, port), ..*flow }
            }
            _ => *flow,
        }
    }
}

fn is_loose(route: &str) -> bool {
    bare_uri(route).split(';').skip(1).any(|param| param.eq_ignore_ascii_case("lr") || param.to_ascii_lowercase().starts_with("lr="))
}

/// What stands in the brackets.
fn bare_uri(route: &str) -> &str {
    route.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(route, |(uri, _)| uri)
}

/// Address and port of a sip URI whose host is an IP address.
fn literal(uri: &str) -> Option<(IpAddr, u16)> {
    let (scheme, rest) = uri.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("sip") {
        return None;
    }
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split([';', '?']).next()?;
    if let Ok(address) = host.parse::<SocketAddr>() {
        return Some((address.ip(), address.port()));
    }
    host.trim_matches(['[', ']']).parse().ok().map(|ip| (ip, super::session::SIP_PORT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialog(routes: &[&str]) -> Dialog {
        Dialog {
            call_id: "c".into(),
            local_tag: "l".into(),
            remote_tag: "r".into(),
            local: "<sip:a@h>;tag=l".into(),
            remote: "<sip:b@h>;tag=r".into(),
            local_seq: 7,
            remote_seq: None,
            target: "sip:b@192.0.2.9:5070".into(),
            routes: routes.iter().map(|r| (*r).to_owned()).collect(),
        }
    }

    fn flow(remote: &str) -> Flow {
        Flow { transport: Transport::Udp, local: "192.0.2.1:5060".parse().unwrap(), remote: remote.parse().unwrap(), connection: None }
    }

    #[test]
    fn order_of_their_requests() {
        let mut d = dialog(&[]);
        assert!(d.takes(10), "the first may be anything");
        assert!(d.takes(15), "a gap is fine");
        assert!(!d.takes(15));
        assert!(!d.takes(14));
    }

    #[test]
    fn the_port_is_the_targets_only_at_the_peers_own_address() {
        assert_eq!(dialog(&[]).flow(&flow("192.0.2.9:40000")).remote.port(), 5070);
        assert_eq!(dialog(&[]).flow(&flow("198.51.100.1:40000")).remote.port(), 40000);
        assert_eq!(dialog(&["<sip:192.0.2.9;lr>"]).flow(&flow("192.0.2.9:40000")).remote.port(), 5060);
    }

    #[test]
    fn hosts_in_every_form() {
        assert_eq!(literal("sip:u@[2001:db8::1]:5062;x=y"), Some(("2001:db8::1".parse().unwrap(), 5062)));
        assert_eq!(literal("sip:[2001:db8::1]"), Some(("2001:db8::1".parse().unwrap(), 5060)));
        assert_eq!(literal("sip:u;a=b@192.0.2.1?h=v"), Some(("192.0.2.1".parse().unwrap(), 5060)));
        assert_eq!(literal("sip:u@example.fr"), None);
        assert_eq!(literal("tel:+33199000001"), None);
    }

    #[test]
    fn a_loose_route_is_told_from_a_strict_one() {
        assert!(is_loose("<sip:p1;lr>") && is_loose("\"x\" <sip:p1:5060;transport=udp;lr=on>;q=1"));
        assert!(!is_loose("<sip:p1>;lr"));
    }
}
