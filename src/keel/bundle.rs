//! What one commit says of many calls, in one record: a fleet's reads are most of what a ledger is
//! written for, and have most of their text in common.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::call::{Call, CallId, Fate, Request};
use super::chapter::{Chapter, Gap, Item};
use super::deployment::{AccountId, DeploymentId};
use super::record::{Record, Stamp};

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// [`Record::Reserved`] of a read of one deployment.
    Read {
        /// When the reservation was made.
        at: Stamp,
        /// The call's number.
        id: CallId,
        /// Whose server and key.
        account: AccountId,
        /// Of which deployment.
        deployment: DeploymentId,
    },
    /// [`Record::Settled`].
    Settled {
        /// When that became known.
        at: Stamp,
        /// The call's number.
        id: CallId,
        /// How it ended.
        fate: Fate,
    },
}

impl Step {
    /// When that was, and of which call.
    pub const fn when(&self) -> (Stamp, CallId) {
        match self {
            Self::Read { at, id, .. } | Self::Settled { at, id, .. } => (*at, *id),
        }
    }

    /// What such a record says; `None` of other kinds. Starts and stops stand by themselves, with
    /// their cause.
    fn of(record: &Record) -> Option<Self> {
        if let Record::Reserved { at, id, call, cause: None } = record
            && let Call { account, request: Request::Status(deployment) } = call
        {
            let (account, deployment) = (account.clone(), deployment.clone());
            Some(Self::Read { at: *at, id: *id, account, deployment })
        } else if let Record::Settled { at, id, fate } = record {
            Some(Self::Settled { at: *at, id: *id, fate: *fate })
        } else {
            None
        }
    }
}

impl From<Step> for Record {
    fn from(step: Step) -> Self {
        match step {
            Step::Read { at, id, account, deployment } => {
                let call = Call { account, request: Request::Status(deployment) };
                Self::Reserved { at, id, call, cause: None }
            }
            Step::Settled { at, id, fate } => Self::Settled { at, id, fate },
        }
    }
}

/// What steps have in common.
#[derive(PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// See [`Step::Read`].
    Read(AccountId),
    /// See [`Step::Settled`].
    Settled(Fate),
}

impl Item for Step {
    type Frame = Kind;
    /// How much later than the step before, how far its call's number is from that one's, and what
    /// is read.
    type Own = (Gap, i64, Option<DeploymentId>);

    fn apart(&self, before: Option<&Self>) -> (Self::Frame, Self::Own) {
        let (last, number) = before.map(Self::when).unwrap_or_default();
        let (at, id) = self.when();
        let (kind, deployment) = match self {
            Self::Read { account, deployment, .. } => {
                (Kind::Read(account.clone()), Some(deployment.clone()))
            }
            Self::Settled { fate, .. } => (Kind::Settled(*fate), None),
        };
        (kind, (at.gap(last), id.0.wrapping_sub(number.0).cast_signed(), deployment))
    }

    fn whole(frame: &Self::Frame, own: Self::Own, before: Option<&Self>) -> Option<Self> {
        let (last, number) = before.map(Self::when).unwrap_or_default();
        let (gap, numbers, deployment) = own;
        let (at, id) = (last.after(gap), CallId(number.0.wrapping_add_signed(numbers)));
        Some(match (frame, deployment) {
            (Kind::Read(account), Some(deployment)) => {
                Self::Read { at, id, account: account.clone(), deployment }
            }
            (Kind::Settled(fate), None) => Self::Settled { at, id, fate: *fate },
            (Kind::Read(_), None) | (Kind::Settled(_), Some(_)) => return None,
        })
    }
}

/// Records that say the same as `records`, in the same order: of steps that stand together, one.
pub fn bundle(records: &[Record]) -> Cow<'_, [Record]> {
    let step =
        |record: &&Record| matches!(record, Record::Reserved { .. } | Record::Settled { .. });
    if records.iter().filter(step).nth(1).is_none() {
        return Cow::Borrowed(records);
    }
    let (mut out, mut rest) = (Vec::new(), records);
    while !rest.is_empty() {
        let steps: Vec<_> = rest.iter().map_while(Step::of).collect();
        let (said, next) = rest.split_at(steps.len().max(1));
        match said {
            [one] => out.push(one.clone()),
            _ => out.extend(Chapter::split(steps.into_iter()).map(Record::Calls)),
        }
        rest = next;
    }
    Cow::Owned(out)
}
