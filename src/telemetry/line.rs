//! What is said about each notice.

use std::time::Duration;

use tracing::Level;

use super::fields::{Fields, Line};
use super::late::{late, late_no_more};
use super::wish::{resumed, wished};
use crate::keel::call::{Call, CallId, Fate};
use crate::keel::deployment::{AccountId, Action, DeploymentId, Desired, Status};
use crate::keel::guard::{Release, way_out};
use crate::keel::intent::Rule;
use crate::keel::message::counted;
use crate::keel::notice::Notice;
use crate::keel::plan::Reason;
use crate::keel::record::Cause;
use crate::keel::time::{Wall, format_duration};

/// What is said of a call that only looks is told at this level.
pub(super) const OF_READS: Level = Level::DEBUG;

/// What is said about `notice`.
///
/// A server that fails must not fill the log: calls that only look are told at debug, however they
/// end, and what their failures lead to is told once, as a change of reason. Starts and stops are
/// too rare to flood and too dear to pass over.
pub fn line(notice: &Notice) -> Line {
    match notice {
        Notice::Recovered { open, past } => recovered(*open, *past),
        Notice::ManifestAccepted { revision, deployments, changed, removed } => {
            manifest_accepted(revision, *deployments, *changed, *removed)
        }
        Notice::ManifestRefused { report } => {
            fault("a desired file is refused; what was in force of it stays in force", report)
        }
        Notice::ManifestMended { revision } => manifest_mended(revision),
        Notice::Left { deployment } => left(deployment),
        Notice::StopsHeld { change, stops, fleet, since } => {
            stops_held(change, *stops, *fleet, *since)
        }
        Notice::StopsReleased { change, stops, why } => stops_released(change, *stops, *why),
        Notice::DesiredChanged { deployment, from, to, rule } => {
            desired_changed(deployment, *from, *to, rule)
        }
        Notice::StatusChanged { deployment, from, to, at: _ } => {
            status_changed(deployment, from.as_ref(), to)
        }
        Notice::Acting { id, deployment, action, cause } => acting(*id, deployment, *action, cause),
        Notice::CallEnded { id, call, took, fate, fault } => {
            call_ended(*id, call, *took, *fate, fault.as_deref())
        }
        Notice::Unexpected429 { call, closed_until, widened_until } => {
            unexpected(call, *closed_until, *widened_until)
        }
        Notice::ReasonChanged { deployment, from, to, message } => {
            reason_changed(deployment, *from, *to, message)
        }
        Notice::SlowPassage { deployment, status, since } => {
            slow_passage(deployment, status, *since)
        }
        Notice::Reversed { deployment, status, count } => reversed(deployment, status, *count),
        Notice::CredentialsRefused { account } => of_account(Level::WARN, account, KEY_REFUSED),
        Notice::CredentialsAccepted { account } => of_account(Level::INFO, account, KEY_ACCEPTED),
        Notice::ListCall { account, available } => {
            of_account(Level::INFO, account, if *available { LIST } else { NO_LIST })
        }
        Notice::ClockStepped { by } => clock_stepped(*by),
        Notice::LedgerStuck { fault: why } => {
            fault("the ledger cannot be written; no call is sent until it can", why)
        }
        Notice::Wished { deployment, wish } => wished(deployment, wish),
        Notice::Resumed { deployment, by } => resumed(deployment, by),
        Notice::LedgerFree => plain(Level::INFO, "the ledger can be written again".to_owned()),
        Notice::Leads { epoch, before } => leads(*epoch, before.as_deref()),
        Notice::Draining { in_flight } => draining(*in_flight),
        Notice::Late { deployment, ready_by, by, reason, message } => {
            late(deployment, *ready_by, *by, *reason, message)
        }
        Notice::LateNoMore { deployment, ready_by, by, runs } => {
            late_no_more(deployment, *ready_by, *by, *runs)
        }
    }
}

const KEY_REFUSED: &str =
    "the API refuses the key (401); nothing is sent until there is another, or after a pause";
const KEY_ACCEPTED: &str = "the API accepts the key again";
const LIST: &str = "the list call works: one call shows the whole fleet";
const NO_LIST: &str = "the list call does not work; each deployment is read by itself";

fn manifest_accepted(revision: &str, deployments: usize, changed: usize, removed: usize) -> Line {
    let names = counted(deployments, "deployment");
    let left = match removed {
        0 => String::new(),
        some => format!(", {some} no longer named and left alone"),
    };
    Line {
        level: Level::INFO,
        message: format!("desired file {revision} is in force: {names}, {changed} changed{left}"),
        fields: Fields {
            revision: Some(revision.to_owned()),
            count: Some(deployments as u64),
            ..Fields::default()
        },
    }
}

