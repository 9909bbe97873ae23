//! The fleet under the mass-stop guard: a change is held, watched, and let go.

use std::collections::BTreeSet;

use super::almanac::Almanac;
use super::decision::Decision;
use super::deployment::{DeploymentId, Status};
use super::guard::{Guarded, Hold, Holding, Release, change_id, is_stop, mass_stop};
use super::history::History;
use super::intent::Manifest;
use super::notice::Notice;
use super::reconciler::Reconciler;
use super::record::Record;
use super::time::Now;

impl Reconciler {
    /// Compares a file that comes into force with the one before, and holds its stops if they are
    /// too many. Gives the deployments that are held no longer: to be visited once the file is in
    /// force, not before.
    pub(super) fn guard(
        &mut self,
        before: Option<&Manifest>,
        after: &Manifest,
        now: Now,
        decision: &mut Decision,
    ) -> BTreeSet<DeploymentId> {
        let (held, mut stops) = self.still_held(before, after, now);
        let taken_back = held.as_ref().is_some_and(|hold| stops.len() < hold.stops.len());
        let fresh = mass_stop(before, after, now.wall);
        let change = match &held {
            Some(hold) if fresh.is_subset(&stops) => hold.change.clone(),
            Some(_) | None => {
                stops.extend(fresh);
                change_id(&stops)
            }
        };
        let holding = self.look(&stops, after.intents.len());
        let exceeded = self.policy.guards.stops.is_exceeded(holding.open.len(), holding.fleet);
        let acknowledged = after.acknowledged.contains(&change);
        if exceeded && !acknowledged {
            let same = held.as_ref().is_some_and(|hold| hold.change == change);
            let told = same && self.holding.told;
            self.holding = Holding { told, ..holding };
            if held.as_ref().is_none_or(|hold| hold.change != change || hold.stops != stops) {
                let at = held.filter(|_| same).map_or(now.into(), |hold| hold.at);
                let hold = Hold { at, change, stops };
                self.remember(Record::Guard(Guarded::Held(hold)), decision);
            }
            return BTreeSet::new();
        }
        if exceeded && !self.holding.told {
            let (why, stops) = (Release::Acknowledged, holding.open.len());
            decision.tell(Notice::StopsReleased { change, stops, why });
        }
        let why = match (acknowledged, taken_back) {
            (true, _) => Release::Acknowledged,
            (false, true) => Release::TakenBack,
            (false, false) => Release::WithinLimits,
        };
        self.release(why, now, decision)
    }

    /// The change that is held, and what an edit leaves of it: what is named no longer, or asked
    /// for something else that is no stop, is taken back.
    fn still_held(
        &self,
        before: Option<&Manifest>,
        after: &Manifest,
        now: Now,
    ) -> (Option<Hold>, BTreeSet<DeploymentId>) {
        let Some(hold) = self.history.hold() else { return (None, BTreeSet::new()) };
        let mut almanac = Almanac::default();
        let stays = |id: &&DeploymentId| {
            let was = before.and_then(|before| before.intents.get(*id));
            let same = |intent| was == Some(intent);
            let intent = after.intents.get(*id);
            intent.is_some_and(|one| same(one) || is_stop(one, now.wall, &mut almanac))
        };
        (Some(hold.clone()), hold.stops.iter().filter(stays).cloned().collect())
    }

    fn look(&self, stops: &BTreeSet<DeploymentId>, fleet: usize) -> Holding {
        let stopped = |id: &&DeploymentId| {
            let member = self.members.get(*id);
            member.is_some_and(|member| member.status() == Some(&Status::Stopped))
        };
        let seen = |id: &&DeploymentId| {
            let member = self.members.get(*id);
            member.is_some_and(|one| one.observation.is_some() || one.failing.is_some())
        };
        let open: BTreeSet<_> = stops.iter().filter(|id| !stopped(id)).cloned().collect();
        let unseen = open.iter().filter(|id| !seen(id)).cloned().collect();
        Holding { open, unseen, fleet, told: false }
    }

    /// Lets the change go that is held, if one is, and tells so if that it was held was told.
    fn release(
        &mut self,
        why: Release,
        now: Now,
        decision: &mut Decision,
    ) -> BTreeSet<DeploymentId> {
        let Some(Hold { change, .. }) = self.history.hold().cloned() else {
            return BTreeSet::new();
        };
        let Holding { open, told, .. } = std::mem::take(&mut self.holding);
        if told {
            let (change, stops) = (change.clone(), open.len());
            decision.tell(Notice::StopsReleased { change, stops, why });
        }
        let released = Guarded::Released { at: now.into(), change, why };
        self.remember(Record::Guard(released), decision);
        open
    }

    /// Lets a held change go once what is left of it is within the limits, and tells of it once
    /// that is certain not to happen by looking.
    pub(super) fn watch_hold(&mut self, now: Now, decision: &mut Decision) {
        let limit = self.policy.guards.stops;
        let Some((change, since)) = self.history.hold().map(|one| (one.change.clone(), one.at))
        else {
            return;
        };
        let Holding { open, fleet, told, .. } = &self.holding;
        let moved = if self.manifest.is_none() {
            return;
        } else if !limit.is_exceeded(open.len(), *fleet) {
            self.release(Release::WithinLimits, now, decision)
        } else if !told && self.holding.is_certain(limit) {
            let (stops, fleet, since) = (open.len(), *fleet, since.wall);
            decision.tell(Notice::StopsHeld { change, stops, fleet, since });
            self.holding.told = true;
            self.holding.open.clone()
        } else {
            return;
        };
        for id in moved {
            self.visit(&id, now, decision, |_, _| ());
        }
    }
}

impl History {
    /// The change that the mass-stop guard holds.
    pub fn hold(&self) -> Option<&Hold> {
        self.hold.as_ref()
    }

    pub(super) fn guarded(&mut self, line: &Guarded) {
        match line {
            Guarded::Held(hold) => {
                self.read_clock(hold.at);
                self.hold = Some(hold.clone());
            }
            Guarded::Released { at, change: _, why: _ } => {
                self.read_clock(*at);
                self.hold = None;
            }
        }
    }
}
