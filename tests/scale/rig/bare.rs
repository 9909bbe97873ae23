//! The floor that the daemon's polls are measured against: the same GETs at the same pace by hyper,
//! each answer read to its end, and nothing decided, remembered or shown.

use std::time::Duration;

use base64::Engine as _;
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::{MissedTickBehavior, interval};

/// Reads each of `ids` once in `seconds`, spread evenly, until the process is ended.
pub(crate) fn run(base: &str, ids: &str, seconds: f64) {
    let ids = std::fs::read_to_string(ids).unwrap();
    let ids: Vec<&str> = ids.lines().collect();
    let pace = Duration::from_secs_f64(seconds / f64::from(u32::try_from(ids.len()).unwrap()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        // Fleets come due faster than timers tick, so what is due together leaves together.
        let mut ticks = interval(pace.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (begin, mut sent) = (ticks.tick().await, 0_u32);
        for place in (0..ids.len()).cycle() {
            while begin + pace * sent > tokio::time::Instant::now() {
                ticks.tick().await;
            }
            sent += 1;
            tokio::spawn(get(client.clone(), format!("{base}/deployments/{}", ids[place]), sent));
        }
    });
}

async fn get(client: Client<HttpConnector, Empty<Bytes>>, url: String, number: u32) {
    let secret = base64::engine::general_purpose::STANDARD.encode("key:secret");
    let request = Request::get(url)
        .header("authorization", format!("Basic {secret}"))
        .header("user-agent", "evenkeel/0.1.0")
        .header("accept", "application/json")
        .header("x-request-id", format!("00000000-{number}"))
        .body(Empty::new())
        .unwrap();
    let answer = client.request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.into_body().collect().await.unwrap();
}
