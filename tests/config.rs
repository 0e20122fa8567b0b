//! The agency's file by its outside: defaults, every kind of mistake at its place, secrets that stay secret, the files beside it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use rappel::config::model::*;
use rappel::config::{BUILT_IN, Config, Mistake};
use rappel::dialplan::route::{Kind, NumberFormat, route};
use rappel::domain::callback::Retry;

const TRUNK: &str = "[[trunk]]\nname = \"operateur\"\naddress = \"127.0.0.2:5080\"\nregister = false\nnumbers = [\"0199000000\"]\n";
const PHONE: &str = "[[phone]]\nextension = \"11\"\npassword = \"tres-secret\"\n";

fn mistakes(text: &str) -> Vec<Mistake> {
    Config::parse(text, None).err().unwrap_or_default()
}

/// One kind of mistake: the file, where it stands, a part of what is said, of what was expected, and the suggestion.
struct Case {
    text: &'static str,
    at: (usize, usize),
    what: &'static str,
    expected: &'static str,
    suggestion: Option<&'static str>,
}

const fn case(
    text: &'static str,
    at: (usize, usize),
    what: &'static str,
    expected: &'static str,
    suggestion: Option<&'static str>,
) -> Case {
    Case { text, at, what, expected, suggestion }
}

const CASES: [Case; 43] = [
    case("[line\n", (1, 6), "pas du TOML", "clé = valeur", None),
    case("[line]\nring_seconds = 1\nring_seconds = 2\n", (3, 1), "deux fois", "une seule fois", None),
    case("[lign]\nring_seconds = 1\n", (1, 2), "table inconnue « lign »", "line", Some("line")),
    case("[line]\n  ring_secondes = 18\n", (2, 3), "clé inconnue « ring_secondes »", "ring_seconds", Some("ring_seconds")),
    case("[hours]\nlundi = []\n", (2, 1), "clé inconnue « lundi »", "monday", None),
    case("[hours]\nmonday = [\"9h-12h\"]\n", (2, 11), "9h-12h", "09:00-12:30", None),
    case("[hours]\nmonday = [\"12:30-09:00\"]\n", (2, 11), "12:30-09:00", "09:00-12:30", None),
    case("[hours]\nmonday = [\"14:00-18:00\", \"09:00-12:30\"]\n", (2, 26), "commence avant la fin", "dans l'ordre", None),
    case("[hours]\nclosed = [\"24/12/2026\"]\n", (2, 11), "24/12/2026", "2026-12-24", None),
    case("[hours]\nholidays = \"FR57\"\n", (2, 12), "FR57", "\"FR-57\"", Some("FR-57")),
    case("[agency]\ntimezone = \"Europe/Pariss\"\n", (2, 12), "fuseau horaire inconnu", "Europe/Paris", Some("Europe/Paris")),
    case("[agency]\nper_person = \"oui\"\n", (2, 14), "un texte", "true ou false", None),
    case("[line]\nring_seconds = 0\n", (2, 16), "vaut 0", "de 1 à 300", None),
    case("[line]\nring_seconds = \"18\"\n", (2, 16), "un texte", "un nombre entier", None),
    case("[line]\nring = [\"21\"]\n[[phone]]\nextension = \"12\"\npassword = \"x\"\n", (2, 9), "poste inconnu \"21\"", "12", Some("12")),
    case("[line]\nsecond_call = \"services\"\n", (2, 15), "services", "\"service\" ou \"phone\"", Some("service")),
    case("[callbacks]\nretry = [\"15m\", \"1 heure\"]\n", (2, 17), "1 heure", "half-day", None),
    case("[keypad]\ncode = \"6a\"\n", (2, 8), "6a", "chiffres", None),
    case("[keypad]\ncode = \"015\"\n", (2, 8), "015", "sans 0", None),
    case("[codes]\ndnd = \"92\"\n", (2, 7), "92", "une étoile", None),
    case("[codes]\ndnd = \"*90\"\n", (2, 1), "le même code", "un code différent", None),
    case("[dialling]\noutside = \"1\"\n", (2, 11), "\"1\"", "pas par 1", None),
    case("[dialling]\nallow = [\"3631\", \"trente\"]\n", (2, 18), "trente", "numéros entiers", None),
    case("[media]\nports = \"30000-20000\"\n", (2, 9), "30000-20000", "quatre ports", None),
    case("[media]\nports = \"20001-20999\"\n", (2, 9), "20001-20999", "le premier pair", None),
    case("[media]\nports = \"20000-20002\"\n", (2, 9), "20000-20002", "quatre ports", None),
    case("[sip]\nlisten = [\"tls:0.0.0.0:5061\"]\n", (2, 11), "TLS n'est pas disponible", "udp:", None),
    case("[sip]\nlisten = [\"upd:0.0.0.0:5060\"]\n", (2, 11), "transport inconnu", "udp:", Some("udp")),
    case("[sip]\nphones = [\"prive\"]\n", (2, 11), "prive", "private", None),
    case("[web]\nlisten = [\"8080\"]\n", (2, 11), "8080", "127.0.0.1:8080", None),
    case("[web]\nhosts = [\"rappel.agence:8080\"]\n", (2, 10), "rappel.agence:8080", "sans port", Some("rappel.agence")),
    case("[web]\nhosts = [\"http://rappel\"]\n", (2, 10), "http://rappel", "sans port", None),
    case("[web]\ntls = { cert = \"a\", key = \"b\" }\n", (2, 1), "TLS n'est pas disponible", "sans « tls »", None),
    case("[sip]\n[sip.tls]\ncert = \"a\"\n", (2, 6), "TLS n'est pas disponible", "sans « tls »", None),
    case("[agency]\nstaff = [\"Mélanie\"]\n", (2, 10), "Mélanie", "sans accent", None),
    case("[log]\nlevel = \"debugg\"\n", (2, 9), "debugg", "\"debug\"", Some("debug")),
    case("phone = 3\n", (1, 9), "un nombre entier", "[[phone]]", None),
    case("[[phone]]\nextension = \"15\"\npassword = \"x\"\n", (2, 13), "numéro d'urgence", "comme \"11\"", None),
    case("[[phone]]\nextension = \"012\"\npassword = \"x\"\n", (2, 13), "commence par 0", "comme \"11\"", None),
    case("[[phone]]\nextension = \"615\"\npassword = \"x\"\n", (2, 13), "le code du clavier", "comme \"11\"", None),
    case("[[phone]]\nextension = \"11\"\n", (1, 1), "il manque « password_file »", "password_file =", None),
    case("[[phone]]\nextension = \"11\"\npassword = \"x\"\npassword_file = \"y\"\n", (3, 1), "donnés ensemble", "l'un ou l'autre", None),
    case("[[phone]]\nextension = \"11\"\npassword = \"x\"\nowner = \"MEK\"\n", (4, 9), "MEK", "MEL", Some("MEL")),
];

