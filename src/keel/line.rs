//! The lines for a start or stop that a whole account shares: who comes next, and when.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::call::{CallId, Fate};
use super::decision::Decision;
use super::deployment::{AccountId, Action, DeploymentId};
use super::desk::Desk;
use super::history::History;
use super::member::Member;
use super::plan::{Judgement, Need, Reason};
use super::reconciler::Reconciler;
use super::record::{Record, Stamp};
use super::time::{Mono, Now, Wall};

/// A place in a line. Whoever has a deadline goes first, the earliest of them before the others;
/// then whoever has been waiting for longest; then whoever was served longest ago, so that those
/// who want the same thing every day take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    deadline: Wall,
    since: Wall,
    served: Option<CallId>,
}

impl Place {
    /// To be served by `deadline`, or waiting since `since`; `served` is the number of the last
    /// start or stop. A deadline stands for the waiting, too: how early it had to join for the
    /// time that its start takes gives it no right over the others.
    pub fn new(deadline: Option<Wall>, since: Wall, served: Option<CallId>) -> Self {
        let since = deadline.unwrap_or(since);
        Self { deadline: deadline.unwrap_or(Wall::from_millis(i64::MAX)), since, served }
    }
}

/// A line of the ledger about a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "snake_case")]
pub enum Lined {
    /// A deployment waits for a start or stop.
    Waits {
        /// Since when.
        at: Stamp,
        /// Which one.
        deployment: DeploymentId,
        /// What for.
        action: Action,
    },
    /// It does not want it any more.
    Left {
        /// When.
        at: Stamp,
        /// Which one.
        deployment: DeploymentId,
    },
}

/// How a deployment stands in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What it waits for.
    pub action: Action,
    /// From 1.
    pub position: usize,
    /// Of so many.
    pub length: usize,
    /// When its turn comes, if each before it takes its own; `None` while a call is under way.
    pub eta: Option<Mono>,
}

/// `3rd of 20`.
impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ending = match (self.position % 10, self.position % 100) {
            (_, 11..=13) => "th",
            (1, _) => "st",
            (2, _) => "nd",
            (3, _) => "rd",
            (_, _) => "th",
        };
        write!(f, "{}{ending} of {}", self.position, self.length)
    }
}

impl History {
    /// What a deployment has been waiting for in its account's line, and since when.
    pub fn waits(&self, deployment: &DeploymentId) -> Option<(Action, Stamp)> {
        self.deployments.get(deployment)?.waits.as_deref().copied()
    }

    pub(super) fn lined(&mut self, line: &Lined) {
        let (at, deployment, waits) = match line {
            Lined::Waits { at, deployment, action } => (*at, deployment, Some((*action, *at))),
            Lined::Left { at, deployment } => (*at, deployment, None),
        };
        self.read_clock(at);
        self.deployment(deployment).waits = waits.map(Box::new);
    }

    /// How the one at `position` of `length` stands in the account's line for `action`.
    pub(super) fn standing(
        &self,
        account: &AccountId,
        action: Action,
        (position, length): (usize, usize),
        now: Mono,
    ) -> Standing {
        let method = action.into();
        let known = self.accounts.get(account).and_then(|past| past.tallies.get(method));
        let tally = known.cloned().unwrap_or_else(|| self.new_tally(method));
        let eta = tally.turn(now, self.rule(method), position);
        Standing { action, position, length, eta }
    }
}

impl Desk<'_> {
    /// Where the whole account shares one start or stop, they line up for it. Who has not been
    /// looked at since a restart keeps the place that the ledger remembers.
    pub(super) fn line_up(&mut self, member: &mut Member, judgement: Judgement) {
        let waited = self.history.waits(&member.id).map(|(action, _)| action);
        let desired = member.resolved.desired.action();
        let wanted = match judgement.need {
            Need::Act(action) | Need::Wait(action, _) => Some(action),
            Need::Nothing if judgement.reason == Reason::Unobserved => {
                waited.filter(|action| *action == desired)
            }
            Need::Nothing => None,
        };
        let shared = wanted.filter(|action| self.lines_up(member, *action));
        let (at, deployment) = (self.now.into(), member.id.clone());
        match (shared, waited) {
            (Some(action), waited) if waited != Some(action) => {
                self.record(Record::Line(Lined::Waits { at, deployment, action }));
            }
            (None, Some(action)) if action != desired || !still_wants(member) => {
                self.record(Record::Line(Lined::Left { at, deployment }));
            }
            (Some(_) | None, _) => (),
        }
        let place = shared.map(|action| (action, self.place(member, action)));
        self.account.line_up(member, place);
    }

    /// Whether it takes a place in a line for that. One that cannot be read, or was refused, lets
    /// the others pass.
    fn lines_up(&self, member: &Member, action: Action) -> bool {
        let wide = self.history.is_wide(&member.intent.account, action.into(), self.now.mono);
        wide && member.failing.is_none() && self.history.refusals(&member.id) == 0
    }

    /// Whether it has to join a line before anything is done: others that the same moment brings
    /// may have to go before it.
    pub(super) fn must_join(&self, member: &Member, action: Action) -> bool {
        let joined = member.queued.as_ref().is_some_and(|place| place.0 == action);
        !joined && self.lines_up(member, action)
    }

    /// Whether another deployment is to have the account's one start or stop before this one.
    pub(super) fn must_wait_in_line(&self, member: &Member, action: Action) -> bool {
        self.account.first_in_line(action).is_some_and(|first| *first != member.id)
    }

    /// How it stands in its account's line.
    pub(super) fn standing(&self, member: &Member) -> Option<Standing> {
        let (action, position, length) = self.account.standing(member)?;
        let (account, now) = (&member.intent.account, self.now.mono);
        Some(self.history.standing(account, action, (position, length), now))
    }

    /// A schedule's change counts from when it was due, everything else from when it joined.
    /// Whoever has had a try since then goes behind those that have not.
    fn place(&self, member: &Member, action: Action) -> Place {
        let joined = self.history.waits(&member.id).map_or(self.now.wall, |(_, at)| at.wall);
        let since = member.resolved.since.unwrap_or(joined);
        let last = self.history.last_act(&member.id);
        let last = last.filter(|last| last.settled.is_none_or(|(_, fate)| fate != Fate::NeverLeft));
        let served = last.map(|last| last.id);
        let settled = last.filter(|last| last.action == action).and_then(|last| last.settled);
        match settled.filter(|(at, _)| since <= at.wall) {
            Some((at, _)) => Place::new(None, at.wall, served),
            None => Place::new(member.resolved.ready_by, since, served),
        }
    }
}

fn still_wants(member: &Member) -> bool {
    let arrived = member.status().and_then(|status| status.settled());
    member.resolved.suspended.is_none() && arrived != Some(member.resolved.desired)
}

impl Reconciler {
    /// Moves on whoever has come to stand first in a line.
    pub(super) fn call_next_in_line(&mut self, id: &AccountId, now: Now, decision: &mut Decision) {
        for action in [Action::Start, Action::Stop] {
            let first = self.accounts.get(id).and_then(|account| account.first_in_line(action));
            let (first, key) = (first.cloned(), (id.clone(), action));
            if self.first.get(&key) == first.as_ref() {
                continue;
            }
            match first {
                Some(first) => {
                    self.first.insert(key, first.clone());
                    self.visit(&first, now, decision, |_, _| ());
                }
                None => {
                    self.first.remove(&key);
                }
            }
        }
    }
}
