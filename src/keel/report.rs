//! Builds the [`View`].

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds as _};
use std::sync::Arc;

use super::account::List;
use super::budget::Verdict;
use super::call::{Call, Method, Request};
use super::deployment::{AccountId, Action, DeploymentId};
use super::guard::{GuardView, Holding};
use super::line::Standing;
use super::member::{Member, Trouble};
use super::message;
use super::plan::{self, Context, Judgement, Need, Reason};
use super::policy::ScopeMode;
use super::reconciler::Reconciler;
use super::time::{Mono, Now, Wall};
use super::view::{
    AccountView, BudgetView, Condition, DeploymentView, DesiredView, FileView, NextStep, NextView,
    ObservedView, PastView, QueueView, ReadyView, SyncedView, Time, View, WidenedView,
};

impl Reconciler {
    /// Everything as it stands at `now`.
    pub fn view(&self, now: Now) -> View {
        View { deployments: self.deployments(None, usize::MAX, now), ..self.outline(now) }
    }

    /// Everything but the deployments.
    pub fn outline(&self, now: Now) -> View {
        View {
            at: Time(now.wall),
            leader: self.standby.is_none(),
            standby: self.standby.clone(),
            file: self.file_view(),
            guard: self.guard_view(),
            ledger_fault: self.stuck.clone(),
            accounts: self.account_views(now),
            deployments: Vec::new(),
        }
    }

    /// The deployments by id, `most` of them at the most: the first, or those behind `after`.
    pub fn deployments(
        &self,
        after: Option<&DeploymentId>,
        most: usize,
        now: Now,
    ) -> Vec<DeploymentView> {
        self.page(after, most, now, |member, line| self.deployment_view(member, line, now))
    }

    /// `show`s some deployments by id, each with its place in a line.
    pub(super) fn page<T>(
        &self,
        after: Option<&DeploymentId>,
        most: usize,
        now: Now,
        mut show: impl FnMut(&Member, Option<Standing>) -> T,
    ) -> Vec<T> {
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let range = self.members.range::<DeploymentId, _>((begin, Bound::Unbounded));
        let members: Vec<&Member> = range.take(most).map(|(_, member)| &**member).collect();
        let Some(last) = members.last().map(|last| &last.id) else { return Vec::new() };
        let end = Bound::Included(last);
        let standings = self.standings(|id| (begin, end).contains(id), now);
        members.into_iter().map(|one| show(one, standings.get(&one.id).copied())).collect()
    }

    /// The deployment of this id.
    pub fn deployment(&self, id: &DeploymentId, now: Now) -> Option<DeploymentView> {
        let member = self.members.get(id)?;
        let line = self.standings(|one| one == id, now).get(id).copied();
        Some(self.deployment_view(member, line, now))
    }

    /// Not before it is certain, as it is told.
    fn guard_view(&self) -> Option<GuardView> {
        let Holding { hold, open, told, .. } = &self.holding;
        let hold = hold.as_ref().filter(|_| *told)?;
        Some(GuardView {
            change: hold.change.clone(),
            count: open.len(),
            fleet: self.holding.fleet,
            since: Time(hold.at.wall),
            deployments: open.iter().take(GuardView::NAMED_MAX).cloned().collect(),
        })
    }

    /// Where each of those that are `wanted` stands, if it stands in a line.
    pub(super) fn standings(
        &self,
        wanted: impl Fn(&DeploymentId) -> bool,
        now: Now,
    ) -> BTreeMap<&DeploymentId, Standing> {
        let mut standings = BTreeMap::new();
        for (id, account) in &self.accounts {
            for action in [Action::Start, Action::Stop] {
                let line = account.line(action);
                let length = line.len();
                for (place, deployment) in (1..).zip(line).filter(|(_, id)| wanted(id)) {
                    let standing = self.history.standing(id, action, (place, length), now.mono);
                    standings.insert(deployment, standing);
                }
            }
        }
        standings
    }

    /// The name that the API reports of a deployment, once it was seen.
    pub fn name_of(&self, id: &str) -> Option<&str> {
        self.members.get(id)?.observation.as_ref().map(|observation| observation.name.as_str())
    }

    /// Whether a valid desired file is in force.
    pub fn ready(&self) -> bool {
        self.manifest.is_some()
    }

    /// How many deployments are as desired or deliberately left alone, of how many.
    pub fn progress(&self) -> (usize, usize) {
        let rest = self.reasons().filter(|reason| reason.at_rest()).count();
        (rest, self.members.len())
    }

