//! Opening hours and local time (RULES 6). Reads no clock.
//!
//! A local time that does not exist (spring) is the first that does; an ambiguous one (autumn) is its first occurrence.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

pub use super::holidays::Holidays;
use super::holidays::is_holiday;

/// Minutes of a day; a range may end there ("24:00").
const DAY_MINUTES: u16 = 24 * 60;
/// How far ahead a change of state is looked for: more than a year of closed days ends the search.
const HORIZON_DAYS: u64 = 400;

/// A range of one day, `from` included, `to` excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    /// Minutes since midnight, local time.
    from: u16,
    to: u16,
}

impl Range {
    /// Reads `09:00-12:30`; the end may be `24:00`.
    pub fn parse(text: &str) -> Option<Range> {
        let (from, to) = text.split_once('-')?;
        let (from, to) = (minutes(from)?, minutes(to)?);
        (from < to).then_some(Range { from, to })
    }

    /// True when `self` ends before or when `next` begins.
    pub fn before(&self, next: &Range) -> bool {
        self.to <= next.from
    }
}

fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let two = |t: &str| (t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit())).then(|| t.parse::<u16>().ok()).flatten();
    let (hour, minute) = (two(hour)?, two(minute)?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= DAY_MINUTES).then_some(total)
}

/// When the agency is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    pub timezone: Tz,
    /// Monday first; ranges in order, without overlap.
    pub week: [Vec<Range>; 7],
    pub closed: BTreeSet<NaiveDate>,
    pub holidays: Holidays,
}

impl Hours {
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.around(now, 1).any(|(from, to)| from <= now && now < to)
    }

    /// The next moment at which `is_open` changes, if it does within a year.
    pub fn next_change(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let open = self.is_open(now);
        self.around(now, HORIZON_DAYS).flat_map(|(from, to)| [from, to]).find(|&at| at > now && self.is_open(at) != open)
    }

    /// The start of the first range after `now`: the next half-day.
    pub fn next_start(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.around(now, HORIZON_DAYS).find(|&(from, to)| from > now && from < to).map(|(from, _)| from)
    }

    /// `now` when open, else the next opening.
    pub fn opening_from(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.is_open(now) { Some(now) } else { self.next_change(now) }
    }

    /// The moment at which the agency will have been open for `wanted` since `now`.
    pub fn after_open_time(&self, now: DateTime<Utc>, wanted: Duration) -> Option<DateTime<Utc>> {
        let mut left = TimeDelta::from_std(wanted).ok()?;
        for (from, to) in self.around(now, HORIZON_DAYS) {
            let from = from.max(now);
            let long = to - from;
            if long > TimeDelta::zero() {
                if left <= long {
                    return from.checked_add_signed(left);
                }
                left -= long;
            }
        }
        None
    }

    /// How long the agency was open between two moments.
    pub fn open_time(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> TimeDelta {
        let days = u64::try_from((to - from).num_days()).unwrap_or_default().min(HORIZON_DAYS);
        let ranges = self.around(from, days + 1).map(|(start, end)| (start.max(from), end.min(to)));
        ranges.filter(|(start, end)| start < end).fold(TimeDelta::zero(), |sum, (start, end)| sum + (end - start))
    }

    /// The moment of a local time.
    pub fn moment(&self, local: NaiveDateTime) -> DateTime<Utc> {
        resolve(self.timezone, local)
    }

    /// The opening ranges of the days around `now`, from yesterday on, in order.
    fn around(&self, now: DateTime<Utc>, days: u64) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> + '_ {
        let today = now.with_timezone(&self.timezone).date_naive();
        let first = today.checked_sub_days(Days::new(1)).unwrap_or(today);
        (0..=days + 1).filter_map(move |n| first.checked_add_days(Days::new(n))).flat_map(move |day| self.ranges(day))
    }

    /// The opening ranges of one local day.
    fn ranges(&self, day: NaiveDate) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> + '_ {
        let week = usize::try_from(day.weekday().num_days_from_monday()).unwrap_or_default();
        let ranges = if self.is_closed_day(day) { &[][..] } else { self.week.get(week).map_or(&[][..], Vec::as_slice) };
        ranges.iter().map(move |range| (at_minute(self.timezone, day, range.from), at_minute(self.timezone, day, range.to)))
    }

    /// A date of `closed`, or a public holiday.
    pub fn is_closed_day(&self, day: NaiveDate) -> bool {
        self.closed.contains(&day) || is_holiday(day, self.holidays)
    }
}