#[test]
fn every_kind_of_mistake_names_its_file_line_column_expectation_and_suggestion() {
    for Case { text, at, what, expected, suggestion } in &CASES {
        let found = mistakes(text);
        let [mistake] = found.as_slice() else { panic!("{text}: {found:#?}") };
        assert_eq!((mistake.line, mistake.column), *at, "{text}: {mistake}");
        assert!(mistake.what.contains(what) && mistake.expected.contains(expected), "{mistake}");
        assert_eq!(mistake.suggestion.as_deref(), *suggestion, "{mistake}");
        let said = mistake.to_string();
        assert!(said.starts_with(&format!("agence.toml (intégré):{}:{}: ", at.0, at.1)) && said.contains("attendu : "), "{said}");
        assert_eq!(said.contains("Vouliez-vous dire"), suggestion.is_some());
    }
}

#[test]
fn a_trunks_mistakes_are_at_their_place() {
    for (line, column, what) in [
        ("address = \"sip:operateur\"", 11, "« address »"),
        ("peers = [\"192.0.2.0/33\"]", 10, "192.0.2.0/33"),
        ("numbers = [\"0199\"]", 12, "0199"),
        ("number_format = \"E164\"", 17, "number_format"),
        ("present = \"paii\"", 11, "present"),
        ("transport = \"tls\"", 1, "TLS n'est pas disponible"),
        ("expires = 5", 11, "vaut 5"),
        ("outside_prefix = \"+\"", 18, "outside_prefix"),
        ("username = 3", 12, "un nombre entier"),
        ("usernam = \"x\"", 1, "clé inconnue « usernam »"),
    ] {
        let key = line.split(' ').next().unwrap();
        let kept: String = TRUNK.lines().filter(|l| l.split(' ').next() != Some(key)).map(|l| format!("{l}\n")).collect();
        let text = format!("{kept}{line}\n");
        let found = mistakes(&text);
        assert_eq!(found.len(), 1, "{line}: {found:#?}");
        assert_eq!((found[0].line, found[0].column), (text.lines().count(), column), "{}", found[0]);
        assert!(found[0].what.contains(what), "{}", found[0]);
    }
    let required = mistakes("[[trunk]]\n");
    assert_eq!(required.len(), 5, "{required:#?}");
    let twice = mistakes(&format!("{TRUNK}{TRUNK}"));
    assert!(twice.len() == 1 && twice[0].line == 7, "{twice:#?}");
    let phones = mistakes(&format!("{PHONE}{PHONE}"));
    assert!(phones.len() == 1 && phones[0].line == 5 && phones[0].what.contains("deux fois"), "{phones:#?}");
}