    /// How many deployments were neither seen yet, nor could not be.
    pub fn unseen(&self) -> usize {
        self.reasons().filter(|reason| *reason == Reason::Unobserved).count()
    }

    /// Whether each deployment was seen, or could not be.
    pub fn looked_around(&self) -> bool {
        self.reasons().all(|reason| reason != Reason::Unobserved)
    }

    /// Whether nothing more will happen unless somebody does something.
    pub fn finished(&self) -> bool {
        self.reasons().all(|reason| {
            reason.at_rest() || reason.needs_a_person() || reason == Reason::ObserveOnly
        })
    }

    fn reasons(&self) -> impl Iterator<Item = Reason> {
        self.members.values().map(|member| member.told.unwrap_or(Reason::Unobserved))
    }

    fn file_view(&self) -> FileView {
        FileView {
            revision: self.manifest.as_ref().map(|(manifest, _)| manifest.revision.clone()),
            accepted: self.manifest.as_ref().map(|(_, now)| Time(now.wall)),
            fault: self.fault.as_ref().map(|(fault, _)| fault.clone()),
            fault_since: self.fault.as_ref().map(|(_, now)| Time(now.wall)),
        }
    }

    fn account_views(&self, now: Now) -> Vec<AccountView> {
        let view = |id: &AccountId| {
            let account = self.accounts.get(id)?;
            let list = Call { account: id.clone(), request: Request::List };
            let widened = |method: &Method| {
                (*method != Method::List && self.history.is_wide(id, *method, now.mono)).then(
                    || WidenedView {
                        method: *method,
                        until: match self.policy.limits.scope {
                            ScopeMode::Auto => self.history.widened(id, *method),
                            ScopeMode::Deployment | ScopeMode::Account => None,
                        }
                        .map(|until| Time(now.wall_at(until))),
                    },
                )
            };
            Some(AccountView {
                name: id.clone(),
                unauthorized: account.refused.is_some(),
                list_call: match account.list {
                    List::Untried | List::Fails(0) => None,
                    List::Works => Some(true),
                    List::Fails(_) => Some(false),
                },
                in_flight: account.in_flight as usize,
                widened: Method::ALL.iter().filter_map(widened).collect(),
                budgets: vec![self.budget_view(&list, now)],
            })
        };
        self.policy.accounts.iter().filter_map(view).collect()
    }

    fn budget_view(&self, call: &Call, now: Now) -> BudgetView {
        let method = call.method();
        let (remaining, verdict) = self.history.room(call, now.mono);
        BudgetView {
            method,
            limit: self.policy.limits.of(method).requests,
            remaining,
            next_allowed: allowed(verdict, now).map(Time),
            account_wide: self.history.is_wide(&call.account, method, now.mono),
        }
    }

    /// When the list call will show the deployment again.
    fn next_list(&self, member: &Member) -> Option<Mono> {
        let account = self.accounts.get(&member.intent.account)?;
        (account.list == List::Works && member.listed).then_some(account.list_at)
    }

    /// What a judgement of it looks at.
    pub(super) fn context(&self, member: &Member, now: Now) -> Context<'_> {
        let account = self.accounts.get(&member.intent.account);
        Context {
            policy: &self.policy,
            history: &self.history,
            holding: &self.holding,
            unauthorized: account.is_some_and(|account| account.refused.is_some()),
            now: now.mono,
        }
    }

    /// What comes next for it.
    pub(super) fn next(
        &self,
        member: &Member,
        judgement: Judgement,
        line: Option<Standing>,
        now: Now,
    ) -> NextView {
        next(member, judgement, line, self.next_list(member), now)
    }

    fn deployment_view(&self, member: &Member, line: Option<Standing>, now: Now) -> DeploymentView {
        let context = self.context(member, now);
        let judgement = plan::judge(member, context);
        let message: Arc<str> = message::of(member, judgement, context, line, now).into();
        let resolved = &member.resolved;
        DeploymentView {
            id: member.id.clone(),
            account: member.intent.account.clone(),
            desired: DesiredView {
                state: resolved.desired,
                rule: resolved.rule.to_string(),
                until: resolved.changes.map(Time),
                until_local: resolved.changes.map(|at| at.local(member.intent.clock())),
                revision: self.revision.clone(),
                protect: member.intent.protect,
                suspended: resolved.suspended.clone(),
            },
            observed: member.observation.as_ref().map(|seen| ObservedView {
                status: seen.status.word(),
                name: seen.name.clone(),
                kind: seen.kind.clone(),
                at: Time(now.wall_at(seen.answered)),
                since: Time(member.status_since),
            }),
            fault: member.failing.as_deref().map(message::failure),
            wishes: self.wish_views(&member.id, now.wall),
            synced: SyncedView {
                reason: judgement.reason,
                message: message.clone(),
                since: Time(member.since.reason),
            },
            conditions: conditions(member, judgement.reason, &message),
            next: self.next(member, judgement, line, now),
            queue: line.map(|line| queue(line, now)),
            budgets: vec![
                self.budget_view(&member.read(), now),
                self.budget_view(&member.act(Action::Start), now),
                self.budget_view(&member.act(Action::Stop), now),
            ],
            last_action: self.history.last_act(&member.id).map(PastView::from),
            ready: member.intent.is_ready().then(|| ReadyView {
                lead_seconds: member.lead.as_secs(),
                ready_by: resolved.ready_by.map(Time),
                late: member.late.map(Time),
            }),
        }
    }
}

