//! What must hold, whatever happens. Knows the true time and the promises, and nothing of how the
//! keel keeps them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use evenkeel::keel::call::{Call, CallId, Method};
use evenkeel::keel::deployment::{Action, DeploymentId, Desired};
use evenkeel::keel::guard::Hold;
use evenkeel::keel::intent::{Manifest, Wanted};
use evenkeel::keel::policy::ScopeMode;
use evenkeel::keel::time::Wall;

use crate::errand::Errands;
use crate::guard::Guard;
use crate::setup::{Setup, TIMEOUT};
use crate::wish;

/// A day less what clocks may be wrong by: for so long at least a widening must be kept.
const WIDENED: u64 = DAY - 600_000;

/// For so long after its end a read may hold its slot: the lateness, the window, the margin, and
/// what clocks may be wrong by.
const HELD: u64 = (300_000 + 3_610_000) * 1003 / 1000;

const DAY: u64 = 86_400_000;

/// A delivered 200 to a single read.
struct Seen {
    left: u64,
    delivered: u64,
    status: String,
}

/// A start or stop that was sent or was about to be.
struct Acted {
    known: Option<u64>,
}

pub(crate) struct Oracle {
    /// The true limits, not what the keel was told.
    limits: BTreeMap<Method, (usize, u64)>,
    scope: ScopeMode,
    /// How long an observation may rest, by the fastest clock allowed.
    fresh: u64,
    enforce: bool,
    types: Vec<Arc<str>>,
    /// The true name and type.
    known: BTreeMap<DeploymentId, (String, String)>,
    /// So many reversals in a day, and a deployment is left alone.
    reversals: usize,
    /// The longest lead of a start.
    lead: Duration,
    manifest: Option<Arc<Manifest>>,
    pub(crate) guard: Guard,
    pub(crate) errands: Errands,
    seen: BTreeMap<DeploymentId, Seen>,
    acted: BTreeMap<DeploymentId, Acted>,
    arrived: BTreeSet<CallId>,
    /// True times by method and deployment, and by method over the account.
    own: BTreeMap<(Method, DeploymentId), Vec<u64>>,
    all: BTreeMap<Method, Vec<u64>>,
    widened: BTreeMap<Method, u64>,
    wide: BTreeSet<CallId>,
    /// Until when a 429 asked to wait.
    waits: BTreeMap<(Method, Option<DeploymentId>), u64>,
    /// What the present process has asked for; `None`: for the whole fleet.
    asked: BTreeSet<Option<DeploymentId>>,
    /// Single reads: of what, when they were last known to be under way, and whether they ended.
    reads: BTreeMap<CallId, (DeploymentId, u64, bool)>,
    /// Until then nobody outside can say what the budget of reads allows.
    disturbed: u64,
    doubt: bool,
    /// When starts and stops succeeded in the present process, since the last change of the wish.
    succeeded: BTreeMap<DeploymentId, Vec<u64>>,
    pub(crate) arrivals: u64,
    pub(crate) posts: Vec<(u64, DeploymentId, Action)>,
}

type Checked = Result<(), String>;

impl Oracle {
    pub(crate) fn new(setup: &Setup) -> Self {
        let policy = &setup.policy;
        let known = setup.service.deployments.iter().map(|one| {
            (DeploymentId::parse(&one.id).unwrap(), (one.name.clone(), one.kind.clone()))
        });
        let honest = evenkeel::keel::policy::Limits::default();
        let requests = |method| policy.limits.of(method).requests as usize;
        let window = |method| u64::try_from(honest.of(method).per.as_millis()).unwrap();
        let limit = |method| (method, (requests(method), window(method)));
        Self {
            limits: Method::ALL.map(limit).into(),
            scope: policy.limits.scope,
            fresh: u64::try_from(policy.observe.confirm_within.as_millis()).unwrap() * 1003 / 1000,
            enforce: policy.act.enforce,
            types: policy.act.types.clone(),
            known: known.collect(),
            reversals: policy.guards.contested_reversals as usize,
            lead: policy.act.settle_timeout,
            manifest: None,
            guard: Guard::new(policy.guards.stops),
            errands: Errands::default(),
            seen: BTreeMap::new(),
            acted: BTreeMap::new(),
            arrived: BTreeSet::new(),
            own: BTreeMap::new(),
            all: BTreeMap::new(),
            widened: BTreeMap::new(),
            wide: BTreeSet::new(),
            waits: BTreeMap::new(),
            asked: BTreeSet::new(),
            reads: BTreeMap::new(),
            disturbed: 0,
            doubt: false,
            succeeded: BTreeMap::new(),
            arrivals: 0,
            posts: Vec::new(),
        }
    }

