//! The fleet follows the desired file.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::account::Account;
use super::decision::Decision;
use super::deployment::DeploymentId;
use super::intent::{Intent, Manifest};
use super::line::Lined;
use super::member::Member;
use super::notice::Notice;
use super::policy::Policy;
use super::reconciler::Reconciler;
use super::record::Record;
use super::time::Now;

impl Reconciler {
    /// A valid desired file, whole: what it changes is found out here and nowhere else.
    pub(super) fn accept(&mut self, manifest: &Arc<Manifest>, now: Now, decision: &mut Decision) {
        let mended = self.fault.take().is_some();
        let first = self.manifest.is_none();
        let known = self.manifest.as_ref().is_some_and(|(known, _)| known == manifest);
        if known && !mended {
            return;
        }
        let edits = self.edits(manifest);
        self.manifest = Some((manifest.clone(), now));
        let before = self.base.replace(manifest.clone());
        let released = self.guard(before.as_deref(), manifest, now, decision);
        self.almanac.clear();
        self.revision = manifest.revision.clone();
        let gone: Vec<_> = edits
            .iter()
            .filter(|(id, intent)| {
                let account = intent.map(|intent| &intent.account);
                self.members.get(id).is_some_and(|member| Some(&member.intent.account) != account)
            })
            .map(|(id, _)| id.clone())
            .collect();
        for id in &gone {
            self.leave(id);
            self.forget_wait(id, now, decision);
        }
        let followed = |intent: &Intent| self.accounts.contains_key(&intent.account);
        let changed = edits.iter().filter_map(|(id, intent)| Some((id, (*intent)?)));
        let changed: Vec<_> = changed.filter(|(_, intent)| followed(intent)).collect();
        self.join(&changed, now);
        self.note_who_left(if first { None } else { Some(&gone) }, now, decision);
        announce(manifest, changed.len(), gone, mended, decision);
        self.forget_wishes(now, decision);
        let unlisted = self.settle_list_use(now);
        for (id, intent) in changed {
            self.visit(id, now, decision, |desk, member| {
                let from = member.told.is_some().then_some(member.resolved.desired);
                if member.intent.schedule() != intent.schedule() {
                    member.rescheduled = now.wall;
                }
                member.intent = intent.clone();
                let differs = desk.resolve_intent(member);
                if differs || (from.is_none() && !first) {
                    desk.desired_changed(member, from);
                }
            });
        }
        for id in released {
            self.visit(&id, now, decision, |_, _| ());
        }
        for id in unlisted {
            self.visit(&id, now, decision, |desk, member| desk.unlisted(member));
        }
    }

