//! Lies between the world and the keel. Each breaks a promise, as a wrong rule in the keel or a
//! wrong layer below it would; the simulation must notice every one of them.

use std::sync::Arc;
use std::time::Duration;

use evenkeel::keel::call::{Body, CallId, Fate, Outcome};
use evenkeel::keel::deployment::Status;
use evenkeel::keel::intent::{Manifest, Wanted};
use evenkeel::keel::policy::{Policy, ScopeMode};
use evenkeel::keel::record::{Carried, Record, Stamp};
use evenkeel::keel::time::Wall;
use jiff::tz::TimeZone;

use crate::wish;

const HOUR: Duration = Duration::from_secs(3600);

/// A lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Nobody lies.
    None,
    /// A request given up on is taken to be dead at once.
    NoLateness,
    /// Across a reboot the wall clock is trusted to the millisecond.
    NoSkew,
    /// The window is counted without a margin, by a clock that is a little fast.
    NoMargin,
    /// The window is taken for a minute shorter than it is.
    ShortWindow,
    /// The window is taken for much longer than it is.
    LongWindow,
    /// Two starts in a window are taken to be allowed.
    LimitOfTwo,
    /// Each deployment is taken to have a budget of its own, where the account has one.
    ScopeIgnored,
    /// An observation is good for an hour.
    LongConfirm,
    /// Nobody looks for half a day.
    LazyPolls,
    /// Calls that change something are sent although the mode is `observe`.
    ActsInObserveMode,
    /// No answer is taken for a request that never left.
    RefundOnTimeout,
    /// A refused call (4xx) is taken to cost nothing.
    RefundOnRefusal,
    /// A server's fault (5xx) is taken to cost nothing.
    RefundOnFault,
    /// `Retry-After` is not read.
    IgnoresRetryAfter,
    /// Of several `Retry-After` the first is read.
    FirstRetryAfter,
    /// A date in `Retry-After` is counted from what the own clock reads.
    DatesByOwnClock,
    /// An answer that comes too late to say how things are is believed.
    TrustsLateAnswers,
    /// A deployment on its way is taken to be there.
    PassingIsSettled,
    /// A status that nobody knows is taken for `stopped`.
    UnknownIsStopped,
    /// An edit of the desired file goes unnoticed.
    DeafToEdits,
    /// `protect` is not read.
    IgnoresProtect,
    /// `suspend` is not read.
    IgnoresSuspend,
    /// An override does not end.
    EndlessOverride,
    /// `name` is not read.
    IgnoresName,
    /// Every type may be started and stopped.
    AnyType,
    /// Reversals are not counted.
    IgnoresContested,
    /// Schedules are read when the file is, and then forgotten.
    FrozenSchedules,
    /// Every schedule is read by clocks in UTC.
    SchedulesInUtc,
    /// No edit is ever held.
    NoGuard,
    /// A restart forgets what is held.
    ForgetsHold,
    /// A file is kept before what came of it is durable.
    KeepsFileEarly,
    /// What is taken back from a held change is let go before the file that does so is kept.
    ReleasesEarly,
    /// What somebody asks for goes unnoticed.
    DeafToWishes,
    /// What somebody asks for does not end by itself.
    EndlessWish,
    /// A restart forgets what somebody asked for.
    ForgetsWishes,
    /// `acknowledge` is not read.
    DeafToAcknowledge,
    /// What is missing of half a file is made up.
    MendsHalfFiles,
    /// The window is counted from when the request leaves.
    WindowFromSend,
    /// The wall clock passes for the monotonic one.
    WallInsideBoot,
    /// A permit that has lapsed is used all the same.
    IgnoresSendBy,
    /// A layer below sends a request again.
    SentTwice,
    /// A layer below answers reads from its memory.
    CachedReads,
    /// What the list shows passes for a read of the deployment itself.
    ListDecides,
    /// What was synced is gone after a reboot.
    LostSync,
    /// Nothing is synced before it is sent.
    NeverSynced,
    /// A replay takes calls without an outcome for calls that never left.
    ForgetsOpen,
    /// After a restart a call holds from its reservation, not from its settlement.
    HeldFromReservation,
    /// A crash loop charges each start anew.
    ChargedEachStart,
    /// Every start takes all reads for spent.
    SpentAtStart,
    /// A restart forgets that a method counts over the whole account.
    ForgetsWidened,
    /// Compaction leaves the budgets out.
    CompactionDropsTallies,
    /// Compaction leaves the calls under way out.
    CompactionDropsOpen,
}

