//! The next step for a deployment, with its reason.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::budget::Verdict;
use super::call::Fate;
use super::deployment::{Action, Desired, Status};
use super::guard::Holding;
use super::history::History;
use super::intent::Rule;
use super::member::{Member, Trouble};
use super::policy::Policy;
use super::time::Mono;

/// Why a deployment is in sync, or is not: the `reason` of the `Synced` condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Reason {
    /// It is as desired.
    InSync,
    /// On the way to running.
    Starting,
    /// On the way to stopped.
    Stopping,
    /// A call is needed, and the budget does not let it yet.
    WaitingForBudget,
    /// The last attempt failed; the next one comes later.
    BackingOff,
    /// The file says: hands off.
    Suspended,
    /// Wanted stopped, and protected against that.
    Protected,
    /// A guard holds the change until it is acknowledged.
    Held,
    /// The API does not know it (404).
    NotFound,
    /// Something else keeps turning it back.
    Contested,
    /// The API refused the account's key (401).
    Unauthorized,
    /// The API refuses this key this deployment (403).
    Forbidden,
    /// The API reports another name than the file.
    NameMismatch,
    /// Its type may not be started and stopped.
    TypeNotAllowed,
    /// Its status is a word that nobody has documented.
    UnknownStatus,
    /// The platform says that it failed.
    Failed,
    /// It has been passing for longer than `act.settle_timeout`.
    Stalled,
    /// It was not seen yet.
    Unobserved,
    /// A call would be needed, and `act.mode` is `observe`.
    ObserveOnly,
}

impl Reason {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 19] = [
        Self::InSync,
        Self::Starting,
        Self::Stopping,
        Self::WaitingForBudget,
        Self::BackingOff,
        Self::Suspended,
        Self::Protected,
        Self::Held,
        Self::NotFound,
        Self::Contested,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NameMismatch,
        Self::TypeNotAllowed,
        Self::UnknownStatus,
        Self::Failed,
        Self::Stalled,
        Self::Unobserved,
        Self::ObserveOnly,
    ];

    /// The word of conditions, metrics and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InSync => "InSync",
            Self::Starting => "Starting",
            Self::Stopping => "Stopping",
            Self::WaitingForBudget => "WaitingForBudget",
            Self::BackingOff => "BackingOff",
            Self::Suspended => "Suspended",
            Self::Protected => "Protected",
            Self::Held => "Held",
            Self::NotFound => "NotFound",
            Self::Contested => "Contested",
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::NameMismatch => "NameMismatch",
            Self::TypeNotAllowed => "TypeNotAllowed",
            Self::UnknownStatus => "UnknownStatus",
            Self::Failed => "Failed",
            Self::Stalled => "Stalled",
            Self::Unobserved => "Unobserved",
            Self::ObserveOnly => "ObserveOnly",
        }
    }

    /// Whether nothing is left to do: it is as desired, or the file says to leave it alone.
    pub const fn at_rest(self) -> bool {
        matches!(self, Self::InSync | Self::Suspended)
    }

    /// The status of the `Synced` condition; `None`: unknown, as it was not seen or hands are off.
    pub const fn synced(self) -> Option<bool> {
        let known = !matches!(self, Self::Unobserved | Self::Suspended);
        if known { Some(matches!(self, Self::InSync)) } else { None }
    }

    /// Whether the change is needed, possible, and held back on purpose.
    pub const fn is_held(self) -> bool {
        matches!(self, Self::Held | Self::Contested | Self::Protected)
    }

    /// Whether a person has to do something before it can go on.
    pub const fn needs_a_person(self) -> bool {
        match self {
            Self::Protected
            | Self::Held
            | Self::NotFound
            | Self::Contested
            | Self::Unauthorized
            | Self::Forbidden
            | Self::NameMismatch
            | Self::TypeNotAllowed
            | Self::UnknownStatus
            | Self::Failed
            | Self::Stalled => true,
            Self::InSync
            | Self::Starting
            | Self::Stopping
            | Self::WaitingForBudget
            | Self::BackingOff
            | Self::Suspended
            | Self::Unobserved
            | Self::ObserveOnly => false,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a deployment needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing but to be watched.
    Nothing,
    /// A start or stop, now, after a fresh look.
    Act(Action),
    /// A start or stop, not before then; `None`: when a call under way has ended.
    Wait(Action, Option<Mono>),
}

/// Why a deployment is in sync or is not, and what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The reason.
    pub reason: Reason,
    /// The need.
    pub need: Need,
}

/// What a judgement looks at beside the deployment itself.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The operator's rules.
    pub policy: &'a Policy,
    /// What is remembered.
    pub history: &'a History,
    /// What the mass-stop guard holds.
    pub holding: &'a Holding,
    /// Whether the account's credentials are refused.
    pub unauthorized: bool,
    /// The present.
    pub now: Mono,
}

