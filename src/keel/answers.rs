//! What the answer to a call changes.

use std::sync::Arc;
use std::time::Duration;

use super::account::List;
use super::cadence;
use super::call::{Answer, Body, Call, Fate, Outcome};
use super::decision::Effect;
use super::deployment::{AccountId, DeploymentId, Facts, Observation};
use super::desk::Desk;
use super::history::Open;
use super::member::{Failing, Member, Passage, Trouble};
use super::notice::Notice;
use super::policy::ScopeMode;
use super::record::Record;
use super::time::Mono;

/// For how long a 429 that the count per deployment cannot explain makes a method count over the
/// whole account.
const WIDENED: Duration = Duration::from_secs(24 * 3600);

impl Desk<'_> {
    /// Settles a call: the budget's side, the account's side, and what is told.
    pub(super) fn settle(&mut self, id: &AccountId, answer: &Answer, call: &Call) {
        let fate = answer.outcome.fate();
        self.record(Record::Settled { at: self.now.into(), id: answer.id, fate });
        self.account.in_flight = self.account.in_flight.saturating_sub(1);
        self.decision.tell(Notice::CallEnded {
            id: answer.id,
            call: call.clone(),
            took: answer.took,
            fate,
            fault: fault(&answer.outcome),
        });
        match fate {
            Fate::Answered { code: 401, .. } => self.refused(id),
            Fate::Answered { code, .. } => {
                if self.account.refused.take().is_some() {
                    self.decision.tell(Notice::CredentialsAccepted { account: id.clone() });
                }
                if code == 429 {
                    self.limited(call);
                }
            }
            Fate::Unanswered | Fate::NeverLeft => self.still_refused(id),
        }
    }

    fn refused(&mut self, id: &AccountId) {
        let failures = self.account.refused.map_or(0, |(failures, _)| failures) + 1;
        let seed = cadence::seed(id.as_str());
        let pause = cadence::retry_delay(&self.policy.act, failures, seed);
        self.account.refused = Some((failures, self.now.mono + pause));
        if failures == 1 {
            self.decision.tell(Notice::CredentialsRefused { account: id.clone() });
        }
        self.decision.then(Effect::RefreshCredentials(id.clone()));
    }

    /// The call that was to try the key again came to nothing.
    fn still_refused(&mut self, id: &AccountId) {
        if let Some((failures, retry_at)) = &mut self.account.refused {
            let seed = cadence::seed(id.as_str());
            let pause = cadence::retry_delay(&self.policy.act, *failures, seed);
            *retry_at = (*retry_at).max(self.now.mono + pause);
        }
    }

    /// A 429: this daemon's own count never lets it come to that, so something else counts too.
    fn limited(&mut self, call: &Call) {
        let (now, method) = (self.now, call.method());
        let scoped = self.policy.limits.scope == ScopeMode::Auto;
        let until = now.mono + WIDENED;
        let widen = scoped && !self.history.is_wide(&call.account, method, now.mono);
        if widen {
            let (at, account) = (now.into(), call.account.clone());
            self.record(Record::Widened { at, account, method, until });
        }
        let closed_until = match self.history.verdict(call, now.mono, 0) {
            super::budget::Verdict::Until(at) => at,
            super::budget::Verdict::Open | super::budget::Verdict::InFlight => now.mono,
        };
        self.decision.tell(Notice::Unexpected429 {
            call: call.clone(),
            closed_until: now.wall_at(closed_until),
            widened_until: widen.then(|| now.wall_at(until)),
        });
    }

    /// The answer to a status call.
    pub(super) fn read_answered(&mut self, member: &mut Member, answer: &Answer, open: &Open) {
        if member.reading == Some(answer.id) {
            member.reading = None;
        }
        member.poll_at = self.next_poll(member);
        if let Some(passage) = &mut member.passage {
            passage.reads = passage.reads.saturating_add(1);
        }
        match &answer.outcome {
            Outcome::Answered { code: 200, body: Body::Deployment(facts), .. }
                if facts.id == member.id =>
            {
                self.observed(member, facts, open.reserved.mono, true);
            }
            Outcome::Answered { code: 200, body: Body::Deployment(facts), .. } => {
                let fault = format!("the answer is about deployment `{}`", facts.id);
                self.failed(member, Trouble::Other(fault.into()));
            }
            Outcome::Answered { code: 401, .. } => (),
            Outcome::Answered { code: 404, .. } => self.failed(member, Trouble::NotFound),
            Outcome::Answered { code: 403, .. } => self.failed(member, Trouble::Forbidden),
            Outcome::Answered { .. } | Outcome::Unanswered(_) | Outcome::NeverLeft(_) => {
                let fault = fault(&answer.outcome).unwrap_or_else(|| "no status in it".into());
                self.failed(member, Trouble::Other(fault));
            }
        }
        let interval = self.interval(member);
        if let Some(passage) = &mut member.passage {
            let pause = cadence::passage_pause(&self.policy.limits, interval, passage.reads);
            passage.next = self.now.mono + pause;
        }
    }

    /// Its next routine turn, by the present interval and its own phase.
    pub(super) fn next_poll(&self, member: &Member) -> Mono {
        cadence::next_turn(self.now.mono, self.interval(member), member.seed())
    }

    fn failed(&mut self, member: &mut Member, trouble: Trouble) {
        self.holding.unseen.remove(&member.id);
        if member.failing.is_none() {
            member.since.reachable = self.now.wall;
        }
        let unsent = |trouble: &Trouble| matches!(trouble, Trouble::NotSent(..));
        let before = member.failing.as_ref();
        let alike = before.filter(|before| unsent(&before.trouble) == unsent(&trouble));
        let count = alike.map_or(0, |before| before.count) + 1;
        let delay = cadence::retry_delay(&self.policy.act, count, member.seed());
        let retry_at = self.now.mono + delay;
        member.failing = Some(Box::new(Failing { trouble, count, retry_at }));
    }

    /// A status was seen.
    pub(super) fn observed(
        &mut self,
        member: &mut Member,
        facts: &Facts,
        asked: Mono,
        single: bool,
    ) {
        let (from, first) = (member.status().cloned(), member.observation.is_none());
        let was_failing = member.failing.is_some();
        // Texts that are there already are shared, not kept once more for each deployment.
        let mut kinds = self.policy.act.types.iter();
        let kind = kinds.find(|kind| **kind == facts.kind).unwrap_or(&facts.kind).clone();
        let (name, status, answered) = (facts.name.clone(), facts.status.clone(), self.now.mono);
        let observation = Observation { name, kind, status, asked, answered, single };
        if !member.observe(observation, self.now) {
            return;
        }
        self.holding.seen(&member.id, member.rests(self.history));
        if was_failing && member.failing.is_none() {
            member.since.reachable = self.now.wall;
        }
        if from.as_ref() != Some(&facts.status) {
            let (deployment, to) = (member.id.clone(), facts.status.clone());
            let at = self.now.mono;
            self.decision.tell(Notice::StatusChanged { deployment, from, to, at });
        }
        if first {
            // An earlier process may have asked for what is seen now.
            let last = self.history.last_act(&member.id).cloned();
            let desired = member.resolved.desired;
            member.asked = last.as_ref().is_some_and(|last| match last.settled {
                Some((at, Fate::Answered { code: 200..=299, .. })) => {
                    // A reversal that the earlier process counted is not counted again.
                    last.action.leads_to() == desired
                        && !self.history.reversed_since(&member.id, at.mono)
                }
                Some((_, Fate::Answered { .. } | Fate::Unanswered | Fate::NeverLeft)) | None => {
                    false
                }
            });
            member.follow_passage(last.as_ref(), self.now.mono);
        } else {
            // Only the deployment's own answer counts against whoever turned it back: a list may
            // lag.
            if single && member.resolved.suspended.is_none() && member.was_reversed() {
                self.reversed(member);
            }
            member.follow_passage(None, self.now.mono);
        }
        if facts.status.settled() == Some(member.resolved.desired) {
            self.arrived(member);
        }
    }

    /// It is as desired.
    fn arrived(&mut self, member: &mut Member) {
        member.reached = true;
        member.asked = false;
        if self.history.contested(&member.id) {
            let deployment = member.id.clone();
            self.record(Record::Forgiven { at: self.now.into(), deployment });
        }
    }

    /// The answer to a start or stop.
    pub(super) fn act_answered(&mut self, member: &mut Member, answer: &Answer, call: &Call) {
        member.acting = None;
        // The file may have changed while the call was under way.
        let wanted = call.action() == Some(member.resolved.desired.action());
        let now = self.now.mono;
        let pause = cadence::passage_pause(&self.policy.limits, self.interval(member), 0);
        let watch = |next| Passage { since: now, reads: 0, next, seen: false, warned: false };
        match answer.outcome.fate() {
            Fate::Answered { code: 200..=299, .. } => {
                member.asked = wanted;
                member.passage = Some(watch(now + pause));
            }
            // It may have been done: look.
            Fate::Unanswered | Fate::Answered { code: 500.., .. } => {
                member.passage = Some(watch(now));
            }
            Fate::Answered { .. } => member.poll_at = now + pause,
            Fate::NeverLeft => {
                let action = call.action().unwrap_or(member.resolved.desired.action());
                let fault = fault(&answer.outcome).unwrap_or_else(|| "no reason is known".into());
                self.failed(member, Trouble::NotSent(action, fault));
            }
        }
    }

    /// The answer to a list call. Says which deployments it showed; `None` if it showed nothing.
    pub(super) fn list_answered<'b>(
        &mut self,
        id: &AccountId,
        answer: &'b Answer,
    ) -> Option<&'b [Facts]> {
        let had = self.account.list.clone();
        self.account.listing = None;
        let (now, policy) = (self.now.mono, self.policy);
        let steady = cadence::list_interval(&policy.limits, &policy.observe);
        let seed = cadence::seed(id.as_str());
        let (list, next, shown) = match &answer.outcome {
            Outcome::Answered { code: 200, body: Body::Fleet { entries, .. }, .. } => {
                let next = cadence::next_turn(now, steady, seed);
                (List::Works, next, Some(entries.as_slice()))
            }
            // The ledger remembers for how long that keeps it from being asked for.
            Outcome::Answered { code: 404 | 405, .. } => (List::Fails(1), now, None),
            Outcome::Answered { .. } | Outcome::Unanswered(_) | Outcome::NeverLeft(_) => {
                let count = match had {
                    List::Fails(count) => count + 1,
                    List::Untried | List::Works => 1,
                };
                let delay = cadence::retry_delay(&policy.act, count, seed);
                (List::Fails(count), now + delay.max(steady), None)
            }
        };
        let available = list == List::Works;
        if had == List::Untried || available != (had == List::Works) {
            self.decision.tell(Notice::ListCall { account: id.clone(), available });
        }
        self.account.list = list;
        self.account.list_at = next;
        shown
    }
}

/// What went wrong with a call, for people.
fn fault(outcome: &Outcome) -> Option<Arc<str>> {
    match outcome {
        Outcome::Answered {
            body: Body::Deployment(_) | Body::Fleet { .. } | Body::Accepted,
            ..
        } => None,
        Outcome::Answered { code, body: Body::Refused(None), .. } => {
            Some(format!("HTTP {code}").into())
        }
        Outcome::Answered { code, body: Body::Refused(Some(word)), .. } => {
            Some(format!("HTTP {code}, code {word}").into())
        }
        Outcome::Answered { code, body: Body::Unreadable(text), .. } => {
            Some(format!("HTTP {code}, but {text}").into())
        }
        Outcome::Unanswered(text) | Outcome::NeverLeft(text) => Some(text.clone()),
    }
}

/// The deployments of a list answer, by id.
pub(super) fn by_id(entries: &[Facts]) -> std::collections::BTreeMap<&DeploymentId, &Facts> {
    entries.iter().map(|facts| (&facts.id, facts)).collect()
}
