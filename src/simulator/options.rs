//! Everything that can be chosen about the simulated service.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::deployment::Deployment;
use super::fault::Faults;
use super::limiter::Limits;

/// The simulated service's configuration. The default is the documented service without faults.
#[derive(Clone, PartialEq)]
pub struct Options {
    /// The API key that is accepted.
    pub key: String,
    /// The key's secret.
    pub secret: String,
    /// The deployments there are. Of several with one id the last counts.
    pub deployments: Vec<Deployment>,
    /// Ids that are answered 403, whether they exist or not.
    pub forbidden: BTreeSet<String>,
    /// Whether `GET /deployments` exists; older servers answer 404.
    pub list: bool,
    /// The limits.
    pub limits: Limits,
    /// What the limiter's own 429 says about when to come back.
    pub retry_after: RetryAfter,
    /// From `starting` to `running`.
    pub start_delay: Duration,
    /// From `stopping` to `stopped`.
    pub stop_delay: Duration,
    /// Time spent in `pending` before `starting`; zero leaves the word out.
    pub pending: Duration,
    /// The probability that a start or stop settles where it came from.
    pub revert: f64,
    /// The probability that a start or stop settles on `failed`.
    pub fail: f64,
    /// The mean time between two turns of somebody at the console; `None` for nobody there.
    pub drift: Option<Duration>,
    /// What goes wrong.
    pub faults: Faults,
    /// Whether an error's `code` is a number rather than a word; nobody has documented which.
    pub numeric_codes: bool,
    /// The seed of all chance.
    pub seed: u64,
    /// The time of day at the simulator's start, as time since 1970, for dates in headers.
    pub epoch: Duration,
}

impl Default for Options {
    /// A start takes a minute and a stop half of one: the vendor documents neither. The epoch is
    /// 2026-01-01, so that a run without a clock is the same every time.
    fn default() -> Self {
        Self {
            key: "key".to_owned(),
            secret: "secret".to_owned(),
            deployments: Deployment::generate(3),
            forbidden: BTreeSet::new(),
            list: true,
            limits: Limits::default(),
            retry_after: RetryAfter::Absent,
            start_delay: Duration::from_secs(60),
            stop_delay: Duration::from_secs(30),
            pending: Duration::ZERO,
            revert: 0.0,
            fail: 0.0,
            drift: None,
            faults: Faults::default(),
            numeric_codes: false,
            seed: 0,
            epoch: Duration::from_secs(1_767_225_600),
        }
    }
}

impl fmt::Debug for Options {
    /// Leaves the credentials out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("deployments", &self.deployments.len())
            .field("limits", &self.limits)
            .field("faults", &self.faults)
            .field("drift", &self.drift)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// What a 429 says in its `Retry-After` (RFC 9110, section 10.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// There is no such header.
    Absent,
    /// Whole seconds, rounded up.
    Seconds,
    /// A date, to be read against the answer's own `Date`.
    Date,
    /// A word that is neither.
    Garbage,
}
