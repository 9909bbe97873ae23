//! How long a deployment was in each status, as far as this process saw.

use std::time::Duration;

use super::UNKNOWN;
use crate::keel::deployment::Status;
use crate::keel::time::Mono;

/// The time that a deployment spent in each status. Between two looks it counts as what the first
/// one saw.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    /// What was last seen, and up to when that is counted.
    present: Option<(usize, Mono)>,
    /// Milliseconds, in the order of [`WORDS`].
    spent: [u64; WORDS.len()],
    /// Which of them have a series.
    shown: [bool; WORDS.len()],
}

/// The labels, in the order in which they are written.
const WORDS: [&str; 7] =
    ["failed", "pending", "running", "starting", "stopped", "stopping", UNKNOWN];

impl Default for Meter {
    /// What is paid for begins at 0; a passage has a series once it was seen.
    fn default() -> Self {
        let shown = WORDS.map(|word| ["running", "stopped"].contains(&word));
        Self { present: None, spent: [0; WORDS.len()], shown }
    }
}

impl Meter {
    /// Another status was seen; `from` is `None` for a deployment that has just come in.
    pub(super) fn turn(&mut self, from: Option<&Status>, to: &Status, at: Mono) {
        self.present = self.present.filter(|_| from.is_some());
        self.run(at);
        self.present = Some((place(to), at));
    }

    /// The time in each status, as far as it is counted.
    pub(super) fn times(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        let all = WORDS.into_iter().zip(self.spent.map(Duration::from_millis));
        all.zip(self.shown).filter(|(_, shown)| *shown).map(|(one, _)| one)
    }

    /// Counts up to `now`.
    pub(super) fn run(&mut self, now: Mono) {
        if let Some((status, until)) = &mut self.present {
            let more = u64::try_from(now.since(*until).as_millis()).unwrap_or(u64::MAX);
            self.spent[*status] = self.spent[*status].saturating_add(more);
            self.shown[*status] = true;
            *until = now.max(*until);
        }
    }
}

/// The place of a status among the labels: a server's word is never one.
fn place(status: &Status) -> usize {
    WORDS.iter().position(|word| *word == status.as_str()).unwrap_or(WORDS.len() - 1)
}
