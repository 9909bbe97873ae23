//! What an answer, or the lack of one, means.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{DATE, RETRY_AFTER};
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

/// Nothing was written.
pub(super) fn never_left(error: &dyn Error) -> Outcome {
    Outcome::NeverLeft(text(error))
}

/// It may have been written.
pub(super) fn unanswered(error: &dyn Error) -> Outcome {
    Outcome::Unanswered(text(error))
}

/// Neither an answer nor an error in time.
pub(super) fn timed_out(timeout: Duration) -> Outcome {
    Outcome::Unanswered(format!("no answer within {}", format_duration(timeout)).into())
}

/// A head has come: reads the body as far as it matters, until `deadline` at the latest. `now` is
/// for an answer that does not say when it was made.
pub(super) async fn answered<B>(
    request: &Request,
    response: Response<B>,
    deadline: Instant,
    now: Wall,
) -> Outcome
where
    B: hyper::body::Body<Data = Bytes, Error: Error + Send + Sync + 'static>,
{
    let (head, response) = response.into_parts();
    let (status, headers) = (head.status, head.headers);
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
async fn read<B>(body: B, limit: usize, deadline: Instant) -> Result<Bytes, String>
where
    B: hyper::body::Body<Data = Bytes, Error: Error + Send + Sync + 'static>,
{
    let too_long = || format!("the body is longer than {} KiB", limit / 1024);
    if body.size_hint().lower() > limit as u64 {
        return Err(too_long());
    }
    match timeout_at(deadline, Limited::new(body, limit).collect()).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
        Ok(Err(error)) => Err(format!("the body broke off: {}", text(error.as_ref()))),
        Err(_) => Err("the body did not come to its end in time".to_owned()),
    }
}

/// An error with its causes, in one line.
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
