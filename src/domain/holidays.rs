//! French public holidays, computed: no table to renew. Reads no clock.

use chrono::{Datelike, Days, NaiveDate};

/// Which public holidays close the agency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Holidays {
    #[default]
    France,
    /// Moselle, Bas-Rhin, Haut-Rhin: Good Friday and 26 December too.
    Moselle,
    None,
}

/// A public holiday of France (Code du travail, L3133-1), or of its eastern departments (L3134-13).
pub fn is_holiday(day: NaiveDate, which: Holidays) -> bool {
    let (month, date) = (day.month(), day.day());
    let fixed = matches!((month, date), (1, 1) | (5, 1) | (5, 8) | (7, 14) | (8, 15) | (11, 1) | (11, 11) | (12, 25));
    // Easter Monday, Ascension, Whit Monday.
    let moving = days_after_easter(day).is_some_and(|n| matches!(n, 1 | 39 | 50));
    match which {
        Holidays::None => false,
        Holidays::France => fixed || moving,
        Holidays::Moselle => fixed || moving || (month, date) == (12, 26) || days_after_easter(day) == Some(-2),
    }
}

fn days_after_easter(day: NaiveDate) -> Option<i64> {
    Some((day - easter(day.year())?).num_days())
}

/// Easter Sunday of the Gregorian calendar: golden number, century corrections, epact, then the Sunday after that full moon.
pub fn easter(year: i32) -> Option<NaiveDate> {
    let golden = year.rem_euclid(19);
    let century = year.div_euclid(100);
    let solar = century - century / 4;
    let lunar = (8 * century + 13) / 25;
    let mut epact = (19 * golden + solar - lunar + 15).rem_euclid(30);
    // The two exceptions that keep full moons apart within a cycle.
    if epact == 29 || (epact == 28 && golden > 10) {
        epact -= 1;
    }
    let full_moon = NaiveDate::from_ymd_opt(year, 3, 21)?.checked_add_days(Days::new(u64::try_from(epact).ok()?))?;
    let to_sunday = 7 - u64::from(full_moon.weekday().num_days_from_sunday());
    full_moon.checked_add_days(Days::new(to_sunday))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn easter_and_the_days_that_follow_it() {
        for day in [
            "2024-03-31",
            "2025-04-20",
            "2026-04-05",
            "2027-03-28",
            "2028-04-16",
            "2038-04-25",
            "1961-04-02",
            "2000-04-23",
            "2285-03-22",
            "1954-04-18",
            "2049-04-18",
        ] {
            assert_eq!(easter(date(day).year()), Some(date(day)));
        }
        let holidays: Vec<_> =
            date("2026-01-01").iter_days().take(365).filter(|d| is_holiday(*d, Holidays::France)).map(|d| d.to_string()).collect();
        let expected = [
            "2026-01-01",
            "2026-04-06",
            "2026-05-01",
            "2026-05-08",
            "2026-05-14",
            "2026-05-25",
            "2026-07-14",
            "2026-08-15",
            "2026-11-01",
            "2026-11-11",
            "2026-12-25",
        ];
        assert_eq!(holidays, expected);
        let east: Vec<_> = date("2026-01-01")
            .iter_days()
            .take(365)
            .filter(|d| is_holiday(*d, Holidays::Moselle) && !is_holiday(*d, Holidays::France))
            .collect();
        assert_eq!(east, [date("2026-04-03"), date("2026-12-26")]);
        assert!(!is_holiday(date("2026-12-25"), Holidays::None));
    }

    proptest! {
        #[test]
        fn easter_is_a_sunday_between_22_march_and_25_april(year in 1583i32..4000) {
            let day = easter(year).unwrap();
            prop_assert_eq!(day.weekday(), chrono::Weekday::Sun);
            prop_assert!((3, 22) <= (day.month(), day.day()) && (day.month(), day.day()) <= (4, 25));
        }
    }
}
