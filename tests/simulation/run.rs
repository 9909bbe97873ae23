//! One world from its beginning to its end: trouble, then quiet, then silence.

use std::collections::BTreeMap;
use std::time::Duration;
use std::{fmt, ops};

use evenkeel::keel::cadence;
use evenkeel::keel::deployment::Desired;
use evenkeel::keel::plan::Reason;
use evenkeel::keel::policy::ScopeMode;
use evenkeel::simulator::{self, Deployment};

use crate::generate::{Choose, Given, Seeded, shrink};
use crate::lie::Lie;
use crate::process::STUCK_RETRY;
use crate::setup::{HALF_DAY, IDS, Setup, Story};
use crate::wish;
use crate::world::{Checked, What, World};

const HOUR: u64 = 3_600_000;

/// What runs amounted to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) runs: u64,
    /// Virtual time, in milliseconds.
    pub(crate) time: u64,
    /// What it took of a core, where that is measured.
    pub(crate) cpu: Duration,
    pub(crate) arrivals: u64,
    pub(crate) posts: u64,
    /// What went wrong, by kind.
    pub(crate) faults: BTreeMap<&'static str, u64>,
}

impl ops::AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.time += other.time;
        self.cpu += other.cpu;
        self.arrivals += other.arrivals;
        self.posts += other.posts;
        for (kind, count) in other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, arrivals, posts, .. } = self;
        let years = self.time as f64 / (365.25 * 24.0 * HOUR as f64);
        let faults = self.faults.values().sum::<u64>();
        write!(
            f,
            "{runs} worlds, {years:.1} virtual years, {arrivals} arrivals, {posts} of them starts \
             and stops, {faults} faults, no violation"
        )?;
        if self.cpu.is_zero() {
            return Ok(());
        }
        let (core, times) =
            (self.cpu.as_secs(), self.time as f64 / 1000.0 / self.cpu.as_secs_f64());
        write!(f, "; {core} s of one core, {times:.0} times real time")
    }
}

/// What must not be.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) fault: String,
    /// What happened until then, if that was traced.
    pub(crate) trace: String,
    /// When, in virtual milliseconds.
    time: u64,
}

impl Wrong {
    /// What the fault says, whatever its figures.
    fn kind(&self) -> String {
        self.fault.chars().filter(|letter| !letter.is_ascii_digit()).collect()
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.trace, self.fault)
    }
}

/// Lives through a world; what goes wrong has its trace if `traced`.
pub(crate) fn live<C: Choose>(
    setup: Setup,
    chooser: &mut C,
    traced: bool,
) -> Result<Figures, Wrong> {
    let mut world = World::new(setup, chooser, traced);
    let lived = match world.setup.story {
        Story::Long => world.long(),
        Story::Short => world.short(),
        Story::CrashLoop => world.crash_loop(),
        Story::TakenBack => world.taken_back(),
    };
    match lived {
        Ok(()) => Ok(Figures {
            runs: 1,
            time: world.time,
            cpu: Duration::ZERO,
            arrivals: world.oracle.arrivals,
            posts: world.oracle.posts.len() as u64,
            faults: world.faults,
        }),
        Err(fault) => Err(Wrong { fault, trace: world.trace(), time: world.time }),
    }
}

