//! What the ledger remembers. An intent log: `Reserved` before a request, `Settled` after it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bundle::Step;
use super::call::{Call, CallId, Fate, Method};
use super::chapter::Chapter;
use super::chronicle::{Last, Note};
use super::deployment::{AccountId, Action, DeploymentId, Desired, Status};
use super::guard::Guarded;
use super::intent::Rule;
use super::lead::{Shown, Starts};
use super::line::Lined;
use super::temporary::Wished;
use super::time::{Mono, Now, Wall};

/// When a record was made. The clock domain is that of the last [`Record::Started`] before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Since boot.
    #[serde(rename = "m")]
    pub mono: Mono,
    /// For people, and to connect two clock domains.
    #[serde(rename = "w")]
    pub wall: Wall,
}

impl From<Now> for Stamp {
    fn from(now: Now) -> Self {
        Self { mono: now.mono, wall: now.wall }
    }
}

/// One line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Record {
    /// A process took the ledger over, or somebody set the wall clock. The instants that follow
    /// belong to this clock domain.
    Started {
        /// A reading of the clocks.
        now: Now,
    },
    /// As [`Record::Started`], by a process that may be on another machine: two machines' wall
    /// clocks may differ by anything, so what was watched says how long ago the past is.
    Succeeded {
        /// A reading of the clocks.
        now: Now,
        /// How long ago the last record before this one was made, at least; in milliseconds.
        ago: u64,
    },
    /// Calls that nobody remembers: so many count as unanswered just now, in every scope.
    Spent {
        /// When that was decided.
        at: Stamp,
        /// How many in each scope; [`u32::MAX`] for all that the limit allows.
        calls: u32,
    },
    /// A request may be sent from now on; it counts as spent whatever happens next.
    Reserved {
        /// When the reservation was made.
        at: Stamp,
        /// Its number.
        id: CallId,
        /// What will be sent.
        call: Call,
        /// For a start or stop: who asked for it, and what was seen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
    },
    /// The reserved request has come to an end.
    Settled {
        /// When that became known.
        at: Stamp,
        /// Its number.
        id: CallId,
        /// How it ended.
        fate: Fate,
    },
    /// A 429 that the count per deployment cannot explain: from now on the method is counted over
    /// the whole account.
    Widened {
        /// When.
        at: Stamp,
        /// The account.
        account: AccountId,
        /// The method.
        method: Method,
        /// Until when.
        until: Mono,
    },
    /// A deployment was turned back by something else than this daemon.
    Reversed {
        /// When it was seen.
        at: Stamp,
        /// Which one.
        deployment: DeploymentId,
    },
    /// A deployment came to rest as desired, or is desired otherwise: its reversals are forgiven.
    Forgiven {
        /// When.
        at: Stamp,
        /// Which one.
        deployment: DeploymentId,
    },
    /// The mass-stop guard holds a change, or lets it go.
    Guard(Guarded),
    /// A deployment stands in a line for a shared budget, or left it unserved.
    Line(Lined),
    /// Somebody asks for something else than the file for a while, or ends that.
    Wish(Wished),
    /// One of [`Record::Tallies`], as ledgers before those have them.
    Tally(TallyLine),
    /// Compaction: a past start or stop that is older than [`Record::Pasts`] reach back.
    Past(Past),
    /// Compaction: what is remembered of a deployment or an account beside its budgets.
    Carried(Carried),
    /// What is wanted or seen of a deployment is something else than before.
    Noted {
        /// When.
        at: Stamp,
        /// What.
        #[serde(rename = "n")]
        note: Note,
    },
    /// What one commit says of several calls: [`Record::Reserved`] of reads, and
    /// [`Record::Settled`].
    Calls(Chapter<Step>),
    /// Compaction: each [`super::budget::Tally`] as it stood.
    Tallies(Chapter<TallyLine>),
    /// Compaction: what was noted, for people; what it adds up to is in [`Record::Lasts`].
    Notes(Chapter<(Stamp, Note)>),
    /// Compaction: past starts and stops.
    Pasts(Chapter<Past>),
    /// Compaction: what was last noted of deployments.
    Lasts(Chapter<(DeploymentId, Last)>),
    /// Compaction: the starts that deployments have shown.
    Starts(Chapter<(DeploymentId, Starts)>),
}

/// [`Record::Reserved`] by itself.
#[derive(Deserialize)]
struct Reserved {
    at: Stamp,
    id: CallId,
    call: Call,
    #[serde(default)]
    cause: Option<Cause>,
}

/// [`Record::Settled`] by itself.
#[derive(Deserialize)]
struct Settled {
    at: Stamp,
    id: CallId,
    fate: Fate,
}

/// [`Record::Noted`] by itself.
#[derive(Deserialize)]
struct Noted {
    at: Stamp,
    #[serde(rename = "n")]
    note: Note,
}

