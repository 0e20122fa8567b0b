//! The tables that every agency has, key by key with their defaults (CONTRACT: agence.toml). Trunks and phones are in `parties`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::NaiveDate;
use chrono_tz::Tz;

use crate::dialplan::rules::{Dialling, Rules};
use crate::domain::call::Extension;
use crate::domain::hours::{Holidays, Hours, Range};
use crate::store::people::clean_code;

use super::mistake::nearest;
use super::model::*;
use super::net::{Host, Net, PRIVATE};
use super::reader::{At, Table};
use super::{calling, parties};

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// An hour, the longest time that a caller, a tone or a timer is given.
pub(super) const HOUR: u32 = 3600;
pub(super) const DAY_MINUTES: u32 = 24 * 60;
const PERSON_EXPECTED: &str = "des codes de personnes comme \"MEL\" : 16 lettres sans accent, chiffres, - ou _ au plus";
pub(super) const HOURS_EXPECTED: &str = "des plages comme \"09:00-12:30\", dans l'ordre";

pub(super) fn read(root: &Table<'_, '_>, file: Option<&Path>) -> Config {
    let mut warnings = Vec::new();
    let (agency, timezone) = agency(&root.table("agency"));
    let hours = hours(root.table("hours"), timezone);
    let sip = sip(root.table("sip"));
    let trunks = parties::trunks(root, file, &mut warnings);
    let phones = parties::phones(root, file, &agency.staff, &mut warnings);
    let extensions: Vec<Extension> = phones.iter().map(|p| p.extension.clone()).collect();
    let line = line(root.table("line"), &extensions);
    let keypad = calling::keypad(root.table("keypad"));
    let codes = calling::codes(root.table("codes"));
    let (dialling, allow) = calling::dialling(root.table("dialling"));
    let web = web(root.table("web"));
    let rules = Rules {
        dialling: Dialling {
            outside: dialling.outside.clone(),
            keypad: keypad.code.clone(),
            premium: dialling.premium,
            foreign: dialling.foreign,
            allow,
        },
        codes: codes.clone(),
        extensions,
        ..Rules::default()
    };
    Config {
        file: file.map(Path::to_owned),
        warnings,
        agency,
        hours,
        sip,
        trunks,
        phones,
        line,
        attendant: attendant(root.table("attendant")),
        callbacks: calling::callbacks(root.table("callbacks")),
        keypad,
        codes,
        dialling,
        media: media(root.table("media")),
        limits: limits(root.table("limits")),
        store: store(root.table("store")),
        web,
        retention: retention(root.table("retention")),
        planning: planning(root.table("planning")),
        mail: mail(root.table("mail")),
        log: log(root.table("log")),
        rules,
        guides: Vec::new(),
    }
}

pub(super) fn seconds(table: &Table<'_, '_>, key: &'static str, range: std::ops::RangeInclusive<u32>, default: u32) -> Duration {
    Duration::from_secs(table.number(key, range, default).into())
}

fn path(table: &Table<'_, '_>, key: &'static str) -> Option<PathBuf> {
    table.parsed(key, "un chemin", |t| (!t.is_empty()).then(|| PathBuf::from(t)))
}

fn words(table: &Table<'_, '_>, key: &'static str, default: &[&str]) -> Vec<String> {
    let given = table.parsed_list(key, "des noms courts, non vides", |t| (!t.trim().is_empty() && t.len() <= 32).then(|| t.to_owned()));
    given.unwrap_or_else(|| default.iter().map(|&t| t.to_owned()).collect())
}

fn agency(table: &Table<'_, '_>) -> (Agency, Tz) {
    let timezone = table.text("timezone").map_or(chrono_tz::Europe::Paris, |text| {
        text.value.parse().unwrap_or_else(|_| {
            let suggestion = nearest(&text.value, chrono_tz::TZ_VARIANTS.iter().map(|tz| tz.name()));
            table.source.wrong_word(
                &text.span,
                format!("fuseau horaire inconnu \"{}\"", text.value),
                "un nom comme \"Europe/Paris\"",
                suggestion,
            );
            chrono_tz::Europe::Paris
        })
    });
    let agency = Agency {
        name: table.text_or("name", "Agence"),
        staff: table
            .parsed_list("staff", PERSON_EXPECTED, |t| clean_code(t).ok())
            .unwrap_or_else(|| ["MEL", "MO", "FAB"].map(str::to_owned).to_vec()),
        places: words(table, "places", &["EXT", "AGENCE"]),
        per_person: table.flag("per_person", false),
    };
    table.done();
    (agency, timezone)
}

