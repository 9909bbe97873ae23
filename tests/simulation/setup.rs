//! What a world is like: the service, the keel's rules, the troubles, and the lie that it may tell.

use std::time::Duration;

use evenkeel::keel::policy::{Limit, Policy, ScopeMode, StopLimit};
use evenkeel::simulator::{self, Deployment, Options, RetryAfter};

use crate::generate::Choose;
use crate::lie::Lie;

/// The least id first, so that a trace reads well.
pub(crate) const IDS: [&str; 3] = ["alpha", "beta", "gamma"];

/// So long there is trouble in a world, in milliseconds.
pub(crate) const HALF_DAY: u64 = 12 * 3_600_000;
pub(crate) const WEEK: u64 = 14 * HALF_DAY;

/// How long a client waits for an answer, in milliseconds: `observe.timeout`.
pub(crate) const TIMEOUT: u64 = 30_000;

/// Limits of stops: such an edit is held never, if it stops more than one, or if it stops any.
const NEVER: StopLimit = StopLimit { percent: 100, above: 3 };
const MORE_THAN_ONE: StopLimit = StopLimit { percent: 0, above: 1 };
const ANY: StopLimit = StopLimit { percent: 0, above: 0 };

/// What happens in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Story {
    /// Trouble of all kinds, then quiet, then silence.
    Long,
    /// A few starts, each with every fate, then quiet, then silence.
    Short,
    /// The process ends again and again.
    CrashLoop,
    /// A held change is taken back, and asked for again; the process ends in between.
    TakenBack,
}

/// One world, before it begins.
pub(crate) struct Setup {
    pub(crate) story: Story,
    /// The rules as they are.
    pub(crate) policy: Policy,
    pub(crate) service: Options,
    pub(crate) deployments: usize,
    /// One in so many starts and stops meets trouble; 0: none.
    pub(crate) trouble: usize,
    /// One in so many reads meets trouble; 0: none.
    pub(crate) read_trouble: usize,
    /// The mean time between two incidents (crashes, edits, drift, ...), in milliseconds; 0: none.
    pub(crate) incidents: u64,
    /// Whether somebody turns back what a start or stop did, soon after.
    pub(crate) hostile: bool,
    /// Whether another client uses the same key.
    pub(crate) foreign: bool,
    /// How much faster than true the monotonic clock runs, in parts of a million.
    pub(crate) fast: i64,
    /// Whether a list may show what was so some minutes ago.
    pub(crate) lag: bool,
    /// How wrong the service's clock is, in seconds.
    pub(crate) server_error: i64,
    /// How long there is trouble, in milliseconds.
    pub(crate) stormy: u64,
    pub(crate) lie: Lie,
}

impl Setup {
    /// A world of all kinds of trouble, for so many milliseconds.
    pub(crate) fn seeded(chooser: &mut impl Choose, stormy: u64, lie: Lie) -> Self {
        // The first of each is the calm one: a failing history is shrunk towards it.
        let deployments = 2 + chooser.below(2);
        let account = chooser.once_in(3);
        let mut policy = Policy::default();
        policy.limits.scope = match (account, chooser.once_in(3)) {
            (_, true) => ScopeMode::Auto,
            (true, false) => ScopeMode::Account,
            (false, false) => ScopeMode::Deployment,
        };
        let reads = chooser.pick(&[12, 20, 60]);
        policy.limits.status.requests = reads;
        policy.limits.list.requests = reads;
        policy.observe.reserve = reads / 6;
        policy.observe.list = chooser.once_in(3);
        policy.guards.contested_reversals = chooser.pick(&[3, 1, 2, 1000, 1000, 1000]);
        policy.act.enforce = !chooser.once_in(20);
        policy.guards.stops = chooser.pick(&[NEVER, NEVER, NEVER, NEVER, MORE_THAN_ONE, ANY]);
        let mut setup = Self {
            story: Story::Long,
            service: service(chooser, deployments, account),
            policy,
            deployments,
            trouble: chooser.pick(&[20, 3, 2]),
            read_trouble: chooser.pick(&[0, 8, 40]),
            incidents: chooser.pick(&[100, 30, 10]) * 60_000,
            hostile: chooser.below(3) > 0,
            foreign: chooser.once_in(3),
            fast: chooser.pick(&[0, -2000, 2000, -200, 200]),
            lag: chooser.once_in(2),
            server_error: chooser.pick(&[0, -3600, 86_400]),
            stormy,
            lie,
        };
        setup.service.limits.status.requests = reads;
        setup.service.limits.list.requests = reads;
        setup
    }

