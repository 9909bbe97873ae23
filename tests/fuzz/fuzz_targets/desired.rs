//! The desired file. No bytes panic; faults are inside the file; what is accepted is accepted again
//! as the state directory keeps it, which is byte by byte, and when it is written out anew.
//!
//! What begins with `BEGIN:VCALENDAR` is no part of the file, but every calendar that it names.
#![no_main]

#[path = "../../properties/places.rs"]
mod places;
#[path = "../../properties/schedules.rs"]
mod schedules;
#[path = "../../properties/written.rs"]
mod written;

use evenkeel::keel::deployment::AccountId;
use evenkeel::keel::time::Wall;
use evenkeel::manifest::{Beside, expired, parse_beside, references};
use libfuzzer_sys::fuzz_target;

const CALENDAR: &[u8] = b"BEGIN:VCALENDAR";

fuzz_target!(|bytes: &[u8]| {
    let calendar = bytes.windows(CALENDAR.len()).position(|part| part == CALENDAR);
    let (bytes, calendar) = bytes.split_at(calendar.unwrap_or(bytes.len()));
    let known = [AccountId::new("default"), AccountId::new("eu")];
    let refers = references(bytes);
    let beside: &Beside<'_> = &|path| {
        assert!(refers.iter().any(|one| one == path), "nobody knew of {path}");
        Ok(calendar.into())
    };
    let strict = parse_beside("f", bytes, Some(&known), beside);
    match parse_beside("f", bytes, None, beside) {
        Err(report) => {
            assert!(!report.problems.is_empty() && !report.to_string().is_empty());
            assert_eq!(places::outside(&report, bytes), None);
            assert!(strict.is_err(), "accepted for fewer accounts than are allowed");
        }
        Ok((manifest, warnings)) => {
            let again = parse_beside("f", bytes, None, beside).expect("what was kept is refused");
            assert_eq!(again, (manifest.clone(), warnings));
            let text = written::written(&manifest.intents);
            let calendars = schedules::calendars(&manifest.intents);
            let own: &Beside<'_> = &|path| Ok(calendars[path].clone());
            let (anew, _) = parse_beside("f", text.as_bytes(), None, own)
                .unwrap_or_else(|report| panic!("what was written is refused: {report}\n{text}"));
            assert_eq!(anew.intents, manifest.intents, "{text}");
            let wall = Wall::from_millis(1_793_491_200_000);
            expired(&manifest, wall);
            for intent in manifest.intents.values() {
                let resolved = intent.resolve(wall);
                assert!(resolved.changes.is_none_or(|change| wall < change));
            }
            match strict {
                Ok((strict, _)) => assert_eq!(strict, manifest),
                Err(report) => assert_eq!(places::outside(&report, bytes), None),
            }
        }
    }
});
