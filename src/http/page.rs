//! The status page: everything that a person wants to know at a glance, without a script.

use std::time::Duration;

use maud::{DOCTYPE, Markup, html};

use super::guard::held;
use super::moment::{moment, when};
use crate::keel::plan::Reason;
use crate::keel::time::{Wall, format_duration};
use crate::keel::view::{
    AccountView, BudgetView, DeploymentView, DesiredView, ObservedView, PastView, ReadyView, View,
};

/// The page's one stylesheet.
pub(super) const STYLE: &str = include_str!("style.css");

/// Rows on one page: a browser lays out so many at once without a pause, and most fleets fit.
pub(super) const ROWS: usize = 500;

/// The page's `number`th part, from 1; past the last one, the last one. All links are relative, so
/// it also works behind a proxy that adds a path.
pub(super) fn render(view: &View, number: usize) -> Markup {
    let fleet = sorted(view);
    let pages = fleet.len().div_ceil(ROWS).max(1);
    let number = number.clamp(1, pages);
    let rows = fleet.iter().skip((number - 1) * ROWS).take(ROWS);
    let summary = summary(view);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="refresh" content="10";
                title { (summary) " · evenkeel" }
                link rel="stylesheet" href="style.css";
            }
            body {
                header {
                    h1 { "evenkeel" }
                    p {
                        strong { (summary) }
                        span.quiet { " · " (file(view)) " · as of " (moment(view.at.0)) }
                    }
                }
                main {
                    (faults(view))
                    (table(view, rows))
                    (pager(number, pages))
                    (accounts(view))
                }
                (footer())
            }
        }
    }
}

/// Those that need a person first, those that are left alone or well last; each by id.
fn sorted(view: &View) -> Vec<&DeploymentView> {
    let mut fleet: Vec<_> = view.deployments.iter().collect();
    fleet.sort_by_key(|one| Standing::of(one));
    fleet
}

/// How a deployment stands, the worst first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    NeedsAPerson,
    NotYet,
    Suspended,
    InSync,
}

impl Standing {
    /// All of them, from the best to the worst, as the summary tells them.
    const ALL: [Self; 4] = [Self::InSync, Self::Suspended, Self::NotYet, Self::NeedsAPerson];

    const fn of(deployment: &DeploymentView) -> Self {
        let reason = deployment.synced.reason;
        if reason.needs_a_person() {
            Self::NeedsAPerson
        } else if matches!(reason, Reason::Suspended) {
            Self::Suspended
        } else if reason.at_rest() {
            Self::InSync
        } else {
            Self::NotYet
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::NeedsAPerson => "bad",
            Self::NotYet => "busy",
            Self::Suspended => "quiet",
            Self::InSync => "good",
        }
    }

    /// `3 in sync`.
    fn count(self, count: usize) -> String {
        match (self, count) {
            (Self::InSync, count) => format!("{count} in sync"),
            (Self::Suspended, count) => format!("{count} suspended"),
            (Self::NotYet, count) => format!("{count} not in sync yet"),
            (Self::NeedsAPerson, 1) => "1 needs a person".to_owned(),
            (Self::NeedsAPerson, count) => format!("{count} need a person"),
        }
    }
}

/// `6 deployments: 4 in sync, 2 need a person`.
fn summary(view: &View) -> String {
    let all = match view.deployments.len() {
        0 => return "no deployments".to_owned(),
        1 => "1 deployment".to_owned(),
        all => format!("{all} deployments"),
    };
    let standings: Vec<_> = view.deployments.iter().map(Standing::of).collect();
    let counts = Standing::ALL.map(|one| (one, standings.iter().filter(|s| **s == one).count()));
    let some = counts.iter().filter(|(_, count)| *count > 0);
    let counts: Vec<_> = some.map(|(one, count)| one.count(*count)).collect();
    format!("{all}: {}", counts.join(", "))
}

fn file(view: &View) -> Markup {
    html! {
        @match (&view.file.revision, &view.file.accepted) {
            (None, _) => { "no desired file in force" }
            (Some(revision), None) => { "desired file " code { (revision) } }
            (Some(revision), Some(accepted)) => {
                "desired file " code { (revision) } " since " (moment(accepted.0))
            }
        }
    }
}

fn faults(view: &View) -> Markup {
    let now = view.at.0;
    html! {
        @if let Some(fault) = &view.file.fault {
            div.fault {
                p {
                    @if view.file.revision.is_some() {
                        strong { "A desired file is refused; its last good state stays in force." }
                    } @else {
                        strong { "The desired file is refused, and there is none in force." }
                    }
                    @if let Some(since) = view.file.fault_since {
                        " Since " (when(now, since.0)) "."
                    }
                }
                pre { (fault) }
            }
        }
        @if let Some(fault) = &view.ledger_fault {
            div.fault {
                p { strong { "The ledger cannot be written; no call is sent until it can." } }
                pre { (fault) }
            }
        }
        @if let Some(guard) = &view.guard { (held(guard, now)) }
        @for account in &view.accounts { (account_faults(account, now)) }
        @if !view.leader {
            div.note { p { "This process stands by; another one acts." } }
        }
    }
}