impl<C: Choose> World<'_, C> {
    fn long(&mut self) -> Checked {
        self.edit();
        self.schedule_incident();
        IDS.iter().take(self.setup.deployments).for_each(|id| self.schedule_turn(id));
        self.run_until(self.setup.stormy)?;
        self.settle_down(true)
    }

    /// So many starts, each with every fate, and then quiet.
    fn short(&mut self) -> Checked {
        self.want_all(Desired::Running);
        let end = 30 * HOUR;
        while self.acts < SHORT && self.time < end {
            self.run_until(self.time + HOUR / 12)?;
        }
        self.settle_down(false)
    }

    /// Processes that end every ten minutes, the first of them with a start under way: what is
    /// charged for that start is charged once, so the next start comes in good time.
    fn crash_loop(&mut self) -> Checked {
        self.want_all(Desired::Running);
        while self.acts == 0 {
            self.run_until(self.time + 10)?;
        }
        let end = self.time + self.patience();
        while self.time < end {
            self.crash(false);
            self.run_until(self.time + HOUR / 6)?;
        }
        match self.oracle.posts.len() {
            0 | 1 => Err("a crash loop keeps the next start away".to_owned()),
            _ => Ok(()),
        }
    }

    /// A stop is held. It is taken back, which is in force for a moment, but never kept; and then
    /// it is asked for again: it is held as before.
    fn taken_back(&mut self) -> Checked {
        for wanted in [Desired::Running, Desired::Stopped] {
            self.want_all(wanted);
            self.read_file()?;
            self.run_until(self.time + 3 * HOUR)?;
        }
        self.want_all(Desired::Running);
        self.cut_short = true;
        self.read_file()?;
        self.want_all(Desired::Stopped);
        self.run_until(self.time + 3 * HOUR)?;
        match self.held_change() {
            Some(_) => Ok(()),
            None => Err("what was asked for again is not held".to_owned()),
        }
    }

    /// No more trouble: all comes to rest in good time, and then nothing is sent.
    fn settle_down(&mut self, edit: bool) -> Checked {
        self.calm = true;
        self.disk.mend();
        let now = Duration::from_millis(self.time);
        self.service.handle(&simulator::Call::new("POST", "/_sim/faults/off"), now);
        self.run_until(self.paused_until.max(self.time))?;
        self.tell(|| "quiet from here".to_owned());
        if edit {
            self.edit_for_good();
        }
        self.later(0, What::Up);
        self.run_until(self.time)?;
        self.read_file()?;
        if self.held_change().is_some() && self.chooser.once_in(2) {
            self.acknowledge();
            self.read_file()?;
        }
        if edit {
            // A ledger that owes pays first.
            self.run_until(self.time + STUCK_RETRY)?;
            self.resume_for_good()?;
        }
        let quiet = self.time + self.patience();
        self.run_until(quiet)?;
        self.is_converged()?;
        let posts = self.oracle.posts.len();
        self.run_until(quiet + 3 * HOUR)?;
        if !self.may_stay_restless() && self.oracle.posts.len() != posts {
            return Err(format!("not silent: {:?}", &self.oracle.posts[posts..]));
        }
        if edit { self.turn_by_schedule() } else { Ok(()) }
    }

    /// All is to become the opposite of what it is, by schedules, within the half day for which
    /// they ask for that.
    fn turn_by_schedule(&mut self) -> Checked {
        let patience = self.patience();
        if HALF_DAY - HOUR < patience {
            return Ok(());
        }
        self.edit_to_turn(2 * HOUR);
        self.read_file()?;
        self.run_until(self.time + 2 * HOUR + patience)?;
        self.is_converged()
    }

    /// How long it may take until all is as desired: a held window with the lateness and two polls,
    /// and more only for what there was.
    fn patience(&self) -> u64 {
        let (policy, all) = (&self.setup.policy, self.setup.deployments as u64);
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap();
        let window = ms(policy.limits.start.per + policy.limits.margin);
        let held = window + ms(policy.limits.lateness);
        let poll = |sharers| ms(cadence::read_interval(&policy.limits, &policy.observe, sharers));
        let shared = self.oracle.shared() || policy.limits.scope == ScopeMode::Auto;
        let polls = 2 * poll(if shared { self.setup.deployments } else { 1 });
        let service = &self.setup.service;
        let passages = 2 * ms(service.start_delay + service.stop_delay + service.pending);
        let mut patience = held + polls + passages + ms(policy.act.backoff_max);
        if shared {
            // One after the other, and the first 429 that says so.
            patience += all * held;
        }
        if policy.limits.status.requests < 60 {
            // Restarts and passages may have used up the reads that confirm.
            patience += window;
        }
        if self.setup.foreign {
            patience += 2 * held;
        }
        if self.refusals > 0 {
            patience += 8 * window;
        }
        patience
    }

    /// What the platform stops by itself does not stay as desired, so nothing can be promised of
    /// the end.
    fn may_stay_restless(&self) -> bool {
        self.setup.service.revert > 0.0
    }

    fn is_converged(&self) -> Checked {
        if self.may_stay_restless() || !self.setup.policy.act.enforce {
            return Ok(());
        }
        let wall = self.clocks.now(self.time).wall;
        let held = self.held_change();
        let held = held.filter(|change| !self.desired.file.acknowledged.contains(change));
        for (id, intent) in &self.desired.file.intents {
            let asked = self.oracle.errands.about(id).ok_or("nobody knows what was asked for")?;
            let desired = wish::desired(intent, asked, wall);
            let protected = intent.protect && desired == Desired::Stopped;
            let Deployment { name, kind, status, .. } =
                self.service.deployment(id.as_str()).unwrap();
            let misnamed = intent.name.as_ref().is_some_and(|wanted| **wanted != **name);
            if misnamed || !self.setup.policy.act.types.iter().any(|allowed| **allowed == **kind) {
                continue;
            }
            let turned = self.turned.get(id.as_str()).copied().unwrap_or_default();
            let contested = turned >= self.setup.policy.guards.contested_reversals;
            let suspended = wish::is_suspended(intent, asked, wall);
            if protected || suspended || contested || status == desired.as_str() {
                continue;
            }
            let view = self.keel.as_ref().map(|keel| keel.view(self.clocks.now(self.time)));
            let view = view.as_ref().and_then(|view| view.deployment(id.as_str()));
            let synced = view.map(|view| (view.synced.reason, view.synced.message.clone()));
            if held.is_some() && synced.as_ref().is_some_and(|(why, _)| *why == Reason::Held) {
                continue;
            }
            return Err(format!("{id} is {status}, wanted {desired}: {synced:?}"));
        }
        Ok(())
    }
}

