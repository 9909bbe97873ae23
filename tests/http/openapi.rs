//! The description at `/api/v1/openapi.json` is true: what is answered is what it says.

use std::collections::BTreeSet;
use std::time::Duration;

use evenkeel::http::{SUBSCRIBERS_MAX, State};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::admin::{TOKEN, answers, json as bearer, with_token, writable};
use crate::view_fixture::view;
use crate::{get, of, state};

async fn description() -> Value {
    let answer = get(&state(view()), "/api/v1/openapi.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    serde_json::from_str(&answer.body).unwrap()
}

/// What the document has against an answer to a request, in words.
fn faults(
    document: &Value,
    (path, method): (&str, &str),
    (status, media, body): (u16, &str, &str),
) -> Vec<String> {
    let responses = &document["paths"][path][method]["responses"];
    let Some(response) = responses.get(status.to_string()) else {
        return vec![format!("{method} {path}: {status} is not described")];
    };
    let media = media.split(';').next().unwrap();
    let Some(content) = response["content"].get(media) else {
        return vec![format!("{method} {path}: {status} as {media} is not described")];
    };
    let body = match media {
        "application/json" => serde_json::from_str(body).unwrap(),
        _ => Value::from(body),
    };
    // The components are where the references of the schema point to.
    let mut schema = content["schema"].clone();
    schema["components"] = document["components"].clone();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let told = |error| format!("{method} {path}: {status}: {error}");
    let mut faults: Vec<_> = validator.iter_errors(&body).map(told).collect();
    let (mut known, mut found) = (BTreeSet::new(), BTreeSet::new());
    described(document, &content["schema"], "", &mut known);
    keys("", &body, &mut found);
    // A document that is answered is described by its own rules, and not here.
    if path != "/api/v1/openapi.json" {
        let more = found.difference(&known);
        faults.extend(more.map(|key| format!("{method} {path}: {status}: `{key}` is unknown")));
    }
    faults
}

/// Each key of a value, such as `deployments[].desired.state`.
fn keys(at: &str, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(all) => all.iter().for_each(|(key, value)| {
            let at = below(at, key);
            keys(&at, value, found);
            found.insert(at);
        }),
        Value::Array(all) => all.iter().for_each(|value| keys(&format!("{at}[]"), value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
    }
}

/// Each key that a schema knows, written in the same way.
fn described(document: &Value, schema: &Value, at: &str, known: &mut BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix("#/components/schemas/").unwrap();
        described(document, &document["components"]["schemas"][name], at, known);
    }
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        let at = below(at, key);
        described(document, schema, &at, known);
        known.insert(at);
    }
    if let Some(items) = schema.get("items") {
        described(document, items, &format!("{at}[]"), known);
    }
    for word in ["anyOf", "oneOf", "allOf"] {
        for schema in schema[word].as_array().into_iter().flatten() {
            described(document, schema, at, known);
        }
    }
}

fn below(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") }
}

/// The keys that a section of `config/json.md` lists.
fn listed(section: &str) -> BTreeSet<String> {
    let page = std::fs::read_to_string("config/json.md").unwrap();
    let rest = page.split(&format!("\n## {section}\n")).nth(1).unwrap();
    let rows = rest.split("\n## ").next().unwrap().lines();
    rows.filter_map(|row| row.strip_prefix("| `")?.split('`').next().map(str::to_owned)).collect()
}

/// The keys that the description knows of an answer, those that hold others left out as the page
/// leaves them out.
async fn leaves(name: &str, cut: &[&str]) -> BTreeSet<String> {
    let document = description().await;
    let mut known = BTreeSet::new();
    described(&document, &document["components"]["schemas"][name], "", &mut known);
    let inner = |key: &str, other: &str| {
        other.strip_prefix(key).is_some_and(|rest| rest.starts_with(['.', '[']))
    };
    known.retain(|key| !cut.iter().any(|cut| inner(cut, key)));
    let holds = |key: &String| known.iter().any(|other| inner(key, other));
    known.iter().filter(|key| !holds(key)).cloned().collect()
}

fn without_brackets(keys: BTreeSet<String>) -> BTreeSet<String> {
    keys.into_iter().map(|key| key.trim_end_matches("[]").to_owned()).collect()
}

#[tokio::test]
async fn it_knows_the_keys_that_the_page_lists() {
    let mut fleet = leaves("Fleet", &["deployments"]).await;
    // Only a process that stands by shows these, so the page has them below its table.
    assert!(fleet.remove("standby.leader") && fleet.remove("standby.asOf"), "{fleet:?}");
    assert_eq!(fleet, without_brackets(listed("The fleet")));
    assert_eq!(leaves("DeploymentView", &["lastAction"]).await, listed("A deployment"));
    assert_eq!(leaves("History", &[]).await, listed("The history"));
}

