//! What the service saw, counted independently of the limiter in force.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde::Serialize;

use super::call::Method;
use super::limiter::{Keyed, Limits, Scope, Sliding};
use super::reply::{Delivery, Reply};

/// Starts and stops that are listed; the rest is only counted.
const POSTS_MAX: usize = 10_000;
/// Request ids that are remembered. A client repeats one soon or never.
const IDS_MAX: usize = 100_000;
/// Of one window; beyond it the figure no longer grows.
const ARRIVALS_MAX: usize = 100_000;
/// A longer request id is cut in the list.
const ID_CHARS_MAX: usize = 128;

/// What the service has seen so far; `GET /_sim/audit` gives it as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The time of the report in milliseconds since the simulator's start.
    pub at_ms: u64,
    /// Arrivals by method and by what became of them: the status code, `lost` or `reset`.
    pub requests: BTreeMap<Method, BTreeMap<String, u64>>,
    /// Requests that were none of the four calls.
    pub other_requests: u64,
    /// What the limits are counted over, as configured.
    pub scope: Scope,
    /// The most arrivals that any window saw. Refused, spoilt and unauthorized ones count, too:
    /// the promise is about what is sent.
    pub largest: BTreeMap<Method, Largest>,
    /// Starts that met something else than `stopped`, and stops that met something else than
    /// `running`.
    pub redundant_posts: u64,
    /// Requests whose `X-Request-Id` had been seen before.
    pub duplicate_request_ids: u64,
    /// Requests without an `X-Request-Id`.
    pub without_request_id: u64,
    /// The newest starts and stops, oldest first.
    pub posts: VecDeque<Post>,
    /// The starts and stops before those.
    pub posts_dropped: u64,
}

/// The most arrivals of one method within a true sliding window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Largest {
    /// For any one deployment. A list call counts as one for the account only.
    pub deployment: u64,
    /// For all of them together.
    pub account: u64,
    /// What the configured limit allows.
    pub limit: u64,
    /// The window's length in milliseconds.
    pub window_ms: u64,
    /// Whether the configured limit was exceeded in the configured scope.
    pub over: bool,
}

/// One start or stop that arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Post {
    /// Milliseconds since the simulator's start.
    pub at_ms: u64,
    /// The deployment that it named.
    pub deployment: String,
    /// Start or stop.
    pub method: Method,
    /// The status code that the service decided on; `null` if the connection was reset before.
    pub code: Option<u16>,
    /// Whether the client could see it.
    pub answer: Delivered,
    /// The `X-Request-Id`.
    pub request_id: Option<String>,
    /// Whether the deployment was not in the state that the call needs.
    pub redundant: bool,
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivered {
    /// Sent.
    Sent,
    /// Lost after the service acted.
    Lost,
    /// The connection was reset before the service acted.
    Reset,
}

impl From<Delivery> for Delivered {
    fn from(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Answered => Self::Sent,
            Delivery::Lost => Self::Lost,
            Delivery::Reset => Self::Reset,
        }
    }
}

/// One arrival, as the audit is told of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival<'a> {
    pub(super) at: Duration,
    pub(super) method: Method,
    pub(super) deployment: &'a str,
    pub(super) request_id: Option<&'a str>,
    pub(super) redundant: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Audit {
    limits: Limits,
    requests: BTreeMap<Method, BTreeMap<String, u64>>,
    other: u64,
    by_deployment: Keyed<Sliding>,
    by_account: Keyed<Sliding>,
    /// The largest count so far, for a deployment and for the account.
    largest: BTreeMap<Method, (usize, usize)>,
    redundant: u64,
    duplicates: u64,
    without_id: u64,
    ids: BTreeSet<String>,
    ids_by_age: VecDeque<String>,
    posts: VecDeque<Post>,
    posts_dropped: u64,
}

