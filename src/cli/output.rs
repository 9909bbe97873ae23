//! What commands print: tables for people, JSON for machines.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};

use super::exit::{Exit, Failure};
use crate::keel::guard::{GuardView, way_out};
use crate::keel::plan::Reason;
use crate::keel::time::{Wall, format_duration};
use crate::keel::view::{DeploymentView, NextStep, PastView, ReadyView, View};

/// The form of a command's output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines; the shapes of `/api/v1`.
    Json,
}

/// Writes bytes to standard output. A reader that has gone away is no failure.
///
/// # Errors
/// When standard output cannot be written for another reason.
pub fn write(bytes: &[u8]) -> Result<Exit, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(Exit::Yes),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Yes),
        Err(error) => Err(Failure::because("cannot write to standard output", error)),
    }
}

/// Writes a line of text.
///
/// # Errors
/// As [`fn@write`].
pub fn line(text: &str) -> Result<Exit, Failure> {
    write(format!("{text}\n").as_bytes())
}

/// Writes a value as JSON.
///
/// # Errors
/// As [`fn@write`].
pub fn json(value: &impl serde::Serialize) -> Result<Exit, Failure> {
    let text = serde_json::to_string_pretty(value);
    line(&text.map_err(|error| Failure::because("cannot write JSON", error))?)
}

/// Says something beside the answer, on standard error.
#[expect(clippy::print_stderr, reason = "what is not the answer must not stand in it")]
pub fn aside(text: &str) {
    eprintln!("{text}");
}

/// Rows as lines, each column as wide as it must be.
pub fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<_> = (0..).map_while(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// `a, b`, or so many of them and how many more.
pub fn some(names: &[String]) -> String {
    const SHOWN: usize = 4;
    match names.len().saturating_sub(SHOWN) {
        0 | 1 => names.join(", "),
        more => format!("{} and {more} more", names[..SHOWN].join(", ")),
    }
}

/// Writes the whole fleet in the form that was asked for.
///
/// # Errors
/// As [`fn@write`].
pub fn fleet(view: &View, format: Format) -> Result<Exit, Failure> {
    match format {
        Format::Json => json(view),
        Format::Text => {
            line(&deployments(view))?;
            faults(view)?;
            line(&summary(view))
        }
    }
}

/// A table without lines, as wide as the terminal at most.
fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header.to_vec());
    // A pipe gets each row on one line, whatever its width.
    if let (true, Some(columns)) = (io::stdout().is_terminal(), columns()) {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
    }
    table
}

fn columns() -> Option<u16> {
    let known = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    known.or_else(|| rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| size.ws_col))
}

fn finish(table: &Table) -> String {
    let rows: Vec<_> = table.lines().map(|row| row.trim_end().trim_start().to_owned()).collect();
    rows.join("\n")
}

/// `12 of 14 in sync`.
pub fn summary(view: &View) -> String {
    let rest = view.deployments.iter().filter(|one| one.synced.reason.at_rest()).count();
    let fleet = view.deployments.len();
    let waiting = view.deployments.iter().filter(|one| one.synced.reason.needs_a_person()).count();
    let mut text = format!("{rest} of {fleet} in sync");
    if waiting > 0 {
        text.push_str(&format!(", {waiting} need a person"));
    }
    text
}

/// What is wrong beside the deployments: the desired file, the ledger, the accounts.
///
/// # Errors
/// As [`fn@write`].
pub fn faults(view: &View) -> Result<Exit, Failure> {
    if let Some(fault) = &view.file.fault {
        line(&format!(
            "\nA desired file is refused; its last good state stays in force.\n{fault}"
        ))?;
    }
    if let Some(fault) = &view.ledger_fault {
        line(&format!("\nThe ledger cannot be written, so nothing is sent: {fault}"))?;
    }
    if let Some(guard) = &view.guard {
        line(&format!("\n{}", held(guard)))?;
    }
    for account in view.accounts.iter().filter(|account| account.unauthorized) {
        line(&format!("\nThe API refuses the key of account `{}` (401).", account.name))?;
    }
    line("")
}

fn held(guard: &GuardView) -> String {
    let GuardView { change, count, fleet, since, deployments: _ } = guard;
    format!(
        "Change {change} is held since {since}: it would stop {count} of {fleet} deployments at \
         once ({}).\n{}.",
        guard.names(),
        way_out(change),
    )
}