#[test]
fn all_mistakes_of_a_file_are_told_in_its_order() {
    let found = mistakes("[lign]\n[line]\nring_secondes = 1\nring_seconds = 0\n[media]\nports = \"1-2\"\n");
    assert_eq!(found.iter().map(|m| m.line).collect::<Vec<_>>(), [1, 3, 4, 6]);
}

#[test]
fn the_built_in_file_holds_every_default_and_the_same_stand_in_its_comments() {
    let config = Config::parse(BUILT_IN, None).unwrap();
    assert!(config.trunks.is_empty() && config.phones.is_empty() && config.warnings.is_empty());
    // What the comments show is what is true without them.
    let shown: String = BUILT_IN
        .lines()
        .map(|l| {
            l.strip_prefix("# ")
                .filter(|l| {
                    l.starts_with('[')
                        || l.split_once(" = ").is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
                })
                .unwrap_or(l)
        })
        .map(|l| format!("{l}\n"))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    for secret in ["operateur.secret", "poste-11.secret"] {
        fs::write(folder.path().join(secret), "x\n").unwrap();
        fs::set_permissions(folder.path().join(secret), fs::Permissions::from_mode(0o600)).unwrap();
    }
    // The two values that name what the shipped file does not have.
    let shown = shown.replace("ring = [\"11\", \"12\"]", "").replace("closed = [\"2026-12-24\"]", "");
    let full = Config::parse(&shown, Some(&folder.path().join("agence.toml"))).unwrap_or_else(|m| panic!("{m:#?}"));
    assert_eq!((full.trunks.len(), full.phones.len()), (1, 1));
    assert_eq!(format!("{:?}", full.hours), format!("{:?}", config.hours));
    for (left, right) in [
        (
            format!("{:?}{:?}{:?}", full.agency, full.sip, full.attendant),
            format!("{:?}{:?}{:?}", config.agency, config.sip, config.attendant),
        ),
        (
            format!("{:?}{:?}{:?}", full.callbacks, full.keypad, full.codes),
            format!("{:?}{:?}{:?}", config.callbacks, config.keypad, config.codes),
        ),
        (
            format!("{:?}{:?}{:?}", full.dialling, full.media, full.limits),
            format!("{:?}{:?}{:?}", config.dialling, config.media, config.limits),
        ),
        (format!("{:?}{:?}{:?}", full.web, full.retention, full.log), format!("{:?}{:?}{:?}", config.web, config.retention, config.log)),
    ] {
        assert_eq!(left, right);
    }
}

