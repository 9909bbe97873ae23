//! What the desired file asks for, and what that means at a wall time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::deployment::{AccountId, DeploymentId, Desired};
use super::time::Wall;

/// A valid desired file, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// A short name for exactly this content.
    pub revision: Arc<str>,
    /// The fleet, by id. What is not named here is left as it is.
    pub intents: BTreeMap<DeploymentId, Intent>,
}

/// What is asked for one deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Whose server and key.
    pub account: AccountId,
    /// The `deploymentName` that the API must report, if given.
    pub name: Option<Arc<str>>,
    /// The state, before any exception.
    pub wanted: Wanted,
    /// Never stopped.
    pub protect: bool,
    /// Hands off.
    pub suspend: Option<Suspend>,
    /// Another state for a while.
    pub exception: Option<Override>,
}

impl Intent {
    /// Asks for `state` and nothing else, in the default account.
    pub fn fixed(state: Desired) -> Self {
        Self {
            account: AccountId::new(AccountId::DEFAULT),
            name: None,
            wanted: Wanted::Fixed(state),
            protect: false,
            suspend: None,
            exception: None,
        }
    }
}

/// Where the state comes from. Schedules join here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// One state, always.
    Fixed(Desired),
}

/// `suspend:` neither started nor stopped until it ends or leaves the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspend {
    /// Why, for people.
    pub reason: Arc<str>,
    /// When it ends by itself.
    pub until: Option<Wall>,
}

/// `override:` another state until a given time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The state meanwhile.
    pub state: Desired,
    /// When it ends.
    pub until: Wall,
    /// Why, for people.
    pub reason: Option<Arc<str>>,
}

/// Which part of the file decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// `state:`, or the short form.
    State,
    /// `override:`, with its reason.
    Override(Option<Arc<str>>),
}

/// `state`, `override (load test)`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State => f.write_str("state"),
            Self::Override(None) => f.write_str("override"),
            Self::Override(Some(reason)) => write!(f, "override ({reason})"),
        }
    }
}

/// An [`Intent`] at one wall time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The state wanted now.
    pub desired: Desired,
    /// Which part of the file says so.
    pub rule: Rule,
    /// Why it is left alone now, if it is.
    pub suspended: Option<Arc<str>>,
    /// When this may next change by itself.
    pub changes: Option<Wall>,
}

impl Intent {
    /// What is asked at `wall`. Level-triggered: depends on nothing but the file and the time.
    pub fn resolve(&self, wall: Wall) -> Resolved {
        let suspend = self.suspend.as_ref().filter(|s| s.until.is_none_or(|until| wall < until));
        let exception = self.exception.as_ref().filter(|o| wall < o.until);
        let ends =
            [suspend.and_then(|s| s.until), exception.map(|o| o.until)].into_iter().flatten();
        let (desired, rule) = match (exception, &self.wanted) {
            (Some(o), Wanted::Fixed(_)) => (o.state, Rule::Override(o.reason.clone())),
            (None, Wanted::Fixed(state)) => (*state, Rule::State),
        };
        Resolved {
            desired,
            rule,
            suspended: suspend.map(|s| s.reason.clone()),
            changes: ends.min(),
        }
    }
}
