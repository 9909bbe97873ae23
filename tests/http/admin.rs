//! What changes something, over TCP: nothing without the token.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use evenkeel::http::admin::{Gate, RATE, Token};
use evenkeel::http::{State, run};
use evenkeel::keel::policy::Limit;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::state;
use crate::view_fixture::view;

pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const PATH: &str = "/api/v1/deployments/a1/override";
const BODY: &str = r#"{"state":"stopped","for":"2h","as":"alice"}"#;

pub(crate) fn with_token() -> State {
    with_rate(RATE)
}

fn with_rate(rate: Limit) -> State {
    let token: Token = Arc::new(|| Ok(TOKEN.to_owned().into()));
    let gate = Gate::new(Duration::from_secs(7 * 24 * 3600), rate, Some(token));
    State { gate, ..writable() }
}

/// The state of a view whose ledger can be written.
pub(crate) fn writable() -> State {
    let mut view = view();
    view.ledger_fault = None;
    state(view)
}

fn post(address: SocketAddr, path: &str, headers: &str, body: &str) -> String {
    send(address, "POST", path, headers, body)
}

fn send(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> String {
    let mut socket = std::net::TcpStream::connect(address).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\
         Content-Length: {length}\r\n{headers}\r\n{body}"
    );
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

/// Each request in its turn, and what came back.
pub(crate) async fn answers(
    state: State,
    requests: Vec<(&'static str, String, &'static str)>,
) -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(run(listener, Arc::new(state), async { drop(stopped.await) }));
    let told = tokio::task::spawn_blocking(move || {
        requests.iter().map(|(path, headers, body)| post(address, path, headers, body)).collect()
    });
    let told = told.await.unwrap();
    drop(stop);
    server.await.unwrap();
    told
}

pub(crate) fn json(token: &str) -> String {
    format!("Content-Type: application/json\r\nAuthorization: Bearer {token}\r\n")
}

#[tokio::test]
async fn without_a_token_file_nothing_is_changed_over_tcp() {
    let answer = answers(writable(), vec![(PATH, json(TOKEN), BODY)]).await.remove(0);
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("set `admin.token_file`"), "{answer}");
}

