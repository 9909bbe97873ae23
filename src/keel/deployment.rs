//! What a deployment is called, what it may be asked to be, and what it was seen to be.

use std::borrow::{Borrow, Cow};
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::time::Mono;

/// The id that the API knows a deployment by, such as `w41b11c0`. Not its name.
///
/// Fleets are maps by id, and each step looks something up: a short id is compared where it is,
/// without a look elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeploymentId(SmolStr);

/// The order of the texts. Most differ in their first eight bytes, which are compared at once.
impl Ord for DeploymentId {
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, two) = (self.0.as_bytes(), other.0.as_bytes());
        let head = |bytes: &[u8]| bytes.first_chunk().copied().map(u64::from_be_bytes);
        match head(one).zip(head(two)) {
            Some((one, two)) if one != two => one.cmp(&two),
            Some(_) | None => one.cmp(two),
        }
    }
}

impl PartialOrd for DeploymentId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl DeploymentId {
    /// Longest id accepted.
    pub const LENGTH_MAX: usize = 64;

    /// Reads an id: `[A-Za-z0-9][A-Za-z0-9_-]{0,63}`, so it is safe in a URL path and a label.
    ///
    /// # Errors
    /// Says what an id looks like, when `text` is not one.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut bytes = text.bytes();
        let head = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric());
        let tail = bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if head && tail && text.len() <= Self::LENGTH_MAX {
            return Ok(Self(text.into()));
        }
        Err(format!(
            "`{}` is not a deployment id; expected letters, digits, `_` and `-`, at most {} of \
             them, such as `w41b11c0` (the id in the console's address bar, not the name)",
            text.escape_debug(),
            Self::LENGTH_MAX
        ))
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Borrow<str> for DeploymentId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The name of an account in the configuration: one base URL with one API key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// The account that desired entries mean when they name none.
    pub const DEFAULT: &'static str = "default";

    /// An account called `name`.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The state that a deployment is wanted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Desired {
    /// Serving clients, at full price.
    Running,
    /// Parked, at the price of a stopped deployment.
    Stopped,
}

impl Desired {
    /// The word of the desired file and of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
        }
    }

    /// The other state.
    pub const fn opposite(self) -> Self {
        match self {
            Self::Running => Self::Stopped,
            Self::Stopped => Self::Running,
        }
    }

    /// The one call that leads to this state.
    pub const fn action(self) -> Action {
        match self {
            Self::Running => Action::Start,
            Self::Stopped => Action::Stop,
        }
    }
}

impl fmt::Display for Desired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A call that changes a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// `POST …/start`: from `stopped` to `running`.
    Start,
    /// `POST …/stop`: from `running` to `stopped`.
    Stop,
}

impl Action {
    /// `start` or `stop`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
        }
    }

    /// The state it leads to.
    pub const fn leads_to(self) -> Desired {
        match self {
            Self::Start => Desired::Running,
            Self::Stop => Desired::Stopped,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The status word of the API.
///
/// `running`, `starting` and `stopped` are documented; the vendor's Terraform provider also meets
/// `pending`, `stopping` and `failed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Settled: serving.
    Running,
    /// Settled: parked.
    Stopped,
    /// In passage, most likely to `running`.
    Starting,
    /// In passage, most likely to `stopped`.
    Stopping,
    /// In passage, to nobody knows what.
    Pending,
    /// The platform gave up. Only people can mend it.
    Failed,
    /// A word that nobody has documented. Shown, counted, alarmed, never acted on.
    Unknown(Arc<str>),
}

impl Status {
    /// The words with a meaning, in the order in which they are shown.
    pub const KNOWN: [&'static str; 6] =
        ["running", "stopped", "starting", "stopping", "pending", "failed"];

    /// Longest unknown word kept, so that a hostile answer cannot fill logs and labels.
    const WORD_MAX: usize = 32;

    /// Reads the API's word. Case and surrounding blanks matter: anything else is unknown.
    pub fn from_word(word: &str) -> Self {
        match word {
            "running" => Self::Running,
            "stopped" => Self::Stopped,
            "starting" => Self::Starting,
            "stopping" => Self::Stopping,
            "pending" => Self::Pending,
            "failed" => Self::Failed,
            other => {
                let printable = |c: &char| !c.is_control();
                let word: String = other.chars().filter(printable).take(Self::WORD_MAX).collect();
                Self::Unknown(word.into())
            }
        }
    }

    /// The API's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Stopping => "stopping",
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Unknown(word) => word,
        }
    }

    /// The same, to be kept.
    pub fn word(&self) -> Cow<'static, str> {
        let known = Self::KNOWN.into_iter().find(|known| *known == self.as_str());
        known.map_or_else(|| Cow::Owned(self.as_str().to_owned()), Cow::Borrowed)
    }

    /// The state it has come to rest in; `None` while it is passing, failed or unknown.
    pub const fn settled(&self) -> Option<Desired> {
        match self {
            Self::Running => Some(Desired::Running),
            Self::Stopped => Some(Desired::Stopped),
            Self::Starting | Self::Stopping | Self::Pending | Self::Failed | Self::Unknown(_) => {
                None
            }
        }
    }

    /// Whether it is on the way somewhere.
    pub const fn passing(&self) -> bool {
        match self {
            Self::Starting | Self::Stopping | Self::Pending => true,
            Self::Running | Self::Stopped | Self::Failed | Self::Unknown(_) => false,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What the API said of one deployment, in a 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// `deploymentID`.
    pub id: DeploymentId,
    /// `deploymentName`.
    pub name: SmolStr,
    /// `deploymentType`, such as `dedicated`.
    pub kind: Arc<str>,
    /// `status`.
    pub status: Status,
}

/// The [`Facts`] of a deployment that is known, and when they were true: at some instant from
/// `asked` to `answered`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// `deploymentName`.
    pub name: SmolStr,
    /// `deploymentType`.
    pub kind: Arc<str>,
    /// `status`.
    pub status: Status,
    /// When the request was reserved, so no later than when it left.
    pub asked: Mono,
    /// When the answer was handled.
    pub answered: Mono,
    /// Whether the deployment itself was asked, not the account's list.
    pub single: bool,
}
