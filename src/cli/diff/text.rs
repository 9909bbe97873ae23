//! The comparison for people at a terminal.

use super::Comparison;
use super::words::{self, Bunch, bunches};
use crate::cli::output;
use crate::cli::terminal::style::{self, paint};
use crate::keel::deployment::Action;
use crate::keel::diff::Kind;

pub(super) fn of(comparison: &Comparison) -> String {
    let diff = &comparison.diff;
    if diff.is_empty() {
        return "Both ask for the same.".to_owned();
    }
    let days = if comparison.days == 1 { "day" } else { "days" };
    let mut lines = vec![format!(
        "{}; {} {days} from {}",
        words::headline(comparison),
        comparison.days,
        words::instant(diff.span.0)
    )];
    for bunch in bunches(&diff.edits) {
        lines.push(String::new());
        lines.extend(block(&bunch, comparison));
    }
    lines.push(String::new());
    lines.extend(words::acknowledged(comparison).into_iter().map(|line| format!("Edit: {line}")));
    if let Some(totals) = words::totals(comparison) {
        lines.push(format!("In all: {totals}"));
    }
    lines.push(format!("Guard: {}", words::verdict(&comparison.guard)));
    lines.join("\n")
}

fn block(bunch: &Bunch<'_>, comparison: &Comparison) -> Vec<String> {
    let Bunch { ids, edit } = bunch;
    let from = comparison.diff.span.0;
    let (sign, colour) = match edit.kind {
        Kind::Added => ('+', style::GOOD),
        Kind::Changed => ('~', style::PASSING),
        Kind::Removed => ('-', style::BAD),
    };
    let names: Vec<_> = ids.iter().map(ToString::to_string).collect();
    let mut lines = vec![paint(colour, &format!("{sign} {}", output::some(&names)))];
    let mut say = |text: String| lines.push(format!("    {text}"));
    if edit.kind == Kind::Removed {
        say("no longer named: left as it is".to_owned());
        return lines;
    }
    words::fields(edit).into_iter().for_each(&mut say);
    if let Some(state) = words::now(edit) {
        say(format!("wanted {state} now"));
    }
    for action in [Action::Start, Action::Stop] {
        words::moves(edit, action, from).into_iter().for_each(&mut say);
    }
    let each = if ids.len() > 1 { ", each" } else { "" };
    let mut running = format!("running {}", words::hours(edit));
    match edit.cost {
        (Some(before), Some(after)) if before != after => running.push_str(&format!(
            ", {} -> {}, {}",
            words::money(before),
            words::money(after),
            words::saved(comparison.diff.saved_per_week((before, after)))
        )),
        (_, Some(after)) => running.push_str(&format!(", {}", words::money(after))),
        (_, None) => (),
    }
    say(format!("{running}{each}"));
    lines
}
