//! When something else keeps turning a deployment back.

use evenkeel::keel::notice::Notice;
use evenkeel::keel::plan::Reason;

use crate::bench::{Bench, HOUR, MINUTE, accepted, running, sees, singles, stopped};

const START: &str = "start a";
const READ: &str = "status a";

fn counts(bench: &Bench) -> Vec<usize> {
    let count = |notice: &Notice| match notice {
        Notice::Reversed { count, .. } => Some(*count),
        _ => None,
    };
    bench.notices.iter().filter_map(count).collect()
}

/// Seen running as desired, then stopped: `times` in a row, each answered by a start.
fn turned_back(bench: &mut Bench, times: usize) {
    for _ in 0..times {
        bench.watch("a", "running", 10 * MINUTE);
        if bench.watch("a", "stopped", 70 * MINUTE) == [START] {
            bench.answer(START, accepted());
        }
    }
}

#[test]
fn drift_is_mended_twice_and_then_contested() {
    let mut bench = Bench::with(singles(), &[("a", running())]);
    turned_back(&mut bench, 2);
    assert_eq!((counts(&bench), bench.reason("a")), (vec![1, 2], Reason::Starting));
    turned_back(&mut bench, 1);
    assert_eq!((counts(&bench), bench.reason("a")), (vec![1, 2, 3], Reason::Contested));
    assert_eq!(bench.watch("a", "stopped", 72 * HOUR), [""; 0], "the budget is spared");
    let said =
        |notice: &&Notice| matches!(notice, Notice::ReasonChanged { to: Reason::Contested, .. });
    assert_eq!(bench.notices.iter().filter(said).count(), 1, "once");
    assert_eq!(counts(&bench), [1, 2, 3]);
}

#[test]
fn falling_back_on_the_way_is_a_reversal_too() {
    let mut bench = Bench::with(singles(), &[("a", running())]);
    for _ in 0..3 {
        assert_eq!(bench.watch("a", "stopped", 70 * MINUTE), [START]);
        bench.answer(START, accepted());
        bench.watch("a", "starting", 5 * MINUTE);
    }
    assert_eq!(counts(&bench), [1, 2]);
    assert_eq!(bench.watch("a", "stopped", 24 * HOUR), [""; 0]);
    assert_eq!((counts(&bench), bench.reason("a")), (vec![1, 2, 3], Reason::Contested));
}

#[test]
fn reversals_lapse_after_a_day() {
    let mut bench = Bench::with(singles(), &[("a", running())]);
    turned_back(&mut bench, 2);
    bench.watch("a", "running", 25 * HOUR);
    turned_back(&mut bench, 1);
    assert_eq!((counts(&bench), bench.reason("a")), (vec![1, 2, 1], Reason::Starting));
}

#[test]
fn what_comes_to_rest_as_desired_is_forgiven() {
    let mut bench = Bench::with(singles(), &[("a", running())]);
    turned_back(&mut bench, 3);
    assert_eq!(bench.reason("a"), Reason::Contested);
    bench.watch("a", "running", 5 * MINUTE);
    assert_eq!(bench.reason("a"), Reason::InSync);
    turned_back(&mut bench, 1);
    assert_eq!((counts(&bench), bench.reason("a")), (vec![1, 2, 3, 1], Reason::Starting));
}

#[test]
fn another_wish_is_forgiven() {
    let mut bench = Bench::with(singles(), &[("a", running())]);
    turned_back(&mut bench, 3);
    bench.edit("r2", &[("a", stopped())]);
    assert_eq!(bench.reason("a"), Reason::InSync);
    bench.edit("r3", &[("a", running())]);
    assert_eq!(bench.watch("a", "stopped", 70 * MINUTE), [START]);
}

#[test]
fn contested_outlasts_a_restart_but_not_an_edit_made_meanwhile() {
    let mut bench = Bench::with(singles(), &[("a", running())]);
    turned_back(&mut bench, 3);
    let mut bench = bench.restart(MINUTE);
    bench.edit("r1", &[("a", running())]);
    assert_eq!(bench.watch("a", "stopped", 5 * HOUR), [""; 0]);
    assert_eq!(bench.reason("a"), Reason::Contested);
    let mut bench = bench.restart(MINUTE);
    bench.edit("r2", &[("a", stopped())]);
    bench.watch("a", "stopped", MINUTE);
    assert_eq!(bench.watch("a", "running", 5 * MINUTE), ["stop a"], "another wish than then");
}

#[test]
fn a_restart_does_not_count_a_reversal_again() {
    let mut bench = Bench::with(singles(), &[("a", running())]);
    bench.watch("a", "stopped", MINUTE);
    bench.answer(START, accepted());
    bench.watch("a", "running", 5 * MINUTE);
    bench.watch("a", "stopped", 5 * MINUTE);
    assert_eq!(counts(&bench), [1]);
    let mut bench = bench.restart(MINUTE);
    bench.edit("r1", &[("a", running())]);
    assert_eq!(bench.watch("a", "stopped", 2 * HOUR), [START]);
    assert_eq!(counts(&bench), [0; 0]);
    assert_eq!(bench.keel.history().reversals(&crate::bench::id("a")), 1);
}

#[test]
fn a_reversal_while_nobody_looked_counts() {
    let mut bench = Bench::with(singles(), &[("a", running())]);
    bench.watch("a", "stopped", MINUTE);
    bench.answer(START, accepted());
    bench.watch("a", "running", 5 * MINUTE);
    let mut bench = bench.restart(2 * HOUR);
    bench.edit("r1", &[("a", running())]);
    assert_eq!(bench.calls(), [READ]);
    bench.answer(READ, sees("a", "stopped"));
    assert_eq!((bench.calls(), counts(&bench)), (vec![START.to_owned()], vec![1]));
}
