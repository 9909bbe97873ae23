//! The desired file.

use std::collections::BTreeMap;
use std::path::Path;

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
            let schedules = manifest.intents.values().filter_map(Intent::schedule);
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
    compare("cases/*.yaml", 40, outcome);
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
