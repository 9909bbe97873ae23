//! Schedules for the bench, whose days begin at [`EPOCH`](crate::bench::EPOCH), a Thursday, in UTC.

use std::sync::Arc;

use evenkeel::keel::intent::{Intent, Wanted};
use evenkeel::keel::schedule::{Days, Hours, On, Schedule, Window};
use jiff::tz::TimeZone;

use crate::bench::running;

/// Running every day from one hour to another.
pub(crate) fn office(from: u16, to: u16) -> Schedule {
    let text = format!("{from:02}:00-{to:02}:00");
    let hours = Hours::new(from * 60, to * 60).unwrap();
    Schedule {
        name: "office".into(),
        zone: TimeZone::UTC,
        windows: vec![Window { on: On::Days(Days::ALL), hours, text: text.into() }],
        exceptions: Vec::new(),
        ready: false,
    }
}

/// A deployment that follows it.
pub(crate) fn follows(schedule: &Schedule) -> Intent {
    Intent { wanted: Wanted::Scheduled(Arc::new(schedule.clone())), ..running() }
}
