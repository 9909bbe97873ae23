//! What the history says of one deployment or account.

use super::call::Method;
use super::deployment::{AccountId, DeploymentId};
use super::history::History;
use super::policy::ScopeMode;
use super::record::Past;
use super::time::Mono;

/// When what does not end by itself ends.
pub(super) const FOREVER: Mono = Mono::from_millis(i64::MAX);

impl History {
    /// The last start or stop of a deployment.
    pub fn last_act(&self, deployment: &DeploymentId) -> Option<&Past> {
        self.deployments.get(deployment)?.last_act.as_deref()
    }

    /// Starts and stops of a deployment that were refused in a row.
    pub fn refusals(&self, deployment: &DeploymentId) -> u32 {
        self.deployments.get(deployment).map_or(0, |past| past.refusals)
    }

    /// How often a deployment was turned back, as far as it still counts.
    pub fn reversals(&self, deployment: &DeploymentId) -> usize {
        self.deployments.get(deployment).map_or(0, |past| past.reversals.len())
    }

    /// Whether a deployment was turned back at `since` or later, as far as it still counts.
    pub fn reversed_since(&self, deployment: &DeploymentId, since: Mono) -> bool {
        let last = self.deployments.get(deployment).and_then(|past| past.reversals.last());
        last.is_some_and(|last| since <= *last)
    }

    /// Whether something else keeps turning a deployment back.
    pub fn contested(&self, deployment: &DeploymentId) -> bool {
        self.reversals(deployment) >= self.policy.guards.contested_reversals as usize
    }

    /// When the server of an account last said that it has no list call.
    pub fn no_list(&self, account: &AccountId) -> Option<Mono> {
        self.accounts.get(account)?.no_list
    }

    /// Until when a method is counted over the whole account because of a 429.
    pub fn widened(&self, account: &AccountId, method: Method) -> Option<Mono> {
        self.accounts.get(account)?.widened.get(&method).copied()
    }

    /// Whether a method is counted over the whole account at `now`.
    pub fn is_wide(&self, account: &AccountId, method: Method, now: Mono) -> bool {
        self.wide_until(account, method, now).is_some()
    }

    /// Until when a method is counted over the whole account, if it is at `now`.
    pub(super) fn wide_until(
        &self,
        account: &AccountId,
        method: Method,
        now: Mono,
    ) -> Option<Mono> {
        match (method, self.policy.limits.scope) {
            (Method::List, _) | (_, ScopeMode::Account) => Some(FOREVER),
            (_, ScopeMode::Deployment) => None,
            (_, ScopeMode::Auto) => self.widened(account, method).filter(|end| now < *end),
        }
    }
}
