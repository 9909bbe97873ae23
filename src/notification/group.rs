//! News is collected: one message a kind, each fault once, and nothing of what came and went.
//!
//! Alertmanager's words: a group waits for `group_wait` after its first news, and at least for
//! `group_interval` after the message before it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::kind::{Kind, Phase};
use super::message::Digest;
use super::news::{Item, News};
use crate::keel::time::Mono;

/// How news is collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long a group waits for more.
    pub wait: Duration,
    /// How long after a message the next one of its kind waits; and how long starts or stops wait
    /// for others that are under way.
    pub interval: Duration,
}

/// What is collected, and what was told.
#[derive(Debug)]
pub struct Groups {
    pace: Pace,
    pending: BTreeMap<(Kind, Phase), Group>,
    /// When each was last told.
    last: BTreeMap<(Kind, Phase), Mono>,
    /// What was told and is not known to be over.
    told: BTreeSet<(Kind, Arc<str>)>,
}

#[derive(Debug)]
struct Group {
    since: Mono,
    items: BTreeMap<Arc<str>, Item>,
}

impl Groups {
    /// Nothing is told yet.
    pub const fn new(pace: Pace) -> Self {
        Self { pace, pending: BTreeMap::new(), last: BTreeMap::new(), told: BTreeSet::new() }
    }

    /// Takes news in.
    pub fn take(&mut self, news: News, now: Mono) {
        match news {
            News::Begun(kind, item) => self.begun(kind, item, now),
            News::Over(kind, item) => {
                self.withdraw(kind, Phase::Begun, &item.subject);
                // Nobody is told that something is over of which nobody was told.
                if self.has_told(kind, &item) {
                    self.add(kind, Phase::Over, item, now);
                }
            }
            News::Replaced(kind, subject) => self.forget(kind, &subject),
            News::Left(subject) => {
                for kind in Kind::ALL.into_iter().filter(|kind| kind.is_of_deployments()) {
                    self.forget(kind, &subject);
                }
            }
        }
    }

    fn begun(&mut self, kind: Kind, item: Item, now: Mono) {
        self.withdraw(kind, Phase::Over, &item.subject);
        let undone = kind
            .opposite()
            .is_some_and(|opposite| self.withdraw(opposite, Phase::Begun, &item.subject));
        // The keel tells of a refused file only when its report is another one.
        let stands = kind != Kind::DesiredFileRefused && self.has_told(kind, &item);
        if !undone && !stands {
            self.add(kind, Phase::Begun, item, now);
        }
    }

    fn has_told(&self, kind: Kind, item: &Item) -> bool {
        self.told.contains(&(kind, item.subject.clone()))
    }

    fn add(&mut self, kind: Kind, phase: Phase, item: Item, now: Mono) {
        let new = || Group { since: now, items: BTreeMap::new() };
        let group = self.pending.entry((kind, phase)).or_insert_with(new);
        group.items.insert(item.subject.clone(), item);
    }

    /// Takes back what was not told yet. Whether there was anything.
    fn withdraw(&mut self, kind: Kind, phase: Phase, subject: &str) -> bool {
        let Some(group) = self.pending.get_mut(&(kind, phase)) else { return false };
        let found = group.items.remove(subject).is_some();
        if group.items.is_empty() {
            self.pending.remove(&(kind, phase));
        }
        found
    }

    fn forget(&mut self, kind: Kind, subject: &Arc<str>) {
        self.withdraw(kind, Phase::Begun, subject);
        self.withdraw(kind, Phase::Over, subject);
        self.told.remove(&(kind, subject.clone()));
    }

    /// When the next message is due, if nothing more comes. `expects` says of which kinds more is
    /// under way.
    pub fn due(&self, expects: impl Fn(Kind) -> bool) -> Option<Mono> {
        let due = |(key, group)| self.due_of(key, group, expects(key.0));
        self.pending.iter().map(due).min()
    }

    fn due_of(&self, key: &(Kind, Phase), group: &Group, expects: bool) -> Mono {
        let wait = if expects { self.pace.interval.max(self.pace.wait) } else { self.pace.wait };
        let due = group.since + wait;
        self.last.get(key).map_or(due, |last| due.max(*last + self.pace.interval))
    }

    /// The messages that are due by `now`.
    pub fn collect(&mut self, now: Mono, expects: impl Fn(Kind) -> bool) -> Vec<Digest> {
        let due =
            |key: &(Kind, Phase), group: &Group| self.due_of(key, group, expects(key.0)) <= now;
        let keys = self.pending.iter().filter(|(key, group)| due(key, group));
        let keys: Vec<_> = keys.map(|(key, _)| *key).collect();
        self.tell(keys, now)
    }

    /// All that there is, due or not.
    pub fn collect_all(&mut self, now: Mono) -> Vec<Digest> {
        let keys = self.pending.keys().copied().collect();
        self.tell(keys, now)
    }

    fn tell(&mut self, keys: Vec<(Kind, Phase)>, now: Mono) -> Vec<Digest> {
        let mut digests = Vec::new();
        for (kind, phase) in keys {
            let Some(group) = self.pending.remove(&(kind, phase)) else { continue };
            self.last.insert((kind, phase), now);
            let items: Vec<Item> = group.items.into_values().collect();
            for item in items.iter().filter(|_| kind.lasts()) {
                let one = (kind, item.subject.clone());
                match phase {
                    Phase::Begun => self.told.insert(one),
                    Phase::Over => self.told.remove(&one),
                };
            }
            digests.push(Digest { kind, phase, items });
        }
        digests
    }
}
