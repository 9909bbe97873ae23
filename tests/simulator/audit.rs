use std::time::Duration;

use evenkeel::simulator::{Call, Kind, Method, Options, Scope, Service};

use crate::{A, B, C, call, fleet, play, seconds, with};

/// The whole audit as its endpoint gives it, after a short life with every kind of arrival.
#[test]
fn the_audit_in_full() {
    let mut service = with(|options| {
        options.deployments = fleet(&[(A, "running"), (B, "stopped")]);
    });
    let start = |id: &str, request: &str| call(&format!("start {id}")).identified(request);
    service.handle(&start(B, "one"), seconds(1.0));
    service.handle(&start(B, "two"), seconds(1.5));
    service.handle(&start(A, "one"), seconds(2.0));
    service.handle(&call("list"), seconds(3.0));
    service.handle(&Call::of(Method::Status, A), seconds(4.0));
    service.handle(&Call::new("GET", "/favicon.ico"), seconds(4.5));
    let audit = service.handle(&Call::new("GET", "/_sim/audit"), seconds(5.0)).body;
    let largest = |deployment: u64, account: u64, limit: u64, over: bool| {
        serde_json::json!({
            "deployment": deployment, "account": account,
            "limit": limit, "window_ms": 3_600_000, "over": over,
        })
    };
    let expected = serde_json::json!({
        "at_ms": 5000,
        "requests": {
            "status": { "401": 1 },
            "list": { "200": 1 },
            "start": { "201": 1, "422": 1, "429": 1 },
        },
        "other_requests": 1,
        "scope": "deployment",
        "largest": {
            "status": largest(1, 1, 60, false),
            "list": largest(0, 1, 60, false),
            "start": largest(2, 3, 1, true),
            "stop": largest(0, 0, 1, false),
        },
        "redundant_posts": 2,
        "duplicate_request_ids": 1,
        "without_request_id": 2,
        "posts": [
            { "at_ms": 1000, "deployment": B, "method": "start", "code": 201, "answer": "sent",
              "request_id": "one", "redundant": false },
            { "at_ms": 1500, "deployment": B, "method": "start", "code": 429, "answer": "sent",
              "request_id": "two", "redundant": true },
            { "at_ms": 2000, "deployment": A, "method": "start", "code": 422, "answer": "sent",
              "request_id": "one", "redundant": true },
        ],
        "posts_dropped": 0,
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&audit).unwrap(), expected);
}

#[test]
fn over_is_judged_in_the_configured_scope() {
    for (scope, over) in [(Scope::Deployment, false), (Scope::Account, true)] {
        let mut service = with(|options| options.limits.scope = scope);
        play(&mut service, &[(0.0, "stop w41b11c0"), (3599.0, "stop b1f77113")]);
        let largest = service.audit(Duration::ZERO).largest[&Method::Stop];
        assert_eq!((largest.deployment, largest.account, largest.over), (1, 2, over));
    }
}

/// Two arrivals that a fixed limiter admits are still two in one true window.
#[test]
fn windows_are_truly_sliding_whatever_the_limiter_does() {
    let mut service = with(|options| options.limits.kind = Kind::Fixed);
    play(&mut service, &[(3599.0, "stop w41b11c0"), (3600.0, "start w41b11c0")]);
    assert_eq!(play(&mut service, &[(3601.0, "stop w41b11c0")]), [422]);
    let largest = service.audit(Duration::ZERO).largest[&Method::Stop];
    assert_eq!((largest.deployment, largest.over), (2, true));
}

#[test]
fn arrivals_a_whole_window_apart_are_not_in_one_window() {
    let mut service = Service::new(Options::default());
    play(&mut service, &[(0.0, "stop w41b11c0"), (3600.0, "stop w41b11c0")]);
    assert_eq!(service.audit(Duration::ZERO).largest[&Method::Stop].account, 1);
    play(&mut service, &[(7199.999, "stop mdfba81f")]);
    let largest = service.audit(Duration::ZERO).largest[&Method::Stop];
    assert_eq!((largest.deployment, largest.account), (1, 2));
}

#[test]
fn the_list_of_posts_keeps_the_newest() {
    let mut service = Service::new(Options::default());
    for second in 0..10_003 {
        service.handle(&Call::of(Method::Stop, C), Duration::from_secs(second));
    }
    let audit = service.audit(Duration::ZERO);
    assert_eq!((audit.posts.len(), audit.posts_dropped), (10_000, 3));
    assert_eq!(audit.posts[0].at_ms, 3000);
    assert_eq!(audit.requests[&Method::Stop]["401"], 10_003);
    assert_eq!(audit.largest[&Method::Stop].deployment, 3600);
}

#[test]
fn ids_that_nobody_has_do_not_share_a_budget() {
    let mut service = with(|options| options.limits.status.requests = 1);
    let script = [(0.0, "status ghost-1"), (0.0, "status ghost-2"), (0.0, "status ghost-1")];
    assert_eq!(play(&mut service, &script), [404, 404, 429]);
    assert_eq!(service.audit(Duration::ZERO).largest[&Method::Status].deployment, 2);
}
