//! An operator's registrar in every mood: what is sent, when, and what the trunk says of itself.

use super::*;
use crate::domain::entropy::Seeded;

struct Bench {
    trunk: Trunk,
    now: Instant,
}

const MD5: &str = "Digest realm=\"op\", nonce=\"n1\", qop=\"auth\"";
const SHA: &str = "Digest realm=\"op\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth\"";

fn config() -> TrunkConfig {
    TrunkConfig {
        register: true,
        registrar_uri: "sip:op.example".into(),
        address_of_record: "sip:0033199000000@op.example".into(),
        contact: "sip:0033199000000@192.0.2.1:5060".into(),
        credentials: Some(Credentials { username: "0033199000000".into(), password: "secret".into(), realm: None }),
        expires: 1800,
        keepalive: None,
    }
}

impl Bench {
    fn new(config: TrunkConfig) -> Bench {
        Bench { trunk: Trunk::new(Instant::ZERO, config, Box::new(Seeded(3))), now: Instant::ZERO }
    }

    /// The request due now.
    fn sent(&mut self) -> Option<Message> {
        self.trunk.handle_timeout(self.now);
        match self.trunk.poll_action() {
            Some(Action::Send(request)) => Some(*request),
            Some(Action::Alert { .. }) => panic!("an alert in place of a request"),
            None => None,
        }
    }

    fn answer(&mut self, request: &Message, status: u16, headers: &[(&str, &str)]) {
        let mut response = Message::response(status, "x");
        let (cseq, method) = request.cseq();
        response.push("CSeq", format!("{cseq} {}", method.as_str()));
        for (name, value) in headers {
            response.push(name, *value);
        }
        self.trunk.handle_response(self.now, Some(&response));
    }

    /// Sends what is due and answers it; the request.
    fn round(&mut self, status: u16, headers: &[(&str, &str)]) -> Message {
        let request = self.sent().expect("a request is due");
        self.answer(&request, status, headers);
        request
    }

    /// Goes to the next deadline; seconds passed.
    fn skip(&mut self) -> f64 {
        let at = self.trunk.poll_timeout().expect("a deadline");
        let passed = at.since(self.now).as_secs_f64();
        self.now = self.now.max(at);
        passed
    }

    fn alert(&mut self) -> Option<u16> {
        match self.trunk.poll_action() {
            Some(Action::Alert { status }) => Some(status),
            Some(Action::Send(_)) => panic!("a request in place of an alert"),
            None => None,
        }
    }
}

#[test]
fn registers_by_digest_and_refreshes_within_the_grant() {
    for (line, algorithm) in [(MD5, digest::Algorithm::Md5), (SHA, digest::Algorithm::Sha256)] {
        let mut bench = Bench::new(config());
        let first = bench.round(401, &[("WWW-Authenticate", line)]);
        assert_eq!(first.get("Authorization"), None);
        assert_eq!((first.get("Expires"), first.get("Contact")), (Some("1800"), Some("<sip:0033199000000@192.0.2.1:5060>")));
        let second = bench
            .round(200, &[("Contact", "<sip:other@192.0.2.9>;expires=60, <sip:0033199000000@192.0.2.1>;expires=600"), ("Expires", "1200")]);
        assert_eq!(second.call_id(), first.call_id());
        assert_eq!((first.cseq().0, second.cseq().0), (1, 2));
        assert_eq!(first.from().tag(), second.from().tag());
        let given = digest::params(second.get("Authorization").unwrap()).unwrap();
        let get = |name: &str| given.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap();
        let a1 = digest::a1_hash(algorithm, "0033199000000", "op", "secret");
        let counted = digest::Counted { nc: "00000001", cnonce: &get("cnonce") };
        assert_eq!(get("response"), digest::response_hash(algorithm, &a1, "REGISTER", "sip:op.example", "n1", Some(counted)));
        assert_eq!(bench.trunk.state(), TrunkState::Registered);
        let pause = bench.skip();
        assert!((300.0..=540.0).contains(&pause), "{pause}");
        // the refresh answers the known challenge at once, counting on
        let refresh = bench.round(200, &[]);
        assert!(refresh.get("Authorization").unwrap().contains("nc=00000002"));
        assert_eq!(bench.trunk.since(), Instant::ZERO);
        assert_eq!(bench.alert(), None);
    }
}

#[test]
fn what_is_granted_is_our_contacts_then_the_header_then_what_was_asked() {
    for (headers, seconds) in [
        (vec![("Contact", "<sip:0033199000000@192.0.2.1:5060;ob>;expires=30")], 30.0),
        (vec![("Contact", "<sip:rewritten@198.51.100.1>;expires=40"), ("Expires", "90")], 40.0),
        (vec![("Contact", "<sip:a@192.0.2.8>;expires=10"), ("Contact", "<sip:b@192.0.2.9>;expires=10"), ("Expires", "90")], 90.0),
        (vec![], 1800.0),
    ] {
        let mut bench = Bench::new(config());
        bench.round(200, &headers);
        let pause = bench.skip();
        assert!(pause >= seconds * 0.5 && pause <= seconds * 0.9, "{pause} of {seconds}");
    }
}

