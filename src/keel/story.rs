//! What became of one deployment, in order: what was wanted, what was seen, what was sent. Also the
//! JSON of `/api/v1/deployments/{id}/timeline`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::chronicle::{Note, Standing, Wish};
use super::deployment::{DeploymentId, Desired};
use super::reconciler::Reconciler;
use super::record::Stamp;
use super::time::{Mono, Wall};
use super::view::{PastView, Time};

/// One thing that became of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Entry {
    /// Something else was wanted from then on, or for another reason.
    Wanted {
        /// When.
        at: Time,
        /// The state.
        state: Desired,
        /// Which part of the desired file said so.
        rule: String,
        /// The desired file's revision by then.
        revision: Arc<str>,
        /// Why it was left alone, if it was.
        suspended: Option<Arc<str>>,
    },
    /// Another status was seen.
    Seen {
        /// When.
        at: Time,
        /// The API's status word.
        status: String,
    },
    /// The desired file did not name it any more.
    Left {
        /// When.
        at: Time,
    },
    /// A start or stop was sent.
    Acted(PastView),
}

/// What became of several deployments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timelines {
    /// The oldest moment of which anything is remembered, of whichever deployment.
    pub oldest: Option<Wall>,
    /// Of each, oldest first.
    pub of: BTreeMap<DeploymentId, Vec<Entry>>,
}

impl Entry {
    fn of(at: Stamp, note: &Note) -> Self {
        let at = Time(at.wall);
        match note {
            Note::Wanted { deployment: _, wish, revision } => {
                let Wish { desired, rule, suspended } = Wish::clone(wish);
                let (rule, revision) = (rule.to_string(), revision.clone());
                Self::Wanted { at, state: desired, rule, revision, suspended }
            }
            Note::Seen { deployment: _, status } => {
                Self::Seen { at, status: status.as_str().to_owned() }
            }
            Note::Left { deployment: _ } => Self::Left { at },
        }
    }
}

/// What is remembered of a deployment: as of an instant, and since then.
#[derive(Default)]
struct Memory<'a> {
    before: Standing<'a>,
    since: Vec<(Mono, Entry)>,
}

impl Reconciler {
    /// What became of a deployment since `from`, oldest first, after what held by then. `None`: the
    /// desired file does not name it, and nothing is remembered of it.
    pub fn timeline(&self, deployment: &DeploymentId, from: Wall) -> Option<Vec<Entry>> {
        self.timelines(&[deployment.clone()].into(), from).of.remove(deployment)
    }

    /// The same for many deployments, in one pass over what is remembered.
    pub fn timelines(&self, deployments: &BTreeSet<DeploymentId>, from: Wall) -> Timelines {
        let empty = deployments.iter().map(|id| (id, Memory::default()));
        let mut memories: BTreeMap<_, Memory<'_>> = empty.collect();
        for one @ (at, note) in self.history.chronicle().notes() {
            let Some(memory) = memories.get_mut(note.deployment()) else { continue };
            if from <= at.wall {
                memory.since.push((at.mono, Entry::of(*at, note)));
            } else {
                memory.before.take(one);
            }
        }
        for past in self.history.past().iter().filter(|past| from <= past.reserved.wall) {
            let Some(memory) = memories.get_mut(&past.deployment) else { continue };
            memory.since.push((past.reserved.mono, Entry::Acted(past.into())));
        }
        let known = |id: &DeploymentId, entries: &[Entry]| {
            self.members.contains_key(id) || !entries.is_empty()
        };
        let told = memories.into_iter().map(|(id, memory)| (id.clone(), memory.told()));
        let of = told.filter(|(id, entries)| known(id, entries)).collect();
        Timelines { oldest: self.oldest(), of }
    }
}

impl Reconciler {
    /// The oldest moment of which anything is remembered.
    pub(super) fn oldest(&self) -> Option<Wall> {
        self.history.chronicle().notes().next().map(|(at, _)| at.wall)
    }
}

impl Memory<'_> {
    /// By the clock that nobody sets; what is wanted and seen comes before what follows from it.
    fn told(self) -> Vec<Entry> {
        let Self { before, since: mut entries } = self;
        let held = [before.wanted, before.seen].into_iter().flatten();
        entries.extend(held.map(|(at, note)| (at.mono, Entry::of(*at, note))));
        entries.sort_by_key(|(at, entry)| (*at, matches!(entry, Entry::Acted(_))));
        entries.into_iter().map(|(_, entry)| entry).collect()
    }
}
