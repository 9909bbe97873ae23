//! What the limits make of schedules: fleets in, exact words out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::time::Duration;

use evenkeel::keel::deployment::{Action, DeploymentId, Desired};
use evenkeel::keel::finding::warnings;
use evenkeel::keel::forecast::{Course, Over, forecast};
use evenkeel::keel::intent::{Intent, Manifest, Wanted};
use evenkeel::keel::policy::{Limit, Limits, ScopeMode};
use evenkeel::keel::recurrence::weekdays;
use evenkeel::keel::schedule::{Days, Hours, On, Schedule, Window};
use evenkeel::keel::time::Wall;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

const WEEK: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

/// `Mon Tue`, in any order; empty for all of them.
fn days(text: &str) -> Days {
    let named = WEEK.iter().filter(|(name, _)| text.is_empty() || text.contains(name));
    named.fold(Days::NONE, |days, (_, day)| days.with(*day))
}

/// A schedule of windows such as `("Mon Tue", "08:00-19:00")`.
fn schedule(zone: &str, windows: &[(&str, &str)]) -> Schedule {
    let minutes = |text: &str| {
        let (hours, minutes) = text.split_once(':').unwrap();
        hours.parse::<u16>().unwrap() * 60 + minutes.parse::<u16>().unwrap()
    };
    let window = |(on, hours): &(&str, &str)| {
        let (begin, end) = hours.split_once('-').unwrap();
        let text = format!("{on} {hours}");
        Window {
            on: On::Days(days(on)),
            hours: Hours::new(minutes(begin), minutes(end)).unwrap(),
            text: text.trim().into(),
        }
    };
    Schedule {
        name: "hours".into(),
        zone: TimeZone::get(zone).unwrap(),
        windows: windows.iter().map(window).collect(),
        exceptions: Vec::new(),
        ready: false,
    }
}

fn manifest(fleet: impl IntoIterator<Item = (String, Arc<Schedule>)>) -> Manifest {
    let intent = |(id, schedule): (String, Arc<Schedule>)| {
        let wanted = Wanted::Scheduled(schedule);
        let intent = Intent { wanted, ..Intent::fixed(Desired::Stopped) };
        (DeploymentId::parse(&id).unwrap(), intent)
    };
    Manifest::new("0".into(), fleet.into_iter().map(intent))
}

fn at(text: &str) -> Wall {
    text.parse::<jiff::Timestamp>().unwrap().into()
}

const WORKDAYS: &str = "Mon Tue Wed Thu Fri";

#[test]
fn windows_and_gaps_that_one_deployment_cannot_have() {
    /// Name, windows, warnings.
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);
    let cases: &[Case<'_>] = &[
        ("an hour's gap", &[("", "08:00-12:00"), ("", "13:00-19:00")], &[]),
        ("a short window", &[(WORKDAYS, "08:00-08:30")], &[]),
        (
            "starts 45 minutes apart",
            &[(WORKDAYS, "08:00-08:30"), (WORKDAYS, "08:45-12:00")],
            &["`d` (schedule hours): each Mon-Fri, the start wanted at 08:45 Europe/Berlin is \
               sent at 09:00:10, 15m10s late: the limit is 1 start in 1h10s"],
        ),
        (
            "a window that ends before its start is allowed",
            &[(WORKDAYS, "08:00-08:30"), (WORKDAYS, "08:45-08:55")],
            &["`d` (schedule hours): each Mon-Fri, the start wanted at 08:45 Europe/Berlin is \
               never sent: it is allowed from 09:00:10 on, and stopped is wanted again at 08:55; \
               the limit is 1 start in 1h10s"],
        ),
        (
            "exactly an hour apart is 10 seconds too few",
            &[("Sat", "08:00-08:30"), ("Sat", "09:00-10:00")],
            &["`d` (schedule hours): each Sat, the start wanted at 09:00 Europe/Berlin is sent \
               at 09:00:10, 10s late: the limit is 1 start in 1h10s"],
        ),
        (
            "over midnight",
            &[("Mon", "23:00-23:30"), ("Mon", "23:40-06:00")],
            &["`d` (schedule hours): each Mon, the start wanted at 23:40 Europe/Berlin is sent \
               at Tue 00:00:10, 20m10s late: the limit is 1 start in 1h10s"],
        ),
        (
            "a gap that comes too soon after another",
            &[("", "00:00-12:00"), ("", "12:15-12:30"), ("", "12:50-24:00")],
            &["`d` (schedule hours): each day, the stop wanted at 12:30 Europe/Berlin is never \
               sent: it is allowed from 13:00:10 on, and running is wanted again at 12:50; the \
               limit is 1 stop in 1h10s"],
        ),
    ];
    for (name, windows, expected) in cases {
        let manifest = manifest([("d".to_owned(), schedule("Europe/Berlin", windows).into())]);
        let found = warnings(&manifest, &Limits::default(), at("2026-11-25T12:00:00Z"));
        assert_eq!(found, *expected, "{name}");
    }
}

#[test]
fn the_same_thing_of_several_deployments_is_told_once() {
    let windows = [("Mon", "08:00-08:30"), ("Mon", "08:45-12:00")];
    let shared = Arc::new(schedule("UTC", &windows));
    let fleet = (0..5).map(|number| (format!("d{number}"), shared.clone()));
    let limits = Limits { scope: ScopeMode::Deployment, ..Limits::default() };
    assert_eq!(
        warnings(&manifest(fleet), &limits, at("2026-11-25T12:00:00Z")),
        ["`d0`, `d1`, `d2` and 2 more (schedule hours): each Mon, the start wanted at 08:45 UTC \
             is sent at 09:00:10, 15m10s late: the limit is 1 start in 1h10s"]
    );
}

