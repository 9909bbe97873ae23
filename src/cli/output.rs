//! How commands answer: text for people, JSON for machines.

use std::io::{self, Write as _};

use clap::ValueEnum;

use super::exit::{Exit, Failure};
use super::terminal;

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
    written(io::stdout().lock(), bytes)
}

fn written(out: impl io::Write, bytes: &[u8]) -> Result<Exit, Failure> {
    reaching(out, bytes).map(|_| Exit::Yes)
}

fn reaching(mut out: impl io::Write, bytes: &[u8]) -> Result<bool, Failure> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::because("cannot write to standard output", error)
            .next("see that what it goes to has room")),
    }
}

/// Writes a line of text, or several. Colours are taken off where none are wanted.
///
/// # Errors
/// As [`fn@write`].
pub fn line(text: &str) -> Result<Exit, Failure> {
    written(anstream::stdout().lock(), format!("{text}\n").as_bytes())
}

/// As [`fn@line`]; says whether anybody reads it still.
///
/// # Errors
/// As [`fn@write`].
pub fn reaches(text: &str) -> Result<bool, Failure> {
    reaching(anstream::stdout().lock(), format!("{text}\n").as_bytes())
}

/// Writes a text that is folded where standard output is a terminal: what hangs over stands
/// `hanging` columns further in.
///
/// # Errors
/// As [`fn@write`].
pub fn prose(text: &str, hanging: usize) -> Result<Exit, Failure> {
    line(&terminal::fold(text, hanging, terminal::width()))
}

/// Writes a value as JSON.
///
/// # Errors
/// As [`fn@write`].
pub fn json(value: &impl serde::Serialize) -> Result<Exit, Failure> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|error| Failure::because("cannot write JSON", error))?;
    write(format!("{text}\n").as_bytes())
}

/// Says something beside the answer, on standard error.
pub fn aside(text: &str) {
    // Whoever closed standard error does not want to know.
    let text = terminal::fold(text, 2, terminal::width_beside());
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// `a, b`, or so many of them and how many more.
pub fn some(names: &[String]) -> String {
    const SHOWN: usize = 4;
    match names.len().saturating_sub(SHOWN) {
        0 | 1 => names.join(", "),
        more => format!("{} and {more} more", names[..SHOWN].join(", ")),
    }
}
