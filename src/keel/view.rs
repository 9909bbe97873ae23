//! The read model: what pages, metrics and commands show. Also the JSON of `/api/v1`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::call::{CallId, Fate, Method};
use super::deployment::{AccountId, Action, DeploymentId, Desired};
use super::guard::GuardView;
use super::plan::Reason;
use super::record::{Cause, Past};
use super::standby::StandbyView;
use super::temporary::WishView;
use super::time::Wall;

/// A wall time that reads and writes as RFC 3339 in UTC, to the millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Wall);

impl Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.timestamp())
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let timestamp: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Self(timestamp.into()))
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A word that mostly is one of a few: a fleet's worth of them takes no memory.
pub type Word = std::borrow::Cow<'static, str>;

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Fleet"))]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// The moment.
    pub at: Time,
    /// Whether this process is the one that acts.
    pub leader: bool,
    /// Who acts instead, if this process stands by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby: Option<StandbyView>,
    /// The desired file.
    pub file: FileView,
    /// The change that the mass-stop guard holds, if it holds one.
    pub guard: Option<GuardView>,
    /// Why the ledger cannot be written, if it cannot.
    pub ledger_fault: Option<Arc<str>>,
    /// The accounts, in the configuration's order.
    pub accounts: Vec<AccountView>,
    /// The fleet, by id.
    pub deployments: Vec<DeploymentView>,
}

impl View {
    /// Whether every deployment is as desired, or deliberately left alone.
    pub fn in_sync(&self) -> bool {
        self.deployments.iter().all(|deployment| deployment.synced.reason.at_rest())
    }

    /// Whether a valid desired file is in force and the ledger can be written.
    pub fn ready(&self) -> bool {
        self.file.revision.is_some() && self.ledger_fault.is_none()
    }

    /// The deployment called `id`.
    pub fn deployment(&self, id: &str) -> Option<&DeploymentView> {
        let found = self.deployments.binary_search_by(|one| one.id.as_str().cmp(id)).ok()?;
        self.deployments.get(found)
    }
}

/// The desired file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FileView {
    /// The revision in force; `None` while there never was a valid file.
    pub revision: Option<Arc<str>>,
    /// When that revision came into force in this process.
    pub accepted: Option<Time>,
    /// The faults of the file as it is now, if it is not the one in force.
    pub fault: Option<Arc<str>>,
    /// Since when.
    pub fault_since: Option<Time>,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AccountView {
    /// Its name in the configuration.
    pub name: AccountId,
    /// Whether the server refused its credentials.
    pub unauthorized: bool,
    /// Whether the server has the list call; `None` while that is not known.
    pub list_call: Option<bool>,
    /// Calls under way.
    pub in_flight: usize,
    /// Methods counted over the whole account, and until when (`None`: configured so).
    pub widened: Vec<WidenedView>,
    /// The list call's budget and, where counted over the account, the others.
    pub budgets: Vec<BudgetView>,
}

/// A method counted over the whole account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WidenedView {
    /// The method.
    pub method: Method,
    /// Until when; `None`: the configuration says so.
    pub until: Option<Time>,
}

/// A deployment that the desired file names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeploymentView {
    /// The id.
    pub id: DeploymentId,
    /// The account.
    pub account: AccountId,
    /// What is wanted.
    pub desired: DesiredView,
    /// What was last seen.
    pub observed: Option<ObservedView>,
    /// Why the last read failed, if it did.
    pub fault: Option<Arc<str>>,
    /// What is temporarily wished instead of what the file says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wishes: Vec<WishView>,
    /// The reason of the `Synced` condition, and what comes next, for people.
    pub synced: SyncedView,
    /// Conditions as the Kubernetes API has them.
    pub conditions: Vec<Condition>,
    /// What happens next.
    pub next: NextView,
    /// Where it stands in the line for a start or stop that the whole account shares.
    pub queue: Option<QueueView>,
    /// One a method: `status`, `start`, `stop`.
    pub budgets: Vec<BudgetView>,
    /// The last start or stop.
    pub last_action: Option<PastView>,
    /// How it is made ready, if its schedule says `ready: true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<ReadyView>,
}

/// How a deployment is made ready for the windows of its schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReadyView {
    /// How much earlier than the next window its start is sent, by the starts that it has shown.
    pub lead_seconds: u64,
    /// By when it is to be running, from its start on until the window's end.
    pub ready_by: Option<Time>,
    /// Since when it should have been running, if it is late.
    pub late: Option<Time>,
}

/// What is wanted of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DesiredView {
    /// The state.
    pub state: Desired,
    /// Which part of the file says so.
    pub rule: String,
    /// When that may change by itself.
    pub until: Option<Time>,
    /// The same for people, by the schedule's own clock: `2026-11-26 08:00 Europe/Berlin (07:00Z)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_local: Option<String>,
    /// The file's revision.
    pub revision: Arc<str>,
    /// Never stopped.
    pub protect: bool,
    /// Why it is left alone, if it is.
    pub suspended: Option<Arc<str>>,
}

