//! Temporary wishes, as an operator asks for them.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use rustix::process::Signal;

use crate::harness::{Daemon, World, contents, wait};

fn asked(world: &World, arguments: &[&str]) -> String {
    let (code, said) = told(&world.output(arguments));
    assert_eq!(code, Some(0), "{said}");
    said
}

fn told(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout[..], &output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

fn world() -> World {
    let world = World::new(&["--deployment", "a=running", "--deployment", "b=running"]);
    world.desire("  a: running\n  b: running\n");
    world
}

/// The wishes in the view, as `override stopped by root`.
fn wishes(daemon: &Daemon, id: &str) -> Vec<String> {
    let one = wait("the deployment in the view", || {
        let all = daemon.view()["deployments"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|one| one["id"] == id)
    });
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
    let wishes = one["wishes"].as_array().cloned().unwrap_or_default();
    let said = wishes.iter().map(|wish| {
        format!("{} {} by {}", text(&wish["kind"]), text(&wish["state"]), text(&wish["by"]))
    });
    said.collect()
}

#[test]
fn an_override_holds_across_a_crash_and_then_the_file_decides_again() {
    let world = world();
    let daemon = world.run();
    daemon.converges(2);
    let said = asked(&world, &["override", "a", "stopped", "--for", "8s", "--reason", "a test"]);
    assert!(said.starts_with("a: stopped until "), "{said}");
    wait("the stop", || world.posts().contains(&"stop a 201".to_owned()).then_some(()));
    let by = wishes(&daemon, "a");
    assert!(by.len() == 1 && by[0].starts_with("override stopped by "), "{by:?}");
    assert!(daemon.get("/metrics").1.contains("evenkeel_wish_active{"), "the metric");
    assert!(daemon.get("/").1.contains("a test"), "the page");
    daemon.process.signal(Signal::KILL);
    drop(daemon);

    let daemon = world.run();
    assert_eq!(wishes(&daemon, "a"), by);
    // It ends by itself, and the file has its way.
    wait("the start", || world.posts().contains(&"start a 201".to_owned()).then_some(()));
    daemon.converges(2);
    assert_eq!(wishes(&daemon, "a"), [""; 0]);
    world.assert_within_budget();
    let (code, log) = daemon.terminate();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn what_is_suspended_is_left_alone_until_it_is_resumed() {
    let world = world();
    let daemon = world.run();
    daemon.converges(2);
    asked(&world, &["suspend", "b", "--reason", "migration", "--as", "alice"]);
    daemon.becomes("b", "Suspended");
    world.console("b", "stopped");
    let said = asked(&world, &["sync", "b"]);
    assert!(said.contains("(alice (") && said.contains(": migration)"), "{said}");
    wait("the look at it", || {
        let view = daemon.view();
        let all = view["deployments"].as_array().unwrap().clone();
        all.iter().any(|one| one["observed"]["status"] == "stopped").then_some(())
    });
    assert_eq!(world.posts(), [""; 0]);
    asked(&world, &["resume", "b"]);
    daemon.converges(2);
    assert_eq!(world.posts(), ["start b 201"]);
}

#[test]
fn the_socket_is_the_daemons_own_and_goes_with_it() {
    let world = world();
    let daemon = world.run();
    let socket = world.scratch.path("state/admin.sock");
    wait("the socket", || socket.exists().then_some(()));
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    let (code, said) = told(&world.output(&["suspend", "nobody", "--reason", "x"]));
    assert_eq!(code, Some(2));
    assert!(said.contains("names no deployment `nobody`"), "{said}");
    assert_eq!(daemon.terminate().0, Some(0));
    assert!(!socket.exists());
    let (code, said) = told(&world.output(&["sync"]));
    assert_eq!(code, Some(2));
    assert!(said.contains("no daemon answers at") && said.contains("--socket"), "{said}");
    world.configure("observe:", "admin: { socket: false }\nobserve:");
    let daemon = world.run();
    daemon.converges(2);
    assert!(!socket.exists());
}

#[test]
fn over_tcp_the_token_lets_in_and_shows_nowhere() {
    const TOKEN: &str = "canary-0123456789abcdef";
    let world = world();
    world.configure("observe:", "admin: { token_file: token }\nobserve:");
    let (code, said) = told(&world.output(&["run"]));
    assert_eq!(code, Some(2));
    assert!(said.contains("cannot use `admin.token_file`: "), "{said}");
    let token = world.scratch.write("token", &format!("{TOKEN}\n"));
    let daemon = world.run_with(|command| {
        command.args(["--log-level", "trace"]);
    });
    daemon.converges(2);
    let token = token.to_str().unwrap();
    let ask = |token: &str, listen: &str| {
        let arguments = ["suspend", "a", "--reason", "x", "--token-file", token, "--listen"];
        told(&world.output(&[&arguments[..], &[listen]].concat()))
    };
    let wrong = world.scratch.write("wrong", "canary-of-somebody-else\n");
    let (code, said) = ask(wrong.to_str().unwrap(), &daemon.address);
    assert!(code == Some(2) && said.contains("(401)") && !said.contains("canary"), "{said}");
    let (code, said) = ask(token, "192.0.2.1:9464");
    assert!(code == Some(2) && said.contains("in the clear"), "{said}");
    let (code, said) = ask(token, &daemon.address);
    assert_eq!(code, Some(0), "{said}");
    daemon.becomes("a", "Suspended");
    assert_eq!(wishes(&daemon, "a"), ["suspend - by token from 127.0.0.1"]);
    for path in ["/", "/metrics", "/api/v1/deployments", "/api/v1/history", "/deployments/a"] {
        assert!(!daemon.get(path).1.contains("canary"), "{path}");
    }
    let (code, log) = daemon.terminate();
    assert!(code == Some(0) && !log.contains("canary"), "{log}");
    assert!(!contents(&world.scratch.path("state")).contains("canary"));
}
