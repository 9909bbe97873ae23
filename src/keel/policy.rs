//! How the operator wants the keel to behave: the limits, and the rules of observing and acting.

use std::sync::Arc;
use std::time::Duration;

use super::call::Method;
use super::deployment::AccountId;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// At most `requests` calls within any `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Calls; at least 1.
    pub requests: u32,
    /// The window.
    pub per: Duration,
}

/// What a limit counts over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeMode {
    /// Per deployment, until a 429 which that cannot explain; then the whole account for a day.
    Auto,
    /// Each deployment by itself.
    Deployment,
    /// All deployments that share a key.
    Account,
}

/// What a ledger that does not exist yet says about the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewLedger {
    /// A new installation: nothing was spent.
    Unused,
    /// Perhaps a lost ledger: everything was spent just now.
    Spent,
}

/// The server's limits, and how honestly to count against them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What a limit counts over.
    pub scope: ScopeMode,
    /// `GET /deployments/{id}`.
    pub status: Limit,
    /// `GET /deployments`.
    pub list: Limit,
    /// `POST …/start`.
    pub start: Limit,
    /// `POST …/stop`.
    pub stop: Limit,
    /// Added to each window: drift between this clock and the server's, and between its nodes.
    pub margin: Duration,
    /// How long after giving up a request may still arrive.
    pub lateness: Duration,
    /// How wrong a wall clock may be, where only the wall clock connects two boots.
    pub clock_skew: Duration,
    /// What to assume when there is no ledger yet.
    pub new_ledger: NewLedger,
}

impl Limits {
    /// The limit of a method.
    pub const fn of(&self, method: Method) -> Limit {
        match method {
            Method::Status => self.status,
            Method::List => self.list,
            Method::Start => self.start,
            Method::Stop => self.stop,
        }
    }

    /// The window of a method with its margin: for how long after its arrival a call holds.
    pub fn hold(&self, method: Method) -> Duration {
        self.of(method).per + self.margin
    }
}

impl Default for Limits {
    /// The documented limits.
    fn default() -> Self {
        Self {
            scope: ScopeMode::Auto,
            status: Limit { requests: 60, per: HOUR },
            list: Limit { requests: 60, per: HOUR },
            start: Limit { requests: 1, per: HOUR },
            stop: Limit { requests: 1, per: HOUR },
            margin: Duration::from_secs(10),
            lateness: Duration::from_secs(300),
            clock_skew: 2 * MINUTE,
            new_ledger: NewLedger::Unused,
        }
    }
}

/// How to observe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observe {
    /// Between two routine reads; `None`: the steadiest that the limits allow after the reserve.
    pub interval: Option<Duration>,
    /// Status calls of each window kept for confirming and for watching a passage.
    pub reserve: u32,
    /// How old an observation may be to act on it.
    pub confirm_within: Duration,
    /// Whether the list call may be tried.
    pub list: bool,
    /// Calls under way at a time, per account.
    pub concurrency: u32,
}

impl Default for Observe {
    fn default() -> Self {
        Self {
            interval: None,
            reserve: 10,
            confirm_within: Duration::from_secs(10),
            list: true,
            concurrency: 64,
        }
    }
}

/// How to act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// False: observe only, never POST.
    pub enforce: bool,
    /// The `deploymentType`s that may be started and stopped.
    pub types: Vec<Arc<str>>,
    /// The first delay after a failure.
    pub backoff_initial: Duration,
    /// The longest delay after repeated failures.
    pub backoff_max: Duration,
    /// A passage longer than this is worth a warning.
    pub settle_warning: Duration,
    /// A passage longer than this is stalled.
    pub settle_timeout: Duration,
}

impl Default for Act {
    fn default() -> Self {
        Self {
            enforce: true,
            types: vec!["dedicated".into(), "dedicatedFlex".into()],
            backoff_initial: Duration::from_secs(5),
            backoff_max: 10 * MINUTE,
            settle_warning: 30 * MINUTE,
            settle_timeout: HOUR,
        }
    }
}

/// When to hold back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guards {
    /// So many reversals …
    pub contested_reversals: u32,
    /// … within this time, and the deployment is contested.
    pub contested_within: Duration,
    /// When an edit stops too many at once.
    pub stops: StopLimit,
}

/// An edit that stops more than both at once is held until it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopLimit {
    /// Of the deployments that the desired file names; 100: such an edit is never held.
    pub percent: u32,
    /// Deployments.
    pub above: u32,
}

impl StopLimit {
    /// Whether `stops` of `fleet` deployments are too many at once.
    pub const fn is_exceeded(self, stops: usize, fleet: usize) -> bool {
        stops > self.above as usize && stops * 100 > self.percent as usize * fleet
    }
}

impl Default for Guards {
    fn default() -> Self {
        Self {
            contested_reversals: 3,
            contested_within: 24 * HOUR,
            stops: StopLimit { percent: 50, above: 3 },
        }
    }
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The accounts that desired entries may name.
    pub accounts: Vec<AccountId>,
    /// The server's limits.
    pub limits: Limits,
    /// How to observe.
    pub observe: Observe,
    /// How to act.
    pub act: Act,
    /// When to hold back.
    pub guards: Guards,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            accounts: vec![AccountId::new(AccountId::DEFAULT)],
            limits: Limits::default(),
            observe: Observe::default(),
            act: Act::default(),
            guards: Guards::default(),
        }
    }
}
