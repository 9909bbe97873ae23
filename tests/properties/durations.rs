//! Durations as people write them.

use std::time::Duration;

use evenkeel::keel::time::{format_duration, parse_duration};
use proptest::prelude::*;

/// A century, the most that a configuration may say.
const MOST: u64 = 36_525 * 86_400_000;

proptest! {
    #![proptest_config(crate::repeatable(4096))]

    #[test]
    fn what_is_written_reads_back(millis in prop_oneof![0..=MOST, 0u64..100_000_000]) {
        let duration = Duration::from_millis(millis);
        prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
    }

    #[test]
    fn the_parts_add_up(
        (days, hours, minutes) in (0u64..100, 0u64..1000, 0u64..10_000),
        (seconds, millis) in (0u64..100_000, 0u64..1_000_000),
    ) {
        let text = format!("{days}d{hours}h{minutes}m{seconds}s{millis}ms");
        let total = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + millis;
        prop_assert_eq!(parse_duration(&text), Ok(Duration::from_millis(total)));
    }

    #[test]
    fn more_than_a_century_is_refused(millis in MOST + 1..) {
        let shortest = format_duration(Duration::from_millis(millis));
        for text in [format!("{millis}ms"), shortest] {
            prop_assert!(parse_duration(&text).is_err());
        }
    }

    #[test]
    fn no_text_panics_and_what_is_read_has_one_shortest_form(
        text in "\\PC{0,20}|([0-9]{1,20}(d|h|m|s|ms|x| )){0,4}"
    ) {
        if let Ok(duration) = parse_duration(&text) {
            let shortest = format_duration(duration);
            prop_assert_eq!(parse_duration(&shortest), Ok(duration));
            prop_assert_eq!(format_duration(parse_duration(&shortest).unwrap()), shortest);
        }
    }

    #[test]
    fn any_duration_can_be_shown(seconds in any::<u64>(), nanos in 0u32..1_000_000_000) {
        prop_assert!(!format_duration(Duration::new(seconds, nanos)).is_empty());
    }
}