    /// The keel is told this file, and said before that it holds this.
    pub(crate) fn told(&mut self, manifest: Arc<Manifest>, held: Option<&Hold>, wall: Wall) {
        self.guard.told(&manifest, held, wall);
        self.errands.told(&manifest);
        let before = self.manifest.as_ref();
        self.succeeded.retain(|id, _| {
            before.is_some_and(|before| before.intents.get(id) == manifest.intents.get(id))
        });
        self.manifest = Some(manifest);
    }

    /// Somebody is about to ask for something about a deployment, or to end that; see
    /// [`Errands::asks`].
    pub(crate) fn asked(&mut self, id: &DeploymentId) -> bool {
        self.succeeded.remove(id);
        self.errands.asks(id)
    }

    /// Somebody else brings a deployment to a state, or on the way there.
    pub(crate) fn turned(&mut self, id: &str, status: &str) {
        let id = DeploymentId::parse(id).unwrap();
        if self.wants(&id, status) {
            self.succeeded.remove(&id);
        }
    }

    /// Whether the file in force wants a deployment to be so always, before any exception.
    fn wants(&self, id: &DeploymentId, status: &str) -> bool {
        let intent = self.manifest.as_ref().and_then(|manifest| manifest.intents.get(id));
        let wants = |state: &Desired| state.as_str() == status;
        intent.is_some_and(|one| matches!(&one.wanted, Wanted::Fixed(state) if wants(state)))
    }

    /// What the ledger will hold is not known outside: the next process may count more.
    pub(crate) fn doubts_the_ledger(&mut self) {
        self.doubt = true;
    }

    /// A new process knows that whatever an earlier one sent has come to its end.
    pub(crate) fn restarted(&mut self, time: u64) {
        self.manifest = None;
        self.guard.restarted();
        self.seen.clear();
        self.asked.clear();
        self.succeeded.clear();
        if std::mem::take(&mut self.doubt) {
            self.disturbed = self.disturbed.max(time + HELD);
        }
        self.reads.retain(|_, (_, known, ended)| !*ended || time < *known + HELD);
        for (_, known, ended) in self.reads.values_mut().filter(|(.., ended)| !ended) {
            (*known, *ended) = (time, true);
        }
        for acted in self.acted.values_mut() {
            acted.known.get_or_insert(time);
        }
    }

    /// The ledger says that a method is counted over the account from now on.
    pub(crate) fn widened(&mut self, method: Method, time: u64) {
        self.widened.insert(method, time);
    }

    /// Whether anything was ever counted over the whole account.
    pub(crate) fn shared(&self) -> bool {
        self.scope == ScopeMode::Account || !self.widened.is_empty()
    }

