//! What people ask of the running daemon without an edit: exceptions that stand over the file, and
//! their ends. What was asked and committed outlives the process and the machine.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use evenkeel::keel::deployment::{DeploymentId, Desired};
use evenkeel::keel::intent::Manifest;
use evenkeel::keel::reconciler::Event;
use evenkeel::keel::temporary::{Errand, Want};
use evenkeel::keel::time::Wall;

use crate::generate::Choose;
use crate::lie::Lie;
use crate::world::{Checked, World};

/// Until when something is asked for; `None`: until somebody ends it.
type Until = Option<Wall>;

/// For so long something may be asked for that is left to end by itself at the end of a world.
const SOON: Duration = Duration::from_secs(100 * 60);

/// What is asked for about one deployment.
#[derive(Clone, Copy, Default)]
pub(crate) struct Asked {
    over: Option<(Desired, Until)>,
    suspend: Option<Until>,
}

impl Asked {
    /// The state that is asked for.
    pub(crate) fn state(&self, wall: Wall) -> Option<Desired> {
        self.over.filter(|(_, until)| holds(*until, wall)).map(|(state, _)| state)
    }

    const fn is_any(&self) -> bool {
        self.over.is_some() || self.suspend.is_some()
    }

    /// Leaves out what has ended by itself.
    fn drop_ended(&mut self, wall: Wall) {
        self.over.take_if(|(_, until)| !holds(*until, wall));
        self.suspend.take_if(|until| !holds(*until, wall));
    }

    /// When it ends by itself.
    fn ends(&self) -> impl Iterator<Item = Wall> {
        let over = self.over.and_then(|(_, until)| until);
        [over, self.suspend.flatten()].into_iter().flatten()
    }

    /// Whether hands are to be kept off.
    pub(crate) fn is_suspended(&self, wall: Wall) -> bool {
        self.suspend.is_some_and(|until| holds(until, wall))
    }
}

fn holds(until: Until, wall: Wall) -> bool {
    until.is_none_or(|until| wall < until)
}

/// What is asked for about all deployments, as far as it is known outside.
#[derive(Default)]
pub(crate) struct Errands {
    asked: BTreeMap<DeploymentId, Asked>,
    /// Those about which something was asked, or ended, that may have been lost.
    doubted: BTreeSet<DeploymentId>,
}

impl Errands {
    /// What is asked for about a deployment; `None`: nobody outside knows.
    pub(crate) fn about(&self, id: &DeploymentId) -> Option<Asked> {
        let known = !self.doubted.contains(id);
        known.then(|| self.asked.get(id).copied().unwrap_or_default())
    }

    /// Whether anything was asked about a deployment, and nobody ended it.
    pub(crate) fn any_about(&self, id: &DeploymentId) -> bool {
        self.asked.contains_key(id) || self.doubted.contains(id)
    }

    /// Something is about to be asked for, or ended; says whether all before it is known.
    pub(crate) fn asks(&mut self, id: &DeploymentId) -> bool {
        self.doubted.insert(id.clone())
    }

    /// It was, for good.
    fn made(&mut self, id: &DeploymentId, change: impl FnOnce(&mut Asked)) {
        self.doubted.remove(id);
        let mut asked = self.asked.remove(id).unwrap_or_default();
        change(&mut asked);
        if asked.is_any() {
            self.asked.insert(id.clone(), asked);
        }
    }

    /// The ledger was written anew at `wall`, without what had ended: no clock that is set back
    /// brings that to life again.
    pub(crate) fn compacted(&mut self, wall: Wall) {
        self.asked.retain(|_, one| {
            one.drop_ended(wall);
            one.is_any()
        });
    }

    /// The same, as far as anybody knows.
    pub(crate) fn may_be_compacted(&mut self, wall: Wall) {
        let over = |one: &Asked| one.ends().any(|until| !holds(Some(until), wall));
        let ended = self.asked.iter().filter(|(_, one)| over(one));
        self.doubted.extend(ended.map(|(id, _)| id.clone()));
    }

