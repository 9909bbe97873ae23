//! What a schedule means, minute by minute, from readings of the clock alone: slow, and plain to
//! see. Nothing here asks which instant a local time is.

use std::collections::BTreeMap;

use evenkeel::keel::deployment::Desired;
use evenkeel::keel::schedule::{Dates, Days, Exception, Hours, On, Schedule, Window};
use evenkeel::keel::time::Wall;
use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

/// Minutes of a day.
pub(crate) const DAY: i64 = 1440;

/// The clock of a zone, read each minute for a while.
pub(crate) struct Clock {
    pub(crate) zone: TimeZone,
    /// The minute after 1970-01-01T00:00Z that comes first.
    start: i64,
    /// What is read, in minutes after 1970-01-01 00:00 local time.
    readings: Vec<i64>,
    /// When each is read first and last; both the instant of the skip, if it is skipped.
    read: BTreeMap<i64, (i64, i64)>,
}

impl Clock {
    pub(crate) fn new(zone: &str, first_year: i16, years: i16) -> Self {
        let zone = TimeZone::get(zone).unwrap();
        let minute = |year| epoch_day(Date::new(year, 1, 1).unwrap()) * DAY;
        let (start, end) = (minute(first_year), minute(first_year + years));
        let readings: Vec<_> = (start..end).map(|minute| local(&zone, minute)).collect();
        let mut read = BTreeMap::new();
        let mut most = readings[0] - 1;
        for (minute, reading) in (start..).zip(readings.iter().copied()) {
            for skipped in most + 1..reading {
                read.insert(skipped, (minute, minute));
            }
            read.entry(reading).or_insert((minute, minute)).1 = minute;
            most = most.max(reading);
        }
        Self { zone, start, readings, read }
    }

    /// The days of which all is read, and those before and after them, too.
    pub(crate) fn days(&self) -> std::ops::Range<i64> {
        self.readings[0] / DAY + 2..self.readings[self.readings.len() - 1] / DAY - 2
    }

    /// The days on which the clock is set, and minutes of the day at which it is.
    pub(crate) fn jumps(&self) -> Vec<(i64, i64)> {
        let pairs = self.readings.windows(2).filter(|pair| pair[1] != pair[0] + 1);
        pairs.flat_map(|pair| [pair[0] + 1, pair[1]]).map(|at| (at / DAY, at % DAY)).collect()
    }

    /// When a day begins: when midnight is read first.
    pub(crate) fn midnight(&self, day: i64) -> i64 {
        self.read[&(day * DAY)].0
    }

    /// The day that has begun last.
    pub(crate) fn day_at(&self, minute: i64) -> i64 {
        let about = self.readings[usize::try_from(minute - self.start).unwrap()] / DAY;
        (about - 2..=about + 2).rfind(|day| self.midnight(*day) <= minute).unwrap()
    }
}

fn local(zone: &TimeZone, minute: i64) -> i64 {
    let civil = zone.to_datetime(Timestamp::from_second(minute * 60).unwrap());
    assert_eq!(civil.second(), 0, "a zone whose clocks differ by whole minutes");
    epoch_day(civil.date()) * DAY + i64::from(civil.hour()) * 60 + i64::from(civil.minute())
}

fn epoch_day(date: Date) -> i64 {
    (date - Date::new(1970, 1, 1).unwrap()).get_days().into()
}

fn date(day: i64) -> Date {
    Date::new(1970, 1, 1).unwrap() + jiff::Span::new().days(day)
}

/// From one minute of the day to another, as written: the second may be the lesser.
pub(crate) type Written = (i64, i64);

/// A schedule, as numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plain {
    /// Days of the week, Monday first.
    pub(crate) weekly: Vec<([bool; 7], Written)>,
    /// First and last day.
    pub(crate) dated: Vec<(i64, i64, Written)>,
    pub(crate) exceptions: Vec<(i64, i64, Vec<Written>)>,
}

impl Plain {
    pub(crate) fn schedule(&self, zone: &TimeZone) -> Schedule {
        let mut windows = vec![];
        for (index, (days, written)) in self.weekly.iter().enumerate() {
            let days = (0u8..7).filter(|day| days[usize::from(*day)]);
            let days = days.fold(Days::NONE, |days, day| {
                days.with(Weekday::from_monday_zero_offset(day.try_into().unwrap()).unwrap())
            });
            let text = format!("weekly {index}").into();
            windows.push(Window { on: On::Days(days), hours: hours(*written), text });
        }
        for (index, (first, last, written)) in self.dated.iter().enumerate() {
            let on = On::Dates(Dates { first: date(*first), last: date(*last) });
            windows.push(Window { on, hours: hours(*written), text: dated(index) });
        }
        let exceptions = self.exceptions.iter().enumerate();
        let exceptions = exceptions.map(|(index, (first, last, written))| Exception {
            dates: Dates { first: date(*first), last: date(*last) },
            hours: written.iter().map(|written| hours(*written)).collect(),
            text: except(index),
        });
        let exceptions = exceptions.collect();
        Schedule { name: "s".into(), zone: zone.clone(), windows, exceptions, ready: false }
    }

