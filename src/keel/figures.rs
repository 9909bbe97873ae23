//! What metrics show of a deployment: figures and words of a fixed set, and no sentence. A scrape
//! comes every few seconds and wants the whole fleet, so nothing is made for it that it drops.

use std::num::NonZeroU32;
use std::time::Duration;

use super::call::Method;
use super::deployment::{AccountId, DeploymentId, Desired, Status};
use super::fleet::in_order;
use super::history::DeploymentPast;
use super::line::Standing;
use super::member::Member;
use super::plan::{self, Reason};
use super::reconciler::Reconciler;
use super::report::allowed;
use super::time::{Now, Wall};

/// A deployment in figures. The same as its [`super::view::DeploymentView`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The id.
    pub id: DeploymentId,
    /// The account.
    pub account: AccountId,
    /// What is wanted.
    pub desired: Desired,
    /// When time alone may next change that.
    pub until: Option<Wall>,
    /// The status last seen, and when.
    pub observed: Option<(Status, Wall)>,
    /// The reason of the `Synced` condition.
    pub reason: Reason,
    /// Position in the line for a start or stop, from 1.
    pub position: Option<NonZeroU32>,
    /// When its turn in that comes, if that is known.
    pub turn: Option<Wall>,
    /// Where its schedule says `ready: true`: how many seconds earlier its start is sent, and
    /// whether it is late.
    pub ready: Option<(u32, bool)>,
    /// Whether a temporary override stands over the desired file.
    pub overridden: bool,
    /// Whether a temporary suspension does.
    pub suspended: bool,
    /// The budgets of its reads, its starts and its stops.
    pub budgets: [Budget; 3],
}

/// A budget in figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Of what.
    pub method: Method,
    /// Calls that could be sent now.
    pub remaining: u32,
    /// When the next one is allowed; `None` while that depends on a call under way.
    pub allowed: Option<Wall>,
}

impl Reconciler {
    /// The deployments in figures by id, `most` of them at the most: the first, or those behind
    /// `after`.
    pub fn figures(&self, after: Option<&DeploymentId>, most: usize, now: Now) -> Vec<Figures> {
        let mut known = in_order(self.history.known_after(after));
        self.page(after, most, now, |member, line| {
            self.figures_of(member, known(&member.id), line, now)
        })
    }

    fn figures_of(
        &self,
        member: &Member,
        known: Option<&DeploymentPast>,
        line: Option<Standing>,
        now: Now,
    ) -> Figures {
        let account = &member.intent.account;
        let budgets = self.history.rooms(account, known, now.mono);
        let seen = member.observation.as_ref();
        let wishes = || known.into_iter().flat_map(|past| past.wishes.at(now.wall));
        Figures {
            id: member.id.clone(),
            account: account.clone(),
            desired: member.resolved.desired,
            until: member.resolved.changes,
            observed: seen.map(|seen| (seen.status.clone(), now.wall_at(seen.answered))),
            reason: plan::judge(member, self.context(member, now)).reason,
            position: line.and_then(|line| position(line.position)),
            turn: line.and_then(|line| line.eta).map(|eta| now.wall_at(eta)),
            ready: member.intent.is_ready().then(|| (seconds(member.lead), member.late.is_some())),
            overridden: wishes().any(|wish| wish.want.state().is_some()),
            suspended: wishes().any(|wish| wish.want.state().is_none()),
            budgets: budgets.map(|(method, (remaining, verdict))| Budget {
                method,
                remaining,
                allowed: allowed(verdict, now),
            }),
        }
    }
}

/// From 1, as it is counted.
fn position(position: usize) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(position).unwrap_or(u32::MAX))
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}
