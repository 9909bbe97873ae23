//! Calls and answers between the keel and the simulated service, without a socket: what stands in
//! an answer is read by the real client's parsers.

use evenkeel::api::wire;
use evenkeel::keel::call::{Body, Call, CallId, Outcome, Request};
use evenkeel::keel::deployment::DeploymentId;
use evenkeel::keel::time::Wall;
use evenkeel::outbound::retry_after;
use evenkeel::simulator::{self, Delivery, Reply};
use jiff::Timestamp;

use crate::generate::Choose;
use crate::lie::Lie;

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

/// When to come back, as a 429 says it.
#[derive(Debug, Default)]
pub(crate) struct Advice {
    values: Vec<String>,
    /// The answer's own `Date`.
    date: String,
    /// What a right reader makes of it, in seconds.
    pub(crate) wait: Option<u64>,
}

impl Advice {
    /// Of a 429 that the service made at `made`, by its own clock in seconds: in any of the forms
    /// that a header may have.
    pub(crate) fn of(reply: &Reply, made: i64, chooser: &mut impl Choose) -> Self {
        if reply.status != 429 {
            return Self::default();
        }
        let wait: i64 = reply.header("retry-after").and_then(|text| text.parse().ok()).unwrap_or(0);
        let (number, date) = (wait.to_string(), http_date(made + wait));
        let garbage = chooser.pick(&["soon", "-7200", "7200s", "7200,x", "Thu, 32 Foo 2099", ""]);
        let right = u64::try_from(wait).ok();
        let (values, wait) = match chooser.below(10) {
            0 => (vec![], None),
            1 | 2 => (vec![number], right),
            3 | 4 => (vec![date], right),
            5 => (vec!["0".to_owned(), garbage.to_owned(), date], right),
            6 => (vec![http_date(made - 7200), garbage.to_owned(), number], right),
            7 => (vec![format!("0, {number}")], right),
            8 => (vec![http_date(made - 7200)], None),
            _ => (vec![garbage.to_owned()], None),
        };
        Self { values, date: http_date(made), wait }
    }
}

/// In the form of the `Date` header.
fn http_date(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// What the client makes of a reply when its wall clock reads `now`; `None`: the answer was lost on
/// its way.
pub(crate) fn outcome(
    call: &Call,
    reply: &Reply,
    advice: &Advice,
    now: Wall,
    lie: Lie,
) -> Option<Outcome> {
    match reply.delivery {
        Delivery::Answered => (),
        Delivery::Lost | Delivery::Reset => return None,
    }
    let read = if lie == Lie::FirstRetryAfter { 1 } else { usize::MAX };
    let values = advice.values.iter().take(read).map(|value| value.as_bytes());
    let date = Some(advice.date.as_bytes()).filter(|_| lie != Lie::DatesByOwnClock);
    let retry_after = retry_after::resolve(values, date, now);
    Some(Outcome::Answered { code: reply.status, retry_after, body: body(call, reply) })
}

fn body(call: &Call, reply: &Reply) -> Body {
    let bytes = reply.body.as_bytes();
    match (&call.request, reply.status) {
        (Request::Status(id), 200..=299) => wire::deployment(bytes, id),
        (Request::List, 200..=299) => wire::fleet(bytes),
        (Request::Start(_) | Request::Stop(_), 200..=299) => Body::Accepted,
        _ => Body::Refused(wire::code(bytes)),
    }
}