#[test]
fn a_line_for_a_budget_that_an_account_shares() {
    let shared = Arc::new(schedule("Europe/Berlin", &[(WORKDAYS, "08:00-19:00")]));
    let fleet = (10..30).map(|number| (format!("d{number}"), shared.clone()));
    let fleet = manifest(fleet);
    let limits = |scope| Limits { scope, ..Limits::default() };
    let from = at("2026-11-25T00:00:00Z");
    let starts = "account `default`: each Mon-Fri, 20 starts wanted from 08:00 Europe/Berlin on \
                  wait in line, the last until 18:01:40, 10h1m40s later (the limit is 1 start in \
                  1h10s): `d10`, `d11`, `d12` and 17 more; 9 of them never come to their turn, \
                  as the window ends first: `d10`, `d11`, `d23` and 6 more, and others on the \
                  other days";
    let stops = "account `default`: each Mon-Fri, 11 stops wanted from 19:00 Europe/Berlin on wait \
                 in line, the last until Thu 05:01:40, 10h1m40s later (the limit is 1 stop in \
                 1h10s): `d12`, `d13`, `d14` and 8 more, and others on the other days";
    let found = warnings(&fleet, &limits(ScopeMode::Account), from);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!(found[0], starts);
    assert_eq!(found[1], stops);
    assert_eq!(warnings(&fleet, &limits(ScopeMode::Deployment), from), <[&str; 0]>::default());
    assert_eq!(
        warnings(&fleet, &limits(ScopeMode::Auto), from),
        [format!("should the API count over the whole account (`limits.scope: auto`), {starts}")]
    );
}

/// The turns of `tests/keel/queue.rs`, from the third day on: it looks two days back.
#[test]
fn those_who_get_no_turn_go_first_the_next_day() {
    let shared = Arc::new(schedule("UTC", &[("", "08:00-12:00")]));
    let fleet = (1..=10).map(|number| (format!("d{number:02}"), shared.clone()));
    let (from, until) = (at("2026-11-25T00:00:00Z"), at("2026-11-28T00:00:00Z"));
    let steps = forecast(&manifest(fleet), &Limits::default(), Over::Account, from, until);
    let mut sent: Vec<_> = steps
        .iter()
        .filter(|step| step.action == Action::Start)
        .filter_map(|step| match step.course {
            Course::Sent(at) => Some((at, step.deployment.to_string())),
            Course::Skipped { .. } => None,
        })
        .collect();
    sent.sort();
    let sent: Vec<_> = sent.iter().map(|(_, name)| &**name).collect();
    let turns =
        [["d09", "d10", "d01", "d02"], ["d03", "d04", "d05", "d06"], ["d07", "d08", "d09", "d10"]];
    assert_eq!(sent, turns.concat());
}

#[test]
fn more_calls_in_a_window_make_more_possible() {
    let windows = [("", "08:00-08:10"), ("", "08:20-08:30"), ("", "08:40-08:50")];
    let manifest = manifest([("d".to_owned(), schedule("UTC", &windows).into())]);
    let two = Limit { requests: 2, per: Duration::from_secs(3600) };
    let limits = Limits { start: two, ..Limits::default() };
    let (from, until) = (at("2026-11-25T00:00:00Z"), at("2026-11-26T00:00:00Z"));
    let steps = forecast(&manifest, &limits, Over::Deployment, from, until);
    let found: Vec<_> = steps
        .iter()
        .map(|step| {
            let course = match step.course {
                Course::Sent(at) => format!("sent {at}"),
                Course::Skipped { revoked, allowed } => format!("not by {revoked} ({allowed})"),
            };
            format!("{} {}: {course}", step.action, step.wanted)
        })
        .collect();
    assert_eq!(
        found,
        [
            "start 2026-11-25T08:00:00Z: sent 2026-11-25T08:00:00Z",
            "stop 2026-11-25T08:10:00Z: sent 2026-11-25T08:10:00Z",
            "start 2026-11-25T08:20:00Z: sent 2026-11-25T08:20:00Z",
            // It runs through the gap, so the third start is not needed.
            "stop 2026-11-25T08:30:00Z: not by 2026-11-25T08:40:00Z (2026-11-25T09:10:10Z)",
            "stop 2026-11-25T08:50:00Z: sent 2026-11-25T09:10:10Z",
        ]
    );
}

#[test]
fn protected_and_suspended_deployments_wait_for_nothing() {
    let windows = [("", "08:00-08:30"), ("", "08:45-12:00")];
    let mut manifest = manifest([("d".to_owned(), schedule("UTC", &windows).into())]);
    for intent in manifest.intents.values_mut().map(Arc::make_mut) {
        intent.protect = true;
    }
    let from = at("2026-11-25T00:00:00Z");
    assert_eq!(warnings(&manifest, &Limits::default(), from), <[&str; 0]>::default());
}

#[test]
fn days_of_the_week_in_words() {
    for (from, to) in [
        ("Mon Tue Wed Thu Fri", "Mon-Fri"),
        ("Mon Wed Fri", "Mon,Wed,Fri"),
        ("Sat Sun Mon", "Sat-Mon"),
        ("Sat Sun", "Sat,Sun"),
        ("Mon Tue Wed Sat", "Mon-Wed,Sat"),
        ("Sun Mon", "Sun,Mon"),
        ("Tue", "Tue"),
    ] {
        assert_eq!(weekdays(days(from)), to);
    }
}
