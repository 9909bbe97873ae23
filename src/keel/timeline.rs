//! The changes of the wanted state in a span of time, and the hours wanted running.

use std::time::Duration;

use super::almanac::Almanac;
use super::deployment::Desired;
use super::intent::{Intent, Resolved, Rule};
use super::time::Wall;

/// From `at` on, another state is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Wall,
    /// The state wanted from then on.
    pub desired: Desired,
    /// Which part of the file says so.
    pub rule: Rule,
}

/// The changes of the state that `intent` asks for, after `from` and up to and including `until`.
/// By the file alone: nothing is begun earlier to be ready, and a suspension changes no wish.
///
/// Deployments that follow the same schedule share what `almanac` has worked out.
pub fn changes(intent: &Intent, from: Wall, until: Wall, almanac: &mut Almanac) -> Vec<Change> {
    let Resolved { desired: mut wanted, changes: mut next, .. } = resolved(intent, from, almanac);
    let mut changes = vec![];
    while let Some(at) = next.filter(|at| *at <= until) {
        let Resolved { desired, rule, changes: after, .. } = resolved(intent, at, almanac);
        if desired != wanted {
            changes.push(Change { at, desired, rule });
        }
        (wanted, next) = (desired, after);
    }
    changes
}

/// How much of the time from `from` to `until` it is wanted running.
pub fn hours(intent: &Intent, from: Wall, until: Wall, almanac: &mut Almanac) -> Duration {
    let wanted = resolved(intent, from, almanac).desired;
    let changes = changes(intent, from, until, almanac);
    let starts = std::iter::once((from, wanted)).chain(changes.iter().map(|c| (c.at, c.desired)));
    let ends = changes.iter().map(|change| change.at).chain([until]);
    let running = starts.zip(ends).filter(|((_, desired), _)| *desired == Desired::Running);
    running.map(|((begin, _), end)| end.since(begin)).sum()
}

fn resolved(intent: &Intent, wall: Wall, almanac: &mut Almanac) -> Resolved {
    intent.resolve_with(wall, Duration::ZERO, |schedule| almanac.phase(schedule, wall))
}