    /// A call was decided on.
    pub(crate) fn decided(&mut self, id: CallId, call: &Call, time: u64, wall: Wall) -> Checked {
        let method = call.method();
        self.asked.insert(call.deployment().cloned());
        let recent = self.widened.get(&method).is_some_and(|at| time < at + WIDENED);
        if self.scope == ScopeMode::Account || method == Method::List || recent {
            self.wide.insert(id);
        }
        if let (Method::Status, Some(deployment)) = (method, call.deployment()) {
            self.reads.insert(id, (deployment.clone(), time, false));
        }
        let (Some(action), Some(deployment)) = (call.action(), call.deployment()) else {
            return Ok(());
        };
        self.may_act(action, deployment, time, wall)
            .map_err(|why| format!("{call} must not be sent: {why}"))?;
        self.acted.insert(deployment.clone(), Acted { known: None });
        if action == Action::Start {
            self.guard.started(deployment, time);
        }
        Ok(())
    }

    fn may_act(&self, action: Action, id: &DeploymentId, time: u64, wall: Wall) -> Checked {
        if !self.enforce {
            return Err("observe only".to_owned());
        }
        let intent = self.manifest.as_ref().and_then(|manifest| manifest.intents.get(id));
        let intent = intent.ok_or("the file in force does not name it")?;
        if let Some(asked) = self.errands.about(id) {
            let desired = wish::desired(intent, asked, wall);
            let early = action == Action::Start
                && asked.state(wall).is_none()
                && wish::may_be_early(intent, wall, self.lead);
            if desired != action.leads_to() && !early {
                return Err(format!("{desired} is wanted"));
            }
            if wish::is_suspended(intent, asked, wall) {
                return Err("suspended".to_owned());
            }
        }
        if intent.protect && action == Action::Stop {
            return Err("protected".to_owned());
        }
        // What somebody asks for by name needs nobody to acknowledge it.
        let asked = self.errands.about(id).is_none_or(|asked| asked.state(wall).is_some());
        if self.guard.holds(id) && action == Action::Stop && !asked {
            return Err("nobody has acknowledged so many stops".to_owned());
        }
        let (name, kind) = &self.known[id];
        if intent.name.as_ref().is_some_and(|wanted| **wanted != **name) {
            return Err(format!("it is {name}"));
        }
        if !self.types.iter().any(|allowed| **allowed == **kind) {
            return Err(format!("it is {kind}"));
        }
        // So many successes, each but the first after a reversal, and one more reversal now.
        let plain = intent.exception.is_none() && !self.errands.any_about(id);
        let succeeded = self.succeeded.get(id).filter(|_| plain);
        let first = succeeded.and_then(|all| all.iter().rev().nth(self.reversals - 1));
        if let Some(first) = first.filter(|first| time - **first < DAY * 997 / 1000) {
            return Err(format!("contested: all turned back since {} ms", time - first));
        }
        let seen = self.seen.get(id).ok_or("never seen")?;
        let opposite = match action {
            Action::Start => "stopped",
            Action::Stop => "running",
        };
        if seen.status != opposite {
            return Err(format!("last seen {}", seen.status));
        }
        if time - seen.delivered > self.fresh || time - seen.left > self.fresh + TIMEOUT {
            return Err(format!("last seen {} ms ago", time - seen.left));
        }
        match self.acted.get(id).map(|acted| acted.known) {
            None => Ok(()),
            Some(None) => Err("another one is under way".to_owned()),
            Some(Some(known)) if seen.left < known => {
                Err("what was seen was asked before the last one had ended".to_owned())
            }
            Some(Some(_)) => Ok(()),
        }
    }

    /// Whether the present process has asked how a deployment is.
    pub(crate) fn asked_for(&self, deployment: &DeploymentId) -> bool {
        self.asked.contains(&None) || self.asked.contains(&Some(deployment.clone()))
    }

    /// Whether the budget allows a read that leaves so many to the others, as far as what was sent
    /// can tell.
    pub(crate) fn has_spare_reads(&self, id: &DeploymentId, reserve: u32, time: u64) -> bool {
        let holds = |known: u64, ended: bool| !ended || time < known + HELD;
        let held = self.reads.values().filter(|(_, known, ended)| holds(*known, *ended));
        let limit = self.limits[&Method::Status].0;
        let spare = match self.scope {
            ScopeMode::Account => held.count() + (reserve as usize) < limit,
            ScopeMode::Auto | ScopeMode::Deployment => {
                held.filter(|(known, ..)| known == id).count() < limit
            }
        };
        spare && self.disturbed < time
    }

