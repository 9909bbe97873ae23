use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use evenkeel::simulator::{Cause, Faults, Method, Options, Simulator};

use crate::{A, B, fleet};

const LOCAL: &str = "127.0.0.1:0";
/// `key:secret`.
const AUTH: &str = "Authorization: Basic a2V5OnNlY3JldA==\r\n";
/// For a state that comes within milliseconds; only a hung test meets it.
const PATIENCE: Duration = Duration::from_secs(30);

async fn simulator(options: Options) -> Simulator {
    Simulator::start(LOCAL.parse().unwrap(), options).await.unwrap()
}

fn request(line: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: sim\r\n{AUTH}Connection: close\r\n\r\n")
}

fn connect(address: SocketAddr, bytes: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    stream
}

/// Sends a request and gives the status line, the head and the body; empty if there was no answer.
async fn exchange(address: SocketAddr, line: &str) -> (String, String, String) {
    let bytes = request(line);
    let text = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        match connect(address, &bytes).read_to_string(&mut text) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
        text
    });
    let text = text.await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    let (status, head) = head.split_once("\r\n").unwrap_or_default();
    (status.to_owned(), head.to_ascii_lowercase(), body.to_owned())
}

#[tokio::test]
async fn curl_sees_the_examples_of_the_api_page() {
    let simulator = simulator(Options::default()).await;
    let at = simulator.address();
    assert_eq!(simulator.base_url(), format!("http://{at}/public_api/v1"));

    let (status, head, body) = exchange(at, "GET /public_api/v1/deployments/w41b11c0").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(head.contains("content-type: application/json"), "{head}");
    assert!(head.contains("date: thu, 01 jan 2026 00:0"), "{head}");
    let page = r#"{
    "connections": 1000,
    "createAt": "2024-07-22 05:32",
    "deploymentID": "w41b11c0",
    "deploymentName": "deployment-w41b11c0",
    "deploymentType": "dedicated",
    "platform": "Alibaba Cloud",
    "region": "Hangzhou",
    "status": "running"
}"#;
    assert_eq!(body.trim_end(), page);

    let (status, _, body) = exchange(at, "POST /public_api/v1/deployments/w41b11c0/stop").await;
    assert_eq!(status, "HTTP/1.1 201 Created");
    let page = r#"{
    "deploymentID": "w41b11c0",
    "deploymentName": "deployment-w41b11c0",
    "operation": "stopping"
}"#;
    assert_eq!(body.trim_end(), page);

    simulator.set_status(A, "stopped").unwrap();
    let (status, _, body) = exchange(at, "POST /public_api/v1/deployments/w41b11c0/start").await;
    assert_eq!(status, "HTTP/1.1 201 Created");
    assert_eq!(body.trim_end(), page.replace("stopping", "starting"));

    let (status, _, _) = exchange(at, "POST /public_api/v1/deployments/w41b11c0/start").await;
    assert_eq!(status, "HTTP/1.1 429 Too Many Requests");
    let (status, _, _) = exchange(at, "GET /public_api/v1/deployments?page=1").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    simulator.shutdown().await;
}

#[tokio::test]
async fn its_own_interface_sets_states_and_shows_the_audit() {
    let simulator = simulator(Options::default()).await;
    let at = simulator.address();
    let (status, _, _) = exchange(at, "POST /_sim/deployments/b1f77113/failed").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert_eq!(simulator.deployment(B).unwrap().status, "failed");
    exchange(at, "POST /public_api/v1/deployments/b1f77113/start").await;
    let (_, _, body) = exchange(at, "GET /_sim/audit").await;
    let audit: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(audit["requests"]["start"]["422"], 1);
    assert_eq!(audit["redundant_posts"], 1);
    assert_eq!(simulator.audit().redundant_posts, 1);
    let missing = simulator.set_status("nowhere", "running").unwrap_err();
    assert_eq!(missing.to_string(), "the simulator has no deployment `nowhere`");
    simulator.shutdown().await;
}

#[tokio::test]
async fn dropped_connections_carry_no_byte() {
    let stop = "POST /public_api/v1/deployments/w41b11c0/stop";
    for (faults, after) in [
        (Faults { lost: 1.0, ..Faults::default() }, "stopping"),
        (Faults { reset: 1.0, ..Faults::default() }, "running"),
    ] {
        let simulator = simulator(Options { faults, ..Options::default() }).await;
        let nothing = exchange(simulator.address(), stop).await;
        assert_eq!(nothing, Default::default());
        assert_eq!(simulator.deployment(A).unwrap().status, after);
        simulator.shutdown().await;
    }
}

#[tokio::test]
async fn what_happens_without_a_call_is_told_when_it_happens() {
    let options = Options {
        deployments: fleet(&[(A, "stopped")]),
        start_delay: Duration::from_millis(20),
        ..Options::default()
    };
    let simulator = simulator(options).await;
    let mut changes = simulator.changes();
    simulator.drift();
    let mut told = vec![];
    for _ in 0..2 {
        let change = tokio::time::timeout(PATIENCE, changes.recv()).await.unwrap().unwrap();
        told.push((change.to, change.cause));
    }
    let expected = [("starting", Cause::Drift), ("running", Cause::Settled)];
    assert_eq!(told, expected.map(|(to, cause)| (to.to_owned(), cause)));
    simulator.shutdown().await;
}

/// What a client gave up on may still arrive: the budget's lateness is about exactly this.
#[tokio::test]
async fn a_late_call_arrives_after_its_client_has_gone() {
    let late = Duration::from_millis(100);
    let faults = Faults { late_arrival: 1.0, late_by: late, ..Faults::default() };
    let simulator = simulator(Options { faults, ..Options::default() }).await;
    let mut changes = simulator.changes();
    let (at, bytes) =
        (simulator.address(), request("POST /public_api/v1/deployments/w41b11c0/stop"));
    tokio::task::spawn_blocking(move || drop(connect(at, &bytes))).await.unwrap();
    let change = tokio::time::timeout(PATIENCE, changes.recv()).await.unwrap().unwrap();
    assert_eq!((change.to.as_str(), change.cause), ("stopping", Cause::Call));
    assert!(change.at >= late, "{:?}", change.at);
    assert_eq!(simulator.audit().largest[&Method::Stop].deployment, 1);
    simulator.shutdown().await;
}