#[tokio::test]
async fn what_is_shown_is_as_it_says() {
    let document = description().await;
    let shown = state(view());
    let (queries, _unanswered) = mpsc::channel(1);
    let silent = State { patience: Duration::from_millis(1), ..of(queries) };
    let broken =
        State { exposition: Box::new(|_, _, _| Err("no figures".to_owned())), ..writable() };
    let one = "/api/v1/deployments/{id}";
    let timeline = "/api/v1/deployments/{id}/timeline";
    let cases = [
        (&shown, "/api/v1/deployments", "", 200),
        (&shown, "/api/v1/deployments", "?x=1", 400),
        (&silent, "/api/v1/deployments", "", 503),
        (&shown, one, "", 200),
        (&shown, one, "?x=1", 400),
        (&shown, one, "nobody", 404),
        (&silent, one, "", 503),
        (&shown, timeline, "", 200),
        (&shown, timeline, "?days=0", 400),
        (&shown, timeline, "nobody", 404),
        (&silent, timeline, "", 503),
        (&shown, "/api/v1/history", "", 200),
        (&shown, "/api/v1/history", "?deployment=b2", 200),
        (&shown, "/api/v1/history", "?deployment=%2F", 400),
        (&silent, "/api/v1/history", "", 503),
        (&shown, "/api/v1/events", "?x=1", 400),
        (&shown, "/api/v1/openapi.json", "", 200),
        (&shown, "/api/v1/openapi.json", "?x=1", 400),
        (&shown, "/healthz", "", 200),
        (&shown, "/readyz", "", 503),
        (&broken, "/readyz", "", 200),
        (&shown, "/metrics", "", 200),
        (&broken, "/metrics", "", 500),
        (&silent, "/metrics", "", 503),
    ];
    let mut seen = BTreeSet::new();
    for (state, path, more, status) in cases {
        let (id, query) = if more.starts_with('?') { ("b2", more) } else { (more, "") };
        let id = if id.is_empty() { "b2" } else { id };
        let uri: &'static str = (path.replace("{id}", id) + query).leak();
        let answer = get(state, uri).await;
        assert_eq!(answer.status, status, "{uri}");
        let media = answer.header("content-type").unwrap();
        let told = faults(&document, (path, "get"), (status, media, &answer.body));
        assert_eq!(told, Vec::<String>::new());
        seen.insert((path.to_owned(), status.to_string()));
    }
    // A stream goes on, and its seats are taken; a loop that is stuck is in a test of its own.
    let apart = [("/api/v1/events", "200"), ("/api/v1/events", "503"), ("/healthz", "503")];
    seen.extend(apart.map(|(path, status)| (path.to_owned(), status.to_owned())));
    assert_eq!(seen, promised(&document, "get"));
}

/// Each path and status that the document has for a method.
fn promised(document: &Value, method: &str) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let of = |(path, operations): (&String, &Value)| {
        let responses = operations[method]["responses"].as_object();
        let codes = responses.into_iter().flat_map(|all| all.keys().cloned()).collect::<Vec<_>>();
        codes.into_iter().map(|code| (path.clone(), code)).collect::<Vec<_>>()
    };
    paths.flat_map(of).collect()
}

#[tokio::test]
async fn streams_are_as_it_says() {
    let document = description().await;
    let state = state(view());
    let mut streams = Vec::new();
    let request = hyper::Request::get("/api/v1/events").body(()).unwrap();
    for _ in 0..SUBSCRIBERS_MAX {
        let stream = evenkeel::http::route(&state, &request).await;
        let media = stream.headers()["content-type"].to_str().unwrap().to_owned();
        let told = faults(&document, ("/api/v1/events", "get"), (200, &media, ""));
        assert_eq!(told, Vec::<String>::new());
        streams.push(stream);
    }
    let answer = get(&state, "/api/v1/events").await;
    let media = answer.header("content-type").unwrap();
    let told = faults(&document, ("/api/v1/events", "get"), (503, media, &answer.body));
    assert_eq!((answer.status, told), (503, Vec::new()));
}

/// A request that changes something: its path, headers and body, and the status that it gets.
type Change = (&'static str, String, &'static str, u16);

