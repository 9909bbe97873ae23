//! Compaction: many tallies, acts, notes or starts in one record. What they have in common is
//! written once, and instants as how far they are from those before: a month of a fleet is read at
//! each start.

use std::sync::Arc;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::call::{CallId, Fate, Method};
use super::chronicle::{Last, Note, Wish};
use super::deployment::{AccountId, Action, DeploymentId, Desired, Status};
use super::intent::Rule;
use super::lead::{Shown, Starts};
use super::record::{Cause, Past, Stamp, TallyLine};
use super::time::{Mono, Wall};

/// Items in one record: enough to share what they have in common, and no more than any store takes
/// at once.
const ITEMS: usize = 256;

/// Some items, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chapter<T>(pub Vec<T>);

/// What a chapter can be made of.
pub trait Item: Sized {
    /// What many have in common.
    type Frame: PartialEq + Serialize + DeserializeOwned;
    /// What is one's own.
    type Own: Serialize + DeserializeOwned;

    /// The two parts of one that follows `before`.
    fn apart(&self, before: Option<&Self>) -> (Self::Frame, Self::Own);

    /// The item of two parts, which follows `before`; `None` if they are not of one item.
    fn whole(frame: &Self::Frame, own: Self::Own, before: Option<&Self>) -> Option<Self>;
}

/// A chapter as it is written.
#[derive(Serialize, Deserialize)]
struct Text<F, L> {
    /// What items have in common, each once.
    #[serde(rename = "f")]
    frames: Vec<F>,
    /// For each item the place of its frame, and what is its own.
    #[serde(rename = "i")]
    items: Vec<(usize, L)>,
}

impl<T: Item> Chapter<T> {
    /// All of `items`, in as many chapters as it takes.
    pub(super) fn split(mut items: impl Iterator<Item = T>) -> impl Iterator<Item = Self> {
        std::iter::from_fn(move || {
            let some: Vec<_> = items.by_ref().take(ITEMS).collect();
            (!some.is_empty()).then_some(Self(some))
        })
    }
}

impl<T: Item> Serialize for Chapter<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut frames: Vec<T::Frame> = Vec::new();
        let mut before = None;
        let mut items = Vec::with_capacity(self.0.len());
        for item in &self.0 {
            let (frame, own) = item.apart(before.replace(item));
            // Who comes next has the frame of who came last, more often than not.
            let place = frames.iter().rposition(|known| *known == frame).unwrap_or(frames.len());
            if place == frames.len() {
                frames.push(frame);
            }
            items.push((place, own));
        }
        Text { frames, items }.serialize(serializer)
    }
}

impl<'de, T: Item> Deserialize<'de> for Chapter<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text { frames, items } = Text::<T::Frame, T::Own>::deserialize(deserializer)?;
        let mut whole: Vec<T> = Vec::with_capacity(items.len());
        for (place, own) in items {
            let frame = frames.get(place);
            let item = frame.and_then(|frame| T::whole(frame, own, whole.last()));
            whole.push(item.ok_or_else(|| D::Error::custom("an item without its frame"))?);
        }
        Ok(Self(whole))
    }
}

/// A [`Stamp`] by the one before: how much later by the monotonic clock, and how much more than
/// that by the wall clock, in milliseconds. Whatever the clocks read, it comes back.
pub(super) type Gap = (i64, i64);

impl Stamp {
    pub(super) const fn gap(self, before: Self) -> Gap {
        let mono = self.mono.millis().wrapping_sub(before.mono.millis());
        let wall = self.wall.millis().wrapping_sub(before.wall.millis());
        (mono, wall.wrapping_sub(mono))
    }

    pub(super) const fn after(self, (mono, more): Gap) -> Self {
        let wall = self.wall.millis().wrapping_add(mono).wrapping_add(more);
        Self {
            mono: Mono::from_millis(self.mono.millis().wrapping_add(mono)),
            wall: Wall::from_millis(wall),
        }
    }
}

/// A [`Note`] without its deployment.
#[derive(PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Noted {
    /// See [`Note::Wanted`].
    Wanted(Arc<Wish>, Arc<str>),
    /// See [`Note::Seen`].
    Seen(Status),
    /// See [`Note::Left`].
    Left,
}

