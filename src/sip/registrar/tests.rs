//! Phones register: what is granted, what is refused, and who gets no answer.

use super::*;
use crate::domain::entropy::Seeded;
use crate::sip::api::Transport;
use crate::sip::digest::{self, Algorithm, Challenge};

const REALM: &str = "rappel";

struct Bench {
    registrar: Registrar,
    entropy: Seeded,
    now: Instant,
    cseq: u32,
}

fn flow(remote: &str) -> Flow {
    Flow { transport: Transport::Udp, local: "192.0.2.1:5060".parse().unwrap(), remote: remote.parse().unwrap(), connection: None }
}

fn extension(digits: &str) -> Extension {
    Extension(digits.into())
}

fn register(user: &str, call_id: &str, cseq: u32, contacts: &[&str], headers: &[(&str, &str)]) -> Message {
    let mut request = Message::request(Method::Register, "sip:192.0.2.1");
    request.push("Via", "SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK1");
    request.push("From", format!("<sip:{user}@rappel>;tag=a"));
    request.push("To", format!("<sip:{user}@rappel>"));
    request.push("Call-ID", call_id);
    request.push("CSeq", format!("{cseq} REGISTER"));
    for contact in contacts {
        request.push("Contact", *contact);
    }
    for (name, value) in headers {
        request.push(name, *value);
    }
    request
}

fn changed(digits: &str, registered: bool) -> Vec<Change> {
    vec![Change { extension: extension(digits), registered }]
}

impl Bench {
    fn new() -> Bench {
        let phones = ["11", "12"].map(|e| PhoneAccount { extension: extension(e), password: format!("secret{e}") }).to_vec();
        let mut entropy = Seeded(1);
        let registrar = Registrar::new(RegistrarConfig::new(REALM, phones), &mut entropy);
        Bench { registrar, entropy, now: Instant::ZERO + Duration::from_secs(1000), cseq: 0 }
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn handle(&mut self, remote: &str, request: &Message) -> (Option<Message>, Vec<Change>) {
        self.registrar.handle(self.now, flow(remote), request, &mut self.entropy)
    }

    fn status(&mut self, remote: &str, request: &Message) -> Option<u16> {
        self.handle(remote, request).0.and_then(|r| r.status())
    }

    fn challenge(&mut self, remote: &str, user: &str, line: usize) -> Challenge {
        let response = self.handle(remote, &register(user, "c", 1, &[], &[])).0.unwrap();
        let found = response.all("WWW-Authenticate").filter_map(Challenge::parse).nth(line);
        found.unwrap()
    }

    /// A REGISTER with right credentials over a fresh nonce.
    fn sign(&mut self, remote: &str, user: &str, mut request: Message) -> Message {
        let challenge = self.challenge(remote, user, 0);
        sign_with(&mut request, &challenge, user, &format!("secret{user}"), 1);
        request
    }

    fn registers(
        &mut self,
        remote: &str,
        user: &str,
        call_id: &str,
        contacts: &[&str],
        headers: &[(&str, &str)],
    ) -> (Message, Vec<Change>) {
        self.cseq += 1;
        let request = register(user, call_id, self.cseq, contacts, headers);
        let request = self.sign(remote, user, request);
        let (response, changes) = self.handle(remote, &request);
        (response.unwrap(), changes)
    }

    fn uris(&self, digits: &str) -> Vec<String> {
        self.registrar.bindings(&extension(digits)).into_iter().map(|b| b.contact_uri).collect()
    }

    fn guess(&mut self, remote: &str, user: &str) -> Option<u16> {
        let mut request = register(user, "g", 1, &["<sip:x@10.0.0.66>"], &[]);
        let challenge = Challenge::parse(&format!("Digest realm=\"{REALM}\", nonce=\"0\", qop=\"auth\"")).unwrap();
        sign_with(&mut request, &challenge, user, "wrong", 1);
        self.status(remote, &request)
    }
}

fn sign_with(request: &mut Message, challenge: &Challenge, user: &str, password: &str, nc: u32) {
    request.set("Authorization", digest::authorization(challenge, user, password, "REGISTER", "sip:192.0.2.1", "abcd", nc));
}

const PHONE: &str = "10.0.0.9:5060";

#[test]
fn a_phone_registers_and_is_reached_over_the_flow_it_came_from() {
    let mut bench = Bench::new();
    let (response, changes) =
        bench.registers("10.0.0.1:41000", "11", "a", &["<sip:11@192.168.7.7:5060;transport=udp>"], &[("Expires", "600")]);
    assert_eq!((response.status(), changes), (Some(200), changed("11", true)));
    assert_eq!(response.get("Contact"), Some("<sip:11@192.168.7.7:5060;transport=udp>;expires=600"));
    assert!(response.to().tag().is_some());
    let bindings = bench.registrar.bindings(&extension("11"));
    assert_eq!(
        bindings,
        vec![Binding {
            contact_uri: "sip:11@192.168.7.7:5060;transport=udp".into(),
            flow: flow("10.0.0.1:41000"),
            expires: bench.now + Duration::from_secs(600)
        }]
    );
    assert!(bench.registrar.bindings(&extension("12")).is_empty());
    // a refresh changes nothing
    let (_, changes) = bench.registers("10.0.0.1:41000", "11", "a", &["<sip:11@192.168.7.7:5060;transport=udp>"], &[("Expires", "600")]);
    assert_eq!((changes, bench.uris("11").len()), (vec![], 1));
}

#[test]
fn md5_alone_is_offered_and_an_answer_in_sha_256_is_taken_too() {
    let mut bench = Bench::new();
    let response = bench.handle(PHONE, &register("11", "a", 1, &[], &[])).0.unwrap();
    let lines: Vec<&str> = response.all("WWW-Authenticate").collect();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("algorithm=MD5") && lines[0].contains("qop=\"auth\"") && !lines[0].contains("stale"));
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let mut challenge = bench.challenge(PHONE, "11", 0);
        challenge.algorithm = algorithm;
        let mut request = register("11", "a", 2, &[], &[]);
        sign_with(&mut request, &challenge, "11", "secret11", 1);
        assert_eq!(bench.status(PHONE, &request), Some(200));
    }
}

