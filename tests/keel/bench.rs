//! A keel on the bench: events and a clock go in by hand, and what comes out is looked at.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use evenkeel::keel::call::{Answer, Body, Call, CallId, Method, Outcome, Request};
use evenkeel::keel::decision::{Decision, Effect, Permit, Released};
use evenkeel::keel::deployment::{AccountId, DeploymentId, Desired, Facts, Status};
use evenkeel::keel::history::History;
use evenkeel::keel::intent::{Intent, Manifest};
use evenkeel::keel::notice::Notice;
use evenkeel::keel::plan::Reason;
use evenkeel::keel::policy::Policy;
use evenkeel::keel::reconciler::{Event, Reconciler, Replay};
use evenkeel::keel::record::Record;
use evenkeel::keel::time::{Boot, Mono, Now, Wall};
use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;

use crate::figures::figures;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// Where the bench's wall clock begins: 2026-01-01T00:00:00Z.
pub(crate) const EPOCH: i64 = 1_767_225_600_000;

pub(crate) fn id(text: &str) -> DeploymentId {
    DeploymentId::parse(text).unwrap()
}

pub(crate) fn account() -> AccountId {
    AccountId::new(AccountId::DEFAULT)
}

pub(crate) fn mono(after: Duration) -> Mono {
    Mono::from_millis(i64::try_from(after.as_millis()).unwrap())
}

/// A reading of clocks that agree, `after` the start.
pub(crate) fn at(after: Duration) -> Now {
    let millis = mono(after);
    Now { boot: Boot(1), mono: millis, wall: Wall::from_millis(EPOCH + millis.millis()) }
}

pub(crate) fn status_of(deployment: &str) -> Call {
    Call { account: account(), request: Request::Status(id(deployment)) }
}

pub(crate) fn start_of(deployment: &str) -> Call {
    Call { account: account(), request: Request::Start(id(deployment)) }
}

pub(crate) fn manifest(revision: &str, intents: &[(&str, Intent)]) -> Arc<Manifest> {
    let intents = intents.iter().map(|(name, intent)| (id(name), intent.clone()));
    Arc::new(Manifest::new(revision.into(), intents))
}

pub(crate) fn running() -> Intent {
    Intent::fixed(Desired::Running)
}

pub(crate) fn stopped() -> Intent {
    Intent::fixed(Desired::Stopped)
}

pub(crate) fn facts(deployment: &str, status: &str) -> Facts {
    Facts {
        id: id(deployment),
        name: format!("deployment-{deployment}").into(),
        kind: "dedicated".into(),
        status: Status::from_word(status),
    }
}

pub(crate) fn answered(code: u16, body: Body) -> Outcome {
    Outcome::Answered { code, retry_after: None, body }
}

pub(crate) fn sees(deployment: &str, status: &str) -> Outcome {
    answered(200, Body::Deployment(facts(deployment, status)))
}

pub(crate) fn refused(code: u16) -> Outcome {
    answered(code, Body::Refused(None))
}

pub(crate) fn accepted() -> Outcome {
    answered(201, Body::Accepted)
}

pub(crate) fn lost() -> Outcome {
    Outcome::Unanswered("timed out".into())
}

