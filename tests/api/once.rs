//! One `send` is one request at the most.

use std::time::Duration;

use evenkeel::clock::Clock;
use evenkeel::keel::call::{Body, Outcome, Request};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use super::server::{Act, OBJECT, Server, answer, answer_one};
use super::{
    HASTY, PATIENT, answered, client, credentials, deployment, never_left, permit, send, start,
    status, unanswered,
};

#[tokio::test]
async fn a_request_is_what_the_contract_says() {
    let server = Server::answering(&answer("200 OK", "", "{}")).await;
    let client = client(&format!("{}/", server.url), PATIENT);
    let stop = Request::Stop(deployment());
    for request in [status(), Request::List, start(), stop] {
        send(&client, request).await;
    }
    let expected = |line: &str, length: &str| {
        let host = server.url.trim_start_matches("http://").trim_end_matches("/base");
        // printf canary-c0ffee-key:canary-c0ffee | base64
        format!(
            "{line} HTTP/1.1\r\n{length}\
             authorization: Basic Y2FuYXJ5LWMwZmZlZS1rZXk6Y2FuYXJ5LWMwZmZlZQ==\r\n\
             x-request-id: 4f1c09ab-17\r\naccept: application/json\r\n\
             user-agent: evenkeel/1.2.3\r\nhost: {host}\r\n\r\n"
        )
    };
    let empty = "content-length: 0\r\n";
    assert_eq!(
        server.requests(),
        [
            expected("GET /base/deployments/w41b11c0", ""),
            expected("GET /base/deployments", ""),
            expected("POST /base/deployments/w41b11c0/start", empty),
            expected("POST /base/deployments/w41b11c0/stop", empty),
        ]
    );
}

#[tokio::test]
async fn other_credentials_are_used_from_the_next_call_on() {
    let server = Server::answering(&answer("200 OK", "", OBJECT)).await;
    let client = client(&server.url, PATIENT);
    send(&client, status()).await;
    assert!(!client.set_credentials(credentials("canary-c0ffee-key", "canary-c0ffee")));
    assert!(client.set_credentials(credentials("canary-c0ffee-key", "other")));
    assert!(client.set_credentials(credentials("k", "s")));
    send(&client, status()).await;
    let [first, second] = &server.requests()[..] else { panic!() };
    assert!(!first.contains("Basic azpz\r\n") && second.contains("Basic azpz\r\n"));
}