impl Lie {
    pub(crate) const ALL: [Self; 52] = [
        Self::NoLateness,
        Self::NoSkew,
        Self::NoMargin,
        Self::ShortWindow,
        Self::LongWindow,
        Self::LimitOfTwo,
        Self::ScopeIgnored,
        Self::LongConfirm,
        Self::LazyPolls,
        Self::ActsInObserveMode,
        Self::RefundOnTimeout,
        Self::RefundOnRefusal,
        Self::RefundOnFault,
        Self::IgnoresRetryAfter,
        Self::FirstRetryAfter,
        Self::DatesByOwnClock,
        Self::TrustsLateAnswers,
        Self::PassingIsSettled,
        Self::UnknownIsStopped,
        Self::DeafToEdits,
        Self::IgnoresProtect,
        Self::IgnoresSuspend,
        Self::EndlessOverride,
        Self::IgnoresName,
        Self::AnyType,
        Self::IgnoresContested,
        Self::FrozenSchedules,
        Self::SchedulesInUtc,
        Self::NoGuard,
        Self::ForgetsHold,
        Self::KeepsFileEarly,
        Self::ReleasesEarly,
        Self::DeafToWishes,
        Self::EndlessWish,
        Self::ForgetsWishes,
        Self::DeafToAcknowledge,
        Self::MendsHalfFiles,
        Self::WindowFromSend,
        Self::WallInsideBoot,
        Self::IgnoresSendBy,
        Self::SentTwice,
        Self::CachedReads,
        Self::ListDecides,
        Self::LostSync,
        Self::NeverSynced,
        Self::ForgetsOpen,
        Self::HeldFromReservation,
        Self::ChargedEachStart,
        Self::SpentAtStart,
        Self::ForgetsWidened,
        Self::CompactionDropsTallies,
        Self::CompactionDropsOpen,
    ];

    /// The rules as the keel is told them.
    pub(crate) fn policy(self, honest: &Policy) -> Policy {
        let mut policy = honest.clone();
        let limits = &mut policy.limits;
        let per = match self {
            Self::ShortWindow => Some(HOUR - Duration::from_secs(60)),
            Self::LongWindow => Some(5 * HOUR),
            _ => None,
        };
        for limit in [&mut limits.start, &mut limits.stop, &mut limits.status] {
            limit.per = per.unwrap_or(limit.per);
        }
        match self {
            Self::NoLateness => limits.lateness = Duration::ZERO,
            Self::NoSkew => limits.clock_skew = Duration::ZERO,
            Self::NoMargin => limits.margin = Duration::ZERO,
            Self::LimitOfTwo => limits.start.requests = 2,
            Self::ScopeIgnored => limits.scope = ScopeMode::Deployment,
            Self::LongConfirm => policy.observe.confirm_within = HOUR,
            Self::LazyPolls => {
                policy.observe.list = false;
                policy.observe.interval = Some(12 * HOUR);
            }
            Self::ActsInObserveMode => policy.act.enforce = true,
            Self::AnyType => policy.act.types.push("serverless".into()),
            Self::IgnoresContested => policy.guards.contested_reversals = 1000,
            Self::NoGuard => policy.guards.stops.percent = 100,
            _ => (),
        }
        policy
    }

    /// The desired file as the keel is told it, `before` being the one in force.
    pub(crate) fn manifest(
        self,
        file: &Arc<Manifest>,
        before: &Arc<Manifest>,
        wall: Wall,
    ) -> Arc<Manifest> {
        let mut told = (**file).clone();
        if self == Self::DeafToAcknowledge {
            told.acknowledged.clear();
        }
        for intent in told.intents.values_mut().map(Arc::make_mut) {
            match self {
                Self::IgnoresProtect => intent.protect = false,
                Self::IgnoresSuspend => intent.suspend = None,
                Self::IgnoresName => intent.name = None,
                Self::FrozenSchedules => intent.wanted = Wanted::Fixed(wish::state(intent, wall)),
                Self::SchedulesInUtc => {
                    if let Wanted::Scheduled(schedule) = &mut intent.wanted {
                        Arc::make_mut(schedule).zone = TimeZone::UTC;
                    }
                }
                Self::EndlessOverride => {
                    if let Some(exception) = &mut intent.exception {
                        exception.until = exception.until.shifted(i64::from(u32::MAX));
                    }
                }
                _ => (),
            }
        }
        if self == Self::DeafToEdits && !before.intents.is_empty() {
            return before.clone();
        }
        Arc::new(told)
    }

