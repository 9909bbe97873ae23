//! A receiver on loopback that does as it is told, and checks each signature as real ones do.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evenkeel::clock::Clock;
use evenkeel::notification::{
    Desk, Format, Inlet, Kind, Meter, Options, Pace, Patience, Receiver, Secret, Tally, open,
};
use evenkeel::serve::{Bounds, serve};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response};
use serde_json::Value;
use standardwebhooks::Webhook;
use tokio::net::TcpListener;
use tokio::time::Instant;

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";

/// What to answer.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Code(u16),
    With(u16, &'static str, String),
    Hang,
}

/// What came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The signature is right, by the library that receivers use.
    pub(crate) fn verified(&self) -> Value {
        let webhook = Webhook::new(SECRET).unwrap();
        webhook.verify(&self.body, &self.headers).unwrap();
        self.json()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A listening receiver.
pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    acts: Arc<Mutex<Vec<Act>>>,
}

impl Server {
    /// The n-th request gets the n-th act; later ones the last.
    pub(crate) async fn new(acts: &[Act]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook/canary", listener.local_addr().unwrap());
        let (seen, acts) = (Arc::default(), Arc::new(Mutex::new(acts.to_vec())));
        let server = Self { url, seen: Arc::clone(&seen), acts: acts.clone() };
        tokio::spawn(serve(
            listener,
            Bounds::default(),
            std::future::pending(),
            move |request, _| answer(request, seen.clone(), acts.clone()),
        ));
        server
    }

    pub(crate) fn now_does(&self, act: Act) {
        *self.acts.lock().unwrap() = vec![act];
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until so many requests have come.
    pub(crate) async fn saw(&self, count: usize) -> Vec<Seen> {
        until("requests", || {
            let seen = self.seen();
            (seen.len() >= count).then_some(seen)
        })
        .await
    }
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Mutex<Vec<Seen>>>,
    acts: Arc<Mutex<Vec<Act>>>,
) -> evenkeel::serve::Reply {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let path = head.uri.path().to_owned();
    let act = {
        let mut seen = seen.lock().unwrap();
        seen.push(Seen { at: Instant::now(), path, headers: head.headers, body });
        let acts = acts.lock().unwrap();
        acts[(seen.len() - 1).min(acts.len() - 1)].clone()
    };
    let mut response = Response::new(Full::new(Bytes::from_static(b"so be it")));
    let mut code = |code| *response.status_mut() = hyper::StatusCode::from_u16(code).unwrap();
    match act {
        Act::Code(status) => code(status),
        Act::With(status, name, value) => {
            code(status);
            let value = HeaderValue::from_str(&value).unwrap();
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
        Act::Hang => std::future::pending().await,
    }
    Ok(response)
}

/// Waits until `look` sees something; what takes longer than this has failed.
pub(crate) async fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn secret(text: &str) -> Secret {
    let text = text.to_owned();
    Arc::new(move || Ok(text.clone().into()))
}

/// A signed receiver of everything.
pub(crate) fn receiver(name: &str, url: &str) -> Receiver {
    Receiver {
        name: name.to_owned(),
        format: Format::Webhook,
        url: secret(url),
        key: Some(secret(SECRET)),
        events: BTreeSet::from(Kind::ALL),
        deployments: None,
    }
}

/// What was counted, as `name fate` and `name waiting n`.
pub(crate) type Counts = Arc<Mutex<Vec<String>>>;

pub(crate) struct Room {
    pub(crate) inlet: Inlet,
    pub(crate) desk: Desk,
    pub(crate) counts: Counts,
}

impl Room {
    /// A room that tells these, with pauses of tens of milliseconds.
    pub(crate) fn new(receivers: Vec<Receiver>) -> Self {
        Self::with(receivers, |_| ())
    }

    pub(crate) fn with(receivers: Vec<Receiver>, change: impl FnOnce(&mut Options)) -> Self {
        let counts = Counts::default();
        let mut options = Options {
            receivers,
            pace: Pace { wait: Duration::from_millis(20), interval: Duration::from_millis(20) },
            patience: Patience {
                attempt: Duration::from_secs(20),
                first: Duration::from_millis(20),
                longest: Duration::from_millis(50),
                ..Patience::default()
            },
            source: "urn:evenkeel:test".to_owned(),
            version: "9.9".to_owned(),
            meter: meter(counts.clone()),
        };
        change(&mut options);
        let (inlet, desk) = open(options, Clock::new().unwrap());
        Self { inlet, desk, counts }
    }

    pub(crate) async fn counted(&self, what: &str) {
        until(what, || {
            let counts = self.counts.lock().unwrap();
            counts.iter().any(|count| count == what).then_some(())
        })
        .await;
    }

    /// Waits until so many messages wait for this receiver.
    pub(crate) async fn waits(&self, name: &str, waiting: usize) {
        let (all, now) = (format!("{name} waiting "), format!("{name} waiting {waiting}"));
        until(&now, || {
            let counts = self.counts.lock().unwrap();
            let last = counts.iter().rfind(|count| count.starts_with(&all));
            (last == Some(&now)).then_some(())
        })
        .await;
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        self.counts.lock().unwrap().iter().filter(|count| *count == what).count()
    }
}

fn meter(counts: Counts) -> Meter {
    Arc::new(move |tally| {
        counts.lock().unwrap().push(match tally {
            Tally::Ended(name, fate) => format!("{name} {}", fate.as_str()),
            Tally::Waiting(name, waiting) => format!("{name} waiting {waiting}"),
            Tally::Unheard => "unheard".to_owned(),
        });
    })
}
