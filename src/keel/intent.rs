//! What the desired file asks for, and what that means at a wall time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::deployment::{AccountId, DeploymentId, Desired};
use super::schedule::{Phase, Schedule};
use super::temporary::Wishes;
use super::time::Wall;

/// A valid desired file, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// A short name for exactly this content.
    pub revision: Arc<str>,
    /// The fleet, by id. What is not named here is left as it is.
    pub intents: BTreeMap<DeploymentId, Arc<Intent>>,
    /// The ids of held changes that are let through.
    pub acknowledged: BTreeSet<Arc<str>>,
}

impl Manifest {
    /// These intents, and nothing acknowledged. Neighbours that ask for the same share it: most of
    /// a large file does.
    pub fn new(
        revision: Arc<str>,
        intents: impl IntoIterator<Item = (DeploymentId, Intent)>,
    ) -> Self {
        let mut last: Option<Arc<Intent>> = None;
        let shared = intents.into_iter().map(|(id, intent)| {
            let known = last.take().filter(|known| **known == intent);
            (id, last.insert(known.unwrap_or_else(|| Arc::new(intent))).clone())
        });
        let intents = shared.collect();
        Self { revision, intents, acknowledged: BTreeSet::new() }
    }

    /// What is asked for this deployment, if it is named.
    pub fn intent(&self, id: &DeploymentId) -> Option<&Intent> {
        self.intents.get(id).map(Arc::as_ref)
    }
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
    /// What an hour costs, if the file says so.
    pub prices: Option<Prices>,
    /// The file's time zone, in which people are told of it.
    pub zone: TimeZone,
}

/// What an hour costs, in ten-thousandths of whatever currency the bill is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prices {
    /// Running.
    pub running: u32,
    /// Stopped.
    pub stopped: u32,
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
            prices: None,
            zone: TimeZone::UTC,
        }
    }
}

/// Where the state comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// One state, always.
    Fixed(Desired),
    /// Another state at other times.
    Scheduled(Arc<Schedule>),
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
    /// Somebody asked the running daemon, with `evenkeel override`.
    Asked {
        /// Who.
        by: Arc<str>,
        /// Why.
        reason: Option<Arc<str>>,
    },
    /// A schedule.
    Schedule {
        /// Its name.
        name: Arc<str>,
        /// Which part of it, for people: `Mon-Fri 08:00-19:00`, `outside its windows`.
        because: Arc<str>,
    },
}

/// `state`, `override (load test)`, `schedule office-hours (Mon-Fri 08:00-19:00)`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State => f.write_str("state"),
            Self::Override(None) => f.write_str("override"),
            Self::Override(Some(reason)) => write!(f, "override ({reason})"),
            Self::Asked { by, reason: None } => write!(f, "evenkeel override by {by}"),
            Self::Asked { by, reason: Some(reason) } => {
                write!(f, "evenkeel override by {by} ({reason})")
            }
            Self::Schedule { name, because } => write!(f, "schedule {name} ({because})"),
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
    /// Since when a schedule has wanted this state; `None` where no schedule does, or always.
    pub since: Option<Wall>,
    /// By when it is to be running, where a schedule says `ready: true`.
    pub ready_by: Option<Wall>,
    /// It need not be asked for again before then.
    pub valid_until: Option<Wall>,
}

impl Intent {
    /// What is asked at `wall`. Level-triggered: depends on nothing but the file and the time.
    pub fn resolve(&self, wall: Wall) -> Resolved {
        self.resolve_with(wall, Duration::ZERO, |schedule| schedule.at(wall))
    }

    /// As [`Intent::resolve`], where `phase` knows what a schedule says at `wall`, and a schedule
    /// that is to be ready begins by `lead` earlier.
    pub fn resolve_with(
        &self,
        wall: Wall,
        lead: Duration,
        phase: impl FnOnce(&Arc<Schedule>) -> Phase,
    ) -> Resolved {
        self.resolve_under(None, wall, lead, phase)
    }

