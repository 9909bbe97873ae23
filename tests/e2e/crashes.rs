//! Killed at each named point, and at chance moments: no call too many, no decision lost.

use evenkeel::crash::POINTS;
use rustix::process::Signal;

use crate::harness::World;

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

#[test]
fn a_crash_loop_stays_within_the_budget_and_converges() {
    let world = World::new(&["--deployments", "3"]);
    world.desire("  w41b11c0: stopped\n  b1f77113: stopped\n  mdfba81f: running\n");
    // Moments of chance, the same in each run: from no time at all to far into the work.
    let mut chance = 0x9e37_79b9_u64;
    for round in 0..12 {
        if round % 4 == 3 {
            world.console("mdfba81f", "stopped");
        }
        let daemon = world.run();
        chance =
            chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let moment = std::time::Duration::from_millis((chance >> 33) % 400);
        std::thread::sleep(moment);
        daemon.process.kill();
    }
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
    crate::harness::wait("a call under way", || {
        let view = daemon.view();
        (view["accounts"][0]["inFlight"] == 1).then_some(())
    });
    daemon.process.signal(Signal::TERM);
    daemon.process.printed("no new call is sent");
    daemon.process.signal(Signal::TERM);
    assert_eq!(daemon.process.ended(), Some(0));
}
