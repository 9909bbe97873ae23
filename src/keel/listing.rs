//! The list call: where the server has one, a single call shows the whole fleet.

use std::time::Duration;

use super::account::List;
use super::answers::by_id;
use super::budget::Verdict;
use super::call::{Answer, Call, Request};
use super::decision::Decision;
use super::deployment::{AccountId, DeploymentId};
use super::fleet::in_order;
use super::history::Open;
use super::member::Member;
use super::reconciler::Reconciler;
use super::time::{Mono, Now};

/// A server that has no list call is asked again so much later: servers are upgraded.
const LIST_PROBE: Duration = Duration::from_secs(24 * 3600);

impl Reconciler {
    pub(super) fn list_answered(
        &mut self,
        id: &AccountId,
        answer: &Answer,
        open: &Open,
        now: Now,
        decision: &mut Decision,
    ) {
        let shown = self.on_account(id, now, decision, |desk| desk.list_answered(id, answer));
        let mut shown = in_order(shown.flatten().map(by_id).unwrap_or_default());
        for deployment in self.ids_of(id) {
            let facts = shown(&deployment);
            self.visit(&deployment, now, decision, |desk, member| match facts {
                Some(facts) => {
                    member.listed = true;
                    desk.observed(member, facts, open.reserved.mono, false);
                }
                None => desk.unlisted(member),
            });
        }
    }

    /// Whether the list call is worth asking for: for two deployments or more, unless the server
    /// said lately that it has none.
    pub(super) fn list_wanted(&self, id: &AccountId, now: Mono) -> bool {
        let several = self.accounts.get(id).is_some_and(|account| account.members >= 2);
        let absent = self.history.no_list(id).is_some_and(|at| now < at + LIST_PROBE);
        self.policy.observe.list && several && !absent
    }

    /// Where the list call is not to be had, or not wanted any more, nobody waits for it. Says
    /// which deployments it showed until now.
    pub(super) fn settle_list_use(&mut self, now: Now) -> Vec<DeploymentId> {
        let ids: Vec<_> = self.accounts.keys().cloned().collect();
        let mut unlisted = Vec::new();
        for id in ids {
            let call = Call { account: id.clone(), request: Request::List };
            let open = self.history.verdict(&call, now.mono, 0);
            let wanted = self.list_wanted(&id, now.mono);
            let Some(account) = self.accounts.get_mut(&id) else { continue };
            let usable = match account.list {
                List::Untried => wanted && open == Verdict::Open,
                List::Works => wanted,
                List::Fails(_) => continue,
            };
            if !usable {
                account.list = List::Fails(0);
                let listed = |member: &Member| member.listed && member.intent.account == id;
                unlisted.extend(self.ids_where(listed));
            }
        }
        unlisted
    }

    pub(super) fn list(&mut self, id: &AccountId, now: Now, decision: &mut Decision) {
        let wanted = self.list_wanted(id, now.mono);
        let call = Call { account: id.clone(), request: Request::List };
        let verdict = self.history.verdict(&call, now.mono, 0);
        let concurrency = self.policy.observe.concurrency;
        self.on_account(id, now, decision, |desk| {
            let due = desk.account.listing.is_none() && desk.account.list_at <= now.mono;
            if !wanted || !due || desk.account.is_busy(now.mono, concurrency) {
                return;
            }
            match verdict {
                Verdict::Open => desk.account.listing = Some(desk.ask(call)),
                Verdict::Until(at) => desk.account.list_at = at,
                Verdict::InFlight => (),
            }
        });
    }
}
