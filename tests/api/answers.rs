//! Heads: status codes and what they bring.

use std::time::Duration;

use evenkeel::keel::call::{Body, Fate, Outcome};

use super::server::{Server, answer};
use super::{PATIENT, answered, client, send, start, status};

#[tokio::test]
async fn every_refusal_is_an_answer_with_its_code() {
    for (head, code) in [
        ("300 Choices", 300),
        ("400 Bad Request", 400),
        ("401 Unauthorized", 401),
        ("403 Forbidden", 403),
        ("404 Not Found", 404),
        ("422 Unprocessable", 422),
        ("429 Too Many Requests", 429),
        ("500 Internal", 500),
        ("503 Unavailable", 503),
        ("999 Odd", 999),
    ] {
        for (body, expected) in
            [(r#"{"code":"NO","message":"m"}"#, Some("NO".into())), ("<html>", None)]
        {
            let server = Server::answering(&answer(head, "", body)).await;
            for request in [start(), status()] {
                let outcome = send(&client(&server.url, PATIENT), request).await;
                let refused = Body::Refused(expected.clone());
                assert_eq!(answered(outcome), (code, None, refused), "{head}");
            }
        }
    }
}

#[tokio::test]
async fn retry_after_counts_from_the_answers_date() {
    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    for (headers, expected) in [
        (String::new(), None),
        ("retry-after: 60\r\n".to_owned(), Some(60)),
        ("Retry-After: 0\r\n".to_owned(), None),
        ("retry-after: soon\r\n".to_owned(), None),
        ("retry-after: \u{e9}\r\n".to_owned(), None),
        ("retry-after: 5\r\nretry-after: 3600\r\nretry-after: x\r\n".to_owned(), Some(3600)),
        (format!("{date}retry-after: Sun, 06 Nov 1994 08:51:37 GMT\r\n"), Some(120)),
        (format!("retry-after: Sun, 06 Nov 1994 08:49:00 GMT\r\n{date}"), None),
        // Without a date of its own the answer is of today.
        ("retry-after: Sun, 06 Nov 1994 08:51:37 GMT\r\n".to_owned(), None),
    ] {
        for head in ["429 Too Many Requests", "503 Unavailable"] {
            let server = Server::answering(&answer(head, &headers, "")).await;
            let outcome = send(&client(&server.url, PATIENT), start()).await;
            let Fate::Answered { retry_after: millis, .. } = outcome.fate() else { panic!() };
            assert_eq!(millis, expected.map(|seconds| seconds * 1000), "{headers}");
            let (_, retry_after, _) = answered(outcome);
            assert_eq!(retry_after, expected.map(Duration::from_secs), "{headers}");
        }
    }
}

#[tokio::test]
async fn a_server_that_echoes_the_credentials_does_not_leak_them_into_the_outcome() {
    // Only a `code` and the words of a status are taken over from a body; an error message is not.
    let echo = r#"{"message":"canary-c0ffee","error":{"code":"canary-c0ffee"}}"#;
    for head in ["200 OK", "401 Unauthorized"] {
        let server = Server::answering(&answer(head, "x-echo: canary-c0ffee\r\n", echo)).await;
        for request in [start(), status()] {
            let outcome = send(&client(&server.url, PATIENT), request).await;
            assert!(matches!(outcome, Outcome::Answered { .. }));
        }
    }
}
