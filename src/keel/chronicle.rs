//! What was wanted and what was seen of each deployment, whenever that changed: for people who ask
//! why, also of a moment in the past.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::chapter::Chapter;
use super::decision::Decision;
use super::deployment::{DeploymentId, Desired, Status};
use super::desk::Desk;
use super::fleet::joined;
use super::history::History;
use super::intent::{Resolved, Rule};
use super::member::Member;
use super::reconciler::Reconciler;
use super::record::{Record, Stamp};
use super::time::{Now, Wall};

/// Notes that are kept, over all deployments. A deployment that runs for office hours makes some
/// seven a day, so that this is a month of a hundred of them, in half a MiB of the ledger and 4 MiB
/// of memory.
pub const NOTES_MAX: usize = 20_000;

/// Notes that are looked through for what is to be noted again: a few times the schedules that a
/// fleet has.
const NEIGHBOURS: usize = 16;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "snake_case", try_from = "Line")]
pub enum Note {
    /// Something else is wanted than before, or for another reason.
    Wanted {
        /// The deployment.
        #[serde(rename = "d")]
        deployment: DeploymentId,
        /// What. Shared: much of a fleet wants the same.
        #[serde(flatten)]
        wish: Arc<Wish>,
        /// The desired file's revision by then.
        #[serde(rename = "v")]
        revision: Arc<str>,
    },
    /// Another status than before was seen.
    Seen {
        /// The deployment.
        #[serde(rename = "d")]
        deployment: DeploymentId,
        /// The status.
        #[serde(rename = "s")]
        status: Status,
    },
    /// The desired file does not name it any more.
    Left {
        /// The deployment.
        #[serde(rename = "d")]
        deployment: DeploymentId,
    },
}

/// A note as it is written, to be read in one go: a month of a fleet has many.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "k")]
    kind: Kind,
    #[serde(rename = "d")]
    deployment: DeploymentId,
    /// A [`Desired`] or a [`Status`].
    #[serde(rename = "s")]
    state: Option<Status>,
    #[serde(rename = "r")]
    rule: Option<Rule>,
    #[serde(rename = "x")]
    suspended: Option<Arc<str>>,
    #[serde(rename = "v")]
    revision: Option<Arc<str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Wanted,
    Seen,
    Left,
}

impl TryFrom<Line> for Note {
    type Error = &'static str;

    fn try_from(line: Line) -> Result<Self, Self::Error> {
        let Line { kind, deployment, state, rule, suspended, revision } = line;
        Ok(match kind {
            Kind::Wanted => {
                let desired =
                    state.and_then(|state| state.settled()).ok_or("no state is wanted")?;
                let rule = rule.ok_or("a state is wanted without a rule")?;
                let revision = revision.ok_or("a state is wanted by no revision")?;
                let wish = Arc::new(Wish { desired, rule, suspended });
                Self::Wanted { deployment, wish, revision }
            }
            Kind::Seen => Self::Seen { deployment, status: state.ok_or("no status is seen")? },
            Kind::Left => Self::Left { deployment },
        })
    }
}

impl Note {
    /// Whom it is about.
    pub const fn deployment(&self) -> &DeploymentId {
        match self {
            Self::Wanted { deployment, .. }
            | Self::Seen { deployment, .. }
            | Self::Left { deployment } => deployment,
        }
    }
}

/// What is wanted of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// The state.
    #[serde(rename = "s")]
    pub desired: Desired,
    /// Which part of the desired file says so.
    #[serde(rename = "r")]
    pub rule: Rule,
    /// Why it is left alone, if it is.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Arc<str>>,
}

impl Wish {
    fn of(resolved: &Resolved) -> Self {
        Self {
            desired: resolved.desired,
            rule: resolved.rule.clone(),
            suspended: resolved.suspended.clone(),
        }
    }

    fn is(&self, resolved: &Resolved) -> bool {
        self.desired == resolved.desired
            && self.rule == resolved.rule
            && self.suspended == resolved.suspended
    }

    /// The schedule that decides, where hands are on.
    fn schedule(&self) -> Option<&Arc<str>> {
        match &self.rule {
            Rule::Schedule { name, .. } if self.suspended.is_none() => Some(name),
            Rule::Schedule { .. } | Rule::State | Rule::Override(_) | Rule::Asked { .. } => None,
        }
    }
}