fn at_minute(timezone: Tz, day: NaiveDate, minute: u16) -> DateTime<Utc> {
    resolve(timezone, day.and_time(NaiveTime::MIN) + TimeDelta::minutes(i64::from(minute)))
}

/// The moment of a local time: the first of two, or the first that exists after a gap.
pub fn resolve(timezone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    // No zone ever jumped by more than a day.
    for skipped in 0..=i64::from(DAY_MINUTES) {
        let Some(local) = local.checked_add_signed(TimeDelta::minutes(skipped)) else { break };
        // Behind a gap the first moment that exists is a whole minute.
        let local = if skipped == 0 {
            local
        } else {
            local - TimeDelta::nanoseconds(local.and_utc().timestamp_subsec_nanos().into()) - seconds(local)
        };
        match timezone.from_local_datetime(&local) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => return at.to_utc(),
            LocalResult::None => {}
        }
    }
    local.and_utc()
}

fn seconds(local: NaiveDateTime) -> TimeDelta {
    TimeDelta::seconds(local.and_utc().timestamp().rem_euclid(60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Timelike;
    use proptest::prelude::*;

    fn agency(holidays: Holidays) -> Hours {
        let day = || ["09:00-12:30", "14:00-18:00"].map(|r| Range::parse(r).unwrap()).to_vec();
        let week = [day(), day(), day(), day(), day(), vec![Range::parse("09:00-12:00").unwrap()], Vec::new()];
        Hours { timezone: chrono_tz::Europe::Paris, week, closed: BTreeSet::from([date("2026-12-24")]), holidays }
    }

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn paris(text: &str) -> DateTime<Utc> {
        resolve(chrono_tz::Europe::Paris, NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap())
    }

    #[test]
    fn ranges_are_read_strictly() {
        assert_eq!(Range::parse("09:00-12:30"), Some(Range { from: 540, to: 750 }));
        assert_eq!(Range::parse("00:00-24:00"), Some(Range { from: 0, to: 1440 }));
        for bad in ["9h-12h", "9:00-12:00", "09:00", "12:30-09:00", "09:00-09:00", "09:60-10:00", "23:00-24:01", "+9:00-12:00", "", "-"] {
            assert_eq!(Range::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn open_and_closed_and_the_next_change() {
        let hours = agency(Holidays::France);
        for (at, open, next) in [
            ("2026-11-24 08:59", false, "2026-11-24 09:00"),
            ("2026-11-24 09:00", true, "2026-11-24 12:30"),
            ("2026-11-24 12:30", false, "2026-11-24 14:00"),
            ("2026-11-24 18:00", false, "2026-11-25 09:00"),
            // Saturday noon to Monday; the eve of Christmas closed by hand, then Christmas, then Saturday.
            ("2026-11-28 12:00", false, "2026-11-30 09:00"),
            ("2026-12-23 19:00", false, "2026-12-26 09:00"),
            // Easter Monday.
            ("2026-04-04 13:00", false, "2026-04-07 09:00"),
        ] {
            assert_eq!((hours.is_open(paris(at)), hours.next_change(paris(at))), (open, Some(paris(next))), "{at}");
        }
        assert_eq!(hours.next_start(paris("2026-11-24 10:00")), Some(paris("2026-11-24 14:00")));
        assert_eq!(hours.opening_from(paris("2026-11-24 10:00")), Some(paris("2026-11-24 10:00")));
        assert_eq!(agency(Holidays::Moselle).next_change(paris("2026-12-23 19:00")), Some(paris("2026-12-28 09:00")));
    }

    #[test]
    fn a_promise_counts_opening_time_alone() {
        let hours = agency(Holidays::France);
        for (at, due) in [
            ("2026-11-24 10:00", "2026-11-24 10:30"),
            ("2026-11-24 12:10", "2026-11-24 14:10"),
            ("2026-11-24 12:00", "2026-11-24 12:30"),
            ("2026-11-24 20:00", "2026-11-25 09:30"),
            ("2026-11-27 17:45", "2026-11-28 09:15"),
            ("2026-12-23 17:45", "2026-12-26 09:15"),
        ] {
            assert_eq!(hours.after_open_time(paris(at), Duration::from_secs(1800)), Some(paris(due)), "{at}");
        }
    }

    #[test]
    fn an_agency_that_never_opens_never_changes() {
        let mut hours = agency(Holidays::None);
        hours.week = Default::default();
        let now = paris("2026-11-24 10:00");
        assert_eq!((hours.is_open(now), hours.next_change(now), hours.after_open_time(now, Duration::from_secs(1))), (false, None, None));
        hours.week = std::array::from_fn(|_| vec![Range::parse("00:00-24:00").unwrap()]);
        hours.closed.clear();
        assert_eq!((hours.is_open(now), hours.next_change(now)), (true, None));
    }

    #[test]
    fn spring_and_autumn() {
        // 02:30 does not exist on 29 March 2026: 03:00 summer time, 01:00 UTC.
        assert_eq!(paris("2026-03-29 02:30").to_rfc3339(), "2026-03-29T01:00:00+00:00");
        let odd = date("2026-03-29").and_hms_opt(2, 30, 15).unwrap();
        assert_eq!(resolve(chrono_tz::Europe::Paris, odd).to_rfc3339(), "2026-03-29T01:00:00+00:00");
        // 02:30 comes twice on 25 October 2026: the first is summer time.
        assert_eq!(paris("2026-10-25 02:30").to_rfc3339(), "2026-10-25T00:30:00+00:00");
        let mut night = agency(Holidays::None);
        night.week[6] = vec![Range::parse("02:15-02:45").unwrap()];
        assert!(night.is_open("2026-10-25T00:30:00Z".parse().unwrap()));
        assert!(!night.is_open("2026-10-25T01:30:00Z".parse().unwrap()));
        // The whole range falls into the gap of spring: it never opens, and nothing is seen as a change.
        assert_eq!(night.next_change(paris("2026-03-28 23:00")), Some(paris("2026-03-30 09:00")));
    }

    proptest! {
        /// The state just before the next change is today's, at it the other.
        #[test]
        fn nothing_changes_before_the_next_change(offset in 0i64..3 * 366 * 24 * 3600) {
            let hours = agency(Holidays::France);
            let now = paris("2025-01-01 00:00") + TimeDelta::seconds(offset);
            let next = hours.next_change(now).unwrap();
            prop_assert!(next > now);
            prop_assert_eq!(hours.is_open(next), !hours.is_open(now));
            let mut at = now;
            while at < next {
                prop_assert_eq!(hours.is_open(at), hours.is_open(now));
                at += TimeDelta::minutes(29);
            }
            prop_assert_eq!(hours.is_open(next - TimeDelta::seconds(1)), hours.is_open(now));
        }

        #[test]
        fn a_promise_falls_in_opening_time(offset in 0i64..3 * 366 * 24 * 3600, minutes in 1u64..600) {
            let hours = agency(Holidays::France);
            let now = paris("2025-01-01 00:00") + TimeDelta::seconds(offset);
            let due = hours.after_open_time(now, Duration::from_secs(minutes * 60)).unwrap();
            prop_assert!(due >= now + TimeDelta::minutes(i64::try_from(minutes).unwrap()));
            prop_assert!(hours.is_open(due - TimeDelta::seconds(1)));
            prop_assert_eq!(due.nanosecond(), 0);
        }

        /// Any local time of three years has a moment, never earlier than asked, and the same one when it exists.
        #[test]
        fn every_local_time_has_a_moment(minute in 0i64..3 * 366 * 24 * 60) {
            let local = date("2025-01-01").and_time(NaiveTime::MIN) + TimeDelta::minutes(minute);
            let back = resolve(chrono_tz::Europe::Paris, local).with_timezone(&chrono_tz::Europe::Paris).naive_local();
            prop_assert!(back == local || (back > local && back - local <= TimeDelta::hours(1)));
        }
    }
}
