//! One deployment of the fleet: what is asked of it, what was seen of it, and what is under way.

use std::sync::Arc;
use std::time::Duration;

use super::account::Turn;
use super::almanac::Almanac;
use super::cadence;
use super::call::{Call, CallId, Fate, Request};
use super::deployment::{Action, DeploymentId, Desired, Observation, Status};
use super::history::History;
use super::intent::{Intent, Resolved};
use super::line::Place;
use super::plan::Reason;
use super::record::Past;
use super::schedule::{Phase, Schedule};
use super::temporary::Wishes;
use super::time::{Mono, Now, Wall};

/// Why the last call gave no status, or was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// 404.
    NotFound,
    /// 403.
    Forbidden,
    /// Anything else: another status code, a body that is no status, a failure of the network.
    Other(Arc<str>),
    /// A start or stop never left, and why.
    NotSent(Action, Arc<str>),
}

/// Calls that failed in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// What the last one met.
    pub trouble: Trouble,
    /// How many.
    pub count: u32,
    /// Not again before then.
    pub retry_at: Mono,
}

/// A passage under watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// When it began, as far as is known.
    pub since: Mono,
    /// Reads so far.
    pub reads: u32,
    /// When the next one is due.
    pub next: Mono,
    /// Whether a passing status was seen since it began.
    pub seen: bool,
    /// Whether its length was warned of.
    pub warned: bool,
}

/// Since when each condition has had its present status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Since {
    pub(super) reason: Wall,
    pub(super) synced: Wall,
    pub(super) reachable: Wall,
    pub(super) stalled: Wall,
    pub(super) held: Wall,
}

/// One deployment of the fleet.
#[derive(Clone, Debug)]
pub struct Member {
    pub(super) id: DeploymentId,
    pub(super) intent: Arc<Intent>,
    pub(super) resolved: Resolved,
    pub(super) observation: Option<Observation>,
    /// When the present status was first seen.
    pub(super) status_since: Wall,
    pub(super) failing: Option<Box<Failing>>,
    /// The read under way.
    pub(super) reading: Option<CallId>,
    /// The start or stop under way.
    pub(super) acting: Option<(CallId, Action)>,
    pub(super) passage: Option<Passage>,
    /// The desired state was seen: leaving it is a reversal.
    pub(super) reached: bool,
    /// The desired state was asked for with success and not seen yet: falling back is a reversal.
    pub(super) asked: bool,
    /// The next routine read.
    pub(super) poll_at: Mono,
    /// Somebody asked for a read as soon as the budget lets it.
    pub(super) sync: bool,
    /// Whether the account's list call shows it.
    pub(super) listed: bool,
    /// Where it stands in its account's timetable.
    pub(super) due: Option<(Mono, Turn)>,
    /// Its place in the line for a call that its account allows only one of at a time.
    pub(super) queued: Option<Box<(Action, Place)>>,
    /// What was last told of it.
    pub(super) told: Option<Reason>,
    pub(super) since: Since,
    /// When time alone changes what is asked of it: its place among the account's edges.
    pub(super) edge: Option<Mono>,
    /// How much earlier than the next window a start is sent; nothing unless it is to be ready.
    pub(super) lead: Duration,
    /// When this process saw an edit put it under another schedule.
    pub(super) rescheduled: Wall,
    /// By when it should have been running, if it was told that it is late.
    pub(super) late: Option<Wall>,
}

impl Member {
    /// A deployment that enters the fleet: to be read at once.
    pub fn new(id: DeploymentId, intent: Arc<Intent>, wishes: Option<&Wishes>, now: Now) -> Self {
        let phase = |schedule: &Arc<Schedule>| schedule.at(now.wall);
        let resolved = intent.resolve_under(wishes, now.wall, Duration::ZERO, phase);
        let wall = now.wall;
        let since =
            Since { reason: wall, synced: wall, reachable: wall, stalled: wall, held: wall };
        Self {
            id,
            intent,
            resolved,
            observation: None,
            status_since: wall,
            failing: None,
            reading: None,
            acting: None,
            passage: None,
            reached: false,
            asked: false,
            poll_at: now.mono,
            sync: false,
            listed: false,
            due: None,
            queued: None,
            told: None,
            since,
            edge: None,
            lead: Duration::ZERO,
            rescheduled: Wall::from_millis(i64::MIN),
            late: None,
        }
    }

    /// The last status seen.
    pub fn status(&self) -> Option<&Status> {
        self.observation.as_ref().map(|observation| &observation.status)
    }

