//! The desired file in the hands of people, Git and Kubernetes.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::process::Signal;

use crate::harness::{World, wait};

#[test]
fn a_bad_file_changes_nothing_also_after_a_restart() {
    let world = World::new(&["--deployments", "1"]);
    world.desire("  w41b11c0: stopped\n");
    let daemon = world.run();
    daemon.converges(1);
    world.scratch.write("desired.yaml", "deployments:\n  w41b11c0: { stat: running }\n");
    wait("the fault to be known", || daemon.view()["file"]["fault"].as_str().map(str::to_owned));
    let fault = daemon.view()["file"]["fault"].as_str().unwrap().to_owned();
    assert!(fault.contains("desired.yaml:2:"), "{fault}");
    assert!(fault.contains("did you mean `state`"), "{fault}");
    let (_, metrics) = daemon.get("/metrics");
    assert!(metrics.contains("evenkeel_config_last_reload_successful 0"), "{metrics}");
    daemon.converges(1);
    daemon.process.kill();

    let daemon = world.run();
    daemon.converges(1);
    assert!(daemon.view()["file"]["fault"].is_string());
    world.desire("  w41b11c0: running\n");
    wait("the fault to be mended", || daemon.view()["file"]["fault"].is_null().then_some(()));
    daemon.converges(1);
    assert_eq!(world.posts(), ["stop w41b11c0 201", "start w41b11c0 201"]);
}

#[test]
fn a_file_that_appears_later_is_taken() {
    let world = World::new(&["--deployments", "1"]);
    let daemon = world.run();
    assert_eq!(daemon.get("/readyz").0, 503);
    assert_eq!(daemon.get("/healthz").0, 200);
    world.desire("  w41b11c0: stopped\n");
    daemon.converges(1);
    assert_eq!(daemon.get("/readyz").0, 200);
}

#[test]
fn a_deployment_that_leaves_the_file_is_left_as_it_is() {
    let world = World::new(&["--deployments", "2"]);
    world.desire("  w41b11c0: running\n  b1f77113: running\n");
    let daemon = world.run();
    daemon.converges(2);
    world.desire("  b1f77113: running\n");
    daemon.converges(1);
    world.console("w41b11c0", "stopped");
    world.desire("  b1f77113: stopped\n");
    wait("the stop", || (world.posts() == ["stop b1f77113 201"]).then_some(()));
    daemon.converges(1);
    let (_, metrics) = daemon.get("/metrics");
    assert!(!metrics.contains("w41b11c0"), "{metrics}");
}

#[test]
fn the_symlinks_of_kubernetes_are_followed() {
    let world = World::new(&["--deployments", "1"]);
    let dir = world.scratch.path("mount");
    let version = |name: &str, state: &str| {
        fs::create_dir_all(dir.join(name)).unwrap();
        let text = format!("deployments:\n  w41b11c0: {state}\n");
        fs::write(dir.join(name).join("desired.yaml"), text).unwrap();
    };
    version("..1", "running");
    symlink("..1", dir.join("..data")).unwrap();
    symlink("..data/desired.yaml", dir.join("desired.yaml")).unwrap();
    let daemon = world.run_with(|command| {
        command.env("EVENKEEL_DESIRED", dir.join("desired.yaml"));
    });
    daemon.converges(1);
    version("..2", "stopped");
    symlink("..2", dir.join("..data_tmp")).unwrap();
    fs::rename(dir.join("..data_tmp"), dir.join("..data")).unwrap();
    wait("the stop", || (world.posts() == ["stop w41b11c0 201"]).then_some(()));
    daemon.converges(1);
}

#[test]
fn a_hangup_reads_everything_again() {
    let world = World::new(&["--deployments", "1"]);
    world.desire("  w41b11c0: stopped\n");
    world.configure("act:\n", "act:\n  mode: observe\n");
    let daemon = world.run();
    daemon.becomes("w41b11c0", "ObserveOnly");
    let successful = |value: &str| {
        let line = format!("evenkeel_config_last_reload_successful {value}\n");
        wait(&line, || daemon.get("/metrics").1.contains(&line).then_some(()));
    };
    world.configure("act:\n", "act:\n  mode: perhaps\n");
    daemon.process.signal(Signal::HUP);
    successful("0");
    world.configure("act:\n", "act:\n  mode: enforce\n");
    daemon.process.signal(Signal::HUP);
    successful("1");
    daemon.converges(1);
    assert_eq!(world.posts(), ["stop w41b11c0 201"]);
}