/// The same cases in every run: a red test must not be a matter of luck.
pub(crate) fn repeatable() -> ProptestConfig {
    ProptestConfig {
        cases: 512,
        rng_seed: RngSeed::Fixed(20_261_124),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// A policy that reads each deployment by itself, so that a test sees every read.
pub(crate) fn singles() -> Policy {
    let mut policy = Policy::default();
    policy.observe.list = false;
    policy
}

/// A keel whose one deployment was just told to become what `intent` says.
pub(crate) fn bench(intent: Intent) -> Bench {
    Bench::with(singles(), &[("a", intent)])
}

/// A keel whose start was just accepted.
pub(crate) fn starting() -> Bench {
    let mut bench = bench(running());
    bench.answer("status a", sees("a", "stopped"));
    bench.answer("start a", accepted());
    bench
}

/// A keel, its clock, and all that came out of it.
pub(crate) struct Bench {
    pub(crate) keel: Reconciler,
    pub(crate) now: Now,
    /// Permits not answered yet.
    pub(crate) out: Vec<Permit>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) records: Vec<Record>,
    pub(crate) refreshed: usize,
    policy: Policy,
}

/// What a compaction that succeeds writes.
pub(crate) fn compacted(history: &mut History, now: Now) -> Vec<Record> {
    let Ok(records) = history.compact(now, kept);
    records
}

fn kept(records: &[Record]) -> Result<Vec<Record>, Infallible> {
    Ok(records.to_vec())
}

impl Bench {
    pub(crate) fn new(policy: Policy) -> Self {
        Self::after(policy, Vec::new(), Replay::default(), at(Duration::from_secs(1000)))
    }

    /// A keel that takes over from `records`.
    pub(crate) fn after(policy: Policy, records: Vec<Record>, replay: Replay, now: Now) -> Self {
        let mut history = History::new(policy.clone());
        records.iter().for_each(|record| history.apply(record));
        let (keel, decision) = Reconciler::recover(history, replay, now);
        let (out, notices, refreshed) = (vec![], vec![], 0);
        let mut bench = Self { keel, now, out, notices, records, refreshed, policy };
        bench.take(decision);
        bench
    }

    /// A bench whose keel was told the desired file.
    pub(crate) fn with(policy: Policy, intents: &[(&str, Intent)]) -> Self {
        let mut bench = Self::new(policy);
        bench.tell(Event::ManifestRead(manifest("r1", intents)));
        bench
    }

    /// The process ends and another one takes over from everything that was recorded.
    pub(crate) fn restart(self, after: Duration) -> Self {
        let mut now = self.now;
        now.mono = now.mono + after;
        now.wall = now.wall.shifted(i64::try_from(after.as_millis()).unwrap());
        Self::after(self.policy, self.records, Replay::default(), now)
    }

    pub(crate) fn tell(&mut self, event: Event) {
        let decision = self.keel.handle(event, self.now);
        self.take(decision);
        // Metrics say what the pages say, whatever has happened.
        if self.keel.progress().1 <= 20 {
            let shown = self.keel.view(self.now);
            assert_eq!(self.keel.figures(None, usize::MAX, self.now), figures(&shown));
        }
    }

    pub(crate) fn edit(&mut self, revision: &str, intents: &[(&str, Intent)]) {
        self.tell(Event::ManifestRead(manifest(revision, intents)));
    }

    fn take(&mut self, decision: Decision) {
        self.records.extend_from_slice(decision.records());
        #[expect(clippy::disallowed_methods, reason = "the bench is its own ledger")]
        let Released { effects, notices, .. } = decision.release();
        self.notices.extend(notices);
        for effect in effects {
            match effect {
                Effect::Send(permit) => self.out.push(permit),
                Effect::RefreshCredentials(_) => self.refreshed += 1,
            }
        }
    }

    /// What a compaction that succeeds writes.
    pub(crate) fn compacted(&mut self) -> Vec<Record> {
        let Ok(records) = self.keel.compact(self.now, kept);
        records
    }

    /// Lets time pass, with every wake-up on the way.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now.mono + time;
        for _ in 0..100_000 {
            let wake = self.keel.next_wake(self.now.mono).filter(|wake| wake.at <= end);
            let Some(wake) = wake else {
                self.jump(end);
                return;
            };
            self.jump(wake.at.max(self.now.mono.shifted(1)).min(end));
            self.tell(Event::Tick);
        }
        panic!("the keel does not come to rest: {:?}", self.keel.next_wake(self.now.mono));
    }

    /// Moves the clocks without telling the keel.
    pub(crate) fn jump(&mut self, mono: Mono) {
        self.now = Now { wall: self.now.wall_at(mono), mono, boot: self.now.boot };
    }

    /// The calls under way, as text.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.out.iter().map(|permit| permit.call.to_string()).collect()
    }

    /// Answers the one call under way that reads `call`.
    pub(crate) fn answer(&mut self, call: &str, outcome: Outcome) -> CallId {
        let place = self.out.iter().position(|permit| permit.call.to_string() == call);
        let place = place.unwrap_or_else(|| panic!("no {call} under way: {:?}", self.calls()));
        let id = self.out.remove(place).id;
        self.tell(Event::Answered(Answer { id, took: SECOND, outcome }));
        id
    }

    /// Lets time pass until a call is under way, and says how long that took. `None`: not by then.
    pub(crate) fn until_call(&mut self, call: &str, most: Duration) -> Option<Duration> {
        let (begin, end) = (self.now.mono, self.now.mono + most);
        loop {
            if self.calls().iter().any(|one| one == call) {
                return Some(self.now.mono.since(begin));
            }
            let wake = self.keel.next_wake(self.now.mono).filter(|wake| wake.at <= end)?;
            self.jump(wake.at.max(self.now.mono.shifted(1)));
            self.tell(Event::Tick);
        }
    }

    /// Lets time pass, answering every status call of `deployment` with `status`; gives the starts
    /// and stops that were sent meanwhile, which stay unanswered.
    pub(crate) fn watch(&mut self, deployment: &str, status: &str, time: Duration) -> Vec<String> {
        let end = self.now.mono + time;
        let read = format!("status {deployment}");
        loop {
            while self.calls().contains(&read) {
                self.answer(&read, sees(deployment, status));
            }
            if self.until_call(&read, end.since(self.now.mono)).is_none() {
                self.jump(end);
                return self.posts();
            }
        }
    }

    /// Lets time pass, answering every status call with what `status` says of the deployment; gives
    /// the number of answers.
    pub(crate) fn live(&mut self, time: Duration, status: impl Fn(&str) -> &'static str) -> usize {
        let (end, mut count) = (self.now.mono + time, 0);
        loop {
            while let Some(call) = self.calls().iter().find(|call| call.starts_with("status ")) {
                let name = call["status ".len()..].to_owned();
                self.answer(&format!("status {name}"), sees(&name, status(&name)));
                count += 1;
            }
            let wake = self.keel.next_wake(self.now.mono).filter(|wake| wake.at <= end);
            let Some(wake) = wake else {
                self.jump(end);
                return count;
            };
            self.jump(wake.at.max(self.now.mono.shifted(1)));
            self.tell(Event::Tick);
        }
    }

    /// How often it was told that something turned a deployment back.
    pub(crate) fn reversals(&self) -> usize {
        self.notices.iter().filter(|one| matches!(one, Notice::Reversed { .. })).count()
    }

    /// The starts and stops under way.
    pub(crate) fn posts(&self) -> Vec<String> {
        let acts = |permit: &&Permit| permit.call.method().acts();
        self.out.iter().filter(acts).map(|permit| permit.call.to_string()).collect()
    }

    pub(crate) fn reason(&self, deployment: &str) -> Reason {
        let view = self.keel.view(self.now);
        view.deployment(deployment).unwrap().synced.reason
    }

    /// When the next call of `method` is allowed, from now; `None` while nobody can say.
    pub(crate) fn allowed_in(&self, deployment: &str, method: Method) -> Option<Duration> {
        let view = self.keel.view(self.now);
        let budgets = &view.deployment(deployment).unwrap().budgets;
        let budget = budgets.iter().find(|budget| budget.method == method).unwrap();
        let next = budget.next_allowed?.0.millis();
        Some(Duration::from_millis(u64::try_from(next - self.now.wall.millis()).unwrap()))
    }
}