#[tokio::test]
async fn no_answer_makes_it_send_again() {
    let mut acts = vec![Act::Close, Act::Reset];
    let moved = "location: /base/elsewhere\r\n";
    for (status, headers) in [
        ("301 Moved", moved),
        ("302 Found", moved),
        ("307 Temporary", moved),
        ("308 Permanent", moved),
        ("401 Unauthorized", "www-authenticate: Basic realm=\"x\"\r\n"),
        ("408 Request Timeout", "connection: close\r\n"),
        ("421 Misdirected", ""),
        ("425 Too Early", ""),
        ("429 Too Many Requests", "retry-after: 0\r\n"),
        ("503 Unavailable", "retry-after: 0\r\n"),
    ] {
        acts.push(Act::Answer(answer(status, headers, "").into_bytes()));
    }
    acts.push(Act::AnswerAndClose(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()));
    acts.push(Act::AnswerAndClose(b"HTTP/1.1 201 Created\r\ncontent-le".to_vec()));
    acts.push(Act::AnswerAndClose(b"HTTP/2.0 201 Created\r\n\r\n".to_vec()));
    acts.push(Act::AnswerAndClose(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()));
    for act in acts {
        for request in [start(), status()] {
            let server = Server::start(vec![act.clone()]).await;
            let outcome = send(&client(&server.url, PATIENT), request.clone()).await;
            assert!(!matches!(outcome, Outcome::NeverLeft(_)), "{act:?}: {outcome:?}");
            let seen = (server.requests().len(), server.connections());
            assert_eq!(seen, (1, 1), "{request:?} {act:?}");
        }
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let text = answer("307 Temporary", "location: /base/elsewhere\r\n", r#"{"code":"MOVED"}"#);
    let server = Server::answering(&text).await;
    let outcome = send(&client(&server.url, PATIENT), start()).await;
    assert_eq!(answered(outcome), (307, None, Body::Refused(Some("MOVED".into()))));
    assert_eq!(server.requests().len(), 1);
}

/// The worst time: the connection was kept, and is closed as the next request is written.
#[tokio::test]
async fn a_kept_connection_that_is_closed_under_a_request_does_not_repeat_it() {
    for worst in [Act::Close, Act::Reset] {
        for request in [status(), start()] {
            let good = Act::Answer(answer("200 OK", "", OBJECT).into_bytes());
            let server = Server::start(vec![good, worst.clone()]).await;
            let client = client(&server.url, PATIENT);
            answered(send(&client, status()).await);
            unanswered(send(&client, request.clone()).await);
            assert_eq!(server.requests().len(), 2, "{request:?} {worst:?}");
        }
    }
}

/// Over and over, since whether the client has noticed the close is up to the scheduler, and to the
/// kernel: a read may be written to a connection that is closed, and arrive nowhere.
#[tokio::test]
async fn a_connection_closed_after_each_answer_never_doubles_a_request() {
    let server =
        Server::start(vec![Act::AnswerAndClose(answer("200 OK", "", OBJECT).into_bytes())]).await;
    let client = client(&server.url, PATIENT);
    let mut arrived = 0;
    for sent in 1..=100 {
        let read = sent % 2 == 0;
        let outcome = send(&client, if read { status() } else { start() }).await;
        let before = std::mem::replace(&mut arrived, server.requests().len());
        match outcome {
            Outcome::Answered { .. } => assert_eq!(arrived, before + 1, "{sent}"),
            Outcome::Unanswered(_) if read => assert!(arrived <= before + 1, "{sent}"),
            Outcome::Unanswered(_) | Outcome::NeverLeft(_) => panic!("{sent}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn reads_share_a_connection_and_posts_do_not() {
    let server = Server::answering(&answer("200 OK", "", OBJECT)).await;
    let client = client(&server.url, PATIENT);
    for _ in 0..3 {
        send(&client, status()).await;
    }
    assert_eq!(server.connections(), 1);
    for posts in 1..=3 {
        send(&client, start()).await;
        assert_eq!(server.connections(), 1 + posts);
    }
}

/// Sooner than servers close it, which could be under a request.
#[tokio::test]
async fn an_idle_connection_is_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&format!("http://{}", listener.local_addr().unwrap()), PATIENT);
    let text = answer("200 OK", "", OBJECT);
    let server = answer_one(&listener, text.as_bytes());
    let (outcome, mut stream) = tokio::join!(send(&client, status()), server);
    answered(outcome);
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENT, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_lapsed_permit_sends_nothing() {
    let server = Server::answering(&answer("200 OK", "", OBJECT)).await;
    let client = client(&server.url, PATIENT);
    let clock = Clock::new().unwrap();
    for request in [status(), start()] {
        let send_by = clock.now().mono - Duration::from_millis(1);
        let answer = client.send(permit(request, send_by), &clock).await;
        let text = never_left(answer.outcome);
        assert_eq!(text, "the permit lapsed before the request could leave");
    }
    assert_eq!((server.requests().len(), server.connections()), (0, 0));
}

#[tokio::test]
async fn giving_up_on_a_written_request_leaves_it_open_whether_it_arrived() {
    for request in [status(), start(), Request::List] {
        let server = Server::start(vec![Act::AnswerAndStall(vec![])]).await;
        let outcome = send(&client(&server.url, HASTY), request).await;
        assert_eq!(unanswered(outcome), "no answer within 1s");
        assert_eq!(server.requests().len(), 1);
    }
}