    /// Each window of each day that has any, with its text, in the order of the file.
    fn shifts(&self, clock: &Clock) -> Vec<(i64, i64, String)> {
        let mut shifts = vec![];
        for day in clock.days() {
            let weekday = usize::try_from((day + 3).rem_euclid(7)).unwrap();
            let mut today = vec![];
            let mut excepted = false;
            for (index, (first, last, hours)) in self.exceptions.iter().enumerate() {
                if (*first..=*last).contains(&day) {
                    excepted = true;
                    today.extend(hours.iter().map(|written| (*written, except(index).to_string())));
                }
            }
            for (index, (days, written)) in self.weekly.iter().enumerate() {
                if days[weekday] && !excepted {
                    today.push((*written, format!("weekly {index}")));
                }
            }
            for (index, (first, last, written)) in self.dated.iter().enumerate() {
                if (*first..=*last).contains(&day) {
                    today.push((*written, dated(index).to_string()));
                }
            }
            for ((begin, end), text) in today {
                let end = if end <= begin { end + DAY } else { end };
                let begin = clock.read[&(day * DAY + begin)].0;
                let end = clock.read[&(day * DAY + end)].1;
                if begin < end {
                    shifts.push((begin, end, text));
                }
            }
        }
        shifts
    }
}

fn hours((begin, end): Written) -> Hours {
    Hours::new(begin.try_into().unwrap(), end.try_into().unwrap()).unwrap()
}

fn dated(index: usize) -> std::sync::Arc<str> {
    format!("dated {index}").into()
}

fn except(index: usize) -> std::sync::Arc<str> {
    format!("except {index}").into()
}

/// What it asks for in each minute.
pub(crate) struct Truth<'a> {
    pub(crate) clock: &'a Clock,
    plain: &'a Plain,
    shifts: Vec<(i64, i64, String)>,
    running: Vec<bool>,
    /// The minutes whose state is another one than that of the minute before.
    pub(crate) changes: Vec<i64>,
    pub(crate) span: std::ops::Range<i64>,
}

impl<'a> Truth<'a> {
    pub(crate) fn new(clock: &'a Clock, plain: &'a Plain) -> Self {
        let shifts = plain.shifts(clock);
        let mut running = vec![false; clock.readings.len()];
        for (begin, end, _) in &shifts {
            for minute in *begin..*end {
                running[usize::try_from(minute - clock.start).unwrap()] = true;
            }
        }
        // Nothing is known of windows that began before the days or begin after them.
        let days = clock.days();
        let span = clock.midnight(days.start + 3)..clock.midnight(days.end - 3);
        let mut truth = Self { clock, plain, shifts, running, changes: vec![], span };
        let changed = |minute: &i64| truth.state(*minute) != truth.state(*minute - 1);
        truth.changes = truth.span.clone().skip(1).filter(changed).collect();
        truth
    }

    pub(crate) fn state(&self, minute: i64) -> Desired {
        match self.running[usize::try_from(minute - self.clock.start).unwrap()] {
            true => Desired::Running,
            false => Desired::Stopped,
        }
    }

    /// The window that began first, or the exception that takes the day.
    pub(crate) fn because(&self, minute: i64) -> String {
        let now = self.shifts.iter().filter(|(begin, end, _)| (*begin..*end).contains(&minute));
        if let Some((_, _, text)) = now.min_by_key(|(begin, end, _)| (begin, end)) {
            return text.clone();
        }
        let day = self.clock.day_at(minute);
        let takes = |(first, last, _): &(i64, i64, _)| (*first..=*last).contains(&day);
        let place = self.plain.exceptions.iter().position(takes);
        place.map_or("outside its windows".into(), |index| except(index).to_string())
    }

    pub(crate) fn since(&self, minute: i64) -> Option<i64> {
        self.changes.iter().rev().find(|change| **change <= minute).copied()
    }

    pub(crate) fn until(&self, minute: i64) -> Option<i64> {
        self.changes.iter().find(|change| minute < **change).copied()
    }
}

/// The beginning of a minute.
pub(crate) fn wall(minute: i64) -> Wall {
    Wall::from_millis(minute * 60_000)
}
