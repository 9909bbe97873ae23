//! The desired file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use evenkeel::keel::deployment::AccountId;
use evenkeel::keel::intent::{Intent, Manifest, Prices, Wanted};
use evenkeel::keel::schedule::{Exception, On, Schedule, Window};
use evenkeel::keel::time::Wall;
use evenkeel::manifest::{expired, on_disk, parse, parse_beside, revision};
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use crate::golden::compare;

/// What the file asks for, a line for each deployment; or what is wrong.
fn outcome(name: &str, bytes: &[u8]) -> String {
    let accounts: &[&str] =
        if name.starts_with("no-default") { &["eu", "us"] } else { &["default", "eu"] };
    let accounts: Vec<AccountId> = accounts.iter().map(|name| AccountId::new(name)).collect();
    let beside = on_disk(Path::new("tests/manifest/cases/desired.yaml"));
    match parse_beside("desired.yaml", bytes, Some(&accounts), &beside) {
        Err(report) => format!("{report}\n"),
        Ok((manifest, warnings)) => {
            let mut out = format!("valid, revision {}\n", manifest.revision);
            if !manifest.acknowledged.is_empty() {
                let ids: Vec<&str> = manifest.acknowledged.iter().map(|id| &**id).collect();
                out.push_str(&format!("acknowledged: {}\n", ids.join(" ")));
            }
            let schedules = manifest.intents.values().filter_map(|intent| intent.schedule());
            let schedules: BTreeMap<_, _> = schedules.map(|one| (&*one.name, one)).collect();
            for schedule in schedules.values() {
                out.push_str(&format!("schedule {}\n", parts(schedule)));
            }
            for (id, intent) in &manifest.intents {
                out.push_str(&format!("{id}: {}\n", said(intent)));
            }
            for warning in warnings.iter().chain(&expired(&manifest, Wall::from_millis(NOW))) {
                out.push_str(&format!("warning: {warning}\n"));
            }
            out
        }
    }
}

/// 2026-11-01T00:00:00Z.
const NOW: i64 = 1_793_491_200_000;

fn said(intent: &Intent) -> String {
    let Intent { account, name, wanted, protect, suspend, exception, prices, zone } = intent;
    let mut out = match wanted {
        Wanted::Fixed(state) => format!("{state} in {account}"),
        Wanted::Scheduled(schedule) => format!("schedule {} in {account}", schedule.name),
    };
    if let Some(name) = name {
        out.push_str(&format!(", name {name:?}"));
    }
    if *protect {
        out.push_str(", protected");
    }
    if *zone != TimeZone::UTC {
        out.push_str(&format!(", zone {}", zone.iana_name().unwrap_or("?")));
    }
    if let Some(Prices { running, stopped }) = prices {
        out.push_str(&format!(", prices {running}/{stopped}"));
    }
    let until = |until: Option<Wall>| until.map_or("ever".to_owned(), |until| until.to_string());
    if let Some(suspend) = suspend {
        out.push_str(&format!(", suspended ({}) for {}", suspend.reason, until(suspend.until)));
    }
    if let Some(one) = exception {
        let reason = one.reason.as_deref().unwrap_or("no reason");
        out.push_str(&format!(", {} until {} ({reason})", one.state, one.until));
    }
    out
}

/// A schedule with a line for each part.
fn parts(schedule: &Schedule) -> String {
    let Schedule { name, zone, windows, exceptions, ready } = schedule;
    let zone = zone.iana_name().unwrap_or("?");
    let mut out = format!("{name}, {zone}{}", if *ready { ", ready" } else { "" });
    for Window { on, hours, text } in windows {
        let on = match on {
            On::Days(days) => DAYS.iter().filter(|day| days.has(**day)).count().to_string(),
            On::Dates(dates) => dates.to_string(),
        };
        out.push_str(&format!("\n  {text} = {on} x {hours}"));
    }
    for Exception { dates, hours, text } in exceptions {
        let hours: Vec<String> = hours.iter().map(ToString::to_string).collect();
        out.push_str(&format!("\n  {text} = {dates} [{}]", hours.join(" ")));
    }
    out
}

const DAYS: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

#[test]
fn each_case_says_what_is_expected() {
    compare("cases/*.yaml", 200, outcome);
}

#[test]
fn without_a_configuration_every_account_will_do() {
    let text = b"deployments: { w1: { state: running, account: anything } }";
    let (manifest, _) = parse("f", text, None).expect("valid");
    assert_eq!(manifest.intents["w1"].account, AccountId::new("anything"));
}

