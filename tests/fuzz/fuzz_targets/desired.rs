//! The desired file. No bytes panic; faults are inside the file; what is accepted is accepted again
//! as the state directory keeps it, which is byte by byte, and when it is written out anew.
#![no_main]

#[path = "../../properties/places.rs"]
mod places;
#[path = "../../properties/written.rs"]
mod written;

use evenkeel::keel::deployment::AccountId;
use evenkeel::keel::time::Wall;
use evenkeel::manifest::{expired, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let known = [AccountId::new("default"), AccountId::new("eu")];
    let strict = parse("f", bytes, Some(&known));
    match parse("f", bytes, None) {
        Err(report) => {
            assert!(!report.problems.is_empty() && !report.to_string().is_empty());
            assert_eq!(places::outside(&report, bytes), None);
            assert!(strict.is_err(), "accepted for fewer accounts than are allowed");
        }
        Ok((manifest, warnings)) => {
            let again = parse("f", bytes, None).expect("what was kept is refused");
            assert_eq!(again, (manifest.clone(), warnings));
            let text = written::written(&manifest.intents);
            let (anew, _) = parse("f", text.as_bytes(), None)
                .unwrap_or_else(|report| panic!("what was written is refused: {report}\n{text}"));
            assert_eq!(anew.intents, manifest.intents, "{text}");
            expired(&manifest, Wall::from_millis(1_793_491_200_000));
            match strict {
                Ok((strict, _)) => assert_eq!(strict, manifest),
                Err(report) => assert_eq!(places::outside(&report, bytes), None),
            }
        }
    }
});
