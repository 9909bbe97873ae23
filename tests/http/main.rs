//! The endpoint: exact statuses, headers and bodies, and the page.
#![expect(clippy::unwrap_used, reason = "a test's helper fails the test by panicking")]

mod admin;
mod openapi;
mod page;
mod pieces;
mod socket;
#[path = "../view_fixture/mod.rs"]
mod view_fixture;

use std::time::Duration;

use evenkeel::http::admin::{Gate, RATE};
use evenkeel::http::{Changes, Heartbeat, Lines, PATIENCE, Query, STUCK_AFTER, State, route};
use evenkeel::keel::deployment::{DeploymentId, Desired};
use evenkeel::keel::figures::Figures;
use evenkeel::keel::overview::Overview;
use evenkeel::keel::story::{Entry, Timelines};
use evenkeel::keel::time::{Mono, Wall};
use evenkeel::keel::view::{DeploymentView, PastView, Time, View};
use http_body_util::BodyExt as _;
use hyper::header::ACCEPT;
use hyper::{Method, Request};
use tokio::sync::mpsc;
use view_fixture::{bare, figures, view};

const NOW: Mono = Mono::from_millis(1_000_000);

/// A state whose controller shows `view`, and past actions made of its deployments' last ones.
fn state(view: View) -> State {
    let (queries, mut asked) = mpsc::channel(1);
    let past: Vec<PastView> =
        view.deployments.iter().filter_map(|one| one.last_action.clone()).collect();
    tokio::spawn(async move {
        while let Some(query) = asked.recv().await {
            match query {
                Query::Outline(answer) => {
                    answer.send(View { deployments: Vec::new(), ..view.clone() }).unwrap();
                }
                Query::Deployments(after, answer) => {
                    // Two at a time, so that a fleet takes several.
                    let behind = |one: &&DeploymentView| after.as_ref() < Some(&one.id);
                    let some = view.deployments.iter().filter(behind).take(2);
                    answer.send(some.cloned().collect()).unwrap();
                }
                Query::Figures(after, answer) => {
                    let behind = |one: &Figures| after.as_ref() < Some(&one.id);
                    let some = figures(&view).into_iter().filter(behind).take(2);
                    answer.send(some.collect()).unwrap();
                }
                Query::Deployment(id, answer) => {
                    answer.send(view.deployment(id.as_str()).cloned()).unwrap();
                }
                Query::History(answer) => answer.send(past.clone()).unwrap(),
                Query::Errand(_, answer) => answer.send(()).unwrap(),
                Query::Overview(answer) => answer.send(Overview::default()).unwrap(),
                Query::Reckoning(_, answer) => answer.send(Vec::new()).unwrap(),
                Query::Timelines(ids, days, answer) => {
                    let known = |id| Some((DeploymentId::clone(id), timeline(id, days)?));
                    let of = ids.iter().filter_map(known).collect();
                    answer.send(Timelines { oldest: None, of }).unwrap();
                }
            }
        }
    });
    of(queries)
}

/// Of `b2` and nobody else: what was wanted so many days before the epoch, and what was seen then.
fn timeline(id: &DeploymentId, days: u32) -> Option<Vec<Entry>> {
    let at = Time(Wall::from_millis(i64::from(days) * -86_400_000));
    let (rule, revision) = ("state".to_owned(), "3f9c1a2b".into());
    let wanted = Entry::Wanted { at, state: Desired::Stopped, rule, revision, suspended: None };
    (id.as_str() == "b2").then(|| vec![wanted, Entry::Seen { at, status: "running".to_owned() }])
}

