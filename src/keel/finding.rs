//! Windows and gaps that the limits cannot honour: what would really happen, in words.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Time;

use super::deployment::{AccountId, Action, DeploymentId};
use super::forecast::{Course, Over, Step, forecast};
use super::intent::{Manifest, Rule};
use super::policy::{Limits, ScopeMode};
use super::recurrence::{Recurrence, clock, clock_beside, local, zone_name};
use super::time::{Wall, format_duration};

/// A weekly pattern shows itself twice in it.
const SPAN: Duration = Duration::from_secs(14 * 24 * 3600);

/// So many that change together are worth a word about a limit that may not be the account's.
const MANY: usize = 3;

/// Names shown of many.
const NAMES: usize = 3;

/// Something that the limits cannot honour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The deployments that it happens to.
    pub deployments: Vec<DeploymentId>,
    /// The schedule that they follow, if it is one.
    pub schedule: Option<Arc<str>>,
    /// What cannot be sent when it is wanted.
    pub action: Action,
    /// When it is wanted.
    pub wanted: Recurrence,
    /// How many calls are allowed in which time.
    pub limit: (u32, Duration),
    /// What happens instead.
    pub instead: Instead,
}

/// What happens instead, the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instead {
    /// It is sent later.
    Late(Wall),
    /// It is never sent: the opposite is wanted before it is allowed.
    Never {
        /// From then on.
        revoked: Wall,
        /// When it would have been allowed.
        allowed: Wall,
    },
    /// Several deployments wait in the account's line.
    Line {
        /// The account.
        account: AccountId,
        /// When the last is sent.
        last: Wall,
        /// Those that are never sent, as the opposite is wanted before their turn.
        never: Vec<DeploymentId>,
        /// Whether these are others on other days, as they take turns.
        others: bool,
    },
}

/// What people should know before they rely on `manifest`, from `from` on.
pub fn warnings(manifest: &Manifest, limits: &Limits, from: Wall) -> Vec<String> {
    let over = match limits.scope {
        ScopeMode::Auto | ScopeMode::Deployment => Over::Deployment,
        ScopeMode::Account => Over::Account,
    };
    let mut lines: Vec<_> =
        findings(manifest, limits, over, from).iter().map(ToString::to_string).collect();
    if limits.scope == ScopeMode::Auto {
        let lined = findings(manifest, limits, Over::Account, from);
        let worst = lined.iter().filter(|one| one.deployments.len() >= MANY);
        let urgent = |one: &Finding| one.action == Action::Start;
        let worst = worst.max_by_key(|one| (one.deployments.len(), urgent(one), one.delay()));
        lines.extend(worst.map(|worst| {
            format!("should the API count over the whole account (`limits.scope: auto`), {worst}")
        }));
    }
    lines
}

/// All that the limits cannot honour in two weeks from `from` on.
pub fn findings(manifest: &Manifest, limits: &Limits, over: Over, from: Wall) -> Vec<Finding> {
    let until = from + SPAN;
    let steps = forecast(manifest, limits, over, from, until);
    let scene = Scene { limits, span: (from, until) };
    match over {
        Over::Deployment => scene.alone(steps.iter()),
        Over::Account => scene.in_line(&steps),
    }
}

/// What all findings of one search have in common.
struct Scene<'a> {
    limits: &'a Limits,
    span: (Wall, Wall),
}

/// What makes the same thing of several days: the schedule, what, in which zone, at what time of
/// day, and how much later it is sent, or revoked.
type Kind = (Option<Arc<str>>, Action, String, Time, Option<Duration>, Option<Duration>);

