//! The API's answers: status, list, start and stop, and refusals. Whatever a body holds, what is
//! taken from it is what it says, about the deployment that was asked for, and short.
//!
//! The input: a byte for the request, a byte for the status code, then the body.
#![no_main]

use std::time::Duration;

use evenkeel::{keel, outbound};
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use keel::call::{Body, Outcome, Request};
use keel::deployment::{DeploymentId, Facts, Status};
use keel::time::Wall;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

#[path = "../../../src/api"]
mod api {
    #[expect(dead_code, reason = "errors of the way there are not fuzzed")]
    mod outcome;
    mod wire;

    /// The crate keeps this to itself, so its source is compiled in here.
    pub(crate) async fn answered(
        request: &crate::Request,
        response: crate::Response<crate::Full<crate::Bytes>>,
        deadline: crate::Instant,
        now: crate::Wall,
    ) -> crate::Outcome {
        outcome::answered(request, response, deadline, now).await
    }
}

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().unwrap();
}

fuzz_target!(|data: &[u8]| {
    let [request, code, bytes @ ..] = data else { return };
    let asked = DeploymentId::parse("w41b11c0").unwrap();
    let request = match request % 4 {
        0 => Request::Status(asked),
        1 => Request::List,
        2 => Request::Start(asked),
        _ => Request::Stop(asked),
    };
    let code = [200, 429, 201, 503][usize::from(code % 4)];
    let body = Full::new(Bytes::copy_from_slice(bytes));
    let response = Response::builder().status(code).body(body).unwrap();
    let outcome = RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let deadline = Instant::now() + Duration::from_secs(3600);
            api::answered(&request, response, deadline, Wall::default()).await
        })
    });
    let Outcome::Answered { code: told, retry_after: None, body } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(told, code);
    let json = serde_json::from_slice::<Value>(bytes).ok();
    match (&request, body) {
        (_, Body::Refused(code)) if told >= 300 => refused(code.as_deref(), json.as_ref()),
        (Request::Start(_) | Request::Stop(_), Body::Accepted) if told < 300 => (),
        (Request::Status(_) | Request::List, Body::Unreadable(text)) if told < 300 => {
            assert!(short(&text, 200), "{text}");
        }
        (Request::Status(asked), Body::Deployment(facts)) if told < 300 => {
            assert_eq!(facts.id, *asked);
            assert!(facts.name.len() <= 512 && facts.kind.len() <= 512);
            json.iter().for_each(|json| assert_eq!(said(json).as_ref(), Some(&facts)));
        }
        (Request::List, Body::Fleet { entries, unreadable }) if told < 300 => {
            // A number too large for this reader may stand in a field that is not used.
            let Some(json) = json else { return };
            let list = json.as_array().expect("a list was taken from something else");
            assert_eq!(list.len(), entries.len() + unreadable);
            assert!(
                entries
                    .iter()
                    .all(|facts| list.iter().any(|one| said(one).as_ref() == Some(facts)))
            );
        }
        (request, body) => panic!("{request:?} {told} {body:?}"),
    }
});

fn refused(code: Option<&str>, json: Option<&Value>) {
    let Some(code) = code else { return };
    assert!(!code.is_empty() && short(code, 64), "{code}");
    if let Some(json) = json {
        assert!(matches!(json["code"], Value::String(_) | Value::Number(_)));
    }
}

fn short(text: &str, most: usize) -> bool {
    text.chars().count() <= most && !text.chars().any(char::is_control)
}

fn said(json: &Value) -> Option<Facts> {
    let field = |name: &str| json.get(name)?.as_str();
    Some(Facts {
        id: DeploymentId::parse(field("deploymentID")?).ok()?,
        name: field("deploymentName")?.into(),
        kind: field("deploymentType")?.into(),
        status: Status::from_word(field("status")?),
    })
}
