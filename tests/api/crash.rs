//! The process dies at each named point; the server tells what had left by then.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use evenkeel::crash::VARIABLE;

use super::server::{OBJECT, Server, answer};
use super::{PATIENT, client, send, start};

const URL: &str = "EVENKEEL_TEST_URL";

/// Does nothing, unless started by the test below.
#[tokio::test]
async fn victim() {
    if let Ok(url) = std::env::var(URL) {
        let client = client(&url, PATIENT);
        send(&client, start()).await;
        send(&client, start()).await;
    }
}

#[tokio::test]
async fn each_point_lets_as_much_out_as_its_name_says() {
    for (point, requests) in [
        ("api:before-send", 0),
        ("api:after-send", 1),
        ("api:after-answer", 1),
        ("api:before-send:2", 1),
        ("api:after-answer:2", 2),
    ] {
        let server = Server::answering(&answer("201 Created", "", OBJECT)).await;
        let mut victim = Command::new(std::env::current_exe().unwrap());
        victim.args(["--exact", "crash::victim"]).env(URL, &server.url).env(VARIABLE, point);
        let output = tokio::task::spawn_blocking(move || victim.output().unwrap()).await.unwrap();
        let end = (output.status.signal(), server.requests().len());
        assert_eq!(end, (Some(9), requests), "{point}");
    }
}
