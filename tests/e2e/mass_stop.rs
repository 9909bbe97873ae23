//! The mass-stop guard, as an operator meets it.

use crate::harness::{World, wait};

const RUNNING: [&str; 5] = ["p1", "p2", "p3", "p4", "p5"];

/// CRC-32 of the five ids, each followed by a line feed.
const CHANGE: &str = "e7dd8151";

fn stopped() -> String {
    RUNNING.iter().map(|id| format!("  {id}: stopped\n")).collect()
}

#[test]
fn a_first_contact_that_would_stop_a_running_fleet_is_held_until_acknowledged() {
    let flags: Vec<_> = RUNNING.iter().map(|id| format!("{id}=running")).collect();
    let flags: Vec<_> = flags.iter().flat_map(|one| ["--deployment", one]).collect();
    let world = World::new(&flags);
    world.desire(&stopped());
    let daemon = world.run();
    let held = |daemon: &crate::harness::Daemon| {
        wait("the change to be held", || {
            let guard = daemon.view()["guard"].clone();
            (guard["change"] == CHANGE && guard["count"] == 5).then_some(())
        });
    };
    held(&daemon);
    daemon.becomes("p5", "Held");
    assert!(daemon.get("/metrics").1.contains("\nevenkeel_guard_held_stops 5\n"));
    let way_out = format!("`acknowledge: {CHANGE}` at the top of the desired file lets it through");
    let page = daemon.get("/").1;
    assert!(page.contains(&way_out) && page.contains("5 of 5 deployments at once"), "{page}");
    for command in ["status", "plan"] {
        let output = world.command(&[command]).env("EVENKEEL_LISTEN", &daemon.address).output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("Change {CHANGE} is held since ")), "{said}");
        assert!(said.contains(&way_out) && said.contains("(p1, p2, p3, p4, p5)"), "{said}");
    }
    let (code, log) = daemon.terminate();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains(&format!("WARN change {CHANGE} is held: it would stop 5 of 5")), "{log}");

    // Another process, the same file: the same id.
    let daemon = world.run();
    held(&daemon);
    assert_eq!(world.posts(), [""; 0]);
    world
        .scratch
        .write("desired.yaml", &format!("acknowledge: {CHANGE}\ndeployments:\n{}", stopped()));
    daemon.converges(5);
    let mut posts = world.posts();
    posts.sort();
    assert_eq!(posts, RUNNING.map(|id| format!("stop {id} 201")));
    assert!(daemon.view()["guard"].is_null());
    assert!(daemon.get("/metrics").1.contains("\nevenkeel_guard_held_stops 0\n"));
    world.assert_within_budget();
}