#[test]
fn a_proxys_challenge_is_answered_in_its_own_header() {
    let mut bench = Bench::new(config());
    bench.round(407, &[("Proxy-Authenticate", MD5)]);
    let second = bench.round(200, &[]);
    assert!(second.get("Proxy-Authorization").is_some() && second.get("Authorization").is_none());
}

#[test]
fn a_wrong_password_is_tried_once_a_round_then_backed_off() {
    let mut bench = Bench::new(config());
    for round in 0..3 {
        bench.round(401, &[("WWW-Authenticate", MD5)]);
        bench.round(401, &[("WWW-Authenticate", "Digest realm=\"op\", nonce=\"n2\", qop=\"auth\"")]);
        assert_eq!(bench.trunk.state(), TrunkState::Refused);
        assert_eq!(bench.alert(), (round == 0).then_some(401));
        assert!(bench.sent().is_none());
        assert!(bench.skip() >= 4.0);
    }
}

#[test]
fn a_stale_nonce_is_replaced_without_losing_the_registration() {
    let mut bench = Bench::new(config());
    bench.round(401, &[("WWW-Authenticate", MD5)]);
    bench.round(200, &[]);
    bench.skip();
    bench.round(401, &[("WWW-Authenticate", "Digest realm=\"op\", nonce=\"n2\", stale=true, qop=\"auth\"")]);
    assert_eq!(bench.trunk.state(), TrunkState::Registered);
    let second = bench.round(200, &[]);
    assert!(second.get("Authorization").unwrap().contains("nonce=\"n2\""));
    // an operator whose every nonce is stale does not keep us busy for ever
    bench.skip();
    for i in 0..=3 {
        bench.round(401, &[("WWW-Authenticate", &format!("Digest realm=\"op\", nonce=\"s{i}\", stale=true"))]);
    }
    assert!(bench.trunk.state() == TrunkState::Refused && bench.alert() == Some(401));
    assert!(bench.sent().is_none());
}

#[test]
fn another_realm_gets_no_digest() {
    let mut config = config();
    config.credentials = config.credentials.map(|c| Credentials { realm: Some("elsewhere".into()), ..c });
    let mut bench = Bench::new(config);
    bench.round(401, &[("WWW-Authenticate", MD5)]);
    assert_eq!((bench.trunk.state(), bench.alert()), (TrunkState::Refused, Some(401)));
    assert!(bench.sent().is_none());
}

#[test]
fn too_brief_an_interval_is_lengthened_once() {
    let mut bench = Bench::new(TrunkConfig { expires: 60, ..config() });
    bench.round(423, &[("Min-Expires", "900")]);
    assert_eq!(bench.round(200, &[]).get("Expires"), Some("900"));
    assert_eq!(bench.trunk.state(), TrunkState::Registered);
    let mut bench = Bench::new(TrunkConfig { expires: 60, ..config() });
    bench.round(423, &[("Min-Expires", "900")]);
    bench.round(423, &[("Min-Expires", "1800")]);
    assert_eq!((bench.trunk.state(), bench.alert()), (TrunkState::Refused, Some(423)));
}

#[test]
fn a_403_waits_ten_minutes_and_alerts_once() {
    let mut bench = Bench::new(config());
    bench.round(403, &[]);
    assert_eq!((bench.trunk.state(), bench.alert()), (TrunkState::Refused, Some(403)));
    assert_eq!(bench.skip(), 600.0);
    bench.round(403, &[]);
    assert_eq!((bench.alert(), bench.skip()), (None, 600.0));
    bench.round(200, &[]);
    assert_eq!((bench.trunk.state(), bench.trunk.since()), (TrunkState::Registered, bench.now));
}

#[test]
fn silence_is_retried_for_ever_with_longer_pauses() {
    let mut bench = Bench::new(config());
    for expected in [5.0, 10.0, 20.0, 40.0, 80.0].into_iter().chain([120.0; 30]) {
        assert!(bench.sent().is_some());
        bench.trunk.handle_response(bench.now, None);
        assert_eq!((bench.trunk.state(), bench.trunk.reachable()), (TrunkState::Unregistered, Some(false)));
        let pause = bench.skip();
        assert!(pause >= expected * 0.8 && pause <= expected, "{pause} for {expected}");
    }
    bench.round(200, &[]);
    bench.skip();
    bench.sent();
    bench.trunk.handle_response(bench.now, None);
    assert!(bench.skip() <= 5.0, "a success starts the pauses anew");
}

#[test]
fn retry_after_is_obeyed() {
    let mut bench = Bench::new(config());
    bench.round(503, &[("Retry-After", "33 (maintenance);duration=60")]);
    assert_eq!((bench.trunk.state(), bench.alert(), bench.skip()), (TrunkState::Unregistered, None, 33.0));
}