impl Item for (Stamp, Note) {
    type Frame = Noted;
    type Own = (DeploymentId, Gap);

    fn apart(&self, before: Option<&Self>) -> (Self::Frame, Self::Own) {
        let (at, note) = self;
        let frame = match note {
            Note::Wanted { deployment: _, wish, revision } => {
                Noted::Wanted(wish.clone(), revision.clone())
            }
            Note::Seen { deployment: _, status } => Noted::Seen(status.clone()),
            Note::Left { deployment: _ } => Noted::Left,
        };
        let before = before.map(|(at, _)| *at).unwrap_or_default();
        (frame, (note.deployment().clone(), at.gap(before)))
    }

    fn whole(
        frame: &Self::Frame,
        (deployment, gap): Self::Own,
        before: Option<&Self>,
    ) -> Option<Self> {
        let note = match frame {
            Noted::Wanted(wish, revision) => {
                Note::Wanted { deployment, wish: wish.clone(), revision: revision.clone() }
            }
            Noted::Seen(status) => Note::Seen { deployment, status: status.clone() },
            Noted::Left => Note::Left { deployment },
        };
        Some((before.map(|(at, _)| *at).unwrap_or_default().after(gap), note))
    }
}

/// What starts and stops have in common: those of one morning, by one schedule.
#[derive(PartialEq, Serialize, Deserialize)]
pub struct Kind {
    #[serde(rename = "a")]
    account: AccountId,
    #[serde(rename = "k")]
    action: Action,
    /// A [`Cause`] but for its instant.
    #[serde(rename = "c")]
    cause: Option<(Desired, Rule, Arc<str>, Status)>,
    #[serde(rename = "e")]
    end: Option<Fate>,
}

/// A start or stop beside what it shares: how many calls after the one before, of which deployment,
/// reserved when, how long after what was seen in milliseconds, and when it had ended.
type Act = (u64, DeploymentId, Gap, i64, Gap);

impl Item for Past {
    type Frame = Kind;
    type Own = Act;

    fn apart(&self, before: Option<&Self>) -> (Self::Frame, Self::Own) {
        let Self { id, account, deployment, action, cause, reserved, settled } = self;
        let frame = Kind {
            account: account.clone(),
            action: *action,
            cause: cause.as_ref().map(|Cause { desired, rule, revision, saw, seen: _ }| {
                (*desired, rule.clone(), revision.clone(), saw.clone())
            }),
            end: settled.map(|(_, fate)| fate),
        };
        let calls = id.0.wrapping_sub(before.map_or(0, |before| before.id.0));
        let begin = before.map(|before| before.reserved).unwrap_or_default();
        let seen = cause.as_ref().map_or(reserved.wall, |cause| cause.seen);
        let looked = reserved.wall.millis().wrapping_sub(seen.millis());
        let end = settled.map_or(*reserved, |(at, _)| at);
        let own = (calls, deployment.clone(), reserved.gap(begin), looked, end.gap(*reserved));
        (frame, own)
    }

    fn whole(frame: &Self::Frame, own: Self::Own, before: Option<&Self>) -> Option<Self> {
        let Kind { account, action, cause, end } = frame;
        let (calls, deployment, begun, looked, ended) = own;
        let reserved = before.map(|before| before.reserved).unwrap_or_default().after(begun);
        let cause = cause.as_ref().map(|(desired, rule, revision, saw)| Cause {
            desired: *desired,
            rule: rule.clone(),
            revision: revision.clone(),
            saw: saw.clone(),
            seen: Wall::from_millis(reserved.wall.millis().wrapping_sub(looked)),
        });
        Some(Self {
            id: CallId(before.map_or(0, |before| before.id.0).wrapping_add(calls)),
            account: account.clone(),
            deployment,
            action: *action,
            cause,
            reserved,
            settled: end.map(|fate| (reserved.after(ended), fate)),
        })
    }
}

