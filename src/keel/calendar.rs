//! The changes of the wanted state in one span of time, worked out once for all the deployments
//! that follow the same schedule.

use std::sync::Arc;

use super::almanac::Almanac;
use super::intent::{Intent, Rule};
use super::schedule::Schedule;
use super::time::Wall;
use super::timeline::{self, Change};

/// The changes of one span.
#[derive(Debug)]
pub struct Calendar {
    from: Wall,
    until: Wall,
    almanac: Almanac,
    known: Vec<(Arc<Schedule>, Arc<[Change]>)>,
}

impl Calendar {
    /// After `from`, up to and including `until`.
    pub fn new(from: Wall, until: Wall) -> Self {
        Self { from, until, almanac: Almanac::default(), known: Vec::new() }
    }

    /// Where the span begins.
    pub const fn from(&self) -> Wall {
        self.from
    }

    /// Where it ends.
    pub const fn until(&self) -> Wall {
        self.until
    }

    /// The changes of the state that `intent` asks for.
    pub fn changes(&mut self, intent: &Intent) -> Arc<[Change]> {
        let excepted = intent.exception.as_ref().is_some_and(|one| self.from < one.until);
        let Some(schedule) = intent.schedule().filter(|_| !excepted) else {
            return self.list(intent);
        };
        let known = self.known.iter().find(|(known, _)| Arc::ptr_eq(known, schedule));
        if let Some((_, changes)) = known {
            return changes.clone();
        }
        let changes = self.list(intent);
        self.known.push((schedule.clone(), changes.clone()));
        changes
    }

    fn list(&mut self, intent: &Intent) -> Arc<[Change]> {
        timeline::changes(intent, self.from, self.until, &mut self.almanac).into()
    }
}

/// The time zone in which people are told of what `rule` decides: a schedule's own, else the
/// file's.
pub fn zone<'a>(intent: &'a Intent, rule: &Rule) -> &'a jiff::tz::TimeZone {
    match (rule, intent.schedule()) {
        (Rule::Schedule { .. }, Some(schedule)) => &schedule.zone,
        (Rule::State | Rule::Override(_) | Rule::Asked { .. }, _)
        | (Rule::Schedule { .. }, None) => &intent.zone,
    }
}
