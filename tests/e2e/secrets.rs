//! Credentials: read again when refused, and seen nowhere.

use crate::ear::Ear;
use crate::harness::{World, contents};

#[test]
fn a_refused_key_is_read_again() {
    let world = World::with_secret("right", &["--deployments", "2"]);
    world.scratch.write("secret", "wrong\n");
    world.desire("  w41b11c0: stopped\n  b1f77113: running\n");
    let daemon = world.run();
    daemon.becomes("w41b11c0", "Unauthorized");
    world.scratch.write("secret", "right\n");
    daemon.converges(2);
    assert_eq!(world.posts(), ["stop w41b11c0 201"]);
}

#[test]
fn a_secret_is_in_no_output() {
    const CANARY: &str = "canary-5f1c8d2e";
    let world = World::with_secret(
        CANARY,
        &["--deployments", "3", "--reset", "0.3", "--gateway", "0.2", "--garbage", "0.2"],
    );
    // Receivers that answer badly, that are not there, and that are not even configured well.
    let ear = Ear::new(&[500, 404, 302]);
    world.scratch.write("hook", "whsec_canary");
    world.scratch.write("url", &ear.url());
    world.scratch.write("dead", "http://127.0.0.1:9/canary");
    world.scratch.write("odd", "canary");
    world.configure(
        "limits:\n",
        "notify:
  group_wait: 10ms
  group_interval: 10ms
  receivers:
    a: { format: slack, url: { file: url } }
    b: { url: { file: url }, secret: { file: hook } }
    c: { format: teams, url: { file: dead } }
    d: { format: slack, url: { file: odd } }
limits:
",
    );
    world.desire("  w41b11c0: stopped\n  b1f77113: running\n  mdfba81f: stopped\n");
    for format in ["text", "json"] {
        world.scratch.write("secret", CANARY);
        let daemon = world.run_with(|command| {
            command.args(["--log-level", "trace", "--log-format", format]);
        });
        daemon.converges(3);
        world.scratch.write("secret", &format!("{CANARY}-but-wrong"));
        daemon.process.signal(rustix::process::Signal::HUP);
        daemon.becomes("w41b11c0", "Unauthorized");
        for path in ["/", "/metrics", "/api/v1/deployments", "/api/v1/history", "/readyz"] {
            let (_, body) = daemon.get(path);
            assert!(!body.contains("canary"), "{path}: {body}");
        }
        let (code, output) = daemon.terminate();
        assert_eq!(code, Some(0));
        assert!(!output.contains("canary"), "{output}");
        // Nor in the form in which basic authentication carries it.
        assert!(!output.to_lowercase().contains("a2v5omnhbmfy"), "{output}");
    }
    let state = contents(&world.scratch.path("state"));
    assert!(!state.contains("canary"), "{state}");
}

#[test]
fn both_halves_are_taken_together() {
    let world = World::with_secret("old", &["--deployments", "1"]);
    world.desire("  w41b11c0: running\n");
    let mut daemon = world.run();
    daemon.converges(1);
    // A new key whose secret is not there yet is not used, whatever the old pair is worth.
    world.scratch.write("key", "new-key");
    daemon.process.printed("the key is another one and its secret is not");
    daemon.converges(1);
    assert_eq!(daemon.view()["accounts"][0]["unauthorized"], false);
    // The secret completes it; the server knows neither of them.
    world.scratch.write("secret", "new-secret");
    daemon.becomes("w41b11c0", "Unauthorized");
    // Somebody who says that all is in place is believed.
    world.scratch.write("key", "key");
    world.scratch.write("secret", "old");
    daemon.process.signal(rustix::process::Signal::HUP);
    daemon.converges(1);
}

#[test]
fn files_that_others_may_read_are_told_with_the_remedy() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new(&["--deployments", "1"]);
    world.desire("  w41b11c0: running\n");
    let chmod = |name: &str, mode: u32| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(world.scratch.path(name), permissions).unwrap();
        world.scratch.path(name).display().to_string()
    };
    let (key, secret) = (chmod("key", 0o644), chmod("secret", 0o400));
    let checked = || {
        let output = world.output(&["check"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        // Lines are folded to the width of a terminal.
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let told = checked();
    assert!(told.contains(&format!("with mode 0644: chmod 0400 {key}")), "{told}");
    assert!(!told.contains(&secret), "{told}");
    let mut daemon = world.run();
    daemon.process.printed(&format!("chmod 0400 {key}"));
    chmod("key", 0o400);
    assert!(!checked().contains("chmod"));
}
