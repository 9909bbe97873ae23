//! Several desired files: one a team.

use std::fs;

use rustix::process::Signal;

use crate::harness::{Daemon, Scratch, World, wait};

/// A fleet of three whose desired files are those that `desired` names.
fn run(world: &World, desired: &str) -> Daemon {
    let desired = world.scratch.path(desired);
    world.run_with(|command| {
        command.env("EVENKEEL_DESIRED", desired);
    })
}

fn write(scratch: &Scratch, file: &str, deployments: &str) {
    fs::create_dir_all(scratch.path(file).parent().unwrap()).unwrap();
    scratch.write(file, &format!("deployments:\n{deployments}"));
}

/// Waits until each of these is wanted so: `w41b11c0 stopped`.
fn wanted(daemon: &Daemon, expected: &[&str]) {
    wait(&format!("{expected:?}"), || {
        let view = daemon.view();
        let one = |one: &serde_json::Value| {
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            format!("{} {}", text(&one["id"]), text(&one["desired"]["state"]))
        };
        let all: Vec<String> = view["deployments"].as_array().unwrap().iter().map(one).collect();
        (all == expected).then_some(())
    });
}

fn fault(daemon: &Daemon) -> String {
    wait("a fault", || daemon.view()["file"]["fault"].as_str().map(str::to_owned))
}

fn mended(daemon: &Daemon) {
    wait("the fault to be mended", || daemon.view()["file"]["fault"].is_null().then_some(()));
}

#[test]
fn a_team_that_breaks_its_file_holds_no_other_also_after_a_restart() {
    let world = World::new(&["--deployments", "2"]);
    write(&world.scratch, "teams/a.yaml", "  w41b11c0: running\n");
    write(&world.scratch, "teams/b.yaml", "  b1f77113: running\n");
    let daemon = run(&world, "teams");
    daemon.converges(2);
    write(&world.scratch, "teams/a.yaml", "  w41b11c0: { stat: stopped }\n");
    let told = fault(&daemon);
    assert!(told.contains("teams/a.yaml:2:15") && !told.contains("b.yaml"), "{told}");
    write(&world.scratch, "teams/b.yaml", "  b1f77113: stopped\n");
    wanted(&daemon, &["b1f77113 stopped", "w41b11c0 running"]);
    daemon.converges(2);
    assert_eq!(fault(&daemon), told);
    let (_, metrics) = daemon.get("/metrics");
    assert!(metrics.contains("evenkeel_config_last_reload_successful 0"), "{metrics}");
    for line in ["a.yaml\"} 0\n", "b.yaml\"} 1\n"] {
        assert!(metrics.contains(line), "{metrics}");
    }
    assert_eq!(daemon.get("/readyz").0, 200);
    daemon.process.kill();

    write(&world.scratch, "teams/b.yaml", "  b1f77113: running\n");
    let daemon = run(&world, "teams");
    wanted(&daemon, &["b1f77113 running", "w41b11c0 running"]);
    assert_eq!(fault(&daemon), told);
    daemon.converges(2);
    write(&world.scratch, "teams/a.yaml", "  w41b11c0: stopped\n");
    mended(&daemon);
    daemon.converges(2);
    let expected = ["stop b1f77113 201", "start b1f77113 201", "stop w41b11c0 201"];
    assert_eq!(world.posts(), expected);
    world.assert_within_budget();
}

#[test]
fn a_file_that_leaves_takes_its_deployments_along_and_an_empty_directory_none() {
    let world = World::new(&["--deployments", "2"]);
    write(&world.scratch, "teams/a/desired.yaml", "  w41b11c0: running\n");
    write(&world.scratch, "teams/b/desired.yaml", "  b1f77113: running\n");
    let daemon = run(&world, "teams/*/desired.yaml");
    daemon.converges(2);
    fs::remove_dir_all(world.scratch.path("teams/b")).unwrap();
    wanted(&daemon, &["w41b11c0 running"]);
    fs::remove_dir_all(world.scratch.path("teams/a")).unwrap();
    let told = fault(&daemon);
    assert!(told.contains("no file fits this pattern"), "{told}");
    wanted(&daemon, &["w41b11c0 running"]);
    daemon.process.kill();
    // The volume is still not there.
    let daemon = run(&world, "teams/*/desired.yaml");
    wanted(&daemon, &["w41b11c0 running"]);
    assert!(fault(&daemon).contains("no file fits this pattern"));
    assert_eq!(world.posts(), [""; 0]);
}