#[test]
fn registered_ends_with_the_first_failed_refresh_and_with_the_expiry() {
    let mut bench = Bench::new(config());
    bench.round(200, &[]);
    bench.skip();
    bench.round(500, &[]);
    assert_eq!((bench.trunk.state(), bench.trunk.since()), (TrunkState::Unregistered, bench.now));

    let mut bench = Bench::new(config());
    bench.round(200, &[("Expires", "30")]);
    bench.skip();
    let unanswered = bench.sent().expect("a refresh");
    assert_eq!(bench.trunk.state(), TrunkState::Registered);
    bench.skip();
    assert_eq!(bench.now, Instant::ZERO + Duration::from_secs(30));
    bench.trunk.handle_timeout(bench.now);
    assert_eq!(bench.trunk.state(), TrunkState::Unregistered);
    bench.answer(&unanswered, 200, &[]);
    assert_eq!(bench.trunk.state(), TrunkState::Registered);
}

#[test]
fn a_request_whose_end_nobody_reports_is_given_up() {
    let mut bench = Bench::new(config());
    assert!(bench.sent().is_some());
    assert_eq!(bench.skip(), 40.0);
    assert!(bench.sent().is_none());
    assert_eq!(bench.trunk.state(), TrunkState::Unregistered);
    bench.skip();
    assert!(bench.sent().is_some());
}

#[test]
fn a_late_response_to_an_older_request_says_nothing() {
    let mut bench = Bench::new(config());
    let first = bench.round(401, &[("WWW-Authenticate", MD5)]);
    let second = bench.sent().unwrap();
    bench.answer(&first, 403, &[]);
    assert_eq!((bench.trunk.state(), bench.alert()), (TrunkState::Unregistered, None));
    bench.answer(&second, 200, &[]);
    assert_eq!(bench.trunk.state(), TrunkState::Registered);
}

#[test]
fn at_shutdown_the_operator_forgets_us() {
    let mut bench = Bench::new(config());
    bench.round(401, &[("WWW-Authenticate", MD5)]);
    bench.round(200, &[]);
    bench.trunk.unregister(bench.now);
    assert_eq!(bench.trunk.state(), TrunkState::Unregistered);
    let first = bench.round(401, &[("WWW-Authenticate", "Digest realm=\"op\", nonce=\"n3\", stale=true")]);
    assert_eq!(first.get("Expires"), Some("0"));
    assert!(!bench.trunk.is_over());
    assert_eq!(bench.round(200, &[]).get("Expires"), Some("0"));
    assert!(bench.trunk.is_over() && bench.trunk.poll_timeout().is_none() && bench.sent().is_none());

    let mut never = Bench::new(config());
    never.trunk.unregister(never.now);
    assert!(never.trunk.is_over() && never.sent().is_none());
}

#[test]
fn a_trunk_known_by_address_sends_options_at_most() {
    let mut silent = Bench::new(TrunkConfig { register: false, ..config() });
    assert!(silent.sent().is_none() && silent.trunk.poll_timeout().is_none());
    assert_eq!(silent.trunk.state(), TrunkState::Static);
    let mut bench = Bench::new(TrunkConfig { register: false, keepalive: Some(Duration::from_secs(25)), ..config() });
    let request = bench.round(404, &[]);
    assert_eq!(request.method(), Some(Method::Options));
    assert_eq!((bench.trunk.reachable(), bench.skip()), (Some(true), 25.0));
    bench.sent();
    bench.trunk.handle_response(bench.now, None);
    assert_eq!((bench.trunk.reachable(), bench.trunk.state()), (Some(false), TrunkState::Static));
}

#[test]
fn a_registered_trunk_is_kept_open_and_one_that_falls_silent_is_registered_anew_at_once() {
    let mut bench = Bench::new(TrunkConfig { keepalive: Some(Duration::from_secs(25)), ..config() });
    bench.round(200, &[]);
    for _ in 0..30 {
        assert_eq!(bench.skip(), 25.0);
        assert_eq!(bench.round(200, &[]).method(), Some(Method::Options));
        assert_eq!(bench.trunk.state(), TrunkState::Registered);
    }
    bench.skip();
    assert_eq!(bench.sent().and_then(|request| request.method()), Some(Method::Options));
    bench.trunk.handle_response(bench.now, None);
    assert_eq!(bench.trunk.state(), TrunkState::Registered, "one lost packet is no outage");
    assert_eq!(bench.sent().and_then(|request| request.method()), Some(Method::Register));
    bench.trunk.handle_response(bench.now, None);
    assert_eq!(bench.trunk.state(), TrunkState::Unregistered);
}

#[test]
fn a_renewal_never_waits_for_the_answer_to_a_keep_alive() {
    let mut bench = Bench::new(TrunkConfig { keepalive: Some(Duration::from_secs(25)), ..config() });
    bench.round(200, &[("Expires", "60")]);
    for _ in 0..20 {
        assert!(bench.skip() >= 30.0);
        assert_eq!(bench.round(200, &[("Expires", "60")]).method(), Some(Method::Register));
    }
}
