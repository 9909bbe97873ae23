//! The fleet as text: `status`, `plan` and `once` show it, and `history` what was sent.

use std::time::Duration;

use super::exit::{Exit, Failure};
use super::output::{self, Format};
use super::terminal::style::{self, paint};
use super::terminal::table::{Cell, Keep, Table};
use super::terminal::times::{ago, between, both, due};
use super::terminal::{self, fold, labelled, plain};
use crate::keel::guard::{GuardView, way_out};
use crate::keel::plan::Reason;
use crate::keel::time::{Wall, format_duration};
use crate::keel::view::{DeploymentView, NextStep, PastView, ReadyView, View};

/// Which question the fleet's table answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// How does each deployment stand?
    Status,
    /// What will be done, and what does the file want next?
    Plan,
}

/// Writes the whole fleet in the form that was asked for.
///
/// # Errors
/// When standard output cannot be written.
pub fn show(view: &View, look: Look, format: Format) -> Result<Exit, Failure> {
    if format == Format::Json {
        return output::json(view);
    }
    let width = terminal::width();
    let mut parts = vec![table(view, look).text(width)];
    parts.extend(troubles(view).iter().map(|trouble| fold(&trouble.text(), 0, width)));
    parts.push(summary(view));
    output::line(&parts.join("\n\n"))
}

/// `12 of 14 in sync, 1 needs a person`.
pub fn summary(view: &View) -> String {
    let count = |fits: &dyn Fn(Reason) -> bool| {
        view.deployments.iter().filter(|one| fits(one.synced.reason)).count()
    };
    let (rest, fleet) = (count(&Reason::at_rest), view.deployments.len());
    let text = format!("{rest} of {fleet} in sync");
    let mut text = paint(if rest == fleet { style::GOOD } else { style::HEAD }, &text);
    match count(&Reason::needs_a_person) {
        0 => (),
        1 => text.push_str(&format!(", {}", paint(style::BAD, "1 needs a person"))),
        some => {
            text.push_str(&format!(", {}", paint(style::BAD, &format!("{some} need a person"))))
        }
    }
    match count(&|reason| reason == Reason::Unobserved) {
        0 => (),
        some => text.push_str(&format!(", {some} not seen yet")),
    }
    text
}

/// Something that is wrong beside the deployments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What it is.
    pub what: String,
    /// More of it, and the way out.
    pub more: String,
}

impl Trouble {
    /// All of it.
    pub fn text(&self) -> String {
        format!("{} {}", paint(style::BAD, &self.what), self.more)
    }
}

/// What is wrong beside the deployments, each with the way out: the desired file, the ledger, the
/// guard, the accounts.
pub fn troubles(view: &View) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    let mut add = |what: String, more: String| troubles.push(Trouble { what, more });
    if let Some(fault) = &view.file.fault {
        let fault = terminal::plain_lines(fault);
        add(
            "A desired file is refused; its last good state stays in force.".to_owned(),
            format!("Correct it; `evenkeel check` says when it is valid.\n{fault}"),
        );
    }
    if let Some(fault) = &view.ledger_fault {
        add(
            format!("The ledger cannot be written, so nothing is sent: {}.", plain(fault)),
            "It goes on by itself once that clears.".to_owned(),
        );
    }
    if let Some(guard) = &view.guard {
        let GuardView { change, count, fleet, since, deployments: _ } = guard;
        let since = both(since.0, view.at.0);
        let stops = format!("it would stop {count} of {fleet} deployments at once");
        add(
            format!("Change {change} is held since {since}: {stops}"),
            format!("({}).\n{}.", guard.names(), way_out(change)),
        );
    }
    for account in view.accounts.iter().filter(|account| account.unauthorized) {
        add(
            format!("The API refuses the key of account `{}` (401).", account.name),
            "Put a valid key in its place; credential files are read again when they change."
                .to_owned(),
        );
    }
    troubles
}

/// The fleet, one row a deployment.
pub fn table(view: &View, look: Look) -> Table {
    let mut columns = vec![
        ("DEPLOYMENT", Keep::Always),
        ("NAME", Keep::Until(3)),
        ("DESIRED", Keep::Until(5)),
        ("STATUS", Keep::Always),
        ("SEEN", Keep::Until(1)),
        ("REASON", Keep::Always),
        ("NEXT", Keep::Until(4)),
        ("MESSAGE", Keep::Text),
    ];
    if look == Look::Plan {
        columns[6].1 = Keep::Until(6);
        columns.splice(3..3, [("CHANGES", Keep::Until(4)), ("AT", Keep::Until(0))]);
    }
    let mut table = Table::new(&columns);
    for one in &view.deployments {
        let mut cells = row(one, view.at.0);
        if look == Look::Plan {
            cells.splice(3..3, change(one, view.at.0));
        }
        table.add(cells);
    }
    table
}

