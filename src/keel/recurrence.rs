//! Instants in words, in a time zone: days of the week, times of day, and how often.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use super::schedule::Days;
use super::time::Wall;

/// One time of day on several dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recurrence {
    /// Whose clocks are read.
    pub zone: TimeZone,
    /// The instants, the first of them first; never empty.
    pub times: Vec<Wall>,
    /// The span in which these are all: after the one, up to the other.
    pub span: (Wall, Wall),
}

impl Recurrence {
    /// The first of them.
    pub fn first(&self) -> Wall {
        self.times.first().copied().unwrap_or(self.span.0)
    }

    /// The days of the week, if it happens twice at least, and on every such day of the span.
    fn weekly(&self) -> Option<Days> {
        let dates: BTreeSet<Date> = self.times.iter().map(|at| date(&self.zone, *at)).collect();
        let days = dates.iter().fold(Days::NONE, |days, date| days.with(date.weekday()));
        let clock = local(&self.zone, self.first()).time();
        let (from, until) = (date(&self.zone, self.span.0), date(&self.zone, self.span.1));
        let mut count = 0;
        for day in from.series(jiff::Span::new().days(1)).take_while(|day| *day <= until) {
            let at = self.zone.to_timestamp(day.to_datetime(clock)).ok().map(Wall::from);
            let inside = at.is_some_and(|at| self.span.0 < at && at <= self.span.1);
            if inside && days.has(day.weekday()) {
                count += 1;
                if !dates.contains(&day) {
                    return None;
                }
            }
        }
        let distinct = WEEK.iter().filter(|day| days.has(**day)).count();
        (count >= 2 * distinct).then_some(days)
    }
}

/// `each Mon-Fri`, `on Mon 2026-11-30`, `3 times in 14 days, first on Mon 2026-11-30`.
impl fmt::Display for Recurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = day(&self.zone, self.first());
        match (self.times.len(), self.weekly()) {
            (_, Some(Days::ALL)) => f.write_str("each day"),
            (_, Some(days)) => write!(f, "each {}", weekdays(days)),
            (0 | 1, None) => write!(f, "on {first}"),
            (times, None) => {
                let days = self.span.1.since(self.span.0).as_secs() / (24 * 3600);
                write!(f, "{times} times in {days} days, first on {first}")
            }
        }
    }
}

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// `Mon-Fri`, `Mon,Wed`, `Sat-Mon`: runs of three and more are ranges, also over the week's end.
pub fn weekdays(days: Days) -> String {
    // A run that goes on over the week's end begins before it.
    let begin = WEEK.iter().position(|day| !days.has(*day)).unwrap_or(0);
    let mut runs: Vec<Vec<Weekday>> = vec![Vec::new()];
    for day in WEEK.iter().cycle().skip(begin).take(7) {
        match runs.last_mut() {
            Some(run) if days.has(*day) => run.push(*day),
            Some(run) if !run.is_empty() => runs.push(Vec::new()),
            Some(_) | None => (),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs.sort_by_key(|run| run.first().map(|day| day.to_monday_zero_offset()));
    let words = runs.iter().map(|run| match run.as_slice() {
        [first, .., last] if run.len() > 2 => format!("{}-{}", short(*first), short(*last)),
        some => some.iter().map(|day| short(*day)).collect::<Vec<_>>().join(","),
    });
    words.collect::<Vec<_>>().join(",")
}

const fn short(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    }
}

/// What the clocks of `zone` show.
pub fn local(zone: &TimeZone, at: Wall) -> jiff::ZonedDateTime {
    at.timestamp().to_zoned_datetime(zone.clone())
}

/// The date there.
pub fn date(zone: &TimeZone, at: Wall) -> Date {
    local(zone, at).date()
}

/// `Mon 2026-11-30`.
pub fn day(zone: &TimeZone, at: Wall) -> String {
    local(zone, at).strftime("%a %Y-%m-%d").to_string()
}

/// `08:00`, or `08:00:10` where there are seconds.
pub fn clock(zone: &TimeZone, at: Wall) -> String {
    let time: Time = local(zone, at).time();
    let form = if time.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
    time.strftime(form).to_string()
}

/// As [`clock`], with the day of the week where that is another day than that of `beside`.
pub fn clock_beside(zone: &TimeZone, at: Wall, beside: Wall) -> String {
    let clock = clock(zone, at);
    match (date(zone, beside), local(zone, at).date()) {
        (one, other) if one == other => clock,
        (_, other) => format!("{} {clock}", short(other.weekday())),
    }
}

/// `Europe/Berlin`.
pub fn zone_name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}
