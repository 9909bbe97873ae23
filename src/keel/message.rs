//! A judgement in words: what is the case, and what comes next.

use std::sync::Arc;

use super::call::Fate;
use super::deployment::Action;
use super::guard::{self, Holding};
use super::line::Standing;
use super::member::{Failing, Member, Trouble};
use super::plan::{Context, Judgement, Need, Reason};
use super::time::{Mono, Now, format_duration};

/// The message of the `Synced` condition; `line` is where it stands for what it needs.
pub fn of(
    member: &Member,
    judgement: Judgement,
    context: Context<'_>,
    line: Option<Standing>,
    now: Now,
) -> String {
    let text = match line {
        // The first of them has nobody to wait for but the budget.
        Some(line) if line.position > 1 => in_line(member, line, now),
        Some(_) | None => alone(member, judgement, context, now),
    };
    match member.late {
        Some(by) => format!("{text}; late: to be running by {}", by.local(member.intent.clock())),
        None => text,
    }
}

fn alone(member: &Member, judgement: Judgement, context: Context<'_>, now: Now) -> String {
    let desired = member.resolved.desired;
    let status = member.status().map_or("not seen yet", |status| status.as_str());
    let name = member.observation.as_ref().map_or("", |seen| &seen.name);
    let kind = member.observation.as_ref().map_or("", |seen| &seen.kind);
    match judgement.reason {
        Reason::InSync => format!("{status}, as desired"),
        Reason::Starting | Reason::Stopping => passing(member, judgement, now),
        Reason::WaitingForBudget => waiting(member, judgement, context, now),
        Reason::BackingOff => backing_off(member, judgement, context, now),
        Reason::Suspended => suspended(member, status, context, now),
        Reason::Protected => {
            "running, wanted stopped, and `protect: true` forbids to stop it; take one of the two \
             out of the desired file"
                .to_owned()
        }
        Reason::Held => held(status, context),
        Reason::NotFound => format!(
            "the API does not know this deployment (404); check the id, and that it belongs to \
             account `{}`",
            member.intent.account
        ),
        Reason::Contested => format!(
            "{status}, wanted {desired}, but something else has turned it back {} times; settle \
             who decides, then bring it to {desired} by hand or change its entry in the desired \
             file",
            context.history.reversals(&member.id)
        ),
        Reason::Unauthorized => format!(
            "the API refuses the key of account `{}` (401); renew the key, the files are read \
             again",
            member.intent.account
        ),
        Reason::Forbidden => format!(
            "the key of account `{}` has no permission for this deployment (403); grant it, or use \
             another key",
            member.intent.account
        ),
        Reason::NameMismatch => format!(
            "the API calls it `{name}`, the desired file `{}`; is it the wrong id?",
            member.intent.name.as_deref().unwrap_or_default()
        ),
        Reason::TypeNotAllowed => {
            format!("{status}, wanted {desired}, but its type `{kind}` is not among `act.types`")
        }
        Reason::UnknownStatus => {
            format!("the API reports status `{status}`, which is not known; nothing is done")
        }
        Reason::Failed => "the platform reports `failed`; mend it in the console".to_owned(),
        Reason::Stalled => stalled(member, context),
        Reason::Unobserved => "not seen yet".to_owned(),
        Reason::ObserveOnly => {
            format!("{status}, wanted {desired}; `act.mode` is `observe`, so nothing is done")
        }
    }
}

fn suspended(member: &Member, status: &str, context: Context<'_>, now: Now) -> String {
    let why = member.resolved.suspended.as_deref().unwrap_or_default();
    let wishes = context.history.wishes(&member.id);
    let by = match wishes.and_then(|wishes| wishes.suspension(now.wall)) {
        Some(_) => "`evenkeel suspend`",
        None => "the desired file",
    };
    format!("suspended by {by} ({why}); {status}, left alone")
}

fn in_line(member: &Member, line: Standing, now: Now) -> String {
    let (desired, action) = (member.resolved.desired, line.action);
    let status = member.status().map_or("not seen yet", |status| status.as_str());
    let when = line.eta.map_or_else(
        || "after the call under way".to_owned(),
        |eta| format!("about {}", moment(eta, now)),
    );
    format!("{status}, wanted {desired}; {line} in the account's line for a {action}, {when}")
}

