use std::time::Duration;

use evenkeel::simulator::{Call, Delivery, Faults, Method, Options, Reply, RetryAfter, Service};

use crate::{A, B, call, seconds, send, with, word};

fn faulty(faults: Faults) -> Service {
    with(|options| {
        options.faults = faults;
        for method in Method::ALL {
            options.limits.of_mut(method).requests = 1000;
        }
    })
}

fn stop(service: &mut Service) -> Reply {
    send(service, 0.0, "stop w41b11c0")
}

/// What the audit counted for stops.
fn counted(service: &Service) -> Vec<(String, u64)> {
    service.audit(Duration::ZERO).requests[&Method::Stop].clone().into_iter().collect()
}

#[test]
fn a_lost_answer_follows_the_act() {
    let mut service = faulty(Faults { lost: 1.0, ..Faults::default() });
    let reply = stop(&mut service);
    assert_eq!((reply.status, reply.delivery), (201, Delivery::Lost));
    assert_eq!(word(&mut service, 0.0, A), "stopping");
    assert_eq!(counted(&service), [("lost".to_owned(), 1)]);
    assert_eq!(service.audit(Duration::ZERO).posts[0].code, Some(201));
}

#[test]
fn a_reset_forestalls_the_act_and_still_arrived() {
    let mut service = faulty(Faults { reset: 1.0, ..Faults::default() });
    assert_eq!(stop(&mut service).delivery, Delivery::Reset);
    assert_eq!(word(&mut service, 0.0, A), "running");
    assert_eq!(counted(&service), [("reset".to_owned(), 1)]);
    let audit = service.audit(Duration::ZERO);
    assert_eq!((audit.posts[0].code, audit.largest[&Method::Stop].deployment), (None, 1));
}

#[test]
fn a_gateway_hides_whether_the_service_acted() {
    let mut seen = [false; 2];
    for seed in 0..16 {
        let faults = Faults { gateway: 1.0, ..Faults::default() };
        let mut service = with(|options| (options.seed, options.faults) = (seed, faults));
        let reply = stop(&mut service);
        assert_eq!(reply.header("content-type"), Some("text/html"));
        assert!(reply.body.starts_with("<html>"), "{}", reply.body);
        let acted = word(&mut service, 0.0, A) == "stopping";
        assert_eq!(reply.status, if acted { 502 } else { 503 });
        seen[usize::from(acted)] = true;
    }
    assert_eq!(seen, [true, true]);
}

#[test]
fn a_storm_refuses_everything_for_a_while() {
    for (form, expected) in [
        (RetryAfter::Absent, None),
        (RetryAfter::Seconds, Some("20")),
        (RetryAfter::Date, Some("Thu, 01 Jan 2026 00:00:30 GMT")),
        (RetryAfter::Garbage, Some("soon")),
    ] {
        let storm_for = Duration::from_secs(20);
        let faults = Faults { storm: 1.0, storm_for, storm_retry_after: form, ..Faults::default() };
        let mut service = faulty(faults);
        let refused = send(&mut service, 10.0, "stop w41b11c0");
        assert_eq!((refused.status, refused.header("retry-after")), (429, expected));
        assert_eq!(word(&mut service, 10.0, A), "running");
    }
    // A storm that began by chance ends by itself: with this seed none begins during it.
    let storms =
        Faults { storm: 0.02, storm_retry_after: RetryAfter::Seconds, ..Faults::default() };
    let mut service = faulty(storms);
    let replies: Vec<_> =
        (0..1000).map(|second| send(&mut service, f64::from(second), "list")).collect();
    let first = replies.iter().position(|reply| reply.status == 429).unwrap();
    let waits: Vec<_> =
        replies[first..].iter().take(3).map(|reply| reply.header("retry-after").unwrap()).collect();
    assert_eq!(waits, ["30", "29", "28"]);
    assert!(replies[first..].iter().any(|reply| reply.status == 200), "it passes");
}

#[test]
fn garbage_is_a_page_or_half_an_answer() {
    let mut service = faulty(Faults { garbage: 1.0, ..Faults::default() });
    let whole = Service::new(Options::default()).handle(&call("status w41b11c0"), Duration::ZERO);
    let (half, _) = whole.body.split_at(whole.body.len() / 2);
    let replies: Vec<_> = (0..32).map(|_| send(&mut service, 0.0, "status w41b11c0")).collect();
    assert!(replies.iter().all(|reply| reply.status == 200));
    let pages = replies.iter().filter(|reply| reply.body.starts_with("<html>")).count();
    let halves = replies.iter().filter(|reply| reply.body == half).count();
    assert_eq!(pages + halves, 32);
    assert!(pages > 0 && halves > 0, "{pages} pages, {halves} halves");
    assert_eq!((stop(&mut service).status, word(&mut service, 0.0, A)), (201, "stopping".into()));
    assert!(send(&mut service, 0.0, "status nowhere").body.contains("NOT_FOUND"));
}

