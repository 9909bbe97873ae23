//! Times for people. An absolute one is RFC 3339 in UTC everywhere, as `--at` and `--from` take it;
//! a relative one stands beside it, as exact as it has to be.

use std::time::Duration;

use crate::keel::time::{Wall, format_duration};

/// The time from one instant to a later one: seconds up to ten minutes, then minutes, and hours
/// from two days on.
pub fn between(from: Wall, to: Wall) -> String {
    let millis = u64::try_from(to.millis().saturating_sub(from.millis())).unwrap_or(0);
    let seconds = millis / 1000;
    let unit = match seconds {
        0..600 => 1,
        600..172_800 => 60,
        _ => 3600,
    };
    format_duration(Duration::from_secs(seconds / unit * unit))
}

/// `12s ago`.
pub fn ago(then: Wall, now: Wall) -> String {
    format!("{} ago", between(then, now))
}

/// `in 21m`, or `now` where it is less than a second away, or past.
pub fn due(at: Wall, now: Wall) -> String {
    if at < now.shifted(1000) { "now".to_owned() } else { format!("in {}", between(now, at)) }
}

/// `2026-11-24T18:00:04Z (12s ago)`, or `(in 21m)`.
pub fn both(at: Wall, now: Wall) -> String {
    let relative = if at <= now { ago(at, now) } else { due(at, now) };
    format!("{at} ({relative})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Wall {
        Wall::from_millis(1_795_000_000_000 + seconds * 1000)
    }

    #[test]
    fn a_relative_time_is_as_exact_as_it_has_to_be() {
        let cases = [
            (0, "0s"),
            (59, "59s"),
            (599, "9m59s"),
            (600, "10m"),
            (3_659, "1h"),
            (3 * 3600 + 12 * 60 + 41, "3h12m"),
            (172_799, "1d23h59m"),
            (172_800 + 3599, "2d"),
            (9 * 86_400 + 3600, "9d1h"),
        ];
        for (seconds, text) in cases {
            assert_eq!(between(at(0), at(seconds)), text);
        }
        assert_eq!(
            (due(at(1).shifted(999), at(1)), ago(at(5), at(1))),
            ("now".into(), "0s ago".into())
        );
    }
}
