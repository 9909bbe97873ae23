//! Windows of local time, and the state that they ask for at an instant.
//!
//! Level-triggered: [`Schedule::at`] depends on nothing but the schedule and the instant, so that
//! whoever slept through a change misses nothing. Where windows overlap, or the clock is in doubt,
//! the deployment runs.

use std::fmt;
use std::iter;
use std::sync::Arc;

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, ToSpan as _};

use super::deployment::Desired;
use super::intent::Rule;
use super::time::Wall;

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// From a time of day to a later one, in minutes after the midnight at which the day begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hours {
    begin: u16,
    end: u16,
}

impl Hours {
    /// `00:00-24:00`.
    pub const ALL_DAY: Self = Self { begin: 0, end: DAY };

    /// From `begin` to `end`, in minutes after midnight: below 24:00 the one, up to it the other.
    /// An end that is not after the beginning belongs to the next day. `None` if they are equal,
    /// or out of range.
    pub const fn new(begin: u16, end: u16) -> Option<Self> {
        if begin >= DAY || end > DAY || begin == end {
            return None;
        }
        Some(Self { begin, end: if end < begin { end + DAY } else { end } })
    }

    /// The beginning and the end in minutes after midnight, the end past 24:00 if it belongs to
    /// the next day.
    pub const fn span(self) -> (u16, u16) {
        (self.begin, self.end)
    }
}

/// `08:00-19:00`, `22:00-02:00`.
impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.end > DAY { self.end - DAY } else { self.end };
        let (begin, end) = ((self.begin / 60, self.begin % 60), (end / 60, end % 60));
        write!(f, "{:02}:{:02}-{:02}:{:02}", begin.0, begin.1, end.0, end.1)
    }
}

/// A set of days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u8);

impl Days {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(0x7f);

    /// These and `day`.
    #[must_use]
    pub fn with(self, day: Weekday) -> Self {
        Self(self.0 | 1 << day.to_monday_zero_offset())
    }

    /// Whether `day` is one of them.
    pub fn has(self, day: Weekday) -> bool {
        self.0 & 1 << day.to_monday_zero_offset() != 0
    }
}

/// From one date to another, both of them included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dates {
    /// The first.
    pub first: Date,
    /// The last; not before the first.
    pub last: Date,
}

impl Dates {
    /// Whether `date` is one of them.
    pub fn has(self, date: Date) -> bool {
        self.first <= date && date <= self.last
    }
}

/// `2026-12-24`, `2026-12-24..2027-01-01`.
impl fmt::Display for Dates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            return write!(f, "{}", self.first);
        }
        write!(f, "{}..{}", self.first, self.last)
    }
}

/// The days on which a [`Window`] begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// Every week, unless an [`Exception`] takes the day.
    Days(Days),
    /// Once, whatever the exceptions say: nothing is more definite than a date.
    Dates(Dates),
}

/// Hours in which the deployment runs. A window belongs to the day on which it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The days on which it begins.
    pub on: On,
    /// From when to when.
    pub hours: Hours,
    /// As the file has it, for people: `Mon-Fri 08:00-19:00`.
    pub text: Arc<str>,
}

/// Dates that the weekly windows do not begin on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Which dates.
    pub dates: Dates,
    /// The hours that hold instead, on each of them: none to be stopped, [`Hours::ALL_DAY`] to run.
    pub hours: Vec<Hours>,
    /// For people: `except 2026-12-24..2027-01-01: holidays`, `holiday 2026-12-25: Christmas Day`.
    pub text: Arc<str>,
}

/// When a deployment is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Its name in the desired file.
    pub name: Arc<str>,
    /// Whose clocks it reads.
    pub zone: TimeZone,
    /// United: those that touch or overlap are one.
    pub windows: Vec<Window>,
    /// Where several take the same date, their hours are united, too.
    pub exceptions: Vec<Exception>,
    /// Whether to start early enough to be running when a window begins.
    pub ready: bool,
}

/// What a schedule says at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// The state.
    pub state: Desired,
    /// Which part of the schedule says so.
    pub rule: Rule,
    /// Since when it has been that state; `None`: always.
    pub since: Option<Wall>,
    /// When the state changes next; `None`: never.
    pub until: Option<Wall>,
    /// The phase may be asked for again from the instant that it was worked out for until then;
    /// `None`: for ever.
    pub valid_until: Option<Wall>,
}