fn queue(line: Standing, now: Now) -> QueueView {
    QueueView {
        action: line.action,
        position: line.position,
        length: line.length,
        eta: line.eta.map(|eta| Time(now.wall_at(eta))),
    }
}

fn next(
    member: &Member,
    judgement: Judgement,
    line: Option<Standing>,
    list: Option<Mono>,
    now: Now,
) -> NextView {
    let act = |action, at: Option<Mono>| {
        let at = at.map(|at| now.wall_at(at));
        let step = match action {
            Action::Start => NextStep::Start,
            Action::Stop => NextStep::Stop,
        };
        let at_local = at.map(|at| at.local(member.intent.clock()));
        NextView { step, at: at.map(Time), at_local }
    };
    if let Some(line) = line.filter(|line| line.position > 1) {
        return act(line.action, line.eta);
    }
    match judgement.need {
        Need::Wait(action, until) => act(action, until),
        Need::Act(action) => act(action, Some(now.mono)),
        Need::Nothing if member.acting.is_some() || member.reading.is_some() => {
            NextView { step: NextStep::Answer, at: None, at_local: None }
        }
        Need::Nothing => {
            let read = [member.due.map(|(at, _)| at), list].into_iter().flatten().min();
            let at = read.map(|at| Time(now.wall_at(at)));
            NextView { step: NextStep::Read, at, at_local: None }
        }
    }
}

/// The four conditions, as the Kubernetes API has them.
fn conditions(member: &Member, reason: Reason, message: &Arc<str>) -> Vec<Condition> {
    let word = |holds: bool| if holds { "True" } else { "False" };
    let condition =
        |kind: &'static str, status: &'static str, reason: &'static str, message, since| {
            Condition {
                kind: kind.into(),
                status: status.into(),
                reason: reason.into(),
                message,
                last_transition_time: Time(since),
            }
        };
    let synced = reason.synced().map_or("Unknown", word);
    let (reachable, why, text) = match (&member.failing, &member.observation) {
        (Some(failing), _) => {
            let unsent = matches!(failing.trouble, Trouble::NotSent(..));
            let why = if unsent { "NeverLeft" } else { "ReadFailed" };
            (word(false), why, message::failure(failing))
        }
        (None, None) => ("Unknown", "Unobserved", "not read yet".into()),
        (None, Some(_)) => (word(true), "ReadSucceeded", "the last read gave a status".into()),
    };
    let stalled = if reason == Reason::Stalled { "Stalled" } else { "Progressing" };
    let held = if reason.is_held() { reason.as_str() } else { "NotHeld" };
    let since = member.since;
    vec![
        condition("Synced", synced, reason.as_str(), message.clone(), since.synced),
        condition("Reachable", reachable, why, text, since.reachable),
        condition(
            "Stalled",
            word(reason == Reason::Stalled),
            stalled,
            message.clone(),
            since.stalled,
        ),
        condition("Held", word(reason.is_held()), held, message.clone(), since.held),
    ]
}

/// When a call is allowed; `None` while that depends on one under way.
pub(super) const fn allowed(verdict: Verdict, now: Now) -> Option<Wall> {
    match verdict {
        Verdict::Open => Some(now.wall),
        Verdict::Until(at) => Some(now.wall_at(at)),
        Verdict::InFlight => None,
    }
}
