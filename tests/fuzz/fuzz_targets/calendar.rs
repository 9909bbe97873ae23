//! An iCalendar file beside the desired file. No bytes panic; faults are told where the desired
//! file names it; what is accepted is accepted as the same holidays when it is written out anew.
#![no_main]

#[path = "../../properties/places.rs"]
mod places;
#[path = "../../properties/schedules.rs"]
mod schedules;
#[path = "../../properties/written.rs"]
mod written;

use evenkeel::manifest::{Beside, parse_beside};
use libfuzzer_sys::fuzz_target;

const DESIRED: &str = "holidays: h.ics\nschedules: { s: { running: 08:00-19:00 } }\n\
                       deployments: { w1: s }\n";

fuzz_target!(|bytes: &[u8]| {
    let beside: &Beside<'_> = &|_| Ok(bytes.into());
    match parse_beside("f", DESIRED.as_bytes(), None, beside) {
        Err(report) => {
            assert!(!report.problems.is_empty() && !report.to_string().is_empty());
            assert_eq!(places::outside(&report, DESIRED.as_bytes()), None);
        }
        Ok((manifest, _)) => {
            let calendars = schedules::calendars(&manifest.intents);
            let own: &Beside<'_> = &|path| Ok(calendars[path].clone());
            let text = written::written(&manifest.intents);
            let (anew, _) = parse_beside("f", text.as_bytes(), None, own)
                .unwrap_or_else(|report| panic!("what was written is refused: {report}"));
            assert_eq!(anew.intents, manifest.intents);
        }
    }
});