/// The cases of one path; `fits` is a body that it takes.
fn changes(path: &'static str, fits: &'static str) -> Vec<Change> {
    let plain = bearer(TOKEN).replace("application/json", "text/plain");
    let page = bearer(TOKEN) + "Origin: http://127.0.0.1:9464\r\n";
    let long = Box::leak(format!(r#"{{"as":"{}"}}"#, "a".repeat(5000)).into_boxed_str());
    vec![
        (path, bearer(TOKEN), fits, 200),
        (path, bearer(TOKEN), "[]", 400),
        (path, bearer("wrong"), fits, 401),
        (path, page, fits, 403),
        (path, plain, fits, 415),
        (path, bearer(TOKEN), long, 413),
    ]
}

#[tokio::test]
async fn what_changes_something_is_as_it_says() {
    let document = description().await;
    let mut seen = BTreeSet::new();
    for (what, fits) in [
        ("override", r#"{"state":"stopped","for":"2h","as":"alice"}"#),
        ("suspend", r#"{"reason":"migration"}"#),
        ("resume", "{}"),
        ("sync", r#"{"as":null}"#),
        ("", "{}"),
    ] {
        let (described, path) = match what {
            "" => ("/api/v1/sync".to_owned(), "/api/v1/sync".to_owned()),
            what => ["{id}", "b2"].map(|id| format!("/api/v1/deployments/{id}/{what}")).into(),
        };
        let path: &'static str = path.leak();
        let mut cases = changes(path, fits);
        if !what.is_empty() {
            cases.push((path.replace("b2", "nobody").leak(), bearer(TOKEN), fits, 404));
        }
        if matches!(what, "override" | "suspend") {
            let body = r#"{"state":"stopped","reason":"x","for":"0s"}"#;
            let body = if what == "suspend" { r#"{"reason":"x","for":"0s"}"# } else { body };
            cases.push((path, bearer(TOKEN), body, 422));
        }
        let ask = |cases: &[Change]| cases.iter().map(|(a, b, c, _)| (*a, b.clone(), *c)).collect();
        let mut told = answers(with_token(), ask(&cases)).await;
        // The rate comes last: it spoils what follows.
        let many = vec![(path, bearer(TOKEN), fits); 11];
        told.push(answers(with_token(), many).await.pop().unwrap());
        cases.push((path, String::new(), "", 429));
        told.extend(answers(state(view()), ask(&[(path, bearer(TOKEN), fits, 403)])).await);
        cases.push((path, String::new(), "", 403));
        let (queries, _unanswered) = mpsc::channel(1);
        let silent = State { queries, patience: Duration::from_millis(1), ..with_token() };
        told.extend(answers(silent, ask(&[(path, bearer(TOKEN), fits, 503)])).await);
        cases.push((path, String::new(), "", 503));
        for (answer, (path, _, _, status)) in told.iter().zip(&cases) {
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            let header =
                |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let media = header("content-type: ").unwrap();
            let told = faults(&document, (&described, "post"), (*status, media, body));
            assert_eq!(told, Vec::<String>::new());
            let response = &document["paths"][&described]["post"]["responses"][status.to_string()];
            for name in response["headers"].as_object().into_iter().flat_map(|all| all.keys()) {
                let name = format!("{}: ", name.to_lowercase());
                assert!(header(&name).is_some(), "{path}: {name}{answer}");
            }
            seen.insert((described.clone(), status.to_string()));
        }
        seen.insert((described, "408".to_owned()));
    }
    assert_eq!(seen, promised(&document, "post"));
}

/// The one answer that takes five seconds, of all paths at once.
#[tokio::test]
async fn a_body_that_does_not_come_is_as_it_says() {
    let document = description().await;
    let mut paths = promised(&document, "post");
    paths.retain(|(_, code)| code == "408");
    let ask = |(described, _): (String, String)| {
        let path: &'static str = described.replace("{id}", "b2").leak();
        let headers = bearer(TOKEN) + "Transfer-Encoding: chunked\r\n";
        async move { (described, answers(with_token(), vec![(path, headers, "")]).await.remove(0)) }
    };
    let asked: Vec<_> = paths.into_iter().map(|path| tokio::spawn(ask(path))).collect();
    assert_eq!(asked.len(), 5);
    for asked in asked {
        let (path, answer) = asked.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{path}: {answer}");
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        let told = faults(&document, (&path, "post"), (408, "application/json", body));
        assert_eq!(told, Vec::<String>::new());
    }
}

/// What the description takes for a body is what the daemon takes, and the other way round.
#[tokio::test]
async fn bodies_are_as_it_says() {
    let document = description().await;
    let schema = json!({
        "$ref": "#/components/schemas/OverrideRequest",
        "components": document["components"],
    });
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    let body = |key: &str, value: Value| {
        let mut body = json!({ "state": "stopped", "for": "2h" });
        body[key] = value;
        body
    };
    let spans = ["1h30m", "002h", "1ms", "7d", "", "2", "h", "1m2h", "2h ", "-1h", "1e2h", "２h"];
    let lines = ["x", " x ", "né", "", " ", "\u{a0}", "a\nb", "\u{85}", "\u{2028}x"];
    let mut bodies: Vec<_> = spans.iter().map(|span| body("for", json!(span))).collect();
    bodies.extend(lines.iter().map(|line| body("reason", json!(line))));
    bodies.extend([199, 200, 201].map(|length| body("as", json!("é".repeat(length)))));
    bodies.extend([json!(null), json!(1), json!([])].map(|value| body("reason", value)));
    bodies.extend([json!(null), json!("paused")].map(|value| body("state", value)));
    bodies.extend([json!(null), json!([]), json!({}), body("q7", json!(1))]);
    let (mut taken, all) = (0, bodies.len());
    for body in bodies {
        let text: &'static str = body.to_string().leak();
        let path = "/api/v1/deployments/a1/override";
        let answer = answers(with_token(), vec![(path, bearer(TOKEN), text)]).await.remove(0);
        assert_eq!(answer.starts_with("HTTP/1.1 200 "), schema.is_valid(&body), "{body}\n{answer}");
        taken += usize::from(schema.is_valid(&body));
    }
    assert!(5 < taken && taken < all - 5, "{taken} of {all}");
}
