//! Connections that fail, and what that proves.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use evenkeel::api::{BuildError, Client, Options, plain_client};
use evenkeel::clock::Clock;
use evenkeel::keel::call::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::server::answer_one;
use super::{
    CANARY, HASTY, PATIENT, client, credentials, never_left, permit, send, start, status,
    unanswered,
};

/// A server whose queue of connections is full, so that connecting to it takes until
/// [`Full::drain`].
struct Full {
    listener: TcpListener,
    address: SocketAddr,
    _queue: Vec<TcpStream>,
}

impl Full {
    async fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        while let Ok(stream) = tokio::time::timeout(HASTY, TcpStream::connect(address)).await {
            queue.push(stream.unwrap());
        }
        Self { listener, address, _queue: queue }
    }

    /// Takes all connections, closes those of the queue, and tells what the last one wrote.
    async fn drain(&self) -> String {
        let mut text = String::new();
        while text.is_empty() {
            let (mut stream, from) = self.listener.accept().await.unwrap();
            if self._queue.iter().all(|queued| queued.local_addr().unwrap() != from) {
                stream.read_to_string(&mut text).await.unwrap();
                return text;
            }
        }
        text
    }
}

fn build(url: &str) -> Result<Client, BuildError> {
    let options = Options {
        url: url.to_owned(),
        timeout: PATIENT,
        version: "1".to_owned(),
        ledger: "4f1c09ab".to_owned(),
    };
    Client::new(options, credentials("key", CANARY))
}

#[test]
fn a_base_url_that_is_of_no_use_is_refused_without_repeating_it() {
    for (url, expected) in [
        ("", "is not a URL like https://cloud-intl.emqx.com/public_api/v1"),
        ("canary-c0ffee", "is not a URL like https://cloud-intl.emqx.com/public_api/v1"),
        ("ftp://canary-c0ffee/", "must begin with https://"),
        (
            "http://key:canary-c0ffee@127.0.0.1/",
            "holds a user name or a password; the credentials have settings of their own",
        ),
        (
            "http://127.0.0.1/?s=canary-c0ffee",
            "ends in a query or a fragment; remove all from `?` or `#` on",
        ),
    ] {
        let error = build(url).unwrap_err();
        assert_eq!(error.to_string(), format!("the API's base URL {expected}"));
        assert!(!format!("{error:?}").contains(CANARY));
    }
}

#[tokio::test]
async fn a_refused_connection_proves_that_nothing_left() {
    // Bound and not listening: nobody else can have the port.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let client = client(&format!("http://{}", socket.local_addr().unwrap()), PATIENT);
    for request in [status(), start(), Request::List] {
        let text = never_left(send(&client, request).await);
        let (head, tail) = ("cannot connect: ", "Connection refused (os error 111)");
        assert!(text.starts_with(head) && text.ends_with(tail), "{text}");
    }
}

#[tokio::test]
async fn a_name_that_does_not_resolve_proves_that_nothing_left() {
    // A label is 63 letters at the most, so no name server is asked.
    let client = client(&format!("http://{}.invalid", "x".repeat(64)), PATIENT);
    for request in [status(), start()] {
        let text = never_left(send(&client, request).await);
        assert!(text.contains("dns error"), "{text}");
    }
}

#[tokio::test]
async fn giving_up_on_connecting_proves_that_nothing_left() {
    let full = Full::new().await;
    let client = client(&format!("http://{}", full.address), HASTY);
    for request in [status(), start()] {
        let text = never_left(send(&client, request).await);
        assert!(text.starts_with("cannot connect: "), "{text}");
    }
}

#[tokio::test]
async fn a_permit_that_lapses_while_connecting_sends_nothing() {
    for request in [status(), start()] {
        let full = Full::new().await;
        let client = client(&format!("http://{}", full.address), PATIENT);
        let clock = Clock::new().unwrap();
        let permit = permit(request, clock.now().mono);
        let mut sending = Box::pin(client.send(permit, &clock));
        let early = tokio::time::timeout(Duration::from_millis(20), &mut sending).await;
        // Either it lapsed before connecting began, or it waits for the connection.
        let text = match early {
            Ok(answer) => never_left(answer.outcome),
            Err(_) => {
                let (answer, read) = tokio::join!(sending, full.drain());
                assert_eq!(read, "", "the connection was there, and nothing came");
                never_left(answer.outcome)
            }
        };
        assert!(text.ends_with("the permit lapsed before the request could leave"), "{text}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_http_leaves_it_open() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&format!("http://{}", listener.local_addr().unwrap()), PATIENT);
    let text = b"\x15\x03\x03\x00\x02\x02\x28 no such thing\r\n\r\n";
    let server = answer_one(&listener, text);
    let (outcome, _stream) = tokio::join!(send(&client, start()), server);
    let text = unanswered(outcome);
    assert!(text.contains("invalid HTTP version"), "{text}");
}

/// Says which part a copy of this test process is to play, with an environment of its own.
const PART: &str = "EVENKEEL_TEST_PART";

fn plays(part: &str, environment: [(&str, &str); 2]) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("transport::{part}")])
        .env(PART, part)
        .envs(environment)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

fn is_played(part: &str) -> bool {
    std::env::var(PART).is_ok_and(|played| played == part)
}

#[test]
fn without_certificates_only_plain_http_works() {
    let nowhere = "/nonexistent";
    plays("certificates_are_missing", [("SSL_CERT_FILE", nowhere), ("SSL_CERT_DIR", nowhere)]);
}

#[test]
fn certificates_are_missing() {
    if is_played("certificates_are_missing") {
        build("http://127.0.0.1:1/").unwrap();
        plain_client(PATIENT).unwrap();
        assert_eq!(
            build("https://127.0.0.1:1/").unwrap_err().to_string(),
            "cannot set up TLS; does this machine have CA certificates? Install \
             `ca-certificates`, or point SSL_CERT_FILE at a bundle of them"
        );
    }
}

#[test]
fn a_failed_handshake_proves_that_nothing_left() {
    let ca = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/ca.pem");
    plays("handshakes_fail", [("SSL_CERT_FILE", ca), ("SSL_CERT_DIR", "/nonexistent")]);
}

#[tokio::test]
async fn handshakes_fail() {
    if !is_played("handshakes_fail") {
        return;
    }
    let garbage: [&[u8]; 4] =
        [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"\x15\x03\x03\x00\x02\x02\x28", &[0x16; 600]];
    for (greeting, stall) in garbage.into_iter().map(|text| (text, false)).chain([(&b""[..], true)])
    {
        for request in [status(), start()] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let timeout = if stall { HASTY } else { PATIENT };
            let url = format!("https://{}", listener.local_addr().unwrap());
            let client = client(&url, timeout);
            let server = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.read_u8().await.unwrap();
                stream.write_all(greeting).await.unwrap();
                stall.then_some(stream)
            };
            let (outcome, _stream) = tokio::join!(send(&client, request), server);
            let text = never_left(outcome);
            assert!(text.starts_with("cannot connect: "), "{greeting:?}: {text}");
        }
    }
}
