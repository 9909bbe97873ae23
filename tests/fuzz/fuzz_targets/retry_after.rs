//! `Retry-After`. Whatever the headers and the clock say, the wait is none, or more than nothing
//! and no more than a year; another value never makes it shorter.
//!
//! The input: eight bytes of clock, then lines: the answer's `Date`, then the values.
#![no_main]

use std::time::Duration;

use evenkeel::keel;
use evenkeel::outbound::retry_after;
use libfuzzer_sys::fuzz_target;

const YEAR: Duration = Duration::from_secs(365 * 86_400);

fuzz_target!(|data: &[u8]| {
    let Some((clock, rest)) = data.split_first_chunk() else { return };
    let now = keel::time::Wall::from_millis(i64::from_le_bytes(*clock));
    let mut lines = rest.split(|byte| *byte == b'\n');
    let date = lines.next().filter(|date| !date.is_empty());
    let values: Vec<&[u8]> = lines.collect();
    let wait = retry_after::resolve(values.iter().copied(), date, now);
    assert!(wait.is_none_or(|wait| Duration::ZERO < wait && wait <= YEAR), "{wait:?}");
    let each = values.iter().map(|value| retry_after::resolve([*value], date, now));
    assert_eq!(wait, each.max().flatten());
    for value in values {
        // A number of seconds depends on no clock.
        if let Some(seconds) = std::str::from_utf8(value).ok().and_then(digits) {
            let expected = Duration::from_secs(seconds).min(YEAR);
            let expected = (!expected.is_zero()).then_some(expected);
            assert_eq!(retry_after::resolve([value], date, now), expected);
        }
    }
});

fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