#[test]
fn known_and_unknown_users_get_the_same_answer() {
    let mut bench = Bench::new();
    let shape = |m: &Message| {
        let lines: Vec<String> =
            m.all("WWW-Authenticate").map(|l| l.chars().map(|c| if c.is_ascii_hexdigit() { 'h' } else { c }).collect()).collect();
        (m.status(), m.encode().len(), lines)
    };
    let known = bench.handle("10.0.0.8:5060", &register("11", "a", 1, &[], &[])).0.unwrap();
    let unknown = bench.handle("10.0.0.8:5060", &register("99", "a", 1, &[], &[])).0.unwrap();
    assert_eq!(shape(&known), shape(&unknown));
    let wrong = |bench: &mut Bench, user: &str| {
        let challenge = bench.challenge("10.0.0.8:5060", user, 0);
        let mut request = register(user, "a", 2, &[], &[]);
        sign_with(&mut request, &challenge, user, "wrong", 1);
        bench.handle("10.0.0.8:5060", &request).0.unwrap()
    };
    let (known, unknown) = (wrong(&mut bench, "11"), wrong(&mut bench, "99"));
    assert_eq!(shape(&known), shape(&unknown));
}

#[test]
fn a_nonce_counts_upwards_belongs_to_one_address_and_dies() {
    let mut bench = Bench::new();
    let challenge = bench.challenge(PHONE, "11", 0);
    let signed = |nc: u32| {
        let mut request = register("11", "a", 1 + nc, &[], &[]);
        sign_with(&mut request, &challenge, "11", "secret11", nc);
        request
    };
    assert_eq!(bench.status(PHONE, &signed(1)), Some(200));
    assert_eq!(bench.status(PHONE, &signed(1)), Some(401));
    assert_eq!(bench.status("10.0.0.9:777", &signed(1)), Some(401));
    assert_eq!(bench.status(PHONE, &signed(10)), Some(200));
    assert_eq!(bench.status(PHONE, &signed(9)), Some(401));
    assert_eq!(bench.status("10.0.0.10:5060", &signed(11)), Some(401));
    bench.pass(61);
    let response = bench.handle(PHONE, &signed(12)).0.unwrap();
    assert_eq!(response.status(), Some(401));
    assert!(response.all("WWW-Authenticate").all(|l| l.ends_with("stale=true")));
    assert_eq!(bench.registrar.poll_lockout(), None);
}

