use std::time::Duration;

use evenkeel::simulator::{BASE, Call, Cause, Change, Method, Options, Service};

use crate::{A, B, C, call, fleet, play, seconds, send, with, word};

fn limitless(change: impl FnOnce(&mut Options)) -> Service {
    with(|options| {
        for method in Method::ALL {
            options.limits.of_mut(method).requests = 1000;
        }
        change(options);
    })
}

#[test]
fn the_examples_of_the_api_page_to_the_letter() {
    let mut service = Service::new(Options::default());
    let status = send(&mut service, 0.0, "status w41b11c0");
    let body = r#"{
    "connections": 1000,
    "createAt": "2024-07-22 05:32",
    "deploymentID": "w41b11c0",
    "deploymentName": "deployment-w41b11c0",
    "deploymentType": "dedicated",
    "platform": "Alibaba Cloud",
    "region": "Hangzhou",
    "status": "running"
}
"#;
    assert_eq!((status.status, status.body.as_str()), (200, body));
    assert_eq!(status.header("content-type"), Some("application/json"));

    let stop = send(&mut service, 1.0, "stop w41b11c0");
    let body = r#"{
    "deploymentID": "w41b11c0",
    "deploymentName": "deployment-w41b11c0",
    "operation": "stopping"
}
"#;
    assert_eq!((stop.status, stop.body.as_str()), (201, body));

    let start = send(&mut service, 60.0, "start w41b11c0");
    assert_eq!((start.status, start.body), (201, body.replace("stopping", "starting")));
}

#[test]
fn the_list_is_a_bare_array_of_the_same_objects() {
    let mut service = with(|options| options.deployments = fleet(&[(A, "running"), (B, "failed")]));
    let one = send(&mut service, 0.0, "status w41b11c0").body;
    let all = send(&mut service, 0.0, "list").body;
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(parse(&all)[0], parse(&one));
    assert_eq!(parse(&all)[1]["status"], "failed");
    assert_eq!(parse(&all).as_array().unwrap().len(), 2);
    let mut older = with(|options| options.list = false);
    assert_eq!(send(&mut older, 0.0, "list").status, 404);
}

#[test]
fn errors_have_a_code_and_a_message_at_the_top() {
    let body = "{\n    \"code\": \"NOT_FOUND\",\n    \"message\": \"Deployment not found.\"\n}\n";
    let mut words = Service::new(Options::default());
    assert_eq!(send(&mut words, 0.0, "status nowhere").body, body);
    let mut numbers = with(|options| options.numeric_codes = true);
    assert_eq!(
        send(&mut numbers, 0.0, "status nowhere").body,
        body.replace("\"NOT_FOUND\"", "404")
    );
}

#[test]
fn each_refusal_has_its_code() {
    let mut service = limitless(|options| {
        options.deployments = fleet(&[(A, "running"), (B, "stopped"), (C, "pending")]);
        options.forbidden.insert("theirs".to_owned());
    });
    let status = Call::of(Method::Status, A);
    for (call, code) in [
        (status.clone(), 401),
        (status.clone().authorized("key", "guess"), 401),
        (status.clone().authorized("other", "secret"), 401),
        (call("status theirs"), 403),
        (call("stop theirs"), 403),
        (call("status nowhere"), 404),
        (call("start nowhere"), 404),
        (call("start w41b11c0"), 422),
        (call("stop b1f77113"), 422),
        (call("start mdfba81f"), 422),
        (call("stop mdfba81f"), 422),
        (Call::new("GET", format!("{BASE}/elsewhere")), 404),
        (Call::new("GET", "/deployments/w41b11c0"), 404),
        (Call::new("DELETE", status.path), 405),
    ] {
        assert_eq!(service.handle(&call, Duration::ZERO).status, code, "{call:?}");
    }
}

#[test]
fn a_start_goes_through_its_states_in_its_time() {
    let mut service = limitless(|options| {
        options.deployments = fleet(&[(A, "stopped")]);
        options.pending = Duration::from_secs(10);
        options.start_delay = Duration::from_secs(60);
    });
    assert_eq!(send(&mut service, 0.0, "start w41b11c0").status, 201);
    let codes = play(&mut service, &[(5.0, "start w41b11c0"), (5.0, "stop w41b11c0")]);
    assert_eq!(codes, [422, 422]);
    let words = [0.0, 9.9, 10.0, 69.9, 70.0].map(|at| word(&mut service, at, A));
    assert_eq!(words, ["pending", "pending", "starting", "starting", "running"]);
    assert_eq!(send(&mut service, 70.0, "stop w41b11c0").status, 201);
    let words = [70.0, 99.9, 100.0].map(|at| word(&mut service, at, A));
    assert_eq!(words, ["stopping", "stopping", "stopped"]);
}

