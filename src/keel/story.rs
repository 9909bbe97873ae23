//! What became of one deployment, in order: what was wanted, what was seen, what was sent. Also the
//! JSON of `/api/v1/deployments/{id}/timeline`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::chronicle::{Note, Wish};
use super::deployment::{DeploymentId, Desired};
use super::reconciler::Reconciler;
use super::record::{Past, Stamp};
use super::time::{Mono, Wall};
use super::view::{PastView, Time};

/// One thing that became of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

impl Entry {
    fn of(at: Stamp, note: &Note) -> Self {
        let at = Time(at.wall);
        match note {
            Note::Wanted { deployment: _, wish, revision } => {
                let Wish { desired, rule, suspended } = wish.clone();
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

impl Reconciler {
    /// What became of a deployment since `from`, oldest first, after what held by then. `None`: the
    /// desired file does not name it, and nothing is remembered of it.
    pub fn timeline(&self, deployment: &DeploymentId, from: Wall) -> Option<Vec<Entry>> {
        let chronicle = self.history.chronicle();
        let since = chronicle.of(deployment).filter(|(at, _)| from <= at.wall);
        let held = chronicle.standing(deployment, |at| at < from);
        let notes = since.chain(held.into_iter().flatten());
        let mut entries: Vec<(Mono, Entry)> =
            notes.map(|(at, note)| (at.mono, Entry::of(*at, note))).collect();
        let mine = |past: &&Past| past.deployment == *deployment && from <= past.reserved.wall;
        let acted = self.history.past().iter().filter(mine);
        entries.extend(acted.map(|past| (past.reserved.mono, Entry::Acted(past.into()))));
        // By the clock that nobody sets; what is wanted and seen comes before what follows from it.
        entries.sort_by_key(|(at, entry)| (*at, matches!(entry, Entry::Acted(_))));
        let known = self.members.contains_key(deployment) || !entries.is_empty();
        known.then(|| entries.into_iter().map(|(_, entry)| entry).collect())
    }
}
