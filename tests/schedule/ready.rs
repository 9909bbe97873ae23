//! `ready: true`: started so early that it runs when a window begins, by a lead that is given.

use std::sync::Arc;
use std::time::Duration;

use evenkeel::keel::deployment::Desired;
use evenkeel::keel::intent::{Intent, Override, Resolved, Wanted};
use evenkeel::keel::schedule::Schedule;
use evenkeel::keel::time::Wall;

use crate::written::{schedule, utc};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

fn ready(text: &str) -> Intent {
    let schedule = Schedule { ready: true, ..schedule("Europe/Berlin", text) };
    Intent { wanted: Wanted::Scheduled(Arc::new(schedule)), ..Intent::fixed(Desired::Stopped) }
}

fn at(intent: &Intent, wall: Wall, lead: u64) -> Resolved {
    intent.resolve_with(wall, Duration::from_secs(lead), |schedule| schedule.at(wall))
}

/// The changes of state or rule from one instant to another, by going from `valid_until` to
/// `valid_until`, and asking in between as well.
fn lines(text: &str, lead: u64, from: &str, until: &str) -> Vec<String> {
    let intent = ready(text);
    let (mut wall, until) = (utc(from), utc(until));
    let mut lines: Vec<String> = vec![];
    while wall < until {
        let now = at(&intent, wall, lead);
        let line = format!("{} {}", now.desired, now.rule);
        if lines.last().is_none_or(|last| !last.ends_with(&line)) {
            lines.push(format!("{wall} {line}"));
        }
        let next = now.valid_until.unwrap_or(until);
        assert!(wall < next, "at {wall}");
        for between in [wall.shifted(1), next.shifted(-1)] {
            if wall < between && between < next {
                let then = at(&intent, between, lead);
                assert_eq!((then.desired, then.rule), (now.desired, now.rule.clone()));
                assert_eq!((then.since, then.ready_by), (now.since, now.ready_by));
            }
        }
        wall = next;
    }
    lines
}

const OFFICE: &str = "Mon-Fri 08:00-19:00";
const WINDOW: &str = "running schedule s (Mon-Fri 08:00-19:00)";
const OUTSIDE: &str = "stopped schedule s (outside its windows)";

#[test]
fn without_a_lead_it_begins_with_the_window() {
    assert_eq!(
        lines(OFFICE, 0, "2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z"),
        [
            format!("2026-11-25T00:00:00Z {OUTSIDE}"),
            format!("2026-11-25T07:00:00Z {WINDOW}"),
            format!("2026-11-25T18:00:00Z {OUTSIDE}"),
        ]
    );
}

#[test]
fn by_the_lead_it_begins_earlier() {
    for (lead, early) in [(10 * MINUTE, "06:50"), (2 * HOUR, "05:00")] {
        assert_eq!(
            lines(OFFICE, lead, "2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z"),
            [
                format!("2026-11-25T00:00:00Z {OUTSIDE}"),
                format!("2026-11-25T{early}:00Z running schedule s (ready by Wed 08:00)"),
                format!("2026-11-25T07:00:00Z {WINDOW}"),
                format!("2026-11-25T18:00:00Z {OUTSIDE}"),
            ]
        );
    }
}

#[test]
fn a_lead_is_so_long_whatever_the_clock_does_meanwhile() {
    // 03:00 in summer is two hours of waiting after 00:00 in winter.
    assert_eq!(
        lines("Sun 03:00-05:00", 2 * HOUR, "2026-03-28T12:00:00Z", "2026-03-29T02:00:00Z"),
        [
            format!("2026-03-28T12:00:00Z {OUTSIDE}"),
            "2026-03-28T23:00:00Z running schedule s (ready by Sun 03:00)".to_owned(),
            "2026-03-29T01:00:00Z running schedule s (Sun 03:00-05:00)".to_owned(),
        ]
    );
}

