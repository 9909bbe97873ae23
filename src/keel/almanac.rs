//! What each schedule says now, worked out once for all the deployments that follow it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::schedule::{Phase, Schedule};
use super::time::Wall;

/// Phases that are still valid. A memory, not a state: whatever is lost is worked out again.
#[derive(Clone, Debug, Default)]
pub struct Almanac {
    /// By name; files of several teams may use the same one.
    pages: BTreeMap<Arc<str>, Vec<Page>>,
}

#[derive(Clone, Debug)]
struct Page {
    schedule: Arc<Schedule>,
    from: Wall,
    phase: Phase,
}

impl Almanac {
    /// What `schedule` says at `wall`.
    pub fn phase(&mut self, schedule: &Arc<Schedule>, wall: Wall) -> Phase {
        let pages = self.pages.entry(schedule.name.clone()).or_default();
        let place = pages.iter().position(|page| Arc::ptr_eq(&page.schedule, schedule));
        if let Some(page) = place.map(|place| &pages[place])
            && page.from <= wall
            && page.phase.valid_until.is_none_or(|until| wall < until)
        {
            return page.phase.clone();
        }
        let phase = schedule.at(wall);
        let page = Page { schedule: schedule.clone(), from: wall, phase: phase.clone() };
        match place {
            Some(place) => pages[place] = page,
            None => pages.push(page),
        }
        phase
    }

    /// Another desired file: its schedules are other ones.
    pub fn clear(&mut self) {
        self.pages.clear();
    }
}
