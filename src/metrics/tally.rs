//! What is counted for one deployment.

use super::families::{ACTIONS, Family, REVERSALS, STATE_SECONDS};
use super::meter::Meter;
use super::text::Rows;
use super::{NEVER_LEFT, UNANSWERED};
use crate::keel::call::Fate;
use crate::keel::deployment::{Action, DeploymentId};
use crate::keel::time::Wall;

/// A family, and how what is counted for a deployment writes its samples.
type Column = (&'static Family, fn(&DeploymentId, &Tally, &mut Rows<'_>));

/// What is counted for each deployment, family by family.
pub(super) const FAMILIES: [Column; 3] = [
    (&ACTIONS, |id, tally, out| {
        for (action, outcome, count) in tally.actions() {
            out.count(id, [action.as_str(), outcome], count, tally.created);
        }
    }),
    (&REVERSALS, |id, tally, out| out.count(id, [], tally.reversals, tally.created)),
    (&STATE_SECONDS, |id, tally, out| {
        let created = tally.created;
        for (status, spent) in tally.meter.times() {
            out.count(id, [status], spent, created);
        }
    }),
];

/// What can become of a start or stop, in the order in which it is written.
const OUTCOMES: [&str; 6] = [ACCEPTED, FAILED, LIMITED, NEVER_LEFT, REFUSED, UNANSWERED];

/// Any answer that is none of the others.
const FAILED: &str = "failed";

/// 429.
const LIMITED: &str = "limited";

/// Any other 4xx.
const REFUSED: &str = "refused";

/// The label for a start or stop that the API took.
const ACCEPTED: &str = "accepted";

/// The counters of one deployment.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// When it began at 0: later than the process, if the deployment left the file and came back.
    pub(super) created: Wall,
    /// Starts and stops, in the order of [`OUTCOMES`].
    actions: [[u32; OUTCOMES.len()]; 2],
    pub(super) reversals: u32,
    pub(super) meter: Meter,
}

impl Tally {
    pub(super) fn since(created: Wall) -> Self {
        Self { created, actions: Default::default(), reversals: 0, meter: Meter::default() }
    }

    pub(super) fn count(&mut self, action: Action, outcome: &'static str) {
        let counts = match action {
            Action::Start => &mut self.actions[0],
            Action::Stop => &mut self.actions[1],
        };
        if let Some(place) = OUTCOMES.iter().position(|known| *known == outcome) {
            counts[place] = counts[place].saturating_add(1);
        }
    }

    /// What has a series. A first start must show as a step from 0 to 1, or `increase()` would not
    /// see it: starts are rare enough to be the only one between two restarts of this process.
    pub(super) fn actions(&self) -> impl Iterator<Item = (Action, &'static str, u32)> {
        let of = |(action, counts): (Action, &[u32; OUTCOMES.len()])| {
            let counts = OUTCOMES.into_iter().zip(*counts);
            counts.map(move |(outcome, count)| (action, outcome, count))
        };
        let all = [Action::Start, Action::Stop].into_iter().zip(&self.actions).flat_map(of);
        all.filter(|(_, outcome, count)| *count > 0 || *outcome == ACCEPTED)
    }
}

/// What came of a start or stop, in a fixed set of words.
pub(super) const fn outcome(fate: Fate) -> &'static str {
    match fate {
        Fate::Answered { code: 200..=299, retry_after: _ } => ACCEPTED,
        Fate::Answered { code: 429, retry_after: _ } => LIMITED,
        Fate::Answered { code: 400..=499, retry_after: _ } => REFUSED,
        Fate::Answered { code: _, retry_after: _ } => FAILED,
        Fate::Unanswered => UNANSWERED,
        Fate::NeverLeft => NEVER_LEFT,
    }
}