/// Starts in an exhaustive history, the last of which meets no trouble.
const SHORT: usize = 4;

/// Lives through the troubles of a seed.
pub(crate) fn seed(seed: u64, stormy: u64, lie: Lie) -> Result<Figures, Wrong> {
    let mut chooser = Seeded::new(seed);
    let setup = Setup::seeded(&mut chooser, stormy, lie);
    live(setup, &mut chooser, false)
}

/// Lives through a crash loop.
pub(crate) fn crash_loop(lie: Lie) -> Result<Figures, Wrong> {
    live(Setup::crash_loop(lie), &mut Seeded::new(0), false)
}

/// Lives through a held change that is taken back.
pub(crate) fn taken_back(lie: Lie) -> Result<Figures, Wrong> {
    live(Setup::taken_back(lie), &mut Seeded::new(0), false)
}

/// The smallest history that fails as a seed does, told as far as it goes.
pub(crate) fn smallest(seed: u64, stormy: u64, lie: Lie) -> Option<Wrong> {
    let mut chooser = Seeded::new(seed);
    let setup = Setup::seeded(&mut chooser, stormy, lie);
    let kind = live(setup, &mut chooser, false).err()?.kind();
    let run = |choices: &[usize], traced| {
        let mut chooser = Given::new(choices);
        let setup = Setup::seeded(&mut chooser, stormy, lie);
        live(setup, &mut chooser, traced).err()
    };
    let fails = |choices: &[usize]| {
        let wrong = run(choices, false).filter(|wrong| wrong.kind() == kind)?;
        Some(wrong.time)
    };
    let choices = shrink(chooser.dealt, fails);
    run(&choices, true)
}
