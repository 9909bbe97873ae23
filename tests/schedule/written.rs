//! Schedules as a file writes them. A reader for these tests only: lenient, and blind to faults.

use std::sync::Arc;

use evenkeel::keel::deployment::Desired;
use evenkeel::keel::intent::{Intent, Wanted};
use evenkeel::keel::schedule::{Dates, Days, Exception, Hours, On, Schedule, Window};
use evenkeel::keel::time::Wall;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

/// `schedule("Europe/Berlin", "Mon-Fri 08:00-19:00; 2026-12-05 10:00-14:00; except 2026-12-24")`.
/// An exception may name hours: `except 2026-12-24..2027-01-01 10:00-14:00 16:00-17:00`.
pub(crate) fn schedule(zone: &str, text: &str) -> Schedule {
    let zone = TimeZone::get(zone).unwrap();
    let mut schedule =
        Schedule { name: "s".into(), zone, windows: vec![], exceptions: vec![], ready: false };
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        match part.strip_prefix("except ") {
            Some(rest) => {
                let mut words = rest.split(' ');
                let dates = dates(words.next().unwrap());
                let hours = words.map(hours).collect();
                schedule.exceptions.push(Exception { dates, hours, text: part.into() });
            }
            None => schedule.windows.push(window(part)),
        }
    }
    schedule
}

/// A deployment that follows [`schedule`].
pub(crate) fn follows(zone: &str, text: &str) -> Intent {
    let wanted = Wanted::Scheduled(Arc::new(schedule(zone, text)));
    Intent { wanted, ..Intent::fixed(Desired::Stopped) }
}

/// `2026-10-25T01:00:00Z`.
pub(crate) fn utc(text: &str) -> Wall {
    text.parse::<jiff::Timestamp>().unwrap().into()
}

fn window(text: &str) -> Window {
    let (on, hours_text) = match text.rsplit_once(' ') {
        None => (On::Days(Days::ALL), text),
        Some((on, hours)) if on.starts_with(|c: char| c.is_ascii_digit()) => {
            (On::Dates(dates(on)), hours)
        }
        Some((on, hours)) => (On::Days(days(on)), hours),
    };
    Window { on, hours: hours(hours_text), text: text.into() }
}

fn dates(text: &str) -> Dates {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    Dates { first: first.parse().unwrap(), last: last.parse().unwrap() }
}

fn days(text: &str) -> Days {
    text.split(',').fold(Days::NONE, |days, part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (weekday(first), weekday(last));
        let mut days = days.with(day);
        while day != last {
            day = day.next();
            days = days.with(day);
        }
        days
    })
}

fn weekday(text: &str) -> Weekday {
    const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let offset = NAMES.iter().position(|name| *name == text).unwrap();
    Weekday::from_monday_zero_offset(offset.try_into().unwrap()).unwrap()
}

fn hours(text: &str) -> Hours {
    let minutes = |clock: &str| {
        let (hour, minute) = clock.split_once(':').unwrap();
        hour.parse::<u16>().unwrap() * 60 + minute.parse::<u16>().unwrap()
    };
    let (begin, end) = text.split_once('-').unwrap();
    Hours::new(minutes(begin), minutes(end)).unwrap()
}
