//! What the limits make of the changes to come: when each start and stop can be sent, if all that
//! is wanted is wanted by the file alone.
//!
//! A forecast, not a promise. Each call is taken to be answered at once and to have done its work,
//! and nothing to have been spent before, so what really happens is never earlier.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::time::Duration;

use jiff::tz::TimeZone;

use super::calendar::{self, Calendar};
use super::call::{CallId, Method};
use super::deployment::{AccountId, Action, DeploymentId, Desired};
use super::intent::{Intent, Manifest, Rule};
use super::line::Place;
use super::policy::Limits;
use super::time::Wall;
use super::timeline::Change;

/// So long before the span its story begins, for what the first calls in it have to wait for; and
/// so long after it, for those that wait at its end.
const MARGIN: Duration = Duration::from_secs(2 * 24 * 3600);

/// Over what a limit is taken to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Each deployment by itself.
    Deployment,
    /// All that share a key.
    Account,
}

/// A start or stop that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Of which deployment.
    pub deployment: DeploymentId,
    /// In which account.
    pub account: AccountId,
    /// What.
    pub action: Action,
    /// When it is wanted.
    pub wanted: Wall,
    /// Which part of the file wants it.
    pub rule: Rule,
    /// The zone in which people are told of it.
    pub zone: TimeZone,
    /// What becomes of it.
    pub course: Course,
}

/// What becomes of a start or stop that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// It is sent then.
    Sent(Wall),
    /// The opposite is wanted before it can be sent.
    Skipped {
        /// From then on.
        revoked: Wall,
        /// When the limit would have allowed a call.
        allowed: Wall,
    },
}

/// Each start and stop that `manifest` wants after `from` and up to and including `until`, in the
/// order in which they are wanted.
pub fn forecast(
    manifest: &Manifest,
    limits: &Limits,
    over: Over,
    from: Wall,
    until: Wall,
) -> Vec<Step> {
    let mut calendar = Calendar::new(from - MARGIN, until + MARGIN);
    let mut groups: BTreeMap<(&AccountId, Option<&DeploymentId>), Vec<Wisher<'_>>> =
        BTreeMap::new();
    for (id, intent) in &manifest.intents {
        let own = match over {
            Over::Deployment => Some(id),
            Over::Account => None,
        };
        let wisher = Wisher { id, intent, changes: calendar.changes(intent) };
        groups.entry((&intent.account, own)).or_default().push(wisher);
    }
    let mut steps = Vec::new();
    for wishers in groups.values() {
        let mut group = Group::new(wishers, limits);
        group.run();
        steps.extend(group.steps.into_iter().filter(|step| from < step.wanted));
    }
    steps.retain(|step| step.wanted <= until);
    steps.sort_by(|a, b| (a.wanted, &a.deployment).cmp(&(b.wanted, &b.deployment)));
    steps
}

/// A deployment and what is wanted of it.
struct Wisher<'a> {
    id: &'a DeploymentId,
    intent: &'a Intent,
    changes: std::sync::Arc<[Change]>,
}

impl Wisher<'_> {
    /// A protected one is not stopped, and so there is nothing to start either.
    fn change(&self, index: usize) -> Option<&Change> {
        let suspended = self.intent.suspend.as_ref().is_some_and(|one| one.until.is_none());
        self.changes.get(index).filter(|_| !self.intent.protect && !suspended)
    }
}

/// Those that share a budget.
struct Group<'a> {
    wishers: &'a [Wisher<'a>],
    /// The next change of each, the earliest first.
    coming: BinaryHeap<Reverse<(Wall, usize, usize)>>,
    /// The state that each is in, where it is known.
    states: Vec<Option<Desired>>,
    /// The step that each waits for.
    waits: Vec<Option<(Action, Waiting)>>,
    /// Which of the calls was the last of each.
    served: Vec<Option<CallId>>,
    /// The number of the next call.
    next: CallId,
    lines: [Line; 2],
    steps: Vec<Step>,
}

/// The daemon's place in a line, who, and for which step.
type Waiting = (Place, usize, usize);

/// Those who wait for a call, and what was sent of late.
struct Line {
    waiting: BTreeSet<Waiting>,
    sent: VecDeque<Wall>,
    requests: usize,
    hold: Duration,
}

