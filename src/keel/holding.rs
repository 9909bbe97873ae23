//! The fleet under the mass-stop guard: a change is held, watched, and let go.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::almanac::Almanac;
use super::decision::Decision;
use super::deployment::{DeploymentId, Status};
use super::guard::{Guarded, Hold, Holding, Release, change_id, is_stop, mass_stop};
use super::history::History;
use super::intent::{Intent, Manifest};
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
        self.holding.back |= taken_back;
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
            let at = held.filter(|_| same).map_or(now.into(), |hold| hold.at);
            let (hold, back) = (Some(Hold { at, change, stops }), self.holding.back);
            self.holding = Holding { hold, told, back, ..holding };
            self.write_hold(Release::TakenBack, now, decision);
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
    /// for something else that is no stop, is taken back. What time turns into a stop stays held.
    fn still_held(
        &self,
        before: Option<&Manifest>,
        after: &Manifest,
        now: Now,
    ) -> (Option<Hold>, BTreeSet<DeploymentId>) {
        let Some(hold) = &self.holding.hold else { return (None, BTreeSet::new()) };
        let mut almanac = Almanac::default();
        let stays = |id: &&DeploymentId| {
            let was = before.and_then(|before| before.intent(id));
            let same = |intent: &Intent| was == Some(intent) && intent.is_timed();
            let intent = after.intent(id);
            intent.is_some_and(|one| same(one) || is_stop(one, now.wall, &mut almanac))
        };
        (Some(hold.clone()), hold.stops.iter().filter(stays).cloned().collect())
    }

    fn look(&self, stops: &BTreeSet<DeploymentId>, fleet: usize) -> Holding {
        let member = |id: &DeploymentId| self.members.get(id);
        let rests = |id: &DeploymentId| member(id).is_some_and(|one| one.rests(&self.history));
        let moves = |status: &Status| *status != Status::Stopped;
        let seen = |id: &&DeploymentId| {
            member(id).is_some_and(|one| one.failing.is_some() || one.status().is_some_and(moves))
        };
        let open: BTreeSet<_> = stops.iter().filter(|id| !rests(id)).cloned().collect();
        let unseen = open.iter().filter(|id| !seen(id)).cloned().collect();
        Holding { open, unseen, fleet, ..Holding::default() }
    }

    /// Lets the change go that is held, if one is, and tells so if that it was held was told.
    fn release(
        &mut self,
        why: Release,
        now: Now,
        decision: &mut Decision,
    ) -> BTreeSet<DeploymentId> {
        let back = self.holding.back;
        let known = std::mem::replace(&mut self.holding, Holding { back, ..Holding::default() });
        let Holding { hold: Some(Hold { change, .. }), open, told, .. } = known else {
            return BTreeSet::new();
        };
        if told {
            decision.tell(Notice::StopsReleased { change, stops: open.len(), why });
        }
        self.write_hold(why, now, decision);
        open
    }

    /// The change that is held by the file in force, if one is.
    pub fn held(&self) -> Option<&Hold> {
        self.holding.hold.as_ref()
    }

    /// A later process will compare with this file.
    pub(super) fn kept(&mut self, manifest: Arc<Manifest>, now: Now, decision: &mut Decision) {
        let in_force = self.manifest.as_ref().is_some_and(|(known, _)| *known == manifest);
        if in_force && std::mem::take(&mut self.holding.back) {
            self.write_hold(Release::TakenBack, now, decision);
        }
        self.base.get_or_insert(manifest);
    }

    /// Brings the ledger's hold to what is held; less of it not before the file is kept that took
    /// the rest back.
    fn write_hold(&mut self, why: Release, now: Now, decision: &mut Decision) {
        let (ledger, mut hold) = (self.history.hold(), self.holding.hold.clone());
        if let (true, Some(known)) = (self.holding.back, ledger) {
            let Some(hold) = hold.as_mut().filter(|hold| !hold.stops.is_subset(&known.stops))
            else {
                return;
            };
            let count = hold.stops.len();
            hold.stops.extend(known.stops.iter().cloned());
            if count < hold.stops.len() {
                hold.change = change_id(&hold.stops);
            }
        }
        let line = match (ledger, hold) {
            (Some(known), None) => {
                Guarded::Released { at: now.into(), change: known.change.clone(), why }
            }
            (known, Some(hold)) if known != Some(&hold) => Guarded::Held(hold),
            (Some(_) | None, _) => return,
        };
        self.remember(Record::Guard(line), decision);
    }

    /// Lets a held change go once what is left of it is within the limits, and tells of it once
    /// that is certain not to happen by looking.
    pub(super) fn watch_hold(&mut self, now: Now, decision: &mut Decision) {
        let limit = self.policy.guards.stops;
        let Holding { hold, open, fleet, told, .. } = &self.holding;
        let Some((change, since)) = hold.as_ref().map(|one| (one.change.clone(), one.at)) else {
            return;
        };
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
    /// The change that the mass-stop guard holds, and what of it was taken back by a file that was
    /// not kept then.
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
