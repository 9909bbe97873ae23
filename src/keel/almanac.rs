//! What each schedule says, worked out once for all the deployments that follow it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::schedule::{Phase, Schedule};
use super::time::Wall;

/// Phases worked out before. A memory, not a state: whatever is lost is worked out again.
#[derive(Clone, Debug, Default)]
pub struct Almanac {
    /// By address, as files of several teams may use the same name.
    books: BTreeMap<usize, Book>,
}

#[derive(Clone, Debug)]
struct Book {
    /// Held, so that no other one comes to lie at its address.
    schedule: Arc<Schedule>,
    /// By the instant from which each is known to be valid.
    phases: BTreeMap<Wall, Phase>,
}

/// Years of a busy schedule.
const PHASES_MAX: usize = 1 << 15;

impl Almanac {
    /// What `schedule` says at `wall`.
    pub fn phase(&mut self, schedule: &Arc<Schedule>, wall: Wall) -> Phase {
        let new = || Book { schedule: schedule.clone(), phases: BTreeMap::new() };
        let Book { schedule, phases } =
            self.books.entry(Arc::as_ptr(schedule).addr()).or_insert_with(new);
        if let Some((_, phase)) = phases.range(..=wall).next_back()
            && phase.valid_until.is_none_or(|until| wall < until)
        {
            return phase.clone();
        }
        let phase = schedule.at(wall);
        if phases.len() >= PHASES_MAX {
            phases.clear();
        }
        phases.insert(wall, phase.clone());
        phase
    }

    /// Another desired file: its schedules are other ones.
    pub fn clear(&mut self) {
        self.books.clear();
    }
}
