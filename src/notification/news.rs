//! What is heard becomes news, by what was heard before.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::heard::{Heard, What};
use super::kind::Kind;
use crate::keel::deployment::{Action, DeploymentId, Desired, Status};
use crate::keel::plan::Reason;
use crate::keel::time::Wall;

/// One line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The deployment's id, the account's name, the change's id; empty where there is only one.
    pub subject: Arc<str>,
    /// The name that the API reports of the deployment.
    pub name: Option<Arc<str>>,
    /// When it happened.
    pub at: Wall,
    /// For people: what is the case, and what comes next.
    pub message: Arc<str>,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It happened, or began.
    Begun(Kind, Item),
    /// It is over.
    Over(Kind, Item),
    /// Something else took its place, which is news of its own.
    Replaced(Kind, Arc<str>),
    /// The deployment is none of ours any more.
    Left(Arc<str>),
}

/// What the fleet was last heard to be.
#[derive(Debug, Default)]
pub struct Watcher {
    fleet: BTreeMap<DeploymentId, Known>,
    /// Starts of this daemon's that have not settled, and why they were sent.
    starts: BTreeMap<DeploymentId, Arc<str>>,
    /// The same for stops.
    stops: BTreeMap<DeploymentId, Arc<str>>,
}

#[derive(Debug, Default)]
struct Known {
    /// The last status that was none of passing, failed or unknown.
    settled: Option<Desired>,
    /// The fault that its condition shows.
    fault: Option<Kind>,
}

impl Watcher {
    /// What `heard` means.
    pub fn hear(&mut self, heard: Heard) -> Vec<News> {
        let Heard { what, at, name } = heard;
        let item = |subject, message| Item { subject, name, at, message };
        match what {
            What::Status(id, from, to) => self
                .status(&id, from.as_ref(), &to)
                .map(|(kind, message)| News::Begun(kind, item(id.as_str().into(), message)))
                .into_iter()
                .collect(),
            What::Reversed(id, now, message) => {
                vec![News::Begun(settled_kind(now), item(id.as_str().into(), message))]
            }
            What::Acting(id, action, why) => {
                self.ended(&id);
                self.under_way(action).insert(id, why);
                Vec::new()
            }
            What::Reason(id, reason, message) => {
                self.reason(&id, reason, item(id.as_str().into(), message))
            }
            What::Left(id) => {
                self.fleet.remove(&id);
                self.ended(&id);
                vec![News::Left(id.as_str().into())]
            }
            What::Begun(kind, subject, message) => vec![News::Begun(kind, item(subject, message))],
            What::Over(kind, subject, message) => vec![News::Over(kind, item(subject, message))],
        }
    }

    /// Whether a start (or stop) of this daemon's is under way, so that more of `kind` will come.
    pub fn expects(&self, kind: Kind) -> bool {
        match kind {
            Kind::Started => !self.starts.is_empty(),
            Kind::Stopped => !self.stops.is_empty(),
            Kind::Failed
            | Kind::Stalled
            | Kind::Blocked
            | Kind::Contested
            | Kind::Late
            | Kind::Held
            | Kind::CredentialsRefused
            | Kind::DesiredFileRefused
            | Kind::LedgerStuck
            | Kind::LeaderChanged => false,
        }
    }

    const fn under_way(&mut self, action: Action) -> &mut BTreeMap<DeploymentId, Arc<str>> {
        match action {
            Action::Start => &mut self.starts,
            Action::Stop => &mut self.stops,
        }
    }

    /// Nothing is under way any more; what was, and why.
    fn ended(&mut self, deployment: &DeploymentId) -> Option<(Desired, Arc<str>)> {
        let start = self.starts.remove(deployment).map(|why| (Desired::Running, why));
        let stop = self.stops.remove(deployment).map(|why| (Desired::Stopped, why));
        start.or(stop)
    }

    fn known(&mut self, deployment: &DeploymentId) -> &mut Known {
        self.fleet.entry(deployment.clone()).or_default()
    }

    /// A start is news when what was last seen settled was stopped; or, where nothing was, when it
    /// was seen starting.
    fn status(
        &mut self,
        deployment: &DeploymentId,
        from: Option<&Status>,
        to: &Status,
    ) -> Option<(Kind, Arc<str>)> {
        let now = to.settled()?;
        let before = self.known(deployment).settled.replace(now);
        let acted = self.ended(deployment).filter(|(aim, _)| *aim == now);
        let passed = match now {
            Desired::Running => from == Some(&Status::Starting),
            Desired::Stopped => from == Some(&Status::Stopping),
        };
        if before == Some(now) || (before.is_none() && !passed) {
            return None;
        }
        let without = || format!("without a {} by this process", now.action()).into();
        Some((settled_kind(now), acted.map_or_else(without, |(_, why)| why)))
    }

    /// One fault at a time: where another one takes its place, that is the news.
    fn reason(&mut self, deployment: &DeploymentId, to: Reason, item: Item) -> Vec<News> {
        let now = match meaning(to) {
            Meaning::Open => return Vec::new(),
            Meaning::GivenUp => {
                self.ended(deployment);
                return Vec::new();
            }
            Meaning::Well => None,
            Meaning::Fault(kind) => {
                self.ended(deployment);
                Some(kind)
            }
        };
        match (std::mem::replace(&mut self.known(deployment).fault, now), now) {
            (None, None) => Vec::new(),
            (None, Some(kind)) => vec![News::Begun(kind, item)],
            (Some(kind), None) => vec![News::Over(kind, item)],
            (Some(before), Some(kind)) if before == kind => Vec::new(),
            (Some(before), Some(kind)) => {
                vec![News::Replaced(before, item.subject.clone()), News::Begun(kind, item)]
            }
        }
    }
}

const fn settled_kind(state: Desired) -> Kind {
    match state {
        Desired::Running => Kind::Started,
        Desired::Stopped => Kind::Stopped,
    }
}

/// What a reason says of a deployment's faults.
enum Meaning {
    /// It has this one.
    Fault(Kind),
    /// It has none.
    Well,
    /// Nothing: a call is under way, or it was not seen.
    Open,
    /// Nothing, and no start or stop is under way any more.
    GivenUp,
}

/// What is told of an account or of a change as a whole is not told of each deployment again.
const fn meaning(reason: Reason) -> Meaning {
    match reason {
        Reason::Failed => Meaning::Fault(Kind::Failed),
        Reason::Stalled => Meaning::Fault(Kind::Stalled),
        Reason::Contested => Meaning::Fault(Kind::Contested),
        Reason::NotFound
        | Reason::Forbidden
        | Reason::NameMismatch
        | Reason::TypeNotAllowed
        | Reason::UnknownStatus
        | Reason::Protected => Meaning::Fault(Kind::Blocked),
        Reason::InSync
        | Reason::Suspended
        | Reason::ObserveOnly
        | Reason::WaitingForBudget
        | Reason::Held => Meaning::Well,
        Reason::Starting | Reason::Stopping | Reason::Unobserved => Meaning::Open,
        Reason::BackingOff | Reason::Unauthorized => Meaning::GivenUp,
    }
}
