//! What must hold of the mass-stop guard, by what the keel was told and shown.
//!
//! That is the least. A keel may know less than it was shown, and hold more than it must: people
//! acknowledge what it says that it holds, by the name that it says. So where that covers what must
//! be held, and the name says what it is the name of, the next file is compared with that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel::keel::deployment::DeploymentId;
use evenkeel::keel::guard::{Hold, change_id};
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
    /// What outlives the process: a file that is not kept was never there, unless it let go.
    kept: Known,
    /// The names of changes, each with its stops.
    names: BTreeMap<Arc<str>, BTreeSet<DeploymentId>>,
    /// What the present process was last shown stopped, by a read or by a list.
    stopped: BTreeMap<(DeploymentId, bool), bool>,
    /// When it was last decided to start them: what was shown stopped before is not so for long.
    started: BTreeMap<DeploymentId, u64>,
}

impl Guard {
    pub(crate) fn new(limit: StopLimit) -> Self {
        let (now, kept) = (Known::default(), Known::default());
        let (names, stopped, started) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { limit, now, kept, names, stopped, started }
    }

    /// A process begins.
    pub(crate) fn restarted(&mut self) {
        self.stopped.clear();
        self.now = self.kept.clone();
    }

    fn name(&mut self, stops: &BTreeSet<DeploymentId>) -> Arc<str> {
        let change = change_id(stops);
        self.names.entry(change.clone()).or_insert_with(|| stops.clone());
        change
    }

    /// Takes what is held away: what the keel says, if that will do, and else what must be.
    fn take_held(&mut self, said: Option<&Hold>) -> Option<(Arc<str>, BTreeSet<DeploymentId>)> {
        let held = self.now.held.take().map(|held| (held.change, held.stops));
        let Some(Hold { change, stops, .. }) = said else { return held };
        self.name(stops);
        // Of a change that was named, some may have been taken back.
        let named = self.names.get(change).is_some_and(|all| stops.is_subset(all));
        let covers = held.as_ref().is_none_or(|(_, must)| must.is_subset(stops));
        if named && covers { Some((change.clone(), stops.clone())) } else { held }
    }

    /// A file is about to come into force; until now the keel says that it holds this.
    pub(crate) fn told(&mut self, file: &Arc<Manifest>, said: Option<&Hold>, wall: Wall) {
        let base = self.now.base.replace(file.clone());
        let base = |id: &DeploymentId| base.as_ref().and_then(|base| base.intents.get(id));
        let held = self.take_held(said);
        let stays = |id: &&DeploymentId| {
            let same = |after| base(id) == Some(after) && wish::may_turn(after);
            file.intents.get(*id).is_some_and(|after| same(after) || wish::stops(after, wall))
        };
        let before = held.iter().flat_map(|(_, stops)| stops);
        let mut stops: BTreeSet<_> = before.filter(stays).cloned().collect();
        let asked = file.intents.iter().filter(|(_, one)| wish::stops(one, wall));
        let fresh = asked.filter(|(id, _)| !base(id).is_some_and(|one| wish::stops(one, wall)));
        let fresh: BTreeSet<_> = fresh.map(|(id, _)| id.clone()).collect();
        let known = held.filter(|_| fresh.is_subset(&stops)).map(|(change, _)| change);
        stops.extend(fresh);
        let change = known.unwrap_or_else(|| self.name(&stops));
        let shown = |id: &DeploymentId| {
            [true, false].iter().any(|list| self.stopped.get(&(id.clone(), *list)) == Some(&true))
        };
        let open = stops.iter().filter(|id| !shown(id)).cloned().collect();
        if file.acknowledged.contains(&change) {
            self.kept.held = None;
        } else {
            self.now.held = Some(Held { change, stops, open, fleet: file.intents.len() });
        }
        self.let_go();
    }

    /// The file in force outlives the process, and so does what is held.
    pub(crate) fn kept(&mut self) {
        self.kept.clone_from(&self.now);
        if let Some(held) = &mut self.kept.held {
            held.open.clone_from(&held.stops);
        }
    }

    /// A start was decided on.
    pub(crate) fn started(&mut self, id: &DeploymentId, time: u64) {
        self.started.insert(id.clone(), time);
        self.stopped.retain(|(stopped, _), _| stopped != id);
    }

    /// The keel is shown a status, by a list or by a single read that left then.
    pub(crate) fn shown(&mut self, id: &DeploymentId, status: &str, list: bool, left: u64) {
        let started = self.started.get(id).is_some_and(|at| left < *at);
        let stopped = status == "stopped" && !started;
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