fn row(one: &DeploymentView, now: Wall) -> Vec<Cell> {
    let seen = one.observed.as_ref();
    let reason = one.synced.reason;
    let kind = style::reason(reason);
    vec![
        one.id.to_string().into(),
        seen.map_or("-", |seen| &seen.name).into(),
        one.desired.state.to_string().into(),
        seen.map_or("-", |seen| &seen.status).into(),
        seen.map_or_else(|| "-".to_owned(), |seen| ago(seen.at.0, now)).into(),
        Cell::styled(reason.as_str(), kind),
        next(one, now).into(),
        Cell::new(&one.synced.message).needless(reason == Reason::InSync),
    ]
}

/// In how long the file may want another state, and when that is by the schedule's own clock.
fn change(one: &DeploymentView, now: Wall) -> [Cell; 2] {
    let until = one.desired.until.map(|until| due(until.0, now));
    [
        until.as_deref().unwrap_or("-").into(),
        one.desired.until_local.as_deref().unwrap_or("-").into(),
    ]
}

/// One deployment, in full.
pub fn deployment(one: &DeploymentView, now: Wall, width: Option<usize>) -> String {
    let head = paint(style::reason(one.synced.reason), one.synced.reason.as_str());
    let head = format!("{}  {head} ({})", one.id, plain(&one.synced.message));
    let desired = &one.desired;
    let mut lines = vec![
        ("account", one.account.to_string()),
        (
            "desired",
            format!("{} by {}, revision {}", desired.state, desired.rule, desired.revision),
        ),
    ];
    if let (Some(until), Some(local)) = (desired.until, &desired.until_local) {
        lines.push(("until", format!("{local}, {}", due(until.0, now))));
    }
    lines.extend(one.ready.as_ref().map(|ready| ("ready", readiness(ready, now))));
    if let Some(seen) = &one.observed {
        lines.push((
            "observed",
            format!(
                "{} {}, since {}; name {}, type {}",
                seen.status,
                ago(seen.at.0, now),
                both(seen.since.0, now),
                seen.name,
                seen.kind
            ),
        ));
    }
    lines.extend(one.fault.as_ref().map(|fault| ("fault", fault.to_string())));
    let at = one.next.at.filter(|at| now < at.0).map(|at| format!(" ({at})"));
    lines.push(("next", format!("{}{}", next(one, now), at.unwrap_or_default())));
    for budget in &one.budgets {
        let when = budget.next_allowed.map_or_else(
            || "after the call under way".to_owned(),
            |at| if at.0 <= now { "now".to_owned() } else { both(at.0, now) },
        );
        let whose = if budget.account_wide { ", counted over the account" } else { "" };
        let left = format!("{} of {} left, next {when}{whose}", budget.remaining, budget.limit);
        lines.push((budget.method.as_str(), left));
    }
    if let Some(last) = &one.last_action {
        let text = format!("{} at {}: {}", last.action, both(last.at.0, now), last.outcome);
        lines.push(("last", text));
    }
    let lines: Vec<_> = lines.iter().map(|(label, text)| (*label, plain(text).into())).collect();
    format!("{}\n{}", fold(&head, 2, width), labelled(&lines, width))
}

fn readiness(ready: &ReadyView, now: Wall) -> String {
    let lead = format_duration(Duration::from_secs(ready.lead_seconds));
    match (ready.late, ready.ready_by) {
        (Some(late), _) => format!("late since {}", both(late.0, now)),
        (None, Some(by)) if now < by.0 => format!("to be running by {}", both(by.0, now)),
        (None, Some(_) | None) => format!("starts {lead} before a window"),
    }
}

/// The spent starts and stops, newest first.
pub fn history(past: &[PastView], now: Wall) -> Table {
    let mut table = Table::new(&[
        ("AT", Keep::Until(2)),
        ("AGE", Keep::Always),
        ("DEPLOYMENT", Keep::Always),
        ("ACTION", Keep::Always),
        ("OUTCOME", Keep::Always),
        ("CALL", Keep::Until(1)),
        ("CAUSE", Keep::Text),
    ]);
    for one in past {
        let cause = one.cause.as_ref().map_or_else(
            || "-".to_owned(),
            |cause| {
                format!(
                    "{} by {}, revision {}; was {}",
                    cause.desired, cause.rule, cause.revision, cause.saw
                )
            },
        );
        table.add(vec![
            one.at.into(),
            between(one.at.0, now).into(),
            one.deployment.to_string().into(),
            one.action.to_string().into(),
            Cell::styled(&one.outcome, style::outcome(&one.outcome)),
            one.id.to_string().into(),
            cause.into(),
        ]);
    }
    table
}

/// `start in 21m`.
pub fn next(one: &DeploymentView, now: Wall) -> String {
    let step = one.next.step;
    match one.next.at {
        _ if step == NextStep::Answer => "answer due".to_owned(),
        Some(at) => format!("{} {}", step.as_str(), due(at.0, now)),
        None if one.synced.reason == Reason::WaitingForBudget => {
            format!("{} later", step.as_str())
        }
        None => "-".to_owned(),
    }
}
