//! The fleet in one line, for a supervisor's status: `12 in sync, 1 waiting until 14:05 UTC`.

use std::collections::BTreeMap;

use super::plan::Reason;
use super::time::Wall;
use super::view::{DeploymentView, View};

/// A time of day is enough for what comes within this.
const DAY_MILLIS: i64 = 24 * 3_600_000;

impl View {
    /// The fleet in one line: how many are in sync, what the others are about, and what is at fault
    /// with the desired file or the ledger.
    pub fn headline(&self) -> String {
        let mut parts = Vec::new();
        let mut groups: BTreeMap<Reason, Vec<&DeploymentView>> = BTreeMap::new();
        for one in &self.deployments {
            groups.entry(one.synced.reason).or_default().push(one);
        }
        if self.file.revision.is_none() {
            parts.push("waiting for a valid desired file".to_owned());
        } else if !groups.contains_key(&Reason::InSync) {
            parts.push("0 in sync".to_owned());
        }
        for reason in Reason::ALL {
            let Some(group) = groups.get(&reason) else { continue };
            // The first of them: that is when this line is worth another look.
            let until = group.iter().filter_map(|one| one.next.at).min();
            let until = until.filter(|_| waits(reason)).map(|at| self.until(at.0));
            parts.push(format!("{} {}{}", group.len(), words(reason), until.unwrap_or_default()));
        }
        let mut line = parts.join(", ");
        if self.file.fault.is_some() && self.file.revision.is_some() {
            line.push_str("; the desired file is refused, the last good one is in force");
        }
        if self.ledger_fault.is_some() {
            line.push_str("; the ledger cannot be written, so nothing is sent");
        }
        line
    }

    fn until(&self, at: Wall) -> String {
        // `2026-11-24T14:05:00Z`
        let text = at.to_string();
        let (date, time) = text.split_once('T').unwrap_or(("", &text));
        let time = time.get(..5).unwrap_or(time);
        if at.millis().saturating_sub(self.at.0.millis()) < DAY_MILLIS {
            format!(" until {time} UTC")
        } else {
            format!(" until {date} {time} UTC")
        }
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