impl Audit {
    pub(super) fn new(limits: Limits, fleet: usize) -> Self {
        Self {
            limits,
            requests: BTreeMap::new(),
            other: 0,
            by_deployment: Keyed::new(fleet),
            by_account: Keyed::new(fleet),
            largest: BTreeMap::new(),
            redundant: 0,
            duplicates: 0,
            without_id: 0,
            ids: BTreeSet::new(),
            ids_by_age: VecDeque::new(),
            posts: VecDeque::new(),
            posts_dropped: 0,
        }
    }

    /// A request that was none of the four calls.
    pub(super) fn other(&mut self) {
        self.other += 1;
    }

    /// A call and what became of it.
    pub(super) fn record(&mut self, arrival: Arrival<'_>, reply: &Reply) {
        let outcome = match reply.delivery {
            Delivery::Answered => reply.status.to_string(),
            Delivery::Lost => "lost".to_owned(),
            Delivery::Reset => "reset".to_owned(),
        };
        *self.requests.entry(arrival.method).or_default().entry(outcome).or_default() += 1;
        self.count(arrival);
        self.identify(arrival.request_id);
        if arrival.method.is_post() {
            self.redundant += u64::from(arrival.redundant);
            self.list(arrival, reply);
        }
    }

    pub(super) fn report(&self, now: Duration) -> Report {
        Report {
            at_ms: millis(now),
            requests: self.requests.clone(),
            other_requests: self.other,
            scope: self.limits.scope,
            largest: Method::ALL.into_iter().map(|method| (method, self.largest(method))).collect(),
            redundant_posts: self.redundant,
            duplicate_request_ids: self.duplicates,
            without_request_id: self.without_id,
            posts: self.posts.clone(),
            posts_dropped: self.posts_dropped,
        }
    }

    fn largest(&self, method: Method) -> Largest {
        let (deployment, account) = self.largest.get(&method).copied().unwrap_or_default();
        let limit = self.limits.of(method);
        let counted = match (method, self.limits.scope) {
            (Method::Status | Method::Start | Method::Stop, Scope::Deployment) => deployment,
            (Method::List, _) | (_, Scope::Account) => account,
        };
        Largest {
            deployment: deployment as u64,
            account: account as u64,
            limit: u64::from(limit.requests),
            window_ms: millis(limit.window),
            over: counted as u64 > u64::from(limit.requests),
        }
    }

    fn count(&mut self, Arrival { at, method, deployment, .. }: Arrival<'_>) {
        let window = self.limits.of(method).window;
        let largest = self.largest.entry(method).or_default();
        if method != Method::List {
            let own = self.by_deployment.entry(method, deployment, || Sliding::new(window));
            largest.0 = largest.0.max(arrive(own, at));
        }
        let all = self.by_account.entry(method, "", || Sliding::new(window));
        largest.1 = largest.1.max(arrive(all, at));
    }

    fn identify(&mut self, id: Option<&str>) {
        let Some(id) = id else {
            self.without_id += 1;
            return;
        };
        if !self.ids.insert(id.to_owned()) {
            self.duplicates += 1;
            return;
        }
        self.ids_by_age.push_back(id.to_owned());
        if self.ids_by_age.len() > IDS_MAX
            && let Some(oldest) = self.ids_by_age.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }

    fn list(&mut self, arrival: Arrival<'_>, reply: &Reply) {
        let answer = Delivered::from(reply.delivery);
        self.posts.push_back(Post {
            at_ms: millis(arrival.at),
            deployment: arrival.deployment.to_owned(),
            method: arrival.method,
            code: (answer != Delivered::Reset).then_some(reply.status),
            answer,
            request_id: arrival.request_id.map(|id| id.chars().take(ID_CHARS_MAX).collect()),
            redundant: arrival.redundant,
        });
        if self.posts.len() > POSTS_MAX {
            self.posts.pop_front();
            self.posts_dropped += 1;
        }
    }
}

/// Counts an arrival and gives the number that its window then holds.
fn arrive(window: &mut Sliding, at: Duration) -> usize {
    window.add(at, ARRIVALS_MAX);
    window.held(at)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