fn of(queries: mpsc::Sender<Query>) -> State {
    State {
        queries,
        patience: PATIENCE,
        heartbeat: Heartbeat::new(NOW),
        gate: Gate::new(Duration::from_secs(7 * 24 * 3600), RATE, None),
        changes: Changes::new(NOW),
        now: Box::new(|| NOW),
        exposition: Box::new(|_, fleet, format| {
            Ok(Lines::new(std::iter::once(format!("{format:?} of {}\n", fleet.len()))))
        }),
    }
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

async fn ask(state: &State, method: Method, uri: &'static str) -> Answer {
    accepting(state, method, uri, "*/*").await
}

async fn accepting(state: &State, method: Method, uri: &'static str, accept: &str) -> Answer {
    let request = Request::builder().method(method).uri(uri).header(ACCEPT, accept);
    let response = route(state, &request.body(()).unwrap()).await;
    let headers = response
        .headers()
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Answer { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

async fn get(state: &State, uri: &'static str) -> Answer {
    ask(state, Method::GET, uri).await
}

/// Status, media type and body.
async fn told(state: &State, uri: &'static str) -> (u16, String, String) {
    let answer = get(state, uri).await;
    (answer.status, answer.header("content-type").unwrap().to_owned(), answer.body)
}

fn text(status: u16, body: &str) -> (u16, String, String) {
    (status, "text/plain; charset=utf-8".to_owned(), body.to_owned())
}

fn json(status: u16, body: &str) -> (u16, String, String) {
    (status, "application/json".to_owned(), format!("{body}\n"))
}

#[tokio::test]
async fn the_fleet_is_the_view_itself() {
    let whole = serde_json::to_string(&view()).unwrap();
    assert_eq!(told(&state(view()), "/api/v1/deployments").await, json(200, &whole));
    let raw: serde_json::Value =
        serde_json::from_str(include_str!("../view_fixture/view.json")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&whole).unwrap(), raw);
}

#[tokio::test]
async fn one_deployment() {
    let want = concat!(
        r#"{"id":"d4","account":"eu","desired":{"state":"stopped","rule":"state","until":null,"#,
        r#""revision":"3f9c1a2b","protect":false,"suspended":null},"observed":null,"#,
        r#""fault":"401: the API refuses the key","wishes":[{"kind":"suspend","#,
        r#""reason":"migration","by":"alice","since":"2026-11-24T02:00:00Z","until":null},"#,
        r#"{"kind":"override","state":"stopped","reason":null,"by":"bob (root)","#,
        r#""since":"2026-11-24T02:30:00Z","until":"2026-11-24T04:30:00Z"}],"#,
        r#""synced":{"reason":"Unauthorized","message":"#,
        r#""the API refuses the key of account eu","since":"2026-11-24T02:00:00Z"},"#,
        r#""conditions":[],"next":{"step":"read","at":null},"queue":null,"budgets":[],"#,
        r#""lastAction":null}"#
    );
    assert_eq!(told(&state(view()), "/api/v1/deployments/d4").await, json(200, want));
}

#[tokio::test]
async fn a_deployment_that_the_file_does_not_name() {
    let want = concat!(
        r#"{"error":"the desired file names no deployment `x%22y`; "#,
        r#"/api/v1/deployments lists those that it does"}"#
    );
    assert_eq!(told(&state(view()), "/api/v1/deployments/x%22y").await, json(404, want));
}

#[tokio::test]
async fn history_is_newest_first_and_can_be_narrowed() {
    let mut view = view();
    let act = view.deployment("b2").unwrap().last_action.clone().unwrap();
    for (slot, id) in [(0, 7), (2, 43), (5, 42)] {
        let mut act = act.clone();
        act.id.0 = id;
        act.deployment = view.deployments[slot].id.clone();
        act.cause = None;
        view.deployments[slot].last_action = Some(act);
    }
    let state = state(view);
    let ids = |body: &str| -> Vec<u64> {
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        body["history"].as_array().unwrap().iter().map(|one| one["id"].as_u64().unwrap()).collect()
    };
    assert_eq!(ids(&get(&state, "/api/v1/history").await.body), [43, 42, 41, 7]);
    assert_eq!(ids(&get(&state, "/api/v1/history?deployment=b2").await.body), [41]);
    let want = concat!(
        r#"{"history":[{"id":7,"account":"default","deployment":"a1","action":"start","#,
        r#""at":"2026-11-24T03:00:59Z","ended":"2026-11-24T03:01:00Z","outcome":"201","#,
        r#""cause":null}]}"#
    );
    assert_eq!(told(&state, "/api/v1/history?deployment=a1").await, json(200, want));
    assert_eq!(
        told(&state, "/api/v1/history?deployment=nobody").await,
        json(200, r#"{"history":[]}"#)
    );
    let typo = r#"{"error":"`deploymentId=a1` is not understood; expected `deployment=…`"}"#;
    assert_eq!(told(&state, "/api/v1/history?deploymentId=a1").await, json(400, typo));
    let twice = r#"{"error":"`deployment` is given twice"}"#;
    let uri = "/api/v1/history?deployment=a1&deployment=b2";
    assert_eq!(told(&state, uri).await, json(400, twice));
}

#[tokio::test]
async fn a_timeline_of_a_week_or_of_as_many_days_as_asked() {
    let state = state(view());
    let want = |date: &str| {
        let wanted = r#""state":"stopped","rule":"state","revision":"3f9c1a2b","suspended":null"#;
        let entry = |kind: &str, rest: &str| {
            format!(r#"{{"kind":"{kind}","at":"{date}T00:00:00Z",{rest}}}"#)
        };
        let (wanted, seen) = (entry("wanted", wanted), entry("seen", r#""status":"running""#));
        json(200, &format!(r#"{{"timeline":[{wanted},{seen}]}}"#))
    };
    let path = "/api/v1/deployments/b2/timeline";
    assert_eq!(told(&state, path).await, want("1969-12-25"));
    assert_eq!(told(&state, "/api/v1/deployments/b2/timeline?days=1").await, want("1969-12-31"));
    for (uri, status, fault) in [
        (
            "b2/timeline?days=0",
            400,
            "`days=0` is no number of days from 1 to 36525; write it like `days=7`",
        ),
        (
            "b2/timeline?days=%2B1",
            400,
            "`days=+1` is no number of days from 1 to 36525; write it like `days=7`",
        ),
        ("b2?days=1", 400, "`days=1` is not understood: this path takes no parameters"),
        ("b2/timeline?day=1", 400, "`day=1` is not understood; expected `days=…`"),
    ] {
        let uri: &'static str = format!("/api/v1/deployments/{uri}").leak();
        assert_eq!(told(&state, uri).await, json(status, &format!(r#"{{"error":"{fault}"}}"#)));
    }
    assert_eq!(told(&state, "/api/v1/deployments/nobody/timeline").await.0, 404);
}

#[tokio::test]
async fn metrics_come_from_the_view() {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    let want = (200, kind.to_owned(), "Text of 6\n".to_owned());
    assert_eq!(told(&state(view()), "/metrics").await, want);
    assert_eq!(told(&state(view()), "/metrics?collect[]=all").await, want);
    let mut broken = state(view());
    broken.exposition = Box::new(|_, _, _| Err("no figures".to_owned()));
    assert_eq!(told(&broken, "/metrics").await, text(500, "no figures\n"));
}

#[tokio::test]
async fn openmetrics_is_there_for_the_asking() {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let state = state(view());
    let accept = "application/openmetrics-text; version=1.0.0, text/plain;q=0.5";
    let answer = accepting(&state, Method::GET, "/metrics", accept).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "OpenMetrics of 6\n"));
    assert_eq!(answer.header("content-type"), Some(kind));
    // Nothing else changes its shape for it.
    let answer = accepting(&state, Method::GET, "/healthz", accept).await;
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[tokio::test]
async fn alive_while_the_loop_turns() {
    let mut state = state(view());
    let heartbeat = state.heartbeat.clone();
    state.now = Box::new(|| NOW + STUCK_AFTER + Duration::from_millis(13_999));
    let stuck = "the control loop has not turned for 1m13s\n";
    assert_eq!(told(&state, "/healthz").await, text(503, stuck));
    heartbeat.beat(NOW + Duration::from_millis(14_000));
    assert_eq!(told(&state, "/healthz").await, text(200, "ok\n"));
}

#[tokio::test]
async fn health_does_not_wait_for_the_controller() {
    let (queries, _unanswered) = mpsc::channel(1);
    assert_eq!(told(&of(queries), "/healthz").await, text(200, "ok\n"));
}

#[tokio::test]
async fn ready_once_a_file_is_in_force_and_the_ledger_can_be_written() {
    let mut one = view();
    assert_eq!(
        told(&state(one.clone()), "/readyz").await,
        text(503, "the ledger cannot be written: no space left on device\n")
    );
    one.ledger_fault = None;
    one.leader = false;
    assert_eq!(told(&state(one.clone()), "/readyz").await, text(200, "ok\n"));
    one.file.revision = None;
    one.file.fault = Some("desired.yaml: no such file".into());
    one.ledger_fault = Some("read-only file system".into());
    let want = "no valid desired file is in force: desired.yaml: no such file\n\
                the ledger cannot be written: read-only file system\n";
    assert_eq!(told(&state(one), "/readyz").await, text(503, want));
    assert_eq!(
        told(&state(bare()), "/readyz").await,
        text(503, "no valid desired file is in force: it was not read yet\n")
    );
}

#[tokio::test]
async fn a_controller_that_is_gone_or_silent_is_a_503() {
    let (queries, asked) = mpsc::channel(1);
    drop(asked);
    let gone = of(queries);
    let (queries, _unanswered) = mpsc::channel(1);
    let mut silent = of(queries);
    silent.patience = Duration::from_millis(1);
    let error = r#"{"error":"the control loop did not answer within 5s"}"#;
    assert_eq!(told(&gone, "/api/v1/deployments").await, json(503, error));
    assert_eq!(told(&gone, "/api/v1/history").await, json(503, error));
    let error = "the control loop did not answer within 1ms\n";
    assert_eq!(told(&silent, "/").await.0, 503);
    for path in ["/metrics", "/readyz"] {
        assert_eq!(told(&silent, path).await, text(503, error), "{path}");
    }
}

#[tokio::test]
async fn headers_are_strict() {
    let state = state(view());
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                  connect-src 'self'; form-action 'self'; base-uri 'none'; \
                  frame-ancestors 'none'";
    for (path, kind) in [
        ("/api/v1/deployments", "application/json"),
        ("/", "text/html; charset=utf-8"),
        ("/deployments/a1", "text/html; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/live.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
        ("/nowhere", "text/plain; charset=utf-8"),
    ] {
        let answer = get(&state, path).await;
        let length = answer.body.len().to_string();
        let want = [
            ("content-type", kind),
            ("cache-control", "no-store"),
            ("content-security-policy", policy),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cross-origin-resource-policy", "same-origin"),
            ("content-length", &length),
        ];
        let want = want.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(answer.headers, want, "{path}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let state = state(view());
    for path in ["/", "/metrics", "/healthz", "/api/v1/deployments/a1", "/nowhere"] {
        let (head, full) = (ask(&state, Method::HEAD, path).await, get(&state, path).await);
        assert_eq!((head.status, &head.headers), (full.status, &full.headers), "{path}");
        assert_eq!(head.body, "", "{path}");
    }
}

#[tokio::test]
async fn nothing_can_be_changed_here() {
    let state = state(view());
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let answer = ask(&state, method, "/api/v1/deployments/a1").await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")));
        let error = "{\"error\":\"only GET and HEAD are understood: this endpoint shows, and \
                     changes nothing\"}\n";
        assert_eq!(answer.body, error);
    }
    assert_eq!(ask(&state, Method::POST, "/nowhere").await.status, 404);
}

#[tokio::test]
async fn an_unknown_path_is_told_what_there_is() {
    let state = state(view());
    let paths = "/, /deployments/{id}, /metrics, /healthz, /readyz, /api/v1/openapi.json, \
                 /api/v1/deployments, /api/v1/deployments/{id}, \
                 /api/v1/deployments/{id}/timeline, /api/v1/deployments/{id}/override, \
                 /api/v1/deployments/{id}/suspend, /api/v1/deployments/{id}/resume, \
                 /api/v1/deployments/{id}/sync, /api/v1/sync, /api/v1/history, /api/v1/events";
    let nothing = "there is nothing at this path; there is:";
    let lines = format!("{nothing}\n{}\n", paths.replace(", ", "\n"));
    assert_eq!(told(&state, "/status").await, text(404, &lines));
    let want = format!(r#"{{"error":"{nothing} {paths}"}}"#);
    assert_eq!(told(&state, "/api/v2").await.0, 404);
    assert_eq!(told(&state, "/api/v1/deployment").await, json(404, &want));
}
