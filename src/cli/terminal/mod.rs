//! The terminal: is it one, how wide, in colour or not; and what commands show on it.
//!
//! The rule for all of it: on a terminal, texts fit its width; anywhere else they are whole, one
//! row a line, without colour, so that what is piped looks the same on every machine.

pub mod progress;
pub mod screen;
pub mod style;
pub mod table;
pub mod times;

use std::io;
use std::os::fd::AsFd;

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;
use textwrap::{Options, WordSplitter};

/// Names and messages come from outside, and a terminal obeys control characters.
pub use crate::telemetry::plain;

/// Where colour is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set; elsewhere if `CLICOLOR_FORCE` is.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

impl Color {
    /// Makes this the choice of the whole process.
    pub fn take_effect(self) {
        let choice = match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// Whether the log, on standard error, is in colour.
pub fn log_in_colour() -> bool {
    AutoStream::choice(&io::stderr()) != ColorChoice::Never
}

/// Columns and rows of the terminal that standard output is; `None` where it is none. `COLUMNS`
/// stands over what the terminal says.
pub fn size() -> Option<(usize, usize)> {
    size_of(&io::stdout())
}

fn size_of(terminal: &(impl io::IsTerminal + AsFd)) -> Option<(usize, usize)> {
    if !terminal.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(terminal).ok();
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let columns = columns.or(size.map(|size| usize::from(size.ws_col))).filter(|&n| n > 0);
    let rows = size.map(|size| usize::from(size.ws_row)).filter(|&n| n > 0);
    Some((columns.unwrap_or(80), rows.unwrap_or(24)))
}

/// Whether the terminal cannot take back what it shows.
pub fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

/// The terminal's width; `None` where nothing has to fit.
pub fn width() -> Option<usize> {
    size().map(|(columns, _)| columns)
}

/// The same of standard error.
pub fn width_beside() -> Option<usize> {
    size_of(&io::stderr()).map(|(columns, _)| columns)
}

/// Breaks lines that are wider than `width` between words; what is broken off stands below the
/// line's beginning, `hanging` columns further in.
pub fn fold(text: &str, hanging: usize, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    let fold = |line: &str| {
        if is_excerpt(line) {
            return cut(line, width);
        }
        let rest = line.trim_start_matches(' ');
        let indent = " ".repeat(line.len() - rest.len());
        let further = " ".repeat((indent.len() + hanging).min(width / 2));
        let options = folding(width).initial_indent(&indent).subsequent_indent(&further);
        textwrap::fill(rest, options)
    };
    text.split('\n').map(fold).collect::<Vec<_>>().join("\n")
}

/// Between words, and inside one only where it is too long for a line of its own: ids and times
/// are full of hyphens.
fn folding<'a>(width: usize) -> Options<'a> {
    Options::new(width).word_splitter(WordSplitter::NoHyphenation)
}

/// The beginning of a line that is too long.
fn cut(line: &str, width: usize) -> String {
    match line.char_indices().nth(width) {
        Some(_) => line.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
        None => line.to_owned(),
    }
}

/// A line of a file that a report shows, or what points into it: the columns matter.
fn is_excerpt(line: &str) -> bool {
    line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit()).starts_with("| ")
}

/// Lines of a word for what they are about, and a text behind it, folded.
pub fn labelled(lines: &[(&str, String)], width: Option<usize>) -> String {
    const LABEL: usize = 9;
    let one = |(label, text): &(&str, String)| {
        let room = " ".repeat(LABEL.saturating_sub(label.len()));
        fold(&format!("  {}{room} {text}", style::paint(style::HEAD, label)), LABEL + 1, width)
    };
    lines.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// `text` without control characters but for its ends of lines.
pub fn plain_lines(text: &str) -> String {
    text.split('\n').map(plain).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_folded_hangs_below_its_beginning() {
        let text = "  note: one two three\nfour";
        assert_eq!(fold(text, 2, None), text);
        assert_eq!(fold(text, 2, Some(15)), "  note: one two\n    three\nfour");
        assert_eq!(
            fold("    a/very/long/path", 2, Some(12)),
            "    a/very\n      /long/\n      path"
        );
    }

    #[test]
    fn lines_of_a_file_are_cut() {
        let text = "desired.yaml:7:3: unknown key\n  7 |   stat: running\n    |   ^^^^";
        let folded = "desired.yaml:7:3:\n  unknown key\n  7 |   stat: runni…\n    |   ^^^^";
        assert_eq!(fold(text, 2, Some(20)), folded);
    }

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        assert_eq!(plain("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(plain("größer"), "größer");
    }
}
