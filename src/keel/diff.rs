//! What an edit of the desired file changes: the entries, and the starts and stops to come.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::calendar::{self, Calendar};
use super::deployment::{Action, DeploymentId, Desired};
use super::intent::{Intent, Manifest, Prices, Wanted};
use super::recurrence::zone_name;
use super::schedule::Schedule;
use super::time::Wall;

/// A start or stop lost and one of the same kind gained within this time are one that moved.
const MOVED: Duration = Duration::from_secs(12 * 3600);

/// All that an edit changes, and what comes of it in a span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    /// After the one, up to the other.
    pub span: (Wall, Wall),
    /// How many deployments the file named, and names.
    pub fleet: (usize, usize),
    /// What changes, by id.
    pub edits: Vec<Edit>,
    /// Changes that are newly let through, and such that are not any more.
    pub acknowledged: (Vec<Arc<str>>, Vec<Arc<str>>),
}

/// What changes of one deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Which.
    pub deployment: DeploymentId,
    /// What becomes of its entry.
    pub kind: Kind,
    /// What its entry says otherwise.
    pub fields: Vec<Field>,
    /// The state wanted at the beginning of the span, before and after; `None` without an entry.
    pub now: (Option<Desired>, Option<Desired>),
    /// The starts and stops that are gained, lost, or moved, by time.
    pub moves: Vec<Move>,
    /// How long it is wanted running in the span, before and after.
    pub running: (Option<Duration>, Option<Duration>),
    /// What that costs, in ten-thousandths, where the price is known.
    pub cost: (Option<u64>, Option<u64>),
}

/// What becomes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It is new.
    Added,
    /// It says something else.
    Changed,
    /// It is gone: the deployment is left as it is.
    Removed,
}

/// Something that an entry says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// What: a key of the desired file.
    pub name: &'static str,
    /// What it said, if it said something.
    pub before: Option<String>,
    /// What it says.
    pub after: Option<String>,
}

/// A start or stop that is not when it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// What.
    pub action: Action,
    /// When it was wanted; `None`: gained.
    pub before: Option<Wall>,
    /// When it is wanted; `None`: lost.
    pub after: Option<Wall>,
    /// The zone in which people are told of it.
    pub zone: TimeZone,
}

/// Compares two desired states over a span. `prices` stand over those of the files.
pub fn diff(
    before: &Manifest,
    after: &Manifest,
    span: (Wall, Wall),
    prices: Option<Prices>,
) -> Diff {
    let (mut calendar, mut later) = (Calendar::new(span.0, span.1), Calendar::new(span.0, span.1));
    let ids: BTreeSet<_> = before.intents.keys().chain(after.intents.keys()).collect();
    let mut edits = Vec::new();
    for id in ids {
        let (old, new) = (before.intent(id), after.intent(id));
        let fields = fields(old, new);
        if fields.is_empty() {
            continue;
        }
        let known = |intent: Option<&Intent>| intent.and_then(|intent| intent.prices);
        let prices = prices.or(known(new)).or(known(old));
        let old = old.map(|intent| Course::new(intent, &mut calendar));
        let new = new.map(|intent| Course::new(intent, &mut later));
        let running = |course: &Option<Course>| course.as_ref().map(|one| one.running(span));
        let cost = |running: Option<Duration>| {
            running.zip(prices).map(|(running, prices)| cost(prices, running, span))
        };
        let running = (running(&old), running(&new));
        edits.push(Edit {
            deployment: id.clone(),
            kind: match (&old, &new) {
                (None, _) => Kind::Added,
                (Some(_), Some(_)) => Kind::Changed,
                (Some(_), None) => Kind::Removed,
            },
            fields,
            now: (old.as_ref().map(|one| one.state), new.as_ref().map(|one| one.state)),
            moves: moves(old.as_ref(), new.as_ref(), span.0),
            running,
            cost: (cost(running.0), cost(running.1)),
        });
    }
    let missing = |from: &Manifest, of: &Manifest| {
        of.acknowledged.difference(&from.acknowledged).cloned().collect()
    };
    Diff {
        span,
        fleet: (before.intents.len(), after.intents.len()),
        edits,
        acknowledged: (missing(before, after), missing(after, before)),
    }
}

