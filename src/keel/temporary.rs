//! Temporary wishes: what people ask of a running daemon without an edit of the desired file. They
//! stand over the file while they are in force; then the file decides again.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::decision::Decision;
use super::deployment::{DeploymentId, Desired};
use super::history::History;
use super::intent::Rule;
use super::notice::Notice;
use super::reconciler::Reconciler;
use super::record::{Record, Stamp};
use super::time::{Now, Wall};
use super::view::Time;

/// What is wanted instead of what the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Want {
    /// Another state.
    Override(Desired),
    /// Hands off.
    Suspend,
}

impl Want {
    /// The word of commands, paths and metrics for another state.
    pub const OVERRIDE: &'static str = "override";

    /// And that for hands off.
    pub const SUSPEND: &'static str = "suspend";

    /// The word of commands, paths and metrics.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Override(_) => Self::OVERRIDE,
            Self::Suspend => Self::SUSPEND,
        }
    }

    /// The state, for an override.
    pub const fn state(self) -> Option<Desired> {
        match self {
            Self::Override(state) => Some(state),
            Self::Suspend => None,
        }
    }
}

/// A temporary wish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Temporary {
    /// Since when.
    pub at: Stamp,
    /// What.
    pub want: Want,
    /// When it ends by itself; `None`: when somebody says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Wall>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Arc<str>>,
    /// Who asked for it.
    pub by: Arc<str>,
}

impl Temporary {
    fn holds(&self, wall: Wall) -> bool {
        self.until.is_none_or(|until| wall < until)
    }

    /// `alice: migration`, `alice`.
    pub(super) fn words(&self) -> Arc<str> {
        match &self.reason {
            Some(reason) => format!("{}: {reason}", self.by).into(),
            None => self.by.clone(),
        }
    }
}

/// The temporary wishes about one deployment: one of a kind at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    over: Option<Box<Temporary>>,
    suspend: Option<Box<Temporary>>,
}

impl Wishes {
    /// Those in force at `wall`.
    pub fn at(&self, wall: Wall) -> impl Iterator<Item = &Temporary> {
        self.iter().filter(move |wish| wish.holds(wall))
    }

    fn iter(&self) -> impl Iterator<Item = &Temporary> {
        [&self.over, &self.suspend].into_iter().flatten().map(Box::as_ref)
    }

    /// The suspension in force at `wall`.
    pub fn suspension(&self, wall: Wall) -> Option<&Temporary> {
        self.suspend.as_deref().filter(|wish| wish.holds(wall))
    }

    /// The override in force at `wall`: the state, until when, and the rule that it is.
    pub(super) fn exception(&self, wall: Wall) -> Option<(Desired, Option<Wall>, Rule)> {
        let wish = self.over.as_ref().filter(|wish| wish.holds(wall))?;
        let rule = Rule::Asked { by: wish.by.clone(), reason: wish.reason.clone() };
        Some((wish.want.state()?, wish.until, rule))
    }

    /// Whether there is none, also none that has ended.
    pub(super) const fn is_empty(&self) -> bool {
        self.over.is_none() && self.suspend.is_none()
    }

    fn make(&mut self, wish: Temporary) {
        match wish.want {
            Want::Override(_) => self.over = Some(Box::new(wish)),
            Want::Suspend => self.suspend = Some(Box::new(wish)),
        }
    }

    pub(super) fn drop_ended(&mut self, wall: Wall) {
        self.over.take_if(|wish| !wish.holds(wall));
        self.suspend.take_if(|wish| !wish.holds(wall));
    }

    pub(super) fn shift(&mut self, millis: i64) {
        for wish in [&mut self.over, &mut self.suspend].into_iter().flatten() {
            wish.at.mono = wish.at.mono.shifted(millis);
        }
    }

    /// Those that have not ended at `wall`, as records.
    pub(super) fn carry(
        &self,
        deployment: &DeploymentId,
        wall: Option<Wall>,
    ) -> impl Iterator<Item = Record> {
        let holds = move |wish: &&Temporary| wall.is_none_or(|wall| wish.holds(wall));
        let made = |wish: &Temporary| {
            let (deployment, wish) = (deployment.clone(), wish.clone());
            Record::Wish(Wished::Made { deployment, wish })
        };
        self.iter().filter(holds).map(made)
    }
}

/// A temporary wish, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WishView {
    /// `override` or `suspend`.
    pub kind: Arc<str>,
    /// The state, for an override.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Desired>,
    /// Why.
    pub reason: Option<Arc<str>>,
    /// Who asked.
    pub by: Arc<str>,
    /// Since when.
    pub since: Time,
    /// When it ends by itself.
    pub until: Option<Time>,
}

impl From<&Temporary> for WishView {
    fn from(wish: &Temporary) -> Self {
        Self {
            kind: wish.want.kind().into(),
            state: wish.want.state(),
            reason: wish.reason.clone(),
            by: wish.by.clone(),
            since: Time(wish.at.wall),
            until: wish.until.map(Time),
        }
    }
}

