//! What colours mean. They only repeat what a word beside them says.

use anstyle::{AnsiColor, Style};

use crate::keel::plan::Reason;

/// All is as it should be.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// It comes right by itself: under way, or waiting.
pub const PASSING: Style = AnsiColor::Yellow.on_default();
/// Somebody has to look.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Titles and labels.
pub const HEAD: Style = Style::new().bold();
/// What can be passed over.
pub const FAINT: Style = Style::new().dimmed();
/// As everything else.
pub const NONE: Style = Style::new();

/// `text` in `style`; writers that are not in colour take the style off again.
pub fn paint(style: Style, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{style}{text}{style:#}") }
}

/// `warning: text`.
pub fn warning(text: &str) -> String {
    format!("{} {text}", paint(PASSING.bold(), "warning:"))
}

/// `note: text`.
pub fn note(text: &str) -> String {
    format!("{} {text}", paint(HEAD, "note:"))
}

/// How a deployment stands.
pub const fn reason(reason: Reason) -> Style {
    if matches!(reason, Reason::InSync) {
        GOOD
    } else if reason.at_rest() || matches!(reason, Reason::ObserveOnly) {
        FAINT
    } else if reason.needs_a_person() {
        BAD
    } else {
        PASSING
    }
}

/// What came of a call: `201`, `429`, `unanswered`, `never left`, `under way`.
pub fn outcome(outcome: &str) -> Style {
    match outcome.as_bytes().first() {
        Some(b'2') => GOOD,
        Some(b'0'..=b'9') => BAD,
        Some(_) | None => PASSING,
    }
}
