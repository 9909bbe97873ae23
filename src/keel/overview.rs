//! What the fleet as a whole has behind it and before it: hours seen stopped, the money that this
//! saved, and the next changes. For the status page.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use super::almanac::Almanac;
use super::chronicle::Note;
use super::deployment::{DeploymentId, Desired, Status};
use super::intent::{Prices, Resolved};
use super::member::Member;
use super::reckoning::{Link, asked, reckon};
use super::reconciler::Reconciler;
use super::time::{Now, Wall};

/// The fleet, behind and before one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// The last seven days.
    pub week: Stopped,
    /// The last thirty days.
    pub month: Stopped,
    /// The next changes, the earliest first, [`COMING_MAX`] at most.
    pub coming: Vec<Coming>,
}

/// How long the fleet was seen stopped in a span that ends now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    /// Over all deployments of the desired file, as far as is remembered.
    pub time: Duration,
    /// What that saved, in ten-thousandths of the currency of `prices`; `None` where no deployment
    /// has a price.
    pub saved: Option<u64>,
}

/// A change that time alone brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coming {
    /// When.
    pub at: Wall,
    /// The same for people, by the schedule's own clock.
    pub local: String,
    /// Of which deployment.
    pub deployment: DeploymentId,
    /// The state wanted from then on.
    pub state: Desired,
    /// Which part of the desired file says so.
    pub rule: String,
}

impl Coming {
    /// Whether another deployment changes at the same time, and for the same reason.
    pub fn is_like(&self, other: &Self) -> bool {
        (self.at, self.state, &self.rule) == (other.at, other.state, &other.rule)
    }
}

/// Changes that are told.
pub const COMING_MAX: usize = 10;

/// Edges that are looked at for them: one may change only the rule, and not the state.
const EDGES_MAX: usize = 200;

const DAY: Duration = Duration::from_secs(24 * 3600);
const HOUR_MILLIS: u128 = 3_600_000;

impl Reconciler {
    /// The fleet, behind and before `now`.
    pub fn overview(&self, now: Now) -> Overview {
        let since = [now.wall - 7 * DAY, now.wall - 30 * DAY];
        let [week, month] = self.stopped(since, self.oldest().unwrap_or(now.wall), now.wall);
        Overview { week, month, coming: self.coming() }
    }

    /// One pass over the notes for all spans. A deployment without a note among those that are
    /// kept has not changed since the oldest of them.
    fn stopped(&self, since: [Wall; 2], oldest: Wall, now: Wall) -> [Stopped; 2] {
        let mut totals = [Stopped::default(); 2];
        let mut open: BTreeMap<&DeploymentId, Wall> = BTreeMap::new();
        let mut end = |member: &Member, begin: Wall, until: Wall| {
            for (total, since) in totals.iter_mut().zip(since) {
                let time = until.since(begin.max(since));
                total.time += time;
                if let Some(prices) = member.intent.prices {
                    *total.saved.get_or_insert(0) += saved(prices, time);
                }
            }
        };
        let mut noted = BTreeSet::new();
        for (at, note) in self.history.chronicle().notes() {
            let id = note.deployment();
            let Some(member) = self.members.get(id) else { continue };
            let stopped = match note {
                Note::Wanted { .. } => continue,
                Note::Seen { status, .. } => *status == Status::Stopped,
                Note::Left { .. } => false,
            };
            noted.insert(id);
            match (stopped, open.get(id).copied()) {
                (true, None) => drop(open.insert(id, at.wall)),
                (false, Some(begin)) => {
                    open.remove(id);
                    end(member, begin, at.wall);
                }
                (true, Some(_)) | (false, None) => (),
            }
        }
        for (id, member) in &self.members {
            let silent = !noted.contains(id) && member.status() == Some(&Status::Stopped);
            let begin = open.get(id).copied().or_else(|| silent.then_some(oldest));
            // Also without an hour, so that a price is known to be there.
            end(member, begin.unwrap_or(now), now);
        }
        totals
    }

    /// From the rule to the clock, in words; nothing for a deployment that the file does not name.
    pub fn reckoning(&self, deployment: &DeploymentId, now: Now) -> Vec<Link> {
        let Some(member) = self.members.get(deployment) else { return Vec::new() };
        let mut links = reckon(&member.intent, now.wall);
        let wishes = self.history.wishes(deployment);
        let wishes = wishes.into_iter().flat_map(|wishes| wishes.at(now.wall));
        links.extend(wishes.map(|wish| asked(wish, &member.intent, now.wall)));
        links
    }

    fn coming(&self) -> Vec<Coming> {
        let mut almanac = Almanac::default();
        let edge = |member: &Member| {
            let resolved = &member.resolved;
            Some(Reverse((resolved.changes?, member.id.clone(), acted_for(resolved))))
        };
        let mut edges: BinaryHeap<_> =
            self.members.values().filter_map(|member| edge(member)).collect();
        let mut coming = Vec::new();
        for _ in 0..EDGES_MAX {
            let Some(Reverse((at, id, before))) = edges.pop() else { break };
            let Some(member) = self.members.get(&id) else { continue };
            let intent = &member.intent;
            let phase = |schedule: &_| almanac.phase(schedule, at);
            let wishes = self.history.wishes(&id);
            let then = intent.resolve_under(wishes, at, member.lead, phase);
            let after = acted_for(&then);
            if let Some(next) = then.changes {
                edges.push(Reverse((next, id.clone(), after)));
            }
            if after.is_some() && after != before {
                coming.push(Coming {
                    at,
                    local: at.local(intent.clock()),
                    deployment: id,
                    state: then.desired,
                    rule: then.rule.to_string(),
                });
            }
            if coming.len() == COMING_MAX {
                break;
            }
        }
        coming
    }
}

/// The state that is acted for; `None` while it is left alone.
fn acted_for(resolved: &Resolved) -> Option<Desired> {
    resolved.suspended.is_none().then_some(resolved.desired)
}

/// In ten-thousandths, rounded down.
fn saved(prices: Prices, stopped: Duration) -> u64 {
    let difference = u128::from(prices.running.saturating_sub(prices.stopped));
    u64::try_from(difference * stopped.as_millis() / HOUR_MILLIS).unwrap_or(u64::MAX)
}
