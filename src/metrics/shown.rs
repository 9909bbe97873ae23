//! A view as samples: everything that has a present state.

use super::UNKNOWN;
use super::families::{
    ACCOUNT_BUDGET, ACCOUNT_IN_FLIGHT, ACCOUNT_UNAUTHORIZED, ACCOUNT_WIDENED, BUDGET_REMAINING,
    BUDGET_RESET, DEPLOYMENT_CONDITION, DEPLOYMENT_IN_SYNC, DEPLOYMENT_INFO, DEPLOYMENT_STATUS,
    DEPLOYMENTS, DESIRED_RUNNING, GUARD_HELD_STOPS, LAST_OBSERVED, LATE, LEADER, LEDGER_WRITABLE,
    NEXT_TRANSITION, QUEUE_ETA, QUEUE_POSITION, RELOAD_SUCCESS_TIME, RELOAD_SUCCESSFUL, START_LEAD,
    WISH_ACTIVE,
};
use super::text::Text;
use crate::keel::call::Method;
use crate::keel::deployment::{Desired, Status};
use crate::keel::plan::Reason;
use crate::keel::view::{AccountView, DeploymentView, View};

pub(super) fn process(text: &mut Text, view: &View, configuration: bool) {
    let accepted = configuration && view.file.revision.is_some() && view.file.fault.is_none();
    text.family(&LEADER).add([], u8::from(view.leader));
    text.family(&LEDGER_WRITABLE).add([], u8::from(view.ledger_fault.is_none()));
    text.family(&RELOAD_SUCCESSFUL).add([], u8::from(accepted));
    let when = view.file.accepted.map_or(0.0, |time| time.0.seconds());
    text.family(&RELOAD_SUCCESS_TIME).add([], when);
    let held = view.guard.as_ref().map_or(0, |guard| guard.count);
    text.family(&GUARD_HELD_STOPS).add([], held);
    text.family(&DEPLOYMENTS).add([], view.deployments.len());
}

pub(super) fn accounts(text: &mut Text, accounts: &[AccountView]) {
    let mut samples = text.family(&ACCOUNT_UNAUTHORIZED);
    for account in accounts {
        samples.add([account.name.as_str()], u8::from(account.unauthorized));
    }
    let mut samples = text.family(&ACCOUNT_IN_FLIGHT);
    for account in accounts {
        samples.add([account.name.as_str()], account.in_flight);
    }
    let mut samples = text.family(&ACCOUNT_WIDENED);
    for account in accounts {
        for method in Method::ALL {
            let widened = account.widened.iter().any(|one| one.method == method);
            samples.add([account.name.as_str(), method.as_str()], u8::from(widened));
        }
    }
    let mut samples = text.family(&ACCOUNT_BUDGET);
    for account in accounts {
        for budget in &account.budgets {
            samples.add([account.name.as_str(), budget.method.as_str()], budget.remaining);
        }
    }
}

pub(super) fn deployments(text: &mut Text, deployments: &[DeploymentView]) {
    let mut samples = text.family(&DEPLOYMENT_INFO);
    for one in deployments {
        samples.add([one.id.as_str(), one.account.as_str()], 1);
    }
    let mut samples = text.family(&DESIRED_RUNNING);
    for one in deployments {
        samples.add([one.id.as_str()], u8::from(one.desired.state == Desired::Running));
    }
    let mut samples = text.family(&DEPLOYMENT_STATUS);
    for one in deployments {
        let seen = one.observed.as_ref().map(|observed| &*observed.status);
        for status in Status::KNOWN {
            samples.add([one.id.as_str(), status], u8::from(seen == Some(status)));
        }
        let unknown = seen.is_some_and(|word| !Status::KNOWN.contains(&word));
        samples.add([one.id.as_str(), UNKNOWN], u8::from(unknown));
    }
    let mut samples = text.family(&DEPLOYMENT_IN_SYNC);
    for one in deployments {
        samples.add([one.id.as_str()], u8::from(one.synced.reason == Reason::InSync));
    }
    let mut samples = text.family(&LAST_OBSERVED);
    for one in deployments {
        let when = one.observed.as_ref().map_or(0.0, |observed| observed.at.0.seconds());
        samples.add([one.id.as_str()], when);
    }
    let mut samples = text.family(&DEPLOYMENT_CONDITION);
    for one in deployments {
        samples.add([one.id.as_str(), one.synced.reason.as_str()], 1);
    }
}

pub(super) fn lines(text: &mut Text, deployments: &[DeploymentView]) {
    let waiting = || deployments.iter().filter_map(|one| Some((&one.id, one.queue.as_ref()?)));
    let mut samples = text.family(&QUEUE_POSITION);
    for (id, queue) in waiting() {
        samples.add([id.as_str()], queue.position);
    }
    let mut samples = text.family(&QUEUE_ETA);
    for (id, queue) in waiting() {
        if let Some(eta) = queue.eta {
            samples.add([id.as_str()], eta.0.seconds());
        }
    }
}

pub(super) fn schedules(text: &mut Text, deployments: &[DeploymentView]) {
    let mut samples = text.family(&NEXT_TRANSITION);
    for one in deployments {
        if let Some(until) = one.desired.until {
            samples.add([one.id.as_str()], until.0.seconds());
        }
    }
    let ready = || deployments.iter().filter_map(|one| Some((&one.id, one.ready.as_ref()?)));
    let mut samples = text.family(&START_LEAD);
    for (id, ready) in ready() {
        samples.add([id.as_str()], ready.lead_seconds);
    }
    let mut samples = text.family(&LATE);
    for (id, ready) in ready() {
        samples.add([id.as_str()], u8::from(ready.late.is_some()));
    }
    let mut samples = text.family(&WISH_ACTIVE);
    for one in deployments {
        one.wishes.iter().for_each(|wish| samples.add([one.id.as_str(), &wish.kind], 1));
    }
}

pub(super) fn budgets(text: &mut Text, deployments: &[DeploymentView]) {
    let mut samples = text.family(&BUDGET_REMAINING);
    for one in deployments {
        for budget in &one.budgets {
            samples.add([one.id.as_str(), budget.method.as_str()], budget.remaining);
        }
    }
    let mut samples = text.family(&BUDGET_RESET);
    for one in deployments {
        for budget in one.budgets.iter().filter(|budget| budget.method.acts()) {
            if let Some(allowed) = budget.next_allowed {
                samples.add([one.id.as_str(), budget.method.as_str()], allowed.0.seconds());
            }
        }
    }
}
