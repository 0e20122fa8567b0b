//! A dialog's identity and state, and the requests made in it (RFC 3261 12).

use super::api::Flow;
use super::message::{Message, Method};
use super::uri;

#[derive(Clone, Debug)]
pub struct Dialog {
    pub call_id: String,
    pub local_tag: String,
    pub remote_tag: String,
    /// Our From (or To) value with its tag, as the peer knows it.
    pub local: String,
    pub remote: String,
    /// The peer's Contact.
    pub target: String,
    /// Route values in the order to be sent.
    pub routes: Vec<String>,
    pub local_cseq: u32,
    pub remote_cseq: Option<u32>,
    pub flow: Flow,
    /// Our Contact value.
    pub contact: String,
}

impl Dialog {
    /// Of the called side, from the INVITE (12.1.1).
    pub fn called(request: &Message, local_tag: &str, flow: Flow, contact: String) -> Dialog {
        Dialog {
            call_id: request.call_id().to_owned(),
            local_tag: local_tag.to_owned(),
            remote_tag: request.from().tag().unwrap_or("").to_owned(),
            local: format!("{};tag={local_tag}", request.get("To").unwrap_or("")),
            remote: request.get("From").unwrap_or("").to_owned(),
            target: request.contact().map(|c| c.uri).unwrap_or_default(),
            routes: request.list("Record-Route").into_iter().map(str::to_owned).collect(),
            local_cseq: 0,
            remote_cseq: Some(request.cseq().0),
            flow,
            contact,
        }
    }

    /// Of the calling side, from a response with a To tag (12.1.2).
    pub fn calling(request: &Message, response: &Message, flow: Flow, contact: String) -> Dialog {
        Dialog {
            call_id: request.call_id().to_owned(),
            local_tag: request.from().tag().unwrap_or("").to_owned(),
            remote_tag: response.to().tag().unwrap_or("").to_owned(),
            local: request.get("From").unwrap_or("").to_owned(),
            remote: response.get("To").unwrap_or("").to_owned(),
            target: response.contact().map_or_else(|| request.uri().to_owned(), |c| c.uri),
            routes: response.list("Record-Route").into_iter().rev().map(str::to_owned).collect(),
            local_cseq: request.cseq().0,
            remote_cseq: None,
            flow,
            contact,
        }
    }

    /// A request within the dialog, without Via; `cseq` is given for ACK, else the next one is taken (12.2.1.1).
    pub fn request(&mut self, method: Method, cseq: Option<u32>) -> Message {
        let number = cseq.unwrap_or_else(|| {
            self.local_cseq += 1;
            self.local_cseq
        });
        // a first route without ;lr is a strict router: it becomes the Request-URI (16.12.1.2)
        let strict = self.routes.first().filter(|r| !is_loose(r)).cloned();
        let (target, routes) = match strict {
            Some(first) => {
                let mut routes: Vec<String> = self.routes.iter().skip(1).cloned().collect();
                routes.push(format!("<{}>", self.target));
                (uri::parse_name_addr(&first).map(|r| r.uri).unwrap_or_default(), routes)
            }
            None => (self.target.clone(), self.routes.clone()),
        };
        let mut request = Message::request(method, target);
        for route in routes {
            request.push("Route", route);
        }
        request.push("Max-Forwards", "70");
        request.push("From", self.local.as_str());
        request.push("To", self.remote.as_str());
        request.push("Call-ID", self.call_id.as_str());
        request.push("CSeq", format!("{number} {}", method.as_str()));
        if matches!(method, Method::Invite | Method::Update | Method::Refer | Method::Notify | Method::Subscribe) {
            request.push("Contact", self.contact.as_str());
        }
        request
    }

    /// A new request of the peer: a lower CSeq is refused, a gap is fine (12.2.2).
    pub fn takes(&mut self, cseq: u32) -> bool {
        if self.remote_cseq.is_some_and(|last| cseq <= last) {
            return false;
        }
        self.remote_cseq = Some(cseq);
        true
    }
}

fn is_loose(route: &str) -> bool {
    uri::parse_name_addr(route).and_then(|r| uri::Uri::parse(&r.uri)).is_some_and(|u| u.param("lr").is_some())
}
