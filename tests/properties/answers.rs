//! The API's answers, through the client and a socket.

use std::time::Duration;

use evenkeel::api::{Client, Credentials, Options};
use evenkeel::clock::Clock;
use evenkeel::keel::call::{Body, Call, CallId, Outcome, Request};
use evenkeel::keel::decision::Permit;
use evenkeel::keel::deployment::{AccountId, DeploymentId, Facts, Status};
use jiff::Timestamp;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::server::{Server, answer};

/// Long enough for a loaded machine, where nothing is to time out.
const PATIENT: Duration = Duration::from_secs(30);

const YEAR: u64 = 365 * 86_400;

/// What the client makes of an answer.
fn told(request: Request, head: &str, headers: &str, body: &str) -> (Option<Duration>, Body) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcome = runtime.block_on(async {
        let server = Server::answering(&answer(head, headers, body)).await;
        let options = Options {
            url: server.url,
            timeout: PATIENT,
            version: "1.2.3".to_owned(),
            ledger: "4f1c09ab".to_owned(),
        };
        let credentials = Credentials { key: "k".into(), secret: "s".into() };
        let clock = Clock::new().unwrap();
        let call = Call { account: AccountId::new("default"), request };
        let permit = Permit { id: CallId(1), call, send_by: clock.now().mono + PATIENT };
        Client::new(options, credentials).unwrap().send(permit, &clock).await.outcome
    });
    let Outcome::Answered { code: _, retry_after, body } = outcome else { panic!("{outcome:?}") };
    (retry_after, body)
}

fn text() -> impl Strategy<Value = String> {
    "[ -~äß€😀\t\n\u{0}]{0,24}"
}

fn facts() -> impl Strategy<Value = Facts> {
    let id = "[A-Za-z0-9][A-Za-z0-9_-]{0,63}".prop_map(|id| DeploymentId::parse(&id).unwrap());
    let word = prop_oneof![select(&Status::KNOWN[..]).prop_map(str::to_owned), text()];
    (id, text(), text(), word).prop_map(|(id, name, kind, word)| Facts {
        id,
        name: name.into(),
        kind: kind.into(),
        status: Status::from_word(&word),
    })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e300f64..1e300).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let map = btree_map("[a-zA-Z]{0,8}", inner.clone(), 0..4);
        let map = map.prop_map(|map| Value::Object(map.into_iter().collect()));
        prop_oneof![vec(inner, 0..4).prop_map(Value::from), map]
    })
}

/// Facts, and an object that says them among other things, its keys in any order.
fn object() -> impl Strategy<Value = (Facts, String)> {
    // None of these is a key with a meaning: those begin with `d` or `s`.
    let extras = btree_map("[a-ce-rt-zA-Z_-]{1}[a-zA-Z]{0,12}|deploymentid|Status", value(), 0..6);
    let blank = select(&["", " ", "\n\t", "\r\n  "][..]);
    (facts(), extras, blank)
        .prop_flat_map(|(facts, extras, blank)| {
            let mut keys: Vec<(String, Value)> = extras.into_iter().collect();
            keys.extend([
                ("deploymentID".to_owned(), json!(facts.id.as_str())),
                ("deploymentName".to_owned(), json!(&*facts.name)),
                ("deploymentType".to_owned(), json!(&*facts.kind)),
                ("status".to_owned(), json!(facts.status.as_str())),
            ]);
            (Just(facts), Just(keys).prop_shuffle(), Just(blank))
        })
        .prop_map(|(facts, keys, blank)| {
            let pair = |(key, value): &(String, Value)| format!("{}:{blank}{value}", json!(key));
            let pairs: Vec<_> = keys.iter().map(pair).collect();
            (facts, format!("{blank}{{{}}}", pairs.join(&format!(",{blank}"))))
        })
}

/// From 1971 to 2068: a year of two digits means one of these.
fn instant() -> impl Strategy<Value = Timestamp> {
    (31_536_000i64..3_124_000_000).prop_map(|seconds| Timestamp::from_second(seconds).unwrap())
}

const FORMS: [&str; 3] =
    ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];

fn start() -> Request {
    Request::Start(DeploymentId::parse("w41b11c0").unwrap())
}

fn waits(headers: &str) -> Option<Duration> {
    told(start(), "429 Too Many Requests", headers, "").0
}

