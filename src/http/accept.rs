//! What a scraper would rather read: RFC 9110, section 12.5.1, as far as `/metrics` needs it.

use hyper::HeaderMap;
use hyper::header::ACCEPT;

/// How the exposition is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The text format of Prometheus, version 0.0.4.
    Text,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

const OPENMETRICS: &str = "application/openmetrics-text";

impl Format {
    /// OpenMetrics where it is asked for by name, in a version that is spoken here, and not less
    /// than plain text. Who asks for nothing gets text, and so do a browser and curl.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let (mut open, mut text) = (0, 0);
        let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        for range in values.flat_map(|value| value.split(',')) {
            let (kind, weight) = weigh(range);
            match kind.to_ascii_lowercase().as_str() {
                OPENMETRICS => open = open.max(weight),
                "text/plain" => text = text.max(weight),
                _ => {}
            }
        }
        if open > 0 && open >= text { Self::OpenMetrics } else { Self::Text }
    }
}

/// The media type of a range, and its weight in thousandths: 0 for what is not wanted, cannot be
/// read, or is of a version that is not spoken here.
fn weigh(range: &str) -> (&str, u32) {
    let mut parts = range.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let mut weight = 1000;
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "version" if kind.eq_ignore_ascii_case(OPENMETRICS) && value != "1.0.0" => weight = 0,
            "q" => weight = weight.min(thousandths(value).unwrap_or(0)),
            _ => {}
        }
    }
    (kind, weight)
}

/// A weight such as `1`, `0.5` or `0.125`.
fn thousandths(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    if !["0", "1"].contains(&whole) || part.len() > 3 || !digits(part) {
        return None;
    }
    let value = format!("{whole}{part:0<3}").parse().ok()?;
    (value <= 1000).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openmetrics_is_for_those_who_ask_for_it() {
        let text = "text/plain;version=0.0.4;q=0.5";
        for (accept, wanted) in [
            (String::new(), Format::Text),
            ("*/*".to_owned(), Format::Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8".to_owned(), Format::Text),
            (format!("{OPENMETRICS}; version=1.0.0"), Format::OpenMetrics),
            (format!("{OPENMETRICS}; version=\"1.0.0\"; charset=utf-8"), Format::OpenMetrics),
            (OPENMETRICS.to_uppercase(), Format::OpenMetrics),
            (format!("{OPENMETRICS};version=0.0.1"), Format::Text),
            // Prometheus 2.42, word for word.
            (
                format!(
                    "{OPENMETRICS};version=1.0.0,{OPENMETRICS};version=0.0.1;q=0.75,{text},\
                     */*;q=0.1"
                ),
                Format::OpenMetrics,
            ),
            (format!("{OPENMETRICS};q=0.3,{text}"), Format::Text),
            (format!("{OPENMETRICS};q=0"), Format::Text),
            (format!("{OPENMETRICS};q=2"), Format::Text),
            (format!("{OPENMETRICS};q=0.5,{text}"), Format::OpenMetrics),
            (format!("{OPENMETRICS};version=2.0.0,{text}"), Format::Text),
        ] {
            let mut headers = HeaderMap::new();
            if let Ok(value) = accept.parse() {
                headers.insert(ACCEPT, value);
            }
            assert_eq!(Format::of(&headers), wanted, "{accept}");
        }
    }

    #[test]
    fn a_weight_has_three_digits_at_most() {
        for (text, value) in [
            ("1", Some(1000)),
            ("1.000", Some(1000)),
            ("0.5", Some(500)),
            ("0.125", Some(125)),
            ("0.", Some(0)),
            ("1.5", None),
            ("0.1234", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(thousandths(text), value, "{text}");
        }
    }
}
