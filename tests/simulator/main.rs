//! The simulated Deployment Management API: the model in virtual time, then over a socket.
#![expect(clippy::unwrap_used, reason = "a test's helper fails the test by panicking")]

mod audit;
mod faults;
mod flags;
mod http;
mod limits;
mod service;

use std::time::Duration;

use evenkeel::simulator::{Call, Deployment, Method, Options, Reply, Service};

/// `A` to `C` are the ids of the documentation's examples.
const A: &str = "w41b11c0";
const B: &str = "b1f77113";
const C: &str = "mdfba81f";

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn fleet(statuses: &[(&str, &str)]) -> Vec<Deployment> {
    statuses.iter().map(|&(id, status)| Deployment::new(id, status)).collect()
}

/// `status ID`, `list`, `start ID` or `stop ID`, with the right credentials.
fn call(line: &str) -> Call {
    let (name, id) = line.split_once(' ').unwrap_or((line, ""));
    let method = Method::ALL.into_iter().find(|method| method.name() == name).unwrap();
    Call::of(method, id).authorized("key", "secret")
}

fn send(service: &mut Service, at: f64, line: &str) -> Reply {
    service.handle(&call(line), seconds(at))
}

/// Sends calls at their times (in seconds) and gives the status codes.
fn play(service: &mut Service, script: &[(f64, &str)]) -> Vec<u16> {
    script.iter().map(|&(at, line)| send(service, at, line).status).collect()
}

fn with(change: impl FnOnce(&mut Options)) -> Service {
    let mut options = Options::default();
    change(&mut options);
    Service::new(options)
}

/// The word that a status call gets.
fn word(service: &mut Service, at: f64, id: &str) -> String {
    service.advance(seconds(at));
    service.deployment(id).unwrap().status.clone()
}
