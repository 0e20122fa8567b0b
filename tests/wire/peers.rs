//! Peers that ask, refuse, challenge or overload.

use std::time::Duration;

use rappel::sip::api::{Credentials, Event, Flow, Peer, Transport};
use rappel::sip::digest;
use rappel::sip::endpoint::Config;
use rappel::sip::message::{Message, Method};

use crate::pair::{A, Pair, SDP, call, flow, reply, request};

fn credentials(realm: Option<&str>) -> Credentials {
    Credentials { username: "agence".into(), password: "secret".into(), realm: realm.map(str::to_owned) }
}

fn challenged(request: &Message, nonce: &str) -> Message {
    let mut response = reply(request, 407, "proxy");
    response.push("Proxy-Authenticate", format!("Digest realm=\"operateur\", nonce=\"{nonce}\", qop=\"auth\", algorithm=SHA-256"));
    response
}

#[test]
fn a_challenge_is_answered_once() {
    let mut pair = Pair::manual(50);
    let now = pair.now;
    let invite = rappel::sip::api::Invite { credentials: Some(credentials(Some("operateur"))), ..call(A) };
    let a = pair.a.invite(now, invite).unwrap();
    let first = pair.got_request(Method::Invite);
    pair.inject(&challenged(&first, "n1"));
    assert_eq!(pair.got_request(Method::Ack).cseq().0, 1);
    let second = pair.got_request(Method::Invite);
    assert_eq!(second.cseq().0, 2);
    assert_eq!((second.call_id(), second.from()), (first.call_id(), first.from()));
    assert_ne!(second.via().branch, first.via().branch);
    let params = digest::params(second.get("Proxy-Authorization").unwrap()).unwrap();
    let get = |name: &str| params.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).unwrap();
    let a1 = digest::a1_hash(digest::Algorithm::Sha256, "agence", "operateur", "secret");
    let counted = digest::Counted { nc: get("nc"), cnonce: get("cnonce") };
    assert_eq!(get("response"), digest::response_hash(digest::Algorithm::Sha256, &a1, "INVITE", second.uri(), "n1", Some(counted)));
    // accepted; the BYE is challenged too
    pair.inject(&reply(&second, 200, "peer"));
    assert!(pair.got_request(Method::Ack).get("Proxy-Authorization").is_some(), "RFC 3261 22.1");
    assert!(matches!(pair.event(A), Event::Accepted { session, .. } if session == a));
    let now = pair.now;
    pair.a.bye(now, a, None);
    let bye = pair.got_request(Method::Bye);
    assert_eq!(bye.cseq().0, 3);
    pair.inject(&challenged(&bye, "n2"));
    let bye = pair.got_request(Method::Bye);
    assert_eq!(bye.cseq().0, 4);
    pair.inject(&reply(&bye, 200, "peer"));
    pair.finish();
}

#[test]
fn a_wrong_password_or_realm_is_rejected() {
    for (realm, nonces) in [(Some("operateur"), vec!["n1", "n2"]), (Some("ailleurs"), vec!["n1"])] {
        let mut pair = Pair::manual(51);
        let now = pair.now;
        let invite = rappel::sip::api::Invite { credentials: Some(credentials(realm)), ..call(A) };
        let a = pair.a.invite(now, invite).unwrap();
        for nonce in nonces {
            let invite = pair.got_request(Method::Invite);
            pair.inject(&challenged(&invite, nonce));
            pair.got_request(Method::Ack);
        }
        pair.run(Duration::from_millis(10));
        assert!(pair.inbox.is_empty());
        assert!(matches!(pair.event(A), Event::Rejected { session, status: 407, .. } if session == a));
        pair.finish();
    }
}

