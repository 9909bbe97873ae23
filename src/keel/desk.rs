//! Moves one deployment on: the same steps whatever happened to it.

use std::sync::Arc;
use std::time::Duration;

use super::account::{Account, List, Turn};
use super::almanac::Almanac;
use super::budget::Verdict;
use super::cadence;
use super::call::{Call, CallId, Method};
use super::decision::{Decision, Effect, Permit};
use super::deployment::{Action, Observation};
use super::guard::Holding;
use super::history::History;
use super::member::Member;
use super::message;
use super::notice::Notice;
use super::plan::{self, Context, Judgement, Need, Reason};
use super::policy::Policy;
use super::record::{Cause, Record};
use super::time::{Mono, Now};

/// Status calls that a passage leaves for confirming: one before the next start or stop, and one
/// in case that this is answered badly.
const CONFIRM_RESERVE: u32 = 2;

/// The least pause between two looks at the same deployment: a wake-up that changed nothing must
/// not become a busy loop.
const STEP: Duration = Duration::from_millis(50);

/// All that one deployment's next step depends on and adds to.
pub(super) struct Desk<'a> {
    pub(super) policy: &'a Policy,
    pub(super) history: &'a mut History,
    pub(super) account: &'a mut Account,
    pub(super) decision: &'a mut Decision,
    pub(super) revision: &'a Arc<str>,
    pub(super) almanac: &'a mut Almanac,
    pub(super) holding: &'a mut Holding,
    /// Nothing may be sent: the ledger cannot be written, or the process is about to end.
    pub(super) closed: bool,
    pub(super) now: Now,
}

