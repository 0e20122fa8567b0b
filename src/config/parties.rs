//! The tables of the line's two sides: `[[trunk]]` and `[[phone]]`. What they hold of secrets leaves here as `Secret`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crate::dialplan::route::NumberFormat;
use crate::domain::call::Extension;
use crate::domain::number::E164;
use crate::store::people::clean_code;

use super::beside;
use super::calling::digits;
use super::mistake::nearest;
use super::model::*;
use super::net::{Host, Net, Source};
use super::reader::Table;
use super::secret::Secret;

/// A password file holds one line.
const MAX_SECRET_BYTES: usize = 1024;
/// Read and write for nobody but the owner.
const OTHERS: u32 = 0o077;
/// Prefixes and codes of an upstream PBX.
const MAX_PREFIX: usize = 6;
const HOST_EXPECTED: &str = "un nom ou une adresse, avec ou sans port, comme \"sip.operateur.example:5060\"";

pub(super) fn trunks(root: &Table<'_, '_>, file: Option<&Path>, warnings: &mut Vec<String>) -> Vec<Trunk> {
    root.tables("trunk").iter().filter_map(|table| trunk(table, file, warnings)).collect()
}

fn trunk(table: &Table<'_, '_>, file: Option<&Path>, warnings: &mut Vec<String>) -> Option<Trunk> {
    let name = table.text("name").map(|t| t.value);
    let address = table.parsed("address", HOST_EXPECTED, Host::parse);
    let register = table.flag("register", true);
    let username = table.text("username").map(|t| t.value);
    let password = secret(table, file, warnings);
    let numbers = table
        .parsed_list("numbers", "des numéros à dix chiffres, comme \"0199000000\"", |t| E164::parse_national_or_international(t).ok());
    required(table, register);
    let prefix = |key| table.parsed(key, "des chiffres, comme \"0\"", |t| (t.is_empty() || digits(t, 1, MAX_PREFIX)).then(|| t.to_owned()));
    let outside_prefix = prefix("outside_prefix").unwrap_or_default();
    let caller_prefix = prefix("caller_prefix").unwrap_or_else(|| outside_prefix.clone());
    let keypad_code = prefix("keypad_code").unwrap_or_default();
    let username = username.unwrap_or_default();
    let auth_username = table.text("auth_username").map(|t| t.value);
    let domain = table.parsed("domain", HOST_EXPECTED, |t| Host::parse(t).map(|host| host.name));
    let nets = |key| table.parsed_list(key, "des réseaux comme \"192.0.2.0/24\"", Net::parse);
    let transport =
        table.word("transport", &[("udp", Some(Transport::Udp)), ("tcp", Some(Transport::Tcp)), ("tls", None)], Some(Transport::Udp));
    if transport.is_none() {
        table.source.wrong(
            &table.place("transport"),
            "« transport » vaut \"tls\" : TLS n'est pas disponible dans cette version",
            "\"udp\" ou \"tcp\"",
        );
    }
    let words = Words::read(table);
    let rest = (
        table.parsed_list("peers", "des adresses \"ip\", \"ip/réseau\" ou \"ip:port\"", Source::parse).unwrap_or_default(),
        table.text("realm").map(|t| t.value),
        table.parsed("proxy", HOST_EXPECTED, Host::parse),
        table.number("expires", 60..=86_400, 1800),
        table.number("keepalive_seconds", 0..=3600, 25),
        table.number("channels", 1..=100_000, 4),
        nets("media"),
        table.flag("shared", false),
    );
    table.done();
    let (peers, realm, proxy, expires, keepalive, channels, media, shared) = rest;
    let address = address?;
    Some(Trunk {
        name: name?,
        peers,
        transport: transport?,
        register,
        auth_username: auth_username.unwrap_or_else(|| username.clone()),
        username,
        password,
        realm,
        domain: domain.unwrap_or_else(|| address.name.clone()),
        address,
        proxy,
        expires,
        keepalive: Duration::from_secs(keepalive.into()),
        numbers: numbers.unwrap_or_default(),
        channels: usize::try_from(channels).unwrap_or(usize::MAX),
        media,
        outside_prefix,
        caller_prefix,
        keypad_code,
        number_format: words.number_format,
        from_user: words.from_user,
        present: words.present,
        caller_id: words.caller_id,
        shared,
    })
}

/// Every key that a trunk must have.
fn required(table: &Table<'_, '_>, register: bool) {
    for (key, example) in [("name", "\"operateur\""), ("address", "\"sip.operateur.example\"")] {
        if !table.has(key) {
            table.missing(key, example);
        }
    }
    if !table.has_items("numbers") {
        table.missing("numbers", "[\"0199000000\"], les numéros de l'agence");
    }
    if register && !table.has("username") {
        table.missing("username", "\"…\" (ou register = false)");
    }
    if register && !table.has("password") && !table.has("password_file") {
        table.missing("password_file", "\"…\" (ou register = false)");
    }
}

