//! The figures that a view holds.

use std::num::NonZeroU32;

use evenkeel::keel::call::Method;
use evenkeel::keel::deployment::Status;
use evenkeel::keel::figures::{Budget, Figures};
use evenkeel::keel::temporary::Want;
use evenkeel::keel::view::{DeploymentView, View};

/// What metrics are to show of the deployments of `view`.
pub(crate) fn figures(view: &View) -> Vec<Figures> {
    view.deployments.iter().map(of).collect()
}

fn of(one: &DeploymentView) -> Figures {
    // A view that was written by hand may leave some out.
    let budget = |method| {
        let shown = one.budgets.iter().find(|budget| budget.method == method);
        let remaining = shown.map_or(0, |budget| budget.remaining);
        let allowed = shown.and_then(|budget| Some(budget.next_allowed?.0));
        Budget { method, remaining, allowed }
    };
    let queue = one.queue.as_ref();
    let lead = |seconds: u64| u32::try_from(seconds).unwrap();
    let wished = |kind: &str| one.wishes.iter().any(|wish| *wish.kind == *kind);
    Figures {
        id: one.id.clone(),
        account: one.account.clone(),
        desired: one.desired.state,
        until: one.desired.until.map(|time| time.0),
        observed: one.observed.as_ref().map(|seen| (Status::from_word(&seen.status), seen.at.0)),
        reason: one.synced.reason,
        position: queue.and_then(|queue| NonZeroU32::new(u32::try_from(queue.position).unwrap())),
        turn: queue.and_then(|queue| Some(queue.eta?.0)),
        ready: one.ready.as_ref().map(|ready| (lead(ready.lead_seconds), ready.late.is_some())),
        overridden: wished(Want::OVERRIDE),
        suspended: wished(Want::SUSPEND),
        budgets: [Method::Status, Method::Start, Method::Stop].map(budget),
    }
}
