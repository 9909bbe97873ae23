//! What the daemon does to a fleet.

use crate::harness::{World, wait};

#[test]
fn a_fleet_converges_and_then_rests() {
    let world = World::new(&["--deployment", "b1f77113=stopped", "--deployments", "3"]);
    world.desire("  w41b11c0: stopped\n  b1f77113: running\n  mdfba81f: running\n");
    let daemon = world.run();
    daemon.converges(3);
    let mut posts = world.posts();
    posts.sort();
    assert_eq!(posts, ["start b1f77113 201", "stop w41b11c0 201"]);
    assert_eq!(daemon.get("/readyz").0, 200);
    assert_eq!(daemon.get("/healthz").0, 200);
    let (code, output) = daemon.terminate();
    assert_eq!(code, Some(0), "{output}");
    world.assert_within_budget();
}

#[test]
fn single_reads_do_where_there_is_no_list_call() {
    let world = World::new(&["--no-list", "--deployments", "3"]);
    world.desire("  w41b11c0: stopped\n  b1f77113: running\n  mdfba81f: stopped\n");
    let daemon = world.run();
    daemon.converges(3);
    assert_eq!(world.audit()["requests"]["list"]["404"], 1);
    world.assert_within_budget();
}

#[test]
fn drift_is_turned_back_within_the_budget() {
    let world = World::new(&["--deployments", "2"]);
    world.desire("  w41b11c0: running\n  b1f77113: running\n");
    let daemon = world.run();
    daemon.converges(2);
    world.console("w41b11c0", "stopped");
    wait("a start", || (world.posts() == ["start w41b11c0 201"]).then_some(()));
    daemon.converges(2);
    world.assert_within_budget();
}

#[test]
fn an_edit_while_waiting_for_the_budget_is_obeyed() {
    let world = World::new(&["--deployments", "1"]);
    world.desire("  w41b11c0: stopped\n");
    let daemon = world.run();
    daemon.converges(1);
    world.desire("  w41b11c0: running\n");
    wait("the start", || (world.posts().len() == 2).then_some(()));
    daemon.converges(1);
    world.desire("  w41b11c0: stopped\n");
    daemon.becomes("w41b11c0", "WaitingForBudget");
    world.desire("  w41b11c0: running\n");
    daemon.converges(1);
    assert_eq!(world.posts(), ["stop w41b11c0 201", "start w41b11c0 201"]);
    world.assert_within_budget();
}

#[test]
fn a_shared_budget_is_never_exceeded() {
    let world = World::new(&["--scope", "account", "--deployments", "3"]);
    world.configure("limits:\n", "limits:\n  scope: account\n");
    world.desire("  w41b11c0: stopped\n  b1f77113: stopped\n  mdfba81f: stopped\n");
    let daemon = world.run();
    daemon.converges(3);
    assert_eq!(world.posts().len(), 3);
    world.assert_within_budget();
}

#[test]
fn a_shared_budget_is_found_out() {
    let world = World::new(&["--scope", "account", "--deployments", "2"]);
    world.desire("  w41b11c0: stopped\n  b1f77113: stopped\n");
    let daemon = world.run();
    daemon.converges(2);
    let (_, metrics) = daemon.get("/metrics");
    assert!(metrics.contains("evenkeel_unexpected_429_total{method=\"stop\"} 1"), "{metrics}");
    let view = daemon.view();
    assert_eq!(view["accounts"][0]["widened"][0]["method"], "stop", "{view:#}");
}

#[test]
fn lost_answers_and_a_bad_gateway_cost_no_call_too_many() {
    let world = World::new(&[
        "--deployments",
        "3",
        "--lost",
        "0.2",
        "--reset",
        "0.2",
        "--gateway",
        "0.2",
        "--garbage",
        "0.1",
        "--redirect",
        "0.1",
        "--seed",
        "7",
    ]);
    world.desire("  w41b11c0: stopped\n  b1f77113: stopped\n  mdfba81f: running\n");
    let daemon = world.run();
    daemon.converges(3);
    world.assert_within_budget();
}

#[test]
fn names_types_and_guards_are_respected() {
    let world = World::new(&[
        "--deployment",
        "w41b11c0=running",
        "--deployment",
        "b1f77113=running,type=serverless",
        "--deployment",
        "mdfba81f=running",
        "--deployment",
        "forbidden=running",
        "--forbid",
        "forbidden",
        "--deployment",
        "odd=hibernating",
        "--deployment",
        "kept=running",
    ]);
    world.desire(
        "  w41b11c0: { state: stopped, name: another }\n  b1f77113: stopped\n  \
         mdfba81f: { state: stopped, protect: true }\n  forbidden: stopped\n  odd: stopped\n  \
         absent: stopped\n  kept: { state: stopped, suspend: migration }\n",
    );
    let daemon = world.run();
    let expected = [
        ("absent", "NotFound"),
        ("b1f77113", "TypeNotAllowed"),
        ("forbidden", "Forbidden"),
        ("kept", "Suspended"),
        ("mdfba81f", "Protected"),
        ("odd", "UnknownStatus"),
        ("w41b11c0", "NameMismatch"),
    ];
    for (id, reason) in expected {
        daemon.becomes(id, reason);
    }
    assert_eq!(world.posts(), Vec::<String>::new());
    // Removing `suspend` resumes.
    world.desire("  kept: stopped\n");
    daemon.converges(1);
    assert_eq!(world.posts(), ["stop kept 201"]);
}

#[test]
fn something_that_keeps_turning_it_back_is_not_fought_for_ever() {
    let world = World::new(&["--deployments", "1"]);
    world.desire("  w41b11c0: running\n");
    let daemon = world.run();
    for starts in 0..2 {
        daemon.converges(1);
        world.console("w41b11c0", "stopped");
        wait("a start", || (world.posts().len() > starts).then_some(()));
    }
    daemon.converges(1);
    world.console("w41b11c0", "stopped");
    daemon.becomes("w41b11c0", "Contested");
    assert_eq!(world.posts().len(), 2);
    // Somebody settles it by hand: the deployment is looked after again.
    world.console("w41b11c0", "running");
    daemon.converges(1);
}
