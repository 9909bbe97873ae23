//! The comparison for machines.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::{Comparison, Ruling};
use crate::keel::deployment::{Action, DeploymentId, Desired};
use crate::keel::diff::{Edit, Kind, Move};
use crate::keel::view::Time;

/// All of it. What is not known, or not there, is `null`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    from: Time,
    until: Time,
    revision: Pair<&'a str>,
    /// How many deployments each file names.
    deployments: Pair<usize>,
    changes: Vec<Change<'a>>,
    acknowledged: Acknowledged<'a>,
    /// Of those that both files name.
    totals: Totals,
    guard: Guard<'a>,
}

#[derive(Debug, Serialize)]
struct Pair<T> {
    before: T,
    after: T,
}

#[derive(Debug, Serialize)]
struct Acknowledged<'a> {
    gained: &'a [Arc<str>],
    lost: &'a [Arc<str>],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Change<'a> {
    deployment: &'a DeploymentId,
    /// `added`, `changed` or `removed`.
    kind: &'static str,
    fields: Vec<Field<'a>>,
    /// The state wanted at `from`.
    now: Pair<Option<Desired>>,
    moves: Vec<MoveView>,
    hours_running: Pair<Option<f64>>,
    cost: Pair<Option<f64>>,
    saved_per_week: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Field<'a> {
    field: &'static str,
    before: Option<&'a str>,
    after: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct MoveView {
    action: Action,
    /// `gained`, `lost` or `moved`.
    kind: &'static str,
    before: Option<Time>,
    after: Option<Time>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Totals {
    hours_running: Pair<Option<f64>>,
    cost: Pair<Option<f64>>,
    saved_per_week: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Guard<'a> {
    /// `held`, `acknowledged` or `let through`.
    verdict: &'static str,
    /// What to acknowledge, where it is held or was acknowledged.
    change: Option<&'a str>,
    /// Those that the edit stops at once.
    stops: Vec<&'a DeploymentId>,
    /// How many deployments the file names.
    of: usize,
}

impl<'a> From<&'a Comparison> for Answer<'a> {
    fn from(comparison: &'a Comparison) -> Self {
        let Comparison { diff, revisions, days: _, guard } = comparison;
        let saved = |cost: Option<(u64, u64)>| cost.map(|cost| diff.saved_per_week(cost));
        let change = |edit: &'a Edit| Change {
            deployment: &edit.deployment,
            kind: match edit.kind {
                Kind::Added => "added",
                Kind::Changed => "changed",
                Kind::Removed => "removed",
            },
            fields: edit.fields.iter().map(Field::from).collect(),
            now: Pair { before: edit.now.0, after: edit.now.1 },
            moves: edit.moves.iter().map(MoveView::from).collect(),
            hours_running: pair(edit.running, hours),
            cost: pair(edit.cost, money),
            saved_per_week: saved(edit.cost.0.zip(edit.cost.1)).map(signed),
        };
        let (running, cost) = (diff.running(), diff.cost());
        Self {
            from: Time(diff.span.0),
            until: Time(diff.span.1),
            revision: Pair { before: &revisions.0, after: &revisions.1 },
            deployments: Pair { before: diff.fleet.0, after: diff.fleet.1 },
            changes: diff.edits.iter().map(change).collect(),
            acknowledged: Acknowledged { gained: &diff.acknowledged.0, lost: &diff.acknowledged.1 },
            totals: Totals {
                hours_running: pair((running.map(|one| one.0), running.map(|one| one.1)), hours),
                cost: pair((cost.map(|one| one.0), cost.map(|one| one.1)), money),
                saved_per_week: saved(cost).map(signed),
            },
            guard: Guard {
                verdict: match guard.ruling {
                    Ruling::Held => "held",
                    Ruling::Acknowledged => "acknowledged",
                    Ruling::LetThrough => "let through",
                },
                change: match guard.ruling {
                    Ruling::Held | Ruling::Acknowledged => Some(&guard.change),
                    Ruling::LetThrough => None,
                },
                stops: guard.stops.iter().collect(),
                of: guard.fleet,
            },
        }
    }
}

impl<'a> From<&'a crate::keel::diff::Field> for Field<'a> {
    fn from(field: &'a crate::keel::diff::Field) -> Self {
        let (before, after) = (field.before.as_deref(), field.after.as_deref());
        Self { field: field.name, before, after }
    }
}

impl From<&Move> for MoveView {
    fn from(one: &Move) -> Self {
        Self {
            action: one.action,
            kind: match (one.before, one.after) {
                (Some(_), Some(_)) => "moved",
                (Some(_), None) => "lost",
                (None, _) => "gained",
            },
            before: one.before.map(Time),
            after: one.after.map(Time),
        }
    }
}

fn pair<T, U>((before, after): (Option<T>, Option<T>), say: fn(T) -> U) -> Pair<Option<U>> {
    Pair { before: before.map(say), after: after.map(say) }
}

/// To the thousandth.
fn hours(time: Duration) -> f64 {
    (time.as_secs_f64() / 3.6).round() / 1000.0
}

fn money(parts: u64) -> f64 {
    signed(i64::try_from(parts).unwrap_or(i64::MAX))
}

/// Of ten-thousandths, as exactly as a number of JSON is.
fn signed(parts: i64) -> f64 {
    let exact = |part: i64| i32::try_from(part).map(f64::from);
    match (exact(parts / 10_000), exact(parts % 10_000)) {
        (Ok(whole), Ok(rest)) => (whole * 10_000.0 + rest) / 10_000.0,
        (_, _) => f64::MAX,
    }
}
