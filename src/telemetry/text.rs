//! The log's text format: a line a person reads, with the fields behind it.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::Now;

/// `2026-11-24T03:10:00Z  INFO w41b11c0 is running (was starting)  deployment=w41b11c0 …`
///
/// Fields that the sentence says already are left out, but for the names that people search for.
/// A field of more than one line, such as the report on a desired file, follows below, indented.
pub(super) struct Text {
    pub(super) now: Now,
    pub(super) look: Look,
}

/// Who reads the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// A terminal.
    Colour,
    /// A file or a pipe.
    Plain,
    /// The journal, which has the time of its own and takes the level from a prefix such as `<4>`,
    /// line by line.
    Journal,
}

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut parts = Parts::default();
        event.record(&mut parts);
        let (dim, reset) = self.paint("\x1b[2m");
        let level = *event.metadata().level();
        let (bright, _) = self.paint(hue(level));
        let prefix = if self.look == Look::Journal { priority(level) } else { "" };
        if self.look == Look::Journal {
            write!(out, "{prefix}{}", parts.message)?;
        } else {
            let now = (self.now)();
            write!(out, "{dim}{now}{reset} {bright}{level:>5}{reset} {}", parts.message)?;
        }
        let fields = parts.fields();
        if !fields.is_empty() {
            write!(out, "  {dim}{fields}{reset}")?;
        }
        writeln!(out)?;
        for block in &parts.blocks {
            for line in block.lines() {
                writeln!(out, "{prefix}    {}", plain(line))?;
            }
        }
        Ok(())
    }
}

impl Text {
    fn paint(&self, code: &'static str) -> (&'static str, &'static str) {
        if self.look == Look::Colour { (code, "\x1b[0m") } else { ("", "") }
    }
}

/// Red, yellow, green, blue, magenta: the colours that tracing's own format has made usual.
const fn hue(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        Level::TRACE => "\x1b[35m",
    }
}

/// The levels of syslog, as sd-daemon(3) has them before a line.
const fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        Level::DEBUG | Level::TRACE => "<7>",
    }
}

/// Written even where the sentence says them.
const ALWAYS: [&str; 2] = ["deployment", "account"];

/// An event's message, its fields, and what does not fit on a line.
#[derive(Default)]
struct Parts {
    message: String,
    fields: Vec<(&'static str, String)>,
    blocks: Vec<String>,
}

impl Parts {
    fn add(&mut self, name: &'static str, value: &str) {
        let value = value.trim_end();
        if name == "message" {
            self.message = plain(value).into_owned();
        } else if value.contains('\n') {
            self.blocks.push(value.to_owned());
        } else {
            self.fields.push((name, plain(value).into_owned()));
        }
    }

    /// The fields that the message does not say, on one line.
    fn fields(&self) -> String {
        let mut out = String::new();
        let told = |name: &str, value: &str| !ALWAYS.contains(&name) && says(&self.message, value);
        for (name, value) in self.fields.iter().filter(|(name, value)| !told(name, value)) {
            let space = if out.is_empty() { "" } else { " " };
            // Writing to a string cannot fail.
            let _ = if value.is_empty() || value.contains([' ', '"', '=']) {
                write!(out, "{space}{name}=\"{}\"", value.replace('"', "\\\""))
            } else {
                write!(out, "{space}{name}={value}")
            };
        }
        out
    }
}

/// Whether `value` stands in `message`, and not as a part of a longer word or number.
fn says(message: &str, value: &str) -> bool {
    let apart = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
    !value.is_empty()
        && message.match_indices(value).any(|(at, found)| {
            let (before, after) = (&message[..at], &message[at + found.len()..]);
            apart(before.chars().next_back()) && apart(after.chars().next())
        })
}

impl Visit for Parts {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field.name(), &format!("{value:?}"));
    }
}

/// `text` without control characters: words of a server or a file must not move the cursor of a
/// terminal or forge a line.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}