proptest! {
    #![proptest_config(crate::repeatable(256))]

    #[test]
    fn a_deployment_is_read_from_any_object_that_says_it((facts, body) in object()) {
        let (_, read) = told(Request::Status(facts.id.clone()), "200 OK", "", &body);
        prop_assert_eq!(read, Body::Deployment(facts), "{}", body);
    }

    #[test]
    fn a_list_gives_its_deployments_by_id_and_counts_the_rest(
        entries in vec(prop_oneof![object().prop_map(Ok), value().prop_map(Err)], 0..6)
    ) {
        let bodies = entries.iter().map(|entry| match entry {
            Ok((_, body)) => body.clone(),
            Err(value) => value.to_string(),
        });
        let body = format!("[{}]", bodies.collect::<Vec<_>>().join(", "));
        let unreadable = entries.iter().filter(|entry| entry.is_err()).count();
        let facts = entries.into_iter().filter_map(|entry| Some(entry.ok()?.0));
        let mut entries: Vec<_> = facts.collect();
        entries.sort_by_key(|facts| facts.id.clone());
        let (_, read) = told(Request::List, "200 OK", "", &body);
        prop_assert_eq!(read, Body::Fleet { entries, unreadable }, "{}", body);
    }

    #[test]
    fn any_other_body_is_unreadable_and_a_start_needs_none(body in prop_oneof![
        "\\PC{0,60}",
        value().prop_map(|value| value.to_string()),
        (object(), any::<prop::sample::Index>()).prop_map(|((_, body), end)| {
            let ends: Vec<_> = body.char_indices().map(|(at, _)| at).collect();
            body[..ends[end.index(ends.len())]].to_owned()
        }),
    ]) {
        let asked = DeploymentId::parse("w41b11c0").unwrap();
        let (_, read) = told(Request::Status(asked), "200 OK", "", &body);
        let Body::Unreadable(text) = read else { panic!("{read:?}") };
        prop_assert!(text.chars().count() <= 200 && !text.contains(char::is_control), "{}", text);
        prop_assert_eq!(told(start(), "201 Created", "", &body).1, Body::Accepted);
    }

    #[test]
    fn a_refusals_code_is_found_among_other_keys(
        code in "[A-Z_]{1,64}",
        extras in btree_map("[abd-z][a-zA-Z]{0,12}", value(), 0..6),
        quoted in any::<bool>(),
        number in any::<i64>(),
    ) {
        let (shown, value) =
            if quoted { (code.clone(), json!(code)) } else { (number.to_string(), json!(number)) };
        let mut body = serde_json::Map::from_iter(extras);
        body.insert("code".to_owned(), value);
        let body = Value::Object(body).to_string();
        let (_, read) = told(start(), "422 Unprocessable", "", &body);
        prop_assert_eq!(read, Body::Refused(Some(shown.into())), "{}", body);
    }

    #[test]
    fn seconds_are_waited_for_up_to_a_year(
        seconds in prop_oneof![0..=YEAR, any::<u64>()],
        more in vec(0..=YEAR, 0..3),
        joined in any::<bool>(),
    ) {
        let all: Vec<_> = more.iter().chain([&seconds]).map(u64::to_string).collect();
        let headers = if joined {
            format!("retry-after: {}\r\n", all.join(" ,\t"))
        } else {
            all.iter().map(|one| format!("Retry-After:  {one} \r\n")).collect()
        };
        let longest = more.into_iter().fold(seconds, u64::max).min(YEAR);
        let expected = (longest > 0).then(|| Duration::from_secs(longest));
        prop_assert_eq!(waits(&headers), expected, "{}", headers);
    }

    #[test]
    fn a_date_is_waited_for_from_the_answers_own(
        made in instant(),
        until in instant(),
        near in -7200i64..7200,
        forms in (select(&FORMS[..]), select(&FORMS[..])),
        is_near in any::<bool>(),
    ) {
        let until = if is_near { made + jiff::SignedDuration::from_secs(near) } else { until };
        let headers = format!(
            "date: {}\r\nretry-after: {}\r\n",
            made.strftime(forms.0),
            until.strftime(forms.1)
        );
        let wait = u64::try_from(until.as_second() - made.as_second()).unwrap_or(0).min(YEAR);
        let expected = (wait > 0).then(|| Duration::from_secs(wait));
        prop_assert_eq!(waits(&headers), expected, "{}", headers);
    }
}