#[tokio::test]
async fn the_token_alone_lets_in() {
    let longer = format!("{TOKEN}0");
    let requests = vec![
        (PATH, "Content-Type: application/json\r\n".to_owned(), BODY),
        (PATH, json(&TOKEN[1..]), BODY),
        (PATH, json(&longer), BODY),
        (PATH, json(TOKEN).replace("Bearer", "Basic"), BODY),
        (PATH, json(TOKEN).replace("Bearer", "bearer"), BODY),
        ("/api/v1/sync", json(TOKEN), "{}"),
    ];
    let told = answers(with_token(), requests).await;
    for answer in &told[..4] {
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        assert!(answer.contains("www-authenticate: Bearer realm=\"evenkeel\"\r\n"), "{answer}");
        assert!(!answer.contains(TOKEN));
    }
    for answer in &told[4..] {
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}

/// Whoever guesses is slowed down, and shuts out nobody who knows.
#[tokio::test]
async fn guesses_are_few_and_shut_out_nobody() {
    let mut requests = vec![(PATH, json("wrong"), BODY); 11];
    requests.push((PATH, json(TOKEN), BODY));
    // Who sends no token guesses nothing.
    requests.push((PATH, "Content-Type: application/json\r\n".to_owned(), BODY));
    let told = answers(with_token(), requests).await;
    let codes: Vec<_> = told.iter().map(|answer| &answer[9..12]).collect();
    assert_eq!(codes[..10], ["401"; 10]);
    assert_eq!(codes[10..], ["429", "200", "401"]);
    assert!(told[10].contains("retry-after: 2\r\n"), "{}", told[10]);
}

#[tokio::test]
async fn whoever_has_the_token_has_the_rate_of_the_configuration() {
    let three = Limit { requests: 3, per: Duration::from_secs(60) };
    let told = answers(with_rate(three), vec![(PATH, json(TOKEN), BODY); 4]).await;
    let codes: Vec<_> = told.iter().map(|answer| &answer[9..12]).collect();
    assert_eq!(codes, ["200", "200", "200", "429"]);
    assert!(told[3].contains("retry-after: 20\r\n"), "{}", told[3]);
    let told = answers(with_token(), vec![(PATH, json(TOKEN), BODY); 11]).await;
    let codes: Vec<_> = told.iter().map(|answer| &answer[9..12]).collect();
    assert_eq!(codes[..10], ["200"; 10]);
    assert_eq!(codes[10], "429");
}

/// A page of another site can make a browser send a form, or a body as plain text.
#[tokio::test]
async fn nothing_that_a_web_page_sends_gets_through() {
    let with = |more: &str| json(TOKEN) + more;
    let plain = json(TOKEN).replace("application/json", "text/plain");
    let requests = vec![
        (PATH, with("Origin: http://127.0.0.1:9464\r\n"), BODY),
        (PATH, with("Sec-Fetch-Site: same-origin\r\n"), BODY),
        (PATH, plain, BODY),
        (PATH, with("Sec-Fetch-Site: none\r\n"), BODY),
    ];
    let told = answers(with_token(), requests).await;
    let codes: Vec<_> = told.iter().map(|answer| &answer[9..12]).collect();
    assert_eq!(codes, ["403", "403", "415", "200"]);
}

#[tokio::test]
async fn what_is_not_understood_is_said() {
    let cases = [
        (PATH, r#"{"state":"stopped"}"#, 400, "missing field `for`"),
        (PATH, r#"{"for":"2h"}"#, 400, "missing field `state`"),
        (PATH, r#"{"state":"paused","for":"2h"}"#, 400, "expected `running` or `stopped`"),
        (PATH, r#"{"state":"stopped","for":"169h"}"#, 422, "at most 7d"),
        (PATH, r#"{"state":"stopped","for":"0s"}"#, 422, "must be more than nothing"),
        (PATH, r#"{"state":"stopped","for":"2h","forr":1}"#, 400, "unknown field `forr`"),
        (PATH, r#"{"state":"stopped","for":"2h","as":"a\nb"}"#, 400, "`as` must be one line"),
        ("/api/v1/deployments/a1/suspend", "{}", 400, "missing field `reason`"),
        (
            "/api/v1/deployments/a1/resume",
            r#"{"for":"2h"}"#,
            400,
            "unknown field `for`, expected `as`",
        ),
        ("/api/v1/sync", r#"["alice"]"#, 400, "it is no JSON object; expected such as {}"),
        ("/api/v1/sync?all=1", "{}", 400, "`all=1` is not understood"),
        ("/api/v1/deployments/nobody/resume", "{}", 404, "names no deployment `nobody`; /api/v1/"),
        ("/api/v1/deployments/A1/resume", "{}", 404, "deployment `A1`; did you mean `a1`?; /api"),
    ];
    let requests = cases.iter().map(|(path, body, _, _)| (*path, json(TOKEN), *body)).collect();
    let many = with_rate(Limit { requests: 100, per: Duration::from_secs(100) });
    for (answer, (_, _, code, what)) in answers(many, requests).await.iter().zip(cases) {
        assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{answer}");
        assert!(answer.contains(what), "{answer}");
    }
}

/// Whoever tries a path out needs no token to hear how it is used.
#[tokio::test]
async fn other_methods_are_told_which() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(run(listener, Arc::new(with_token()), async { drop(stopped.await) }));
    let told = tokio::task::spawn_blocking(move || {
        ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]
            .map(|method| send(address, method, PATH, "", ""))
    });
    for answer in told.await.unwrap() {
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
        assert!(answer.contains("allow: POST\r\n"), "{answer}");
    }
    drop(stop);
    server.await.unwrap();
}

#[tokio::test]
async fn a_ledger_that_cannot_be_written_remembers_no_wish() {
    let state = State { gate: with_token().gate, ..state(view()) };
    let answer = answers(state, vec![(PATH, json(TOKEN), BODY)]).await.remove(0);
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("nothing was changed: no space left on device"), "{answer}");
}