fn leads(epoch: u64, before: Option<&str>) -> Line {
    let before = before.map_or("with a new ledger".to_owned(), |who| format!("{who} did before"));
    plain(Level::INFO, format!("this process leads, in epoch {epoch}; {before}"))
}

fn manifest_mended(revision: &str) -> Line {
    Line {
        level: Level::INFO,
        message: format!("what was refused is mended: the desired file is {revision} as a whole"),
        fields: Fields { revision: Some(revision.to_owned()), ..Fields::default() },
    }
}

fn left(deployment: &DeploymentId) -> Line {
    // How many left is told with the file.
    Line {
        level: Level::DEBUG,
        message: format!("{deployment} is no longer named and left alone"),
        fields: of(deployment),
    }
}

fn stops_held(change: &str, stops: usize, fleet: usize, since: Wall) -> Line {
    Line {
        level: Level::WARN,
        message: format!(
            "change {change} is held: it would stop {stops} of {} at once; {}",
            counted(fleet, "deployment"),
            way_out(change)
        ),
        fields: Fields {
            change: Some(change.to_owned()),
            count: Some(stops as u64),
            since: Some(since.to_string()),
            ..Fields::default()
        },
    }
}

fn stops_released(change: &str, stops: usize, why: Release) -> Line {
    let stops_held = counted(stops, "stop");
    Line {
        level: Level::INFO,
        message: format!("change {change} is let go, {stops_held}: {}", why.as_str()),
        fields: Fields {
            change: Some(change.to_owned()),
            count: Some(stops as u64),
            ..Fields::default()
        },
    }
}

fn desired_changed(
    deployment: &DeploymentId,
    from: Option<Desired>,
    to: Desired,
    rule: &Rule,
) -> Line {
    let was = from.map(Desired::as_str);
    // A new file's entries are counted by `ManifestAccepted`; only changes are worth a line each.
    let level = if was.is_some() { Level::INFO } else { Level::DEBUG };
    Line {
        level,
        message: format!("{deployment} is wanted {to}{}, by {rule}", before(was)),
        fields: Fields {
            desired: Some(to.to_string()),
            was: was.map(str::to_owned),
            rule: Some(rule.to_string()),
            ..of(deployment)
        },
    }
}

fn acting(id: CallId, deployment: &DeploymentId, action: Action, cause: &Cause) -> Line {
    let Cause { desired, rule, revision, saw, seen } = cause;
    Line {
        level: Level::INFO,
        message: format!(
            "{action} {deployment}: wanted {desired} by {rule} in {revision}, seen {saw} at {seen}"
        ),
        fields: Fields {
            call: Some(id.0),
            method: Some(action.to_string()),
            desired: Some(desired.to_string()),
            rule: Some(rule.to_string()),
            revision: Some(revision.to_string()),
            status: Some(saw.to_string()),
            at: Some(seen.to_string()),
            ..of(deployment)
        },
    }
}

fn slow_passage(deployment: &DeploymentId, status: &Status, since: Wall) -> Line {
    Line {
        level: Level::WARN,
        message: format!(
            "{deployment} has been {status} since {since}, longer than act.settle_warning"
        ),
        fields: Fields {
            status: Some(status.to_string()),
            since: Some(since.to_string()),
            ..of(deployment)
        },
    }
}

fn reversed(deployment: &DeploymentId, status: &Status, count: usize) -> Line {
    let reversals = counted(count, "reversal");
    Line {
        level: Level::WARN,
        message: format!(
            "{deployment} was turned back from outside: it is {status}; {reversals} by now"
        ),
        fields: Fields {
            status: Some(status.to_string()),
            count: Some(count as u64),
            ..of(deployment)
        },
    }
}

fn draining(in_flight: usize) -> Line {
    let message = match in_flight {
        0 => "stopping: no call is under way".to_owned(),
        some => {
            format!("stopping: no new call is sent, {} under way", counted(some, "call"))
        }
    };
    let fields = Fields { count: Some(in_flight as u64), ..Fields::default() };
    Line { level: Level::INFO, message, fields }
}

/// Something that only a person can mend.
fn fault(message: &str, why: &str) -> Line {
    let fields = Fields { fault: Some(why.to_owned()), ..Fields::default() };
    Line { level: Level::ERROR, message: message.to_owned(), fields }
}

fn recovered(open: usize, past: usize) -> Line {
    let open_calls = match open {
        0 => "no call of an earlier process is open".to_owned(),
        1 => "1 call of an earlier process is open and counts as unanswered from now".to_owned(),
        some => {
            format!("{some} calls of an earlier process are open and count as unanswered from now")
        }
    };
    let remembered = match past {
        0 => "no start or stop is remembered".to_owned(),
        1 => "1 start or stop is remembered".to_owned(),
        some => format!("{some} starts and stops are remembered"),
    };
    Line {
        level: Level::INFO,
        message: format!("took over: {open_calls}; {remembered}"),
        fields: Fields { count: Some(open as u64), ..Fields::default() },
    }
}