#[test]
fn the_contracts_defaults() {
    let config = Config::parse(&format!("{TRUNK}{PHONE}"), None).unwrap();
    let trunk = &config.trunks[0];
    assert_eq!((trunk.expires, trunk.keepalive, trunk.channels, trunk.shared), (1800, Duration::from_secs(25), 4, false));
    assert_eq!(
        (trunk.number_format, trunk.from_user, trunk.present, trunk.caller_id),
        (NumberFormat::National, FromUser::Number, Present::From, CallerId::Pai)
    );
    assert_eq!((trunk.domain.as_str(), trunk.address.port, trunk.numbers[0].as_str()), ("127.0.0.2", Some(5080), "+33199000000"));
    assert_eq!((config.phones[0].owner.as_str(), config.phones[0].calls, config.line.ring.len()), ("MEL", 1, 1));
    assert_eq!(
        (config.line.ring_time, config.line.waiting_after, config.line.offer_time),
        (Duration::from_secs(18), Duration::from_secs(8), Duration::from_secs(15))
    );
    assert_eq!(config.callbacks.retry, [Retry::After(Duration::from_secs(900)), Retry::After(Duration::from_secs(3600)), Retry::HalfDay]);
    assert_eq!(config.media.ports, Ports { first: 20_000, last: 20_999 });
    assert_eq!((config.limits.pending, config.limits.transactions, config.dialling.per_hour), (512, 8192, 60));
    assert_eq!(config.sip.listen.len(), 2);
    assert!(
        config.sip.phones.iter().any(|net| net.contains("192.168.1.20".parse().unwrap()))
            && !config.sip.phones.iter().any(|net| net.contains("8.8.8.8".parse().unwrap()))
    );
    assert_eq!(config.hours.timezone, chrono_tz::Europe::Paris);
}

#[test]
fn a_prefix_of_the_pbx_serves_both_ways_unless_told() {
    let config = Config::parse(&format!("{TRUNK}outside_prefix = \"0\"\n"), None).unwrap();
    assert_eq!((config.trunks[0].outside_prefix.as_str(), config.trunks[0].caller_prefix.as_str()), ("0", "0"));
    let config = Config::parse(&format!("{TRUNK}outside_prefix = \"0\"\ncaller_prefix = \"\"\n"), None).unwrap();
    assert_eq!(config.trunks[0].caller_prefix, "");
}

#[test]
fn people_are_known_by_the_code_that_they_sign_in_with() {
    let config = Config::parse(&format!("[agency]\nstaff = [\"mel\", \" Mo \"]\n{PHONE}owner = \"Mo\"\n"), None).unwrap();
    assert_eq!((config.agency.staff, config.phones[0].owner.as_str()), (vec!["MEL".to_owned(), "MO".to_owned()], "MO"));
}

#[test]
fn the_page_may_be_called_by_any_name_and_by_an_address() {
    let long = "rappel.une-agence-au-nom-vraiment-tres-long.example";
    let config = Config::parse(&format!("[web]\nhosts = [\"{long}\", \"192.0.2.7\"]\n"), None).unwrap();
    assert_eq!(config.web.hosts, [long, "192.0.2.7"]);
}

/// `check --network` beside what `check` alone says of the same file.
#[test]
fn a_check_of_the_network_names_the_address_that_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agence.toml");
    let (sip, web) = (std::net::UdpSocket::bind("127.0.0.1:0").unwrap(), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let (taken, page) = (sip.local_addr().unwrap(), web.local_addr().unwrap());
    let trunk = TRUNK.replace("127.0.0.2:5080", "nulle-part.invalid");
    fs::write(&file, format!("[sip]\nlisten = [\"udp:{taken}\"]\n[web]\nlisten = [\"{page}\"]\n{trunk}")).unwrap();
    let check = |more: &[&str]| {
        let rappel =
            std::process::Command::new(env!("CARGO_BIN_EXE_rappel")).arg("check").args(more).arg("--config").arg(&file).output().unwrap();
        (rappel.status.code(), String::from_utf8(rappel.stderr).unwrap())
    };
    assert_eq!(check(&[]).0, Some(0));
    let (code, said) = check(&["--network"]);
    assert_eq!(code, Some(78), "{said}");
    for words in [format!("udp:{taken}"), format!("tcp:{page}"), "nulle-part.invalid".to_owned()] {
        assert!(said.contains(&words), "{words}: {said}");
    }
    drop((sip, web));
    fs::write(&file, format!("[sip]\nlisten = [\"udp:{taken}\"]\n[web]\nlisten = [\"{page}\"]\n{TRUNK}")).unwrap();
    assert_eq!(check(&["--network"]), (Some(0), String::new()));
}

#[test]
fn dates_stand_with_or_without_quotes() {
    let config = Config::parse("[hours]\nclosed = [\"2026-12-24\", 2026-12-31]\n", None).unwrap();
    assert_eq!(config.hours.closed.len(), 2);
}