#[test]
fn a_passage_may_end_elsewhere() {
    for (revert, fail, end) in [(1.0, 0.0, "stopped"), (0.0, 1.0, "failed")] {
        let mut service = limitless(|options| {
            options.deployments = fleet(&[(A, "stopped")]);
            (options.revert, options.fail) = (revert, fail);
        });
        assert_eq!(send(&mut service, 0.0, "start w41b11c0").status, 201);
        assert_eq!(word(&mut service, 59.0, A), "starting");
        assert_eq!(word(&mut service, 60.0, A), end);
    }
}

#[test]
fn a_status_can_be_set_to_any_word_at_once() {
    let mut service = Service::new(Options::default());
    let set = |path: &str| Call::new("POST", format!("/_sim/deployments/{path}"));
    send(&mut service, 0.0, "stop w41b11c0");
    let reply = service.handle(&set("w41b11c0/hibernating"), seconds(1.0));
    assert_eq!(reply.status, 200);
    assert!(reply.body.contains("\"status\": \"hibernating\""), "{}", reply.body);
    // The stop that was under way is forgotten.
    assert_eq!(word(&mut service, 3600.0, A), "hibernating");
    assert_eq!(service.handle(&set("nowhere/running"), seconds(3600.0)).status, 404);
    let all = service.handle(&Call::new("GET", "/_sim/deployments"), seconds(3600.0));
    assert!(all.body.contains("hibernating"), "{}", all.body);
}

#[test]
fn every_change_is_told_with_its_time_and_cause() {
    let mut service = Service::new(Options::default());
    send(&mut service, 1.0, "stop w41b11c0");
    service.advance(seconds(100.0));
    service.set_status(B, "failed", seconds(200.0));
    let change = |at, id: &str, from: &str, to: &str, cause| Change {
        at: seconds(at),
        deployment: id.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        cause,
    };
    let expected = [
        change(1.0, A, "running", "stopping", Cause::Call),
        change(31.0, A, "stopping", "stopped", Cause::Settled),
        change(200.0, B, "running", "failed", Cause::Set),
    ];
    assert_eq!(service.take_changes(), expected);
    assert_eq!(service.take_changes(), []);
}

#[test]
fn drift_comes_around_its_mean_and_the_same_for_a_seed() {
    let turns = |seed| {
        let mut service = with(|options| {
            options.seed = seed;
            options.drift = Some(Duration::from_secs(600));
        });
        service.advance(Duration::from_secs(100 * 600));
        let changes = service.take_changes();
        changes.into_iter().filter(|change| change.cause == Cause::Drift).collect::<Vec<_>>()
    };
    let drift = turns(1);
    let mut last = Duration::ZERO;
    for change in &drift {
        let pause = (change.at - last).as_secs_f64();
        assert!((300.0..=900.0).contains(&pause), "{pause} s");
        last = change.at;
    }
    assert!((90..=110).contains(&drift.len()), "{} turns in 100 means", drift.len());
    assert!([A, B, C].iter().all(|id| drift.iter().any(|change| change.deployment == *id)));
    assert_eq!(drift, turns(1));
    assert_ne!(drift, turns(2));
}

#[test]
fn calls_do_not_deal_the_drift_anew() {
    let drifting = |options: &mut Options| options.drift = Some(Duration::from_secs(600));
    let (mut quiet, mut busy) = (limitless(drifting), limitless(drifting));
    for second in 0..6000 {
        send(&mut busy, f64::from(second), "list");
    }
    quiet.advance(Duration::from_secs(6000));
    busy.advance(Duration::from_secs(6000));
    assert_eq!(quiet.take_changes(), busy.take_changes());
}

#[test]
fn time_does_not_run_backwards() {
    let mut service = Service::new(Options::default());
    send(&mut service, 100.0, "stop w41b11c0");
    assert_eq!(word(&mut service, 0.0, A), "stopping");
    assert_eq!(send(&mut service, 0.0, "stop b1f77113").status, 201);
    let at: Vec<_> = service.audit(Duration::ZERO).posts.iter().map(|post| post.at_ms).collect();
    assert_eq!(at, [100_000, 100_000]);
}
