//! The log: what is said about each notice, and how lines look on standard error.

mod fields;
mod late;
mod line;
mod text;
mod wish;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use tracing::Subscriber;
use tracing::subscriber::SetGlobalDefaultError;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::keel::notice::Notice;
use crate::keel::time::Wall;
use crate::keel::view::Time;

pub use fields::{Fields, Line};
use line::OF_READS;
pub use line::line;
pub use text::plain;

/// Whose lines these are. Those of other crates are let through from warnings up only.
const TARGET: &str = env!("CARGO_PKG_NAME");

/// What the wall clock reads, asked once a line.
pub type Now = Arc<dyn Fn() -> Wall + Send + Sync>;

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines: one JSON object a line.
    Json,
    /// For systemd's journal, which stamps the lines itself: the level as a prefix such as `<4>`.
    Journal,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            "journal" => Ok(Self::Journal),
            other => {
                let expected = "expected `text`, `json` or `journal`";
                Err(format!("`{other}` is not a log format; {expected}"))
            }
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Journal => "journal",
        })
    }
}

/// Writes a line about `notice` to the log.
pub fn tell(notice: &Notice) {
    // Most are of reads, and no text is made that nobody wants.
    let of_read = matches!(notice, Notice::CallEnded { call, .. } if !call.method().acts());
    if !of_read || LevelFilter::current() >= OF_READS {
        line(notice).emit();
    }
}

/// Sends this process's log to `writer` from now on.
///
/// # Errors
/// When the process has a log already.
pub fn init<W>(
    format: Format,
    level: LevelFilter,
    colour: bool,
    now: Now,
    writer: W,
) -> Result<(), SetGlobalDefaultError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing::subscriber::set_global_default(subscriber(format, level, colour, now, writer))
}

/// A log that writes to `writer`.
pub fn subscriber<W>(
    format: Format,
    level: LevelFilter,
    colour: bool,
    now: Now,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let others = level.min(LevelFilter::WARN);
    let filter = Targets::new().with_target(TARGET, level).with_default(others);
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    match format {
        Format::Text => {
            let look = if colour { text::Look::Colour } else { text::Look::Plain };
            Box::new(registry.with(layer.event_format(text::Text { now, look })))
        }
        Format::Journal => {
            let look = text::Look::Journal;
            Box::new(registry.with(layer.event_format(text::Text { now, look })))
        }
        Format::Json => Box::new(
            registry
                .with(layer.json().flatten_event(true).with_target(false).with_timer(Timer(now))),
        ),
    }
}

/// JSON's `timestamp`: to the millisecond, as machines may sort by it.
struct Timer(Now);

impl FormatTime for Timer {
    fn format_time(&self, out: &mut Writer<'_>) -> fmt::Result {
        write!(out, "{}", Time((self.0)()).0.timestamp())
    }
}