/// What was last noted of a deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub(super) wish: Option<Arc<Wish>>,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<Status>,
    /// Since when it has followed the schedule that decides, without a break.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub(super) follows: Option<Wall>,
    /// When it was last seen to be `running` no more while it followed one.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub(super) ran: Option<Wall>,
}

impl Last {
    /// Takes in a later note about the same deployment.
    pub fn take(&mut self, at: Wall, note: &Note) {
        match note {
            Note::Wanted { wish, .. } => {
                let before = self.wish.replace(wish.clone());
                let schedule = wish.schedule();
                if schedule.is_none()
                    || before.as_ref().and_then(|wish| wish.schedule()) != schedule
                {
                    self.follows = schedule.map(|_| at);
                }
            }
            Note::Seen { status, .. } => {
                let ran = self.status.replace(status.clone()) == Some(Status::Running);
                if ran && self.follows.is_some() {
                    self.ran = Some(at);
                }
            }
            Note::Left { .. } => *self = Self::default(),
        }
    }
}

/// The last notes about a deployment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing<'a> {
    /// Of what was wanted; while it was not in the desired file, that it had left.
    pub wanted: Option<&'a (Stamp, Note)>,
    /// Of what was seen.
    pub seen: Option<&'a (Stamp, Note)>,
}

impl<'a> Standing<'a> {
    /// Takes in a later note about the same deployment.
    pub const fn take(&mut self, one: &'a (Stamp, Note)) {
        match one.1 {
            Note::Wanted { .. } => self.wanted = Some(one),
            Note::Seen { .. } => self.seen = Some(one),
            Note::Left { .. } => *self = Self { wanted: Some(one), seen: None },
        }
    }
}

/// The notes that are kept, and what they add up to.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Chronicle {
    notes: VecDeque<(Stamp, Note)>,
    /// Whoever is in the desired file, also where no note of it is kept any more.
    last: BTreeMap<DeploymentId, Box<Last>>,
}

/// Only what decides about later notes: the notes themselves are for people, and too many.
impl fmt::Debug for Chronicle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chronicle").field("last", &self.last).finish_non_exhaustive()
    }
}

impl Chronicle {
    /// All notes that are kept, oldest first.
    pub fn notes(&self) -> impl Iterator<Item = &(Stamp, Note)> {
        self.notes.iter()
    }

    /// The notes about a deployment, oldest first.
    pub fn of(&self, deployment: &DeploymentId) -> impl Iterator<Item = &(Stamp, Note)> {
        self.notes.iter().filter(move |(_, note)| note.deployment() == deployment)
    }

