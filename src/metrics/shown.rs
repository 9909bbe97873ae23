//! A view as samples: everything that has a present state.

use super::UNKNOWN;
use super::families::{
    ACCOUNT_BUDGET, ACCOUNT_IN_FLIGHT, ACCOUNT_UNAUTHORIZED, ACCOUNT_WIDENED, BUDGET_REMAINING,
    BUDGET_RESET, DEPLOYMENT_CONDITION, DEPLOYMENT_IN_SYNC, DEPLOYMENT_INFO, DEPLOYMENT_STATUS,
    DESIRED_RUNNING, GUARD_HELD_STOPS, LAST_OBSERVED, LATE, LEADER, LEDGER_WRITABLE,
    NEXT_TRANSITION, QUEUE_ETA, QUEUE_POSITION, RELOAD_SUCCESS_TIME, RELOAD_SUCCESSFUL, START_LEAD,
    WISH_ACTIVE,
};
use super::text::Text;
use crate::keel::call::Method;
use crate::keel::deployment::{Desired, Status};
use crate::keel::figures::Figures;
use crate::keel::plan::Reason;
use crate::keel::view::{AccountView, View};

pub(super) fn process(text: &mut Text, view: &View, configuration: bool) {
    let accepted = configuration && view.file.revision.is_some() && view.file.fault.is_none();
    text.family(&LEADER).add([], u8::from(view.leader));
    text.family(&LEDGER_WRITABLE).add([], u8::from(view.ledger_fault.is_none()));
    text.family(&RELOAD_SUCCESSFUL).add([], u8::from(accepted));
    let when = view.file.accepted.map_or(0.0, |time| time.0.seconds());
    text.family(&RELOAD_SUCCESS_TIME).add([], when);
    let held = view.guard.as_ref().map_or(0, |guard| guard.count);
    text.family(&GUARD_HELD_STOPS).add([], held);
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

pub(super) fn deployments(text: &mut Text, fleet: &[Figures]) {
    let mut samples = text.family(&DEPLOYMENT_INFO);
    for one in fleet {
        samples.add([one.id.as_str(), one.account.as_str()], 1);
    }
    let mut samples = text.family(&DESIRED_RUNNING);
    for one in fleet {
        samples.add([one.id.as_str()], u8::from(one.desired == Desired::Running));
    }
    let mut samples = text.family(&DEPLOYMENT_STATUS);
    for one in fleet {
        let seen = one.observed.as_ref().map(|(status, _)| status.as_str());
        for status in Status::KNOWN {
            samples.add([one.id.as_str(), status], u8::from(seen == Some(status)));
        }
        let unknown = seen.is_some_and(|word| !Status::KNOWN.contains(&word));
        samples.add([one.id.as_str(), UNKNOWN], u8::from(unknown));
    }
    let mut samples = text.family(&DEPLOYMENT_IN_SYNC);
    for one in fleet {
        samples.add([one.id.as_str()], u8::from(one.reason == Reason::InSync));
    }
    let mut samples = text.family(&LAST_OBSERVED);
    for one in fleet {
        let when = one.observed.as_ref().map_or(0.0, |(_, at)| at.seconds());
        samples.add([one.id.as_str()], when);
    }
    let mut samples = text.family(&DEPLOYMENT_CONDITION);
    for one in fleet {
        samples.add([one.id.as_str(), one.reason.as_str()], 1);
    }
}

pub(super) fn lines(text: &mut Text, fleet: &[Figures]) {
    let waiting = || fleet.iter().filter_map(|one| Some((&one.id, one.queue?)));
    let mut samples = text.family(&QUEUE_POSITION);
    for (id, (position, _)) in waiting() {
        samples.add([id.as_str()], position);
    }
    let mut samples = text.family(&QUEUE_ETA);
    for (id, (_, eta)) in waiting() {
        if let Some(eta) = eta {
            samples.add([id.as_str()], eta.seconds());
        }
    }
}

pub(super) fn schedules(text: &mut Text, fleet: &[Figures]) {
    let mut samples = text.family(&NEXT_TRANSITION);
    for one in fleet {
        if let Some(until) = one.until {
            samples.add([one.id.as_str()], until.seconds());
        }
    }
    let ready = || fleet.iter().filter_map(|one| Some((&one.id, one.ready?)));
    let mut samples = text.family(&START_LEAD);
    for (id, (lead, _)) in ready() {
        samples.add([id.as_str()], lead);
    }
    let mut samples = text.family(&LATE);
    for (id, (_, late)) in ready() {
        samples.add([id.as_str()], u8::from(late));
    }
    let mut samples = text.family(&WISH_ACTIVE);
    for one in fleet {
        one.wishes.iter().for_each(|kind| samples.add([one.id.as_str(), kind], 1));
    }
}

pub(super) fn budgets(text: &mut Text, fleet: &[Figures]) {
    const READS: Method = Method::Status;
    const ACTS: [Method; 2] = [Method::Start, Method::Stop];
    let mut samples = text.family(&BUDGET_REMAINING);
    for one in fleet {
        for (method, remaining) in [READS].iter().chain(&ACTS).zip(one.remaining) {
            samples.add([one.id.as_str(), method.as_str()], remaining);
        }
    }
    let mut samples = text.family(&BUDGET_RESET);
    for one in fleet {
        for (method, allowed) in ACTS.iter().zip(one.allowed) {
            if let Some(allowed) = allowed {
                samples.add([one.id.as_str(), method.as_str()], allowed.seconds());
            }
        }
    }
}
