//! What of a notice can be news, in words for people.

use std::sync::Arc;

use super::kind::Kind;
use crate::keel::deployment::{Action, DeploymentId, Desired, Status};
use crate::keel::guard::{Release, way_out};
use crate::keel::intent::Rule;
use crate::keel::notice::Notice;
use crate::keel::plan::Reason;
use crate::keel::record::Cause;
use crate::keel::time::Wall;

/// A notice that can be news, and when it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// What.
    pub what: What,
    /// When.
    pub at: Wall,
    /// The name that the API reports of the deployment that it is about.
    pub name: Option<Arc<str>>,
}

/// What was told. Whether it is news depends on what was heard before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A status that differs from the one before, if there was one.
    Status(DeploymentId, Option<Status>, Status),
    /// Something else turned it back, to this state.
    Reversed(DeploymentId, Desired, Arc<str>),
    /// A start or stop is about to leave, and why.
    Acting(DeploymentId, Action, Arc<str>),
    /// The reason of its condition is another one.
    Reason(DeploymentId, Reason, Arc<str>),
    /// It is none of ours any more.
    Left(DeploymentId),
    /// Something began; of whom.
    Begun(Kind, Arc<str>, Arc<str>),
    /// Something is over; of whom.
    Over(Kind, Arc<str>, Arc<str>),
}

impl What {
    /// What of `notice` can be news, if anything.
    pub fn of(notice: &Notice) -> Option<Self> {
        Some(match notice {
            Notice::StatusChanged { deployment, from, to, at: _ } => {
                Self::Status(deployment.clone(), from.clone(), to.clone())
            }
            Notice::Reversed { deployment, status, count } => {
                Self::Reversed(deployment.clone(), status.settled()?, reversals(*count))
            }
            Notice::Acting { deployment, action, cause, id: _ } => {
                Self::Acting(deployment.clone(), *action, why(cause))
            }
            Notice::ReasonChanged { deployment, to, message, from: _ } => {
                Self::Reason(deployment.clone(), *to, message.clone())
            }
            Notice::Left { deployment } => Self::Left(deployment.clone()),
            Notice::Late { deployment, ready_by, message, by: _, reason: _ } => {
                late(deployment, *ready_by, message)
            }
            Notice::LateNoMore { deployment, ready_by, runs, by: _ } => {
                late_no_more(deployment, *ready_by, *runs)
            }
            Notice::StopsHeld { change, stops, fleet, since: _ } => held(change, *stops, *fleet),
            Notice::StopsReleased { change, why, stops: _ } => let_go(change, *why),
            Notice::CredentialsRefused { account } => key_refused(account.as_str()),
            Notice::CredentialsAccepted { account } => key_accepted(account.as_str()),
            Notice::ManifestRefused { report } => file_refused(report),
            Notice::ManifestMended { revision } => file_mended(revision),
            Notice::LedgerStuck { fault } => ledger_stuck(fault),
            Notice::LedgerFree => ledger_free(),
            Notice::Leads { before: Some(before), epoch } => leads(before, *epoch),
            Notice::Leads { before: None, epoch: _ }
            | Notice::Recovered { .. }
            | Notice::ManifestAccepted { .. }
            | Notice::DesiredChanged { .. }
            | Notice::CallEnded { .. }
            | Notice::Unexpected429 { .. }
            | Notice::SlowPassage { .. }
            | Notice::ListCall { .. }
            | Notice::ClockStepped { .. }
            // Whoever wishes knows; what comes of it is news.
            | Notice::Wished { .. }
            | Notice::Resumed { .. }
            | Notice::Draining { .. } => return None,
        })
    }

    /// The id of the deployment that it is about.
    pub fn deployment(&self) -> Option<&str> {
        match self {
            Self::Status(id, ..)
            | Self::Reversed(id, ..)
            | Self::Acting(id, ..)
            | Self::Reason(id, ..)
            | Self::Left(id) => Some(id.as_str()),
            Self::Begun(kind, subject, _) | Self::Over(kind, subject, _) => {
                kind.is_of_deployments().then_some(subject)
            }
        }
    }
}

fn begun(kind: Kind, subject: &str, message: String) -> What {
    What::Begun(kind, subject.into(), message.into())
}

fn over(kind: Kind, subject: &str, message: String) -> What {
    What::Over(kind, subject.into(), message.into())
}

fn why(cause: &Cause) -> Arc<str> {
    let Cause { desired, rule, .. } = cause;
    match rule {
        Rule::State => format!("wanted {desired} by the desired file").into(),
        Rule::Override(_) | Rule::Asked { .. } | Rule::Schedule { .. } => {
            format!("wanted {desired} by {rule}").into()
        }
    }
}

fn reversals(count: usize) -> Arc<str> {
    let s = if count == 1 { "" } else { "s" };
    format!("turned back from outside; {count} reversal{s} by now").into()
}

fn late(deployment: &DeploymentId, ready_by: Wall, message: &str) -> What {
    let message = format!("was to be running by {ready_by}; {message}");
    begun(Kind::Late, deployment.as_str(), message)
}

fn late_no_more(deployment: &DeploymentId, ready_by: Wall, runs: bool) -> What {
    let end = if runs { "is running" } else { "need not be running any more" };
    over(Kind::Late, deployment.as_str(), format!("{end}; was to be running by {ready_by}"))
}

fn held(change: &str, stops: usize, fleet: usize) -> What {
    let way_out = way_out(change);
    let message =
        format!("change {change} would stop {stops} of {fleet} deployments at once; {way_out}");
    begun(Kind::Held, change, message)
}

fn let_go(change: &str, why: Release) -> What {
    over(Kind::Held, change, format!("change {change} is let go: {}", why.as_str()))
}

fn key_refused(account: &str) -> What {
    let message = format!(
        "HTTP 401; nothing is sent for account {account} until it has another key, or after a \
         pause. Put a valid one where `accounts.{account}` of the configuration says; it is read \
         again by itself"
    );
    begun(Kind::CredentialsRefused, account, message)
}

fn key_accepted(account: &str) -> What {
    over(Kind::CredentialsRefused, account, format!("account {account} goes on"))
}

fn file_refused(report: &str) -> What {
    let message = format!("its last good content stays in force\n{report}");
    begun(Kind::DesiredFileRefused, "", message)
}

fn file_mended(revision: &str) -> What {
    over(Kind::DesiredFileRefused, "", format!("{revision} is in force"))
}

fn leads(before: &str, epoch: u64) -> What {
    begun(Kind::LeaderChanged, "", format!("{before} led before; this is epoch {epoch}"))
}

fn ledger_stuck(fault: &str) -> What {
    begun(Kind::LedgerStuck, "", format!("no call is sent until it can be written: {fault}"))
}

fn ledger_free() -> What {
    over(Kind::LedgerStuck, "", "calls are sent again".to_owned())
}
