//! What has run out and can leave the file.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::ToSpan as _;

use crate::keel::intent::Manifest;
use crate::keel::schedule::{Dates, On, Schedule};
use crate::keel::time::Wall;

use super::exceptions::EXCEPT;

/// What has run out at `now` and is ignored, as warnings.
pub fn expired(manifest: &Manifest, now: Wall) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut schedules: Vec<&Arc<Schedule>> = Vec::new();
    let mut last = None;
    for (id, intent) in &manifest.intents {
        let ends = [
            ("override", intent.exception.as_ref().map(|exception| exception.until)),
            ("suspend", intent.suspend.as_ref().and_then(|suspend| suspend.until)),
        ];
        for (key, until) in ends {
            if let Some(until) = until.filter(|until| *until <= now) {
                let line = format!("`{id}`: `{key}` ended at {until} and is ignored; remove it");
                warnings.push(line);
            }
        }
        // Neighbours mostly follow the same one; the rest is sorted out below.
        if let Some(schedule) = intent.schedule() {
            let address = Arc::as_ptr(schedule);
            if last != Some(address) {
                last = Some(address);
                schedules.push(schedule);
            }
        }
    }
    schedules.sort_by_key(|schedule| (schedule.name.clone(), Arc::as_ptr(schedule)));
    schedules.dedup_by(|a, b| Arc::ptr_eq(a, b));
    // What a schedule has from its base is told once.
    let mut told = BTreeSet::new();
    for schedule in schedules {
        for (text, key) in over(schedule, now) {
            if told.insert(text.as_ptr()) {
                let name = &schedule.name;
                warnings
                    .push(format!("schedule `{name}`: `{text}` is over; remove it from `{key}`"));
            }
        }
    }
    warnings
}

/// The dated parts of a schedule that will not come again, each with its key.
fn over(schedule: &Schedule, now: Wall) -> Vec<(Arc<str>, &'static str)> {
    let today = schedule.zone.to_datetime(now.timestamp()).date();
    // Hours may end on the day after.
    let past = |dates: Dates| dates.last.saturating_add(1.day()) < today;
    let windows = schedule.windows.iter().filter_map(|window| match window.on {
        On::Dates(dates) if past(dates) => Some((window.text.clone(), "running")),
        On::Dates(_) | On::Days(_) => None,
    });
    // A calendar keeps the years that have been.
    let own = schedule.exceptions.iter().filter(|one| one.text.starts_with(EXCEPT));
    let exceptions = own.filter(|one| past(one.dates)).map(|one| (one.text.clone(), "except"));
    windows.chain(exceptions).collect()
}
