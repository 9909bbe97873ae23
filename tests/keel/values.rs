//! Durations, ids, words and intents: text and time in, values out.

use std::time::Duration;

use evenkeel::keel::cadence::{next_turn, retry_delay};
use evenkeel::keel::call::CallId;
use evenkeel::keel::deployment::{Action, DeploymentId, Desired, Status};
use evenkeel::keel::intent::{Intent, Override, Rule, Suspend};
use evenkeel::keel::policy::Act;
use evenkeel::keel::time::{Mono, Wall, format_duration, parse_duration};
use proptest::prelude::*;

use crate::bench::{manifest, repeatable};

#[test]
fn durations_are_read_as_people_write_them() {
    for (text, millis) in [
        ("90s", 90_000),
        ("60m", 3_600_000),
        ("1h30m", 5_400_000),
        ("250ms", 250),
        ("2d", 172_800_000),
        ("1d2h3m4s5ms", 93_784_005),
        ("0s", 0),
        ("36525d", 3_155_760_000_000),
    ] {
        assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
    }
}

#[test]
fn instants_are_ordered_and_written_as_their_numbers() {
    let numbers = [i64::MIN + 1, -1, 0, 1, 1_767_225_600_250, i64::MAX];
    for number in numbers {
        let (mono, wall) = (Mono::from_millis(number), Wall::from_millis(number));
        assert_eq!((mono.millis(), wall.millis()), (number, number));
        assert_eq!(serde_json::to_string(&wall).unwrap(), number.to_string());
        assert_eq!(serde_json::from_str::<Mono>(&number.to_string()).unwrap(), mono);
        assert_eq!(format!("{mono:?}"), format!("Mono({number})"));
    }
    assert!(numbers.map(Mono::from_millis).is_sorted());
    assert!(numbers.map(Wall::from_millis).is_sorted());
    assert_eq!(Mono::default().millis(), 0);
    // There is no room for the least number: a missing instant has it.
    assert_eq!(Mono::from_millis(i64::MIN).millis(), i64::MIN + 1);
    assert_eq!(size_of::<Option<Wall>>(), size_of::<Wall>());
}

#[test]
fn what_is_no_duration_is_said_so() {
    let texts = [
        "",
        "s",
        "5",
        "5 s",
        " 5s",
        "5s ",
        "-5s",
        "+5s",
        "1.5h",
        "5S",
        "5min",
        "30m1h",
        "1m1m",
        "1ms1s",
        "5µs",
        "36526d",
        "99999999999999999999s",
        "18446744073709551615d",
        "٣s",
    ];
    for text in texts {
        let expected = format!("`{text}` is not a duration; write it like `90s`, `60m` or `1h30m`");
        assert_eq!(parse_duration(text), Err(expected));
    }
}

#[test]
fn durations_are_written_in_the_shortest_form() {
    let cases =
        [(0, "0s"), (5, "5ms"), (90_000, "1m30s"), (3_600_000, "1h"), (86_400_001, "1d1ms")];
    for (millis, text) in cases {
        assert_eq!(format_duration(Duration::from_millis(millis)), text);
    }
}

proptest! {
    #![proptest_config(repeatable())]

    #[test]
    fn durations_survive_writing_and_reading(millis in 0u64..3_155_760_000_000) {
        let duration = Duration::from_millis(millis);
        prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
    }

    #[test]
    fn no_text_makes_the_readers_panic(text in "\\PC{0,80}") {
        let _ = parse_duration(&text);
        let _ = DeploymentId::parse(&text);
        let _ = Status::from_word(&text);
    }
}

#[test]
fn a_deployment_is_found_by_its_text() {
    let intents = [("a", Intent::fixed(Desired::Running)), ("b", Intent::fixed(Desired::Stopped))];
    let manifest = manifest("r1", &intents);
    assert_eq!(*manifest.intents["b"], intents[1].1);
    assert_eq!(manifest.intents.get("c"), None);
}

/// So the map of a fleet finds an id by its text.
#[test]
fn ids_are_in_the_order_of_their_texts() {
    let texts = ["", "0", "1", "A", "a", "z", "-", "_", "aa"];
    let heads =
        ["a", "abcdefg", "abcdefgh", "abcdefgi", "bbcdefgh", "w41b11c0", "w41b11c0w41b11c0"];
    let ids: Vec<_> = heads
        .iter()
        .flat_map(|head| texts.iter().map(move |text| format!("{head}{text}")))
        .map(|text| DeploymentId::parse(&text).unwrap())
        .collect();
    for one in &ids {
        for two in &ids {
            assert_eq!(one.cmp(two), one.as_str().cmp(two.as_str()), "{one} {two}");
        }
    }
}

#[test]
fn ids_are_safe_in_a_path() {
    let longest = "a".repeat(64);
    for text in ["w41b11c0", "0", "A-b_c", &longest] {
        assert_eq!(DeploymentId::parse(text).unwrap().as_str(), text);
    }
    let too_long = "a".repeat(65);
    for text in ["", "-a", "_a", "a/b", "a b", "a.b", "ä", "a\n", "..", "a%2f", &too_long] {
        let fault = DeploymentId::parse(text).unwrap_err();
        assert!(fault.contains("is not a deployment id; expected letters"), "{fault}");
        assert!(!fault.contains('\n'), "{fault}");
    }
}