/// The keys of a trunk that choose among words.
struct Words {
    number_format: NumberFormat,
    from_user: FromUser,
    present: Present,
    caller_id: CallerId,
}

impl Words {
    fn read(table: &Table<'_, '_>) -> Words {
        let formats = [("national", NumberFormat::National), ("e164", NumberFormat::E164), ("0033", NumberFormat::DoubleZero)];
        let presents = [("from", Present::From), ("pai", Present::Pai), ("ppi", Present::Ppi), ("rpid", Present::Rpid)];
        Words {
            number_format: table.word("number_format", &formats, NumberFormat::National),
            from_user: table.word("from_user", &[("number", FromUser::Number), ("username", FromUser::Username)], FromUser::Number),
            present: table.word("present", &presents, Present::From),
            caller_id: table.word("caller_id", &[("pai", CallerId::Pai), ("from", CallerId::From)], CallerId::Pai),
        }
    }
}

pub(super) fn phones(root: &Table<'_, '_>, file: Option<&Path>, staff: &[String], warnings: &mut Vec<String>) -> Vec<Phone> {
    root.tables("phone").iter().filter_map(|table| phone(table, file, staff, warnings)).collect()
}

fn phone(table: &Table<'_, '_>, file: Option<&Path>, staff: &[String], warnings: &mut Vec<String>) -> Option<Phone> {
    let extension = table.parsed("extension", "de 1 à 5 chiffres, comme \"11\"", |t| digits(t, 1, 5).then(|| Extension(t.to_owned())));
    if !table.has("extension") {
        table.missing("extension", "\"11\"");
    }
    let password = secret(table, file, warnings);
    if !table.has("password") && !table.has("password_file") {
        table.missing("password_file", "\"…\"");
    }
    let owner = table.text("owner").map(|text| {
        let code = clean_code(&text.value).unwrap_or_else(|_| text.value.clone());
        if !staff.contains(&code) {
            let expected = format!("une personne de [agency] staff : {}", staff.join(", "));
            table.source.wrong_word(
                &text.span,
                format!("« owner » nomme la personne inconnue \"{}\"", text.value),
                expected,
                nearest(&text.value, staff.iter().map(String::as_str)),
            );
        }
        code
    });
    let name = table.text("name").map(|t| t.value);
    let calls = table.number("calls", 1..=100_000, 1);
    table.done();
    let extension = extension?;
    Some(Phone {
        name: name.unwrap_or_else(|| format!("Poste {}", extension.0)),
        owner: owner.or_else(|| staff.first().cloned()).unwrap_or_default(),
        // Without one the file is refused anyway; the extension stays known to the other checks.
        password: password.unwrap_or_else(|| Secret::new(String::new())),
        calls: usize::try_from(calls).unwrap_or(1),
        extension,
    })
}

/// `password` or `password_file`, never both.
fn secret(table: &Table<'_, '_>, file: Option<&Path>, warnings: &mut Vec<String>) -> Option<Secret> {
    let inline = table.text("password");
    let Some(named) = table.text("password_file") else {
        let inline = inline?;
        if inline.value.is_empty() {
            table.source.wrong(&inline.span, "le mot de passe est vide", "un mot de passe");
        }
        if let Some(file) = file {
            warn_of_mode(file, warnings);
        }
        return Some(Secret::new(inline.value));
    };
    if inline.is_some() {
        table.source.wrong(&table.place("password"), "« password » et « password_file » sont donnés ensemble", "l'un ou l'autre");
        return None;
    }
    let path = beside(file, Path::new(&named.value));
    match std::fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() && text.len() <= MAX_SECRET_BYTES => {
            warn_of_mode(&path, warnings);
            Some(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
        }
        Ok(_) => {
            table.source.wrong(
                &named.span,
                format!("le fichier {} est vide ou trop long", path.display()),
                "une ligne avec le mot de passe",
            );
            None
        }
        Err(error) => {
            table.source.wrong(
                &named.span,
                format!("le fichier {} est illisible ({error})", path.display()),
                "un fichier avec le mot de passe",
            );
            None
        }
    }
}

fn warn_of_mode(path: &Path, warnings: &mut Vec<String>) {
    let Ok(about) = std::fs::metadata(path) else { return };
    let mode = about.permissions().mode() & 0o777;
    let warning =
        format!("{} contient un mot de passe et d'autres peuvent le lire (mode {mode:04o}) : chmod 600 {}", path.display(), path.display());
    if mode & OTHERS != 0 && !warnings.contains(&warning) {
        warnings.push(warning);
    }
}
