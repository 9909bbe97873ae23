//! A view as samples: everything that has a present state.

use super::UNKNOWN;
use super::families::{
    ACCOUNT_BUDGET, ACCOUNT_IN_FLIGHT, ACCOUNT_UNAUTHORIZED, ACCOUNT_WIDENED, BUDGET_REMAINING,
    BUDGET_RESET, DEPLOYMENT_CONDITION, DEPLOYMENT_IN_SYNC, DEPLOYMENT_INFO, DEPLOYMENT_STATUS,
    DESIRED_RUNNING, Family, GUARD_HELD_STOPS, LAST_OBSERVED, LATE, LEADER, LEDGER_WRITABLE,
    NEXT_TRANSITION, QUEUE_ETA, QUEUE_POSITION, RELOAD_SUCCESS_TIME, RELOAD_SUCCESSFUL, START_LEAD,
    WISH_ACTIVE,
};
use super::text::{Rows, Text};
use crate::keel::call::Method;
use crate::keel::deployment::{Desired, Status};
use crate::keel::figures::Figures;
use crate::keel::plan::Reason;
use crate::keel::temporary::Want;
use crate::keel::time::Wall;
use crate::keel::view::{AccountView, View};

/// What has not happened yet.
pub(super) const NEVER: Wall = Wall::from_millis(0);

/// A family, and how a deployment writes its samples.
type Column = (&'static Family, fn(&Figures, &mut Rows<'_>));

pub(super) fn process(text: &mut Text, view: &View, configuration: bool) {
    let accepted = configuration && view.file.revision.is_some() && view.file.fault.is_none();
    text.family(&LEADER).add([], view.leader);
    text.family(&LEDGER_WRITABLE).add([], view.ledger_fault.is_none());
    text.family(&RELOAD_SUCCESSFUL).add([], accepted);
    let when = view.file.accepted.map_or(NEVER, |time| time.0);
    text.family(&RELOAD_SUCCESS_TIME).add([], when);
    let held = view.guard.as_ref().map_or(0, |guard| guard.count);
    text.family(&GUARD_HELD_STOPS).add([], held);
}

pub(super) fn accounts(text: &mut Text, accounts: &[AccountView]) {
    let mut samples = text.family(&ACCOUNT_UNAUTHORIZED);
    for account in accounts {
        samples.add([account.name.as_str()], account.unauthorized);
    }
    let mut samples = text.family(&ACCOUNT_IN_FLIGHT);
    for account in accounts {
        samples.add([account.name.as_str()], account.in_flight);
    }
    let mut samples = text.family(&ACCOUNT_WIDENED);
    for account in accounts {
        for method in Method::ALL {
            let widened = account.widened.iter().any(|one| one.method == method);
            samples.add([account.name.as_str(), method.as_str()], widened);
        }
    }
    let mut samples = text.family(&ACCOUNT_BUDGET);
    for account in accounts {
        for budget in &account.budgets {
            samples.add([account.name.as_str(), budget.method.as_str()], budget.remaining);
        }
    }
}

/// What each deployment shows, family by family.
pub(super) const FAMILIES: [Column; 14] = [
    (&DEPLOYMENT_INFO, |one, out| out.add_text(&one.id, one.account.as_str(), 1)),
    (&DESIRED_RUNNING, |one, out| {
        out.add(&one.id, [], one.desired == Desired::Running);
    }),
    (&DEPLOYMENT_STATUS, status),
    (&DEPLOYMENT_IN_SYNC, |one, out| {
        out.add(&one.id, [], one.reason == Reason::InSync);
    }),
    (&LAST_OBSERVED, |one, out| {
        let when = one.observed.as_ref().map_or(NEVER, |(_, at)| *at);
        out.add(&one.id, [], when);
    }),
    (&DEPLOYMENT_CONDITION, |one, out| out.add(&one.id, [one.reason.as_str()], 1)),
    (&QUEUE_POSITION, |one, out| {
        if let Some(position) = one.position {
            out.add(&one.id, [], position.get());
        }
    }),
    (&QUEUE_ETA, |one, out| {
        if let Some(turn) = one.turn {
            out.add(&one.id, [], turn);
        }
    }),
    (&NEXT_TRANSITION, |one, out| {
        if let Some(until) = one.until {
            out.add(&one.id, [], until);
        }
    }),
    (&START_LEAD, |one, out| {
        if let Some((lead, _)) = one.ready {
            out.add(&one.id, [], lead);
        }
    }),
    (&LATE, |one, out| {
        if let Some((_, late)) = one.ready {
            out.add(&one.id, [], late);
        }
    }),
    (&WISH_ACTIVE, |one, out| {
        let wishes = [(one.overridden, Want::OVERRIDE), (one.suspended, Want::SUSPEND)];
        for (_, kind) in wishes.into_iter().filter(|(stands, _)| *stands) {
            out.add(&one.id, [kind], 1);
        }
    }),
    (&BUDGET_REMAINING, |one, out| {
        for budget in &one.budgets {
            out.add(&one.id, [budget.method.as_str()], budget.remaining);
        }
    }),
    (&BUDGET_RESET, |one, out| {
        for budget in one.budgets.iter().filter(|budget| budget.method.acts()) {
            if let Some(allowed) = budget.allowed {
                out.add(&one.id, [budget.method.as_str()], allowed);
            }
        }
    }),
];

fn status(one: &Figures, out: &mut Rows<'_>) {
    let seen = one.observed.as_ref().map(|(status, _)| status.as_str());
    for status in Status::KNOWN {
        out.add(&one.id, [status], seen == Some(status));
    }
    let unknown = seen.is_some_and(|word| !Status::KNOWN.contains(&word));
    out.add(&one.id, [UNKNOWN], unknown);
}
