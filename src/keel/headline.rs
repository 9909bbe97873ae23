//! The fleet in one line, for a supervisor's status: `12 in sync, 1 waiting until 14:05 UTC`.

use std::collections::BTreeMap;

use super::plan::{self, Reason};
use super::reconciler::Reconciler;
use super::time::{Now, Wall};

/// A time of day is enough for what comes within this.
const DAY_MILLIS: i64 = 24 * 3_600_000;

/// Those of one reason: how many, and when the first of them comes to its next step.
#[derive(Default)]
struct Group {
    count: usize,
    first: Option<Wall>,
}

impl Reconciler {
    /// The fleet in one line: how many are in sync, what the others are about, and what is at fault
    /// with the desired file or the ledger.
    pub fn headline(&self, now: Now) -> String {
        let mut parts = Vec::new();
        let groups = self.groups(now);
        if self.manifest.is_none() {
            parts.push("waiting for a valid desired file".to_owned());
        } else if !groups.contains_key(&Reason::InSync) {
            parts.push("0 in sync".to_owned());
        }
        for reason in Reason::ALL {
            let Some(group) = groups.get(&reason) else { continue };
            // The first of them: that is when this line is worth another look.
            let until = group.first.map(|at| until(at, now.wall)).unwrap_or_default();
            parts.push(format!("{} {}{until}", group.count, words(reason)));
        }
        let mut line = parts.join(", ");
        if self.fault.is_some() && self.manifest.is_some() {
            line.push_str("; the desired file is refused, the last good one is in force");
        }
        if self.stuck.is_some() {
            line.push_str("; the ledger cannot be written, so nothing is sent");
        }
        line
    }

    fn groups(&self, now: Now) -> BTreeMap<Reason, Group> {
        let standings = self.standings(|_| true, now);
        let mut groups: BTreeMap<Reason, Group> = BTreeMap::new();
        for member in self.members.values() {
            let judgement = plan::judge(member, self.context(member, now));
            let group = groups.entry(judgement.reason).or_default();
            group.count += 1;
            if waits(judgement.reason) {
                let at = self
                    .next(member, judgement, standings.get(&member.id).copied(), now)
                    .at
                    .map(|at| at.0);
                group.first = [group.first, at].into_iter().flatten().min();
            }
        }
        groups
    }
}

fn until(at: Wall, now: Wall) -> String {
    // `2026-11-24T14:05:00Z`
    let text = at.to_string();
    let (date, time) = text.split_once('T').unwrap_or(("", &text));
    let time = time.get(..5).unwrap_or(time);
    if at.millis().saturating_sub(now.millis()) < DAY_MILLIS {
        format!(" until {time} UTC")
    } else {
        format!(" until {date} {time} UTC")
    }
}

/// Whether time alone brings the next step.
const fn waits(reason: Reason) -> bool {
    matches!(reason, Reason::WaitingForBudget | Reason::BackingOff)
}

const fn words(reason: Reason) -> &'static str {
    match reason {
        Reason::InSync => "in sync",
        Reason::Starting => "starting",
        Reason::Stopping => "stopping",
        Reason::WaitingForBudget => "waiting",
        Reason::BackingOff => "backing off",
        Reason::Suspended => "suspended",
        Reason::Protected => "protected",
        Reason::Held => "held",
        Reason::NotFound => "not found",
        Reason::Contested => "contested",
        Reason::Unauthorized => "unauthorized",
        Reason::Forbidden => "forbidden",
        Reason::NameMismatch => "of another name",
        Reason::TypeNotAllowed => "of another type",
        Reason::UnknownStatus => "of unknown status",
        Reason::Failed => "failed",
        Reason::Stalled => "stalled",
        Reason::Unobserved => "not seen yet",
        Reason::ObserveOnly => "only observed",
    }
}