    /// A file is about to come into force: it ends what is asked for about those that it does not
    /// name.
    pub(crate) fn told(&mut self, file: &Manifest) {
        let gone = self.asked.keys().filter(|id| !file.intents.contains_key(*id));
        self.doubted.extend(gone.cloned());
    }

    /// And has ended it for good.
    pub(crate) fn ended_by(&mut self, file: &Manifest) {
        self.asked.retain(|id, _| file.intents.contains_key(id));
        self.doubted.retain(|id| file.intents.contains_key(id));
    }
}

impl<C: Choose> World<'_, C> {
    /// Somebody asks the daemon for something.
    pub(crate) fn ask(&mut self) -> Checked {
        if self.keel.is_none() || self.stuck || self.time < self.paused_until {
            return Ok(());
        }
        let id = DeploymentId::parse(&self.some_deployment()).unwrap();
        let want = match self.chooser.below(8) {
            0 => return self.feed(Event::Errand(Errand::Sync(None))),
            1 => return self.feed(Event::Errand(Errand::Sync(Some(id)))),
            2 | 3 => return self.resume(&id),
            4 => Want::Suspend,
            _ => Want::Override(self.chooser.pick(&[Desired::Running, Desired::Stopped])),
        };
        let lasts = self.chooser.pick(&[Some(10), Some(90), Some(1500), None]);
        let lasts = lasts.map(|minutes| Duration::from_secs(60 * minutes));
        self.count("exception");
        self.tell(|| format!("somebody asks for {want:?} of {id} for {lasts:?}"));
        let wall = self.clocks.now(self.time).wall;
        let until = lasts.map(|lasts| wall + lasts);
        let wish = Errand::Wish {
            deployment: id.clone(),
            want,
            lasts: lasts.filter(|_| self.setup.lie != Lie::EndlessWish),
            reason: None,
            by: "somebody".into(),
        };
        self.errand(&id, wish, |asked| match want {
            Want::Override(state) => asked.over = Some((state, until)),
            Want::Suspend => asked.suspend = Some(until),
        })
    }

    /// Somebody ends what is asked for about a deployment.
    fn resume(&mut self, id: &DeploymentId) -> Checked {
        self.tell(|| format!("somebody resumes {id}"));
        let resume = Errand::Resume { deployment: id.clone(), by: "somebody".into() };
        self.errand(id, resume, |asked| *asked = Asked::default())
    }

    /// Somebody ends what would end by itself, but not soon, and what nobody knows for certain; the
    /// rest ends.
    pub(crate) fn resume_for_good(&mut self) -> Checked {
        let soon = self.clocks.now(self.time).wall + SOON;
        let errands = &self.oracle.errands;
        let unsure = |id: &&DeploymentId| {
            errands.about(id).is_none_or(|one| one.ends().any(|until| soon < until))
        };
        let ids: Vec<_> = self.desired.file.intents.keys().filter(unsure).cloned().collect();
        ids.iter().try_for_each(|id| self.resume(id))?;
        let mut left = self.oracle.errands.asked.values();
        if left.any(|one| one.ends().next().is_some()) {
            self.run_until(self.time + u64::try_from(SOON.as_millis()).unwrap())?;
        }
        Ok(())
    }

    fn errand(
        &mut self,
        id: &DeploymentId,
        errand: Errand,
        change: impl FnOnce(&mut Asked),
    ) -> Checked {
        if !self.is_in_force(id) {
            return Ok(());
        }
        let known = self.oracle.asked(id) || matches!(errand, Errand::Resume { .. });
        let generation = self.generation;
        if self.setup.lie != Lie::DeafToWishes {
            self.feed(Event::Errand(errand))?;
        }
        if known && generation == self.generation && !self.stuck {
            self.oracle.errands.made(id, change);
        }
        Ok(())
    }
}