/// A line of the ledger about temporary wishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "snake_case")]
pub enum Wished {
    /// From now on this holds, and no other of its kind.
    Made {
        /// The deployment.
        deployment: DeploymentId,
        /// What.
        wish: Temporary,
    },
    /// All of a deployment have ended.
    Ended {
        /// When.
        at: Stamp,
        /// The deployment.
        deployment: DeploymentId,
        /// Who ended them.
        by: Arc<str>,
    },
}

/// What people may ask of a running daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// A temporary wish.
    Wish {
        /// The deployment.
        deployment: DeploymentId,
        /// What.
        want: Want,
        /// For how long; `None`: until somebody ends it.
        lasts: Option<Duration>,
        /// Why.
        reason: Option<Arc<str>>,
        /// Who asks.
        by: Arc<str>,
    },
    /// End what is wished for a deployment.
    Resume {
        /// The deployment.
        deployment: DeploymentId,
        /// Who asks.
        by: Arc<str>,
    },
    /// Read a deployment, or all, as soon as the budget lets it.
    Sync(Option<DeploymentId>),
}

/// Who ends the wishes about what the desired file names no longer.
const FILE: &str = "the desired file";

impl Reconciler {
    /// Does what somebody asks. About a deployment that the file does not name: nothing.
    pub(super) fn run_errand(&mut self, errand: Errand, now: Now, decision: &mut Decision) {
        match errand {
            Errand::Wish { deployment, want, lasts, reason, by } => {
                if !self.members.contains_key(&deployment) {
                    return;
                }
                let millis = |lasts: Duration| i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX);
                let until = lasts.map(|lasts| now.wall.shifted(millis(lasts)));
                let wish = Temporary { at: now.into(), want, until, reason, by };
                decision
                    .tell(Notice::Wished { deployment: deployment.clone(), wish: wish.clone() });
                let made = Wished::Made { deployment: deployment.clone(), wish };
                self.remember(Record::Wish(made), decision);
                self.visit(&deployment, now, decision, |_, _| ());
            }
            Errand::Resume { deployment, by } => {
                self.end_wishes(&deployment, by, now, decision);
                self.visit(&deployment, now, decision, |_, _| ());
            }
            Errand::Sync(Some(deployment)) => self.read_soon(&deployment, now, decision),
            Errand::Sync(None) => {
                let ids: Vec<_> = self.members.keys().cloned().collect();
                for id in ids {
                    self.read_soon(&id, now, decision);
                }
            }
        }
    }

    /// What left the file is left as it is, and so is nobody's to wish for.
    pub(super) fn forget_wishes(&mut self, now: Now, decision: &mut Decision) {
        let Some((manifest, _)) = &self.manifest else { return };
        let gone: Vec<_> = self
            .history
            .wished()
            .filter(|id| !manifest.intents.contains_key(*id))
            .cloned()
            .collect();
        for id in gone {
            self.end_wishes(&id, FILE.into(), now, decision);
        }
    }

    fn end_wishes(&mut self, id: &DeploymentId, by: Arc<str>, now: Now, decision: &mut Decision) {
        if self.history.wishes(id).is_none() {
            return;
        }
        decision.tell(Notice::Resumed { deployment: id.clone(), by: by.clone() });
        let ended = Wished::Ended { at: now.into(), deployment: id.clone(), by };
        self.remember(Record::Wish(ended), decision);
    }

    pub(super) fn wish_views(&self, id: &DeploymentId, wall: Wall) -> Vec<WishView> {
        let wishes = self.history.wishes(id);
        wishes.map(|wishes| wishes.at(wall).map(WishView::from).collect()).unwrap_or_default()
    }

    fn read_soon(&mut self, id: &DeploymentId, now: Now, decision: &mut Decision) {
        self.visit(id, now, decision, |_, member| {
            member.sync = member.reading.is_none();
            if let Some(failing) = &mut member.failing {
                failing.retry_at = failing.retry_at.min(now.mono);
            }
        });
    }
}

impl History {
    /// The temporary wishes about a deployment, also those that have ended by themselves.
    pub fn wishes(&self, id: &DeploymentId) -> Option<&Wishes> {
        self.deployments.get(id).map(|past| &past.wishes).filter(|wishes| !wishes.is_empty())
    }

    fn wished(&self) -> impl Iterator<Item = &DeploymentId> {
        let any = self.deployments.iter().filter(|(_, past)| !past.wishes.is_empty());
        any.map(|(id, _)| id)
    }

    pub(super) fn wish(&mut self, line: &Wished) {
        match line {
            Wished::Made { deployment, wish } => {
                self.read_clock(wish.at);
                self.deployment(deployment).wishes.make(wish.clone());
            }
            Wished::Ended { at, deployment, by: _ } => {
                self.read_clock(*at);
                self.deployment(deployment).wishes = Wishes::default();
            }
        }
    }
}