impl Diff {
    /// Whether the two ask for the same.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty() && self.acknowledged.0.is_empty() && self.acknowledged.1.is_empty()
    }

    /// How many entries are of this kind.
    pub fn count(&self, kind: Kind) -> usize {
        self.edits.iter().filter(|edit| edit.kind == kind).count()
    }

    /// How long those that are in both files are wanted running, before and after.
    pub fn running(&self) -> Option<(Duration, Duration)> {
        let both = self.edits.iter().filter_map(|edit| edit.running.0.zip(edit.running.1));
        both.reduce(|sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// What those cost whose price is known, before and after.
    pub fn cost(&self) -> Option<(u64, u64)> {
        let both = self.edits.iter().filter_map(|edit| edit.cost.0.zip(edit.cost.1));
        both.reduce(|sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// Ten-thousandths saved in a week; negative where it costs more.
    pub fn saved_per_week(&self, cost: (u64, u64)) -> i64 {
        let week = 7 * 24 * 3600 * 1000;
        let span = i128::from(self.span.1.millis()) - i128::from(self.span.0.millis());
        let saved = (i128::from(cost.0) - i128::from(cost.1)) * week / span.max(1);
        i64::try_from(saved).unwrap_or(i64::MAX)
    }
}

/// What is wanted in a span.
struct Course {
    state: Desired,
    changes: Vec<(Wall, Desired, TimeZone)>,
    protect: bool,
}

impl Course {
    /// A protected deployment is never stopped: it is taken to run.
    fn new(intent: &Intent, calendar: &mut Calendar) -> Self {
        if intent.protect {
            return Self { state: Desired::Running, changes: Vec::new(), protect: true };
        }
        let changes = calendar.changes(intent);
        let change = |change: &super::timeline::Change| {
            (change.at, change.desired, calendar::zone(intent, &change.rule).clone())
        };
        Self {
            state: intent.resolve(calendar.from()).desired,
            changes: changes.iter().map(change).collect(),
            protect: false,
        }
    }

    fn running(&self, (from, until): (Wall, Wall)) -> Duration {
        let starts = std::iter::once((from, self.state));
        let starts = starts.chain(self.changes.iter().map(|(at, state, _)| (*at, *state)));
        let ends = self.changes.iter().map(|(at, ..)| *at).chain([until]);
        let running = starts.zip(ends).filter(|((_, state), _)| *state == Desired::Running);
        running.map(|((begin, _), end)| end.since(begin)).sum()
    }
}

/// In ten-thousandths.
fn cost(prices: Prices, running: Duration, (from, until): (Wall, Wall)) -> u64 {
    let stopped = until.since(from).saturating_sub(running);
    let of = |time: Duration, price: u32| time.as_millis() * u128::from(price);
    let hour = 3600 * 1000;
    let sum = of(running, prices.running) + of(stopped, prices.stopped);
    u64::try_from((sum + hour / 2) / hour).unwrap_or(u64::MAX)
}

fn moves(before: Option<&Course>, after: Option<&Course>, from: Wall) -> Vec<Move> {
    let changes = |course: Option<&Course>| course.map_or(Vec::new(), |one| one.changes.clone());
    let (mut lost, mut gained) = (changes(before), changes(after));
    if let (Some(before), Some(after)) = (before, after)
        && before.state != after.state
        && !after.protect
    {
        let zone = gained.first().or(lost.first()).map(|(.., zone)| zone.clone());
        gained.insert(0, (from, after.state, zone.unwrap_or(TimeZone::UTC)));
    }
    let same =
        |a: &(Wall, Desired, TimeZone), b: &(Wall, Desired, TimeZone)| a.0 == b.0 && a.1 == b.1;
    let (was, is) = (lost.clone(), gained.clone());
    lost.retain(|one| !is.iter().any(|other| same(one, other)));
    gained.retain(|one| !was.iter().any(|other| same(one, other)));
    let mut moves = Vec::new();
    for (at, state, zone) in lost {
        let near = |other: &(Wall, Desired, TimeZone)| other.0.since(at).max(at.since(other.0));
        let nearest = gained.iter().enumerate().filter(|(_, other)| other.1 == state);
        let nearest = nearest.min_by_key(|(_, other)| near(other));
        let nearest = nearest.filter(|(_, other)| near(other) <= MOVED).map(|(place, _)| place);
        let after = nearest.map(|place| gained.remove(place));
        let zone = after.as_ref().map_or(zone, |(.., zone)| zone.clone());
        let after = after.map(|(at, ..)| at);
        moves.push(Move { action: state.action(), before: Some(at), after, zone });
    }
    moves.extend(gained.into_iter().map(|(at, state, zone)| Move {
        action: state.action(),
        before: None,
        after: Some(at),
        zone,
    }));
    moves.sort_by_key(|one| (one.before.or(one.after), one.after, one.action));
    moves
}

/// What two entries say otherwise.
fn fields(before: Option<&Intent>, after: Option<&Intent>) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut compare = |name, say: &dyn Fn(&Intent) -> Option<String>| {
        let (before, after) = (before.and_then(say), after.and_then(say));
        if before != after {
            fields.push(Field { name, before, after });
        }
    };
    compare("state", &|one| Some(state(one)));
    compare("name", &|one| one.name.as_deref().map(str::to_owned));
    compare("account", &|one| Some(one.account.to_string()).filter(|name| name != "default"));
    compare("protect", &|one| one.protect.then(|| "true".to_owned()));
    compare("suspend", &suspend);
    compare("override", &exception);
    let schedules = (before.and_then(Intent::schedule), after.and_then(Intent::schedule));
    if let (Some(before), Some(after)) = schedules
        && before != after
    {
        within(before, after, &mut fields);
    }
    fields
}

/// What two schedules say otherwise.
fn within(before: &Schedule, after: &Schedule, fields: &mut Vec<Field>) {
    let zone = |one: &Schedule| vec![zone_name(&one.zone).to_owned()];
    let windows = |one: &Schedule| one.windows.iter().map(|w| w.text.to_string()).collect();
    let exceptions = |one: &Schedule| one.exceptions.iter().map(|e| e.text.to_string()).collect();
    let ready = |one: &Schedule| if one.ready { vec!["true".to_owned()] } else { Vec::new() };
    let mut compare = |name, say: &dyn Fn(&Schedule) -> Vec<String>| {
        let (before, after): (Vec<_>, Vec<_>) = (say(before), say(after));
        let rest = |of: &[String], without: &[String]| {
            let rest: Vec<_> = of.iter().filter(|one| !without.contains(one)).cloned().collect();
            (!rest.is_empty()).then(|| rest.join(", "))
        };
        let (lost, gained) = (rest(&before, &after), rest(&after, &before));
        if lost != gained {
            fields.push(Field { name, before: lost, after: gained });
        }
    };
    compare("timezone", &zone);
    compare("windows", &windows);
    compare("exceptions", &exceptions);
    compare("ready", &ready);
}

fn state(intent: &Intent) -> String {
    match &intent.wanted {
        Wanted::Fixed(state) => state.to_string(),
        Wanted::Scheduled(schedule) => format!("schedule {}", schedule.name),
    }
}

/// `0.36`, `1205.50`, `0.0625` of so many ten-thousandths: two digits behind the point, or as many
/// as there are.
pub fn amount(parts: u64) -> String {
    let digits = format!("{:04}", parts % 10_000);
    let digits = digits.trim_end_matches('0');
    format!("{}.{digits:0<2}", parts / 10_000)
}

fn suspend(intent: &Intent) -> Option<String> {
    let suspend = intent.suspend.as_ref()?;
    let until = suspend.until.map(|until| format!(" until {until}")).unwrap_or_default();
    Some(format!("{}{until}", suspend.reason))
}

fn exception(intent: &Intent) -> Option<String> {
    let exception = intent.exception.as_ref()?;
    let reason = exception.reason.as_ref().map(|reason| format!(" ({reason})"));
    Some(format!("{} until {}{}", exception.state, exception.until, reason.unwrap_or_default()))
}