#[test]
fn what_the_endpoint_refuses_by_itself() {
    let mut pair = Pair::manual(52);
    let uri = "sip:0199000000@127.0.0.1";
    for (method, tag, more, status, header) in [
        ("INVITE", None, "Require: 100rel, timer\n", 420, Some(("Unsupported", "100rel, timer"))),
        ("INVITE", Some("unknown"), "", 481, None),
        ("BYE", Some("unknown"), "", 481, None),
        ("CANCEL", None, "", 481, None),
        ("MESSAGE", None, "", 405, Some(("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, REFER, NOTIFY, REGISTER"))),
        ("SUBSCRIBE", None, "Event: dialog\n", 405, None),
        ("PUBLISH", None, "", 405, None),
        ("NOTIFY", None, "", 481, None),
        ("OPTIONS", None, "", 200, Some(("Accept", "application/sdp"))),
    ] {
        let asked = request(method, uri, method, 3, tag, more);
        pair.inject(&asked);
        let first = pair.got_status(status);
        assert!(first.to().tag().is_some(), "{method}");
        if let Some((name, value)) = header {
            assert_eq!(first.get(name), Some(value), "{method}");
        }
        assert_eq!(first.get("Server"), None);
        pair.inject(&asked);
        assert_eq!(pair.got_status(status).to(), first.to(), "{method}: the same answer again");
    }
    let mut spent = request("INVITE", uri, "mf", 3, None, "");
    spent.set("Max-Forwards", "0");
    pair.inject(&spent);
    pair.got_status(483);
    let mut nowhere = request("INVITE", uri, "nc", 3, None, "");
    nowhere.remove("Contact");
    pair.inject(&nowhere);
    pair.got_status(400);
    pair.events.retain(|(_, e)| !matches!(e, Event::Malformed { .. }));
    // all have the same Call-ID: one call, told of once
    assert!(matches!(pair.event(A), Event::Refused { .. }));
    pair.no_event();
    pair.finish();
}

#[test]
fn a_full_table_says_500_to_a_trunk_and_503_to_a_phone() {
    let mut pair = Pair::manual(53);
    pair.a = rappel::sip::endpoint::Endpoint::new(Config { pending: 1, ..Config::default() }, Box::new(rappel::domain::entropy::Seeded(1)));
    pair.inject(&request("INVITE", "sip:0199000000@127.0.0.1", "one", 1, None, ""));
    pair.got_status(100);
    let Event::Invite { session, .. } = pair.event(A) else { panic!("INVITE") };
    for (peer, status, branch) in [(Peer::Trunk(0), 500, "two"), (Peer::Phone, 503, "three")] {
        let bytes = request("INVITE", "sip:0199000000@127.0.0.1", branch, 2, None, "").encode();
        pair.a.handle_message(pair.now, peer, flow(A), &bytes);
        pair.flush();
        assert_eq!(pair.got_status(status).get("Retry-After").is_some(), status == 503);
        if status == 500 {
            assert!(matches!(pair.event(A), Event::Refused { status: 500, .. }));
        }
        pair.no_event();
    }
    let now = pair.now;
    pair.a.refuse(now, session, 480, vec![]);
    assert_eq!(pair.a.counts().pending, 0);
    pair.finish();
}

#[test]
fn a_call_that_is_refused_at_once_is_told_of_once_and_a_flood_by_its_first() {
    let mut pair = Pair::manual(55);
    let spoilt = |n: u32, name: &'static str, value: &str, branch: &str| {
        let mut invite = request("INVITE", "sip:0199000000@127.0.0.1", branch, 1, None, "");
        invite.set("Call-ID", format!("call-{n}"));
        match value {
            "" => invite.remove(name),
            value => invite.set(name, value),
        }
        invite
    };
    let table = [("Max-Forwards", "0", 483), ("Require", "nothing", 420), ("Accept", "text/plain", 406), ("Contact", "", 400)];
    for (n, (name, value, expected)) in table.into_iter().enumerate() {
        // the same again, and by another way
        for branch in ["first", "first", "second"] {
            pair.inject(&spoilt(n as u32, name, value, branch));
            pair.got_status(expected);
        }
        let Event::Refused { status, request, .. } = pair.event(A) else { panic!("{name}") };
        assert_eq!((status, request.from().uri), (expected, "sip:0639980001@127.0.0.2"));
        pair.no_event();
    }
    for n in 100..5000 {
        pair.inject(&spoilt(n, "Max-Forwards", "0", &format!("b{n}")));
    }
    assert!((200..=256).contains(&pair.events.len()), "{}", pair.events.len());
    pair.events.clear();
    pair.run(Duration::from_secs(40));
    pair.inject(&spoilt(9999, "Max-Forwards", "0", "later"));
    assert!(matches!(pair.event(A), Event::Refused { status: 483, .. }), "calls are told of again");
    pair.finish();
}

