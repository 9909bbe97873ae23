//! `holidays:` the days of an iCalendar file on which no weekly window begins.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::keel::schedule::Exception;
use crate::yaml::{At, Entry, Faults, shown};

use super::beside::{self, Beside};
use super::calendar::{Fault, calendar};

/// Faults shown of one calendar.
const SHOWN_MAX: usize = 10;

/// The holidays that a schedule keeps.
pub(super) type Holidays = Arc<[Exception]>;

/// What a calendar says, and its warnings; or what is wrong with it.
type Read = Result<(Holidays, Vec<String>), String>;

/// The calendars that are named so far; each is read once.
pub(super) struct Calendars<'a> {
    beside: &'a Beside<'a>,
    read: BTreeMap<Box<str>, Read>,
}

impl<'a> Calendars<'a> {
    pub(super) fn new(beside: &'a Beside<'a>) -> Self {
        Self { beside, read: BTreeMap::new() }
    }

    /// The holidays of the calendar that an entry names: empty for `none`, `None` if it is wrong.
    pub(super) fn of(&mut self, entry: &Entry, faults: &mut Faults) -> Option<Holidays> {
        let key = &entry.key;
        let place = if entry.value.is_null() { entry.place } else { entry.value.place };
        let told = |message: &String| format!("`{key}`: {message}");
        let path = match beside::path(&entry.value) {
            Ok(Some(path)) => path,
            Ok(None) => return Some(Holidays::default()),
            Err(message) => {
                faults.problem(place, told(&message));
                return None;
            }
        };
        let beside = self.beside;
        match self.read.entry(path.into()).or_insert_with(|| read(path, beside)) {
            Ok((holidays, warnings)) => {
                for warning in warnings {
                    faults.warning(At::Place(place), told(warning));
                }
                Some(holidays.clone())
            }
            Err(message) => {
                faults.problem(place, told(message));
                None
            }
        }
    }
}

fn read(path: &str, beside: &Beside<'_>) -> Read {
    let bytes = beside(path)?;
    let told = |(line, message): &Fault| match line {
        0 => format!("{}: {message}", shown(path)),
        line => format!("{}:{line}: {message}", shown(path)),
    };
    match calendar(&bytes) {
        Ok(found) => {
            let holidays = found.holidays.into_iter().map(|(dates, summary)| {
                let text = match &*summary {
                    "" => format!("holiday {dates}"),
                    summary => format!("holiday {dates}: {summary}"),
                };
                Exception { dates, hours: Vec::new(), text: text.into() }
            });
            Ok((holidays.collect(), found.warnings.iter().map(told).collect()))
        }
        Err(faults) => {
            let mut lines: Vec<String> = faults.iter().take(SHOWN_MAX).map(told).collect();
            if let Some(more) = faults.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
                lines.push(format!("{more} more"));
            }
            Err(lines.join("\n    "))
        }
    }
}