    /// One deployment that somebody keeps turning back, and whatever may become of its starts.
    pub(crate) fn exhaustive(lie: Lie) -> Self {
        let mut policy = Policy::default();
        policy.limits.status = Limit { requests: 12, per: Duration::from_secs(3600) };
        policy.observe.reserve = 6;
        policy.observe.list = false;
        policy.guards.contested_reversals = 1000;
        let deployments = vec![Deployment::new(IDS[0], "stopped")];
        let service = Options { deployments, ..Options::default() };
        let mut setup = Self {
            story: Story::Short,
            policy,
            service,
            deployments: 1,
            trouble: 0,
            read_trouble: 0,
            incidents: 0,
            hostile: true,
            foreign: false,
            fast: 2000,
            lag: false,
            server_error: 0,
            stormy: 0,
            lie,
        };
        setup.service.limits.status.requests = 12;
        setup
    }

    /// One deployment that somebody turns back, and processes that do not live long.
    pub(crate) fn crash_loop(lie: Lie) -> Self {
        Self { story: Story::CrashLoop, ..Self::exhaustive(lie) }
    }

    /// One deployment, whose stop needs somebody's acknowledgement.
    pub(crate) fn taken_back(lie: Lie) -> Self {
        let mut setup = Self { story: Story::TakenBack, hostile: false, ..Self::exhaustive(lie) };
        setup.policy.guards.stops = ANY;
        setup
    }
}

fn service(chooser: &mut impl Choose, deployments: usize, account: bool) -> Options {
    let mut options = Options { deployments: vec![], ..Options::default() };
    for id in IDS.iter().take(deployments) {
        let status = chooser.pick(&["running", "stopped"]);
        let mut deployment = Deployment::new(*id, status);
        if chooser.once_in(12) {
            deployment.kind = "serverless".to_owned();
        }
        options.deployments.push(deployment);
    }
    options.list = chooser.once_in(2);
    options.seed = chooser.below(1 << 30) as u64;
    options.limits.kind =
        chooser.pick(&[simulator::Kind::Sliding, simulator::Kind::Sliding, simulator::Kind::Fixed]);
    options.limits.count_refused = chooser.once_in(2);
    if account {
        options.limits.scope = simulator::Scope::Account;
    }
    // The number; the network dresses it in every form.
    options.retry_after = RetryAfter::Seconds;
    options.faults.storm_retry_after = RetryAfter::Seconds;
    options.start_delay = Duration::from_secs(chooser.pick(&[1, 60, 900]));
    options.stop_delay = Duration::from_secs(chooser.pick(&[1, 30, 300]));
    options.pending = Duration::from_secs(chooser.pick(&[0, 0, 40]));
    if chooser.once_in(4) {
        options.faults.reset = 0.05;
        options.faults.lost = 0.05;
        options.faults.gateway = 0.05;
        options.faults.garbage = 0.05;
        options.faults.unknown_status = 0.05;
    }
    if chooser.once_in(6) {
        options.revert = 0.1;
        options.fail = 0.05;
    }
    if chooser.once_in(8) {
        options.faults.storm = 0.02;
        options.faults.storm_for = Duration::from_secs(chooser.pick(&[30, 600, 7200]));
    }
    options
}
