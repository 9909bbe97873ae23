//! Answers about a large fleet, which are made as their client takes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use evenkeel::http::{Lines, Query, State, route};
use evenkeel::keel::view::View;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use hyper::{Method, Request};

use crate::{DeploymentId, ask, get, state, view};

/// More than what fits in one piece.
fn large() -> View {
    let mut large = view();
    let like = large.deployments[0].clone();
    let id = |number: u32| DeploymentId::parse(&format!("z{number:04}")).unwrap();
    large.deployments.extend((0..500).map(|number| {
        let mut one = like.clone();
        one.id = id(number);
        one
    }));
    large
}

#[tokio::test]
async fn a_large_fleet_is_the_view_itself_too() {
    let large = large();
    let answer = get(&state(large.clone()), "/api/v1/deployments").await;
    assert_eq!(answer.body, serde_json::to_string(&large).unwrap() + "\n");
    let header = |name| answer.header(name);
    assert_eq!(
        (header("content-type"), header("content-length")),
        (Some("application/json"), None)
    );
    let head = ask(&state(large), Method::HEAD, "/api/v1/deployments").await;
    assert_eq!((head.headers, head.body), (answer.headers, String::new()));
}

/// Nobody has to hold what a slow client has not taken.
#[tokio::test]
async fn no_more_is_made_than_is_taken() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let state = State {
        exposition: Box::new(move |_, _, _| {
            let count = count.clone();
            Ok(Lines::new((0..1000).map(move |line| {
                count.fetch_add(1, Ordering::Relaxed);
                format!("{line}\n")
            })))
        }),
        ..state(view())
    };
    let request = Request::get("/metrics").body(()).unwrap();
    let mut body = route(&state, &request).await.into_body();
    for taken in 0..100 {
        let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(piece, format!("{taken}\n"));
        let ahead = made.load(Ordering::Relaxed) - taken;
        assert!(ahead <= 4, "{ahead} pieces ahead");
    }
    let rest = body.collect().await.unwrap().to_bytes();
    assert!(rest.starts_with(b"100\n") && rest.ends_with(b"\n999\n"), "{rest:?}");
}

/// Half an answer must not pass for a whole one.
#[tokio::test]
async fn an_answer_breaks_off_if_the_loop_does() {
    let large = large();
    let (queries, mut asked) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        for _ in 0..3 {
            match asked.recv().await {
                Some(Query::Outline(answer)) => {
                    answer.send(View { deployments: Vec::new(), ..large.clone() }).unwrap();
                }
                Some(Query::Deployments(_, answer)) => {
                    answer.send(large.deployments.clone()).unwrap();
                }
                other => panic!("{other:?}"),
            }
        }
        std::future::pending::<()>().await;
    });
    let silent = State { queries, patience: Duration::from_millis(20), ..state(view()) };
    let request = Request::get("/api/v1/deployments").body(()).unwrap();
    let answer = route(&silent, &request).await;
    assert_eq!((answer.status().as_u16(), answer.body().size_hint().exact()), (200, None));
    let fault = answer.into_body().collect().await.unwrap_err();
    assert_eq!(fault.to_string(), "the control loop did not answer");
}

#[tokio::test]
async fn an_answer_breaks_off_if_its_maker_fails() {
    let lines = || (0..10).map(|line| if line < 5 { "x\n".to_owned() } else { panic!("at 5") });
    let state =
        State { exposition: Box::new(move |_, _, _| Ok(Lines::new(lines()))), ..state(view()) };
    let request = Request::get("/metrics").body(()).unwrap();
    assert!(route(&state, &request).await.into_body().collect().await.is_err());
}