/// A window on one day.
#[derive(Clone, Debug)]
struct Shift {
    begin: Wall,
    end: Wall,
    text: Arc<str>,
}

/// How many days around an instant are looked at first.
const NEAR: i32 = 9;

/// And then, for a schedule that is quiet for longer.
const FAR: i32 = 36;

/// What is weekly shows all that it does within so many days, a week of which a jump of the clock
/// may have hidden.
const WEEKS: i32 = 21;

impl Schedule {
    /// What it says at `wall`.
    pub fn at(&self, wall: Wall) -> Phase {
        let today = self.day_at(wall);
        let (first, last) = (day(today, -NEAR), day(today, NEAR));
        let shifts = self.shifts(first, last);
        let now = shifts.iter().find(|shift| shift.begin <= wall && wall < shift.end);
        let state = if now.is_some() { Desired::Running } else { Desired::Stopped };
        let exception = || self.exceptions.iter().find(|one| one.dates.has(today));
        let because = match now {
            Some(shift) => shift.text.clone(),
            None => exception().map_or("outside its windows".into(), |one| one.text.clone()),
        };
        let changes = self.changes(&shifts, first, last);
        let (before, after) = around(&changes, wall);
        let until = after.or_else(|| self.next_change(wall, today));
        // Another part of the schedule may take over without a change of the state.
        let midnight = (!self.exceptions.is_empty()).then(|| self.midnight(day(today, 1)));
        let edges = shifts.iter().flat_map(|shift| [shift.begin, shift.end]);
        let edges = edges.chain(midnight).chain(until).filter(|edge| wall < *edge);
        Phase {
            state,
            rule: Rule::Schedule { name: self.name.clone(), because },
            since: before.or_else(|| self.last_change(wall, today)),
            until,
            valid_until: edges.min(),
        }
    }

    /// The first change after `wall`, which is on `today`.
    fn next_change(&self, wall: Wall, mut today: Date) -> Option<Wall> {
        loop {
            let (first, last) = (day(today, -3), day(today, FAR));
            let changes = self.changes(&self.shifts(first, last), first, last);
            if let Some(change) = around(&changes, wall).1 {
                return Some(change);
            }
            let quiet = day(today, FAR - WEEKS);
            today = day(self.dated().filter(|date| quiet < *date).min()?, -2);
        }
    }

    /// The last change up to `wall`, which is on `today`.
    fn last_change(&self, wall: Wall, mut today: Date) -> Option<Wall> {
        loop {
            let (first, last) = (day(today, -FAR), day(today, 3));
            let changes = self.changes(&self.shifts(first, last), first, last);
            if let Some(change) = around(&changes, wall).0 {
                return Some(change);
            }
            let quiet = day(today, WEEKS - FAR);
            today = day(self.dated().filter(|date| *date < quiet).max()?, 2);
        }
    }

    /// The dates at which something that is not weekly begins or has ended.
    fn dated(&self) -> impl Iterator<Item = Date> {
        let windows = self.windows.iter().filter_map(|window| match window.on {
            On::Days(_) => None,
            On::Dates(dates) => Some(dates),
        });
        // Without weekly windows, hundreds of holidays take nothing away.
        let weekly = self.windows.iter().any(|window| matches!(window.on, On::Days(_)));
        let exceptions = self.exceptions.iter().filter(move |one| weekly || !one.hours.is_empty());
        let dates = windows.chain(exceptions.map(|exception| exception.dates));
        dates.flat_map(|dates| [dates.first, day(dates.last, 1)])
    }

    /// When the state changes, by all shifts that begin from the day `first` to the day `last`.
    /// Close to both ends nothing is known: a shift of another day may be there.
    fn changes(&self, shifts: &[Shift], first: Date, last: Date) -> Vec<Wall> {
        let known = self.midnight(day(first, 2))..self.midnight(last);
        let runs = united(shifts).into_iter();
        runs.flat_map(|(begin, end)| [begin, end]).filter(|at| known.contains(at)).collect()
    }

