//! What the ledger remembers of a deployment, as it stood at an instant.

use crate::cli::exit::Failure;
use crate::cli::shared;
use crate::config::{self, Settings};
use crate::keel::budget::Verdict;
use crate::keel::call::Call;
use crate::keel::chronicle::{Note, Standing};
use crate::keel::deployment::{AccountId, Action, DeploymentId};
use crate::keel::guard::{Guarded, Hold};
use crate::keel::history::History;
use crate::keel::line::Lined;
use crate::keel::reckoning::Link;
use crate::keel::record::{Record, Stamp};
use crate::keel::temporary::Wished;
use crate::keel::time::{Now, Wall};
use crate::keel::view::PastView;
use crate::ledger;
use crate::ledger::shared::Terms;

/// What to do where it cannot be read.
const NEXT: &str = "run this as the daemon's user, with its configuration or its `--state-dir`";

/// What the ledger remembers.
pub(super) struct Memory {
    /// All of it.
    whole: History,
    /// Folded up to the instant that is asked about.
    then: History,
    /// The clocks at the last record of `then`.
    clock: Option<Now>,
    /// When the oldest record was made.
    oldest: Option<Wall>,
}

impl Memory {
    pub(super) fn read(settings: &Settings, at: Wall) -> Result<Self, Failure> {
        let blank = || History::new(settings.policy.clone());
        let mut memory = Self { whole: blank(), then: blank(), clock: None, oldest: None };
        let mut later = false;
        let take = |record| {
            let (clock, stamp) = reading(&record, memory.clock);
            later = later || stamp.is_some_and(|stamp| at < stamp);
            memory.oldest = memory.oldest.into_iter().chain(stamp).min();
            if !later {
                memory.clock = clock;
                memory.then.apply(&record);
            }
            memory.whole.apply(&record);
        };
        match &settings.ledger {
            config::Ledger::File => ledger::look(&settings.state_dir, take),
            config::Ledger::Shared { engine, lease } => {
                let mut store = shared::store(engine, Terms { lease: *lease })?;
                ledger::shared::look(&mut *store, take)
            }
        }
        .map_err(|error| Failure::because("cannot read the ledger", error).next(NEXT))?;
        Ok(memory)
    }

    /// The starts and stops of a deployment up to `at`, oldest first, as they stood then.
    pub(super) fn acts(&self, id: &DeploymentId, at: Wall) -> Vec<PastView> {
        let mine = self.whole.past().iter().filter(|past| past.deployment == *id);
        let known = mine.filter(|past| past.reserved.wall <= at).cloned();
        let known = known.map(|mut past| {
            past.settled = past.settled.filter(|(stamp, _)| stamp.wall <= at);
            PastView::from(&past)
        });
        known.collect()
    }

    /// How far back it goes, in words.
    fn reach(&self) -> String {
        let first = self.whole.past().front().map(|past| past.reserved.wall);
        match self.oldest.into_iter().chain(first).min() {
            Some(oldest) => format!("the ledger remembers since {oldest}"),
            None => "the ledger remembers nothing".to_owned(),
        }
    }

