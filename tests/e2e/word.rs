//! Word when something happens: the real daemon, and receivers that listen, or do not.

use std::process::Command;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use rustix::process::Signal;
use serde_json::Value;
use standardwebhooks::Webhook;

use crate::ear::Ear;
use crate::harness::{Daemon, World, wait};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";

/// Configures a receiver that listens, and one that is dead, which must change nothing.
fn notify(world: &World, ear: &Ear, group_wait: &str) {
    world.scratch.write("hook", SECRET);
    world.scratch.write("dead", "http://127.0.0.1:9/\n");
    world.configure(
        "limits:\n",
        &format!(
            "notify:
  group_wait: {group_wait}
  group_interval: 10ms
  receivers:
    ops: {{ url: '{}', secret: {{ file: hook }} }}
    dead: {{ url: {{ file: dead }}, format: slack }}
guards: {{ stops: {{ percent: 100 }} }}
limits:
",
            ear.url()
        ),
    );
}

/// What has come, each checked as receivers do: type and title.
fn told(ear: &Ear) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let one = |(headers, body): (Vec<(String, String)>, Vec<u8>)| {
        let pair = |(name, value): &(String, String)| {
            (
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        };
        let headers: HeaderMap = headers.iter().map(pair).collect();
        Webhook::new(SECRET).unwrap().verify(&body, &headers).unwrap();
        let event: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(headers["webhook-id"].to_str().unwrap(), event["id"].as_str().unwrap());
        (text(&event["type"]), text(&event["data"]["title"]))
    };
    ear.heard().into_iter().map(one).collect()
}

fn tells(ear: &Ear, kind: &str) {
    let kind = format!("io.evenkeel.{kind}");
    wait(&kind, || told(ear).iter().any(|(one, _)| *one == kind).then_some(()));
}

fn metric(daemon: &Daemon, line: &str) {
    wait(line, || daemon.get("/metrics").1.lines().any(|one| one == line).then_some(()));
}

#[test]
fn a_fleets_stop_is_one_message_that_sigterm_does_not_lose() {
    let world = World::new(&["--deployments", "5"]);
    let ear = Ear::new(&[200]);
    notify(&world, &ear, "1h");
    let ids = ["w41b11c0", "b1f77113", "mdfba81f"];
    let wish = |state: &str| ids.map(|id| format!("  {id}: {state}\n")).concat();
    world.desire(&wish("running"));
    let daemon = world.run();
    daemon.converges(3);
    world.desire(&wish("stopped"));
    wait("three stops", || (world.posts().len() >= 3).then_some(()));
    daemon.converges(3);
    assert_eq!(told(&ear), []);
    let (code, output) = daemon.terminate();
    assert_eq!(code, Some(0));
    let title = told(&ear).into_iter().find(|(kind, _)| kind.ends_with("stopped")).unwrap().1;
    assert_eq!(title, "3 deployments are stopped", "{output}");
    let given_up = "receiver dead: 1 message could not be delivered in time";
    assert!(output.contains(given_up), "{output}");
    assert!(output.contains("ended in good order"), "{output}");
    world.assert_within_budget();
}

#[test]
fn what_begins_and_what_is_over_is_told() {
    let world = World::with_secret("right", &["--deployments", "2"]);
    let ear = Ear::new(&[500, 200]);
    notify(&world, &ear, "10ms");
    world.scratch.write("secret", "wrong\n");
    world.desire("  w41b11c0: running\n  b1f77113: running\n");
    let daemon = world.run();
    tells(&ear, "account.credentials-refused");
    world.scratch.write("secret", "right\n");
    daemon.process.signal(Signal::HUP);
    tells(&ear, "account.credentials-refused.resolved");
    daemon.converges(2);
    world.scratch.write("desired.yaml", "deployments: { w41b11c0: runing }\n");
    tells(&ear, "desired-file.refused");
    world.desire("  w41b11c0: stopped\n  nowhere: running\n");
    tells(&ear, "desired-file.refused.resolved");
    tells(&ear, "deployment.stopped");
    tells(&ear, "deployment.blocked");
    let titles = told(&ear);
    let title = |kind: &str| {
        let kind = format!("io.evenkeel.{kind}");
        titles.iter().find(|(one, _)| *one == kind).unwrap().1.clone()
    };
    assert_eq!(title("account.credentials-refused"), "The API refuses the key of account default");
    assert!(title("deployment.stopped").ends_with("(w41b11c0) is stopped"), "{titles:?}");
    assert_eq!(title("deployment.blocked"), "nowhere cannot be acted on");
    // The first attempt failed and came again as the same message.
    let ids: Vec<_> = ear.heard().into_iter().map(|(headers, _)| headers).collect();
    let id = |n: usize| ids[n].iter().find(|(name, _)| name == "webhook-id").unwrap().1.clone();
    assert_eq!(id(0), id(1));
    metric(&daemon, "evenkeel_notifications_waiting{receiver=\"ops\"} 0");
    metric(&daemon, "evenkeel_notifications_total{receiver=\"dead\",outcome=\"delivered\"} 0");
    metric(&daemon, "evenkeel_notices_unheard_total 0");
    daemon.process.kill();
    // The next process tells of what still stands, and of nothing else.
    let before = told(&ear).len();
    let daemon = world.run();
    wait("word after a restart", || (told(&ear).len() > before).then_some(()));
    assert_eq!(
        told(&ear)[before..],
        [("io.evenkeel.deployment.blocked".to_owned(), "nowhere cannot be acted on".to_owned())]
    );
    daemon.process.kill();
}

/// The secret is on a network disk that does not answer: a named pipe that nobody writes to.
#[test]
fn a_disk_that_hangs_holds_nobody_up() {
    let world = World::new(&["--deployments", "1"]);
    let ear = Ear::new(&[200]);
    notify(&world, &ear, "10ms");
    std::fs::remove_file(world.scratch.path("dead")).unwrap();
    let pipe = world.scratch.path("dead");
    assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    world.desire("  w41b11c0: stopped\n");
    let daemon = world.run();
    daemon.converges(1);
    tells(&ear, "deployment.stopped");
    assert_eq!(daemon.terminate().0, Some(0));
}

#[test]
fn check_says_what_of_a_receiver_is_not_to_be_had() {
    let world = World::new(&["--deployments", "1"]);
    let ear = Ear::new(&[200]);
    notify(&world, &ear, "1s");
    world.desire("  w41b11c0: running\n");
    world.scratch.write("hook", "canary\n");
    world.scratch.write("dead", "canary\n");
    let output = world.output(&["check"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("receiver `dead`: this is no URL"), "{text}");
    assert!(text.contains("receiver `ops`: the secret is not one of Standard Webhooks"), "{text}");
    assert!(!text.contains("canary"), "{text}");
    assert_eq!(ear.heard().len(), 0);
}