    /// Whether it was seen stopped, and no start was sent since.
    pub fn rests(&self, history: &History) -> bool {
        let stopped = self.observation.as_ref().filter(|seen| seen.status == Status::Stopped);
        stopped.is_some_and(|seen| {
            let last = history.last_act(&self.id);
            let start = last.filter(|last| last.action == Action::Start);
            start.is_none_or(|one| one.settled.is_some_and(|(at, _)| at.mono <= seen.asked))
        })
    }

    /// What scatters its reads among those of the others.
    pub fn seed(&self) -> u64 {
        cadence::seed(self.id.as_str())
    }

    /// A read of its status.
    pub fn read(&self) -> Call {
        Call { account: self.intent.account.clone(), request: Request::Status(self.id.clone()) }
    }

    /// A start or stop of it.
    pub fn act(&self, action: Action) -> Call {
        Call::act(self.intent.account.clone(), action, self.id.clone())
    }

    /// The start or stop that its last settled status calls for, if it does.
    pub fn opposite(&self) -> Option<Action> {
        let settled = self.status()?.settled()?;
        (settled != self.resolved.desired).then(|| self.resolved.desired.action())
    }

    /// Takes in an observation. False if a newer one is known already.
    pub fn observe(&mut self, observation: Observation, now: Now) -> bool {
        if self.observation.as_ref().is_some_and(|known| observation.asked < known.asked) {
            return false;
        }
        if self.status() != Some(&observation.status) {
            self.status_since = now.wall;
        }
        // The list shows a deployment whose own page may still fail; only its own read mends that.
        if observation.single {
            self.failing = None;
        }
        self.observation = Some(observation);
        true
    }

    /// Follows a passage: begins, watches or ends it, by the present observation. `first` is the
    /// last start or stop that the ledger remembers, when this process has seen nothing before.
    pub fn follow_passage(&mut self, first: Option<&Past>, now: Mono) {
        let Some(status) = self.status() else { return };
        let (passing, settled) = (status.passing(), status.settled());
        if passing {
            let since = first.and_then(accepted).filter(|at| now.since(*at) < REMEMBERED);
            let new = Passage {
                since: since.unwrap_or(now),
                reads: 0,
                next: now,
                seen: true,
                warned: false,
            };
            self.passage.get_or_insert(new).seen = true;
        } else if settled == Some(self.resolved.desired)
            || settled.is_none()
            || self.passage.is_some_and(|passage| passage.seen)
        {
            self.passage = None;
        }
    }

    /// Whether the present observation shows that something else turned it back: it left the
    /// desired state, or fell back on the way there.
    pub fn was_reversed(&self) -> bool {
        let fell_back = self.asked && self.passage.is_some_and(|passage| passage.seen);
        self.opposite().is_some() && (self.reached || fell_back)
    }

    /// Takes in another intent, or the same one at another time; `lead` says how much earlier than
    /// a window begins its start is to be sent. True if the desired state is another one now, or
    /// hands are off that were on.
    pub fn resolve(
        &mut self,
        wall: Wall,
        lead: impl FnOnce(Wall) -> Duration,
        wishes: Option<&Wishes>,
        almanac: &mut Almanac,
    ) -> bool {
        let phase = self.intent.schedule().map(|schedule| almanac.phase(schedule, wall));
        self.lead = match (self.intent.is_ready(), &phase) {
            (true, Some(Phase { state: Desired::Stopped, until: Some(begin), .. })) => lead(*begin),
            (true, _) => lead(Wall::from_millis(i64::MAX)),
            (false, _) => Duration::ZERO,
        };
        let phase = |schedule: &Arc<Schedule>| phase.unwrap_or_else(|| schedule.at(wall));
        let resolved = self.intent.resolve_under(wishes, wall, self.lead, phase);
        let before = std::mem::replace(&mut self.resolved, resolved);
        let changed = before.desired != self.resolved.desired
            || before.suspended.is_some() != self.resolved.suspended.is_some();
        if changed {
            self.reached = false;
            self.asked = false;
        }
        changed
    }
}

/// A passage that a new process meets began with a start or stop at most this long ago; any older
/// one has nothing to do with it.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// When the server took a start or stop, if it did.
fn accepted(past: &Past) -> Option<Mono> {
    match past.settled? {
        (stamp, Fate::Answered { code: 200..=299, .. }) => Some(stamp.mono),
        (_, Fate::Answered { .. } | Fate::Unanswered | Fate::NeverLeft) => None,
    }
}
