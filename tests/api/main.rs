//! The API client against raw sockets: requests are counted where they arrive.
#![expect(clippy::unwrap_used, reason = "a test's helper fails the test by panicking")]

mod answers;
mod bodies;
mod crash;
mod once;
mod server;
mod transport;

use std::time::Duration;

use evenkeel::api::{Client, Credentials, Options};
use evenkeel::clock::Clock;
use evenkeel::keel::call::{Answer, Body, Call, CallId, Outcome, Request};
use evenkeel::keel::decision::Permit;
use evenkeel::keel::deployment::{AccountId, DeploymentId};
use evenkeel::keel::time::Mono;

/// Long enough for a loaded machine, where nothing is to time out.
const PATIENT: Duration = Duration::from_secs(30);

/// Where something is to time out.
const HASTY: Duration = Duration::from_secs(1);

/// Must not show in any text.
const CANARY: &str = "canary-c0ffee";

fn credentials(key: &str, secret: &str) -> Credentials {
    Credentials { key: key.into(), secret: secret.into() }
}

fn client(url: &str, timeout: Duration) -> Client {
    let options = Options {
        url: url.to_owned(),
        timeout,
        version: "1.2.3".to_owned(),
        ledger: "4f1c09ab".to_owned(),
    };
    Client::new(options, credentials("canary-c0ffee-key", CANARY)).unwrap()
}

fn deployment() -> DeploymentId {
    DeploymentId::parse("w41b11c0").unwrap()
}

fn status() -> Request {
    Request::Status(deployment())
}

fn start() -> Request {
    Request::Start(deployment())
}

fn permit(request: Request, send_by: Mono) -> Permit {
    let call = Call { account: AccountId::new("default"), request };
    Permit { id: CallId(17), call, send_by }
}

/// Sends with time to spare.
async fn send(client: &Client, request: Request) -> Outcome {
    let clock = Clock::new().unwrap();
    let send_by = clock.now().mono + PATIENT;
    let answer = client.send(permit(request, send_by), &clock).await;
    let Answer { id: CallId(17), took: _, outcome } = answer else { panic!("{answer:?}") };
    for text in [format!("{outcome:?}"), format!("{client:?}")] {
        assert!(!text.contains(CANARY), "{text}");
    }
    outcome
}

fn answered(outcome: Outcome) -> (u16, Option<Duration>, Body) {
    let Outcome::Answered { code, retry_after, body } = outcome else { panic!("{outcome:?}") };
    (code, retry_after, body)
}

fn unreadable(outcome: Outcome) -> String {
    let (200, _, Body::Unreadable(text)) = answered(outcome) else { panic!("expected unreadable") };
    text.to_string()
}

fn unanswered(outcome: Outcome) -> String {
    let Outcome::Unanswered(text) = outcome else { panic!("{outcome:?}") };
    text.to_string()
}

fn never_left(outcome: Outcome) -> String {
    let Outcome::NeverLeft(text) = outcome else { panic!("{outcome:?}") };
    text.to_string()
}
