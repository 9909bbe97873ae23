//! What only a real connection shows.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use evenkeel::http::run;
use tokio::sync::oneshot;

use crate::state;
use crate::view_fixture::view;

/// hyper must not touch the length that an answer to HEAD names, nor send a body after it.
#[tokio::test]
async fn head_over_a_socket() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = tokio::task::spawn_blocking(move || {
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        let request = "HEAD /readyz HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    });
    let (stop, stopped) = oneshot::channel::<()>();
    let state = Arc::new(state(view()));
    let server = tokio::spawn(run(listener, state, async { stopped.await.unwrap() }));
    let answer = client.await.unwrap();
    stop.send(()).unwrap();
    server.await.unwrap();
    let length = "the ledger cannot be written: no space left on device\n".len();
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
    assert_eq!(answer.matches(&format!("content-length: {length}\r\n")).count(), 1, "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}
