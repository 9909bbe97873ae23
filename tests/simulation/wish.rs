//! What an entry of the desired file asks for, worked out anew: in zones whose clocks never change,
//! by counting minutes.

use std::sync::Arc;
use std::time::Duration;

use evenkeel::keel::deployment::Desired;
use evenkeel::keel::intent::{Intent, Wanted};
use evenkeel::keel::schedule::{Days, Hours, On, Schedule, Window};
use evenkeel::keel::time::Wall;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use crate::errand::Asked;
use crate::generate::Choose;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60;

/// The zones of this world, and how many minutes their clocks are ahead.
const ZONES: [(&str, i64); 3] = [("UTC", 0), ("Asia/Kolkata", 330), ("America/Phoenix", -420)];

/// Days of the week: as the file has them, which comes first, and how many there are.
type Named = (&'static str, usize, usize);

const EVERY_DAY: Named = ("Mon-Sun", 0, 7);

/// The state that is asked for without any exception.
pub(crate) fn state(intent: &Intent, wall: Wall) -> Desired {
    match &intent.wanted {
        Wanted::Fixed(state) => *state,
        Wanted::Scheduled(schedule) if runs(schedule, wall) => Desired::Running,
        Wanted::Scheduled(_) => Desired::Stopped,
    }
}

/// The state that is asked for: by somebody, or else by the file.
pub(crate) fn desired(intent: &Intent, asked: Asked, wall: Wall) -> Desired {
    let exception = intent.exception.as_ref().filter(|one| wall < one.until);
    let exception = asked.state(wall).or(exception.map(|one| one.state));
    exception.unwrap_or_else(|| state(intent, wall))
}

pub(crate) fn is_suspended(intent: &Intent, asked: Asked, wall: Wall) -> bool {
    let suspend = intent.suspend.as_ref();
    asked.is_suspended(wall)
        || suspend.is_some_and(|one| one.until.is_none_or(|until| wall < until))
}

/// Whether an entry asks for a stop, and nothing in it stands against that.
pub(crate) fn stops(intent: &Intent, wall: Wall) -> bool {
    let nothing = Asked::default();
    let stopped = desired(intent, nothing, wall) == Desired::Stopped;
    stopped && !intent.protect && !is_suspended(intent, nothing, wall)
}

/// Whether time alone may change what an entry asks for.
pub(crate) fn may_turn(intent: &Intent) -> bool {
    let Intent { wanted, suspend, exception, .. } = intent;
    matches!(wanted, Wanted::Scheduled(_)) || suspend.is_some() || exception.is_some()
}

/// Whether an entry that is to be ready for a window may ask to run already, when a start may take
/// so long.
pub(crate) fn may_be_early(intent: &Intent, wall: Wall, lead: Duration) -> bool {
    let in_force = intent.exception.as_ref().is_some_and(|one| wall < one.until);
    let Wanted::Scheduled(schedule) = &intent.wanted else { return false };
    let lead = i64::try_from(lead.as_millis()).unwrap();
    let mut minutes = (0..=lead / MINUTE).map(|ahead| wall.shifted(ahead * MINUTE));
    let last = wall.shifted(lead);
    schedule.ready && !in_force && (minutes.any(|at| runs(schedule, at)) || runs(schedule, last))
}

fn ahead(schedule: &Schedule) -> i64 {
    let zone = ZONES.iter().find(|(zone, _)| schedule.zone.iana_name() == Some(zone));
    zone.unwrap().1
}

fn runs(schedule: &Schedule, wall: Wall) -> bool {
    let minutes = wall.millis().div_euclid(MINUTE) + ahead(schedule);
    let (day, minute) = (minutes.div_euclid(DAY), minutes.rem_euclid(DAY));
    schedule.windows.iter().any(|window| {
        let On::Days(days) = window.on else { unreachable!("weekly windows only") };
        let (begin, end) = window.hours.span();
        let on = |day: i64, minute: i64| {
            // The first day of 1970 was a Thursday.
            let weekday = i8::try_from((day + 3).rem_euclid(7)).unwrap();
            let weekday = Weekday::from_monday_zero_offset(weekday).unwrap();
            days.has(weekday) && i64::from(begin) <= minute && minute < i64::from(end)
        };
        on(day, minute) || on(day - 1, minute + DAY)
    })
}

/// A schedule with a window or two that begin within hours of `wall`.
pub(crate) fn schedule(name: &str, wall: Wall, chooser: &mut impl Choose) -> Wanted {
    let (zone, _) = chooser.pick(&ZONES);
    let windows = (0..=chooser.below(2)).map(|_| {
        let begin = wall.shifted(chooser.pick(&[-4, -1, 1, 2, 5, 9]) * 30 * MINUTE);
        let length = chooser.pick(&[2, 1, 8, 18, 30, 47]) * 30;
        let days = chooser.pick(&[EVERY_DAY, ("Mon-Fri", 0, 5), ("Wed-Thu", 2, 2)]);
        (begin, length, days)
    });
    let windows: Vec<_> = windows.collect();
    let mut schedule = Schedule {
        name: name.into(),
        zone: TimeZone::get(zone).unwrap(),
        windows: Vec::new(),
        exceptions: Vec::new(),
        ready: chooser.once_in(3),
    };
    for (begin, length, days) in windows {
        schedule.windows.push(window(&schedule, begin, length, days));
    }
    Wanted::Scheduled(Arc::new(schedule))
}

/// A schedule that asks for `state` at `wall`, for the other one from `turn` on and for half a day,
/// and then for `state` again.
pub(crate) fn turning(name: &str, state: Desired, turn: Wall) -> Wanted {
    let mut schedule = Schedule {
        name: name.into(),
        zone: TimeZone::get("UTC").unwrap(),
        windows: Vec::new(),
        exceptions: Vec::new(),
        ready: false,
    };
    let begin = match state {
        Desired::Stopped => turn,
        Desired::Running => turn.shifted(DAY / 2 * MINUTE),
    };
    schedule.windows.push(window(&schedule, begin, DAY / 2, EVERY_DAY));
    Wanted::Scheduled(Arc::new(schedule))
}

/// From the half hour of `begin` on, for so many minutes.
fn window(schedule: &Schedule, begin: Wall, length: i64, (days, first, count): Named) -> Window {
    let minute = begin.millis().div_euclid(30 * MINUTE) * 30 + ahead(schedule);
    let minute = u16::try_from(minute.rem_euclid(DAY)).unwrap();
    let end = (minute + u16::try_from(length).unwrap()) % (24 * 60);
    let hours = Hours::new(minute, end).unwrap();
    let text = format!("{days} {hours}").into();
    let week = Weekday::Monday.cycle_forward().take(7);
    let days = week.skip(first).take(count).fold(Days::NONE, Days::with);
    Window { on: On::Days(days), hours, text }
}
