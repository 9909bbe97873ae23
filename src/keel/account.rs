//! One account: its calls under way, its list call, and the timetable of its deployments.

use std::collections::BTreeSet;

use super::call::CallId;
use super::deployment::{Action, DeploymentId};
use super::line::Place;
use super::member::Member;
use super::time::Mono;

/// The account's list call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum List {
    /// Not asked yet by this process.
    Untried,
    /// The last one answered with the fleet.
    Works,
    /// The last one did not; so many failures in a row.
    Fails(u32),
}

/// Of those that are due together: who goes first for the reads that they share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// To be started: to be down is worse than to be up.
    Start,
    /// To be stopped.
    Stop,
    /// To be looked at.
    Look,
}

/// One base URL with one key.
#[derive(Clone, Debug)]
pub struct Account {
    /// Calls under way.
    pub(super) in_flight: u32,
    /// Deployments in the desired file.
    pub(super) members: usize,
    /// 401s in a row, and when to try again.
    pub(super) refused: Option<(u32, Mono)>,
    pub(super) list: List,
    /// The list call under way.
    pub(super) listing: Option<CallId>,
    /// When the next one is due.
    pub(super) list_at: Mono,
    due: BTreeSet<(Mono, Turn, DeploymentId)>,
    /// When time alone changes what is asked of a deployment. Apart from the turns, because these
    /// do not wait for a call to become possible.
    edges: BTreeSet<(Mono, DeploymentId)>,
    /// Who waits for a start or stop, where the account allows one at a time.
    lines: [BTreeSet<(Place, DeploymentId)>; 2],
}

impl Account {
    /// An account without deployments.
    pub fn new(now: Mono) -> Self {
        Self {
            in_flight: 0,
            members: 0,
            refused: None,
            list: List::Untried,
            listing: None,
            list_at: now,
            due: BTreeSet::new(),
            edges: BTreeSet::new(),
            lines: [BTreeSet::new(), BTreeSet::new()],
        }
    }

    /// Whether nothing may be sent for now: too many calls under way, or the key is refused and it
    /// is not time yet for the one call that tries it again.
    pub fn is_busy(&self, now: Mono, concurrency: u32) -> bool {
        let paused = self.refused.is_some_and(|(_, retry_at)| now < retry_at || self.in_flight > 0);
        paused || self.in_flight >= concurrency
    }

    /// Puts a deployment into the timetable, or takes it out.
    pub fn schedule(&mut self, member: &mut Member, at: Option<(Mono, Turn)>) {
        if member.due == at {
            return;
        }
        if let Some((before, turn)) = member.due.take() {
            self.due.remove(&(before, turn, member.id.clone()));
        }
        if let Some((at, turn)) = at {
            self.due.insert((at, turn, member.id.clone()));
            member.due = Some((at, turn));
        }
    }

    /// Says when time alone changes what is asked of a deployment.
    pub fn expect(&mut self, member: &mut Member, edge: Option<Mono>) {
        if member.edge == edge {
            return;
        }
        if let Some(before) = member.edge.take() {
            self.edges.remove(&(before, member.id.clone()));
        }
        if let Some(edge) = edge {
            self.edges.insert((edge, member.id.clone()));
            member.edge = Some(edge);
        }
    }

    /// A deployment of which something else may be asked at `now`.
    pub fn changed(&self, now: Mono) -> Option<DeploymentId> {
        self.edges.first().filter(|(at, _)| *at <= now).map(|(_, id)| id.clone())
    }

    /// When something else may be asked of one of them.
    pub fn next_edge(&self) -> Option<Mono> {
        self.edges.first().map(|(at, _)| *at)
    }

    /// The deployment whose turn it is at `now`.
    pub fn whose_turn(&self, now: Mono) -> Option<DeploymentId> {
        self.due.first().filter(|(at, ..)| *at <= now).map(|(.., id)| id.clone())
    }

    /// When the next turn comes.
    pub fn next_turn(&self) -> Option<Mono> {
        self.due.first().map(|(at, ..)| *at)
    }

    /// Gives a deployment this place in the line for that, or takes it out of the line.
    pub fn line_up(&mut self, member: &mut Member, place: Option<(Action, Place)>) {
        if member.queued.as_deref() == place.as_ref() {
            return;
        }
        if let Some((action, place)) = member.queued.take().as_deref() {
            self.lines[index(*action)].remove(&(*place, member.id.clone()));
        }
        if let Some((action, place)) = place {
            self.lines[index(action)].insert((place, member.id.clone()));
            member.queued = Some(Box::new((action, place)));
        }
    }

    /// Who is first in line.
    pub fn first_in_line(&self, action: Action) -> Option<&DeploymentId> {
        self.line(action).next()
    }

    /// The line for `action`, the first in it first.
    pub fn line(&self, action: Action) -> impl ExactSizeIterator<Item = &DeploymentId> {
        self.lines[index(action)].iter().map(|(_, id)| id)
    }

    /// What `member` waits for, its position in that line, and the line's length.
    pub fn standing(&self, member: &Member) -> Option<(Action, usize, usize)> {
        let (action, place) = **member.queued.as_ref()?;
        let line = &self.lines[index(action)];
        let before = line.range(..(place, member.id.clone())).count();
        Some((action, before + 1, line.len()))
    }
}

const fn index(action: Action) -> usize {
    match action {
        Action::Start => 0,
        Action::Stop => 1,
    }
}