/// The fleet, one row a deployment.
pub fn deployments(view: &View) -> String {
    let mut table =
        table(&["DEPLOYMENT", "NAME", "DESIRED", "STATUS", "SEEN", "REASON", "NEXT", "MESSAGE"]);
    for one in &view.deployments {
        let seen = one.observed.as_ref();
        table.add_row([
            one.id.to_string(),
            seen.map_or("-", |seen| &seen.name).to_owned(),
            one.desired.state.to_string(),
            seen.map_or("-", |seen| &seen.status).to_owned(),
            seen.map_or_else(|| "-".to_owned(), |seen| ago(seen.at.0, view.at.0)),
            one.synced.reason.to_string(),
            next(one, view.at.0),
            one.synced.message.to_string(),
        ]);
    }
    finish(&table)
}

/// One deployment, in full.
pub fn deployment(one: &DeploymentView, now: Wall) -> String {
    let mut lines = vec![
        format!("{}  {} ({})", one.id, one.synced.reason, one.synced.message),
        format!("  account   {}", one.account),
        format!(
            "  desired   {} by {}, revision {}",
            one.desired.state, one.desired.rule, one.desired.revision
        ),
    ];
    lines.extend(one.desired.until_local.as_ref().map(|until| format!("  until     {until}")));
    lines.extend(one.ready.as_ref().map(|ready| readiness(ready, now)));
    if let Some(seen) = &one.observed {
        lines.push(format!(
            "  observed  {} {}, since {}; name {}, type {}",
            seen.status,
            ago(seen.at.0, now),
            seen.since,
            seen.name,
            seen.kind
        ));
    }
    if let Some(fault) = &one.fault {
        lines.push(format!("  fault     {fault}"));
    }
    lines.push(format!("  next      {}", next(one, now)));
    for budget in &one.budgets {
        let when = budget.next_allowed.map_or_else(
            || "after the call under way".to_owned(),
            |at| if at.0 <= now { "now".to_owned() } else { format!("at {at}") },
        );
        let whose = if budget.account_wide { ", counted over the account" } else { "" };
        lines.push(format!(
            "  {:<9} {} of {} left, next {when}{whose}",
            budget.method, budget.remaining, budget.limit
        ));
    }
    if let Some(last) = &one.last_action {
        lines.push(format!("  last      {} at {}: {}", last.action, last.at, last.outcome));
    }
    lines.join("\n")
}

fn readiness(ready: &ReadyView, now: Wall) -> String {
    let lead = format_duration(Duration::from_secs(ready.lead_seconds));
    match (ready.late, ready.ready_by) {
        (Some(late), _) => format!("  ready     late since {late}, {}", ago(late.0, now)),
        (None, Some(by)) if now < by.0 => format!("  ready     to be running by {by}"),
        (None, Some(_) | None) => format!("  ready     starts {lead} before a window"),
    }
}

/// The spent starts and stops, newest first.
pub fn history(past: &[PastView]) -> String {
    let mut table = table(&["AT", "DEPLOYMENT", "ACTION", "OUTCOME", "CAUSE", "CALL"]);
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
        table.add_row([
            one.at.to_string(),
            one.deployment.to_string(),
            one.action.to_string(),
            one.outcome.clone(),
            cause,
            one.id.to_string(),
        ]);
    }
    finish(&table)
}

fn next(one: &DeploymentView, now: Wall) -> String {
    let step = one.next.step;
    match one.next.at {
        _ if step == NextStep::Answer => "answer due".to_owned(),
        Some(at) if at.0 <= now => format!("{} now", step.as_str()),
        Some(at) => format!("{} in {}", step.as_str(), seconds(now, at.0)),
        None if one.synced.reason == Reason::WaitingForBudget => {
            format!("{} later", step.as_str())
        }
        None => "-".to_owned(),
    }
}

/// How long ago that was, to the second.
pub fn ago(then: Wall, now: Wall) -> String {
    format!("{} ago", seconds(then, now))
}

/// The time between two instants, to the second.
fn seconds(from: Wall, to: Wall) -> String {
    let millis = u64::try_from(to.millis().saturating_sub(from.millis())).unwrap_or(0);
    format_duration(Duration::from_secs(millis / 1000))
}