#[test]
fn the_deadline_is_known_before_and_in_the_window() {
    let (office, begin) = (ready(OFFICE), utc("2026-11-25T07:00:00Z"));
    let early = at(&office, utc("2026-11-25T06:55:00Z"), 10 * MINUTE);
    assert_eq!(early.desired, Desired::Running);
    assert_eq!((early.ready_by, early.changes), (Some(begin), Some(begin)));
    assert_eq!(early.since, Some(utc("2026-11-25T06:50:00Z")));
    let within = at(&office, utc("2026-11-25T10:00:00Z"), 10 * MINUTE);
    assert_eq!((within.ready_by, within.since), (Some(begin), Some(begin)));
    assert_eq!(within.changes, Some(utc("2026-11-25T18:00:00Z")));
    let after = at(&office, utc("2026-11-25T18:00:00Z"), 10 * MINUTE);
    assert_eq!((after.desired, after.ready_by), (Desired::Stopped, None));
    assert_eq!(after.changes, Some(utc("2026-11-26T06:50:00Z")));
    // A schedule that need not be ready has no deadline, and needs no lead.
    let plain = Intent {
        wanted: Wanted::Scheduled(Arc::new(schedule("Europe/Berlin", OFFICE))),
        ..Intent::fixed(Desired::Stopped)
    };
    for wall in [utc("2026-11-25T06:55:00Z"), utc("2026-11-25T10:00:00Z")] {
        assert_eq!(at(&plain, wall, 10 * MINUTE), at(&plain, wall, 0));
        assert_eq!(at(&plain, wall, 10 * MINUTE).ready_by, None);
    }
}

#[test]
fn a_gap_that_is_no_longer_than_the_lead_is_run_through() {
    let halves = "08:00-12:00; 13:00-17:00";
    let (from, until) = ("2026-11-25T07:00:00Z", "2026-11-25T17:00:00Z");
    let bridged = [
        "2026-11-25T07:00:00Z running schedule s (08:00-12:00)".to_owned(),
        "2026-11-25T11:00:00Z running schedule s (ready by Wed 13:00)".to_owned(),
        "2026-11-25T12:00:00Z running schedule s (13:00-17:00)".to_owned(),
        format!("2026-11-25T16:00:00Z {OUTSIDE}"),
    ];
    for lead in [HOUR, 2 * HOUR, 14 * HOUR] {
        assert_eq!(lines(halves, lead, from, until), bridged, "{lead}");
    }
    let within = at(&ready(halves), utc("2026-11-25T11:30:00Z"), 2 * HOUR);
    assert_eq!(within.since, Some(utc("2026-11-25T11:00:00Z")));
    assert_eq!(within.ready_by, Some(utc("2026-11-25T12:00:00Z")));
}

#[test]
fn a_lead_longer_than_all_gaps_never_stops() {
    for lead in [13 * HOUR, 24 * HOUR, 1000 * HOUR, u64::MAX] {
        let daily = lines("08:00-19:00", lead, "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z");
        assert!(daily.iter().all(|line| line.contains(" running ")), "{daily:?}");
    }
}

#[test]
fn nothing_ahead_is_not_made_ready_for() {
    let once = ready("2026-11-25 08:00-19:00");
    let over = at(&once, utc("2026-11-25T18:00:00Z"), u64::MAX);
    assert_eq!((over.desired, over.changes, over.valid_until), (Desired::Stopped, None, None));
    let always = at(&ready("00:00-24:00"), utc("2026-11-25T18:00:00Z"), HOUR);
    assert_eq!((always.desired, always.ready_by), (Desired::Running, None));
}

#[test]
fn an_override_knows_no_lead() {
    let until = utc("2026-11-25T06:55:00Z");
    let exception = Some(Override { state: Desired::Stopped, until, reason: None });
    let intent = Intent { exception, ..ready(OFFICE) };
    let before = at(&intent, utc("2026-11-25T06:51:00Z"), 10 * MINUTE);
    assert_eq!((before.desired, before.changes), (Desired::Stopped, Some(until)));
    let after = at(&intent, until, 10 * MINUTE);
    assert_eq!(after.rule.to_string(), "schedule s (ready by Wed 08:00)");
}
