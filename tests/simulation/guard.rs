//! What must hold of the mass-stop guard, by what the keel was told and shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel::keel::deployment::DeploymentId;
use evenkeel::keel::guard::change_id;
use evenkeel::keel::intent::Manifest;
use evenkeel::keel::policy::StopLimit;
use evenkeel::keel::time::Wall;

use crate::wish;

/// A change that has to be held.
#[derive(Clone)]
struct Held {
    change: Arc<str>,
    stops: BTreeSet<DeploymentId>,
    /// Those that nobody saw stopped.
    open: BTreeSet<DeploymentId>,
    fleet: usize,
}

/// What a new file is compared with, and what the ones before have left held.
#[derive(Clone, Default)]
struct Known {
    base: Option<Arc<Manifest>>,
    held: Option<Held>,
}

/// Stops that must not be sent.
pub(crate) struct Guard {
    limit: StopLimit,
    now: Known,
    /// What outlives the process.
    kept: Known,
    /// What the present process was last shown stopped, by a read or by a list.
    stopped: BTreeMap<(DeploymentId, bool), bool>,
}

impl Guard {
    pub(crate) fn new(limit: StopLimit) -> Self {
        let (now, kept) = (Known::default(), Known::default());
        Self { limit, now, kept, stopped: BTreeMap::new() }
    }

    /// A process begins.
    pub(crate) fn restarted(&mut self) {
        self.stopped.clear();
        self.now = self.kept.clone();
    }

    /// A file is about to come into force.
    pub(crate) fn told(&mut self, file: &Arc<Manifest>, wall: Wall) {
        let base = self.now.base.replace(file.clone());
        let base = |id: &DeploymentId| base.as_ref().and_then(|base| base.intents.get(id));
        let held = self.now.held.take();
        let stays = |id: &&DeploymentId| {
            let after = file.intents.get(*id);
            after.is_some_and(|one| base(id) == Some(one) || wish::stops(one, wall))
        };
        let before = held.iter().flat_map(|held| &held.stops);
        let mut stops: BTreeSet<_> = before.filter(stays).cloned().collect();
        let asked = file.intents.iter().filter(|(_, one)| wish::stops(one, wall));
        let fresh = asked.filter(|(id, _)| !base(id).is_some_and(|one| wish::stops(one, wall)));
        let fresh: BTreeSet<_> = fresh.map(|(id, _)| id.clone()).collect();
        let known = held.filter(|_| fresh.is_subset(&stops)).map(|held| held.change);
        stops.extend(fresh);
        let change = known.unwrap_or_else(|| change_id(&stops));
        let shown = |id: &DeploymentId| {
            [true, false].iter().any(|list| self.stopped.get(&(id.clone(), *list)) == Some(&true))
        };
        let open = stops.iter().filter(|id| !shown(id)).cloned().collect();
        if !file.acknowledged.contains(&change) {
            self.now.held = Some(Held { change, stops, open, fleet: file.intents.len() });
        }
        self.let_go();
    }

    /// What is held is durable.
    pub(crate) fn committed(&mut self) {
        self.kept.held.clone_from(&self.now.held);
        if let Some(held) = &mut self.kept.held {
            held.open.clone_from(&held.stops);
        }
    }

    /// The file in force outlives the process, and so does what is held.
    pub(crate) fn kept(&mut self) {
        self.committed();
        self.kept.base.clone_from(&self.now.base);
    }

    /// The keel is shown a status, by a list or by a single read.
    pub(crate) fn shown(&mut self, id: &DeploymentId, status: &str, list: bool) {
        let stopped = status == "stopped";
        self.stopped.insert((id.clone(), list), stopped);
        if let Some(held) = self.now.held.as_mut().filter(|_| stopped) {
            held.open.remove(id);
        }
        self.let_go();
    }

    /// What is within the limit is held no longer, and not by a later process either.
    fn let_go(&mut self) {
        let within = |held: &Held| !self.limit.is_exceeded(held.open.len(), held.fleet);
        if self.now.held.as_ref().is_some_and(within) {
            self.now.held = None;
            self.kept.held = None;
        }
    }

    /// Whether the stop of a deployment has to wait for somebody to acknowledge it.
    pub(crate) fn holds(&self, id: &DeploymentId) -> bool {
        self.now.held.as_ref().is_some_and(|held| held.open.contains(id))
    }
}