    /// As [`Intent::resolve_with`], where temporary `wishes` stand over the file.
    pub fn resolve_under(
        &self,
        wishes: Option<&Wishes>,
        wall: Wall,
        lead: Duration,
        phase: impl FnOnce(&Arc<Schedule>) -> Phase,
    ) -> Resolved {
        let suspend = self.suspend.as_ref().filter(|s| s.until.is_none_or(|until| wall < until));
        let suspend = wishes
            .and_then(|wishes| wishes.suspension(wall))
            .map(|wish| (wish.words(), wish.until))
            .or_else(|| suspend.map(|s| (s.reason.clone(), s.until)));
        let exception = self.exception.as_ref().filter(|o| wall < o.until);
        let exception = wishes.and_then(|wishes| wishes.exception(wall)).or_else(|| {
            exception.map(|o| (o.state, Some(o.until), Rule::Override(o.reason.clone())))
        });
        let ends = [
            suspend.as_ref().and_then(|(_, until)| *until),
            exception.as_ref().and_then(|(_, until, _)| *until),
        ];
        let resolved = match (exception, &self.wanted) {
            (Some((state, _, rule)), Wanted::Fixed(_) | Wanted::Scheduled(_)) => {
                Resolved::fixed(state, rule)
            }
            (None, Wanted::Fixed(state)) => Resolved::fixed(*state, Rule::State),
            (None, Wanted::Scheduled(schedule)) => {
                let phase = phase(schedule);
                if schedule.ready { phase.ready(schedule, wall, lead) } else { phase.into() }
            }
        };
        let soonest = |own: Option<Wall>| ends.into_iter().chain([own]).flatten().min();
        Resolved {
            suspended: suspend.map(|(reason, _)| reason),
            changes: soonest(resolved.changes),
            valid_until: soonest(resolved.valid_until),
            ..resolved
        }
    }

    /// The schedule that it follows, if it follows one.
    pub fn schedule(&self) -> Option<&Arc<Schedule>> {
        match &self.wanted {
            Wanted::Fixed(_) => None,
            Wanted::Scheduled(schedule) => Some(schedule),
        }
    }

    /// The zone in which people are told of it.
    pub fn clock(&self) -> &TimeZone {
        self.schedule().map_or(&self.zone, |schedule| &schedule.zone)
    }

    /// Whether it follows a schedule that says `ready: true`.
    pub fn is_ready(&self) -> bool {
        self.schedule().is_some_and(|schedule| schedule.ready)
    }

    /// Whether time alone can change what is asked.
    pub fn is_timed(&self) -> bool {
        self.suspend.is_some() || self.exception.is_some() || self.schedule().is_some()
    }
}

impl Resolved {
    fn fixed(desired: Desired, rule: Rule) -> Self {
        Self {
            desired,
            rule,
            suspended: None,
            changes: None,
            since: None,
            ready_by: None,
            valid_until: None,
        }
    }

    /// Whether it asks for the deployment to be stopped, and nothing stands against that.
    pub fn stops(&self, protect: bool) -> bool {
        self.desired == Desired::Stopped && self.suspended.is_none() && !protect
    }
}

impl From<Phase> for Resolved {
    fn from(phase: Phase) -> Self {
        let Phase { state, rule, since, until, valid_until } = phase;
        Self { changes: until, since, valid_until, ..Self::fixed(state, rule) }
    }
}

impl Phase {
    /// What a schedule that is to be ready asks for: the start of its next window comes by `lead`
    /// earlier. It is not stopped in a gap that is no longer than that, as it could not be back in
    /// time; there it counts as wanted since the gap began.
    fn ready(self, schedule: &Schedule, wall: Wall, lead: Duration) -> Resolved {
        let lead = i64::try_from(lead.as_millis()).unwrap_or(i64::MAX);
        match (self.state, self.until) {
            (Desired::Running, _) | (Desired::Stopped, None) => {
                let ready_by = self.since.filter(|_| self.state == Desired::Running);
                Resolved { ready_by, ..self.into() }
            }
            (Desired::Stopped, Some(begin)) if wall < begin.shifted(-lead) => {
                let early = begin.shifted(-lead);
                let valid_until = self.valid_until.map(|until| until.min(early)).or(Some(early));
                Resolved { changes: Some(early), valid_until, ..self.into() }
            }
            (Desired::Stopped, Some(begin)) => {
                let local = schedule.zone.to_datetime(begin.timestamp());
                let because = format!("ready by {}", local.strftime("%a %H:%M")).into();
                let rule = Rule::Schedule { name: schedule.name.clone(), because };
                let early = begin.shifted(-lead);
                Resolved {
                    since: Some(self.since.map_or(early, |stopped| stopped.max(early))),
                    ready_by: Some(begin),
                    changes: Some(begin),
                    valid_until: Some(begin),
                    ..Resolved::fixed(Desired::Running, rule)
                }
            }
        }
    }
}
