//! Random schedules, asked at every change and in between, against [`crate::brute`].

use std::ops::Range;
use std::sync::Arc;

use evenkeel::keel::almanac::Almanac;
use evenkeel::keel::deployment::Desired;
use evenkeel::keel::intent::{Intent, Rule, Wanted};
use evenkeel::keel::schedule::{Phase, Schedule};
use evenkeel::keel::time::Wall;
use evenkeel::keel::timeline;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngSeed, TestCaseError, TestRunner};

use crate::brute::{Clock, DAY, Plain, Truth, Written, wall};

/// A zone, and two years in which its clocks are set in a way of their own.
macro_rules! zones {
    ($($test:ident: $zone:literal $year:literal;)*) => {$(
        #[test]
        fn $test() {
            agree($zone, $year);
        }
    )*};
}

zones! {
    utc: "UTC" 2026;
    berlin: "Europe/Berlin" 2026;
    dublin_whose_summer_is_the_standard: "Europe/Dublin" 2026;
    new_york: "America/New_York" 2026;
    lord_howe_by_half_an_hour: "Australia/Lord_Howe" 2026;
    troll_by_two_hours: "Antarctica/Troll" 2026;
    chatham_at_a_quarter_to: "Pacific/Chatham" 2026;
    havana_skips_midnight: "America/Havana" 2026;
    sao_paulo_reads_the_last_hour_twice: "America/Sao_Paulo" 2017;
    st_johns_a_minute_after_midnight: "America/St_Johns" 2010;
    casablanca_around_ramadan: "Africa/Casablanca" 2024;
    gaza_around_ramadan: "Asia/Gaza" 2023;
    apia_skips_a_day: "Pacific/Apia" 2011;
    kwajalein_skips_a_day: "Pacific/Kwajalein" 1993;
    scoresbysund_moves: "America/Scoresbysund" 2023;
    casey_as_it_likes: "Antarctica/Casey" 2019;
    pyongyang_by_half_an_hour: "Asia/Pyongyang" 2017;
    kolkata_never: "Asia/Kolkata" 2026;
}

/// Schedules for each zone; more of them with `EVENKEEL_SCHEDULES=1000`.
fn cases() -> u32 {
    std::env::var("EVENKEEL_SCHEDULES").map_or(12, |cases| cases.parse().unwrap())
}

fn agree(zone: &str, year: i16) {
    let clock = Clock::new(zone, year, 2);
    let config = ProptestConfig {
        cases: cases(),
        rng_seed: RngSeed::Fixed(20_261_125),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let inputs = (plain(&clock), any::<u64>().no_shrink());
    let outcome = TestRunner::new(config).run(&inputs, |(plain, seed)| {
        let truth = Truth::new(&clock, &plain);
        let schedule = plain.schedule(&clock.zone);
        let samples = samples(seed, truth.span.clone());
        changes_agree(&truth, &schedule)?;
        phases_agree(&truth, &schedule, &samples)?;
        the_almanac_agrees(Arc::new(schedule), &samples)
    });
    outcome.unwrap_or_else(|error| panic!("{zone}: {error}"));
}

/// Minutes of the span, and milliseconds after them.
fn samples(seed: u64, span: Range<i64>) -> Vec<(i64, i64)> {
    let mut state = seed | 1;
    let mut below = |most: i64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(state >> 33).unwrap() % most
    };
    (0..200).map(|_| (span.start + below(span.end - span.start), below(60_000))).collect()
}

/// All changes of two years, found by asking only at each of them.
fn changes_agree(truth: &Truth<'_>, schedule: &Schedule) -> Result<(), TestCaseError> {
    let wanted = Wanted::Scheduled(Arc::new(schedule.clone()));
    let intent = Intent { wanted, ..Intent::fixed(Desired::Stopped) };
    let (from, until) = (wall(truth.span.start), wall(truth.span.end - 1));
    let mut almanac = Almanac::default();
    let changes = timeline::changes(&intent, from, until, &mut almanac);
    let found: Vec<_> = changes.iter().map(|change| (change.at, change.desired)).collect();
    let expected = truth.changes.iter().map(|minute| (wall(*minute), truth.state(*minute)));
    prop_assert_eq!(found, expected.collect::<Vec<_>>());
    let minutes = truth.span.clone().filter(|minute| truth.state(*minute) == Desired::Running);
    let hours = timeline::hours(&intent, from, wall(truth.span.end), &mut almanac);
    prop_assert_eq!(hours.as_secs(), 60 * u64::try_from(minutes.count()).unwrap());
    Ok(())
}

/// Around each change, around the jumps of the clock, and here and there.
fn phases_agree(
    truth: &Truth<'_>,
    schedule: &Schedule,
    samples: &[(i64, i64)],
) -> Result<(), TestCaseError> {
    let few = truth.changes.iter().copied().step_by(1 + truth.changes.len() / 200);
    let edges = few.flat_map(|minute| [(minute - 1, 59_999), (minute, 0), (minute + 1, 0)]);
    let jumps = truth.clock.jumps().into_iter().flat_map(|(day, _)| {
        [-1, 0, 1].into_iter().flat_map(move |near| {
            (0..24).map(move |hour| (truth.clock.midnight(day + near) + hour * 60 + 7, 0))
        })
    });
    for (minute, millis) in edges.chain(jumps).chain(samples.iter().copied()) {
        if truth.span.contains(&minute) {
            let at = wall(minute).shifted(millis);
            phase_agrees(truth, schedule, minute, at, &schedule.at(at))?;
        }
    }
    Ok(())
}

