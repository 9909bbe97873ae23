//! What the ledger's records add up to. The same fold serves the running process and the replay
//! after a crash, so the two cannot disagree.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::budget::{Rule, Tallies, Tally};
use super::call::{Call, CallId, Fate, Method};
use super::chronicle::Chronicle;
use super::deployment::{AccountId, Action, DeploymentId};
use super::guard::Hold;
use super::lead::Starts;
use super::policy::Policy;
use super::record::{Cause, Past, Record, Stamp, TallyLine};
use super::temporary::Wishes;
use super::time::{Mono, Now};

/// Starts and stops remembered for people, over all deployments: some years for a small fleet, and
/// about 2 MiB.
pub const PAST_MAX: usize = 10_000;

/// The shortest closure after a 429 to a read without `Retry-After`; doubles with each one in a
/// row.
const READ_PAUSE: Duration = Duration::from_secs(300);

/// A call without an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// What was reserved.
    pub call: Call,
    /// When.
    pub reserved: Stamp,
    /// Why, for a start or stop.
    pub cause: Option<Cause>,
}

/// What is remembered of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountPast {
    pub(super) tallies: Tallies,
    pub(super) widened: BTreeMap<Method, Mono>,
    pub(super) no_list: Option<Mono>,
}

/// What is remembered of a deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeploymentPast {
    pub(super) tallies: Tallies,
    pub(super) last_act: Option<Box<Past>>,
    pub(super) reversals: Vec<Mono>,
    pub(super) refusals: u32,
    pub(super) waits: Option<Box<(Action, Stamp)>>,
    pub(super) starts: Starts,
    pub(super) wishes: Wishes,
}

/// The fold over a ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    pub(super) policy: Policy,
    pub(super) clock: Option<Now>,
    pub(super) next: CallId,
    pub(super) ghosts: Vec<(Mono, u32)>,
    pub(super) accounts: BTreeMap<AccountId, AccountPast>,
    pub(super) deployments: BTreeMap<DeploymentId, Box<DeploymentPast>>,
    pub(super) open: BTreeMap<CallId, Open>,
    pub(super) past: VecDeque<Past>,
    pub(super) hold: Option<Hold>,
    pub(super) chronicle: Chronicle,
}