fn hours(table: Table<'_, '_>, timezone: Tz) -> Hours {
    let week = std::array::from_fn(|day| {
        let default: &[&str] = if day < 5 { &["09:00-12:30", "14:00-18:00"] } else { &[] };
        match DAYS.get(day).and_then(|key| table.list(key)) {
            Some(list) => ranges(&table, &list),
            None => default.iter().filter_map(|r| Range::parse(r)).collect(),
        }
    });
    let date = |t: &str| t.parse::<NaiveDate>().ok();
    let closed: BTreeSet<NaiveDate> =
        table.parsed_list("closed", "des dates comme \"2026-12-24\"", date).unwrap_or_default().into_iter().collect();
    let holidays =
        table.word("holidays", &[("FR", Holidays::France), ("FR-57", Holidays::Moselle), ("none", Holidays::None)], Holidays::France);
    table.done();
    Hours { timezone, week, closed, holidays }
}

fn ranges(table: &Table<'_, '_>, list: &[At<String>]) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::new();
    for text in list {
        match Range::parse(&text.value) {
            None => table.source.wrong(&text.span, format!("plage d'ouverture \"{}\" illisible", text.value), HOURS_EXPECTED),
            Some(range) if ranges.last().is_some_and(|last| !last.before(&range)) => {
                table.source.wrong(
                    &text.span,
                    format!("la plage \"{}\" commence avant la fin de la précédente", text.value),
                    HOURS_EXPECTED,
                );
            }
            Some(range) => ranges.push(range),
        }
    }
    ranges
}

fn sip(table: Table<'_, '_>) -> Sip {
    const EXPECTED: &str = "une adresse comme \"udp:0.0.0.0:5060\" ou \"tcp:0.0.0.0:5060\"";
    let any = |transport| Listen { transport, address: SocketAddr::from(([0, 0, 0, 0], 5060)) };
    let listen = table.list("listen").map_or_else(
        || vec![any(Transport::Udp), any(Transport::Tcp)],
        |list| list.iter().filter_map(|text| listen(&table, text, EXPECTED)).collect(),
    );
    let advertise = table
        .parsed("advertise", "\"auto\" ou une adresse IP", |t| if t == "auto" { Some(None) } else { t.parse().ok().map(Some) })
        .flatten();
    let private = |t: &str| {
        if t == "private" { Some(PRIVATE.iter().filter_map(|n| Net::parse(n)).collect()) } else { Net::parse(t).map(|net| vec![net]) }
    };
    let phones: Option<Vec<Vec<Net>>> = table.parsed_list("phones", "\"private\" ou des réseaux comme \"192.168.1.0/24\"", private);
    no_tls(&table);
    table.done();
    Sip { listen, advertise, phones: phones.or_else(|| private("private").map(|p| vec![p])).unwrap_or_default().concat() }
}

fn listen(table: &Table<'_, '_>, text: &At<String>, expected: &str) -> Option<Listen> {
    let (word, address) = text.value.split_once(':').unwrap_or((&text.value, ""));
    let transport = match word {
        "udp" => Transport::Udp,
        "tcp" => Transport::Tcp,
        "tls" => {
            table.source.wrong(&text.span, format!("\"{}\" : TLS n'est pas disponible dans cette version", text.value), expected);
            return None;
        }
        other => {
            table.source.wrong_word(&text.span, format!("transport inconnu \"{other}\""), expected, nearest(other, ["udp", "tcp"]));
            return None;
        }
    };
    let address = address.parse();
    if address.is_err() {
        table.source.wrong(&text.span, format!("adresse \"{}\" illisible", text.value), expected);
    }
    Some(Listen { transport, address: address.ok()? })
}

/// Nothing is served over TLS yet, and whoever asks for it must not believe that it is.
fn no_tls(table: &Table<'_, '_>) {
    if table.table("tls").is_present() {
        table.source.wrong(&table.place("tls"), "« tls » : TLS n'est pas disponible dans cette version", "la table sans « tls »");
    }
}

fn line(table: Table<'_, '_>, extensions: &[Extension]) -> Line {
    let ring = match table.list("ring") {
        None => extensions.to_vec(),
        Some(list) => {
            let known = |text: &At<String>| {
                let found = extensions.iter().find(|e| e.0 == text.value).cloned();
                if found.is_none() {
                    let numbers = extensions.iter().map(|e| e.0.as_str());
                    let expected = format!("des postes de [[phone]] : {}", numbers.clone().collect::<Vec<_>>().join(", "));
                    table.source.wrong_word(
                        &text.span,
                        format!("« ring » nomme le poste inconnu \"{}\"", text.value),
                        expected,
                        nearest(&text.value, numbers),
                    );
                }
                found
            };
            list.iter().filter_map(known).collect()
        }
    };
    let line = Line {
        ring,
        ring_time: seconds(&table, "ring_seconds", 1..=300, 18),
        waiting_after: seconds(&table, "waiting_after_seconds", 0..=300, 8),
        offer_time: seconds(&table, "offer_seconds", 1..=300, 15),
        second_call: table.word("second_call", &[("service", SecondCall::Service), ("phone", SecondCall::Phone)], SecondCall::Service),
    };
    table.done();
    line
}