    /// A call was answered.
    pub(crate) fn answered(&mut self, call: &Call, code: u16, time: u64) {
        if let (Some(action), Some(id), 200..=299) = (call.action(), call.deployment(), code)
            && self.wants(id, action.leads_to().as_str())
            && !self.errands.any_about(id)
        {
            self.succeeded.entry(id.clone()).or_default().push(time);
        }
        if code == 429 {
            self.disturbed = self.disturbed.max(time + 2 * DAY);
        }
    }

    /// The keel was told to wait so long before it sends such a call again.
    pub(crate) fn told_to_wait(&mut self, call: &Call, time: u64, wait: u64) {
        // By the fastest clock allowed.
        let until = time + wait * 997 / 1000;
        let waits = self.waits.entry((call.method(), call.deployment().cloned())).or_default();
        *waits = (*waits).max(until);
    }

    /// A request leaves.
    pub(crate) fn left(&self, id: CallId, call: &Call, time: u64, durable: bool) -> Checked {
        if !durable {
            return Err(format!("{call} ({id}) leaves before its reservation is durable"));
        }
        let waits = self.waits.get(&(call.method(), call.deployment().cloned()));
        if let Some(until) = waits.filter(|until| time < **until) {
            return Err(format!("{call} leaves {} ms before `Retry-After`", until - time));
        }
        let seen = call.deployment().and_then(|deployment| self.seen.get(deployment));
        match (call.action(), seen) {
            (Some(_), Some(seen)) if time - seen.delivered > self.fresh => {
                Err(format!("{call} leaves {} ms after it was confirmed", time - seen.delivered))
            }
            _ => Ok(()),
        }
    }

    /// A read was answered with a status.
    pub(crate) fn seen(&mut self, id: &DeploymentId, status: &str, left: u64, delivered: u64) {
        self.guard.shown(id, status, false, left);
        let status = status.to_owned();
        self.seen.insert(id.clone(), Seen { left, delivered, status });
    }

    /// The keel was told how a call ended.
    pub(crate) fn ended(&mut self, id: CallId, call: &Call, time: u64) {
        if let Some((_, known, ended)) = self.reads.get_mut(&id) {
            (*known, *ended) = (time, true);
        }
        let acted = call.action().and(call.deployment()).and_then(|id| self.acted.get_mut(id));
        if let Some(acted) = acted {
            acted.known.get_or_insert(time);
        }
    }

    /// A request of ours arrives at the server.
    pub(crate) fn arrives(&mut self, id: CallId, call: &Call, time: u64) -> Checked {
        self.arrivals += 1;
        if !self.arrived.insert(id) {
            return Err(format!("{call} ({id}) arrives twice"));
        }
        let (method, (limit, window)) = (call.method(), self.limits[&call.method()]);
        let over = |arrivals: &mut Vec<u64>| {
            arrivals.push(time);
            let first = arrivals.len().checked_sub(limit + 1).map(|place| arrivals[place]);
            first.filter(|first| time - first < window)
        };
        let told = |scope: &str, first: u64| {
            let n = limit + 1;
            Err(format!("{n} {method} calls {scope} within {} ms", time - first))
        };
        let all = over(self.all.entry(method).or_default());
        if let Some(deployment) = call.deployment() {
            if let Some(action) = call.action() {
                self.posts.push((time, deployment.clone(), action));
            }
            let own = over(self.own.entry((method, deployment.clone())).or_default());
            if let Some(first) = own {
                return told(&format!("for {deployment}"), first);
            }
        }
        match all {
            Some(first) if self.wide.contains(&id) => told("of the account", first),
            _ => Ok(()),
        }
    }
}
