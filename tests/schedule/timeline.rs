//! The changes of the wanted state, with overrides and suspensions, and the hours wanted running.

use std::time::Duration;

use evenkeel::keel::almanac::Almanac;
use evenkeel::keel::deployment::Desired;
use evenkeel::keel::intent::{Intent, Override, Suspend};
use evenkeel::keel::timeline;

use crate::written::{follows, utc};

const OFFICE: &str = "Mon-Fri 08:00-19:00";

fn lines(intent: &Intent, from: &str, until: &str) -> Vec<String> {
    let changes = timeline::changes(intent, utc(from), utc(until), &mut Almanac::default());
    changes.iter().map(|one| format!("{} {} {}", one.at, one.desired, one.rule)).collect()
}

fn minutes(intent: &Intent, from: &str, until: &str) -> u64 {
    let hours = timeline::hours(intent, utc(from), utc(until), &mut Almanac::default());
    assert_eq!(hours.as_millis() % 60_000, 0);
    hours.as_secs() / 60
}

fn overridden(state: Desired, until: &str) -> Intent {
    let exception = Override { state, until: utc(until), reason: Some("load test".into()) };
    Intent { exception: Some(exception), ..follows("Europe/Berlin", OFFICE) }
}

#[test]
fn each_change_after_the_one_end_and_up_to_the_other() {
    let office = follows("Europe/Berlin", OFFICE);
    // Friday and Monday on both sides of the end of summer time.
    assert_eq!(
        lines(&office, "2026-10-23T06:00:00Z", "2026-10-26T07:00:00Z"),
        [
            "2026-10-23T17:00:00Z stopped schedule s (outside its windows)",
            "2026-10-26T07:00:00Z running schedule s (Mon-Fri 08:00-19:00)",
        ]
    );
    assert_eq!(
        lines(&office, "2026-10-23T05:59:59.999Z", "2026-10-26T06:59:59.999Z"),
        [
            "2026-10-23T06:00:00Z running schedule s (Mon-Fri 08:00-19:00)",
            "2026-10-23T17:00:00Z stopped schedule s (outside its windows)",
        ]
    );
}

#[test]
fn a_change_of_the_rule_alone_is_none() {
    let touching = follows("UTC", "08:00-12:00; 12:00-14:00; 13:00-16:00");
    assert_eq!(
        lines(&touching, "2026-10-23T00:00:00Z", "2026-10-24T00:00:00Z"),
        [
            "2026-10-23T08:00:00Z running schedule s (08:00-12:00)",
            "2026-10-23T16:00:00Z stopped schedule s (outside its windows)",
        ]
    );
    assert_eq!(minutes(&touching, "2026-10-23T00:00:00Z", "2026-10-24T00:00:00Z"), 8 * 60);
}

#[test]
fn an_override_that_ends_gives_back_what_holds_then() {
    let (from, until) = ("2026-10-22T12:00:00Z", "2026-10-24T00:00:00Z");
    assert_eq!(
        lines(&overridden(Desired::Running, "2026-10-22T22:00:00Z"), from, until),
        [
            "2026-10-22T22:00:00Z stopped schedule s (outside its windows)",
            "2026-10-23T06:00:00Z running schedule s (Mon-Fri 08:00-19:00)",
            "2026-10-23T17:00:00Z stopped schedule s (outside its windows)",
        ]
    );
    // It ends within a window that asks for the same.
    let same = overridden(Desired::Running, "2026-10-23T10:00:00Z");
    assert_eq!(
        lines(&same, from, until),
        ["2026-10-23T17:00:00Z stopped schedule s (outside its windows)"]
    );
    assert_eq!(minutes(&same, from, until), 29 * 60);
    let stopped = overridden(Desired::Stopped, "2026-10-23T10:00:00Z");
    assert_eq!(
        lines(&stopped, from, until),
        [
            "2026-10-23T10:00:00Z running schedule s (Mon-Fri 08:00-19:00)",
            "2026-10-23T17:00:00Z stopped schedule s (outside its windows)",
        ]
    );
    assert_eq!(minutes(&stopped, from, until), 7 * 60);
    // Until after the span, and until before it.
    assert_eq!(lines(&overridden(Desired::Running, "2026-10-25T00:00:00Z"), from, until), [""; 0]);
    let over = overridden(Desired::Running, "2026-10-22T11:00:00Z");
    assert_eq!(lines(&over, from, until), lines(&follows("Europe/Berlin", OFFICE), from, until));
}

#[test]
fn a_fixed_state_changes_by_its_override_only() {
    let (from, until) = ("2026-10-22T12:00:00Z", "2026-10-24T12:00:00Z");
    for (state, hours) in [(Desired::Running, 48), (Desired::Stopped, 0)] {
        assert_eq!(lines(&Intent::fixed(state), from, until), [""; 0]);
        assert_eq!(minutes(&Intent::fixed(state), from, until), hours * 60);
    }
    let exception = Some(Override {
        state: Desired::Running,
        until: utc("2026-10-23T00:00:00Z"),
        reason: None,
    });
    let fixed = Intent { exception, ..Intent::fixed(Desired::Stopped) };
    assert_eq!(lines(&fixed, from, until), ["2026-10-23T00:00:00Z stopped state"]);
    assert_eq!(minutes(&fixed, from, until), 12 * 60);
}

#[test]
fn a_suspension_changes_no_wish() {
    let (from, until) = ("2026-10-22T12:00:00Z", "2026-10-26T12:00:00Z");
    let office = follows("Europe/Berlin", OFFICE);
    for ends in [None, Some(utc("2026-10-23T10:00:00Z")), Some(utc("2026-10-24T10:00:00Z"))] {
        let suspend = Some(Suspend { reason: "migration".into(), until: ends });
        let suspended = Intent { suspend, ..office.clone() };
        assert_eq!(lines(&suspended, from, until), lines(&office, from, until));
        assert_eq!(minutes(&suspended, from, until), minutes(&office, from, until));
    }
}

#[test]
fn a_span_that_is_empty_or_upside_down_holds_nothing() {
    let all = Intent::fixed(Desired::Running);
    let office = follows("Europe/Berlin", OFFICE);
    for (from, until) in [
        ("2026-10-22T06:00:00Z", "2026-10-22T06:00:00Z"),
        ("2026-10-22T06:00:00Z", "2026-10-20T06:00:00Z"),
    ] {
        assert_eq!(lines(&office, from, until), [""; 0]);
        assert_eq!((minutes(&office, from, until), minutes(&all, from, until)), (0, 0));
    }
}

#[test]
fn a_year_of_office_hours_adds_up() {
    let office = follows("Europe/Berlin", OFFICE);
    // 2026 has 261 days from Monday to Friday.
    assert_eq!(minutes(&office, "2025-12-31T23:00:00Z", "2026-12-31T23:00:00Z"), 261 * 11 * 60);
}

#[test]
fn a_hundred_thousand_deployments_share_what_a_schedule_says() {
    let office = follows("Europe/Berlin", OFFICE);
    let (from, until) = (utc("2026-10-22T12:00:00Z"), utc("2026-10-29T12:00:00Z"));
    let mut almanac = Almanac::default();
    let mut total = Duration::ZERO;
    for _ in 0..100_000 {
        total += timeline::hours(&office, from, until, &mut almanac);
    }
    // From 14:00 of a Thursday in summer to 13:00 of the next, in winter.
    assert_eq!(total.as_secs() / 3600, 100_000 * (5 + 4 * 11 + 5));
}