    /// What was last noted as wanted and as seen up to `at`. Nothing of a time that a deployment
    /// was not in the file.
    fn noted(&self, id: &DeploymentId, at: Wall) -> Standing<'_> {
        self.whole.chronicle().standing(id, |noted| noted <= at)
    }

    /// What was wanted, by which file.
    pub(super) fn wanted(&self, id: &DeploymentId, at: Wall) -> Link {
        let text = match self.noted(id, at).wanted {
            Some((since, Note::Wanted { wish, revision, deployment: _ })) => {
                let hands = wish.suspended.as_ref().map(|reason| format!(", suspended ({reason})"));
                format!(
                    "{} by {}{}, revision {revision}, since {}",
                    wish.desired,
                    wish.rule,
                    hands.unwrap_or_default(),
                    since.wall
                )
            }
            Some((since, Note::Left { .. })) => {
                format!("nothing: the desired file did not name it any more since {}", since.wall)
            }
            Some((_, Note::Seen { .. })) | None => format!("nothing is noted; {}", self.reach()),
        };
        Link::new("wanted", text)
    }

    /// What was seen last.
    pub(super) fn seen(&self, id: &DeploymentId, at: Wall) -> Link {
        let text = match self.noted(id, at).seen {
            Some((since, Note::Seen { status, deployment: _ })) => {
                format!("{}, first at {}", status.as_str(), since.wall)
            }
            Some((_, Note::Wanted { .. } | Note::Left { .. })) | None => {
                format!("nothing is noted; {}", self.reach())
            }
        };
        Link::new("seen", text)
    }

    pub(super) fn sent(&self, acts: &[PastView]) -> Vec<Link> {
        let Some(act) = acts.last() else {
            let text = format!("no start or stop until then; {}", self.reach());
            return vec![Link::new("sent", text)];
        };
        let mut text = format!("{} at {}, call {}", act.action, act.at, act.id);
        if let Some(cause) = &act.cause {
            text.push_str(&format!(
                ": {} was wanted by {}, revision {}; it was {}",
                cause.desired, cause.rule, cause.revision, cause.saw
            ));
        }
        let answer = match act.ended {
            None => "none yet".to_owned(),
            Some(ended) => format!("{} at {ended}", act.outcome),
        };
        vec![Link::new("sent", text), Link::new("answer", answer)]
    }

    /// When the next start and stop were allowed.
    pub(super) fn budgets(
        &self,
        id: &DeploymentId,
        account: Option<&AccountId>,
        at: Wall,
    ) -> Vec<Link> {
        let (Some(clock), Some(account)) = (self.clock, account) else {
            return vec![Link::new("budget", format!("not known; {}", self.reach()))];
        };
        let link = |action: Action| {
            let call = Call::act(account.clone(), action, id.clone());
            let when = match self.then.verdict(&call, clock.mono_at(at), 0) {
                Verdict::Open => "now".to_owned(),
                Verdict::Until(until) => format!("from {} on", clock.wall_at(until)),
                Verdict::InFlight => "once the call under way has ended".to_owned(),
            };
            Link::new("budget", format!("a {action} is allowed {when}"))
        };
        [Action::Start, Action::Stop].map(link).to_vec()
    }
}

/// The clocks after a record, and when it was made; a snapshot's lines bear no time of their own.
fn reading(record: &Record, before: Option<Now>) -> (Option<Now>, Option<Wall>) {
    let at = |stamp: &Stamp| {
        let clock = before.map(|now| Now { mono: stamp.mono, wall: stamp.wall, ..now });
        (clock, Some(stamp.wall))
    };
    match record {
        Record::Started { now } | Record::Succeeded { now, ago: _ } => (Some(*now), Some(now.wall)),
        Record::Spent { at: stamp, .. }
        | Record::Reserved { at: stamp, .. }
        | Record::Settled { at: stamp, .. }
        | Record::Widened { at: stamp, .. }
        | Record::Reversed { at: stamp, .. }
        | Record::Forgiven { at: stamp, .. }
        | Record::Noted { at: stamp, .. }
        | Record::Guard(
            Guarded::Held(Hold { at: stamp, .. }) | Guarded::Released { at: stamp, .. },
        )
        | Record::Line(Lined::Waits { at: stamp, .. } | Lined::Left { at: stamp, .. }) => at(stamp),
        Record::Wish(Wished::Made { wish, .. }) => at(&wish.at),
        Record::Wish(Wished::Ended { at: stamp, .. }) => at(stamp),
        Record::Calls(steps) => steps.0.last().map_or((before, None), |step| at(&step.when().0)),
        Record::Notes(notes) => (before, notes.0.first().map(|(stamp, _)| stamp.wall)),
        Record::Tally(_)
        | Record::Tallies(_)
        | Record::Past(_)
        | Record::Carried(_)
        | Record::Pasts(_)
        | Record::Lasts(_)
        | Record::Starts(_) => (before, None),
    }
}