#[test]
fn only_the_exact_words_have_a_meaning() {
    for word in Status::KNOWN {
        let status = Status::from_word(word);
        assert_eq!(status.as_str(), word);
        assert!(!matches!(status, Status::Unknown(_)));
    }
    for word in ["Running", " running", "running ", "", "hibernating"] {
        assert_eq!(Status::from_word(word), Status::Unknown(word.into()));
    }
    let hostile = format!("a\u{7}\n{}", "x".repeat(100));
    assert_eq!(Status::from_word(&hostile).as_str(), format!("a{}", "x".repeat(31)));
    let settled: Vec<_> = Status::KNOWN.map(|word| Status::from_word(word).settled()).into();
    let (running, stopped) = (Some(Desired::Running), Some(Desired::Stopped));
    assert_eq!(settled, [running, stopped, None, None, None, None]);
    let passing: Vec<_> = Status::KNOWN.map(|word| Status::from_word(word).passing()).into();
    assert_eq!(passing, [false, false, true, true, true, false]);
    assert_eq!(Desired::Running.action(), Action::Start);
    assert_eq!(Action::Stop.leads_to(), Desired::Stopped);
}

#[test]
fn an_intent_depends_on_nothing_but_the_file_and_the_time() {
    let wall = Wall::from_millis;
    let reason = Some("load test".into());
    let intent = Intent {
        suspend: Some(Suspend { reason: "migration".into(), until: Some(wall(100)) }),
        exception: Some(Override { state: Desired::Running, until: wall(200), reason }),
        ..Intent::fixed(Desired::Stopped)
    };
    let first = intent.resolve(wall(99));
    assert_eq!((first.desired, first.changes), (Desired::Running, Some(wall(100))));
    assert_eq!(first.rule.to_string(), "override (load test)");
    assert_eq!(first.suspended.as_deref(), Some("migration"));
    let second = intent.resolve(wall(100));
    assert_eq!((second.desired, second.changes), (Desired::Running, Some(wall(200))));
    assert_eq!(second.suspended, None, "an until is the first instant after it");
    let third = intent.resolve(wall(200));
    assert_eq!((third.desired, third.changes, third.rule), (Desired::Stopped, None, Rule::State));
}

#[test]
fn a_suspension_without_an_end_does_not_end() {
    let suspend = Some(Suspend { reason: "x".into(), until: None });
    let intent = Intent { suspend, ..Intent::fixed(Desired::Running) };
    let resolved = intent.resolve(Wall::from_millis(i64::MAX));
    assert_eq!((resolved.suspended.as_deref(), resolved.changes), (Some("x"), None));
}

#[test]
fn clock_readings_do_not_overflow() {
    let most = Mono::from_millis(i64::MAX);
    assert_eq!(most + Duration::MAX, most);
    assert_eq!(Mono::from_millis(i64::MIN) - Duration::MAX, Mono::from_millis(i64::MIN));
    assert_eq!(Mono::from_millis(0).since(most), Duration::ZERO);
    assert_eq!(Mono::default() + Duration::from_nanos(1), Mono::from_millis(1), "rounded up");
    assert_eq!(Wall::from_millis(0).to_string(), "1970-01-01T00:00:00Z");
    assert_eq!(Wall::from_millis(1_767_225_600_000).to_string(), "2026-01-01T00:00:00Z");
    for extreme in [i64::MIN, i64::MAX] {
        let _ = Wall::from_millis(extreme).to_string();
    }
}

#[test]
fn an_instant_by_a_clock_of_its_own_and_in_utc() {
    for (at, zone, text) in [
        ("2026-11-26T07:00:00Z", "Europe/Berlin", "2026-11-26 08:00 Europe/Berlin (07:00Z)"),
        (
            "2026-11-26T07:56:20.9Z",
            "Europe/Berlin",
            "2026-11-26 08:56:20 Europe/Berlin (07:56:20Z)",
        ),
        ("2026-11-25T22:30:00Z", "Asia/Tokyo", "2026-11-26 07:30 Asia/Tokyo (2026-11-25 22:30Z)"),
        ("2026-11-26T07:00:00Z", "UTC", "2026-11-26 07:00Z"),
    ] {
        let at: jiff::Timestamp = at.parse().unwrap();
        let zone = jiff::tz::TimeZone::get(zone).unwrap();
        assert_eq!(Wall::from(at).local(&zone), text);
    }
    assert_eq!(Wall::from_millis(0).local(&jiff::tz::TimeZone::UTC), "1970-01-01 00:00Z");
}

#[test]
fn words_stand_in_columns() {
    let id = DeploymentId::parse("w1").unwrap();
    assert_eq!(format!("{id:<4}|{:>9}|", Status::Running), "w1  |  running|");
    assert_eq!(format!("{:>8}|{:<6}|", Desired::Stopped, Action::Start), " stopped|start |");
    assert_eq!(CallId(7).to_string(), "7");
}

#[test]
fn everyone_has_a_phase_and_no_turn_is_less_than_half_an_interval_away() {
    let next =
        |now, seed| next_turn(Mono::from_millis(now), Duration::from_millis(100), seed).millis();
    for (now, seed, turn) in
        [(0, 0, 100), (0, 49, 149), (0, 50, 50), (10, 60, 60), (11, 60, 160), (250, 1, 301)]
    {
        assert_eq!(next(now, seed), turn, "{now} {seed}");
    }
    // 18,446,744,073,709,551,615 leaves 15.
    assert_eq!((next(0, u64::MAX), next(0, u64::MAX - 1)), (115, 114));
}

#[test]
fn delays_are_scattered_by_who_failed_and_how_often() {
    let act = Act::default();
    for failures in 1..=5 {
        let delays: std::collections::BTreeSet<_> =
            (0..64).map(|seed| retry_delay(&act, failures, seed)).collect();
        assert_eq!(delays.len(), 64, "after {failures} failures");
        let least = act.backoff_initial * (1 << (failures - 1));
        assert!(delays.iter().all(|delay| (least..=2 * least).contains(delay)), "{delays:?}");
    }
}
