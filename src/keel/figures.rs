//! What metrics show of a deployment: figures and words of a fixed set, and no sentence. A scrape
//! comes every few seconds and wants the whole fleet, so nothing is made for it that it drops.

use super::call::Method;
use super::deployment::{AccountId, DeploymentId, Desired, Status};
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
    /// Position in the line for a start or stop, from 1, and when its turn comes.
    pub queue: Option<(usize, Option<Wall>)>,
    /// Where its schedule says `ready: true`: how many seconds earlier its start is sent, and
    /// whether it is late.
    pub ready: Option<(u64, bool)>,
    /// The kinds of the temporary wishes in force.
    pub wishes: Vec<&'static str>,
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
        self.page(after, most, now, |member, line| self.figures_of(member, line, now))
    }

    fn figures_of(&self, member: &Member, line: Option<Standing>, now: Now) -> Figures {
        let account = &member.intent.account;
        let known = self.history.known(&member.id);
        let budgets = self.history.rooms(account, known, now.mono);
        let seen = member.observation.as_ref();
        let wishes = known.map(|past| past.wishes.at(now.wall));
        let kinds = wishes.map(|wishes| wishes.map(|wish| wish.want.kind()).collect());
        Figures {
            id: member.id.clone(),
            account: account.clone(),
            desired: member.resolved.desired,
            until: member.resolved.changes,
            observed: seen.map(|seen| (seen.facts.status.clone(), now.wall_at(seen.answered))),
            reason: plan::judge(member, self.context(member, now)).reason,
            queue: line.map(|line| (line.position, line.eta.map(|eta| now.wall_at(eta)))),
            ready: member.intent.is_ready().then(|| (member.lead.as_secs(), member.late.is_some())),
            wishes: kinds.unwrap_or_default(),
            budgets: budgets.map(|(method, (remaining, verdict))| Budget {
                method,
                remaining,
                allowed: allowed(verdict, now),
            }),
        }
    }
}
