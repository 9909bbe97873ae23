//! The deployments and the passage of their states.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde::Serialize;

use super::deployment::{Deployment, FAILED, PENDING, RUNNING, STARTING, STOPPED, STOPPING};
use super::fault::Rng;
use super::options::Options;

/// Changes kept for whoever asks; a listener that is further behind has lost interest.
const CHANGES_MAX: usize = 10_000;

/// A deployment's status became another word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Since the simulator's start.
    pub at: Duration,
    /// The deployment's id.
    pub deployment: String,
    /// The word before.
    pub from: String,
    /// The word since.
    pub to: String,
    /// Why.
    pub cause: Cause,
}

/// Why a status changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// A start or stop over the API.
    Call,
    /// A passing state went its way.
    Settled,
    /// Somebody at the console.
    Drift,
    /// The simulator's own interface.
    Set,
}

/// The two things that can be asked of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Start,
    Stop,
}

impl Action {
    /// The status that the action needs.
    pub(super) fn needs(self) -> &'static str {
        match self {
            Self::Start => STOPPED,
            Self::Stop => RUNNING,
        }
    }

    /// The word in the answer's `operation`.
    pub(super) fn operation(self) -> &'static str {
        match self {
            Self::Start => STARTING,
            Self::Stop => STOPPING,
        }
    }

    fn leads_to(self) -> &'static str {
        match self {
            Self::Start => RUNNING,
            Self::Stop => STOPPED,
        }
    }
}

/// How long passages take and how they may end.
#[derive(Debug, Clone)]
struct Passage {
    start: Duration,
    stop: Duration,
    pending: Duration,
    revert: f64,
    fail: f64,
}

#[derive(Debug, Clone)]
pub(super) struct Fleet {
    deployments: Vec<Deployment>,
    index: BTreeMap<String, usize>,
    /// For each deployment the words to come and when.
    steps: Vec<VecDeque<(Duration, &'static str)>>,
    /// The first step of each deployment that has one.
    due: BTreeSet<(Duration, usize)>,
    passage: Passage,
    changes: VecDeque<Change>,
}

impl Fleet {
    pub(super) fn new(options: &Options) -> Self {
        let mut index = BTreeMap::new();
        let mut deployments: Vec<Deployment> = vec![];
        for deployment in &options.deployments {
            let at = *index.entry(deployment.id.clone()).or_insert(deployments.len());
            match deployments.get_mut(at) {
                Some(earlier) => earlier.clone_from(deployment),
                None => deployments.push(deployment.clone()),
            }
        }
        Self {
            steps: vec![VecDeque::new(); deployments.len()],
            deployments,
            index,
            due: BTreeSet::new(),
            passage: Passage {
                start: options.start_delay,
                stop: options.stop_delay,
                pending: options.pending,
                revert: options.revert,
                fail: options.fail,
            },
            changes: VecDeque::new(),
        }
    }

    pub(super) fn all(&self) -> &[Deployment] {
        &self.deployments
    }

    pub(super) fn get(&self, id: &str) -> Option<&Deployment> {
        self.index.get(id).and_then(|&at| self.deployments.get(at))
    }

    /// Begins a passage; `false` if there is no such deployment in the state that it needs.
    pub(super) fn act(
        &mut self,
        id: &str,
        action: Action,
        now: Duration,
        cause: Cause,
        rng: &mut Rng,
    ) -> bool {
        let Some(&at) = self.index.get(id) else { return false };
        if self.deployments[at].status != action.needs() {
            return false;
        }
        let Passage { start, stop, pending, revert, fail } = self.passage;
        let end = if rng.hits(fail) {
            FAILED
        } else if rng.hits(revert) {
            action.needs()
        } else {
            action.leads_to()
        };
        let (first, steps) = match action {
            Action::Start if pending > Duration::ZERO => {
                let up = now.saturating_add(pending);
                (PENDING, vec![(up, STARTING), (up.saturating_add(start), end)])
            }
            Action::Start => (STARTING, vec![(now.saturating_add(start), end)]),
            Action::Stop => (STOPPING, vec![(now.saturating_add(stop), end)]),
        };
        self.turn(at, first, steps.into(), now, cause);
        true
    }

    /// Sets a status, whatever it was; it stays until something else happens.
    pub(super) fn set(&mut self, id: &str, status: &str, now: Duration) -> bool {
        let Some(&at) = self.index.get(id) else { return false };
        self.turn(at, status, VecDeque::new(), now, Cause::Set);
        true
    }

    /// Somebody at the console turns a deployment that rests, picked by chance.
    pub(super) fn drift(&mut self, now: Duration, rng: &mut Rng) {
        let count = self.deployments.len();
        let first = rng.below(count);
        for offset in 0..count {
            let deployment = &self.deployments[(first + offset) % count];
            let action = match deployment.status.as_str() {
                RUNNING => Action::Stop,
                STOPPED => Action::Start,
                _ => continue,
            };
            let id = deployment.id.clone();
            self.act(&id, action, now, Cause::Drift, rng);
            return;
        }
    }

    /// When the next passing state goes its way.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.due.first().map(|&(at, _)| at)
    }

    /// Lets the next passing state go its way.
    pub(super) fn settle_next(&mut self) {
        let Some((now, at)) = self.due.pop_first() else { return };
        let mut steps = std::mem::take(&mut self.steps[at]);
        if let Some((_, status)) = steps.pop_front() {
            self.turn(at, status, steps, now, Cause::Settled);
        }
    }

    pub(super) fn take_changes(&mut self) -> VecDeque<Change> {
        std::mem::take(&mut self.changes)
    }

    fn turn(
        &mut self,
        at: usize,
        status: &str,
        steps: VecDeque<(Duration, &'static str)>,
        now: Duration,
        cause: Cause,
    ) {
        if let Some(&(due, _)) = self.steps[at].front() {
            self.due.remove(&(due, at));
        }
        if let Some(&(due, _)) = steps.front() {
            self.due.insert((due, at));
        }
        self.steps[at] = steps;
        let deployment = &mut self.deployments[at];
        let from = std::mem::replace(&mut deployment.status, status.to_owned());
        if from == status {
            return;
        }
        let (deployment, to) = (deployment.id.clone(), status.to_owned());
        self.changes.push_back(Change { at: now, deployment, from, to, cause });
        while self.changes.len() > CHANGES_MAX {
            self.changes.pop_front();
        }
    }
}
