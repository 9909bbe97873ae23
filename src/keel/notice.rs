//! Everything worth telling. One enum feeds the log, the counters and the simulator's trace.

use std::sync::Arc;
use std::time::Duration;

use super::call::{Call, CallId, Fate};
use super::deployment::{AccountId, Action, DeploymentId, Desired, Status};
use super::guard::Release;
use super::intent::Rule;
use super::plan::Reason;
use super::record::Cause;
use super::temporary::Temporary;
use super::time::{Mono, Wall};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The process took over; so many calls of an earlier one were left without an outcome.
    Recovered {
        /// Calls that count as unanswered from now.
        open: usize,
        /// Starts and stops that are remembered.
        past: usize,
    },
    /// A desired file is in force.
    ManifestAccepted {
        /// Its revision.
        revision: Arc<str>,
        /// Deployments that it names.
        deployments: usize,
        /// Of these, how many the one before did not name, or asked something else of.
        changed: usize,
        /// Deployments that it no longer names; left as they are.
        removed: usize,
    },
    /// A desired file was refused; the last good one stays in force.
    ManifestRefused {
        /// All faults, for people.
        report: Arc<str>,
    },
    /// Every desired file is in force again as it is now, after [`Notice::ManifestRefused`].
    ManifestMended {
        /// The revision in force.
        revision: Arc<str>,
    },
    /// The desired file no longer names a deployment, which is left as it is.
    Left {
        /// The deployment.
        deployment: DeploymentId,
    },
    /// The mass-stop guard holds a change of the desired file.
    StopsHeld {
        /// Its id.
        change: Arc<str>,
        /// Deployments that it would stop.
        stops: usize,
        /// Deployments that the file names.
        fleet: usize,
        /// Since when.
        since: Wall,
    },
    /// The mass-stop guard lets a change go.
    StopsReleased {
        /// Its id.
        change: Arc<str>,
        /// Stops that were held.
        stops: usize,
        /// Why.
        why: Release,
    },
    /// Somebody asks for something else than the file, for a while.
    Wished {
        /// The deployment.
        deployment: DeploymentId,
        /// What.
        wish: Temporary,
    },
    /// Temporary wishes were ended before their time.
    Resumed {
        /// The deployment.
        deployment: DeploymentId,
        /// Who ended them.
        by: Arc<str>,
    },
    /// The desired state of a deployment is another one than before (or the first).
    DesiredChanged {
        /// The deployment.
        deployment: DeploymentId,
        /// The state before, if it was in the file.
        from: Option<Desired>,
        /// The state now.
        to: Desired,
        /// Which part of the file says so.
        rule: Rule,
    },
    /// A status that differs from the one before (or the first).
    StatusChanged {
        /// The deployment.
        deployment: DeploymentId,
        /// The status before.
        from: Option<Status>,
        /// The status now.
        to: Status,
        /// When it was seen.
        at: Mono,
    },
    /// A start or stop is about to leave.
    Acting {
        /// The call's number.
        id: CallId,
        /// The deployment.
        deployment: DeploymentId,
        /// The action.
        action: Action,
        /// Why.
        cause: Cause,
    },
    /// A call came to its end.
    CallEnded {
        /// The call's number.
        id: CallId,
        /// The call.
        call: Call,
        /// How long it took.
        took: Duration,
        /// How it ended.
        fate: Fate,
        /// What went wrong, if something did: the error's text, the body's `code`.
        fault: Option<Arc<str>>,
    },
    /// A 429 that this daemon's own count cannot explain.
    Unexpected429 {
        /// The call.
        call: Call,
        /// Not before then again.
        closed_until: Wall,
        /// Counted over the whole account until then, if this 429 brought that about.
        widened_until: Option<Wall>,
    },
    /// The reason of `Synced` is another one than before.
    ReasonChanged {
        /// The deployment.
        deployment: DeploymentId,
        /// The reason before.
        from: Option<Reason>,
        /// The reason now.
        to: Reason,
        /// For people: what is the case, and what comes next.
        message: Arc<str>,
    },
    /// A passage takes longer than `act.settle_warning`.
    SlowPassage {
        /// The deployment.
        deployment: DeploymentId,
        /// Its status.
        status: Status,
        /// Since when it has been passing.
        since: Wall,
    },
    /// A settled deployment left the desired state without this daemon's doing.
    Reversed {
        /// The deployment.
        deployment: DeploymentId,
        /// What it is now.
        status: Status,
        /// How many reversals count by now.
        count: usize,
    },
    /// The account's key was refused (401). Nothing is sent for it until new credentials come or
    /// the pause ends.
    CredentialsRefused {
        /// The account.
        account: AccountId,
    },
    /// The account's key is accepted again.
    CredentialsAccepted {
        /// The account.
        account: AccountId,
    },
    /// The server has (or has again) the list call, or has it not.
    ListCall {
        /// The account.
        account: AccountId,
        /// Whether it has.
        available: bool,
    },
    /// The wall clock was set.
    ClockStepped {
        /// By so many milliseconds.
        by: i64,
    },
    /// The ledger cannot be written for now: nothing is sent.
    LedgerStuck {
        /// Why.
        fault: Arc<str>,
    },
    /// The ledger can be written again.
    LedgerFree,
    /// This process leads now, and acts; the ledger is one that machines share.
    Leads {
        /// Which change of leaders this is, since the ledger was made.
        epoch: u64,
        /// Who led before; `None`: nobody yet.
        before: Option<Arc<str>>,
    },
    /// No new call is sent any more; the ones under way are awaited.
    Draining {
        /// How many.
        in_flight: usize,
    },
    /// A deployment that is to be ready when a window begins is not running by then.
    Late {
        /// The deployment.
        deployment: DeploymentId,
        /// When the window began.
        ready_by: Wall,
        /// How long ago that is.
        by: Duration,
        /// Why it is not running yet.
        reason: Reason,
        /// The same for people, and what comes next.
        message: Arc<str>,
    },
    /// A deployment that was late runs, or need not any more.
    LateNoMore {
        /// The deployment.
        deployment: DeploymentId,
        /// When the window began.
        ready_by: Wall,
        /// How long ago that is.
        by: Duration,
        /// Whether it runs.
        runs: bool,
    },
}

/// An error with all its causes, as one line: each says its own step only.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