#[test]
fn a_phone_behind_nat_is_answered_where_it_sends_from() {
    let mut pair = Pair::manual(54);
    let nat = Flow { remote: "127.0.0.9:40123".parse().unwrap(), ..flow(A) };
    let text = |via: &str| {
        format!(
            "OPTIONS sip:127.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP {via}\nMax-Forwards: 70\nFrom: <sip:11@a>;tag=f\nTo: <sip:11@a>\nCall-ID: n\n\
             CSeq: 1 OPTIONS\nContent-Length: 0\n\n"
        )
    };
    for (peer, via, remote, stamp) in [
        (
            Peer::Phone,
            "10.0.0.4:5062;branch=z9hG4bKa;rport",
            "127.0.0.9:40123",
            "SIP/2.0/UDP 10.0.0.4:5062;branch=z9hG4bKa;received=127.0.0.9;rport=40123",
        ),
        (Peer::Phone, "10.0.0.4:5062;branch=z9hG4bKb", "127.0.0.9:40123", "SIP/2.0/UDP 10.0.0.4:5062;branch=z9hG4bKb;received=127.0.0.9"),
        (Peer::Trunk(0), "10.0.0.4:5062;branch=z9hG4bKc", "127.0.0.9:5062", "SIP/2.0/UDP 10.0.0.4:5062;branch=z9hG4bKc;received=127.0.0.9"),
        (Peer::Trunk(0), "127.0.0.9:5062;branch=z9hG4bKd", "127.0.0.9:5062", "SIP/2.0/UDP 127.0.0.9:5062;branch=z9hG4bKd"),
    ] {
        pair.a.handle_message(pair.now, peer, nat, text(via).replace('\n', "\r\n").as_bytes());
        let sent = pair.a.poll_transmit().unwrap();
        assert_eq!(sent.flow.remote.to_string(), remote, "{via}");
        assert_eq!(crate::pair::read(&sent.bytes).get("Via"), Some(stamp));
    }
    pair.finish();
}

#[test]
fn a_register_waits_for_its_answer() {
    let mut pair = Pair::manual(55);
    let register = request("REGISTER", "sip:127.0.0.1", "reg", 1, None, "");
    pair.inject(&register);
    let Event::Request { id, request: asked, .. } = pair.event(A) else { panic!("REGISTER") };
    pair.inject(&register);
    pair.no_event();
    assert_eq!(pair.a.counts().requests, 1);
    let now = pair.now;
    pair.a.respond(now, id, Message::reply(&asked, 401, Some("t")));
    pair.got_status(401);
    pair.inject(&register);
    pair.got_status(401);
    pair.no_event();
    pair.finish();
}

#[test]
fn refer_info_and_update_of_a_phone() {
    let mut pair = Pair::manual(56);
    pair.inject(&request("INVITE", "sip:0199000000@127.0.0.1", "i", 1, None, ""));
    pair.got_status(100);
    let Event::Invite { session, offer: None, .. } = pair.event(A) else { panic!("INVITE without offer") };
    let now = pair.now;
    pair.a.answer(now, session, SDP.to_vec());
    let ok = pair.got_status(200);
    let tag = ok.to().tag().map(str::to_owned);
    let inside =
        |method: &str, cseq: u32, more: &str| request(method, "sip:127.0.0.1:5060", &format!("{method}{cseq}"), cseq, tag.as_deref(), more);
    let mut ack = inside("ACK", 1, "");
    ack.push("Content-Type", "application/sdp");
    ack.body = SDP.to_vec();
    pair.inject(&ack);
    let Event::Acked { sdp, .. } = pair.event(A) else { panic!("ACK") };
    assert_eq!(sdp.as_deref(), Some(SDP), "the answer to our offer");
    let mut info = inside("INFO", 2, "");
    info.push("Content-Type", "application/dtmf-relay");
    info.body = b"Signal=5\r\n".to_vec();
    pair.inject(&info);
    pair.inject(&info);
    assert!(
        matches!(pair.event(A), Event::Info { content_type, body, .. } if content_type == "application/dtmf-relay" && body == b"Signal=5\r\n")
    );
    pair.no_event();
    pair.got_status(200);
    pair.got_status(200);
    pair.inject(&inside("REFER", 3, "Refer-To: <sip:12@127.0.0.1>\n"));
    assert!(matches!(pair.event(A), Event::Refer { .. }));
    let now = pair.now;
    pair.a.respond_refer(now, session, 202);
    pair.got_status(202);
    let now = pair.now;
    pair.a.notify(now, session, "SIP/2.0 200 OK", true);
    let notify = pair.got_request(Method::Notify);
    assert_eq!(notify.get("Event"), Some("refer"));
    assert_eq!(notify.get("Subscription-State"), Some("terminated;reason=noresource"));
    assert_eq!(notify.body, b"SIP/2.0 200 OK\r\n");
    pair.inject(&reply(&notify, 200, "peer"));
    pair.inject(&inside("UPDATE", 4, ""));
    pair.got_status(200);
    let mut update = inside("UPDATE", 5, "");
    update.push("Content-Type", "application/sdp");
    update.body = SDP.to_vec();
    pair.inject(&update);
    assert!(matches!(pair.event(A), Event::Offer { sdp: Some(_), .. }));
    let now = pair.now;
    pair.a.accept_offer(now, session, SDP.to_vec());
    assert_eq!(pair.got_status(200).body, SDP);
    pair.inject(&inside("PRACK", 6, ""));
    pair.got_status(405);
    pair.inject(&inside("BYE", 7, ""));
    pair.got_status(200);
    assert!(matches!(pair.event(A), Event::Bye { .. }));
    pair.finish();
}

