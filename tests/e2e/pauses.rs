//! A process that is stopped for a while, at the worst times.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{World, wait};
use crate::system::{Spoiler, by};

/// Longer than `observe.confirm_within`, in microseconds, as strace wants it.
const TOO_LONG: u32 = 1_500_000;

fn stops(world: &World) -> usize {
    world.posts().iter().filter(|post| post.starts_with("stop")).count()
}

/// The connection is there, the request is about to leave, and the process sleeps: what was seen is
/// too old by then. So it goes for every try, until the machine is well again.
#[test]
fn a_pause_between_deciding_and_sending_sends_nothing() {
    let world = World::new(&["--deployments", "1"]);
    world.desire("  w41b11c0: running\n");
    let daemon = world.run();
    daemon.converges(1);
    // Reads keep to the connection that they have; a start or stop gets one of its own.
    let spoiler = Spoiler::attach(&daemon, &format!("connect:delay_exit={TOO_LONG}"));
    world.desire("  w41b11c0: stopped\n");
    let lapsed = || {
        let (_, metrics) = daemon.get("/metrics");
        let name = "evenkeel_actions_total{deployment=\"w41b11c0\",action=\"stop\",\
                    outcome=\"never_left\"} ";
        let line = metrics.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        line.and_then(|count| count.parse::<f64>().ok())
    };
    wait("two stops that lapse", || lapsed().filter(|count| *count >= 2.0));
    assert_eq!(stops(&world), 0);
    spoiler.detach();
    daemon.converges(1);
    assert_eq!(world.posts(), ["stop w41b11c0 201"]);
    assert_eq!(world.audit()["redundant_posts"], 0);
    world.assert_within_budget();
}

/// A pause after each commit, longer than a permit lasts: nothing that was decided may leave.
#[test]
fn a_pause_after_each_commit_sends_nothing() {
    let world = World::new(&["--deployments", "1"]);
    world.desire("  w41b11c0: running\n");
    let daemon = world.run();
    daemon.converges(1);
    let spoiler = Spoiler::attach(&daemon, &format!("fdatasync:delay_exit={TOO_LONG}"));
    // What had left before is there now.
    wait("the calls under way", || (daemon.view()["accounts"][0]["inFlight"] == 0).then_some(()));
    let arrivals = world.arrivals();
    world.desire("  w41b11c0: stopped\n");
    let lapsed = || {
        let (_, metrics) = daemon.get("/metrics");
        metrics
            .lines()
            .filter(|line| line.contains("code=\"never_left\"") && !line.ends_with(" 0"))
            .count()
    };
    wait("calls that lapse", || (lapsed() > 0).then_some(()));
    assert_eq!(world.arrivals(), arrivals);
    spoiler.detach();
    daemon.converges(1);
    assert_eq!(world.audit()["redundant_posts"], 0);
    world.assert_within_budget();
}

/// The answer is in the process, and the process sleeps, or its whole machine does: what the answer
/// says is true no longer.
#[test]
fn an_answer_that_was_slept_over_is_not_acted_on() {
    let world = World::new(&["--deployments", "1", "--no-list"]);
    world.configure("observe: {", "observe: { list: never,");
    world.desire("  w41b11c0: stopped\n");
    let log = world.scratch.path("trace");
    let daemon = world.run_with(|command| {
        let inject = "inject=recvfrom:delay_exit=2500000:when=1";
        let strace = ["strace", "-D", "-f", "-o", log.to_str().unwrap()];
        let traced = [&strace[..], &["-e", "trace=recvfrom", "-e", inject]].concat();
        *command = by(&traced, command);
    });
    wait("a read under way", || world.audit()["requests"]["status"].is_object().then_some(()));
    // Not before its answer has been made, which is at once.
    world.lets_pass(Duration::from_millis(300));
    world.console("w41b11c0", "stopped");
    daemon.converges(1);
    assert_eq!(world.posts(), Vec::<String>::new());
    let (_, output) = daemon.terminate();
    assert!(output.contains("too late to say how things are now"), "{output}");
}

/// The answer lies in the socket while the process is stopped, and the world moves on: what it says
/// is true no longer.
#[test]
fn an_answer_that_lay_there_during_a_pause_is_not_acted_on() {
    let world = World::new(&["--deployments", "1", "--no-list", "--latency", "600ms"]);
    world.desire("  w41b11c0: stopped\n");
    let daemon = world.run();
    wait("a read under way", || world.audit()["requests"]["status"].is_object().then_some(()));
    daemon.process.signal(Signal::STOP);
    world.lets_pass(Duration::from_millis(500));
    world.console("w41b11c0", "stopped");
    world.lets_pass(Duration::from_secs(3));
    daemon.process.signal(Signal::CONT);
    daemon.converges(1);
    assert_eq!(world.posts(), Vec::<String>::new());
}

#[test]
fn pauses_at_chance_moments_lead_to_no_stale_call() {
    std::thread::scope(|scope| {
        for seed in 1..=4 {
            scope.spawn(move || pauses(seed));
        }
    });
}

/// Each pause is longer than the answer to a read may take, and some than a window.
fn pauses(seed: u64) {
    let world = World::new(&["--deployments", "2", "--latency", "60ms"]);
    world.configure(
        "settle_timeout: 20s\n",
        "settle_timeout: 20s\nguards: { contested: { reversals: 1000, within: 24h } }\n",
    );
    world.desire("  w41b11c0: stopped\n  b1f77113: running\n");
    let daemon = world.run();
    let mut chance = seed;
    for round in 0..4_usize {
        chance =
            chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let wish = ["stopped", "running"][round % 2];
        world.desire(&format!("  w41b11c0: {wish}\n  b1f77113: running\n"));
        world.lets_pass(Duration::from_millis((chance >> 33) % 600));
        daemon.process.signal(Signal::STOP);
        // What had left has arrived by then.
        world.lets_pass(Duration::from_millis(300));
        world.console("w41b11c0", wish);
        world.lets_pass(Duration::from_millis(2500 + (chance >> 40) % 2000));
        daemon.process.signal(Signal::CONT);
        wait("the edit to be seen", || {
            let view = daemon.view();
            let one = view["deployments"].as_array()?.iter().find(|one| one["id"] == "w41b11c0")?;
            (one["desired"]["state"] == wish).then_some(())
        });
        daemon.converges(2);
    }
    assert_eq!(world.audit()["redundant_posts"], 0, "seed {seed}: {:#}", world.audit());
    world.assert_within_budget();
}