#[test]
fn an_old_phone_without_qop_uses_a_nonce_once() {
    let mut bench = Bench::new();
    let nonce = bench.challenge(PHONE, "11", 0).nonce;
    let plain = Challenge::parse(&format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\"")).unwrap();
    let mut request = register("11", "a", 2, &[], &[]);
    sign_with(&mut request, &plain, "11", "secret11", 1);
    assert_eq!(bench.status(PHONE, &request), Some(200));
    assert_eq!(bench.status(PHONE, &request), Some(401));
}

#[test]
fn who_guesses_gets_silence_and_nobody_else_does() {
    let mut bench = Bench::new();
    for _ in 0..5 {
        assert_eq!(bench.guess("10.0.0.66:5060", "11"), Some(401));
    }
    assert_eq!(bench.guess("10.0.0.66:5061", "11"), None);
    assert_eq!(bench.status("10.0.0.66:5060", &register("11", "a", 1, &[], &[])), None);
    assert_eq!(bench.registrar.poll_lockout(), Some(Lockout { address: "10.0.0.66".parse().unwrap(), user: Some("11".into()) }));
    // the phone itself, elsewhere, and another user at the same address
    assert_eq!(bench.registers(PHONE, "11", "a", &["<sip:11@10.0.0.9>"], &[]).0.status(), Some(200));
    assert_eq!(bench.registers("10.0.0.66:5060", "12", "b", &["<sip:12@10.0.0.66>"], &[]).0.status(), Some(200));
    bench.pass(601);
    assert_eq!(bench.guess("10.0.0.66:5060", "11"), Some(401));
}

#[test]
fn a_success_resets_the_count_and_slow_mistakes_lock_nobody_out() {
    let mut bench = Bench::new();
    for round in 0..3 {
        for _ in 0..4 {
            assert_eq!(bench.guess(PHONE, "11"), Some(401));
        }
        assert_eq!(bench.registers(PHONE, "11", &format!("a{round}"), &["<sip:11@10.0.0.9>"], &[]).0.status(), Some(200));
    }
    for _ in 0..20 {
        bench.pass(20);
        assert_eq!(bench.guess(PHONE, "12"), Some(401));
    }
}

#[test]
fn an_address_that_tries_many_users_is_silenced_but_for_its_own_phone() {
    let mut bench = Bench::new();
    assert_eq!(bench.registers("10.0.0.66:5060", "12", "b", &["<sip:12@10.0.0.66>"], &[]).0.status(), Some(200));
    let answered = (0..900).filter(|user| bench.guess("10.0.0.66:5060", &format!("u{user}")).is_some()).count();
    assert_eq!(answered, 50);
    assert_eq!(bench.status("10.0.0.66:5060", &register("11", "a", 1, &[], &[])), None);
    assert_eq!(bench.registers("10.0.0.66:5060", "12", "b", &["<sip:12@10.0.0.66>"], &[]).0.status(), Some(200));
    assert_eq!(bench.registers(PHONE, "11", "a", &["<sip:11@10.0.0.9>"], &[]).0.status(), Some(200));
}

#[test]
fn several_contacts_up_to_a_bound_then_the_first_to_expire_goes() {
    let mut bench = Bench::new();
    for i in 0..7 {
        let remote = format!("10.0.0.{}:5060", 20 + i);
        bench.registers(&remote, "11", &format!("c{i}"), &[&format!("<sip:11@10.0.0.{}>;expires={}", 20 + i, 600 + i)], &[]);
    }
    assert_eq!(bench.uris("11"), (22..27).map(|i| format!("sip:11@10.0.0.{i}")).collect::<Vec<_>>());
    let (response, _) = bench.registers(PHONE, "11", "q", &[], &[]);
    assert_eq!((response.status(), response.all("Contact").count()), (Some(200), 5));
}

#[test]
fn a_phone_that_starts_again_leaves_no_dead_contact() {
    let mut bench = Bench::new();
    bench.registers(PHONE, "11", "a", &["<sip:11-old@10.0.0.9:5060>"], &[]);
    let (_, changes) = bench.registers(PHONE, "11", "b", &["<sip:11-new@10.0.0.9:5060>"], &[]);
    assert_eq!((bench.uris("11"), changes), (vec!["sip:11-new@10.0.0.9:5060".to_owned()], vec![]));
}