fn attendant(table: Table<'_, '_>) -> Attendant {
    let attendant = Attendant { enabled: table.flag("enabled", true), name_time: seconds(&table, "name_seconds", 1..=30, 10) };
    table.done();
    attendant
}

fn media(table: Table<'_, '_>) -> Media {
    const EXPECTED: &str = "deux ports comme \"20000-20999\" : le premier pair, à partir de 1024, quatre ports au moins";
    let media = Media {
        ports: table.parsed("ports", EXPECTED, ports).unwrap_or(Ports { first: 20_000, last: 20_999 }),
        hold_music: path(&table, "hold_music").unwrap_or_else(|| PathBuf::from("prompts/musique.wav")),
        silence: seconds(&table, "silence_seconds", 1..=HOUR, 20),
    };
    table.done();
    media
}

/// A call needs two pairs of ports.
const LEAST_PORTS: u16 = 4;

fn ports(text: &str) -> Option<Ports> {
    let (first, last) = text.split_once('-')?;
    let (first, last): (u16, u16) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let enough = last.checked_sub(first)? >= LEAST_PORTS - 1;
    (first >= 1024 && first % 2 == 0 && enough).then_some(Ports { first, last })
}

fn limits(table: Table<'_, '_>) -> Limits {
    let count = |key, default: u32| usize::try_from(table.number(key, 1..=1 << 20, default)).unwrap_or(usize::MAX);
    let limits = Limits {
        calls_per_second: table.number("calls_per_second", 1..=100_000, 20),
        requests_per_second: table.number("requests_per_second", 1..=1_000_000, 200),
        pending: count("pending", 512),
        transactions: count("transactions", 8192),
    };
    table.done();
    limits
}

fn store(table: Table<'_, '_>) -> Store {
    let store = Store { path: path(&table, "path") };
    table.done();
    store
}

fn web(table: Table<'_, '_>) -> Web {
    let listen = table.parsed_list("listen", "des adresses comme \"127.0.0.1:8080\"", |t| t.parse().ok());
    let web = Web { listen: listen.unwrap_or_else(|| vec![SocketAddr::from(([127, 0, 0, 1], 8080))]), hosts: hosts(&table) };
    no_tls(&table);
    table.done();
    web
}

/// Names by which the page is called; a port is none of them.
fn hosts(table: &Table<'_, '_>) -> Vec<String> {
    const EXPECTED: &str = "des noms sans port, comme \"rappel.agence\"";
    let Some(list) = table.list("hosts") else { return vec!["rappel.agence".to_owned()] };
    let one = |text: &At<String>| {
        let host = Host::parse(&text.value);
        if let Some(Host { name, port: None }) = host {
            return Some(name);
        }
        table.source.wrong_word(&text.span, format!("« hosts » contient \"{}\"", text.value), EXPECTED, host.map(|host| host.name));
        None
    };
    list.iter().filter_map(one).collect()
}

fn retention(table: Table<'_, '_>) -> Retention {
    let retention =
        Retention { calls_days: table.number("calls_days", 1..=3650, 365), clips_days: table.number("clips_days", 1..=3650, 30) };
    table.done();
    retention
}

fn planning(table: Table<'_, '_>) -> Planning {
    let planning = Planning { feed_secret_file: path(&table, "feed_secret_file") };
    table.done();
    planning
}

fn mail(table: Table<'_, '_>) -> Option<Mail> {
    let text = |key| table.text(key).map(|t| t.value);
    let (smtp, from, to) = (text("smtp"), text("from"), text("to"));
    if table.is_present() {
        for (key, value) in [("smtp", &smtp), ("from", &from), ("to", &to)] {
            if value.is_none() {
                table.missing(key, "\"…\"");
            }
        }
    }
    table.done();
    Some(Mail { smtp: smtp?, from: from?, to: to? })
}

fn log(table: Table<'_, '_>) -> Log {
    let levels = ["error", "warn", "info", "debug", "trace"].map(|level| (level, level));
    let log = Log {
        format: table.word("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)], LogFormat::Text),
        level: table.word("level", &levels, "info"),
    };
    table.done();
    log
}
