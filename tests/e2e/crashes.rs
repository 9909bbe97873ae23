//! Killed at each named point, and at chance moments: no call too many, no decision lost.

use std::fs;
use std::path::Path;

use evenkeel::crash::POINTS;
use evenkeel::keel::call::{CallId, Fate};
use evenkeel::keel::history::History;
use evenkeel::keel::policy::Policy;
use evenkeel::keel::record::{Record, Stamp};
use evenkeel::ledger::{FileLedger, Ledger as _};
use rustix::process::Signal;

use crate::harness::{World, wait};

/// Dies at the nth passage of a point, then a new process takes over.
fn dies_at(point: &str, nth: u32) {
    let world = World::new(&["--deployments", "2"]);
    world.desire("  w41b11c0: stopped\n  b1f77113: running\n");
    let mut command = world.command(&["run"]);
    command.env("EVENKEEL_CRASH_AT", format!("{point}:{nth}"));
    let mut doomed = crate::harness::Process::start(&mut command);
    assert_eq!(doomed.ended(), None, "{point}:{nth} was not passed:\n{}", doomed.output());
    let daemon = world.run();
    daemon.converges(2);
    world.assert_within_budget();
}

#[test]
fn a_crash_at_each_named_point_loses_nothing() {
    std::thread::scope(|scope| {
        // A ledger this short is not compacted; `tests/ledger` dies there.
        for point in POINTS.into_iter().filter(|point| !point.starts_with("compact:")) {
            scope.spawn(move || {
                for nth in [1, 2, 3] {
                    dies_at(point, nth);
                }
            });
        }
    });
}

/// `tests/fire/kill.py` does it a thousand times, and worse.
#[test]
fn a_hundred_kills_at_chance_moments_stay_within_the_budget_and_converge() {
    std::thread::scope(|scope| {
        for seed in 1..=4 {
            scope.spawn(move || is_killed(25, seed));
        }
    });
}

/// Moments of chance, the same in each run: from no time at all to far into the work.
fn is_killed(times: u32, seed: u64) {
    let number = seed.to_string();
    let mut flags = vec!["--deployments", "3", "--jitter", "20ms", "--seed", &number];
    for fault in ["--lost", "--reset", "--gateway", "--late-answer", "--late-arrival"] {
        flags.extend([fault, "0.1"]);
    }
    flags.extend(["--late-by", "200ms", "--storm", "0.02", "--storm-for", "500ms"]);
    let world = World::new(&flags);
    world.configure(
        "settle_timeout: 20s\n",
        "settle_timeout: 20s\nguards: { contested: { reversals: 1000, within: 24h } }\n",
    );
    let mut chance = seed;
    let mut below = |bound: u64| {
        chance =
            chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) % bound
    };
    let word = |bit: u64| ["stopped", "running"][usize::from(bit != 0)];
    for round in 0..times {
        if round % 5 == 0 {
            let (first, second) = (word(below(2)), word(below(2)));
            world.desire(&format!(
                "  w41b11c0: {first}\n  b1f77113: {second}\n  mdfba81f: running\n"
            ));
        }
        if round % 4 == 3 {
            world.console("mdfba81f", "stopped");
        }
        let daemon = crate::harness::Process::start(&mut world.command(&["run"]));
        let longest = [20, 100, 400][usize::try_from(below(3)).unwrap()];
        std::thread::sleep(std::time::Duration::from_millis(below(longest)));
        daemon.kill();
    }
    world.mend();
    let daemon = world.run();
    daemon.converges(3);
    world.assert_within_budget();
}

#[test]
fn two_processes_do_not_share_a_ledger() {
    let world = World::new(&["--deployments", "1"]);
    world.desire("  w41b11c0: running\n");
    let daemon = world.run();
    daemon.converges(1);
    let second = world.output(&["run"]);
    assert_eq!(second.status.code(), Some(2));
    let message = String::from_utf8(second.stderr).unwrap();
    assert!(message.contains("cannot use the ledger"), "{message}");
    assert!(message.contains("process"), "{message}");
    let (code, _) = daemon.terminate();
    assert_eq!(code, Some(0));
}

#[test]
fn told_to_end_twice_it_ends_at_once() {
    let world = World::new(&["--deployments", "1", "--latency", "4s"]);
    world.configure("timeout: 2s", "timeout: 30s");
    world.desire("  w41b11c0: running\n");
    let mut daemon = world.run();
    wait("a call under way", || {
        let view = daemon.view();
        (view["accounts"][0]["inFlight"] == 1).then_some(())
    });
    daemon.process.signal(Signal::TERM);
    daemon.process.printed("no new call is sent");
    daemon.process.signal(Signal::TERM);
    assert_eq!(daemon.process.ended(), Some(0));
}

/// A megabyte and a half of records that mean nothing.
fn grow(state: &Path) {
    let (mut ledger, _) = FileLedger::open(state, |_| ()).unwrap();
    let nothing = |number| Record::Settled {
        at: Stamp::default(),
        id: CallId(u64::MAX - number),
        fate: Fate::NeverLeft,
    };
    ledger.append(&(0..15_000).map(nothing).collect::<Vec<_>>(), true).unwrap();
}

#[test]
fn a_ledger_that_has_grown_is_compacted_also_where_no_process_gets_old() {
    let world = World::new(&["--deployments", "1"]);
    world.desire("  w41b11c0: stopped\n");
    let state = world.scratch.path("state");
    let size = || fs::metadata(state.join("ledger")).unwrap().len();
    assert_eq!(world.output(&["once", "--timeout", "60s"]).status.code(), Some(0));
    grow(&state);
    assert!(size() > 1 << 20, "{}", size());
    assert_eq!(world.output(&["once", "--timeout", "60s"]).status.code(), Some(0));
    assert!(size() < 1 << 14, "{}", size());
    grow(&state);
    let daemon = world.run();
    daemon.converges(1);
    wait("the compaction by one that goes on", || (size() < 1 << 14).then_some(()));
    daemon.terminate();
    let mut history = History::new(Policy::default());
    FileLedger::open(&state, |record| history.apply(&record)).unwrap();
    assert_eq!(history.past().len(), 1, "the one stop that was sent");
    world.assert_within_budget();
}
