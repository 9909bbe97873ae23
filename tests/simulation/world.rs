//! A machine that runs the keel, the network, and the service, in virtual time. One process at a
//! time, which may end at any point; time is true milliseconds since the world's beginning.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel::keel::call::{CallId, Method, Outcome};
use evenkeel::keel::history::History;
use evenkeel::keel::reconciler::{Event, Reconciler, Replay};
use evenkeel::ledger::Ledger;
use evenkeel::simulator::Service;

use crate::desired::Desired;
use crate::disk::{Disk, Found};
use crate::fate::LATENESS;
use crate::generate::Choose;
use crate::host::Clocks;
use crate::network::Flight;
use crate::oracle::Oracle;
use crate::setup::{Setup, Story};

/// So long after it began a process has looked at its deployments, in milliseconds.
const LOOKED: u64 = 5000;

/// Something that is going to happen.
#[derive(Debug)]
pub(crate) enum What {
    Leave(CallId),
    Arrive(CallId),
    /// With what it says of when to come back, in seconds.
    Answer(CallId, Outcome, Option<u64>),
    GiveUp(CallId),
    Wake,
    Up,
    /// The process has had time to look at its deployments.
    Looked,
    /// The ledger is tried again.
    Retry,
    /// The disk works again.
    Mended,
    Incident,
    /// Somebody edits the desired file.
    Edit,
    /// All of the desired file is written.
    Written,
    Crash,
    /// Somebody at the console turns a deployment back.
    TurnBack(String),
    /// The same, and not for the last time.
    Hostile(String),
}

pub(crate) type Checked = Result<(), String>;

pub(crate) struct World<'a, C> {
    pub(crate) setup: Setup,
    pub(crate) chooser: &'a mut C,
    pub(crate) service: Service,
    pub(crate) clocks: Clocks,
    pub(crate) disk: Disk,
    pub(crate) oracle: Oracle,
    pub(crate) keel: Option<Reconciler>,
    pub(crate) ledger: Option<Box<dyn Ledger>>,
    pub(crate) desired: Desired,
    /// Whether the process ends before the next file is kept.
    pub(crate) cut_short: bool,
    /// Whether the ledger cannot be written for now.
    pub(crate) stuck: bool,
    pub(crate) time: u64,
    pub(crate) calm: bool,
    /// How often each deployment was turned back by somebody.
    pub(crate) turned: BTreeMap<String, u32>,
    /// Starts and stops that the service refused as such.
    pub(crate) refusals: u32,
    pub(crate) paused_until: u64,
    /// Starts and stops that were decided on.
    pub(crate) acts: usize,
    /// Which process it is; what belongs to an earlier one is void.
    pub(crate) generation: u32,
    queue: BTreeMap<(u64, u64), (u32, What)>,
    sequence: u64,
    wake_at: Option<u64>,
    pub(crate) flights: BTreeMap<CallId, Flight>,
    pub(crate) cache: BTreeMap<String, Outcome>,
    /// The last answer to a list call, and when it was made.
    pub(crate) listed: Option<(u64, String)>,
    trace: Option<Vec<String>>,
    /// What went wrong, by kind, and how often.
    pub(crate) faults: BTreeMap<&'static str, u64>,
}

impl<'a, C: Choose> World<'a, C> {
    pub(crate) fn new(setup: Setup, chooser: &'a mut C, traced: bool) -> Self {
        let mut world = Self {
            service: Service::new(setup.service.clone()),
            clocks: Clocks::new(setup.fast, setup.lie),
            disk: Disk::new(setup.story == Story::Long, setup.lie),
            oracle: Oracle::new(&setup),
            keel: None,
            ledger: None,
            desired: Desired::new(),
            cut_short: false,
            stuck: false,
            time: 0,
            calm: false,
            turned: BTreeMap::new(),
            refusals: 0,
            paused_until: 0,
            acts: 0,
            generation: 0,
            queue: BTreeMap::new(),
            sequence: 0,
            wake_at: None,
            flights: BTreeMap::new(),
            cache: BTreeMap::new(),
            listed: None,
            trace: traced.then(Vec::new),
            faults: BTreeMap::new(),
            setup,
            chooser,
        };
        world.later(0, What::Up);
        world
    }

