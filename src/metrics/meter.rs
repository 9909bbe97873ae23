//! How long a deployment was in each status, as far as this process saw.

use std::collections::BTreeMap;
use std::time::Duration;

use super::UNKNOWN;
use crate::keel::deployment::Status;
use crate::keel::time::Mono;

/// The time that a deployment spent in each status. Between two looks it counts as what the first
/// one saw.
#[derive(Debug)]
pub(super) struct Meter {
    /// What was last seen, and up to when that is counted.
    present: Option<(&'static str, Mono)>,
    spent: BTreeMap<&'static str, Duration>,
}

impl Default for Meter {
    /// What is paid for begins at 0; a passage has a series once it was seen.
    fn default() -> Self {
        let spent =
            [Status::Running, Status::Stopped].map(|status| (word(&status), Duration::ZERO));
        Self { present: None, spent: spent.into() }
    }
}

impl Meter {
    /// Another status was seen; `from` is `None` for a deployment that has just come in.
    pub(super) fn turn(&mut self, from: Option<&Status>, to: &Status, at: Mono) {
        self.present = self.present.filter(|_| from.is_some());
        self.run(at);
        self.present = Some((word(to), at));
    }

    /// Counts up to `now`, and gives the time in each status.
    pub(super) fn read(&mut self, now: Mono) -> impl Iterator<Item = (&'static str, Duration)> {
        self.run(now);
        self.spent.iter().map(|(status, spent)| (*status, *spent))
    }

    fn run(&mut self, now: Mono) {
        if let Some((status, until)) = &mut self.present {
            *self.spent.entry(*status).or_default() += now.since(*until);
            *until = now.max(*until);
        }
    }
}

/// The label of a status: a server's word is never a label.
fn word(status: &Status) -> &'static str {
    let known = Status::KNOWN.into_iter().find(|known| *known == status.as_str());
    known.unwrap_or(UNKNOWN)
}