impl Scene<'_> {
    fn finding(&self, steps: &[&Step], instead: Instead) -> Option<Finding> {
        let first = steps.first()?;
        let method = first.action.into();
        Some(Finding {
            deployments: vec![first.deployment.clone()],
            schedule: schedule(&first.rule),
            action: first.action,
            wanted: Recurrence {
                zone: first.zone.clone(),
                times: steps.iter().map(|step| step.wanted).collect(),
                span: self.span,
            },
            limit: (
                self.limits.of(method).requests,
                self.limits.of(method).per + self.limits.margin,
            ),
            instead,
        })
    }

    /// Each deployment by itself; the same thing of several is one finding.
    fn alone<'s>(&self, steps: impl Iterator<Item = &'s Step>) -> Vec<Finding> {
        let mut days: BTreeMap<(&DeploymentId, Kind), Vec<&Step>> = BTreeMap::new();
        for step in steps.filter(|step| step.course != Course::Sent(step.wanted)) {
            days.entry((&step.deployment, kind(step))).or_default().push(step);
        }
        let mut findings: Vec<Finding> = Vec::new();
        for steps in days.values() {
            let instead = match steps[0].course {
                Course::Sent(at) => Instead::Late(at),
                Course::Skipped { revoked, allowed } => Instead::Never { revoked, allowed },
            };
            let Some(finding) = self.finding(steps, instead) else { continue };
            let same = |known: &&mut Finding| {
                let deployments = known.deployments.clone();
                **known == Finding { deployments, ..finding.clone() }
            };
            match findings.iter_mut().find(same) {
                Some(known) => known.deployments.extend(finding.deployments),
                None => findings.push(finding),
            }
        }
        findings.sort_by_key(Finding::place);
        findings
    }

    /// The lines of accounts, from when somebody joins to when nobody waits any more.
    fn in_line(&self, steps: &[Step]) -> Vec<Finding> {
        let mut lines: BTreeMap<(&AccountId, Action), Vec<Vec<&Step>>> = BTreeMap::new();
        for step in steps {
            let known = lines.entry((&step.account, step.action)).or_default();
            let joins = known.last().is_some_and(|line| {
                let busy = line.iter().map(|step| left(step)).max();
                busy.is_some_and(|until| step.wanted <= until)
            });
            match known.last_mut().filter(|_| joins) {
                Some(line) => line.push(step),
                None => known.push(vec![step]),
            }
        }
        let (mut findings, mut single) = (Vec::<Finding>::new(), Vec::new());
        for line in lines.into_values().flatten() {
            match line.as_slice() {
                [step] => single.push(*step),
                _ => self.join(&line, &mut findings),
            }
        }
        findings.extend(self.alone(single.into_iter()));
        findings.sort_by_key(Finding::place);
        findings
    }

    /// Adds a line to the findings, or to the one that is the same on another day.
    fn join(&self, line: &[&Step], findings: &mut Vec<Finding>) {
        let sent = |step: &&Step| match step.course {
            Course::Sent(at) => Some(at),
            Course::Skipped { .. } => None,
        };
        if line.iter().all(|step| sent(step) == Some(step.wanted)) {
            return;
        }
        let never = line.iter().filter(|step| sent(step).is_none());
        let instead = Instead::Line {
            account: line[0].account.clone(),
            last: line.iter().filter_map(sent).max().unwrap_or(line[0].wanted),
            never: never.map(|step| step.deployment.clone()).collect(),
            others: false,
        };
        let Some(mut finding) = self.finding(&line[..1], instead) else { return };
        finding.deployments = line.iter().map(|step| step.deployment.clone()).collect();
        finding.schedule = None;
        match findings.iter_mut().find(|known| known.is_like(&finding)) {
            Some(known) => known.join(finding),
            None => findings.push(finding),
        }
    }
}

/// When a step does not wait any more.
fn left(step: &Step) -> Wall {
    match step.course {
        Course::Sent(at) => at,
        Course::Skipped { revoked, allowed: _ } => revoked,
    }
}

fn kind(step: &Step) -> Kind {
    let (late, never) = match step.course {
        Course::Sent(at) => (Some(at.since(step.wanted)), None),
        Course::Skipped { revoked, allowed } => {
            (Some(allowed.since(step.wanted)), Some(revoked.since(step.wanted)))
        }
    };
    let time = local(&step.zone, step.wanted).time();
    let zone = zone_name(&step.zone).to_owned();
    (schedule(&step.rule), step.action, zone, time, late, never)
}