    /// The deployments of which another state of the file asks something else than the one in
    /// force, and what; by id. Without one in force, something else than is asked of the members.
    fn edits<'m>(&self, manifest: &'m Manifest) -> Vec<(DeploymentId, Option<&'m Arc<Intent>>)> {
        let after = &manifest.intents;
        match &self.manifest {
            Some((before, _)) => differences(before.intents.iter(), after),
            None => {
                let members = self.members.iter();
                differences(members.map(|(id, member)| (id, &member.intent)), after)
            }
        }
    }

    /// Other rules from now on. Accounts that are gone keep their past in the ledger.
    pub fn set_policy(&mut self, policy: Policy, now: Now) {
        self.history.policy = policy.clone();
        let accounts = &policy.accounts;
        for id in self.ids_where(|member| !accounts.contains(&member.intent.account)) {
            self.leave(&id);
        }
        self.accounts.retain(|id, _| accounts.contains(id));
        for id in accounts {
            self.accounts.entry(id.clone()).or_insert_with(|| Account::new(now.mono));
        }
        self.policy = Arc::new(policy);
    }

    /// What leaves the file waits for nothing.
    fn forget_wait(&mut self, id: &DeploymentId, now: Now, decision: &mut Decision) {
        if self.history.waits(id).is_some() {
            let left = Lined::Left { at: now.into(), deployment: id.clone() };
            self.remember(Record::Line(left), decision);
        }
    }

    /// Takes in those of `named` who are no members yet; all of them have an account.
    fn join(&mut self, named: &[(&DeploymentId, &Arc<Intent>)], now: Now) {
        let new = named.iter().filter(|(id, _)| !self.members.contains_key(*id));
        let member = |(id, intent): &(&DeploymentId, &Arc<Intent>)| {
            let (id, intent) = (DeploymentId::clone(id), Arc::clone(intent));
            let wishes = self.history.wishes(&id);
            (id.clone(), Box::new(Member::new(id, intent, wishes, now)))
        };
        let new: Vec<_> = new.map(member).collect();
        for (_, member) in &new {
            let account = self.accounts.get_mut(&member.intent.account);
            account.into_iter().for_each(|account| account.members += 1);
        }
        if self.members.is_empty() {
            // Made at once, a map takes half the room of one that grows in the order of its keys.
            self.members = new.into_iter().collect();
        } else {
            self.members.extend(new);
        }
    }

    fn leave(&mut self, id: &DeploymentId) {
        let Some(mut member) = self.members.remove(id) else { return };
        self.holding.unseen.remove(id);
        if let Some(account) = self.accounts.get_mut(&member.intent.account) {
            account.members -= 1;
            account.schedule(&mut member, None);
            account.expect(&mut member, None);
            account.line_up(&mut member, None);
        }
    }
}

/// Each of `some`, with what `others` have of the same key. Both are in order, so a large fleet is
/// gone through and not looked up.
pub(super) fn joined<'a, 'b, K: Ord, A, B>(
    some: &'a BTreeMap<K, A>,
    others: &'b BTreeMap<K, B>,
) -> impl Iterator<Item = (&'a K, &'a A, Option<&'b B>)> {
    let mut other = in_order(others.iter());
    some.iter().map(move |(key, value)| (key, value, other(key)))
}

/// Finds in `others`, which are in order, what is asked for, each key once and in order, too.
pub(super) fn in_order<'a, K: Ord + 'a, V>(
    others: impl IntoIterator<Item = (&'a K, V)>,
) -> impl FnMut(&K) -> Option<V> {
    let mut others = others.into_iter().peekable();
    move |key| {
        while others.next_if(|(other, _)| *other < key).is_some() {}
        others.next_if(|(other, _)| *other == key).map(|(_, other)| other)
    }
}

/// The keys whose values are not the same `before`, which is in order, too; and what they are.
fn differences<'a, 'b, K: Ord + Clone + 'a, V: PartialEq + 'a>(
    before: impl Iterator<Item = (&'a K, &'a V)>,
    after: &'b BTreeMap<K, V>,
) -> Vec<(K, Option<&'b V>)> {
    let (mut before, mut differences) = (before.peekable(), Vec::new());
    for (key, value) in after {
        while let Some((gone, _)) = before.next_if(|(known, _)| *known < key) {
            differences.push((gone.clone(), None));
        }
        let known = before.next_if(|(known, _)| *known == key);
        if known.is_none_or(|(_, known)| known != value) {
            differences.push((key.clone(), Some(value)));
        }
    }
    differences.extend(before.map(|(gone, _)| (gone.clone(), None)));
    differences
}

/// A file is in force: what it changes, what it mends, who leaves.
fn announce(
    manifest: &Manifest,
    changed: usize,
    mut gone: Vec<DeploymentId>,
    mended: bool,
    decision: &mut Decision,
) {
    gone.retain(|id| !manifest.intents.contains_key(id));
    let revision = manifest.revision.clone();
    let (deployments, removed) = (manifest.intents.len(), gone.len());
    decision.tell(Notice::ManifestAccepted { revision, deployments, changed, removed });
    if mended {
        decision.tell(Notice::ManifestMended { revision: manifest.revision.clone() });
    }
    for deployment in gone {
        decision.tell(Notice::Left { deployment });
    }
}
