//! The mass-stop guard: which stops an edit brings, what they are called, and when they are held.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::almanac::Almanac;
use super::deployment::DeploymentId;
use super::fleet::joined;
use super::intent::{Intent, Manifest};
use super::policy::StopLimit;
use super::record::Stamp;
use super::time::Wall;
use super::view::Time;

/// The deployments that `after` asks to be stopped at `at` and `before` did not: a schedule that
/// was in force before and stops them by itself is no edit. Without a file in force before, all
/// that `after` asks to be stopped.
pub fn mass_stop(before: Option<&Manifest>, after: &Manifest, at: Wall) -> BTreeSet<DeploymentId> {
    let mut almanac = Almanac::default();
    let mut stops = |intent: &Intent| is_stop(intent, at, &mut almanac);
    let nothing = BTreeMap::new();
    let before = before.map_or(&nothing, |before| &before.intents);
    let fresh = |(_, intent, was): &(_, &Arc<Intent>, Option<&Arc<Intent>>)| {
        // Most of a large fleet is asked for the very same.
        let same = was.is_some_and(|was| Arc::ptr_eq(was, intent));
        !same && stops(intent) && !was.is_some_and(|was| stops(was))
    };
    joined(&after.intents, before).filter(fresh).map(|(id, ..)| id.clone()).collect()
}

/// Whether `intent` asks for a stop at `at`, by the file alone: how long starts take is not in it.
pub(super) fn is_stop(intent: &Intent, at: Wall, almanac: &mut Almanac) -> bool {
    let phase = |schedule: &_| almanac.phase(schedule, at);
    intent.resolve_with(at, Duration::ZERO, phase).stops(intent.protect)
}

/// What the change that stops `ids` is called, to be acknowledged by: CRC-32 over the sorted ids,
/// each followed by a line feed, in 8 hexadecimal digits.
pub fn change_id(ids: &BTreeSet<DeploymentId>) -> Arc<str> {
    let mut checksum = crc32fast::Hasher::new();
    for id in ids {
        checksum.update(id.as_str().as_bytes());
        checksum.update(b"\n");
    }
    format!("{:08x}", checksum.finalize()).into()
}

/// What people can do about a change that is held, in Git alone.
pub fn way_out(change: &str) -> String {
    format!(
        "`acknowledge: {change}` at the top of the desired file lets it through, or take the \
         change back"
    )
}

/// A change that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Since when.
    pub at: Stamp,
    /// Its id.
    pub change: Arc<str>,
    /// The deployments that it stops. One record, however many: half a hold would be none.
    pub stops: BTreeSet<DeploymentId>,
}

/// A line of the ledger about the guard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "snake_case")]
pub enum Guarded {
    /// From now on this change is held, and no other.
    Held(Hold),
    /// It is held no longer.
    Released {
        /// When.
        at: Stamp,
        /// Its id.
        change: Arc<str>,
        /// Why.
        why: Release,
    },
}

/// Why a change is held no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Release {
    /// The desired file acknowledges it.
    Acknowledged,
    /// An edit took it back, or enough of it.
    TakenBack,
    /// What is left of it is within `guards.stops`.
    WithinLimits,
}

impl Release {
    /// For people: it is let go because …
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledged => "the desired file acknowledges it",
            Self::TakenBack => "it was taken back",
            Self::WithinLimits => "what is left of it is within `guards.stops`",
        }
    }
}

/// The change that is held, and what this process knows of it.
#[derive(Clone, Debug, Default)]
pub struct Holding {
    /// The change, by the file in force. The ledger's may be more of it: see `back`.
    pub(super) hold: Option<Hold>,
    /// Its stops, less those of deployments that were seen stopped, and not started since.
    pub(super) open: BTreeSet<DeploymentId>,
    /// Those of `open` that nobody has looked at yet, or tried to.
    pub(super) unseen: BTreeSet<DeploymentId>,
    /// Deployments that the file names.
    pub(super) fleet: usize,
    /// Whether it was told. Not before it is certain: a fleet that is parked already is no alarm.
    pub(super) told: bool,
    /// Whether some of what the ledger holds was taken back by a file that is not kept yet. Until
    /// it is, a later process compares with one that asks for those stops, so the ledger holds
    /// them.
    pub(super) back: bool,
}

impl Holding {
    /// Whether the stop of `id` is held.
    pub fn holds(&self, id: &DeploymentId) -> bool {
        self.open.contains(id)
    }

    /// A status was seen: what rests already needs no stop.
    pub(super) fn seen(&mut self, id: &DeploymentId, rests: bool) {
        self.unseen.remove(id);
        if rests {
            self.open.remove(id);
        }
    }

    /// Whether more looking cannot bring it within `limit`, or there is nothing left to look at.
    pub(super) fn is_certain(&self, limit: StopLimit) -> bool {
        let seen = self.open.len() - self.unseen.len();
        self.unseen.is_empty() || limit.is_exceeded(seen, self.fleet)
    }
}

/// A change that is held, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GuardView {
    /// Its id, to acknowledge it by.
    pub change: Arc<str>,
    /// Stops that are held.
    pub count: usize,
    /// Deployments that the file names.
    pub fleet: usize,
    /// Since when.
    pub since: Time,
    /// The first of the deployments that it would stop, by id.
    pub deployments: Vec<DeploymentId>,
}

impl GuardView {
    /// Deployments named at most.
    pub const NAMED_MAX: usize = 20;

    /// `a, b, c`, and how many more.
    pub fn names(&self) -> String {
        let names: Vec<_> = self.deployments.iter().map(DeploymentId::as_str).collect();
        let more = match self.count.saturating_sub(names.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{}{more}", names.join(", "))
    }
}