fn schedule(rule: &Rule) -> Option<Arc<str>> {
    match rule {
        Rule::State | Rule::Override(_) | Rule::Asked { .. } => None,
        Rule::Schedule { name, because: _ } => Some(name.clone()),
    }
}

impl Finding {
    /// Where it stands among others: by the time of day, as what is said of a week must not change
    /// its order from one hour to the next.
    fn place(&self) -> (Time, Wall) {
        let first = self.wanted.first();
        (local(&self.wanted.zone, first).time(), first)
    }

    /// How much later than wanted the last is sent.
    fn delay(&self) -> Duration {
        let until = match &self.instead {
            Instead::Late(at) => *at,
            Instead::Never { revoked, allowed: _ } => *revoked,
            Instead::Line { last, .. } => *last,
        };
        until.since(self.wanted.first())
    }

    /// Whether it is the same thing on another day, if not of the same deployments.
    fn is_like(&self, other: &Self) -> bool {
        let line = |one: &Self| match &one.instead {
            Instead::Late(_) | Instead::Never { .. } => None,
            Instead::Line { account, never, .. } => Some((account.clone(), never.len())),
        };
        let time = |one: &Self| one.place().0;
        let what = |one: &Self| (one.deployments.len(), one.action, one.delay());
        (what(self), line(self), time(self)) == (what(other), line(other), time(other))
            && self.wanted.zone == other.wanted.zone
    }

    /// Takes in what is like it.
    fn join(&mut self, other: Self) {
        self.wanted.times.extend(other.wanted.times);
        if let (Instead::Line { never, others, .. }, Instead::Line { never: other_never, .. }) =
            (&mut self.instead, &other.instead)
        {
            *others |= never != other_never || self.deployments != other.deployments;
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (zone, first) = (&self.wanted.zone, self.wanted.first());
        let (action, when) = (self.action.as_str(), &self.wanted);
        let wanted = format!("{} {}", clock(zone, first), zone_name(zone));
        let late = format_duration(self.delay());
        let (requests, hold) = (self.limit.0, format_duration(self.limit.1));
        let calls = if requests == 1 { action.to_owned() } else { format!("{action}s") };
        let limit = format!("the limit is {requests} {calls} in {hold}");
        let names = names(&self.deployments);
        if let Instead::Line { account, last, never, others } = &self.instead {
            let last = clock_beside(zone, *last, first);
            let count = self.deployments.len();
            write!(
                f,
                "account `{account}`: {when}, {count} {action}s wanted from {wanted} on wait in \
                 line, the last until {last}, {late} later ({limit}): {names}"
            )?;
            let ends = match self.action {
                Action::Start => "the window ends",
                Action::Stop => "the next window begins",
            };
            match never.as_slice() {
                [] => (),
                [one] => write!(f, "; `{one}` never comes to its turn, as {ends} first")?,
                never => write!(
                    f,
                    "; {} of them never come to their turn, as {ends} first: {}",
                    never.len(),
                    self::names(never)
                )?,
            }
            return f.write_str(if *others { ", and others on the other days" } else { "" });
        }
        write!(f, "{names}")?;
        if let Some(schedule) = &self.schedule {
            write!(f, " (schedule {schedule})")?;
        }
        write!(f, ": {when}, the {action} wanted at {wanted} is ")?;
        match &self.instead {
            Instead::Late(at) => {
                write!(f, "sent at {}, {late} late: {limit}", clock_beside(zone, *at, first))
            }
            Instead::Never { revoked, allowed } => write!(
                f,
                "never sent: it is allowed from {} on, and {} is wanted again at {}; {limit}",
                clock_beside(zone, *allowed, first),
                self.action.leads_to().opposite(),
                clock_beside(zone, *revoked, first),
            ),
            Instead::Line { .. } => Ok(()),
        }
    }
}

/// `` `a`, `b` and 10 more``.
pub fn names(ids: &[DeploymentId]) -> String {
    let shown: Vec<_> = ids.iter().take(NAMES).map(|id| format!("`{id}`")).collect();
    match ids.len().saturating_sub(NAMES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