    /// The shifts that begin on the days from `first` to `last`, by their beginning.
    fn shifts(&self, first: Date, last: Date) -> Vec<Shift> {
        let near = |one: &&Exception| one.dates.first <= last && first <= one.dates.last;
        let exceptions: Vec<_> = self.exceptions.iter().filter(near).collect();
        let mut shifts = Vec::new();
        let dates = iter::successors(Some(first), |date| date.tomorrow().ok());
        for date in dates.take_while(|date| *date <= last) {
            self.shifts_of(date, &exceptions, &mut shifts);
        }
        shifts.sort_by_key(|shift| (shift.begin, shift.end));
        shifts
    }

    fn shifts_of(&self, date: Date, exceptions: &[&Exception], shifts: &mut Vec<Shift>) {
        let mut excepted = false;
        for exception in exceptions.iter().filter(|one| one.dates.has(date)) {
            excepted = true;
            shifts.extend(exception.hours.iter().filter_map(|hours| {
                let text = exception.text.clone();
                self.shift(date, *hours, text)
            }));
        }
        for window in &self.windows {
            let begins = match window.on {
                On::Days(days) => !excepted && days.has(date.weekday()),
                On::Dates(dates) => dates.has(date),
            };
            if begins {
                shifts.extend(self.shift(date, window.hours, window.text.clone()));
            }
        }
    }

    /// From the earliest instant at which the clock reads the beginning to the latest at which it
    /// reads the end. `None` if the clock skips all of it.
    fn shift(&self, date: Date, hours: Hours, text: Arc<str>) -> Option<Shift> {
        let (begin, _) = self.instants(reading(date, hours.begin));
        let (_, end) = self.instants(reading(date, hours.end));
        (begin < end).then_some(Shift { begin, end, text })
    }

    /// The earliest and the latest instant at which the local clock reads this. A reading that is
    /// skipped counts as the instant of the skip.
    fn instants(&self, reading: DateTime) -> (Wall, Wall) {
        let at = |offset: jiff::tz::Offset| match offset.to_timestamp(reading) {
            Ok(timestamp) => timestamp,
            Err(_) if reading.year() > 0 => jiff::Timestamp::MAX,
            Err(_) => jiff::Timestamp::MIN,
        };
        match self.zone.to_ambiguous_timestamp(reading).offset() {
            AmbiguousOffset::Unambiguous { offset } => (at(offset).into(), at(offset).into()),
            AmbiguousOffset::Fold { before, after } => (at(before).into(), at(after).into()),
            AmbiguousOffset::Gap { before: _, after } => {
                let skip = self.zone.following(at(after)).next();
                let skip = skip.map_or(at(after), |transition| transition.timestamp());
                (skip.into(), skip.into())
            }
        }
    }

    /// The day that has begun last: where the clock goes back over midnight, a day begins once.
    fn day_at(&self, wall: Wall) -> Date {
        let date = self.zone.to_datetime(wall.timestamp()).date();
        let next = day(date, 1);
        if self.midnight(next) <= wall { next } else { date }
    }

    /// When a day begins.
    fn midnight(&self, date: Date) -> Wall {
        self.instants(reading(date, 0)).0
    }
}

/// What the clock reads so many minutes after the beginning of a day.
fn reading(date: Date, minutes: u16) -> DateTime {
    let (days, minutes) = (minutes / DAY, minutes % DAY);
    let of_hour = |part: u16| i8::try_from(part).unwrap_or(0);
    let date = if days == 0 { date } else { day(date, days.into()) };
    date.at(of_hour(minutes / 60), of_hour(minutes % 60), 0, 0)
}

/// So many days later, as far as the calendar goes.
fn day(date: Date, days: i32) -> Date {
    let span: Span = days.days();
    date.saturating_add(span)
}

/// The last of these that is not after `wall`, and the first that is.
fn around(changes: &[Wall], wall: Wall) -> (Option<Wall>, Option<Wall>) {
    let (before, after) = changes.split_at(changes.partition_point(|change| *change <= wall));
    (before.last().copied(), after.first().copied())
}

/// Shifts that touch or overlap are one.
fn united(shifts: &[Shift]) -> Vec<(Wall, Wall)> {
    let mut runs: Vec<(Wall, Wall)> = Vec::new();
    for Shift { begin, end, .. } in shifts {
        match runs.last_mut() {
            Some(run) if *begin <= run.1 => run.1 = run.1.max(*end),
            Some(_) | None => runs.push((*begin, *end)),
        }
    }
    runs
}