fn account_faults(account: &AccountView, now: Wall) -> Markup {
    html! {
        @if account.unauthorized {
            div.fault {
                p {
                    strong {
                        "The API refuses the key of account " code { (account.name) } " (401)."
                    }
                    " Nothing is sent for it until there is another key, or after a pause."
                }
            }
        }
        @for widened in &account.widened {
            div.note {
                p {
                    code { (widened.method) } " is counted over the whole account "
                    code { (account.name) }
                    @match widened.until {
                        Some(until) => { ", until " (when(now, until.0)) "." }
                        None => { ", as configured." }
                    }
                }
            }
        }
        @if account.list_call == Some(false) {
            div.note {
                p {
                    "The server of account " code { (account.name) }
                    " offers no working list call; each deployment is read by itself."
                }
            }
        }
    }
}

fn table<'a>(view: &View, rows: impl Iterator<Item = &'a &'a DeploymentView>) -> Markup {
    html! {
        @if view.deployments.is_empty() {
            p { "The desired file names no deployment." }
        } @else {
            div.table {
                table {
                    caption { "Deployments, those that need a person first. Times are UTC." }
                    thead {
                        tr {
                            th scope="col" { "Deployment" }
                            th scope="col" { "Desired" }
                            th scope="col" { "Observed" }
                            th scope="col" { "State" }
                            th scope="col" { "Next" }
                            th scope="col" { "Calls left" }
                            th scope="col" { "Last action" }
                        }
                    }
                    tbody { @for one in rows { (row(one, view.at.0)) } }
                }
            }
        }
    }
}

fn row(one: &DeploymentView, now: Wall) -> Markup {
    html! {
        tr {
            th scope="row" {
                a.id href={ "api/v1/deployments/" (one.id) } { (one.id) }
                @if let Some(observed) = &one.observed {
                    div { (observed.name) " " span.quiet { (observed.kind) } }
                }
                div.quiet { "account " (one.account) }
            }
            td { (desired(&one.desired, now)) (ready(one.ready.as_ref(), now)) }
            td { (observed(one.observed.as_ref(), one.fault.as_deref(), now)) }
            td {
                span class=(Standing::of(one).class()) { (one.synced.reason) }
                span.quiet { " since " (when(now, one.synced.since.0)) }
                div { (one.synced.message) }
            }
            td {
                (one.next.step.as_str())
                @if let Some(at) = one.next.at { " " (when(now, at.0)) }
            }
            td { ul { @for budget in &one.budgets { li { (calls(budget, now)) } } } }
            td { (last_action(one.last_action.as_ref(), now)) }
        }
    }
}

fn desired(desired: &DesiredView, now: Wall) -> Markup {
    html! {
        strong { (desired.state) }
        div.quiet { "by " (desired.rule) }
        @if let Some(until) = desired.until {
            div.quiet {
                "until " @if let Some(local) = &desired.until_local { (local) ", " }
                (when(now, until.0))
            }
        }
        @if desired.protect { div { "protected" } }
        @if let Some(reason) = &desired.suspended { div { "suspended: " (reason) } }
    }
}

fn ready(ready: Option<&ReadyView>, now: Wall) -> Markup {
    html! {
        @if let Some(ready) = ready {
            @match (ready.late, ready.ready_by) {
                (Some(late), _) => { div.bad { "late since " (when(now, late.0)) } }
                (None, Some(by)) if now < by.0 => {
                    div.quiet { "to be running " (when(now, by.0)) }
                }
                (None, Some(_) | None) => {
                    div.quiet {
                        "starts " (format_duration(Duration::from_secs(ready.lead_seconds)))
                        " before a window"
                    }
                }
            }
        }
    }
}

fn observed(observed: Option<&ObservedView>, fault: Option<&str>, now: Wall) -> Markup {
    html! {
        @match observed {
            Some(observed) => {
                strong { (observed.status) }
                div.quiet { "since " (when(now, observed.since.0)) }
                div.quiet { "seen " (when(now, observed.at.0)) }
            }
            None => { span.quiet { "not seen yet" } }
        }
        @if let Some(fault) = fault { div.bad { (fault) } }
    }
}

fn calls(budget: &BudgetView, now: Wall) -> Markup {
    html! {
        (budget.method) " " (budget.remaining) "/" (budget.limit)
        @if budget.account_wide { span.quiet { " (account)" } }
        @if budget.remaining == 0 {
            span.quiet {
                @match budget.next_allowed {
                    Some(at) => { ", next " (when(now, at.0)) }
                    None => { ", after the call under way" }
                }
            }
        }
    }
}

fn last_action(past: Option<&PastView>, now: Wall) -> Markup {
    html! {
        @match past {
            Some(past) => {
                (past.action) " " (when(now, past.at.0))
                div.quiet { (past.outcome) }
            }
            None => { span.quiet { "none" } }
        }
    }
}

/// What is counted over a whole account, and what is under way for it.
fn accounts(view: &View) -> Markup {
    html! {
        @for account in &view.accounts {
            p.quiet {
                "account " (account.name) ": calls under way " (account.in_flight)
                @for budget in &account.budgets { " · " (calls(budget, view.at.0)) }
            }
        }
    }
}

fn pager(number: usize, pages: usize) -> Markup {
    html! {
        @if pages > 1 {
            nav aria-label="Pages" {
                @for page in 1..=pages {
                    @if page == number {
                        b aria-current="page" { (page) }
                    } @else {
                        a href={ "?page=" (page) } { (page) }
                    }
                }
            }
        }
    }
}

fn footer() -> Markup {
    html! {
        footer {
            p {
                "evenkeel " (env!("CARGO_PKG_VERSION")) " · "
                a href="api/v1/deployments" { "JSON" } " · "
                a href="api/v1/history" { "history" } " · "
                a href="metrics" { "metrics" }
            }
        }
    }
}
