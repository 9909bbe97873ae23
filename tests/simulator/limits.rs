use std::time::Duration;

use evenkeel::simulator::{
    Deployment, Kind, Limit, Limits, Method, Options, RetryAfter, Scope, Service,
};

use crate::{A, B, play, send, with};

/// So many status calls a minute.
fn limited(requests: u32, change: impl FnOnce(&mut Limits)) -> Service {
    with(|options| {
        options.limits.status = Limit { requests, window: Duration::from_secs(60) };
        change(&mut options.limits);
    })
}

#[test]
fn the_default_is_what_the_api_page_documents() {
    let limits = Options::default().limits;
    let hour = Duration::from_secs(3600);
    let numbers = Method::ALL.map(|method| (limits.of(method).requests, limits.of(method).window));
    assert_eq!(numbers, [(60, hour), (60, hour), (1, hour), (1, hour)]);
}

#[test]
fn a_sliding_window_counts_back_from_each_arrival() {
    let mut service = limited(2, |_| {});
    let codes = play(
        &mut service,
        &[
            (0.0, "status w41b11c0"),
            (30.0, "status w41b11c0"),
            (59.999, "status w41b11c0"),
            (60.0, "status w41b11c0"),
            (89.999, "status w41b11c0"),
            (90.0, "status w41b11c0"),
        ],
    );
    assert_eq!(codes, [200, 200, 429, 200, 429, 200]);
}

#[test]
fn a_fixed_window_lets_two_budgets_meet() {
    let mut service = limited(2, |limits| limits.kind = Kind::Fixed);
    let at = |at| (at, "status w41b11c0");
    let script = [at(59.0), at(59.5), at(59.9), at(60.0), at(60.0), at(60.1), at(240.0)];
    assert_eq!(play(&mut service, &script), [200, 200, 429, 200, 200, 429, 200]);
}

#[test]
fn a_window_is_a_deployments_own_or_the_accounts() {
    let script = [(0.0, "status w41b11c0"), (1.0, "status b1f77113"), (2.0, "list")];
    let mut own = limited(1, |_| {});
    assert_eq!(play(&mut own, &script), [200, 200, 200]);
    let mut shared = limited(1, |limits| limits.scope = Scope::Account);
    assert_eq!(play(&mut shared, &script), [200, 429, 200]);
}

#[test]
fn starts_and_stops_have_a_budget_each() {
    let mut service = with(|options| {
        options.start_delay = Duration::from_secs(1);
        options.stop_delay = Duration::from_secs(1);
    });
    let script = [
        (0.0, "stop w41b11c0"),
        (2.0, "start w41b11c0"),
        (4.0, "stop w41b11c0"),
        (3599.0, "stop w41b11c0"),
        (3600.0, "stop w41b11c0"),
        (3601.5, "start w41b11c0"),
        (3602.0, "start w41b11c0"),
    ];
    assert_eq!(play(&mut service, &script), [201, 201, 429, 429, 201, 429, 201]);
}

#[test]
fn refused_calls_count_when_asked_to() {
    let script = [0.0, 59.0, 61.0, 120.0, 180.0].map(|at| (at, "status w41b11c0"));
    let mut free = limited(1, |_| {});
    assert_eq!(play(&mut free, &script), [200, 429, 200, 429, 200]);
    let mut counted = limited(1, |limits| limits.count_refused = true);
    assert_eq!(play(&mut counted, &script), [200, 429, 429, 429, 200]);
}

#[test]
fn a_call_counts_once_its_key_is_known_whatever_the_answer() {
    let mut service = with(|options| {
        options.limits.start = Limit { requests: 1, window: Duration::from_secs(60) };
    });
    let script = ["start w41b11c0", "start w41b11c0", "start nowhere", "start nowhere"];
    let codes = script.map(|line| send(&mut service, 0.0, line).status);
    assert_eq!(codes, [422, 429, 404, 429]);
    let unauthorized = evenkeel::simulator::Call::of(Method::Start, B);
    assert_eq!(service.handle(&unauthorized, Duration::ZERO).status, 401);
    assert_eq!(send(&mut service, 0.0, &format!("start {B}")).status, 422);
}

#[test]
fn a_refusal_says_when_to_come_back_in_the_form_asked_for() {
    for (form, expected) in [
        (RetryAfter::Absent, None),
        (RetryAfter::Seconds, Some("31")),
        (RetryAfter::Date, Some("Thu, 01 Jan 2026 00:01:00 GMT")),
        (RetryAfter::Garbage, Some("soon")),
    ] {
        let mut service = with(|options| {
            options.retry_after = form;
            options.limits.status = Limit { requests: 1, window: Duration::from_secs(60) };
        });
        let line = format!("status {A}");
        assert_eq!(send(&mut service, 0.0, &line).header("retry-after"), None);
        let refused = send(&mut service, 29.5, &line);
        assert_eq!(refused.header("date"), Some("Thu, 01 Jan 2026 00:00:29 GMT"));
        assert_eq!((refused.status, refused.header("retry-after")), (429, expected));
    }
    let mut fixed = limited(1, |limits| limits.kind = Kind::Fixed);
    play(&mut fixed, &[(50.0, "status w41b11c0")]);
    let refused = send(&mut fixed, 59.0, "status w41b11c0");
    assert_eq!((refused.status, refused.header("retry-after")), (429, None));
}

#[test]
fn a_large_fleet_has_a_window_for_each_deployment() {
    let deployments = Deployment::generate(60_000);
    let ids: Vec<_> = deployments.iter().map(|one| one.id.clone()).collect();
    let mut service = with(|options| {
        options.limits.status.requests = 1;
        options.deployments = deployments;
    });
    let answers = ids.iter().map(|id| send(&mut service, 0.0, &format!("status {id}")).status);
    assert!(answers.into_iter().all(|status| status == 200));
    assert_eq!(service.audit(Duration::ZERO).largest[&Method::Status].deployment, 1);
}