    /// What stood of a deployment by the notes about it that are `known`.
    pub fn standing(
        &self,
        deployment: &DeploymentId,
        known: impl Fn(Wall) -> bool,
    ) -> Standing<'_> {
        let mut standing = Standing::default();
        for one in self.of(deployment).filter(|(stamp, _)| known(stamp.wall)) {
            standing.take(one);
        }
        standing
    }

    /// Whether a deployment that is to be running by `by` has followed its schedule since before
    /// then, and has not run since then.
    pub(super) fn owes(&self, deployment: &DeploymentId, by: Wall) -> bool {
        self.last.get(deployment).is_some_and(|last| {
            let runs = last.status == Some(Status::Running);
            let ran = last.ran.is_some_and(|until| by <= until);
            last.follows.is_some_and(|since| since <= by) && !runs && !ran
        })
    }

    /// Adds a note.
    pub(super) fn apply(&mut self, at: Stamp, note: &Note) {
        let deployment = note.deployment();
        match note {
            Note::Wanted { .. } | Note::Seen { .. } => {
                self.last.entry(deployment.clone()).or_default().take(at.wall, note);
            }
            Note::Left { .. } => {
                self.last.remove(deployment);
            }
        }
        self.told([(at, note.clone())]);
    }

    /// Adds notes for people, which change nothing of what is known to stand.
    pub(super) fn told(&mut self, notes: impl IntoIterator<Item = (Stamp, Note)>) {
        self.notes.extend(notes);
        let surplus = self.notes.len().saturating_sub(NOTES_MAX);
        self.notes.drain(..surplus);
    }

    /// What is to be noted of a deployment.
    fn news(&self, member: &Member, revision: &Arc<str>) -> [Option<Note>; 2] {
        let (deployment, resolved) = (&member.id, &member.resolved);
        let last = self.last.get(deployment);
        let wish = last.and_then(|last| last.wish.as_ref());
        let wanted = !wish.is_some_and(|wish| wish.is(resolved));
        let status = last.and_then(|last| last.status.as_ref());
        let seen = member.status().filter(|seen| Some(*seen) != status);
        [
            wanted.then(|| Note::Wanted {
                deployment: deployment.clone(),
                wish: self.wish(resolved),
                revision: revision.clone(),
            }),
            seen.map(|status| Note::Seen {
                deployment: deployment.clone(),
                status: status.clone(),
            }),
        ]
    }

    /// What is wanted, as others have it who were noted just now, if they have.
    fn wish(&self, resolved: &Resolved) -> Arc<Wish> {
        let near = self.notes.iter().rev().take(NEIGHBOURS);
        let mut known = near.filter_map(|(_, note)| match note {
            Note::Wanted { wish, .. } => Some(wish).filter(|wish| wish.is(resolved)),
            Note::Seen { .. } | Note::Left { .. } => None,
        });
        known.next().cloned().unwrap_or_else(|| Arc::new(Wish::of(resolved)))
    }

    /// Whoever was noted and is not among `known`.
    pub(super) fn others<T>(&self, known: &BTreeMap<DeploymentId, T>) -> Vec<DeploymentId> {
        let others = joined(&self.last, known).filter(|(_, _, known)| known.is_none());
        others.map(|(id, ..)| id.clone()).collect()
    }

    /// The fewest records that add up to this.
    pub(super) fn snapshot(&self, out: &mut Vec<Record>) {
        out.extend(Chapter::split(self.notes.iter().cloned()).map(Record::Notes));
        let lasts = self.last.iter().map(|(id, last)| (id.clone(), Last::clone(last)));
        out.extend(Chapter::split(lasts).map(Record::Lasts));
    }

    /// As a ledger carried it.
    pub(super) fn carried(&mut self, deployment: &DeploymentId, last: &Last) {
        self.last.insert(deployment.clone(), Box::new(last.clone()));
    }

    /// Moves every instant into another clock domain.
    pub(super) fn shift(&mut self, millis: i64) {
        for (at, _) in &mut self.notes {
            at.mono = at.mono.shifted(millis);
        }
    }
}

impl History {
    /// What was wanted and seen.
    pub const fn chronicle(&self) -> &Chronicle {
        &self.chronicle
    }

    pub(super) fn noted(&mut self, at: Stamp, note: &Note) {
        self.chronicle.apply(at, note);
        if let Note::Seen { deployment, status } = note
            && let Some(past) = self.deployments.get_mut(deployment)
        {
            past.starts.seen(status, at);
        }
    }
}

impl Reconciler {
    /// Notes who has left the desired file: those of `gone` who did not come back at once, or, at
    /// the first file, who left while no process ran.
    pub(super) fn note_who_left(
        &mut self,
        gone: Option<&[DeploymentId]>,
        now: Now,
        decision: &mut Decision,
    ) {
        let chronicle = &self.history.chronicle;
        let left: Vec<_> = match gone {
            Some(gone) => {
                let back = |id| self.members.contains_key(id);
                let left = gone.iter().filter(|id| !back(*id) && chronicle.last.contains_key(*id));
                left.cloned().collect()
            }
            None => chronicle.others(&self.members),
        };
        for deployment in left {
            let note = Note::Left { deployment };
            self.remember(Record::Noted { at: now.into(), note }, decision);
        }
    }
}

impl Desk<'_> {
    /// Notes what is wanted and seen of a deployment, if that is something else than before.
    pub(super) fn note(&mut self, member: &Member) {
        let news = self.history.chronicle().news(member, self.revision);
        for note in news.into_iter().flatten() {
            self.record(Record::Noted { at: self.now.into(), note });
        }
    }
}
