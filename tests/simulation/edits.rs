//! What people do to the desired file.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel::keel::deployment::{DeploymentId, Desired};
use evenkeel::keel::intent::{Intent, Manifest, Override, Suspend, Wanted};
use evenkeel::keel::time::Wall;

use crate::generate::Choose;
use crate::setup::IDS;
use crate::wish;
use crate::world::World;

impl<C: Choose> World<'_, C> {
    /// Another desired file.
    pub(crate) fn edit(&mut self) {
        self.count("edit");
        if self.held_change().is_some() && self.chooser.once_in(3) {
            return self.acknowledge();
        }
        let wall = self.clocks.now(self.time).wall;
        let mut intents = BTreeMap::new();
        for id in IDS.iter().take(self.setup.deployments) {
            if !self.chooser.once_in(8) {
                intents.insert(DeploymentId::parse(id).unwrap(), self.some_intent(id, wall));
            }
        }
        let mut file = Manifest::new(self.next_revision(), intents);
        if self.chooser.once_in(2) {
            file.acknowledged.clone_from(&self.desired.file.acknowledged);
        }
        self.save(file);
        if self.chooser.once_in(4) {
            self.write_half();
        }
    }

    fn some_intent(&mut self, id: &str, wall: Wall) -> Intent {
        let state = self.chooser.pick(&[Desired::Running, Desired::Stopped]);
        let mut intent = Intent::fixed(state);
        if self.chooser.once_in(6) {
            intent.wanted = wish::schedule(&format!("hours-{id}"), wall, self.chooser);
        }
        intent.protect = self.chooser.once_in(10);
        intent.name = match self.chooser.below(12) {
            10 => Some(format!("deployment-{id}").into()),
            11 => Some("another".into()),
            _ => None,
        };
        if self.chooser.once_in(10) {
            intent.suspend = Some(Suspend { reason: "because".into(), until: None });
        }
        if self.chooser.once_in(8) {
            let minutes = 30 * i64::try_from(self.chooser.below(10)).unwrap() - 30;
            let until = wall.shifted(minutes * 60_000);
            let state = self.chooser.pick(&[Desired::Running, Desired::Stopped]);
            intent.exception = Some(Override { state, until, reason: None });
        }
        intent
    }

    fn next_revision(&self) -> Arc<str> {
        let revision = self.desired.file.revision.parse().unwrap_or(0) + 1;
        revision.to_string().into()
    }

    fn save(&mut self, file: Manifest) {
        self.desired.file = Arc::new(file);
        self.desired.complete();
    }

    /// What the daemon says is held.
    pub(crate) fn held_change(&self) -> Option<Arc<str>> {
        let hold = self.keel.as_ref().and_then(|keel| keel.held());
        hold.map(|hold| hold.change.clone())
    }

    /// Somebody lets through what is held.
    pub(crate) fn acknowledge(&mut self) {
        self.count("acknowledgement");
        let mut file = (*self.desired.file).clone();
        file.revision = self.next_revision();
        file.acknowledged.extend(self.held_change());
        self.save(file);
    }

    /// The last file, without what would change by itself.
    pub(crate) fn edit_for_good(&mut self) {
        let wall = self.clocks.now(self.time).wall;
        let mut file = (*self.desired.file).clone();
        file.revision = self.next_revision();
        for intent in file.intents.values_mut().map(Arc::make_mut) {
            intent.wanted = Wanted::Fixed(wish::state(intent, wall));
            intent.exception = None;
        }
        self.save(file);
    }

    /// Schedules that turn every state into the other one in so many milliseconds.
    pub(crate) fn edit_to_turn(&mut self, wait: u64) {
        let wall = self.clocks.now(self.time).wall;
        let turn = wall.shifted(i64::try_from(wait).unwrap());
        let mut file = (*self.desired.file).clone();
        file.revision = self.next_revision();
        for (id, intent) in &mut file.intents {
            let turning = wish::turning(&format!("hours-{id}"), wish::state(intent, wall), turn);
            Arc::make_mut(intent).wanted = turning;
        }
        self.save(file);
    }

    /// Every deployment of the setup, wanted so.
    pub(crate) fn want_all(&mut self, state: Desired) {
        let ids = IDS.iter().take(self.setup.deployments);
        let intents = ids.map(|id| (DeploymentId::parse(id).unwrap(), Intent::fixed(state)));
        let revision = self.next_revision();
        self.save(Manifest::new(revision, intents));
    }
}
