//! What the fleet has behind it and before it.

use std::time::Duration;

use evenkeel::keel::chronicle::Note;
use evenkeel::keel::deployment::{Desired, Status};
use evenkeel::keel::intent::{Intent, Prices};
use evenkeel::keel::overview::{COMING_MAX, Overview};
use evenkeel::keel::reconciler::Event;
use evenkeel::keel::record::Record;
use evenkeel::keel::temporary::Want;
use evenkeel::keel::time::Wall;

use crate::bench::{Bench, HOUR, at, id, manifest, running, stopped};
use crate::plant::{Plant, daily};
use crate::temporary::wish;

const PRICES: Prices = Prices { running: 3_600, stopped: 600 };

fn priced() -> Intent {
    Intent { prices: Some(PRICES), ..daily("office", 9, 17) }
}

fn overview(bench: &Bench) -> Overview {
    bench.keel.overview(bench.now)
}

/// `2026-01-01T17:00:00Z stopped` of each change to come.
fn coming(bench: &Bench) -> Vec<String> {
    let coming = overview(bench).coming;
    coming.iter().map(|one| format!("{} {} {}", one.at, one.deployment, one.state)).collect()
}

#[test]
fn hours_stopped_are_those_that_were_seen_and_cost_the_difference() {
    let mut plant = Plant::new(priced());
    plant.until(24 * HOUR);
    // Seen stopped from 00:16:40 to 08:45:05 and from 17:01:06 to midnight.
    let (night, evening) = (8 * 3600 + 28 * 60 + 25, 6 * 3600 + 58 * 60 + 54);
    let Overview { week, month, .. } = overview(&plant.bench);
    let memory = plant.bench.keel.timelines(&[id("a")].into(), plant.bench.now.wall);
    assert_eq!(memory.oldest, Some(at(Duration::from_secs(1_000)).wall));
    assert_eq!(week.time.as_secs(), night + evening);
    assert_eq!(week.saved, Some(night * 3_000 / 3_600 + evening * 3_000 / 3_600));
    assert_eq!(month, week);
}

#[test]
fn a_week_ends_after_seven_days_and_a_month_after_thirty() {
    let mut plant = Plant::new(priced());
    plant.until(40 * 24 * HOUR);
    let Overview { week, month, .. } = overview(&plant.bench);
    let notes = plant.bench.records.iter().filter_map(|record| match record {
        Record::Noted { at, note: Note::Seen { status, .. } } => Some((at.wall, status.clone())),
        _ => None,
    });
    let notes: Vec<_> = notes.collect();
    let now = plant.bench.now.wall;
    let since = |from: Wall| {
        let ends = notes.iter().skip(1).map(|(end, _)| *end).chain([now]);
        let stopped = notes.iter().zip(ends).filter(|((_, status), _)| *status == Status::Stopped);
        stopped.map(|((begin, _), end)| end.since((*begin).max(from))).sum::<Duration>()
    };
    assert_eq!(week.time, since(now - 7 * 24 * HOUR));
    assert_eq!(month.time, since(now - 30 * 24 * HOUR));
    assert!(week.time > 7 * 15 * HOUR && month.time > 4 * week.time);
}

#[test]
fn whoever_has_no_price_has_hours_and_no_money() {
    let mut plant = Plant::new(daily("office", 9, 17));
    plant.until(24 * HOUR);
    let week = overview(&plant.bench).week;
    assert!(!week.time.is_zero());
    assert_eq!(week.saved, None);
}

#[test]
fn a_deployment_that_left_the_file_has_nothing_before_it_nor_behind_it() {
    let mut plant = Plant::new(priced());
    plant.until(24 * HOUR);
    plant.bench.tell(Event::ManifestRead(manifest("r2", &[("b", stopped())])));
    let Overview { week, coming, .. } = overview(&plant.bench);
    assert_eq!((week.time.as_secs(), week.saved, coming), (0, None, vec![]));
}

/// A start comes before its window, so that it is running by then.
#[test]
fn the_next_changes_come_in_their_order_and_are_ten_at_most() {
    let entries = [("a", daily("office", 9, 17)), ("b", daily("late", 17, 22)), ("c", stopped())];
    let bench = Bench::with(crate::bench::singles(), &entries);
    let said = coming(&bench);
    assert_eq!(said.len(), COMING_MAX);
    let day = &said[0][..10];
    let first = [
        format!("{day}T08:45:00Z a running"),
        format!("{day}T16:45:00Z b running"),
        format!("{day}T17:00:00Z a stopped"),
        format!("{day}T22:00:00Z b stopped"),
    ];
    assert_eq!(said[..4], first);
    assert!(said.is_sorted_by_key(|line| line[..20].to_owned()));
    assert!(!bench.keel.reckoning(&id("c"), bench.now).is_empty());
    assert!(bench.keel.reckoning(&id("nobody"), bench.now).is_empty());
}

/// What somebody asked for stands over the file until it ends; then the file decides again.
#[test]
fn temporary_wishes_are_among_the_next_changes() {
    let entries = [("a", stopped()), ("b", running()), ("c", daily("office", 9, 17))];
    let mut bench = Bench::with(crate::bench::singles(), &entries);
    let undisturbed = coming(&bench);
    bench.tell(wish("a", Want::Override(Desired::Running), Some(2 * HOUR)));
    bench.tell(wish("b", Want::Suspend, Some(3 * HOUR)));
    bench.tell(wish("c", Want::Suspend, None));
    let then = |hours: u32| bench.now.wall + hours * HOUR;
    let want = [format!("{} a stopped", then(2)), format!("{} b running", then(3))];
    assert_eq!(coming(&bench), want);
    assert!(undisturbed.iter().all(|line| line.contains(" c ")), "{undisturbed:?}");
    assert_eq!(overview(&bench).coming[0].rule, "state");
    let chain = bench.keel.reckoning(&id("a"), bench.now);
    let [rule, asked] = chain.as_slice() else { panic!("{chain:?}") };
    assert_eq!(rule.text, "state: stopped is wanted");
    assert_eq!(asked.about, "override");
    let (begins, ends) = (asked.text.starts_with("running until "), ", by alice: load test");
    assert!(begins && asked.text.ends_with(ends), "{asked:?}");
}
