//! The state machine: an event and a time in, a decision out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::account::Account;
use super::almanac::Almanac;
use super::call::{Answer, Fate, Request};
use super::decision::Decision;
use super::deployment::{AccountId, Action, DeploymentId};
use super::desk::Desk;
use super::guard::Holding;
use super::history::History;
use super::intent::Manifest;
use super::member::Member;
use super::notice::Notice;
use super::policy::{NewLedger, Policy};
use super::record::{Past, Record};
use super::standby::StandbyView;
use super::temporary::Errand;
use super::time::{Mono, Now};

/// What can happen. Closed: the list of all things that can wake the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A wake time came.
    Tick,
    /// What was in force is kept: a later process will compare its first file with it. Told before
    /// the first [`Event::ManifestRead`], it is what an earlier process had in force: what the next
    /// file is compared with, and nothing else.
    ManifestKept(Arc<Manifest>),
    /// The desired file was read whole and is valid. Says nothing of what changed in it.
    ManifestRead(Arc<Manifest>),
    /// Of several desired files some cannot be used: what the others and the last good contents of
    /// these add up to, and all faults, for people.
    ManifestReadPartly {
        /// What is to be in force.
        manifest: Arc<Manifest>,
        /// Why it is not all of what is there.
        report: Arc<str>,
    },
    /// The desired file cannot be used; all faults, for people.
    ManifestRefused(Arc<str>),
    /// A call came to its end.
    Answered(Answer),
    /// The credentials of an account are other ones now.
    CredentialsChanged(AccountId),
    /// The operator's rules are other ones now.
    PolicyChanged(Box<Policy>),
    /// Somebody asks for something.
    Errand(Errand),
    /// The ledger cannot be written for now. Calls that were to be sent are answered
    /// [`super::call::Outcome::NeverLeft`] besides.
    LedgerStuck(Arc<str>),
    /// The ledger can be written again.
    LedgerFree,
    /// The process is about to end: send nothing more.
    Drain,
}

/// When to call [`Reconciler::handle`] with [`Event::Tick`], and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wake {
    /// The time.
    pub at: Mono,
    /// For the log and the status page.
    pub why: Why,
}

/// The reason of a [`Wake`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A deployment's turn comes: a read, or the end of a wait.
    Turn,
    /// A change that the file announces.
    Edge,
    /// The list call is due.
    List,
    /// The refused key of an account is to be tried again.
    Credentials,
}

/// What the ledger's owner says of the records that were replayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// There was no ledger before.
    pub fresh: bool,
    /// The end was torn off by a crash: so many calls may be missing.
    pub torn: u32,
    /// How long ago the last record was made at least, where that is known from watching a ledger
    /// that machines share. `None`: the ledger is this machine's own.
    pub ago: Option<Duration>,
}

/// Keeps the fleet in the desired state.
#[derive(Clone, Debug)]
pub struct Reconciler {
    pub(super) policy: Arc<Policy>,
    pub(super) history: History,
    pub(super) accounts: BTreeMap<AccountId, Account>,
    pub(super) members: BTreeMap<DeploymentId, Box<Member>>,
    pub(super) manifest: Option<(Arc<Manifest>, Now)>,
    /// What the next file is compared with: the one in force, or that of an earlier process.
    pub(super) base: Option<Arc<Manifest>>,
    pub(super) holding: Holding,
    pub(super) revision: Arc<str>,
    pub(super) almanac: Almanac,
    pub(super) fault: Option<(Arc<str>, Now)>,
    pub(super) stuck: Option<Arc<str>>,
    draining: bool,
    pub(super) standby: Option<StandbyView>,
    /// The wall clock less the monotonic one, to notice when somebody sets it.
    offset: i64,
    /// Who stood first in each line when it was last looked at.
    pub(super) first: BTreeMap<(AccountId, Action), DeploymentId>,
}

/// A wall clock that moved against the monotonic one by more than this was set, not slewed.
const CLOCK_STEP_MILLIS: i64 = 1000;

impl Reconciler {
    /// Takes over from the ledger that an earlier process left.
    pub fn recover(history: History, replay: Replay, now: Now) -> (Self, Decision) {
        let policy = Arc::new(history.policy.clone());
        let accounts = policy.accounts.iter().map(|id| (id.clone(), Account::new(now.mono)));
        let mut keel = Self {
            accounts: accounts.collect(),
            policy,
            history,
            members: BTreeMap::new(),
            manifest: None,
            base: None,
            holding: Holding::default(),
            revision: "".into(),
            almanac: Almanac::default(),
            fault: None,
            stuck: None,
            draining: false,
            standby: None,
            offset: now.wall.millis() - now.mono.millis(),
            first: BTreeMap::new(),
        };
        let mut decision = Decision::default();
        let open: Vec<_> = keel.history.open().keys().copied().collect();
        decision.tell(Notice::Recovered { open: open.len(), past: keel.history.past().len() });
        let mut records = vec![replay.ago.map_or(Record::Started { now }, |ago| {
            let ago = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
            Record::Succeeded { now, ago }
        })];
        if replay.fresh && keel.policy.limits.new_ledger == NewLedger::Spent {
            records.push(Record::Spent { at: now.into(), calls: u32::MAX });
        }
        if replay.torn > 0 {
            records.push(Record::Spent { at: now.into(), calls: replay.torn });
        }
        // Once: the next process finds them settled, so a crash loop does not push the window away.
        let unanswered = |id| Record::Settled { at: now.into(), id, fate: Fate::Unanswered };
        records.extend(open.into_iter().map(unanswered));
        for record in records {
            keel.history.apply(&record);
            decision.record(record);
        }
        keel.holding.hold = keel.history.hold().cloned();
        (keel, decision)
    }

