//! Bodies that are late, long, short or wrong.

use std::time::Duration;

use evenkeel::keel::call::{Body, Request};
use evenkeel::keel::deployment::{DeploymentId, Facts, Status};

use super::server::{Act, OBJECT, Server, answer};
use super::{HASTY, PATIENT, answered, client, deployment, send, start, status, unreadable};

fn facts(id: &str, name: &str, kind: &str, status: &str) -> Facts {
    let id = DeploymentId::parse(id).unwrap();
    Facts { id, name: name.into(), kind: kind.into(), status: Status::from_word(status) }
}

async fn to(request: Request, body: &str) -> Body {
    let server = Server::answering(&answer("200 OK", "", body)).await;
    answered(send(&client(&server.url, PATIENT), request).await).2
}

#[tokio::test]
async fn a_status_is_the_object_that_was_asked_for() {
    let expected = facts("w41b11c0", "deployment-w41b11c0", "dedicated", "running");
    assert_eq!(to(status(), OBJECT).await, Body::Deployment(expected));
    let odd =
        r#"{"deploymentID":"w41b11c0","deploymentName":"","deploymentType":"","status":"Running"}"#;
    let expected = facts("w41b11c0", "", "", "Running");
    assert_eq!(to(status(), odd).await, Body::Deployment(expected));
    for (body, expected) in [
        (
            OBJECT.replace("\"w41b11c0\"", "\"W41B11C0\""),
            "the answer is about deployment `W41B11C0`, not `w41b11c0`",
        ),
        (String::new(), "the body is not a deployment object: it does not begin with `{`"),
        ("<html>".to_owned(), "the body is not a deployment object: it does not begin with `{`"),
        (format!("[{OBJECT}]"), "the body is not a deployment object: it does not begin with `{`"),
        (
            r#"["w41b11c0","n","dedicated","running"]"#.to_owned(),
            "the body is not a deployment object: it does not begin with `{`",
        ),
        (
            format!("{OBJECT}x"),
            "the body is not a deployment object: trailing characters at line 3 column 71",
        ),
        (
            r#"{"code":0,"data":{}}"#.to_owned(),
            "the body is not a deployment object: missing field `deploymentID` at line 1 column 20",
        ),
        (
            OBJECT.replace("\"running\"", "1"),
            "the body is not a deployment object: invalid type: integer `1`, \
             expected a string at line 3 column 61",
        ),
        (
            OBJECT.replace("\"status\":", "\"status\":\"stopped\",\"status\":"),
            "the body is not a deployment object: duplicate field `status` at line 3 column 78",
        ),
        (
            OBJECT.replace("\"dedicated\"", &format!("\"{}\"", "x".repeat(513))),
            "the body is not a deployment object: `deploymentType` is longer than 512 bytes",
        ),
    ] {
        assert_eq!(to(status(), &body).await, Body::Unreadable(expected.into()), "{body}");
    }
}

#[tokio::test]
async fn a_bad_entry_does_not_hide_the_others() {
    let one = facts("w41b11c0", "deployment-w41b11c0", "dedicated", "running");
    let list = format!(
        r#"[{OBJECT},{{}},null,7,"x",["a1","n","t","running"],{{"deploymentID":"../x"}},{OBJECT}]"#
    );
    let expected = Body::Fleet { entries: vec![one.clone(), one], unreadable: 6 };
    assert_eq!(to(Request::List, &list).await, expected);
    assert_eq!(to(Request::List, "[]").await, Body::Fleet { entries: vec![], unreadable: 0 });
    for body in ["", "{}", OBJECT, "[{]", "null"] {
        let Body::Unreadable(text) = to(Request::List, body).await else { panic!("{body}") };
        assert!(text.starts_with("the body is not an array of deployments: "), "{text}");
    }
}