fn status_changed(deployment: &DeploymentId, from: Option<&Status>, to: &Status) -> Line {
    let was = from.map(Status::as_str);
    // The first look at each of a whole fleet is told by its reason, too; once is enough.
    let level = if was.is_some() { Level::INFO } else { Level::DEBUG };
    let strange = match to {
        Status::Unknown(_) => ", a status that nobody has documented",
        Status::Running
        | Status::Stopped
        | Status::Starting
        | Status::Stopping
        | Status::Pending
        | Status::Failed => "",
    };
    Line {
        level,
        message: format!("{deployment} is {to}{}{strange}", before(was)),
        fields: Fields {
            status: Some(to.to_string()),
            was: was.map(str::to_owned),
            ..of(deployment)
        },
    }
}

fn call_ended(id: CallId, call: &Call, took: Duration, fate: Fate, fault: Option<&str>) -> Line {
    let (end, code) = match fate {
        Fate::Answered { code, retry_after: None } => (format!("answered {code}"), Some(code)),
        Fate::Answered { code, retry_after: Some(after) } => {
            let after = format_duration(Duration::from_millis(after));
            (format!("answered {code}, retry after {after}"), Some(code))
        }
        Fate::Unanswered => ("unanswered, so it may have arrived".to_owned(), None),
        Fate::NeverLeft => ("never left".to_owned(), None),
    };
    let well = fault.is_none() && code.is_some_and(|code| (200..300).contains(&code));
    let level = match (call.method().acts(), fate) {
        (false, _) => OF_READS,
        // Nothing was spent, and a network that is down would repeat it for each deployment.
        (true, Fate::NeverLeft) => Level::DEBUG,
        (true, Fate::Answered { .. } | Fate::Unanswered) if well => Level::INFO,
        (true, Fate::Answered { .. } | Fate::Unanswered) => Level::WARN,
    };
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    Line {
        level,
        message: format!("{call}: {end}"),
        fields: Fields {
            deployment: call.deployment().map(ToString::to_string),
            account: Some(call.account.to_string()),
            call: Some(id.0),
            method: Some(call.method().to_string()),
            code: code.map(u64::from),
            took_ms: Some(millis),
            fault: fault.map(str::to_owned),
            ..Fields::default()
        },
    }
}

fn unexpected(call: &Call, closed_until: Wall, widened_until: Option<Wall>) -> Line {
    let method = call.method();
    let widened = match widened_until {
        Some(until) => format!("; {method} is counted over the whole account until {until}"),
        None => String::new(),
    };
    Line {
        level: Level::WARN,
        message: format!(
            "{call}: a 429 that this daemon's own count cannot explain; \
             not again before {closed_until}{widened}"
        ),
        fields: Fields {
            deployment: call.deployment().map(ToString::to_string),
            account: Some(call.account.to_string()),
            method: Some(method.to_string()),
            code: Some(429),
            until: Some(closed_until.to_string()),
            widened_until: widened_until.map(|until| until.to_string()),
            ..Fields::default()
        },
    }
}

fn reason_changed(
    deployment: &DeploymentId,
    from: Option<Reason>,
    to: Reason,
    message: &str,
) -> Line {
    let level = if to.needs_a_person() || to == Reason::BackingOff {
        Level::WARN
    } else if to == Reason::Unobserved {
        Level::DEBUG
    } else {
        Level::INFO
    };
    Line {
        level,
        message: format!("{deployment} {to}: {message}"),
        fields: Fields {
            reason: Some(to.to_string()),
            was: from.map(|reason| reason.to_string()),
            ..of(deployment)
        },
    }
}

fn clock_stepped(by: i64) -> Line {
    let direction = if by < 0 { "back" } else { "forward" };
    let duration = format_duration(Duration::from_millis(by.unsigned_abs()));
    plain(Level::WARN, format!("the wall clock was set {direction} by {duration}"))
}

fn of_account(level: Level, account: &AccountId, what: &str) -> Line {
    let fields = Fields { account: Some(account.to_string()), ..Fields::default() };
    Line { level, message: format!("account {account}: {what}"), fields }
}

fn plain(level: Level, message: String) -> Line {
    Line { level, message, fields: Fields::default() }
}

pub(super) fn of(deployment: &DeploymentId) -> Fields {
    Fields { deployment: Some(deployment.to_string()), ..Fields::default() }
}

/// ` (was starting)`, or nothing.
fn before(was: Option<&str>) -> String {
    was.map_or_else(String::new, |was| format!(" (was {was})"))
}