    /// Advances the state by one event.
    pub fn handle(&mut self, event: Event, now: Now) -> Decision {
        let mut decision = Decision::default();
        self.decide(event, now, &mut decision);
        decision
    }

    /// As [`Reconciler::handle`], added to what was decided before: group commit.
    pub fn decide(&mut self, event: Event, now: Now, decision: &mut Decision) {
        self.notice_clock(now, decision);
        match event {
            Event::Tick => (),
            Event::ManifestKept(manifest) => self.kept(manifest, now, decision),
            Event::ManifestRead(manifest) => self.accept(&manifest, now, decision),
            Event::ManifestReadPartly { manifest, report } => {
                let fault = self.fault.take();
                self.accept(&manifest, now, decision);
                self.fault = fault;
                self.refuse(report, now, decision);
            }
            Event::ManifestRefused(report) => self.refuse(report, now, decision),
            Event::Answered(answer) => self.answered(&answer, now, decision),
            Event::CredentialsChanged(id) => self.credentials_changed(&id, now, decision),
            Event::PolicyChanged(policy) => {
                self.set_policy(*policy, now);
                let fault = self.fault.take();
                if let Some((manifest, _)) = self.manifest.take() {
                    self.accept(&manifest, now, decision);
                }
                self.fault = fault;
                let accounts: Vec<_> = self.accounts.keys().cloned().collect();
                for id in accounts {
                    self.visit_all(&id, now, decision);
                }
            }
            Event::Errand(errand) => self.run_errand(errand, now, decision),
            Event::LedgerStuck(fault) => {
                if self.stuck.replace(fault.clone()).is_none() {
                    decision.tell(Notice::LedgerStuck { fault });
                }
            }
            Event::LedgerFree => {
                if self.stuck.take().is_some() {
                    decision.tell(Notice::LedgerFree);
                }
            }
            Event::Drain => {
                self.draining = true;
                decision.tell(Notice::Draining { in_flight: self.in_flight() });
            }
        }
        self.watch_hold(now, decision);
        self.pump(now, decision);
    }

    /// The next time at which [`Event::Tick`] can change anything.
    pub fn next_wake(&self, now: Mono) -> Option<Wake> {
        if self.closed() {
            return None;
        }
        let wakes = self.accounts.iter().flat_map(|(id, account)| {
            let retry = account.refused.map(|(_, at)| Wake { at, why: Why::Credentials });
            let retry = retry.filter(|wake| now < wake.at);
            let idle = !account.is_busy(now, self.policy.observe.concurrency);
            let turn = account.next_turn().map(|at| Wake { at, why: Why::Turn });
            let list = (account.listing.is_none() && self.list_wanted(id, now))
                .then_some(Wake { at: account.list_at, why: Why::List });
            let edge = account.next_edge().map(|at| Wake { at, why: Why::Edge });
            [retry, edge, turn.filter(|_| idle), list.filter(|_| idle)]
        });
        wakes.flatten().min_by_key(|wake| wake.at)
    }

    /// What the ledger's records add up to.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The starts and stops that are remembered, newest first.
    pub fn past(&self) -> impl Iterator<Item = &Past> {
        self.history.past().iter().rev()
    }

    /// Calls under way.
    pub fn in_flight(&self) -> usize {
        self.history.open().len()
    }

    fn closed(&self) -> bool {
        self.draining || self.stuck.is_some()
    }

