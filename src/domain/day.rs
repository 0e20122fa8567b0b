//! The figures of one day (CONTRACT: `GET /api/day`): how many called, how many were answered, how many were called back and how soon.
//! Counts what it is given; reads no clock and no record.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Timelike, Utc};
use serde::Serialize;

use super::callback::{Callback, CallbackState, Source};
use super::hours::{Hours, resolve};

/// One incoming call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayCall {
    pub at: DateTime<Utc>,
    /// `None` while it runs.
    pub answered: Option<bool>,
    /// Who answered it.
    pub by: Option<String>,
}

/// What closed a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// A call of ours that reached them.
    WeCalled,
    /// They called again, and were answered.
    TheyCalled,
    /// A person said so.
    Person,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayCallback {
    pub callback: Callback,
    /// Meaningful once it is closed.
    pub closing: Closing,
    /// Who called back.
    pub by: Option<String>,
}

/// What the records hold of the day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub calls: Vec<DayCall>,
    /// Open ones, and those closed since the day began.
    pub callbacks: Vec<DayCallback>,
}

/// From local midnight to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

impl Bounds {
    /// `None` at the end of the calendar.
    pub fn of(date: NaiveDate, hours: &Hours) -> Option<Bounds> {
        let midnight = |day: NaiveDate| resolve(hours.timezone, day.and_time(NaiveTime::MIN));
        Some(Bounds { from: midnight(date), to: midnight(date.checked_add_days(Days::new(1))?) })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Day {
    pub date: NaiveDate,
    /// Incoming ones.
    pub calls: usize,
    pub answered: usize,
    /// Ended without a person's answer, the attendant's included.
    pub missed: usize,
    /// Of those that ended; null for none.
    pub answered_percent: Option<usize>,
    /// Of the callers of that day who were owed a call: those who got it.
    pub called_back: usize,
    pub called_back_percent: Option<usize>,
    /// Those who had to call again.
    pub called_again: usize,
    /// From the first missed call to the call that reached them.
    pub median_delay_seconds: Option<i64>,
    /// Owed when the agency closed, or now if it has not yet.
    pub open_at_closing: usize,
    /// From the first hour that is open or had a call to the last one.
    pub hours: Vec<Hour>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owners: Option<Vec<Owner>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Hour {
    /// Local, 0 to 23.
    pub hour: u32,
    pub calls: usize,
    pub missed: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Owner {
    pub owner: String,
    pub answered: usize,
    pub called_back: usize,
}

pub fn figures(date: NaiveDate, bounds: Bounds, hours: &Hours, found: &Found, now: DateTime<Utc>, per_person: bool) -> Day {
    let ended = found.calls.iter().filter_map(|call| call.answered);
    let answered = ended.clone().filter(|answered| *answered).count();
    let missed = ended.count() - answered;
    let owed: Vec<&DayCallback> = found.callbacks.iter().filter(|c| is_owed(&c.callback, bounds)).collect();
    let back: Vec<&DayCallback> = owed.iter().copied().filter(|c| was_called_back(c)).collect();
    let again = |c: &&&DayCallback| c.callback.missed_count > 1 || (!c.callback.is_open() && c.closing == Closing::TheyCalled);
    Day {
        date,
        calls: found.calls.len(),
        answered,
        missed,
        answered_percent: percent(answered, answered + missed),
        called_back: back.len(),
        called_back_percent: percent(back.len(), owed.len()),
        called_again: owed.iter().filter(again).count(),
        median_delay_seconds: median(back.iter().filter_map(|c| delay(&c.callback)).collect()),
        open_at_closing: open_at(closing(date, bounds, hours).min(now), &found.callbacks),
        hours: by_hour(date, hours, &found.calls),
        owners: per_person.then(|| by_owner(&found.calls, &back)),
    }
}

/// A caller of that day who is owed a call; what a person planned is none.
fn is_owed(callback: &Callback, bounds: Bounds) -> bool {
    callback.source != Source::Manual && !callback.folded && (bounds.from..bounds.to).contains(&callback.first_at)
}

fn was_called_back(c: &DayCallback) -> bool {
    c.callback.state == CallbackState::Done && c.closing != Closing::TheyCalled
}

fn delay(callback: &Callback) -> Option<i64> {
    Some((callback.closed_at? - callback.first_at).num_seconds().max(0))
}

fn percent(part: usize, whole: usize) -> Option<usize> {
    // to the nearest
    (part * 200 + whole).checked_div(whole * 2)
}

fn median(mut delays: Vec<i64>) -> Option<i64> {
    delays.sort_unstable();
    let middle = *delays.get(delays.len() / 2)?;
    let before = delays.get((delays.len() - 1) / 2).copied().unwrap_or(middle);
    Some(before + (middle - before) / 2)
}

/// The end of the last opening range, or of the day.
fn closing(date: NaiveDate, bounds: Bounds, hours: &Hours) -> DateTime<Utc> {
    hours.ranges(date).map(|(_, to)| to).last().unwrap_or(bounds.to)
}

fn open_at(at: DateTime<Utc>, callbacks: &[DayCallback]) -> usize {
    let open = |c: &Callback| !c.folded && c.first_at <= at && (c.is_open() || c.closed_at.is_some_and(|closed| closed > at));
    callbacks.iter().filter(|c| open(&c.callback)).count()
}

fn by_hour(date: NaiveDate, hours: &Hours, calls: &[DayCall]) -> Vec<Hour> {
    let hour = |at: DateTime<Utc>| at.with_timezone(&hours.timezone).hour();
    let mut found: BTreeMap<u32, Hour> = BTreeMap::new();
    for (from, to) in hours.ranges(date) {
        // an end on the hour belongs to the hour before
        for at in [from, to - chrono::TimeDelta::seconds(1)] {
            found.entry(hour(at)).or_default();
        }
    }
    for call in calls {
        let entry = found.entry(hour(call.at)).or_default();
        entry.calls += 1;
        entry.missed += usize::from(call.answered == Some(false));
    }
    let (Some(first), Some(last)) = (found.keys().next().copied(), found.keys().last().copied()) else { return Vec::new() };
    (first..=last).map(|hour| Hour { hour, ..found.remove(&hour).unwrap_or_default() }).collect()
}

fn by_owner(calls: &[DayCall], back: &[&DayCallback]) -> Vec<Owner> {
    let mut owners: BTreeMap<String, Owner> = BTreeMap::new();
    for owner in calls.iter().filter(|call| call.answered == Some(true)).filter_map(|call| call.by.as_ref()) {
        owners.entry(owner.clone()).or_default().answered += 1;
    }
    for c in back {
        let own = Some(&c.callback.owner).filter(|owner| !owner.is_empty());
        let owner = if c.closing == Closing::WeCalled { c.by.as_ref().or(own) } else { own };
        if let Some(owner) = owner {
            owners.entry(owner.clone()).or_default().called_back += 1;
        }
    }
    owners.into_iter().map(|(owner, figures)| Owner { owner, ..figures }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::callback::CallbackId;
    use crate::domain::hours::{Holidays, Range};
    use crate::domain::identity::Caller;
    use crate::domain::text::ScreenText;

    /// Tuesday 24 November 2026, 9 to 12:30 and 14 to 18 local time, which is 8:00 UTC to 17:00 UTC.
    fn agency() -> Hours {
        let day = || ["09:00-12:30", "14:00-18:00"].map(|r| Range::parse(r).unwrap()).to_vec();
        let week = std::array::from_fn(|_| day());
        Hours { timezone: chrono_tz::Europe::Paris, week, closed: Default::default(), holidays: Holidays::None }
    }

    fn utc(time: &str) -> DateTime<Utc> {
        format!("2026-11-24T{time}:00Z").parse().unwrap()
    }

    fn call(time: &str, answered: Option<bool>, by: Option<&str>) -> DayCall {
        DayCall { at: utc(time), answered, by: by.map(str::to_owned) }
    }

    fn owed(first: &str, closed: Option<&str>, state: CallbackState, closing: Closing) -> DayCallback {
        let callback = Callback {
            id: CallbackId(1),
            version: 1,
            party: Caller::Withheld,
            name: ScreenText::default(),
            named: false,
            source: Source::Missed,
            subject: String::new(),
            owner: String::new(),
            claimed_by: None,
            place: String::new(),
            note: String::new(),
            guide: String::new(),
            answers: BTreeMap::new(),
            due: None,
            planned: false,
            left_on_hold: false,
            state,
            attempts: 0,
            missed_count: 1,
            first_at: utc(first),
            last_at: utc(first),
            call: None,
            closed_at: closed.map(utc),
            closed_by: None,
            by_fact: closing != Closing::Person,
            to_confirm: false,
            folded: false,
            marks: Vec::new(),
            clips: Vec::new(),
        };
        DayCallback { callback, closing, by: Some("MO".to_owned()) }
    }

    fn day(found: &Found, now: &str) -> Day {
        let (date, hours) = ("2026-11-24".parse().unwrap(), agency());
        figures(date, Bounds::of(date, &hours).unwrap(), &hours, found, utc(now), true)
    }

    #[test]
    fn calls_are_counted_by_local_hour() {
        let calls = vec![
            call("07:10", Some(false), None),
            call("09:00", Some(true), Some("MEL")),
            call("09:59", Some(true), Some("MEL")),
            call("10:00", None, None),
        ];
        let day = day(&Found { calls, callbacks: Vec::new() }, "10:05");
        assert_eq!((day.calls, day.answered, day.missed, day.answered_percent), (4, 2, 1, Some(67)));
        let hours: Vec<_> = day.hours.iter().filter(|h| h.calls > 0).map(|h| (h.hour, h.calls, h.missed)).collect();
        assert_eq!(hours, [(8, 1, 1), (10, 2, 0), (11, 1, 0)]);
        assert_eq!((day.hours.first().unwrap().hour, day.hours.last().unwrap().hour), (8, 17));
        assert_eq!(day.owners, Some(vec![Owner { owner: "MEL".to_owned(), answered: 2, called_back: 0 }]));
    }

    #[test]
    fn callbacks_of_the_day_are_followed_to_what_became_of_them() {
        let mut twice = owed("08:30", None, CallbackState::Open, Closing::Person);
        twice.callback.missed_count = 2;
        let mut planned = owed("08:30", Some("09:00"), CallbackState::Done, Closing::WeCalled);
        planned.callback.source = Source::Manual;
        let callbacks = vec![
            owed("08:00", Some("08:10"), CallbackState::Done, Closing::WeCalled),
            owed("09:00", Some("09:30"), CallbackState::Done, Closing::Person),
            owed("10:00", Some("10:05"), CallbackState::Done, Closing::TheyCalled),
            owed("11:00", Some("17:30"), CallbackState::Dropped, Closing::Person),
            twice,
            planned,
        ];
        let day = day(&Found { calls: Vec::new(), callbacks }, "20:00");
        assert_eq!((day.called_back, day.called_back_percent, day.called_again), (2, Some(40), 2));
        assert_eq!(day.median_delay_seconds, Some(1200));
        // the one that is open still, and the one that was dropped after closing time
        assert_eq!(day.open_at_closing, 2);
        assert_eq!(day.owners, Some(vec![Owner { owner: "MO".to_owned(), answered: 0, called_back: 1 }]));
    }

    #[test]
    fn a_day_without_anything_divides_by_nothing() {
        let day = day(&Found::default(), "06:00");
        assert_eq!((day.answered_percent, day.called_back_percent, day.median_delay_seconds, day.open_at_closing), (None, None, None, 0));
        assert_eq!(day.hours.len(), 9);
    }

    #[test]
    fn the_days_of_the_changes_of_the_clock_have_23_and_25_hours() {
        for (date, hours) in [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-24", 24)] {
            let bounds = Bounds::of(date.parse().unwrap(), &agency()).unwrap();
            assert_eq!((bounds.to - bounds.from).num_hours(), hours, "{date}");
        }
    }
}
