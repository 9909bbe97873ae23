//! `Retry-After`, <https://www.rfc-editor.org/rfc/rfc9110#field.retry-after>.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use crate::keel::time::Wall;

/// The longest that is believed. A server that asks for more means "never", which is for people to
/// hear; and arithmetic stays clear of overflow.
const MAX: Duration = Duration::from_secs(365 * 86_400);

/// The three forms of an HTTP-date, the preferred one first,
/// <https://www.rfc-editor.org/rfc/rfc9110#http.date>.
const DATES: [&str; 3] =
    ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];

/// How long an answer asks to wait, from now: of several values the longest. Dates are counted from
/// the answer's own `Date`, or from `now` where it has none. Absent, past or garbage: `None`.
pub fn resolve<'a>(
    values: impl IntoIterator<Item = &'a [u8]>,
    date: Option<&[u8]>,
    now: Wall,
) -> Option<Duration> {
    let today = || TimeZone::UTC.to_datetime(now.timestamp());
    let made = || date.and_then(http_date).unwrap_or_else(today);
    let wait = |value| duration(value, made);
    let longest = values.into_iter().filter_map(wait).max()?;
    (!longest.is_zero()).then_some(longest.min(MAX))
}

fn duration(value: &[u8], made: impl Fn() -> DateTime) -> Option<Duration> {
    if let Some(until) = http_date(value) {
        return Some(Duration::try_from(until.duration_since(made())).unwrap_or_default());
    }
    // A proxy may have joined several headers into one.
    std::str::from_utf8(value)
        .ok()?
        .split(',')
        .map(seconds)
        .try_fold(Duration::ZERO, |longest, n| Some(longest.max(n?)))
}

fn seconds(text: &str) -> Option<Duration> {
    let text = text.trim_matches([' ', '\t']);
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // More digits than fit are a long time, not garbage.
    Some(text.parse().map_or(MAX, Duration::from_secs))
}

/// All three forms are in GMT.
fn http_date(value: &[u8]) -> Option<DateTime> {
    let text = std::str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
    DATES.iter().find_map(|form| strtime::parse(form, text).ok()?.to_datetime().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1994-11-06T08:49:37Z, the date of the RFC's examples.
    const NOW: Wall = Wall::from_millis(784_111_777_000);

    fn seconds(values: &[&str], date: Option<&str>) -> Option<u64> {
        let values = values.iter().map(|value| value.as_bytes());
        resolve(values, date.map(str::as_bytes), NOW).map(|wait| wait.as_secs())
    }

    #[test]
    fn one_value() {
        const YEAR: u64 = 365 * 86_400;
        for (value, expected) in [
            ("120", Some(120)),
            (" 120\t", Some(120)),
            ("007", Some(7)),
            ("0", None),
            ("31536001", Some(YEAR)),
            ("99999999999999999999999", Some(YEAR)),
            ("120, 60", Some(120)),
            ("60,x", None),
            ("", None),
            (",", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("1e3", None),
            ("0x10", None),
            ("60s", None),
            ("soon", None),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
            ("Sun Nov  6 08:50:37 1994", Some(60)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49:36 GMT", None),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(YEAR)),
            ("Mon, 06 Nov 1994 08:50:37 GMT", None),
            ("Sun, 06 Nov 1994 08:50:37 CET", None),
            ("Sun, 06 Nov 1994 08:50:37 +0000", None),
            ("Sun, 31 Feb 1994 08:50:37 GMT", None),
            ("Sun, 06 Nov 1994", None),
            ("1994-11-06T08:50:37Z", None),
        ] {
            assert_eq!(seconds(&[value], None), expected, "{value:?}");
        }
        assert_eq!(resolve([&b"\xff\xfe"[..]], None, NOW), None);
    }

    #[test]
    fn a_date_counts_from_the_answers_own() {
        let after = "Sun, 06 Nov 1994 08:50:37 GMT";
        for (date, expected) in [
            (None, Some(60)),
            (Some("Sun, 06 Nov 1994 08:50:27 GMT"), Some(10)),
            (Some("Sun, 06 Nov 1994 07:50:37 GMT"), Some(3600)),
            (Some("Sun, 06 Nov 1994 09:00:00 GMT"), None),
            (Some("garbage"), Some(60)),
        ] {
            assert_eq!(seconds(&[after], date), expected, "{date:?}");
        }
        assert_eq!(seconds(&["30"], Some("Sun, 06 Nov 1994 07:50:37 GMT")), Some(30));
    }

    #[test]
    fn the_longest_of_several_counts() {
        let date = "Sun, 06 Nov 1994 08:50:37 GMT";
        assert_eq!(seconds(&["5", date, "garbage", "30"], None), Some(60));
        assert_eq!(seconds(&["5", "90", "0"], None), Some(90));
        assert_eq!(seconds(&["0", "garbage"], None), None);
        assert_eq!(seconds(&[], None), None);
    }
}