/// What tallies have in common. One of each deployment has but its own arrivals.
#[derive(PartialEq, Serialize, Deserialize)]
pub struct Scope {
    #[serde(rename = "a")]
    account: Option<AccountId>,
    #[serde(rename = "f")]
    method: Method,
    #[serde(rename = "c")]
    closed: Option<Mono>,
    #[serde(rename = "s")]
    strikes: u32,
}

impl Item for TallyLine {
    type Frame = Scope;
    /// The arrivals by how far each is from the one before it, in milliseconds; the first from the
    /// first of the tally before.
    type Own = (Option<DeploymentId>, Vec<i64>);

    fn apart(&self, before: Option<&Self>) -> (Self::Frame, Self::Own) {
        let Self { account, deployment, method, arrivals, closed, strikes } = self;
        let frame =
            Scope { account: account.clone(), method: *method, closed: *closed, strikes: *strikes };
        let mut last = first(before);
        let gaps = arrivals.iter().map(|at| step(&mut last, at.millis()));
        (frame, (deployment.clone(), gaps.collect()))
    }

    fn whole(frame: &Self::Frame, own: Self::Own, before: Option<&Self>) -> Option<Self> {
        let Scope { account, method, closed, strikes } = frame;
        let (deployment, gaps) = own;
        let mut last = first(before);
        let arrivals = gaps.into_iter().map(|gap| Mono::from_millis(go(&mut last, gap)));
        Some(Self {
            account: account.clone(),
            deployment,
            method: *method,
            arrivals: arrivals.collect(),
            closed: *closed,
            strikes: *strikes,
        })
    }
}

/// How far it is from `last` to `to`, which is the last from now on.
const fn step(last: &mut i64, to: i64) -> i64 {
    let gap = to.wrapping_sub(*last);
    *last = to;
    gap
}

/// Where a step from `last` leads, which is the last from now on.
const fn go(last: &mut i64, gap: i64) -> i64 {
    *last = last.wrapping_add(gap);
    *last
}

/// The first arrival of a tally, in milliseconds.
fn first(tally: Option<&TallyLine>) -> i64 {
    tally.and_then(|tally| tally.arrivals.first()).map_or(0, |at| at.millis())
}

impl Item for (DeploymentId, Last) {
    type Frame = (Option<Arc<Wish>>, Option<Status>);
    type Own = (DeploymentId, Option<Wall>, Option<Wall>);

    fn apart(&self, _: Option<&Self>) -> (Self::Frame, Self::Own) {
        let (deployment, last) = self;
        let Last { wish, status, follows, ran } = last;
        ((wish.clone(), status.clone()), (deployment.clone(), *follows, *ran))
    }

    fn whole((wish, status): &Self::Frame, own: Self::Own, _: Option<&Self>) -> Option<Self> {
        let (deployment, follows, ran) = own;
        let last = Last { wish: wish.clone(), status: status.clone(), follows, ran };
        Some((deployment, last))
    }
}

/// A start that was shown, by the one before it: how much later, and how long it took; in
/// milliseconds.
type Showing = (i64, u64);

impl Item for (DeploymentId, Starts) {
    type Frame = ();
    /// The first of the starts that were shown by the first of the deployment before.
    type Own = (DeploymentId, Option<Mono>, Vec<Showing>);

    fn apart(&self, before: Option<&Self>) -> (Self::Frame, Self::Own) {
        let (deployment, Starts { awaited, shown }) = self;
        let mut last = first_shown(before);
        let shown = shown.iter().map(|start| (step(&mut last, start.at.millis()), start.took));
        ((), (deployment.clone(), *awaited, shown.collect()))
    }

    fn whole(
        (): &(),
        (deployment, awaited, shown): Self::Own,
        before: Option<&Self>,
    ) -> Option<Self> {
        let mut last = first_shown(before);
        let shown = shown.into_iter().map(|(gap, took)| {
            let at = Wall::from_millis(go(&mut last, gap));
            Shown { at, took }
        });
        Some((deployment, Starts { awaited, shown: shown.collect() }))
    }
}

/// When the first of the starts of a deployment was shown, in milliseconds.
fn first_shown(starts: Option<&(DeploymentId, Starts)>) -> i64 {
    starts.and_then(|(_, starts)| starts.shown.first()).map_or(0, |first| first.at.millis())
}