#[test]
fn expiry_removal_and_the_star() {
    let mut bench = Bench::new();
    bench.registers(PHONE, "11", "a", &["<sip:11@10.0.0.9>;expires=60"], &[]);
    bench.registers("10.0.0.7:5060", "11", "b", &["\"a, <b>\" <sip:11@10.0.0.7>;expires=99999"], &[]);
    assert_eq!(bench.registrar.poll_timeout(), Some(bench.now + Duration::from_secs(60)));
    bench.pass(60);
    let now = bench.now;
    assert_eq!(bench.registrar.handle_timeout(now), vec![]);
    assert_eq!(bench.uris("11"), ["sip:11@10.0.0.7"]);
    assert_eq!(bench.registrar.poll_timeout(), Some(now + Duration::from_secs(3540)));
    bench.pass(3540);
    let now = bench.now;
    assert_eq!(bench.registrar.handle_timeout(now), changed("11", false));
    assert_eq!(bench.registrar.poll_timeout(), None);

    bench.registers(PHONE, "11", "a", &["<sip:11@10.0.0.9>, <sip:11@10.0.0.9:5070>"], &[]);
    assert_eq!(bench.uris("11").len(), 2);
    bench.registers(PHONE, "11", "a", &["<sip:11@10.0.0.9:5070>;expires=0"], &[]);
    assert_eq!(bench.uris("11"), ["sip:11@10.0.0.9"]);
    assert_eq!(bench.registers(PHONE, "11", "a", &["*"], &[("Expires", "60")]).0.status(), Some(400));
    let (response, changes) = bench.registers(PHONE, "11", "a", &["*"], &[("Expires", "0")]);
    assert_eq!((response.status(), response.get("Contact"), changes), (Some(200), None, changed("11", false)));
}

#[test]
fn refusals_change_nothing() {
    let mut bench = Bench::new();
    let (response, changes) = bench.registers(PHONE, "11", "a", &["<sip:11@10.0.0.9>;expires=30"], &[]);
    assert_eq!((response.status(), response.get("Min-Expires"), changes), (Some(423), Some("60"), vec![]));
    for bad in ["<tel:0639980001>", "<sip:11@10.0.0.9", "mailto:x@y"] {
        assert_eq!(bench.registers(PHONE, "11", "a", &[bad], &[]).0.status(), Some(400), "{bad}");
    }
    bench.registers(PHONE, "11", "a", &["<sip:11@10.0.0.9>"], &[]);
    bench.cseq = 0;
    assert_eq!(bench.registers(PHONE, "11", "a", &["<sip:11@10.0.0.9>;expires=0"], &[]).0.status(), Some(500));
    // 12's credentials do not register 11
    let challenge = bench.challenge(PHONE, "12", 0);
    let mut request = register("11", "z", 9, &["<sip:evil@10.0.0.66>"], &[]);
    sign_with(&mut request, &challenge, "12", "secret12", 1);
    assert_eq!(bench.status(PHONE, &request), Some(403));
    assert_eq!(bench.uris("11"), ["sip:11@10.0.0.9"]);
}

#[test]
fn what_came_over_a_lost_connection_is_gone() {
    let mut bench = Bench::new();
    let tcp = Flow { transport: Transport::Tcp, connection: Some(7), ..flow(PHONE) };
    let request = register("11", "a", 1, &["<sip:11@10.0.0.9;transport=tcp>"], &[]);
    let request = bench.sign(PHONE, "11", request);
    let (response, _) = bench.registrar.handle(bench.now, tcp, &request, &mut bench.entropy);
    assert_eq!(response.and_then(|r| r.status()), Some(200));
    assert_eq!(bench.registrar.forget_connection(8), vec![]);
    assert_eq!(bench.registrar.forget_connection(7), changed("11", false));
}

#[test]
fn an_invite_of_a_phone_is_judged_by_its_from() {
    let mut bench = Bench::new();
    let mut invite = Message::request(Method::Invite, "sip:00639980001@192.0.2.1");
    invite.push("From", "<sip:11@rappel>;tag=a");
    invite.push("To", "<sip:00639980001@rappel>");
    let Verdict::Challenge(lines) = bench.registrar.authenticate(bench.now, flow(PHONE), &invite, Method::Invite) else {
        panic!("no challenge")
    };
    let challenge = Challenge::parse(&lines[0]).unwrap();
    invite.push("Authorization", digest::authorization(&challenge, "11", "secret11", "INVITE", "sip:00639980001@192.0.2.1", "c", 1));
    assert_eq!(bench.registrar.authenticate(bench.now, flow(PHONE), &invite, Method::Invite), Verdict::Ok(extension("11")));
    assert!(matches!(bench.registrar.authenticate(bench.now, flow(PHONE), &invite, Method::Invite), Verdict::Challenge(_)));
}
