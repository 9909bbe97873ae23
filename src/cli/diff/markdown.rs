//! The comparison as a comment on a pull request.

use super::words::{self, Bunch, bunches};
use super::{Comparison, Ruling};
use crate::cli::output;
use crate::keel::deployment::Action;
use crate::keel::diff::Kind;

/// Rows that stand open; more are folded.
const ROWS: usize = 12;

pub(super) fn of(comparison: &Comparison) -> String {
    let diff = &comparison.diff;
    if diff.is_empty() {
        return "### evenkeel: both ask for the same".to_owned();
    }
    let mut lines = vec![format!("### evenkeel: {}", lower(&words::headline(comparison)))];
    let mark = match comparison.guard.ruling {
        Ruling::Held => "**Guard, ",
        Ruling::Acknowledged | Ruling::LetThrough => "Guard, ",
    };
    let end = if comparison.guard.ruling == Ruling::Held { "**" } else { "" };
    lines.push(format!("\n{mark}{}{end}", words::verdict(&comparison.guard)));
    if let Some(totals) = words::totals(comparison) {
        lines.push(format!("\nIn all: {totals}"));
    }
    for line in words::acknowledged(comparison) {
        lines.push(format!("\nThe file {line}"));
    }
    let bunches = bunches(&diff.edits);
    if !bunches.is_empty() {
        lines.push(String::new());
        lines.extend(table(&bunches, comparison));
    }
    let days = if comparison.days == 1 { "day" } else { "days" };
    let (old, new) = &comparison.revisions;
    lines.push(format!(
        "\n<sub>{} {days} from {}, revision {old} -> {new}</sub>",
        comparison.days,
        words::instant(diff.span.0)
    ));
    lines.join("\n")
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| format!("{}{}", first.to_lowercase(), chars.as_str()))
}

fn table(bunches: &[Bunch<'_>], comparison: &Comparison) -> Vec<String> {
    let priced = bunches.iter().any(|bunch| bunch.edit.cost.1.is_some());
    let mut header = vec!["", "deployment", "edit", "starts", "stops", "running"];
    if priced {
        header.push("cost");
    }
    let mut lines = vec![row(&header), row(&vec!["---"; header.len()])];
    for Bunch { ids, edit } in bunches {
        let names: Vec<_> = ids.iter().map(|id| format!("`{id}`")).collect();
        let listed = |lines: Vec<String>| {
            lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("<br>")
        };
        let said = |action| listed(words::moves(edit, action, comparison.diff.span.0));
        let mut cells = vec![
            match edit.kind {
                Kind::Added => "added".to_owned(),
                Kind::Changed => "changed".to_owned(),
                Kind::Removed => "removed".to_owned(),
            },
            output::some(&names),
        ];
        if edit.kind == Kind::Removed {
            cells.extend(["left as it is".to_owned(), String::new(), String::new(), String::new()]);
        } else {
            cells.push(listed(words::fields(edit)));
            cells.extend([said(Action::Start), said(Action::Stop), words::hours(edit)]);
        }
        if priced {
            cells.push(cost(edit.cost, comparison));
        }
        lines.push(row(&cells.iter().map(String::as_str).collect::<Vec<_>>()));
    }
    if bunches.len() > ROWS {
        lines.insert(0, format!("<details><summary>{} rows</summary>\n", bunches.len()));
        lines.push("\n</details>".to_owned());
    }
    lines
}

fn cost(cost: (Option<u64>, Option<u64>), comparison: &Comparison) -> String {
    match cost {
        (Some(before), Some(after)) if before != after => {
            let saved = comparison.diff.saved_per_week((before, after));
            let (before, after) = (words::money(before), words::money(after));
            format!("{before} -> {after}<br>{}", words::saved(saved))
        }
        (_, Some(after)) => words::money(after),
        (_, None) => String::new(),
    }
}

fn row(cells: &[&str]) -> String {
    format!("| {} |", cells.join(" | "))
}

/// Nothing that the file says may break the table, or become markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            '\n' | '\r' => out.push(' '),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '#' | '!' => out.extend(['\\', char]),
            other => out.push(other),
        }
    }
    out
}