#[test]
fn an_unknown_word_is_shown_and_not_meant() {
    let mut service = faulty(Faults { unknown_status: 1.0, ..Faults::default() });
    for line in ["status w41b11c0", "list"] {
        let body = send(&mut service, 0.0, line).body;
        assert!(!body.contains("\"running\""), "{body}");
    }
    assert_eq!(word(&mut service, 0.0, A), "running");
}

#[test]
fn a_redirect_leads_back_and_does_nothing() {
    let mut service = faulty(Faults { redirect: 1.0, ..Faults::default() });
    let reply = stop(&mut service);
    let place = "/public_api/v1/deployments/w41b11c0/stop";
    assert_eq!((reply.status, reply.header("location")), (307, Some(place)));
    assert_eq!(word(&mut service, 0.0, A), "running");
}

#[test]
fn calls_and_answers_take_their_time() {
    let millis = Duration::from_millis;
    let slow = Faults { latency: millis(101), jitter: millis(50), ..Faults::default() };
    let mut service = faulty(slow.clone());
    let transits: Vec<_> = (0..100).map(|_| service.transit(&call("list"))).collect();
    let half = Duration::from_micros(50_500);
    let bounds = half..=half + millis(50);
    assert!(transits.iter().all(|transit| bounds.contains(transit)), "{transits:?}");
    assert!(transits.iter().max() > transits.iter().min());
    assert_eq!(send(&mut service, 0.0, "list").delay, half);

    let late =
        Faults { late_answer: 1.0, late_arrival: 1.0, latency: millis(2), ..Faults::default() };
    let mut service = faulty(late);
    assert_eq!(service.transit(&call("stop w41b11c0")), Duration::from_millis(45_001));
    assert_eq!(stop(&mut service).delay, Duration::from_millis(45_001));
    assert_eq!(word(&mut service, 0.0, A), "stopping");
}

#[test]
fn faults_keep_to_their_methods() {
    let methods = vec![Method::Start, Method::Stop];
    let mut service = faulty(Faults { methods, reset: 1.0, storm: 1.0, ..Faults::default() });
    assert_eq!(stop(&mut service).delivery, Delivery::Reset);
    assert_eq!(send(&mut service, 0.0, "status w41b11c0").status, 200);
    assert_eq!(send(&mut service, 0.0, "list").status, 200);
}

#[test]
fn chance_keeps_to_its_measure_and_its_seed() {
    let codes = |seed| {
        let faults = Faults { redirect: 0.3, ..Faults::default() };
        let mut service = with(|options| {
            (options.seed, options.faults) = (seed, faults);
            options.limits.list.requests = 20_000;
        });
        (0..10_000).map(|_| send(&mut service, 0.0, "list").status).collect::<Vec<_>>()
    };
    let first = codes(7);
    let hits = first.iter().filter(|&&code| code == 307).count();
    assert!((2_800..=3_200).contains(&hits), "{hits} of 10,000 at 0.3");
    assert_eq!(first, codes(7));
    assert_ne!(first, codes(8));
    let mut sure = faulty(Faults::default());
    assert_eq!(send(&mut sure, 0.0, &format!("status {B}")).status, 200);
}

#[test]
fn faults_can_be_turned_off_and_on_again() {
    let mut service = faulty(Faults {
        storm: 1.0,
        late_arrival: 1.0,
        latency: seconds(2.0),
        ..Faults::default()
    });
    let late = service.transit(&call("status w41b11c0"));
    assert_eq!(send(&mut service, 0.0, "status w41b11c0").status, 429);
    service.handle(&Call::new("POST", "/_sim/faults/off"), seconds(1.0));
    assert_eq!(send(&mut service, 1.0, "status w41b11c0").status, 200);
    assert_eq!(service.transit(&call("status w41b11c0")), seconds(1.0));
    service.handle(&Call::new("POST", "/_sim/faults/on"), seconds(2.0));
    assert_eq!(send(&mut service, 2.0, "status w41b11c0").status, 429);
    assert_eq!(service.transit(&call("status w41b11c0")), late);
}