#[test]
fn settings_reach_the_dial_plan() {
    let config = Config::parse(
        &format!("{TRUNK}{PHONE}[dialling]\noutside = \"9\"\npremium = true\n[keypad]\ncode = \"62\"\n[codes]\ndnd = \"*21\"\n"),
        None,
    )
    .unwrap();
    let dial = |digits| route(digits, &config.phones[0].extension, &config.rules);
    assert!(dial("90899000001").permit().is_some() && dial("620639980001").permit().is_some_and(|p| p.keypad_open()));
    assert!(
        matches!(dial("11").kind, Kind::Extension(_))
            && matches!(dial("*21").kind, Kind::Code(_))
            && matches!(dial("6215").kind, Kind::Emergency(_))
    );
}

#[test]
fn a_password_is_shown_by_nothing() {
    let config = Config::parse(&format!("{TRUNK}password = \"tres-secret\"\n{PHONE}"), None).unwrap();
    assert!(!format!("{config:?}").contains("tres-secret") && !format!("{}", config.phones[0].password).contains("tres-secret"));
    assert_eq!(config.phones[0].password.expose(), "tres-secret");
    for found in mistakes(&format!("{PHONE}password = \"autre-secret\"\n")).into_iter().chain(mistakes(&format!("{PHONE}x = 1\n"))) {
        assert!(!found.to_string().contains("secret\""), "{found}");
    }
}

#[test]
fn a_password_file_is_read_beside_the_configuration_and_warned_of_when_others_can_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let (file, secret) = (folder.path().join("agence.toml"), folder.path().join("poste"));
    fs::write(&file, "[[phone]]\nextension = \"11\"\npassword_file = \"poste\"\n").unwrap();
    let missing = Config::load(Some(&file)).unwrap_err();
    assert_eq!((missing[0].line, missing[0].column), (3, 17));
    fs::write(&secret, "ligne-secrete\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let config = Config::load(Some(&file)).unwrap();
    assert_eq!(config.phones[0].password.expose(), "ligne-secrete");
    assert!(config.warnings.len() == 1 && config.warnings[0].contains("chmod 600"), "{:?}", config.warnings);
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(Config::load(Some(&file)).unwrap().warnings.is_empty());
}

#[test]
fn a_numbering_plan_beside_the_file_serves_and_its_mistakes_are_at_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let (file, numbering) = (folder.path().join("agence.toml"), folder.path().join("numbering.fr.toml"));
    fs::write(&file, "").unwrap();
    let shipped = include_str!("../dialplan/numbering.fr.toml");
    fs::write(&numbering, shipped.replace("\"3000-3007\"", "\"3000-3999\"")).unwrap();
    let config = Config::load(Some(&file)).unwrap();
    assert!(route("3200", &rappel::domain::call::Extension("11".to_owned()), &config.rules).permit().is_some());
    fs::write(&numbering, shipped.replace("\"3000-3007\"", "\"3007-3000\"")).unwrap();
    let found = Config::load(Some(&file)).unwrap_err();
    let line = shipped.lines().position(|l| l.starts_with("free = [\"3000-3007\"")).unwrap() + 1;
    assert!(found.len() == 1 && found[0].file.ends_with("numbering.fr.toml") && (found[0].line, found[0].column) == (line, 9), "{found:?}");
}

#[test]
fn an_unreadable_file_is_a_mistake() {
    let found = Config::load(Some(Path::new("/nonexistent/agence.toml"))).unwrap_err();
    assert_eq!((found.len(), found[0].file.as_str()), (1, "/nonexistent/agence.toml"));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.toml"), [0xff, 0xfe]).unwrap();
    assert_eq!(Config::load(Some(&folder.path().join("a.toml"))).unwrap_err().len(), 1);
}

proptest::proptest! {
    /// Whatever stands in the file, the answer is a configuration or mistakes with a place in it.
    #[test]
    fn no_file_panics(text in "[\\[\\]a-z_=\"0-9:.\\-{},\n #é]{0,200}", cut in 0..BUILT_IN.len()) {
        for text in [text.as_str(), BUILT_IN.get(..cut).unwrap_or(""), &BUILT_IN.replace("# ", "").chars().take(cut).collect::<String>()] {
            for found in mistakes(text) {
                proptest::prop_assert!(found.line >= 1 && found.column >= 1 && found.line <= text.matches('\n').count() + 1);
            }
        }
    }
}