    /// Does some work on one deployment, and then moves it on.
    pub(super) fn visit(
        &mut self,
        id: &DeploymentId,
        now: Now,
        decision: &mut Decision,
        work: impl FnOnce(&mut Desk<'_>, &mut Member),
    ) {
        let closed = self.closed();
        let Self { policy, history, accounts, members, revision, almanac, holding, .. } = self;
        let Some(member) = members.get_mut(id) else { return };
        let Some(account) = accounts.get_mut(&member.intent.account) else { return };
        let mut desk =
            Desk { policy, history, account, decision, revision, almanac, holding, closed, now };
        work(&mut desk, member);
        desk.advance(member);
    }

    /// Moves on every deployment of an account.
    pub(super) fn visit_all(&mut self, account: &AccountId, now: Now, decision: &mut Decision) {
        for id in self.ids_of(account) {
            self.visit(&id, now, decision, |_, _| ());
        }
    }

    /// The ids of those members of which `holds` is true.
    pub(super) fn ids_where(&self, holds: impl Fn(&Member) -> bool) -> Vec<DeploymentId> {
        let members = self.members.values().filter(|member| holds(member));
        members.map(|member| member.id.clone()).collect()
    }

    pub(super) fn ids_of(&self, account: &AccountId) -> Vec<DeploymentId> {
        self.ids_where(|member| member.intent.account == *account)
    }

    pub(super) fn on_account<T>(
        &mut self,
        id: &AccountId,
        now: Now,
        decision: &mut Decision,
        work: impl FnOnce(&mut Desk<'_>) -> T,
    ) -> Option<T> {
        let closed = self.closed();
        let Self { policy, history, accounts, revision, almanac, holding, .. } = self;
        let account = accounts.get_mut(id)?;
        let mut desk =
            Desk { policy, history, account, decision, revision, almanac, holding, closed, now };
        Some(work(&mut desk))
    }

    /// Remembers something, here and in the ledger.
    pub(super) fn remember(&mut self, record: Record, decision: &mut Decision) {
        self.history.apply(&record);
        decision.record(record);
    }

    fn notice_clock(&mut self, now: Now, decision: &mut Decision) {
        let offset = now.wall.millis() - now.mono.millis();
        let by = offset - self.offset;
        if by.abs() <= CLOCK_STEP_MILLIS {
            self.offset = offset;
            return;
        }
        self.offset = offset;
        decision.tell(Notice::ClockStepped { by });
        // After a reboot only the wall clock can say how long ago the past is: by its new reading.
        self.remember(Record::Started { now }, decision);
        let timed =
            |member: &Member| member.intent.is_timed() || self.history.wishes(&member.id).is_some();
        for id in self.ids_where(timed) {
            self.visit(&id, now, decision, |_, _| ());
        }
    }

    /// What is in force stays. The same fault again is no news.
    fn refuse(&mut self, report: Arc<str>, now: Now, decision: &mut Decision) {
        if self.fault.as_ref().is_none_or(|(known, _)| *known != report) {
            decision.tell(Notice::ManifestRefused { report: report.clone() });
            self.fault = Some((report, now));
        }
    }

    fn credentials_changed(&mut self, id: &AccountId, now: Now, decision: &mut Decision) {
        if let Some(account) = self.accounts.get_mut(id)
            && let Some((_, retry_at)) = &mut account.refused
        {
            *retry_at = now.mono;
            account.list_at = account.list_at.min(now.mono);
            self.visit_all(id, now, decision);
        }
    }

    fn answered(&mut self, answer: &Answer, now: Now, decision: &mut Decision) {
        let Some(open) = self.history.open().get(&answer.id).cloned() else { return };
        let id = open.call.account.clone();
        let was_refused = self.accounts.get(&id).map(|account| account.refused.is_some());
        self.on_account(&id, now, decision, |desk| desk.settle(&id, answer, &open.call));
        match &open.call.request {
            Request::List => self.list_answered(&id, answer, &open, now, decision),
            Request::Status(deployment) => self.visit(deployment, now, decision, |desk, member| {
                desk.read_answered(member, answer, &open);
            }),
            Request::Start(deployment) | Request::Stop(deployment) => {
                self.first.retain(|(account, _), _| *account != id);
                self.visit(deployment, now, decision, |desk, member| {
                    desk.act_answered(member, answer, &open.call);
                });
            }
        }
        let is_refused = self.accounts.get(&id).map(|account| account.refused.is_some());
        // A slot that is handed back may be what another one waits for.
        let shared = self.history.is_wide(&id, open.call.method(), now.mono);
        if was_refused != is_refused || (shared && answer.outcome.fate() == Fate::NeverLeft) {
            self.visit_all(&id, now, decision);
        }
    }

    /// Sends what is due.
    fn pump(&mut self, now: Now, decision: &mut Decision) {
        if self.closed() {
            return;
        }
        let ids: Vec<_> = self.accounts.keys().cloned().collect();
        for id in ids {
            let changed = |keel: &Self| keel.accounts.get(&id)?.changed(now.mono);
            while let Some(deployment) = changed(self) {
                self.visit(&deployment, now, decision, |_, _| ());
            }
            self.list(&id, now, decision);
            loop {
                let free = |one: &&Account| !one.is_busy(now.mono, self.policy.observe.concurrency);
                let account = self.accounts.get(&id).filter(free);
                let turn = account.and_then(|one| one.whose_turn(now.mono));
                let Some(deployment) = turn else { break };
                self.visit(&deployment, now, decision, |_, _| ());
            }
            self.call_next_in_line(&id, now, decision);
        }
    }
}
