//! The tables about what is dialled and whom is called back: `[callbacks]`, `[keypad]`, `[codes]`, `[dialling]`.

use std::time::Duration;

use crate::dialplan::rules::{Allow, Codes, SHIPPED_ALLOW};
use crate::domain::callback::Retry;

use super::model::*;
use super::reader::Table;
use super::sections::{DAY_MINUTES, HOUR, seconds};

pub(super) fn callbacks(table: Table<'_, '_>) -> Callbacks {
    let retry = table.parsed_list("retry", "des délais comme \"15m\", \"1h\" ou \"half-day\"", retry);
    let promise = Duration::from_secs(u64::from(table.number("promise_minutes", 1..=DAY_MINUTES, 30)) * 60);
    table.done();
    let minutes = |n: u64| Retry::After(Duration::from_secs(n * 60));
    Callbacks { promise, retry: retry.unwrap_or_else(|| vec![minutes(15), minutes(60), Retry::HalfDay]) }
}

fn retry(text: &str) -> Option<Retry> {
    if text == "half-day" {
        return Some(Retry::HalfDay);
    }
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number = number.parse::<u32>().ok().filter(|n| *n > 0 && !text.starts_with('+'))?;
    let minutes = match unit {
        "m" => number,
        "h" => number.checked_mul(60)?,
        _ => return None,
    };
    (minutes <= 7 * DAY_MINUTES).then(|| Retry::After(Duration::from_secs(u64::from(minutes) * 60)))
}

pub(super) fn keypad(table: Table<'_, '_>) -> Keypad {
    let code = table.parsed("code", "de 1 à 4 chiffres, sans 0 au début, comme \"61\"", |t| {
        (digits(t, 1, 4) && !t.starts_with('0')).then(|| t.to_owned())
    });
    let keypad = Keypad {
        code: code.unwrap_or_else(|| "61".to_owned()),
        required: table.flag("required", true),
        idle: seconds(&table, "idle_seconds", 1..=HOUR, 60),
    };
    table.done();
    keypad
}

pub(super) fn digits(text: &str, shortest: usize, longest: usize) -> bool {
    (shortest..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

pub(super) fn codes(table: Table<'_, '_>) -> Codes {
    let default = Codes::default();
    let code = |key, default: String| {
        let star = |t: &str| t.strip_prefix('*').is_some_and(|rest| rest.is_empty() || digits(rest, 1, 4)).then(|| t.to_owned());
        table.parsed(key, "une étoile et au plus 4 chiffres, comme \"*90\"", star).unwrap_or(default)
    };
    let codes = Codes {
        next_callback: code("next_callback", default.next_callback),
        open_close: code("open_close", default.open_close),
        dnd: code("dnd", default.dnd),
        audio_test: code("audio_test", default.audio_test),
        record_prompt: code("record_prompt", default.record_prompt),
        speed_dial: code("speed_dial", default.speed_dial),
    };
    let all = [
        ("next_callback", &codes.next_callback),
        ("open_close", &codes.open_close),
        ("dnd", &codes.dnd),
        ("audio_test", &codes.audio_test),
        ("record_prompt", &codes.record_prompt),
        ("speed_dial", &codes.speed_dial),
    ];
    for (i, (key, code)) in all.iter().enumerate() {
        if let Some((other, _)) = all.iter().take(i).find(|(_, c)| c == code) {
            table.source.wrong(
                &table.place(key),
                format!("« {key} » et « {other} » ont le même code \"{code}\""),
                "un code différent pour chaque fonction",
            );
        }
    }
    table.done();
    codes
}

pub(super) fn dialling(table: Table<'_, '_>) -> (DiallingTable, Allow) {
    const NUMBER: &str = "des numéros entiers, comme \"3631\" ou \"0899000001\"";
    let one = |t: &str| Allow::read([t]).is_ok().then(|| t.to_owned());
    let allow = table.parsed_list("allow", NUMBER, one).unwrap_or_else(|| SHIPPED_ALLOW.map(str::to_owned).to_vec());
    // Emergency numbers begin with 1: an outside digit of 1 would eat into them.
    let outside = table.parsed("outside", "un ou deux chiffres qui ne commencent pas par 1, comme \"0\"", |t| {
        (digits(t, 1, 2) && !t.starts_with('1')).then(|| t.to_owned())
    });
    let read = Allow::read(allow.iter().map(String::as_str)).unwrap_or_default();
    let dialling = DiallingTable {
        outside: outside.unwrap_or_else(|| "0".to_owned()),
        premium: table.flag("premium", false),
        foreign: table.flag("foreign", false),
        allow,
        per_hour: table.number("per_hour", 0..=10_000, 60),
    };
    table.done();
    (dialling, read)
}