fn phase_agrees(
    truth: &Truth<'_>,
    schedule: &Schedule,
    minute: i64,
    at: Wall,
    phase: &Phase,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(phase.state, truth.state(minute), "at {}", at);
    prop_assert_eq!(because(phase), truth.because(minute), "at {}", at);
    // Nothing is known of what lies outside the two years.
    let since = phase.since.filter(|since| wall(truth.span.start) < *since);
    prop_assert_eq!(since, truth.since(minute).map(wall), "since, at {}", at);
    let until = phase.until.filter(|until| *until < wall(truth.span.end));
    prop_assert_eq!(until, truth.until(minute).map(wall), "until, at {}", at);
    let Some(end) = phase.valid_until else { return Ok(()) };
    prop_assert!(at < end, "valid until {} at {}", end, at);
    let last = (end.shifted(-1).millis() / 60_000).min(truth.span.end - 1);
    for minute in [minute, minute.midpoint(last), last] {
        prop_assert_eq!(truth.state(minute), phase.state, "valid until {} at {}", end, at);
        prop_assert_eq!(truth.because(minute), because(phase), "valid until {} at {}", end, at);
    }
    let last = schedule.at(end.shifted(-1));
    prop_assert_eq!(&last.rule, &phase.rule);
    prop_assert_eq!((last.since, last.until), (phase.since, phase.until));
    Ok(())
}

fn because(phase: &Phase) -> String {
    match &phase.rule {
        Rule::Schedule { name, because } if **name == *"s" => because.to_string(),
        rule @ (Rule::Schedule { .. } | Rule::State | Rule::Override(_) | Rule::Asked { .. }) => {
            rule.to_string()
        }
    }
}

/// Whatever it was asked before, also when the clock goes back, it says what the schedule says.
fn the_almanac_agrees(
    schedule: Arc<Schedule>,
    samples: &[(i64, i64)],
) -> Result<(), TestCaseError> {
    let mut almanac = Almanac::default();
    for (minute, millis) in samples {
        for step in [0, 3_600_000, -60_000, 86_400_000, -1_800_000] {
            let at = wall(*minute).shifted(*millis + step);
            let (known, fresh) = (almanac.phase(&schedule, at), schedule.at(at));
            let told = |phase: &Phase| {
                (phase.state, phase.rule.clone(), phase.since, phase.until, phase.valid_until)
            };
            prop_assert_eq!(told(&known), told(&fresh), "at {}", at);
        }
    }
    Ok(())
}

fn plain(clock: &Clock) -> impl Strategy<Value = Plain> + use<> {
    let jumps = clock.jumps();
    let days = clock.days();
    let near = if jumps.is_empty() { vec![days.start + 60] } else { day_of(&jumps) };
    let day = prop_oneof![days, (select(near), -2i64..=2).prop_map(|(day, near)| day + near)];
    let clocks: Vec<_> = jumps.iter().map(|(_, minute)| *minute).chain([0, DAY]).collect();
    let written = written(clocks);
    let weekdays = prop_oneof![Just([true; 7]), any::<[bool; 7]>()];
    let weekly = vec((weekdays, written.clone()), 0..4);
    let dated = vec((day.clone(), 0i64..12, written.clone()), 0..3);
    let length = prop_oneof![0i64..4, 0i64..80];
    let exceptions = vec((day, length, vec(written, 0..3)), 0..4);
    (weekly, dated, exceptions).prop_map(|(weekly, dated, exceptions)| Plain {
        weekly,
        dated: dated.into_iter().map(|(first, more, hours)| (first, first + more, hours)).collect(),
        exceptions: exceptions
            .into_iter()
            .map(|(first, more, hours)| (first, first + more, hours))
            .collect(),
    })
}

fn day_of(jumps: &[(i64, i64)]) -> Vec<i64> {
    jumps.iter().map(|(day, _)| *day).collect()
}

/// Any hours, more often those that the jumps of the clock cut.
fn written(clocks: Vec<i64>) -> impl Strategy<Value = Written> + Clone {
    let near = (select(clocks), select(vec![-60, -30, -1, 0, 1, 15, 30, 60]));
    let near = near.prop_map(|(minute, near)| (minute + near).clamp(0, DAY));
    let minute = prop_oneof![2 => near, 1 => (0i64..=48).prop_map(|half| half * 30), 1 => 0..=DAY];
    let any = (minute.clone(), minute).prop_map(|(begin, end)| (begin % DAY, end));
    let any = any.prop_filter("hours of some length", |(begin, end)| begin != end);
    prop_oneof![1 => Just((0, DAY)), 6 => any]
}