#[test]
fn a_call_on_a_lost_connection_is_lost() {
    let mut pair = Pair::manual(57);
    let tcp = Flow { transport: Transport::Tcp, connection: Some(4), ..flow(A) };
    let mut invite = request("INVITE", "sip:0199000000@127.0.0.1", "t", 1, None, "");
    invite.set("Via", "SIP/2.0/TCP 127.0.0.2:5060;branch=z9hG4bKtcp");
    pair.a.handle_message(pair.now, Peer::Phone, tcp, &invite.encode());
    pair.flush();
    let Event::Invite { session, .. } = pair.event(A) else { panic!("INVITE") };
    let now = pair.now;
    pair.a.handle_connection_lost(now, 4, flow(A).remote);
    pair.flush();
    assert!(matches!(pair.event(A), Event::Lost { session: s } if s == session));
    pair.finish();
}

#[test]
fn nothing_is_sent_twice_on_tcp() {
    let mut pair = Pair::manual(58);
    let tcp = Flow { transport: Transport::Tcp, connection: Some(4), ..flow(A) };
    let now = pair.now;
    let a = pair.a.invite(now, rappel::sip::api::Invite { flow: tcp, ..call(A) }).unwrap();
    pair.run(Duration::from_millis(31_900));
    assert_eq!(pair.sent[0], 1);
    assert!(pair.got_request(Method::Invite).get("Via").unwrap().starts_with("SIP/2.0/TCP "));
    pair.run(Duration::from_millis(200));
    assert!(matches!(pair.event(A), Event::Rejected { session, status: 408, provisional: false, .. } if session == a));
    pair.finish();
}

#[test]
fn the_route_set_and_a_new_target_are_followed() {
    let mut pair = Pair::manual(59);
    let routes = "Record-Route: <sip:127.0.0.2:5080;lr>, <sip:p2.example.fr;lr>\n";
    pair.inject(&request("INVITE", "sip:0199000000@127.0.0.1", "i", 1, None, routes));
    assert_eq!(pair.got_status(100).list("Record-Route").len(), 2);
    let Event::Invite { session, .. } = pair.event(A) else { panic!("INVITE") };
    let now = pair.now;
    pair.a.answer(now, session, SDP.to_vec());
    let ok = pair.got_status(200);
    let tag = ok.to().tag().map(str::to_owned);
    let inside = |method: &str, cseq: u32| request(method, "sip:127.0.0.1:5060", &format!("{method}{cseq}"), cseq, tag.as_deref(), "");
    pair.inject(&inside("ACK", 1));
    let mut update = inside("UPDATE", 2);
    update.set("Contact", "<sip:moved@127.0.0.2:5099>");
    pair.inject(&update);
    pair.got_status(200);
    let now = pair.now;
    pair.a.bye(now, session, None);
    let sent = pair.a.poll_transmit().unwrap();
    assert_eq!(sent.flow.remote.to_string(), "127.0.0.2:5080", "the first route, at the peer's own address");
    let bye = crate::pair::read(&sent.bytes);
    assert_eq!(bye.uri(), "sip:moved@127.0.0.2:5099");
    assert_eq!(bye.list("Route"), ["<sip:127.0.0.2:5080;lr>", "<sip:p2.example.fr;lr>"]);
    pair.inject(&reply(&bye, 200, "peer"));
    pair.finish();
}