/// What was seen of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ObservedView {
    /// The API's status word.
    pub status: Word,
    /// `deploymentName`.
    #[cfg_attr(test, schemars(with = "String"))]
    pub name: SmolStr,
    /// `deploymentType`.
    #[serde(rename = "type")]
    pub kind: Arc<str>,
    /// When.
    pub at: Time,
    /// Since when it has had this status, as far as was seen.
    pub since: Time,
}

/// The `Synced` condition in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SyncedView {
    /// Why it is in sync or not.
    pub reason: Reason,
    /// For people: what is the case, and what comes next.
    pub message: Arc<str>,
    /// Since when the reason holds.
    pub since: Time,
}

/// A condition as the Kubernetes API has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `Synced`, `Reachable`, `Stalled` or `Held`.
    #[cfg_attr(test, schemars(extend("enum" = ["Synced", "Reachable", "Stalled", "Held"])))]
    #[serde(rename = "type")]
    pub kind: Word,
    /// `True`, `False` or `Unknown`.
    #[cfg_attr(test, schemars(extend("enum" = ["True", "False", "Unknown"])))]
    pub status: Word,
    /// One word for machines.
    pub reason: Word,
    /// For people.
    pub message: Arc<str>,
    /// When `status` last changed.
    pub last_transition_time: Time,
}

/// What happens next to a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct NextView {
    /// What.
    pub step: NextStep,
    /// When, if that is known.
    pub at: Option<Time>,
    /// The same for people, by the schedule's own clock, of a start or stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_local: Option<String>,
}

/// A place in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct QueueView {
    /// `start` or `stop`.
    pub action: Action,
    /// From 1.
    pub position: usize,
    /// Of so many.
    pub length: usize,
    /// When its turn comes, if each before it takes its own; `None` while that depends on a call
    /// under way.
    pub eta: Option<Time>,
}

/// The kinds of next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum NextStep {
    /// Read its status.
    Read,
    /// Start it, once a fresh read confirms that it is needed.
    Start,
    /// Stop it, once a fresh read confirms that it is needed.
    Stop,
    /// Wait for the answer of a call under way.
    Answer,
}

impl NextStep {
    /// One word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Answer => "answer",
        }
    }
}

/// A budget as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct BudgetView {
    /// The method.
    pub method: Method,
    /// Calls a window.
    pub limit: u32,
    /// Calls that could be sent now.
    pub remaining: u32,
    /// When the next call is allowed: the past or now while some remain, `None` while it depends on
    /// a call under way.
    pub next_allowed: Option<Time>,
    /// Whether the whole account is counted.
    pub account_wide: bool,
}

/// A start or stop that was spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PastView {
    /// The call's number.
    pub id: CallId,
    /// The account.
    pub account: AccountId,
    /// The deployment.
    pub deployment: DeploymentId,
    /// `start` or `stop`.
    pub action: Action,
    /// When it was reserved.
    pub at: Time,
    /// When it ended.
    pub ended: Option<Time>,
    /// How it ended: `201`, `unanswered`, `never left`, `under way`.
    pub outcome: String,
    /// Which part of the desired file wanted it, in which revision, and what was seen.
    pub cause: Option<CauseView>,
}

/// Why a start or stop was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CauseView {
    /// The state that was wanted.
    pub desired: Desired,
    /// Which part of the desired file wanted it.
    pub rule: String,
    /// The desired file's revision.
    pub revision: Arc<str>,
    /// The status seen just before.
    pub saw: String,
    /// When it was seen.
    pub seen: Time,
}

impl From<&Cause> for CauseView {
    fn from(cause: &Cause) -> Self {
        Self {
            desired: cause.desired,
            rule: cause.rule.to_string(),
            revision: cause.revision.clone(),
            saw: cause.saw.as_str().to_owned(),
            seen: Time(cause.seen),
        }
    }
}

impl From<&Past> for PastView {
    fn from(past: &Past) -> Self {
        Self {
            id: past.id,
            account: past.account.clone(),
            deployment: past.deployment.clone(),
            action: past.action,
            at: Time(past.reserved.wall),
            ended: past.settled.map(|(stamp, _)| Time(stamp.wall)),
            outcome: match past.settled {
                None => "under way".to_owned(),
                Some((_, Fate::Answered { code, retry_after: _ })) => code.to_string(),
                Some((_, Fate::Unanswered)) => "unanswered".to_owned(),
                Some((_, Fate::NeverLeft)) => "never left".to_owned(),
            },
            cause: past.cause.as_ref().map(CauseView::from),
        }
    }
}