#[test]
fn a_deployment_in_two_files_names_both_places() {
    let world = World::new(&["--deployments", "2"]);
    write(&world.scratch, "teams/a.yaml", "  w41b11c0: running\n");
    write(&world.scratch, "teams/b.yaml", "  b1f77113: running\n");
    let daemon = run(&world, "teams/*.yaml");
    daemon.converges(2);
    write(&world.scratch, "teams/b.yaml", "  b1f77113: stopped\n  w41b11c0: stopped\n");
    let told = fault(&daemon);
    assert!(told.contains("teams/b.yaml:3:3: `w41b11c0` is named in"), "{told}");
    assert!(told.contains("teams/a.yaml:2:3, too"), "{told}");
    wanted(&daemon, &["b1f77113 running", "w41b11c0 running"]);
    // The other team goes on meanwhile, and gives the deployment away.
    write(&world.scratch, "teams/a.yaml", "  {}\n");
    mended(&daemon);
    wanted(&daemon, &["b1f77113 stopped", "w41b11c0 stopped"]);
}

#[test]
fn the_commit_is_told_with_what_is_in_force() {
    let world = World::new(&["--deployments", "1"]);
    write(&world.scratch, "tree/teams/a.yaml", "  w41b11c0: running\n");
    fs::create_dir_all(world.scratch.path("tree/.git/refs/heads")).unwrap();
    world.scratch.write("tree/.git/HEAD", "ref: refs/heads/main\n");
    world.scratch.write("tree/.git/refs/heads/main", &format!("{}\n", "1a".repeat(20)));
    let daemon = run(&world, "tree/teams");
    daemon.converges(1);
    let revision = |daemon: &Daemon| {
        daemon.view()["file"]["revision"].as_str().unwrap().split_once('@').unwrap().1.to_owned()
    };
    assert_eq!(revision(&daemon), "1a1a1a1a1a1a");
    world.scratch.write("tree/.git/refs/heads/main", &format!("{}\n", "2b".repeat(20)));
    wait("the next commit", || (revision(&daemon) == "2b2b2b2b2b2b").then_some(()));
    daemon.process.kill();
    let desired = world.scratch.path("tree/teams");
    let daemon = world.run_with(|command| {
        command.env("EVENKEEL_DESIRED", desired).env("EVENKEEL_REVISION", "build 42\n\u{1b}[0m");
    });
    daemon.converges(1);
    assert_eq!(revision(&daemon), "build42[0m");
}

#[test]
fn a_hangup_does_not_hide_that_a_file_is_refused() {
    let world = World::new(&["--deployments", "1"]);
    world.desire("  w41b11c0: running\n");
    let daemon = world.run();
    daemon.converges(1);
    world.desire("  w41b11c0: on\n");
    let told = fault(&daemon);
    world.configure("act:\n", "act:\n  mode: observe\n");
    daemon.process.signal(Signal::HUP);
    world.console("w41b11c0", "stopped");
    daemon.becomes("w41b11c0", "ObserveOnly");
    assert_eq!(fault(&daemon), told);
}

#[test]
fn an_edit_of_several_files_during_an_outage_is_one_change_to_the_guard() {
    const IDS: [&str; 5] = ["p1", "p2", "p3", "p4", "p5"];
    let flags: Vec<_> = IDS.iter().map(|id| format!("{id}=running")).collect();
    let flags: Vec<_> = flags.iter().flat_map(|one| ["--deployment", one]).collect();
    let world = World::new(&flags);
    let teams = |state: &str, head: &str| {
        let text = |ids: &[&str]| ids.iter().map(|id| format!("  {id}: {state}\n")).collect();
        let (a, b): (String, String) = (text(&IDS[..3]), text(&IDS[3..]));
        write(&world.scratch, "teams/a.yaml", &a);
        world.scratch.write("teams/b.yaml", &format!("{head}deployments:\n{b}"));
    };
    teams("running", "");
    let daemon = run(&world, "teams");
    daemon.converges(5);
    daemon.process.kill();
    teams("stopped", "");
    let daemon = run(&world, "teams");
    let change = wait("the change to be held", || {
        let guard = daemon.view()["guard"].clone();
        (guard["count"] == 5).then(|| guard["change"].as_str().unwrap().to_owned())
    });
    assert_eq!(world.posts(), [""; 0]);
    teams("stopped", &format!("acknowledge: {change}\n"));
    daemon.converges(5);
    world.assert_within_budget();
}