impl Record {
    /// Reads the JSON of a record. Of one that bears its tag inside, serde sets everything aside
    /// until it has met the tag; what most lines of a ledger are is read without that detour.
    ///
    /// # Errors
    /// When it is no record that this version knows.
    pub fn read(json: &[u8]) -> serde_json::Result<Self> {
        let is = |tag: &str| {
            let rest =
                json.strip_prefix(b"{\"t\":\"").and_then(|rest| rest.strip_prefix(tag.as_bytes()));
            rest.is_some_and(|rest| rest.starts_with(b"\""))
        };
        Ok(if is("reserved") {
            let Reserved { at, id, call, cause } = serde_json::from_slice(json)?;
            Self::Reserved { at, id, call, cause }
        } else if is("settled") {
            let Settled { at, id, fate } = serde_json::from_slice(json)?;
            Self::Settled { at, id, fate }
        } else if is("noted") {
            let Noted { at, note } = serde_json::from_slice(json)?;
            Self::Noted { at, note }
        } else if is("calls") {
            Self::Calls(serde_json::from_slice(json)?)
        } else if is("tallies") {
            Self::Tallies(serde_json::from_slice(json)?)
        } else if is("notes") {
            Self::Notes(serde_json::from_slice(json)?)
        } else if is("pasts") {
            Self::Pasts(serde_json::from_slice(json)?)
        } else if is("lasts") {
            Self::Lasts(serde_json::from_slice(json)?)
        } else if is("starts") {
            Self::Starts(serde_json::from_slice(json)?)
        } else {
            serde_json::from_slice(json)?
        })
    }

    /// Whether forgetting it could let a call out that it holds back, or bring back a hold that the
    /// desired file, which is kept after it, no longer speaks of.
    pub fn holds_back(&self) -> bool {
        match self {
            Self::Started { .. }
            | Self::Succeeded { .. }
            | Self::Spent { .. }
            | Self::Reserved { .. }
            | Self::Calls(_)
            | Self::Settled { fate: Fate::Answered { code: 429, .. }, .. }
            | Self::Widened { .. }
            | Self::Guard(_)
            | Self::Wish(_)
            | Self::Tally(_)
            | Self::Tallies(_)
            | Self::Carried(_)
            | Self::Lasts(_)
            | Self::Starts(_) => true,
            Self::Settled { .. }
            | Self::Reversed { .. }
            | Self::Forgiven { .. }
            | Self::Line(_)
            | Self::Past(_)
            | Self::Noted { .. }
            | Self::Notes(_)
            | Self::Pasts(_) => false,
        }
    }
}

/// A [`super::budget::Tally`] in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TallyLine {
    /// The account, for a tally over the whole account.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The deployment, for a tally of its own.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentId>,
    /// The method.
    #[serde(rename = "f")]
    pub method: Method,
    /// The latest possible arrivals that still count, oldest first.
    #[serde(rename = "b")]
    pub arrivals: Vec<Mono>,
    /// Closed until then by a 429.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Mono>,
    /// 429s in a row.
    #[serde(rename = "s", default)]
    pub strikes: u32,
}

/// What is remembered of a deployment or an account beside its budgets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "snake_case")]
pub enum Carried {
    /// The number of the next call.
    NextCall {
        /// Never used yet.
        id: CallId,
    },
    /// See [`Record::Spent`]: for the scopes that have no tally yet.
    Ghosts {
        /// The latest possible arrival.
        at: Mono,
        /// How many in each scope.
        calls: u32,
    },
    /// The reversals that still count.
    Reversals {
        /// The deployment.
        deployment: DeploymentId,
        /// When each was seen.
        at: Vec<Mono>,
    },
    /// Starts and stops refused in a row.
    Refusals {
        /// The deployment.
        deployment: DeploymentId,
        /// How many.
        count: u32,
    },
    /// A method is counted over the whole account.
    Widened {
        /// The account.
        account: AccountId,
        /// The method.
        method: Method,
        /// Until when.
        until: Mono,
    },
    /// The server has no list call.
    NoList {
        /// The account.
        account: AccountId,
        /// When it said so.
        at: Mono,
    },
    /// The starts that a deployment has shown, as ledgers before [`Record::Starts`] have them.
    Starts {
        /// The deployment.
        deployment: DeploymentId,
        /// When the one under watch was accepted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        awaited: Option<Mono>,
        /// Oldest first.
        shown: Vec<Shown>,
    },
    /// What was last noted of a deployment, as ledgers before [`Record::Lasts`] have it.
    Last {
        /// The deployment.
        deployment: DeploymentId,
        /// What.
        last: Box<Last>,
    },
}

/// Why a start or stop was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The state that was wanted.
    pub desired: Desired,
    /// Which part of the desired file wanted it.
    pub rule: Rule,
    /// The desired file's revision.
    pub revision: Arc<str>,
    /// What was seen just before.
    pub saw: Status,
    /// When it was seen.
    pub seen: Wall,
}

/// A start or stop that was spent, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Its number.
    pub id: CallId,
    /// The account.
    pub account: AccountId,
    /// The deployment.
    pub deployment: DeploymentId,
    /// What was asked.
    pub action: Action,
    /// Why.
    pub cause: Option<Cause>,
    /// When it was reserved.
    pub reserved: Stamp,
    /// When and how it ended; `None` while it is under way.
    pub settled: Option<(Stamp, Fate)>,
}