#[tokio::test]
async fn any_2xx_accepts_a_start_whatever_its_body() {
    for status in ["200 OK", "201 Created", "202 Accepted", "204 No Content", "299 Odd"] {
        for tail in ["content-length: 0\r\n\r\n", "content-length: 99\r\n\r\nshort", "\r\n<html>"] {
            let text = format!("HTTP/1.1 {status}\r\n{tail}");
            let server = Server::start(vec![Act::AnswerAndStall(text.into_bytes())]).await;
            let outcome = send(&client(&server.url, PATIENT), start()).await;
            let code = status[..3].parse().unwrap();
            assert_eq!(answered(outcome), (code, None, Body::Accepted), "{status} {tail:?}");
        }
    }
}

#[tokio::test]
async fn a_body_of_the_wrong_length_is_unreadable() {
    let short = format!("HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{OBJECT}");
    let server = Server::start(vec![Act::AnswerAndClose(short.into_bytes())]).await;
    let text = unreadable(send(&client(&server.url, PATIENT), status()).await);
    assert!(text.starts_with("the body broke off: "), "{text}");

    let long = format!("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{OBJECT}");
    let server = Server::start(vec![Act::AnswerAndClose(long.into_bytes())]).await;
    let text = unreadable(send(&client(&server.url, PATIENT), status()).await);
    assert!(text.contains("EOF while parsing"), "{text}");

    for chunks in ["zz\r\n{}\r\n0\r\n\r\n", "5\r\n{", "2\r\n{}}}\r\n0\r\n\r\n", "-1\r\n\r\n"] {
        let text = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}");
        let server = Server::start(vec![Act::AnswerAndClose(text.into_bytes())]).await;
        let text = unreadable(send(&client(&server.url, PATIENT), status()).await);
        assert!(text.starts_with("the body broke off: "), "{chunks:?}: {text}");
    }
}

#[tokio::test]
async fn a_body_is_read_to_its_cap_and_no_further() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let piece = [b"10000\r\n", &[b' '; 0x10000][..], b"\r\n"].concat();
    for (request, expected) in [
        (status(), "the body is longer than 64 KiB"),
        (Request::List, "the body is longer than 32768 KiB"),
    ] {
        // Announced, and for ever without being announced.
        let announced = "HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n";
        for text in [announced, head] {
            let act = Act::AnswerForEver(text.as_bytes().to_vec(), piece.clone());
            let server = Server::start(vec![act]).await;
            let outcome = send(&client(&server.url, PATIENT), request.clone()).await;
            assert_eq!(unreadable(outcome), expected);
        }
    }
    let act = Act::AnswerForEver(head.replace("200 OK", "429 No").into_bytes(), piece);
    let server = Server::start(vec![act]).await;
    let outcome = send(&client(&server.url, PATIENT), start()).await;
    assert_eq!(answered(outcome), (429, None, Body::Refused(None)));
}

#[tokio::test]
async fn a_body_that_drips_ends_with_the_timeout() {
    let stalled = format!("HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{OBJECT}");
    let server = Server::start(vec![Act::AnswerAndStall(stalled.into_bytes())]).await;
    let outcome = send(&client(&server.url, HASTY), status()).await;
    assert_eq!(unreadable(outcome), "the body did not come to its end in time");
}

#[tokio::test]
async fn a_refusal_is_not_waited_for_to_its_end() {
    let stalled = b"HTTP/1.1 422 No\r\ncontent-length: 999\r\n\r\n{\"code\":".to_vec();
    let server = Server::start(vec![Act::AnswerAndStall(stalled)]).await;
    // A fraction of the client's patience, or this test fails by its own timeout.
    let limit = PATIENT / 2;
    let sending = async { send(&client(&server.url, PATIENT), start()).await };
    let outcome = tokio::time::timeout(limit, sending).await.unwrap();
    assert_eq!(answered(outcome), (422, None, Body::Refused(None)));
    assert!(limit > Duration::from_secs(3));
}

#[tokio::test]
async fn a_compressed_body_was_not_asked_for_and_is_unreadable() {
    let headers = "content-encoding: gzip\r\n";
    let server = Server::answering(&answer("200 OK", headers, "\u{1f}\u{8b}")).await;
    let outcome = send(&client(&server.url, PATIENT), Request::Status(deployment())).await;
    assert!(unreadable(outcome).ends_with("it does not begin with `{`"));
}
