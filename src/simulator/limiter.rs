//! How the service limits calls: counted when they arrive, over sliding or fixed windows.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::Serialize;

use super::call::Method;

/// So many requests within so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The number of requests that a window admits.
    pub requests: u32,
    /// The window's length. Two arrivals exactly this far apart are not in one window.
    pub window: Duration,
}

/// The limits in force, and how they count. The API page gives the numbers and leaves the rest
/// open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For [`Method::Status`].
    pub status: Limit,
    /// For [`Method::List`].
    pub list: Limit,
    /// For [`Method::Start`].
    pub start: Limit,
    /// For [`Method::Stop`].
    pub stop: Limit,
    /// What a limit is counted over.
    pub scope: Scope,
    /// What a window is.
    pub kind: Kind,
    /// Whether a refused call counts like an admitted one. It makes a difference to sliding
    /// windows only: a fixed one that refuses is full anyway.
    pub count_refused: bool,
}

/// What a limit is counted over. A list call names no deployment and always counts over the
/// account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Each deployment for itself.
    Deployment,
    /// All calls with the same key.
    Account,
}

/// What a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The time before each arrival.
    Sliding,
    /// The simulator's life cut into windows from its start; each begins with a full budget.
    Fixed,
}

impl Default for Limits {
    /// What the API page documents, read in the friendlier scope and the stricter window.
    fn default() -> Self {
        let window = Duration::from_secs(60 * 60);
        let (often, once) = (Limit { requests: 60, window }, Limit { requests: 1, window });
        Self {
            status: often,
            list: often,
            start: once,
            stop: once,
            scope: Scope::Deployment,
            kind: Kind::Sliding,
            count_refused: false,
        }
    }
}

impl Limits {
    /// The limit of `method`.
    pub fn of(&self, method: Method) -> Limit {
        match method {
            Method::Status => self.status,
            Method::List => self.list,
            Method::Start => self.start,
            Method::Stop => self.stop,
        }
    }

    /// The place of `method`'s limit.
    pub fn of_mut(&mut self, method: Method) -> &mut Limit {
        match method {
            Method::Status => &mut self.status,
            Method::List => &mut self.list,
            Method::Start => &mut self.start,
            Method::Stop => &mut self.stop,
        }
    }

    /// Sets the length of every window.
    pub fn set_windows(&mut self, window: Duration) {
        for method in Method::ALL {
            self.of_mut(method).window = window;
        }
    }
}

/// Windows kept apart for calls that name no deployment of the fleet; the newest then share one.
const STRANGERS_MAX: usize = 50_000;

/// State by method and deployment, or by method alone where all deployments count together.
#[derive(Debug, Clone)]
pub(super) struct Keyed<T> {
    most: usize,
    states: BTreeMap<(Method, String), T>,
}

impl<T> Keyed<T> {
    /// For a fleet of so many.
    pub(super) fn new(fleet: usize) -> Self {
        let most = fleet.saturating_mul(Method::ALL.len()).saturating_add(STRANGERS_MAX);
        Self { most, states: BTreeMap::new() }
    }

    pub(super) fn entry(
        &mut self,
        method: Method,
        deployment: &str,
        new: impl FnOnce() -> T,
    ) -> &mut T {
        let mut key = (method, deployment.to_owned());
        if self.states.len() >= self.most && !self.states.contains_key(&key) {
            key.1.clear();
        }
        self.states.entry(key).or_insert_with(new)
    }
}

/// Arrivals within one sliding window.
#[derive(Debug, Clone)]
pub(super) struct Sliding {
    window: Duration,
    arrivals: VecDeque<Duration>,
}

impl Sliding {
    pub(super) fn new(window: Duration) -> Self {
        Self { window, arrivals: VecDeque::new() }
    }

    /// The arrivals that the window ending at `now` holds.
    pub(super) fn held(&mut self, now: Duration) -> usize {
        while self.arrivals.front().is_some_and(|&first| first.saturating_add(self.window) <= now) {
            self.arrivals.pop_front();
        }
        self.arrivals.len()
    }

    /// Adds an arrival and keeps no more than the newest `keep`.
    pub(super) fn add(&mut self, now: Duration, keep: usize) {
        self.arrivals.push_back(now);
        while self.arrivals.len() > keep {
            self.arrivals.pop_front();
        }
    }

    /// How long after `now` the window holds fewer than `requests`.
    fn wait(&self, now: Duration, requests: usize) -> Duration {
        let over = self.arrivals.len().saturating_sub(requests);
        let last = self.arrivals.get(over).map_or(now, |&arrival| arrival);
        last.saturating_add(self.window).saturating_sub(now)
    }
}

#[derive(Debug, Clone)]
enum Window {
    Sliding(Sliding),
    Fixed { number: u128, held: usize },
}

/// The limiter in force.
#[derive(Debug, Clone)]
pub(super) struct Limiter {
    limits: Limits,
    windows: Keyed<Window>,
}

impl Limiter {
    pub(super) fn new(limits: Limits, fleet: usize) -> Self {
        Self { limits, windows: Keyed::new(fleet) }
    }

    /// Counts a call that arrives at `now`; refused, the error is the time until one would pass.
    pub(super) fn arrive(
        &mut self,
        method: Method,
        deployment: &str,
        now: Duration,
    ) -> Result<(), Duration> {
        let Limit { requests, window } = self.limits.of(method);
        let requests = usize::try_from(requests).unwrap_or(usize::MAX);
        let key = match self.limits.scope {
            Scope::Deployment => deployment,
            Scope::Account => "",
        };
        let kind = self.limits.kind;
        let state = self.windows.entry(method, key, || match kind {
            Kind::Sliding => Window::Sliding(Sliding::new(window)),
            Kind::Fixed => Window::Fixed { number: 0, held: 0 },
        });
        match state {
            Window::Sliding(sliding) => {
                let passes = sliding.held(now) < requests;
                if passes || self.limits.count_refused {
                    // Older ones than the newest `requests` decide nothing.
                    sliding.add(now, requests);
                }
                if passes { Ok(()) } else { Err(sliding.wait(now, requests)) }
            }
            Window::Fixed { number, held } => {
                let length = window.as_nanos().max(1);
                let current = now.as_nanos() / length;
                if *number != current {
                    (*number, *held) = (current, 0);
                }
                if *held < requests {
                    *held += 1;
                    return Ok(());
                }
                let left = length - now.as_nanos() % length;
                Err(Duration::from_nanos(u64::try_from(left).unwrap_or(u64::MAX)))
            }
        }
    }
}