#[test]
fn the_revision_names_the_content() {
    assert_eq!(&*revision(b"deployments: {}\n"), "daa32a2a");
    assert_ne!(revision(b"deployments: {}"), revision(b"deployments: {}\n"));
}

#[test]
fn an_oversized_file_is_refused() {
    let report = parse("f", &vec![b'#'; (16 << 20) + 1], None).expect_err("too large");
    assert_eq!(report.to_string(), "f: the file is larger than 16 MiB, which is the limit");
}

#[test]
fn a_fleet_of_a_hundred_thousand() {
    let mut text = String::from("deployments:\n");
    for n in 0..100_000 {
        let state = if n % 2 == 0 { "running" } else { "stopped" };
        text.push_str(&format!("  w{n:07x}: {{ state: {state}, name: n{n} }}\n"));
    }
    let manifest: Manifest = parse("f", text.as_bytes(), None).expect("valid").0;
    assert_eq!(manifest.intents.len(), 100_000);
}

#[test]
fn a_hundred_thousand_follow_one_schedule() {
    let mut text = String::from("schedules: { s: { running: Mon-Fri 08:00-19:00 } }\n");
    text.push_str("deployments:\n");
    for n in 0..100_000 {
        text.push_str(&format!("  w{n:07x}: s\n"));
    }
    let manifest = parse("f", text.as_bytes(), None).expect("valid").0;
    let schedules: Vec<_> =
        manifest.intents.values().filter_map(|intent| intent.schedule()).collect();
    assert_eq!(schedules.len(), 100_000);
    assert!(schedules.iter().all(|schedule| Arc::ptr_eq(schedule, schedules[0])));
}

/// What would be a hundred million windows.
#[test]
fn bases_and_calendars_are_bounded() {
    let mut text = String::from("holidays: h.ics\nschedules:\n  s: { running: 08:00-19:00 }\n");
    for n in 0..10_000 {
        text.push_str(&format!("  s{n}: {{ base: s }}\n"));
    }
    text.push_str("deployments: {}\n");
    let event = |n: usize| format!("BEGIN:VEVENT\nDTSTART:20300101\nSUMMARY:{n}\nEND:VEVENT\n");
    let events: String = (0..4000).map(event).collect();
    let calendar = format!("BEGIN:VCALENDAR\n{events}END:VCALENDAR\n");
    let beside = |_: &str| Ok(calendar.as_bytes().into());
    let report = parse_beside("f", text.as_bytes(), None, &beside).expect_err("too many");
    assert_eq!(
        report.to_string(),
        "f:1224:3: with their bases and holidays, the schedules have more than 1000000 windows \
         and dates\n  1224 |   s1220: { base: s }\n       |   ^^^^^"
    );
}

/// The chapter on schedules, for people: its example and each line of its table.
#[test]
fn the_readme_speaks_the_language() {
    let readme = std::fs::read_to_string("README.md").expect("the README");
    let chapter = readme.split("\n## Schedules\n").nth(1).expect("a chapter");
    let chapter = chapter.split("\n## ").next().expect("its end");
    let example = chapter.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    let beside = on_disk(Path::new("config/desired.yaml"));
    let valid = |text: &str| {
        let result = parse_beside("README", text.as_bytes(), None, &beside);
        result.unwrap_or_else(|report| panic!("{report}\n{text}")).1
    };
    assert_eq!(valid(example.expect("an example")), [""; 0]);
    let rows = chapter.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    for row in rows {
        let line = match row {
            window if !row.starts_with(|c: char| c.is_ascii_lowercase()) => {
                format!("    running: [{window}]\n")
            }
            other => format!("    {}\n", other.replace(": - {", ":\n      - {")),
        };
        let running =
            if line.starts_with("    running") { "" } else { "    running: 08:00-19:00\n" };
        let office = "  office-hours: { running: 08:00-19:00 }\n";
        valid(&format!("schedules:\n{office}  s:\n{running}{line}deployments: {{ w1: s }}\n"));
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse("f", &bytes, None);
    }

    #[test]
    fn no_mangled_file_panics(cut in 0usize..400, at in 0usize..400, byte in any::<u8>()) {
        let mut text = include_bytes!("cases/long.yaml").to_vec();
        let length = text.len();
        text[at % length] = byte;
        text.truncate(cut);
        if let Err(report) = parse("f", &text, None) {
            prop_assert!(!report.to_string().is_empty());
        }
    }
}