fn held(status: &str, context: Context<'_>) -> String {
    let Holding { hold, open, unseen, fleet, told, back: _ } = context.holding;
    let change = hold.as_ref().map_or("", |hold| &hold.change);
    let head = format!("{status}, wanted stopped; held, as change {change}");
    let (stops, unseen) = (open.len(), unseen.len());
    if *told {
        let way_out = guard::way_out(change);
        return format!("{head} would stop {stops} of {fleet} deployments at once; {way_out}");
    }
    format!("{head} may stop too many at once; {unseen} of its {stops} are to be looked at first")
}

fn passing(member: &Member, judgement: Judgement, now: Now) -> String {
    let desired = member.resolved.desired;
    let status = member.status().map_or("not seen yet", |status| status.as_str());
    if let Some((_, action)) = member.acting {
        return format!("{action} sent, waiting for the answer");
    }
    if let Need::Act(action) = judgement.need {
        return format!("{status}, wanted {desired}; a last look, then {action}");
    }
    match member.passage {
        Some(passage) if passage.seen => {
            format!("{status} since {}; waits until it settles", now.wall_at(passage.since))
        }
        Some(passage) => format!(
            "asked at {}, still {status}; waits for the platform",
            now.wall_at(passage.since)
        ),
        None => format!("{status}; waits until it settles"),
    }
}

fn waiting(member: &Member, judgement: Judgement, context: Context<'_>, now: Now) -> String {
    let status = member.status().map_or("not seen yet", |status| status.as_str());
    let desired = member.resolved.desired;
    let (action, until) = match judgement.need {
        Need::Wait(action, until) => (action, until),
        Need::Act(action) => {
            return format!(
                "{status}, wanted {desired}; waits for a status call before the {action}"
            );
        }
        Need::Nothing => (desired.action(), None),
    };
    let why = why_closed(member, context, action);
    let when = until
        .map_or_else(|| "when the call under way has ended".to_owned(), |until| at(until, now));
    format!("{status}, wanted {desired}; {why}, so the next {action} is allowed {when}")
}

fn why_closed(member: &Member, context: Context<'_>, action: Action) -> String {
    let limit = context.policy.limits.of(action.into());
    let per = format_duration(limit.per);
    let wide = context.history.is_wide(&member.intent.account, action.into(), context.now);
    let whose = if wide { "the account" } else { "it" };
    format!("{whose} has had its {} {action} within {per}", limit.requests)
}

fn at(until: Mono, now: Now) -> String {
    format!("at {}", moment(until, now))
}

fn moment(at: Mono, now: Now) -> String {
    format!("{} (in {})", now.wall_at(at), rounded(at.since(now.mono)))
}

/// To the second, rounded up.
fn rounded(wait: std::time::Duration) -> String {
    format_duration(std::time::Duration::from_millis(
        u64::try_from(wait.as_millis().div_ceil(1000) * 1000).unwrap_or(u64::MAX),
    ))
}

fn backing_off(member: &Member, judgement: Judgement, context: Context<'_>, now: Now) -> String {
    let last = context.history.last_act(&member.id);
    let refused = last.and_then(|past| match past.settled {
        Some((_, Fate::Answered { code, .. })) => Some((past.action, code)),
        Some((_, Fate::Unanswered | Fate::NeverLeft)) | None => None,
    });
    if let (Need::Wait(_, Some(until)), Some((action, code))) = (judgement.need, refused) {
        return format!("the API refused the last {action} ({code}); next try {}", at(until, now));
    }
    match &member.failing {
        Some(failing) => format!("{}; next try {}", failure(failing), at(failing.retry_at, now)),
        None => "the last attempt failed; tried again later".to_owned(),
    }
}

/// Why it could not be read, or a start or stop not be sent.
pub fn failure(failing: &Failing) -> Arc<str> {
    let (what, text) = match &failing.trouble {
        Trouble::NotFound => ("could not be read", "the API does not know it (HTTP 404)"),
        Trouble::Forbidden => ("could not be read", "the API refuses it to this key (HTTP 403)"),
        Trouble::Other(text) => ("could not be read", &**text),
        Trouble::NotSent(Action::Start, text) => ("the start never left", &**text),
        Trouble::NotSent(Action::Stop, text) => ("the stop never left", &**text),
    };
    match failing.count {
        1 => format!("{what}: {text}").into(),
        count => format!("{what} {count} times in a row: {text}").into(),
    }
}

fn stalled(member: &Member, context: Context<'_>) -> String {
    let status = member.status().map_or("not seen yet", |status| status.as_str());
    let since = member.passage.map_or(context.now, |passage| passage.since);
    format!(
        "{status} for {}, longer than `act.settle_timeout`; look into the console",
        rounded(context.now.since(since))
    )
}

/// `1 start`, `2 starts`.
pub fn counted(count: usize, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}
