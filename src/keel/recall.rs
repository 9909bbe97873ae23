//! What the history says of one deployment or account.

use std::ops::Bound;

use super::budget::{Tallies, Tally, Verdict};
use super::call::{Call, Method};
use super::deployment::{AccountId, DeploymentId};
use super::history::{AccountPast, DeploymentPast, History};
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
        self.wide_in(self.accounts.get(account), method, now)
    }

    fn wide_in(&self, shared: Option<&AccountPast>, method: Method, now: Mono) -> Option<Mono> {
        match (method, self.policy.limits.scope) {
            (Method::List, _) | (_, ScopeMode::Account) => Some(FOREVER),
            (_, ScopeMode::Deployment) => None,
            (_, ScopeMode::Auto) => shared?.widened.get(&method).copied().filter(|end| now < *end),
        }
    }

    /// Whether `call` may be sent at `now`, if `keep` slots of its scope are to stay free.
    pub fn verdict(&self, call: &Call, now: Mono, keep: u32) -> Verdict {
        let rule = self.rule(call.method());
        let mut verdict = Verdict::Open;
        let shared = self.accounts.get(&call.account);
        self.counting(shared, self.own(call), call.method(), now, |tally, end| {
            verdict = verdict.and(tally.verdict(now, rule, keep).at_latest(end));
        });
        verdict
    }

    /// How many of `call` could be sent at `now`, one after the other, and whether the first could.
    pub fn room(&self, call: &Call, now: Mono) -> (u32, Verdict) {
        let shared = self.accounts.get(&call.account);
        self.room_in(shared, self.own(call), call.method(), now)
    }

    /// As [`History::room`], of a read, a start and a stop of a deployment.
    pub(super) fn rooms(
        &self,
        account: &AccountId,
        known: Option<&DeploymentPast>,
        now: Mono,
    ) -> [(Method, (u32, Verdict)); 3] {
        let shared = self.accounts.get(account);
        let own = Some(known.map_or(Tallies::NONE, |past| &past.tallies));
        [Method::Status, Method::Start, Method::Stop]
            .map(|method| (method, self.room_in(shared, own, method, now)))
    }

    fn room_in(
        &self,
        shared: Option<&AccountPast>,
        own: Option<&Tallies>,
        method: Method,
        now: Mono,
    ) -> (u32, Verdict) {
        let rule = self.rule(method);
        let mut room = (rule.requests, Verdict::Open);
        self.counting(shared, own, method, now, |tally, end| {
            let verdict = tally.verdict(now, rule, 0).at_latest(end);
            room = (room.0.min(tally.remaining(now, rule)), room.1.and(verdict));
        });
        room
    }

    /// The tallies of the one deployment that a call is about.
    fn own(&self, call: &Call) -> Option<&Tallies> {
        let known = self.known(call.deployment()?);
        Some(known.map_or(Tallies::NONE, |past| &past.tallies))
    }

    /// All that is remembered of a deployment.
    pub(super) fn known(&self, deployment: &DeploymentId) -> Option<&DeploymentPast> {
        self.deployments.get(deployment).map(|past| &**past)
    }

    /// The same of all deployments by id, or of those behind `after`.
    pub(super) fn known_after(
        &self,
        after: Option<&DeploymentId>,
    ) -> impl Iterator<Item = (&DeploymentId, &DeploymentPast)> {
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let range = self.deployments.range::<DeploymentId, _>((begin, Bound::Unbounded));
        range.map(|(id, past)| (id, &**past))
    }

    /// Shows the tallies that decide about a call at `now`, and until when each does.
    fn counting(
        &self,
        shared: Option<&AccountPast>,
        own: Option<&Tallies>,
        method: Method,
        now: Mono,
        mut look: impl FnMut(&Tally, Mono),
    ) {
        let mut look = |known: Option<&Tally>, end| match known {
            Some(tally) => look(tally, end),
            None => look(&self.new_tally(method), end),
        };
        if let Some(own) = own {
            look(own.get(method), FOREVER);
        }
        if let Some(end) = self.wide_in(shared, method, now) {
            look(shared.and_then(|past| past.tallies.get(method)), end);
        }
    }
}
