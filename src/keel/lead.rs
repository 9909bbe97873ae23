//! How long a deployment takes to start, by what it has shown; how much earlier a start is sent
//! where a schedule says `ready: true`; and whether one came too late.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cadence;
use super::call::Fate;
use super::deployment::{Action, DeploymentId, Status};
use super::desk::Desk;
use super::history::History;
use super::member::Member;
use super::message;
use super::notice::Notice;
use super::plan::{Judgement, Reason};
use super::policy::Policy;
use super::record::Stamp;
use super::time::{Mono, Wall};

/// Starts that a lead is judged by: enough to outvote a bad day, few enough to follow a deployment
/// that grows slower within two weeks of working days.
const JUDGED: usize = 8;

/// Starts that are remembered: what comes in while one window is awaited does not push out what
/// that window's lead was judged by, unless it is more than the difference.
const KEPT: usize = JUDGED + 4;

/// A start that was accepted, and then seen to have come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// When `running` was seen.
    #[serde(rename = "w")]
    pub at: Wall,
    /// From the answer that accepted it to the one that saw it run, in milliseconds.
    #[serde(rename = "t")]
    pub took: u64,
}

/// The starts that a deployment has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Starts {
    /// When the start that is under watch was accepted.
    pub awaited: Option<Mono>,
    /// Oldest first.
    pub shown: Vec<Shown>,
}

impl Starts {
    /// Another start or stop may be on its way: what is seen from now on may be its doing.
    pub(super) fn reserved(&mut self) {
        self.awaited = None;
    }

    /// A start or stop has come to its end.
    pub(super) fn settled(&mut self, action: Action, at: Mono, fate: Fate) {
        self.awaited = match (action, fate) {
            (Action::Start, Fate::Answered { code: 200..=299, .. }) => Some(at),
            (Action::Start, Fate::Answered { .. } | Fate::Unanswered | Fate::NeverLeft)
            | (Action::Stop, _) => None,
        };
    }

    /// Its status is another one than before.
    pub(super) fn seen(&mut self, status: &Status, at: Stamp) {
        match status {
            Status::Starting | Status::Pending | Status::Unknown(_) => return,
            Status::Stopped | Status::Stopping | Status::Failed => (),
            Status::Running => {
                if let Some(since) = self.awaited {
                    let took = at.mono.since(since).as_millis();
                    let took = u64::try_from(took).unwrap_or(u64::MAX);
                    self.shown.push(Shown { at: at.wall, took });
                    let surplus = self.shown.len().saturating_sub(KEPT);
                    self.shown.drain(..surplus);
                }
            }
        }
        self.awaited = None;
    }

    /// Between two clock domains nobody knows how long it was.
    pub(super) fn rebooted(&mut self) {
        self.awaited = None;
    }

    /// How much earlier than `begin` a start is to be sent.
    ///
    /// The second longest of the last starts: one that a bad hour of the platform, or an outage of
    /// this daemon, made long moves nothing, and of nine starts that are alike seven are no longer.
    /// While there are less than three, the longest.
    ///
    /// Starts seen to end after the longest lead there is has begun are left out. So the lead of a
    /// window does not change once the window may be under way, and what was started early is not
    /// stopped because it was quick; also not by the next process.
    fn lead(&self, policy: &Policy, begin: Wall) -> Duration {
        let longest = policy.act.settle_timeout;
        let known = begin.shifted(-i64::try_from(longest.as_millis()).unwrap_or(i64::MAX));
        let known = self.shown.iter().rev().filter(|start| start.at <= known);
        let mut known: Vec<_> = known.take(JUDGED).map(|start| start.took).collect();
        known.sort_unstable_by(|a, b| b.cmp(a));
        let took = match known[..] {
            [] => return unknown(policy),
            [one] | [one, _] => one,
            [_, second, _, ..] => second,
        };
        let lead = Duration::from_millis(took).saturating_add(allowance(policy));
        lead.max(shortest(policy)).min(longest)
    }
}

/// The lead of a deployment that has not shown a start yet: a quarter of the window of starts (15
/// minutes of an hour), which is longer than most dedicated deployments take.
pub fn unknown(policy: &Policy) -> Duration {
    (policy.limits.start.per / 4).min(policy.act.settle_timeout)
}

/// No lead is shorter than a sixtieth of the window of starts (a minute of an hour).
fn shortest(policy: &Policy) -> Duration {
    policy.limits.start.per / 60
}

/// What a start takes beside the time that it has shown: a last look before it is sent, and one
/// pause between two looks, by which it may be seen later than the last time.
fn allowance(policy: &Policy) -> Duration {
    let pause = cadence::read_interval(&policy.limits, &policy.observe, 1);
    policy.observe.confirm_within.saturating_add(pause)
}

impl History {
    /// How much earlier than `begin` a start of `deployment` is to be sent, so that it runs by
    /// then.
    pub fn lead(&self, deployment: &DeploymentId, begin: Wall) -> Duration {
        let past = self.deployments.get(deployment);
        past.map_or_else(
            || Starts::default().lead(&self.policy, begin),
            |past| past.starts.lead(&self.policy, begin),
        )
    }
}

/// Since when `member` should have been running, if it is late.
///
/// A window is owed only to who followed the schedule before it began: nobody can be ready for what
/// was asked for afterwards. Once it ran in a window it is not late for it any more: what turns it
/// back later is told as that.
pub fn late_since(member: &Member, history: &History, reason: Reason, now: Wall) -> Option<Wall> {
    let by = member.resolved.ready_by.filter(|by| *by <= now)?;
    let left_alone = member.resolved.suspended.is_some();
    // Before the first look nobody knows.
    if left_alone || reason == Reason::Unobserved || by < member.rescheduled {
        return None;
    }
    history.chronicle().owes(&member.id, by).then_some(by)
}

impl Desk<'_> {
    /// Tells once for each window that a deployment is late, and once that it is not any more.
    pub(super) fn tell_late(&mut self, member: &mut Member, judgement: Judgement) {
        let (now, reason) = (self.now, judgement.reason);
        let late = late_since(member, self.history, reason, now.wall);
        if member.late == late {
            return;
        }
        let by = |since: Wall| now.mono.since(now.mono_at(since));
        let deployment = member.id.clone();
        match (member.late.take(), late) {
            (Some(_) | None, Some(ready_by)) => {
                let line = self.standing(member);
                let message = message::of(member, judgement, self.context(), line, now).into();
                let by = by(ready_by);
                self.decision.tell(Notice::Late { deployment, ready_by, by, reason, message });
            }
            (Some(ready_by), None) => {
                let (by, runs) = (by(ready_by), member.status() == Some(&Status::Running));
                self.decision.tell(Notice::LateNoMore { deployment, ready_by, by, runs });
            }
            (None, None) => (),
        }
        member.late = late;
    }
}
