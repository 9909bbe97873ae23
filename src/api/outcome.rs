//! What an answer, or the lack of one, means.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Response;
use reqwest::header::{DATE, RETRY_AFTER};
use tokio::time::{Instant, timeout_at};

use super::wire;
use crate::keel::call::{Body, Outcome, Request};
use crate::keel::time::{Wall, format_duration};
use crate::outbound::retry_after;

/// The largest answer about one deployment that is read: the documented one has some 300 bytes.
const ONE_MAX: usize = 64 * 1024;

/// The largest list that is read: some 150,000 deployments.
const LIST_MAX: usize = 32 * 1024 * 1024;

/// How long the body of a refusal is waited for. It only adds a code for people, and meanwhile the
/// call counts as under way.
const REFUSAL_WAIT: Duration = Duration::from_secs(3);

/// The longest text of a fault: hundreds of calls may fail alike, and each is logged.
const TEXT_MAX: usize = 400;

/// What is known of a call's way, beside the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trace {
    /// There never was a connection that it could have been written to.
    NoConnection,
    /// It may have been written.
    Unknown,
}

/// Nothing was written.
pub(super) fn never_left(error: &dyn Error) -> Outcome {
    Outcome::NeverLeft(text(error))
}

/// An error instead of an answer. Only what happened before there was a connection proves that
/// nothing was written.
pub(super) fn failed(error: reqwest::Error, trace: Trace) -> Outcome {
    let connecting = error.is_connect() || trace == Trace::NoConnection;
    let error = error.without_url();
    if connecting { never_left(&error) } else { Outcome::Unanswered(text(&error)) }
}

/// Neither an answer nor an error in time.
pub(super) fn timed_out(timeout: Duration, trace: Trace) -> Outcome {
    let timeout = format_duration(timeout);
    match trace {
        Trace::NoConnection => Outcome::NeverLeft(format!("no connection within {timeout}").into()),
        Trace::Unknown => Outcome::Unanswered(format!("no answer within {timeout}").into()),
    }
}

/// A head has come: reads the body as far as it matters, until `deadline` at the latest. `now` is
/// for an answer that does not say when it was made.
pub(super) async fn answered(
    request: &Request,
    response: Response,
    deadline: Instant,
    now: Wall,
) -> Outcome {
    let status = response.status();
    let headers = response.headers();
    let after = headers.get_all(RETRY_AFTER).into_iter().map(|value| value.as_bytes());
    let date = headers.get(DATE).map(|value| value.as_bytes());
    let retry_after = retry_after::resolve(after, date, now);
    let body = if status.is_success() {
        match request {
            Request::Status(id) => read(response, ONE_MAX, deadline).await.map_or_else(
                |fault| Body::Unreadable(fault.into()),
                |bytes| wire::deployment(&bytes, id),
            ),
            Request::List => match read(response, LIST_MAX, deadline).await {
                Ok(bytes) => aside(move || wire::fleet(&bytes)).await,
                Err(fault) => Body::Unreadable(fault.into()),
            },
            Request::Start(_) | Request::Stop(_) => Body::Accepted,
        }
    } else {
        let deadline = deadline.min(Instant::now() + REFUSAL_WAIT);
        let bytes = read(response, ONE_MAX, deadline).await;
        Body::Refused(bytes.ok().and_then(|bytes| wire::code(&bytes)))
    };
    Outcome::Answered { code: status.as_u16(), retry_after, body }
}

/// Reads a long body on a thread of its own: the loop has other calls under way.
async fn aside(read: impl FnOnce() -> Body + Send + 'static) -> Body {
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|_| Body::Unreadable("reading the body was broken off".into()))
}

/// What an answer shows was so when it was made. A process that was stopped, or whose machine was
/// suspended, finds it after any time, and a timer that does not count suspend lets it pass.
pub fn in_time(outcome: Outcome, took: Duration, timeout: Duration) -> Outcome {
    match outcome {
        Outcome::Answered { code, retry_after, body: Body::Deployment(_) | Body::Fleet { .. } }
            if took > timeout =>
        {
            let took = format_duration(took);
            let fault = format!("it came after {took}, too late to say how things are now");
            Outcome::Answered { code, retry_after, body: Body::Unreadable(fault.into()) }
        }
        Outcome::Answered { .. } | Outcome::Unanswered(_) | Outcome::NeverLeft(_) => outcome,
    }
}

/// All of a body, or why there is no such thing.
async fn read(mut response: Response, limit: usize, deadline: Instant) -> Result<Vec<u8>, String> {
    let too_long = || format!("the body is longer than {} KiB", limit / 1024);
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    loop {
        match timeout_at(deadline, response.chunk()).await {
            Ok(Ok(Some(chunk))) if bytes.len() + chunk.len() > limit => return Err(too_long()),
            Ok(Ok(Some(chunk))) => bytes.extend_from_slice(&chunk),
            Ok(Ok(None)) => return Ok(bytes),
            Ok(Err(error)) => {
                return Err(format!("the body broke off: {}", text(&error.without_url())));
            }
            Err(_) => return Err("the body did not come to its end in time".to_owned()),
        }
    }
}

/// An error with its causes, in one line. (reqwest's own text leaves the causes out.)
fn text(error: &dyn Error) -> Arc<str> {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some errors print their cause themselves.
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text.chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect::<String>().into()
}