/// Judges a deployment. The daemon acts by this, and `plan`, the page and the metrics show it.
pub fn judge(member: &Member, context: Context<'_>) -> Judgement {
    let resting = |reason| Judgement { reason, need: Need::Nothing };
    if member.resolved.suspended.is_some() {
        return resting(Reason::Suspended);
    }
    if context.unauthorized {
        return resting(Reason::Unauthorized);
    }
    let trouble = member.failing.as_ref().map(|failing| &failing.trouble);
    match trouble {
        Some(Trouble::NotFound) => return resting(Reason::NotFound),
        Some(Trouble::Forbidden) => return resting(Reason::Forbidden),
        Some(Trouble::Other(_) | Trouble::NotSent(..)) | None => (),
    }
    let Some(observation) = &member.observation else {
        return resting(if trouble.is_some() { Reason::BackingOff } else { Reason::Unobserved });
    };
    if member.intent.name.as_ref().is_some_and(|name| **name != *observation.name) {
        return resting(Reason::NameMismatch);
    }
    // Whatever it was before the call, it may be something else by now.
    if let Some((_, acting)) = member.acting {
        return resting(under_way(acting));
    }
    match (&observation.status, member.opposite()) {
        (Status::Unknown(_), _) => resting(Reason::UnknownStatus),
        (Status::Failed, _) => resting(Reason::Failed),
        (Status::Starting, _) => resting(in_passage(member, context, Action::Start)),
        (Status::Stopping, _) => resting(in_passage(member, context, Action::Stop)),
        (Status::Pending, _) => {
            let last = context.history.last_act(&member.id).map(|past| past.action);
            let action = last.unwrap_or(member.resolved.desired.action());
            resting(in_passage(member, context, action))
        }
        (Status::Running | Status::Stopped, None) => resting(Reason::InSync),
        (Status::Running | Status::Stopped, Some(action)) => opposite(member, context, action),
    }
}

/// On the way somewhere by `action`.
const fn under_way(action: Action) -> Reason {
    match action {
        Action::Start => Reason::Starting,
        Action::Stop => Reason::Stopping,
    }
}

fn overdue(member: &Member, context: Context<'_>) -> bool {
    let timeout = context.policy.act.settle_timeout;
    member.passage.is_some_and(|passage| context.now.since(passage.since) >= timeout)
}

fn in_passage(member: &Member, context: Context<'_>, action: Action) -> Reason {
    if overdue(member, context) { Reason::Stalled } else { under_way(action) }
}

/// Settled, and not as desired.
fn opposite(member: &Member, context: Context<'_>, action: Action) -> Judgement {
    let Context { policy, history, .. } = context;
    let resting = |reason| Judgement { reason, need: Need::Nothing };
    if member.intent.protect && member.resolved.desired == Desired::Stopped {
        return resting(Reason::Protected);
    }
    let kind = member.observation.as_ref().map(|observation| &observation.kind);
    if !policy.act.types.iter().any(|allowed| Some(allowed) == kind) {
        return resting(Reason::TypeNotAllowed);
    }
    // What somebody asks for by name is no edit that went too far.
    let asked_for = matches!(member.resolved.rule, Rule::Asked { .. });
    if action == Action::Stop && !asked_for && context.holding.holds(&member.id) {
        return resting(Reason::Held);
    }
    if history.contested(&member.id) {
        return resting(Reason::Contested);
    }
    if !policy.act.enforce {
        return resting(Reason::ObserveOnly);
    }
    let asked = member.asked && member.passage.is_some();
    if asked && !overdue(member, context) {
        return resting(under_way(action));
    }
    wait_or_act(member, context, action, asked)
}

fn wait_or_act(member: &Member, context: Context<'_>, action: Action, asked: bool) -> Judgement {
    let Context { history, now, .. } = context;
    let refused = refused_until(member, context).filter(|(until, _)| now < *until);
    if let Some((until, reason)) = refused {
        return Judgement { reason, need: Need::Wait(action, Some(until)) };
    }
    let closed = match history.verdict(&member.act(action), now, 0) {
        Verdict::Until(until) => Some(Some(until)),
        Verdict::InFlight => Some(None),
        Verdict::Open => None,
    };
    if let Some(until) = closed {
        let reason = if asked { Reason::Stalled } else { Reason::WaitingForBudget };
        return Judgement { reason, need: Need::Wait(action, until) };
    }
    if member.failing.is_some() {
        return Judgement { reason: Reason::BackingOff, need: Need::Act(action) };
    }
    let readable = match history.verdict(&member.read(), now, 0) {
        Verdict::Until(_) => member.reading.is_some(),
        Verdict::Open | Verdict::InFlight => true,
    };
    let reason = if readable { under_way(action) } else { Reason::WaitingForBudget };
    Judgement { reason, need: Need::Act(action) }
}

/// A refused start or stop is not repeated before its window has passed, then two windows, then
/// four: whatever made the server refuse it is not mended by asking every hour.
const REFUSED_WINDOWS_MAX: u32 = 8;

fn refused_until(member: &Member, context: Context<'_>) -> Option<(Mono, Reason)> {
    let refusals = context.history.refusals(&member.id);
    let last = context.history.last_act(&member.id).filter(|_| refusals > 0)?;
    let (stamp, fate) = last.settled?;
    let windows = (1 << (refusals - 1).min(16)).min(REFUSED_WINDOWS_MAX);
    let wait: Duration = context.history.rule(last.action.into()).hold * windows;
    let reason = match fate {
        Fate::Answered { code: 403, .. } => Reason::Forbidden,
        Fate::Answered { .. } | Fate::Unanswered | Fate::NeverLeft => Reason::BackingOff,
    };
    Some((stamp.mono + wait, reason))
}

/// Whether an hourly call may be spent on the present observation: the deployment itself was asked,
/// recently, and after the last start or stop had ended.
pub fn is_fresh(member: &Member, context: Context<'_>) -> bool {
    let Some(observation) = member.observation.as_ref().filter(|seen| seen.single) else {
        return false;
    };
    let recent = context.now.since(observation.answered) <= context.policy.observe.confirm_within;
    let ended = match context.history.last_act(&member.id).map(|last| last.settled) {
        None => true,
        Some(settled) => settled.is_some_and(|(stamp, _)| stamp.mono <= observation.asked),
    };
    recent && ended && member.failing.is_none()
}