impl History {
    /// Nothing has happened yet.
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            clock: None,
            next: CallId(1),
            ghosts: Vec::new(),
            accounts: BTreeMap::new(),
            deployments: BTreeMap::new(),
            open: BTreeMap::new(),
            past: VecDeque::new(),
            hold: None,
            chronicle: Chronicle::default(),
        }
    }

    /// Adds one record that nobody else needs, as [`History::apply`] does: much of what a
    /// compaction has written is kept as it is.
    pub fn absorb(&mut self, record: Record) {
        if let Record::Notes(notes) = record {
            self.chronicle.told(notes.0);
        } else if let Record::Pasts(pasts) = record {
            pasts.0.into_iter().for_each(|past| self.remember(past));
        } else if let Record::Starts(each) = record {
            each.0.into_iter().for_each(|(id, starts)| self.deployment(&id).starts = starts);
        } else {
            self.apply(&record);
        }
    }

    /// Adds one record.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::Started { now } => self.started(*now, None),
            Record::Succeeded { now, ago } => self.started(*now, Some(*ago)),
            Record::Spent { at, calls } => {
                self.read_clock(*at);
                self.spent(at.mono + self.policy.limits.lateness, *calls);
            }
            Record::Reserved { at, id, call, cause } => {
                self.read_clock(*at);
                self.reserved(*at, *id, call, cause.as_ref());
            }
            Record::Settled { at, id, fate } => {
                self.read_clock(*at);
                self.settled(*at, *id, *fate);
            }
            Record::Calls(steps) => {
                steps.0.iter().cloned().for_each(|step| self.apply(&step.into()));
            }
            Record::Widened { at, account, method, until } => {
                self.read_clock(*at);
                let widened = &mut self.account(account).widened;
                let longest = widened.get(method).copied().max(Some(*until)).unwrap_or(*until);
                widened.insert(*method, longest);
            }
            Record::Reversed { at, deployment } => {
                self.read_clock(*at);
                self.reversed(at.mono, deployment);
            }
            Record::Forgiven { at, deployment } => {
                self.read_clock(*at);
                self.deployment(deployment).reversals.clear();
            }
            Record::Guard(line) => self.guarded(line),
            Record::Line(line) => self.lined(line),
            Record::Wish(line) => self.wish(line),
            Record::Tally(line) => self.tally(line),
            Record::Tallies(lines) => lines.0.iter().for_each(|line| self.tally(line)),
            Record::Past(past) => self.remember(past.clone()),
            Record::Carried(carried) => self.carried(carried),
            Record::Noted { at, note } => {
                self.read_clock(*at);
                self.noted(*at, note);
            }
            Record::Notes(_) | Record::Pasts(_) | Record::Starts(_) => self.absorb(record.clone()),
            Record::Lasts(lasts) => {
                lasts.0.iter().for_each(|(id, last)| self.chronicle.carried(id, last));
            }
        }
    }

    /// The last reading of the clocks, in the domain of the last process; `None` before any.
    pub fn clock(&self) -> Option<Now> {
        self.clock
    }

    /// The number of the next call.
    pub fn next_call(&self) -> CallId {
        self.next
    }

    /// The calls without an outcome.
    pub fn open(&self) -> &BTreeMap<CallId, Open> {
        &self.open
    }

    /// The starts and stops that are remembered, oldest first.
    pub fn past(&self) -> &VecDeque<Past> {
        &self.past
    }

    /// The rule of a method's tallies.
    pub fn rule(&self, method: Method) -> Rule {
        let limits = &self.policy.limits;
        Rule::new(limits.of(method), limits.margin, method.acts())
    }

    /// A scope that was never used still bears the calls that nobody remembers.
    pub(super) fn new_tally(&self, method: Method) -> Tally {
        let (mut tally, rule) = (Tally::default(), self.rule(method));
        for (at, calls) in &self.ghosts {
            haunt(&mut tally, rule, *at, *calls);
        }
        tally
    }

    fn account(&mut self, id: &AccountId) -> &mut AccountPast {
        self.accounts.entry(id.clone()).or_default()
    }

    pub(super) fn deployment(&mut self, id: &DeploymentId) -> &mut DeploymentPast {
        self.deployments.entry(id.clone()).or_default()
    }

    /// The tallies that a call counts in: its own deployment's, and the account's.
    fn each_tally(&mut self, call: &Call, mut change: impl FnMut(&mut Tally, Rule)) {
        let (method, rule) = (call.method(), self.rule(call.method()));
        let blank = self.new_tally(method);
        if let Some(id) = call.deployment() {
            let tallies = &mut self.deployment(id).tallies;
            change(tallies.get_or(method, || blank.clone()), rule);
        }
        change(self.account(&call.account).tallies.get_or(method, || blank), rule);
    }

    /// Only forwards: a compaction writes calls under way last, with the stamps they had.
    pub(super) fn read_clock(&mut self, at: Stamp) {
        if let Some(clock) = self.clock.as_mut().filter(|clock| clock.mono < at.mono) {
            clock.mono = at.mono;
            clock.wall = at.wall;
        }
    }

    /// Places the instants of an earlier clock domain into the one that begins.
    fn started(&mut self, now: Now, ago: Option<u64>) {
        if let Some(millis) = self.offset(now, ago) {
            self.shift(millis);
        }
        self.clock = Some(now);
    }

    /// By how many milliseconds the instants so far differ from those of `now`'s clock domain, if
    /// that is another one. Unless it is known how many milliseconds `ago` the last reading was at
    /// least, the wall clock decides that, less the skew it may have, and never less than no time
    /// at all: where it is behind, everything is charged from now.
    pub(super) fn offset(&self, now: Now, ago: Option<u64>) -> Option<i64> {
        let last = self.clock.filter(|last| last.boot != now.boot || now.mono < last.mono)?;
        let skew = i64::try_from(self.policy.limits.clock_skew.as_millis()).unwrap_or(i64::MAX);
        let by_wall = || now.wall.millis().saturating_sub(last.wall.millis()).saturating_sub(skew);
        let gap = ago.map_or_else(by_wall, |ago| i64::try_from(ago).unwrap_or(i64::MAX)).max(0);
        Some(now.mono.millis().saturating_sub(gap).saturating_sub(last.mono.millis()))
    }

    fn spent(&mut self, at: Mono, calls: u32) {
        let policy = &self.policy;
        let rule = |method: Method| {
            Rule::new(policy.limits.of(method), policy.limits.margin, method.acts())
        };
        let known = self.accounts.values_mut().flat_map(|past| past.tallies.iter_mut());
        let own = self.deployments.values_mut().flat_map(|past| past.tallies.iter_mut());
        for (method, tally) in known.chain(own) {
            haunt(tally, rule(method), at, calls);
        }
        self.ghosts.push((at, calls));
        // Their numbers may have been used, too; a number is never used twice.
        let numbers = if calls == u32::MAX { 0 } else { u64::from(calls) };
        self.next = CallId(self.next.0.saturating_add(numbers));
    }

    fn reserved(&mut self, at: Stamp, id: CallId, call: &Call, cause: Option<&Cause>) {
        self.next = self.next.max(CallId(id.0.saturating_add(1)));
        self.each_tally(call, |tally, _| tally.reserve());
        if let (Some(action), Some(deployment)) = (call.action(), call.deployment()) {
            self.deployment(deployment).starts.reserved();
            self.remember(Past {
                id,
                account: call.account.clone(),
                deployment: deployment.clone(),
                action,
                cause: cause.cloned(),
                reserved: at,
                settled: None,
            });
        }
        self.open.insert(id, Open { call: call.clone(), reserved: at, cause: cause.cloned() });
    }

    fn settled(&mut self, at: Stamp, id: CallId, fate: Fate) {
        let Some(Open { call, .. }) = self.open.remove(&id) else { return };
        let lateness = self.policy.limits.lateness;
        self.each_tally(&call, |tally, rule| match fate {
            Fate::NeverLeft => tally.hand_back(),
            Fate::Unanswered => tally.settle(at.mono + lateness, rule),
            Fate::Answered { code: 429, retry_after } => {
                tally.settle(at.mono, rule);
                let pause = retry_after.map(Duration::from_millis);
                tally.close(at.mono + pause.unwrap_or_else(|| pause_after_429(tally, rule)));
            }
            Fate::Answered { code: _, retry_after: _ } => {
                tally.settle(at.mono, rule);
                tally.relent();
            }
        });
        match (call.method(), fate) {
            (Method::List, Fate::Answered { code: 404 | 405, .. }) => {
                self.account(&call.account).no_list = Some(at.mono);
            }
            (Method::List, Fate::Answered { code: 200, .. }) => {
                self.account(&call.account).no_list = None;
            }
            (Method::Start | Method::Stop, _) => self.act_settled(at, id, &call, fate),
            (Method::List | Method::Status, _) => (),
        }
    }

    fn act_settled(&mut self, at: Stamp, id: CallId, call: &Call, fate: Fate) {
        if let Ok(place) = self.past.binary_search_by_key(&id, |past| past.id) {
            self.past[place].settled = Some((at, fate));
        }
        let Some(deployment) = call.deployment() else { return };
        let past = self.deployment(deployment);
        if let Some(last) = past.last_act.as_mut().filter(|last| last.id == id) {
            last.settled = Some((at, fate));
        }
        if fate != Fate::NeverLeft {
            past.waits = None;
        }
        if let Some(action) = call.action() {
            past.starts.settled(action, at.mono, fate);
        }
        match fate {
            Fate::Answered { code: 200..=299, .. } => past.refusals = 0,
            // A 401 is the account's trouble and a 429 the budget's.
            Fate::Answered { code: 401 | 429, .. } | Fate::Unanswered | Fate::NeverLeft => (),
            Fate::Answered { .. } => past.refusals = past.refusals.saturating_add(1),
        }
    }

    fn tally(&mut self, line: &TallyLine) {
        let tally = Tally::carried(line.arrivals.clone(), line.closed, line.strikes);
        if let Some(account) = &line.account {
            *self.account(account).tallies.get_or(line.method, Tally::default) = tally;
        } else if let Some(deployment) = &line.deployment {
            let tallies = &mut self.deployment(deployment).tallies;
            *tallies.get_or(line.method, Tally::default) = tally;
        }
    }

    fn reversed(&mut self, at: Mono, deployment: &DeploymentId) {
        let guards = &self.policy.guards;
        let (within, enough) = (guards.contested_within, guards.contested_reversals as usize);
        let reversals = &mut self.deployment(deployment).reversals;
        if reversals.len() < enough {
            reversals.retain(|seen| at.since(*seen) < within);
            reversals.push(at);
        }
    }

    pub(super) fn remember(&mut self, past: Past) {
        match &mut self.deployment(&past.deployment).last_act {
            Some(last) if past.id < last.id => (),
            Some(last) => (**last).clone_from(&past),
            last @ None => *last = Some(Box::new(past.clone())),
        }
        let place = self.past.partition_point(|known| known.id < past.id);
        if self.past.get(place).is_none_or(|known| known.id != past.id) {
            self.past.insert(place, past);
        }
        if self.past.len() > PAST_MAX {
            self.past.pop_front();
        }
    }
}

/// Counts calls that nobody remembers.
fn haunt(tally: &mut Tally, rule: Rule, at: Mono, calls: u32) {
    for _ in 0..calls.min(rule.requests) {
        tally.arrive(at, rule);
    }
}

/// A start or stop waits for its whole window; a read for five minutes, doubled with each 429 in a
/// row, but never for longer than its window.
fn pause_after_429(tally: &Tally, rule: Rule) -> Duration {
    if rule.alone {
        return rule.hold;
    }
    READ_PAUSE.saturating_mul(1 << tally.strikes().min(16)).min(rule.hold)
}
