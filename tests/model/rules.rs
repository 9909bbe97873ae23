//! How large the model is, what may go wrong in it, and the wrong rules that it must notice.

use std::time::Duration;

use evenkeel::keel::policy::{Limit, Policy, ScopeMode};

/// One step of the model's clock, in milliseconds.
pub(crate) const TICK: i64 = 1000;

/// The server's window, in ticks.
pub(crate) const WINDOW: u8 = 4;

/// Starts, and stops, that the server takes within a window.
pub(crate) const ACTS: usize = 1;

/// Status calls that the server takes within a window.
pub(crate) const READS: usize = 4;

/// How long a client waits for an answer, in ticks.
pub(crate) const TIMEOUT: u8 = 1;

/// How long a request that nobody waits for any more may still arrive, in ticks.
pub(crate) const LATENESS: u8 = 2;

/// How old a look may be when the start or stop that it leads to leaves, in ticks.
pub(crate) const CONFIRM: u8 = 1;

/// How long from one routine look at a deployment to the next, in ticks.
pub(crate) const POLL: u8 = 3;

/// How long a deployment takes to start or stop, in ticks.
pub(crate) const PASSAGE: u8 = 2;

/// A lie between the world and the keel, or a wrong rule: each breaks a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    None,
    /// A request given up on is taken to be dead at once.
    NoLateness,
    /// No answer is taken for a request that never left.
    RefundOnTimeout,
    /// A replay takes the calls without an outcome for ones that never left.
    ForgetsOpen,
    /// What was synced is gone after a power loss.
    LostSync,
    /// A permit that has lapsed is used all the same.
    IgnoresSendBy,
    /// The window is taken for shorter than it is.
    ShortWindow,
    /// The window is taken for much longer than it is.
    LongWindow,
    /// Nobody looks for a long time.
    LazyPolls,
    /// The limit of the account is taken for one of each deployment.
    NarrowScope,
    /// A replay leaves out what the last process recorded.
    ShortReplay,
}

impl Lie {
    pub(crate) const ALL: [Self; 10] = [
        Self::NoLateness,
        Self::RefundOnTimeout,
        Self::ForgetsOpen,
        Self::LostSync,
        Self::IgnoresSendBy,
        Self::ShortWindow,
        Self::LongWindow,
        Self::LazyPolls,
        Self::NarrowScope,
        Self::ShortReplay,
    ];
}

/// How often each kind of trouble has come, or may come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Troubles {
    pub(crate) crashes: u8,
    /// Ticks that a call was waited for.
    pub(crate) slow: u8,
    /// Calls whose client gave up.
    pub(crate) lost: u8,
    /// Starts and stops whose connection could not be made.
    pub(crate) refused: u8,
    /// Starts and stops by another client of the same key.
    pub(crate) foreign: u8,
    /// Deployments turned round at the console, which no limit counts.
    pub(crate) drifts: u8,
    /// Edits of the desired file.
    pub(crate) edits: u8,
}

impl Troubles {
    pub(crate) fn sum(self) -> u8 {
        let own = self.slow + self.lost + self.refused;
        own + self.crashes + self.foreign + self.drifts + self.edits
    }
}

/// One model, before it begins.
#[derive(Clone)]
pub(crate) struct Rules {
    /// The last tick.
    pub(crate) horizon: u8,
    /// Whether the server counts over the whole account.
    pub(crate) wide: bool,
    pub(crate) most: Troubles,
    /// The most of all kinds together.
    pub(crate) together: u8,
    pub(crate) policy: Policy,
    pub(crate) lie: Lie,
}

impl Rules {
    pub(crate) fn new(wide: bool, horizon: u8, most: Troubles, together: u8, lie: Lie) -> Self {
        let ticks = |ticks: u8| Duration::from_secs(u64::from(ticks));
        let mut policy = Policy::default();
        let limits = &mut policy.limits;
        let narrow = !wide || lie == Lie::NarrowScope;
        limits.scope = if narrow { ScopeMode::Deployment } else { ScopeMode::Account };
        let window = ticks(match lie {
            Lie::ShortWindow => WINDOW - 1,
            Lie::LongWindow => 6 * WINDOW,
            _ => WINDOW,
        });
        let limit = |requests| Limit { requests: u32::try_from(requests).unwrap(), per: window };
        (limits.start, limits.stop, limits.status) = (limit(ACTS), limit(ACTS), limit(READS));
        // The model's clocks agree to the tick, so these two have nothing to make up for.
        (limits.margin, limits.clock_skew) = (Duration::ZERO, Duration::ZERO);
        limits.lateness = ticks(if lie == Lie::NoLateness { 0 } else { LATENESS });
        let observe = &mut policy.observe;
        let poll = if lie == Lie::LazyPolls { 100 } else { POLL };
        (observe.list, observe.reserve) = (false, 1);
        (observe.interval, observe.confirm_within) = (Some(ticks(poll)), ticks(CONFIRM));
        let act = &mut policy.act;
        (act.backoff_initial, act.backoff_max) = (ticks(1), ticks(2));
        act.settle_timeout = ticks(WINDOW);
        Self { horizon, wide, most, together, policy, lie }
    }
}
