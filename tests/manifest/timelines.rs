//! Desired files, and exactly what they want when.
//!
//! The first lines of `timelines/NAME.yaml` say from which instant on, and for how many days;
//! `NAME.expected` has the state at that instant and a line for each change, in the local time of
//! the schedule and in UTC.

use std::path::Path;

use evenkeel::keel::intent::Intent;
use evenkeel::keel::time::Wall;
use evenkeel::manifest::{on_disk, parse_beside};
use jiff::Timestamp;

use crate::golden::compare;

/// More changes than this in one file would not be read by anybody.
const CHANGES_MAX: usize = 100;

const DAY: i64 = 86_400_000;

fn header<'t>(text: &'t str, key: &str) -> &'t str {
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("# {key}: ")));
    line.expect("a header")
}

fn timeline(_: &str, bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).expect("text");
    let from: Timestamp = header(text, "from").parse().expect("an instant");
    let days: i64 = header(text, "days").parse().expect("a number");
    let (from, until) = (Wall::from(from), Wall::from(from).shifted(days * DAY));
    let beside = on_disk(Path::new("tests/manifest/timelines/desired.yaml"));
    let (manifest, warnings) = parse_beside("desired.yaml", bytes, None, &beside)
        .unwrap_or_else(|report| panic!("{report}\n{text}"));
    let mut out = warnings.iter().map(|line| format!("warning: {line}\n")).collect::<String>();
    for (id, intent) in &manifest.intents {
        out.push_str(&format!("{id}\n"));
        let mut next = Some(from);
        let mut changes = 0;
        while let Some(wall) = next.filter(|wall| *wall < until) {
            let resolved = intent.resolve(wall);
            let suspended = resolved.suspended.map(|reason| format!(", suspended ({reason})"));
            out.push_str(&format!(
                "  {}  {wall}  {}  {}{}\n",
                local(intent, wall),
                resolved.desired,
                resolved.rule,
                suspended.unwrap_or_default()
            ));
            assert!(resolved.changes.is_none_or(|change| wall < change), "{out}");
            next = resolved.changes;
            changes += 1;
            assert!(changes <= CHANGES_MAX, "{out}");
        }
        out.push_str(match next {
            Some(_) => "  and so on\n",
            None => "  for ever\n",
        });
    }
    out
}

fn local(intent: &Intent, wall: Wall) -> String {
    let zone = intent.schedule().map_or(&intent.zone, |schedule| &schedule.zone);
    wall.timestamp()
        .to_zoned_datetime(zone.clone())
        .strftime("%a %Y-%m-%d %H:%M:%S %:z")
        .to_string()
}

#[test]
fn each_timeline_is_as_expected() {
    compare("timelines/*.yaml", 40, timeline);
}
