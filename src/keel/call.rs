//! The calls of the Deployment Management API, and what can become of one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::deployment::{AccountId, Action, DeploymentId, Facts};

/// One reserved call: the number of its intent in the ledger, never used twice.
///
/// Travels as `X-Request-Id`, behind the ledger's own name.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct CallId(pub u64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What is limited: each method of the API has a limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// `GET /deployments/{id}`
    Status,
    /// `GET /deployments`
    List,
    /// `POST /deployments/{id}/start`
    Start,
    /// `POST /deployments/{id}/stop`
    Stop,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Status, Self::List, Self::Start, Self::Stop];

    /// The word of metrics and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::List => "list",
            Self::Start => "start",
            Self::Stop => "stop",
        }
    }

    /// Whether a call changes something at the server.
    pub const fn acts(self) -> bool {
        match self {
            Self::Start | Self::Stop => true,
            Self::Status | Self::List => false,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<Action> for Method {
    fn from(action: Action) -> Self {
        match action {
            Action::Start => Self::Start,
            Action::Stop => Self::Stop,
        }
    }
}

/// What a call asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Request {
    /// The status of one deployment.
    Status(DeploymentId),
    /// The status of all deployments that the key may see.
    List,
    /// Start one deployment.
    Start(DeploymentId),
    /// Stop one deployment.
    Stop(DeploymentId),
}

/// A call: which account's server and key, and what for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Whose base URL and credentials.
    #[serde(rename = "a")]
    pub account: AccountId,
    /// What is asked.
    #[serde(rename = "r")]
    pub request: Request,
}

impl Call {
    /// A start or stop of `deployment`.
    pub const fn act(account: AccountId, action: Action, deployment: DeploymentId) -> Self {
        let request = match action {
            Action::Start => Request::Start(deployment),
            Action::Stop => Request::Stop(deployment),
        };
        Self { account, request }
    }

    /// The limit that it counts against.
    pub const fn method(&self) -> Method {
        match self.request {
            Request::Status(_) => Method::Status,
            Request::List => Method::List,
            Request::Start(_) => Method::Start,
            Request::Stop(_) => Method::Stop,
        }
    }

    /// The one deployment it is about.
    pub const fn deployment(&self) -> Option<&DeploymentId> {
        match &self.request {
            Request::Status(id) | Request::Start(id) | Request::Stop(id) => Some(id),
            Request::List => None,
        }
    }

    /// What it would change, if anything.
    pub const fn action(&self) -> Option<Action> {
        match self.request {
            Request::Start(_) => Some(Action::Start),
            Request::Stop(_) => Some(Action::Stop),
            Request::Status(_) | Request::List => None,
        }
    }
}

/// `start w41b11c0`, `list`.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.deployment() {
            Some(id) => write!(f, "{} {id}", self.method()),
            None => write!(f, "{} of account {}", self.method(), self.account),
        }
    }
}

/// What the budget needs to know of a call's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// The head of an answer came, so the call arrived no later than that.
    Answered {
        /// The HTTP status code.
        #[serde(rename = "c")]
        code: u16,
        /// What a `Retry-After` asked for, counted from the answer. Whole milliseconds.
        #[serde(rename = "ra", default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    },
    /// Bytes may have been written, and no answer came: it may have arrived, or may still arrive.
    Unanswered,
    /// Not one byte was written (name resolution, connect or TLS failed, or the permit had lapsed).
    NeverLeft,
}

/// What came of a call, in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which call.
    pub id: CallId,
    /// From writing the request to the head of the answer, or to giving up.
    pub took: Duration,
    /// What came back.
    pub outcome: Outcome,
}

/// What came back from a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An HTTP answer.
    Answered {
        /// The HTTP status code.
        code: u16,
        /// `Retry-After`, already resolved to a time from now; absent, past or garbage: `None`.
        retry_after: Option<Duration>,
        /// What the answer's body said.
        body: Body,
    },
    /// See [`Fate::Unanswered`]; the text says why, causes included, secrets excluded.
    Unanswered(Arc<str>),
    /// See [`Fate::NeverLeft`]; the text says why, causes included, secrets excluded.
    NeverLeft(Arc<str>),
}

impl Outcome {
    /// What the budget makes of it.
    pub fn fate(&self) -> Fate {
        match self {
            Self::Answered { code, retry_after, body: _ } => Fate::Answered {
                code: *code,
                retry_after: retry_after
                    .map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
            },
            Self::Unanswered(_) => Fate::Unanswered,
            Self::NeverLeft(_) => Fate::NeverLeft,
        }
    }
}

/// The body of an answer, as far as it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A 200 to a status call.
    Deployment(Facts),
    /// A 200 to a list call: the entries that could be read, and how many could not.
    Fleet {
        /// One entry a deployment.
        entries: Vec<Facts>,
        /// Entries that are not such an object.
        unreadable: usize,
    },
    /// A 2xx to a start or stop. Its `operation` is informational.
    Accepted,
    /// Not a 2xx: the top-level `code` of the body, where there is one, else nothing.
    Refused(Option<Arc<str>>),
    /// A 2xx whose body is not what was asked for: an error, not a status.
    Unreadable(Arc<str>),
}
