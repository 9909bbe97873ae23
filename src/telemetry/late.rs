//! What is said of a deployment that is not ready when its window begins.

use std::time::Duration;

use tracing::Level;

use super::fields::{Fields, Line};
use super::line::of;
use crate::keel::deployment::DeploymentId;
use crate::keel::plan::Reason;
use crate::keel::time::{Wall, format_duration};

pub(super) fn late(
    deployment: &DeploymentId,
    ready_by: Wall,
    by: Duration,
    reason: Reason,
    message: &str,
) -> Line {
    let ago = ago(by);
    Line {
        level: Level::WARN,
        message: format!(
            "{deployment} is late: it was to be running by {ready_by}{ago}; {reason}: {message}"
        ),
        fields: Fields {
            reason: Some(reason.to_string()),
            since: Some(ready_by.to_string()),
            ..of(deployment)
        },
    }
}

pub(super) fn late_no_more(
    deployment: &DeploymentId,
    ready_by: Wall,
    by: Duration,
    runs: bool,
) -> Line {
    let ago = ago(by);
    let end = if runs { "is running" } else { "need not be running any more" };
    Line {
        level: Level::INFO,
        message: format!("{deployment} {end}; it was to be running by {ready_by}{ago}"),
        fields: Fields { since: Some(ready_by.to_string()), ..of(deployment) },
    }
}

/// `, 12m30s ago`, or nothing if that is now.
fn ago(by: Duration) -> String {
    match by.as_secs() {
        0 => String::new(),
        some => format!(", {} ago", format_duration(Duration::from_secs(some))),
    }
}
