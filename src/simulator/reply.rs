//! What the service answers, in what shape and when.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

/// An answer as data; whoever carries it waits for `delay` and then does what `delivery` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status code. What the service decided, even if the answer is then lost.
    pub status: u16,
    /// The headers, names in small letters, each at most once.
    pub headers: Vec<(&'static str, String)>,
    /// The whole body.
    pub body: String,
    /// From the arrival to the answer.
    pub delay: Duration,
    /// What becomes of the answer.
    pub delivery: Delivery,
}

/// What becomes of an answer on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It is sent.
    Answered,
    /// The service acted, then the connection was dropped.
    Lost,
    /// The connection was dropped before the service acted.
    Reset,
}

impl Reply {
    /// The value of the header `name`.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| *given == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn json<T: Serialize>(status: u16, body: &T) -> Self {
        Self::text(status, "application/json", render(body))
    }

    pub(super) fn html(status: u16, title: &str) -> Self {
        let body = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n\
             <center><h1>{title}</h1></center>\r\n<hr><center>gateway</center>\r\n\
             </body>\r\n</html>\r\n"
        );
        Self::text(status, "text/html", body)
    }

    pub(super) fn reset() -> Self {
        Self {
            status: 0,
            headers: vec![],
            body: String::new(),
            delay: Duration::ZERO,
            delivery: Delivery::Reset,
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    fn text(status: u16, kind: &str, body: String) -> Self {
        Self {
            status,
            headers: vec![("content-type", kind.to_owned())],
            body,
            delay: Duration::ZERO,
            delivery: Delivery::Answered,
        }
    }
}

/// JSON as the API page prints it: four spaces, fields in their order; and a last line's end, so
/// that a shell's prompt does not stick to it.
fn render<T: Serialize>(value: &T) -> String {
    let mut bytes = Vec::new();
    let pretty = PrettyFormatter::with_indent(b"    ");
    // Writing plain structures into memory cannot fail.
    let _written = value.serialize(&mut Serializer::with_formatter(&mut bytes, pretty));
    bytes.push(b'\n');
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An instant, as time since 1970, in the form of the `Date` header (RFC 9110, section 5.6.7).
/// `None` beyond the year 9999.
pub(super) fn http_date(unix: Duration) -> Option<String> {
    let seconds = i64::try_from(unix.as_secs()).ok()?;
    let instant = Timestamp::from_second(seconds).ok()?;
    DateTimePrinter::new().timestamp_to_rfc9110_string(&instant).ok()
}