    /// An outcome as the keel is told it.
    pub(crate) fn outcome(self, mut outcome: Outcome) -> Outcome {
        let free = |why: &str| Outcome::NeverLeft(why.into());
        match (self, &mut outcome) {
            (Self::RefundOnTimeout, Outcome::Unanswered(_)) => free("timed out"),
            (Self::RefundOnRefusal, Outcome::Answered { code: 400..500, .. }) => free("refused"),
            (Self::RefundOnFault, Outcome::Answered { code: 500.., .. }) => free("at fault"),
            (Self::IgnoresRetryAfter, Outcome::Answered { retry_after, .. }) => {
                *retry_after = None;
                outcome
            }
            (
                Self::PassingIsSettled | Self::UnknownIsStopped,
                Outcome::Answered { body: Body::Deployment(facts), .. },
            ) => {
                facts.status = self.status(&facts.status);
                outcome
            }
            _ => outcome,
        }
    }

    fn status(self, status: &Status) -> Status {
        match (self, status) {
            (Self::PassingIsSettled, Status::Starting) => Status::Running,
            (Self::PassingIsSettled, Status::Stopping) => Status::Stopped,
            (Self::UnknownIsStopped, Status::Unknown(_)) => Status::Stopped,
            _ => status.clone(),
        }
    }

    /// The ledger's records as the keel is told them.
    pub(crate) fn replay(self, records: Vec<Record>) -> Vec<Record> {
        match self {
            Self::HeldFromReservation => held_from_reservation(apart(records)),
            Self::ForgetsOpen => without_open(apart(records)),
            Self::ChargedEachStart => charged_each_start(apart(records)),
            Self::SpentAtStart => all_spent(apart(records)),
            Self::ForgetsHold | Self::ForgetsWidened | Self::ForgetsWishes => {
                records.into_iter().filter(|record| !self.forgets(record)).collect()
            }
            _ => records,
        }
    }

    fn forgets(self, record: &Record) -> bool {
        match self {
            Self::ForgetsHold => matches!(record, Record::Guard(_)),
            Self::ForgetsWishes => matches!(record, Record::Wish(_)),
            _ => {
                matches!(record, Record::Widened { .. } | Record::Carried(Carried::Widened { .. }))
            }
        }
    }

    /// A compaction as it is written.
    pub(crate) fn snapshot(self, records: Vec<Record>) -> Vec<Record> {
        let dropped = |record: &Record| match self {
            Self::CompactionDropsTallies => matches!(record, Record::Tallies(_)),
            Self::CompactionDropsOpen => matches!(record, Record::Reserved { .. }),
            _ => false,
        };
        records.into_iter().filter(|record| !dropped(record)).collect()
    }
}

/// What was said of several calls in one record, in one of each.
pub(crate) fn apart(records: Vec<Record>) -> Vec<Record> {
    let mut out = Vec::new();
    for record in records {
        match record {
            Record::Calls(steps) => out.extend(steps.0.into_iter().map(Record::from)),
            other => out.push(other),
        }
    }
    out
}

fn reservation(records: &[Record], wanted: CallId) -> Option<Stamp> {
    records.iter().rev().find_map(|record| match record {
        Record::Reserved { at, id, .. } if *id == wanted => Some(*at),
        _ => None,
    })
}

fn held_from_reservation(records: Vec<Record>) -> Vec<Record> {
    let known = records.clone();
    let moved = |record| match record {
        Record::Settled { at, id, fate } => {
            let at = Stamp { mono: reservation(&known, id).unwrap_or(at).mono, ..at };
            Record::Settled { at, id, fate }
        }
        other => other,
    };
    records.into_iter().map(moved).collect()
}

/// Takes a call without an outcome for one that never left.
fn without_open(mut records: Vec<Record>) -> Vec<Record> {
    let settled = |id: &CallId| {
        let settles = |record: &Record| match record {
            Record::Settled { id: known, .. } => known == id,
            _ => false,
        };
        records.iter().any(settles)
    };
    let forgotten = |record: &Record| match record {
        Record::Reserved { at, id, .. } if !settled(id) => {
            Some(Record::Settled { at: *at, id: *id, fate: Fate::NeverLeft })
        }
        _ => None,
    };
    let never_left: Vec<Record> = records.iter().filter_map(forgotten).collect();
    records.extend(never_left);
    records
}

/// Leaves out what a start settled by itself, so that the next start settles it again.
fn charged_each_start(records: Vec<Record>) -> Vec<Record> {
    let mut start = None;
    let mut records = records;
    records.retain(|record| match record {
        Record::Started { now } => {
            start = Some(Stamp::from(*now));
            true
        }
        Record::Settled { at, fate: Fate::Unanswered, .. } => start != Some(*at),
        _ => true,
    });
    records
}

/// Adds that everything was spent just now.
fn all_spent(mut records: Vec<Record>) -> Vec<Record> {
    let last = records.iter().rev().find_map(|record| match record {
        Record::Reserved { at, .. } => Some(*at),
        _ => None,
    });
    records.extend(last.map(|at| Record::Spent { at, calls: 60 }));
    records
}