impl Line {
    fn new(limits: &Limits, method: Method) -> Self {
        let requests = limits.of(method).requests as usize;
        let (waiting, sent) = (BTreeSet::new(), VecDeque::new());
        Self { waiting, sent, requests, hold: limits.of(method).per + limits.margin }
    }

    /// When the next call is allowed.
    fn allowed(&self) -> Wall {
        let last = self.sent.len().checked_sub(self.requests).map(|place| self.sent[place]);
        last.map_or(Wall::from_millis(i64::MIN), |last| last + self.hold)
    }

    fn send(&mut self, at: Wall) {
        self.sent.push_back(at);
        if self.sent.len() > self.requests {
            self.sent.pop_front();
        }
    }
}

impl<'a> Group<'a> {
    fn new(wishers: &'a [Wisher<'a>], limits: &Limits) -> Self {
        let first = |(who, wisher): (usize, &Wisher<'_>)| {
            wisher.change(0).map(|change| Reverse((change.at, who, 0)))
        };
        Self {
            wishers,
            coming: wishers.iter().enumerate().filter_map(first).collect(),
            states: vec![None; wishers.len()],
            waits: vec![None; wishers.len()],
            served: vec![None; wishers.len()],
            next: CallId(1),
            lines: [Method::Start, Method::Stop].map(|method| Line::new(limits, method)),
            steps: Vec::new(),
        }
    }

    fn run(&mut self) {
        let mut now = Wall::from_millis(i64::MIN);
        loop {
            let lines = self.lines.iter().filter(|line| !line.waiting.is_empty());
            let allowed = lines.map(|line| line.allowed().max(now)).min();
            let change = self.coming.peek().map(|Reverse((at, ..))| *at);
            let Some(next) = [allowed, change].into_iter().flatten().min() else { return };
            now = next;
            // Whatever is wanted now is known before anything is sent now.
            while let Some(Reverse((_, who, index))) =
                self.coming.peek().copied().filter(|Reverse((at, ..))| *at == now)
            {
                self.coming.pop();
                self.change(who, index);
            }
            for action in [Action::Start, Action::Stop] {
                self.send(action, now);
            }
        }
    }

    fn change(&mut self, who: usize, index: usize) {
        let wisher = &self.wishers[who];
        if let Some(next) = wisher.change(index + 1) {
            self.coming.push(Reverse((next.at, who, index + 1)));
        }
        let Some(Change { at, desired, rule }) = wisher.change(index) else { return };
        if let Some((action, place)) = self.waits[who].take() {
            let line = &mut self.lines[index_of(action)];
            line.waiting.remove(&place);
            let course = Course::Skipped { revoked: *at, allowed: line.allowed() };
            self.steps[place.2].course = course;
        }
        // Before its first change, it is taken to be as it was wanted.
        if self.states[who] == Some(*desired) {
            return;
        }
        let action = desired.action();
        let by = deadline(wisher.intent, *at, *desired, rule);
        let place = (Place::new(by, *at, self.served[who]), who, self.steps.len());
        self.lines[index_of(action)].waiting.insert(place);
        self.waits[who] = Some((action, place));
        self.states[who] = Some(desired.opposite());
        self.steps.push(Step {
            deployment: wisher.id.clone(),
            account: wisher.intent.account.clone(),
            action,
            wanted: *at,
            rule: rule.clone(),
            zone: calendar::zone(wisher.intent, rule).clone(),
            course: Course::Sent(*at),
        });
    }

    fn send(&mut self, action: Action, now: Wall) {
        let line = &mut self.lines[index_of(action)];
        while line.allowed() <= now
            && let Some((_, who, step)) = line.waiting.pop_first()
        {
            line.send(now);
            self.served[who] = Some(self.next);
            self.next.0 += 1;
            self.waits[who] = None;
            self.states[who] = Some(action.leads_to());
            self.steps[step].course = Course::Sent(now);
        }
    }
}

/// By when a start is to be done, if that matters.
fn deadline(intent: &Intent, at: Wall, desired: Desired, rule: &Rule) -> Option<Wall> {
    let ready = intent.schedule().is_some_and(|schedule| schedule.ready);
    match (desired, rule) {
        (Desired::Running, Rule::Schedule { .. }) if ready => Some(at),
        (Desired::Running | Desired::Stopped, _) => None,
    }
}

const fn index_of(action: Action) -> usize {
    match action {
        Action::Start => 0,
        Action::Stop => 1,
    }
}