    /// Lets everything happen that is due by `end`.
    pub(crate) fn run_until(&mut self, end: u64) -> Checked {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((at, _), (generation, what)) = entry.remove_entry();
            let of_process = matches!(
                what,
                What::Leave(_)
                    | What::Answer(..)
                    | What::GiveUp(_)
                    | What::Wake
                    | What::Looked
                    | What::Retry
            );
            if of_process && generation != self.generation {
                continue;
            }
            if of_process && at < self.paused_until {
                if matches!(what, What::Wake) {
                    self.wake_at = Some(self.paused_until);
                }
                self.later(self.paused_until - self.time, what);
                continue;
            }
            self.time = self.time.max(at);
            let at = self.time;
            self.service.advance(Duration::from_millis(at));
            self.happen(what)?;
        }
        self.time = self.time.max(end);
        Ok(())
    }

    pub(crate) fn later(&mut self, wait: u64, what: What) {
        self.sequence += 1;
        self.queue.insert((self.time + wait, self.sequence), (self.generation, what));
    }

    pub(crate) fn tell(&mut self, line: impl FnOnce() -> String) {
        let time = self.time;
        if let Some(trace) = &mut self.trace {
            let (s, ms) = (time / 1000, time % 1000);
            let clock = format!("{:02}:{:02}:{:02}.{ms:03}", s / 3600, s / 60 % 60, s % 60);
            trace.push(format!("{clock} {}", line()));
        }
    }

    pub(crate) fn trace(&self) -> String {
        self.trace.as_ref().map(|lines| lines.join("\n")).unwrap_or_default()
    }

    fn happen(&mut self, what: What) -> Checked {
        match what {
            What::Leave(id) => self.leave(id),
            What::Arrive(id) => self.arrive(id),
            What::Answer(id, outcome, advice) => self.answer(id, outcome, advice),
            What::GiveUp(id) => self.give_up(id),
            What::Wake if self.wake_at == Some(self.time) => {
                self.wake_at = None;
                self.feed(Event::Tick)
            }
            What::Wake => Ok(()),
            What::Up => self.up(),
            What::Looked => self.has_looked(),
            What::Retry => self.retry(),
            What::Mended => {
                self.disk.mend();
                self.oracle.doubts_the_ledger();
                Ok(())
            }
            What::Incident => self.incident(),
            What::Crash => {
                self.crash_if_up(false);
                Ok(())
            }
            What::Edit if self.calm => Ok(()),
            What::Edit => {
                self.edit();
                self.read_file()
            }
            What::Written => {
                self.desired.complete();
                self.read_file()
            }
            What::TurnBack(id) => {
                self.turn_back(&id);
                Ok(())
            }
            What::Hostile(id) => {
                self.turn_back(&id);
                self.schedule_turn(&id);
                Ok(())
            }
        }
    }

    /// A process begins, if none runs.
    fn up(&mut self) -> Checked {
        if self.keel.is_some() {
            return Ok(());
        }
        let Found { ledger, records, torn } = self.disk.open();
        let now = self.clocks.now(self.time);
        self.tell(|| format!("process begins with {} records, torn {torn}", records.len()));
        let mut history = History::new(self.setup.lie.policy(&self.setup.policy));
        let records = self.setup.lie.replay(records);
        records.iter().for_each(|record| history.apply(record));
        self.desired.unread();
        self.oracle.restarted(self.time);
        let replay = Replay { fresh: records.is_empty(), torn, ago: None };
        let (keel, decision) = Reconciler::recover(history, replay, now);
        (self.keel, self.ledger) = (Some(keel), Some(ledger));
        self.commit(decision)?;
        let compacts = match self.setup.story {
            Story::Long => self.chooser.once_in(3),
            Story::Short => true,
            Story::CrashLoop | Story::TakenBack => false,
        };
        if compacts {
            self.compact();
        }
        self.later(LOOKED, What::Looked);
        self.read_kept_file()?;
        self.read_file()
    }

    pub(crate) fn compact(&mut self) {
        let now = self.clocks.now(self.time);
        let (Some(keel), Some(ledger)) = (&mut self.keel, &mut self.ledger) else { return };
        match keel.compact(now, |snapshot| ledger.compact(snapshot)) {
            Ok(()) => {
                self.disk.compacted(self.clocks.wall_error);
                self.oracle.errands.compacted(now.wall);
            }
            // The old file is whole and goes on.
            Err(fault) if fault.is_stuck() => (),
            Err(fault) => {
                self.disk.compacted(self.clocks.wall_error);
                self.oracle.errands.may_be_compacted(now.wall);
                self.breaks(&fault);
            }
        }
    }

    pub(crate) fn feed(&mut self, event: Event) -> Checked {
        self.feed_at(event, self.time)
    }

    pub(crate) fn feed_at(&mut self, event: Event, time: u64) -> Checked {
        let now = self.clocks.now(time);
        let Some(keel) = &mut self.keel else { return Ok(()) };
        let decision = keel.handle(event, now);
        self.commit(decision)
    }

    /// A new process looks at all its deployments at once, where the budget lets it.
    fn has_looked(&mut self) -> Checked {
        let Some(keel) = &self.keel else { return Ok(()) };
        let now = self.clocks.now(self.time);
        let view = keel.view(now);
        // A slot may have become free just now.
        let due = keel.next_wake(now.mono).is_some_and(|wake| wake.at <= now.mono);
        let refused = view.accounts.iter().any(|account| account.unauthorized);
        let stood_still = self.paused_until > 0;
        let excused = due || refused || stood_still || view.ledger_fault.is_some();
        let reserve = self.setup.policy.observe.reserve;
        for one in view.deployments.iter().filter(|_| !excused) {
            let status = one.budgets.iter().find(|budget| budget.method == Method::Status);
            let kept = status.map_or(0, |one| if one.account_wide { reserve } else { 0 });
            let spare = status.is_some_and(|one| one.remaining > kept)
                || self.oracle.has_spare_reads(&one.id, reserve, self.time);
            if spare && !self.oracle.asked_for(&one.id) {
                let (id, why) = (&one.id, &one.synced.message);
                return Err(format!(
                    "{id} was not looked at within {LOOKED} ms: {why}; {status:?}"
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn schedule_wake(&mut self) {
        let Some(keel) = &self.keel else { return };
        let now = self.clocks.now(self.time);
        let at = keel.next_wake(now.mono).map(|wake| self.clocks.when(wake.at, self.time));
        if at != self.wake_at {
            self.wake_at = at;
            if let Some(at) = at {
                self.later(at - self.time, What::Wake);
            }
        }
    }

    /// The process ends, and with `reboot` the machine.
    pub(crate) fn crash(&mut self, reboot: bool) {
        self.keel = None;
        self.ledger = None;
        self.stuck = false;
        self.generation += 1;
        self.wake_at = None;
        self.paused_until = 0;
        self.flights.retain(|_, flight| flight.arrives.is_some());
        let latest = self.time + LATENESS;
        let mut sooner = vec![];
        for (id, flight) in &mut self.flights {
            if flight.arrives.is_some_and(|arrives| arrives > latest) {
                flight.arrives = Some(latest);
                sooner.push(*id);
            }
        }
        for id in sooner {
            self.later(LATENESS, What::Arrive(id));
        }
        let down = self.go_down(reboot);
        self.tell(|| format!("the process ends, reboot {reboot}; down for {down} ms"));
        if reboot || self.disk.is_full() {
            self.oracle.doubts_the_ledger();
        }
        self.later(down, What::Up);
    }
}