impl Desk<'_> {
    pub(super) fn context(&self) -> Context<'_> {
        Context {
            policy: self.policy,
            history: self.history,
            holding: self.holding,
            unauthorized: self.account.refused.is_some(),
            now: self.now.mono,
        }
    }

    /// Remembers something, here and in the ledger.
    pub(super) fn record(&mut self, record: Record) {
        self.history.apply(&record);
        self.decision.record(record);
    }

    /// Reserves a read and lets it go once that is durable.
    pub(super) fn ask(&mut self, call: Call) -> CallId {
        let send_by = self.now.mono + self.policy.observe.confirm_within;
        self.send(call, None, send_by)
    }

    fn send(&mut self, call: Call, cause: Option<Cause>, send_by: Mono) -> CallId {
        let id = self.history.next_call();
        self.record(Record::Reserved { at: self.now.into(), id, call: call.clone(), cause });
        self.account.in_flight += 1;
        self.decision.then(Effect::Send(Permit { id, call, send_by }));
        id
    }

    fn judge(&self, member: &Member) -> Judgement {
        plan::judge(member, self.context())
    }

    /// Takes the next step for a deployment, tells what changed, and says when to look again.
    pub(super) fn advance(&mut self, member: &mut Member) {
        self.resolve(member);
        self.note(member);
        let judgement = self.act_or_wait(member);
        self.line_up(member, judgement);
        self.tell_late(member, judgement);
        self.tell(member, judgement);
        let at = self.read_or_wait(member, judgement);
        let edge = member.resolved.valid_until.map(|wall| self.now.mono_at(wall));
        let soonest = self.now.mono + STEP;
        let turn = match judgement.need {
            Need::Act(Action::Start) | Need::Wait(Action::Start, _) => Turn::Start,
            Need::Act(Action::Stop) | Need::Wait(Action::Stop, _) => Turn::Stop,
            Need::Nothing => Turn::Look,
        };
        self.account.schedule(member, at.map(|at| (at.max(soonest), turn)));
        self.account.expect(member, edge);
    }

    /// Time may have changed what the file asks for.
    fn resolve(&mut self, member: &mut Member) {
        let before = member.resolved.desired;
        if self.resolve_intent(member) {
            self.desired_changed(member, Some(before));
        }
    }

    /// Takes in another intent, or the same one at another time, as [`Member::resolve`].
    pub(super) fn resolve_intent(&mut self, member: &mut Member) -> bool {
        let (id, history) = (member.id.clone(), &*self.history);
        let lead = |begin| history.lead(&id, begin);
        member.resolve(self.now.wall, lead, history.wishes(&id), self.almanac)
    }

    /// Forgives reversals, as the wish that they were against is another one now.
    pub(super) fn desired_changed(
        &mut self,
        member: &Member,
        from: Option<super::deployment::Desired>,
    ) {
        if self.history.reversals(&member.id) > 0 {
            self.record(Record::Forgiven { at: self.now.into(), deployment: member.id.clone() });
        }
        if from != Some(member.resolved.desired) {
            self.decision.tell(Notice::DesiredChanged {
                deployment: member.id.clone(),
                from,
                to: member.resolved.desired,
                rule: member.resolved.rule.clone(),
            });
        }
    }

    fn act_or_wait(&mut self, member: &mut Member) -> Judgement {
        let judgement = self.judge(member);
        let Need::Act(action) = judgement.need else { return judgement };
        if self.closed
            || !plan::is_fresh(member, self.context())
            || self.must_join(member, action)
            || self.must_wait_in_line(member, action)
        {
            return judgement;
        }
        if member.asked {
            // It was asked before, the server agreed, and here it is again.
            self.reversed(member);
        }
        let judgement = self.judge(member);
        let Need::Act(action) = judgement.need else { return judgement };
        self.act(member, action);
        self.judge(member)
    }

    fn act(&mut self, member: &mut Member, action: Action) {
        let Some(seen) = &member.observation else { return };
        let cause = Cause {
            desired: member.resolved.desired,
            rule: member.resolved.rule.clone(),
            revision: self.revision.clone(),
            saw: seen.status.clone(),
            seen: self.now.wall_at(seen.answered),
        };
        // What was seen must not be older than that when the request leaves.
        let send_by = seen.answered + self.policy.observe.confirm_within;
        let id = self.send(member.act(action), Some(cause.clone()), send_by);
        member.acting = Some((id, action));
        let deployment = member.id.clone();
        self.decision.tell(Notice::Acting { id, deployment, action, cause });
    }

    /// Remembers that something else turned the deployment back.
    pub(super) fn reversed(&mut self, member: &mut Member) {
        member.reached = false;
        member.asked = false;
        let deployment = member.id.clone();
        self.record(Record::Reversed { at: self.now.into(), deployment: deployment.clone() });
        if let Some(status) = member.status().cloned() {
            let count = self.history.reversals(&deployment);
            self.decision.tell(Notice::Reversed { deployment, status, count });
        }
    }

    fn tell(&mut self, member: &mut Member, judgement: Judgement) {
        let (now, reason) = (self.now, judgement.reason);
        let before = member.told;
        // A hold is no alarm while looking may still end it.
        if before == Some(reason) || (reason == Reason::Held && !self.holding.told) {
            return;
        }
        let line = self.standing(member);
        let text: Arc<str> = message::of(member, judgement, self.context(), line, now).into();
        member.since.reason = now.wall;
        if before.is_some_and(|before| before.synced() != reason.synced()) {
            member.since.synced = now.wall;
        }
        if before.is_some_and(|before| (before == Reason::Stalled) != (reason == Reason::Stalled)) {
            member.since.stalled = now.wall;
        }
        if before.is_some_and(|before| before.is_held() != reason.is_held()) {
            member.since.held = now.wall;
        }
        member.told = Some(reason);
        if before.is_some() || reason != Reason::Unobserved {
            self.decision.tell(Notice::ReasonChanged {
                deployment: member.id.clone(),
                from: before,
                to: reason,
                message: text,
            });
        }
    }

    /// Reads the status if that is due and allowed; else says when to look again.
    fn read_or_wait(&mut self, member: &mut Member, judgement: Judgement) -> Option<Mono> {
        if member.reading.is_some() || member.acting.is_some() {
            return None;
        }
        self.warn_of_slow_passage(member);
        let opens = match judgement.need {
            Need::Wait(_, until) => until,
            Need::Act(_) | Need::Nothing => None,
        };
        let Some((at, keep)) = self.next_read(member, judgement) else { return opens };
        let failing = member.failing.as_ref().map(|failing| failing.retry_at);
        let at = failing.map_or(at, |retry_at| at.max(retry_at));
        let at = if at > self.now.mono { at } else { self.read(member, keep)? };
        Some(opens.map_or(at, |opens| opens.min(at)))
    }

    /// Sends a status call now, or says when to try again; `None` once it is under way.
    fn read(&mut self, member: &mut Member, keep: u32) -> Option<Mono> {
        let now = self.now.mono;
        let busy = self.account.is_busy(now, self.policy.observe.concurrency);
        match self.history.verdict(&member.read(), now, keep) {
            Verdict::Open if !busy && !self.closed => {
                member.sync = false;
                member.reading = Some(self.ask(member.read()));
                None
            }
            Verdict::Open | Verdict::InFlight => Some(now),
            // The slots to keep go by the scope, which may be another one before that.
            Verdict::Until(at) => {
                let end = self.history.wide_until(&member.intent.account, Method::Status, now);
                Some(end.map_or(at, |end| at.min(end)))
            }
        }
    }

    /// When its status is to be read next, and how many slots that has to leave for what matters
    /// more. `None`: the list call shows it, or another one is to go first.
    fn next_read(&self, member: &Member, judgement: Judgement) -> Option<(Mono, u32)> {
        let (now, reserve, wide) = (self.now.mono, self.policy.observe.reserve, self.wide(member));
        if let Need::Act(action) = judgement.need {
            if self.must_wait_in_line(member, action) {
                return self.routine(member);
            }
            // What is fresh still needs no other look: it has just come to stand first.
            let fresh =
                member.observation.as_ref().filter(|_| plan::is_fresh(member, self.context()));
            let stale = |seen: &Observation| seen.answered + self.policy.observe.confirm_within;
            return Some((fresh.map_or(now, stale), 0));
        }
        if member.observation.is_none() && member.failing.is_none() {
            // A first look may use the reserve, if that takes nothing from the others.
            let keep = if wide { reserve } else { 0 };
            return (self.account.list != List::Untried).then_some((now, keep));
        }
        if member.sync {
            return Some((now, if wide { reserve } else { CONFIRM_RESERVE }));
        }
        let routine = self.routine(member);
        let Some(passage) = member.passage else { return routine };
        // A routine turn is a look at the passage, too: it must not wait for its own slot first.
        let at = routine.map_or(passage.next, |(at, _)| at.min(passage.next));
        Some((at, CONFIRM_RESERVE))
    }

    /// The list call does not show it any more: back to single reads, each in its own turn, so that
    /// there is no herd after an outage.
    pub(super) fn unlisted(&self, member: &mut Member) {
        if std::mem::take(&mut member.listed) {
            member.poll_at = self.next_poll(member);
        }
    }

    /// Its pace leaves the reserve. What a passage has used of that is no reason to look away after
    /// it, while enough is left for another.
    fn routine(&self, member: &Member) -> Option<(Mono, u32)> {
        let reserve = self.policy.observe.reserve;
        let shown = self.account.list == List::Works && member.listed && member.failing.is_none();
        (!shown).then_some((member.poll_at, if self.wide(member) { reserve } else { reserve / 2 }))
    }

    /// Whether the whole account shares one budget of status calls now.
    fn wide(&self, member: &Member) -> bool {
        self.history.is_wide(&member.intent.account, Method::Status, self.now.mono)
    }

    /// The routine interval of reading a deployment by itself.
    pub(super) fn interval(&self, member: &Member) -> Duration {
        let sharers = if self.wide(member) { self.account.members } else { 1 };
        cadence::read_interval(&self.policy.limits, &self.policy.observe, sharers)
    }

    fn warn_of_slow_passage(&mut self, member: &mut Member) {
        let (now, warning) = (self.now, self.policy.act.settle_warning);
        let since = self.now.wall_at(member.passage.map_or(now.mono, |passage| passage.since));
        let Some(passage) = &mut member.passage else { return };
        if passage.warned || now.mono.since(passage.since) < warning {
            return;
        }
        passage.warned = true;
        if let Some(status) = member.status().cloned() {
            let deployment = member.id.clone();
            self.decision.tell(Notice::SlowPassage { deployment, status, since });
        }
    }
}
