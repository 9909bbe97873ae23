//! Calls and answers between the keel and the simulated service, without a socket.

use evenkeel::keel::call::{Body, Call, CallId, Outcome, Request};
use evenkeel::keel::deployment::{DeploymentId, Facts, Status};
use evenkeel::keel::time::Wall;
use evenkeel::simulator::{self, Delivery, Reply};

use crate::retry_after;

/// The request of a call, as the service sees it.
pub(crate) fn request(call: &Call, id: CallId) -> simulator::Call {
    let deployment = call.deployment().map_or("", DeploymentId::as_str);
    let method = match call.request {
        Request::Status(_) => simulator::Method::Status,
        Request::List => simulator::Method::List,
        Request::Start(_) => simulator::Method::Start,
        Request::Stop(_) => simulator::Method::Stop,
    };
    simulator::Call::of(method, deployment).authorized("key", "secret").identified(id.to_string())
}

/// What a client makes of a reply at `now`, by its own wall clock; `None`: the answer was lost on
/// its way.
pub(crate) fn outcome(call: &Call, reply: &Reply, now: Wall) -> Option<Outcome> {
    match reply.delivery {
        Delivery::Answered => (),
        Delivery::Lost | Delivery::Reset => return None,
    }
    let waits = reply.header("retry-after").map(str::as_bytes);
    let retry_after = retry_after::resolve(waits, reply.header("date").map(str::as_bytes), now);
    Some(Outcome::Answered { code: reply.status, retry_after, body: body(call, reply) })
}

fn body(call: &Call, reply: &Reply) -> Body {
    let unreadable = || Body::Unreadable("it is not what was asked for".into());
    match (&call.request, reply.status) {
        (Request::Status(_), 200) => serde_json::from_str(&reply.body)
            .ok()
            .as_ref()
            .and_then(facts)
            .map_or_else(unreadable, Body::Deployment),
        (Request::List, 200) => match serde_json::from_str::<serde_json::Value>(&reply.body) {
            Ok(serde_json::Value::Array(all)) => {
                let entries: Vec<Facts> = all.iter().filter_map(facts).collect();
                Body::Fleet { unreadable: all.len() - entries.len(), entries }
            }
            _ => unreadable(),
        },
        (Request::Start(_) | Request::Stop(_), 200..=299) => Body::Accepted,
        _ => Body::Refused(None),
    }
}

fn facts(value: &serde_json::Value) -> Option<Facts> {
    let text = |name: &str| value.get(name)?.as_str();
    Some(Facts {
        id: DeploymentId::parse(text("deploymentID")?).ok()?,
        name: text("deploymentName")?.into(),
        kind: text("deploymentType")?.into(),
        status: Status::from_word(text("status")?),
    })
}
